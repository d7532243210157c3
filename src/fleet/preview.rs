//! What documents would change, told before they are anybody's revision: the same code plans them that plans a revision, and
//! nothing is taken over.
//!
//! - [`what`]: what of it people are told

mod what;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

pub use what::{DelayView, PhoneChange, PhonePlan, PlanView, SupposedView};

use super::{
    Fleet, Settings,
    diff::{Difference, compare},
    gate::view::{NAMED, Plan},
    observed::{ObservedSet, Readings},
    phone::{Newest, Phone},
    plan::{Planned, Writes, is_risky},
    record::ObservedValue,
    settings::GateSettings,
    takeover::Takeover,
    words::PendingReason,
};
use crate::{
    catalogue::Severity,
    spec::{Desired, Mode, Opening, Restart, Wanted, windows_open},
    wpi::{
        DeviceId, ItemId,
        secret::{MASK, without_credentials},
    },
};

/// Most problems that are told.
const PROBLEMS: usize = 50;
/// Most different delays that are told.
const DELAYS: usize = 20;

/// What is counted of all phones, one after the other.
#[derive(Default)]
struct Sum {
    view: PlanView,
    plan: Plan,
    delays: BTreeMap<(PendingReason, Option<Timestamp>), usize>,
}

impl Fleet {
    /// A fleet whose phones all have what these documents say: what a plan is made against where no service is asked.
    pub fn supposed(wanted: &Arc<Wanted>, now: Timestamp) -> Self {
        let mut fleet = Self::new(Settings { gate: GateSettings::OFF, ..Settings::default() }, [0; 32]);
        fleet.take_wanted(wanted, now);
        for phone in fleet.phones.values_mut() {
            let Some(goal) = phone.goal.clone() else { continue };
            let texts =
                goal.desired.items.iter().filter_map(|item| {
                    Some((item.id.clone(), ObservedValue::Text(item.value.value.as_text()?.into())))
                });
            phone.observed = ObservedSet::of(&Readings::new(texts.collect()));
            phone.read_at = Some(now);
            phone.facts.last_seen = Some(now);
            phone.due.clear();
            phone.assess(&fleet.catalogue);
        }
        fleet
    }

    /// What would come of documents whose phones were all resolved and [planned](Self::plan); with more about one phone,
    /// if it is named by its document or its device.
    pub fn preview(&self, takeover: &Takeover, phone: Option<&str>, now: Timestamp) -> PlanView {
        let wanted: &Arc<Wanted> = &takeover.wanted;
        let mut sum = Sum::default();
        for (device, desired, writes) in takeover.planned() {
            self.count(&mut sum, device, desired, writes, now);
            if phone.is_some_and(|phone| *desired.name == *phone || DeviceId::new(phone).is_ok_and(|id| id == *device))
            {
                sum.view.phone = Some(self.phone_plan(device, desired, writes, now));
            }
        }
        let whole = takeover.tally.whole();
        let gone = self.by_name().filter(|phone| {
            let known = phone.declared() && phone.goal.is_some() && phone.newest != Newest::Released;
            known && !wanted.declares(&phone.device) && !wanted.is_elsewhere(&phone.device)
        });
        let gone_names = gone.filter_map(|phone| phone.name()).take(NAMED).map(ToString::to_string).collect();
        let errors = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        let more_errors = errors.len().saturating_sub(PROBLEMS);
        let waits = self.verdict(takeover).sentences();
        let (changes, more) = sum.plan.into_changes();
        let delay = |((reason, until), phones)| DelayView { reason, until, phones };
        PlanView {
            against: self.revision().map(ToString::to_string),
            phones: wanted.counts().phones,
            written: whole.written,
            returned: whole.returned,
            risky: whole.risky,
            gone: takeover.tally.gone,
            gone_names,
            waits,
            report_only: self.settings.report_only,
            changes,
            more,
            errors: errors.into_iter().take(PROBLEMS).collect(),
            more_errors,
            delays: sum.delays.into_iter().map(delay).collect(),
            ..sum.view
        }
    }

    fn count(&self, sum: &mut Sum, device: &DeviceId, desired: &Desired, writes: &Writes, now: Timestamp) {
        let known = self.phones.get(device).map(Box::as_ref);
        if desired.policy.mode == Mode::Enforce {
            if !known.is_some_and(is_known) {
                sum.view.unread += 1;
                push(&mut sum.view.unread_names, &desired.name);
            } else if known.is_some_and(is_away) {
                sum.view.away += 1;
                push(&mut sum.view.away_names, &desired.name);
            }
        }
        if known.is_some_and(|phone| !self.only_told(phone, desired, now).is_empty()) {
            sum.view.reported += 1;
            push(&mut sum.view.reported_names, &desired.name);
        }
        if writes.items.is_empty() {
            return;
        }
        sum.plan.add(&desired.name, writes);
        sum.view.items += writes.items.len();
        sum.view.certain += usize::from(known.is_some_and(is_known));
        for item in &writes.items {
            if is_risky(item.effect) {
                *sum.view.dangerous.entry(item.effect.as_str().to_owned()).or_default() += 1;
            }
        }
        match self.restart_of(desired, writes) {
            Some(true) => sum.view.restarts += 1,
            Some(false) => sum.view.restarts_left += 1,
            None => {}
        }
        if let Some(delay) = self.delay_of(known, desired, now) {
            let is_told = sum.delays.contains_key(&delay) || sum.delays.len() < DELAYS;
            *sum.delays.entry(if is_told { delay } else { (delay.0, None) }).or_default() += 1;
        }
    }

    /// What a phone in mode Report was read to have otherwise than these documents want it.
    fn only_told(&self, phone: &Phone, desired: &Desired, now: Timestamp) -> Vec<Difference> {
        if desired.policy.mode != Mode::Report {
            return Vec::new();
        }
        let mut found = compare(&self.catalogue, &desired.items, &phone.known_items());
        let rules = || desired.policy.ignore.iter().filter(|rule| rule.holds(now));
        found.ignore(|id| rules().any(|rule| rule.id == *id));
        found.drift.map(|drift| drift.items().to_vec()).unwrap_or_default()
    }

    /// Whether some of it takes effect with a restart, and then whether the phone is restarted.
    fn restart_of(&self, desired: &Desired, writes: &Writes) -> Option<bool> {
        let needs = writes.items.iter().any(|item| self.catalogue.needs_restart(item.id.name.as_str()));
        needs.then_some(desired.policy.restart == Restart::Allow)
    }

    /// What holds a write back that these documents want, and until when.
    fn delay_of(
        &self,
        phone: Option<&Phone>,
        desired: &Desired,
        now: Timestamp,
    ) -> Option<(PendingReason, Option<Timestamp>)> {
        if let Some(until) = phone.and_then(|phone| self.braked(phone, now)) {
            return Some((PendingReason::Braked, Some(until)));
        }
        if let Some(pause) = desired.policy.pause.as_ref().filter(|pause| pause.holds(now)) {
            return Some((PendingReason::Paused, pause.until));
        }
        match windows_open(&desired.policy.windows, now) {
            Opening::ClosedUntil(at) => Some((PendingReason::WindowClosed, at)),
            Opening::Always | Opening::OpenUntil(_) => None,
        }
    }

    fn phone_plan(&self, device: &DeviceId, desired: &Desired, writes: &Writes, now: Timestamp) -> PhonePlan {
        let phone = self.phones.get(device).map(Box::as_ref);
        let known = phone.map(Phone::known_items);
        let change = |id: &ItemId, to: Option<&str>, put_back| {
            let name = id.name.as_str();
            let (secret, effect) = (self.catalogue.is_secret(name), self.catalogue.effect(name));
            let from = known.as_ref().and_then(|known| known.get(id)?.text().map(without_credentials));
            PhoneChange {
                item: name.to_owned(),
                index: id.index.map(|index| index.0),
                from: if secret { from.map(|_| MASK.to_owned()) } else { from },
                to: to.filter(|_| !secret).map_or_else(|| MASK.to_owned(), without_credentials),
                risky: is_risky(effect).then(|| effect.as_str().to_owned()),
                put_back,
                restart: self.catalogue.needs_restart(name),
            }
        };
        let written = |item: &Planned| change(&item.id, item.to.as_deref(), item.put_back);
        let told = |found: &Difference| change(&found.id, found.desired.value.as_text(), false);
        let reported = phone.map(|phone| self.only_told(phone, desired, now)).unwrap_or_default();
        PhonePlan {
            name: desired.name.to_string(),
            mac: device.to_string(),
            mode: desired.policy.mode,
            items: writes.items.iter().map(written).collect(),
            reported: reported.iter().map(told).collect(),
            returns: writes.returns,
            restarts: self.restart_of(desired, writes) == Some(true),
            delay: self.delay_of(phone, desired, now).map(|(reason, until)| DelayView { reason, until, phones: 1 }),
            read: phone.and_then(|phone| phone.read_at),
            away: phone.is_some_and(is_away),
        }
    }
}

/// Whether anything was ever read of it.
fn is_known(phone: &Phone) -> bool {
    phone.read_at.is_some() || phone.inventory.as_ref().is_some_and(|inventory| inventory.read().is_some())
}

/// Whether it did not come when it was last asked to call.
fn is_away(phone: &Phone) -> bool {
    phone.calling.failure.is_some()
}

fn push(names: &mut Vec<String>, name: &str) {
    if names.len() < NAMED {
        names.push(name.to_owned());
    }
}
