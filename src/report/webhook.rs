//! `POST /webhook/git` on a port of its own: a forge tells that somebody has pushed, and the branch is fetched at once.
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
//! A delivery that was seen, or a time that is not now, does nothing. All of it only makes phoneops look at its branch
//! sooner than it would have: no content of a delivery is taken over.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State as Shared},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::metrics::ServiceMetrics;
use crate::{fleet::fingerprint::unhex, source::Trigger};

/// Largest body, in bytes.
const BODY: usize = 5 << 20;
/// Largest file of a secret, in bytes.
const SECRET: u64 = 4 << 10;
/// Deliveries that are remembered.
const REMEMBERED: usize = 1_000;
/// How far the time of a delivery may be from ours.
const REPLAY: SignedDuration = SignedDuration::from_mins(5);
/// Most deliveries that are looked at within [`MINUTE`]; more are turned away before anything is computed.
const RATE: usize = 60;
const MINUTE: Duration = Duration::from_mins(1);

/// How it is set.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where it listens.
    pub listen: SocketAddr,
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

/// What is remembered of deliveries.
#[derive(Debug, Default)]
struct Memory {
    /// When they came, within the last minute.
    recent: VecDeque<Timestamp>,
    /// Those that did something.
    seen: VecDeque<[u8; 32]>,
}

impl Memory {
    fn is_too_many(&mut self, now: Timestamp) -> bool {
        let minute = SignedDuration::try_from(MINUTE).unwrap_or(SignedDuration::ZERO);
        while self.recent.front().is_some_and(|at| now.duration_since(*at) > minute) {
            self.recent.pop_front();
        }
        if self.recent.len() >= RATE {
            return true;
        }
        self.recent.push_back(now);
        false
    }

    /// Whether it was seen; it is from now on.
    fn was_seen(&mut self, delivery: [u8; 32]) -> bool {
        if self.seen.contains(&delivery) {
            return true;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(delivery);
        false
    }
}

struct Hook {
    settings: WebhookSettings,
    trigger: Trigger,
    metrics: Arc<ServiceMetrics>,
    memory: Mutex<Memory>,
}

/// The one route. It is to be served by [`serve`](super::server::serve).
pub fn router(settings: WebhookSettings, trigger: Trigger, metrics: Arc<ServiceMetrics>) -> Router {
    let hook = Arc::new(Hook { settings, trigger, metrics, memory: Mutex::default() });
    Router::new()
        .route("/webhook/git", post(take))
        .fallback(async || StatusCode::NOT_FOUND)
        .with_state(hook)
        .layer(DefaultBodyLimit::max(BODY))
}

async fn take(Shared(hook): Shared<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let (result, status, told) = hook.judge(&headers, &body, Timestamp::now());
    hook.metrics.webhook(result);
    if result == "fetched" {
        tracing::info!("a push was told: the branch is looked at");
        hook.trigger.fetch_now();
    } else if status == StatusCode::UNAUTHORIZED {
        tracing::warn!("a webhook without a good signature was turned away");
    }
    (status, told)
}

/// What becomes of a delivery: the word of the metric, the status and the text of the answer.
type Verdict = (&'static str, StatusCode, &'static str);

impl Hook {
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict {
        if self.memory.lock().unwrap_or_else(PoisonError::into_inner).is_too_many(now) {
            return ("limited", StatusCode::TOO_MANY_REQUESTS, "too many deliveries; the branch is looked at anyway\n");
        }
        let secret = match secret(&self.settings.secret_file) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "the secret of webhooks cannot be read: none is taken");
                return ("refused", StatusCode::SERVICE_UNAVAILABLE, "the secret cannot be read\n");
            }
        };
        let Some(proof) = proof(headers, body, &secret, now) else {
            return ("refused", StatusCode::UNAUTHORIZED, "no good signature\n");
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let event = header("x-github-event").or_else(|| header("x-gitea-event")).or_else(|| header("x-event-key"));
        let event = event.or_else(|| header("x-gitlab-event")).unwrap_or("push").to_ascii_lowercase();
        // the second word is Bitbucket Data Center's
        if !event.contains("push") && !event.contains("refs_changed") {
            return ("ignored", StatusCode::OK, "nothing to do for this event\n");
        }
        if is_other_branch(body, &self.settings.branch) {
            return ("ignored", StatusCode::OK, "another branch is followed\n");
        }
        let delivery = ["x-github-delivery", "x-gitea-delivery", "x-gitlab-event-uuid", "x-request-uuid"];
        let named = delivery.iter().find_map(|name| header(name)).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(named);
        hash.update([0]);
        hash.update(proof);
        let delivery: [u8; 32] = hash.finalize().into();
        if self.memory.lock().unwrap_or_else(PoisonError::into_inner).was_seen(delivery) {
            return ("repeated", StatusCode::OK, "this delivery was seen already\n");
        }
        ("fetched", StatusCode::ACCEPTED, "the branch is looked at now\n")
    }
}

/// What proves that the sender knows the secret, different for each delivery; `None` if nothing does. Every comparison
/// takes the same time wherever it differs.
fn proof(headers: &HeaderMap, body: &[u8], secret: &[u8], now: Timestamp) -> Option<[u8; 32]> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mac = |parts: &[&[u8]]| -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        for part in parts {
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    };
    let is = |wanted: [u8; 32], hex: &str| unhex(hex).filter(|told| bool::from(told.ct_eq(&wanted)));
    if let Some(told) = header("x-phoneops-signature") {
        let time = header("x-phoneops-timestamp")?;
        let at = Timestamp::from_second(time.parse().ok()?).ok()?;
        let near = now.duration_since(at).abs() <= REPLAY;
        return is(mac(&[time.as_bytes(), b".", body])?, told.strip_prefix("sha256=")?).filter(|_| near);
    }
    for name in ["x-hub-signature-256", "x-hub-signature"] {
        if let Some(told) = header(name).and_then(|told| told.strip_prefix("sha256=")) {
            return is(mac(&[body])?, told);
        }
    }
    if let Some(told) = header("x-gitea-signature") {
        return is(mac(&[body])?, told);
    }
    let token: [u8; 32] = Sha256::digest(header("x-gitlab-token")?).into();
    let wanted: [u8; 32] = Sha256::digest(secret).into();
    // the body tells deliveries apart where the forge does not
    bool::from(token.ct_eq(&wanted)).then(|| mac(&[body])).flatten()
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

    use axum::http::HeaderValue;

    use super::*;

    const KEY: &str = "not-to-be-guessed";
    const BODY: &[u8] = br#"{"ref": "refs/heads/main"}"#;

    fn hook(folder: &Path) -> Hook {
        let secret_file = folder.join("secret");
        fs::write(&secret_file, format!("{KEY}\n")).unwrap();
        let settings = WebhookSettings { listen: ([127, 0, 0, 1], 0).into(), secret_file, branch: "main".to_owned() };
        let metrics = Arc::new(ServiceMetrics::new());
        Hook { settings, trigger: Trigger::of_nothing(), metrics, memory: Mutex::default() }
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

    #[test]
    fn a_push_of_each_forge_is_fetched_once() {
        let temp = tempfile::tempdir().unwrap();
        let signed = || signature(&[BODY]);
        let stamped = signature(&[b"1800000000", b".", BODY]);
        let forges = [
            vec![("x-hub-signature-256", format!("sha256={}", signed())), ("x-github-event", "push".into())],
            vec![("x-gitea-signature", signed()), ("x-gitea-event", "push".into()), ("x-gitea-delivery", "1".into())],
            vec![("x-hub-signature", format!("sha256={}", signed())), ("x-event-key", "repo:push".into())],
            vec![("x-hub-signature", format!("sha256={}", signed())), ("x-event-key", "repo:refs_changed".into())],
            vec![("x-gitlab-token", KEY.into()), ("x-gitlab-event", "Push Hook".into())],
            vec![("x-phoneops-signature", format!("sha256={stamped}")), ("x-phoneops-timestamp", "1800000000".into())],
        ];
        for forge in forges {
            let hook = hook(temp.path());
            let given = headers(&forge);
            assert_eq!(hook.judge(&given, BODY, now()).0, "fetched", "{forge:?}");
            assert_eq!(hook.judge(&given, BODY, now()).0, "repeated", "{forge:?}");
        }
    }

    #[test]
    fn whoever_does_not_know_the_secret_or_comes_late_is_turned_away() {
        let temp = tempfile::tempdir().unwrap();
        let hook = hook(temp.path());
        let good = format!("sha256={}", signature(&[BODY]));
        let stamped = format!("sha256={}", signature(&[b"1800000000", b".", BODY]));
        let late = now() + SignedDuration::from_mins(6);
        let judge = |pairs: &[(&'static str, String)], body: &[u8], at| hook.judge(&headers(pairs), body, at);
        assert_eq!(judge(&[], BODY, now()).1, StatusCode::UNAUTHORIZED);
        assert_eq!(judge(&[("x-hub-signature-256", good.clone())], b"another body", now()).0, "refused");
        assert_eq!(judge(&[("x-hub-signature-256", good[..20].to_owned())], BODY, now()).0, "refused");
        assert_eq!(judge(&[("x-hub-signature", "sha1=00".into())], BODY, now()).0, "refused");
        assert_eq!(judge(&[("x-gitlab-token", "not-to-be-guesseD".into())], BODY, now()).0, "refused");
        let time = ("x-phoneops-timestamp", "1800000000".to_owned());
        assert_eq!(judge(&[("x-phoneops-signature", stamped.clone()), time.clone()], BODY, late).0, "refused");
        assert_eq!(judge(&[("x-phoneops-signature", stamped)], BODY, now()).0, "refused", "without its time");
        assert_eq!(
            judge(&[("x-hub-signature-256", good)], BODY, late).0,
            "fetched",
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
        assert_eq!(signed(BODY, "ping").0, "ignored");
        assert_eq!(signed(br#"{"ref": "refs/heads/trial"}"#, "push").0, "ignored");
        assert_eq!(signed(br#"{"ref": "refs/tags/main"}"#, "push").0, "ignored");
        assert_eq!(signed(b"no json at all", "push").0, "fetched");
        for _ in 0..RATE {
            signed(BODY, "ping");
        }
        assert_eq!(signed(BODY, "push").1, StatusCode::TOO_MANY_REQUESTS);
        let later = now() + SignedDuration::from_secs(61);
        let good = ("x-hub-signature-256", format!("sha256={}", signature(&[BODY])));
        assert_eq!(hook.judge(&headers(&[good]), BODY, later).0, "fetched");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_short_secret_is_none() {
        let mut memory = Memory::default();
        for number in 0..2 * REMEMBERED {
            let mut delivery = [0; 32];
            delivery[..8].copy_from_slice(&number.to_le_bytes());
            assert!(!memory.was_seen(delivery) && memory.was_seen(delivery));
        }
        assert_eq!(memory.seen.len(), REMEMBERED);
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("short"), "abc\n").unwrap();
        assert!(secret(&temp.path().join("short")).unwrap_err().to_string().contains("8 bytes or more"));
        assert!(secret(&temp.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
