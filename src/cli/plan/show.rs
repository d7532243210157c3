//! A plan as people read it: text for the terminal, Markdown for a pull request.

use jiff::Timestamp;

use crate::{
    cli::{
        gate::change,
        status::text::{ago, ahead, clean},
        undo::{indexed, on},
    },
    fleet::preview::{DelayView, PhoneChange, PhonePlan, PlanView, SupposedView},
    spec::Mode,
};

/// The numbers, a line each.
fn summary(plan: &PlanView) -> Vec<String> {
    let mut lines = vec![headline(plan)];
    let mut line = |is_so: bool, text: String| lines.extend(is_so.then(|| clean(&text)));
    line(plan.items > 0, format!("{} items in all", plan.items));
    let only = "nothing is written to any phone now, whatever the documents say (report only)";
    line(plan.report_only && plan.written + plan.returned > 0, only.to_owned());
    let reported = on(plan.reported, &plan.reported_names);
    line(plan.reported > 0, format!("differ, which mode Report only tells: {reported}"));
    let dangerous: Vec<String> = plan.dangerous.iter().map(|(effect, items)| format!("{items} of {effect}")).collect();
    let dangerous = if dangerous.is_empty() { String::new() } else { format!(": {} items", dangerous.join(", ")) };
    line(plan.risky > 0, format!("{} phones get items of effect service, safety or lockout{dangerous}", plan.risky));
    line(plan.restarts > 0, format!("{} phones are restarted", plan.restarts));
    let left = plan.restarts_left;
    line(left > 0, format!("{left} phones get items that take effect with their next restart, which nobody causes"));
    for delay in &plan.delays {
        line(true, delayed(delay));
    }
    line(plan.unread > 0, format!("never read, so all counts as new: {}", on(plan.unread, &plan.unread_names)));
    line(plan.away > 0, format!("did not come when last asked: {}", on(plan.away, &plan.away_names)));
    line(
        plan.gone > 0,
        format!("{} phones are named by no document any more: {}", plan.gone, plan.gone_names.join(", ")),
    );
    for why in &plan.waits {
        line(true, format!("it waits at the gate: {why}"));
    }
    lines
}

/// How many phones are written, and what they are compared with.
fn headline(plan: &PlanView) -> String {
    let PlanView { phones, written, returned, .. } = plan;
    let what = match (written, returned) {
        (_, 0) => format!("{written} of {phones} phones are written something new"),
        (0, _) => format!("{returned} of {phones} phones are written, and only return to what they had"),
        _ => {
            let all = written + returned;
            format!("{all} of {phones} phones are written: {written} something new, {returned} what they had before")
        }
    };
    let Some(SupposedView { oldest, newest, without_time }) = &plan.supposed else {
        return format!("{what} (compared with {})", clean(plan.against.as_deref().unwrap_or("nothing")));
    };
    let without = match (oldest, without_time) {
        (_, 0) => String::new(),
        (None, _) => "; they do not say when that was read".to_owned(),
        (Some(_), without) => format!("; of {without} phones they do not say when"),
    };
    let read = match (oldest, newest) {
        (Some(oldest), Some(newest)) if oldest != newest => format!(", read from {oldest:.0} to {newest:.0}"),
        (Some(read), _) => format!(", read at {read:.0}"),
        (None, _) => String::new(),
    };
    format!("{what} (compared with other documents{read}{without})")
}

fn delayed(delay: &DelayView) -> String {
    let until = delay.until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
    format!("{} phones wait ({}){until}", delay.phones, delay.reason)
}

pub(super) fn told(plan: &PlanView, now: Timestamp) -> String {
    let mut lines: Vec<String> = plan.errors.iter().map(|error| clean(&format!("error: {error}"))).collect();
    if plan.more_errors > 0 {
        lines.push(format!("and {} more errors", plan.more_errors));
    }
    lines.extend(summary(plan));
    lines.extend(plan.changes.iter().map(change));
    if plan.more > 0 {
        lines.push(format!("  and {} more changes of single phones", plan.more));
    }
    lines.extend(plan.phone.iter().flat_map(|phone| of_phone(phone, plan.supposed.is_some(), now)));
    lines.push(String::new());
    lines.join("\n")
}

/// One phone, item by item. `supposed` = no service was asked.
fn of_phone(phone: &PhonePlan, supposed: bool, now: Timestamp) -> Vec<String> {
    let read = match phone.read {
        Some(read) if supposed => format!("as it was exported, read {}", ago(read, now)),
        Some(read) => format!("read {}", ago(read, now)),
        None if supposed => "as the other documents have it".to_owned(),
        None => "never read".to_owned(),
    };
    let away = if phone.away { ", did not come when last asked" } else { "" };
    let mut lines = vec![clean(&format!("{} ({}), {read}{away}:", phone.name, phone.mac))];
    lines.extend(phone.items.iter().map(|change| of_item(change, "")));
    lines.extend(phone.reported.iter().map(|change| of_item(change, "  (only told: the mode is Report)")));
    if phone.items.is_empty() && phone.reported.is_empty() {
        lines.push(if phone.mode == Mode::Off { "  nothing: the mode is Off" } else { "  nothing" }.to_owned());
    }
    if phone.restarts {
        lines.push("  then it is restarted".to_owned());
    }
    if let Some(DelayView { reason, until, .. }) = &phone.delay {
        let until = until.map(|until| format!(", {}", ahead(until, now))).unwrap_or_default();
        lines.push(format!("  it waits: {reason}{until}"));
    }
    lines
}

fn of_item(change: &PhoneChange, why: &str) -> String {
    let shown = |text: &str| if text.is_empty() { "empty".to_owned() } else { text.to_owned() };
    let from = shown(change.from.as_deref().unwrap_or_default());
    let risky = change.risky.as_ref().map(|effect| format!("  ({effect}!)")).unwrap_or_default();
    let restart = if change.restart { "  (takes effect with a restart)" } else { "" };
    let back = if change.put_back { "  (no longer wanted: it goes back)" } else { "" };
    let item = indexed(&change.item, change.index);
    clean(&format!("  {item} {from} → {}{risky}{restart}{back}{why}", shown(&change.to)))
}

pub(super) fn markdown(plan: &PlanView, now: Timestamp) -> String {
    let mut lines = vec!["### phoneops plan".to_owned(), String::new()];
    lines.extend(plan.errors.iter().map(|error| format!("- **error:** {}", escaped(error))));
    lines.extend(summary(plan).iter().map(|line| format!("- {}", escaped(line))));
    if !plan.changes.is_empty() {
        lines.push(String::new());
        lines.push("| item | becomes | phones | which |".to_owned());
        lines.push("|---|---|---|---|".to_owned());
        lines.extend(plan.changes.iter().map(|change| {
            let index = change.index.map(|index| format!("[{index}]")).unwrap_or_default();
            let risky = change.risky.as_ref().map(|effect| format!(" **{effect}**")).unwrap_or_default();
            let rest = change.phones.saturating_sub(change.names.len());
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!(
                "| {}{index}{risky} | {} | {} | {}{rest} |",
                escaped(&change.item),
                escaped(if change.to.is_empty() { "empty" } else { &change.to }),
                change.phones,
                escaped(&change.names.join(", "))
            )
        }));
    }
    if let Some(phone) = &plan.phone {
        let told = of_phone(phone, plan.supposed.is_some(), now);
        let mut told = told.iter().map(|line| escaped(line.trim_start()));
        lines.push(String::new());
        lines.extend(told.next());
        lines.push(String::new());
        lines.extend(told.map(|line| format!("- {line}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Text that Markdown takes as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{gate::view::PlannedChange, words::PendingReason};

    fn plan() -> PlanView {
        let change = |item: &str, to: &str, risky: Option<&str>| PlannedChange {
            item: item.to_owned(),
            index: None,
            from: None,
            to: to.to_owned(),
            risky: risky.map(str::to_owned),
            put_back: false,
            phones: 12,
            names: vec!["reception".to_owned(), "ward_3".to_owned()],
        };
        PlanView {
            against: Some("9fceb02".to_owned()),
            phones: 400,
            written: 12,
            returned: 3,
            risky: 12,
            gone: 1,
            gone_names: vec!["old-desk".to_owned()],
            waits: vec![
                "it would write items of effect service, safety or lockout to 12 phones, and 3 go through".to_owned(),
            ],
            items: 24,
            certain: 9,
            dangerous: [("service".to_owned(), 12)].into(),
            restarts: 2,
            restarts_left: 1,
            delays: vec![DelayView {
                reason: PendingReason::WindowClosed,
                until: Some(Timestamp::UNIX_EPOCH),
                phones: 4,
            }],
            unread: 3,
            unread_names: vec!["desk-1".to_owned(), "desk-2".to_owned(), "desk-3".to_owned()],
            away: 11,
            away_names: vec!["desk-4".to_owned()],
            reported: 2,
            reported_names: vec!["desk-5".to_owned(), "desk-6".to_owned()],
            report_only: true,
            supposed: None,
            phone: Some(PhonePlan {
                name: "reception".to_owned(),
                mac: "001AE8112233".to_owned(),
                mode: Mode::Enforce,
                reported: Vec::new(),
                items: vec![PhoneChange {
                    item: "vlan-id".to_owned(),
                    index: None,
                    from: Some("7".to_owned()),
                    to: String::new(),
                    risky: Some("lockout".to_owned()),
                    put_back: true,
                    restart: true,
                }],
                returns: false,
                restarts: true,
                delay: Some(DelayView { reason: PendingReason::Paused, until: None, phones: 1 }),
                read: Some(Timestamp::UNIX_EPOCH),
                away: true,
            }),
            changes: vec![change("reg-addr", "192.0.2.20", Some("service")), change("key-label", "", None)],
            more: 0,
            errors: Vec::new(),
            more_errors: 0,
        }
    }

    #[test]
    fn a_plan_is_read_at_a_glance() {
        insta::assert_snapshot!(told(&plan(), Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5)));
    }

    #[test]
    fn a_plan_in_a_pull_request_is_a_table_that_no_name_breaks() {
        insta::assert_snapshot!(markdown(&plan(), Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5)));
    }

    fn headline_of(written: usize, returned: usize) -> String {
        headline(&PlanView {
            phones: 24,
            written,
            returned,
            against: Some("9fceb02".to_owned()),
            ..PlanView::default()
        })
    }

    #[test]
    fn the_first_line_is_true_whatever_phones_are_written() {
        let lines = [(0, 0), (8, 0), (0, 8), (3, 5)].map(|(written, returned)| headline_of(written, returned));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn without_a_service_it_is_said_from_when_an_export_is() {
        let at = |minutes| Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minutes));
        let supposed = |oldest, newest, without_time| PlanView {
            phones: 24,
            supposed: Some(SupposedView { oldest, newest, without_time }),
            ..PlanView::default()
        };
        let lines = [
            headline(&supposed(at(0), at(0), 0)),
            headline(&supposed(at(0), at(90), 2)),
            headline(&supposed(None, None, 24)),
        ];
        insta::assert_snapshot!(lines.join("\n"));
        let phone = |read| PhonePlan {
            read,
            items: Vec::new(),
            delay: None,
            away: false,
            restarts: false,
            ..plan().phone.unwrap()
        };
        let told = [of_phone(&phone(at(0)), true, at(200).unwrap()), of_phone(&phone(None), true, at(200).unwrap())];
        insta::assert_snapshot!(told.concat().join("\n"));
    }

    #[test]
    fn what_mode_report_only_tells_is_no_nothing() {
        let phone = plan().phone.unwrap();
        let report = PhonePlan {
            mode: Mode::Report,
            reported: phone.items.clone(),
            items: Vec::new(),
            restarts: false,
            delay: None,
            away: false,
            ..phone.clone()
        };
        let off = PhonePlan { mode: Mode::Off, reported: Vec::new(), ..report.clone() };
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(5);
        insta::assert_snapshot!([of_phone(&report, false, now), of_phone(&off, false, now)].concat().join("\n"));
    }
}
