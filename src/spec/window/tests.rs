use proptest::prelude::*;

use super::*;

fn window(schedule: &str, minutes: u64, zone: &str) -> Window {
    Window {
        schedule: Schedule::new(schedule).unwrap(),
        duration: Duration::from_secs(60 * minutes),
        time_zone: Zone::new(zone).unwrap(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Where the windows are open between two times, looked at minute by minute.
fn stretches(windows: &[Window], from: &str, to: &str) -> Vec<(Timestamp, Timestamp)> {
    let (mut now, to) = (at(from), at(to));
    let mut found = Vec::new();
    while now < to {
        match windows_open(windows, now) {
            Opening::Always => panic!("windows were given"),
            Opening::OpenUntil(end) => {
                assert!(end > now);
                found.push((now, end));
                now = end;
            }
            Opening::ClosedUntil(Some(next)) => {
                assert!(next > now);
                now = next;
            }
            Opening::ClosedUntil(None) => break,
        }
    }
    found
}

#[track_caller]
fn opens(windows: &[Window], from: &str, to: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(from, to)| (at(from), at(to))).collect();
    assert_eq!(stretches(windows, from, to), expected);
}

#[test]
fn no_window_is_any_time() {
    assert_eq!(windows_open(&[], at("2026-01-01T00:00Z")), Opening::Always);
}

#[test]
fn a_window_is_open_from_its_time_on_for_its_duration_and_not_a_second_longer() {
    let windows = [window("0 2 * * *", 180, "Europe/Berlin")];
    let asked = |time| windows_open(&windows, at(time));
    assert_eq!(asked("2026-01-10T00:59:59Z"), Opening::ClosedUntil(Some(at("2026-01-10T01:00Z"))));
    assert_eq!(asked("2026-01-10T01:00:00Z"), Opening::OpenUntil(at("2026-01-10T04:00Z")));
    assert_eq!(asked("2026-01-10T03:59:59.999Z"), Opening::OpenUntil(at("2026-01-10T04:00Z")));
    assert_eq!(asked("2026-01-10T04:00:00Z"), Opening::ClosedUntil(Some(at("2026-01-11T01:00Z"))));
}

#[test]
fn a_window_on_the_last_evening_of_the_year_is_still_open_in_the_new_one() {
    let windows = [window("0 23 31 12 *", 120, "UTC")];
    assert_eq!(windows_open(&windows, at("2027-01-01T00:30Z")), Opening::OpenUntil(at("2027-01-01T01:00Z")));
}

#[test]
fn windows_that_overlap_or_touch_are_one_stretch() {
    let windows = [
        window("0 1 * * *", 120, "UTC"),
        window("0 2 * * *", 120, "UTC"),
        window("0 4 * * *", 60, "UTC"),
        window("0 8 * * *", 60, "UTC"),
    ];
    opens(
        &windows,
        "2026-06-01T00:00Z",
        "2026-06-01T12:00Z",
        &[("2026-06-01T01:00Z", "2026-06-01T05:00Z"), ("2026-06-01T08:00Z", "2026-06-01T09:00Z")],
    );
}

#[test]
fn a_longer_window_that_opened_earlier_holds_a_shorter_one_open() {
    let windows = [window("0 1 * * *", 600, "UTC"), window("0 2 * * *", 60, "UTC")];
    assert_eq!(windows_open(&windows, at("2026-06-01T02:30Z")), Opening::OpenUntil(at("2026-06-01T11:00Z")));
}

#[test]
fn a_window_that_never_closes_is_open_whenever_it_is_asked() {
    for windows in [[window("* * * * *", 1, "Europe/Berlin")], [window("0 0 * * *", 24 * 60, "UTC")]] {
        let mut now = at("2026-10-24T12:00Z");
        for _ in 0..200 {
            let Opening::OpenUntil(end) = windows_open(&windows, now) else { panic!("closed at {now}") };
            assert!(end > now);
            now = end;
        }
    }
}

#[test]
fn a_window_of_24_hours_does_not_cover_a_day_of_25() {
    let windows = [window("0 0 * * *", 24 * 60, "Europe/Berlin")];
    let closed = windows_open(&windows, at("2026-10-25T22:00Z"));
    assert_eq!(closed, Opening::ClosedUntil(Some(at("2026-10-25T23:00Z"))));
}

#[test]
fn a_window_in_the_hour_that_the_clock_leaves_out_opens_at_the_moment_after_the_gap() {
    // Berlin, 29 March 2026: 02:00 CET is 03:00 CEST, 01:00 UTC
    let windows = [window("30 2 * * *", 60, "Europe/Berlin")];
    opens(
        &windows,
        "2026-03-28T00:00Z",
        "2026-03-31T00:00Z",
        &[
            ("2026-03-28T01:30Z", "2026-03-28T02:30Z"),
            ("2026-03-29T01:00Z", "2026-03-29T02:00Z"),
            ("2026-03-30T00:30Z", "2026-03-30T01:30Z"),
        ],
    );
    assert_eq!(windows_open(&windows, at("2026-03-29T01:59Z")), Opening::OpenUntil(at("2026-03-29T02:00Z")));
}

#[test]
fn a_window_in_the_hour_that_the_clock_shows_twice_opens_once_and_first() {
    // Berlin, 25 October 2026: 03:00 CEST is 02:00 CET, 01:00 UTC
    let windows = [window("30 2 * * *", 20, "Europe/Berlin")];
    opens(
        &windows,
        "2026-10-24T12:00Z",
        "2026-10-26T12:00Z",
        &[("2026-10-25T00:30Z", "2026-10-25T00:50Z"), ("2026-10-26T01:30Z", "2026-10-26T01:50Z")],
    );
    for twice in ["2026-10-25T01:30Z", "2026-10-25T01:40Z", "2026-10-25T01:59Z"] {
        assert!(!windows_open(&windows, at(twice)).is_open(), "{twice}");
    }
}

#[test]
fn a_duration_is_elapsed_time_across_both_changes_of_the_clock() {
    let windows = [window("0 1 * * *", 180, "Europe/Berlin")];
    opens(&windows, "2026-03-29T00:00Z", "2026-03-29T12:00Z", &[("2026-03-29T00:00Z", "2026-03-29T03:00Z")]);
    opens(&windows, "2026-10-24T23:00Z", "2026-10-25T12:00Z", &[("2026-10-24T23:00Z", "2026-10-25T02:00Z")]);
}

#[test]
fn each_zone_has_its_own_clock() {
    let windows = [window("0 2 * * *", 60, "Europe/Berlin"), window("0 2 * * *", 60, "America/New_York")];
    opens(
        &windows,
        "2026-07-01T00:00Z",
        "2026-07-02T00:00Z",
        &[("2026-07-01T00:00Z", "2026-07-01T01:00Z"), ("2026-07-01T06:00Z", "2026-07-01T07:00Z")],
    );
}

#[test]
fn a_schedule_has_five_fields_and_comes_some_day() {
    for good in ["0 2 * * *", "*/15 1-4 * * MON-FRI", "0 2 1,15 * *", "0 3 * * 7", "0 0 29 2 *"] {
        Schedule::new(good).unwrap();
    }
    for six_or_none in ["", "0 0 2 * * *", "0 0 2 * * * 2026", "@daily", "0 2 * *"] {
        assert!(Schedule::new(six_or_none).unwrap_err().contains("five fields"), "{six_or_none}");
    }
    assert!(Schedule::new("0 0 30 2 *").unwrap_err().contains("never comes"));
    for wrong in ["60 2 * * *", "0 24 * * *", "a b c d e", "0 2 0 * *", "*/0 * * * *"] {
        assert!(Schedule::new(wrong).unwrap_err().contains(wrong), "{wrong}");
    }
}

#[test]
fn a_window_is_stored_and_read_back_as_it_was() {
    let before = window("0 2 * * MON", 180, "Europe/Berlin");
    let stored = serde_json::to_value(&before).unwrap();
    let expected = serde_json::json!({"schedule": "0 2 * * MON", "duration": 10_800, "timeZone": "Europe/Berlin"});
    assert_eq!(stored, expected);
    assert_eq!(serde_json::from_value::<Window>(stored).unwrap(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The answer holds until the moment it names, whatever the windows and the zone.
    #[test]
    fn an_answer_holds_until_the_moment_it_names(
        hour in 0..24, minute in 0..60, length in 1_u64..600, other in 0..24,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        day in 0_i64..365, second in 0_i64..86_400, share in 0.0_f64..1.0,
    ) {
        let windows =
            [window(&format!("{minute} {hour} * * *"), length, zone), window(&format!("0 {other} * * *"), 90, zone)];
        let now = at("2026-01-01T00:00Z") + SignedDuration::from_secs(day * 86_400 + second);
        let (end, open) = match windows_open(&windows, now) {
            Opening::OpenUntil(end) => (end, true),
            Opening::ClosedUntil(Some(next)) => (next, false),
            other => panic!("{other:?}"),
        };
        prop_assert!(end > now);
        prop_assert_ne!(windows_open(&windows, end).is_open(), open, "{} to {}", now, end);
        let length = end.duration_since(now).as_secs_f64();
        let between = now + SignedDuration::from_secs_f64(length * share * 0.999);
        let held = match windows_open(&windows, between) {
            Opening::OpenUntil(end) | Opening::ClosedUntil(Some(end)) => end,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(windows_open(&windows, between).is_open(), open);
        prop_assert_eq!(held, end);
    }

    #[test]
    fn no_text_makes_a_schedule_panic(text in "[0-9*/,A-Z#L? -]{0,24}") {
        if let Ok(schedule) = Schedule::new(&text) {
            let window = Window { schedule, duration: DURATIONS[0], time_zone: Zone::new("UTC").unwrap() };
            windows_open(&[window], at("2026-05-05T05:05Z"));
        }
    }
}

#[test]
fn windows_that_never_close_are_not_followed_for_ever() {
    for (schedule, minutes, most) in [("0 0 * * *", 24 * 60, 49), ("* * * * *", 1, 1)] {
        let windows: Vec<Window> = (0..20).map(|_| window(schedule, minutes, "UTC")).collect();
        let now = at("2026-06-01T12:00Z");
        let Opening::OpenUntil(end) = windows_open(&windows, now) else { panic!("open") };
        assert!(end.duration_since(now) <= SignedDuration::from_hours(most), "{schedule}: {end}");
    }
}
