//! The small web server that every phone has: it takes contact-me and nothing else.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, SERVER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{run::Shared, state::ContactAnswer};
use crate::wpi::contact::{CONTACT_PATH, ContactMe};

/// Longest life of one connection.
const LIFE: Duration = Duration::from_secs(10);
/// Most connections at once; further ones are dropped.
const CONNECTIONS: usize = 8;

/// Opens a contact-me port.
pub(super) fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(16)
}

/// Takes connections until it is aborted, wherever the phone moves.
pub(super) async fn listen(shared: Arc<Shared>, mut listener: TcpListener) {
    loop {
        tokio::select! {
            () = accept(&shared, &listener) => {}
            () = shared.moved.notified() => {}
        }
        // nobody answers at the old address, even if the new one cannot be had
        drop(listener);
        let state = shared.look();
        match open(state.contact) {
            Ok(opened) => listener = opened,
            Err(error) => return state.tell(|| format!("takes no contact-me at {}: {error}", state.contact)),
        }
    }
}

async fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(_) if !shared.look().lets_in() => shared.change(|state| state.record.counts.knocks += 1),
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(serve(Arc::clone(shared), stream));
                }
                Ok(_) => {}
                // out of descriptors: others may give some back
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(|request| answer(&shared, request));
    let connection = http1::Builder::new().title_case_headers(true).serve_connection(TokioIo::new(stream), service);
    // a client that is slow, wrong or dropped by a fault is its own business
    let _ = timeout(LIFE, connection).await;
}

/// The request was dropped on purpose: hyper closes the connection on an error.
#[derive(Debug, thiserror::Error)]
#[error("the phone drops this connection")]
struct Dropped;

async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    if request.uri().path() != CONTACT_PATH {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let query = request.uri().query().map(str::to_owned);
    let Ok(body) = Limited::new(request.into_body(), ContactMe::LIMIT).collect().await else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    let Ok(contact) = ContactMe::from_request(query.as_deref(), &body.to_bytes()) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    match shared.change(|state| state.contacted(&contact, Instant::now())) {
        ContactAnswer::NoContent => Ok(empty(StatusCode::NO_CONTENT)),
        ContactAnswer::Wrong => Ok(empty(StatusCode::OK)),
        ContactAnswer::Drop => Err(Dropped),
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, hyper::header::HeaderValue::from_static("DlsClient"));
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/html"));
    response
}
