//! Phones that nobody declared, with the YAML that would declare them, and TLS handshakes that failed.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    bits::{self, number},
    declare,
};
use crate::{
    fleet::{view::PhoneView, words::State},
    report::{FailedHandshake, Undeclared},
};

/// Phones of one page.
pub(super) const ROWS: usize = 50;
/// Most handshakes that are shown.
const HANDSHAKES: usize = 50;

/// What is inside of the page; `from` is where it begins in the list.
pub(super) fn main(undeclared: &Undeclared, from: usize, now: Timestamp) -> Markup {
    let (all, from) = (undeclared.phones.len(), from.min(undeclared.phones.len()));
    let shown: Vec<&PhoneView> = undeclared.phones.iter().skip(from).take(ROWS).collect();
    html! {
        h1 { "Undeclared phones" }
        p.meaning { (bits::badge(State::Undeclared)) " " (State::Undeclared.sentences().means) " " (State::Undeclared.sentences().advice) }
        @if shown.is_empty() { p.empty { "Every phone that calls in is declared." } } @else {
            section.card aria-labelledby="all-title" {
                h2 #all-title { "All " (number(shown.len())) " of this page in one file" }
                p { "Correct the names, add profiles, and put it into the source." }
                details {
                    summary { "Show the YAML" }
                    (declare::block("all", &shown.iter().map(|phone| declare::yaml(phone)).collect::<Vec<_>>().join("---\n")))
                }
            }
            ul.undeclared { @for (position, phone) in shown.iter().enumerate() { (entry(position, phone, now)) } }
            nav.pages aria-label="Pages of the list" {
                @if from > 0 { a.button.plain href="/undeclared" { "First page" } }
                @if from + ROWS < all { a.button.plain rel="next" href={ "/undeclared?from=" (from + ROWS) } { "Next page" } }
            }
        }
        (handshakes(&undeclared.handshakes, now))
    }
}

fn entry(position: usize, phone: &PhoneView, now: Timestamp) -> Markup {
    html! {
        li.card {
            h2 { a href=(bits::phone_address(&phone.mac)) { (phone.mac) } }
            p.quiet {
                (bits::value(phone.model.as_deref())) ", firmware " (bits::value(phone.firmware.as_deref()))
                ", number " (bits::value(phone.e164.as_deref())) ", at " (bits::value(phone.address.as_deref()))
                ", heard of " (bits::ago(phone.last_seen, now))
            }
            (declare::block(&format!("yaml-{position}"), &declare::yaml(phone)))
        }
    }
}

fn handshakes(failed: &[FailedHandshake], now: Timestamp) -> Markup {
    html! {
        @if !failed.is_empty() {
            section.card aria-labelledby="handshakes-title" {
                h2 #handshakes-title { "TLS handshakes that failed" }
                div.scroll {
                    table {
                        caption.unseen { "Failed TLS handshakes, the newest first" }
                        thead {
                            tr {
                                th scope="col" { "Address" } th scope="col" { "Phone" } th scope="col" { "Cause" }
                                th scope="col" { "What helps" } th.num scope="col" { "Times" } th scope="col" { "Last" }
                            }
                        }
                        tbody {
                            @for one in failed.iter().take(HANDSHAKES) {
                                tr {
                                    th.mono scope="row" { (one.address) }
                                    td { @if let Some(phone) = &one.phone { a href=(bits::phone_address(phone)) { (phone) } } @else { span.quiet { "not known" } } }
                                    td { (one.cause) @if let Some(version) = &one.highest_version { span.under { "offers " (version) } } }
                                    td { @if let Some(remedy) = &one.remedy { (bits::prose(remedy)) } @else { span.quiet { "–" } } }
                                    td.num { (one.count) }
                                    td { (bits::ago(Some(one.last), now)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
