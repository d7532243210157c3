//! What the status of a resource says: conditions as kstatus reads them, facts, counts and names of items, and no value
//! of one; of a phone in a call no times (promise 10). All of it follows from what is known now and what stood there.
//!
//! A condition of a phone in a call has no `lastTransitionTime`, and gets none as long as its status stands: by then that
//! would be the time at which the call has ended. Nobody who waits for a condition asks for it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::share::{Share, Sum, behind_message};
use crate::{
    fleet::{
        tally::LayerTally,
        view::PhoneView,
        words::{PendingReason, State},
    },
    source::kube::Resource,
};

/// Most names of items in one list.
const NAMED: usize = 10;
/// Longest message, in characters.
const MESSAGE: usize = 1_000;

/// One condition as it is now.
struct Condition {
    kind: &'static str,
    status: bool,
    reason: String,
}

/// The list, with the times of those that stand as they stood, which may be none.
fn conditions(now: Vec<Condition>, message: &str, observed: Option<i64>, before: &Value) -> Value {
    let known = |kind: &str| {
        let list = before.get("conditions").and_then(Value::as_array)?;
        list.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
    };
    let one = |Condition { kind, status, reason }: Condition| {
        let status = if status { "True" } else { "False" };
        let same = known(kind).filter(|known| known.get("status").and_then(Value::as_str) == Some(status));
        let since = match same {
            _ if reason == PendingReason::InCall.as_str() => None,
            Some(known) => known.get("lastTransitionTime").cloned(),
            None => Some(json!(format!("{:.0}", Timestamp::now()))),
        };
        // an empty text is taken for null by old API servers
        let message = if message.is_empty() { reason.as_str() } else { message };
        let mut condition = json!({ "type": kind, "status": status, "reason": reason, "message": message });
        if let Some(condition) = condition.as_object_mut() {
            let observed = observed.map(|observed| json!(observed));
            let more = [("lastTransitionTime", since), ("observedGeneration", observed)];
            condition.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        condition
    };
    Value::Array(now.into_iter().map(one).collect())
}

fn condition(kind: &'static str, status: bool, reason: &str) -> Condition {
    Condition { kind, status, reason: reason.to_owned() }
}

/// The conditions of a phone (kstatus: all but Ready are there only while they are true).
fn of_state(state: State, pending: Option<PendingReason>) -> Vec<Condition> {
    let word = pending.map_or_else(|| state.as_str(), PendingReason::as_str);
    let soon = matches!(pending, Some(PendingReason::Queued | PendingReason::Called | PendingReason::InCall));
    match state {
        State::InSync | State::Suspended => vec![condition("Ready", true, word)],
        State::Drifted => vec![condition("Ready", true, word), condition("Drifted", true, word)],
        State::Reconciling => vec![condition("Ready", false, word), condition("Reconciling", true, word)],
        State::Pending if soon => vec![
            condition("Ready", false, word),
            condition("Reconciling", true, word),
            condition("Pending", true, word),
        ],
        State::Degraded | State::Invalid => vec![condition("Ready", false, word), condition("Stalled", true, word)],
        State::Pending | State::Held | State::Unknown | State::Undeclared | State::Abandoned => {
            vec![condition("Ready", false, word), condition("Pending", true, word)]
        }
    }
}

pub(super) fn of_config(
    view: Option<&PhoneView>,
    observed: Option<i64>,
    problems: &[String],
    resource: &Resource,
) -> Value {
    let mut status = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            status.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    put("observedGeneration", observed.map(|observed| json!(observed)));
    let state = match view {
        Some(_) if !problems.is_empty() => State::Invalid,
        Some(view) => view.state,
        None if problems.is_empty() => State::Unknown,
        None => State::Invalid,
    };
    let pending = view.filter(|_| state == State::Pending).and_then(|view| view.pending.as_ref());
    let message = message(view, problems);
    let list = of_state(state, pending.map(|pending| pending.reason));
    put("conditions", Some(conditions(list, &message, observed, resource.status())));
    put("state", Some(json!(state.as_str())));
    put("message", Some(json!(message)).filter(|_| !message.is_empty()));
    put("reconcileAt", resource.reconcile_at.as_ref().map(|wish| json!(wish)));
    let revision = resource.revision.clone().or_else(|| view?.revision.clone());
    let applied = match state {
        State::InSync => text(&revision),
        _ => resource.status().get("lastAppliedRevision").cloned(),
    };
    put("lastAppliedRevision", applied);
    if let Some(view) = view {
        put("model", text(&view.model));
        put("firmware", text(&view.firmware));
        put("e164", text(&view.e164));
        put("address", text(&view.address));
        put("site", text(&view.site));
        put("revision", text(&revision));
        put("proven", Some(json!(view.proven)));
        put("managed", Some(json!(view.managed)));
        let drift = view.drift.iter().map(|drift| indexed(&drift.item, drift.index));
        put("drift", Some(named(view.drift_count, drift)));
        let refused = view.refused.iter().map(|refused| indexed(&refused.item, refused.index));
        put("refused", Some(named(view.refused.len(), refused)));
    }
    if let Some(pending) = pending {
        let mut told = json!({ "reason": pending.reason.as_str() });
        if let (Some(told), true) = (told.as_object_mut(), pending.reason != PendingReason::InCall) {
            let times = [("since", pending.since), ("next", pending.next)];
            told.extend(
                times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(format!("{:.0}", time?))))),
            );
        }
        put("pending", Some(told));
    }
    Value::Object(status)
}

fn message(view: Option<&PhoneView>, problems: &[String]) -> String {
    let first = problems.first().or_else(|| view.and_then(|view| view.problems.first().or(view.notes.first())));
    first.map(|text| text.chars().filter(|c| !c.is_control()).take(MESSAGE).collect()).unwrap_or_default()
}

fn indexed(item: &str, index: Option<u32>) -> String {
    index.map_or_else(|| item.to_owned(), |index| format!("{item}[{index}]"))
}

/// How many, and the first ten; no empty list.
fn named(count: usize, names: impl Iterator<Item = String>) -> Value {
    let names: Vec<String> = names.take(NAMED).collect();
    if names.is_empty() { json!({ "count": count }) } else { json!({ "count": count, "items": names }) }
}

/// The same where several releases share it: of the phones of all of them.
/// `kept` = of its own what was told before stands, for its phones are not read yet.
pub(super) fn of_shared(
    share: &Share,
    tally: LayerTally,
    kept: bool,
    taken: Option<i64>,
    problems: &[String],
    stands: &Value,
) -> Value {
    let sum = Sum::of(&share.shard, tally, kept, taken, stands);
    let mut status = of_layer(sum.tally, sum.observed, problems, stands);
    let Some(fields) = status.as_object_mut() else { return status };
    sum.put(fields);
    if let Some(behind) = sum.behind.as_ref().filter(|_| problems.is_empty()) {
        let list = vec![condition("Ready", false, "Pending"), condition("Reconciling", true, "Pending")];
        let list = conditions(list, &behind_message(behind), sum.observed, stands);
        fields.insert("conditions".to_owned(), list);
    }
    status
}

/// Ready when all phones are settled that can be: one that is switched off holds up nobody's roll-out.
pub(super) fn of_layer(tally: LayerTally, observed: Option<i64>, problems: &[String], before: &Value) -> Value {
    let LayerTally { phones, in_sync, suspended, pending, awaited, drifted, .. } = tally;
    let (list, message) = if let Some(problem) = problems.first() {
        let message: String = problem.chars().filter(|c| !c.is_control()).take(MESSAGE).collect();
        (vec![condition("Ready", false, "Invalid"), condition("Stalled", true, "Invalid")], message)
    } else if awaited > 0 {
        let message = format!("{awaited} of {phones} phones wait");
        (vec![condition("Ready", false, "Pending"), condition("Reconciling", true, "Pending")], message)
    } else if pending > 0 && pending + suspended == phones {
        let message = format!("none of {pending} phones was reached");
        (vec![condition("Ready", false, "Pending"), condition("Pending", true, "Pending")], message)
    } else if pending > 0 {
        let message =
            format!("{in_sync} of {phones} phones are in sync; {pending} cannot be reached or are left alone");
        (vec![condition("Ready", true, "Settled")], message)
    } else {
        (vec![condition("Ready", true, "Settled")], format!("{in_sync} of {phones} phones are in sync"))
    };
    let mut status = json!({
        "conditions": conditions(list, &message, observed, before),
        "phones": phones, "inSync": in_sync, "pending": pending, "drifted": drifted,
    });
    if let (Some(status), Some(observed)) = (status.as_object_mut(), observed) {
        status.insert("observedGeneration".to_owned(), json!(observed));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: State, pending: Option<PendingReason>) -> Vec<String> {
        let one = |condition: Condition| format!("{}={} {}", condition.kind, condition.status, condition.reason);
        of_state(state, pending).into_iter().map(one).collect()
    }

    #[test]
    fn each_state_has_its_conditions() {
        assert_eq!(told(State::InSync, None), ["Ready=true InSync"]);
        assert_eq!(told(State::Suspended, None), ["Ready=true Suspended"]);
        assert_eq!(told(State::Drifted, None), ["Ready=true Drifted", "Drifted=true Drifted"]);
        assert_eq!(told(State::Invalid, None), ["Ready=false Invalid", "Stalled=true Invalid"]);
        assert_eq!(told(State::Held, None), ["Ready=false Held", "Pending=true Held"]);
        assert_eq!(
            told(State::Pending, Some(PendingReason::Queued)),
            ["Ready=false Queued", "Reconciling=true Queued", "Pending=true Queued"]
        );
        assert_eq!(told(State::Pending, Some(PendingReason::Paused)), ["Ready=false Paused", "Pending=true Paused"]);
    }

    #[test]
    fn a_profile_is_ready_when_its_phones_are_that_can_be_reached() {
        let told = |phones, pending, awaited| {
            let suspended = usize::from(phones > 0);
            let tally =
                LayerTally { phones, in_sync: phones - pending, suspended, pending, awaited, ..LayerTally::default() };
            let status = of_layer(tally, Some(1), &[], &Value::Null);
            let list = status["conditions"].as_array().unwrap().clone();
            let is_true = |kind: &str| list.iter().any(|one| one["type"] == kind && one["status"] == "True");
            (is_true("Ready"), is_true("Reconciling"), list[0]["message"].as_str().unwrap().to_owned())
        };
        assert_eq!(told(4, 0, 0), (true, false, "4 of 4 phones are in sync".to_owned()));
        assert_eq!(told(4, 2, 1), (false, true, "1 of 4 phones wait".to_owned()));
        let away = "2 of 4 phones are in sync; 2 cannot be reached or are left alone";
        assert_eq!(told(4, 2, 0), (true, false, away.to_owned()));
        assert_eq!(told(4, 3, 0), (false, false, "none of 3 phones was reached".to_owned()));
        assert_eq!(told(0, 0, 0), (true, false, "0 of 0 phones are in sync".to_owned()));
    }

    #[test]
    fn the_time_of_a_condition_stays_while_it_stands() {
        let first = conditions(of_state(State::Drifted, None), "", Some(1), &Value::Null);
        let mut before = json!({ "conditions": first });
        before["conditions"][0]["lastTransitionTime"] = json!("2026-03-01T08:00:00Z");
        let second = conditions(of_state(State::InSync, None), "better", Some(2), &before);
        assert_eq!(second[0]["lastTransitionTime"], "2026-03-01T08:00:00Z", "Ready was true, and is");
        assert_eq!((&second[0]["reason"], &second[0]["observedGeneration"]), (&json!("InSync"), &json!(2)));
        let third = conditions(of_state(State::Held, None), "", Some(2), &before);
        assert_ne!(third[0]["lastTransitionTime"], "2026-03-01T08:00:00Z");
    }

    #[test]
    fn no_condition_has_the_time_of_a_call_nor_gets_it_behind_the_call() {
        let timed = |list: &Value| -> Vec<String> {
            let with_time = list.as_array().unwrap().iter().filter(|one| one.get("lastTransitionTime").is_some());
            with_time.map(|one| one["type"].as_str().unwrap().to_owned()).collect()
        };
        let then = |state, pending, stood: &Value| {
            conditions(of_state(state, pending), "", Some(1), &json!({ "conditions": stood }))
        };
        let in_sync = then(State::InSync, None, &Value::Null);
        let queued = then(State::Pending, Some(PendingReason::Queued), &in_sync);
        assert_eq!((timed(&in_sync), timed(&queued).len()), (vec!["Ready".to_owned()], 3));
        // a sweep meets the call, or the write of a change does
        for before in [in_sync, queued] {
            let in_call = then(State::Pending, Some(PendingReason::InCall), &before);
            assert_eq!((timed(&in_call), &in_call[0]["status"]), (vec![], &json!("False")), "promise 10");
            let stands = then(State::Pending, Some(PendingReason::InCall), &in_call);
            assert_eq!(stands, in_call, "it is not written again");
            let waits = then(State::Pending, Some(PendingReason::Queued), &in_call);
            assert_eq!(timed(&waits), [""; 0], "what waits on waits since before");
            let writes = then(State::Reconciling, None, &waits);
            assert_eq!(timed(&writes), [""; 0]);
            let done = then(State::InSync, None, &writes);
            assert_eq!(timed(&done), ["Ready"], "its change, as in the history");
        }
    }

    #[test]
    fn a_day_of_sweeps_changes_no_byte_of_the_status_of_a_thousand_phones() {
        let mut rest = crate::fleet::tests::at_rest::AtRest::new();
        let mut standing: std::collections::HashMap<String, (Resource, String)> = std::collections::HashMap::new();
        let mut looks = 0;
        rest.pass(&mut |view, _| {
            looks += 1;
            let name = view.name.as_deref().unwrap();
            let Some((resource, before)) = standing.get(name) else {
                let mut object = json!({ "metadata": { "name": name, "namespace": "voice", "generation": 1 } });
                let none = Resource::read("PhoneConfig", &object).unwrap();
                object["status"] = of_config(Some(view), Some(1), &[], &none);
                // as if it was written long ago
                let conditions = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut).unwrap();
                for one in conditions {
                    one["lastTransitionTime"] = json!("2026-03-01T08:00:00Z");
                }
                let text = object["status"].to_string();
                let resource = Resource::read("PhoneConfig", &object).unwrap();
                standing.insert(name.to_owned(), (resource, text));
                return;
            };
            let now = of_config(Some(view), Some(1), &[], resource);
            assert_eq!(now.to_string(), *before, "a status of {name} would be written (promise 6)");
        });
        rest.was_swept();
        assert!(standing.len() == 1_000 && looks > 25_000, "{looks}");
    }
}
