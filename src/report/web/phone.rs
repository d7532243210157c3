//! One phone: how it is, what it is to have against what it has, what changed, its last sessions.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    bits::{self, number},
    declare, items,
};
use crate::{
    fleet::{
        explain::Explanation,
        history::{ChangeView, HistoryPage},
        view::{PendingView, PhoneView},
        words::State,
    },
    report::{ContactAnswer, SessionView},
};

/// Changes of one page.
pub(super) const CHANGES: usize = 25;

/// All that is known of a phone.
pub(super) struct Known<'a> {
    pub(super) phone: &'a PhoneView,
    pub(super) explanation: Option<&'a Explanation>,
    /// Or why it cannot be read.
    pub(super) history: Result<&'a HistoryPage, &'a str>,
    pub(super) sessions: &'a [SessionView],
    /// What became of the wish to have it call.
    pub(super) asked: Option<Markup>,
}

/// The name under which a phone is known, and under which its page is found.
pub(super) fn id(phone: &PhoneView) -> &str {
    phone.name.as_deref().unwrap_or(&phone.mac)
}

/// What is inside of the page.
pub(super) fn main(known: &Known<'_>, now: Timestamp) -> Markup {
    let Known { phone, explanation, history, sessions, asked } = known;
    html! {
        nav.crumbs aria-label="Way" { a href="/phones" { "Phones" } span aria-hidden="true" { " / " } span { (id(phone)) } }
        @if let Some(asked) = asked { div #asked .told role="status" { (asked) } }
        div #state data-live { (state(phone, now)) }
        div.columns.phone {
            div.column {
                @if let Some(explanation) = explanation {
                    section #items .card data-live aria-labelledby="items-title" { (items::table(phone, explanation, now)) }
                }
                @if phone.state == State::Undeclared {
                    section.card aria-labelledby="declare-title" {
                        h2 #declare-title { "To declare it" }
                        p { "Add this to a file of the source:" }
                        (declare::block("yaml", &declare::yaml(phone)))
                    }
                }
                section #history .card data-live aria-labelledby="history-title" { (changes(phone, *history, now)) }
            }
            div.column {
                section #facts .card data-live aria-labelledby="facts-title" { (facts(phone, now)) }
                section.card aria-labelledby="contact-title" { (contact(phone)) }
                section #sessions .card data-live aria-labelledby="sessions-title" { (last_sessions(sessions, now)) }
            }
        }
    }
}

fn state(phone: &PhoneView, now: Timestamp) -> Markup {
    let sentences = phone.state.sentences();
    html! {
        header.head {
            h1 { (id(phone)) " " (bits::badge(phone.state)) }
            p.meaning { (bits::prose(sentences.means)) " " span.advice { (bits::prose(sentences.advice)) } }
            @if let Some(PendingView { reason, since, next }) = &phone.pending {
                p.meaning {
                    strong { (reason) } ": " (bits::prose(reason.sentences().means)) " "
                    span.advice { (bits::prose(reason.sentences().advice)) }
                    @if let Some(since) = since { " Since " (bits::ago(Some(*since), now)) "." }
                    @if let Some(next) = next { " Next attempt " strong { (bits::ahead(*next, now)) } "." }
                }
            }
            @for reason in &phone.degraded {
                p.meaning {
                    strong { (reason) } ": " (bits::prose(reason.sentences().means)) " "
                    span.advice { (bits::prose(reason.sentences().advice)) }
                }
            }
            @for (class, texts) in [("bad", &phone.problems), ("warn", &phone.warnings), ("note", &phone.notes)] {
                @if !texts.is_empty() { ul class={ "says " (class) } { @for text in texts { li { (bits::prose(text)) } } } }
            }
        }
    }
}

fn facts(phone: &PhoneView, now: Timestamp) -> Markup {
    let fact = |name: &str, value: Markup| html! { div { dt { (name) } dd { (value) } } };
    html! {
        h2 #facts-title { "The phone" }
        dl.facts {
            (fact("MAC", html! { span.mono { (phone.mac) } }))
            (fact("Model", bits::value(phone.model.as_deref())))
            (fact("Firmware", bits::value(phone.firmware.as_deref())))
            (fact("Number", bits::value(phone.e164.as_deref())))
            @if let Some(site) = &phone.site { (fact("Site", html! { a href=(bits::listed(&[("site", site)])) { (site) } })) }
            @if let Some(mode) = phone.mode { (fact("Mode", html! { (format!("{mode:?}")) })) }
            @if !phone.labels.is_empty() {
                (fact("Labels", html! { @for (key, value) in &phone.labels { span.label { (key) "=" (value) } " " } }))
            }
            @if let Some(revision) = &phone.revision { (fact("Revision", bits::revision(revision))) }
            (fact("Address", bits::value(phone.address.as_deref())))
            (fact("Heard of", bits::ago(phone.last_seen, now)))
            (fact("Proven", bits::ago(phone.last_proof, now)))
            (fact("Items", html! { (number(phone.proven)) " of " (number(phone.managed)) " proven" }))
        }
    }
}

fn contact(phone: &PhoneView) -> Markup {
    html! {
        h2 #contact-title { "Contact now" }
        p.quiet { "Asks the phone to call, so that it is read. The browser asks for a token with right act: any user name, the token for password." }
        form.contact method="post" action={ (bits::phone_address(id(phone))) "/contact" } {
            label for="reason" { "Reason, for the audit log" }
            input #reason name="reason" required maxlength="200" autocomplete="off";
            button type="submit" { "Contact now" }
        }
    }
}

fn changes(phone: &PhoneView, history: Result<&HistoryPage, &str>, now: Timestamp) -> Markup {
    html! {
        h2 #history-title { "What changed" }
        @match history {
            Err(why) => p.quiet { (why) },
            Ok(page) if page.changes.is_empty() => p.quiet { "No change of a managed item is known." },
            Ok(page) => {
                (change_table(&page.changes, false, now))
                @if let Some(next) = &page.next {
                    p { a href={ (bits::phone_address(id(phone))) "?before=" (bits::encoded(next)) "#history" } { "Older changes" } }
                }
            }
        }
    }
}

/// Changes as a table; with the phone where they are of many.
pub(super) fn change_table(changes: &[ChangeView], of_many: bool, now: Timestamp) -> Markup {
    html! {
        div.scroll {
            table.changes {
                caption.unseen { "Changes of managed items, the newest first" }
                thead {
                    tr {
                        th scope="col" { "When" }
                        @if of_many { th scope="col" { "Phone" } }
                        th scope="col" { "Item" } th scope="col" { "Before and after" } th scope="col" { "Why and who" }
                    }
                }
                tbody {
                    @for change in changes {
                        tr {
                            td.when { (bits::ago(Some(change.at), now)) }
                            @if of_many {
                                @let phone = change.phone.as_deref().unwrap_or(&change.mac);
                                th scope="row" { a href=(bits::phone_address(phone)) { (phone) } }
                            }
                            td { (bits::item(&change.item, change.index)) }
                            td.values {
                                (bits::value(change.old.as_deref())) " "
                                span.arrow aria-label="becomes" role="img" { "→" } " " (bits::value(change.new.as_deref()))
                            }
                            td {
                                (change.cause) ", " (change.result)
                                @if let Some(word) = &change.word { ": " bdi.value { (word) } }
                                span.under {
                                    @if let Some(revision) = change.revision.as_deref().filter(|_| !of_many) { (bits::revision(revision)) " " }
                                    @if let Some(author) = &change.author { bdi { (author) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn last_sessions(sessions: &[SessionView], now: Timestamp) -> Markup {
    html! {
        h2 #sessions-title { "Last sessions" }
        @if sessions.is_empty() { p.quiet { "None since the service was started." } } @else {
            ul.sessions {
                @for session in sessions {
                    li {
                        (bits::ago(Some(session.at), now)) ": " (session.reason) ", " strong { (session.result) }
                        @if session.written > 0 { ", " (number(session.written)) " written" }
                        @if session.refused > 0 { ", " (number(session.refused)) " refused" }
                        @if session.drift > 0 { ", " (number(session.drift)) " differ" }
                        @if let Some(problem) = &session.problem { span.under { bdi { (problem) } } }
                    }
                }
            }
        }
    }
}

/// What became of the wish to have a phone call.
pub(super) fn told(answer: &ContactAnswer, now: Timestamp) -> Markup {
    html! {
        @match answer {
            ContactAnswer::Queued { at } => { "It is asked to call, " (bits::ahead(*at, now)) "." }
            ContactAnswer::AlreadyUnderWay => { "A session or a request to call is under way already." }
            ContactAnswer::RateLimited { next } => {
                "Requests to one phone keep a distance: it is asked " (bits::ahead(*next, now)) "."
            }
            ContactAnswer::CannotBeReached { why } => { "It cannot be asked to call: " bdi { (why) } }
            ContactAnswer::NotFound => { "There is no such phone any more." }
        }
    }
}
