//! What the store promises of its file: kept over a kill, never shared, never deleted (promises 3, 7 and 8).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use phoneops::{
    fleet::record::{BeforeImage, InFlight, InForce, Observation, Observed, ObservedValue, PhoneRecord, Refused},
    spec::{DesiredValue, Digest, Policy, Revision, SecretRef, SiteName},
    store::{FILE_NAME, OpenOptions, Store},
    wpi::{DeviceId, Index, ItemId, ItemName, ItemStatus},
};
use rusqlite::Connection;

fn device(number: usize) -> DeviceId {
    DeviceId::new(&format!("{:012X}", 0x001A_E800_0000_usize + number)).unwrap()
}

fn item(name: &str, index: Option<u32>) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
}

/// A record with something in every field.
fn record(number: usize) -> PhoneRecord {
    record_of(number, 20)
}

fn record_of(number: usize, managed: u32) -> PhoneRecord {
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let revision = Revision::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    let items: Vec<_> = (0..managed).map(|index| item("function-key-def", Some(index))).collect();
    let mut record = PhoneRecord::new(device(number));
    record.in_force = Some(Arc::new(InForce {
        name: format!("phone-{number}").into(),
        labels: Arc::new([("ward".to_owned(), "3".to_owned())].into()),
        site: SiteName::new("berlin"),
        policy: Arc::new(Policy::default()),
        items: items.iter().map(|id| (id.clone(), DesiredValue::Text("31".into()))).collect(),
        digest: Digest([7; 32]),
        revision: revision.clone(),
        undecided: false,
        files: vec!["phones.yaml".into()],
    }));
    record.facts.model = Some("OpenStage 40".into());
    record.facts.server = Some("192.0.2.10".into());
    record.facts.mobile_user = true;
    record.facts.address = Some("127.0.0.9".parse().unwrap());
    record.facts.last_seen = Some(at);
    let observed = |id: &ItemId| Observed { id: id.clone(), value: ObservedValue::Text("59".into()) };
    record.observation = Some(Observation { at, items: items.iter().map(observed).collect() });
    record.refused = vec![Refused {
        id: item("sip-pwd", None),
        status: ItemStatus::Other("too warm".into()),
        value: DesiredValue::Secret(SecretRef::File("sip-reception".into())),
        firmware: Some("V3 R5.12.0".into()),
        at,
        tries: 1,
        lifted: true,
        other_form: true,
    }];
    record.in_flight = Some(InFlight { at, revision: revision.clone(), items: vec![item("e164", None)] });
    let image = BeforeImage {
        id: item("e164", None),
        old: Some("4930".into()),
        new: None,
        revision,
        at,
        secret: false,
        returned: false,
    };
    record.before_images = [image].into_iter().collect();
    record.due = vec![item("sip-pwd", None)];
    record.last_write = Some(at);
    record.last_proof = Some(at);
    record
}

fn options() -> OpenOptions {
    OpenOptions { retry: Duration::from_millis(20), patience: Duration::from_millis(20), ..OpenOptions::default() }
}

/// What a process finds that starts after this one was killed: the files as they are on disk now.
fn as_after_a_kill(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["", "-wal", ".sequence"].map(|side| format!("{FILE_NAME}{side}")) {
        if folder.join(&name).exists() {
            fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn what_was_answered_ok_survives_a_kill() {
    let temp = tempfile::tempdir().unwrap();
    let (store, restored) = Store::open(temp.path(), &options()).unwrap();
    assert_eq!((restored.records, restored.revision), (vec![], None));
    store.save(vec![Arc::new(record(1)), Arc::new(record(2))]).await.unwrap();
    let changed = PhoneRecord { in_flight: None, ..record(1) };
    store.save(vec![Arc::new(changed.clone())]).await.unwrap();
    store.save(vec![Arc::new(PhoneRecord::new(device(3)))]).await.unwrap();
    store.remove(device(2)).await.unwrap();
    store.save_revision(Revision::new("abc"), None).await.unwrap();

    let copy = as_after_a_kill(temp.path());
    let (_second, restored) = Store::open(copy.path(), &options()).unwrap();
    assert_eq!(restored.records, vec![changed, PhoneRecord::new(device(3))]);
    assert_eq!(restored.revision, Some(Revision::new("abc")));
}

#[tokio::test]
async fn closing_writes_what_was_asked_for_before_and_gives_the_folder_free() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    let saves: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.save(vec![Arc::new(record(number))]).await })
        })
        .collect();
    for save in saves {
        save.await.unwrap().unwrap();
    }
    store.close().await;
    let away = store.save(vec![Arc::new(record(200))]).await.unwrap_err();
    assert_eq!(away.category(), "store-away");
    store.close().await;
    let (_second, restored) = Store::open(temp.path(), &options()).unwrap();
    assert_eq!(restored.records.len(), 100);
}

#[tokio::test]
async fn ten_thousand_phones_are_saved_and_restored_within_seconds() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    let started = Instant::now();
    for hundred in 0..100 {
        let records = (0..100).map(|number| Arc::new(record_of(hundred * 100 + number, 5))).collect();
        store.save(records).await.unwrap();
    }
    store.close().await;
    let (_second, restored) = Store::open(temp.path(), &options()).unwrap();
    assert_eq!(restored.records.len(), 10_000);
    assert!(started.elapsed() < Duration::from_mins(1), "took {:?}", started.elapsed());
}

#[tokio::test]
async fn requests_that_wait_share_a_commit_and_a_full_queue_makes_callers_wait() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &OpenOptions { queue: 4, ..options() }).unwrap();
    let saves: Vec<_> = (0..64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.save(vec![Arc::new(PhoneRecord::new(device(number)))]).await })
        })
        .collect();
    for save in saves {
        save.await.unwrap().unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.requests, stats.failures), (64, 0));
    assert!(stats.commits < 64, "{stats:?}");
    assert!(stats.waits > 0, "{stats:?}");
}

#[test]
fn the_file_is_private_also_when_it_was_not() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("state");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(Store::open(&folder, &options()).unwrap());
    assert_eq!(mode(&folder), 0o700);
    let copy = as_after_a_kill(&folder);
    fs::set_permissions(copy.path().join(FILE_NAME), fs::Permissions::from_mode(0o644)).unwrap();
    let _open = Store::open(copy.path(), &options()).unwrap();
    assert_eq!(mode(&copy.path().join(FILE_NAME)), 0o600);
    assert_eq!(mode(&copy.path().join(format!("{FILE_NAME}-wal"))), 0o600);
}

#[test]
fn two_processes_never_share_a_state_folder() {
    let temp = tempfile::tempdir().unwrap();
    let _first = Store::open(temp.path(), &options()).unwrap();
    let error = Store::open(temp.path(), &options()).unwrap_err();
    assert_eq!(error.category(), "in-use");
    assert!(error.to_string().contains(temp.path().to_str().unwrap()));
}

/// Opens a file that must stop the start, and shows that it is byte for byte what it was.
fn refused(folder: &Path) -> String {
    let before = fs::read(folder.join(FILE_NAME)).unwrap();
    let error = Store::open(folder, &options()).unwrap_err();
    assert_eq!(fs::read(folder.join(FILE_NAME)).unwrap(), before);
    let text = error.to_string();
    assert!(text.contains(folder.join(FILE_NAME).to_str().unwrap()), "{text}");
    assert!(text.contains("--rebuild-store"), "{text}");
    error.category().to_owned()
}

async fn closed_store(folder: &Path) -> Connection {
    let (store, _) = Store::open(folder, &options()).unwrap();
    store.save(vec![Arc::new(record(1))]).await.unwrap();
    store.close().await;
    Connection::open(folder.join(FILE_NAME)).unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_stops_the_start_and_is_kept() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join(FILE_NAME), "not a database, but long enough to have a header".repeat(40)).unwrap();
    assert_eq!(refused(temp.path()), "corrupt");
}

#[tokio::test]
async fn a_damaged_file_stops_the_start_and_is_kept() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    store.save((0..50).map(|number| Arc::new(record(number))).collect()).await.unwrap();
    store.close().await;
    let file = temp.path().join(FILE_NAME);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(&file, bytes).unwrap();
    assert_eq!(refused(temp.path()), "corrupt");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_stops_the_start_and_shows_nothing_of_its_content() {
    let temp = tempfile::tempdir().unwrap();
    let connection = closed_store(temp.path()).await;
    connection.execute("UPDATE phone SET record = '{\"device\": \"hunter2/\"}'", []).unwrap();
    drop(connection);
    assert_eq!(refused(temp.path()), "corrupt");
    let text = Store::open(temp.path(), &options()).unwrap_err().to_string();
    assert!(text.contains(device(1).as_str()) && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_file_of_a_newer_phoneops_stops_the_start_and_is_kept() {
    let temp = tempfile::tempdir().unwrap();
    let connection = closed_store(temp.path()).await;
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert_eq!(refused(temp.path()), "newer");
}

#[tokio::test]
async fn a_database_of_another_program_is_never_written_to() {
    let temp = tempfile::tempdir().unwrap();
    let connection = Connection::open(temp.path().join(FILE_NAME)).unwrap();
    connection.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(connection);
    assert_eq!(refused(temp.path()), "foreign");
}

#[tokio::test]
async fn an_emptied_or_lost_file_is_no_new_store_and_rebuilding_puts_it_aside_with_what_stands_beside_it() {
    let temp = tempfile::tempdir().unwrap();
    let (file, wal) = (temp.path().join(FILE_NAME), temp.path().join(format!("{FILE_NAME}-wal")));
    fs::write(&file, "").unwrap();
    assert_eq!(refused(temp.path()), "corrupt");
    fs::write(&wal, "writes").unwrap();
    assert_eq!(refused(temp.path()), "corrupt");
    fs::remove_file(&file).unwrap();
    let error = Store::open(temp.path(), &options()).unwrap_err();
    assert_eq!((error.category(), file.exists()), ("corrupt", false));
    fs::write(&file, "").unwrap();

    let (store, restored) = Store::open(temp.path(), &OpenOptions { rebuild: true, ..options() }).unwrap();
    let aside = restored.put_aside.unwrap();
    assert_eq!(fs::read(&aside).unwrap(), b"");
    assert_eq!(fs::read(format!("{}-wal", aside.display())).unwrap(), b"writes");
    store.save(vec![Arc::new(record(1))]).await.unwrap();
    store.close().await;
    assert_eq!(Store::open(temp.path(), &options()).unwrap().1.records.len(), 1);
}

#[tokio::test]
async fn rebuilding_puts_a_broken_file_aside_and_leaves_a_sound_one_alone() {
    let temp = tempfile::tempdir().unwrap();
    let rebuild = OpenOptions { rebuild: true, ..options() };
    drop(closed_store(temp.path()).await);
    let (store, restored) = Store::open(temp.path(), &rebuild).unwrap();
    assert_eq!((restored.records.len(), restored.put_aside), (1, None));
    store.close().await;

    let garbage = "garbage".repeat(1000);
    fs::write(temp.path().join(FILE_NAME), &garbage).unwrap();
    let (_store, restored) = Store::open(temp.path(), &rebuild).unwrap();
    assert_eq!(restored.records, vec![]);
    let aside = restored.put_aside.unwrap();
    assert!(aside.to_str().unwrap().contains("phoneops.db.broken-2"));
    assert_eq!(fs::read_to_string(aside).unwrap(), garbage);
}

#[tokio::test]
async fn records_of_an_older_shape_still_load() {
    let temp = tempfile::tempdir().unwrap();
    let connection = closed_store(temp.path()).await;
    let json = r#"{"device": "00:1A:E8:00:00:01", "aFieldOfLater": 1}"#;
    connection.execute("UPDATE phone SET record = ?1", [json]).unwrap();
    drop(connection);
    let (_store, restored) = Store::open(temp.path(), &options()).unwrap();
    assert_eq!(restored.records, vec![PhoneRecord::new(device(1))]);
}
