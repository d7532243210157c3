//! GitOps for desk phones: phoneops keeps `OpenStage` and `OpenScape` desk phones at the settings that people
//! keep as YAML in git.
//!
//! The crate is layered; a layer names only those below it:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | one file a command |
//! | [`service`] | the running service: feeds the fleet with events and carries out its effects |
//! | [`report`] | edges out: the API and the metrics |
//! | [`source`], [`phone`], [`store`], [`sim`] | edges: where desired comes from, the phones' side of the wire, what must not be forgotten, simulated phones |
//! | [`fleet`] | the decisions; synchronous, no I/O, time is an argument |
//! | [`spec`] | the documents people write, layering, policy |
//! | [`catalogue`] | which items exist and what they mean |
//! | [`wpi`] | the wire protocol: text in, values out, and back |

pub mod catalogue;
pub mod cli;
pub mod fleet;
pub mod phone;
pub mod report;
pub mod service;
pub mod sim;
pub mod source;
pub mod spec;
pub mod store;
pub mod wpi;
