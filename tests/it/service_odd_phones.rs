//! Phones that behave oddly and are served all the same, over real TLS.

use std::time::Duration;

use phoneops::{
    fleet::words::State,
    sim::{Fault, Model, PhoneView, SimPhone},
};

use crate::service_stage::{LONG, Stage, config, configs, has, idle, own_address, profile, told};

const WANTED: &str = "sntp-addr: 192.0.2.123, sntp-tz-offset: 60, sip-name: Reception";
const WRITTEN: &str = "start-up: ReadItems WriteItems ReadItems CleanUp";

fn enforced(phones: u32) -> String {
    profile("Enforce", WANTED) + "---\n" + &configs(0..phones)
}

/// A phone with this fault comes to be in sync, in one flow.
async fn is_served(fault: Fault, keep_alive: bool) {
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![fault.clone()];
    settings.keep_alive = keep_alive;
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), [WRITTEN], "{fault}");
    assert_eq!(has(&phone, "sip-name"), "Reception");
    stage.end().await;
}

#[tokio::test]
async fn a_lower_case_nonce_is_echoed_byte_for_byte() {
    // the strict simulator refuses any other
    is_served(Fault::NonceLowerCase, true).await;
    is_served(Fault::Nonce23Digits, true).await;
    is_served(Fault::NoncePerFlow, true).await;
}

#[tokio::test]
async fn cookies_are_taken_whatever_their_attributes_and_not_needed_on_one_connection() {
    //
    is_served(Fault::CookieAttributeCase, false).await;
    is_served(Fault::CookieStale, true).await;
    is_served(Fault::CookieForeign, true).await;
    is_served(Fault::CookieNone, true).await;
}

#[tokio::test]
async fn a_lone_phone_is_found_by_its_address_when_nothing_else_names_its_flow() {
    // R-210 step 5: no cookie, a new connection for each reply, no mac-addr in a reply
    is_served(Fault::CookieNone, false).await;
    is_served(Fault::CookieStale, false).await;
    is_served(Fault::CookieForeign, false).await;
}

#[tokio::test]
async fn white_space_long_lines_and_odd_versions_stop_nobody() {
    //
    is_served(Fault::ReasonWhiteSpace, true).await;
    is_served(Fault::OneLongLine, true).await;
    is_served(Fault::OddVersion, true).await;
    is_served(Fault::NoFragmentAttribute, true).await;
}

#[tokio::test]
async fn two_phones_behind_one_address_are_told_apart_by_their_cookies() {
    // replies name no phone and come on new connections
    let stage = Stage::with(&enforced(2)).await;
    let address = own_address();
    let mut phones = Vec::new();
    for (number, model) in [(0, Model::OpenStage40V3R5), (1, Model::Cp210)] {
        let mut settings = stage.phone_settings(number, model);
        settings.address = address;
        settings.keep_alive = false;
        phones.push(stage.phone_of(settings).await);
    }
    phones.iter().for_each(SimPhone::boot);
    for (number, phone) in (0..).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        idle(phone).await;
        assert_eq!(told(phone, 0), [WRITTEN]);
        assert_eq!(stage.view(number).address, Some(address.to_string()));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_closes_every_connection_is_served() {
    //
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone_in(0, Model::Cp210, State::InSync).await;
    let exchanges = phone.transcript();
    let mut connections: Vec<_> = exchanges.iter().map(|exchange| exchange.connection).collect();
    connections.dedup();
    assert_eq!(connections.len(), 4, "each request on a connection of its own");
    assert_eq!(told(&phone, 0), [WRITTEN]);
    stage.end().await;
}

#[tokio::test]
async fn a_kept_connection_carries_the_whole_flow() {
    //
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone_in(0, Model::OpenStage60V3R1, State::InSync).await;
    assert!(phone.transcript().iter().all(|exchange| exchange.connection == 1));
    stage.end().await;
}

#[tokio::test]
async fn a_new_initial_message_in_mid_flow_wins() {
    //
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::InitialInMidFlow];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems", WRITTEN]);
    stage.end().await;
}

#[tokio::test]
async fn power_lost_before_the_reply_to_a_write_costs_nothing() {
    // R-1404, promise 3: what was in flight is read before anything is written again
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    phone.wait_for(|view| view.exchanges().count() == 1, LONG).await.unwrap();
    phone.set_fault(Fault::PowerCut);
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    let flows = told(&phone, 0);
    assert!(flows[0].starts_with("start-up: ReadItems") && flows[1].starts_with("start-up: ReadItems"), "{flows:?}");
    assert_eq!(phone.writes(), 1, "{flows:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_reply_sent_twice_is_no_second_write() {
    //
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::ReplyRepeated];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(phone.writes(), 1, "{:?}", told(&phone, 0));
    stage.end().await;
}

#[tokio::test]
async fn a_reply_to_another_action_ends_the_flow_and_writes_nothing() {
    //
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::WrongAction];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended >= 1, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[0], "start-up: ReadItems CleanUp");
    phone.clear_fault("wrong-action");
    stage.reaches(0, State::InSync).await;
    stage.end().await;
}

#[tokio::test]
async fn a_reply_after_a_restart_is_cleaned_up_and_its_phone_called_again() {
    //
    let mut stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    phone.set_fault(Fault::SlowReply(1));
    stage.change("all.yaml", &enforced(1).replace("192.0.2.123", "192.0.2.200")).await;
    let asked = |view: &PhoneView| view.exchanges().nth(4).is_some();
    phone.wait_for(asked, LONG).await.unwrap();
    stage.stop().await;
    stage.start().await;
    phone.clear_fault("slow-reply");
    phone.wait_for(|view| view.counts().writes == 2 && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    let flows = told(&phone, 4);
    assert_eq!(flows[0], "solicited: ReadItems CleanUp", "{flows:?}");
    assert_eq!(flows.last().unwrap(), "solicited: ReadItems WriteItems ReadItems CleanUp", "{flows:?}");
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.200");
    stage.end().await;
}

#[tokio::test]
async fn a_change_in_mid_session_sends_the_session_round_again() {
    // R-618, R-1403
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::SlowReply(1)];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.exchanges().count() == 1, LONG).await.unwrap();
    phone.clear_fault("slow-reply");
    stage.change("all.yaml", &enforced(1).replace("Reception", "Front desk")).await;
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems ReadItems WriteItems ReadItems CleanUp"]);
    assert_eq!(has(&phone, "sip-name"), "Front desk");
    stage.end().await;
}

#[tokio::test]
async fn parts_without_end_are_cut_off_and_nothing_is_written_on_their_ground() {
    //
    let stage = Stage::set(&enforced(1), |settings| settings.fleet.fragments = 5).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::FragmentForever];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended >= 1, LONG).await.unwrap();
    assert_eq!(told(&phone, 0)[0], format!("start-up: ReadItems{} CleanUp", " GetNextFragment".repeat(4)));
    phone.clear_fault("fragment-forever");
    stage.reaches(0, State::InSync).await;
    assert_eq!(phone.writes(), 1);
    stage.end().await;
}

#[tokio::test]
async fn more_phones_than_flows_are_asked_to_come_again_and_all_are_served() {
    //
    let stage = Stage::set(&enforced(8), |settings| settings.fleet.flows = 1).await;
    let mut phones = Vec::new();
    for number in 0..8 {
        phones.push(stage.phone(number, Model::OpenStage40V3R5).await);
    }
    phones.iter().for_each(SimPhone::boot);
    for number in 0..8 {
        stage.reaches(number, State::InSync).await;
    }
    let overload = phones.iter().flat_map(SimPhone::transcript);
    let overload = overload.filter(|exchange| exchange.cleanup_reason() == Some("overload")).count();
    assert!(overload >= 1, "eight at once do not fit");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.lines().any(|line| line.contains("overload") && !line.ends_with(" 0")), "{metrics}");
    stage.end().await;
}

#[tokio::test]
async fn a_silent_flow_is_dropped_and_its_phone_asked_again() {
    //
    let quick = Duration::from_millis(150);
    let stage = Stage::set(&enforced(1), |settings| settings.fleet.flow_idle = quick).await;
    let mut settings = stage.phone_settings(0, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::NoReply];
    let phone = stage.phone_of(settings).await;
    phone.boot();
    phone.wait_for(|view| view.counts().flows >= 2, LONG).await.unwrap();
    phone.clear_fault("no-reply");
    stage.reaches(0, State::InSync).await;
    assert!(phone.contacts_received() >= 1);
    stage.end().await;
}

#[tokio::test]
async fn a_phone_that_swallows_refuses_or_muddles_contact_me_is_asked_until_it_calls() {
    //
    use phoneops::fleet::words::PendingReason::{NoAnswer, Unreachable};
    for (fault, reason) in
        [(Fault::ContactSwallowed, NoAnswer), (Fault::ContactRefused, Unreachable), (Fault::ContactNot204, Unreachable)]
    {
        let stage = Stage::with(&enforced(1)).await;
        let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
        phone.set_fault(fault.clone());
        stage.change("all.yaml", &enforced(1).replace("Reception", "Front desk")).await;
        stage.pending(0, reason).await;
        assert_eq!(phone.writes(), 1);
        phone.clear_fault(fault.name());
        stage.reaches(0, State::InSync).await;
        assert_eq!(has(&phone, "sip-name"), "Front desk");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_message_without_mac_or_without_nonce_is_sent_away() {
    //
    let stage = Stage::with(&(enforced(1) + "---\n" + &config(1, ""))).await;
    let mut settings = stage.phone_settings(7, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::NoMac];
    let nobody = stage.phone_of(settings).await;
    nobody.boot();
    nobody.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(told(&nobody, 0), ["start-up: CleanUp"]);
    // no nonce at all: there is nothing to echo but the empty one
    let mut settings = stage.phone_settings(8, Model::OpenStage40V3R5);
    settings.faults = vec![Fault::NonceMissing];
    let nonceless = stage.phone_of(settings).await;
    nonceless.boot();
    nonceless.wait_for(|view| view.counts().exchanges >= 1, LONG).await.unwrap();
    let good = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!(told(&good, 0), [WRITTEN]);
    assert!(told(&nonceless, 0)[0].starts_with("start-up: CleanUp"), "{:?}", told(&nonceless, 0));
    stage.end().await;
}

#[tokio::test]
async fn an_undeclared_phone_is_listed_and_never_written() {
    // R-1104
    let stage = Stage::with(&enforced(1)).await;
    let mut settings = stage.phone_settings(5, Model::OpenStage60V3R1);
    settings.faults = vec![Fault::OddId];
    let stranger = stage.phone_of(settings).await;
    stranger.boot();
    stranger.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(told(&stranger, 0), ["start-up: CleanUp"]);
    let listed = stage.api("GET /api/v1/undeclared").await.json();
    assert_eq!(listed["phones"][0]["model"], "OpenStage 60", "{listed}");
    assert_eq!(listed["phones"][0]["mac"], "SOFTCLIENT-17", "{listed}");
    assert_eq!(stranger.writes(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_declared_phone_that_only_called_before_its_document_came_is_served_by_contact_me() {
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone(4, Model::OpenStage40V3R5).await;
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 1 && view.is_idle(), LONG).await.unwrap();
    stage.change("more.yaml", &config(4, "")).await;
    stage.reaches(4, State::InSync).await;
    idle(&phone).await;
    assert_eq!(told(&phone, 1), ["solicited: ReadItems WriteItems ReadItems CleanUp"]);
    stage.end().await;
}

#[tokio::test]
async fn a_new_message_of_a_phone_is_answered_while_its_write_is_being_recorded() {
    // promise 4: the newest initial message wins wherever the older flow stands
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone(0, Model::OpenStage40V3R5).await;
    for _ in 0..6 {
        phone.boot();
        let flows = phone.counts().flows;
        phone.wait_for(|view| view.counts().flows > flows, LONG).await.unwrap();
    }
    phone.boot();
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    let (_, open) = stage.running().shared().with_fleet(|fleet, _| fleet.waiting());
    assert_eq!(open, 0, "no flow is left behind");
    stage.end().await;
}
