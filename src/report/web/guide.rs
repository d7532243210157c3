//! All states and reasons: what each means, and what to do.

use maud::{Markup, html};

use super::bits::{self, ORDER};
use crate::fleet::{
    sentences::Sentences,
    words::{DegradedReason, HeldReason, PendingReason},
};

/// What is inside of the page.
pub(super) fn main() -> Markup {
    let pending = PendingReason::ALL.iter().map(|reason| (reason.as_str(), reason.sentences()));
    let degraded = DegradedReason::ALL.iter().map(|reason| (reason.as_str(), reason.sentences()));
    let held = HeldReason::ALL.iter().map(|reason| (reason.as_str(), reason.sentences()));
    html! {
        h1 { "What the words mean" }
        section.card aria-labelledby="states-title" {
            h2 #states-title { "States" }
            p.quiet { "A phone is in exactly one." }
            dl.words { @for state in ORDER { (entry(&bits::badge(state), state.sentences())) } }
        }
        section.card aria-labelledby="pending-title" {
            h2 #pending-title { "Why a phone is Pending" }
            dl.words { @for (word, sentences) in pending { (entry(&html! { (word) }, sentences)) } }
        }
        section.card aria-labelledby="degraded-title" {
            h2 #degraded-title { "Why a phone is Degraded" }
            dl.words { @for (word, sentences) in degraded { (entry(&html! { (word) }, sentences)) } }
        }
        section.card aria-labelledby="held-title" {
            h2 #held-title { "Why a phone is Held" }
            dl.words { @for (word, sentences) in held { (entry(&html! { (word) }, sentences)) } }
        }
    }
}

fn entry(word: &Markup, Sentences { means, advice }: Sentences) -> Markup {
    html! { div { dt { (word) } dd { (bits::prose(means)) " " span.advice { (bits::prose(advice)) } } } }
}
