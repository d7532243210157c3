//! One connection, from the first byte to the last: PROXY header, TLS handshake, HTTP.

use std::{
    cell::Cell,
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use openssl::ssl::SslRef;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_openssl::SslStream;

use super::{
    Limits, ListenerMetrics,
    answer::{self, Answers, Caller},
    bounds::Bound,
    client_hello::Opening,
    handshake::{Cause, FailedHandshakes},
    proxy::{self, ProxyError},
    stream::WireStream,
    tls::Tls,
};

/// Numbers connections through all listeners of the process.
static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) tls: Tls,
    pub(super) http: http1::Builder,
    pub(super) desk: Arc<dyn Answers>,
    pub(super) handshakes: Semaphore,
    pub(super) metrics: ListenerMetrics,
    pub(super) failures: Arc<FailedHandshakes>,
}

/// HTTP as phones need it.
pub(super) fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.title_case_headers(true)
        .timer(TokioTimer::new())
        // hyper counts this from the end of the answer before, so it ends idle connections too
        .header_read_timeout(limits.idle)
        .max_header_size(limits.head)
        .max_buf_size(limits.head.max(64 << 10))
        .half_close(true);
    http
}

/// Serves one connection until it ends or, after `stop` turned true, until its exchange is answered.
pub(super) async fn serve(shared: &Shared, tcp: TcpStream, from: SocketAddr, mut stop: watch::Receiver<bool>) {
    let opened = tokio::select! {
        opened = open(shared, tcp, from) => opened,
        () = stopped(&mut stop) => return,
    };
    if let Some((stream, peer)) = opened {
        exchange(shared, stream, peer, stop).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // a listener that is gone stops its connections too
    let _ = stop.wait_for(|stop| *stop).await;
}

/// PROXY header and handshake, within one time limit.
async fn open(shared: &Shared, tcp: TcpStream, from: SocketAddr) -> Option<(SslStream<WireStream>, SocketAddr)> {
    let deadline = Instant::now() + shared.limits.handshake_time;
    let failed = |peer: SocketAddr, cause, opening: &Opening, detail: &str| {
        shared.metrics.failure(cause);
        shared.failures.record(peer.ip(), cause, opening, shared.tls.mode(), detail);
    };
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%from, "connection gone: {error}");
        return None;
    }
    let mut tcp = tcp;
    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
    let mut peer = from;
    let mut ahead = Bytes::new();
    if shared.trusted_proxies.iter().any(|net| net.contains(&from.ip())) {
        match timeout_at(deadline, proxy::read_header(&mut tcp)).await {
            Ok(Ok((source, beyond))) => {
                peer = source.map_or(from, |source| SocketAddr::new(source.ip().to_canonical(), source.port()));
                ahead = beyond;
            }
            Ok(Err(ProxyError::Nothing)) => {
                failed(from, Cause::Closed, &Opening::Silent, "ended without a byte");
                return None;
            }
            Ok(Err(error)) => {
                failed(from, Cause::NoProxyHeader, &Opening::Foreign, &error.to_string());
                return None;
            }
            Err(_) => {
                failed(from, Cause::NoProxyHeader, &Opening::Silent, "no PROXY header in time");
                return None;
            }
        }
    }
    // a silent peer waits here and takes no turn of those who speak; peeking, as readiness alone may be a false alarm
    if ahead.is_empty() {
        match timeout_at(deadline, tcp.peek(&mut [0])).await {
            Ok(Ok(1..)) => {}
            Ok(_) => {
                failed(peer, Cause::Closed, &Opening::Silent, "ended without a byte");
                return None;
            }
            Err(_) => {
                failed(peer, Cause::Timeout, &Opening::Silent, "nothing came in time");
                return None;
            }
        }
    }
    let Ok(Ok(_turn)) = timeout_at(deadline, shared.handshakes.acquire()).await else {
        shared.metrics.hit(Bound::Handshakes, &format_args!("{peer} waited in vain for its handshake"));
        return None;
    };
    let stream = WireStream::new(tcp, ahead, shared.limits.write_time);
    let stream = shared.tls.ssl().and_then(|ssl| SslStream::new(ssl, stream));
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => {
            failed(peer, Cause::Other, &Opening::Silent, &error.to_string());
            return None;
        }
    };
    let accepted = timeout_at(deadline, Pin::new(&mut stream).accept()).await;
    match accepted {
        Ok(Ok(())) => {
            shared.metrics.handshake(SslRef::version_str(stream.ssl()));
            stream.get_mut().opened();
            Some((stream, peer))
        }
        Ok(Err(error)) => {
            let opening = stream.get_ref().opening();
            let cause = if opening == Opening::Silent { Cause::Closed } else { Cause::of(&error, &opening) };
            failed(peer, cause, &opening, &error.to_string());
            None
        }
        Err(_) => {
            failed(peer, Cause::Timeout, &stream.get_ref().opening(), "not finished in time");
            None
        }
    }
}

/// Requests and answers, until either side ends.
async fn exchange(shared: &Shared, stream: SslStream<WireStream>, peer: SocketAddr, mut stop: watch::Receiver<bool>) {
    let caller = Caller { peer, connection: NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed) };
    let served = Cell::new(0_u32);
    let service = service_fn(move |request: Request<Incoming>| {
        served.set(served.get().saturating_add(1));
        let last = served.get() >= shared.limits.requests;
        let answered = Arc::clone(&shared.desk).answer(request, caller);
        async move {
            let mut response = answered.await;
            shared.metrics.request(response.status().as_u16());
            if last {
                shared.metrics.hit_quietly(Bound::Requests);
                response = answer::closing(response);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = std::pin::pin!(shared.http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(shared.limits.grace, connection).await else {
                shared.metrics.hit(Bound::Grace, &format_args!("the exchange with {peer} was cut at the end"));
                return;
            };
            ended
        }
    };
    if let Err(error) = ended {
        note(shared, peer, &error);
    }
}

fn note(shared: &Shared, peer: SocketAddr, error: &hyper::Error) {
    let stalled = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::TimedOut);
    if stalled {
        shared.metrics.hit(Bound::WriteTime, &format_args!("{peer} took no byte of its answer"));
    } else if error.is_parse_too_large() {
        shared.metrics.hit(Bound::Head, &format_args!("a request head of {peer} is too long"));
    } else {
        tracing::debug!(%peer, "connection ended: {error}");
    }
}
