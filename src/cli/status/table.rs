//! Many phones for people: one line each, and their sum.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use jiff::Timestamp;

use super::text::{ago, clean};
use crate::{
    fleet::{view::PhoneView, words::State},
    spec::Revision,
};

const HEAD: [&str; 10] = ["NAME", "MAC", "MODEL", "SITE", "STATE", "PENDING", "PROVEN", "DRIFT", "REVISION", "SEEN"];

/// Head, one line a phone, and the sum.
pub fn text(phones: &[PhoneView], now: Timestamp, colours: bool) -> String {
    if phones.is_empty() {
        return "No phones.\n".to_owned();
    }
    format!("{}\n{}\n", lines(phones, now, colours, true), sum(phones))
}

/// One line a phone, without head and sum.
pub fn rows(phones: &[PhoneView], now: Timestamp, colours: bool) -> String {
    lines(phones, now, colours, false)
}

fn lines(phones: &[PhoneView], now: Timestamp, colours: bool, head: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if head {
        table.set_header(HEAD);
    }
    table.add_rows(phones.iter().map(|phone| cells(phone, now)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let mut text = String::new();
    for (number, line) in table.lines().enumerate() {
        let phone = number.checked_sub(usize::from(head)).and_then(|number| phones.get(number));
        match phone.and_then(|phone| colour(phone.state)).filter(|_| colours) {
            Some(code) => text.extend(["\x1b[", code, "m", line.trim_end(), "\x1b[0m"]),
            None => text.push_str(line.trim_end()),
        }
        text.push('\n');
    }
    text
}

fn cells(phone: &PhoneView, now: Timestamp) -> [String; 10] {
    let or_dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), clean);
    [
        or_dash(&phone.name),
        clean(&phone.mac),
        or_dash(&phone.model),
        or_dash(&phone.site),
        phone.state.to_string(),
        phone.pending.as_ref().map_or_else(|| "-".to_owned(), |pending| pending.reason.to_string()),
        if phone.managed == 0 { "-".to_owned() } else { format!("{}/{}", phone.proven, phone.managed) },
        if phone.drift_count == 0 { "-".to_owned() } else { phone.drift_count.to_string() },
        phone.revision.as_ref().map_or_else(|| "-".to_owned(), |name| clean(Revision::new(name).short())),
        phone.last_seen.map_or_else(|| "-".to_owned(), |seen| ago(seen, now)),
    ]
}

/// The SGR code of a line; phones that are as they should be have none.
fn colour(state: State) -> Option<&'static str> {
    match state {
        State::Drifted | State::Degraded | State::Invalid => Some("31"),
        State::Pending | State::Held | State::Unknown => Some("33"),
        State::Reconciling => Some("36"),
        State::Suspended | State::Undeclared | State::Abandoned => Some("2"),
        State::InSync => None,
    }
}

/// `24 phones: 20 InSync, 3 Pending, 1 Drifted`
pub fn sum(phones: &[PhoneView]) -> String {
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    for phone in phones {
        *counts.entry(phone.state).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let parts: Vec<_> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let noun = if phones.len() == 1 { "phone" } else { "phones" };
    format!("{} {noun}: {}", phones.len(), parts.join(", "))
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::*;
    use crate::{
        fleet::{
            view::{DriftView, PendingView},
            words::PendingReason,
        },
        spec::Mode,
    };

    pub(in crate::cli::status) const NOW: i64 = 1_700_000_000;

    pub(in crate::cli::status) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOW + seconds).unwrap()
    }

    pub(in crate::cli) fn phone(name: &str) -> PhoneView {
        PhoneView {
            name: Some(name.to_owned()),
            mac: "00:1A:E8:11:22:33".to_owned(),
            model: Some("OpenStage 40".to_owned()),
            firmware: Some("V3 R5.12.0".to_owned()),
            e164: Some("4930123456".to_owned()),
            site: Some("berlin".to_owned()),
            labels: [("ward".to_owned(), "3".to_owned())].into(),
            mode: Some(Mode::Enforce),
            state: State::InSync,
            pending: None,
            degraded: Vec::new(),
            drift: Vec::new(),
            drift_count: 0,
            refused: Vec::new(),
            assumed: Vec::new(),
            assumed_count: 0,
            not_applicable: Vec::new(),
            not_applicable_count: 0,
            notes: Vec::new(),
            problems: Vec::new(),
            proven: 60,
            managed: 60,
            tug_of_war: Vec::new(),
            ignored: Vec::new(),
            ignored_count: 0,
            warnings: Vec::new(),
            revision: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned()),
            address: Some("127.0.0.9".to_owned()),
            last_seen: Some(at(-185)),
            last_proof: Some(at(-185)),
        }
    }

    pub(in crate::cli::status) fn fleet() -> Vec<PhoneView> {
        let drift = vec![DriftView {
            item: "sntp-addr".to_owned(),
            index: None,
            desired: "192.0.2.123".to_owned(),
            observed: Some(String::new()),
            risky: None,
            first_seen: Some(at(-7300)),
            times: 2,
        }];
        vec![
            PhoneView { state: State::Drifted, drift, drift_count: 1, proven: 59, ..phone("front-desk") },
            PhoneView {
                state: State::Pending,
                pending: Some(PendingView { reason: PendingReason::InCall, since: None, next: None }),
                drift_count: 12,
                proven: 48,
                ..phone("reception")
            },
            phone("sales-1"),
            phone("sales-2"),
            PhoneView {
                name: None,
                site: None,
                revision: None,
                proven: 0,
                managed: 0,
                model: Some("OpenStage\n60".to_owned()),
                state: State::Undeclared,
                last_seen: None,
                ..phone("")
            },
        ]
    }

    #[test]
    fn a_table_has_a_line_a_phone_and_a_sum() {
        insta::assert_snapshot!(text(&fleet(), at(0), false), @r#"
        NAME         MAC                 MODEL           SITE     STATE        PENDING   PROVEN   DRIFT   REVISION       SEEN
        front-desk   00:1A:E8:11:22:33   OpenStage 40    berlin   Drifted      -         59/60    1       4b825dc642cb   3m ago
        reception    00:1A:E8:11:22:33   OpenStage 40    berlin   Pending      InCall    48/60    12      4b825dc642cb   3m ago
        sales-1      00:1A:E8:11:22:33   OpenStage 40    berlin   InSync       -         60/60    -       4b825dc642cb   3m ago
        sales-2      00:1A:E8:11:22:33   OpenStage 40    berlin   InSync       -         60/60    -       4b825dc642cb   3m ago
        -            00:1A:E8:11:22:33   OpenStage\n60   -        Undeclared   -         -        -       -              -

        5 phones: 2 InSync, 1 Pending, 1 Drifted, 1 Undeclared
        "#);
    }

    #[test]
    fn only_a_terminal_gets_colours() {
        let plain = text(&fleet(), at(0), false);
        let coloured = text(&fleet(), at(0), true);
        assert!(!plain.contains('\x1b'));
        assert!(coloured.contains("\x1b[31mfront-desk"), "{coloured:?}");
        assert!(coloured.contains("\nsales-1"), "a good phone has none: {coloured:?}");
    }

    #[test]
    fn no_phones_and_one_phone_are_said_in_words() {
        assert_eq!(text(&[], at(0), false), "No phones.\n");
        assert_eq!(sum(&[phone("a")]), "1 phone: 1 InSync");
    }
}
