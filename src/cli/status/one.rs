//! One phone for people.

use std::fmt::Write;

use jiff::Timestamp;

use super::text::{ago, ahead, clean};
use crate::{
    fleet::view::{DriftView, PendingView, PhoneView},
    spec::Revision,
};

/// All that is known of a phone.
pub fn text(phone: &PhoneView, now: Timestamp) -> String {
    let mut text = String::new();
    // a String takes every write
    let _ = describe(&mut text, phone, now);
    text
}

fn describe(out: &mut String, phone: &PhoneView, now: Timestamp) -> std::fmt::Result {
    writeln!(out, "{}  {}", phone.name.as_deref().map_or_else(|| "(undeclared)".to_owned(), clean), clean(&phone.mac))?;
    line(out, "State", &state(phone, now))?;
    let firmware = phone.firmware.as_deref().map(|firmware| format!(", {firmware}")).unwrap_or_default();
    line(out, "Model", &format!("{}{firmware}", phone.model.as_deref().unwrap_or("not known")))?;
    optional(out, "Number", phone.e164.as_deref())?;
    optional(out, "Site", phone.site.as_deref())?;
    optional(out, "Mode", phone.mode.map(|mode| format!("{mode:?}")).as_deref())?;
    let labels: Vec<_> = phone.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    optional(out, "Labels", (!labels.is_empty()).then(|| labels.join(", ")).as_deref())?;
    optional(out, "Revision", phone.revision.as_deref().map(Revision::new).as_ref().map(Revision::short))?;
    optional(out, "Address", phone.address.as_deref())?;
    line(out, "Seen", &time(phone.last_seen, now))?;
    line(out, "Proven", &time(phone.last_proof, now))?;
    line(out, "Items", &format!("{} managed, {} differ", phone.managed, phone.drift_count))?;
    if !phone.drift.is_empty() {
        writeln!(out, "\nDrift (observed → desired)")?;
        let rows: Vec<_> = phone.drift.iter().map(|drift| (id(&drift.item, drift.index), change(drift))).collect();
        list(out, &rows)?;
        if let Some(more @ 1..) = phone.drift_count.checked_sub(phone.drift.len()) {
            writeln!(out, "  … and {more} more")?;
        }
    }
    if !phone.refused.is_empty() {
        writeln!(out, "\nRefused by the phone")?;
        let rows: Vec<_> =
            phone.refused.iter().map(|refused| (id(&refused.item, refused.index), clean(&refused.status))).collect();
        list(out, &rows)?;
    }
    if !phone.notes.is_empty() {
        writeln!(out, "\nTo know")?;
        phone.notes.iter().try_for_each(|note| writeln!(out, "  {}", clean(note)))?;
    }
    if !phone.problems.is_empty() {
        writeln!(out, "\nProblems of its documents")?;
        phone.problems.iter().try_for_each(|problem| writeln!(out, "  {}", clean(problem)))?;
    }
    Ok(())
}

fn line(out: &mut String, key: &str, value: &str) -> std::fmt::Result {
    writeln!(out, "{key:<10} {}", clean(value))
}

fn optional(out: &mut String, key: &str, value: Option<&str>) -> std::fmt::Result {
    value.map_or(Ok(()), |value| line(out, key, value))
}

fn state(phone: &PhoneView, now: Timestamp) -> String {
    let mut why: Vec<String> = phone.degraded.iter().map(ToString::to_string).collect();
    if let Some(PendingView { reason, since, next }) = &phone.pending {
        why.push(reason.to_string());
        why.extend(since.map(|since| format!("since {}", ago(since, now))));
        why.extend(next.map(|next| format!("next attempt {}", ahead(next, now))));
    }
    if why.is_empty() { phone.state.to_string() } else { format!("{}: {}", phone.state, why.join(", ")) }
}

fn time(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "never".to_owned(), |then| format!("{} ({then:.0})", ago(then, now)))
}

fn id(item: &str, index: Option<u32>) -> String {
    let item = clean(item);
    index.map_or_else(|| item.clone(), |index| format!("{item}[{index}]"))
}

fn change(drift: &DriftView) -> String {
    let shown = |text: &str| if text.is_empty() { "\"\"".to_owned() } else { clean(text) };
    let observed = drift.observed.as_deref().map_or_else(|| "(none)".to_owned(), shown);
    format!("{observed} → {}", shown(&drift.desired))
}

fn list(out: &mut String, rows: &[(String, String)]) -> std::fmt::Result {
    let width = rows.iter().map(|(id, _)| id.chars().count()).max().unwrap_or_default();
    rows.iter().try_for_each(|(id, value)| writeln!(out, "  {id:<width$}  {value}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::table::tests::{at, phone},
        *,
    };
    use crate::fleet::{
        view::RefusedView,
        words::{DegradedReason, PendingReason, State},
    };

    fn drift(item: &str, index: Option<u32>, observed: Option<&str>, desired: &str) -> DriftView {
        DriftView { item: item.into(), index, desired: desired.into(), observed: observed.map(Into::into) }
    }

    #[test]
    fn a_pending_phone_says_why_and_what_differs() {
        let phone = PhoneView {
            state: State::Pending,
            pending: Some(PendingView {
                reason: PendingReason::Unreachable,
                since: Some(at(-600)),
                next: Some(at(45)),
            }),
            drift: vec![
                drift("function-key-def", Some(2), Some("31"), "59"),
                drift("sip-pwd", None, None, "***"),
                drift("sntp-addr", None, Some(""), "192.0.2.123"),
            ],
            drift_count: 5,
            last_proof: None,
            ..phone("reception")
        };
        insta::assert_snapshot!(text(&phone, at(0)), @r#"
        reception  00:1A:E8:11:22:33
        State      Pending: Unreachable, since 10m ago, next attempt in 45s
        Model      OpenStage 40, V3 R5.12.0
        Number     4930123456
        Site       berlin
        Mode       Enforce
        Labels     ward=3
        Revision   4b825dc642cb
        Address    127.0.0.9
        Seen       3m ago (2023-11-14T22:10:15Z)
        Proven     never
        Items      60 managed, 5 differ

        Drift (observed → desired)
          function-key-def[2]  31 → 59
          sip-pwd              (none) → ***
          sntp-addr            "" → 192.0.2.123
          … and 2 more
        "#);
    }

    #[test]
    fn a_degraded_phone_says_what_it_refused_and_a_call_has_no_times() {
        let degraded = PhoneView {
            state: State::Degraded,
            degraded: vec![DegradedReason::Refused],
            refused: vec![RefusedView {
                item: "ringer-melody".into(),
                index: None,
                status: "invalid \u{1b}data".into(),
            }],
            problems: vec!["phones.yaml:3:7: what a pity".into()],
            ..phone("reception")
        };
        insta::assert_snapshot!(text(&degraded, at(0)), @r#"
        reception  00:1A:E8:11:22:33
        State      Degraded: Refused
        Model      OpenStage 40, V3 R5.12.0
        Number     4930123456
        Site       berlin
        Mode       Enforce
        Labels     ward=3
        Revision   4b825dc642cb
        Address    127.0.0.9
        Seen       3m ago (2023-11-14T22:10:15Z)
        Proven     3m ago (2023-11-14T22:10:15Z)
        Items      60 managed, 0 differ

        Refused by the phone
          ringer-melody  invalid \u{1b}data

        Problems of its documents
          phones.yaml:3:7: what a pity
        "#);
        let pending = Some(PendingView { reason: PendingReason::InCall, since: None, next: None });
        let calling = PhoneView { state: State::Pending, pending, ..phone("reception") };
        assert!(text(&calling, at(0)).contains("State      Pending: InCall\n"));
    }
}
