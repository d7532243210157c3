//! The contact-me form, with which a phone is told over HTTP to call in, and the address it may go
//! to.
//!
//! - `form`: [`ContactMe`], the form, written by the service and read by simulated phones
//! - `uri`: [`ContactUri`], a phone's `contact-me-uri`, checked (R-303, R-1106)

mod form;
mod uri;

pub use form::{ContactMe, ContactMeError};
pub use uri::{ContactUri, ContactUriError};

/// The path that every phone answers.
pub const CONTACT_PATH: &str = "/contact_dls.html/ContactDLS";

/// The port that phones answer on unless they say otherwise.
pub const CONTACT_PORT: u16 = 8085;
