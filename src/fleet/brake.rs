//! The brake: from the moment it is set no write and no restart leaves for the phones it names, whatever the documents
//! say, until it ends or is released. Phones are answered and read as ever. It needs no git and no store.
//!
//! **Guarantee.** [`may_write`](super::may_write) asks it first, for each message, and again when the record of a write
//! was stored; brakes and messages are looked at under one lock. So nothing leaves after [`Fleet::brake`] has returned.
//!
//! Several brakes stand side by side, and a phone is braked while one of them names it.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fleet, audit::By, phone::Phone};
use crate::{
    spec::{Labels, SiteName},
    wpi::DeviceId,
};

/// Most brakes at once; each takes a look whenever a phone is looked at.
pub const BRAKES: usize = 50;
/// Shortest and longest time of a brake.
pub const LENGTH: [SignedDuration; 2] = [SignedDuration::from_secs(60), SignedDuration::from_hours(30 * 24)];

/// Which phones a brake names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// All of them.
    All,
    /// Those of one site.
    Site(SiteName),
    /// Those whose documents have all these labels.
    Selector(Labels),
}

impl Scope {
    fn names(&self, site: &SiteName, labels: &Labels) -> bool {
        match self {
            Self::All => true,
            Self::Site(name) => name == site,
            Self::Selector(wanted) => labels.have(wanted),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all phones"),
            Self::Site(name) => write!(f, "site {name}"),
            Self::Selector(labels) => write!(f, "phones with {labels}"),
        }
    }
}

/// One brake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brake {
    /// Which phones.
    pub scope: Scope,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Who set it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// All brakes; those that are over are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Brakes(Vec<Brake>);

impl Brakes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Brake> {
        self.0.iter()
    }

    /// Until when a phone of that site, with those labels, is braked.
    fn on(&self, site: &SiteName, labels: &Labels, now: Timestamp) -> Option<Timestamp> {
        let naming = self.0.iter().filter(|brake| now < brake.until && brake.scope.names(site, labels));
        naming.map(|brake| brake.until).max()
    }
}

/// Why a brake is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrakeError {
    /// Too short or too long.
    #[error("a brake holds for 1m to 30d; renew it where that is not enough")]
    Length,
    /// There are too many.
    #[error("there are {BRAKES} brakes already; release some, or brake all")]
    TooMany,
    /// No phone is of this scope: most likely a slip of the finger.
    #[error("there is no phone to brake: {0}; nothing was braked")]
    Nobody(Scope),
}

/// A brake as it was set, and how many declared phones it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Braked {
    /// The brake.
    pub brake: Brake,
    /// How many phones.
    pub phones: usize,
}

impl Fleet {
    /// All brakes that hold now.
    pub fn brakes(&self, now: Timestamp) -> Vec<Brake> {
        self.service.brakes.iter().filter(|brake| now < brake.until).cloned().collect()
    }

    /// Sets a brake. From now on nothing leaves for these phones. One of the same scope takes the place of the older one.
    pub fn brake(
        &mut self,
        scope: Scope,
        length: SignedDuration,
        by: &By,
        now: Timestamp,
    ) -> Result<Braked, BrakeError> {
        let [shortest, longest] = LENGTH;
        if !(shortest..=longest).contains(&length) {
            return Err(BrakeError::Length);
        }
        let phones = self.named_by(&scope).len();
        if phones == 0 && scope != Scope::All {
            return Err(BrakeError::Nobody(scope));
        }
        let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
        let brake = Brake { scope, since: now, until, by: by.actor.clone(), reason: by.reason.clone() };
        let brakes = &mut self.service.brakes.0;
        brakes.retain(|old| now < old.until && old.scope != brake.scope);
        if brakes.len() >= BRAKES {
            return Err(BrakeError::TooMany);
        }
        brakes.push(brake.clone());
        self.save_service();
        self.look_at_brakes(&brake.scope, now);
        Ok(Braked { brake, phones })
    }

    /// Releases the brakes of this scope, or all of them. Gives those that are released.
    pub fn release_brakes(&mut self, scope: Option<&Scope>, now: Timestamp) -> Vec<Brake> {
        let ends = |brake: &mut Brake| scope.is_none_or(|scope| brake.scope == *scope);
        let released: Vec<Brake> = self.service.brakes.0.extract_if(.., ends).collect();
        if !released.is_empty() {
            self.save_service();
        }
        for brake in &released {
            self.look_at_brakes(&brake.scope, now);
        }
        released.into_iter().filter(|brake| now < brake.until).collect()
    }

    /// Forgets brakes whose end has come; their phones have a timer of their own.
    pub(super) fn end_brakes(&mut self, now: Timestamp) {
        let ended: Vec<Brake> = self.service.brakes.0.extract_if(.., |brake| brake.until <= now).collect();
        for brake in &ended {
            tracing::info!(scope = %brake.scope, by = brake.by, "a brake has come to its end");
        }
        if !ended.is_empty() {
            self.save_service();
        }
    }

    /// When the next brake ends.
    pub(super) fn brake_ends(&self) -> Option<Timestamp> {
        self.service.brakes.iter().map(|brake| brake.until).min()
    }

    /// Until when this phone is braked.
    pub(super) fn braked(&self, phone: &Phone, now: Timestamp) -> Option<Timestamp> {
        if self.service.brakes.is_empty() {
            return None;
        }
        let desired = &phone.goal.as_ref()?.desired;
        self.service.brakes.on(&desired.site, &desired.labels, now)
    }

    /// How many declared phones are braked.
    pub fn braked_phones(&self, now: Timestamp) -> usize {
        if self.service.brakes.is_empty() {
            return 0;
        }
        self.phones.values().filter(|phone| phone.declared() && self.braked(phone, now).is_some()).count()
    }

    fn named_by(&self, scope: &Scope) -> Vec<DeviceId> {
        let is_meant = |phone: &Phone| {
            phone.goal.as_ref().is_some_and(|goal| scope.names(&goal.desired.site, &goal.desired.labels))
        };
        let named = self.phones.values().filter(|phone| phone.declared() && is_meant(phone));
        named.map(|phone| phone.device.clone()).collect()
    }

    fn look_at_brakes(&mut self, scope: &Scope, now: Timestamp) {
        for device in self.named_by(scope) {
            self.schedule(&device, now);
        }
    }

    /// What stands first of all in `status`.
    pub(super) fn brake_notes(&self, now: Timestamp) -> Vec<String> {
        let note = |brake: Brake| {
            let Brake { scope, until, by, reason, .. } = brake;
            format!("BRAKE on {scope} until {until:.0}, by {by}: {reason}. Nothing is written there.")
        };
        self.brakes(now).into_iter().map(note).collect()
    }
}
