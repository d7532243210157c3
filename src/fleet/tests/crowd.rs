//! An address that phones of several sites call from says nothing of where they are: no password goes there.

use std::fmt::Write as _;

use super::stage::{Phone, Stage, id};
use crate::{
    fleet::words::{AlertKind, PendingReason, State},
    wpi::Reason,
};

fn mac(number: usize) -> String {
    format!("00:1A:E8:00:00:{number:02X}")
}

/// So many phones with a password, spread over so many sites.
fn documents(phones: usize, sites: usize, content: &str) -> String {
    let mut yaml = format!(
        "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: \
         Enforce, interval: 30d}}\n  items: {{sntp-addr: 192.0.2.5, ldap-pwd: {{file: {content}}}}}\n"
    );
    for number in 0..phones {
        let site = number % sites;
        write!(
            yaml,
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: phone-{number}}}\nspec:\n  \
             phone: {{mac: \"{}\"}}\n  site: site-{site}\n  profiles: [all]\n",
            mac(number)
        )
        .unwrap();
    }
    yaml
}

/// All of them call from one address.
fn all_call(stage: &mut Stage, phones: usize) -> Vec<Phone> {
    let mut all = Vec::new();
    for number in 0..phones {
        let mut phone = Phone { peer: "10.0.0.9:5000".parse().unwrap(), ..Phone::new(&mac(number)) };
        phone.session(stage, Reason::StartUp);
        all.push(phone);
    }
    all
}

#[test]
fn more_than_twenty_phones_of_two_sites_behind_one_address_get_no_password() {
    let mut stage = Stage::with(&documents(21, 2, "first"));
    let mut phones = all_call(&mut stage, 20);
    assert!(stage.fleet.service_view(stage.now).notes.iter().all(|note| !note.starts_with("PROXY")));
    stage.push(&documents(21, 2, "second"));
    let mut last = Phone { peer: "10.0.0.9:5000".parse().unwrap(), ..Phone::new(&mac(20)) };
    last.session(&mut stage, Reason::StartUp);
    let notes = stage.fleet.service_view(stage.now).notes;
    let told = "PROXY: 21 phones of 2 sites call from 10.0.0.9";
    assert!(notes.iter().any(|note| note.starts_with(told)), "{notes:?}");
    for (number, phone) in phones.iter_mut().enumerate() {
        phone.values.insert(id("sntp-addr"), format!("192.0.2.{}", 50 + number));
        assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]], "all but the password");
    }
    let view = stage.view(&mac(3));
    assert_eq!((view.state, view.pending.unwrap().reason), (State::Pending, PendingReason::WrongSite));
    assert!(view.notes.iter().any(|note| note.contains("taken for a proxy's")), "{:?}", view.notes);
    let alerts = stage.fleet.alerts(stage.now).alerts;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.phones, alert.names.len()), (AlertKind::Proxy, 21, 10));

    last.peer = "10.0.0.21:5000".parse().unwrap();
    last.session(&mut stage, Reason::StartUp);
    assert!(stage.fleet.alerts(stage.now).alerts.is_empty(), "one has moved away");
    assert_eq!(phones[0].session(&mut stage, Reason::StartUp).writes(), [["ldap-pwd"]]);
}

#[test]
fn the_phones_of_one_site_may_all_be_behind_one_address() {
    let mut stage = Stage::with(&documents(30, 1, "first"));
    let mut phones = all_call(&mut stage, 30);
    stage.push(&documents(30, 1, "second"));
    for phone in &mut phones {
        assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["ldap-pwd"]]);
    }
    assert!(stage.fleet.alerts(stage.now).alerts.is_empty());
    // a revision that puts them at two sites makes a proxy's of it, and so it is after a restart
    let two = documents(30, 2, "third");
    stage.push(&two);
    let mut stage = stage.restarted(&two);
    assert_eq!(stage.fleet.alerts(stage.now).by_kind()[&AlertKind::Proxy], 1);
    assert!(phones[0].session(&mut stage, Reason::StartUp).writes().is_empty());
}

#[test]
fn a_call_in_a_phones_name_from_another_network_is_an_alert_until_the_phone_calls_itself() {
    let site = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: site-0}\nspec: {networks: [10.0.0.0/24]}\n";
    let mut stage = Stage::with(&(documents(2, 1, "first") + site));
    let mut phones = all_call(&mut stage, 2);
    let mut stranger = Phone { peer: "10.9.0.9:5000".parse().unwrap(), ..Phone::new(&mac(1)) };
    stranger.session(&mut stage, Reason::StartUp);
    let alerts = stage.fleet.alerts(stage.now).alerts;
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.site.as_deref()), (AlertKind::WrongSite, Some("site-0")));
    assert_eq!(alert.names, ["phone-1"]);
    phones[1].session(&mut stage, Reason::StartUp);
    assert!(stage.fleet.alerts(stage.now).alerts.is_empty());
}
