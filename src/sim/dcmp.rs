//! A phone that nobody can call asks by itself whether it is wanted: as soon as its `dcmp-url` is set,
//! and until it is empty or `NULL`.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    net::lookup_host,
    time::{Instant, timeout},
};

use super::{
    fault::Fault,
    link,
    run::Shared,
    state::{Cause, State},
};

/// Most bytes of an answer that are read; there should be none.
const ANSWER_LIMIT: usize = 4_096;

/// What a poll was answered: HTTP status and length of the body.
type Answered = (u16, usize);

impl State {
    /// When the next poll is due, unless there is contact before; `None` for a phone that does not poll.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        let heard = self.heard.filter(|_| self.powered)?;
        self.dcmp_url().map(|_| heard + self.settings.timing.poll)
    }

    /// Where and what the phone polls: `<dcmp-url>contact-me?device-id=<MAC>`.
    fn poll_url(&self) -> Option<String> {
        let slash = if self.faults.has(&Fault::PollDoubleSlash) { "/" } else { "" };
        let id = &self.settings.id;
        let id = if self.faults.has(&Fault::PollPercentCoded) { id.replace(':', "%3A") } else { id.clone() };
        self.dcmp_url().map(|url| format!("{url}{slash}contact-me?device-id={id}"))
    }

    fn dcmp_url(&self) -> Option<String> {
        Some(self.text_of("dcmp-url")).filter(|url| !url.is_empty() && url != "NULL")
    }

    fn polled(&mut self, answered: Result<Answered, String>, now: Instant) {
        self.heard = Some(now);
        let (status, length) = match answered {
            Ok(answered) => answered,
            Err(problem) => {
                self.record.counts.polls_lost += 1;
                self.tell(|| format!("poll: no answer: {problem}"));
                return;
            }
        };
        self.record.counts.polls += 1;
        self.tell(|| format!("poll → {status}"));
        if length > 0 {
            self.record.violation(format!("poll answered with a body of {length} bytes (R-312)"));
        }
        match status {
            200 => {}
            202 => self.call_soon(Cause::Contact(None), now),
            _ => self.record.violation(format!("poll answered with HTTP status {status} (R-312)")),
        }
    }
}

/// Polls once.
pub(super) async fn poll(shared: &Shared) {
    let (url, from, limit) = {
        let state = shared.look();
        (state.poll_url(), state.settings.address, state.settings.timing.connect)
    };
    let Some(url) = url else { return };
    let asked = async {
        let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        ask(&uri, from).await.map_err(|error| format!("{url}: {error}"))
    };
    let answered = timeout(limit, asked).await.unwrap_or_else(|_| Err(format!("nothing within {limit:?}")));
    shared.change(|state| state.polled(answered, Instant::now()));
}

/// Why a poll got no answer.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("no http URL of a host")]
    Url,
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the request cannot be built: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the answer cannot be read: {0}")]
    Body(String),
}

async fn ask(uri: &Uri, from: std::net::IpAddr) -> Result<Answered, PollError> {
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or(PollError::Url)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(80);
    let to = lookup_host((host, port)).await?.next().ok_or(PollError::Url)?;
    let tcp = link::tcp(from, to).await?;
    let builder = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(tcp));
    let (mut sender, connection) = builder.await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(HOST, authority.as_str()).body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        Ok((status, body.map_err(|error| PollError::Body(error.to_string()))?.to_bytes().len()))
    };
    tokio::select! {
        answered = exchange => answered,
        // it only ends first when the server hung up
        Err(error) = connection => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;
    use crate::{
        sim::{Server, SimSettings, basic::plain_id},
        wpi::{ItemText, contact::ContactMe},
    };

    /// A phone that was given power and this `dcmp-url`.
    fn state(url: &str, begin: Instant) -> State {
        let here = Ipv4Addr::LOCALHOST.into();
        let settings = SimSettings::new("00:1A:E8:12:34:56", here, Server::at((here, 1).into()));
        let mut state = State::new(settings, (here, 8085).into());
        state.boot(begin, Duration::ZERO);
        state.dues.clear();
        state.device.memory.put(plain_id("dcmp-url").unwrap(), ItemText::plain(url));
        state
    }

    #[tokio::test]
    async fn a_poll_is_due_so_long_after_the_last_contact_of_any_kind() {
        //
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut state = state("http://192.0.2.10/dcmp/", begin);
        assert_eq!(state.poll_at(), Some(after(60)));
        state.contacted(&ContactMe::default(), after(30));
        assert_eq!(state.poll_at(), Some(after(90)));
        state.polled(Ok((200, 0)), after(90));
        assert_eq!(state.poll_at(), Some(after(150)));
        state.boot(after(100), Duration::from_secs(30));
        assert_eq!(state.poll_at(), None, "without power");
    }

    #[tokio::test]
    async fn an_empty_url_or_null_ends_the_polling() {
        for url in ["", "NULL"] {
            assert_eq!(state(url, Instant::now()).poll_at(), None, "{url:?}");
        }
    }

    #[tokio::test]
    async fn a_poll_names_the_phone_behind_the_url_as_it_stands() {
        //
        let mut state = state("http://192.0.2.10/dcmp/", Instant::now());
        let tail = |state: &State| state.poll_url().unwrap().split_off("http://192.0.2.10/dcmp/".len());
        assert_eq!(tail(&state), "contact-me?device-id=00:1A:E8:12:34:56");
        state.faults.set(Fault::PollDoubleSlash);
        state.faults.set(Fault::PollPercentCoded);
        assert_eq!(tail(&state), "/contact-me?device-id=00%3A1A%3AE8%3A12%3A34%3A56");
    }
}
