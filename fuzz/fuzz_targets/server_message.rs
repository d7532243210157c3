//! A server's body: what a strict phone takes a lenient one takes too, and the length of what is written is foretold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phoneops::wpi::{ServerMessage, xml::Limits};

fuzz_target!(|body: &[u8]| {
    let strict = ServerMessage::decode(body, &Limits::default(), false);
    let lenient = ServerMessage::decode(body, &Limits::default(), true);
    if strict.is_ok() {
        assert_eq!(strict, lenient);
    }
    let Ok(message) = lenient else { return };
    let written = message.encode();
    if !message.items.is_empty() {
        let items: usize = message.items.iter().map(ServerMessage::encoded_item_len).sum();
        assert_eq!(written.len(), ServerMessage::encoded_frame_len(&message.nonce, message.action) + items);
    }
    let roomy = Limits { body: usize::MAX, ..Limits::default() };
    assert_eq!(ServerMessage::decode(written.as_bytes(), &roomy, false), Ok(message));
});
