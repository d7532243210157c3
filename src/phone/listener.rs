//! The accept loop.
//!
//! Guarantees: no phone can stop it. A connection beyond the limit is closed at once, a lack of file descriptors is
//! waited out, and whatever goes wrong within a connection ends that connection only.

use std::{collections::BTreeSet, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    FailedHandshakes, LOGIN_PATH, ListenerMetrics, ListenerSettings, PhoneHandler, answer,
    bounds::Bound,
    certificate::CertificateError,
    connection::{self, Shared},
    shares::Shares,
    tls::Tls,
};

const BACKLOG: u32 = 1024;

/// Why a listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen for phones on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate to show.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A path that cannot be served.
    #[error("alias {0:?}: a path begins with / and has visible ASCII but none of {{ }} * : ? # %")]
    Alias(String),
}

impl ListenerError {
    /// The stable word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "bind",
            Self::Certificate(error) => error.category(),
            Self::Alias(_) => "alias",
        }
    }
}

/// A bound listener; phones that connect wait until [`PhoneListener::run`].
pub struct PhoneListener {
    tcp: TcpListener,
    local: SocketAddr,
    reload_interval: Duration,
    shared: Arc<Shared>,
}

impl PhoneListener {
    /// Binds the address and reads (or makes) the certificate. Needs a tokio runtime.
    pub fn bind<H: PhoneHandler>(
        settings: ListenerSettings,
        handler: Arc<H>,
        failures: Arc<FailedHandshakes>,
        metrics: ListenerMetrics,
    ) -> Result<Self, ListenerError> {
        let ListenerSettings { listen, tls, certificate, reload_interval, trusted_proxies, aliases, limits } = settings;
        let aliases = checked(aliases)?;
        let tls = Tls::open(tls, certificate.files()?)?;
        let bind = |source| ListenerError::Bind { address: listen, source };
        let tcp = open(listen).map_err(bind)?;
        let local = tcp.local_addr().map_err(bind)?;
        let shared = Shared {
            trusted_proxies,
            tls,
            http: connection::http(&limits),
            desk: answer::desk(handler, &limits, aliases, &metrics),
            handshakes: Semaphore::new(limits.handshakes),
            metrics,
            failures,
            limits,
        };
        Ok(Self { tcp, local, reload_interval, shared: Arc::new(shared) })
    }

    /// Where it listens; the port is a real one also when 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves phones until `shutdown` ends; then no new connection is taken, open exchanges are answered within the
    /// grace time, and idle connections are closed.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { tcp, reload_interval, shared, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(shared.limits.connections));
        let by_address = Shares::new(shared.limits.address_connections);
        let mut connections = JoinSet::new();
        let mut looks = interval(reload_interval.max(Duration::from_millis(10)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = Look::default();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let (stream, from) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&tcp, &shared.metrics) => accepted,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                _ = looks.tick() => {
                    let shared = Arc::clone(&shared);
                    look.unless_under_way(move || shared.tls.reload_if_changed());
                    continue;
                }
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                shared.metrics.hit(Bound::Connections, &format_args!("{from} was turned away"));
                continue;
            };
            let address = from.ip().to_canonical();
            let proxy = shared.trusted_proxies.iter().any(|net| net.contains(&address));
            let share = if proxy { None } else { by_address.take(address) };
            if share.is_none() && !proxy {
                shared.metrics.hit(Bound::AddressConnections, &format_args!("{address} has too many connections"));
                continue;
            }
            let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
            connections.spawn(async move {
                let _connected = shared.metrics.connected();
                connection::serve(&shared, stream, from, stopped).await;
                drop((slot, share));
            });
        }
        drop(tcp);
        // nobody listens when no connection is open
        let _ = stop.send(true);
        let all = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        // each connection keeps the grace time itself; this is for one that does not
        let _ = timeout(shared.limits.grace + Duration::from_secs(1), all).await;
    }
}

/// The look at the certificate files. It may hang with their mount: the accept loop never waits for it, and no second
/// one is begun beside it.
#[derive(Debug, Default)]
struct Look(Option<JoinHandle<()>>);

impl Look {
    fn unless_under_way(&mut self, look: impl FnOnce() + Send + 'static) {
        if self.0.as_ref().is_none_or(JoinHandle::is_finished) {
            self.0 = Some(tokio::task::spawn_blocking(look));
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a phone's connection broke: {error}");
    }
}

async fn accept(tcp: &TcpListener, metrics: &ListenerMetrics) -> (TcpStream, SocketAddr) {
    loop {
        match tcp.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if of_the_connection(&error) => {}
            Err(error) => {
                metrics.hit(Bound::Descriptors, &format_args!("no connection can be taken: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Errors of a connection that died in the queue.
fn of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // accepted connections inherit it
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The aliases without doubles; each is a path that the router takes as it stands.
fn checked(aliases: Vec<String>) -> Result<BTreeSet<String>, ListenerError> {
    let mut paths = BTreeSet::new();
    for alias in aliases {
        let plain = alias.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}*:?#%".contains(&byte));
        if !alias.starts_with('/') || !plain {
            return Err(ListenerError::Alias(alias));
        }
        if alias != LOGIN_PATH {
            paths.insert(alias);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_hangs_is_not_joined_by_others() {
        let (began, mut looks) = tokio::sync::mpsc::unbounded_channel();
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let mut look = Look::default();
        let first = began.clone();
        look.unless_under_way(move || {
            first.send("first").unwrap();
            gate.recv().unwrap_err();
        });
        assert_eq!(looks.recv().await, Some("first"));
        for _ in 0..3 {
            let second = began.clone();
            look.unless_under_way(move || second.send("beside").unwrap());
        }
        drop(release);
        look.0.take().unwrap().await.unwrap();
        look.unless_under_way(move || began.send("next").unwrap());
        assert_eq!((looks.recv().await, looks.recv().await), (Some("next"), None));
    }

    #[test]
    fn an_alias_is_a_plain_path() {
        let good = checked(vec!["/provisioningService".into(), "/x".into(), "/x".into(), LOGIN_PATH.into()]).unwrap();
        assert_eq!(good.into_iter().collect::<Vec<_>>(), ["/provisioningService", "/x"]);
        for bad in ["", "x", "/{x}", "/*", "/a b", "/x?y", "/ä"] {
            assert_eq!(checked(vec![bad.to_owned()]).unwrap_err().category(), "alias", "{bad}");
        }
    }
}
