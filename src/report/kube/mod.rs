//! What is told in a Kubernetes cluster, where the documents are.
//!
//! - [`status`]: writes the status of each resource when it is another one
//! - [`content`]: what a status says
//! - [`unread`]: that of phones which this process has not read yet
//! - [`share`]: what several releases write that share the documents
//! - [`events`]: what changed between two statuses, in a word and a sentence
//! - [`acts`]: brakes and approvals that are resources

mod acts;
mod content;
mod events;
pub mod share;
pub mod status;
mod unread;
