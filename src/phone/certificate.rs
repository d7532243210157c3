//! The certificate shown to phones: files that people give, or one made here and kept in the state folder.
//!
//! Phones in default mode accept any certificate (R-1001); RSA 2048 with SHA-256 is what old and new ones can read
//! (R-1005). The key is written first and whole: a start that died between the two files makes a new certificate for
//! the key that is there.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    pkey::{Id, PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName, SubjectKeyIdentifier},
    },
};

/// Validity of a certificate made here.
const DAYS: u32 = 3652;

/// Longest certificate or key file, in bytes.
const FILE_LIMIT: u64 = 256 << 10;

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// `tls/cert.pem` and `tls/key.pem` in the state folder, made when they are not there.
    SelfMade {
        /// The state folder.
        state: PathBuf,
    },
    /// Files in PEM: the certificate with its issuers behind it, and its key.
    Files {
        /// The certificate.
        certificate: PathBuf,
        /// The key, RSA or EC (for legacy phones RSA).
        key: PathBuf,
    },
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or is larger than any certificate.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a certificate in PEM.
    #[error("{}: holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// Not a private key in PEM, or one locked by a passphrase.
    #[error("{}: holds no private key in PEM form that is free of a passphrase", .0.display())]
    NoKey(PathBuf),
    /// The key is of a kind that phones cannot use.
    #[error("{}: phones need an RSA or EC key", .0.display())]
    KeyKind(PathBuf),
    /// Legacy phones know RSA only.
    #[error("{}: --tls legacy needs an RSA key, old phones know no other", .0.display())]
    NotRsa(PathBuf),
    /// Key and certificate are of different pairs.
    #[error("{} is not the key of {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The self-made certificate is there without its key.
    #[error("{} is there without {}: put the key back, or remove both", certificate.display(), key.display())]
    KeyGone {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// OpenSSL does not take it, for example because the key is too short.
    #[error("cannot use {}: {source}", file.display())]
    Unusable {
        /// The certificate.
        file: PathBuf,
        /// OpenSSL's reason.
        source: ErrorStack,
    },
}

impl CertificateError {
    /// The stable word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Unwritable { .. } => "unwritable",
            Self::NoCertificate(_) => "no-certificate",
            Self::NoKey(_) => "no-key",
            Self::KeyKind(_) | Self::NotRsa(_) => "key-kind",
            Self::Mismatch { .. } => "mismatch",
            Self::KeyGone { .. } => "key-gone",
            Self::Unusable { .. } => "unusable",
        }
    }
}

impl CertificateSource {
    /// The files, made first where they are self-made and missing. Blocks on the file system and the RSA key.
    pub fn files(&self) -> Result<CertificateFiles, CertificateError> {
        match self {
            Self::Files { certificate, key } => {
                Ok(CertificateFiles { certificate: certificate.clone(), key: key.clone() })
            }
            Self::SelfMade { state } => {
                let folder = state.join("tls");
                let files = CertificateFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
                files.make_if_missing(&folder)?;
                Ok(files)
            }
        }
    }
}

/// A pair of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and its issuers.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What was read from a pair of files.
pub(super) struct Identity {
    pub(super) certificate: X509,
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
}

/// Tells whether a pair of files is still the same: times, inode and length of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp([Option<([i64; 4], [u64; 2])>; 2]);

impl CertificateFiles {
    pub(super) fn stamp(&self) -> Stamp {
        Stamp([&self.certificate, &self.key].map(|file| {
            let meta = fs::metadata(file).ok()?;
            let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
            Some((times, [meta.ino(), meta.len()]))
        }))
    }

    /// Reads both and checks that they belong together.
    pub(super) fn read(&self) -> Result<Identity, CertificateError> {
        let no_certificate = |_| CertificateError::NoCertificate(self.certificate.clone());
        let mut chain = X509::stack_from_pem(&read(&self.certificate)?).map_err(no_certificate)?.into_iter();
        let certificate = chain.next().ok_or_else(|| CertificateError::NoCertificate(self.certificate.clone()))?;
        let key = read_key(&self.key)?;
        if !matches!(key.id(), Id::RSA | Id::EC) {
            return Err(CertificateError::KeyKind(self.key.clone()));
        }
        let belongs = certificate.public_key().is_ok_and(|public| public.public_eq(&key));
        if !belongs {
            return Err(CertificateError::Mismatch { certificate: self.certificate.clone(), key: self.key.clone() });
        }
        Ok(Identity { certificate, chain: chain.collect(), key })
    }

    fn make_if_missing(&self, folder: &Path) -> Result<(), CertificateError> {
        match (self.certificate.exists(), self.key.exists()) {
            (true, true) => return Ok(()),
            (true, false) => {
                return Err(CertificateError::KeyGone { certificate: self.certificate.clone(), key: self.key.clone() });
            }
            (false, _) => {}
        }
        let unusable = |source| CertificateError::Unusable { file: self.certificate.clone(), source };
        let unwritable = |source| CertificateError::Unwritable { file: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
        let key = if self.key.exists() {
            read_key(&self.key)?
        } else {
            let key = Rsa::generate(2048).and_then(PKey::from_rsa).map_err(unusable)?;
            write(folder, &self.key, &key.private_key_to_pem_pkcs8().map_err(unusable)?)?;
            key
        };
        let certificate = self_signed(&key).and_then(|certificate| certificate.to_pem()).map_err(unusable)?;
        write(folder, &self.certificate, &certificate)?;
        tracing::info!(certificate = %self.certificate.display(), "made a certificate to show to phones");
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { file: file.to_owned(), source };
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > FILE_LIMIT {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, format!("{length} bytes"))));
    }
    fs::read(file).map_err(unreadable)
}

fn read_key(file: &Path) -> Result<PKey<Private>, CertificateError> {
    // without a callback OpenSSL would ask for the passphrase on the terminal
    PKey::private_key_from_pem_callback(&read(file)?, |_| Err(ErrorStack::get()))
        .map_err(|_| CertificateError::NoKey(file.to_owned()))
}

/// Writes a whole file or none, readable by the owner only.
fn write(folder: &Path, file: &Path, content: &[u8]) -> Result<(), CertificateError> {
    let unwritable = |source| CertificateError::Unwritable { file: file.to_owned(), source };
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    draft.write_all(content).map_err(unwritable)?;
    draft.as_file().sync_all().map_err(unwritable)?;
    draft.persist(file).map_err(|error| unwritable(error.error))?;
    Ok(())
}

fn self_signed(key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "phoneops")?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::ONE, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(DAYS)?)?;
    builder.set_pubkey(key)?;
    builder.append_extension(BasicConstraints::new().build()?)?;
    let context = builder.x509v3_context(None, None);
    let id = SubjectKeyIdentifier::new().build(&context)?;
    let names = SubjectAlternativeName::new().dns("phoneops").build(&context)?;
    builder.append_extension(id)?;
    builder.append_extension(names)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use openssl::{ec::EcKey, nid::Nid, symm::Cipher};

    use super::*;
    use crate::phone::tls::{Tls, TlsMode};

    fn self_made(folder: &Path) -> CertificateFiles {
        CertificateSource::SelfMade { state: folder.to_owned() }.files().unwrap()
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let files = self_made(folder.path());
        let before = files.stamp();
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        let identity = files.read().unwrap();
        assert_eq!(identity.key.rsa().unwrap().size(), 256);
        assert_eq!(identity.certificate.signature_algorithm().object().nid(), Nid::SHA256WITHRSAENCRYPTION);
        let years = Asn1Time::days_from_now(3640).unwrap();
        assert!(identity.certificate.not_after() > &*years);
        assert_eq!(self_made(folder.path()).stamp(), before);
    }

    #[test]
    fn a_start_that_died_between_the_files_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let files = self_made(folder.path());
        let key = fs::read(&files.key).unwrap();
        fs::remove_file(&files.certificate).unwrap();
        self_made(folder.path()).read().unwrap();
        assert_eq!(fs::read(&files.key).unwrap(), key);
    }

    #[test]
    fn a_certificate_without_its_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let files = self_made(folder.path());
        fs::remove_file(&files.key).unwrap();
        let error = CertificateSource::SelfMade { state: folder.path().to_owned() }.files().unwrap_err();
        assert_eq!(error.category(), "key-gone");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = self_made(folder.path());
        let open = |mode, certificate: &Path, key: &Path| {
            let files = CertificateFiles { certificate: certificate.to_owned(), key: key.to_owned() };
            Tls::open(mode, files).err().map(|error| (error.category(), error.to_string()))
        };
        let put = |name: &str, content: &[u8]| {
            let file = folder.path().join(name);
            fs::write(&file, content).unwrap();
            file
        };
        let ec = EcKey::generate(&openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap();
        let ec = PKey::from_ec_key(ec).unwrap();
        let ec_certificate = put("ec.pem", &self_signed(&ec).unwrap().to_pem().unwrap());
        let ec_key = put("ec.key", &ec.private_key_to_pem_pkcs8().unwrap());
        assert_eq!(open(TlsMode::Modern, &ec_certificate, &ec_key), None);
        let (category, text) = open(TlsMode::Legacy, &ec_certificate, &ec_key).unwrap();
        assert_eq!(category, "key-kind");
        assert!(text.contains("ec.key"), "{text}");
        assert_eq!(open(TlsMode::Modern, &files.certificate, &ec_key).unwrap().0, "mismatch");
        assert_eq!(open(TlsMode::Modern, &files.key, &files.key).unwrap().0, "no-certificate");
        assert_eq!(open(TlsMode::Modern, &files.certificate, &files.certificate).unwrap().0, "no-key");
        assert_eq!(open(TlsMode::Modern, &files.certificate, &folder.path().join("no")).unwrap().0, "unreadable");
        let locked = ec.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"word").unwrap();
        assert_eq!(open(TlsMode::Modern, &ec_certificate, &put("locked.key", &locked)).unwrap().0, "no-key");
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        let certificate = put("short.pem", &self_signed(&short).unwrap().to_pem().unwrap());
        let key = put("short.key", &short.private_key_to_pem_pkcs8().unwrap());
        let (category, text) = open(TlsMode::Modern, &certificate, &key).unwrap();
        assert_eq!(category, "unusable");
        assert!(text.contains("short.pem") && text.contains("too small"), "{text}");
        assert_eq!(open(TlsMode::Legacy, &certificate, &key), None);
    }
}
