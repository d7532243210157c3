//! The TCP connection below TLS: gives back what was read beyond a PROXY header, keeps the first bytes of the
//! handshake for [`Opening`], and bounds the time for which a peer may take nothing.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::client_hello::{OPENING_LIMIT, Opening};

/// A connection below TLS.
#[derive(Debug)]
pub(super) struct WireStream {
    tcp: TcpStream,
    ahead: Bytes,
    opening: Option<Vec<u8>>,
    write_limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl WireStream {
    /// `ahead` is read before anything that is still in the socket.
    pub(super) fn new(tcp: TcpStream, ahead: Bytes, write_limit: Duration) -> Self {
        Self { tcp, ahead, opening: Some(Vec::new()), write_limit, stalled: None }
    }

    /// How the peer opened the connection, as far as it was read.
    pub(super) fn opening(&self) -> Opening {
        Opening::read(self.opening.as_deref().unwrap_or_default())
    }

    /// Ends the keeping of first bytes.
    pub(super) fn opened(&mut self) {
        self.opening = None;
    }

    fn read_some(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(self.ahead.get(..length).unwrap_or_default());
        self.ahead.advance(length);
        Poll::Ready(Ok(()))
    }

    /// A write that is pending for too long is an error; one that moved starts the time anew.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.write_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes")))
    }
}

impl AsyncRead for WireStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(this.read_some(cx, buf))?;
        if let Some(opening) = &mut this.opening {
            let new = buf.filled().get(before..).unwrap_or_default();
            let room = OPENING_LIMIT.saturating_sub(opening.len()).min(new.len());
            opening.extend_from_slice(new.get(..room).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.tcp).poll_write(cx, buf);
        this.bounded(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
