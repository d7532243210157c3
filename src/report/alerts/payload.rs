//! What a webhook and a chat are sent. Names of phones and items, no values, nothing of calls.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;

use crate::fleet::{
    alert::{Told, Transition},
    fingerprint::to_hex,
};

/// The header with the key of a delivery.
pub const KEY_HEADER: &str = "idempotency-key";
/// The header with the seconds since 1970 at which it was signed.
pub const TIME_HEADER: &str = "x-phoneops-timestamp";
/// The header with the signature over `TIMESTAMP.BODY`: `sha256=HEX`.
pub const SIGNATURE_HEADER: &str = "x-phoneops-signature";
/// The version of the form.
pub const VERSION: u32 = 1;

/// The body of the webhook.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body<'a> {
    /// The version of this form; it is raised when a field changes its meaning.
    pub version: u32,
    /// The same for each delivery of this transition, and for no other.
    pub idempotency_key: String,
    /// `firing` or `resolved`.
    pub status: &'static str,
    /// The same for the same cause at the same place, at any time.
    pub fingerprint: String,
    /// The kind of alert.
    pub kind: &'static str,
    /// The cause, in letters.
    pub id: &'a str,
    /// How pressing it is: `critical` or `warning`.
    pub severity: &'static str,
    /// The site, or null.
    pub site: Option<&'a str>,
    /// The item, or null.
    pub item: Option<&'a str>,
    /// The revision, or null.
    pub revision: Option<&'a str>,
    /// How many phones it is about.
    pub phones: usize,
    /// The first ten of them.
    pub names: &'a [String],
    /// What is wrong here.
    pub text: &'a str,
    /// What this kind means.
    pub meaning: &'static str,
    /// What to do.
    pub action: &'static str,
    /// Since when.
    pub starts_at: Timestamp,
    /// When it was over; null while it fires.
    pub ends_at: Option<Timestamp>,
}

impl<'a> Body<'a> {
    /// What is told of an alert.
    pub fn of(told: &'a Told, transition: Transition) -> Self {
        Self {
            version: VERSION,
            idempotency_key: told.key(transition),
            status: transition.as_str(),
            fingerprint: told.fingerprint(),
            kind: told.kind.as_str(),
            id: &told.id,
            severity: told.kind.severity(),
            site: told.site.as_deref(),
            item: told.item.as_deref(),
            revision: told.revision.as_deref(),
            phones: told.phones,
            names: &told.names,
            text: &told.text,
            meaning: told.kind.meaning(),
            action: told.kind.action(),
            starts_at: told.since,
            ends_at: told.ended.filter(|_| transition == Transition::Resolved),
        }
    }
}

/// The signature of a body at a time.
pub fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let bytes: [u8; 32] = mac.finalize().into_bytes().into();
    Some(format!("sha256={}", to_hex(&bytes)))
}

/// The phones of an alert in words: `on 12 phones: a, b and 10 more`; nothing for one that is about none.
pub fn phones(told: &Told) -> Option<String> {
    let count = match told.phones {
        0 => return None,
        1 => "1 phone".to_owned(),
        phones => format!("{phones} phones"),
    };
    let more = told.phones.saturating_sub(told.names.len());
    let names = told.names.join(", ");
    Some(match (told.names.is_empty(), more) {
        (true, _) => count,
        (false, 0) => format!("{count}: {names}"),
        (false, more) => format!("{count}: {names} and {more} more"),
    })
}

/// A line of a chat for each of these, with what would be markup there made harmless.
pub fn chat(all: &[(&Told, Transition)]) -> String {
    let line = |(told, transition): &(&Told, Transition)| {
        let about = phones(told).map(|phones| format!(" ({phones})")).unwrap_or_default();
        let text = harmless(&format!("{}{about}", told.text));
        let kind = told.kind;
        match transition {
            Transition::Firing => {
                format!("*Firing* {kind}, {}: {text}. {}", kind.severity(), harmless(kind.action()))
            }
            Transition::Resolved => format!("*Resolved* {kind}: {text}"),
        }
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn harmless(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
