//! What a phone is sent: `DLSMessage`, encoded by the service and decoded by the simulator.

use std::fmt;

use super::{
    item::Item,
    phone_message::Nonce,
    xml::{DecodeError, Limits},
};

/// The names of the actions are case-sensitive; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    ///
    ReadAllItems,
    ///
    ReadItems,
    ///
    WriteItems,
    ///
    Restart,
    ///
    FileDeployment,
    ///
    SoftwareDeployment,
    ///
    GetNextFragment,
    ///
    CleanUp,
}

impl Action {
    /// The name of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadAllItems => "ReadAllItems",
            Self::ReadItems => "ReadItems",
            Self::WriteItems => "WriteItems",
            Self::Restart => "Restart",
            Self::FileDeployment => "FileDeployment",
            Self::SoftwareDeployment => "SoftwareDeployment",
            Self::GetNextFragment => "GetNextFragment",
            Self::CleanUp => "CleanUp",
        }
    }

    /// Reads the name of the wire.
    pub fn from_wire(name: &str) -> Option<Self> {
        [
            Self::ReadAllItems,
            Self::ReadItems,
            Self::WriteItems,
            Self::Restart,
            Self::FileDeployment,
            Self::SoftwareDeployment,
            Self::GetNextFragment,
            Self::CleanUp,
        ]
        .into_iter()
        .find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Most bytes of one message either way.
pub const MESSAGE_LIMIT: usize = 50_000;

/// One message to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// The nonce of the very request that is answered; empty when it had none.
    pub nonce: Nonce,
    /// What the phone is to do.
    pub action: Action,
    /// The items of the action.
    pub items: Vec<Item>,
}

impl ServerMessage {
    /// Writes the message exactly as R-601 says. This and [`Self::encoded_item_len`] are the only readers of a secret.
    pub fn encode(&self) -> String {
        todo!()
    }

    /// Bytes that `item` takes in an encoded message.
    pub fn encoded_item_len(item: &Item) -> usize {
        let _ = item;
        todo!()
    }

    /// Bytes of an encoded message without items, with an `ItemList`, for a nonce of that length.
    pub fn encoded_frame_len(nonce: &Nonce, action: Action) -> usize {
        let _ = (nonce, action);
        todo!()
    }

    /// Reads a message as a phone does (for simulators). An unknown action is an error of its own that names it.
    /// `lenient` tolerates what R-602 lists.
    pub fn decode(body: &[u8], limits: &Limits, lenient: bool) -> Result<Self, DecodeError> {
        let _ = (body, limits, lenient);
        todo!()
    }
}
