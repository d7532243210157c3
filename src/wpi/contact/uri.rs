//! A phone's `contact-me-uri`, checked before anything is sent there (R-303, R-1106).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::CONTACT_PATH;

/// An address that a contact-me may go to: plain HTTP, the phone itself, an allowed port, the one path. There is no other
/// way to one than [`ContactUri::check`]. Shows as the URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContactUri {
    address: IpAddr,
    port: u16,
}

/// Why a reported `contact-me-uri` is not used. The text that the phone sent is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactUriError {
    /// Longer than [`ContactUri::LIMIT`].
    #[error("the contact-me-uri has more than {} characters", ContactUri::LIMIT)]
    TooLong,
    /// Not `http://`.
    #[error("the contact-me-uri does not start with http://")]
    Scheme,
    /// A user name or password.
    #[error("the contact-me-uri holds a user name")]
    UserInfo,
    /// A query or a fragment.
    #[error("the contact-me-uri holds a query or a fragment")]
    QueryOrFragment,
    /// Another path than the one of contact-me.
    #[error("the contact-me-uri has another path than {CONTACT_PATH}")]
    Path,
    /// The host is not an IP address; names are never looked up.
    #[error("the host of the contact-me-uri is not an IP address")]
    HostName,
    /// An address other than the phone's.
    #[error("the contact-me-uri names {0}, which is not the phone's address")]
    ForeignHost(IpAddr),
    /// No port number.
    #[error("the contact-me-uri has no valid port")]
    Port,
    /// A port that is not among the allowed ones.
    #[error("the contact-me-uri names port {0}, which is not allowed")]
    ForeignPort(u16),
}

impl ContactUriError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::Scheme => "scheme",
            Self::UserInfo => "user-info",
            Self::QueryOrFragment => "query-or-fragment",
            Self::Path => "path",
            Self::HostName => "host-name",
            Self::ForeignHost(_) => "foreign-host",
            Self::Port => "port",
            Self::ForeignPort(_) => "foreign-port",
        }
    }
}

impl ContactUri {
    /// Most characters of a URI.
    pub const LIMIT: usize = 255;

    /// Checks what a phone reported (R-1106). The host has to be `peer`, from where the phone called, or `configured`; the
    /// port one of `ports`, any if that is empty. IPv6 stands in brackets; an IPv4 address mapped to IPv6 equals itself.
    pub fn check(text: &str, peer: IpAddr, configured: Option<IpAddr>, ports: &[u16]) -> Result<Self, ContactUriError> {
        if text.chars().count() > Self::LIMIT {
            return Err(ContactUriError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ContactUriError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(ContactUriError::Scheme);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(ContactUriError::UserInfo);
        }
        if path.contains(['?', '#']) {
            return Err(ContactUriError::QueryOrFragment);
        }
        let (address, port) = authority_parts(authority)?;
        if path != CONTACT_PATH {
            return Err(ContactUriError::Path);
        }
        let known = [Some(peer), configured].into_iter().flatten().any(|known| known.to_canonical() == address);
        if !known {
            return Err(ContactUriError::ForeignHost(address));
        }
        if !ports.is_empty() && !ports.contains(&port) {
            return Err(ContactUriError::ForeignPort(port));
        }
        Ok(Self { address, port })
    }

    /// The phone's address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The phone's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address and port.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// The path, always [`CONTACT_PATH`].
    pub fn path(&self) -> &'static str {
        CONTACT_PATH
    }
}

fn authority_parts(authority: &str) -> Result<(IpAddr, u16), ContactUriError> {
    let (address, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(ContactUriError::HostName)?;
        (host.parse().map(IpAddr::V6).map_err(|_| ContactUriError::HostName)?, port)
    } else {
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        (host.parse().map(IpAddr::V4).map_err(|_| ContactUriError::HostName)?, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(ContactUriError::Port)?
        }
        _ => return Err(ContactUriError::Port),
    };
    Ok((address.to_canonical(), port))
}

impl fmt::Display for ContactUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{CONTACT_PATH}", self.socket())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHONE: &str = "192.0.2.33";

    fn check(text: &str) -> Result<ContactUri, ContactUriError> {
        ContactUri::check(text, PHONE.parse().unwrap(), None, &[8085])
    }

    #[test]
    fn the_uri_of_a_real_phone_is_taken() {
        let uri = check("http://192.0.2.33:8085/contact_dls.html/ContactDLS").unwrap();
        assert_eq!((uri.address().to_string().as_str(), uri.port(), uri.path()), (PHONE, 8085, CONTACT_PATH));
        assert_eq!(uri.to_string(), "http://192.0.2.33:8085/contact_dls.html/ContactDLS");
        assert!(check("HTTP://192.0.2.33:8085/contact_dls.html/ContactDLS").is_ok());
    }

    #[test]
    fn ipv6_stands_in_brackets_and_a_mapped_address_equals_itself() {
        let peer = "2001:db8::33".parse().unwrap();
        let text = "http://[2001:DB8::33]:8085/contact_dls.html/ContactDLS";
        let uri = ContactUri::check(text, peer, None, &[8085]).unwrap();
        assert_eq!(uri.to_string(), "http://[2001:db8::33]:8085/contact_dls.html/ContactDLS");
        let bare = "http://2001:db8::33:8085/contact_dls.html/ContactDLS";
        assert_eq!(ContactUri::check(bare, peer, None, &[]), Err(ContactUriError::HostName));
        let mapped = "::ffff:192.0.2.33".parse().unwrap();
        let v4 = "http://192.0.2.33:8085/contact_dls.html/ContactDLS";
        assert_eq!(ContactUri::check(v4, mapped, None, &[8085]).unwrap().address().to_string(), PHONE);
    }

    #[test]
    fn a_configured_address_and_other_ports_are_taken_when_told_so() {
        let peer = "198.51.100.1".parse().unwrap();
        let text = "http://192.0.2.33:9000/contact_dls.html/ContactDLS";
        let foreign = ContactUriError::ForeignHost(PHONE.parse().unwrap());
        assert_eq!(ContactUri::check(text, peer, None, &[]), Err(foreign));
        assert!(ContactUri::check(text, peer, Some(PHONE.parse().unwrap()), &[]).is_ok());
        assert!(ContactUri::check(text, peer, Some(PHONE.parse().unwrap()), &[8085, 9000]).is_ok());
        assert_eq!(check(text), Err(ContactUriError::ForeignPort(9000)));
        assert_eq!(check("http://192.0.2.33/contact_dls.html/ContactDLS"), Err(ContactUriError::ForeignPort(80)));
    }

    #[test]
    fn a_uri_that_leads_elsewhere_is_refused_and_says_why() {
        // R-1106
        for (text, category) in [
            ("", "scheme"),
            ("192.0.2.33:8085", "scheme"),
            ("https://192.0.2.33:8085/contact_dls.html/ContactDLS", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("http://user:secret@192.0.2.33:8085/contact_dls.html/ContactDLS", "user-info"),
            ("http://192.0.2.33:8085@198.51.100.1/contact_dls.html/ContactDLS", "user-info"),
            ("http://192.0.2.33:8085/contact_dls.html/ContactDLS?x=1", "query-or-fragment"),
            ("http://192.0.2.33:8085/contact_dls.html/ContactDLS#x", "query-or-fragment"),
            ("http://192.0.2.33:8085?/contact_dls.html/ContactDLS", "query-or-fragment"),
            ("http://phone.example:8085/contact_dls.html/ContactDLS", "host-name"),
            ("http://0300.0.2.33:8085/contact_dls.html/ContactDLS", "host-name"),
            ("http://3221225985:8085/contact_dls.html/ContactDLS", "host-name"),
            ("http://[fe80::1%25eth0]:8085/contact_dls.html/ContactDLS", "host-name"),
            ("http://:8085/contact_dls.html/ContactDLS", "host-name"),
            ("http://127.0.0.1:8085/contact_dls.html/ContactDLS", "foreign-host"),
            ("http://192.0.2.33:/contact_dls.html/ContactDLS", "port"),
            ("http://192.0.2.33:0/contact_dls.html/ContactDLS", "port"),
            ("http://192.0.2.33:+8085/contact_dls.html/ContactDLS", "port"),
            ("http://192.0.2.33:80850/contact_dls.html/ContactDLS", "port"),
            ("http://192.0.2.33:22/contact_dls.html/ContactDLS", "foreign-port"),
            ("http://192.0.2.33:8085/", "path"),
            ("http://192.0.2.33:8085", "path"),
            ("http://192.0.2.33:8085/contact_dls.html/ContactDLS/", "path"),
            ("http://192.0.2.33:8085/contact_dls.html/../ContactDLS", "path"),
            ("http://192.0.2.33:8085//contact_dls.html/ContactDLS", "path"),
        ] {
            assert_eq!(check(text).map_err(|error| error.category()), Err(category), "{text}");
        }
        let long = format!("http://192.0.2.33:8085/{}", "a".repeat(255));
        assert_eq!(check(&long), Err(ContactUriError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_shown_passes_its_own_check(address: IpAddr, port in 1u16..) {
            let text = format!("http://{}{CONTACT_PATH}", SocketAddr::new(address, port));
            let uri = ContactUri::check(&text, address, None, &[port]).unwrap();
            prop_assert_eq!(ContactUri::check(&uri.to_string(), address, None, &[port]), Ok(uri));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", near in "http://[\\[\\]:@?#/0-9.]{0,24}") {
            let _ = check(&text);
            let _ = check(&near);
        }
    }
}
