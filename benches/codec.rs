//! How fast a phone's largest message is read, as a share of the speed of the bare XML parser.
//!
//! The message is a ReadAllItems reply of 400 items and 25 kB, on one line and with a line for each item. The
//! parser reads every event, iterates and unescapes every attribute, unescapes every text and keeps nothing; the codec
//! gives a whole [`PhoneMessage`]. Both take turns in one run and the best of 30 samples counts, so a busy machine moves
//! both. Exits with 1 when a share is below 0.60.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench that panics has failed"
)]

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use phoneops::wpi::{
    Index, Item, ItemId, ItemName, PhoneMessage, Reason, ReplyStatus,
    phone_message::{Fragment, Nonce},
    xml::Limits,
};
use quick_xml::{Reader, XmlVersion, events::Event};

const ITEMS: u32 = 400;
const SAMPLES: usize = 30;
/// Few, so that a sample fits into one turn of a busy machine's scheduler.
const ITERATIONS: u32 = 5;
const SHARE: f64 = 0.60;

/// Names and values as phones report them; those with a number per instance repeat by index.
const SINGLE: [(&str, &str); 24] = [
    ("device-type", "OpenStage 40"),
    ("software-version", "V3 R5.12.0"),
    ("contact-me-uri", "http://192.0.2.33:8085/contact_dls.html/ContactDLS"),
    ("mac-addr", "00:1A:E8:11:22:33"),
    ("part-number", "S30817-S7402-A103-15"),
    ("e164", "4930123456"),
    ("user-pwd", "000000"),
    ("display-id-unicode", "Reception & Café"),
    ("sip-transport-user", "0"),
    ("registrar-addr", "192.0.2.20"),
    ("registrar-port", "5060"),
    ("default-locked-config-menus", "false"),
    ("daylight-save-zone-id", "9"),
    ("sntp-addr", "ntp.example.org"),
    ("sntp-tz-offset", "60"),
    ("ldap-server-address", ""),
    ("qos-layer3-voice-user", "46"),
    ("server-based-features", "true"),
    ("contact-gap-minimum", "300"),
    ("voice-mail-number", "+49 30 1234 99"),
    ("idle-display-text", "Welcome to the example company of Berlin"),
    ("country-iso", "DE"),
    ("codec-rank-of-second", "2"),
    ("emergency-number", "112"),
];
const INDEXED: [(&str, &str); 6] = [
    ("function-key-def", "59"),
    ("key-label-unicode", "Sales"),
    ("stimulus-led-control-uri", "4201"),
    ("locked-function-keys", "false"),
    ("line-sip-uri", "4930123456"),
    ("blf-audible", "true"),
];

fn main() -> ExitCode {
    let one_line = reply().encode();
    let lines = one_line.replace("<Item ", "\n      <Item ");
    println!("decode of a ReadAllItems reply, best of {SAMPLES}");
    let shares = [("one line", one_line), ("a line for each item", lines)].map(|(form, body)| share(form, &body));
    if shares.iter().all(|share| *share >= SHARE) {
        ExitCode::SUCCESS
    } else {
        println!("below {SHARE:.2} of the bare parser");
        ExitCode::FAILURE
    }
}

fn share(form: &str, body: &str) -> f64 {
    let (mut bare, mut codec) = (Duration::MAX, Duration::MAX);
    for _ in 0..SAMPLES {
        bare = bare.min(sample(|| walk(black_box(body))));
        codec = codec.min(sample(|| decode(black_box(body))));
    }
    let share = bare.as_secs_f64() / codec.as_secs_f64();
    println!(
        "{form}: {} bytes, {ITEMS} items: bare parser {:.1} µs, codec {:.1} µs, {share:.2} of its speed",
        body.len(),
        micros(bare),
        micros(codec)
    );
    share
}

fn sample(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..ITERATIONS {
        work();
    }
    start.elapsed() / ITERATIONS
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn decode(body: &str) {
    let message = PhoneMessage::decode(body.as_bytes(), &Limits::default());
    assert!(black_box(message).is_ok());
}

fn walk(body: &str) {
    let mut reader = Reader::from_str(body);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                for attribute in start.attributes() {
                    let text = attribute.map(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).is_ok());
                    assert!(black_box(text).is_ok());
                }
            }
            Ok(Event::Text(text)) => drop(black_box(text.xml10_content())),
            Ok(Event::GeneralRef(reference)) => assert!(black_box(reference.resolve_char_ref()).is_ok()),
            Ok(Event::Eof) => return,
            Ok(event) => drop(black_box(event)),
            Err(error) => panic!("the bench's own message is not well-formed: {error}"),
        }
    }
}

fn reply() -> PhoneMessage {
    let indexed = INDEXED.len() as u32;
    let many = (0..ITEMS - SINGLE.len() as u32).map(|n| {
        let (name, value) = INDEXED[(n % indexed) as usize];
        item(name, Some(n / indexed + 1), value)
    });
    PhoneMessage {
        nonce: Some(Nonce("5A0C11D2E3F4051627384950A1B2C3D4".into())),
        max_items: None,
        fragment: Fragment::Final,
        reason: Reason::ReplyTo { action: "ReadAllItems".into(), status: ReplyStatus::Accepted },
        items: SINGLE.into_iter().map(|(name, value)| item(name, None, value)).chain(many).collect(),
    }
}

fn item(name: &str, index: Option<u32>, value: &str) -> Item {
    let name = ItemName::new(name).expect("a name");
    Item::plain(ItemId { name, index: index.map(Index) }, value)
}
