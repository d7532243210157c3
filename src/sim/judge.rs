//! What the server does against the protocol, seen from the phone (R-202, R-203, R-206, R-603, R-606, R-614, R-618,
//! R-1403).

use super::{link::Answer, model::Facts};
use crate::wpi::{Action, Item, Reason, ServerMessage, phone_message::Nonce, server_message::MESSAGE_LIMIT};

/// Most actions of one flow, parts of replies not counted.
const ACTIONS: u32 = 50;

/// Watches one flow.
#[derive(Debug)]
pub(super) struct Judge {
    initial: Reason,
    written: Vec<Vec<Item>>,
    actions: u32,
    refused: bool,
    answered: bool,
}

impl Judge {
    pub(super) fn new(initial: Reason) -> Self {
        Self { initial, written: Vec::new(), actions: 0, refused: false, answered: false }
    }

    /// The phone answered an action as busy: a write may wait.
    pub(super) fn note_busy(&mut self) {
        self.refused = true;
    }

    /// What is wrong with an answer as HTTP knows it. `older` is the cookie of the flow before; `spoiled` a request that
    /// was no message.
    pub(super) fn answer(&mut self, answer: &Answer, older: Option<&str>, spoiled: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |bad: bool, what: &str| {
            if bad {
                wrong.push(what.to_owned());
            }
        };
        let first = !std::mem::replace(&mut self.answered, true);
        let good = answer.status == hyper::StatusCode::OK;
        let due = if spoiled { answer.status.is_client_error() } else { good };
        let expected = if spoiled { "400" } else { "200" };
        say(!due, &format!("HTTP status {} in place of {expected} (R-214)", answer.status.as_u16()));
        say(answer.chunked, "chunked answer (R-203)");
        say(answer.compressed, "compressed answer (R-203)");
        say(!answer.chunked && answer.content_length.is_none(), "answer without Content-Length (R-202)");
        if !good {
            return wrong;
        }
        let xml = answer.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/xml"));
        say(!xml, "Content-Type is not text/xml (R-202)");
        say(answer.body.len() > MESSAGE_LIMIT, "message above 50 kB (R-801)");
        let text = answer.body.trim_ascii_end();
        say(!text.starts_with(b"<") || !text.ends_with(b">"), "stray bytes round the message (R-202)");
        if first {
            let fresh = match answer.set_cookie.as_slice() {
                [cookie] => is_session_cookie(cookie) && Some(cookie.as_str()) != older,
                _ => false,
            };
            say(!fresh, "initial message answered without one fresh JSESSIONID cookie (R-206)");
        }
        wrong
    }

    /// What is wrong with a message. `in_call` is the phone's state when it came.
    pub(super) fn message(
        &mut self,
        message: &ServerMessage,
        nonce: Option<&Nonce>,
        facts: &Facts,
        in_call: bool,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |bad: bool, what: &str| {
            if bad {
                wrong.push(what.to_owned());
            }
        };
        let due = nonce.map_or("", |nonce| nonce.0.as_str());
        say(message.nonce.0 != due, "another nonce than that of the request (R-603)");
        let counted = !matches!(message.action, Action::GetNextFragment | Action::CleanUp);
        self.actions += u32::from(counted);
        say(self.actions == ACTIONS + 1, "more than 50 actions in one flow (R-1403)");
        let has = |name: &str| message.items.iter().any(|item| item.id.name.as_str() == name);
        match message.action {
            Action::WriteItems => {
                let local = matches!(self.initial, Reason::LocalChanges);
                say(local, "WriteItems in answer to local-changes (R-705)");
                say(self.written.contains(&message.items), "the same WriteItems twice in one flow (R-618)");
                say(message.items.is_empty(), "WriteItems without items (R-607)");
                self.written.push(message.items.clone());
            }
            Action::ReadItems => {
                let filled = message.items.iter().any(|item| !item.text.is_empty());
                say(filled, "ReadItems with values (R-606)");
                say(message.items.is_empty(), "ReadItems without items (R-606)");
            }
            Action::ReadAllItems | Action::GetNextFragment => {
                say(!message.items.is_empty(), &format!("{} with items (R-605, R-611)", message.action));
            }
            Action::CleanUp => {
                let asked = has("send-solicited");
                let idle = !in_call && !self.refused && self.written.is_empty();
                say(asked && idle, "send-solicited to an idle phone that refused and got no write (R-714)");
                say(asked && !facts.keeps_a_wish, "send-solicited to firmware that does not know it (R-614)");
                let known = ["send-solicited", "cleanup-reason"];
                let odd = message.items.iter().any(|item| !known.contains(&item.id.name.as_str()));
                say(odd, "CleanUp with other items than those of R-614");
            }
            Action::Restart | Action::FileDeployment | Action::SoftwareDeployment => {}
        }
        wrong
    }
}

/// `JSESSIONID=<32 upper-case hex>; Path=/DeploymentService; Secure`, attributes in any order and case.
fn is_session_cookie(cookie: &str) -> bool {
    let mut parts = cookie.split(';').map(str::trim);
    let Some(value) = parts.next().and_then(|pair| pair.strip_prefix("JSESSIONID=")) else { return false };
    let hex = value.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    let has = |wanted: &str| attributes.iter().any(|attribute| attribute.trim_end_matches('/') == wanted);
    value.len() == 32 && hex && has("path=/deploymentservice") && has("secure")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sim::{Model, basic::plain_id},
        wpi::Reason,
    };

    fn message(action: Action, items: &[(&str, &str)]) -> ServerMessage {
        let items = items.iter().map(|(name, text)| Item::plain(plain_id(name).unwrap(), *text)).collect();
        ServerMessage { nonce: Nonce("A1".into()), action, items }
    }

    fn judged(judge: &mut Judge, message: &ServerMessage, in_call: bool) -> Vec<String> {
        judge.message(message, Some(&Nonce("A1".into())), Model::OpenStage40V3R5.facts(), in_call)
    }

    #[test]
    fn a_server_that_keeps_the_rules_hears_nothing() {
        let mut judge = Judge::new(Reason::StartUp);
        assert_eq!(judged(&mut judge, &message(Action::ReadItems, &[("sntp-addr", "")]), false), [""; 0]);
        assert_eq!(judged(&mut judge, &message(Action::WriteItems, &[("sntp-addr", "a")]), false), [""; 0]);
        assert_eq!(judged(&mut judge, &message(Action::WriteItems, &[("sntp-addr", "b")]), false), [""; 0]);
        assert_eq!(judged(&mut judge, &message(Action::CleanUp, &[]), false), [""; 0]);
    }

    #[test]
    fn the_same_write_twice_is_noticed() {
        let mut judge = Judge::new(Reason::StartUp);
        let write = message(Action::WriteItems, &[("sntp-addr", "a")]);
        judged(&mut judge, &write, false);
        assert!(judged(&mut judge, &write, false)[0].contains("R-618"));
    }

    #[test]
    fn a_write_after_local_changes_and_a_foreign_nonce_are_noticed() {
        let mut judge = Judge::new(Reason::LocalChanges);
        let mut write = message(Action::WriteItems, &[("sntp-addr", "a")]);
        write.nonce = Nonce("a1".into());
        let wrong = judged(&mut judge, &write, false);
        assert!(wrong[0].contains("R-603") && wrong[1].contains("R-705"), "{wrong:?}");
    }

    #[test]
    fn a_wish_is_right_only_while_a_write_may_wait() {
        let wish = message(Action::CleanUp, &[("send-solicited", "true")]);
        assert!(judged(&mut Judge::new(Reason::Solicited), &wish, false)[0].contains("R-714"));
        assert!(judged(&mut Judge::new(Reason::Solicited), &wish, true).is_empty());
        let mut refused = Judge::new(Reason::Solicited);
        refused.note_busy();
        assert!(judged(&mut refused, &wish, false).is_empty());
    }

    #[test]
    fn a_session_cookie_has_its_form() {
        let hex = "0123456789ABCDEF0123456789ABCDEF";
        assert!(is_session_cookie(&format!("JSESSIONID={hex}; Path=/DeploymentService; Secure")));
        assert!(is_session_cookie(&format!("JSESSIONID={hex}; secure; path=/DeploymentService/")));
        assert!(!is_session_cookie(&format!("JSESSIONID={}; Path=/DeploymentService; Secure", hex.to_lowercase())));
        assert!(!is_session_cookie(&format!("JSESSIONID={hex}")));
    }
}
