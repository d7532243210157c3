//! The gate: a revision that would change many phones, or risky items, waits for a person; what is in force stays.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::stage::{Phone, Stage, id};
use crate::{
    fleet::{
        Settings,
        audit::By,
        gate::{GateError, view::HeldView},
        settings::GateSettings,
        words::State,
    },
    spec::SiteName,
    wpi::{Action, Reason},
};

const SMALL: GateSettings = GateSettings { phones: 2, percent: 0, risky: 1, vanish: 40, trailer: false };

fn ada() -> By {
    By::new("ada", "looked at it").unwrap()
}

fn mac(number: usize) -> String {
    format!("00:1A:E8:00:00:{number:02X}")
}

/// So many phones of one profile, five of them at a site each.
fn fleet(phones: usize, policy: &str, items: &str) -> String {
    let mut yaml = format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {policy}\n  items: {items}\n"
    );
    for number in 0..phones {
        let _ = write!(
            yaml,
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\nspec:\n  \
             phone: {{mac: \"{}\"}}\n  site: site-{}\n  profiles: [all]\n",
            mac(number),
            number / 5
        );
    }
    yaml
}

const OLD: &str = "{sntp-addr: 192.0.2.1, daylight-save: true}";
const NEW: &str = "{sntp-addr: 192.0.2.99, daylight-save: true}";

struct Town {
    stage: Stage,
    phones: Vec<Phone>,
}

impl Town {
    /// A fleet in sync with [`OLD`], and with a gate from now on.
    fn in_sync(phones: usize, gate: GateSettings) -> Self {
        let mut stage = Stage::gated(Settings { gate: GateSettings::OFF, ..Settings::default() });
        stage.push(&fleet(phones, "{mode: Enforce, interval: 30d}", OLD));
        let mut town = Self { stage, phones: (0..phones).map(|number| Phone::new(&mac(number))).collect() };
        for (number, phone) in town.phones.iter_mut().enumerate() {
            phone.peer = format!("127.0.1.{}:5000", number + 1).parse().unwrap();
        }
        town.all_call();
        assert!(town.states().iter().all(|state| *state == State::InSync), "{:?}", town.states());
        town.stage.gate_from_now_on(gate);
        town
    }

    fn push(&mut self, items: &str) {
        self.stage.push(&fleet(self.phones.len(), "{mode: Enforce, interval: 30d}", items));
    }

    /// All phones start up; how many of them were written to.
    fn all_call(&mut self) -> usize {
        let stage = &mut self.stage;
        let sessions = self.phones.iter_mut().map(|phone| phone.session(stage, Reason::StartUp));
        sessions.filter(|session| !session.writes().is_empty()).count()
    }

    fn states(&self) -> Vec<State> {
        (0..self.phones.len()).map(|number| self.stage.view(&mac(number)).state).collect()
    }

    fn count(&self, state: State) -> usize {
        self.states().iter().filter(|known| **known == state).count()
    }

    fn reasons(&self) -> Vec<(State, &'static str, usize)> {
        let census = self.stage.fleet.census(self.stage.now);
        census.reasons.into_iter().map(|((state, reason), count)| (state, reason, count)).collect()
    }

    fn held(&self) -> HeldView {
        self.stage.fleet.gate_view().held.expect("something waits")
    }

    fn approve(&mut self, site: Option<&str>) -> Result<usize, GateError> {
        let (revision, site) = (self.held().revision, site.map(SiteName::new));
        let done = self.stage.fleet.approve(&revision, None, site.as_ref(), &ada(), self.stage.now);
        self.stage.carry_out();
        self.stage.pass(std::time::Duration::ZERO);
        done.map(|done| done.phones)
    }
}

#[test]
fn a_revision_that_writes_to_more_phones_than_go_through_waits_and_nothing_of_it_is_written() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    assert_eq!(town.count(State::Held), 5);
    assert_eq!(town.all_call(), 0);
    assert_eq!(town.count(State::Held), 5, "{:?}", town.states());
    let held = town.held();
    assert_eq!((held.phones, held.revision.as_str()), (5, "r2"));
    assert_eq!(held.causes, ["it would write to 5 phones, and 2 go through"]);
    assert_eq!(town.reasons(), [(State::Held, "Change", 5)]);
    let [change] = &held.changes[..] else { panic!("{:?}", held.changes) };
    assert_eq!((change.item.as_str(), change.to.as_str(), change.phones), ("sntp-addr", "192.0.2.99", 5));
    let notes = town.stage.fleet.service_view(town.stage.now).notes;
    assert!(notes.iter().any(|note| note.contains("phoneops approve r2")), "{notes:?}");
    let note = &town.stage.view(&mac(0)).notes[0];
    assert!(note.contains("it would write sntp-addr; what is in force stays"), "{note}");
}

#[test]
fn what_is_in_force_goes_on_being_put_right_while_a_phone_is_held() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    town.phones[0].values.insert(id("daylight-save"), "false".to_owned());
    assert_eq!(town.phones[0].session(&mut town.stage, Reason::StartUp).writes(), [["daylight-save"]]);
    assert_eq!(town.phones[0].values[&id("sntp-addr")], "192.0.2.1");
}

#[test]
fn a_value_that_waits_at_the_gate_is_explained_as_one_that_waits() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    let explained = town.stage.fleet.explain("phone-0", Some("sntp-addr"), town.stage.now).unwrap();
    let [story] = explained.items.as_slice() else { panic!("{explained:?}") };
    assert_eq!(story.wanted.value.as_deref(), Some("192.0.2.1"), "what is in force");
    assert_eq!(story.over, [], "the one that waits lies under nothing");
    assert_eq!(story.why.as_deref(), Some("revision r2 wants 192.0.2.99, and waits at the gate"));
}

#[test]
fn what_the_new_documents_ignore_is_not_planned_and_not_written() {
    let mut town = Town::in_sync(5, SMALL);
    let policy = "{mode: Enforce, interval: 30d, ignore: [{item: sntp-addr, reason: theirs}]}";
    town.stage.push(&fleet(5, policy, NEW));
    assert_eq!(town.stage.fleet.gate_view().held, None, "nothing of it is written");
    assert_eq!(town.all_call(), 0);
    let other = NEW.replace("daylight-save: true", "daylight-save: false");
    town.stage.push(&fleet(5, policy, &other));
    let changes: Vec<String> = town.held().changes.iter().map(|change| change.item.clone()).collect();
    assert_eq!(changes, ["daylight-save"]);
    assert_eq!(town.approve(None), Ok(5));
    assert_eq!(town.all_call(), 5);
    assert_eq!(town.phones[0].values[&id("sntp-addr")], "192.0.2.1");
}

#[test]
fn as_many_phones_as_go_through_do_not_wait() {
    let mut town = Town::in_sync(2, SMALL);
    town.push(NEW);
    assert_eq!(town.count(State::Held), 0);
    assert_eq!(town.all_call(), 2);
    assert_eq!(town.stage.fleet.gate_view().held, None);
}

#[test]
fn an_approval_lets_all_go_on_and_the_phones_change() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    assert_eq!(town.approve(None), Ok(5));
    assert_eq!(town.count(State::Held), 0);
    assert_eq!(town.stage.fleet.gate_view().held, None);
    assert_eq!(town.all_call(), 5);
    assert_eq!(town.count(State::InSync), 5);
    assert_eq!(town.stage.view(&mac(0)).revision.as_deref(), Some("r2"));
    let approvals = &town.stage.service.gate.approvals;
    assert_eq!(approvals.iter().map(|approval| approval.said.by.as_str()).collect::<Vec<_>>(), ["ada"]);
}

#[test]
fn an_approval_for_one_site_leaves_the_others_waiting() {
    let mut town = Town::in_sync(8, SMALL);
    town.push(NEW);
    assert_eq!(town.approve(Some("site-1")), Ok(3));
    assert_eq!(town.count(State::Held), 5);
    assert_eq!(town.all_call(), 3);
    assert_eq!(town.approve(Some("site-7")), Err(GateError::NoSuchSite(SiteName::new("site-7"))));
    assert_eq!(town.approve(None), Ok(5));
    assert_eq!(town.all_call(), 5);
}

#[test]
fn the_name_of_a_revision_may_be_short_but_has_to_be_the_one_that_waits() {
    let mut town = Town::in_sync(5, SMALL);
    let now = town.stage.now;
    assert_eq!(town.stage.fleet.approve("r2", None, None, &ada(), now), Err(GateError::Nothing));
    town.push(NEW);
    let another = GateError::Another { asked: "r1".to_owned(), held: "r2".to_owned() };
    assert_eq!(town.stage.fleet.approve("r1", None, None, &ada(), now), Err(another));
    let other = Some("0000000000000000");
    let changed = GateError::Changed("r2".to_owned());
    assert_eq!(town.stage.fleet.approve("r2", other, None, &ada(), now), Err(changed.clone()));
    assert_eq!(town.stage.fleet.reject("r2", other, &ada(), now), Err(changed));
    let digest = town.held().digest;
    assert!(town.stage.fleet.approve("r2", Some(&digest), None, &ada(), now).is_ok());
}

#[test]
fn a_newer_revision_takes_the_place_of_a_held_one_and_is_planned_against_what_is_in_force() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    town.push("{sntp-addr: 192.0.2.77, daylight-save: true}");
    assert_eq!(town.held().revision, "r3");
    assert_eq!(town.held().changes[0].to, "192.0.2.77");
    town.push(OLD);
    assert_eq!(town.stage.fleet.gate_view().held, None, "back to what is in force: nothing to hold");
    assert_eq!((town.count(State::InSync), town.all_call()), (5, 0));
}

#[test]
fn what_is_rejected_waits_for_another_revision() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    let now = town.stage.now;
    assert_eq!(town.stage.fleet.reject("r2", None, &ada(), now).map(|done| done.phones), Ok(5));
    town.stage.carry_out();
    let rejected = GateError::Rejected { by: "ada".to_owned(), reason: "looked at it".to_owned() };
    assert_eq!(town.approve(None), Err(rejected));
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0));
    let notes = town.stage.fleet.service_view(now).notes;
    assert!(notes[0].starts_with("REJECTED by ada: looked at it."), "{notes:?}");
    assert_eq!(town.reasons(), [(State::Held, "Rejected", 5)]);
    town.push("{sntp-addr: 192.0.2.77, daylight-save: true}");
    assert_eq!(town.approve(None), Ok(5), "the next one is looked at anew");
}

#[test]
fn a_restart_is_no_revision_and_what_was_held_is_held_again() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    let yaml = fleet(5, "{mode: Enforce, interval: 30d}", NEW);
    let since = town.held().since;
    town.stage = town.stage.restarted(&yaml);
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0));
    assert_eq!((town.held().revision.as_str(), town.held().since), ("r2", since));
    // thresholds that were loosened meanwhile do not let it go
    town.stage.gate_from_now_on(GateSettings::OFF);
    town.stage = town.stage.restarted(&yaml);
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0));
    town.approve(None).unwrap();
    let approved = town.stage.restarted(&yaml);
    town.stage = approved;
    assert_eq!((town.count(State::Held), town.all_call()), (0, 5), "an approval holds over a restart");
}

#[test]
fn a_restart_with_nothing_held_holds_nothing() {
    let mut town = Town::in_sync(5, SMALL);
    let yaml = fleet(5, "{mode: Enforce, interval: 30d}", OLD);
    town.stage = town.stage.restarted(&yaml);
    assert_eq!(town.stage.fleet.gate_view().held, None);
    assert_eq!((town.count(State::Held), town.all_call()), (0, 0));
}

#[test]
fn the_first_phones_wait_too_and_are_read_towards_what_is_proposed() {
    let mut stage = Stage::gated(Settings { gate: SMALL, ..Settings::default() });
    stage.push(&fleet(3, "{mode: Enforce, interval: 30d}", NEW));
    let mut phones: Vec<Phone> = (0..3).map(|number| Phone::new(&mac(number))).collect();
    for (number, phone) in phones.iter_mut().enumerate() {
        phone.peer = format!("127.0.1.{}:5000", number + 1).parse().unwrap();
    }
    let session = phones[0].session(&mut stage, Reason::StartUp);
    assert_eq!(session.actions(), [Action::ReadItems, Action::CleanUp], "read and never written");
    let view = stage.view(&mac(0));
    assert_eq!((view.state, view.drift_count, view.revision), (State::Held, 2, None));
    assert!(view.notes[0].ends_with("nothing is in force, so it is only read"), "{:?}", view.notes);
    assert!(stage.saved[&crate::wpi::DeviceId::new(&mac(0)).unwrap()].in_force.is_none());
    let digest = stage.fleet.gate_view().held.unwrap().digest;
    stage.fleet.approve("r1", Some(&digest), None, &ada(), stage.now).unwrap();
    stage.pass(std::time::Duration::ZERO);
    let mut town = Town { stage, phones };
    assert_eq!(town.all_call(), 3);
    assert_eq!(town.count(State::InSync), 3);
}

#[test]
fn arming_a_fleet_that_differs_waits_and_one_that_does_not_is_armed() {
    let mut stage = Stage::gated(Settings { gate: SMALL, ..Settings::default() });
    stage.push(&fleet(3, "{interval: 30d}", OLD));
    let phones: Vec<Phone> = (0..3).map(|number| Phone::new(&mac(number))).collect();
    let mut town = Town { stage, phones };
    assert_eq!((town.all_call(), town.count(State::Drifted)), (0, 3), "mode Report passes the gate");
    town.push(OLD);
    assert_eq!((town.count(State::Held), town.all_call()), (3, 0));
    town.approve(None).unwrap();
    assert_eq!(town.all_call(), 3);
    town.stage.push(&fleet(3, "{interval: 30d}", OLD));
    assert_eq!(town.count(State::Held), 0, "disarming never waits");
    town.push(OLD);
    assert_eq!(town.count(State::Held), 0, "armed again, and nothing differs");
}

#[test]
fn a_pause_never_waits_and_its_end_does() {
    let paused = "{mode: Enforce, interval: 30d, pause: {reason: exam, by: ada}}";
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    town.approve(None).unwrap();
    town.stage.push(&fleet(5, paused, NEW));
    assert_eq!(town.count(State::Held), 0);
    assert_eq!(town.all_call(), 0, "paused");
    town.push(NEW);
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0), "what it kept back is not let go unseen");
}

#[test]
fn a_return_to_what_was_before_passes_at_once_and_going_there_again_does_not() {
    let mut town = Town::in_sync(5, SMALL);
    town.push(NEW);
    town.approve(None).unwrap();
    assert_eq!(town.all_call(), 5);
    town.push(OLD);
    assert_eq!((town.count(State::Held), town.all_call()), (0, 5), "a revert is not held");
    town.push(NEW);
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0), "a revert of the revert is");
}

#[test]
fn risky_items_wait_from_fewer_phones_on() {
    let mut town = Town::in_sync(2, GateSettings { phones: 100, ..SMALL });
    town.push("{sntp-addr: 192.0.2.1, daylight-save: true, reg-addr: 192.0.2.5}");
    assert_eq!(town.count(State::Held), 2);
    let held = town.held();
    assert_eq!(
        held.causes,
        ["it would write items of effect service, safety or lockout to 2 phones, and 1 go through"]
    );
    assert_eq!(held.changes[0].risky.as_deref(), Some("service"));
}

#[test]
fn contents_of_secrets_that_change_for_many_wait_under_a_name_of_their_own() {
    let items = "{sntp-addr: 192.0.2.1, daylight-save: true, sip-pwd: {file: sip}}";
    let mut town = Town::in_sync(5, GateSettings::OFF);
    town.push(items);
    town.all_call();
    town.stage.gate_from_now_on(SMALL);
    town.stage.secrets += 1;
    town.stage.push_again(&fleet(5, "{mode: Enforce, interval: 30d}", items));
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0));
    let held = town.held();
    assert!(held.revision.starts_with("r2+secrets-"), "{}", held.revision);
    assert_eq!((held.changes[0].item.as_str(), held.changes[0].to.as_str()), ("sip-pwd", "***"));
    town.approve(None).unwrap();
    assert_eq!(town.all_call(), 5);
    let sent = &town.phones[0].values[&id("sip-pwd")];
    assert_eq!(sent, "***", "the simulated phone keeps what is shown of it");
}

#[test]
fn while_it_is_held_a_phone_is_sent_the_password_in_force_and_no_newer_one() {
    let items = "{sntp-addr: 192.0.2.1, daylight-save: true, sip-pwd: {file: sip}}";
    let mut town = Town::in_sync(5, GateSettings::OFF);
    town.push(items);
    town.all_call();
    town.stage.gate_from_now_on(SMALL);
    town.stage.secrets += 1;
    town.stage.push_again(&fleet(5, "{mode: Enforce, interval: 30d}", items));
    let device = crate::wpi::DeviceId::new(&mac(0)).unwrap();
    let now: Timestamp = town.stage.now;
    town.stage.fleet.retry(&device, true, now);
    town.stage.carry_out();
    let session = town.phones[0].session(&mut town.stage, Reason::StartUp);
    let text = session.messages.iter().flat_map(|message| &message.items).find(|item| item.id == id("sip-pwd"));
    let text = text.expect("its password is written again");
    let crate::wpi::ItemText::Secret(sent) = &text.text else { panic!("a secret") };
    assert_eq!(*sent, crate::wpi::Secret::new("planted {file: sip 0"), "of the rotation in force");
}

#[test]
fn phones_that_vanish_stay_until_somebody_says_that_it_is_meant() {
    let mut town = Town::in_sync(5, SMALL);
    town.stage.push(&fleet(2, "{mode: Enforce, interval: 30d}", OLD));
    assert_eq!(town.count(State::Held), 3);
    assert_eq!(town.held().causes, ["3 of 5 phones would vanish, and 40 % go through"]);
    assert_eq!(town.reasons(), [(State::Held, "Vanish", 3)]);
    town.phones[4].values.insert(id("daylight-save"), "false".to_owned());
    assert_eq!(town.all_call(), 1, "what is in force stays in force for them");
    let yaml = fleet(2, "{mode: Enforce, interval: 30d}", OLD);
    town.stage = town.stage.restarted(&yaml);
    assert_eq!(town.count(State::Held), 3);
    assert_eq!(town.approve(None), Ok(3));
    assert_eq!(town.count(State::Abandoned), 3);
    assert_eq!(town.stage.fleet.gate_view().held, None);
}

#[test]
fn an_empty_source_takes_no_phone_away() {
    let mut town = Town::in_sync(5, SMALL);
    town.stage.push_files(&[]);
    assert_eq!(town.count(State::Held), 5);
    town.push(OLD);
    assert_eq!(town.count(State::InSync), 5);
}

#[test]
fn a_catalogue_that_lets_more_through_waits_for_all() {
    let mut town = Town::in_sync(5, GateSettings::OFF);
    let items = "{sntp-addr: 192.0.2.1, daylight-save: true, house-item: \"7\"}";
    let yaml = fleet(5, "{mode: Enforce, interval: 30d}", items);
    town.stage.push(&yaml);
    assert_eq!(town.all_call(), 0, "an unknown item may lock a phone out");
    town.stage.gate_from_now_on(SMALL);
    let csv = "name,effect,owner\nhouse-item,service,admin\n";
    town.stage.push_files(&[("fleet.yaml", &yaml), ("catalogue.csv", csv)]);
    assert!(town.stage.fleet.gate_view().held.is_some_and(|held| held.catalogue), "{:?}", town.states());
    assert_eq!((town.count(State::Held), town.all_call()), (5, 0));
    assert_eq!(town.approve(Some("site-0")), Err(GateError::WholeOnly));
    town.approve(None).unwrap();
    assert_eq!(town.all_call(), 5);
}

#[test]
fn a_site_waits_by_its_own_threshold_and_cannot_loosen_it_and_use_that_in_one_revision() {
    let site = |gate: &str| {
        format!(
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: site-0}}\nspec: {{gate: {gate}}}\n"
        )
    };
    let policy = "{mode: Enforce, interval: 30d}";
    let mut town = Town::in_sync(8, GateSettings::OFF);
    town.stage.push(&(fleet(8, policy, OLD) + &site("{phones: 2}")));
    town.stage.push(&(fleet(8, policy, NEW) + &site("{phones: 2}")));
    assert_eq!(town.held().sites, [(SiteName::new("site-0"), 5)].into());
    assert_eq!(town.all_call(), 3, "the others go on");
    town.stage.push(&(fleet(8, policy, OLD) + &site("{phones: 2}")));
    town.all_call();
    town.stage.push(&(fleet(8, policy, NEW) + &site("{phones: 0}")));
    assert_eq!(town.count(State::Held), 5, "the more careful threshold counts");
    let yaml = fleet(8, policy, NEW) + &site("{phones: 0}");
    town.stage = town.stage.restarted(&yaml);
    assert_eq!(town.count(State::Held), 5, "also after a restart");
}

#[test]
fn a_phone_whose_model_decides_counts_with_all_it_may_become() {
    let mut stage = Stage::gated(Settings { gate: GateSettings { phones: 0, ..SMALL }, ..Settings::default() });
    let yaml = |items: &str| {
        fleet(3, "{mode: Enforce, interval: 30d}", "{}").replace("profiles: [all]", "profiles: [all, of-model]")
            + &format!(
                "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: of-model}}\nspec:\n  \
                 models: [OpenStage 40]\n  items: {items}\n"
            )
    };
    stage.push(&yaml("{reg-addr: 192.0.2.5}"));
    let held = stage.fleet.gate_view().held.expect("risky for a model");
    assert_eq!(held.changes[0].item, "reg-addr");
    let mut phone = Phone::new(&mac(0));
    assert!(
        phone.session(&mut stage, Reason::StartUp).writes().is_empty(),
        "its model is known now, and it still waits"
    );
    assert_eq!(stage.view(&mac(0)).state, State::Held);
}

#[test]
fn a_revert_that_takes_an_item_off_nine_thousand_phones_puts_each_back_and_is_not_held() {
    const PHONES: usize = 9_000;
    let mac =
        |number: usize| format!("00:1A:E8:{:02X}:{:02X}:{:02X}", number >> 16, (number >> 8) & 0xFF, number & 0xFF);
    let documents = |items: &str| {
        let profile = format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: \
             Enforce, interval: 30d}}\n  items: {items}\n"
        );
        let mut files = vec![("all.yaml".to_owned(), profile)];
        for site in 0..PHONES / 225 {
            let mut yaml = String::new();
            for number in site * 225..(site + 1) * 225 {
                let _ = write!(
                    yaml,
                    "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\n\
                     spec:\n  phone: {{mac: \"{}\"}}\n  site: site-{site}\n  profiles: [all]\n",
                    mac(number)
                );
            }
            files.push((format!("site-{site}.yaml"), yaml));
        }
        files
    };
    let push = |stage: &mut Stage, files: &[(String, String)]| {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        stage.push_files(&files);
    };
    let (before, after) =
        (documents(OLD), documents("{sntp-addr: 192.0.2.1, daylight-save: true, pickup-group-uri: group@pbx.example}"));
    let mut stage = Stage::empty(Settings::default());
    push(&mut stage, &before);
    let mut phones: Vec<Phone> = (0..PHONES).map(|number| Phone::new(&mac(number))).collect();
    for (number, phone) in phones.iter_mut().enumerate() {
        phone.peer = format!("10.1.{}.{}:5000", number / 250, 1 + number % 250).parse().unwrap();
        phone.values.insert(id("pickup-group-uri"), format!("old-{}@pbx.example", number % 2));
        phone.session(&mut stage, Reason::StartUp);
    }
    push(&mut stage, &after);
    for phone in &mut phones {
        phone.session(&mut stage, Reason::StartUp);
        assert_eq!(phone.values[&id("pickup-group-uri")], "group@pbx.example");
    }
    stage.gate_from_now_on(GateSettings::default());
    push(&mut stage, &before);
    let view = stage.fleet.gate_view();
    assert!(view.held.is_none());
    let newest = view.newest.unwrap();
    assert_eq!((newest.revision.as_str(), newest.returned, newest.written), ("r3", PHONES, 0), "the plan said so");
    for (number, phone) in phones.iter_mut().enumerate() {
        phone.session(&mut stage, Reason::StartUp);
        assert_eq!(
            phone.values[&id("pickup-group-uri")],
            format!("old-{}@pbx.example", number % 2),
            "as it was before"
        );
    }
    assert_eq!(stage.fleet.census(stage.now).states[&State::InSync], PHONES);
}
