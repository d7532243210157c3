use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage};
use crate::{
    fleet::{
        ContactAnswer, Settings,
        view::Query,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Reason},
};

fn changed() -> String {
    ENFORCED.replace("192.0.2.123", "192.0.2.124")
}

/// A phone in sync, then a revision that wants something else of it.
fn wanting() -> (Stage, Phone) {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.now = crate::fleet::schedule::after(stage.now, Duration::from_mins(10));
    stage.push(&changed());
    (stage, phone)
}

fn pending(stage: &Stage) -> PendingReason {
    stage.view(MAC).pending.expect("a pending phone").reason
}

#[test]
fn a_change_asks_exactly_the_phones_it_changes() {
    let other = "---".to_owned()
        + &ENFORCED
            .rsplit("---")
            .next()
            .unwrap()
            .replace("reception", "porter")
            .replace(":33", ":44")
            .replace("profiles: [site-berlin]", "items: {date-format: 0}");
    let mut stage = Stage::with(&format!("{ENFORCED}{other}"));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    Phone::new("00:1A:E8:11:22:44").session(&mut stage, Reason::StartUp);
    stage.push(&format!("{}{other}", changed()));
    stage.pass(Duration::from_mins(5));
    let devices: Vec<_> = stage.contacts.iter().map(|(device, ..)| device.clone()).collect();
    assert_eq!(devices, [DeviceId::new(MAC).unwrap()]);
}

#[test]
fn a_phone_is_asked_called_and_changed() {
    let (mut stage, mut phone) = wanting();
    assert_eq!(pending(&stage), PendingReason::Queued);
    stage.pass(Duration::ZERO);
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    assert_eq!(pending(&stage), PendingReason::Called);
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.pass(Duration::from_mins(10));
    assert!(stage.contacts.is_empty());
}

#[test]
fn never_two_requests_in_flight_and_none_within_the_spacing() {
    let (mut stage, _) = wanting();
    stage.pass(Duration::from_secs(0));
    let (device, ticket) = stage.contact();
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.125"));
    stage.pass(Duration::from_secs(9));
    assert!(stage.contacts.is_empty(), "promise 4: one in flight");
    stage.fleet.contact_done(&device, ticket, false, stage.now);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.126"));
    stage.pass(Duration::from_secs(50));
    assert!(stage.contacts.is_empty(), "promise 4: 60 s apart, a new digest notwithstanding");
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.contacts.len(), 1, "a new digest resets the backoff");
}

#[test]
fn an_answer_without_a_session_is_followed_by_the_rest_of_the_gap() {
    let (mut stage, _) = wanting();
    stage.pass(Duration::ZERO);
    let asked = stage.now;
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    stage.pass(Duration::from_secs(31));
    assert_eq!(pending(&stage), PendingReason::NoAnswer);
    stage.pass(Duration::from_secs(268));
    assert!(stage.contacts.is_empty(), "R-305");
    stage.pass(Duration::from_secs(2));
    let (_, _, at) = stage.contacts.pop().expect("the gap is over");
    assert_eq!(at.duration_since(asked).as_secs(), 300);
}

#[test]
fn a_phone_that_does_not_answer_is_pending_and_no_roll_out_waits_for_it() {
    let tally = |stage: &Stage| {
        let tally = stage.fleet.tallies(stage.now).by_site.into_values().next().expect("a site");
        (tally.pending, tally.awaited)
    };
    assert_eq!(tally(&Stage::with(ENFORCED)), (1, 0), "declared, and never heard of");
    let (mut stage, _) = wanting();
    stage.pass(Duration::ZERO);
    assert_eq!(tally(&stage), (1, 1));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, false, stage.now);
    assert_eq!((pending(&stage), tally(&stage)), (PendingReason::Unreachable, (1, 0)));
}

#[test]
fn failures_are_retried_ever_more_seldom() {
    let (mut stage, _) = wanting();
    let mut asked = Vec::new();
    for _ in 0..2000 {
        stage.pass(Duration::from_mins(1));
        if let Some((device, ticket, at)) = stage.contacts.pop() {
            asked.push(at);
            stage.fleet.contact_done(&device, ticket, false, stage.now);
            assert_eq!(pending(&stage), PendingReason::Unreachable);
        }
    }
    let day = asked.iter().filter(|at| at.duration_since(asked[0]).as_secs() < 24 * 3600).count();
    assert_eq!(day, 12, "a phone that never answers has its share of a day");
    let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    assert!(gaps[..3].iter().all(|gap| *gap <= 600), "{gaps:?}");
    assert!(gaps[..11].iter().any(|gap| *gap > 600), "{gaps:?}");
}

#[test]
fn ten_thousand_pending_phones_are_asked_at_a_pace_and_hold_no_more_than_an_entry_each() {
    let mut stage = Stage::empty(Settings {
        contacts_per_second: 100,
        site_contacts_per_second: 1_000,
        contacts_in_flight: 40_000,
        undeclared: 10,
        ..Settings::default()
    });
    let phone = ENFORCED.rsplit("---").next().unwrap();
    let phones: Vec<String> = (0..10_000)
        .map(|number| {
            let mac = format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256);
            phone.replace("reception", &format!("p{number:05}")).replace(MAC, &mac)
        })
        .collect();
    let files: Vec<(String, String)> =
        phones.chunks(500).enumerate().map(|(part, chunk)| (format!("part-{part}.yaml"), chunk.join("---"))).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("profile.yaml", ENFORCED.split("---").next().unwrap()));
    stage.push_files(&files);
    for number in 0..10_000 {
        let mac = format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256);
        let mut phone = Phone::new(&mac);
        phone.peer = format!("127.1.{}.{}:9", number / 256, number % 256).parse().unwrap();
        phone.session(&mut stage, Reason::InventoryChanges);
    }
    assert_eq!(stage.fleet.waiting(), (10_000, 0));
    let census = stage.fleet.census(stage.now);
    assert_eq!(census.states[&State::Pending], 10_000);
    stage.pass(Duration::from_secs(12));
    assert!((900..=1_101).contains(&stage.contacts.len()), "{} in 10 s", stage.contacts.len());
    stage.pass(Duration::from_secs(95));
    let mut asked: Vec<_> = stage.contacts.iter().map(|(device, ..)| device.clone()).collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 10_000, "none is forgotten");
    let page = stage.fleet.page(&Query { limit: Some(100), ..Query::default() }, stage.now);
    assert_eq!(page.phones.len(), 100);
}

#[test]
fn a_uri_that_is_not_the_phones_own_is_never_asked() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut message = phone.initial(Reason::InventoryChanges, Vec::new());
    message.items[2].text = crate::wpi::ItemText::plain("http://192.0.2.66:8085/contact_dls.html/ContactDLS");
    stage.say(&phone, message);
    stage.push(&changed());
    stage.pass(Duration::from_mins(10));
    assert!(stage.contacts.is_empty(), "R-1106");
    assert_eq!(pending(&stage), PendingReason::Unreachable);
}

#[test]
fn a_phone_that_polls_is_never_sent_a_contact_me() {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: home}\nspec: {reach: Poll}\n";
    let yaml = |text: &str| {
        format!("{}{site}", text.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: home"))
    };
    let mut stage = Stage::with(&yaml(ENFORCED));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    stage.push(&yaml(&changed()));
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty(), "R-310");
}

#[test]
fn a_phone_outside_its_sites_networks_is_neither_read_nor_written_nor_asked() {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [192.0.2.0/24]}\n";
    let yaml =
        format!("{}{site}", ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin"));
    let mut stage = Stage::with(&yaml);
    let session = Phone::new(MAC).session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [crate::wpi::Action::CleanUp], "R-1104");
    assert_eq!(pending(&stage), PendingReason::WrongSite);
    stage.pass(Duration::from_hours(1));
    assert!(stage.contacts.is_empty());
    let mut phone = Phone::new(MAC);
    phone.peer = "192.0.2.40:999".parse().unwrap();
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn a_person_can_have_a_phone_asked_within_the_limits() {
    let mut stage = Stage::with(ENFORCED);
    let device = DeviceId::new(MAC).unwrap();
    assert_eq!(
        stage.fleet.ask_to_call(&DeviceId::new("00:00:00:00:00:01").unwrap(), stage.now),
        ContactAnswer::NotFound
    );
    assert!(matches!(stage.fleet.ask_to_call(&device, stage.now), ContactAnswer::CannotBeReached(_)));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    assert!(matches!(stage.fleet.ask_to_call(&device, stage.now), ContactAnswer::Queued(_)));
    assert!(stage.contacts.is_empty(), "the phone still ends its session");
    stage.pass(Duration::from_secs(2));
    let (device, ticket) = stage.contact();
    assert_eq!(stage.fleet.ask_to_call(&device, stage.now), ContactAnswer::UnderWay);
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    phone.session(&mut stage, Reason::Solicited);
    assert!(matches!(stage.fleet.ask_to_call(&device, stage.now), ContactAnswer::RateLimited(_)), "promise 4");
}

#[test]
fn every_phone_is_read_again_within_its_interval() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(Duration::from_hours(2));
    assert!(stage.contacts.is_empty(), "not at once again");
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.pass(Duration::from_mins(1321));
    assert_eq!(stage.contacts.len(), 1);
    assert_eq!(stage.view(MAC).state, State::InSync, "a look without cause makes nobody pending");
}

#[test]
fn a_dark_site_holds_no_more_than_its_share_of_requests() {
    let mut stage = Stage::empty(Settings { contacts_in_flight: 1, ..Settings::default() });
    let other =
        "---".to_owned() + &ENFORCED.rsplit("---").next().unwrap().replace("reception", "porter").replace(":33", ":44");
    stage.push(&format!("{ENFORCED}{other}"));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    Phone::new("00:1A:E8:11:22:44").session(&mut stage, Reason::StartUp);
    stage.push(&format!("{}{other}", changed()));
    stage.pass(Duration::from_secs(9));
    assert_eq!(stage.contacts.len(), 1, "one under way");
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, false, stage.now);
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.contacts.len(), 1, "then the next");
}

#[test]
fn a_new_revision_does_not_shorten_the_contact_gap() {
    let (mut stage, _) = wanting();
    stage.pass(Duration::ZERO);
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    stage.pass(Duration::from_secs(40));
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.126"));
    stage.pass(Duration::from_secs(255));
    assert!(stage.contacts.is_empty(), "R-305, promise 4");
    stage.pass(Duration::from_secs(10));
    assert_eq!(stage.contacts.len(), 1);
}

#[test]
fn replies_that_belong_to_no_flow_cause_one_contact_and_no_more() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    for _ in 0..5 {
        let stray = phone.reply(crate::wpi::Action::ReadItems, crate::wpi::ReplyStatus::Accepted, Vec::new());
        stage.say(&phone, stray);
        stage.pass(Duration::from_mins(2));
        while let Some((device, ticket, _)) = stage.contacts.pop() {
            stage.fleet.contact_done(&device, ticket, true, stage.now);
            phone.session(&mut stage, Reason::Solicited);
        }
    }
    assert_eq!(phone.called, 1);
    let mut stranger = Phone::new(MAC);
    stranger.peer = "127.0.0.99:1".parse().unwrap();
    let stray = stranger.reply(
        crate::wpi::Action::ReadItems,
        crate::wpi::ReplyStatus::Accepted,
        vec![crate::wpi::Item::plain(super::stage::id("mac-addr"), MAC)],
    );
    stage.say(&stranger, stray);
    assert_eq!(stage.view(MAC).state, State::InSync, "nobody else can call it out of its state");
}

#[test]
fn a_person_is_told_why_a_phone_cannot_be_asked() {
    let mut stage = Stage::with(ENFORCED);
    let device = DeviceId::new(MAC).unwrap();
    let why = |stage: &mut Stage| match stage.fleet.ask_to_call(&device, stage.now) {
        ContactAnswer::CannotBeReached(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&mut stage), "it has not called yet");
    let mut phone = Phone::new(MAC);
    let mut message = phone.initial(Reason::InventoryChanges, Vec::new());
    message.items[2].text = crate::wpi::ItemText::plain("http://127.0.0.9:80/contact_dls.html/ContactDLS");
    stage.say(&phone, message);
    assert!(why(&mut stage).contains("80"), "R-1106: {}", why(&mut stage));
    assert_eq!(stage.fleet.counters().contact_uris_refused, 1);
}

#[test]
fn a_phone_whose_replies_come_from_elsewhere_is_not_asked_each_minute() {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [127.0.0.0/24]}\n";
    let yaml = ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin");
    let mut stage = Stage::with(&format!("{yaml}{site}"));
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::InventoryChanges);
    let (home, elsewhere) = (phone.peer, "192.0.2.9:5000".parse().unwrap());
    let mut asked = 0;
    for _ in 0..6 * 60 {
        stage.pass(Duration::from_mins(1));
        let Some((device, ticket, _)) = stage.contacts.pop() else { continue };
        asked += 1;
        stage.fleet.contact_done(&device, ticket, true, stage.now);
        let first = phone.initial(Reason::Solicited, Vec::new());
        let read = stage.say(&phone, first);
        phone.cookie = read.set_cookie;
        phone.peer = elsewhere;
        let reply = phone.obey(&read.message);
        assert_eq!(stage.say(&phone, reply).message.action, Action::CleanUp, "R-1104: nothing is written there");
        phone.peer = home;
    }
    assert!((3..=60).contains(&asked), "asked {asked} times in six hours");
}

#[test]
fn while_another_process_may_be_the_active_one_nobody_is_asked_to_call_and_who_calls_is_read() {
    let (mut stage, mut phone) = wanting();
    stage.fleet.hold_calls(true, stage.now);
    stage.fleet.set_store_away(true, stage.now);
    assert_eq!(pending(&stage), PendingReason::StoreAway);
    stage.pass(Duration::from_hours(30));
    assert_eq!(stage.contacts, [], "neither for the change nor for a sweep");
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(pending(&stage), PendingReason::StoreAway, "it was read, and not written");
    stage.fleet.set_store_away(false, stage.now);
    stage.fleet.hold_calls(false, stage.now);
    stage.pass(Duration::from_mins(10));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).state, State::InSync);
}
