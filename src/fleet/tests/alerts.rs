//! What is an alert: by revision and cause, with phones counted and named, and never because somebody telephones.

use std::{fmt::Write as _, time::Duration};

use smol_str::SmolStr;

use super::stage::{ENFORCED, MAC, Phone, Stage, id};
use crate::{
    fleet::{
        Settings,
        alert::{Alert, Around, Rules},
        settings::GateSettings,
        words::AlertKind,
    },
    wpi::{ItemStatus, Reason},
};

const MINUTE: Duration = Duration::from_mins(1);

fn mac(number: usize) -> String {
    format!("00:1A:E8:44:00:{number:02X}")
}

fn fleet(phones: usize, mode: &str, items: &str) -> String {
    let mut yaml = format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: \
         {mode}}}\n  items: {{{items}}}\n"
    );
    for number in 0..phones {
        let _ = write!(
            yaml,
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p{number:02}}}\nspec:\n  \
             phone: {{mac: \"{}\"}}\n  profiles: [all]\n",
            mac(number)
        );
    }
    yaml
}

fn alerts(stage: &mut Stage) -> Vec<Alert> {
    stage.fleet.alerts(stage.now).alerts
}

fn ids(stage: &mut Stage) -> Vec<String> {
    alerts(stage).into_iter().map(|alert| alert.id).collect()
}

#[test]
fn drift_is_one_alert_by_revision_and_item_with_ten_phones_named() {
    let mut stage = Stage::with(&fleet(14, "Report", "sntp-addr: 192.0.2.123, daylight-save: true"));
    let mut phones: Vec<Phone> = (0..14).map(|number| Phone::new(&mac(number))).collect();
    for (number, phone) in phones.iter_mut().enumerate() {
        phone.values.insert(id("daylight-save"), if number == 13 { "false" } else { "true" }.to_owned());
        phone.session(&mut stage, Reason::StartUp);
    }
    let all = alerts(&mut stage);
    let told: Vec<_> = all.iter().map(|alert| (alert.id.as_str(), alert.phones, alert.names.len())).collect();
    assert_eq!(told, [("drift/r1/daylight-save", 1, 1), ("drift/r1/sntp-addr", 14, 10)]);
    assert_eq!((all[1].revision.as_deref(), all[1].item.as_deref()), (Some("r1"), Some("sntp-addr")));
    assert!(!format!("{all:?}").contains("192.0.2"), "no values: {all:?}");
    stage.push(&fleet(14, "Enforce", "sntp-addr: 192.0.2.123, daylight-save: true"));
    assert_eq!(ids(&mut stage), [""; 0], "what is put right is no alert");
}

#[test]
fn a_phone_in_a_call_changes_nothing_of_any_alert() {
    let mut stage = Stage::with(&fleet(2, "Report", "sntp-addr: 192.0.2.123"));
    let mut phones: Vec<Phone> = (0..2).map(|number| Phone::new(&mac(number))).collect();
    for phone in &mut phones {
        phone.session(&mut stage, Reason::StartUp);
    }
    let before = alerts(&mut stage);
    assert_eq!(before[0].phones, 2);
    // armed, it is in a call when its write comes
    phones[0].in_call = true;
    let one = fleet(2, "Enforce", "sntp-addr: 192.0.2.123");
    stage.push(&one);
    phones[0].session(&mut stage, Reason::StartUp);
    let in_call = stage.view(&mac(0));
    assert_eq!(in_call.pending.map(|pending| pending.reason.as_str()), Some("InCall"));
    assert_eq!(ids(&mut stage), [""; 0]);
    stage.pass(14 * MINUTE);
    assert_eq!(ids(&mut stage), [""; 0], "a call is nothing to be told, however long");
}

#[test]
fn refused_barred_and_contested_items_are_alerts_of_their_own() {
    let items = "sntp-addr: 192.0.2.123, default-route: 192.0.2.1";
    let mut stage = Stage::with(&fleet(1, "Enforce", items));
    let mut phone = Phone::new(&mac(0));
    phone.refuses.insert(id("sntp-addr"), ItemStatus::from_wire("ReadOnly"));
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(ids(&mut stage), ["refused/r1/sntp-addr", "notallowed/r1/default-route"]);
    // taken back again and again
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    for _ in 0..4 {
        phone.values.insert(id("sntp-addr"), "192.0.2.7".to_owned());
        phone.session(&mut stage, Reason::StartUp);
    }
    assert_eq!(ids(&mut stage), ["tug/default/sntp-addr"]);
    assert_eq!(alerts(&mut stage)[0].kind, AlertKind::TugOfWar);
}

#[test]
fn what_waits_at_the_gate_is_an_alert_until_somebody_decides() {
    let off = Settings { gate: GateSettings::OFF, ..Settings::default() };
    let mut stage = Stage::gated(off);
    stage.push(&fleet(4, "Enforce", "sntp-addr: 192.0.2.1"));
    for number in 0..4 {
        Phone::new(&mac(number)).session(&mut stage, Reason::StartUp);
    }
    stage.gate_from_now_on(GateSettings { phones: 2, ..GateSettings::OFF });
    stage.push(&fleet(4, "Enforce", "sntp-addr: 192.0.2.99"));
    let held = alerts(&mut stage);
    assert_eq!((held[0].id.as_str(), held[0].phones, held[0].names.len()), ("held/r2", 4, 4));
    let by = crate::fleet::audit::By::new("ada", "a test").unwrap();
    stage.fleet.reject("r2", None, &by, stage.now).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ids(&mut stage), [""; 0], "rejected, it waits for nobody");
}

#[test]
fn invalid_documents_the_store_and_the_source_are_alerts() {
    let mut stage = Stage::with(ENFORCED);
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    stage.push(&ENFORCED.replace("sntp-tz-offset: 60", "sntp-tz-offset: sixty"));
    assert_eq!(ids(&mut stage), ["invalid/default"]);
    assert_eq!(alerts(&mut stage)[0].names, ["reception"]);
    stage.fleet.set_store_away(true, stage.now);
    stage
        .fleet
        .set_around(Around { source_away: true, handshakes: vec![("no shared cipher", "reception".to_owned())] });
    assert_eq!(
        ids(&mut stage),
        ["store-away", "invalid/default", "handshake/no shared cipher", "source-away"],
        "most pressing first"
    );
}

#[test]
fn phones_that_do_not_call_are_silent_after_an_hour_and_back_when_they_call() {
    let mut stage = Stage::with(ENFORCED);
    let mut phone = Phone::new(MAC);
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&ENFORCED.replace("192.0.2.123", "192.0.2.200"));
    stage.pass(MINUTE);
    let (device, ticket) = stage.contact();
    stage.fleet.contact_done(&device, ticket, false, stage.now);
    stage.pass(50 * MINUTE);
    assert_eq!(ids(&mut stage), [""; 0]);
    stage.pass(15 * MINUTE);
    assert_eq!(ids(&mut stage), ["silent/default"]);
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(ids(&mut stage), [""; 0]);
}

#[test]
fn what_was_told_is_kept_with_the_service_and_known_after_a_restart() {
    let mut stage = Stage::with(&ENFORCED.replace("Enforce", "Report"));
    Phone::new(MAC).session(&mut stage, Reason::StartUp);
    let rules = Rules {
        hold: 10 * MINUTE,
        keep: Duration::ZERO,
        grace: Duration::ZERO,
        targets: vec![SmolStr::new_static("webhook")],
    };
    assert!(!stage.fleet.decide_alerts(&rules, stage.now));
    stage.pass(10 * MINUTE);
    assert!(stage.fleet.decide_alerts(&rules, stage.now));
    let told = stage.fleet.told_alerts();
    assert_eq!(told.len(), 3, "{told:?}");
    stage.carry_out();
    assert_eq!(stage.service.alerts.all().len(), 3);
    let mut again = stage.restarted(&ENFORCED.replace("Enforce", "Report"));
    again.pass(30 * MINUTE);
    assert!(!again.fleet.decide_alerts(&rules, again.now), "nothing of it is new");
    let since: Vec<_> = alerts(&mut again).into_iter().map(|alert| alert.since).collect();
    assert_eq!(since, told.iter().map(|told| told.since).collect::<Vec<_>>(), "and it lasts since then");
    for told in again.fleet.told_alerts() {
        let transition = told.owed_to("webhook").expect("still to be told");
        again.fleet.alerts_told("webhook", &[told.key(transition)]);
    }
    assert!(again.fleet.alert_counts().owed.is_empty());
}
