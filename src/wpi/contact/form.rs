//! The fields of a contact-me, written and read.

use std::{
    borrow::Cow,
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
};

/// What a contact-me asks for: call back, and optionally whom. Without an address the phone calls the server it
/// is configured for, which is the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContactMe {
    /// `dls_ip_addr`: the address to call.
    pub address: Option<IpAddr>,
    /// `dls_ip_port`: the port to call.
    pub port: Option<u16>,
}

/// Why a request is not a contact-me.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactMeError {
    /// Longer than [`ContactMe::LIMIT`].
    #[error("a contact-me has at most {} bytes", ContactMe::LIMIT)]
    TooLong,
    /// Bytes that are not UTF-8, as they are or percent-coded.
    #[error("the fields of the contact-me are not UTF-8")]
    NotUtf8,
    /// There are fields, and `ContactMe=true` is not among them.
    #[error("the request does not say ContactMe=true")]
    NotAsked,
    /// `dls_ip_addr` is no address.
    #[error("dls_ip_addr is not an IP address")]
    Address,
    /// `dls_ip_port` is no port.
    #[error("dls_ip_port is not a port")]
    Port,
}

impl ContactMeError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NotUtf8 => "not-utf8",
            Self::NotAsked => "not-asked",
            Self::Address => "address",
            Self::Port => "port",
        }
    }
}

impl ContactMe {
    /// The media type of the form.
    pub const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";
    /// Most bytes of query or body that are read.
    pub const LIMIT: usize = 4_096;

    /// The body of the POST.
    pub fn encode(&self) -> String {
        let mut body = String::from("ContactMe=true");
        if let Some(address) = self.address {
            let address = address.to_string().replace(':', "%3A");
            let _ = write!(body, "&dls_ip_addr={address}");
        }
        if let Some(port) = self.port {
            let _ = write!(body, "&dls_ip_port={port}");
        }
        body
    }

    /// Reads fields as they stand in a body or behind the `?` of a query. No field at all counts as a plain request
    /// unknown fields mean nothing.
    pub fn parse(fields: &[u8]) -> Result<Self, ContactMeError> {
        Self::from_request(None, fields)
    }

    /// Reads the fields of a request, whether they stand in the query, in the body, in both or nowhere.
    pub fn from_request(query: Option<&str>, body: &[u8]) -> Result<Self, ContactMeError> {
        let query = query.unwrap_or_default();
        if query.len() > Self::LIMIT || body.len() > Self::LIMIT {
            return Err(ContactMeError::TooLong);
        }
        let body = std::str::from_utf8(body).map_err(|_| ContactMeError::NotUtf8)?;
        let (mut any, mut asked, mut contact) = (false, false, Self::default());
        for field in [query, body].into_iter().flat_map(|fields| fields.split('&')).filter(|f| !f.trim().is_empty()) {
            any = true;
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let value = percent_decoded(value)?;
            // some senders hang a charset on the form itself
            let value = value.split(';').next().unwrap_or_default().trim();
            match percent_decoded(name)?.trim() {
                "ContactMe" => asked = value.eq_ignore_ascii_case("true"),
                "dls_ip_addr" if !value.is_empty() => contact.address = Some(address(value)?),
                "dls_ip_port" if !value.is_empty() => contact.port = Some(port(value)?),
                _ => {}
            }
        }
        if any && !asked { Err(ContactMeError::NotAsked) } else { Ok(contact) }
    }
}

fn address(text: &str) -> Result<IpAddr, ContactMeError> {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| ContactMeError::Address),
        None => text.parse().map_err(|_| ContactMeError::Address),
    }
}

fn port(text: &str) -> Result<u16, ContactMeError> {
    text.parse().ok().filter(|port| *port > 0).ok_or(ContactMeError::Port)
}

fn percent_decoded(text: &str) -> Result<Cow<'_, str>, ContactMeError> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'+', _) => bytes.push(b' '),
            (b'%', &[high, low, ref behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(high) << 4 | digit(low));
                rest = behind;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| ContactMeError::NotUtf8)
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        _ => hex.to_ascii_uppercase().saturating_sub(b'A') + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_contact_me_is_fourteen_bytes_as_in_the_guide() {
        //
        assert_eq!(ContactMe::default().encode(), "ContactMe=true");
        assert_eq!(ContactMe::parse(b"ContactMe=true").unwrap(), ContactMe::default());
    }

    #[test]
    fn fields_are_read_from_query_or_body_or_nowhere() {
        //
        let full = ContactMe { address: Some("192.0.2.10".parse().unwrap()), port: Some(18443) };
        assert_eq!(full.encode(), "ContactMe=true&dls_ip_addr=192.0.2.10&dls_ip_port=18443");
        let read = |query: Option<&str>, body: &str| ContactMe::from_request(query, body.as_bytes());
        assert_eq!(read(None, &full.encode()).unwrap(), full);
        assert_eq!(read(Some(&full.encode()), "").unwrap(), full);
        assert_eq!(read(Some("ContactMe=true"), "dls_ip_port=18443&dls_ip_addr=192.0.2.10").unwrap(), full);
        assert_eq!(read(None, "").unwrap(), ContactMe::default());
        assert_eq!(read(None, "ContactMe=true; charset=utf-8").unwrap(), ContactMe::default());
        assert_eq!(read(None, "ContactMe=true\r\n").unwrap(), ContactMe::default());
        assert_eq!(read(None, "Contact%4De=%74rue&dls_ip_addr=&x").unwrap(), ContactMe::default());
    }

    #[test]
    fn an_ipv6_address_survives_with_and_without_brackets() {
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        let contact = ContactMe { address: Some(address), port: None };
        assert_eq!(contact.encode(), "ContactMe=true&dls_ip_addr=2001%3Adb8%3A%3A1");
        for text in ["[2001:db8::1]", "2001:db8::1", "%5b2001%3adb8%3a%3a1%5D"] {
            let body = format!("ContactMe=true&dls_ip_addr={text}");
            assert_eq!(ContactMe::parse(body.as_bytes()).unwrap(), contact, "{text}");
        }
    }

    #[test]
    fn what_is_no_contact_me_says_why() {
        let category = |body: &[u8]| ContactMe::parse(body).map_err(|error| error.category());
        assert_eq!(category(b"ContactMe=false"), Err("not-asked"));
        assert_eq!(category(b"dls_ip_addr=192.0.2.1"), Err("not-asked"));
        assert_eq!(category(b"ContactMe=true&dls_ip_addr=pbx"), Err("address"));
        assert_eq!(category(b"ContactMe=true&dls_ip_addr=[192.0.2.1]"), Err("address"));
        assert_eq!(category(b"ContactMe=true&dls_ip_port=0"), Err("port"));
        assert_eq!(category(b"ContactMe=true&dls_ip_port=65536"), Err("port"));
        assert_eq!(category(b"ContactMe=%FF"), Err("not-utf8"));
        assert_eq!(category(b"\xFF"), Err("not-utf8"));
        assert_eq!(category(&[b'a'; ContactMe::LIMIT + 1]), Err("too-long"));
    }

    proptest! {
        #[test]
        fn a_contact_me_reads_back(address: Option<IpAddr>, port in proptest::option::of(1u16..)) {
            let contact = ContactMe { address, port };
            prop_assert_eq!(ContactMe::parse(contact.encode().as_bytes()), Ok(contact));
        }

        #[test]
        fn no_form_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..64), near in "[%a-f0-9&=+;]{0,32}") {
            let _ = ContactMe::parse(&body);
            let _ = ContactMe::parse(near.as_bytes());
        }
    }
}
