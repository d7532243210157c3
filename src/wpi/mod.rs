//! The workpoint interface: the messages between a phone and its provisioning service, as pure values.
//!
//! - [`item`]: names, indexes, statuses, items
//! - [`device_id`]: what identifies a phone
//! - [`secret`]: text that never shows
//! - [`phone_message`]: what a phone sends (`WorkpointMessage`), both directions
//! - [`server_message`]: what a phone is sent (`DLSMessage`), both directions
//! - `item_list`: the list of items that both have
//! - [`contact`]: the contact-me form, both directions, and the address it goes to
//! - [`discovery`]: what DHCP tells phones of their service
//! - [`firmware`]: versions and what they can do
//! - [`xml`]: the bounded pull reader and the writer below both messages, and why a body is none

pub mod contact;
pub mod device_id;
pub mod discovery;
pub mod firmware;
pub mod item;
mod item_list;
pub mod phone_message;
pub mod secret;
pub mod server_message;
pub mod xml;

#[cfg(test)]
mod tests;

pub use contact::{ContactMe, ContactUri};
pub use device_id::DeviceId;
pub use firmware::{FirmwareProfile, FirmwareVersion};
pub use item::{Index, Item, ItemId, ItemName, ItemStatus, ItemText};
pub use phone_message::{PhoneMessage, Reason, ReplyStatus};
pub use secret::Secret;
pub use server_message::{Action, ServerMessage};
