//! What is offered to phones over TLS, and the context that is rebuilt when the certificate files change.
//!
//! | mode | versions | ciphers |
//! |---|---|---|
//! | [`TlsMode::Modern`] | TLS 1.2 and 1.3 | forward secrecy only |
//! | [`TlsMode::Legacy`] | TLS 1.0 to 1.3 | also AES with SHA-1 and with RSA key exchange, at security level 0 |
//!
//! Neither demands SNI or ALPN (R-1006), and neither ever offers SSL 2 or 3, export, RC4, NULL or DES (R-1004).
//! Sessions resume by ticket or by id; a new certificate forgets them.

use std::{
    fmt,
    sync::{Mutex, PoisonError, RwLock},
};

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslAcceptor, SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslVersion},
};
use serde::{Deserialize, Serialize};

use super::certificate::{CertificateError, CertificateFiles, Identity, Stamp};

const MODERN: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
     ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
     DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";

const LEGACY: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
     ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
     DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:\
     ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:\
     AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:@SECLEVEL=0";

/// The suites of both modes by number, TLS 1.3 first.
const MODERN_CIPHERS: [u16; 11] =
    [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009E, 0x009F];

/// The suites that only [`TlsMode::Legacy`] allows and that need no version above TLS 1.0.
pub(super) const LEGACY_ONLY_CIPHERS: [u16; 4] = [0xC013, 0xC014, 0x002F, 0x0035];

/// The suites that only [`TlsMode::Legacy`] allows, of TLS 1.2.
const LEGACY_1_2_CIPHERS: [u16; 4] = [0x009C, 0x009D, 0x003C, 0x003D];

/// Which phones are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS 1.2 and up with forward secrecy.
    #[default]
    Modern,
    /// Down to TLS 1.0 with RSA key exchange, for phones that know nothing better; for a listener of their own.
    Legacy,
}

impl TlsMode {
    /// The word of `--tls`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }

    /// Whether a cipher suite, by its number, is allowed.
    pub(super) fn allows(self, cipher: u16) -> bool {
        let beyond = || LEGACY_ONLY_CIPHERS.contains(&cipher) || LEGACY_1_2_CIPHERS.contains(&cipher);
        MODERN_CIPHERS.contains(&cipher) || (self == Self::Legacy && beyond())
    }

    fn context(self, identity: &Identity) -> Result<SslContext, ErrorStack> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        match self {
            Self::Modern => {
                builder.set_security_level(2);
                builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
                builder.set_cipher_list(MODERN)?;
            }
            Self::Legacy => {
                builder.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
                builder.set_security_level(0);
                builder.set_min_proto_version(Some(SslVersion::TLS1))?;
                builder.set_cipher_list(LEGACY)?;
            }
        }
        builder.set_max_proto_version(None)?;
        // phones may end a connection without a close notice; lengths are exact, so nothing is cut unseen
        builder.set_options(
            SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE,
        );
        builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
        builder.set_session_id_context(b"phoneops")?;
        // one read of the socket takes a record's head and body
        builder.set_read_ahead(true);
        builder.set_certificate(&identity.certificate)?;
        for issuer in &identity.chain {
            builder.add_extra_chain_cert(issuer.clone())?;
        }
        builder.set_private_key(&identity.key)?;
        builder.check_private_key()?;
        Ok(builder.build().into_context())
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The TLS side of one listener; connections take a snapshot, so a new certificate disturbs none.
pub(super) struct Tls {
    mode: TlsMode,
    files: CertificateFiles,
    context: RwLock<SslContext>,
    taken: Mutex<Taken>,
}

/// Which state of the files is in use, and what was last said of one that cannot be.
struct Taken {
    stamp: Stamp,
    complaint: Option<String>,
}

impl Tls {
    /// Reads the files for the first time.
    pub(super) fn open(mode: TlsMode, files: CertificateFiles) -> Result<Self, CertificateError> {
        let stamp = files.stamp();
        let context = load(mode, &files)?;
        Ok(Self { mode, files, context: RwLock::new(context), taken: Mutex::new(Taken { stamp, complaint: None }) })
    }

    pub(super) fn mode(&self) -> TlsMode {
        self.mode
    }

    /// The state for one connection.
    pub(super) fn ssl(&self) -> Result<Ssl, ErrorStack> {
        Ssl::new(&self.context.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes changed files over. While they cannot be used the old pair stays, each call tries again, and each problem
    /// is logged once. Blocks on the file system.
    pub(super) fn reload_if_changed(&self) {
        let stamp = self.files.stamp();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.stamp == stamp {
            taken.complaint = None;
            return;
        }
        match load(self.mode, &self.files) {
            Ok(context) => {
                *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
                *taken = Taken { stamp, complaint: None };
                tracing::info!(certificate = %self.files.certificate.display(), "certificate reloaded");
            }
            Err(error) => {
                let complaint = error.to_string();
                if taken.complaint.as_ref() != Some(&complaint) {
                    tracing::warn!("changed certificate not taken over, the old one stays: {complaint}");
                    taken.complaint = Some(complaint);
                }
            }
        }
    }
}

fn load(mode: TlsMode, files: &CertificateFiles) -> Result<SslContext, CertificateError> {
    let identity = files.read()?;
    if mode == TlsMode::Legacy && identity.key.rsa().is_err() {
        return Err(CertificateError::NotRsa(files.key.clone()));
    }
    mode.context(&identity).map_err(|source| CertificateError::Unusable { file: files.certificate.clone(), source })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{self, Cursor, Read, Write},
        sync::Arc,
    };

    use super::*;
    use crate::phone::{certificate::CertificateSource, client_hello::Opening};

    /// A peer that only listens.
    #[derive(Debug, Default)]
    struct Ear(Cursor<Vec<u8>>);

    impl Read for Ear {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    impl Write for Ear {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The suites behind a list of names, as a client with the same list offers them.
    fn numbers(list: &str) -> Vec<u16> {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        context.set_security_level(0);
        context.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        context.set_cipher_list(list).unwrap();
        let mut ssl = Ssl::new(&context.build()).unwrap();
        ssl.set_connect_state();
        let mut stream = openssl::ssl::SslStream::new(ssl, Ear::default()).unwrap();
        stream.do_handshake().unwrap_err();
        let Opening::Hello(hello) = Opening::read(stream.get_ref().0.get_ref()) else { panic!("no hello") };
        let signal_of_renegotiation = 0x00FF;
        let mut ciphers = hello.ciphers;
        ciphers.retain(|cipher| *cipher != signal_of_renegotiation);
        ciphers.sort_unstable();
        ciphers
    }

    #[test]
    fn each_mode_offers_exactly_the_suites_that_remedies_are_told_by() {
        let sorted = |lists: &[&[u16]]| {
            let mut all = lists.concat();
            all.sort_unstable();
            all
        };
        assert_eq!(numbers(MODERN), sorted(&[&MODERN_CIPHERS]));
        assert_eq!(numbers(LEGACY), sorted(&[&MODERN_CIPHERS, &LEGACY_ONLY_CIPHERS, &LEGACY_1_2_CIPHERS]));
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reload_that_failed_is_tried_again_and_said_once() {
        let state = tempfile::tempdir().unwrap();
        let files = CertificateSource::SelfMade { state: state.path().to_owned() }.files().unwrap();
        let tls = Tls::open(TlsMode::Modern, files.clone()).unwrap();
        let shown = || tls.ssl().unwrap().certificate().unwrap().to_der().unwrap();
        let old = shown();
        let other = tempfile::tempdir().unwrap();
        let new = CertificateSource::SelfMade { state: other.path().to_owned() }.files().unwrap();
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            fs::copy(&new.certificate, &files.certificate).unwrap();
            for _ in 0..3 {
                tls.reload_if_changed();
                assert_eq!(shown(), old);
                assert_ne!(tls.taken.lock().unwrap().stamp, files.stamp(), "what failed does not count as taken");
            }
            fs::copy(&new.key, &files.key).unwrap();
            tls.reload_if_changed();
        });
        assert_ne!(shown(), old);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("not taken over").count(), 1, "{text}");
        assert_eq!(text.matches("certificate reloaded").count(), 1, "{text}");
    }

    #[test]
    fn nothing_weak_is_ever_offered() {
        for weak in ["RC4", "DES", "NULL", "EXP", "MD5", "ADH", "AECDH", "PSK"] {
            assert!(!MODERN.contains(weak) && !LEGACY.contains(weak), "{weak}");
        }
    }
}
