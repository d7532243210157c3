//! The folder source on a real folder: editors, deletions, absences.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc, time::Duration};

use phoneops::{
    source::{self, DirSettings, Source, SourceEvent, SourceSettings, dir::read_folder},
    spec::{FileContent, Snapshot},
};

/// Longest wait for anything that has to come.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_millis(400);

fn settings(folder: &Path) -> DirSettings {
    DirSettings {
        debounce: Duration::from_millis(60),
        rescan: Duration::from_hours(1),
        jitter_seed: Some(1),
        ..DirSettings::new(folder)
    }
}

fn start(settings: DirSettings) -> Source {
    source::start(SourceSettings::Dir(settings)).unwrap()
}

async fn next(source: &mut Source) -> SourceEvent {
    tokio::time::timeout(PATIENCE, source.events.recv()).await.expect("an event in time").expect("the source runs")
}

async fn snapshot(source: &mut Source) -> Arc<Snapshot> {
    match next(source).await {
        SourceEvent::Snapshot(snapshot) => snapshot,
        other => panic!("a snapshot, not {other:?}"),
    }
}

async fn nothing(source: &mut Source) {
    let event = tokio::time::timeout(SILENCE, source.events.recv()).await;
    assert!(event.is_err(), "nothing, not {event:?}");
}

fn texts(snapshot: &Snapshot) -> Vec<(String, String)> {
    let text = |content: &FileContent| match content {
        FileContent::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    snapshot.files.iter().map(|file| (file.path.to_string(), text(&file.content))).collect()
}

fn pair(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

#[tokio::test]
async fn an_editors_rename_and_replace_is_one_new_revision() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "one").unwrap();
    let mut source = start(settings(folder.path()));
    let first = snapshot(&mut source).await;
    assert!(first.revision.as_str().starts_with("dir-") && first.revision.as_str().len() == 16);

    fs::write(folder.path().join(".a.yaml.swp"), "two").unwrap();
    fs::rename(folder.path().join(".a.yaml.swp"), folder.path().join("a.yaml")).unwrap();
    let second = snapshot(&mut source).await;
    assert_eq!(texts(&second), [pair("a.yaml", "two")]);
    assert_ne!(first.revision, second.revision);
    nothing(&mut source).await;

    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    fs::write(folder.path().join("a.yaml"), "three").unwrap();
    let mut last = snapshot(&mut source).await;
    if last.files.is_empty() {
        last = snapshot(&mut source).await;
    }
    assert_eq!(texts(&last), [pair("a.yaml", "three")]);
}

#[tokio::test]
async fn files_in_new_folders_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = start(settings(folder.path()));
    assert!(snapshot(&mut source).await.files.is_empty());
    fs::create_dir_all(folder.path().join("site/berlin")).unwrap();
    fs::write(folder.path().join("site/berlin/a.yml"), "a").unwrap();
    assert_eq!(texts(&*snapshot(&mut source).await), [pair("site/berlin/a.yml", "a")]);
}

#[tokio::test]
async fn what_does_not_count_makes_no_revision() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "one").unwrap();
    let mut source = start(settings(folder.path()));
    snapshot(&mut source).await;
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join(".git/b.yaml"), "no").unwrap();
    fs::write(folder.path().join("notes.txt"), "no").unwrap();
    fs::write(folder.path().join("a.yaml"), "one").unwrap();
    nothing(&mut source).await;
    source.trigger.fetch_now();
    nothing(&mut source).await;
}

#[tokio::test]
async fn the_rescan_alone_finds_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = folder.path().join("mounted");
    fs::create_dir_all(folder.path().join("one")).unwrap();
    fs::create_dir_all(folder.path().join("two")).unwrap();
    fs::write(folder.path().join("two/a.yaml"), "two").unwrap();
    symlink("one", &mounted).unwrap();
    let mut source = start(DirSettings { rescan: Duration::from_millis(50), ..settings(&mounted) });
    assert!(snapshot(&mut source).await.files.is_empty());
    // No watch tells of this: what is watched is the folder behind the link.
    symlink("two", folder.path().join("next")).unwrap();
    fs::rename(folder.path().join("next"), &mounted).unwrap();
    assert_eq!(texts(&*snapshot(&mut source).await), [pair("a.yaml", "two")]);
}

#[tokio::test]
async fn a_folder_that_goes_is_away_and_comes_back_watched() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("phones");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), "one").unwrap();
    let mut source = start(settings(&folder));
    snapshot(&mut source).await;

    fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    source.trigger.fetch_now();
    match next(&mut source).await {
        SourceEvent::Away { category, problem, .. } => {
            assert_eq!(category, "folder");
            assert!(problem.contains("phones") && problem.contains("--dir"), "{problem}");
        }
        other => panic!("away, not {other:?}"),
    }
    fs::rename(parent.path().join("elsewhere"), &folder).unwrap();
    source.trigger.fetch_now();
    assert!(matches!(next(&mut source).await, SourceEvent::Back));
    fs::write(folder.join("a.yaml"), "two").unwrap();
    assert_eq!(texts(&*snapshot(&mut source).await), [pair("a.yaml", "two")]);
}

#[test]
fn links_and_large_files_are_reported_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("real")).unwrap();
    fs::write(at("real/a.yaml"), "a").unwrap();
    fs::write(at("large.yaml"), vec![b' '; 1024 * 1024 + 1]).unwrap();
    symlink("real/a.yaml", at("link.yaml")).unwrap();
    symlink("real", at("folder")).unwrap();
    symlink("/nowhere", at("dangling")).unwrap();
    let told = read_folder(folder.path()).unwrap();
    let kinds: Vec<_> = told.files.iter().map(|file| (&*file.path, &file.content)).collect();
    assert!(matches!(
        kinds[..],
        [
            ("folder", FileContent::Link),
            ("large.yaml", FileContent::TooLarge(1_048_577)),
            ("link.yaml", FileContent::Link),
            ("real/a.yaml", FileContent::Bytes(_)),
        ]
    ));
}

#[test]
fn the_revision_hangs_on_paths_and_contents_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, order) in [(&one, ["a", "b"]), (&two, ["b", "a"])] {
        for name in order {
            fs::write(folder.path().join(format!("{name}.yaml")), name).unwrap();
        }
    }
    let revision = |folder: &tempfile::TempDir| read_folder(folder.path()).unwrap().revision;
    assert_eq!(revision(&one), revision(&two));
    fs::rename(two.path().join("a.yaml"), two.path().join("c.yaml")).unwrap();
    assert_ne!(revision(&one), revision(&two));
}

#[test]
fn a_folder_that_is_not_there_stops_the_start() {
    let error = source::start(SourceSettings::Dir(settings(Path::new("/nowhere/phones")))).unwrap_err();
    assert_eq!(error.category(), "folder");
    assert!(error.to_string().contains("/nowhere/phones"), "{error}");
}
