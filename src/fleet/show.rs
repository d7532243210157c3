//! What the fleet tells people: the state of each phone, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    Fleet,
    call::{CallStep, Wish},
    paging::{self, Key, Part},
    phone::{Need, Newest, Phone},
    plan::is_risky,
    schedule::after,
    view::{DriftView, LIST_LIMIT, PAGE_LIMIT, Page, PendingView, PhoneView, Query, RefusedView},
    words::{PendingReason, State},
};
use crate::{
    spec::{Mode, Reach},
    wpi::{
        DeviceId, ItemId,
        secret::{MASK, without_credentials},
    },
};

/// How many phones are in which state, and what they wait for; for the metrics.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Census {
    /// Phones by state.
    pub states: BTreeMap<State, usize>,
    /// Pending phones by reason.
    pub pending: BTreeMap<PendingReason, usize>,
    /// Phones that are Degraded, Held or Invalid, by reason: the words of `DegradedReason` and `HeldReason`, and the
    /// [codes](crate::spec::code) of errors. A phone with several reasons counts with each.
    pub reasons: BTreeMap<(State, &'static str), usize>,
    /// Items that differ.
    pub drift: u64,
    /// Items that were refused.
    pub refused: u64,
    /// Since when the phone waits that has waited longest; those in a call are left out (promise 10).
    pub oldest_pending: Option<Timestamp>,
    /// Items that are not put right any more.
    pub held: u64,
    /// Sites at which nothing that drifts is put right.
    pub stopped_sites: usize,
    /// Items that phones do not have.
    pub not_applicable: u64,
    /// Sites that a silent phone keeps from items that can make phones vanish.
    pub stopped_ladders: usize,
    /// Phones of selected sites that another service keeps.
    pub foreign_phones: usize,
    /// Brakes that hold.
    pub brakes: usize,
    /// Declared phones that are braked.
    pub braked_phones: usize,
    /// Sites that come back from an outage.
    pub recovering_sites: usize,
}

impl Fleet {
    /// The state of a phone: exactly one, in the precedence of [`State`].
    pub fn state(&self, phone: &Phone, now: Timestamp) -> State {
        let Some(goal) = &phone.goal else {
            return match phone.newest {
                Newest::Invalid { .. } => State::Invalid,
                Newest::Declared | Newest::Released | Newest::Gone => State::Undeclared,
            };
        };
        if phone.newest == Newest::Gone {
            return State::Abandoned;
        }
        if goal.desired.policy.mode == Mode::Off {
            return State::Suspended;
        }
        if matches!(phone.newest, Newest::Invalid { .. }) {
            return State::Invalid;
        }
        if phone.at_gate.is_some() {
            return State::Held;
        }
        if phone.flow.is_some() {
            return State::Reconciling;
        }
        let need = self.need_of(phone, now);
        if phone.facts.last_seen.is_none() {
            return if phone.wrong_site { State::Pending } else { State::Unknown };
        }
        let passed_over = phone.passed_over && phone.storm_over(now).is_some();
        let held_up =
            phone.held_up(self.settings.report_only, now).is_some() || self.waits_for_turn(phone) || passed_over;
        if held_up || phone.hands_off().is_some() || need.is_some_and(|need| need != Need::Sweep) {
            return State::Pending;
        }
        let enforces = phone.mode() == Mode::Enforce && !self.settings.report_only;
        if !phone.assessment.degraded.is_empty() && (enforces || phone.assessment.comparison.drift.is_none()) {
            State::Degraded
        } else if phone.proven() {
            State::InSync
        } else {
            State::Drifted
        }
    }

    pub(super) fn pending(&self, phone: &Phone, now: Timestamp) -> PendingView {
        let need = self.need_of(phone, now);
        let next = match phone.calling.step {
            CallStep::Waiting { at } => Some(at),
            CallStep::Ready => self.turns.expected(&phone.device, now),
            CallStep::Answered { until } => Some(until),
            _ => None,
        };
        let reason = if phone.wrong_site || self.custody_note(phone, &self.site_of(phone)).is_some() {
            PendingReason::WrongSite
        } else if let Some(why) = phone.hands_off() {
            why.pending()
        } else if let Some(held) = phone.held_up(self.settings.report_only, now) {
            return PendingView { reason: held.reason(), since: phone.waiting_since, next: held.until() };
        } else if let Some(until) = phone.storm_over(now).filter(|_| phone.passed_over) {
            let next = Some(until);
            return PendingView { reason: PendingReason::Recovering, since: phone.waiting_since, next };
        } else if matches!(phone.calling.step, CallStep::InCall { .. }) {
            return PendingView { reason: PendingReason::InCall, since: None, next: None };
        } else if self.calls_held || (need == Some(Need::Write) && self.store_away) {
            PendingReason::StoreAway
        } else if self.waits_for_turn(phone) {
            PendingReason::Turn
        } else if phone.calling.step == CallStep::Idle && self.site_of(phone).reach == Reach::Poll {
            let (reason, next) = self.poll_reason(phone, now);
            return PendingView { reason, since: phone.waiting_since, next };
        } else {
            self.call_reason(phone, next, now)
        };
        PendingView { reason, since: phone.waiting_since, next }
    }

    fn call_reason(&self, phone: &Phone, next: Option<Timestamp>, now: Timestamp) -> PendingReason {
        match (phone.calling.step, phone.calling.failure) {
            (CallStep::Answered { .. }, _) => PendingReason::Called,
            (_, Some(failure)) => failure,
            (CallStep::Waiting { .. } | CallStep::Ready, None)
                if next.is_some_and(|at| at > after(now, self.settings.contact_rest)) =>
            {
                PendingReason::RateLimited
            }
            (CallStep::Idle, None) if self.contact_uri(phone).is_none() => PendingReason::Unreachable,
            _ => PendingReason::Queued,
        }
    }

    /// One phone by name or device id; a name wins, and of two phones of one name the declared one.
    pub fn phone(&self, name_or_mac: &str, now: Timestamp) -> Option<PhoneView> {
        self.find(name_or_mac).map(|phone| self.view(phone, now))
    }

    /// The device that a name or a device id means.
    pub fn device(&self, name_or_mac: &str) -> Option<DeviceId> {
        self.find(name_or_mac).map(|phone| phone.device.clone())
    }

    fn find(&self, name_or_mac: &str) -> Option<&Phone> {
        let name: Arc<str> = name_or_mac.into();
        let mut of_name =
            self.named.iter().filter(|(known, _)| *known == name).filter_map(|(_, id)| self.phones.get(id));
        let first = of_name.next();
        let declared = first.filter(|phone| phone.declared()).or_else(|| of_name.find(|phone| phone.declared()));
        let of_device = || self.phones.get(&DeviceId::new(name_or_mac).ok()?).filter(|phone| phone.stays());
        declared.or(first).or_else(of_device).map(Box::as_ref)
    }

    /// The phone that last called from this address, by name or device id.
    pub fn last_heard_at(&self, address: std::net::IpAddr) -> Option<String> {
        let phone = self.phones.get(self.heard_at.get(&address.to_canonical())?)?;
        Some(phone.name().map_or_else(|| phone.device.to_string(), ToString::to_string))
    }

    /// Whether a phone was in a call and is waited for until that ends, or may tell its end by itself, whatever else it
    /// waits for. In memory only, and for nobody to see (promise 10): it is for those who have to keep silent about it.
    pub fn is_in_call(&self, device: &DeviceId) -> bool {
        let tells = |phone: &Phone| phone.wish != Wish::None || matches!(phone.calling.step, CallStep::InCall { .. });
        self.phones.get(device).is_some_and(|phone| tells(phone))
    }

    /// A part of the phones that nobody declares, the newest caller first.
    pub fn undeclared(&self, part: &Part, now: Timestamp) -> paging::Page<PhoneView> {
        let phones = self.undeclared.iter().filter_map(|device| self.phones.get(device).map(Box::as_ref));
        let key = |phone: &Phone| {
            let seen = phone.facts.last_seen.map_or(i64::MIN, Timestamp::as_millisecond);
            // times before 1970 are none, so that no sign disturbs the order of texts
            Key::of([format!("{:019}", i64::MAX.saturating_sub(seen.max(0))), phone.device.to_string()])
        };
        let page = part.cut(phones.map(|phone| (key(phone), phone)));
        let entries = page.entries.into_iter().map(|phone| self.view(phone, now)).collect();
        paging::Page { entries, next: page.next, more: page.more }
    }

    /// A page of phones: named ones by name, undeclared ones behind.
    pub fn page(&self, query: &Query, now: Timestamp) -> Page {
        self.part_of_page(query, usize::MAX, now)
    }

    /// The same, after a look at `most` phones at most: a part that ends for that reason has a next one, and fewer phones
    /// than the limit.
    pub fn part_of_page(&self, query: &Query, most: usize, now: Timestamp) -> Page {
        let limit = query.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT);
        let mut phones = Vec::new();
        let mut next = None;
        let mut last = None;
        for (looked, (phone, token)) in self.after(query.after.as_deref()).enumerate() {
            if looked >= most {
                next = last;
                break;
            }
            last = Some(token.clone());
            if !self.matches(phone, query, now) {
                continue;
            }
            if phones.len() == limit {
                next = phones.last().map(|(_, token): &(PhoneView, String)| token.clone());
                break;
            }
            phones.push((self.view(phone, now), token));
        }
        let revision = self.revision().map(ToString::to_string);
        Page { revision, phones: phones.into_iter().map(|(view, _)| view).collect(), next }
    }

    /// All phones behind a token, each with its own.
    pub(super) fn after<'a>(&'a self, token: Option<&str>) -> impl Iterator<Item = (&'a Phone, String)> {
        let named_from: Bound<(Arc<str>, DeviceId)> = match token.and_then(|token| token.strip_prefix("n:")) {
            Some(rest) => {
                let (device, name) = rest.split_once('/').unwrap_or((rest, ""));
                DeviceId::new(device).map_or(Bound::Unbounded, |device| Bound::Excluded((name.into(), device)))
            }
            None => Bound::Unbounded,
        };
        let undeclared = token.and_then(|token| token.strip_prefix("u:"));
        let undeclared_from = match undeclared.and_then(|device| DeviceId::new(device).ok()) {
            Some(device) => Bound::Excluded(device),
            None => Bound::Unbounded,
        };
        let named = self
            .named
            .range((named_from, Bound::Unbounded))
            .filter(move |_| undeclared.is_none())
            .map(|(name, device)| (device, format!("n:{device}/{name}")));
        let others =
            self.undeclared.range((undeclared_from, Bound::Unbounded)).map(|device| (device, format!("u:{device}")));
        named.chain(others).filter_map(|(device, token)| Some((&**self.phones.get(device)?, token)))
    }

    fn matches(&self, phone: &Phone, query: &Query, now: Timestamp) -> bool {
        let site = || phone.goal.as_ref().map(|goal| goal.desired.site.as_str());
        query.site.as_deref().is_none_or(|wanted| site() == Some(wanted))
            && query.model.as_deref().is_none_or(|wanted| {
                phone.facts.model.as_deref().is_some_and(|model| model.eq_ignore_ascii_case(wanted))
            })
            && query.revision.as_deref().is_none_or(|wanted| {
                phone.goal.as_ref().is_some_and(|goal| goal.revision.as_str().starts_with(wanted)) && !phone.proposed()
            })
            && (query.selector.is_empty()
                || phone.goal.as_ref().is_some_and(|goal| goal.desired.labels.have(&query.selector)))
            && query.site_selector.as_ref().is_none_or(|wanted| {
                // as where several services share the documents
                phone.goal.is_some() && wanted.matches(&self.site_of(phone).labels)
            })
            && query.item.as_deref().is_none_or(|wanted| {
                let mut drift = phone.assessment.comparison.drift.iter().flat_map(super::diff::Drift::items);
                drift.any(|item| item.id.name.as_str() == wanted || item.id.to_string() == wanted)
            })
            && query.text.as_deref().is_none_or(|wanted| shows(phone, wanted))
            && query.state.is_none_or(|wanted| self.state(phone, now) == wanted)
            && query.reason.is_none_or(|wanted| {
                self.state(phone, now) == State::Pending && self.pending(phone, now).reason == wanted
            })
    }

    /// How many phones are in which state.
    pub fn census(&self, now: Timestamp) -> Census {
        let mut census = Census { stopped_sites: self.tugs.stops(), ..Census::default() };
        for phone in self.phones.values().filter(|phone| phone.stays()) {
            let state = self.state(phone, now);
            *census.states.entry(state).or_default() += 1;
            if state == State::Pending {
                let PendingView { reason, since, .. } = self.pending(phone, now);
                *census.pending.entry(reason).or_default() += 1;
                census.oldest_pending = census.oldest_pending.into_iter().chain(since).min();
            }
            for reason in self.reasons(phone, state) {
                *census.reasons.entry((state, reason)).or_default() += 1;
            }
            let drift = phone.assessment.comparison.drift.as_ref().map_or(0, |drift| drift.items().len());
            census.drift += drift as u64;
            census.not_applicable += phone.assessment.comparison.lacking.len() as u64;
            census.refused += phone.refused.len() as u64;
            census.held += phone.drifts.held() as u64;
        }
        census.stopped_ladders = self.ladders.stopped();
        census.foreign_phones = self.foreign();
        census.brakes = self.brakes(now).len();
        census.recovering_sites = self.recovering_sites();
        census.braked_phones = self.braked_phones(now);
        census
    }

    /// Why a phone is Degraded, Held or Invalid.
    fn reasons(&self, phone: &Phone, state: State) -> BTreeSet<&'static str> {
        match (state, &phone.newest) {
            (State::Degraded, _) => phone.assessment.degraded.iter().map(|reason| reason.as_str()).collect(),
            (State::Held, _) => BTreeSet::from([self.held_reason(phone).as_str()]),
            (State::Invalid, Newest::Invalid { problems, .. }) => problems.iter().map(|problem| problem.code).collect(),
            _ => BTreeSet::new(),
        }
    }

    fn view(&self, phone: &Phone, now: Timestamp) -> PhoneView {
        let state = self.state(phone, now);
        let goal = phone.goal.as_ref();
        let drift = phone.assessment.comparison.drift.as_ref().map_or(&[][..], |drift| drift.items());
        let undeclared = state == State::Undeclared;
        let assumed: Vec<&ItemId> = phone.assumed(&self.catalogue).collect();
        PhoneView {
            name: phone.name().map(ToString::to_string),
            mac: phone.device.to_string(),
            model: told(phone.facts.model.as_ref()),
            firmware: told(phone.facts.firmware.as_ref()),
            e164: told(phone.facts.e164.as_ref()),
            site: goal.map(|goal| goal.desired.site.to_string()),
            labels: goal.map(|goal| goal.desired.labels.to_map()).unwrap_or_default(),
            mode: goal.filter(|_| !undeclared).map(|goal| goal.desired.policy.mode),
            state,
            pending: (state == State::Pending).then(|| self.pending(phone, now)),
            degraded: if state == State::Degraded { phone.assessment.degraded.clone() } else { Vec::new() },
            drift: drift.iter().take(LIST_LIMIT).map(|difference| self.drift_view(phone, difference)).collect(),
            drift_count: drift.len(),
            refused: refused(phone),
            assumed: assumed.iter().take(LIST_LIMIT).map(ToString::to_string).collect(),
            assumed_count: assumed.len(),
            not_applicable: phone.not_applicable_view(),
            not_applicable_count: phone.assessment.comparison.lacking.len(),
            notes: self.notes(phone, now),
            problems: match &phone.newest {
                Newest::Invalid { problems, .. } => problems.iter().take(10).map(ToString::to_string).collect(),
                Newest::Declared | Newest::Released | Newest::Gone => Vec::new(),
            },
            proven: phone.proven_items(&assumed),
            managed: phone.managed_items(),
            tug_of_war: phone.held_view(),
            ignored: phone.ignored_view(now),
            ignored_count: phone.ignored_count(now),
            warnings: phone.ignore_warnings(now),
            revision: goal.filter(|_| !phone.proposed()).map(|goal| goal.revision.to_string()),
            address: phone.facts.address.map(|address| address.to_string()),
            last_seen: phone.facts.last_seen,
            last_proof: phone.last_proof,
        }
    }

    fn notes(&self, phone: &Phone, now: Timestamp) -> Vec<String> {
        let site = self.site_of(phone);
        let of_site = Self::hands_off_note(phone).into_iter().chain(self.poll_note(phone, &site, now));
        let of_site = of_site.chain(self.custody_note(phone, &site));
        let of_phone = phone.restart_notes().into_iter().chain(phone.due_note(&self.catalogue));
        let of_phone = of_phone.chain(phone.put_back_notes()).chain(phone.release_note());
        let held = phone.gate_note(self.held_revision().map(|(held, _)| held));
        held.into_iter()
            .chain(self.door_notes(phone, now))
            .chain(of_site)
            .chain(self.ladder_notes(phone))
            .chain(of_phone)
            .collect()
    }

    fn drift_view(&self, phone: &Phone, difference: &super::diff::Difference) -> DriftView {
        let secret = self.catalogue.is_secret(difference.id.name.as_str());
        let desired = difference.desired.value.as_text().filter(|_| !secret).unwrap_or(MASK);
        let observed = difference.observed.as_deref().map(|text| if secret { MASK } else { text });
        let (desired, observed) = (without_credentials(desired), observed.map(without_credentials));
        let effect = self.catalogue.effect(difference.id.name.as_str());
        let drifting = phone.drifts.get(&difference.id).filter(|drifting| drifting.open);
        DriftView {
            item: difference.id.name.to_string(),
            index: difference.id.index.map(|index| index.0),
            desired,
            observed,
            risky: is_risky(effect).then(|| effect.as_str().to_owned()),
            first_seen: drifting.map(|drifting| drifting.first_seen),
            times: drifting.map_or(0, |drifting| drifting.times),
        }
    }
}

/// Whether a phone has this text in what people find it by.
fn shows(phone: &Phone, wanted: &str) -> bool {
    let wanted = wanted.trim().to_ascii_lowercase();
    let has = |text: &str| text.to_ascii_lowercase().contains(&wanted);
    let bare = |text: &str| text.replace([':', '-'], "");
    let fact = |fact: Option<&SmolStr>| fact.is_some_and(|fact| has(fact));
    // a MAC is found however it is written
    let mac = bare(&wanted);
    let is_of_mac = mac.len() >= 4 && mac.bytes().all(|byte| byte.is_ascii_hexdigit());
    phone.name().is_some_and(|name| has(name))
        || has(phone.device.as_str())
        || is_of_mac && bare(phone.device.as_str()).to_ascii_lowercase().contains(&mac)
        || fact(phone.facts.e164.as_ref())
        || fact(phone.facts.model.as_ref())
        || phone.facts.address.is_some_and(|address| has(&address.to_string()))
        || phone.goal.as_ref().is_some_and(|goal| {
            has(goal.desired.site.as_str())
                || goal.desired.labels.to_map().iter().any(|(key, value)| has(&format!("{key}={value}")))
        })
}

/// Names of items for one note, ten at most.
pub(super) fn some_names(ids: &[&ItemId]) -> String {
    const NAMED: usize = 10;
    let names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();
    match ids.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn told(fact: Option<&SmolStr>) -> Option<String> {
    fact.filter(|fact| !fact.is_empty()).map(ToString::to_string)
}

fn refused(phone: &Phone) -> Vec<RefusedView> {
    let of = |id: &ItemId, status: &str| RefusedView {
        item: id.name.to_string(),
        index: id.index.map(|index| index.0),
        status: status.to_owned(),
    };
    phone.refused.iter().map(|refused| of(&refused.id, refused.status.as_str())).take(LIST_LIMIT).collect()
}
