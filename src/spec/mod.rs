//! The documents people write: `PhoneConfig`, `PhoneProfile`, `PhoneSite`; their loading, checking and layering.
//!
//! - [`policy`]: modes and intervals
//! - [`site`]: names and networks of sites
//! - [`desired`]: what one phone is to have, after layering, with the origin of each value
//! - [`wanted`]: all phones of one revision
//! - [`problem`]: what is wrong with a document, where, and what to do
//! - [`secret_ref`]: references in place of secrets

pub mod desired;
pub mod policy;
pub mod problem;
pub mod revision;
pub mod secret_ref;
pub mod site;
pub mod snapshot;
pub mod wanted;

pub use desired::{Desired, DesiredItem, DesiredValue, Digest, Origin};
pub use policy::{LockoutItems, Mode, OnRemove, Policy, UserItems};
pub use problem::{Problem, Severity};
pub use revision::Revision;
pub use secret_ref::SecretRef;
pub use site::{Reach, Site, SiteName};
pub use snapshot::{Commit, FileContent, SecretReader, Snapshot, SourceFile};
pub use wanted::{Resolution, Wanted};
