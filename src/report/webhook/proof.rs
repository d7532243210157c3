//! What proves that the sender of a delivery knows the secret.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::fleet::fingerprint::unhex;

/// How far the time of a delivery may be from ours.
pub(super) const REPLAY: SignedDuration = SignedDuration::from_mins(5);

/// What a delivery proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Its sender knows the secret. What is signed has this signature: whatever else is in its headers, the same
    /// content has the same one.
    Good([u8; 32]),
    /// Its signature is good, and its time is too far from ours.
    Stale,
    /// Nothing.
    None,
}

/// Looks at the first header that can prove something. Every comparison takes the same time wherever it differs.
pub(super) fn of(headers: &HeaderMap, body: &[u8], secret: &[u8], now: Timestamp) -> Proof {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(told) = header("x-phoneops-signature") {
        return stamped(told, header("x-phoneops-timestamp"), body, secret, now).unwrap_or(Proof::None);
    }
    let told =
        ["x-hub-signature-256", "x-hub-signature"].into_iter().find_map(|name| header(name)?.strip_prefix("sha256="));
    if let Some(told) = told.or_else(|| header("x-gitea-signature")) {
        return mac(secret, &[body]).filter(|wanted| is(wanted, told)).map_or(Proof::None, Proof::Good);
    }
    let Some(token) = header("x-gitlab-token") else { return Proof::None };
    let (token, wanted): ([u8; 32], [u8; 32]) = (Sha256::digest(token).into(), Sha256::digest(secret).into());
    // GitLab signs nothing: what we would have signed tells its deliveries apart
    let own = bool::from(token.ct_eq(&wanted)).then(|| mac(secret, &[body])).flatten();
    own.map_or(Proof::None, Proof::Good)
}

fn stamped(told: &str, time: Option<&str>, body: &[u8], secret: &[u8], now: Timestamp) -> Option<Proof> {
    let (told, time) = (told.strip_prefix("sha256=")?, time?);
    let at = Timestamp::from_second(time.parse().ok()?).ok()?;
    let wanted = mac(secret, &[time.as_bytes(), b".", body]).filter(|wanted| is(wanted, told))?;
    Some(if now.duration_since(at).abs() <= REPLAY { Proof::Good(wanted) } else { Proof::Stale })
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

fn is(wanted: &[u8; 32], hex: &str) -> bool {
    unhex::<32>(hex).is_some_and(|told| bool::from(told.ct_eq(wanted)))
}
