//! Each phone by itself: as many rows as there are phones, so only where that is wanted.

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{name, register, signed};
use crate::fleet::{each::Each, words::State};

/// What is told of each phone.
#[derive(Debug)]
pub(super) struct PhoneMetrics {
    state: Family<Vec<(&'static str, String)>, Gauge>,
    drift: Family<Vec<(&'static str, String)>, Gauge>,
    proof: Family<Vec<(&'static str, String)>, Gauge>,
}

impl PhoneMetrics {
    /// None of any phone.
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            state: register(registry, name::PHONE_STATE, "1 for the state of each phone"),
            drift: register(registry, name::PHONE_DRIFT, "Items of a phone that differ"),
            proof: register(registry, name::PHONE_PROOF, "When a phone was last proven"),
        }
    }

    /// Sets what is told of each phone, in place of what was.
    pub(super) fn set(&self, phones: &[Each]) {
        self.state.clear();
        self.drift.clear();
        self.proof.clear();
        for phone in phones {
            let labels = |state: Option<State>| {
                let own = [("phone", &phone.name), ("mac", &phone.mac), ("site", &phone.site)];
                let own = own.map(|(name, value)| (name, value.clone()));
                own.into_iter().chain(state.map(|state| ("state", state.to_string()))).collect::<Vec<_>>()
            };
            self.state.get_or_create(&labels(Some(phone.state))).set(1);
            self.drift.get_or_create(&labels(None)).set(signed(phone.drift));
            if let Some(proof) = phone.last_proof {
                self.proof.get_or_create(&labels(None)).set(proof.as_second());
            }
        }
    }
}
