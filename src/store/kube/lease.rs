//! Which one of several processes is the active one: the holder of a Lease (coordination.k8s.io/v1).
//!
//! **Guarantees.** At no time do two processes find [`Standing::holds`] true, as long as their clocks run equally fast:
//! the holder counts from before its last renewal was asked for and stops a renewal earlier than others may take over,
//! who count from when they saw it. No clock of another machine is ever compared.
//!
//! **When the process dies.** The others take the lease over when they have seen no renewal for its whole duration. In
//! an orderly end [`Kept::release`] gives it away, and they take it at their next look.
//!
//! **Without the API server** the holder stays active and finds `holds` false. When the server is back, it renews, or it
//! has lost the lease to another one ([`Standing::Lost`]) and has to end what only the holder may do.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// How long a lease lasts without being renewed.
pub const DURATION: Duration = Duration::from_secs(10);
/// How often it is renewed, and how often the others look.
pub const RENEW: Duration = Duration::from_secs(2);
/// How soon a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an answer of the server is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which lease, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who wants it; another name for each process that runs at the same time.
    pub identity: String,
    /// How long it lasts.
    pub duration: Duration,
    /// How often it is renewed.
    pub renew: Duration,
}

impl LeaseSettings {
    /// With the usual times.
    pub fn new(namespace: String, name: String, identity: String) -> Self {
        Self { namespace, name, identity, duration: DURATION, renew: RENEW }
    }
}

/// How the holder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the holder, for certain until then.
    Held(Instant),
    /// Another one has the lease.
    Lost,
}

impl Standing {
    /// Whether nobody else can be the holder now.
    pub fn holds(self, now: Instant) -> bool {
        matches!(self, Self::Held(until) if now < until)
    }
}

/// A process that waits for the lease.
#[derive(Debug)]
pub struct Candidate {
    api: Api<Lease>,
    settings: LeaseSettings,
    /// What was seen last, and when it was first seen so.
    seen: Option<(Option<String>, Instant)>,
    told: bool,
}

/// How a look ended.
enum Look {
    Taken(Box<Holder>),
    Waits(Option<String>),
}

impl Candidate {
    /// Nothing is asked yet.
    pub fn new(client: Client, settings: LeaseSettings) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        Self { api, settings, seen: None, told: false }
    }

    /// Waits until the lease is ours; `holder` is told who has it meanwhile. A server that does not answer is tried
    /// again.
    pub async fn wait(mut self, holder: &watch::Sender<Option<String>>) -> Holder {
        loop {
            let looked = match timeout(PATIENCE, self.look()).await {
                Ok(looked) => looked.map_err(|error| error.to_string()),
                Err(_) => Err("it does not answer".to_owned()),
            };
            match looked {
                Ok(Look::Taken(held)) => return *held,
                Ok(Look::Waits(name)) => {
                    self.told = false;
                    holder.send_if_modified(|known| std::mem::replace(known, name.clone()) != name);
                }
                Err(problem) if !self.told => {
                    self.told = true;
                    let name = &self.settings.name;
                    tracing::warn!(lease = name, problem, "the lease cannot be looked at; it is tried again");
                }
                Err(_) => {}
            }
            let expires = self.seen.as_ref().map(|(_, since)| *since + self.settings.duration);
            let look = Instant::now() + self.settings.renew;
            sleep_until(expires.filter(|at| *at > Instant::now()).map_or(look, |at| at.min(look))).await;
        }
    }

    async fn look(&mut self) -> kube::Result<Look> {
        let asked = Instant::now();
        let Some(lease) = self.api.get_opt(&self.settings.name).await? else {
            let lease = claimed(Lease::default(), &self.settings);
            return self.taken(self.api.create(&PostParams::default(), &lease).await, asked, Before::default());
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let owner = spec.holder_identity.clone().filter(|owner| !owner.is_empty());
        let renewed = spec.renew_time.as_ref().map(|time| time.0);
        let version = lease.metadata.resource_version.clone();
        let since = match &self.seen {
            Some((known, since)) if *known == version => *since,
            _ => asked,
        };
        self.seen = Some((version, since));
        let lasts = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = lasts.map_or(self.settings.duration, Duration::from_secs);
        let is_free = owner.as_ref().is_none_or(|owner| *owner == self.settings.identity) || asked >= since + lasts;
        if !is_free {
            return Ok(Look::Waits(owner));
        }
        let lease = claimed(lease, &self.settings);
        let answer = self.api.replace(&self.settings.name, &PostParams::default(), &lease).await;
        self.taken(answer, asked, Before { owner, renewed })
    }

    fn taken(&self, result: kube::Result<Lease>, asked: Instant, before: Before) -> kube::Result<Look> {
        match result {
            Ok(lease) => {
                let (api, settings) = (self.api.clone(), self.settings.clone());
                Ok(Look::Taken(Box::new(Holder { api, settings, lease, asked, before })))
            }
            // another one was quicker
            Err(kube::Error::Api(error)) if error.code == 409 => Ok(Look::Waits(None)),
            Err(error) => Err(error),
        }
    }
}

/// The process that has the lease, and does not renew it yet.
#[derive(Debug)]
pub struct Holder {
    api: Api<Lease>,
    settings: LeaseSettings,
    lease: Lease,
    asked: Instant,
    before: Before,
}

/// Who had a lease before, and when it was renewed last.
#[derive(Debug, Default)]
struct Before {
    owner: Option<String>,
    renewed: Option<Timestamp>,
}

impl Holder {
    /// When whoever had it before renewed it last.
    pub fn last_renewed(&self) -> Option<Timestamp> {
        self.before.renewed
    }

    /// Who had it before and did not give it away: it may be dead, or only halted.
    pub fn former(&self) -> Option<&str> {
        self.before.owner.as_deref().filter(|owner| *owner != self.settings.identity)
    }

    /// Renews it from now on, on the runtime of the caller.
    pub fn keep(self) -> Kept {
        let (stop, stopped) = oneshot::channel();
        let (tell, standing) = watch::channel(Standing::Held(self.until(self.asked)));
        Kept { standing, stop, task: tokio::spawn(self.renew(tell, stopped)) }
    }

    /// Until when others cannot have taken it, where a renewal was asked for then.
    fn until(&self, asked: Instant) -> Instant {
        asked + self.settings.duration.saturating_sub(self.settings.renew)
    }

    async fn renew(mut self, tell: watch::Sender<Standing>, mut stopped: oneshot::Receiver<()>) {
        let mut next = self.asked + self.settings.renew;
        let mut until = self.until(self.asked);
        let mut failed = false;
        loop {
            tokio::select! {
                _ = &mut stopped => return self.give_away().await,
                () = sleep_until(next) => {}
            }
            let asked = Instant::now();
            let problem = match timeout(PATIENCE, self.renewed()).await {
                Ok(Ok(true)) => {
                    until = self.until(asked);
                    tell.send_replace(Standing::Held(until));
                    next = asked + self.settings.renew;
                    if std::mem::take(&mut failed) {
                        tracing::info!(lease = self.settings.name, "the lease is renewed again");
                    }
                    continue;
                }
                Ok(Ok(false)) => {
                    tell.send_replace(Standing::Lost);
                    return;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server does not answer".to_owned(),
            };
            if Instant::now() >= until && !failed {
                failed = true;
                tracing::warn!(
                    lease = self.settings.name,
                    problem,
                    "the lease cannot be renewed: phones are answered and read; nothing is written, and no phone is asked to call"
                );
            }
            next = Instant::now() + AGAIN;
        }
    }

    /// Whether it is renewed; else another one has it.
    async fn renewed(&mut self) -> kube::Result<bool> {
        let name = &self.settings.name;
        let lease = claimed(self.lease.clone(), &self.settings);
        match self.api.replace(name, &PostParams::default(), &lease).await {
            Ok(lease) => self.lease = lease,
            Err(kube::Error::Api(error)) if error.code == 409 => {
                let lease = self.api.get(name).await?;
                let owner = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
                if owner != Some(&self.settings.identity) {
                    return Ok(false);
                }
                let lease = claimed(lease, &self.settings);
                self.lease = self.api.replace(name, &PostParams::default(), &lease).await?;
            }
            Err(kube::Error::Api(error)) if error.code == 404 => {
                let mut lease = claimed(Lease::default(), &self.settings);
                lease.metadata.resource_version = None;
                self.lease = self.api.create(&PostParams::default(), &lease).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    async fn give_away(self) {
        let mut lease = self.lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let params = PostParams::default();
        let given = self.api.replace(&self.settings.name, &params, &lease);
        if !matches!(timeout(PATIENCE, given).await, Ok(Ok(_))) {
            tracing::warn!(
                lease = self.settings.name,
                "the lease could not be given away; others wait until it is over"
            );
        }
    }
}

/// A lease that is renewed. Dropped without being given away it goes on being renewed.
#[derive(Debug)]
pub struct Kept {
    standing: watch::Receiver<Standing>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Kept {
    /// How the holder stands, from now on.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Returns when another one has the lease.
    pub async fn lost(&self) {
        let mut standing = self.standing.clone();
        // an error means that the task has ended, which it does when the lease is lost
        let _ = standing.wait_for(|standing| *standing == Standing::Lost).await;
    }

    /// Gives it away, so that another one takes it at once.
    pub async fn release(self) {
        if self.stop.send(()).is_ok() {
            let _ = self.task.await;
        }
    }
}

/// The lease as ours from now on.
fn claimed(mut lease: Lease, settings: &LeaseSettings) -> Lease {
    let now = MicroTime(Timestamp::now());
    lease.metadata.name = Some(settings.name.clone());
    let mut spec = lease.spec.take().unwrap_or_default();
    if spec.holder_identity.as_ref() != Some(&settings.identity) {
        let transitions = spec.lease_transitions.unwrap_or_default();
        let before = spec.holder_identity.take().is_some();
        spec = LeaseSpec {
            acquire_time: Some(now.clone()),
            holder_identity: Some(settings.identity.clone()),
            lease_transitions: Some(transitions.saturating_add(i32::from(before))),
            ..LeaseSpec::default()
        };
    }
    let seconds = settings.duration.as_secs().max(1);
    spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    spec.renew_time = Some(now);
    lease.spec = Some(spec);
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(identity: &str) -> LeaseSettings {
        LeaseSettings::new("voice".into(), "phoneops".into(), identity.into())
    }

    #[test]
    fn who_takes_a_lease_counts_a_transition_and_who_renews_it_does_not() {
        let spec = |lease: &Lease| lease.spec.clone().unwrap();
        let first = claimed(Lease::default(), &settings("a"));
        assert_eq!((spec(&first).lease_transitions, spec(&first).lease_duration_seconds), (Some(0), Some(10)));
        let renewed = claimed(first.clone(), &settings("a"));
        assert_eq!(
            (spec(&renewed).lease_transitions, spec(&renewed).acquire_time),
            (Some(0), spec(&first).acquire_time)
        );
        let taken = claimed(renewed, &settings("b"));
        assert_eq!((spec(&taken).lease_transitions, spec(&taken).holder_identity), (Some(1), Some("b".into())));
    }

    #[test]
    fn a_standing_ends_by_itself() {
        let now = Instant::now();
        let standing = Standing::Held(now + Duration::from_secs(8));
        assert!(standing.holds(now) && !standing.holds(now + Duration::from_secs(8)));
        assert!(!Standing::Lost.holds(now));
    }
}
