//! HTTP above the connection: the paths, the bounded body, and the answers as phones can read them.
//!
//! Every answer has an exact `Content-Length` and is never chunked or compressed. A body that is too
//! long is read to its end within bounds before it is answered, else the phone might lose the answer to a reset.

use std::{collections::BTreeSet, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{LOGIN_PATH, Limits, ListenerMetrics, PhoneAnswer, PhoneHandler, PhoneRequest, bounds::Bound};

/// How many times the limit of a body is read and thrown away before the connection is cut.
const DRAIN_FACTOR: usize = 8;
/// Bytes of each body that take no room from the others.
const FREE: usize = 64 << 10;
/// Room for bodies is given in pieces of so many bytes.
const PIECE: usize = 1 << 10;

/// Whose connection a request came on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) peer: SocketAddr,
    pub(super) connection: u64,
}

pub(super) type Response = hyper::Response<Full<Bytes>>;

/// Answers requests, whoever stands behind it. Two paths need no router; one would take a tenth of a short session.
pub(super) trait Answers: Send + Sync {
    /// The answer to one request.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        caller: Caller,
    ) -> Pin<Box<dyn Future<Output = Response> + Send>>;
}

struct Desk<H> {
    handler: Arc<H>,
    aliases: BTreeSet<String>,
    body_limit: usize,
    room: Semaphore,
    body_time: Duration,
    metrics: ListenerMetrics,
}

/// The login path and its aliases are served; all others are 404, other methods 405.
pub(super) fn desk<H: PhoneHandler>(
    handler: Arc<H>,
    limits: &Limits,
    aliases: BTreeSet<String>,
    metrics: &ListenerMetrics,
) -> Arc<dyn Answers> {
    Arc::new(Desk {
        handler,
        aliases,
        body_limit: limits.body,
        room: Semaphore::new((limits.bodies / PIECE).min(Semaphore::MAX_PERMITS)),
        body_time: limits.body_time,
        metrics: metrics.clone(),
    })
}

impl<H: PhoneHandler> Answers for Desk<H> {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        caller: Caller,
    ) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        Box::pin(async move { answer(&self, request, caller).await })
    }
}

async fn answer<H: PhoneHandler>(desk: &Desk<H>, request: Request<Incoming>, caller: Caller) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path != LOGIN_PATH && !desk.aliases.contains(path) {
        return plain(StatusCode::NOT_FOUND, "no such path\n");
    }
    if parts.method != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "phones use POST\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let mut room = Room { all: &desk.room, taken: None, waits: false };
    let body = match timeout(desk.body_time, collect(body, &parts.headers, desk.body_limit, &mut room)).await {
        Ok(Ok(body)) => body,
        Ok(Err(BodyError::TooLong)) => {
            desk.metrics.hit(Bound::Body, &format_args!("a body of {} is too long", caller.peer.ip()));
            let text = format!("the body is longer than {} bytes\n", desk.body_limit);
            return closing(plain(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(Err(BodyError::Broken)) => return closing(plain(StatusCode::BAD_REQUEST, "the body is not whole\n")),
        Err(_) if room.waits => {
            desk.metrics.hit(Bound::Bodies, &format_args!("a body of {} found no room", caller.peer.ip()));
            return closing(plain(StatusCode::SERVICE_UNAVAILABLE, "too many long bodies at once\n"));
        }
        Err(_) => {
            desk.metrics.hit(Bound::BodyTime, &format_args!("a body of {} came too slowly", caller.peer.ip()));
            return closing(plain(StatusCode::REQUEST_TIMEOUT, "the body came too slowly\n"));
        }
    };
    desk.metrics.received(body.len());
    let request =
        PhoneRequest { body, cookie: cookies(&parts.headers), peer: caller.peer, connection: caller.connection };
    match desk.handler.answer(request).await {
        PhoneAnswer::Message { xml, set_cookie } => {
            desk.metrics.sent(xml.len());
            message(xml, set_cookie)
        }
        PhoneAnswer::BadRequest(text) => plain(StatusCode::BAD_REQUEST, text),
    }
}

/// The room that one body takes of that for all, as it grows.
struct Room<'a> {
    all: &'a Semaphore,
    taken: Option<SemaphorePermit<'a>>,
    waits: bool,
}

impl Room<'_> {
    /// Waits until there is room for a body of `bytes`.
    async fn grow(&mut self, bytes: usize) {
        let taken = self.taken.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = bytes.saturating_sub(FREE).div_ceil(PIECE).saturating_sub(taken);
        let Some(more) = u32::try_from(more).ok().filter(|more| *more > 0) else { return };
        self.waits = true;
        // nobody closes the semaphore
        let Ok(permit) = self.all.acquire_many(more).await else { return };
        self.waits = false;
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            None => self.taken = Some(permit),
        }
    }
}

enum BodyError {
    TooLong,
    Broken,
}

/// The whole body; without a copy when it came in one piece.
async fn collect(
    mut body: Incoming,
    headers: &HeaderMap,
    limit: usize,
    room: &mut Room<'_>,
) -> Result<Bytes, BodyError> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) && headers.contains_key(header::EXPECT) {
        return Err(BodyError::TooLong);
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut seen: usize = 0;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        seen = seen.saturating_add(piece.len());
        if seen > limit.saturating_mul(DRAIN_FACTOR) {
            return Err(BodyError::TooLong);
        }
        if seen > limit {
            (first, whole) = (Bytes::new(), BytesMut::new());
            continue;
        }
        room.grow(seen).await;
        if first.is_empty() && whole.is_empty() {
            first = piece;
        } else {
            if whole.is_empty() {
                whole.reserve(declared.unwrap_or(seen).min(limit).min(FREE));
                whole.extend_from_slice(&first);
                first = Bytes::new();
            }
            whole.extend_from_slice(&piece);
        }
    }
    match seen {
        seen if seen > limit => Err(BodyError::TooLong),
        _ if whole.is_empty() => Ok(first),
        _ => Ok(whole.freeze()),
    }
}

/// All cookies as one text; phones send one header, with attributes in it.
fn cookies(headers: &HeaderMap) -> Option<String> {
    let mut joined: Option<String> = None;
    for value in headers.get_all(header::COOKIE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        match &mut joined {
            Some(joined) => {
                joined.push_str("; ");
                joined.push_str(&text);
            }
            None => joined = Some(text.into_owned()),
        }
    }
    joined
}

fn message(xml: String, set_cookie: Option<String>) -> Response {
    let mut response = Response::new(Full::from(xml));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Some(cookie) = set_cookie {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        } else {
            tracing::error!("a cookie that is no header value was left out");
        }
    }
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Marks the answer as the last of its connection.
pub(super) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
