//! TLS as an old phone speaks it: whatever the server has, any certificate (R-1001, R-1003).

use std::sync::OnceLock;

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslContext, SslMethod, SslVerifyMode, SslVersion},
};

/// A new client side of one connection. `only_1_0` keeps it to TLS 1.0 (F-39).
///
/// The contexts are made once per process: thousands of phones share them.
pub(super) fn client(only_1_0: bool) -> Result<Ssl, ErrorStack> {
    static ANY: OnceLock<SslContext> = OnceLock::new();
    static OLD: OnceLock<SslContext> = OnceLock::new();
    let cell = if only_1_0 { &OLD } else { &ANY };
    if let Some(context) = cell.get() {
        return Ssl::new(context);
    }
    let context = context(only_1_0)?;
    Ssl::new(cell.get_or_init(|| context))
}

fn context(only_1_0: bool) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    if only_1_0 {
        context.set_max_proto_version(Some(SslVersion::TLS1))?;
        context.set_cipher_list("AES128-SHA:AES256-SHA:@SECLEVEL=0")?;
    } else {
        context.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
    }
    Ok(context.build())
}
