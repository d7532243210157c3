use std::fs;

use super::{files::Broken, session::SESSION_LIMIT, *};
use crate::wpi::{Item, ItemId, ItemName, Reason, ReplyStatus, phone_message::Nonce};

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

/// Notes it; whether nothing was lost.
fn note(log: &WireLog, question: &PhoneMessage, action: Action) -> bool {
    note_answered(log, question, &answer(action))
}

fn note_answered(log: &WireLog, question: &PhoneMessage, answer: &ServerMessage) -> bool {
    note_in_call(log, false, question, answer)
}

/// The same of a phone that keeps the wish to be called, or not.
fn note_in_call(log: &WireLog, in_call: bool, question: &PhoneMessage, answer: &ServerMessage) -> bool {
    let (times, before) = ((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH), log.lost());
    log.note(&phone(), &Exchange { peer: peer(), question, answer, list: None, times, in_call });
    log.lost() == before
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4711))
}

fn phone() -> DeviceId {
    DeviceId::new(DEVICE).unwrap()
}

fn busy() -> PhoneMessage {
    said(Reason::ReplyTo { action: "WriteItems".into(), status: ReplyStatus::Busy }, "busy")
}

fn accepted(text: &str) -> PhoneMessage {
    said(Reason::ReplyTo { action: "x".into(), status: ReplyStatus::Accepted }, text)
}

/// All that has been sent to the disk since.
fn written(queue: &mut mpsc::Receiver<Chunk>) -> String {
    std::iter::from_fn(|| queue.try_recv().ok()).map(|chunk| chunk.text).collect()
}

/// A log in which one phone is recorded; and what leaves it, from the first session on.
fn recording() -> (tempfile::TempDir, WireLog, mpsc::Receiver<Chunk>) {
    recording_of(false)
}

/// The same; of a phone that is in a call, or not.
fn recording_of(in_call: bool) -> (tempfile::TempDir, WireLog, mpsc::Receiver<Chunk>) {
    let folder = tempfile::tempdir().unwrap();
    let log = WireLog::new(Some(folder.path().to_owned()));
    let mut queue = log.queue.lock().unwrap().take().unwrap();
    log.record(&phone(), "reception", LONGEST, &by(), Timestamp::UNIX_EPOCH).unwrap();
    if in_call {
        log.waits(&phone());
    }
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
fn a_busy_phone_leaves_nothing_of_its_whole_session_and_of_the_one_with_which_it_comes_back() {
    // promise 10: that one begins when the call has ended
    let (_folder, log, mut queue) = recording();
    assert!(note(&log, &said(Reason::StartUp, "before"), Action::WriteItems));
    assert!(note(&log, &busy(), Action::ReadItems));
    assert!(note(&log, &accepted("after"), Action::CleanUp));
    // what a user changes during the call says nothing of its end
    assert!(note(&log, &said(Reason::LocalChanges, "changed"), Action::CleanUp));
    let kept = written(&mut queue);
    assert!(kept.contains("changed") && !kept.contains("before") && !kept.contains("after"), "{kept}");
    // given up and opened again, and with a message in front that nobody can read
    log.note_unread(&phone(), peer(), "half a message", false, Timestamp::UNIX_EPOCH);
    assert!(note(&log, &said(Reason::Solicited, "back"), Action::ReadItems));
    assert!(note(&log, &said(Reason::Solicited, "back"), Action::WriteItems));
    log.note_unread(&phone(), peer(), "half a message", false, Timestamp::UNIX_EPOCH);
    assert!(note(&log, &accepted("back"), Action::CleanUp));
    assert_eq!(written(&mut queue), "", "nothing of it");
    assert!(note(&log, &said(Reason::Solicited, "next"), Action::CleanUp));
    assert!(written(&mut queue).contains("next"), "the next one is recorded");
    assert_eq!(log.lost(), 0, "what is left out is not lost");
}

#[test]
fn a_phone_that_comes_back_into_the_next_call_goes_on_waiting() {
    let (_folder, log, mut queue) = recording();
    let wish = ItemId::new(ItemName::new("send-solicited").unwrap(), None);
    let come_back = ServerMessage { items: vec![Item::plain(wish, "true")], ..answer(Action::CleanUp) };
    assert!(note(&log, &said(Reason::StartUp, "first"), Action::WriteItems));
    assert!(note_answered(&log, &busy(), &come_back));
    for _ in 0..2 {
        assert!(note(&log, &said(Reason::Solicited, "back"), Action::WriteItems));
        assert!(note_answered(&log, &busy(), &come_back));
    }
    assert!(note(&log, &said(Reason::Solicited, "last"), Action::CleanUp));
    assert_eq!(written(&mut queue), "");
    // a start forgets the wish and ends the call
    assert!(note_answered(&log, &busy(), &come_back));
    assert!(note(&log, &said(Reason::StartUp, "started"), Action::CleanUp));
    assert!(note(&log, &said(Reason::Solicited, "asked"), Action::CleanUp));
    let kept = written(&mut queue);
    assert!(kept.contains("started") && kept.contains("asked"), "{kept}");
}

#[test]
fn a_recording_that_begins_in_a_call_does_not_have_its_end() {
    let (_folder, log, mut queue) = recording_of(true);
    assert!(note(&log, &said(Reason::Solicited, "back"), Action::CleanUp));
    assert_eq!(written(&mut queue), "");
    assert!(note(&log, &said(Reason::Solicited, "next"), Action::CleanUp));
    assert!(written(&mut queue).contains("next"));
}

#[test]
fn what_a_phone_is_asked_during_a_call_does_not_have_its_end_recorded() {
    let (_folder, log, mut queue) = recording();
    let solicited =
        |text: &str, in_call| note_in_call(&log, in_call, &said(Reason::Solicited, text), &answer(Action::CleanUp));
    // somebody has it read, and that uses up no wish
    assert!(solicited("asked", true) && solicited("back", true));
    assert_eq!(written(&mut queue), "");
    log.note_unread(&phone(), peer(), "half a message", true, Timestamp::UNIX_EPOCH);
    assert!(solicited("back", true));
    assert_eq!(written(&mut queue), "");
    assert!(solicited("next", false));
    assert!(written(&mut queue).contains("next"));
}

#[test]
fn of_the_session_in_which_a_recording_begins_nothing_is_kept() {
    // it may be the one with which the phone comes back
    let (_folder, log, mut queue) = recording();
    assert!(note(&log, &accepted("under way"), Action::ReadItems) && note(&log, &accepted("its end"), Action::CleanUp));
    assert_eq!(written(&mut queue), "");
    assert!(note(&log, &said(Reason::LocalChanges, "next"), Action::CleanUp));
    assert!(written(&mut queue).contains("next"));
}

#[test]
fn the_rest_of_an_endless_session_is_left_out_and_counted() {
    let (_folder, log, mut queue) = recording();
    let text = "x".repeat(60_000);
    let reply = || Reason::ReplyTo { action: "ReadAllItems".into(), status: ReplyStatus::Accepted };
    assert!(note(&log, &said(Reason::StartUp, "first"), Action::ReadAllItems));
    let kept = (0..30).filter(|_| note(&log, &said(reply(), &text), Action::GetNextFragment)).count();
    assert_eq!(kept, SESSION_LIMIT / 60_500);
    note(&log, &said(reply(), "end"), Action::CleanUp);
    let kept = queue.try_recv().unwrap().text;
    assert!(kept.len() < SESSION_LIMIT + text::CUT.len() && kept.ends_with(text::CUT));
    assert!(note(&log, &said(Reason::StartUp, "next"), Action::CleanUp), "the next one is whole");
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
    let mut queue = log.queue.lock().unwrap().take().unwrap();
    let record = |number: usize, now| {
        let device = device(number);
        log.record(&device, &device.to_string(), SignedDuration::from_mins(1), &by(), now)
    };
    for number in 0..PHONES {
        record(number, now).unwrap();
    }
    assert_eq!(record(PHONES, now), Err(WireLogError::TooMany));
    let files = || fs::read_dir(folder.path().join("deep/below")).unwrap().count();
    assert_eq!(files(), PHONES, "no empty file is left behind");
    record(0, now).unwrap();
    assert_eq!(files(), PHONES, "another end is no other file");
    let later = now + SignedDuration::from_mins(1);
    assert_eq!(log.list(later), []);
    written(&mut queue);
    assert_eq!(log.end_due(later), None);
    assert!(!log.is_on());
    for number in files()..crate::report::wire_log::FILES {
        fs::write(folder.path().join("deep/below").join(number.to_string()), "").unwrap();
    }
    assert_eq!(record(0, later), Err(WireLogError::Full));
}

#[test]
fn a_recording_lasts_longer_than_nothing_and_a_day_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let log = WireLog::new(Some(folder.path().to_owned()));
    let for_so_long = |length| log.record(&phone(), "reception", length, &by(), Timestamp::UNIX_EPOCH);
    let second = SignedDuration::from_secs(1);
    for length in [SignedDuration::ZERO, -second, LONGEST + second, SignedDuration::MIN, SignedDuration::MAX] {
        assert_eq!(for_so_long(length), Err(WireLogError::Length), "{length:#}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of them");
    let longest = for_so_long(LONGEST).unwrap();
    assert_eq!(longest.until, Timestamp::UNIX_EPOCH + LONGEST);
    assert_eq!(for_so_long(second).unwrap().until, Timestamp::UNIX_EPOCH + second, "another end");
    let at_the_end = log.record(&phone(), "reception", second, &by(), Timestamp::MAX);
    assert_eq!(at_the_end, Err(WireLogError::Length));
}

#[test]
fn many_who_want_one_phone_recorded_get_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = WireLog::new(Some(folder.path().to_owned()));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let log = &log;
            let at = Timestamp::from_second(number).unwrap();
            scope.spawn(move || log.record(&phone(), "reception", LONGEST, &by(), at).unwrap());
        }
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(log.list(Timestamp::UNIX_EPOCH).len(), 1);
}

#[test]
fn who_gives_a_recording_another_end_at_its_end_has_it_or_a_new_one() {
    let (begin, end) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_mins(1));
    for round in 0..200 {
        let folder = tempfile::tempdir().unwrap();
        let log = WireLog::new(Some(folder.path().to_owned()));
        let record = |number: usize, now| {
            let device = device(number);
            log.record(&device, &device.to_string(), SignedDuration::from_mins(1), &by(), now)
        };
        // many whose time is over, for as many moments between two of them
        let devices = 0..PHONES;
        assert!(devices.clone().all(|number| record(number, begin).is_ok()));
        let last = devices.map(device).max().unwrap();
        let both = std::sync::Barrier::new(2);
        let recording = std::thread::scope(|scope| {
            scope.spawn(|| {
                both.wait();
                log.end_due(end);
            });
            both.wait();
            log.record(&last, "last", SignedDuration::from_mins(1), &by(), end)
        });
        assert!(log.list(end) == [recording.unwrap()], "round {round}");
    }
}

#[test]
fn without_room_for_its_first_lines_a_recording_does_not_begin_and_leaves_no_file() {
    let (folder, log, _queue) = recording();
    while note(&log, &said(Reason::StartUp, "x"), Action::CleanUp) {}
    let other = device(1);
    let refused = log.record(&other, "other", LONGEST, &by(), Timestamp::UNIX_EPOCH);
    assert!(matches!(refused, Err(WireLogError::File(_))), "{refused:?}");
    assert_eq!((fs::read_dir(folder.path()).unwrap().count(), log.list(Timestamp::UNIX_EPOCH).len()), (1, 1));
}

#[tokio::test]
async fn a_recording_whose_file_vanishes_ends_and_what_is_lost_is_counted() {
    let (folder, log, mut queue) = recording();
    let file = PathBuf::from(log.list(Timestamp::UNIX_EPOCH)[0].file.clone());
    fs::remove_file(&file).unwrap();
    let mut broken = Broken::default();
    assert!(note(&log, &said(Reason::StartUp, "one"), Action::CleanUp));
    assert!(note(&log, &said(Reason::StartUp, "two"), Action::CleanUp));
    assert!(log.is_on());
    while let Ok(chunk) = queue.try_recv() {
        files::write(&log, &mut broken, chunk, Timestamp::UNIX_EPOCH).await;
        assert!(!log.is_on(), "from the first part that is lost");
    }
    assert_eq!(log.lost(), 3, "both sessions, and that it ends");
    assert!(!file.exists(), "it is not made anew");
    // another recording of the phone has a file again
    log.record(&phone(), "again", LONGEST, &by(), Timestamp::UNIX_EPOCH).unwrap();
    files::write(&log, &mut broken, queue.try_recv().unwrap(), Timestamp::UNIX_EPOCH).await;
    let kept: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(fs::read_to_string(&kept[0]).unwrap().contains("case 4711"));
    assert_eq!(log.lost(), 3);
}
