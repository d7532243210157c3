//! A phone's request: decode, decide, record, encode.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{shared::Shared, wire_log::Heard};
use crate::{
    fleet::{Answer, flow::From},
    phone::{PhoneAnswer, PhoneHandler, PhoneRequest, PollHandler},
    wpi::{
        Action, DeviceId, PhoneMessage, ServerMessage,
        phone_message::{Heads, Nonce},
        xml::DecodeError,
    },
};

/// How long a phone waits for the record of its write.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// Answers phones out of the fleet.
#[derive(Debug)]
pub struct Handler {
    shared: Arc<Shared>,
    heads: Heads,
}

impl Handler {
    /// A handler of this service.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, heads: Heads::default() }
    }
}

impl PhoneHandler for Handler {
    async fn answer(&self, request: PhoneRequest) -> PhoneAnswer {
        let question = if self.shared.wire_log.is_on() { Heard::of(&self.shared, &request) } else { None };
        let answer = self.decide(&request).await;
        if let Some(question) = question {
            question.note(&self.shared, &answer);
        }
        answer.map_or_else(|error| not_understood(&error), send)
    }
}

impl Handler {
    /// What to say to a message that can be read.
    async fn decide(&self, request: &PhoneRequest) -> Result<Answer, DecodeError> {
        let shared = &self.shared;
        let from = from(request);
        let head = self.heads.read(&request.body, &shared.xml);
        let likeness = head.as_ref().map(|head| shared.likeness(head.rest));
        if let (Some(head), Some(likeness)) = (head, likeness)
            && let Some(answer @ Answer::Send { .. }) =
                shared.with_fleet(|fleet, now| fleet.same_again(&head.message, likeness, &from, now))
        {
            return Ok(answer);
        }
        let message = match PhoneMessage::decode(&request.body, &shared.xml) {
            Ok(message) => message,
            Err(error) => {
                shared.metrics.bound_hit(error.category());
                tracing::debug!(peer = %request.peer, %error, "a message was not understood");
                return Err(error);
            }
        };
        let nonce = message.nonce.clone().unwrap_or(Nonce("".into()));
        let answer = shared.with_fleet_then(
            |fleet, now| fleet.message_like(message, likeness, &from, now),
            |answer| match answer {
                answer @ Answer::Send { .. } => Ok(answer),
                Answer::Record { ticket, record } => Err((ticket, shared.saver.put_and_tell(*record))),
            },
        );
        match answer {
            Ok(answer) => Ok(answer),
            Err((ticket, stored)) => {
                // a store that hangs is as good as away; the record may still arrive, and then costs a read
                let stored = timeout(STORE_PATIENCE, stored).await.is_ok_and(|stored| stored.unwrap_or(false));
                Ok(shared.with_fleet(|fleet, now| fleet.recorded(ticket, stored, &nonce, now)))
            }
        }
    }
}

pub(super) fn from(request: &PhoneRequest) -> From<'_> {
    From { cookie: request.cookie.as_deref(), peer: request.peer, connection: request.connection }
}

impl PollHandler for Handler {
    fn poll(&self, device: &DeviceId, peer: IpAddr) -> bool {
        self.shared.with_fleet(|fleet, now| fleet.poll(device, peer, now))
    }
}

/// A message of the right kind that lacks something is cleaned up, all else is a bad request.
fn not_understood(error: &DecodeError) -> PhoneAnswer {
    if !error.is_answerable() {
        return PhoneAnswer::BadRequest(error.to_string());
    }
    let nonce = error.nonce().cloned().unwrap_or(Nonce("".into()));
    let message = ServerMessage { nonce, action: Action::CleanUp, items: Vec::new() };
    send(Answer::Send { message, set_cookie: None, prepared: None })
}

fn send(answer: Answer) -> PhoneAnswer {
    match answer {
        Answer::Send { message, set_cookie, prepared } => {
            let xml = prepared.map_or_else(|| message.encode(), |question| message.encode_prepared(&question.list));
            PhoneAnswer::Message { xml, set_cookie }
        }
        Answer::Record { .. } => PhoneAnswer::BadRequest("the session asked twice for one record".to_owned()),
    }
}
