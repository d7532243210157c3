//! Items that never compare and that a phone does not take: told, and written as soon as they can be taken.

use super::{
    stage::{MAC, Phone, Stage, id},
    writes::phone_with,
};
use crate::{
    fleet::{retry::RetryAnswer, words::State},
    wpi::{DeviceId, ItemStatus, Reason},
};

const WITHOUT: &str = "sntp-addr: 192.0.2.5";

fn writes(stage: &mut Stage, phone: &mut Phone) -> Vec<Vec<String>> {
    phone.session(stage, Reason::StartUp).writes()
}

/// A phone that has what `yaml` wants.
fn settled(yaml: &str, firmware: &str) -> (Stage, Phone) {
    let mut stage = Stage::with(yaml);
    let mut phone = Phone::new(MAC);
    phone.firmware = firmware.to_owned();
    writes(&mut stage, &mut phone);
    assert_eq!(stage.view(MAC).state, State::InSync);
    (stage, phone)
}

#[test]
fn a_secret_that_is_refused_beside_its_group_is_told_and_tried_again() {
    let yaml = phone_with("", "e164: \"4930123456\", sip-pwd: {file: sip}");
    let mut stage = Stage::with(&yaml);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sip-pwd"), ItemStatus::InvalidData);
    assert_eq!(writes(&mut stage, &mut phone), [["e164", "sip-pwd"]], "the account as a whole");
    let view = stage.view(MAC);
    assert_eq!((view.state, view.refused.len(), view.proven), (State::Degraded, 1, 1));
    assert!(writes(&mut stage, &mut phone).is_empty());
    phone.refuses.clear();
    let device = DeviceId::new(MAC).unwrap();
    assert!(matches!(stage.fleet.retry(&device, false, stage.now), RetryAnswer::Taken(_)));
    assert_eq!(writes(&mut stage, &mut phone), [["e164", "sip-pwd"]]);
    let view = stage.view(MAC);
    assert_eq!((view.state, view.assumed_count, view.proven), (State::InSync, 0, 2));
}

#[test]
fn a_content_that_the_firmware_cannot_take_gives_way_to_one_that_it_can() {
    let (mut stage, mut phone) = settled(&phone_with("", WITHOUT), "V2 R0.60.0");
    let yaml = phone_with("", &format!("{WITHOUT}, ldap-pwd: {{file: odd}}"));
    stage.push(&yaml);
    assert!(writes(&mut stage, &mut phone).is_empty(), "R-616");
    assert_eq!(stage.view(MAC).state, State::Degraded);
    stage.push(&yaml);
    assert!(writes(&mut stage, &mut phone).is_empty(), "the same content");
    stage.secrets = 1;
    stage.push(&yaml);
    assert_eq!(writes(&mut stage, &mut phone), [["ldap-pwd"]], "the reference is as it was");
    assert_eq!(stage.view(MAC).state, State::InSync);
}

fn application(items: &str) -> String {
    phone_with("", WITHOUT) + &format!("  byIndex: {{1: {{{items}}}}}\n")
}

#[test]
fn an_application_that_lacked_something_is_written_when_it_is_whole() {
    let (mut stage, mut phone) = settled(&phone_with("", WITHOUT), "V3 R5.12.0");
    stage.push(&application("XML-app-name: calls, XML-app-server-addr: 192.0.2.10"));
    assert!(writes(&mut stage, &mut phone).is_empty());
    assert_eq!(stage.view(MAC).state, State::Degraded);
    stage.push(&application("XML-app-action: update, XML-app-name: calls, XML-app-server-addr: 192.0.2.10"));
    let whole = [["XML-app-action[1]", "XML-app-name[1]", "XML-app-server-addr[1]"]];
    assert_eq!(writes(&mut stage, &mut phone), whole);
    assert_eq!(stage.view(MAC).state, State::InSync);
}

#[test]
fn an_application_whose_name_the_firmware_cannot_take_is_not_written_in_part() {
    let (mut stage, mut phone) = settled(&phone_with("", WITHOUT), "V2 R0.60.0");
    stage.push(&application("XML-app-action: update, XML-app-name: \"a&b\", XML-app-server-addr: 192.0.2.10"));
    assert!(writes(&mut stage, &mut phone).is_empty(), "R-616, R-1212");
    assert_eq!(stage.view(MAC).refused.len(), 3);
}
