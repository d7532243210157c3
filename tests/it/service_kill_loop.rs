//! The process is killed again and again, at any step of a session, while documents, secrets and phones change: at the
//! end nothing that was wanted is lost, and nothing was doubled with effect (promise 3, R-1404). What is tried follows
//! from a seed; a failure names it, and `PHONEOPS_TEST_SEED` repeats it.

use std::{fmt::Write, time::Duration};

use phoneops::{
    fleet::words::State,
    sim::{Model, SimPhone},
    wpi::{ItemText, Secret},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

use crate::{
    service_child::Program,
    service_stage::{LONG, config, has, id, profile, ready, told, until},
};

/// Kills of one test; four tests make two hundred.
const KILLS: u32 = 50;
const MODELS: [Model; 3] = [Model::OpenStage40V3R5, Model::OpenStage60V3R1, Model::Cp210];

/// What is wanted, by number of the revision.
fn documents(revision: u32) -> String {
    let items =
        format!("sntp-addr: 192.0.2.{revision}, sip-name: \"Name {revision}\", ldap-pwd: {{file: ldap-{revision}}}");
    let mut all = profile("Enforce", &items);
    for (number, _) in (0..).zip(MODELS) {
        let own = format!("display-id-unicode: \"Phone {number} of {revision}\"");
        write!(all, "---\n{}", config(number, &own)).unwrap();
    }
    all
}

fn secret(revision: u32) -> String {
    format!("content-{revision}")
}

fn exchanges(phone: &SimPhone) -> u64 {
    let counts = phone.counts();
    counts.exchanges + counts.lost
}

/// Waits until this phone has had `more` messages answered or lost since it had `before`.
async fn speaks(phone: &SimPhone, before: u64, more: u64) {
    phone.wait_for(|view| view.counts().exchanges + view.counts().lost >= before + more, LONG).await.unwrap();
}

async fn killed_again_and_again(seed: u64) {
    let seed = std::env::var("PHONEOPS_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(seed);
    println!("PHONEOPS_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let secrets: Vec<(String, String)> =
        (1..=KILLS + 2).map(|revision| (format!("ldap-{revision}"), secret(revision))).collect();
    let secrets: Vec<(&str, &str)> = secrets.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut revision = 1;
    let mut program = Program::serve(&documents(revision), &secrets);
    let mut phones = Vec::new();
    for (number, model) in (0..).zip(MODELS) {
        let phone = program.phone(number, model).await;
        phone.boot();
        phones.push(phone);
    }
    for number in (0..).take(phones.len()) {
        program.reaches(number, State::InSync).await;
    }
    for _ in 0..KILLS {
        let phone = &phones[rng.random_range(0..phones.len())];
        let before = exchanges(phone);
        // a session of a phone with nothing new is start-up, read, CleanUp; else write and read-back lie between
        let steps = if rng.random_bool(0.7) {
            revision += 1;
            program.change("all.yaml", &documents(revision));
            rng.random_range(0..=4)
        } else {
            phone.restart();
            rng.random_range(0..=2)
        };
        speaks(phone, before, steps).await;
        sleep(Duration::from_micros(rng.random_range(0..4_000))).await;
        program.kill();
        if rng.random_bool(0.2) {
            phone.restart();
        }
        program.start();
    }
    ready(program.status).await;
    // what left twice without an answer waits for a person or another content
    revision += 1;
    program.change("all.yaml", &documents(revision));
    for (number, phone) in (0..).zip(&phones) {
        program.becomes(number, |view| view.state == State::InSync && view.last_proof.is_some()).await;
        let arrived = || has(phone, "sntp-addr") == format!("192.0.2.{revision}");
        until(arrived, || format!("the last revision on phone {number}")).await;
        program.reaches(number, State::InSync).await;
        assert_eq!(has(phone, "sip-name"), format!("Name {revision}"));
        assert_eq!(has(phone, "display-id-unicode"), format!("Phone {number} of {revision}"));
        assert_eq!(phone.value(&id("ldap-pwd")), Some(ItemText::Secret(Secret::new(secret(revision)))));
        for name in ["sntp-addr", "sip-name", "display-id-unicode"] {
            let repeats = phone.look(|view| view.repeats(&id(name)));
            assert_eq!(repeats, 0, "{name} was read before it was written: {:#?}", told(phone, 0));
        }
        let repeats = phone.look(|view| view.repeats(&id("ldap-pwd")));
        assert!(repeats <= 1, "a write-only value is repeated once at most: {repeats}, {:#?}", told(phone, 0));
        assert_eq!(phone.violations(), [""; 0]);
        phone.stop().await;
    }
}

#[tokio::test]
async fn fifty_kills_at_any_step_lose_nothing_and_double_nothing() {
    killed_again_and_again(1).await;
}

#[tokio::test]
async fn fifty_other_kills_lose_nothing_and_double_nothing() {
    killed_again_and_again(2).await;
}

#[tokio::test]
async fn another_fifty_kills_lose_nothing_and_double_nothing() {
    killed_again_and_again(3).await;
}

#[tokio::test]
async fn the_last_fifty_of_two_hundred_kills_lose_nothing_and_double_nothing() {
    killed_again_and_again(4).await;
}
