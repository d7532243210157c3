//! phoneops never writes because it forgot something: whatever is lost or put back, no password and no seed is written
//! again, and what a revision brings that is seen to arrive is written once (promise 8).

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use phoneops::{
    fleet::words::State,
    sim::{Model, SimPhone},
    store::{FILE_NAME, key::KEY_NAME},
};

use crate::{
    service_child::{phoneops, run},
    service_stage::{LONG, Stage, command, config, has, id, idle, profile, text, times_written, told},
};

const PLAIN: &str = "sntp-addr: 192.0.2.123";
const SECRET: &str = "sntp-addr: 192.0.2.123, ldap-pwd: {file: ldap}";

/// What phone 1, which is declared later, is to have.
fn later() -> String {
    format!("---\n{}  seed: {{ringer-melody: 3}}\n", config(1, "ldap-pwd: {file: ldap}"))
}

fn documents(items: &str, more: &str) -> String {
    format!("{}---\n{}{more}", profile("Enforce", items), config(0, ""))
}

/// A service under way whose second revision brought a password to one phone, and a new phone with password and seed.
struct Played {
    stage: Stage,
    phones: [SimPhone; 2],
    written: [(usize, usize); 2],
}

impl Played {
    /// `between` happens after the first revision, while the service is stopped.
    async fn new(between: impl FnOnce(&Stage)) -> Self {
        let mut stage = Stage::dark(&documents(PLAIN, ""));
        fs::write(stage.path("secrets").join("ldap"), "not-to-be-guessed").unwrap();
        stage.start().await;
        stage.taken_over().await;
        let first = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
        stage.stop().await;
        between(&stage);
        stage.start().await;
        stage.taken_over().await;
        stage.change("all.yaml", &documents(SECRET, &later())).await;
        stage.reaches(0, State::InSync).await;
        let second = stage.phone_in(1, Model::OpenStage60V3R1, State::InSync).await;
        stage.becomes(0, |view| view.state == State::InSync && view.assumed.is_empty()).await;
        idle(&first).await;
        let phones = [first, second];
        let written = phones.each_ref().map(blind);
        assert_eq!(written, [(1, 0), (1, 1)], "{:#?}", told(&phones[1], 0));
        Self { stage, phones, written }
    }

    /// The service is stopped, loses something, and starts again; both phones start up.
    async fn after(&mut self, lose: impl FnOnce(&mut Stage)) {
        self.stage.stop().await;
        lose(&mut self.stage);
        self.stage.start().await;
        self.stage.taken_over().await;
        self.calls().await;
        assert_eq!(self.phones.each_ref().map(blind), self.written, "{:#?}", told(&self.phones[0], 0));
    }

    /// An older store writes nothing until somebody says so, not even what drifts.
    async fn resumes(&self) {
        let first = &self.phones[0];
        first.local_change(id("sntp-addr"), text("192.0.2.9"));
        self.stage.becomes(0, |view| view.state == State::Drifted).await;
        let (_, shown) = command(&self.stage, &["status"]).await;
        assert!(shown.starts_with("RESTORED: "), "{shown}");
        assert_eq!(has(first, "sntp-addr"), "192.0.2.9");
        assert_eq!(command(&self.stage, &["resume", "--reason", "looked at it"]).await.0, 0);
        self.stage.reaches(0, State::InSync).await;
        assert_eq!(has(first, "sntp-addr"), "192.0.2.123");
        assert_eq!(command(&self.stage, &["resume", "--reason", "again"]).await.0, 2);
    }

    async fn calls(&self) {
        for (number, phone) in (0..).zip(&self.phones) {
            let ended = phone.counts().ended;
            phone.restart();
            phone.wait_for(|view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
            self.stage.reaches(number, State::InSync).await;
        }
    }

    /// What a further revision brings is written once.
    async fn goes_on(self) {
        let more = format!("{SECRET}, sip-pwd: {{file: ldap}}");
        self.stage.change("all.yaml", &documents(&more, &later())).await;
        for (number, phone) in (0..).zip(&self.phones) {
            self.stage.becomes(number, |view| view.state == State::InSync).await;
            idle(phone).await;
        }
        self.calls().await;
        for (phone, (passwords, seeds)) in self.phones.iter().zip(self.written) {
            assert_eq!(times_written(phone, "sip-pwd"), 1, "{:#?}", told(phone, 0));
            assert_eq!(blind(phone), (passwords, seeds));
        }
        self.stage.end().await;
    }
}

/// How often the password and the seed were written.
fn blind(phone: &SimPhone) -> (usize, usize) {
    (times_written(phone, "ldap-pwd"), times_written(phone, "ringer-melody"))
}

fn database(stage: &Stage) -> std::path::PathBuf {
    stage.path("state").join(FILE_NAME)
}

fn keep_older(stage: &Stage) {
    fs::copy(database(stage), stage.path("older.db")).unwrap();
}

fn remove_database(file: &Path) {
    for side in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{side}", file.display()));
    }
}

#[tokio::test]
async fn with_nothing_lost_nothing_is_written_again() {
    let mut played = Played::new(|_| ()).await;
    played.after(|_| ()).await;
    assert_eq!(played.stage.view(0).assumed_count, 0, "confirmed stays confirmed");
    played.goes_on().await;
}

#[tokio::test]
async fn with_a_lost_database_no_secret_and_no_seed_is_written() {
    let mut played = Played::new(|_| ()).await;
    played.after(|stage| remove_database(&database(stage))).await;
    assert_eq!(played.stage.view(0).assumed, ["ldap-pwd"]);
    played.goes_on().await;
}

#[tokio::test]
async fn with_an_older_copy_of_the_database_no_secret_and_no_seed_is_written() {
    let mut played = Played::new(keep_older).await;
    played
        .after(|stage| {
            remove_database(&database(stage));
            fs::copy(stage.path("older.db"), database(stage)).unwrap();
        })
        .await;
    assert_eq!(played.stage.view(0).assumed, ["ldap-pwd"]);
    // it is doubted once, and from then on the one that is written
    played.after(|_| ()).await;
    played.resumes().await;
    played.goes_on().await;
}

#[tokio::test]
async fn with_an_older_copy_and_no_note_of_the_last_commit_nothing_is_written_either() {
    let mut played = Played::new(keep_older).await;
    played
        .after(|stage| {
            stage.settings.state = stage.path("state-2");
            fs::create_dir(&stage.settings.state).unwrap();
            fs::copy(stage.path("older.db"), stage.settings.state.join(FILE_NAME)).unwrap();
        })
        .await;
    played.resumes().await;
    played.goes_on().await;
}

#[tokio::test]
async fn with_a_new_state_folder_no_secret_and_no_seed_is_written() {
    let mut played = Played::new(|_| ()).await;
    played.after(|stage| stage.settings.state = stage.path("state-2")).await;
    played.goes_on().await;
}

#[tokio::test]
async fn with_a_lost_or_another_key_no_secret_and_no_seed_is_written() {
    let mut played = Played::new(|_| ()).await;
    let key = |stage: &Stage| stage.path("state").join(KEY_NAME);
    let before = fs::read_to_string(key(&played.stage)).unwrap();
    played.after(|stage| fs::remove_file(key(stage)).unwrap()).await;
    assert_eq!(played.stage.view(0).assumed, ["ldap-pwd"], "fingerprints of the lost key are void");
    assert_ne!(fs::read_to_string(key(&played.stage)).unwrap(), before);
    played
        .after(|stage| {
            let given = stage.path("given.key");
            fs::write(&given, before).unwrap();
            fs::set_permissions(&given, fs::Permissions::from_mode(0o600)).unwrap();
            stage.settings.fingerprint_key = Some(given);
        })
        .await;
    played.goes_on().await;
}

#[tokio::test]
async fn yesterdays_backup_after_todays_password_change_writes_no_password_and_proves_nothing_unread() {
    let mut stage = Stage::dark(&documents(SECRET, ""));
    fs::write(stage.path("secrets").join("ldap"), "of yesterday").unwrap();
    stage.start().await;
    stage.taken_over().await;
    let phone = stage.phone_in(0, Model::OpenStage40V3R5, State::InSync).await;
    let file = stage.path("backup.tar");
    let folder = stage.path("state");
    let local = async |words: &[&str]| {
        let mut command = phoneops(words[0]);
        command.args(&words[1..]).args(["--state", folder.to_str().unwrap()]);
        run(command).await
    };
    let (code, said) = local(&["backup", file.to_str().unwrap()]).await;
    assert!(code == 0 && said.contains("1 phones as of"), "{said}");
    fs::write(stage.path("secrets").join("ldap"), "of today").unwrap();
    stage.becomes(0, |_| times_written(&phone, "ldap-pwd") == 1).await;
    stage.reaches(0, State::InSync).await;

    let (code, said) = local(&["restore", file.to_str().unwrap(), "--replace", "--reason", "too early"]).await;
    assert!(code == 2 && said.contains("in use by another phoneops"), "{said}");
    stage.stop().await;
    fs::remove_dir_all(&folder).unwrap();
    let (code, said) = local(&["restore", file.to_str().unwrap(), "--reason", "disk died"]).await;
    assert!(code == 0 && said.contains("until `phoneops resume`"), "{said}");
    let read_before = phone.transcript().len();
    stage.start().await;
    stage.taken_over().await;
    // it is asked to call at once; whenever it is in sync it was read
    let proven = |view: &phoneops::fleet::view::PhoneView| {
        let in_sync = view.state == State::InSync;
        assert!(!in_sync || phone.transcript().len() > read_before, "nothing was read yet");
        in_sync
    };
    stage.becomes(0, proven).await;
    assert_eq!(command(&stage, &["resume", "--reason", "phones are as they should be"]).await.0, 0);
    phone.boot();
    let ended = phone.counts().ended;
    phone.wait_for(move |view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    stage.reaches(0, State::InSync).await;
    assert_eq!(times_written(&phone, "ldap-pwd"), 1, "no password because of a backup");
    assert_eq!(stage.view(0).assumed, ["ldap-pwd"]);
    let (_, csv) = command(&stage, &["audit", "-o", "csv"]).await;
    assert!(csv.contains(",Restore,backup.tar,disk died,") && csv.contains(",alice,Resume,"), "{csv}");
    assert_eq!(command(&stage, &["audit", "verify"]).await.0, 0);
    stage.end().await;
}
