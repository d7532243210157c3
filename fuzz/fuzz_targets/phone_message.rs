//! A phone's body: read or refused, and what was read is written so that it reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phoneops::wpi::{PhoneMessage, xml::Limits};

fuzz_target!(|body: &[u8]| {
    if let Ok(message) = PhoneMessage::decode(body, &Limits::default()) {
        let roomy = Limits { body: usize::MAX, ..Limits::default() };
        assert_eq!(PhoneMessage::decode(message.encode().as_bytes(), &roomy), Ok(message));
    }
});
