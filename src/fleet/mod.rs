//! The decisions: what is said to which phone, and when. Synchronous, no I/O, no clock of its own: now is an argument.
//!
//! - [`words`]: every word a user may see as an identifier
//! - [`record`]: what must not be forgotten of a phone
//! - [`view`]: one phone as people see it

pub mod record;
pub mod view;
pub mod words;
