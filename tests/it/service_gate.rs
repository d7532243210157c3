//! The gate by its commands, with real phones and a real git repository, over a restart.

use std::fs;

use git2::{Repository, Signature};
use phoneops::{
    fleet::{settings::GateSettings, words::State},
    sim::{Model, SimPhone},
    source::{GitSettings, SourceSettings},
};

use crate::service_stage::{Stage, command, configs, has, profile, replace, times_written, until};

const PHONES: u32 = 3;
const SMALL: GateSettings = GateSettings { phones: 2, percent: 0, risky: 0, vanish: 5, trailer: false };

fn documents(server: &str) -> String {
    profile("Enforce", &format!("sntp-addr: {server}")) + "---\n" + &configs(0..PHONES)
}

async fn fleet(stage: &Stage) -> Vec<SimPhone> {
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await);
    }
    phones
}

async fn all_held(stage: &Stage) {
    for number in 0..PHONES {
        stage.reaches(number, State::Held).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_and_goes_on_after_an_approval_with_a_name() {
    let mut stage = Stage::with(&documents("192.0.2.5")).await;
    let phones = fleet(&stage).await;
    assert_eq!(command(&stage, &["gate"]).await, (0, "Nothing waits at the gate.\n".to_owned()));
    stage.stop().await;
    stage.settings.fleet.gate = SMALL;
    stage.start().await;
    stage.taken_over().await;
    assert_eq!(command(&stage, &["gate"]).await.0, 0, "a restart is no revision");

    stage.change("all.yaml", &documents("192.0.2.6")).await;
    all_held(&stage).await;
    let (code, plan) = command(&stage, &["gate"]).await;
    assert_eq!(code, 1, "{plan}");
    for line in [
        "  it would write to 3 phones, and 2 go through",
        "Phones that wait: 3 (default 3)",
        "  sntp-addr = 192.0.2.6 on 3: phone-0, phone-1, phone-2",
    ] {
        assert!(plan.contains(line), "{line}\n{plan}");
    }
    let (code, shown) = command(&stage, &["status"]).await;
    assert!(code == 3 && shown.starts_with("HELD at the gate: dir-"), "{code} {shown}");
    let (code, told) = command(&stage, &["explain", "phone-0", "sntp-addr"]).await;
    assert!(code == 3 && told.contains("sntp-addr = 192.0.2.5  Right"), "{code} {told}");
    assert!(told.contains(" wants 192.0.2.6, and waits at the gate"), "{told}");
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_phones{state=\"Held\"} 3\n"), "{metrics}");

    stage.stop().await;
    stage.start().await;
    stage.taken_over().await;
    all_held(&stage).await;
    for phone in &phones {
        phone.boot();
    }
    let revision = plan.split(' ').next().unwrap();
    let (code, said) = command(&stage, &["approve", "dir-000000", "--reason", "x"]).await;
    assert!(code == 2 && said.contains("does not wait at the gate"), "{said}");
    let (code, said) = command(&stage, &["approve", &revision[..9], "--reason", "looked at it"]).await;
    assert_eq!((code, said.as_str()), (0, format!("Approved: {revision}, 3 phones go on.\n").as_str()));
    for (number, phone) in (0..PHONES).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        assert_eq!((times_written(phone, "sntp-addr"), has(phone, "sntp-addr").as_str()), (2, "192.0.2.6"));
    }

    stage.change("all.yaml", &documents("192.0.2.7")).await;
    all_held(&stage).await;
    let (_, plan) = command(&stage, &["gate"]).await;
    let revision = plan.split(' ').next().unwrap();
    let (code, said) = command(&stage, &["reject", revision, "--reason", "wrong server"]).await;
    assert!(code == 0 && said.starts_with("Rejected: "), "{said}");
    let (code, said) = command(&stage, &["approve", revision, "--reason", "or not"]).await;
    assert!(code == 2 && said.contains("alice rejected it (wrong server)"), "{said}");
    stage.change("all.yaml", &documents("192.0.2.6")).await;
    for (number, phone) in (0..PHONES).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        assert_eq!(times_written(phone, "sntp-addr"), 2, "nothing of what was rejected");
    }
    let (_, csv) = command(&stage, &["audit", "-o", "csv"]).await;
    assert!(csv.contains(",alice,Approve,") && csv.contains(",alice,Reject,"), "{csv}");
    stage.end().await;
}

pub(crate) fn commit(remote: &Repository, documents: &str, message: &str) -> git2::Oid {
    let mut tree = remote.treebuilder(None).unwrap();
    tree.insert("all.yaml", remote.blob(documents.as_bytes()).unwrap(), 0o100_644).unwrap();
    let tree = remote.find_tree(tree.write().unwrap()).unwrap();
    let who = Signature::now("Ada", "ada@example.org").unwrap();
    let parent = remote.refname_to_id("refs/heads/main").ok().map(|id| remote.find_commit(id).unwrap());
    remote.commit(Some("refs/heads/main"), &who, &who, message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailer_or_a_note_with_the_right_number_approves_its_commit_and_a_wrong_number_does_not() {
    let mut stage = Stage::dark("");
    let remote = Repository::init_bare(stage.path("remote")).unwrap();
    let git = GitSettings::new(stage.path("remote").to_str().unwrap(), stage.path("mirror"));
    let interval = std::time::Duration::from_millis(50);
    stage.settings.source = SourceSettings::Git(GitSettings { interval, ..git });
    stage.settings.fleet.gate = GateSettings { trailer: true, ..SMALL };
    commit(&remote, &documents("192.0.2.5"), "All phones\n\nPhoneops-Approved: 3 phones\n");
    stage.start().await;
    stage.taken_over().await;
    let phones = fleet(&stage).await;
    let wrong = commit(&remote, &documents("192.0.2.6"), "Another server\n\nPhoneops-Approved: 2 phones\n");
    all_held(&stage).await;
    assert!(phones.iter().all(|phone| times_written(phone, "sntp-addr") == 1));
    let who = Signature::now("Ada", "ada@example.org").unwrap();
    remote.note(&who, &who, Some("refs/notes/commits"), wrong, "Phoneops-Approved: 3 phones\n", false).unwrap();
    for (number, phone) in (0..PHONES).zip(&phones) {
        stage.reaches(number, State::InSync).await;
        assert_eq!((times_written(phone, "sntp-addr"), has(phone, "sntp-addr").as_str()), (2, "192.0.2.6"));
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_emptied_by_mistake_takes_no_phone_away() {
    let mut stage = Stage::with(&documents("192.0.2.5")).await;
    let phones = fleet(&stage).await;
    stage.stop().await;
    stage.settings.fleet.gate = SMALL;
    stage.start().await;
    stage.taken_over().await;
    fs::remove_file(stage.path("docs/all.yaml")).unwrap();
    all_held(&stage).await;
    phones[0].local_change(crate::service_stage::id("sntp-addr"), crate::service_stage::text("192.0.2.9"));
    until(|| has(&phones[0], "sntp-addr") == "192.0.2.5", || "never put right".to_owned()).await;
    replace(&stage.path("docs"), "all.yaml", &documents("192.0.2.5"));
    for number in 0..PHONES {
        stage.reaches(number, State::InSync).await;
    }
    stage.end().await;
}
