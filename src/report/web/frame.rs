//! What is around each page: head, way to the other pages, what stands above everything else, foot.

use maud::{DOCTYPE, Markup, html};

use super::{
    bits,
    drawing::{ICON_PATH, SCRIPT_PATH, STYLE_PATH, address},
    glance::Glance,
};
use crate::{fleet::words::State, report::events};

/// Which part of the page this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Fleet,
    Phones,
    Revisions,
    Undeclared,
    Guide,
    Nowhere,
}

const PARTS: [(Here, &str, &str); 5] = [
    (Here::Fleet, "/", "Fleet"),
    (Here::Phones, "/phones", "Phones"),
    (Here::Revisions, "/revisions", "Revisions"),
    (Here::Undeclared, "/undeclared", "Undeclared"),
    (Here::Guide, "/guide", "Words"),
];

/// A page. `glance` is missing where nothing of the fleet may be shown; `phone` is the only one that the page is about.
pub(super) fn page(here: Here, title: &str, glance: Option<&Glance>, phone: Option<&str>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · phoneops" }
                link rel="icon" type="image/svg+xml" href=(address(ICON_PATH));
                link rel="stylesheet" href=(address(STYLE_PATH));
                @if glance.is_some() { script src=(address(SCRIPT_PATH)) defer {} }
            }
            body data-events=[glance.map(|_| events::PATH)] data-phone=[phone] {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    div.inner {
                        a.brand href="/" { (mark()) span { "phoneops" } }
                        nav aria-label="Pages" {
                            ul {
                                @for (part, address, name) in PARTS {
                                    li { a href=(address) aria-current=[(part == here).then_some("page")] { (name) } }
                                }
                            }
                        }
                        span #pulse .pulse hidden { span.dot aria-hidden="true" {} span.word { "live" } }
                    }
                }
                @if let Some(glance) = glance { (notes(glance)) }
                main #main tabindex="-1" { (main) }
                footer.foot {
                    div.inner {
                        @if let Some(revision) = glance.and_then(|glance| glance.survey.revision.as_deref()) {
                            span #newest data-live { "Revision " (bits::revision(revision)) }
                        }
                        span { "phoneops " (env!("CARGO_PKG_VERSION")) ". Times are in UTC." }
                    }
                }
                p #told .unseen role="status" aria-live="polite" data-live {
                    @if let Some(glance) = glance { (spoken(glance)) }
                }
            }
        }
    }
}

/// What somebody should know before anything else.
fn notes(glance: &Glance) -> Markup {
    let notes: Vec<&String> = glance.away.iter().chain(&glance.service.notes).collect();
    html! {
        div #notes data-live {
            @if !notes.is_empty() {
                section.notes aria-label="Before anything else" {
                    ul.inner { @for note in notes { li { (bits::sign(State::Degraded)) span { (bits::prose(note)) } } } }
                }
            }
        }
    }
}

/// The fleet in one sentence, told again when it changes to those who do not see the page.
fn spoken(glance: &Glance) -> String {
    let counts = bits::ORDER.iter().filter_map(|state| Some((state, *glance.survey.states.get(state)?)));
    let counts: Vec<String> = counts.map(|(state, count)| format!("{} {state}", bits::number(count))).collect();
    format!("{}: {}", bits::phones(glance.survey.phones), counts.join(", "))
}

/// The mark: a handset over a check.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            rect.ground width="32" height="32" rx="8" {}
            path.line d="M7 13.5c5-5 13-5 18 0l-2.4 3.4-4-1.6v-2.6c-1.8-.5-3.4-.5-5.2 0v2.6l-4 1.6z" {}
            path.tick d="M11 22.5l3.6 3.4 6.6-7" {}
        }
    }
}

/// Says no, with what to do.
pub(super) fn refusal(title: &str, message: &str, glance: Option<&Glance>) -> Markup {
    let main = html! {
        section.refusal {
            h1 { (title) }
            p { (bits::prose(message)) }
            p { a href="/" { "To the fleet" } }
        }
    };
    page(Here::Nowhere, title, glance, None, &main)
}
