//! The items of one phone: wanted against observed, how each stands, and where it comes from.

use jiff::Timestamp;
use maud::{Markup, html};

use super::bits::{self, number};
use crate::fleet::{
    explain::{Explanation, ItemStory, LayeredView},
    view::PhoneView,
    words::ItemStanding,
};

/// Most items that are shown.
const ITEMS: usize = 1_000;

/// How far from well an item is: what is shown first.
fn rank(standing: ItemStanding) -> u8 {
    match standing {
        ItemStanding::Refused | ItemStanding::TugOfWar => 0,
        ItemStanding::Differs => 1,
        ItemStanding::Due => 2,
        ItemStanding::Unread => 3,
        ItemStanding::Ignored => 4,
        ItemStanding::Right | ItemStanding::Written | ItemStanding::Assumed => 5,
        ItemStanding::NotApplicable => 6,
    }
}

fn class(standing: ItemStanding) -> &'static str {
    match standing {
        ItemStanding::Right | ItemStanding::Written => "s-insync",
        ItemStanding::Due | ItemStanding::Unread => "s-pending",
        ItemStanding::Differs => "s-drifted",
        ItemStanding::Refused | ItemStanding::TugOfWar => "s-degraded",
        ItemStanding::Assumed | ItemStanding::NotApplicable | ItemStanding::Ignored => "s-suspended",
    }
}

pub(super) fn table(phone: &PhoneView, explanation: &Explanation, now: Timestamp) -> Markup {
    let mut items: Vec<&ItemStory> = explanation.items.iter().collect();
    items.sort_by_key(|item| rank(item.standing));
    let beyond = items.len().saturating_sub(ITEMS);
    html! {
        h2 #items-title { "Wanted and observed" }
        p.quiet {
            (number(items.len())) " items; " (number(phone.drift_count)) @if phone.drift_count == 1 { " differs. " } @else { " differ. " }
            @if let Some(read) = explanation.read { "Read " (bits::ago(Some(read), now)) "." } @else { "Not read yet." }
        }
        @if !items.is_empty() {
            div.scroll {
                table.items {
                    caption.unseen { "Items that the phone is to have, those that need a look first" }
                    thead {
                        tr {
                            th scope="col" { "Item" } th scope="col" { "Wanted" } th scope="col" { "On the phone" }
                            th scope="col" { "How it stands" }
                        }
                    }
                    tbody { @for item in items.into_iter().take(ITEMS) { (row(item)) } }
                }
            }
        }
        @if beyond > 0 { p.quiet { "and " (number(beyond)) " more items" } }
    }
}

fn row(item: &ItemStory) -> Markup {
    html! {
        tr {
            th scope="row" { (bits::item(&item.item, item.index)) }
            td { (bits::value(item.wanted.value.as_deref())) (origin(&item.wanted, &item.over)) }
            td {
                @if item.observed.is_none() && matches!(item.standing, ItemStanding::Written | ItemStanding::Assumed | ItemStanding::Due) {
                    span.quiet { "cannot be read" }
                } @else { (bits::value(item.observed.as_deref())) }
            }
            td {
                span class={ "standing " (class(item.standing)) } { (item.standing.words()) }
                @if let Some(why) = &item.why { span.under { (bits::prose(why)) } }
            }
        }
    }
}

/// Where a value comes from, and what it lies over.
fn origin(wanted: &LayeredView, over: &[LayeredView]) -> Markup {
    html! {
        @if let Some(layer) = &wanted.layer {
            span.under.origin {
                (layer) @if let Some(place) = &wanted.place { " " span.mono { (place) } }
            }
        }
        @if !over.is_empty() {
            details.over {
                summary { "over " (over.len()) @if over.len() == 1 { " other value" } @else { " other values" } }
                ul {
                    @for below in over {
                        li {
                            @if below.value.is_none() { span.quiet { "taken out" } } @else { (bits::value(below.value.as_deref())) }
                            span.under.origin {
                                @if let Some(layer) = &below.layer { (layer) " " }
                                @if let Some(place) = &below.place { span.mono { (place) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
