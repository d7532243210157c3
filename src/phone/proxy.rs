//! The PROXY protocol, versions 1 and 2: the line or block in which a trusted proxy says whose connection it passes
//! on. The peer address carries sites, correlation and the check of contact-me addresses (R-1106).
//!
//! Guarantees: [`parse`] is total, never looks at more than [`HEADER_LIMIT`] bytes and needs none beyond the header.
//! Only TCP over IPv4 and IPv6 counts as an address; everything else that is well-formed leaves the real peer.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest header that is accepted, in bytes: the addresses and room for the extensions of version 2.
pub const HEADER_LIMIT: usize = 2048;

/// Longest line of version 1, its line break included.
const LINE_LIMIT: usize = 107;
const LINE_START: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The beginning of a header; more bytes are needed.
    Partial,
    /// A whole header.
    Whole {
        /// Its length in bytes; what follows belongs to the connection itself.
        length: usize,
        /// Whose connection it is; `None` when the proxy speaks for itself or does not know.
        source: Option<SocketAddr>,
    },
}

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The first bytes are something else.
    #[error("no PROXY header where a trusted proxy must send one")]
    Missing,
    /// It began well and then broke a rule of its version.
    #[error("PROXY header: {0}")]
    Malformed(&'static str),
    /// Longer than [`HEADER_LIMIT`].
    #[error("PROXY header: longer than {HEADER_LIMIT} bytes")]
    TooLong,
    /// The connection ended before its first byte, as the health checks of proxies do.
    #[error("PROXY header: nothing came")]
    Nothing,
    /// The connection ended within it.
    #[error("PROXY header: the connection ended")]
    Ended,
    /// The connection broke.
    #[error("PROXY header: {0}")]
    Broken(#[from] io::Error),
}

impl ProxyError {
    /// The stable word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::TooLong => "too-long",
            Self::Nothing => "nothing",
            Self::Ended => "ended",
            Self::Broken(_) => "broken",
        }
    }
}

/// Whether bytes begin as a PROXY header does (either version), as far as they go.
pub fn looks_like_header(bytes: &[u8]) -> bool {
    !bytes.is_empty() && (begins(bytes, LINE_START) || begins(bytes, SIGNATURE))
}

fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, wanted)| byte == wanted)
}

/// Reads a header from the first bytes of a connection.
pub fn parse(bytes: &[u8]) -> Result<Header, ProxyError> {
    if bytes.starts_with(LINE_START) {
        return parse_line(bytes);
    }
    if bytes.starts_with(SIGNATURE) {
        return parse_block(bytes);
    }
    if bytes.is_empty() || looks_like_header(bytes) { Ok(Header::Partial) } else { Err(ProxyError::Missing) }
}

fn parse_line(bytes: &[u8]) -> Result<Header, ProxyError> {
    let within = bytes.get(..bytes.len().min(LINE_LIMIT)).unwrap_or_default();
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LINE_LIMIT { Ok(Header::Partial) } else { Err(ProxyError::TooLong) };
    };
    let line = within.get(LINE_START.len()..end).unwrap_or_default();
    let line = str::from_utf8(line).map_err(|_| ProxyError::Malformed("not text"))?;
    let length = end + 2;
    let mut words = line.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        return Ok(Header::Whole { length, source: None });
    }
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(ProxyError::Malformed("a line has a family, two addresses and two ports"));
    };
    let address = |text: &str| -> Result<IpAddr, ProxyError> {
        match family {
            "TCP4" => text.parse().map(IpAddr::V4).map_err(|_| ProxyError::Malformed("not an IPv4 address")),
            "TCP6" => text.parse().map(IpAddr::V6).map_err(|_| ProxyError::Malformed("not an IPv6 address")),
            _ => Err(ProxyError::Malformed("unknown family")),
        }
    };
    let port = |text: &str| -> Result<u16, ProxyError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().ok_or(ProxyError::Malformed("not a port"))
    };
    address(destination)?;
    port(destination_port)?;
    Ok(Header::Whole { length, source: Some(SocketAddr::new(address(source)?, port(source_port)?)) })
}

fn parse_block(bytes: &[u8]) -> Result<Header, ProxyError> {
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let (Ok(version_and_command), Ok(family), Ok(size)) = (rest.try_get_u8(), rest.try_get_u8(), rest.try_get_u16())
    else {
        return Ok(Header::Partial);
    };
    let size = usize::from(size);
    let length = SIGNATURE.len() + 4 + size;
    let local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::Malformed("unknown version or command")),
    };
    if length > HEADER_LIMIT {
        return Err(ProxyError::TooLong);
    }
    let Some(mut block) = rest.get(..size) else {
        return Ok(Header::Partial);
    };
    let short = |_| ProxyError::Malformed("shorter than its addresses");
    let ports = |block: &[u8]| match block {
        [high, low, _, _, ..] => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(ProxyError::Malformed("shorter than its addresses")),
    };
    let source = match family {
        _ if local => None,
        0x11 => {
            let source = Ipv4Addr::from(block.try_get_u32().map_err(short)?);
            block.try_get_u32().map_err(short)?;
            Some((IpAddr::V4(source), ports(block)?))
        }
        0x21 => {
            let source = Ipv6Addr::from(block.try_get_u128().map_err(short)?);
            block.try_get_u128().map_err(short)?;
            Some((IpAddr::V6(source), ports(block)?))
        }
        _ => None,
    };
    Ok(Header::Whole { length, source: source.map(SocketAddr::from) })
}

/// Reads one header off a connection; also gives what was read beyond it. The caller bounds the time.
pub async fn read_header<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Option<SocketAddr>, Bytes), ProxyError> {
    let mut bytes = BytesMut::with_capacity(256);
    loop {
        match parse(&bytes)? {
            Header::Whole { length, source } => {
                bytes.advance(length.min(bytes.len()));
                return Ok((source, bytes.freeze()));
            }
            Header::Partial if bytes.len() >= HEADER_LIMIT => return Err(ProxyError::TooLong),
            Header::Partial => {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err(if bytes.is_empty() { ProxyError::Nothing } else { ProxyError::Ended });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(version_and_command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version_and_command, family]);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn source(bytes: &[u8]) -> Option<SocketAddr> {
        match parse(bytes).unwrap() {
            Header::Whole { source, .. } => source,
            Header::Partial => panic!("partial"),
        }
    }

    #[test]
    fn a_line_names_the_phone() {
        let bytes = b"PROXY TCP4 192.0.2.33 192.0.2.10 40000 18443\r\n\x16\x03";
        assert_eq!(
            parse(bytes).unwrap(),
            Header::Whole { length: bytes.len() - 2, source: Some("192.0.2.33:40000".parse().unwrap()) }
        );
        assert_eq!(source(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), Some("[2001:db8::1]:1".parse().unwrap()));
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_leaves_the_real_peer() {
        assert_eq!(source(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(source(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), None);
        assert_eq!(source(&block(0x20, 0x11, &[1; 12])), None);
        assert_eq!(source(&block(0x20, 0, &[])), None);
        assert_eq!(source(&block(0x21, 0, &[])), None);
        assert_eq!(source(&block(0x21, 0x31, &[0; 216])), None);
    }

    #[test]
    fn a_block_names_the_phone_and_may_carry_extensions() {
        let payload = [192, 0, 2, 33, 192, 0, 2, 10, 0x9C, 0x40, 0x48, 0x0B, 4, 0, 1, 0];
        assert_eq!(source(&block(0x21, 0x11, &payload)), Some("192.0.2.33:40000".parse().unwrap()));
        let mut payload = [0; 36];
        payload[15] = 1;
        payload[33] = 7;
        assert_eq!(source(&block(0x21, 0x21, &payload)), Some("[::1]:7".parse().unwrap()));
    }

    #[test]
    fn a_broken_header_is_an_error_and_never_a_guess() {
        for bytes in [
            &b"PROXY TCP4 192.0.2.33 192.0.2.10 40000\r\n"[..],
            b"PROXY TCP4 2001:db8::1 192.0.2.10 1 2\r\n",
            b"PROXY TCP4 192.0.2.33 192.0.2.10 +1 2\r\n",
            b"PROXY TCP4 192.0.2.33 192.0.2.10 65536 2\r\n",
            b"PROXY TCP4  192.0.2.33 192.0.2.10 1 2\r\n",
            b"PROXY UDP4 192.0.2.33 192.0.2.10 1 2\r\n",
            b"PROXY \xFF\r\n",
        ] {
            assert_eq!(parse(bytes).unwrap_err().category(), "malformed", "{}", bytes.escape_ascii());
        }
        assert_eq!(parse(&block(0x21, 0x11, &[0; 11])).unwrap_err().category(), "malformed");
        assert_eq!(parse(&block(0x31, 0x11, &[0; 12])).unwrap_err().category(), "malformed");
        assert_eq!(parse(&block(0x21, 0x11, &[0; HEADER_LIMIT])).unwrap_err().category(), "too-long");
        assert_eq!(parse(&[b"PROXY ".as_slice(), &[b'x'; 200]].concat()).unwrap_err().category(), "too-long");
        assert_eq!(parse(b"\x16\x03\x01").unwrap_err().category(), "missing");
        assert_eq!(parse(b"POST / HTTP/1.1").unwrap_err().category(), "missing");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[SIGNATURE, &bytes].concat());
            let _ = parse(&[LINE_START, &bytes].concat());
        }

        #[test]
        fn a_header_cut_anywhere_is_partial(source in any::<[u8; 4]>(), port in any::<u16>(), two in any::<bool>(), cut in 0usize..200) {
            let address = SocketAddr::from((source, port));
            let whole = if two {
                let mut payload = source.to_vec();
                payload.extend([0; 4]);
                payload.extend(port.to_be_bytes());
                payload.extend([0; 2]);
                block(0x21, 0x11, &payload)
            } else {
                format!("PROXY TCP4 {} 192.0.2.1 {port} 1\r\n", address.ip()).into_bytes()
            };
            prop_assert_eq!(parse(&whole).unwrap(), Header::Whole { length: whole.len(), source: Some(address) });
            let cut = cut % whole.len();
            prop_assert_eq!(parse(&whole[..cut]).unwrap(), Header::Partial);
        }
    }
}
