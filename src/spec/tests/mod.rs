//! Tests of the documents layer as a whole: text in, phones and problems out.

mod export;
mod fixture;
mod insist;
mod isolation;
mod layering;
mod lines;
mod never_panics;
mod owners;
mod policy;
mod secrets;
mod share;
mod sites;
mod traps;
mod validation;

use std::sync::Arc;

use super::{Desired, Problem, Resolution, Revision, SecretReader, SecretsUnread, Severity, Snapshot, Wanted, load};
use crate::wpi::{DeviceId, Index, ItemId, ItemName};

/// Loads (path, text) pairs without secrets.
fn wanted(texts: &[(&str, &str)]) -> Wanted {
    wanted_with(texts, &SecretsUnread)
}

fn wanted_with(texts: &[(&str, &str)], secrets: &dyn SecretReader) -> Wanted {
    load(&Snapshot::of_texts(Revision::new("rev"), texts.iter().copied()), secrets)
}

/// A phone's document of which only `spec` matters; `spec` starts on line 5 with two spaces.
fn phone(mac_end: &str, spec: &str) -> String {
    format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p-{}}}\nspec:\n{spec}\n  phone: {{mac: \"00:1A:E8:00:00:{mac_end}\"}}\n",
        mac_end.to_lowercase()
    )
}

/// A profile's document; `spec` starts on line 5.
fn profile(name: &str, spec: &str) -> String {
    format!("apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: {name}}}\nspec:\n{spec}\n")
}

fn device(mac_end: &str) -> DeviceId {
    DeviceId::from_mac(&format!("00:1A:E8:00:00:{mac_end}")).unwrap()
}

fn ready(wanted: &Wanted, mac_end: &str, model: Option<&str>) -> Arc<Desired> {
    match wanted.resolve(&device(mac_end), model) {
        Resolution::Ready(desired) => desired,
        other => panic!("{mac_end}: {other:?}\n{:#?}", wanted.problems()),
    }
}

fn invalid(wanted: &Wanted, mac_end: &str) -> Arc<[Problem]> {
    match wanted.resolve(&device(mac_end), None) {
        Resolution::Invalid { problems, .. } => problems,
        other => panic!("{mac_end}: {other:?}"),
    }
}

fn id(name: &str, index: Option<u32>) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
}

fn text(desired: &Desired, name: &str, index: Option<u32>) -> Option<String> {
    desired.get(&id(name, index)).and_then(|item| item.value.value.as_text()).map(str::to_owned)
}

/// Every problem as `line:column code`, with `warning ` in front of a warning.
fn places(wanted: &Wanted) -> Vec<String> {
    let sign = |severity| if severity == Severity::Warning { "warning " } else { "" };
    let show = |problem: &Problem| {
        format!("{}{}:{} {}", sign(problem.severity), problem.place.line, problem.place.column, problem.code)
    };
    wanted.problems().iter().map(show).collect()
}

/// Checks one document: its problems, each as `line:column code`.
#[track_caller]
fn finds(text: &str, expected: &[&str]) -> Wanted {
    let wanted = wanted(&[("a.yaml", text)]);
    assert_eq!(places(&wanted), expected, "{text}\n{:#?}", wanted.problems());
    wanted
}

/// The message of the only problem.
#[track_caller]
fn message(wanted: &Wanted) -> &str {
    match wanted.problems() {
        [one] => &one.message,
        other => panic!("{other:#?}"),
    }
}
