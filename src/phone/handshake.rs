//! Failed handshakes: what went wrong, whose phone it was, and the setting that would help.
//!
//! Each failure is one line in the log (at most one a minute for an address) and one count by cause; the newest of
//! the last [`ADDRESS_LIMIT`] addresses are kept for the API. A peer that opens a connection and ends it without a
//! byte (a port check) is counted only.

use std::{
    collections::VecDeque,
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use openssl::ssl;
use serde::{Serialize, Serializer};

use super::{
    bounds::Throttle,
    client_hello::{ClientHello, Opening, TlsVersion},
    tls::{LEGACY_ONLY_CIPHERS, TlsMode},
};

/// Most addresses whose failures are kept.
pub const ADDRESS_LIMIT: usize = 100;

/// Least time between two log lines about one address.
const LINE_INTERVAL: Duration = Duration::from_mins(1);

/// How long the name of the phone at an address is taken as known: to look for it walks over all phones.
const PHONE_INTERVAL: Duration = Duration::from_mins(1);

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The phone offers no cipher that is allowed here; what a phone with RSA key exchange only gives.
    NoSharedCipher,
    /// The phone can only verify signatures that are not allowed here.
    NoSharedSignature,
    /// The highest version offered is below the floor.
    UnsupportedProtocol,
    /// It did not end in time.
    Timeout,
    /// What came is not TLS.
    NotTls,
    /// A trusted proxy sent no PROXY header, or a broken one.
    NoProxyHeader,
    /// The phone refused the certificate it was shown.
    CertificateRefused,
    /// The phone ended the connection.
    Closed,
    /// Anything else.
    Other,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoSharedCipher,
        Self::NoSharedSignature,
        Self::UnsupportedProtocol,
        Self::Timeout,
        Self::NotTls,
        Self::NoProxyHeader,
        Self::CertificateRefused,
        Self::Closed,
        Self::Other,
    ];

    /// The words in logs, metric and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSharedCipher => "no shared cipher",
            Self::NoSharedSignature => "no shared signature",
            Self::UnsupportedProtocol => "unsupported protocol",
            Self::Timeout => "timeout",
            Self::NotTls => "not TLS",
            Self::NoProxyHeader => "no PROXY header",
            Self::CertificateRefused => "certificate refused",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// Reads the cause off OpenSSL's error and what the peer sent.
    pub(super) fn of(error: &ssl::Error, opening: &Opening) -> Self {
        if matches!(opening, Opening::Http | Opening::ProxyHeader | Opening::Foreign) {
            return Self::NotTls;
        }
        let reasons = error.ssl_error().map(|stack| stack.errors().iter().filter_map(openssl::error::Error::reason));
        for reason in reasons.into_iter().flatten() {
            match reason {
                "no shared cipher" => return Self::NoSharedCipher,
                // the second spelling is OpenSSL's own
                "no shared signature algorithms"
                | "no shared sigature algorithms"
                | "no suitable signature algorithm" => {
                    return Self::NoSharedSignature;
                }
                "unsupported protocol" | "version too low" | "no protocols available" | "unknown protocol" => {
                    return Self::UnsupportedProtocol;
                }
                "http request" | "https proxy request" | "wrong version number" => return Self::NotTls,
                "unexpected eof while reading" => return Self::Closed,
                alert if alert.contains("alert") && (alert.contains("certificate") || alert.contains("unknown ca")) => {
                    return Self::CertificateRefused;
                }
                alert if alert.ends_with("alert protocol version") => return Self::UnsupportedProtocol,
                _ => {}
            }
        }
        if error.ssl_error().is_none() { Self::Closed } else { Self::Other }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The failed handshakes of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandshakeFailure {
    /// Where it came from.
    pub address: IpAddr,
    /// The phone last heard of at this address.
    pub phone: Option<String>,
    /// The newest failure.
    pub at: Timestamp,
    /// The highest version offered, such as `TLS 1.0`; null when no client hello came.
    pub offered: Option<String>,
    /// Why the newest one failed.
    pub cause: Cause,
    /// What would help; null when nothing here would.
    pub remedy: Option<String>,
    /// How many failed since this address entered the list.
    pub times: u64,
}

struct Entry {
    failure: HandshakeFailure,
    /// when a line was last written about it
    said: Option<Instant>,
    /// when its phone was last looked for
    looked: Instant,
}

type PhoneLookup = Box<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

/// The newest failed handshakes, shared by all listeners.
pub struct FailedHandshakes {
    phone_at: PhoneLookup,
    /// least recent first
    entries: Mutex<VecDeque<Entry>>,
    /// addresses are many in a scan: a bound for all of them together
    lines: Throttle,
}

impl FailedHandshakes {
    /// An empty list; `phone_at` names the phone last heard of at an address.
    pub fn new(phone_at: impl Fn(IpAddr) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            phone_at: Box::new(phone_at),
            entries: Mutex::new(VecDeque::new()),
            lines: Throttle::new(Duration::from_millis(100)),
        }
    }

    /// The failures, newest first, one per address.
    pub fn list(&self) -> Vec<HandshakeFailure> {
        self.lock().iter().rev().map(|entry| entry.failure.clone()).collect()
    }

    /// Takes one failure in; `detail` is OpenSSL's or our own message, without anything the phone chose.
    pub(super) fn record(&self, address: IpAddr, cause: Cause, opening: &Opening, mode: TlsMode, detail: &str) {
        if matches!((cause, opening), (Cause::Closed, Opening::Silent)) {
            tracing::debug!(%address, "a connection ended without a byte");
            return;
        }
        self.record_at(Instant::now(), address, cause, opening, mode, detail);
    }

    fn record_at(&self, now: Instant, address: IpAddr, cause: Cause, opening: &Opening, mode: TlsMode, detail: &str) {
        let offered = opening.highest().map(|version| version.to_string());
        let remedy = remedy(cause, opening, mode).map(str::to_owned);
        let (phone, looked) = self.phone(address, now);
        let mut entries = self.lock();
        let known = entries.iter().position(|entry| entry.failure.address == address);
        let known = known.and_then(|position| entries.remove(position));
        let said = known.as_ref().and_then(|entry| entry.said);
        let quiet = said.is_some_and(|said| now.saturating_duration_since(said) < LINE_INTERVAL);
        let speak = !quiet && self.lines.allow(now).is_some();
        let times = known.map_or(0, |entry| entry.failure.times).saturating_add(1);
        let failure = HandshakeFailure { address, phone, at: Timestamp::now(), offered, cause, remedy, times };
        if speak {
            let (phone, offered) = (failure.phone.as_deref(), failure.offered.as_deref());
            let remedy = failure.remedy.as_deref();
            tracing::warn!(%address, phone, offered, %cause, remedy, times, "TLS handshake failed: {detail}");
        }
        if entries.len() >= ADDRESS_LIMIT {
            entries.pop_front();
        }
        entries.push_back(Entry { failure, said: if speak { Some(now) } else { said }, looked });
    }

    /// The phone at an address, and when it was looked for; the list is not locked meanwhile.
    fn phone(&self, address: IpAddr, now: Instant) -> (Option<String>, Instant) {
        let known = self
            .lock()
            .iter()
            .rev()
            .find(|entry| entry.failure.address == address)
            .filter(|entry| now.saturating_duration_since(entry.looked) < PHONE_INTERVAL)
            .map(|entry| (entry.failure.phone.clone(), entry.looked));
        known.unwrap_or_else(|| ((self.phone_at)(address), now))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FailedHandshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedHandshakes").field("entries", &self.lock().len()).finish_non_exhaustive()
    }
}

/// The setting that would have let this peer in, only where it really would.
fn remedy(cause: Cause, opening: &Opening, mode: TlsMode) -> Option<&'static str> {
    const LEGACY: &str = "--tls legacy would admit it";
    match (cause, opening) {
        (Cause::NoSharedCipher | Cause::NoSharedSignature | Cause::UnsupportedProtocol, Opening::Hello(hello)) => {
            (mode == TlsMode::Modern && legacy_would_admit(hello)).then_some(LEGACY)
        }
        (Cause::NotTls, Opening::Http) => Some("this port speaks TLS: use https"),
        (Cause::NotTls, Opening::ProxyHeader) => Some("name its address in --trusted-proxies"),
        (Cause::NoProxyHeader, _) => {
            Some("let the proxy send PROXY headers, or take its address out of --trusted-proxies")
        }
        (Cause::CertificateRefused, _) => {
            Some("give --tls-cert and --tls-key a certificate of the authority that the phone trusts")
        }
        _ => None,
    }
}

fn legacy_would_admit(hello: &ClientHello) -> bool {
    hello.highest >= TlsVersion::TLS1_0
        && (hello.highest >= TlsVersion::TLS1_2
            || hello.ciphers.iter().any(|cipher| LEGACY_ONLY_CIPHERS.contains(cipher)))
        && hello.ciphers.iter().any(|cipher| TlsMode::Legacy.allows(*cipher))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Arc,
    };

    use super::*;

    fn hello(highest: u16, ciphers: &[u16]) -> Opening {
        Opening::Hello(ClientHello { highest: TlsVersion(highest), ciphers: ciphers.to_vec() })
    }

    #[test]
    fn the_remedy_is_named_only_where_it_would_help() {
        let says = |highest, ciphers: &[u16], mode| remedy(Cause::UnsupportedProtocol, &hello(highest, ciphers), mode);
        assert_eq!(says(0x0301, &[0x2F], TlsMode::Modern), Some("--tls legacy would admit it"));
        assert_eq!(says(0x0301, &[0x09, 0x05], TlsMode::Modern), None);
        assert_eq!(says(0x0300, &[0x2F], TlsMode::Modern), None);
        assert_eq!(says(0x0301, &[0x2F], TlsMode::Legacy), None);
    }

    #[test]
    fn one_address_is_one_entry_with_the_phone_last_heard_of_there() {
        let list = FailedHandshakes::new(|address| address.is_loopback().then(|| "reception".to_owned()));
        let address = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..3 {
            list.record(address, Cause::UnsupportedProtocol, &hello(0x0301, &[0x35]), TlsMode::Modern, "x");
        }
        let failures = list.list();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].times, 3);
        assert_eq!(failures[0].phone.as_deref(), Some("reception"));
        assert_eq!(failures[0].offered.as_deref(), Some("TLS 1.0"));
        let json = serde_json::to_value(&failures[0]).unwrap();
        assert_eq!(json["cause"], "unsupported protocol");
        assert_eq!(json["remedy"], "--tls legacy would admit it");
    }

    #[test]
    fn the_phone_at_an_address_is_looked_for_once_a_minute() {
        let looks = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&looks);
        let list = FailedHandshakes::new(move |_| {
            *counted.lock().unwrap() += 1;
            Some(format!("phone-{}", counted.lock().unwrap()))
        });
        let (start, address) = (Instant::now(), IpAddr::from([192, 0, 2, 33]));
        for (after, phone) in [(0, "phone-1"), (1, "phone-1"), (59, "phone-1"), (60, "phone-2"), (119, "phone-2")] {
            let now = start + Duration::from_secs(after);
            list.record_at(now, address, Cause::Timeout, &Opening::Cut, TlsMode::Modern, "x");
            assert_eq!(list.list()[0].phone.as_deref(), Some(phone), "after {after} s");
        }
        assert_eq!(*looks.lock().unwrap(), 2);
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failure_is_one_line_with_all_that_helps_and_its_repetition_none() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
        let list = FailedHandshakes::new(|_| Some("reception".to_owned()));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..5 {
                let address = IpAddr::from([192, 0, 2, 33]);
                list.record(address, Cause::NoSharedCipher, &hello(0x0303, &[0x2F]), TlsMode::Modern, "detail");
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        for word in ["192.0.2.33", "reception", "TLS 1.2", "no shared cipher", "--tls legacy would admit it", "detail"]
        {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn only_the_newest_addresses_are_kept() {
        let list = FailedHandshakes::new(|_| None);
        for last in 0..150 {
            list.record(IpAddr::from([192, 0, 2, last]), Cause::Timeout, &Opening::Cut, TlsMode::Modern, "x");
        }
        let failures = list.list();
        assert_eq!(failures.len(), ADDRESS_LIMIT);
        assert_eq!(failures[0].address, IpAddr::from([192, 0, 2, 149]));
        assert_eq!(failures[99].address, IpAddr::from([192, 0, 2, 50]));
    }

    #[test]
    fn a_port_check_is_not_listed() {
        let list = FailedHandshakes::new(|_| None);
        list.record(IpAddr::from([192, 0, 2, 1]), Cause::Closed, &Opening::Silent, TlsMode::Modern, "x");
        assert_eq!(list.list(), []);
    }
}
