//! Rates, turns and overload: nobody is asked too often, and nobody waits for those who do not answer.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        ContactAnswer, Settings,
        schedule::after,
        words::{PendingReason, State},
    },
    wpi::{Action, DeviceId, Item, Reason, ReplyStatus},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn mac(number: u32) -> String {
    format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256)
}

fn device(number: u32) -> DeviceId {
    DeviceId::new(&mac(number)).unwrap()
}

/// Documents of phones `first..first+count` at a site.
fn at_site(site: &str, first: u32, count: u32) -> String {
    let one = |number: u32| {
        format!(
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number:05}}}\n\
             spec: {{phone: {{mac: \"{}\"}}, profiles: [site-berlin], site: {site}}}\n",
            mac(number)
        )
    };
    (first..first + count).map(one).collect()
}

fn profile() -> &'static str {
    ENFORCED.split("---").next().unwrap()
}

/// Makes a phone known that then wants to be read.
fn heard_of(stage: &mut Stage, number: u32) -> Phone {
    let mut phone = Phone::new(&mac(number));
    phone.peer = format!("127.1.{}.{}:9", number / 256, number % 256).parse().unwrap();
    phone.session(stage, Reason::InventoryChanges);
    phone
}

/// When each phone was asked to call.
type Asked = BTreeMap<DeviceId, Vec<Timestamp>>;

/// Lets time pass second by second. Phones in `dark` take ten seconds not to answer; the others answer and call.
fn live(stage: &mut Stage, phones: &mut BTreeMap<DeviceId, Phone>, seconds: u32) -> Asked {
    let mut asked = Asked::new();
    let mut silent: Vec<(Timestamp, DeviceId, u64)> = Vec::new();
    for _ in 0..seconds {
        stage.pass(SECOND);
        for (device, ticket, at) in std::mem::take(&mut stage.contacts) {
            asked.entry(device.clone()).or_default().push(at);
            match phones.get_mut(&device) {
                Some(phone) => {
                    stage.fleet.contact_done(&device, ticket, true, stage.now);
                    phone.session(stage, Reason::Solicited);
                }
                None => silent.push((after(at, 10 * SECOND), device, ticket)),
            }
        }
        let over = silent.extract_if(.., |(end, ..)| *end <= stage.now).collect::<Vec<_>>();
        for (_, device, ticket) in over {
            stage.fleet.contact_done(&device, ticket, false, stage.now);
            stage.carry_out();
        }
    }
    asked
}

#[test]
fn a_site_of_two_thousand_dark_phones_takes_nothing_from_the_others() {
    for (settings, most_dark) in [
        (Settings::default(), 62),
        // a site that may have more than there is: then it has its share of what is under way, and no more
        (Settings { site_contacts_per_second: 100, contacts_in_flight: 40, ..Settings::default() }, 80),
    ] {
        let mut stage = Stage::empty(settings);
        let (dark, bright) = (at_site("dark", 0, 2000), at_site("bright", 5000, 20));
        stage.push_files(&[("a.yaml", profile()), ("b.yaml", &dark), ("c.yaml", &bright)]);
        for number in 0..2000 {
            heard_of(&mut stage, number);
        }
        let mut phones: BTreeMap<_, _> =
            (5000..5020).map(|number| (device(number), heard_of(&mut stage, number))).collect();
        let begin = stage.now;
        let asked = live(&mut stage, &mut phones, 60);
        let bright = asked.iter().filter(|(device, _)| phones.contains_key(device));
        let late: Vec<_> = bright.map(|(_, at)| at[0].duration_since(begin).as_secs()).collect();
        assert_eq!(late.len(), 20);
        assert!(late.iter().all(|late| *late <= 25), "{late:?}");
        for phone in phones.keys() {
            assert_eq!(stage.view(phone.as_str()).state, State::InSync);
        }
        let dark = asked.len() - 20;
        assert!((50..=most_dark).contains(&dark), "{dark} dark phones in a minute");
    }
}

#[test]
fn sites_share_the_pace_of_the_service_evenly() {
    let mut stage = Stage::empty(Settings { contacts_in_flight: 4_000, ..Settings::default() });
    let documents: String = (0..40).map(|site| at_site(&format!("s{site}"), site * 10, 10)).collect();
    stage.push(&format!("{}{documents}", profile()));
    for number in 0..400 {
        heard_of(&mut stage, number);
    }
    stage.pass(2 * SECOND);
    let begin = stage.now;
    stage.contacts.clear();
    stage.pass(8 * SECOND);
    assert!((159..=161).contains(&stage.contacts.len()), "20 a second: {}", stage.contacts.len());
    let mut of_site = [0; 40];
    for (device, _, at) in &stage.contacts {
        assert!(*at >= begin);
        let number = (0..400).find(|number| super::fairness::device(*number) == *device).unwrap();
        of_site[number as usize / 10] += 1;
    }
    assert!(of_site.iter().all(|turns| (3..=5).contains(turns)), "{of_site:?}");
}

#[test]
fn old_phones_are_asked_one_in_ten_seconds_and_hold_nobody_up() {
    let mut stage = Stage::empty(Settings::default());
    stage.push(&format!("{}{}", profile(), at_site("attic", 0, 20)));
    for number in 0..20 {
        let mut phone = Phone::new(&mac(number));
        phone.firmware = if number < 5 { "V2 R2.30.0" } else { "V3 R5.12.0" }.to_owned();
        phone.peer = format!("127.1.1.{number}:9").parse().unwrap();
        phone.session(&mut stage, Reason::InventoryChanges);
    }
    let begin = stage.now;
    stage.pass(60 * SECOND);
    let late = |old: bool| -> Vec<i64> {
        let of =
            stage.contacts.iter().filter(|(device, ..)| (0..5).any(|number| *device == self::device(number)) == old);
        of.map(|(.., at)| at.duration_since(begin).as_secs()).collect()
    };
    let (old, modern) = (late(true), late(false));
    assert_eq!((old.len(), modern.len()), (5, 15), "{old:?} {modern:?}");
    assert!(old.windows(2).all(|pair| pair[1] - pair[0] >= 10), "R-306: {old:?}");
    assert!(modern.iter().all(|late| *late <= 22), "{modern:?}");
    let mut all: Vec<_> = stage.contacts.iter().map(|(.., at)| *at).collect();
    all.sort();
    assert!(all.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() >= 1), "one a second and site");
}

#[test]
fn a_phone_in_line_says_when_its_turn_comes() {
    let mut stage = Stage::empty(Settings::default());
    stage.push(&format!("{}{}", profile(), at_site("hall", 0, 50)));
    for number in 0..50 {
        heard_of(&mut stage, number);
    }
    stage.pass(5 * SECOND);
    let said: BTreeMap<DeviceId, Timestamp> = (0..50)
        .map(device)
        .filter(|device| stage.contacts.iter().all(|(asked, ..)| asked != device))
        .map(|device| {
            let pending = stage.view(device.as_str()).pending.unwrap();
            assert!(matches!(pending.reason, PendingReason::RateLimited | PendingReason::Queued), "{pending:?}");
            (device, pending.next.unwrap())
        })
        .collect();
    assert!(said.len() > 40);
    stage.pass(60 * SECOND);
    for (device, _, at) in &stage.contacts {
        if let Some(said) = said.get(device) {
            assert!(at.duration_since(*said).abs().as_secs() <= 1, "said {said}, came {at}");
        }
    }
}

#[test]
fn a_phone_that_a_person_waits_for_goes_first() {
    let mut stage = Stage::empty(Settings::default());
    stage.push(&format!("{}{}", profile(), at_site("hall", 0, 50)));
    for number in 0..50 {
        heard_of(&mut stage, number);
    }
    stage.pass(5 * SECOND);
    stage.contacts.clear();
    assert!(matches!(stage.fleet.ask_to_call(&device(49), stage.now), ContactAnswer::Queued(_)));
    stage.pass(SECOND);
    let asked: Vec<_> = stage.contacts.iter().map(|(device, ..)| device.clone()).collect();
    assert_eq!(asked, [device(49)]);
}

#[test]
fn a_phone_that_is_not_heard_of_is_asked_twelve_times_in_any_day_whatever_changes() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let begin = stage.now;
    let mut asked: Vec<Timestamp> = Vec::new();
    for quarter in 0..(5 * 24 * 4) {
        if quarter % 20 == 0 {
            stage.push(&ENFORCED.replace("sntp-tz-offset: 60", &format!("sntp-tz-offset: {}", quarter / 20)));
        }
        stage.pass(HOUR / 4);
        for (device, ticket, at) in std::mem::take(&mut stage.contacts) {
            asked.push(at);
            // with and without an answer: what counts is that it does not call
            stage.fleet.contact_done(&device, ticket, quarter % 2 == 0, stage.now);
        }
    }
    for from in &asked {
        let day = asked.iter().filter(|at| *at >= from && **at < after(*from, 24 * HOUR)).count();
        assert!(day <= 12, "{day} in the day from {from}");
    }
    let last_day = asked.iter().filter(|at| at.duration_since(begin).as_hours() >= 96).count();
    assert!(last_day >= 10, "it is not given up: {last_day}");

    let pending = stage.view(MAC).pending.unwrap();
    assert!(pending.next.is_some_and(|next| next > stage.now), "{pending:?}");
    let device = DeviceId::new(MAC).unwrap();
    loop {
        stage.pass(400 * SECOND);
        let Some((device, ticket, _)) = stage.contacts.pop() else { break };
        stage.fleet.contact_done(&device, ticket, false, stage.now);
    }
    stage.fleet.ask_to_call(&device, stage.now);
    stage.pass(2 * SECOND);
    assert_eq!(stage.contacts.len(), 1, "a person may");
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, false, stage.now);

    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync, "it is found again by its own call");
    stage.push(ENFORCED);
    stage.contacts.clear();
    stage.pass(2 * 60 * SECOND);
    assert_eq!(stage.contacts.len(), 1, "and asked as any other again");
}

fn first_answer(stage: &mut Stage, phone: &mut Phone) -> (Action, Option<String>) {
    let first = phone.initial(Reason::StartUp, Vec::new());
    let answer = stage.say(phone, first);
    phone.cookie = answer.set_cookie;
    let why = answer.message.items.first().and_then(|item| item.text.as_plain().map(str::to_owned));
    (answer.message.action, why)
}

#[test]
fn a_site_has_its_share_of_sessions_and_others_are_served() {
    let mut stage = Stage::empty(Settings { site_flows: 2, ..Settings::default() });
    stage.push(&format!("{}{}{}", profile(), at_site("one", 0, 3), at_site("two", 10, 1)));
    let mut phones: Vec<Phone> = [0, 1, 2, 10].map(|number| Phone::new(&mac(number))).into();
    for (place, phone) in phones.iter_mut().enumerate() {
        phone.peer = format!("127.1.1.{place}:9").parse().unwrap();
        phone.connection = place as u64;
    }
    assert_eq!(first_answer(&mut stage, &mut phones[0]).0, Action::ReadItems);
    assert_eq!(first_answer(&mut stage, &mut phones[1]).0, Action::ReadItems);
    let turned_away = first_answer(&mut stage, &mut phones[2]);
    assert_eq!(turned_away, (Action::CleanUp, Some("overload".to_owned())), "R-904");
    assert_eq!(first_answer(&mut stage, &mut phones[3]).0, Action::ReadItems, "another site");
    assert_eq!((stage.fleet.counters().site_overload, stage.fleet.counters().overload), (1, 0));
    assert_eq!(first_answer(&mut stage, &mut phones[1]).0, Action::ReadItems, "its own flow makes room for its next");

    let reply = phones[0].reply(Action::ReadItems, ReplyStatus::Accepted, vec![Item::plain(id("sntp-addr"), "x")]);
    assert_eq!(stage.say(&phones[0], reply).message.action, Action::WriteItems, "a reply is served");
    stage.pass(130 * SECOND);
    assert_eq!(stage.fleet.waiting().1, 0);
    phones[2].session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(&mac(2)).state, State::InSync, "there is room again");
}

#[test]
fn a_phone_turned_away_by_overload_is_asked_later_if_it_does_not_come() {
    let yaml = format!("{}{}", profile(), at_site("one", 0, 2));
    let begin = || {
        let mut stage = Stage::empty(Settings { flows: 1, ..Settings::default() });
        stage.push(&yaml);
        let (mut one, mut two) = (Phone::new(&mac(0)), Phone::new(&mac(1)));
        two.peer = "127.1.1.1:9".parse().unwrap();
        two.connection = 2;
        one.session(&mut stage, Reason::StartUp);
        two.session(&mut stage, Reason::StartUp);
        assert_eq!(stage.view(&mac(1)).state, State::InSync);
        stage.pass(120 * SECOND);
        first_answer(&mut stage, &mut one);
        two.values.insert(id("sntp-addr"), "192.0.2.66".to_owned());
        assert_eq!(first_answer(&mut stage, &mut two).0, Action::CleanUp);
        (stage, two)
    };
    let (mut stage, mut two) = begin();
    let pending = stage.view(&mac(1)).pending.expect("what it had to tell is not known");
    assert_eq!(pending.reason, PendingReason::RateLimited);
    let wait = pending.next.unwrap().duration_since(stage.now).as_secs();
    assert!((59..=120).contains(&wait), "{wait}");
    stage.pass(55 * SECOND);
    assert!(stage.contacts.is_empty(), "it is given time to come by itself");
    stage.pass(130 * SECOND);
    let asked = stage.contacts.iter().position(|(device, ..)| *device == self::device(1)).expect("it is asked");
    let (device, ticket, _) = stage.contacts.remove(asked);
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    two.session(&mut stage, Reason::Solicited);
    assert_eq!(two.values[&id("sntp-addr")], "192.0.2.123", "nothing is lost");

    let (mut stage, mut two) = begin();
    stage.pass(3 * SECOND);
    let flow_of_one = Phone::new(&mac(0)).message(Reason::CleanUp, vec![Item::plain(id("mac-addr"), mac(0))]);
    stage.say(&Phone::new(&mac(0)), flow_of_one);
    two.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(&mac(1)).state, State::InSync);
    stage.pass(600 * SECOND);
    assert!(stage.contacts.iter().all(|(device, ..)| *device != self::device(1)), "it came by itself");
}

#[test]
fn undeclared_phones_are_never_told_to_come_back() {
    let mut stage = Stage::empty(Settings { flows: 0, ..Settings::default() });
    stage.push(ENFORCED);
    let mut stranger = Phone::new(&mac(7));
    assert_eq!(first_answer(&mut stage, &mut stranger), (Action::CleanUp, None));
    assert_eq!(stage.fleet.counters().overload, 0);
    assert_eq!(first_answer(&mut stage, &mut Phone::new(MAC)).1.as_deref(), Some("overload"));
}

#[test]
fn the_document_of_a_site_sets_its_limits() {
    let mut stage = Stage::empty(Settings::default());
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: slow}\n\
                spec: {limits: {contactsPerSecond: 0.2, sessions: 1}}\n";
    stage.push(&format!("{}{}{site}", profile(), at_site("slow", 0, 5)));
    for number in 0..5 {
        heard_of(&mut stage, number);
    }
    stage.pass(40 * SECOND);
    let at: Vec<_> = stage.contacts.iter().map(|(.., at)| *at).collect();
    assert_eq!(at.len(), 5);
    assert!(at.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() >= 5), "{at:?}");
    let (mut one, mut two) = (Phone::new(&mac(0)), Phone::new(&mac(1)));
    two.connection = 2;
    assert_eq!(first_answer(&mut stage, &mut one).0, Action::ReadItems);
    assert_eq!(first_answer(&mut stage, &mut two).1.as_deref(), Some("overload"));
}
