//! A web server that keeps what it was sent and answers as it is told: alerts and commit statuses are posted to it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_openssl::SslStream;

use crate::service_stage::until;

/// What it does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Answers with this status line and header lines, each with its line end.
    Answer(&'static str, &'static str),
    /// Answers never.
    Hang,
    /// Closes the connection.
    Drop,
}

pub(crate) const OK: Reply = Reply::Answer("200 OK", "");

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

type Script = Arc<dyn Fn(usize, &Seen) -> (Reply, String) + Send + Sync>;

/// The server; it ends when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// One that answers the request of each number, counted from 0.
    pub(crate) async fn start(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::answering(None, move |number, _| (script(number), String::new())).await
    }

    /// One that speaks TLS, or decides by the request and answers with a body.
    pub(crate) async fn answering(
        tls: Option<SslAcceptor>,
        script: impl Fn(usize, &Seen) -> (Reply, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (kept, script): (_, Script) = (Arc::clone(&seen), Arc::new(script));
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (kept, script, tls) = (Arc::clone(&kept), Arc::clone(&script), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &kept, &script).await,
                        Some(acceptor) => {
                            let mut stream = SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap();
                            if std::pin::Pin::new(&mut stream).accept().await.is_ok() {
                                serve(stream, &kept, &script).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    /// What it was sent.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it was sent so much.
    pub(crate) async fn gets(&self, requests: usize) -> Vec<Seen> {
        until(|| self.seen().len() >= requests, || format!("{requests} requests: {:#?}", self.seen())).await;
        self.seen()
    }

    /// Waits until one of the requests is as wished.
    pub(crate) async fn gets_one(&self, wish: impl Fn(&Seen) -> bool) -> Seen {
        until(|| self.seen().iter().any(&wish), || format!("{:#?}", self.seen())).await;
        self.seen().into_iter().find(wish).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, kept: &Mutex<Vec<Seen>>, script: &Script) {
    let mut bytes = Vec::new();
    let seen = loop {
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend(&more[..count]),
        }
        if let Some(seen) = parsed(&bytes) {
            break seen;
        }
    };
    let (reply, body) = {
        let mut kept = kept.lock().unwrap();
        kept.push(seen.clone());
        script(kept.len() - 1, &seen)
    };
    match reply {
        Reply::Answer(status, headers) => {
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Hang => while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {},
        Reply::Drop => {}
    }
}

fn parsed(bytes: &[u8]) -> Option<Seen> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| Seen { method, path, headers, body: body.to_owned() })
}
