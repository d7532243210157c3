//! The history in the file: pages, filters, age, and a file of an older phoneops.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use phoneops::{
    fleet::{
        history::{Change, ChangeView, HISTORY_LIMIT, HistoryQuery},
        words::{ChangeCause, ChangeResult},
    },
    spec::{Commit, Revision},
    store::{FILE_NAME, Keep, OpenOptions, Store},
    wpi::{DeviceId, Index, ItemId, ItemName},
};
use rusqlite::Connection;
use tempfile::TempDir;

fn start() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

fn change(number: u32, item: &str, index: Option<u32>) -> Change {
    Change {
        at: start() + SignedDuration::from_mins(number.into()),
        device: DeviceId::new(&format!("00:1A:E8:00:00:{:02X}", number % 4)).unwrap(),
        name: Some(Arc::from(format!("phone-{}", number % 4))),
        item: ItemId::new(ItemName::new(item).unwrap(), index.map(Index)),
        old: Some(number.to_string().into()),
        new: None,
        cause: ChangeCause::Revision,
        revision: Some(Revision::new("abc")),
        result: ChangeResult::Refused,
        word: Some("invalid data".into()),
        of_user: false,
    }
}

fn open() -> (TempDir, Store) {
    let temp = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(temp.path(), &OpenOptions::default()).unwrap();
    (temp, store)
}

fn all(store: &Store, query: &HistoryQuery) -> Vec<ChangeView> {
    store.history(query).unwrap().changes
}

#[tokio::test]
async fn pages_follow_each_other_the_newest_change_first() {
    let (_temp, store) = open();
    store.add_history((0..1200).map(|number| change(number, "e164", None)).collect()).await.unwrap();
    let mut query = HistoryQuery { limit: Some(9999), ..HistoryQuery::default() };
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = store.history(&query).unwrap();
        assert!(page.changes.len() <= HISTORY_LIMIT);
        seen.extend(page.changes.into_iter().filter_map(|change| change.old));
        // what comes in between is on no later page
        store.add_history(vec![change(9999, "e164", None)]).await.unwrap();
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(seen, (0..1200).rev().map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn phone_item_index_and_time_are_filters() {
    let (_temp, store) = open();
    let mut changes: Vec<_> = (0..8).map(|number| change(number, "e164", None)).collect();
    changes.extend((8..16).map(|number| change(number, "function-key-def", Some(number))));
    store.add_history(changes).await.unwrap();
    let of = |query: HistoryQuery| all(&store, &query).len();
    let item = |item: &str| HistoryQuery { item: Some(item.to_owned()), ..HistoryQuery::default() };
    assert_eq!(of(item("function-key-def")), 8);
    assert_eq!(of(item("function-key-def[9]")), 1);
    assert_eq!(of(item("function-key")), 0);
    let device = Some(DeviceId::new("001AE8000001").unwrap());
    assert_eq!(of(HistoryQuery { device, ..HistoryQuery::default() }), 4);
    for gone in ["phone-1", "00:1a:e8:00:00:01"] {
        assert_eq!(of(HistoryQuery { phone: Some(gone.to_owned()), ..HistoryQuery::default() }), 4, "{gone}");
    }
    let since = Some(start() + SignedDuration::from_mins(12));
    assert_eq!(of(HistoryQuery { since, ..HistoryQuery::default() }), 4);
}

#[tokio::test]
async fn who_made_a_revision_is_told_also_when_it_is_noted_later() {
    let (temp, store) = open();
    let by_the_phone = |cause| Change { cause, ..change(1, "e164", None) };
    let changes = vec![by_the_phone(ChangeCause::Drift), by_the_phone(ChangeCause::Seed), change(0, "e164", None)];
    store.add_history(changes).await.unwrap();
    let commit = Commit {
        author: "Ada".to_owned(),
        committer: "Bob".to_owned(),
        subject: "Numbers".to_owned(),
        approved_phones: None,
    };
    store.save_revision(Revision::new("abc"), Some(commit)).await.unwrap();
    store.close().await;
    drop(store);
    let (store, _) = Store::open(temp.path(), &OpenOptions::default()).unwrap();
    let [change, others @ ..] = &all(&store, &HistoryQuery::default())[..] else { panic!("three changes") };
    for other in others {
        assert_eq!(
            (&other.author, &other.committer, other.revision.as_deref()),
            (&None, &None, Some("abc")),
            "{other:?}"
        );
    }
    assert_eq!(others.len(), 2);
    assert_eq!((change.author.as_deref(), change.committer.as_deref()), (Some("Ada"), Some("Bob")));
    assert_eq!((change.revision.as_deref(), change.word.as_deref()), (Some("abc"), Some("invalid data")));
}

#[tokio::test]
async fn revisions_are_listed_the_newest_first_and_changes_found_by_them() {
    let (_temp, store) = open();
    let mut other = change(1, "e164", None);
    other.revision = Some(Revision::new("def"));
    store.add_history(vec![change(0, "e164", None), other, change(2, "e164", None)]).await.unwrap();
    let of =
        |revision: &str| all(&store, &HistoryQuery { revision: Some(revision.to_owned()), ..HistoryQuery::default() });
    assert_eq!([of("abc").len(), of("def").len(), of("de").len(), of("ef").len()], [2, 1, 1, 0]);
    for name in ["abc", "def"] {
        let author = format!("{name} <ada@example.org>");
        let commit = Commit { committer: author.clone(), author, subject: "Numbers".to_owned(), approved_phones: None };
        store.save_revision(Revision::new(name), Some(commit)).await.unwrap();
    }
    let listed = store.commits(None, 10).unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.is_sorted_by(|a, b| a.at >= b.at));
    let one = store.commits(Some("abc"), 10).unwrap();
    assert_eq!(one[0].author.as_deref(), Some("abc <ada@example.org>"));
    assert_eq!(
        (one.len(), store.commits(None, 1).unwrap().len(), store.commits(Some("x"), 1).unwrap().len()),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn what_is_too_old_goes_and_what_belongs_to_users_goes_earlier() {
    let (_temp, store) = open();
    let changes = (0..40).map(|number| Change { of_user: number % 2 == 0, ..change(number, "e164", None) });
    store.add_history(changes.collect()).await.unwrap();
    let at = |minute| start() + SignedDuration::from_mins(minute);
    let keep = Keep { since: at(10), user_since: at(30), rows: 1000 };
    store.prune_history(keep).await.unwrap();
    let left = all(&store, &HistoryQuery::default());
    assert_eq!(left.len(), 15 + 5);
    assert!(left.iter().all(|change| change.at >= at(10)));
    store.prune_history(Keep { rows: 12, ..keep }).await.unwrap();
    let left = all(&store, &HistoryQuery::default());
    assert!(left.len() <= 12 && left[0].at == at(39), "the oldest go first: {left:?}");
}

#[tokio::test]
async fn a_file_of_a_phoneops_without_history_gets_one() {
    let (temp, store) = open();
    store.close().await;
    drop(store);
    let file = Connection::open(temp.path().join(FILE_NAME)).unwrap();
    file.execute_batch("DROP TABLE history; DROP TABLE revision;").unwrap();
    drop(file);
    let (store, _) = Store::open(temp.path(), &OpenOptions::default()).unwrap();
    store.add_history(vec![change(1, "e164", None)]).await.unwrap();
    assert_eq!(all(&store, &HistoryQuery::default()).len(), 1);
}
