use std::time::Duration;

use super::stage::{ENFORCED, MAC, Phone, Stage};
use crate::{
    fleet::{survey::Survey, view::Query, words::State},
    wpi::Reason,
};

#[test]
fn a_declared_phone_that_never_called_is_unknown_and_nobody_asks_it() {
    let mut stage = Stage::with(ENFORCED);
    assert_eq!(stage.view("reception").state, State::Unknown);
    stage.pass(Duration::from_hours(72));
    assert!(stage.contacts.is_empty());
}

#[test]
fn a_phone_whose_document_breaks_is_invalid_and_keeps_what_is_in_force() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&ENFORCED.replace("daylight-save: true", "daylight-save: yes"));
    let view = stage.view(MAC);
    assert_eq!(view.state, State::Invalid);
    assert!(!view.problems.is_empty());
    assert_eq!(stage.fleet.census(stage.now).reasons, [((State::Invalid, "yes-no"), 1)].into());
    assert_eq!(view.revision.as_deref(), Some("r1"));
    phone.values.clear();
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1, "what is in force is still enforced");
    assert_eq!(phone.values.len(), 3);
}

#[test]
fn a_phone_whose_file_cannot_be_read_is_invalid_and_the_others_go_on() {
    let [profile, phone] = ENFORCED.split("---").collect::<Vec<_>>()[..] else { panic!("two documents") };
    let other = phone.replace("reception", "porter").replace(":33", ":44");
    let mut stage = Stage::with("");
    stage.push_files(&[("profile.yaml", profile), ("a.yaml", phone), ("b.yaml", &other)]);
    let (mut one, mut two) = (Phone::new(MAC), Phone::new("00:1A:E8:11:22:44"));
    one.session(&mut stage, Reason::StartUp);
    two.session(&mut stage, Reason::StartUp);
    stage.push_files(&[("profile.yaml", profile), ("a.yaml", "kind: [unclosed"), ("b.yaml", &other)]);
    assert_eq!(stage.view("reception").state, State::Invalid);
    assert!(stage.view("reception").problems[0].contains("a.yaml"), "{:?}", stage.view("reception").problems);
    assert_eq!(stage.view("porter").state, State::InSync, "promise 7");
}

#[test]
fn a_phone_that_vanishes_from_the_documents_is_abandoned_and_never_written() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(ENFORCED.split("---").next().unwrap());
    assert_eq!(stage.view("reception").state, State::Abandoned);
    phone.values.clear();
    assert_eq!(phone.session(&mut stage, Reason::StartUp).actions(), [crate::wpi::Action::CleanUp]);
    stage.pass(Duration::from_hours(48));
    assert!(stage.contacts.is_empty());
    stage.push(ENFORCED);
    assert_ne!(stage.view("reception").state, State::Abandoned, "it may come back");
}

#[test]
fn the_revision_of_a_phone_is_the_first_that_gave_what_is_in_force() {
    let mut stage = Stage::with(ENFORCED);
    stage.push(&ENFORCED.replace("kind: PhoneProfile", "kind: PhoneProfile # a comment"));
    assert_eq!(stage.view(MAC).revision.as_deref(), Some("r1"));
    assert_eq!(stage.fleet.revision().map(crate::spec::Revision::as_str), Some("r2"));
    stage.push(&ENFORCED.replace("mode: Enforce", "mode: Report"));
    assert_eq!(stage.view(MAC).revision.as_deref(), Some("r3"), "a change of mode is a change of what is wanted");
}

#[test]
fn a_layer_of_one_model_is_decided_when_the_phone_tells_its_model() {
    let yaml = ENFORCED.replace("spec:\n  policy", "spec:\n  models: [OpenStage 60]\n  policy");
    let mut stage = Stage::with(&yaml);
    assert_eq!(stage.view(MAC).managed, 0);
    let mut phone = Phone::new(MAC);
    phone.model = "OpenStage 60".to_owned();
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1);
    assert_eq!(stage.view(MAC).managed, 3);
}

#[test]
fn a_phone_that_does_not_say_its_model_is_read_and_not_written_while_a_layer_waits_for_it() {
    let quiet = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {name: quiet}\n\
                 spec: {models: [OpenStage 60], policy: {mode: Report}}\n";
    let yaml = ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin, quiet]") + quiet;
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let mut first = phone.initial(Reason::StartUp, Vec::new());
    first.items.retain(|item| item.id.name.as_str() != "device-type");
    assert!(phone.session_from(&mut stage, first).writes().is_empty(), "its mode may be Report");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.drift_count), (State::Pending, 3));
    assert!(view.notes[0].contains("`device-type`"), "{:?}", view.notes);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().len(), 1, "an OpenStage 40 it is");
    assert!(stage.view(MAC).notes.is_empty());
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let phone = ENFORCED.rsplit("---").next().unwrap();
    let phones: Vec<String> = (0..25)
        .map(|number| phone.replace("reception", &format!("p{number:02}")).replace(":33", &format!(":{number:02}")))
        .collect();
    let profile = ENFORCED.split("---").next().unwrap();
    let mut stage = Stage::with(&format!("{profile}---{}", phones.join("---")));
    for number in 0..5 {
        Phone::new(&format!("00:1A:E8:99:00:{number:02}")).session(&mut stage, Reason::StartUp);
    }
    let mut macs = Vec::new();
    let mut query = Query { limit: Some(7), ..Query::default() };
    loop {
        let page = stage.fleet.page(&query, stage.now);
        macs.extend(page.phones.into_iter().map(|phone| phone.mac));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let unique: std::collections::BTreeSet<_> = macs.iter().collect();
    assert_eq!((macs.len(), unique.len()), (30, 30));
    // a look at few phones at a time finds the same, and ends where it was
    let (mut found, mut query) = (Vec::new(), Query { state: Some(State::Undeclared), ..Query::default() });
    loop {
        let part = stage.fleet.part_of_page(&query, 4, stage.now);
        found.extend(part.phones.into_iter().map(|phone| phone.mac));
        query.after = part.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, macs[25..]);
    let counted = |most| {
        let (mut survey, mut signs) = (Survey::default(), Vec::new());
        let (mut from, mut after) = (None::<String>, None::<String>);
        loop {
            from = stage.fleet.survey(&mut survey, from.as_deref(), most, stage.now);
            after = stage.fleet.signs(&mut signs, after.as_deref(), most, stage.now);
            assert_eq!(from, after);
            if from.is_none() {
                return (survey, signs);
            }
        }
    };
    let (survey, signs) = counted(4);
    assert_eq!((survey.phones, signs.len(), survey.states[&State::Undeclared]), (30, 30, 5));
    assert_eq!(counted(4), counted(1_000), "slices are counted as the whole");
    let only = Query { state: Some(State::Undeclared), ..Query::default() };
    assert_eq!(stage.fleet.page(&only, stage.now).phones.len(), 5);
}

#[test]
fn until_documents_are_read_after_a_start_phones_are_only_read() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    let mut restarted = Stage::empty(crate::fleet::Settings::default());
    restarted.fleet.restore(stage.saved.values().cloned().collect(), restarted.now);
    phone.values.clear();
    let session = phone.session(&mut restarted, Reason::StartUp);
    assert_eq!(session.actions(), [crate::wpi::Action::ReadItems, crate::wpi::Action::CleanUp]);
    restarted.pass(Duration::from_hours(1));
    assert!(restarted.contacts.is_empty(), "sites and their networks are not known yet");
}

#[test]
fn an_abandoned_phone_stays_so_over_a_restart() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(ENFORCED.split("---").next().unwrap());
    let mut restarted = Stage::empty(crate::fleet::Settings::default());
    restarted.fleet.restore(stage.saved.values().cloned().collect(), restarted.now);
    assert_eq!(restarted.view("reception").state, State::Abandoned);
}

#[test]
fn a_call_in_a_phones_name_from_elsewhere_changes_nothing_of_it() {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [127.0.0.0/24]}\n";
    let yaml =
        format!("{}{site}", ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin"));
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    let first = phone.initial(Reason::StartUp, Vec::new());
    let read = stage.say(&phone, first);
    phone.cookie = read.set_cookie;
    let mut stranger = Phone::new(MAC);
    stranger.peer = "192.0.2.66:7".parse().unwrap();
    stranger.model = "OpenStage 80".to_owned();
    stranger.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.fleet.counters().wrong_site, 1);
    let reply = phone.obey(&read.message);
    assert_eq!(phone.session_from(&mut stage, reply).writes().len(), 1, "R-1104: its own session goes on");
    let view = stage.view(MAC);
    assert_eq!((view.model.as_deref(), view.address.as_deref()), (Some("OpenStage 40"), Some("127.0.0.9")));
}

#[test]
fn the_undeclared_phone_not_heard_of_for_longest_makes_room() {
    let mut stage = Stage::empty(crate::fleet::Settings { undeclared: 2, ..crate::fleet::Settings::default() });
    stage.push(ENFORCED);
    for number in [1, 2, 1, 3] {
        Phone::new(&format!("00:1A:E8:99:00:{number:02}")).session(&mut stage, Reason::StartUp);
        stage.pass(Duration::from_secs(1));
    }
    let all = stage.fleet.page(&Query { state: Some(State::Undeclared), ..Query::default() }, stage.now).phones;
    let macs: Vec<_> = all.iter().map(|phone| &phone.mac[15..]).collect();
    assert_eq!(macs, ["01", "03"]);
    assert_eq!(
        stage.saved.keys().filter(|device| device.as_str().ends_with("99:00:02")).count(),
        0,
        "nor is it stored"
    );
}

#[test]
fn a_site_whose_document_breaks_keeps_its_networks() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin}\nspec: {networks: [192.0.2.0/24]}\n";
    let fleet = ENFORCED.replace("profiles: [site-berlin]", "profiles: [site-berlin]\n  site: berlin");
    let mut stage = Stage::with("");
    stage.push_files(&[("fleet.yaml", &fleet), ("sites.yaml", site)]);
    let mut phone = Phone::new(MAC);
    phone.peer = "192.0.2.40:999".parse().unwrap();
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    for broken in ["kind: [unclosed", &site.replace("192.0.2.0/24", "nonsense")] {
        stage.push_files(&[("fleet.yaml", &fleet), ("sites.yaml", broken)]);
        assert_eq!(stage.view(MAC).state, State::Invalid, "its site cannot be told");
        let mut stranger = Phone::new(MAC);
        stranger.peer = "198.51.100.7:999".parse().unwrap();
        assert_eq!(stranger.session(&mut stage, Reason::StartUp).actions(), [crate::wpi::Action::CleanUp], "R-1104");
    }
}

#[test]
fn a_broken_overlay_leaves_the_classes_that_were_known() {
    let overlay = "name,effect\nsntp-addr,lockout\n";
    let mut stage = Stage::with("");
    stage.push_files(&[("fleet.yaml", ENFORCED), ("catalogue.csv", overlay)]);
    let writes = Phone::new(MAC).session(&mut stage, Reason::StartUp).writes();
    assert_eq!(writes, [["daylight-save", "sntp-tz-offset"]]);
    let broken = format!("{overlay}sntp-addr,nonsense\n");
    stage.push_files(&[("fleet.yaml", ENFORCED), ("catalogue.csv", &broken)]);
    assert_eq!(Phone::new(MAC).session(&mut stage, Reason::StartUp).writes(), [["daylight-save", "sntp-tz-offset"]]);

    let mut first = Stage::empty(crate::fleet::Settings::default());
    first.push_files(&[("fleet.yaml", ENFORCED), ("catalogue.csv", &broken)]);
    let session = Phone::new(MAC).session(&mut first, Reason::StartUp);
    assert!(session.writes().is_empty(), "classes that were never known allow nothing");
}

#[test]
fn a_revision_counts_as_taken_over_when_all_its_phones_are() {
    let mut stage = Stage::with(ENFORCED);
    let texts = [("fleet.yaml", ENFORCED)];
    let next = crate::spec::Snapshot::of_texts(crate::spec::Revision::new("next"), texts);
    let wanted = std::sync::Arc::new(crate::spec::load(&next, &crate::spec::SecretsUnread));
    let phones = stage.announce(&wanted);
    assert_eq!(
        stage.fleet.revision().map(crate::spec::Revision::as_str),
        Some("r1"),
        "its phones have the old one yet"
    );
    stage.fleet.apply(phones, stage.now);
    assert_eq!(stage.fleet.revision().map(crate::spec::Revision::as_str), Some("next"));
}

#[test]
fn while_the_classes_of_items_are_not_known_nobody_is_asked_to_call_for_a_write() {
    let mut stage = Stage::empty(crate::fleet::Settings::default());
    stage.push_files(&[("fleet.yaml", ENFORCED), ("catalogue.csv", "name,effect\nsntp-addr,nonsense\n")]);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.pass(Duration::from_hours(12));
    assert_eq!(stage.contacts.len(), 0, "a call could not change anything");
    assert!(stage.view(MAC).notes[0].contains("catalogue.csv"), "{:?}", stage.view(MAC).notes);
    stage.push(ENFORCED);
    stage.pass(Duration::from_secs(1));
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, true, stage.now);
    phone.session(&mut stage, Reason::Solicited);
    assert_eq!(stage.view(MAC).state, State::InSync, "the same desired state, and it goes on");
}
