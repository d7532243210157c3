//! One target: takes what is owed to it, one delivery after the other, until it has it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    AlertSettings, Desk,
    alertmanager::{BATCH, PATH, Posted},
    payload::{Body, KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER, chat, signature},
    settings::{HookSettings, slack_address},
};
use crate::{
    fleet::{
        alert::{Told, Transition},
        fingerprint::to_hex,
    },
    report::{
        outgoing::{Address, Answer},
        webhook,
    },
};

/// Most transitions of one message of a chat.
const CHAT_LINES: usize = 10;

/// Whoever is told.
pub(super) struct Target {
    /// Its name in what is remembered; without the address, which may be a secret.
    pub(super) name: SmolStr,
    kind: Kind,
}

enum Kind {
    Alertmanager(Address),
    Webhook(HookSettings),
    Slack(std::path::PathBuf),
}

impl Kind {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Alertmanager(_) => "alertmanager",
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
        }
    }
}

impl Target {
    /// All that are set.
    pub(super) fn all(settings: &AlertSettings) -> Vec<Self> {
        let mut kinds: Vec<Kind> = settings.alertmanagers.iter().cloned().map(Kind::Alertmanager).collect();
        kinds.extend(settings.webhook.clone().map(Kind::Webhook));
        kinds.extend(settings.slack_file.clone().map(Kind::Slack));
        let named = |kind: Kind| {
            let name = match &kind {
                Kind::Alertmanager(address) => {
                    let hash = Sha256::digest(address.whole());
                    SmolStr::new(format!("alertmanager/{}", to_hex(hash.get(..4).unwrap_or_default())))
                }
                kind => SmolStr::new_static(kind.as_str()),
            };
            Self { name, kind }
        };
        kinds.into_iter().map(named).collect()
    }
}

/// What became of a delivery.
enum Outcome {
    /// It was taken.
    Delivered,
    /// It is to be sent again.
    Later(Option<Duration>, String),
    /// It will never be taken as it is.
    Refused(String),
}

/// One target at work.
pub(super) struct Courier {
    desk: Arc<Desk>,
    target: Target,
    woken: watch::Receiver<()>,
    /// When an Alertmanager last took what fires.
    sent: Option<Instant>,
    failures: u32,
}

/// What is sent together: the transitions that are noted when it is taken.
struct Delivery {
    told: Vec<Told>,
    keys: Vec<String>,
}

impl Courier {
    pub(super) fn new(desk: Arc<Desk>, target: Target, woken: watch::Receiver<()>) -> Self {
        Self { desk, target, woken, sent: None, failures: 0 }
    }

    /// Delivers until the process ends.
    pub(super) async fn run(mut self) {
        let mut may_tell = self.desk.may_tell.clone();
        loop {
            if may_tell.wait_for(|may| *may).await.is_err() {
                return;
            }
            self.woken.borrow_and_update();
            let Some(delivery) = self.due().await else {
                if self.rest().await.is_err() {
                    return;
                }
                continue;
            };
            let outcome = self.deliver(&delivery).await;
            let (target, kind) = (self.target.name.as_str(), self.target.kind.as_str());
            match outcome {
                Outcome::Delivered => {
                    self.desk.metrics.alert_delivery(kind, "delivered");
                    self.desk.access.alerts_told(target, &delivery.keys);
                    self.failures = 0;
                }
                Outcome::Refused(why) => {
                    self.desk.metrics.alert_delivery(kind, "refused");
                    tracing::error!(target = kind, why, "alerts were refused, and are not sent there again");
                    self.desk.access.alerts_told(target, &delivery.keys);
                    // what fires is tried again with the next resend
                    self.sent = Some(Instant::now());
                    self.failures = 0;
                }
                Outcome::Later(wanted, why) => {
                    self.desk.metrics.alert_delivery(kind, "failed");
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        tracing::warn!(target = kind, why, "alerts could not be told; they are sent again");
                    }
                    sleep(self.desk.settings.backoff.wait(self.failures, wanted)).await;
                }
            }
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&mut self) -> Result<(), watch::error::RecvError> {
        let resend = self.sent.map(|sent| sent + self.desk.settings.resend);
        let resend = async {
            match resend {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            woken = self.woken.changed() => woken,
            () = resend => Ok(()),
        }
    }

    /// What is to be sent now.
    async fn due(&self) -> Option<Delivery> {
        let _decided = self.desk.deciding.read().await;
        let told = self.desk.access.told_alerts();
        let name = self.target.name.as_str();
        let owed = |told: &Told| told.owed_to(name);
        let most = match self.target.kind {
            Kind::Alertmanager(_) => return self.due_by_state(told),
            Kind::Webhook(_) => 1,
            Kind::Slack(_) => CHAT_LINES,
        };
        let told: Vec<Told> = told.into_iter().filter(|told| owed(told).is_some()).take(most).collect();
        let keys = told.iter().filter_map(|told| Some(told.key(owed(told)?))).collect();
        (!told.is_empty()).then_some(Delivery { told, keys })
    }

    /// An Alertmanager gets what is owed to it, and all that fires when that is due again.
    fn due_by_state(&self, all: Vec<Told>) -> Option<Delivery> {
        let name = self.target.name.as_str();
        let is_due = self.sent.is_none_or(|sent| sent.elapsed() >= self.desk.settings.resend);
        let wanted = |told: &Told| told.owed_to(name).is_some() || (is_due && told.ended.is_none());
        let told: Vec<Told> = all.into_iter().filter(wanted).collect();
        let owed = |told: &Told| {
            let owed = told.owed.iter().filter(|owed| owed.target == name);
            owed.map(|owed| told.key(owed.transition)).collect::<Vec<_>>()
        };
        let keys = told.iter().flat_map(owed).collect();
        (!told.is_empty()).then_some(Delivery { told, keys })
    }

    async fn deliver(&mut self, delivery: &Delivery) -> Outcome {
        let now = Timestamp::now();
        match &self.target.kind {
            Kind::Alertmanager(address) => {
                let to = address.join(PATH);
                for part in delivery.told.chunks(BATCH) {
                    let posted: Vec<Posted> =
                        part.iter().map(|told| Posted::of(told, self.desk.settings.resend, now)).collect();
                    let body = serde_json::to_vec(&posted).unwrap_or_default();
                    match self.post(&to, &key_of_all(part, |told| Some(current(told))), Vec::new(), body).await {
                        Outcome::Delivered => {}
                        other => return other,
                    }
                }
                self.sent = Some(Instant::now());
                Outcome::Delivered
            }
            Kind::Webhook(hook) => {
                let name = self.target.name.as_str();
                let Some((told, transition)) = delivery.told.first().and_then(|told| Some((told, told.owed_to(name)?)))
                else {
                    return Outcome::Delivered;
                };
                let secret = match webhook::secret(&hook.secret_file) {
                    Ok(secret) => secret,
                    Err(error) => return Outcome::Later(None, format!("--alert-webhook-secret-file {error}")),
                };
                let body = serde_json::to_vec(&Body::of(told, transition)).unwrap_or_default();
                let seconds = now.as_second();
                let signed = signature(&secret, seconds, &body).and_then(|text| HeaderValue::try_from(text).ok());
                let mut headers = vec![(HeaderName::from_static(TIME_HEADER), HeaderValue::from(seconds))];
                headers.extend(signed.map(|signed| (HeaderName::from_static(SIGNATURE_HEADER), signed)));
                self.post(&hook.address, &told.key(transition), headers, body).await
            }
            Kind::Slack(file) => {
                let address = match slack_address(file) {
                    Ok(address) => address,
                    Err(error) => return Outcome::Later(None, format!("--alert-slack-url-file {error}")),
                };
                let name = self.target.name.as_str();
                let owed: Vec<_> = delivery.told.iter().filter_map(|told| Some((told, told.owed_to(name)?))).collect();
                let body = serde_json::to_vec(&json!({ "text": chat(&owed) })).unwrap_or_default();
                let key = key_of_all(&delivery.told, |told| told.owed_to(name));
                self.post(&address, &key, Vec::new(), body).await
            }
        }
    }

    async fn post(
        &self,
        to: &Address,
        key: &str,
        mut headers: Vec<(HeaderName, HeaderValue)>,
        body: impl Into<Bytes>,
    ) -> Outcome {
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        headers.extend(HeaderValue::try_from(key).ok().map(|key| (HeaderName::from_static(KEY_HEADER), key)));
        match self.desk.outgoing.post(to, &headers, body).await {
            Ok(answer) => judged(to, &answer),
            Err(error) => Outcome::Later(None, error.to_string()),
        }
    }
}

/// What an answer means. A server that does not know what it was sent will not know it later; all else can be put right
/// there, and until then it is sent again.
fn judged(to: &Address, answer: &Answer) -> Outcome {
    let why = format!("{to} answers {}", answer.status);
    match answer.status {
        status if status.is_success() => Outcome::Delivered,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Outcome::Refused(why)
        }
        _ => Outcome::Later(answer.retry_after(Timestamp::now()), why),
    }
}

/// The transition that an alert is in.
fn current(told: &Told) -> Transition {
    if told.ended.is_some() { Transition::Resolved } else { Transition::Firing }
}

/// The key of several transitions that are sent together: that of the one, or a digest of all.
fn key_of_all(all: &[Told], transition: impl Fn(&Told) -> Option<Transition>) -> String {
    let keys: Vec<String> = all.iter().filter_map(|told| Some(told.key(transition(told)?))).collect();
    match keys.as_slice() {
        [one] => one.clone(),
        several => {
            let hash = Sha256::digest(several.join("\n"));
            to_hex(hash.get(..16).unwrap_or_default())
        }
    }
}
