//! Secrets that change, come and go while the service runs: the phones that use them are looked at again, at once.

use std::fs;

use phoneops::{fleet::words::State, sim::Model};

use crate::service_stage::{Stage, config, profile, replace};

const IDENTITY: &str = include_str!("../fixtures/secrets/identity.txt");
const ENCRYPTED: &[u8] = include_bytes!("../fixtures/secrets/sip.csv.age");
const OTHERWISE_ENCRYPTED: &[u8] = include_bytes!("../fixtures/secrets/big.yaml.age");

/// Phones 1 and 2, each with its own line of a file of many.
fn documents(from: &str) -> String {
    let phone = |number: u32| config(number, &format!("e164: \"493012345{}\"", 5 + number));
    [profile("Enforce", &format!("ldap-pwd: {{from: {from}, key: \"{{e164}}\"}}")), phone(1), phone(2)].join("---\n")
}

/// How often a revision was taken over because of its secrets.
async fn retaken(stage: &Stage) -> u64 {
    const NAME: &str = "phoneops_source_fetches_total{result=\"secrets\"} ";
    let metrics = stage.api("GET /metrics").await.body;
    metrics.lines().find_map(|line| line.strip_prefix(NAME)).map_or(0, |count| count.trim().parse().unwrap())
}

#[tokio::test]
async fn a_line_that_is_missed_makes_its_phone_invalid_until_it_comes() {
    let mut stage = Stage::dark(&documents("sip.csv"));
    fs::write(stage.path("secrets/sip.csv"), "4930123456,one-quite-unguessable\n").unwrap();
    stage.start().await;
    stage.taken_over().await;
    stage.reaches(1, State::Unknown).await;
    stage.reaches(2, State::Invalid).await;
    let told = format!("{:?}", stage.view(2));
    assert!(told.contains("4930123457") && !told.contains("quite-unguessable"), "{told}");

    replace(&stage.path("secrets"), "sip.csv", "4930123456,one-quite-unguessable\n4930123457,two\n");
    stage.reaches(2, State::Unknown).await;
    assert_eq!((stage.view(1).state, retaken(&stage).await), (State::Unknown, 1));

    fs::remove_file(stage.path("secrets/sip.csv")).unwrap();
    stage.reaches(1, State::Invalid).await;
    stage.reaches(2, State::Invalid).await;
    stage.end().await;
}

#[tokio::test]
async fn an_encrypted_file_that_changes_is_opened_anew() {
    let mut stage = Stage::dark(&documents("sip.csv.age"));
    stage.settings.age_identity = Some(stage.path("identity"));
    fs::write(stage.path("identity"), IDENTITY).unwrap();
    fs::write(stage.path("secrets/sip.csv.age"), OTHERWISE_ENCRYPTED).unwrap();
    stage.start().await;
    stage.taken_over().await;
    stage.reaches(1, State::Invalid).await;
    fs::write(stage.path("secrets/sip.csv.age"), ENCRYPTED).unwrap();
    stage.reaches(1, State::Unknown).await;
    stage.reaches(2, State::Unknown).await;
    stage.end().await;
}

#[tokio::test]
async fn a_touched_file_does_nothing_and_a_changed_one_concerns_nobody_else() {
    let mut stage = Stage::dark(&documents("sip.csv"));
    let both = "4930123456,one\n4930123457,two\n";
    fs::write(stage.path("secrets/sip.csv"), both).unwrap();
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(1, Model::OpenStage40V3R5, State::InSync).await;
    let (before, sessions) = (stage.view(1), phone.counts().ended);

    // the same content in a new file, then a look that has to find something
    replace(&stage.path("secrets"), "sip.csv", both);
    replace(&stage.path("secrets"), "unused", "x");
    replace(&stage.path("secrets"), "sip.csv", "4930123456,one\n");
    stage.reaches(2, State::Invalid).await;
    assert_eq!(retaken(&stage).await, 1);
    replace(&stage.path("secrets"), "sip.csv", both);
    stage.reaches(2, State::Unknown).await;
    assert_eq!(retaken(&stage).await, 2);
    assert_eq!((stage.view(1).state, stage.view(1).revision), (State::InSync, before.revision));
    assert_eq!((phone.counts().ended, phone.contacts_received()), (sessions, 0), "the other phone sees nothing");
    stage.end().await;
}
