//! Who may do what, decided before any route is looked at.
//!
//! | who | `/healthz`, `/readyz` | other reads, and `POST /api/v1/plan` | acts (anything else but GET and HEAD) |
//! |---|---|---|---|
//! | from loopback | yes | yes | token with right `act` |
//! | from elsewhere | yes | token | token with right `act` |
//! | the Unix socket | yes | yes | yes, as the local user |
//!
//! Browsers send a token as the password of HTTP Basic, whatever the user name: then the browser asks for it and forgets
//! it with its last window, and nobody needs a cookie. Because a browser sends it unasked from then on, an act with it
//! has to say that it comes from a page of ours. What the web page is drawn with, and the same everywhere, needs none.
//!
//! Where forges tell of pushes at this server (`/webhook/git`, see [`webhook`](super::webhook)), the signature of a delivery
//! is all that counts: neither token nor host is asked for, and nothing else is reached that way.
//!
//! A token that is sent has to be a good one, also where none is needed. A request that a proxy forwarded counts as
//! one from elsewhere. Over TCP the `Host` must be a loopback name or address, the address that was called, or one of
//! `--status-host`, so that a web page cannot reach the API under a name of its own (DNS rebinding); an act that a
//! browser sends for a page of another origin is refused.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    problem::Problem,
    tokens::{Rights, Tokens},
};

/// Where a connection comes from; the server puts it into each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Tcp {
        /// The address it comes from.
        from: SocketAddr,
        /// The address it called.
        to: SocketAddr,
    },
    /// Over the Unix socket.
    Local {
        /// The user's name, as the kernel and the machine know it.
        user: String,
    },
}

/// Who acts; the name goes into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

/// Lets a request through, with the actor where there is one, or says why not.
pub fn admit(
    parts: &Parts,
    peer: Option<&Peer>,
    hosts: &[String],
    tokens: Option<&Tokens>,
) -> Result<Option<Actor>, Problem> {
    if matches!(parts.uri.path(), "/healthz" | "/readyz") {
        return Ok(None);
    }
    let sends = !matches!(parts.method, Method::GET | Method::HEAD);
    // a plan changes nothing
    let act = sends && parts.uri.path() != super::plan::PATH;
    let local = match peer {
        Some(Peer::Local { user }) => return Ok(Some(Actor(user.clone()))),
        Some(Peer::Tcp { from, to }) => {
            check_host(parts, to.ip(), hosts)?;
            from.ip().to_canonical().is_loopback()
                && to.ip().to_canonical().is_loopback()
                && !is_forwarded(&parts.headers)
        }
        // a router that is not behind our server knows nothing of its callers
        None => false,
    };
    if sends {
        check_origin(&parts.headers)?;
    }
    if !sends && super::web::is_drawing(parts.uri.path()) {
        return Ok(None);
    }
    let Some(presented) = presented(&parts.headers)? else {
        if local && !act {
            return Ok(None);
        }
        let why = if act { "acts need a token with right act" } else { "reading from another machine needs a token" };
        let message = format!(
            "{why}: send it as `Authorization: Bearer …` (`--token-file` of the commands), or ask over the socket in \
             the state folder, `--server unix:…/api.sock`, which needs none"
        );
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-needed", message));
    };
    if act && presented.unasked && !says_its_origin(&parts.headers) {
        return Err(foreign());
    }
    let Some(token) = tokens.and_then(|tokens| tokens.find(&presented.token)) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-unknown", "this token is not in the tokens file"));
    };
    if act && token.rights < Rights::Act {
        let message = format!("the token of {} may read, not act", token.name);
        return Err(Problem::new(StatusCode::FORBIDDEN, "token-reads-only", message));
    }
    Ok(Some(Actor(token.name)))
}

/// A token as a request brings it.
struct Presented<'a> {
    token: Cow<'a, str>,
    /// Whether a browser may have added it by itself.
    unasked: bool,
}

fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let presented = value.to_str().ok().and_then(|text| {
        let (scheme, rest) = text.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Presented { token: rest.trim().into(), unasked: false });
        }
        let basic = STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let (_, password) = std::str::from_utf8(&basic).ok()?.split_once(':')?;
        Some(Presented { token: password.to_owned().into(), unasked: true })
    });
    presented.map(Some).ok_or_else(|| {
        let message = "Authorization has to be `Bearer` and a token, or `Basic` with a token for password";
        Problem::new(StatusCode::UNAUTHORIZED, "token-unknown", message)
    })
}

/// Whether a request says that a page of ours sends it; what it says was looked at before.
fn says_its_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

fn foreign() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross-origin", "acts for a page of another origin are refused")
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    const NAMES: [HeaderName; 3] =
        [FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];
    NAMES.iter().any(|name| headers.contains_key(name))
}

/// The host that a request is for must be one of ours; each place that names one is looked at.
fn check_host(parts: &Parts, called: IpAddr, hosts: &[String]) -> Result<(), Problem> {
    let mut named: Vec<Option<&str>> =
        parts.headers.get_all(HOST).iter().map(|value| value.to_str().ok().and_then(host_of)).collect();
    named.extend(parts.uri.host().map(Some));
    if named.is_empty() {
        return Err(Problem::bad_request("host-missing", "the request has no Host header"));
    }
    for host in named {
        if !host.is_some_and(|host| is_ours(host, called, hosts)) {
            let message = "this is not the host that was asked for; name it with --status-host if it should be";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host-unknown", message));
        }
    }
    Ok(())
}

/// The host part of `host:port`; brackets stay.
fn host_of(text: &str) -> Option<&str> {
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text.get(end..)?.rfind(':') {
        Some(colon) => (text.get(..end + colon)?, text.get(end + colon + 1..)?),
        None => (text, ""),
    };
    (!host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

fn is_ours(host: &str, called: IpAddr, hosts: &[String]) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback() || address == called.to_canonical() || named(bare, hosts);
    }
    let name = bare.strip_suffix('.').unwrap_or(bare);
    name.eq_ignore_ascii_case("localhost") || named(name, hosts)
}

fn named(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// A browser says where the page comes from that sends an act: it has to be our own.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return Err(foreign());
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let authority = |text: &str| text.parse::<Authority>().ok();
    let origin = origin.to_str().ok().and_then(|text| {
        let (scheme, rest) = text.split_once("://")?;
        matches!(scheme, "http" | "https").then(|| authority(rest)).flatten()
    });
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).and_then(authority);
    if origin.is_some() && origin == host { Ok(()) } else { Err(foreign()) }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn tcp(from: &str, to: &str) -> Peer {
        Peer::Tcp { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn ask(method: &str, headers: &[(&str, &str)], peer: &Peer) -> Result<Option<Actor>, &'static str> {
        let mut request = Request::builder().method(method).uri("/api/v1/phones");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        admit(&parts, Some(peer), &["phoneops.example".to_owned()], None).map_err(|problem| problem.code)
    }

    #[test]
    fn the_host_has_to_be_one_of_ours() {
        let peer = tcp("127.0.0.1:5000", "127.0.0.1:8080");
        for host in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:8080",
            "[::1]:8080",
            "127.0.0.53",
            "phoneops.example",
            "PhoneOps.example.:443",
        ] {
            assert_eq!(ask("GET", &[("host", host)], &peer), Ok(None), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.0.2.1", "", ":80", "localhost:80:80", "localhost:x"]
        {
            assert_eq!(ask("GET", &[("host", host)], &peer), Err("host-unknown"), "{host}");
        }
        assert_eq!(ask("GET", &[("host", "localhost"), ("host", "evil.example")], &peer), Err("host-unknown"));
        assert_eq!(ask("GET", &[], &peer), Err("host-missing"));
    }

    #[test]
    fn the_address_that_was_called_is_a_good_host_and_needs_a_token() {
        let peer = tcp("192.0.2.9:5000", "192.0.2.1:8080");
        assert_eq!(ask("GET", &[("host", "192.0.2.1:8080")], &peer), Err("token-needed"));
        assert_eq!(ask("GET", &[("host", "192.0.2.2:8080")], &peer), Err("host-unknown"));
    }

    #[test]
    fn what_a_proxy_on_this_machine_forwards_is_not_local() {
        let peer = tcp("127.0.0.1:5000", "127.0.0.1:8080");
        for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            assert_eq!(ask("GET", &[("host", "localhost"), (header, "192.0.2.9")], &peer), Err("token-needed"));
        }
    }

    #[test]
    fn an_act_for_a_page_of_another_origin_is_refused_before_its_token_is_looked_at() {
        let peer = tcp("127.0.0.1:5000", "127.0.0.1:8080");
        let post = |more: (&str, &str)| ask("POST", &[("host", "localhost:8080"), more], &peer);
        for origin in ["http://evil.example", "null", "http://localhost:9090", "file://localhost:8080"] {
            assert_eq!(post(("origin", origin)), Err("cross-origin"), "{origin}");
        }
        assert_eq!(post(("sec-fetch-site", "cross-site")), Err("cross-origin"));
        assert_eq!(post(("origin", "http://localhost:8080")), Err("token-needed"));
        assert_eq!(post(("sec-fetch-site", "same-origin")), Err("token-needed"));
    }

    #[test]
    fn what_a_browser_sends_by_itself_is_good_for_acts_of_our_own_pages_only() {
        let peer = tcp("127.0.0.1:5000", "127.0.0.1:8080");
        // any:token
        let basic = ("authorization", "Basic YW55OnRva2Vu");
        let ask = |method: &str, more: &[(&str, &str)]| {
            ask(method, &[&[("host", "localhost:8080"), basic], more].concat(), &peer)
        };
        assert_eq!(ask("POST", &[]), Err("cross-origin"));
        assert_eq!(ask("POST", &[("sec-fetch-site", "none")]), Err("cross-origin"));
        assert_eq!(ask("POST", &[("origin", "http://localhost:8081")]), Err("cross-origin"));
        // from here on it is the token that counts; there are none
        assert_eq!(ask("POST", &[("origin", "http://localhost:8080")]), Err("token-unknown"));
        assert_eq!(ask("POST", &[("sec-fetch-site", "same-origin")]), Err("token-unknown"));
        assert_eq!(ask("GET", &[]), Err("token-unknown"));
    }

    #[test]
    fn the_unix_socket_takes_the_local_user() {
        let peer = Peer::Local { user: "ada".into() };
        assert_eq!(ask("POST", &[("host", "whatever")], &peer), Ok(Some(Actor("ada".into()))));
    }
}
