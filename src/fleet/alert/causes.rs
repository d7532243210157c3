//! What is looked for. Nothing here asks whether a phone is in a call, or how it waits (promise 10): what counts is what
//! was read of it, what it refused, and when it was last heard of.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{Cause, Causes};
use crate::{
    catalogue::Effect,
    fleet::{
        Fleet,
        diff::Drift,
        gate::view::NAMED,
        ladder::Ladder,
        may_write::bar,
        paging::{List, Part},
        phone::{Newest, Phone},
        schedule::after,
        words::{AlertKind, DegradedReason, TugOfWar},
    },
    spec::{Mode, SiteName},
};

/// How long a phone that was asked goes unheard before it counts as silent.
pub(super) const SILENT: Duration = Duration::from_hours(1);
/// How long a read that is due may be overdue.
const OVERDUE: Duration = Duration::from_hours(24);

impl Fleet {
    /// What stands now.
    pub(super) fn causes(&self, now: Timestamp) -> Causes {
        let mut causes = Causes::new();
        self.safety_causes(&mut causes, now);
        self.site_causes(&mut causes);
        self.outage_causes(&mut causes, now);
        let mut sites = BTreeSet::new();
        for phone in self.by_name().filter(|phone| phone.declared()) {
            sites.extend(site_of(phone));
            self.invalid_cause(phone, &mut causes);
            if phone.mode() != Mode::Off && !phone.proposed() && phone.hands_off().is_none() {
                self.item_causes(phone, &mut causes);
                if Self::is_silent(phone, now) {
                    silence_cause(phone, &mut causes);
                }
            }
        }
        for site in sites {
            self.ladder_cause(site, &mut causes);
        }
        self.service_causes(&mut causes);
        causes
    }

    fn invalid_cause(&self, phone: &Phone, causes: &mut Causes) {
        let (Newest::Invalid { .. }, Some(name)) = (&phone.newest, phone.name()) else { return };
        let site = site_of(phone).cloned().unwrap_or_default();
        let cause = causes.entry((AlertKind::Invalid, format!("invalid/{site}"))).or_default();
        cause.name(name);
        cause.text = format!("documents of phones of site {site} have errors; `phoneops validate` names the lines");
        cause.revision = self.revision().map(ToString::to_string);
        cause.site = Some(site);
    }

    /// What differs and stays so, by revision and item.
    fn item_causes(&self, phone: &Phone, causes: &mut Causes) {
        let (Some(goal), Some(name)) = (&phone.goal, phone.name()) else { return };
        if phone.read_at.is_none() || phone.is_old_news() {
            return;
        }
        let reports = self.settings.report_only || goal.desired.policy.mode == Mode::Report;
        let degraded = |reason| !reports && phone.assessment.degraded.contains(&reason);
        let mut found: BTreeSet<(AlertKind, &str)> = BTreeSet::new();
        if reports {
            let drift = phone.assessment.comparison.drift.iter().flat_map(Drift::items);
            found.extend(drift.map(|difference| (AlertKind::Drift, difference.id.name.as_str())));
        }
        if degraded(DegradedReason::Refused) {
            let refused = phone.refused.iter().filter(|refused| phone.refused_as_is(&refused.id));
            found.extend(refused.map(|refused| (AlertKind::Refused, refused.id.name.as_str())));
        }
        if degraded(DegradedReason::NotAllowed) {
            let policy = &goal.desired.policy;
            let barred = phone.differing().filter(|item| bar(&self.catalogue, policy, &item.id).is_some());
            found.extend(barred.map(|item| (AlertKind::NotAllowed, item.id.name.as_str())));
        }
        // those that decide over emergency calls have alerts of their own
        found.retain(|(_, item)| self.catalogue.effect(item) != Effect::Safety);
        for (kind, item) in found {
            let revision = &goal.revision;
            let word = kind.as_str().to_ascii_lowercase();
            let cause = causes.entry((kind, format!("{word}/{revision}/{item}"))).or_default();
            cause.name(name);
            if cause.phones == 1 {
                let what = match kind {
                    AlertKind::Refused => "was refused",
                    AlertKind::NotAllowed => "differs and may not be written under the policy",
                    _ => "differs, and mode Report writes nothing",
                };
                cause.text = format!("{item} {what} (revision {})", revision.short());
                cause.item = Some(item.to_owned());
                cause.revision = Some(revision.to_string());
            }
        }
        self.tug_causes(phone, causes);
    }

    fn tug_causes(&self, phone: &Phone, causes: &mut Causes) {
        let (Some(site), Some(name)) = (site_of(phone), phone.name()) else { return };
        if self.settings.report_only || phone.mode() != Mode::Enforce {
            return;
        }
        let held = |why| phone.drifts.iter().filter(move |drifting| drifting.held == Some(why));
        let items: BTreeSet<&str> =
            held(TugOfWar::Item).filter(|drifting| drifting.open).map(|drifting| drifting.id.name.as_str()).collect();
        for item in items {
            let cause = causes.entry((AlertKind::TugOfWar, format!("tug/{site}/{item}"))).or_default();
            cause.name(name);
            cause.text = format!("{item} is changed back again and again at site {site}; it is not put right any more");
            cause.item = Some(item.to_owned());
            cause.site = Some(site.clone());
        }
        if held(TugOfWar::Site).next().is_some() {
            let cause = causes.entry((AlertKind::OtherServer, format!("other-server/{site}"))).or_default();
            cause.name(name);
            cause.text = format!(
                "the same was changed on many phones of site {site}, as another server does; drift is not put right there \
                 any more"
            );
            cause.site = Some(site.clone());
        }
    }

    /// Whether it was asked and not heard of for long, or is to be read for long. A phone in a call answers, and one
    /// that answers is heard of.
    fn is_silent(phone: &Phone, now: Timestamp) -> bool {
        let asked = phone.calling.unheard_since.is_some_and(|since| after(since, SILENT) <= now);
        let unread = phone.sweep_at().is_some_and(|due| after(due, OVERDUE) <= now);
        let unseen = phone.facts.last_seen.is_some_and(|seen| after(seen, OVERDUE) <= now);
        phone.facts.last_seen.is_some() && (asked || (unread && unseen)) && phone.storm_over(now).is_none()
    }

    fn ladder_cause(&self, site: &SiteName, causes: &mut Causes) {
        let Some(silent) = self.ladders.of(site).and_then(Ladder::silent) else { return };
        let cause = causes.entry((AlertKind::LockoutStopped, format!("lockout-stopped/{site}"))).or_default();
        let name = self.phones.get(silent).and_then(|phone| phone.name());
        cause.name(name.map_or(silent.as_str(), |name| name));
        cause.text = format!(
            "a phone of site {site} was not heard of since it got items that can cut it off; the site gets no more of them"
        );
        cause.site = Some(site.clone());
    }

    /// What concerns the service as a whole.
    fn service_causes(&self, causes: &mut Causes) {
        let mut add = |kind: AlertKind, id: &str, text: &str| {
            causes.insert((kind, id.to_owned()), Cause { text: text.to_owned(), ..Cause::default() });
        };
        if self.store_away {
            add(AlertKind::StoreAway, "store-away", "the store cannot be written, so nothing is written to phones");
        }
        if self.service.restored.is_some() {
            let text = "an older store was put back: nothing is written until `phoneops resume`";
            add(AlertKind::Restored, "restored", text);
        }
        if self.standing.around.source_away {
            add(AlertKind::SourceAway, "source-away", "the documents cannot be read; `/readyz` and the log say why");
        }
        if let Some((held, plan)) = self.held_revision().filter(|(held, _)| held.rejected.is_none()) {
            let waiting = self.by_name().filter(|phone| phone.at_gate.is_some());
            let names = waiting.take(NAMED).filter_map(|phone| phone.name().map(ToString::to_string)).collect();
            let cause = Cause {
                revision: Some(held.name.clone()),
                phones: plan.phones,
                names,
                text: format!(
                    "{} waits for approval at the gate; `phoneops gate` shows what it would write",
                    held.name
                ),
                ..Cause::default()
            };
            causes.insert((AlertKind::Held, format!("held/{}", held.name)), cause);
        }
        for (why, phone) in &self.standing.around.handshakes {
            let cause = causes.entry((AlertKind::Handshake, format!("handshake/{why}"))).or_default();
            cause.name(phone);
            cause.text = format!("TLS handshakes of known phones fail: {why}; `/api/v1/undeclared` has what helps");
        }
    }

    fn safety_causes(&self, causes: &mut Causes, now: Timestamp) {
        for problem in self.safety(None, &Part::lines(List::Safety), now).problems {
            let item = problem.index.map_or_else(|| problem.item.clone(), |index| format!("{}[{index}]", problem.item));
            let key = (AlertKind::Safety, format!("safety/{}/{item}/{}", problem.site, problem.problem));
            let text = format!("{item}, which decides over emergency calls, {}", problem.problem.sentence());
            let site = Some(SiteName::new(&problem.site));
            causes.insert(
                key,
                Cause {
                    site,
                    item: Some(item),
                    phones: problem.phones,
                    names: problem.names,
                    text,
                    ..Cause::default()
                },
            );
        }
    }

    fn outage_causes(&self, causes: &mut Causes, now: Timestamp) {
        for (site, since) in self.after_storms() {
            let Ok(view) = self.back(Some(site), Some(since), &Part::lines(List::Missing), now) else { continue };
            let phones = view.missing.len() + view.more;
            if phones == 0 {
                continue;
            }
            let names = view.missing.iter().take(NAMED).map(|phone| phone.name.clone()).collect();
            let text = format!(
                "phones of site {site} have not come back since many of it started; `phoneops back --site {site}` lists them"
            );
            let cause = Cause { site: Some(site.clone()), phones, names, text, ..Cause::default() };
            causes.insert((AlertKind::NotBack, format!("not-back/{site}")), cause);
        }
    }

    fn site_causes(&self, causes: &mut Causes) {
        for phone in self.by_name().filter(|phone| phone.wrong_site && phone.declared()) {
            let (Some(site), Some(name)) = (site_of(phone), phone.name()) else { continue };
            let cause = causes.entry((AlertKind::WrongSite, format!("wrong-site/{site}"))).or_default();
            cause.name(name);
            cause.text = format!(
                "calls in the name of phones of site {site} come from outside its networks, and are not answered; add the \
                 network to the site, or look for who it is"
            );
            cause.site = Some(site.clone());
        }
        for (address, proxy) in self.crowds.proxies() {
            let cause = causes.entry((AlertKind::Proxy, format!("proxy/{address}"))).or_default();
            cause.phones = proxy.phones;
            cause.text = format!(
                "phones of {} sites call from {address}, which is taken for a proxy's address: no password is sent there; \
                 have the proxy speak PROXY protocol and name it in --trusted-proxies",
                proxy.sites
            );
            let names = self.crowds.at(*address).iter().filter_map(|device| self.phones.get(device)?.name());
            let mut names: Vec<String> = names.map(ToString::to_string).collect();
            names.sort();
            names.truncate(NAMED);
            cause.names = names;
        }
    }
}

fn site_of(phone: &Phone) -> Option<&SiteName> {
    phone.goal.as_ref().map(|goal| &goal.desired.site)
}

fn silence_cause(phone: &Phone, causes: &mut Causes) {
    let (Some(site), Some(name)) = (site_of(phone), phone.name()) else { return };
    let cause = causes.entry((AlertKind::Silent, format!("silent/{site}"))).or_default();
    cause.name(name);
    cause.text = format!("phones of site {site} have not been heard of for long, although they were asked");
    cause.site = Some(site.clone());
}
