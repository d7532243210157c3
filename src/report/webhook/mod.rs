//! `POST /webhook/git`: a forge tells that somebody has pushed, and the branch is fetched at once. It is served by the
//! status server, or on a port of its own.
//!
//! Who may tell knows the secret of `--webhook-secret-file`. What a forge signs is checked over the whole body, before
//! anything of it is read:
//!
//! | forge | header |
//! |---|---|
//! | GitHub, Gitea, Forgejo | `X-Hub-Signature-256: sha256=HEX` |
//! | Gitea, Forgejo | `X-Gitea-Signature: HEX` |
//! | Bitbucket | `X-Hub-Signature: sha256=HEX` |
//! | GitLab | `X-Gitlab-Token: SECRET` |
//! | anybody | `X-Phoneops-Signature: sha256=HEX` over `TIMESTAMP.BODY`, with `X-Phoneops-Timestamp: UNIX-SECONDS` |
//!
//! A delivery whose signature was seen in the last minutes, or a time that is not now, does nothing. All of it only makes
//! phoneops look at its branch sooner than it would have: no content of a delivery is taken over. As the signature is all
//! that counts, no token is asked for, and no host: a browser has nothing that it could send along.
//!
//! The signature is looked at whoever sends, for a forge behind a proxy has the address of all others behind it; only
//! what is not signed, or was seen before, counts with the strangers (see [`memory`]).
//!
//! - [`read`]: a delivery on its way in
//! - [`proof`]: what proves that a sender knows the secret
//! - [`verdict`]: what becomes of it
//! - [`memory`]: how many are looked at, and which were seen before

mod memory;
mod proof;
mod read;
mod verdict;

use std::{
    fs::File,
    io::{self, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Request, State as Shared},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use jiff::Timestamp;
use memory::{Memory, Met};
use proof::Proof;
use read::{BODY, Delivery, PLACES};
use serde::Deserialize;
use tokio::sync::Semaphore;
use verdict::Verdict;

use super::{access::Peer, metrics::ServiceMetrics};
use crate::source::Trigger;

/// Where forges tell of pushes.
pub(super) const PATH: &str = "/webhook/git";
/// Largest file of a secret, in bytes.
const SECRET: u64 = 4 << 10;

/// How it is set.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// A port of its own; else it is a page of the status server.
    pub listen: Option<SocketAddr>,
    /// The file with the secret; read at each delivery, so that it can be changed.
    pub secret_file: PathBuf,
    /// The branch that is followed; pushes to others do nothing.
    pub branch: String,
}

impl WebhookSettings {
    /// Whether the secret can be read and is one.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn check(&self) -> io::Result<()> {
        secret(&self.secret_file).map(drop)
    }
}

/// The secret: the file without white space around it.
pub(super) fn secret(file: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    File::open(file).and_then(|open| open.take(SECRET).read_to_end(&mut bytes)).map_err(named)?;
    let secret = bytes.trim_ascii();
    if secret.len() < 8 {
        return Err(named(io::Error::other("a webhook secret has 8 bytes or more; openssl rand -hex 32 makes one")));
    }
    Ok(secret.to_vec())
}

struct Hook {
    settings: WebhookSettings,
    trigger: Trigger,
    metrics: Arc<ServiceMetrics>,
    memory: Mutex<Memory>,
    /// For large deliveries.
    places: Semaphore,
}

/// The one route, to be merged into another router. It is to be served by [`serve`](super::server::serve), which says
/// where each request comes from.
pub fn route(settings: WebhookSettings, trigger: Trigger, metrics: Arc<ServiceMetrics>) -> Router {
    let places = Semaphore::new(PLACES);
    let hook = Arc::new(Hook { settings, trigger, metrics, memory: Mutex::default(), places });
    Router::new().route(PATH, post(take)).with_state(hook)
}

/// The one route, for a port of its own.
pub fn router(settings: WebhookSettings, trigger: Trigger, metrics: Arc<ServiceMetrics>) -> Router {
    route(settings, trigger, metrics).fallback(async || StatusCode::NOT_FOUND)
}

async fn take(Shared(hook): Shared<Arc<Hook>>, request: Request) -> (StatusCode, &'static str) {
    let peer = match request.extensions().get::<Peer>() {
        Some(Peer::Tcp { from, .. }) => from.ip().to_canonical().to_string(),
        Some(Peer::Local { user }) => user.clone(),
        None => String::new(),
    };
    let verdict = match read::whole(request, &hook.places).await {
        Ok(Delivery { headers, body, place }) => {
            let judge = Arc::clone(&hook);
            // a file is read and much is computed
            let judged = move || judge.judge(&headers, &body, Timestamp::now());
            let verdict = tokio::task::spawn_blocking(judged).await.unwrap_or(Verdict::Broken);
            drop(place);
            verdict
        }
        Err(verdict) => verdict,
    };
    hook.metrics.webhook(verdict.as_str());
    match verdict {
        Verdict::Fetched => {
            tracing::info!("a push was told: the branch is looked at");
            hook.trigger.fetch_now();
        }
        Verdict::Unsigned => tracing::warn!(peer, "a webhook without a good signature was turned away"),
        Verdict::Stale => tracing::warn!(peer, "a webhook was turned away: its time is too far from ours"),
        Verdict::TooLarge => tracing::warn!(peer, limit = BODY, "a webhook was turned away: it is too large"),
        Verdict::Limited => tracing::warn!("more webhooks than are looked at in a minute were turned away"),
        Verdict::Crowded => {
            hook.metrics.bound_hit("webhooks");
            tracing::warn!(places = PLACES, "a large webhook was turned away: as many come in as may");
        }
        _ => {}
    }
    (verdict.status(), verdict.told())
}

impl Hook {
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict {
        let secret = match secret(&self.settings.secret_file) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "the secret of webhooks cannot be read: none is taken");
                return Verdict::NoSecret;
            }
        };
        let proof = proof::of(headers, body, &secret, now);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let met = match proof {
            Proof::Good(signature) => memory.meet(signature, now),
            Proof::Stale | Proof::None if !memory.meet_unsigned(now) => Met::TooMany,
            Proof::Stale => return Verdict::Stale,
            Proof::None => return Verdict::Unsigned,
        };
        drop(memory);
        match met {
            Met::TooMany => Verdict::Limited,
            Met::Before => Verdict::Repeated,
            Met::New if !tells_of_push(headers) => Verdict::OtherEvent,
            Met::New if is_other_branch(body, &self.settings.branch) => Verdict::OtherBranch,
            Met::New => Verdict::Fetched,
        }
    }
}

/// Whether a delivery tells of a push; what says nothing counts. The second word is Bitbucket Data Center's.
fn tells_of_push(headers: &HeaderMap) -> bool {
    let events = ["x-github-event", "x-gitea-event", "x-event-key", "x-gitlab-event"];
    let event = events.iter().find_map(|name| headers.get(*name)?.to_str().ok()).unwrap_or("push").to_ascii_lowercase();
    event.contains("push") || event.contains("refs_changed")
}

/// Whether a push says that it is to another branch; what says nothing counts.
fn is_other_branch(body: &[u8], branch: &str) -> bool {
    #[derive(Deserialize)]
    struct Push {
        #[serde(rename = "ref")]
        reference: String,
    }
    let push: Option<Push> = serde_json::from_slice(body).ok();
    push.is_some_and(|push| push.reference.strip_prefix("refs/heads/").is_none_or(|pushed| pushed != branch))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::{
        body::{Body, Bytes, to_bytes},
        http::HeaderValue,
    };
    use futures_util::{StreamExt as _, stream};
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use jiff::SignedDuration;
    use sha2::Sha256;
    use tower::ServiceExt as _;

    use super::*;

    const KEY: &str = "not-to-be-guessed";
    const BODY: &[u8] = br#"{"ref": "refs/heads/main"}"#;

    fn hook(folder: &Path) -> Hook {
        let secret_file = folder.join("secret");
        fs::write(&secret_file, format!("{KEY}\n")).unwrap();
        let settings = WebhookSettings { listen: None, secret_file, branch: "main".to_owned() };
        let metrics = Arc::new(ServiceMetrics::new());
        let places = Semaphore::new(PLACES);
        Hook { settings, trigger: Trigger::of_nothing(), metrics, memory: Mutex::default(), places }
    }

    fn signature(parts: &[&[u8]]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        for part in parts {
            mac.update(part);
        }
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        crate::fleet::fingerprint::to_hex(&bytes)
    }

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn signed_body() -> (&'static str, String) {
        ("x-hub-signature-256", format!("sha256={}", signature(&[BODY])))
    }

    #[test]
    fn a_push_of_each_forge_is_fetched_once_whatever_id_it_has() {
        let temp = tempfile::tempdir().unwrap();
        let signed = || signature(&[BODY]);
        let stamped = signature(&[b"1800000000", b".", BODY]);
        let forges = [
            vec![signed_body(), ("x-github-event", "push".into()), ("x-github-delivery", "1".into())],
            vec![("x-gitea-signature", signed()), ("x-gitea-event", "push".into()), ("x-gitea-delivery", "1".into())],
            vec![("x-hub-signature", format!("sha256={}", signed())), ("x-event-key", "repo:push".into())],
            vec![("x-hub-signature", format!("sha256={}", signed())), ("x-event-key", "repo:refs_changed".into())],
            vec![("x-gitlab-token", KEY.into()), ("x-gitlab-event", "Push Hook".into())],
            vec![("x-phoneops-signature", format!("sha256={stamped}")), ("x-phoneops-timestamp", "1800000000".into())],
        ];
        for forge in forges {
            let hook = hook(temp.path());
            let mut given = headers(&forge);
            assert_eq!(hook.judge(&given, BODY, now()), Verdict::Fetched, "{forge:?}");
            assert_eq!(hook.judge(&given, BODY, now()), Verdict::Repeated, "{forge:?}");
            for id in ["x-github-delivery", "x-gitea-delivery", "x-gitlab-event-uuid", "x-request-uuid"] {
                given.insert(id, HeaderValue::from_static("another"));
            }
            assert_eq!(hook.judge(&given, BODY, now()), Verdict::Repeated, "the id is not signed: {forge:?}");
        }
    }

    #[test]
    fn a_recorded_delivery_is_taken_again_only_when_it_is_forgotten_or_never() {
        let temp = tempfile::tempdir().unwrap();
        let hook = hook(temp.path());
        let (plain, minutes) = (headers(&[signed_body()]), SignedDuration::from_mins);
        assert_eq!(hook.judge(&plain, BODY, now()), Verdict::Fetched);
        assert_eq!(hook.judge(&plain, BODY, now() + minutes(10)), Verdict::Repeated);
        assert_eq!(
            hook.judge(&plain, BODY, now() + minutes(11)),
            Verdict::Fetched,
            "a redelivery by hand, the next day"
        );
        // one whose time lies ahead is remembered as long as its time is good
        let ahead = (now() + minutes(5)).as_second().to_string();
        let stamped = format!("sha256={}", signature(&[ahead.as_bytes(), b".", BODY]));
        let stamped = headers(&[("x-phoneops-signature", stamped), ("x-phoneops-timestamp", ahead)]);
        assert_eq!(hook.judge(&stamped, BODY, now()), Verdict::Fetched);
        assert_eq!(hook.judge(&stamped, BODY, now() + minutes(10)), Verdict::Repeated);
        assert_eq!(hook.judge(&stamped, BODY, now() + minutes(11)), Verdict::Stale);
    }

    #[test]
    fn whoever_does_not_know_the_secret_or_comes_late_is_turned_away() {
        let temp = tempfile::tempdir().unwrap();
        let hook = hook(temp.path());
        let good = signed_body().1;
        let stamped = format!("sha256={}", signature(&[b"1800000000", b".", BODY]));
        let late = now() + SignedDuration::from_mins(6);
        let judge = |pairs: &[(&'static str, String)], body: &[u8], at| hook.judge(&headers(pairs), body, at);
        assert_eq!(judge(&[], BODY, now()), Verdict::Unsigned);
        assert_eq!(judge(&[("x-hub-signature-256", good.clone())], b"another body", now()), Verdict::Unsigned);
        assert_eq!(judge(&[("x-hub-signature-256", good[..20].to_owned())], BODY, now()), Verdict::Unsigned);
        assert_eq!(judge(&[("x-hub-signature", "sha1=00".into())], BODY, now()), Verdict::Unsigned);
        assert_eq!(judge(&[("x-gitlab-token", "not-to-be-guesseD".into())], BODY, now()), Verdict::Unsigned);
        let time = ("x-phoneops-timestamp", "1800000000".to_owned());
        assert_eq!(judge(&[("x-phoneops-signature", stamped.clone()), time.clone()], BODY, late), Verdict::Stale);
        assert_eq!(
            judge(&[("x-phoneops-signature", good.clone()), time], BODY, late),
            Verdict::Unsigned,
            "who does not know the secret is not told of clocks"
        );
        assert_eq!(judge(&[("x-phoneops-signature", stamped)], BODY, now()), Verdict::Unsigned, "without its time");
        assert_eq!(
            judge(&[("x-hub-signature-256", good)], BODY, late),
            Verdict::Fetched,
            "and the others are as good as ever"
        );
    }

    #[test]
    fn other_events_and_branches_do_nothing_and_too_many_are_turned_away() {
        let temp = tempfile::tempdir().unwrap();
        let hook = hook(temp.path());
        let signed = |body: &[u8], event: &str| {
            let signature = ("x-hub-signature-256", format!("sha256={}", signature(&[body])));
            hook.judge(&headers(&[signature, ("x-github-event", event.to_owned())]), body, now())
        };
        assert_eq!(signed(b"{}", "ping"), Verdict::OtherEvent);
        assert_eq!(signed(br#"{"ref": "refs/heads/trial"}"#, "push"), Verdict::OtherBranch);
        assert_eq!(signed(br#"{"ref": "refs/tags/main"}"#, "push"), Verdict::OtherBranch);
        assert_eq!(signed(b"no json at all", "push"), Verdict::Fetched);
        // a stranger does what it can, and then the forge still has all of its own
        let strange = || hook.judge(&HeaderMap::new(), BODY, now());
        assert!((0..memory::RATE).all(|_| strange() == Verdict::Unsigned));
        assert_eq!(strange(), Verdict::Limited);
        let ping = |number: usize| signed(format!("{number}").as_bytes(), "ping");
        assert!((4..memory::RATE).all(|number| ping(number) == Verdict::OtherEvent));
        assert_eq!(signed(BODY, "push"), Verdict::Limited);
        let later = now() + SignedDuration::from_secs(61);
        assert_eq!(hook.judge(&headers(&[signed_body()]), BODY, later), Verdict::Fetched);
    }

    #[test]
    fn a_short_secret_is_none_and_without_one_nothing_is_taken() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("short"), "abc\n").unwrap();
        assert!(secret(&temp.path().join("short")).unwrap_err().to_string().contains("8 bytes or more"));
        assert!(secret(&temp.path().join("none")).unwrap_err().to_string().contains("none"));
        let hook = hook(temp.path());
        fs::remove_file(temp.path().join("secret")).unwrap();
        assert_eq!(hook.judge(&headers(&[signed_body()]), BODY, now()), Verdict::NoSecret);
    }

    /// What a post at this router is answered from that address.
    async fn posted(
        router: &Router,
        from: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (StatusCode, String) {
        let peer = Peer::Tcp { from: from.parse().unwrap(), to: ([127, 0, 0, 1], 80).into() };
        let mut request = Request::post(PATH).extension(peer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let status = answer.status();
        let told = to_bytes(answer.into_body(), 1_000).await.unwrap();
        (status, String::from_utf8(told.to_vec()).unwrap())
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_turned_away_is_counted_and_logged_with_its_address_and_without_the_secret() {
        let temp = tempfile::tempdir().unwrap();
        let Hook { settings, trigger, metrics, .. } = hook(temp.path());
        let router = router(settings, trigger, Arc::clone(&metrics));
        let log = Log::default();
        let written = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let unsigned = posted(&router, "192.0.2.1:4711", &[], BODY.to_vec()).await;
        assert_eq!(unsigned, (StatusCode::UNAUTHORIZED, "no good signature\n".to_owned()));
        let old = format!("sha256={}", signature(&[b"1700000000", b".", BODY]));
        let stale = [("x-phoneops-signature", old.as_str()), ("x-phoneops-timestamp", "1700000000")];
        let (status, told) = posted(&router, "[::ffff:192.0.2.2]:4711", &stale, BODY.to_vec()).await;
        assert!(status == StatusCode::UNAUTHORIZED && told.contains("5 minutes from ours"), "{told}");
        let announced = [("content-length", "5242881")];
        assert_eq!(posted(&router, "192.0.2.3:1", &announced, Vec::new()).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            posted(&router, "192.0.2.4:1", &[], vec![b'x'; super::BODY + 1]).await.0,
            StatusCode::PAYLOAD_TOO_LARGE
        );
        let token = [("x-gitlab-token", KEY)];
        assert_eq!(posted(&router, "192.0.2.5:1", &token, BODY.to_vec()).await.0, StatusCode::ACCEPTED);
        for _ in 0..memory::RATE {
            posted(&router, "192.0.2.6:1", &[], BODY.to_vec()).await;
        }
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for (address, why) in [
            ("192.0.2.1", "without a good"),
            ("192.0.2.2", "its time"),
            ("192.0.2.3", "too large"),
            ("192.0.2.4", "too large"),
        ] {
            let line = log.lines().find(|line| line.contains(address)).unwrap_or_else(|| panic!("{address} in {log}"));
            assert!(line.contains("WARN") && line.contains(why), "{line}");
        }
        assert!(!log.contains(KEY) && !log.contains(&old), "{log}");
        let text = metrics.encode();
        for line in ["refused\"} 59", "stale\"} 1", "too-large\"} 2", "fetched\"} 1", "limited\"} 2"] {
            assert!(text.contains(&format!("phoneops_webhooks_total{{result=\"{line}\n")), "{line} in {text}");
        }
    }

    #[tokio::test]
    async fn who_sends_large_deliveries_slowly_keeps_large_ones_out_and_no_small_one() {
        let temp = tempfile::tempdir().unwrap();
        let Hook { settings, trigger, metrics, .. } = hook(temp.path());
        let router = router(settings, trigger, Arc::clone(&metrics));
        // so many bytes come, and then nothing more
        let begun = |number: usize, bytes: usize| {
            let router = router.clone();
            let come = stream::iter([Ok::<_, io::Error>(Bytes::from(vec![b'x'; bytes]))]);
            let never = Body::from_stream(come.chain(stream::pending()));
            // half of them say how large they are
            let header = if number.is_multiple_of(2) { ("content-length", "100000") } else { ("x-chunked", "yes") };
            async move { posted(&router, "192.0.2.1:1", &[header], never).await.0 }
        };
        let token = ("x-gitlab-token", KEY);
        let whole = |byte: u8| vec![byte; read::SMALL + 1];
        let few: Vec<_> = (0..2 * PLACES).map(|number| tokio::spawn(begun(number, read::SMALL))).collect();
        tokio::task::yield_now().await;
        assert_eq!(
            posted(&router, "192.0.2.2:1", &[token], whole(b'x')).await.0,
            StatusCode::ACCEPTED,
            "what has sent little holds no place, whatever it says"
        );
        let slow: Vec<_> = (0..PLACES).map(|number| tokio::spawn(begun(number, read::SMALL + 1))).collect();
        tokio::task::yield_now().await;
        assert_eq!(begun(0, read::SMALL + 1).await, StatusCode::TOO_MANY_REQUESTS);
        let chunked = [token];
        let announced = [token, ("content-length", "26")];
        assert_eq!(posted(&router, "192.0.2.2:1", &announced, BODY.to_vec()).await.0, StatusCode::ACCEPTED);
        assert_eq!(posted(&router, "192.0.2.2:1", &chunked, b"{}".to_vec()).await.0, StatusCode::ACCEPTED);
        let text = metrics.encode();
        assert!(text.contains("phoneops_service_bounds_hit_total{bound=\"webhooks\"} 1\n"), "{text}");
        let slow: Vec<_> = few.into_iter().chain(slow).collect();
        slow.iter().for_each(tokio::task::JoinHandle::abort);
        for slow in slow {
            assert!(slow.await.unwrap_err().is_cancelled());
        }
        assert_eq!(
            posted(&router, "192.0.2.2:1", &[token], whole(b'y')).await.0,
            StatusCode::ACCEPTED,
            "there is room again"
        );
    }
}
