//! TLS as an old phone speaks it: whatever the server has, any certificate (R-1001, R-1003).

use std::sync::OnceLock;

use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion},
    x509::{X509, X509NameBuilder},
};

/// In what a phone's side of TLS differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Side {
    /// TLS 1.0 and nothing else (F-39).
    pub(super) only_1_0: bool,
    /// Shows a certificate that nobody issued to it, when it is asked for one (F-40).
    pub(super) own_certificate: bool,
}

/// A new client side of one connection.
///
/// The contexts are made once per process: thousands of phones share them.
pub(super) fn client(side: Side) -> Result<Ssl, ErrorStack> {
    static CONTEXTS: [OnceLock<SslContext>; 4] = [const { OnceLock::new() }; 4];
    let [any, old, shown, old_shown] = &CONTEXTS;
    let cell = match (side.own_certificate, side.only_1_0) {
        (false, false) => any,
        (false, true) => old,
        (true, false) => shown,
        (true, true) => old_shown,
    };
    if let Some(context) = cell.get() {
        return Ssl::new(context);
    }
    let context = context(side)?;
    Ssl::new(cell.get_or_init(|| context))
}

fn context(side: Side) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    if side.only_1_0 {
        context.set_max_proto_version(Some(SslVersion::TLS1))?;
        context.set_cipher_list("AES128-SHA:AES256-SHA:@SECLEVEL=0")?;
    } else {
        context.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
    }
    if side.own_certificate {
        show_certificate(&mut context)?;
    }
    Ok(context.build())
}

fn show_certificate(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?)?;
    context.set_certificate(certificate(&key)?.as_ref())?;
    context.set_private_key(&key)
}

/// Issued by the phone itself to a name that is not its own.
fn certificate(key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "00:00:00:00:00:00")?;
    let name = name.build();
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_pubkey(key)?;
    let (begin, end) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(365)?);
    certificate.set_not_before(&begin)?;
    certificate.set_not_after(&end)?;
    certificate.sign(key, MessageDigest::sha256())?;
    Ok(certificate.build())
}
