use crate::wpi::{Item, ItemId, ItemName, phone_message::Nonce};

use super::*;

const DEVICE: &str = "00:1A:E8:11:22:33";

fn device(number: usize) -> DeviceId {
    DeviceId::new(&format!("SOFT-{number}")).unwrap()
}

fn by() -> By {
    By::new("ada", "case 4711").unwrap()
}

fn nonce() -> Nonce {
    Nonce("A1".into())
}

fn said(reason: Reason, text: &str) -> PhoneMessage {
    let item = Item::plain(ItemId::new(ItemName::new("software-version").unwrap(), None), text);
    PhoneMessage { nonce: Some(nonce()), max_items: None, fragment: <_>::default(), reason, items: vec![item] }
}

fn answer(action: Action) -> ServerMessage {
    ServerMessage { nonce: nonce(), action, items: Vec::new() }
}

fn note(log: &WireLog, question: &PhoneMessage, action: Action) -> bool {
    let times = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
    let device = DeviceId::new(DEVICE).unwrap();
    log.note(&device, &Exchange { peer, question, answer: &answer(action), list: None, times })
}

/// A log in which one phone is recorded; and what leaves it, from the first session on.
fn recording() -> (tempfile::TempDir, WireLog, mpsc::Receiver<Chunk>) {
    let folder = tempfile::tempdir().unwrap();
    let log = WireLog::new(Some(folder.path().to_owned()));
    let mut queue = log.queue.lock().unwrap().take().unwrap();
    let phone = DeviceId::new(DEVICE).unwrap();
    log.record((&phone, "reception"), LONGEST, &by(), Timestamp::UNIX_EPOCH).unwrap();
    assert!(queue.try_recv().unwrap().text.contains("case 4711"));
    (folder, log, queue)
}

#[test]
fn a_session_is_written_when_it_has_ended_or_another_begins() {
    let (_folder, log, mut queue) = recording();
    assert!(note(&log, &said(Reason::StartUp, "first"), Action::ReadItems));
    assert!(queue.try_recv().is_err(), "it goes on");
    assert!(note(&log, &said(Reason::StartUp, "second"), Action::ReadItems));
    assert!(queue.try_recv().unwrap().text.contains("first"));
    assert!(note(&log, &said(Reason::LocalChanges, "third"), Action::CleanUp));
    let (second, third) = (queue.try_recv().unwrap().text, queue.try_recv().unwrap().text);
    assert!(second.contains("second") && !second.contains("third") && third.contains("third"));
}

#[test]
fn a_busy_phone_leaves_nothing_of_its_whole_session() {
    // promise 10
    let (_folder, log, mut queue) = recording();
    assert!(note(&log, &said(Reason::StartUp, "before"), Action::WriteItems));
    let busy = Reason::ReplyTo { action: "WriteItems".into(), status: ReplyStatus::Busy };
    assert!(note(&log, &said(busy, ""), Action::ReadItems));
    assert!(note(
        &log,
        &said(Reason::ReplyTo { action: "x".into(), status: ReplyStatus::Accepted }, "after"),
        Action::CleanUp
    ));
    assert!(queue.try_recv().is_err(), "nothing of it");
    assert!(note(&log, &said(Reason::Solicited, "next"), Action::CleanUp));
    assert!(queue.try_recv().unwrap().text.contains("next"), "the next one is recorded");
}

#[test]
fn the_rest_of_an_endless_session_is_left_out_and_counted() {
    let (_folder, log, mut queue) = recording();
    let text = "x".repeat(60_000);
    let reply = || Reason::ReplyTo { action: "ReadAllItems".into(), status: ReplyStatus::Accepted };
    let kept = (0..30).filter(|_| note(&log, &said(reply(), &text), Action::GetNextFragment)).count();
    assert_eq!(kept, SESSION_LIMIT / 60_500);
    note(&log, &said(reply(), "end"), Action::CleanUp);
    let kept = queue.try_recv().unwrap().text;
    assert!(kept.len() < SESSION_LIMIT + text::CUT.len() && kept.ends_with(text::CUT));
}

#[test]
fn a_recording_ends_when_its_file_is_full() {
    let (_folder, log, mut queue) = recording();
    let text = "x".repeat(60_000);
    let mut sessions = 0;
    while log.is_on() {
        note(&log, &said(Reason::StartUp, &text), Action::CleanUp);
        while queue.try_recv().is_ok() {}
        sessions += 1;
        if sessions * 60_000 > FILE_LIMIT {
            assert_eq!(log.end_due(Timestamp::UNIX_EPOCH), None);
        }
    }
    assert!(queue.try_recv().unwrap().text.contains("the file is full"));
}

#[test]
fn what_the_disk_cannot_take_in_time_is_lost_and_counted() {
    let (_folder, log, queue) = recording();
    let kept = (0..QUEUE + 3).filter(|_| note(&log, &said(Reason::StartUp, "x"), Action::CleanUp)).count();
    assert_eq!(kept, QUEUE);
    drop(queue);
}

#[test]
fn only_so_many_phones_are_recorded_and_only_so_many_files_made() {
    let folder = tempfile::tempdir().unwrap();
    let log = WireLog::new(Some(folder.path().join("deep/below")));
    let now = Timestamp::UNIX_EPOCH;
    let record = |number: usize, now| {
        let device = device(number);
        log.record((&device, &device.to_string()), SignedDuration::from_mins(1), &by(), now)
    };
    for number in 0..PHONES {
        record(number, now).unwrap();
    }
    assert_eq!(record(PHONES, now), Err(WireLogError::TooMany));
    let files = || std::fs::read_dir(folder.path().join("deep/below")).unwrap().count();
    assert_eq!(files(), PHONES, "no empty file is left behind");
    record(0, now).unwrap();
    assert_eq!(files(), PHONES, "another end is no other file");
    let later = now + SignedDuration::from_mins(1);
    assert_eq!(log.list(later), []);
    assert_eq!(log.end_due(later), None);
    assert!(!log.is_on());
    for number in files()..crate::report::wire_log::FILES {
        std::fs::write(folder.path().join("deep/below").join(number.to_string()), "").unwrap();
    }
    assert_eq!(record(0, later), Err(WireLogError::Full));
}
