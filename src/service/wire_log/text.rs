//! What a recording says: lines that begin with `#`, and each message as XML.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::Exchange;
use crate::report::wire_log::Recording;

/// In place of what comes behind the limit of a session.
pub(super) const CUT: &str = "# the session goes on, and is longer than what is kept of one\n\n";

pub(super) fn begin(about: &Recording) -> String {
    let Recording { phone, mac, by, reason, since, until, .. } = about;
    format!(
        "# What the phone {phone} ({mac}) and phoneops {version} say to each other, from {since} until {until}.\n\
         # Recorded for {by}: {reason}\n\
         # Values are *** where they are secret, the user's, or of items that the catalogue does not know.\n\
         # A session in which the phone had to wait, as in a call, is not in here, nor is the one that follows the wait.\n\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

pub(super) fn end(why: &str, now: Timestamp) -> String {
    format!("# {now} The recording ends: {why}.\n\n")
}

pub(super) fn exchange(exchange: &Exchange<'_>) -> String {
    let Exchange { peer, question, answer, list, times, .. } = exchange;
    let (asked, answered) = times;
    let answer = list.map_or_else(|| answer.encode(), |list| answer.encode_prepared(list));
    format!(
        "# {asked} the phone, from {peer}\n{}\n\n# {answered} phoneops\n{}\n\n",
        question.encode().trim_end(),
        answer.trim_end()
    )
}

pub(super) fn unread(peer: SocketAddr, problem: &str, now: Timestamp) -> String {
    format!("# {now} the phone, from {peer}: a message that was not understood: {problem}\n\n")
}
