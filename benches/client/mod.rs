//! A phone that costs next to nothing: requests made beforehand, of which only nonce and cookie change, and answers of
//! which only the length and the cookie are looked at. The same for both sides.

use std::{error::Error, io, net::SocketAddr, pin::Pin};

use openssl::ssl::{Ssl, SslContext, SslMethod, SslSessionCacheMode, SslVerifyMode};
use phoneops::phone::LOGIN_PATH;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_openssl::SslStream;

use crate::deployment::{NONCE, reply, start_up};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A request with the places of what changes in it.
#[derive(Debug)]
struct Prepared {
    bytes: Vec<u8>,
    nonce: usize,
    cookie: Option<usize>,
}

/// One phone.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    context: SslContext,
    start_up: Prepared,
    /// The reply, and the same with a blank more in one place or in another.
    replies: [Prepared; 3],
    /// Whether each reply is another one than the last.
    pub(crate) varies: bool,
    answer: Vec<u8>,
    messages: u64,
}

pub(crate) type Connection = SslStream<TcpStream>;

/// Bytes of the cookie as the service sets it.
const COOKIE: &str = "JSESSIONID=00000000000000000000000000000000; Path=/DeploymentService; Secure";

impl Client {
    /// The phone of that number, on a loopback address of its own.
    pub(crate) fn new(number: usize) -> Outcome<Self> {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        context.set_verify(SslVerifyMode::NONE);
        // each connection has a full handshake
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        let ip = format!("127.0.1.{}", number + 1);
        let body = reply(number).encode();
        Ok(Self {
            start_up: Prepared::new(&start_up(number, &ip).encode(), None)?,
            replies: [Prepared::new(&body, Some(COOKIE))?, with_blank(&body, 0)?, with_blank(&body, 1)?],
            varies: false,
            address: SocketAddr::new(ip.parse()?, 0),
            context: context.build(),
            answer: Vec::with_capacity(16 << 10),
            messages: 0,
        })
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self, to: SocketAddr) -> Outcome<Connection> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(self.address)?;
        let tcp = socket.connect(to).await?;
        tcp.set_nodelay(true)?;
        let mut stream = SslStream::new(Ssl::new(&self.context)?, tcp)?;
        Pin::new(&mut stream).connect().await?;
        Ok(stream)
    }

    /// One session; the lengths of both answers.
    pub(crate) async fn session(&mut self, stream: &mut Connection) -> Outcome<[usize; 2]> {
        let first = self.first(stream).await?;
        let cookie = self.set_cookie()?.to_owned();
        let second = self.second(stream, &cookie).await?;
        Ok([first, second])
    }

    /// The first half of a session; the length of the answer.
    pub(crate) async fn first(&mut self, stream: &mut Connection) -> Outcome<usize> {
        self.messages += 1;
        self.start_up.stamp(self.messages, None);
        exchange(stream, &self.start_up.bytes, &mut self.answer).await
    }

    /// The second half; the length of the answer.
    pub(crate) async fn second(&mut self, stream: &mut Connection, cookie: &str) -> Outcome<usize> {
        self.messages += 1;
        let turn = if self.messages % 4 < 2 { 1 } else { 2 };
        let reply = &mut self.replies[if self.varies { turn } else { 0 }];
        reply.stamp(self.messages, Some(cookie));
        exchange(stream, &reply.bytes, &mut self.answer).await
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.answer[head_len(&self.answer).unwrap_or_default()..]
    }

    /// The value of the last answer's `Set-Cookie`.
    pub(crate) fn set_cookie(&self) -> Outcome<&str> {
        cookie(&self.answer)
    }
}

impl Prepared {
    fn new(body: &str, cookie: Option<&str>) -> Outcome<Self> {
        let length = body.len();
        let cookie_line = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let text = format!(
            "POST {LOGIN_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie_line}Content-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let nonce = text.find(NONCE).ok_or("no nonce")?;
        let cookie = cookie.and_then(|cookie| text.find(cookie));
        Ok(Self { bytes: text.into_bytes(), nonce, cookie })
    }

    fn stamp(&mut self, number: u64, cookie: Option<&str>) {
        let digits = format!("{number:016X}");
        self.bytes[self.nonce..self.nonce + digits.len()].copy_from_slice(digits.as_bytes());
        if let (Some(at), Some(cookie)) = (self.cookie, cookie) {
            self.bytes[at..at + COOKIE.len()].copy_from_slice(cookie.as_bytes());
        }
    }
}

/// The reply with a blank more in the start tag of that item.
fn with_blank(body: &str, item: usize) -> Outcome<Prepared> {
    let (at, _) = body.match_indices("<Item ").nth(item).ok_or("no item")?;
    let (front, rest) = body.split_at(at + "<Item".len());
    Prepared::new(&format!("{front} {rest}"), Some(COOKIE))
}

/// Sends a request and reads the whole answer; its length.
async fn exchange(stream: &mut Connection, request: &[u8], answer: &mut Vec<u8>) -> Outcome<usize> {
    stream.write_all(request).await?;
    answer.clear();
    let whole = loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(head) = head_len(answer) {
            break head + content_length(&answer[..head])?;
        }
    };
    while answer.len() < whole {
        if stream.read_buf(answer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    if answer.len() > whole || !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("not an answer: {}", String::from_utf8_lossy(answer)).into());
    }
    Ok(whole)
}

fn head_len(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4)
}

fn field<'a>(answer: &'a [u8], name: &str) -> Option<&'a str> {
    let start = answer.windows(name.len()).position(|bytes| bytes == name.as_bytes())? + name.len();
    let rest = &answer[start..];
    let end = rest.iter().position(|byte| *byte == b'\r')?;
    std::str::from_utf8(&rest[..end]).ok()
}

fn content_length(head: &[u8]) -> Outcome<usize> {
    Ok(field(head, "\r\nContent-Length: ").ok_or("no Content-Length")?.parse()?)
}

fn cookie(answer: &[u8]) -> Outcome<&str> {
    let cookie = field(answer, "\r\nSet-Cookie: ").ok_or("no Set-Cookie")?;
    if cookie.len() == COOKIE.len() { Ok(cookie) } else { Err(format!("an unknown cookie: {cookie}").into()) }
}
