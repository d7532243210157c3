//! Backups by their commands: made while the service writes, looked through, restored, and what is no sound one.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use phoneops::{
    fleet::{
        audit::{AuditEntry, AuditQuery, By},
        record::PhoneRecord,
        words::AuditAct,
    },
    store::{
        FILE_NAME, OpenOptions, Restored, Store,
        backup::{BackupError, back_up, restore, verify},
        key::KEY_NAME,
    },
    wpi::DeviceId,
};
use tempfile::TempDir;

fn record(number: usize) -> Arc<PhoneRecord> {
    Arc::new(PhoneRecord::new(
        DeviceId::new(&format!("00:1A:E8:00:{:02X}:{:02X}", number / 256, number % 256)).unwrap(),
    ))
}

fn now() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

fn by() -> By {
    By::new("ada", "disk died").unwrap()
}

struct Place {
    temp: TempDir,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("state/tls")).unwrap();
        for (name, content) in [(KEY_NAME, "k"), ("tls/cert.pem", "certificate"), ("tls/key.pem", "key")] {
            fs::write(temp.path().join("state").join(name), content).unwrap();
        }
        Self { temp }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn open(&self, folder: &str) -> (Store, Restored) {
        Store::open(&self.at(folder), &OpenOptions::default()).unwrap()
    }

    /// A backup with ten phones.
    async fn backup(&self) -> PathBuf {
        let (store, _) = self.open("state");
        store.save((0..10).map(record).collect()).await.unwrap();
        let file = self.at("backup.tar");
        back_up(&self.at("state"), &file, now()).unwrap();
        store.close().await;
        file
    }
}

fn detail(result: Result<impl std::fmt::Debug, BackupError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_backup_of_a_store_that_is_being_written_to_is_whole_and_private() {
    let place = Place::new();
    let (store, _) = place.open("state");
    store.save((0..10).map(record).collect()).await.unwrap();
    let act = AuditEntry::new(&by(), AuditAct::Brake, "all phones", "10 phones", now());
    store.add_audit(vec![act]).await.unwrap();
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for number in 10..400 {
            writing.save(vec![record(number)]).await.unwrap();
        }
    });
    let mut phones = Vec::new();
    for number in 0..5 {
        let (state, file) = (place.at("state"), place.at(&format!("backup-{number}.tar")));
        let made = tokio::task::spawn_blocking(move || back_up(&state, &file, now()).map(|made| (made, file)));
        let (made, file) = made.await.unwrap().unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let names: Vec<&str> = made.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, [FILE_NAME, KEY_NAME, "tls/cert.pem", "tls/key.pem"]);
        let looked = verify(&file).unwrap();
        assert_eq!((looked.manifest, looked.audit.acts, looked.audit.problem), (made.clone(), 1, None));
        phones.push(made.phones);
    }
    writer.await.unwrap();
    assert!(phones[0] >= 10 && phones.is_sorted(), "{phones:?}");
    store.close().await;
    let left: Vec<_> = fs::read_dir(place.temp.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[tokio::test]
async fn what_is_restored_is_known_as_older_and_stays_in_report_over_restarts() {
    let place = Place::new();
    let file = place.backup().await;
    for round in 0..2 {
        let restored = restore(&file, &place.at("other"), round > 0, &by(), now()).unwrap();
        assert_eq!((restored.manifest.phones, restored.aside.is_some()), (10, round > 0));
        for _ in 0..2 {
            let (store, found) = place.open("other");
            assert_eq!(found.records.len(), 10);
            assert!(found.service.restored.is_some() && found.records.iter().all(|record| record.unsure));
            store.close().await;
        }
        for (name, content) in [(KEY_NAME, "k"), ("tls/cert.pem", "certificate"), ("tls/key.pem", "key")] {
            let path = place.at("other").join(name);
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let (store, _) = place.open("other");
    let acts = store.audit(&AuditQuery::default()).unwrap().acts;
    assert_eq!(acts.len(), 1, "the second one took the place of the first");
    let told = (acts[0].actor.as_str(), acts[0].reason.as_str(), acts[0].target.as_str(), acts[0].outcome.as_str());
    assert_eq!(told, ("ada", "disk died", "backup.tar", "10 phones, as of 2026-03-01T08:00:00Z"));
    assert_eq!(store.verify_audit().unwrap().problem, None);
    store.close().await;
}

#[tokio::test]
async fn a_store_in_place_is_kept_aside_and_one_in_use_is_left_alone() {
    let place = Place::new();
    let file = place.backup().await;
    let state = place.at("state");
    assert!(detail(restore(&file, &state, false, &by(), now())).contains("--replace puts it aside"));
    let (store, _) = place.open("state");
    store.save(vec![record(99)]).await.unwrap();
    assert!(detail(restore(&file, &state, true, &by(), now())).contains("in use by another phoneops"));
    store.close().await;
    let aside = restore(&file, &state, true, &by(), now()).unwrap().aside.unwrap();
    assert_eq!(place.open("state").1.records.len(), 10);
    let (kept, found) = Store::open(&aside, &OpenOptions::default()).unwrap();
    assert_eq!((found.records.len(), found.service.restored), (11, None), "as it was, its note beside it");
    kept.close().await;
    assert!(detail(back_up(&state, &file, now())).contains("is there already"));
    assert!(detail(back_up(&place.at("nowhere"), &place.at("b.tar"), now())).contains("there is no store"));
}

/// The archive with one of its files changed, or left out.
fn altered(file: &Path, alter: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> PathBuf {
    let out = file.with_file_name("altered.tar");
    let mut archive = tar::Archive::new(fs::File::open(file).unwrap());
    let mut built = tar::Builder::new(fs::File::create(&out).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        if let Some(content) = alter(&name, content) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            built.append_data(&mut header, &name, content.as_slice()).unwrap();
        }
    }
    built.finish().unwrap();
    out
}

#[tokio::test]
async fn what_is_no_sound_backup_is_not_restored_and_changes_nothing() {
    let place = Place::new();
    let file = place.backup().await;
    let whole = fs::read(&file).unwrap();
    let with = |name: &'static str, from: &'static str, to: &'static str| {
        altered(&file, move |found, content| {
            if found != name {
                return Some(content);
            }
            Some(String::from_utf8(content).unwrap().replacen(from, to, 1).into_bytes())
        })
    };
    let cut = place.at("cut.tar");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let text = place.at("text.tar");
    fs::write(&text, "no archive at all").unwrap();
    let spoilt = |name: &'static str| {
        altered(&file, move |found, mut content| {
            if found == name {
                let middle = content.len() / 2;
                content[middle] ^= 1;
            }
            Some(content)
        })
    };
    let looked = |file: &Path| {
        let (looked, restored) = (detail(verify(file)), detail(restore(file, &place.at("other"), false, &by(), now())));
        assert_eq!(looked, restored);
        looked
    };
    assert!(looked(&cut).contains("not a sound backup"));
    assert!(looked(&text).contains("not a sound backup"));
    assert!(looked(&spoilt(FILE_NAME)).contains("phoneops.db is not what was written"));
    assert!(looked(&spoilt(KEY_NAME)).contains("fingerprint.key is not what was written"));
    let lacking = altered(&file, |name, content| (name != "tls/key.pem").then_some(content));
    assert!(looked(&lacking).contains("tls/key.pem is missing"));
    assert!(looked(&with("manifest.json", "\"format\": 1", "\"format\": 2")).contains("by a newer phoneops (0.1.0)"));
    assert!(looked(&with("manifest.json", "tls/cert.pem", "../cert.pem")).contains("is not in its manifest"));
    assert!(!place.at("other").join(FILE_NAME).exists());
    let left: Vec<_> = fs::read_dir(place.at("other")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["phoneops.lock"]);
}
