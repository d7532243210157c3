//! One phone for people.

use std::fmt::Write;

use jiff::Timestamp;

use super::text::{ago, ahead, clean};
use crate::{
    fleet::{
        view::{DriftView, IgnoredView, PendingView, PhoneView, TugView},
        words::TugOfWar,
    },
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
    line(out, "Items", &items(phone))?;
    phone.notes.iter().try_for_each(|note| line(out, "Note", note))?;
    if !phone.drift.is_empty() {
        writeln!(out, "\nDrift (observed → desired)")?;
        let rows: Vec<_> = phone.drift.iter().map(|drift| (id(&drift.item, drift.index), change(drift, now))).collect();
        list(out, &rows)?;
        if let Some(more @ 1..) = phone.drift_count.checked_sub(phone.drift.len()) {
            writeln!(out, "  … and {more} more")?;
        }
    }
    if !phone.tug_of_war.is_empty() {
        writeln!(out, "\nTug of war (not put right any more)")?;
        let rows: Vec<_> =
            phone.tug_of_war.iter().map(|held| (id(&held.item, held.index), why_held(held, now))).collect();
        list(out, &rows)?;
    }
    if !phone.ignored.is_empty() {
        writeln!(out, "\nIgnored (policy.ignore)")?;
        let rows: Vec<_> = phone.ignored.iter().map(|rule| (id(&rule.item, rule.index), why_ignored(rule))).collect();
        list(out, &rows)?;
    }
    if !phone.warnings.is_empty() {
        writeln!(out, "\nWarnings")?;
        phone.warnings.iter().try_for_each(|warning| writeln!(out, "  {}", clean(warning)))?;
    }
    if !phone.refused.is_empty() {
        writeln!(out, "\nRefused by the phone")?;
        let rows: Vec<_> =
            phone.refused.iter().map(|refused| (id(&refused.item, refused.index), clean(&refused.status))).collect();
        list(out, &rows)?;
    }
    if !phone.assumed.is_empty() {
        writeln!(out, "\nAssumed to be right: never compared, and not written by phoneops")?;
        phone.assumed.iter().try_for_each(|item| writeln!(out, "  {}", clean(item)))?;
        if let Some(more @ 1..) = phone.assumed_count.checked_sub(phone.assumed.len()) {
            writeln!(out, "  … and {more} more")?;
        }
    }
    if !phone.not_applicable.is_empty() {
        writeln!(out, "\nNot applicable (the phone does not have them, so they are not sent)")?;
        let rows: Vec<_> =
            phone.not_applicable.iter().map(|item| (id(&item.item, item.index), clean(&item.status))).collect();
        list(out, &rows)?;
        if let Some(more @ 1..) = phone.not_applicable_count.checked_sub(phone.not_applicable.len()) {
            writeln!(out, "  … and {more} more")?;
        }
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

/// `18/20 proven, 2 differ, 1 ignored`
fn items(phone: &PhoneView) -> String {
    let ignored = match phone.ignored_count {
        0 => String::new(),
        count => format!(", {count} ignored"),
    };
    let not_applicable = match phone.not_applicable_count {
        0 => String::new(),
        count => format!(", {count} not applicable"),
    };
    let assumed = match phone.assumed_count {
        0 => String::new(),
        count => format!(", {count} assumed"),
    };
    let PhoneView { proven, managed, drift_count, .. } = phone;
    format!("{proven}/{managed} proven, {drift_count} differ{assumed}{ignored}{not_applicable}")
}

fn times(times: u32) -> String {
    if times == 1 { "once".to_owned() } else { format!("{times} times") }
}

fn why_held(held: &TugView, now: Timestamp) -> String {
    let whose = match held.cause {
        TugOfWar::Item => "on this phone",
        TugOfWar::Site => "as on other phones of its site, where another server or person writes",
    };
    format!("{}: drifted {} {whose}, last {}", held.cause, times(held.times), ago(held.last_seen, now))
}

fn why_ignored(rule: &IgnoredView) -> String {
    let until = rule.until.map(|until| format!(", until {until:.0}")).unwrap_or_default();
    let differs = if rule.differs { ", differs" } else { "" };
    format!("{}{until}{differs}", clean(&rule.reason))
}

fn change(drift: &DriftView, now: Timestamp) -> String {
    let shown = |text: &str| if text.is_empty() { "\"\"".to_owned() } else { clean(text) };
    let observed = drift.observed.as_deref().map_or_else(|| "(none)".to_owned(), shown);
    let seen = drift.first_seen.map(|first| format!("  (first seen {}, {})", ago(first, now), times(drift.times)));
    format!("{observed} → {}{}", shown(&drift.desired), seen.unwrap_or_default())
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
        let observed = observed.map(Into::into);
        DriftView {
            item: item.into(),
            index,
            desired: desired.into(),
            observed,
            risky: None,
            first_seen: None,
            times: 0,
        }
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
            proven: 55,
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
        Items      55/60 proven, 5 differ

        Drift (observed → desired)
          function-key-def[2]  31 → 59
          sip-pwd              (none) → ***
          sntp-addr            "" → 192.0.2.123
          … and 2 more
        "#);
    }

    #[test]
    fn a_phone_says_what_drifts_since_when_what_is_not_put_right_and_what_is_ignored() {
        let seen = |drift, times| DriftView { first_seen: Some(at(-7300)), times, ..drift };
        let tug =
            |item: &str, cause, times| TugView { item: item.into(), index: None, cause, times, last_seen: at(-600) };
        let phone = PhoneView {
            state: State::Degraded,
            degraded: vec![DegradedReason::TugOfWar],
            drift: vec![
                seen(drift("sntp-addr", None, Some("192.0.2.66"), "192.0.2.123"), 4),
                seen(drift("sntp-tz-offset", None, Some("0"), "60"), 1),
            ],
            drift_count: 2,
            proven: 57,
            tug_of_war: vec![tug("sntp-addr", TugOfWar::Item, 4), tug("sntp-tz-offset", TugOfWar::Site, 1)],
            ignored: vec![IgnoredView {
                item: "key-label-unicode".into(),
                index: Some(1),
                reason: "The ward writes on it".into(),
                until: Some(at(86_400)),
                differs: true,
            }],
            ignored_count: 1,
            warnings: vec!["policy.ignore: the rule for e164 ended".into()],
            ..phone("reception")
        };
        let text = text(&phone, at(0));
        insta::assert_snapshot!(text.split_once("Items").unwrap().1, @r#"
              57/60 proven, 2 differ, 1 ignored

        Drift (observed → desired)
          sntp-addr       192.0.2.66 → 192.0.2.123  (first seen 2h ago, 4 times)
          sntp-tz-offset  0 → 60  (first seen 2h ago, once)

        Tug of war (not put right any more)
          sntp-addr       Item: drifted 4 times on this phone, last 10m ago
          sntp-tz-offset  Site: drifted once as on other phones of its site, where another server or person writes, last 10m ago

        Ignored (policy.ignore)
          key-label-unicode[1]  The ward writes on it, until 2023-11-15T22:13:20Z, differs

        Warnings
          policy.ignore: the rule for e164 ended
        "#);
        assert!(text.contains("State      Degraded: TugOfWar\n"));
    }

    #[test]
    fn a_degraded_phone_says_what_it_refused_and_a_call_has_no_times() {
        let degraded = PhoneView {
            state: State::Degraded,
            degraded: vec![DegradedReason::Refused],
            proven: 59,
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
        Items      59/60 proven, 0 differ

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
