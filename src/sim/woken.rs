//! What a contact-me leads to (R-301 to R-306, R-1504).

use std::time::Duration;

use tokio::time::Instant;

use super::{
    basic::plain_id,
    fault::Fault,
    settings::Server,
    state::{Cause, State},
};
use crate::wpi::contact::ContactMe;

/// How a contact-me is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContactAnswer {
    NoContent,
    Wrong,
    Drop,
}

impl State {
    /// A contact-me came (R-301 to R-305, R-1504).
    pub(super) fn contacted(&mut self, contact: &ContactMe, now: Instant) -> ContactAnswer {
        if !self.powered {
            return ContactAnswer::Drop;
        }
        self.record.counts.contacts += 1;
        self.heard = Some(now);
        let spacing = self.settings.timing.contact_spacing;
        if self.last_contact.replace(now).is_some_and(|last| now.duration_since(last) < spacing) {
            self.record.violation(format!("two contact-me within {spacing:?} (R-306)"));
        }
        if self.faults.has(&Fault::ContactRefused) {
            self.record.counts.swallowed += 1;
            return ContactAnswer::Drop;
        }
        if self.faults.has(&Fault::ContactNot204) {
            self.record.counts.swallowed += 1;
            return ContactAnswer::Wrong;
        }
        let gap = self.contact_gap();
        let early = self.last_contact_call.is_some_and(|last| now.duration_since(last) < gap);
        if early || self.flow.is_some() || self.faults.has(&Fault::ContactSwallowed) {
            self.record.counts.swallowed += 1;
            self.tell(|| "contact-me, not followed".to_owned());
            return ContactAnswer::NoContent;
        }
        self.tell(|| "contact-me".to_owned());
        self.last_contact_call = Some(now);
        self.call_soon(Cause::Contact(self.redirect(contact)), now);
        ContactAnswer::NoContent
    }

    /// The server wants to be called; whatever waits for it to come back goes at once too.
    pub(super) fn call_soon(&mut self, cause: Cause, now: Instant) {
        for due in self.dues.iter_mut().filter(|due| due.tries > 0) {
            due.at = now;
        }
        self.plan(cause, now);
    }

    /// Whether a connection to its contact-me port gets through.
    pub(super) fn lets_in(&self) -> bool {
        !self.silent && !self.faults.has(&Fault::BehindNat)
    }

    fn redirect(&self, contact: &ContactMe) -> Option<Server> {
        let mut server = self.settings.server.clone();
        if self.faults.has(&Fault::RedirectIgnored) || (contact.address.is_none() && contact.port.is_none()) {
            return None;
        }
        if let Some(address) = contact.address {
            server.address.set_ip(address);
        }
        if let Some(port) = contact.port {
            server.address.set_port(port);
        }
        Some(server)
    }

    fn contact_gap(&self) -> Duration {
        self.settings.timing.contact_gap.unwrap_or_else(|| {
            let value = plain_id("dls-contact-interval").and_then(|id| self.device.memory.value(&id));
            let seconds = value.and_then(|text| text.as_plain()?.parse().ok()).unwrap_or(300);
            Duration::from_secs(seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{
        Model,
        state::{
            Next,
            tests::{is_call, state},
        },
    };

    #[tokio::test]
    async fn a_contact_within_the_gap_is_answered_and_not_followed() {
        //
        let mut state = state(Model::OpenStage40V3R5);
        let start = Instant::now();
        let contact = ContactMe::default();
        assert_eq!(state.contacted(&contact, start), ContactAnswer::NoContent);
        assert!(is_call(&state.next(start)));
        let early = start + Duration::from_secs(299);
        assert_eq!(state.contacted(&contact, early), ContactAnswer::NoContent);
        assert!(matches!(state.next(early), Next::Sleep));
        assert_eq!(state.record.counts.swallowed, 1);
        let late = start + Duration::from_mins(5);
        state.contacted(&contact, late);
        assert!(is_call(&state.next(late)));
    }

    #[tokio::test]
    async fn a_phone_without_power_answers_nobody() {
        let mut state = state(Model::OpenStage40V3R5);
        let now = Instant::now();
        state.boot(now, Duration::from_secs(30));
        assert_eq!(state.contacted(&ContactMe::default(), now), ContactAnswer::Drop);
        assert!(matches!(state.next(now), Next::Until(_)));
    }

    #[tokio::test]
    async fn a_contact_may_name_another_server() {
        let mut state = state(Model::OpenStage40V3R5);
        let contact = ContactMe { address: None, port: Some(443) };
        assert_eq!(state.redirect(&contact).map(|server| server.address.port()), Some(443));
        state.faults.set(Fault::RedirectIgnored);
        assert_eq!(state.redirect(&contact), None);
    }
}
