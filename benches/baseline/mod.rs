//! What the service is measured against: hyper on tokio-openssl with fixed answers and nothing else. TLS settings and
//! certificate are those of the service's listener for phones.

use std::{convert::Infallible, error::Error, net::SocketAddr, path::Path, pin::Pin, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue, SET_COOKIE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslAcceptor, SslContext, SslFiletype, SslMethod, SslOptions, SslSessionCacheMode, SslVersion},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

/// The ciphers of `--tls modern`.
const MODERN: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
     ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
     DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";

/// The answers to the requests of a session, in turn.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) set_cookie: HeaderValue,
    pub(crate) first: Bytes,
    pub(crate) second: Bytes,
}

/// Serves the fixed answers with the certificate of that folder.
pub(crate) async fn start(tls: &Path, answers: Answers) -> Result<SocketAddr, Box<dyn Error>> {
    let context = context(tls)?;
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let address = tcp.local_addr()?;
    let answers = Arc::new(answers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let (context, answers) = (context.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                // the other side ends the connection when it has enough
                let _ = serve(&context, stream, &answers).await;
            });
        }
    });
    Ok(address)
}

fn context(folder: &Path) -> Result<SslContext, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_security_level(2);
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(MODERN)?;
    builder.set_max_proto_version(None)?;
    builder.set_options(
        SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::NO_RENEGOTIATION | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
    builder.set_session_id_context(b"phoneops")?;
    builder.set_read_ahead(true);
    builder.set_certificate_chain_file(folder.join("cert.pem"))?;
    builder.set_private_key_file(folder.join("key.pem"), SslFiletype::PEM)?;
    Ok(builder.build().into_context())
}

async fn serve(context: &SslContext, tcp: TcpStream, answers: &Answers) -> Result<(), Box<dyn Error + Send + Sync>> {
    tcp.set_nodelay(true)?;
    let mut stream = SslStream::new(Ssl::new(context)?, tcp)?;
    Pin::new(&mut stream).accept().await?;
    let turn = std::cell::Cell::new(false);
    let service = service_fn(move |request: Request<Incoming>| {
        let second = turn.replace(!turn.get());
        async move {
            // read to its end, as any server has to
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(answer(answers, second))
        }
    });
    http1::Builder::new().title_case_headers(true).serve_connection(TokioIo::new(stream), service).await?;
    Ok(())
}

fn answer(answers: &Answers, second: bool) -> Response<Full<Bytes>> {
    let body = if second { &answers.second } else { &answers.first };
    let mut response = Response::new(Full::new(body.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if !second {
        response.headers_mut().insert(SET_COOKIE, answers.set_cookie.clone());
    }
    response
}
