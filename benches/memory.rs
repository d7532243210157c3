//! What a declared and observed phone with 60 managed items costs in memory.
//!
//! 10,000 phones, each declared in a file of its own, are loaded, taken over and read once, all in sync. What counts is
//! the live heap: an allocator counts each block as the chunk that glibc's malloc makes of it (8 bytes of head, multiples
//! of 16, at least 32), so nothing is left out but holes between chunks. The documents' text and the records on their way
//! to the store are gone by then, as they are in the service. The growth of the resident set, holes included, is printed
//! beside it. Exits with 1 when a phone costs more than 6000 bytes.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a bench that cannot run ends at once")]

mod deployment;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use deployment::{MANAGED, files, mac, reply, start_up};
use jiff::Timestamp;
use phoneops::{
    fleet::{
        Answer, Effect, Fleet, SessionResult, Settings, flow::From, recovery::RecoverySettings, settings::GateSettings,
    },
    spec::{self, Revision, Snapshot, snapshot::SecretsUnread},
    wpi::{Action, PhoneMessage, ServerMessage},
};

const PHONES: usize = 10_000;
const LIMIT: usize = 6_000;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting what is live.
struct Counting;

fn chunk(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

#[expect(unsafe_code, reason = "an allocator cannot be had without; it passes everything on")]
// SAFETY: every call goes to the system's allocator as it came
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(chunk(layout.size()), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(chunk(layout.size()), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(chunk(size), Relaxed);
        LIVE.fetch_sub(chunk(layout.size()), Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the heap and the process hold.
#[derive(Clone, Copy)]
struct Held {
    heap: usize,
    resident: usize,
}

impl Held {
    fn now() -> Self {
        Self { heap: LIVE.load(Relaxed), resident: resident().unwrap_or_default() }
    }
}

fn main() -> ExitCode {
    let now: Timestamp = "2026-03-01T08:00:00Z".parse().expect("a time");
    // what is there once, however many phones there are
    let mut fleet = Fleet::new(
        Settings { gate: GateSettings::OFF, recovery: RecoverySettings::OFF, ..Settings::default() },
        [7; 32],
    );
    fleet.take_wanted(&Arc::new(load(0, "r0")), now);

    let before = Held::now();
    let wanted = Arc::new(load(PHONES, "3f786850e387550fdab836ed7e6dc881de23001b"));
    let documents = Held::now();
    fleet.take_wanted(&wanted, now);
    drop(wanted);
    assert!(fleet.take_effects().iter().all(|effect| matches!(effect, Effect::Save(_) | Effect::SaveService(_))));
    let declared = Held::now();
    (0..PHONES).for_each(|number| session(&mut fleet, number, now));
    let observed = Held::now();
    drop(fleet);

    let each = |later: usize, earlier: usize| later.saturating_sub(earlier) / PHONES;
    let total = each(observed.heap, before.heap);
    println!("{PHONES} phones with {MANAGED} managed items, declared and observed: {total} bytes each");
    println!("  documents of the revision  {:>5}", each(documents.heap, before.heap));
    println!("  fleet                      {:>5}", each(observed.heap, documents.heap));
    println!(
        "  (fleet before the phones called, each with a list of unread items: {})",
        each(declared.heap, documents.heap)
    );
    println!("  resident set, for comparison: {} bytes each", each(observed.resident, before.resident));
    if total <= LIMIT {
        ExitCode::SUCCESS
    } else {
        println!("above {LIMIT} bytes");
        ExitCode::FAILURE
    }
}

fn load(phones: usize, revision: &str) -> spec::Wanted {
    let files = files(phones);
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let snapshot = Snapshot::of_texts(Revision::new(revision), texts);
    let wanted = spec::load(&snapshot, &SecretsUnread);
    assert!(wanted.problems().is_empty(), "the bench's own documents: {}", wanted.problems()[0]);
    wanted
}

/// One session of one phone, without sockets: start-up, ReadItems, reply in sync, CleanUp.
fn session(fleet: &mut Fleet, number: usize, now: Timestamp) {
    let address = format!("192.0.2.{}", number % 250 + 1);
    let peer = format!("{address}:40000").parse().expect("an address");
    let (asked, cookie) = say(fleet, start_up(number, &address), &From { cookie: None, peer, connection: 1 }, now);
    assert_eq!((&asked.action, asked.items.len()), (&Action::ReadItems, MANAGED));
    let from = From { cookie: cookie.as_deref(), peer, connection: 1 };
    let (ended, _) = say(fleet, reply(number), &from, now);
    assert_eq!(ended.action, Action::CleanUp);
    let in_sync = |effect: &Effect| matches!(effect, Effect::Report(report) if report.result == SessionResult::InSync);
    assert!(fleet.take_effects().iter().any(in_sync), "{} is not in sync", mac(number));
}

fn say(fleet: &mut Fleet, message: PhoneMessage, from: &From<'_>, now: Timestamp) -> (ServerMessage, Option<String>) {
    match fleet.message(message, from, now) {
        Answer::Send { message, set_cookie, .. } => (message, set_cookie),
        Answer::Record { .. } => panic!("a phone in sync is not written to"),
    }
}

/// The resident set of this process in bytes, where the system tells it.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}
