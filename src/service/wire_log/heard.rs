//! What a phone said that is recorded, until it is answered.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;

use super::{
    super::{handler, shared::Shared},
    Exchange,
};
use crate::{
    fleet::Answer,
    phone::PhoneRequest,
    wpi::{DeviceId, PhoneMessage, ServerMessage, xml::DecodeError},
};

/// A message of a phone that is recorded; `None` in place of one that nobody can read.
#[derive(Debug)]
pub(in crate::service) struct Heard {
    device: DeviceId,
    message: Option<PhoneMessage>,
    peer: SocketAddr,
    at: Timestamp,
    in_call: bool,
}

impl Heard {
    /// The message, if its phone is recorded.
    pub(in crate::service) fn of(shared: &Arc<Shared>, request: &PhoneRequest) -> Option<Self> {
        let message = PhoneMessage::decode(&request.body, &shared.xml).ok();
        let peer = request.peer;
        let (device, in_call, at) = shared.with_fleet(|fleet, now| {
            let device = match &message {
                Some(message) => fleet.sender(message, &handler::from(request)),
                None => fleet.device_at(peer.ip()),
            };
            // before the fleet takes the message over: with that a wish may be used up
            let in_call = device.as_ref().is_some_and(|device| fleet.is_in_call(device));
            (device, in_call, now)
        });
        let device = device.filter(|device| shared.wire_log.records(device, at))?;
        Some(Self { device, message, peer, at, in_call })
    }

    /// Notes it with its answer.
    pub(in crate::service) fn note(self, shared: &Arc<Shared>, answer: &Result<Answer, DecodeError>) {
        let Self { device, message, peer, at, in_call } = self;
        match (message, answer) {
            (Some(question), Ok(Answer::Send { message: answer, prepared, .. })) => {
                let (asked, told, now) =
                    shared.with_fleet(|fleet, now| (fleet.masked(&question.items), fleet.masked(&answer.items), now));
                let question = PhoneMessage { items: asked, ..question };
                let answer = ServerMessage { items: told, nonce: answer.nonce.clone(), action: answer.action };
                let list = prepared.as_ref().map(|question| &question.list);
                let times = (at, now);
                let exchange = Exchange { peer, question: &question, answer: &answer, list, times, in_call };
                shared.wire_log.note(&device, &exchange);
            }
            (None, Err(error)) => shared.wire_log.note_unread(&device, peer, &error.to_string(), in_call, at),
            _ => {}
        }
    }
}
