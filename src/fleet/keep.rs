//! A phone as the store keeps it, and back.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{
    call::{Calling, Wish},
    doors::Doors,
    goal::Goal,
    leaving::Departure,
    observed::ObservedSet,
    phone::{Assessment, Newest, Phone},
    record::{InForce, InForceItems, PhoneRecord},
    reset::Reset,
    unchanged::Unchanged,
};
use crate::{spec::Desired, wpi::DeviceId};

impl Phone {
    /// A phone as the store knew it; what was in force stays so until the documents are read.
    pub fn from_record(record: PhoneRecord) -> Self {
        let goal = record.in_force.as_deref().map(|in_force| {
            let documents = Arc::new(desired_of(&record.device, in_force));
            Goal::new(documents, &record.put_backs, in_force.revision.clone())
        });
        let declared = goal.is_some() && !record.abandoned;
        let heard = record.facts.last_seen.is_some();
        Self {
            newest: match (record.released, declared) {
                (true, _) => Newest::Released,
                (false, true) => Newest::Declared,
                (false, false) => Newest::Gone,
            },
            goal,
            departure: Departure::No,
            at_gate: None,
            formers: record.formers,
            facts: record.facts,
            observed: record.observation.as_ref().map(ObservedSet::from_record).unwrap_or_default(),
            read_at: record.observation.map(|observation| observation.at),
            refused: record.refused,
            doubtful: Vec::new(),
            in_flight: record.in_flight,
            before_images: record.before_images,
            put_backs: record.put_backs,
            safety: false,
            wanted_since: record.wanted_since,
            due: record.due,
            fingerprints: record.fingerprints,
            seeding: record.seeding,
            fresh: record.fresh,
            unsure: record.unsure,
            reset: Reset::default(),
            factory: record.factory,
            unverified: record.unverified,
            doubt: record.doubt,
            restart: record.restart,
            last_write: record.last_write,
            last_proof: record.last_proof,
            flow: None,
            calling: Calling::default(),
            look_wanted: false,
            called_back: false,
            wrong_site: false,
            foreign: false,
            polls: None,
            wishes: 0,
            wish: if heard { Wish::Unknown } else { Wish::None },
            cautious: false,
            doors: Doors::default(),
            unchanged: Unchanged::default(),
            braked: None,
            recovering: None,
            back_since: None,
            passed_over: false,
            only_look: false,
            inventory: None,
            changed_at: None,
            assessment: Assessment::default(),
            wake: None,
            waiting_since: None,
            drifts: record.drifts,
            ignoring: None,
            news: None,
            saved_at: None,
            unsaved: false,
            device: record.device,
        }
    }

    /// What the store is to keep.
    pub fn record(&self) -> PhoneRecord {
        PhoneRecord {
            device: self.device.clone(),
            in_force: self.goal.as_ref().filter(|_| !self.proposed()).map(|goal| Arc::new(in_force_of(goal))),
            formers: self.formers.clone(),
            facts: self.facts.clone(),
            observation: self.read_at.map(|at| self.observed.to_record(at)),
            refused: self.refused.clone(),
            in_flight: self.in_flight.clone(),
            before_images: self.before_images.clone(),
            put_backs: self.put_backs.clone(),
            wanted_since: self.wanted_since,
            due: self.due.clone(),
            fingerprints: self.fingerprints.clone(),
            seeding: self.seeding.clone(),
            fresh: self.fresh,
            unsure: self.unsure,
            factory: self.factory,
            abandoned: self.goal.is_some() && !self.declared() && self.stays(),
            released: self.newest == Newest::Released,
            unverified: self.unverified,
            doubt: self.doubt.clone(),
            restart: self.restart.clone(),
            last_write: self.last_write,
            last_proof: self.last_proof,
            drifts: self.drifts.clone(),
        }
    }
}

fn in_force_of(goal: &Goal) -> InForce {
    let desired = &goal.documents;
    InForce {
        name: Arc::clone(&desired.name),
        labels: Arc::clone(&desired.labels),
        site: desired.site.clone(),
        policy: Arc::clone(&desired.policy),
        items: InForceItems::from(&desired.items),
        digest: desired.digest,
        revision: goal.revision.clone(),
        undecided: desired.undecided,
        files: desired.files.to_vec(),
    }
}

fn desired_of(device: &DeviceId, in_force: &InForce) -> Desired {
    Desired {
        device: device.clone(),
        name: Arc::clone(&in_force.name),
        labels: Arc::clone(&in_force.labels),
        model: None::<SmolStr>,
        site: in_force.site.clone(),
        policy: Arc::clone(&in_force.policy),
        items: in_force.items.shared(),
        seeds: Box::default(),
        digest: in_force.digest,
        undecided: in_force.undecided,
        files: in_force.files.clone().into(),
    }
}
