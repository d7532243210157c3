//! What a phone offers when it opens a connection, read from its first bytes. OpenSSL decides; this only explains a
//! failed handshake to people (R-1003 asks for the client hello of each).
//!
//! Guarantees: [`Opening::read`] is total and takes a hello that was cut off for what it holds so far.

use std::fmt;

use bytes::Buf;

use super::proxy;

/// Enough of a connection's first bytes: a hello of any phone, and of browsers with large key shares.
pub const OPENING_LIMIT: usize = 4096;

/// A protocol version as it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlsVersion(pub u16);

impl TlsVersion {
    /// The floor of [`TlsMode::Legacy`](super::TlsMode::Legacy).
    pub const TLS1_0: Self = Self(0x0301);
    /// The floor of [`TlsMode::Modern`](super::TlsMode::Modern).
    pub const TLS1_2: Self = Self(0x0303);
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0002 => f.write_str("SSL 2.0"),
            0x0300 => f.write_str("SSL 3.0"),
            minor @ 0x0301..=0x0304 => write!(f, "TLS 1.{}", minor - 0x0301),
            other => write!(f, "version {other:#06x}"),
        }
    }
}

/// What a client hello offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The highest version offered.
    pub highest: TlsVersion,
    /// The cipher suites, in the client's order.
    pub ciphers: Vec<u16>,
}

/// How a peer opened the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It sent nothing.
    Silent,
    /// Plain HTTP.
    Http,
    /// A PROXY header, where none is expected.
    ProxyHeader,
    /// TLS, so far cut off before it says anything.
    Cut,
    /// A client hello.
    Hello(ClientHello),
    /// Something else.
    Foreign,
}

impl Opening {
    /// Reads the first bytes of a connection.
    pub fn read(bytes: &[u8]) -> Self {
        const METHODS: [&[u8]; 6] = [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT "];
        if bytes.is_empty() {
            return Self::Silent;
        }
        if METHODS.iter().any(|method| bytes.starts_with(method)) {
            return Self::Http;
        }
        if bytes.len() > 4 && proxy::looks_like_header(bytes) {
            return Self::ProxyHeader;
        }
        if let Some(hello) = v2_hello(bytes) {
            return Self::Hello(hello);
        }
        match bytes {
            [22] | [22, 3, ..] => hello(&records(bytes)).map_or(Self::Cut, Self::Hello),
            _ => Self::Foreign,
        }
    }

    /// The highest version offered, if a hello was read.
    pub fn highest(&self) -> Option<TlsVersion> {
        match self {
            Self::Hello(hello) => Some(hello.highest),
            _ => None,
        }
    }
}

/// The hello that clients of the SSL 2 age send, also to say that they can do TLS.
fn v2_hello(bytes: &[u8]) -> Option<ClientHello> {
    let [first, _, 1, rest @ ..] = bytes else { return None };
    if first & 0x80 == 0 {
        return None;
    }
    let mut rest = rest;
    let highest = TlsVersion(rest.try_get_u16().ok()?);
    let known = highest.0 == 2 || (0x0300..=0x0304).contains(&highest.0);
    let length = usize::from(rest.try_get_u16().ok()?);
    rest.try_get_u32().ok()?;
    let specs = rest.get(..length.min(rest.len())).unwrap_or_default();
    let ciphers = specs
        .chunks_exact(3)
        .filter_map(|spec| match spec {
            [0, high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        })
        .collect();
    known.then_some(ClientHello { highest, ciphers })
}

/// The handshake bytes of the records, joined.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(bytes.len());
    while let [22, 3, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (record, behind) = rest.split_at(length);
        joined.extend_from_slice(record);
        bytes = behind;
    }
    joined
}

fn hello(bytes: &[u8]) -> Option<ClientHello> {
    let [1, _, _, _, high, low, rest @ ..] = bytes else { return None };
    let legacy = TlsVersion(u16::from_be_bytes([*high, *low]));
    let mut rest = rest.get(32..).unwrap_or_default();
    let _session = prefixed(&mut rest, 1);
    let ciphers = pairs(prefixed(&mut rest, 2));
    let _compression = prefixed(&mut rest, 1);
    let mut extensions = prefixed(&mut rest, 2);
    let mut highest = legacy;
    while let Ok(kind) = extensions.try_get_u16() {
        let mut extension = prefixed(&mut extensions, 2);
        if kind == 43 {
            // values of the grease pattern and drafts lie outside the known range
            let offered = pairs(prefixed(&mut extension, 1)).into_iter().filter(|v| (0x0300..=0x0304).contains(v));
            highest = offered.max().map_or(highest, TlsVersion);
        }
    }
    Some(ClientHello { highest, ciphers })
}

/// Takes a field with a length of `width` bytes (1 or 2) before it, as far as it goes.
fn prefixed<'a>(bytes: &mut &'a [u8], width: usize) -> &'a [u8] {
    let length = match width {
        1 => bytes.try_get_u8().map(usize::from),
        _ => bytes.try_get_u16().map(usize::from),
    };
    let (field, behind) = bytes.split_at(length.unwrap_or(0).min(bytes.len()));
    *bytes = behind;
    field
}

fn pairs(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A hello with these suites and, if any, a `supported_versions` extension.
    fn record(version: u16, ciphers: &[u16], supported: &[u16]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend(u16::try_from(ciphers.len() * 2).unwrap().to_be_bytes());
        body.extend(ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()));
        body.extend([1, 0]);
        if !supported.is_empty() {
            let list: Vec<u8> = supported.iter().flat_map(|version| version.to_be_bytes()).collect();
            let mut extension = vec![0, 43];
            extension.extend(u16::try_from(list.len() + 1).unwrap().to_be_bytes());
            extension.push(u8::try_from(list.len()).unwrap());
            extension.extend(list);
            body.extend(u16::try_from(extension.len()).unwrap().to_be_bytes());
            body.extend(extension);
        }
        let mut message = vec![1, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        let mut record = vec![22, 3, 1];
        record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        record.extend(message);
        record
    }

    #[test]
    fn an_old_phone_offers_tls_1_0_and_its_suites() {
        let Opening::Hello(hello) = Opening::read(&record(0x0301, &[0x2F, 0x35], &[])) else { panic!() };
        assert_eq!(hello, ClientHello { highest: TlsVersion::TLS1_0, ciphers: vec![0x2F, 0x35] });
        assert_eq!(hello.highest.to_string(), "TLS 1.0");
    }

    #[test]
    fn the_extension_tells_the_highest_version_whatever_its_order_and_grease() {
        let opening = Opening::read(&record(0x0303, &[0x1301], &[0x1A1A, 0x0303, 0x0304, 0x0302]));
        assert_eq!(opening.highest().unwrap().to_string(), "TLS 1.3");
    }

    #[test]
    fn a_hello_split_over_records_is_joined() {
        let whole = record(0x0303, &[0x2F], &[0x0304]);
        let (first, second) = whole[5..].split_at(20);
        let mut split = Vec::new();
        for part in [first, second] {
            split.extend([22, 3, 1, 0, u8::try_from(part.len()).unwrap()]);
            split.extend(part);
        }
        assert_eq!(Opening::read(&split), Opening::read(&whole));
    }

    #[test]
    fn a_hello_of_the_ssl_2_age_is_read() {
        let bytes = [0x80, 0x12, 1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 0x2F, 1, 0, 0x80];
        let Opening::Hello(hello) = Opening::read(&bytes) else { panic!() };
        assert_eq!(hello, ClientHello { highest: TlsVersion::TLS1_0, ciphers: vec![0x2F] });
    }

    #[test]
    fn what_is_not_tls_is_told_apart() {
        assert_eq!(Opening::read(b""), Opening::Silent);
        assert_eq!(Opening::read(b"POST /DeploymentService/LoginService HTTP/1.1"), Opening::Http);
        assert_eq!(Opening::read(b"PROXY TCP4 "), Opening::ProxyHeader);
        assert_eq!(Opening::read(b"SSH-2.0-x"), Opening::Foreign);
        assert_eq!(Opening::read(&[22, 3, 1, 0]), Opening::Cut);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Opening::read(&bytes);
            let _ = Opening::read(&[&[22, 3, 1][..], &bytes].concat());
            let _ = Opening::read(&[&[22, 3, 1, 0xFF, 0xFF, 1, 0, 0, 0][..], &bytes].concat());
            let _ = Opening::read(&[&[0x80, 0xFF, 1][..], &bytes].concat());
        }

        #[test]
        fn a_hello_cut_anywhere_is_still_tls(cut in 1usize..60) {
            let whole = record(0x0303, &[0x2F, 0x35], &[0x0304]);
            let opening = Opening::read(&whole[..cut.min(whole.len())]);
            prop_assert!(matches!(opening, Opening::Cut | Opening::Hello(_)));
        }
    }
}
