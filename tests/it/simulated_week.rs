//! A week of calls in simulated time, with a change that has to wait for some of them every day. Then everything that is
//! kept or told is searched for their times (promise 10): the rows of the store, the history, the log above debug, what
//! the API shows, and the metrics.
//!
//! What cannot be hidden is that a write that waited was made when it was made. So a call that a write waited for is
//! sought by its own moments only, and all others also by anything near them.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;
use phoneops::{
    report::metrics::{FleetCounts, ServiceMetrics},
    wpi::ItemId,
};
use rand::RngExt;

use crate::day_world::{Event, Handset, Law, World, after, mac};

const PHONES: usize = 60;
const SEED: u64 = 7;
const HOUR: Duration = Duration::from_hours(1);

struct Documents {
    revision: u32,
}

impl Law for Documents {
    fn may_write(&self, _: usize, _: Timestamp) -> bool {
        true
    }

    fn leaves_alone(&self, _: usize, _: &ItemId, _: Timestamp) -> bool {
        false
    }

    fn wanted(&self, _: usize, item: &ItemId) -> Option<String> {
        (item.name.as_str() == "sntp-addr").then(|| format!("192.0.2.{}", self.revision))
    }

    fn pushed(&mut self) {
        self.revision += 1;
    }
}

fn documents(revision: u32) -> Vec<(String, String)> {
    let head = "apiVersion: phoneops.dev/v1alpha1\nkind: ";
    let mut text = format!(
        "{head}PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: Enforce}}\n  items: {{sntp-addr: \
         192.0.2.{revision}}}\n"
    );
    for phone in 0..PHONES {
        let _ = write!(
            text,
            "---\n{head}PhoneConfig\nmetadata: {{name: phone-{phone}}}\nspec:\n  phone: {{mac: \"{}\"}}\n  site: site-{}\n  \
             profiles: [all]\n",
            mac(phone),
            phone % 6
        );
    }
    vec![("all.yaml".to_owned(), text)]
}

/// Every time in a text.
fn times(text: &str) -> Vec<Timestamp> {
    let is_of_time = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | 'Z' | '.');
    let words = text.split(|c| !is_of_time(c)).filter(|word| word.len() >= 20 && word.ends_with('Z'));
    words.filter_map(|word| word.parse().ok()).collect()
}

fn near(a: Timestamp, b: Timestamp, millis: i128) -> bool {
    a.duration_since(b).as_millis().abs() <= millis
}

/// Words that would tell of a call.
fn tells_of_calls(text: &str) -> bool {
    let text = text.to_lowercase();
    ["incall", "in a call", "busy", "inacall"].iter().any(|word| text.contains(word))
}

#[test]
fn the_times_of_calls_are_in_no_row_no_history_no_log_no_view_and_no_metric() {
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    let handsets = (0..PHONES).map(|phone| Handset::new(phone, "OpenStage 40", "V3 R5.12.0")).collect();
    let mut world = World::new(Documents { revision: 0 }, handsets, start, SEED);
    world.told = Some(Vec::new());
    let mut calls = Vec::new();
    for day in 0..7 {
        world.at(after(start, 24 * HOUR * day + 10 * HOUR), Event::Push(documents(day + 1)));
        for phone in 0..PHONES {
            for _ in 0..world.rng.random_range(2..8) {
                let begin = after(
                    start,
                    24 * HOUR * day + Duration::from_secs_f64(world.rng.random_range(7.0..19.0) * 3_600.0),
                );
                let end = after(begin, Duration::from_secs_f64(world.rng.random_range(20.0..2_400.0)));
                world.at(begin, Event::CallStart(phone));
                world.at(end, Event::CallEnd(phone));
                calls.push((phone, begin, end));
            }
        }
    }
    for phone in 0..PHONES {
        let on = world.rng.random_range(1.0..3_600.0);
        world.at(after(start, Duration::from_secs_f64(on)), Event::PowerOn(phone));
    }
    let metrics = ServiceMetrics::new();
    let mut shown = String::new();
    for hour in 1..=7 * 24 {
        world.run_until(after(start, HOUR * hour));
        for phone in 0..PHONES {
            let view = world.view(phone);
            if let Some(pending) = view.pending.as_ref().filter(|pending| pending.reason.as_str() == "InCall") {
                assert_eq!((pending.since, pending.next), (None, None));
            }
            let text = serde_json::to_string(&view).unwrap();
            assert!(!tells_of_calls(&text.replace("\"reason\":\"InCall\"", "")), "{text}");
            world.told.as_mut().unwrap().push((phone, text));
        }
        let census = world.fleet.census(world.now);
        metrics.set_fleet(&FleetCounts { states: census.states, pending: census.pending, ..FleetCounts::default() });
        shown += &metrics.encode();
    }
    assert!(!tells_of_calls(&shown));

    let mut told = world.told.take().unwrap();
    told.extend(world.rows.drain());
    let busy: usize = world.phones.iter().map(|phone| phone.busy.len()).sum();
    let waited = |phone: usize, begin: Timestamp, end: Timestamp| {
        world.phones[phone].busy.iter().any(|busy| *busy >= begin && *busy <= end)
    };
    assert!(busy > 20, "some writes had to wait: {busy}");
    let mut found: Vec<Vec<(Timestamp, &str)>> = vec![Vec::new(); PHONES];
    for (phone, text) in &told {
        assert!(!tells_of_calls(&text.replace("\"reason\":\"InCall\"", "")), "{text}");
        found[*phone].extend(times(text).into_iter().map(|time| (time, text.as_str())));
    }
    assert!(found.iter().all(|times| times.len() > 100), "there is something to search");
    let mut leaks = Vec::new();
    for (phone, begin, end) in &calls {
        let window = if waited(*phone, *begin, *end) { 50 } else { 1_000 };
        for (time, text) in &found[*phone] {
            if near(*time, *begin, window) || near(*time, *end, window) {
                leaks.push(format!("phone {phone}, a call from {begin} to {end}: {time} in {text}"));
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {:#?}", leaks.len(), &leaks[..leaks.len().min(3)]);
    for (phone, row) in &told[told.len() - PHONES..] {
        for busy in &world.phones[*phone].busy {
            assert!(times(row).iter().all(|time| !near(*time, *busy, 1_600)), "phone {phone} at {busy}: {row}");
        }
    }
}
