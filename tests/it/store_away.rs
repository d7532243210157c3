//! A store that cannot be written while the service runs: it says so, keeps what it has, and comes back (promise 7).

use std::{fs, path::Path, sync::Arc, time::Duration};

use phoneops::{
    fleet::record::PhoneRecord,
    spec::Revision,
    store::{FILE_NAME, OpenOptions, Store},
    wpi::DeviceId,
};
use rusqlite::Connection;
use tokio::time::timeout;

fn options() -> OpenOptions {
    OpenOptions { retry: Duration::from_millis(10), patience: Duration::from_millis(10), ..OpenOptions::default() }
}

fn record(number: usize) -> PhoneRecord {
    let mut record = PhoneRecord::new(DeviceId::new(&format!("{number:012X}")).unwrap());
    record.facts.part_number = Some("x".repeat(2000).into());
    record
}

fn many(numbers: std::ops::Range<usize>) -> Vec<Arc<PhoneRecord>> {
    numbers.map(|number| Arc::new(record(number))).collect()
}

async fn turns(store: &Store, wanted: bool) {
    let mut writable = store.writable();
    timeout(Duration::from_secs(20), writable.wait_for(|now| *now == wanted)).await.unwrap().unwrap();
}

fn count(folder: &Path) -> i64 {
    let connection = Connection::open(folder.join(FILE_NAME)).unwrap();
    connection.query_row("SELECT count(*) FROM phone", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_full_disk_sends_the_store_away_until_there_is_room_again() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) =
        Store::open(temp.path(), &OpenOptions { size_limit: Some((2 << 20) + (64 << 10)), ..options() }).unwrap();
    store.save(many(0..500)).await.unwrap();
    let away = store.save(many(500..1000)).await.unwrap_err();
    assert!(away.reason().contains("full"), "{away}");
    assert!(!*store.writable().borrow());
    // the group failed as a whole, and what was there before still is
    assert_eq!(count(temp.path()), 500);
    assert!(store.save(many(0..1)).await.is_err(), "nothing is written while it is away");

    let other = Connection::open(temp.path().join(FILE_NAME)).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute("DELETE FROM phone", []).unwrap();
    turns(&store, true).await;
    store.save(many(500..1000)).await.unwrap();
    assert_eq!(count(temp.path()), 500);
    assert_eq!(store.stats().failures, 1);
}

#[tokio::test]
async fn a_lock_of_another_program_sends_the_store_away_until_it_ends() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    let other = Connection::open(temp.path().join(FILE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let away = store.save(many(0..1)).await.unwrap_err();
    assert!(away.reason().contains("locked"), "{away}");
    other.execute_batch("COMMIT").unwrap();
    turns(&store, true).await;
    store.save(many(0..1)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_file_is_not_written_into() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    store.save(many(0..1)).await.unwrap();
    let (file, kept) = (temp.path().join(FILE_NAME), temp.path().join("kept.db"));
    fs::rename(&file, &kept).unwrap();
    let away = store.save(many(1..2)).await.unwrap_err();
    assert!(away.reason().contains("moved, deleted or replaced"), "{away}");

    fs::copy(&kept, &file).unwrap();
    let away = store.save(many(1..2)).await.unwrap_err();
    assert!(away.reason().contains("start phoneops again"), "another file in its place is no better: {away}");

    fs::rename(&kept, &file).unwrap();
    turns(&store, true).await;
    store.save(many(1..2)).await.unwrap();
    assert_eq!(count(temp.path()), 2);
}

#[tokio::test]
async fn a_lost_side_file_takes_no_committed_record_with_it() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &options()).unwrap();
    store.save(many(0..10)).await.unwrap();
    fs::remove_file(temp.path().join(format!("{FILE_NAME}-wal"))).unwrap();
    store.save(many(10..11)).await.unwrap_err();
    turns(&store, true).await;
    store.save(many(11..12)).await.unwrap();
    store.save_revision(Revision::new("abc"), None).await.unwrap();
    store.close().await;
    let (_store, restored) = Store::open(temp.path(), &options()).unwrap();
    assert_eq!(restored.records.len(), 11);
    assert_eq!(restored.revision, Some(Revision::new("abc")));
}
