//! The list of phones: search, filters, pages.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    bits::{self, ORDER, number},
    glance::Glance,
};
use crate::fleet::{
    view::{Page, PhoneView, Query},
    words::{PendingReason, State},
};

/// Phones of one page.
pub(super) const ROWS: usize = 50;
/// Most choices of one filter.
const CHOICES: usize = 500;

/// What is inside of the page.
pub(super) fn main(glance: &Glance, query: &Query, page: &Page, now: Timestamp) -> Markup {
    html! {
        h1 { "Phones" }
        (form(glance, query))
        (others(query))
        section #list data-live aria-label="Phones found" { (list(query, page, now)) }
    }
}

fn form(glance: &Glance, query: &Query) -> Markup {
    let survey = &glance.survey;
    let states = ORDER.iter().map(|state| state.as_str());
    let reasons = PendingReason::ALL.iter().map(|reason| reason.as_str());
    let sites = survey.sites.keys().map(String::as_str);
    let (selector, of_site) = (selector_of(query), site_selector_of(query));
    let models = survey.models.keys().map(smol_str::SmolStr::as_str);
    html! {
        form.filter role="search" method="get" action="/phones" aria-label="Find phones" {
            p.field.text {
                label for="q" { "Find" }
                input #q type="search" name="q" value=[query.text.as_deref()] autocomplete="off" spellcheck="false"
                    placeholder="name, MAC, number, address, label";
            }
            (choice("state", "State", "Any state", query.state.map(State::as_str), states))
            (choice("reason", "Waits for", "Any reason", query.reason.map(PendingReason::as_str), reasons))
            (choice("site", "Site", "All sites", query.site.as_deref(), sites))
            (choice("model", "Model", "All models", query.model.as_deref(), models))
            @for (name, value) in [("item", &query.item), ("revision", &query.revision), ("selector", &selector), ("siteSelector", &of_site)] {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
            p.field.act {
                button type="submit" { "Show" }
                @if is_filtered(query) { a.button.plain href="/phones" { "Show all" } }
            }
        }
    }
}

fn choice<'a>(
    name: &str,
    label: &str,
    all: &str,
    chosen: Option<&'a str>,
    choices: impl Iterator<Item = &'a str>,
) -> Markup {
    let mut choices: Vec<&str> = choices.take(CHOICES).collect();
    // what is chosen by its address stays chosen, also when there is no such thing now
    if let Some(chosen) = chosen.filter(|chosen| !choices.iter().any(|known| known.eq_ignore_ascii_case(chosen))) {
        choices.push(chosen);
    }
    html! {
        p.field {
            label for=(name) { (label) }
            select #(name) name=(name) {
                option value="" { (all) }
                @for value in choices {
                    option value=(value) selected[chosen.is_some_and(|chosen| chosen.eq_ignore_ascii_case(value))] { (value) }
                }
            }
        }
    }
}

/// The labels that are asked for, as one writes them.
fn selector_of(query: &Query) -> Option<String> {
    (!query.selector.is_empty()).then(|| query.selector.to_string())
}

fn site_selector_of(query: &Query) -> Option<String> {
    query.site_selector.as_ref().map(ToString::to_string)
}

fn is_filtered(query: &Query) -> bool {
    let texts = [&query.site, &query.model, &query.item, &query.revision, &query.text];
    query.state.is_some()
        || !query.selector.is_empty()
        || query.site_selector.is_some()
        || query.reason.is_some()
        || texts.iter().any(|text| text.is_some())
}

/// Filters without a field of their own.
fn others(query: &Query) -> Markup {
    html! {
        @if let Some(item) = &query.item { p.quiet { "Only phones on which " (bits::item(item, None)) " differs." } }
        @if let Some(revision) = &query.revision {
            p.quiet { "Only phones whose wanted state came with revision " (bits::revision(revision)) "." }
        }
        @if let Some(labels) = selector_of(query) { p.quiet { "Only phones with the labels " code { (labels) } "." } }
        @if let Some(labels) = site_selector_of(query) { p.quiet { "Only phones of sites with the labels " code { (labels) } "." } }
        @if let Some(state) = query.state { p.meaning { (bits::badge(state)) " " (state.sentences().means) " " (bits::prose(state.sentences().advice)) } }
    }
}

fn list(query: &Query, page: &Page, now: Timestamp) -> Markup {
    let found = page.phones.len();
    html! {
        @if found == 0 {
            p.empty { "No phone is found with this. " @if is_filtered(query) { a href="/phones" { "Show all phones" } "." } }
        } @else {
            div.scroll {
                table.phones {
                    caption {
                        @if page.next.is_none() && query.after.is_none() { (bits::phones(found)) }
                        @else { (number(found)) " phones on this page" }
                    }
                    thead {
                        tr {
                            th scope="col" { "Name" } th scope="col" { "State" } th.wide scope="col" { "Site" }
                            th.wide scope="col" { "Model" } th.wide scope="col" { "Number" }
                            th.num scope="col" { "Differ" } th.wide scope="col" { "Heard of" }
                        }
                    }
                    tbody { @for phone in &page.phones { (row(phone, now)) } }
                }
            }
        }
        nav.pages aria-label="Pages of the list" {
            @if query.after.is_some() { a.button.plain href=(address(query, None)) { "First page" } }
            @if let Some(next) = &page.next { a.button.plain rel="next" href=(address(query, Some(next))) { "Next page" } }
        }
    }
}

fn row(phone: &PhoneView, now: Timestamp) -> Markup {
    let name = phone.name.as_deref().unwrap_or(&phone.mac);
    let (site, model) = (phone.site.as_deref(), phone.model.as_deref());
    html! {
        tr {
            th scope="row" {
                a href=(bits::phone_address(name)) { (name) }
                span.under {
                    @if phone.name.is_some() { span.mono { (phone.mac) } }
                    span.narrow { @for (position, fact) in [site, model].into_iter().flatten().enumerate() { @if position > 0 { " · " } bdi { (fact) } } }
                }
            }
            td {
                (bits::badge(phone.state))
                @if let Some(pending) = &phone.pending { span.under { (pending.reason) } }
                @for reason in &phone.degraded { span.under { (reason) } }
            }
            td.wide { @if let Some(site) = site { (site) } @else { span.quiet { "–" } } }
            td.wide { (bits::value(model)) }
            td.wide { (bits::value(phone.e164.as_deref())) }
            td.num { @if phone.drift_count == 0 { span.quiet { "0" } } @else { (number(phone.drift_count)) } }
            td.wide { (bits::ago(phone.last_seen, now)) }
        }
    }
}

/// The address of the same list from there on.
fn address(query: &Query, after: Option<&str>) -> String {
    let (selector, of_site) = (selector_of(query), site_selector_of(query));
    let pairs = [
        ("selector", selector.as_deref()),
        ("siteSelector", of_site.as_deref()),
        ("q", query.text.as_deref()),
        ("state", query.state.map(State::as_str)),
        ("reason", query.reason.map(PendingReason::as_str)),
        ("site", query.site.as_deref()),
        ("model", query.model.as_deref()),
        ("item", query.item.as_deref()),
        ("revision", query.revision.as_deref()),
        ("continue", after),
    ];
    let filters: Vec<_> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    bits::listed(&filters)
}
