//! Secrets go to phones that are near, or inside the networks of their site.

use super::{
    stage::{MAC, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::words::{PendingReason, State},
    wpi::Reason,
};

const SITE: &str = "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: default}\nspec: {networks: [198.51.100.0/24]}\n";
const BEFORE: &str = "sntp-addr: 192.0.2.5";
const AFTER: &str = "sntp-addr: 192.0.2.6, ldap-pwd: {file: sip}";

/// A phone in sync that calls from a public address; then a revision changes an item and adds a password.
fn far_phone(site: &str) -> (Stage, Phone) {
    let mut stage = Stage::with(&(phone_with("", BEFORE) + site));
    let mut phone = Phone { peer: "198.51.100.7:5000".parse().unwrap(), ..Phone::new(MAC) };
    phone.session(&mut stage, Reason::StartUp);
    assert_eq!(stage.view(MAC).state, State::InSync);
    stage.push(&(phone_with("", AFTER) + site));
    (stage, phone)
}

#[test]
fn without_networks_a_phone_at_a_public_address_gets_all_but_its_passwords_and_people_see_why() {
    let (mut stage, mut phone) = far_phone("");
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-addr"]]);
    for _ in 0..3 {
        assert!(phone.session(&mut stage, Reason::StartUp).writes().is_empty());
    }
    assert!(!phone.values.contains_key(&id("ldap-pwd")));
    let view = stage.view(MAC);
    assert_eq!((view.state, view.pending.unwrap().reason), (State::Pending, PendingReason::WrongSite));
    assert!(
        view.notes.iter().any(|note| note.contains("its passwords wait: it calls from 198.51.100.7")),
        "{:?}",
        view.notes
    );
    assert!(view.refused.is_empty(), "it refused nothing");
}

#[test]
fn networks_that_say_it_belongs_there_let_them_out() {
    let (mut stage, mut phone) = far_phone("");
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&(phone_with("", AFTER) + SITE));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["ldap-pwd"]]);
    assert_eq!(stage.view(MAC).state, State::InSync);
    let (mut stage, mut phone) = far_phone(SITE);
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes().concat(), ["ldap-pwd", "sntp-addr"]);
}

#[test]
fn a_group_with_a_password_waits_whole() {
    let group = "e164: \"4930123457\", sip-user-id: \"4930123457\", sip-pwd: {file: sip}";
    let mut stage = Stage::with(&phone_with("", BEFORE));
    let mut phone = Phone { peer: "198.51.100.7:5000".parse().unwrap(), ..Phone::new(MAC) };
    phone.session(&mut stage, Reason::StartUp);
    stage.push(&phone_with("", &format!("{BEFORE}, {group}, sntp-tz-offset: 60")));
    assert_eq!(phone.session(&mut stage, Reason::StartUp).writes(), [["sntp-tz-offset"]], "R-1210");
    phone.peer = "127.0.0.9:5000".parse().unwrap();
    let written = phone.session(&mut stage, Reason::StartUp).writes().concat();
    assert_eq!(written, ["e164", "sip-pwd", "sip-user-id"], "near, it gets all of it");
}

#[test]
fn without_any_site_people_are_told_so() {
    let notes = |stage: &Stage| stage.fleet.service_view(stage.now).notes;
    let stage = Stage::with(&phone_with("", BEFORE));
    assert!(notes(&stage)[0].starts_with("No PhoneSite is declared"));
    assert!(notes(&Stage::with(&(phone_with("", BEFORE) + SITE))).is_empty());
}
