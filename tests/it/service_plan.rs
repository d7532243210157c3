//! `phoneops plan`: what a folder would change, against the running service, which takes nothing of it over.

use std::fs;

use phoneops::{
    fleet::{settings::GateSettings, words::State},
    sim::Model,
};

use crate::{
    api_service::READ,
    service_child::{phoneops, run},
    service_stage::{Stage, command, configs, has, idle, profile},
};

const PHONES: u32 = 3;

fn documents(items: &str, phones: u32) -> String {
    profile("Enforce", items) + "---\n" + &configs(0..phones)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_planned_grouped_and_judged_and_nothing_of_it_is_taken_over() {
    let mut stage = Stage::dark(&documents("sntp-addr: 192.0.2.5", PHONES));
    stage.settings.fleet.gate = GateSettings { phones: 2, percent: 0, risky: 0, vanish: 40, trailer: false };
    stage.start().await;
    stage.taken_over().await;
    let (_, held) = command(&stage, &["gate"]).await;
    let first = held.split(' ').next().unwrap().to_owned();
    assert_eq!(command(&stage, &["approve", &first, "--reason", "the first"]).await.0, 0);
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(stage.phone_in(number, Model::OpenStage40V3R5, State::InSync).await);
    }
    let tree = stage.path("tree");
    fs::create_dir(&tree).unwrap();
    let write = |text: &str| fs::write(tree.join("all.yaml"), text).unwrap();
    let plan = async |output: &str| command(&stage, &["plan", tree.to_str().unwrap(), "-o", output]).await;

    write(&documents("sntp-addr: 192.0.2.5", PHONES));
    let (code, told) = plan("text").await;
    assert!(code == 0 && told.starts_with("0 of 3 phones are written something new"), "{code} {told}");
    write(&documents("sntp-addr: 192.0.2.6", PHONES));
    let (code, told) = plan("text").await;
    assert_eq!(code, 1, "{told}");
    for line in [
        "3 of 3 phones are written something new (compared with dir-",
        "it waits at the gate: it would write to 3 phones, and 2 go through",
        "  sntp-addr = 192.0.2.6 on 3: phone-0, phone-1, phone-2",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(plan("markdown").await.1.contains("| sntp-addr | 192.0.2.6 | 3 | phone-0, phone-1, phone-2 |"));
    write(&documents("sntp-addr: 192.0.2.5", 1));
    let (code, told) = plan("text").await;
    assert!(code == 1 && told.contains("2 phones are named by no document any more: phone-1, phone-2"), "{told}");
    write(&documents("sntp-addr: 192.0.2.5, no-such: {a: 1}", PHONES));
    let (code, told) = plan("text").await;
    assert!(code == 2 && told.contains("error: all.yaml:"), "{code} {told}");
    // a secret shows as changed, and its content nowhere
    fs::write(stage.path("secrets").join("ldap"), "planted").unwrap();
    write(&documents("sntp-addr: 192.0.2.5, ldap-pwd: {file: ldap}", PHONES));
    let (_, told) = plan("json").await;
    assert!(
        told.contains("\"item\":\"ldap-pwd\"") && told.contains("\"to\":\"***\"") && !told.contains("planted"),
        "{told}"
    );

    for (number, phone) in (0..PHONES).zip(&phones) {
        idle(phone).await;
        assert_eq!((has(phone, "sntp-addr").as_str(), stage.view(number).state), ("192.0.2.5", State::InSync));
        assert_eq!(phone.contacts_received(), 0, "nobody was asked");
    }
    // what git has is planned as it stood there, whatever lies in the folder
    let git = |words: &[&str]| {
        let identity = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
        let done = std::process::Command::new("git").arg("-C").arg(&tree).args(identity).args(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {done:?}");
    };
    git(&["init", "-q"]);
    for (name, sntp) in [("first", "192.0.2.5"), ("second", "192.0.2.66")] {
        write(&documents(&format!("sntp-addr: {sntp}"), PHONES));
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", name]);
    }
    fs::write(tree.join("all.yaml"), "broken: [").unwrap();
    let folder = tree.to_str().unwrap();
    let of_revision = async |rev: &str| command(&stage, &["plan", folder, "--rev", rev, "--phone", "phone-1"]).await;
    let (code, told) = of_revision("HEAD").await;
    assert!(code == 1 && told.contains("  sntp-addr 192.0.2.5 → 192.0.2.66"), "{code} {told}");
    let (code, told) = of_revision("HEAD~1").await;
    assert!(code == 0 && told.contains("phone-1 (") && told.contains("  nothing"), "{code} {told}");
    let (code, told) = of_revision("nowhere").await;
    assert!(code == 2 && told.contains("\"nowhere\"") && told.contains("git log"), "{code} {told}");
    // what was never read cannot be known to change, nor to stay
    write(&documents("sntp-addr: 192.0.2.5", PHONES + 1));
    let (code, told) = plan("text").await;
    assert!(code == 3 && told.contains("never read, so all counts as new: 1: phone-3"), "{code} {told}");
    // without the service, against the documents of another folder
    let other = stage.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("all.yaml"), documents("sntp-addr: 192.0.2.7", PHONES + 1)).unwrap();
    let mut offline = phoneops("plan");
    offline.arg(&tree).arg("--against").arg(&other);
    let (code, told) = run(offline).await;
    assert!(code == 1 && told.contains("  sntp-addr = 192.0.2.5 on 4: phone-0, phone-1"), "{code} {told}");
    write(&documents("sntp-addr: 192.0.2.6", 1));

    // the right to read is enough
    fs::write(stage.path("reader"), READ).unwrap();
    let server = format!("http://{}", stage.running().status_address);
    let mut reader = phoneops("plan");
    reader.arg(&tree).args(["--server", &server, "--token-file", stage.path("reader").to_str().unwrap()]);
    assert_eq!(run(reader).await.0, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_only_returns_what_is_only_told_and_how_old_an_export_is() {
    let stage = Stage::with(&documents("sntp-addr: 192.0.2.5", 1)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    stage.change("all.yaml", &documents("sntp-addr: 192.0.2.6", 1)).await;
    stage.becomes(0, |view| view.state == State::InSync && view.drift_count == 0 && view.last_proof.is_some()).await;
    idle(&phone).await;
    assert_eq!(has(&phone, "sntp-addr"), "192.0.2.6");
    let tree = stage.path("tree");
    fs::create_dir(&tree).unwrap();
    let write = |text: &str| fs::write(tree.join("all.yaml"), text).unwrap();
    let plan = async |more: &[&str]| command(&stage, &[&["plan", tree.to_str().unwrap()], more].concat()).await;

    write(&documents("sntp-addr: 192.0.2.5", 1));
    let (code, told) = plan(&[]).await;
    assert!(
        code == 1 && told.starts_with("1 of 1 phones are written, and only return to what they had ("),
        "{code} {told}"
    );
    write(&documents("sntp-addr: 192.0.2.7", 1).replace("mode: Enforce", "mode: Report"));
    let (code, told) = plan(&["--phone", "phone-0"]).await;
    assert!(told.contains("differ, which mode Report only tells: 1: phone-0\n"), "{told}");
    let line = "  sntp-addr 192.0.2.6 → 192.0.2.7  (only told: the mode is Report)\n";
    assert!(code == 0 && told.contains(line) && !told.contains("nothing"), "{code} {told}");

    // an export says when it was read; the plan against it says the same
    let read = stage.api("GET /api/v1/phones/phone-0/export").await.json();
    let exported = stage.path("exported");
    let (code, out) = command(&stage, &["export", "--all", exported.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{out}");
    fs::write(exported.join("fleet.yaml"), profile("Enforce", "sntp-addr: 192.0.2.6")).unwrap();
    write(&documents("sntp-addr: 192.0.2.8", 1));
    let mut offline = phoneops("plan");
    offline.arg(&tree).arg("--against").arg(&exported).args(["--phone", "phone-0"]);
    let (code, told) = run(offline).await;
    let at: jiff::Timestamp = read["read"].as_str().unwrap().parse().unwrap();
    assert!(code == 1 && told.contains(&format!("(compared with other documents, read at {at:.0})")), "{code} {told}");
    assert!(told.contains("), as it was exported, read "), "{told}");
    stage.end().await;
}
