//! Revisions: which are in force, and of one what it changed, how far it is, and what fails.

use std::cmp::Reverse;

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    bits::{self, number, phones},
    glance::Glance,
    phone::change_table,
};
use crate::{
    fleet::{
        gate::view::HeldView,
        history::{CommitView, HistoryPage},
        survey::RevisionTally,
        words::State,
    },
    report::revisions::all,
};

/// Revisions of the list.
pub(super) const ROWS: usize = 100;
/// Changes of one page.
pub(super) const CHANGES: usize = 50;

/// What is inside of the list: what is known of who made them comes from `commits`, the newest first.
pub(super) fn list(glance: &Glance, commits: Vec<CommitView>, now: Timestamp) -> Markup {
    let survey = &glance.survey;
    let mut rows = all(commits, survey, glance.gate.held.as_ref().map(|held| held.revision.as_str()));
    rows.sort_by_cached_key(|row| {
        let unnoted = row.newest && row.at.is_none();
        (!unnoted, Reverse(row.at), Reverse(row.counts.phones), row.revision.clone())
    });
    rows.truncate(ROWS);
    html! {
        h1 { "Revisions" }
        p.quiet { "A phone counts with the revision that gave it what it is to have now." }
        section #list data-live aria-label="Revisions" {
            @if rows.is_empty() { p.empty { "No revision was taken over yet." } } @else {
                div.scroll {
                    table {
                        caption.unseen { "Revisions, the newest first" }
                        thead {
                            tr {
                                th scope="col" { "Revision" } th scope="col" { "Who" } th.wide scope="col" { "Taken over" }
                                th.num scope="col" { "Phones" } th.num scope="col" { "In sync" }
                                th.num.wide scope="col" { "Pending" } th.num.wide scope="col" { "Drifted" }
                            }
                        }
                        tbody {
                            @for row in &rows {
                                @let name = row.revision.as_str();
                                @let tally = survey.revisions.get(name).map(|revision| revision.tally).unwrap_or_default();
                                tr {
                                    th scope="row" {
                                        (bits::revision(name))
                                        @if row.newest { " " span.label { "newest" } }
                                        (bits::tally_bar(&tally))
                                    }
                                    td { @if let Some(author) = &row.author { bdi { (author) } } @else { span.quiet { "–" } } }
                                    td.wide { @if row.at.is_some() { (bits::ago(row.at, now)) } @else { span.quiet { "–" } } }
                                    td.num { (number(tally.phones)) }
                                    td.num { (number(tally.in_sync)) }
                                    td.num.wide { (number(tally.pending)) }
                                    td.num.wide { (number(tally.drifted)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// All that is known of one revision.
pub(super) struct Known<'a> {
    pub(super) name: &'a str,
    pub(super) glance: &'a Glance,
    pub(super) commit: Option<&'a CommitView>,
    /// Or why it cannot be read.
    pub(super) history: Result<&'a HistoryPage, &'a str>,
}

/// What is inside of the page of one revision.
pub(super) fn one(known: &Known<'_>, now: Timestamp) -> Markup {
    let Known { name, glance, commit, history } = known;
    let nothing = RevisionTally::default();
    let revision = glance.survey.revisions.get(*name).unwrap_or(&nothing);
    let newest = glance.survey.revision.as_deref() == Some(*name);
    html! {
        nav.crumbs aria-label="Way" { a href="/revisions" { "Revisions" } span aria-hidden="true" { " / " } span { (name) } }
        header.head {
            h1.mono.long { (name) @if newest { " " span.label { "newest" } } }
            @if let Some(commit) = commit {
                p.meaning {
                    "Taken over " (bits::minute(commit.at)) ", " (bits::ago(Some(commit.at), now))
                    @if let Some(author) = &commit.author { ", written by " bdi { (author) } }
                    @if let Some(committer) = commit.committer.as_ref().filter(|by| Some(*by) != commit.author.as_ref()) {
                        ", committed by " bdi { (committer) }
                    }
                    "."
                }
            }
        }
        section #far .card data-live aria-labelledby="far-title" { (far(name, revision)) }
        div #held data-live {
            @if let Some(held) = glance.gate.held.as_ref().filter(|held| held.revision == *name) {
                section.card aria-labelledby="held-title" { (at_gate(held, now)) }
            }
        }
        div #failing data-live {
            @if !revision.failing.is_empty() {
                section.card aria-labelledby="failing-title" { (failing(revision)) }
            }
        }
        section #history .card data-live aria-labelledby="history-title" {
            h2 #history-title { "What changed with it" }
            @match history {
                Err(why) => p.quiet { (why) },
                Ok(page) if page.changes.is_empty() => p.quiet { "No change of a managed item is known that came with it." },
                Ok(page) => {
                    (change_table(&page.changes, true, now))
                    @if let Some(next) = &page.next {
                        p { a href={ "/revisions/" (bits::encoded(name)) "?before=" (bits::encoded(next)) "#history" } { "Older changes" } }
                    }
                }
            }
        }
    }
}

fn far(name: &str, revision: &RevisionTally) -> Markup {
    let tally = revision.tally;
    html! {
        h2 #far-title { "How far it is" }
        @if tally.phones == 0 { p.quiet { "No phone has what it is to have from this revision: it changed none, or later ones did." } } @else {
            (bits::tally_bar(&tally))
            p {
                "In force on " a href=(bits::listed(&[("revision", name)])) { (phones(tally.phones)) } ": "
                strong { (bits::percent(tally.in_sync, tally.phones)) " in sync" } ", "
                (number(tally.pending)) " pending, " (number(tally.drifted)) " drifted."
            }
        }
    }
}

fn failing(revision: &RevisionTally) -> Markup {
    let beyond = revision.tally.drifted.saturating_sub(revision.failing.len());
    html! {
        h2 #failing-title { "Not as it wants them" }
        ul.failing {
            @for (name, state) in &revision.failing {
                li { a href=(bits::phone_address(name)) { (name) } " " (bits::badge(*state)) }
            }
        }
        @if beyond > 0 { p.quiet { "and " (phones(beyond)) " more" } }
    }
}

fn at_gate(held: &HeldView, now: Timestamp) -> Markup {
    html! {
        h2 #held-title { (bits::badge(State::Held)) " It waits at the gate" }
        p { (bits::prose(State::Held.sentences().advice)) }
        ul.says.warn { @for cause in &held.causes { li { (cause) } } }
        p.quiet { "With " (phones(held.phones)) ", since " (bits::ago(Some(held.since), now)) "." }
        @if let Some(said) = &held.rejected { p { "Rejected by " (said.by) ": " (said.reason) } }
        @if !held.changes.is_empty() {
            div.scroll {
                table {
                    caption.unseen { "What it would write, the changes of most phones first" }
                    thead { tr { th scope="col" { "Item" } th scope="col" { "Becomes" } th scope="col" { "Risk" } th.num scope="col" { "Phones" } } }
                    tbody {
                        @for change in &held.changes {
                            tr {
                                th scope="row" { (bits::item(&change.item, change.index)) }
                                td { (bits::value(Some(&change.to))) }
                                td { @if let Some(risky) = &change.risky { (risky) } @else { span.quiet { "–" } } }
                                td.num { (number(change.phones)) }
                            }
                        }
                    }
                }
            }
            @if held.more > 0 { p.quiet { "and " (number(held.more)) " more changes" } }
        }
    }
}
