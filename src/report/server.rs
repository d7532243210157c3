//! Accepts connections on TCP and on the Unix socket and answers them with a router, within limits: connections at
//! once, time for a header, time for an answer, life of a connection, size of a header (the body is limited by the
//! routes). A connection above the limit is answered 503 and closed; that is counted, and logged once.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{access::Peer, metrics::ServiceMetrics, problem::Problem, socket};

/// What a client gets that is one too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long answers under way may take when the service ends.
const GRACE: Duration = Duration::from_secs(3);
/// How long a listener rests when the process has no file left to accept with.
const REST: Duration = Duration::from_millis(100);

/// The limits of a status server.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Connections at once.
    pub connections: usize,
    /// Time for the header of a request; also the longest rest of a kept connection.
    pub header_time: Duration,
    /// Time for an answer.
    pub answer_time: Duration,
    /// Longest life of a connection, so that a reader that stopped reading does not hold its place for ever.
    pub connection_time: Duration,
    /// Most bytes of a header.
    pub header_bytes: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(30),
            connection_time: Duration::from_mins(10),
            header_bytes: 16 << 10,
        }
    }
}

/// Serves on TCP until `stop` turns true or its sender is gone, then ends what is under way.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    metrics: Arc<ServiceMetrics>,
    stop: watch::Receiver<bool>,
) {
    Server::new(router, limits, metrics, stop).run(&listener).await;
}

/// Serves on the Unix socket, as [`serve`].
pub async fn serve_unix(
    listener: UnixListener,
    router: Router,
    limits: ServerLimits,
    metrics: Arc<ServiceMetrics>,
    stop: watch::Receiver<bool>,
) {
    Server::new(router, limits, metrics, stop).run(&listener).await;
}

/// A listener and what it knows of those who connect.
trait Listen {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn take(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    fn peer(stream: &Self::Stream) -> io::Result<Peer>;
    fn refuse(stream: &Self::Stream) -> io::Result<usize>;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn take(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }

    fn peer(stream: &TcpStream) -> io::Result<Peer> {
        Ok(Peer::Tcp { from: stream.peer_addr()?, to: stream.local_addr()? })
    }

    fn refuse(stream: &TcpStream) -> io::Result<usize> {
        stream.try_write(FULL)
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;

    async fn take(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }

    fn peer(stream: &UnixStream) -> io::Result<Peer> {
        Ok(Peer::Local { user: socket::user_of(stream)? })
    }

    fn refuse(stream: &UnixStream) -> io::Result<usize> {
        stream.try_write(FULL)
    }
}

struct Server {
    router: Router,
    limits: ServerLimits,
    metrics: Arc<ServiceMetrics>,
    places: Arc<Semaphore>,
    told: AtomicBool,
    stop: watch::Receiver<bool>,
}

impl Server {
    fn new(router: Router, limits: ServerLimits, metrics: Arc<ServiceMetrics>, stop: watch::Receiver<bool>) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { router, limits, metrics, places, told: AtomicBool::new(false), stop }
    }

    async fn run<L: Listen>(self, listener: &L) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            let taken = tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                taken = listener.take() => taken,
            };
            match taken {
                Ok(stream) => self.connection::<L>(stream, &mut connections),
                Err(error) => {
                    // a client that went away again is nothing; without files left, accepting at once would only spin
                    tracing::debug!(%error, "a connection to the status server was not accepted");
                    sleep(REST).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }

    fn connection<L: Listen>(&self, stream: L::Stream, connections: &mut JoinSet<()>) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // the client may be gone already
            let _ = L::refuse(&stream);
            self.metrics.bound_hit("status-connections");
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::warn!(limit = self.limits.connections, "the status server has too many connections");
            }
            return;
        };
        let Ok(peer) = L::peer(&stream) else { return };
        let (router, limits, stop) = (self.router.clone(), self.limits.clone(), self.stop.clone());
        let metrics = Arc::clone(&self.metrics);
        connections.spawn(async move {
            attend(stream, peer, router, limits, metrics, stop).await;
            drop(place);
        });
    }
}

async fn attend<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    limits: ServerLimits,
    metrics: Arc<ServiceMetrics>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let kind = kind(&request);
        let answered = answer(router.clone(), peer.clone(), request, limits.answer_time);
        let metrics = Arc::clone(&metrics);
        async move {
            let answered = answered.await;
            if let Ok(response) = &answered {
                metrics.api_request(kind, response.status().as_u16());
            }
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes.max(8 << 10))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut stop) => None,
        () = sleep(limits.connection_time) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(GRACE, connection).await.unwrap_or(Ok(()))
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the status server broke");
    }
}

/// As what a request counts.
fn kind<B>(request: &Request<B>) -> &'static str {
    match request.uri().path() {
        super::webhook::PATH => "webhook",
        // it changes nothing
        super::plan::PATH => "read",
        _ if request.method().is_safe() => "read",
        _ => "act",
    }
}

async fn answer(
    router: Router,
    peer: Peer,
    mut request: Request<Incoming>,
    time: Duration,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(peer);
    timeout(time, router.oneshot(request.map(Body::new))).await.unwrap_or_else(|_| {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed-out", "the answer took too long");
        Ok(problem.into_response())
    })
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // a sender that is gone means the same
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_counts_as_reading_and_what_forges_tell_is_no_act_of_a_person() {
        let of = |method: &str, path: &str| kind(&Request::builder().method(method).uri(path).body(()).unwrap());
        assert_eq!(of("GET", "/api/v1/phones"), "read");
        assert_eq!(of("POST", "/api/v1/plan"), "read");
        assert_eq!(of("POST", "/api/v1/phones/desk/contact"), "act");
        assert_eq!(of("POST", "/webhook/git"), "webhook");
    }
}
