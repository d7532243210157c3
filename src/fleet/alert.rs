//! Alerts: what somebody should look at, as it stands now. One alert per cause with its phones counted; it has an identity
//! without times, so that it is the same alert the next time, and it is over when it is not listed any more.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fleet, gate::view::NAMED, phone::Phone, words::AlertKind};
use crate::spec::SiteName;

/// Most alerts at one time; beyond that they are counted.
pub const LIMIT: usize = 1_000;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// Its identity: the same as long as the same is wrong at the same place.
    pub id: String,
    /// The site.
    pub site: Option<String>,
    /// The item.
    pub item: Option<String>,
    /// Since when it stands; since the start of the service at the longest.
    pub since: Timestamp,
    /// How many phones it is about.
    pub phones: usize,
    /// The first ten of them, by name.
    pub names: Vec<String>,
    /// What is wrong and what to do, in a sentence or two.
    pub text: String,
}

/// All alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertList {
    /// The list, by kind.
    pub alerts: Vec<Alert>,
    /// Alerts beyond it.
    pub more: usize,
}

impl AlertList {
    /// How many there are of each kind.
    pub fn by_kind(&self) -> BTreeMap<AlertKind, usize> {
        let mut counts = BTreeMap::new();
        self.alerts.iter().for_each(|alert| *counts.entry(alert.kind).or_default() += 1);
        counts
    }
}

/// Since when each alert stands.
#[derive(Debug, Default)]
pub(super) struct Standing(BTreeMap<(AlertKind, String), Timestamp>);

/// An alert as it is gathered.
#[derive(Debug, Default)]
struct Cause {
    site: Option<SiteName>,
    item: Option<String>,
    phones: usize,
    names: Vec<String>,
    text: String,
}

impl Cause {
    fn name(&mut self, name: &str) {
        self.phones += 1;
        if self.names.len() < NAMED {
            self.names.push(name.to_owned());
        }
    }
}

impl Fleet {
    /// The alerts that stand now.
    pub fn alerts(&mut self, now: Timestamp) -> AlertList {
        let mut causes: BTreeMap<(AlertKind, String), Cause> = BTreeMap::new();
        self.safety_causes(&mut causes, now);
        self.site_causes(&mut causes);
        self.outage_causes(&mut causes, now);
        let more = causes.len().saturating_sub(LIMIT);
        let before = std::mem::take(&mut self.standing.0);
        let mut alerts = Vec::with_capacity(causes.len().min(LIMIT));
        for ((kind, id), Cause { site, item, phones, names, text }) in causes.into_iter().take(LIMIT) {
            let key = (kind, id);
            let since = before.get(&key).copied().unwrap_or(now);
            let site = site.map(|site| site.to_string());
            alerts.push(Alert { kind, id: key.1.clone(), site, item, since, phones, names, text });
            self.standing.0.insert(key, since);
        }
        AlertList { alerts, more }
    }

    fn safety_causes(&self, causes: &mut BTreeMap<(AlertKind, String), Cause>, now: Timestamp) {
        for problem in self.safety(None, now).problems {
            let item = problem.index.map_or_else(|| problem.item.clone(), |index| format!("{}[{index}]", problem.item));
            let key = (AlertKind::Safety, format!("safety/{}/{item}/{}", problem.site, problem.problem));
            let text = format!("{item}, which decides over emergency calls, {}", problem.problem.sentence());
            let site = Some(SiteName::new(&problem.site));
            causes.insert(key, Cause { site, item: Some(item), phones: problem.phones, names: problem.names, text });
        }
    }

    fn outage_causes(&self, causes: &mut BTreeMap<(AlertKind, String), Cause>, now: Timestamp) {
        for (site, since) in self.after_storms() {
            let Ok(view) = self.back(Some(site), Some(since), now) else { continue };
            let phones = view.missing.len() + view.more;
            if phones == 0 {
                continue;
            }
            let names = view.missing.iter().take(NAMED).map(|phone| phone.name.clone()).collect();
            let text = format!(
                "phones of site {site} have not come back since many of it started; `phoneops back --site {site}` lists them"
            );
            let cause = Cause { site: Some(site.clone()), item: None, phones, names, text };
            causes.insert((AlertKind::NotBack, format!("not-back/{site}")), cause);
        }
    }

    fn site_causes(&self, causes: &mut BTreeMap<(AlertKind, String), Cause>) {
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
