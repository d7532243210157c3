//! What fires and what is over, from lists of what stands.

use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Alert, AlertList, AlertRecord, Rules, Transition,
    told::{FIRING, FIRING_OF_A_KIND, Memory, Owed, REMEMBERED},
};
use crate::fleet::{schedule::after, words::AlertKind};

const MINUTE: Duration = Duration::from_mins(1);

fn rules(targets: &[&'static str]) -> Rules {
    let targets = targets.iter().map(|target| SmolStr::new_static(target)).collect();
    Rules { hold: 10 * MINUTE, keep: 2 * MINUTE, grace: 60 * MINUTE, targets }
}

/// Decisions at times, with the alerts' own memory of since when they stand.
struct Desk {
    record: AlertRecord,
    memory: Memory,
    rules: Rules,
    now: Timestamp,
    stands: Vec<Alert>,
}

impl Desk {
    fn new() -> Self {
        let now = "2026-03-01T08:00:00Z".parse().unwrap();
        let (record, memory) = (AlertRecord::default(), Memory::default());
        Self { record, memory, rules: rules(&["webhook"]), now, stands: Vec::new() }
    }

    fn begins(&mut self, kind: AlertKind, id: &str) {
        self.stands.push(Alert {
            kind,
            id: id.to_owned(),
            site: None,
            item: None,
            revision: None,
            since: self.now,
            phones: 3,
            names: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            text: "sntp-addr differs".to_owned(),
        });
    }

    fn ends(&mut self, id: &str) {
        self.stands.retain(|alert| alert.id != id);
    }

    /// Time passes in steps of a minute; whether anything was decided.
    fn pass(&mut self, minutes: u64) -> bool {
        let mut changed = false;
        for _ in 0..minutes {
            self.now = after(self.now, MINUTE);
            changed |= self.decide();
        }
        changed
    }

    fn decide(&mut self) -> bool {
        let list = AlertList { alerts: self.stands.clone(), more: 0, next: None };
        self.record.decide(&list, &self.rules, &mut self.memory, self.now)
    }

    /// What is owed to the target, and then is told.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some((id, key, transition)) = self.record.all().iter().find_map(|told| {
            let transition = told.owed_to("webhook")?;
            Some((told.id.clone(), told.key(transition), transition))
        }) {
            assert!(self.record.note("webhook", &key, &mut self.memory), "{key}");
            told.push(format!("{} {id}", transition.as_str()));
        }
        told
    }

    /// Another process with what this one had stored.
    fn restart(&mut self) {
        let json = serde_json::to_string(&self.record).unwrap();
        self.record = serde_json::from_str(&json).unwrap();
        self.memory = Memory::default();
    }
}

#[test]
fn a_cause_fires_when_it_lasted_and_is_over_when_it_was_gone_for_a_while() {
    let mut desk = Desk::new();
    desk.begins(AlertKind::Drift, "drift/r1/a");
    assert!(!desk.pass(9));
    assert_eq!(desk.told(), [""; 0]);
    assert!(desk.pass(1));
    assert_eq!(desk.told(), ["firing drift/r1/a"]);
    assert!(!desk.pass(60), "and not again");
    desk.ends("drift/r1/a");
    assert!(!desk.pass(2));
    assert!(desk.pass(1));
    assert_eq!(desk.record.all()[0].ended, Some(desk.now));
    assert_eq!(desk.told(), ["resolved drift/r1/a"]);
    assert!(desk.record.is_empty(), "nothing is left to be told");
}

#[test]
fn what_waits_for_a_person_fires_at_once_and_a_short_cause_not_at_all() {
    let mut desk = Desk::new();
    desk.begins(AlertKind::Held, "held/r1");
    desk.begins(AlertKind::Drift, "drift/r1/a");
    desk.decide();
    assert_eq!(desk.told(), ["firing held/r1"]);
    desk.pass(8);
    desk.ends("drift/r1/a");
    desk.pass(1);
    desk.begins(AlertKind::Drift, "drift/r1/a");
    desk.pass(9);
    assert_eq!(desk.told(), [""; 0], "its time begins anew");
}

#[test]
fn a_cause_that_comes_and_goes_is_one_alert() {
    let mut desk = Desk::new();
    desk.begins(AlertKind::Drift, "drift/r1/a");
    desk.pass(10);
    assert_eq!(desk.told(), ["firing drift/r1/a"]);
    for _ in 0..20 {
        desk.ends("drift/r1/a");
        desk.pass(1);
        desk.begins(AlertKind::Drift, "drift/r1/a");
        desk.pass(1);
    }
    assert_eq!(desk.told(), [""; 0]);
}

#[test]
fn the_identity_has_no_time_in_it_and_the_key_is_of_one_transition() {
    let mut keys = Vec::new();
    let mut desk = Desk::new();
    for _ in 0..2 {
        desk.begins(AlertKind::Drift, "drift/r1/a");
        desk.pass(10);
        let told = desk.record.all()[0].clone();
        keys.push((told.fingerprint(), told.key(Transition::Firing), told.key(Transition::Resolved)));
        assert_eq!(keys[0].0.len(), 16);
        desk.told();
        desk.ends("drift/r1/a");
        desk.pass(3);
        desk.told();
    }
    assert_eq!(keys[0].0, keys[1].0, "the same cause a second time");
    let all: std::collections::BTreeSet<&String> = keys.iter().flat_map(|(_, one, two)| [one, two]).collect();
    assert_eq!(all.len(), 4, "each transition has a key of its own");
}

#[test]
fn a_restart_forgets_no_end_and_tells_nothing_twice() {
    let mut desk = Desk::new();
    desk.begins(AlertKind::Drift, "drift/r1/a");
    desk.begins(AlertKind::Invalid, "invalid/default");
    desk.pass(10);
    assert_eq!(desk.told(), ["firing drift/r1/a", "firing invalid/default"]);
    desk.restart();
    assert!(!desk.pass(30), "what was told is not told again");
    desk.ends("drift/r1/a");
    desk.pass(3);
    // due, and not told when the process ends
    assert_eq!(desk.record.all()[0].owed, [Owed { target: "webhook".into(), transition: Transition::Resolved }]);
    desk.restart();
    desk.decide();
    assert_eq!(desk.told(), ["resolved drift/r1/a"]);
    // over while nobody was there
    desk.restart();
    desk.ends("invalid/default");
    desk.pass(3);
    assert_eq!(desk.told(), ["resolved invalid/default"]);
}

#[test]
fn of_what_nothing_is_kept_no_end_is_told_right_after_a_start() {
    let mut desk = Desk::new();
    desk.begins(AlertKind::Silent, "silent/berlin");
    desk.pass(1);
    assert_eq!(desk.told(), ["firing silent/berlin"]);
    desk.restart();
    let silent = desk.stands[0].clone();
    desk.ends("silent/berlin");
    desk.pass(50);
    assert_eq!(desk.told(), [""; 0], "nobody can know yet");
    desk.stands.push(silent);
    desk.pass(30);
    assert_eq!(desk.told(), [""; 0], "it was so all the time");
    desk.ends("silent/berlin");
    desk.pass(3);
    assert_eq!(desk.told(), ["resolved silent/berlin"]);
}

#[test]
fn a_target_that_was_away_gets_both_in_their_order() {
    let mut desk = Desk::new();
    desk.rules = rules(&["webhook", "slack"]);
    desk.begins(AlertKind::Drift, "drift/r1/a");
    desk.pass(10);
    let key = desk.record.all()[0].key(Transition::Firing);
    assert!(desk.record.note("slack", &key, &mut desk.memory));
    assert!(!desk.record.note("slack", &key, &mut desk.memory), "only once");
    desk.ends("drift/r1/a");
    desk.pass(3);
    assert_eq!(desk.record.all()[0].owed_to("slack"), Some(Transition::Resolved));
    assert_eq!(desk.told(), ["firing drift/r1/a", "resolved drift/r1/a"]);
    assert!(!desk.record.is_empty(), "the other one waits");
    desk.rules = rules(&["webhook"]);
    desk.decide();
    assert!(desk.record.is_empty(), "whoever is not set any more is owed nothing");
}

#[test]
fn no_kind_takes_the_place_of_all_others_and_what_waits_is_bounded() {
    let mut desk = Desk::new();
    for number in 0..2 * FIRING_OF_A_KIND {
        desk.begins(AlertKind::Drift, &format!("drift/r1/{number:03}"));
    }
    desk.begins(AlertKind::Safety, "safety/a");
    desk.pass(10);
    assert_eq!(desk.record.all().len(), FIRING_OF_A_KIND + 1);
    assert_eq!(desk.memory.waiting, FIRING_OF_A_KIND);
    desk.ends("drift/r1/000");
    desk.pass(3);
    assert_eq!(desk.memory.waiting, FIRING_OF_A_KIND - 1, "one has got its place");
    // nobody takes anything, and they come and go
    let most = FIRING.max(REMEMBERED);
    for round in 0..20 {
        desk.stands.clear();
        desk.pass(3);
        for number in 0..FIRING_OF_A_KIND {
            desk.begins(AlertKind::Held, &format!("held/{round}/{number}"));
        }
        desk.pass(1);
        assert!(desk.record.all().len() <= most, "{}", desk.record.all().len());
    }
    assert!(desk.memory.dropped > 0);
    let newest = desk.record.all().last().map(|told| told.id.clone());
    assert_eq!(newest.as_deref(), Some("held/19/19"));
}

#[test]
fn each_kind_says_what_it_means_and_what_to_do() {
    for kind in AlertKind::ALL {
        assert!(kind.meaning().ends_with('.') && kind.action().ends_with('.'), "{kind}");
        assert!(kind.patience(10 * MINUTE) <= 10 * MINUTE);
    }
}
