//! A contact-me form and a contact-me-uri: what is taken is written so that it is taken again.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use phoneops::wpi::{ContactMe, ContactUri};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 33));

fuzz_target!(|text: &[u8]| {
    if let Ok(contact) = ContactMe::parse(text) {
        assert_eq!(ContactMe::parse(contact.encode().as_bytes()), Ok(contact));
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(uri) = ContactUri::check(text, PEER, None, &[]) {
        assert_eq!(uri.address(), PEER);
        assert_eq!(ContactUri::check(&uri.to_string(), PEER, None, &[uri.port()]), Ok(uri));
    }
});
