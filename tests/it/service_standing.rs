//! How the phones of sites, profiles and revisions are, as the API tells it, over a git repository.

use std::time::Duration;

use git2::Repository;
use phoneops::{
    fleet::words::State,
    sim::Model,
    source::{GitSettings, SourceSettings},
};
use serde_json::{Value, json};

use crate::{
    service_gate::commit,
    service_stage::{LONG, Stage, config, id, idle, profile, text, until},
};

const EMPTY: &str =
    "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {name: night}\nspec:\n  profiles: [fleet]\n";

fn documents(mode: &str, second: &str) -> String {
    [profile(mode, "sntp-addr: 192.0.2.123"), EMPTY.to_owned(), config(0, ""), config(1, second)].join("---\n")
}

fn counted(view: &Value) -> [Value; 4] {
    ["phones", "inSync", "pending", "drifted"].map(|key| view[key].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_profiles_and_revisions_tell_how_many_of_their_phones_are_as_they_should_be() {
    let mut stage = Stage::dark("");
    let remote = Repository::init_bare(stage.path("remote")).unwrap();
    let git = GitSettings::new(stage.path("remote").to_str().unwrap(), stage.path("mirror"));
    stage.settings.source = SourceSettings::Git(GitSettings { interval: Duration::from_millis(50), ..git });
    let first = commit(&remote, &documents("Enforce", ""), "Two phones").to_string();
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let get = async |path: &str| stage.api(&format!("GET /api/v1/{path}")).await;

    let sites = get("sites").await.json();
    let site = &sites["sites"][0];
    assert_eq!((&sites["more"], &sites["continue"], &site["name"]), (&json!(0), &Value::Null, &json!("default")));
    assert_eq!(counted(site), [2, 1, 1, 0], "one was never heard of: {sites}");
    assert_eq!(get("sites/default").await.json(), *site);
    assert_eq!(get("sites/nowhere").await.json()["error"]["code"], "no-such-site");

    let profiles = get("profiles").await.json();
    let [fleet, night] = [0, 1].map(|place| profiles["profiles"][place].clone());
    assert_eq!((&fleet["name"], &fleet["owner"], &fleet["problems"]), (&json!("fleet"), &Value::Null, &json!([])));
    assert_eq!((fleet["place"].as_str(), counted(&fleet)), (Some("all.yaml:3:18"), counted(site)), "{profiles}");
    assert_eq!((&night["profiles"], counted(&night)), (&json!(["fleet"]), [0, 0, 0, 0].map(Value::from)), "{profiles}");
    assert_eq!(get("profiles/night").await.json(), night);
    assert_eq!(get("profiles/night?owner=berlin").await.json()["error"]["code"], "no-such-profile");

    let sessions = get("phones/phone-0/sessions").await.json();
    let last = &sessions["sessions"][0];
    assert_eq!(
        (&last["result"], &last["written"], &last["drift"]),
        (&json!("changed"), &json!(1), &json!(0)),
        "{sessions}"
    );
    assert_eq!(get("phones/nobody/sessions").await.status, 404);

    idle(&phone).await;
    let second = commit(&remote, &documents("Report", "sntp-tz-offset: 60"), "Look, and another zone").to_string();
    let in_force = || stage.running().shared().with_fleet(|fleet, _| fleet.revision().map(ToString::to_string));
    until(|| in_force().as_deref() == Some(second.as_str()), || format!("{:?}", in_force())).await;
    phone.local_change(id("sntp-addr"), text("192.0.2.7"));
    stage.reaches(0, State::Drifted).await;
    // who made a revision is written behind what is in force
    let both_noted = async {
        loop {
            let revisions = get("revisions").await.json();
            let all = revisions["revisions"].as_array().unwrap();
            if all.len() == 2 && all.iter().all(|revision| revision["at"].is_string()) {
                break revisions;
            }
            tokio::task::yield_now().await;
        }
    };
    let revisions = tokio::time::timeout(LONG, both_noted).await.unwrap();
    let [newest, oldest] = [0, 1].map(|place| revisions["revisions"][place].clone());
    assert_eq!(
        (&newest["revision"], &newest["newest"], &newest["author"]),
        (&json!(second), &json!(true), &json!("Ada <ada@example.org>"))
    );
    assert_eq!((&oldest["revision"], &oldest["newest"]), (&json!(first), &json!(false)));
    assert_eq!((counted(&newest), counted(&oldest)), ([2, 0, 1, 1].map(Value::from), [0, 0, 0, 0].map(Value::from)));
    let one = get(&format!("revisions/{second}")).await.json();
    assert_eq!(one["failing"], json!([{"name": "phone-0", "state": "Drifted"}]), "{one}");
    assert_eq!(get("revisions/nothing").await.json()["error"]["code"], "no-such-revision");
    let page = get("revisions?limit=1").await.json();
    assert_eq!((&page["revisions"], &page["more"]), (&json!([newest]), &json!(1)));
    let page = get(&format!("revisions?limit=1&continue={}", page["continue"].as_str().unwrap())).await.json();
    assert_eq!((&page["revisions"], &page["more"], &page["continue"]), (&json!([oldest]), &json!(0), &Value::Null));
    stage.end().await;
}

#[tokio::test]
async fn the_newest_revision_is_told_of_also_when_it_changes_no_phone_and_nobody_is_known_to_have_made_it() {
    let site = "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {name: attic}\n";
    let stage = Stage::with(&(documents("Report", "") + "---\n" + site)).await;
    let get = async |path: &str| stage.api(&format!("GET /api/v1/{path}")).await.json();
    let sites = get("sites").await;
    assert_eq!((&sites["sites"][0]["name"], &sites["sites"][0]["phones"]), (&json!("attic"), &json!(0)), "{sites}");
    let none = get("sites/attik").await["error"].clone();
    assert_eq!((&none["code"], none["message"].as_str().unwrap().contains("attic")), (&json!("no-such-site"), true));
    let before = get("service").await["revision"].clone();
    stage.change("notes.yaml", "# nothing for phones\n").await;
    let newest = get("service").await["revision"].clone();
    assert_ne!(before, newest);
    let page = stage.api("GET /revisions").await.body;
    assert!(page.contains(&format!("/revisions/{}\"", newest.as_str().unwrap())), "the page has it, too: {page}");
    let revisions = get("revisions").await;
    let [first, second] = [0, 1].map(|place| revisions["revisions"][place].clone());
    assert_eq!((&first["revision"], &first["newest"], &first["phones"]), (&newest, &json!(true), &json!(0)));
    assert_eq!((&second["revision"], &second["newest"], &second["phones"]), (&before, &json!(false), &json!(2)));
    assert_eq!(get(&format!("revisions/{}", newest.as_str().unwrap())).await["newest"], true);
    stage.end().await;
}
