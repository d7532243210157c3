//! An older copy of the store is known as one, and nothing that must not be acted on comes out of it (promise 8).

use std::{fs, path::Path, sync::Arc};

use phoneops::{
    fleet::record::PhoneRecord,
    store::{FILE_NAME, OpenOptions, Restored, Store},
    wpi::{DeviceId, ItemId, ItemName},
};

fn record(due: bool) -> PhoneRecord {
    let mut record = PhoneRecord::new(DeviceId::new("00:1A:E8:00:00:01").unwrap());
    record.fresh = due;
    if due {
        record.due = vec![ItemId::new(ItemName::new("sip-pwd").unwrap(), None)];
    }
    record
}

async fn saved(folder: &Path, record: PhoneRecord) {
    let (store, _) = Store::open(folder, &OpenOptions::default()).unwrap();
    store.save(vec![Arc::new(record)]).await.unwrap();
    store.close().await;
}

async fn opened(folder: &Path) -> Restored {
    let (store, restored) = Store::open(folder, &OpenOptions::default()).unwrap();
    store.close().await;
    restored
}

fn is_doubted(restored: &Restored) -> bool {
    let [record] = restored.records.as_slice() else { panic!("{restored:?}") };
    assert_eq!((record.due.is_empty(), record.fresh), (record.unsure, !record.unsure), "{record:?}");
    record.unsure
}

#[tokio::test]
async fn the_file_that_was_written_last_is_trusted() {
    let temp = tempfile::tempdir().unwrap();
    saved(temp.path(), record(false)).await;
    saved(temp.path(), record(true)).await;
    assert!(!is_doubted(&opened(temp.path()).await));
    assert!(!is_doubted(&opened(temp.path()).await), "opening it makes it no older");
}

#[tokio::test]
async fn an_older_copy_is_doubted_and_stays_so_until_documents_are_read() {
    let temp = tempfile::tempdir().unwrap();
    let (file, copy) = (temp.path().join(FILE_NAME), temp.path().join("copy"));
    saved(temp.path(), record(true)).await;
    fs::copy(&file, &copy).unwrap();
    saved(temp.path(), record(false)).await;
    fs::copy(&copy, &file).unwrap();
    assert!(is_doubted(&opened(temp.path()).await));
    assert!(is_doubted(&opened(temp.path()).await), "it was written as doubted");
    saved(temp.path(), record(true)).await;
    assert!(!is_doubted(&opened(temp.path()).await), "what is written from then on is trusted");
    fs::copy(&copy, &file).unwrap();
    assert!(is_doubted(&opened(temp.path()).await), "once more");
}

#[tokio::test]
async fn a_file_without_its_note_is_doubted_also_when_the_process_dies_at_once() {
    for note in [None, Some("spoilt")] {
        let temp = tempfile::tempdir().unwrap();
        let (file, side) = (temp.path().join(FILE_NAME), temp.path().join(format!("{FILE_NAME}.sequence")));
        saved(temp.path(), record(true)).await;
        let as_it_was = fs::read(&file).unwrap();
        match note {
            None => fs::remove_file(&side).unwrap(),
            Some(text) => fs::write(&side, text).unwrap(),
        }
        assert!(is_doubted(&opened(temp.path()).await));
        // killed after the note was made and before the doubt was written: the file is as it was
        fs::write(&file, as_it_was).unwrap();
        assert!(is_doubted(&opened(temp.path()).await), "{note:?}");
    }
}
