//! The git source against real repositories on this machine: pushes, forced pushes, absences, what a tree may hold.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{Oid, Repository, RepositoryInitOptions, Signature, Time};
use phoneops::{
    source::{self, GitSettings, Source, SourceEvent, SourceSettings},
    spec::{FileContent, Snapshot},
};
use tempfile::TempDir;

/// Longest wait for anything that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_millis(400);

const FILE: i32 = 0o100_644;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// A bare repository in a folder of its own.
pub(crate) struct Remote {
    folder: TempDir,
}

impl Remote {
    pub(crate) fn new() -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap() };
        Repository::init_opts(remote.path(), RepositoryInitOptions::new().bare(true)).unwrap();
        remote
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("phones.git")
    }

    fn repository(&self) -> Repository {
        Repository::open(self.path()).unwrap()
    }

    pub(crate) fn commit(&self, subject: &str, files: &[(&str, &str)]) -> Oid {
        let entries: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes(), FILE)).collect();
        self.commit_entries("main", subject, &entries, false)
    }

    /// Puts a commit of exactly these entries on a branch; `forced` forgets what was there.
    fn commit_entries(&self, branch: &str, subject: &str, entries: &[(&str, &[u8], i32)], forced: bool) -> Oid {
        let repository = self.repository();
        let mut index = git2::Index::new().unwrap();
        for (path, content, mode) in entries {
            let id = match *mode {
                SUBMODULE => Oid::from_str("1111111111111111111111111111111111111111").unwrap(),
                _ => repository.blob(content).unwrap(),
            };
            index.add(&entry(path, id, *mode)).unwrap();
        }
        let tree = repository.find_tree(index.write_tree_to(&repository).unwrap()).unwrap();
        let author = Signature::new("Ada", "ada@example.org", &Time::new(1_700_000_000, 0)).unwrap();
        let committer = Signature::new("Bot", "bot@example.org", &Time::new(1_700_000_001, 0)).unwrap();
        let name = format!("refs/heads/{branch}");
        let parent = repository.find_reference(&name).ok().map(|tip| tip.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().filter(|_| !forced).collect();
        let id = repository.commit(None, &author, &committer, subject, &tree, &parents).unwrap();
        repository.reference(&name, id, true, "test").unwrap();
        id
    }
}

fn entry(path: &str, id: Oid, mode: i32) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: u32::try_from(mode).unwrap(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// Settings with a mirror in `state`, which only look when they are asked to.
pub(crate) fn settings(url: impl Into<String>, state: &Path) -> GitSettings {
    GitSettings {
        interval: Duration::from_hours(1),
        jitter_seed: Some(1),
        ..GitSettings::new(url, state.join("mirror"))
    }
}

pub(crate) fn of(remote: &Remote, state: &TempDir) -> GitSettings {
    settings(remote.path().to_str().unwrap(), state.path())
}

pub(crate) fn start(settings: GitSettings) -> Source {
    source::start(SourceSettings::Git(settings)).unwrap()
}

async fn next(source: &mut Source) -> SourceEvent {
    tokio::time::timeout(PATIENCE, source.events.recv()).await.expect("an event in time").expect("the source runs")
}

pub(crate) async fn snapshot(source: &mut Source) -> std::sync::Arc<Snapshot> {
    match next(source).await {
        SourceEvent::Snapshot(snapshot) => snapshot,
        other => panic!("a snapshot, not {other:?}"),
    }
}

pub(crate) async fn away(source: &mut Source) -> (&'static str, String) {
    match next(source).await {
        SourceEvent::Away { category, problem, .. } => (category, problem),
        other => panic!("away, not {other:?}"),
    }
}

pub(crate) async fn nothing(source: &mut Source) {
    let event = tokio::time::timeout(SILENCE, source.events.recv()).await;
    assert!(event.is_err(), "nothing, not {event:?}");
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files.iter().map(|file| &*file.path).collect()
}

fn content<'s>(snapshot: &'s Snapshot, path: &str) -> &'s FileContent {
    &snapshot.files.iter().find(|file| &*file.path == path).expect(path).content
}

fn text(snapshot: &Snapshot, path: &str) -> String {
    match content(snapshot, path) {
        FileContent::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("bytes, not {other:?}"),
    }
}

#[tokio::test]
async fn a_push_is_told_once_as_a_whole_revision_with_its_people() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let first =
        remote.commit("First phones\n\nlong story", &[("a.yaml", "a"), ("sub/deep/b.yml", "b"), ("README.md", "x")]);
    let mut source = start(of(&remote, &state));

    let told = snapshot(&mut source).await;
    assert_eq!(told.revision.as_str(), first.to_string());
    assert_eq!(paths(&told), ["a.yaml", "sub/deep/b.yml"]);
    let commit = told.commit.clone().unwrap();
    assert_eq!(commit.author, "Ada <ada@example.org>");
    assert_eq!(commit.committer, "Bot <bot@example.org>");
    assert_eq!(commit.subject, "First phones");

    source.trigger.fetch_now();
    nothing(&mut source).await;

    let second = remote.commit("Second", &[("a.yaml", "changed")]);
    source.trigger.fetch_now();
    let told = snapshot(&mut source).await;
    assert_eq!(told.revision.as_str(), second.to_string());
    assert_eq!(text(&told, "a.yaml"), "changed");
    assert_eq!(paths(&told), ["a.yaml"]);
}

#[tokio::test]
async fn the_interval_alone_finds_a_push() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let url = format!("file://{}", remote.path().display());
    let mut source = start(GitSettings { interval: Duration::from_millis(50), ..settings(url, state.path()) });
    snapshot(&mut source).await;
    remote.commit("Second", &[("a.yaml", "b")]);
    assert_eq!(text(&*snapshot(&mut source).await, "a.yaml"), "b");
}

#[tokio::test]
async fn a_forced_push_is_followed() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    remote.commit("Second", &[("a.yaml", "b")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    let other = remote.commit_entries("main", "Other history", &[("a.yaml", b"c", FILE)], true);
    source.trigger.fetch_now();
    assert_eq!(snapshot(&mut source).await.revision.as_str(), other.to_string());
}

#[tokio::test]
async fn a_missing_branch_is_named_with_those_that_exist() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit_entries("master", "First", &[("a.yaml", b"a", FILE)], false);
    let mut source = start(of(&remote, &state));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "branch");
    assert!(problem.contains("no branch \"main\" (it has master)"), "{problem}");

    remote.commit("First", &[("a.yaml", "a")]);
    source.trigger.fetch_now();
    assert!(matches!(next(&mut source).await, SourceEvent::Back));
    snapshot(&mut source).await;
}

#[tokio::test]
async fn an_empty_repository_is_no_repository_error() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let mut source = start(of(&remote, &state));
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "branch");
    assert!(problem.contains("none yet"), "{problem}");
}

#[tokio::test]
async fn while_the_remote_is_away_it_is_told_once_and_the_last_revision_outlives_a_restart() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let first = remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;

    let hidden = remote.folder.path().join("elsewhere");
    fs::rename(remote.path(), &hidden).unwrap();
    source.trigger.fetch_now();
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "repository");
    assert!(problem.contains("phones.git"), "{problem}");
    source.trigger.fetch_now();
    nothing(&mut source).await;

    drop(source);
    let mut source = start(of(&remote, &state));
    assert_eq!(snapshot(&mut source).await.revision.as_str(), first.to_string());
    assert_eq!(away(&mut source).await.0, "repository");

    fs::rename(&hidden, remote.path()).unwrap();
    source.trigger.fetch_now();
    assert!(matches!(next(&mut source).await, SourceEvent::Back));
    nothing(&mut source).await;
}

#[tokio::test]
async fn a_mirror_beside_an_older_store_is_not_told_before_the_remote_is_seen() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    snapshot(&mut start(of(&remote, &state))).await;
    let second = remote.commit("Second", &[("a.yaml", "b")]);
    let settings = SourceSettings::Git(of(&remote, &state)).from_its_origin();
    let mut source = source::start(settings).unwrap();
    assert_eq!(snapshot(&mut source).await.revision.as_str(), second.to_string(), "promise 8");
}

#[tokio::test]
async fn a_mirror_of_another_branch_is_never_taken_for_this_one() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    drop(source);
    let mut source = start(GitSettings { branch: "main/x".into(), ..of(&remote, &state) });
    assert_eq!(away(&mut source).await.0, "branch");
}

#[tokio::test]
async fn a_revision_that_cannot_be_taken_over_leaves_the_last_good_one_even_after_a_restart() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let good = remote.commit("First", &[("phones/a.yaml", "a")]);
    let within = || GitSettings { path: "./phones/".into(), ..of(&remote, &state) };
    let mut source = start(within());
    assert_eq!(paths(&*snapshot(&mut source).await), ["a.yaml"]);

    remote.commit("Moved", &[("desks/a.yaml", "a")]);
    source.trigger.fetch_now();
    let (category, problem) = away(&mut source).await;
    assert_eq!(category, "path");
    assert!(problem.contains("\"phones\"") && problem.contains("--path"), "{problem}");

    drop(source);
    let mut source = start(within());
    assert_eq!(snapshot(&mut source).await.revision.as_str(), good.to_string());
    assert_eq!(away(&mut source).await.0, "path");
}

#[tokio::test]
async fn only_the_folder_asked_for_is_read_and_hidden_files_never() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let files = [
        ("phones/a.yaml", "a"),
        ("phones/catalogue.csv", "name"),
        ("phones/sub/catalogue.csv", "no"),
        ("phones/.hidden/b.yaml", "no"),
        ("phones/.c.yaml", "no"),
        ("phones/notes.txt", "no"),
        ("other/d.yaml", "no"),
        ("catalogue.csv", "no"),
    ];
    remote.commit("First", &files);
    let mut source = start(GitSettings { path: "phones".into(), ..of(&remote, &state) });
    assert_eq!(paths(&*snapshot(&mut source).await), ["a.yaml", "catalogue.csv"]);
}

#[tokio::test]
async fn links_submodules_and_large_files_are_reported_and_lfs_pointers_arrive_as_they_are() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let large = vec![b' '; 1024 * 1024 + 1];
    let entries: [(&str, &[u8], i32); 8] = [
        ("exact.yaml", &large[1..], FILE),
        ("large.yaml", &large, FILE),
        ("lfs.yaml", pointer.as_bytes(), FILE),
        ("link.yaml", b"lfs.yaml", LINK),
        ("sub/folder-link", b"../real", LINK),
        ("sub/readme-link", b"../README", LINK),
        ("module", b"", SUBMODULE),
        ("real/a.yaml", b"a", FILE),
    ];
    remote.commit_entries("main", "First", &entries, false);
    let mut source = start(of(&remote, &state));
    let told = snapshot(&mut source).await;
    assert!(matches!(content(&told, "exact.yaml"), FileContent::Bytes(_)));
    assert!(matches!(content(&told, "large.yaml"), FileContent::TooLarge(1_048_577)));
    assert_eq!(text(&told, "lfs.yaml"), pointer);
    assert!(matches!(content(&told, "link.yaml"), FileContent::Link));
    assert!(matches!(content(&told, "sub/folder-link"), FileContent::Link));
    assert!(matches!(content(&told, "module"), FileContent::Submodule));
    assert_eq!(told.files.len(), 7);
}

#[tokio::test]
async fn a_source_that_is_dropped_ends_its_thread() {
    let (remote, state) = (Remote::new(), tempfile::tempdir().unwrap());
    remote.commit("First", &[("a.yaml", "a")]);
    let mut source = start(of(&remote, &state));
    snapshot(&mut source).await;
    let mut events = std::mem::replace(&mut source.events, tokio::sync::mpsc::channel(1).1);
    drop(source);
    let ended = async { while events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the thread ends, so the channel closes");
}

#[tokio::test]
async fn settings_that_make_no_sense_stop_the_start() {
    let state = tempfile::tempdir().unwrap();
    let base = || settings("/nowhere", state.path());
    for (settings, word) in [
        (GitSettings { url: "git://h/a".into(), ..base() }, "scheme"),
        (GitSettings { path: "../up".into(), ..base() }, "--path"),
        (GitSettings { branch: "a..b".into(), ..base() }, "--branch"),
        (GitSettings { ca_file: Some("/nowhere/ca.pem".into()), ..base() }, "/nowhere/ca.pem"),
    ] {
        let error = source::start(SourceSettings::Git(settings)).unwrap_err();
        assert_eq!(error.category(), "settings");
        assert!(error.to_string().contains(word), "{error}");
    }
}
