//! What people and programs get to see of the running service, and what they can ask of it.

use phoneops::{
    fleet::{view::PhoneView, words::State},
    sim::{Fault, Model},
};

use crate::{
    service_child::{phoneops, run},
    service_stage::{LONG, Stage, config, configs, id, idle, profile, text, told},
};

fn enforced(phones: u32) -> String {
    profile("Enforce", "sntp-addr: 192.0.2.123") + "---\n" + &configs(0..phones)
}

async fn status(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    let mut command = phoneops("status");
    command.args(["--server", &format!("http://{}", stage.running().status_address)]).args(arguments);
    run(command).await
}

#[tokio::test]
async fn a_person_with_a_token_has_a_phone_call() {
    //
    let stage = Stage::with(&enforced(2)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let answer = stage.api("POST /api/v1/phones/phone-0/contact").await;
    assert_eq!((answer.status, answer.json()["result"].as_str()), (202, Some("Queued")), "{answer:?}");
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(told(&phone, 4), ["solicited: ReadItems CleanUp"]);
    assert_eq!(stage.api("POST /api/v1/phones/phone-1/contact").await.status, 409, "it has told no address yet");
    assert_eq!(stage.api("POST /api/v1/phones/nobody/contact").await.status, 404);
    let without =
        crate::service_stage::api_as(stage.running().status_address, "POST /api/v1/phones/phone-0/contact", None);
    assert_eq!(without.await.status, 401);
    assert_eq!(phone.contacts_received(), 1);
    stage.end().await;
}

#[tokio::test]
async fn status_tells_in_sync_pending_and_drift_apart_by_its_exit_code() {
    let stage = Stage::with(&enforced(1)).await;
    let (code, out) = status(&stage, &[]).await;
    assert_eq!(code, 3, "not heard of yet: {out}");
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let (code, out) = status(&stage, &[]).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("phone-0") && out.contains("OpenStage 40") && out.contains("1 InSync"), "{out}");
    let (code, out) = status(&stage, &["-o", "json"]).await;
    let view: PhoneView = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((code, view.state, view.firmware.as_deref()), (0, State::InSync, Some("V3 R5.12.0")));
    // a phone that keeps refusing to be reached
    phone.set_fault(Fault::ContactSwallowed);
    stage.change("all.yaml", &enforced(1).replace("192.0.2.123", "192.0.2.200")).await;
    stage.reaches(0, State::Pending).await;
    assert_eq!(status(&stage, &["phone-0"]).await.0, 3);
    phone.clear_fault("contact-swallowed");
    stage.reaches(0, State::InSync).await;
    idle(&phone).await;
    stage.change("all.yaml", &(profile("Report", "sntp-addr: 192.0.2.200") + "---\n" + &config(0, ""))).await;
    phone.local_change(id("sntp-addr"), text("192.0.2.7"));
    stage.reaches(0, State::Drifted).await;
    let (code, out) = status(&stage, &["phone-0"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("sntp-addr") && out.contains("192.0.2.7 → 192.0.2.200"), "{out}");
    let socket = format!("unix:{}", stage.path("state/api.sock").display());
    let mut command = phoneops("status");
    command.args(["--server", &socket]);
    assert_eq!(run(command).await.0, 1, "over the socket of the state folder too");
    assert_eq!(status(&stage, &["nobody"]).await.0, 2);
    let labelled = config(0, "").replace("{name: phone-0}", "{name: phone-0, labels: {ward: \"3\", floor: \"1\"}}");
    stage.change("all.yaml", &(profile("Report", "sntp-addr: 192.0.2.200") + "---\n" + &labelled)).await;
    let shown = stage.api("GET /api/v1/phones/phone-0").await.json();
    let revision = shown["revision"].as_str().unwrap();
    let begins = &revision[..revision.len() - 4];
    let finding: [&[&str]; 6] = [
        &["--selector", "ward=3,floor=1"],
        &["--item", "sntp-addr"],
        &["--find", "phone"],
        &["--revision", begins],
        &["--model", "OpenStage 40"],
        &["--state", "Drifted"],
    ];
    for filter in finding {
        let (code, out) = status(&stage, filter).await;
        assert!(code == 1 && out.contains("phone-0"), "{filter:?}: {out}");
    }
    let missing: [&[&str]; 5] = [
        &["--selector", "ward=3,floor=2"],
        &["--item", "e164"],
        &["--find", "gate-house"],
        &["--pending", "InCall"],
        &["--site", "default", "--state", "InSync"],
    ];
    for filter in missing {
        let (code, out) = status(&stage, filter).await;
        assert!(code == 0 && !out.contains("phone-0"), "{filter:?}: {out}");
    }
    assert_eq!(status(&stage, &["--selector", "ward"]).await.0, 2);
    assert_eq!(status(&stage, &["--pending", "Lunch"]).await.0, 2);
    stage.end().await;
}

#[tokio::test]
async fn a_name_that_is_none_is_an_error_with_the_names_that_come_near_and_what_is_only_empty_is_not() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: berlin, labels: {region: north}}\nspec: {}\n---\n";
    let stage = Stage::with(&(site.to_owned() + &enforced(2))).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let ask = async |words: &[&str]| crate::service_stage::command(&stage, words).await;
    let nearest: [(&[&str], &str); 14] = [
        (&["status", "phone-9"], "there is no phone \"phone-9\"; did you mean phone-0 or phone-1?"),
        (&["status", "--site", "berln"], "there is no site \"berln\"; did you mean berlin?"),
        (&["status", "--site", "nope"], "there is no site \"nope\"; there are berlin, default"),
        (&["status", "--model", "OpenStage 4"], "did you mean OpenStage 40?"),
        (&["status", "--revision", "zzz"], "there is no revision \"zzz\"; the newest is"),
        (&["status", "--item", "sntp-adr"], "did you mean sntp-addr"),
        (&["history", "nobody"], "there is no phone \"nobody\""),
        (&["history", "--revision", "zzz"], "there is no revision \"zzz\""),
        (&["history", "--item", "sntp-adr[2]"], "did you mean sntp-addr"),
        (&["leftovers", "--site", "nope"], "there is no site \"nope\""),
        (&["assert", "--site", "nope"], "there is no site \"nope\""),
        (&["explain", "phone-00"], "did you mean phone-0"),
        (&["explain", "phone-0", "sntp-adr"], "did you mean sntp-addr"),
        (&["brake", "release", "--site", "berln", "--reason", "x"], "did you mean berlin?"),
    ];
    for (words, told) in nearest {
        let (code, out) = ask(words).await;
        assert!(code == 2 && out.contains(told), "{words:?}: {code} {out}");
    }
    let revision = stage.api("GET /api/v1/phones/phone-0").await.json()["revision"].as_str().unwrap().to_owned();
    let empty: [&[&str]; 9] = [
        &["status", "--site", "berlin"],
        &["status", "--model", "openstage 40", "--pending", "InCall"],
        &["status", "--revision", &revision[..6], "--state", "Held"],
        &["status", "--item", "sip-pwd"],
        &["history", "phone-1"],
        &["history", "--item", "sip-pwd"],
        &["history", "--revision", &revision, "--item", "sip-pwd"],
        &["leftovers", "--site", "berlin"],
        &["assert", "--site", "default"],
    ];
    for words in empty {
        let (code, out) = ask(words).await;
        assert_eq!(code, 0, "{words:?}: {out}");
    }
    // a phone that is forgotten and has a history
    idle(&phone).await;
    stage
        .change(
            "all.yaml",
            &(site.to_owned() + &profile("Enforce", "sntp-addr: 192.0.2.123") + "---\n" + &config(1, "")),
        )
        .await;
    stage.reaches(0, State::Abandoned).await;
    let (code, out) = ask(&["dismiss", "phone-0", "--reason", "gone"]).await;
    assert_eq!(code, 0, "{out}");
    let (code, out) = ask(&["history", "phone-0", "--item", "e164"]).await;
    assert_eq!((code, out.as_str()), (0, "No changes.\n"));
    assert_eq!(ask(&["status", "phone-0"]).await.0, 2);
    let answer = stage.api("GET /api/v1/phones?site=nope").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (404, Some("no-such-site")));
    stage.end().await;
}

#[tokio::test]
async fn phones_are_found_by_the_labels_of_their_sites() {
    let site = |name: &str, region: &str| {
        let metadata = format!("metadata: {{name: {name}, labels: {{region: {region}}}}}");
        format!("apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\n{metadata}\nspec: {{}}\n---\n")
    };
    let at =
        |number: u32, site: &str| config(number, "").replace("spec:\n", &format!("spec:\n  site: {site}\n")) + "---\n";
    let documents =
        site("berlin", "north") + &site("munich", "south") + &at(0, "berlin") + &at(1, "munich") + &enforced(0);
    let stage = Stage::with(&(documents + &config(2, ""))).await;
    let stranger = stage.phone(7, Model::OpenStage40V3R5).await;
    stranger.boot();
    stranger.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    for (selector, names) in [
        ("region=north", vec!["phone-0"]),
        ("region in (north, south)", vec!["phone-0", "phone-1"]),
        ("region!=north", vec!["phone-1", "phone-2"]),
        ("!region", vec!["phone-2"]),
        ("floor", vec![]),
    ] {
        let (_, out) = status(&stage, &["--site-selector", selector, "-o", "json"]).await;
        let phones = out.lines().map(|line| serde_json::from_str::<PhoneView>(line).unwrap());
        assert_eq!(phones.map(|phone| phone.name.unwrap()).collect::<Vec<_>>(), names, "{selector}");
    }
    let (code, out) = status(&stage, &["--site-selector", "region>north"]).await;
    assert!(code == 2 && out.contains("key in (a,b)"), "{code} {out}");
    assert_eq!(stage.api("GET /api/v1/phones?siteSelector=a%20b").await.status, 400);
    let page = stage.api("GET /phones?siteSelector=region%3Dnorth").await.body;
    assert!(page.contains("phone-0") && !page.contains("phone-1"), "{page}");
    stage.end().await;
}

#[tokio::test]
async fn metrics_count_sessions_and_keep_silent_about_calls() {
    // promise 10
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    phone.start_call();
    stage.change("all.yaml", &enforced(1).replace("192.0.2.123", "192.0.2.200")).await;
    stage.pending(0, phoneops::fleet::words::PendingReason::InCall).await;
    let metrics = stage.api("GET /metrics").await.body;
    assert!(metrics.contains("phoneops_sessions_total{reason=\"start-up\",result=\"changed\"} 1"), "{metrics}");
    assert!(metrics.contains("state=\"Pending\"} 1"), "{metrics}");
    assert!(!metrics.to_ascii_lowercase().contains("incall") && !metrics.contains("busy"), "{metrics}");
    let shown = stage.api("GET /api/v1/phones/phone-0").await.json();
    assert_eq!(shown["pending"]["reason"], "InCall");
    assert!(shown["pending"]["since"].is_null() && shown["pending"]["next"].is_null(), "{shown}");
    stage.end().await;
}

#[tokio::test]
async fn an_item_is_explained_by_the_command_down_to_its_line_and_its_last_change() {
    let stage = Stage::with(&enforced(1)).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let (code, told) = crate::service_stage::command(&stage, &["explain", "phone-0", "sntp-addr"]).await;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("sntp-addr = 192.0.2.123  Right  profile/fleet, all.yaml:"), "{told}");
    assert!(told.contains("  the phone has 192.0.2.123"), "{told}");
    // changes come to the history a moment later
    let deadline = tokio::time::Instant::now() + LONG;
    let told = loop {
        let words = ["explain", "phone-0", "sntp-addr", "-o", "json"];
        let (code, told) = crate::service_stage::command(&stage, &words).await;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((code, &told["items"][0]["standing"]), (0, &"Right".into()));
        if told["changes"].as_array().is_some_and(|changes| !changes.is_empty()) {
            break told;
        }
        assert!(tokio::time::Instant::now() < deadline, "{told}");
    };
    assert_eq!((&told["changes"][0]["new"], &told["changes"][0]["cause"]), (&"192.0.2.123".into(), &"Revision".into()));
    let stranger = stage.phone(7, Model::OpenStage40V3R5).await;
    stranger.boot();
    stranger.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    let (code, told) = crate::service_stage::command(&stage, &["explain", &crate::service_stage::mac(7)]).await;
    assert!(code == 2 && told.contains("no document declares this phone"), "{code} {told}");
    stage.change("all.yaml", &enforced(1).replace("mode: Enforce", "mode: Report")).await;
    phone.local_change(id("sntp-addr"), text("192.0.2.7"));
    stage.reaches(0, State::Drifted).await;
    let (code, told) = crate::service_stage::command(&stage, &["explain", "phone-0"]).await;
    assert!(code == 1 && told.contains("  not written: the mode is Report: it is only told"), "{code} {told}");
    let (code, told) = crate::service_stage::command(&stage, &["explain", "phone-0", "e164"]).await;
    assert!(code == 2 && told.contains("no document wants an item e164 of this phone"), "{code} {told}");
    assert_eq!(crate::service_stage::command(&stage, &["explain", "nobody"]).await.0, 2);
    stage.end().await;
}

#[tokio::test]
async fn drift_reads_a_phone_now_and_tells_what_differs() {
    let stage = Stage::with(&enforced(1).replace("mode: Enforce", "mode: Report")).await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::Drifted).await;
    let command = async |words: &[&str]| crate::service_stage::command(&stage, words).await;
    phone.local_change(id("sntp-addr"), text("192.0.2.7"));
    let seven = |view: &phoneops::fleet::view::PhoneView| {
        view.drift.iter().any(|drift| drift.observed.as_deref() == Some("192.0.2.7"))
    };
    stage.becomes(0, seven).await;
    let line = "1 of 1 phones differ, as they were last read:\n  sntp-addr 192.0.2.7 → 192.0.2.123 on 1: phone-0\n";
    assert_eq!(command(&["drift"]).await, (1, line.to_owned()));
    assert_eq!(command(&["drift", "--site", "default", "--item", "sntp-addr"]).await, (1, line.to_owned()));
    assert_eq!(command(&["drift", "--state", "Pending"]).await, (0, "No phones.\n".to_owned()));
    let (code, told) = command(&["drift", "--site", "nope"]).await;
    assert!(code == 2 && told.contains("there is no site"), "{code} {told}");
    let (code, told) = command(&["drift", "-o", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["changes"][0]["from"]), (1, &"192.0.2.7".into()), "{told}");
    idle(&phone).await;
    let before = phone.contacts_received();
    let (code, told) = command(&["drift", "phone-0", "--reason", "a call from ward 3"]).await;
    assert!(code == 1 && told.contains("sntp-addr 192.0.2.7 → 192.0.2.123  Differs\n"), "{code} {told}");
    assert_eq!((phone.contacts_received(), phone.writes()), (before + 1, 0));
    idle(&phone).await;
    let (code, told) = command(&["drift", "phone-0", "--reason", "again", "-o", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["items"][0]["observed"]), (1, &"192.0.2.7".into()), "{told}");
    assert_eq!(command(&["drift", "phone-0"]).await.0, 2, "it needs a reason");
    assert_eq!(command(&["drift", "nobody", "--reason", "x"]).await.0, 2);
    let (_, csv) = command(&["audit", "-o", "csv"]).await;
    assert!(csv.contains(",alice,Look,"), "{csv}");
    stage.end().await;
}
