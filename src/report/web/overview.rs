//! The fleet at a glance.

use jiff::Timestamp;
use maud::{Markup, html};
use smol_str::SmolStr;

use super::{
    bits::{self, ORDER, bar, class, number, percent, phones},
    glance::Glance,
};
use crate::fleet::{
    alert::Alert,
    history::CommitView,
    survey::{RevisionTally, Survey},
    words::State,
};

/// Most sites that are shown, those that need a look first.
const SITES: usize = 100;
/// Most models and items that are shown.
const ROWS: usize = 10;
/// Most alerts that are shown.
const ALERTS: usize = 20;

/// What is inside of the page.
pub(super) fn main(glance: &Glance, commit: Option<&CommitView>, now: Timestamp) -> Markup {
    let survey = &glance.survey;
    html! {
        h1.unseen { "The fleet at a glance" }
        section #counts .hero data-live aria-labelledby="counts-title" { (counts(survey)) }
        div #alerts data-live {
            @if !glance.alerts.alerts.is_empty() {
                section.card aria-labelledby="alerts-title" { (alerts(glance, now)) }
            }
        }
        div.columns {
            div.column {
                section #sites .card data-live aria-labelledby="sites-title" { (sites(survey)) }
                section #drift .card data-live aria-labelledby="drift-title" { (drift(survey)) }
            }
            div.column {
                section #revision .card data-live aria-labelledby="revision-title" { (revision(glance, commit, now)) }
                section #pending .card data-live aria-labelledby="pending-title" { (pending(survey)) }
                section #models .card data-live aria-labelledby="models-title" { (models(survey)) }
            }
        }
    }
}

fn counts(survey: &Survey) -> Markup {
    let of = |state: State| survey.states.get(&state).copied().unwrap_or_default();
    let declared = survey.phones - of(State::Undeclared).min(survey.phones);
    let parts: Vec<_> = ORDER.iter().map(|state| (class(*state), of(*state))).collect();
    html! {
        div.sum {
            p.big { (number(declared)) " " span { @if declared == 1 { "phone" } @else { "phones" } } }
            p.share {
                @if declared > 0 { strong { (percent(of(State::InSync), declared)) } " in sync" }
                @else { "Nothing is declared yet: see what calls in under " a href="/undeclared" { "Undeclared" } "." }
            }
        }
        h2 #counts-title .unseen { "Phones by state" }
        (bar(&parts))
        ul.legend {
            @for state in ORDER.into_iter().filter(|state| of(*state) > 0) {
                li {
                    a class=(class(state)) href=(bits::listed(&[("state", state.as_str())])) title=(state.sentences().means) {
                        (bits::sign(state)) span.count { (number(of(state))) } span.name { (state) }
                    }
                }
            }
        }
    }
}

fn alerts(glance: &Glance, now: Timestamp) -> Markup {
    let list = &glance.alerts;
    let beyond = list.alerts.len().saturating_sub(ALERTS) + list.more;
    html! {
        h2 #alerts-title { "Somebody should look at this" }
        ul.alerts {
            @for Alert { kind, since, phones, names, text, .. } in list.alerts.iter().take(ALERTS) {
                li {
                    p { strong { (kind) } " " (bits::prose(text)) }
                    p.quiet {
                        (bits::phones(*phones)) ", since " (bits::ago(Some(*since), now)) ": "
                        @for (position, name) in names.iter().enumerate() {
                            @if position > 0 { ", " }
                            a href=(bits::phone_address(name)) { (name) }
                        }
                        @if *phones > names.len() { " …" }
                    }
                }
            }
        }
        @if beyond > 0 { p.quiet { "and " (number(beyond)) " more" } }
    }
}

fn sites(survey: &Survey) -> Markup {
    let mut sites: Vec<_> = survey.sites.iter().filter(|(_, tally)| tally.phones > 0).collect();
    // those that need a look first
    sites.sort_by_key(|(name, tally)| {
        (std::cmp::Reverse(tally.drifted > 0), std::cmp::Reverse(tally.drifted + tally.pending), (*name).clone())
    });
    let beyond = sites.len().saturating_sub(SITES);
    html! {
        h2 #sites-title { "Sites" }
        @if sites.is_empty() { p.quiet { "No phone is declared yet." } } @else {
            div.scroll {
                table {
                    caption.unseen { "Sites with their phones, those that need a look first" }
                    thead {
                        tr {
                            th scope="col" { "Site" } th.num scope="col" { "Phones" } th.num scope="col" { "In sync" }
                            th.num scope="col" { "Pending" } th.num scope="col" { "Drifted" }
                        }
                    }
                    tbody {
                        @for (name, tally) in sites.into_iter().take(SITES) {
                            tr {
                                th scope="row" {
                                    a href=(bits::listed(&[("site", name.as_str())])) { (name) }
                                    (bits::tally_bar(tally))
                                }
                                td.num { (number(tally.phones)) }
                                td.num { (some(tally.in_sync)) }
                                td.num { (some(tally.pending)) }
                                td.num { (some(tally.drifted)) }
                            }
                        }
                    }
                }
            }
            p.quiet.note { "Pending also counts phones that were never heard of, and drifted those that refuse something." }
            @if beyond > 0 { p.quiet { "and " (number(beyond)) " more sites, as good as these or better" } }
        }
    }
}

/// A number, quiet when there is nothing.
fn some(count: usize) -> Markup {
    html! { @if count == 0 { span.quiet { "0" } } @else { (number(count)) } }
}

fn pending(survey: &Survey) -> Markup {
    let mut reasons: Vec<_> = survey.pending.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), **reason));
    html! {
        h2 #pending-title { "Waiting, and why" }
        @if reasons.is_empty() { p.quiet { "No phone waits for anything." } } @else {
            ul.reasons {
                @for (reason, count) in reasons {
                    li {
                        a href=(bits::listed(&[("state", "Pending"), ("reason", reason.as_str())])) {
                            span.count { (number(*count)) } " " (reason)
                        }
                        p { (reason.sentences().means) }
                    }
                }
            }
        }
    }
}

/// Names with their counts, the largest first.
fn ranked<'s>(counts: impl IntoIterator<Item = (&'s SmolStr, &'s usize)>) -> Vec<(&'s str, usize)> {
    let mut all: Vec<_> = counts.into_iter().map(|(name, count)| (name.as_str(), *count)).collect();
    all.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    all
}

/// The first of them, each leading to its phones by the filter of that name.
fn ranking(caption: &str, head: &str, filter: &str, all: &[(&str, usize)], show: impl Fn(&str) -> Markup) -> Markup {
    html! {
        table {
            caption.unseen { (caption) }
            thead { tr { th scope="col" { (head) } th.num scope="col" { "Phones" } } }
            tbody {
                @for (name, count) in all.iter().take(ROWS) {
                    tr {
                        th scope="row" { a href=(bits::listed(&[(filter, name)])) { (show(name)) } }
                        td.num { (number(*count)) }
                    }
                }
            }
        }
    }
}

fn drift(survey: &Survey) -> Markup {
    let items = ranked(&survey.drift);
    html! {
        h2 #drift-title { "What differs most" }
        @if items.is_empty() { p.quiet { "No item differs on any phone." } } @else {
            (ranking("Items that differ, on how many phones", "Item", "item", &items, |name| bits::item(name, None)))
            @if items.len() > ROWS { p.quiet { "and " (number(items.len() - ROWS)) " more items" } }
        }
    }
}

fn models(survey: &Survey) -> Markup {
    let models = ranked(&survey.models);
    let others: usize = models.iter().skip(ROWS).map(|(_, count)| *count).sum::<usize>() + survey.other_models;
    let caption = "Models, and how many phones there are of each";
    html! {
        h2 #models-title { "Models" }
        @if models.is_empty() { p.quiet { "No phone has told its model yet." } } @else {
            (ranking(caption, "Model", "model", &models, |name| bits::value(Some(name))))
            @if others > 0 { p.quiet { (phones(others)) " of other models" } }
        }
    }
}

fn revision(glance: &Glance, commit: Option<&CommitView>, now: Timestamp) -> Markup {
    let survey = &glance.survey;
    let newest = survey.revision.as_deref();
    let planned = glance.gate.newest.as_ref().filter(|planned| Some(planned.revision.as_str()) == newest);
    let unknown = RevisionTally::default();
    html! {
        h2 #revision-title { "Newest revision" }
        @match newest {
            None => p.quiet { "No revision was taken over yet." },
            Some(name) => {
                p.lead { (bits::revision(name)) }
                @if let Some(commit) = commit {
                    p.quiet {
                        @if let Some(author) = &commit.author { bdi { (author) } ", " }
                        (bits::ago(Some(commit.at), now))
                    }
                }
                @let tally = survey.revisions.get(name).unwrap_or(&unknown).tally;
                @if tally.phones == 0 {
                    p { "It changed nothing that a phone has to have." }
                } @else {
                    (bits::tally_bar(&tally))
                    p {
                        "In force on " (phones(tally.phones)) ": " (number(tally.in_sync)) " in sync, "
                        (number(tally.pending)) " pending, " (number(tally.drifted)) " drifted."
                    }
                }
                @if let Some(planned) = planned {
                    p.quiet { "Planned to write to " (phones(planned.written)) "." }
                }
            }
        }
        @if let Some(held) = &glance.gate.held {
            p.held {
                (bits::badge(State::Held)) " " (bits::revision(&held.revision)) " waits at the gate with " (phones(held.phones)) "."
            }
        }
    }
}
