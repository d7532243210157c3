//! Simulated phones: an independent reading of the protocol from the phone's side (R-1501 to R-1510). They share the
//! messages of [`crate::wpi`] with the service and nothing of its logic, so that one can be tested by the other.
//!
//! A phone calls from a loopback address of its own, over real TLS, and takes contact-me there.
//!
//! - `phone`, `fleet`: [`SimPhone`], [`SimFleet`], handles of one phone and of many; `settings`: [`SimSettings`],
//!   [`FleetSettings`], [`Timing`]
//! - `model`: [`Model`], the models and what their firmware can do
//! - `fault`, `menu`: [`Fault`], [`MENU`], what a phone can be told to do wrong; `faults`: those of one phone
//! - `view`: [`PhoneView`], a look at a phone that holds still
//! - `transcript`: [`Exchange`], [`Counts`], what it keeps of its talks; `judge` says what the server did wrong
//! - `item_set`, `memory`, `basic`, `fragments`, `deployment`, `device`: the phone itself, pure
//! - `state`, `woken`, `flow`, `aftermath`, `mobility`: when it calls, contact-me, one flow, what a write leads to, and
//!   users who log on; synchronous, time is an argument
//! - `run`, `link`, `tls`, `wire`, `contact`, `dcmp`: its tasks and sockets

mod aftermath;
mod basic;
mod contact;
mod dcmp;
mod deployment;
mod device;
mod fault;
mod faults;
mod fleet;
mod flow;
mod fragments;
mod item_set;
mod judge;
mod link;
mod memory;
mod menu;
mod mobility;
mod model;
mod phone;
mod run;
mod settings;
mod state;
mod tls;
mod transcript;
mod view;
mod wire;
mod woken;

pub use fault::{Fault, FaultError};
pub use fleet::{FleetSettings, SimFleet, mac};
pub use menu::MENU;
pub use model::{Model, UnknownModel};
pub use phone::{SimPhone, WaitError};
pub use settings::{LOGIN_PATH, Server, SimError, SimSettings, Timing};
pub use state::State as PhoneView;
pub use transcript::{Counts, Exchange, Outcome, SimEvent};
