//! Asks a Kubernetes cluster: what stands in the status of its `PhoneConfig`s. It needs no service and no token, only the
//! right to read them; values of items, when a phone was seen last, and phones nobody declares are known to the service
//! alone.

use std::collections::{BTreeMap, BTreeSet};

use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::Value;

use super::client::ClientError;
use crate::{
    fleet::{
        named::{Named, NoSuch},
        view::{PendingView, PhoneView, Query},
        words::{PendingReason, State},
    },
    source::KubeSettings,
    spec::{Labels, crd},
    wpi::DeviceId,
};

/// Most resources of one answer, as kubectl asks.
const PAGE: u32 = 500;

/// A way to ask one cluster.
#[derive(Debug)]
pub struct ClusterClient {
    server: String,
    phones: Vec<Api<DynamicObject>>,
    sites: Vec<Api<DynamicObject>>,
}

/// What a cluster has.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its phones, by name.
    phones: Vec<PhoneView>,
    /// The labels of its sites.
    sites: BTreeMap<String, Labels>,
}

impl ClusterClient {
    /// Reads the kubeconfig, or what a pod has in its place; connects to nothing yet. Sites are read only `with_sites`: that
    /// needs a right of its own.
    pub async fn new(namespaces: Vec<String>, with_sites: bool) -> Result<Self, ClientError> {
        let failed = |problem: String| ClientError::Cluster { problem };
        let (config, namespaces) = KubeSettings::new(namespaces).reach().await.map_err(failed)?;
        let all = Self::of(config, &namespaces)?;
        Ok(if with_sites { all } else { Self { sites: Vec::new(), ..all } })
    }

    pub(super) fn of(config: kube::Config, namespaces: &[String]) -> Result<Self, ClientError> {
        let server = config.cluster_url.to_string();
        let failed = |error: kube::Error| ClientError::Cluster { problem: error.to_string() };
        let client = kube::Client::try_from(config).map_err(failed)?;
        let of_kind = |kind: &str, plural: &str| {
            let resource = GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind);
            let resource = ApiResource::from_gvk_with_plural(&resource, plural);
            let api = |name: &String| Api::namespaced_with(client.clone(), name, &resource);
            namespaces.iter().map(api).collect()
        };
        let (phones, sites) = (of_kind("PhoneConfig", "phoneconfigs"), of_kind("PhoneSite", "phonesites"));
        Ok(Self { server, phones, sites })
    }

    /// Where it is.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What there is now.
    pub(super) async fn look(&self) -> Result<Seen, ClientError> {
        let mut parts = Vec::new();
        for api in self.apis() {
            parts.push(self.objects(&api).await?);
        }
        Ok(self.seen(parts.iter().map(|part| part.iter())))
    }

    /// Where its resources are: the phones of each namespace, then the sites of each.
    pub(super) fn apis(&self) -> Vec<Api<DynamicObject>> {
        self.phones.iter().chain(&self.sites).cloned().collect()
    }

    /// The same for resources in the order of [`Self::apis`].
    pub(super) fn seen<'o, O>(&self, parts: impl Iterator<Item = O>) -> Seen
    where
        O: Iterator<Item = &'o DynamicObject>,
    {
        let mut seen = Seen::default();
        for (place, objects) in parts.enumerate() {
            if place < self.phones.len() {
                seen.phones.extend(objects.map(view));
            } else {
                let labels = |site: &DynamicObject| site.metadata.labels.iter().flatten().collect();
                seen.sites.extend(objects.map(|site| (site.metadata.name.clone().unwrap_or_default(), labels(site))));
            }
        }
        seen.phones.sort_by(|a, b| (&a.name, &a.mac).cmp(&(&b.name, &b.mac)));
        seen
    }

    async fn objects(&self, api: &Api<DynamicObject>) -> Result<Vec<DynamicObject>, ClientError> {
        let mut objects = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await.map_err(|error| self.said(&error))?;
            objects.extend(list.items);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    pub(super) fn said(&self, error: &impl std::fmt::Display) -> ClientError {
        ClientError::Cluster { problem: format!("{}: {error}", self.server) }
    }
}

impl Seen {
    /// One phone by name or MAC.
    pub(super) fn phone(&self, id: &str) -> Result<PhoneView, NoSuch> {
        let device = DeviceId::new(id).ok().map(|device| device.to_string());
        let is_meant = |phone: &&PhoneView| phone.name.as_deref() == Some(id) || device.as_ref() == Some(&phone.mac);
        let names = self.phones.iter().flat_map(|phone| phone.name.as_deref().into_iter().chain([phone.mac.as_str()]));
        let found = self.phones.iter().find(is_meant).cloned();
        found.ok_or_else(|| NoSuch::beside(&Named::Phone(id.to_owned()), names))
    }

    /// All phones that a query asks for; its limit and start do not count.
    pub(super) fn phones(&self, query: &Query) -> Result<Vec<PhoneView>, NoSuch> {
        let found: Vec<PhoneView> =
            self.phones.iter().filter(|phone| self.is_asked_for(phone, query)).cloned().collect();
        match self.no_such(query).filter(|_| found.is_empty()) {
            Some(none) => Err(none),
            None => Ok(found),
        }
    }

    /// The filters that make sense without the service; `item` is not among them.
    fn is_asked_for(&self, phone: &PhoneView, query: &Query) -> bool {
        let is = |wanted: &Option<String>, own: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
        };
        let begins = |wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| phone.revision.as_ref().is_some_and(|own| own.starts_with(wanted)))
        };
        query.state.is_none_or(|state| phone.state == state)
            && query.reason.is_none_or(|reason| phone.pending.as_ref().is_some_and(|pending| pending.reason == reason))
            && is(&query.site, &phone.site)
            && is(&query.model, &phone.model)
            && begins(&query.revision)
            && phone.labels.iter().collect::<Labels>().have(&query.selector)
            && query.site_selector.as_ref().is_none_or(|wanted| {
                let labels = phone.site.as_ref().and_then(|site| self.sites.get(site));
                labels.map_or_else(|| wanted.matches(&Labels::default()), |labels| wanted.matches(labels))
            })
            && query.text.as_ref().is_none_or(|text| shows(phone, text))
    }

    /// What a query names of which there is nothing here. Models and revisions that no phone has are told by no resource.
    fn no_such(&self, query: &Query) -> Option<NoSuch> {
        let all = |fact: fn(&PhoneView) -> Option<&String>| -> BTreeSet<&str> {
            self.phones.iter().filter_map(fact).map(String::as_str).collect()
        };
        query.named().into_iter().find_map(|named| {
            let (known, names) = match &named {
                Named::Site(name) => {
                    let mut sites = all(|phone| phone.site.as_ref());
                    sites.extend(self.sites.keys().map(String::as_str));
                    (sites.contains(name.as_str()), sites)
                }
                Named::Model(name) => {
                    let models = all(|phone| phone.model.as_ref());
                    (models.iter().any(|model| model.eq_ignore_ascii_case(name)), models)
                }
                Named::Revision(name) => {
                    let revisions = all(|phone| phone.revision.as_ref());
                    (revisions.iter().any(|revision| revision.starts_with(name.as_str())), revisions)
                }
                Named::Phone(_) | Named::Item(_) => return None,
            };
            (!known).then(|| NoSuch::beside(&named, names.iter().copied()))
        })
    }
}

/// A phone by its resource.
fn view(resource: &DynamicObject) -> PhoneView {
    let (status, spec) = (resource.data.get("status"), resource.data.get("spec"));
    let at = |path: &[&str]| path.iter().try_fold(status?, |value, key| value.get(key));
    let text = |path: &[&str]| at(path).and_then(Value::as_str).map(ToOwned::to_owned);
    let count = |path: &[&str]| at(path).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
    let time = |path: &[&str]| at(path).and_then(Value::as_str).and_then(|time| time.parse().ok());
    let phone = spec.and_then(|spec| spec.get("phone"));
    let id = phone.and_then(|phone| phone.get("mac").or_else(|| phone.get("deviceId"))).and_then(Value::as_str);
    let state = at(&["state"]).and_then(Value::as_str).and_then(State::parse).unwrap_or(State::Unknown);
    let reason = at(&["pending", "reason"]).and_then(Value::as_str).and_then(PendingReason::parse);
    let named = |what: &str, field: &str| {
        let names: Vec<&str> = at(&[field, "items"])?.as_array()?.iter().filter_map(Value::as_str).collect();
        let more = count(&[field, "count"]).unwrap_or_default().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{what}: {}{more}", names.join(", ")))
    };
    let lists = [named("differs", "drift"), named("refused by the phone", "refused")];
    PhoneView {
        name: resource.metadata.name.clone(),
        mac: id.map(|id| DeviceId::new(id).map_or_else(|_| id.to_owned(), |id| id.to_string())).unwrap_or_default(),
        model: text(&["model"]),
        firmware: text(&["firmware"]),
        e164: text(&["e164"]),
        site: text(&["site"]),
        labels: resource.metadata.labels.clone().unwrap_or_default(),
        mode: None,
        state,
        pending: reason.map(|reason| PendingView {
            reason,
            since: time(&["pending", "since"]),
            next: time(&["pending", "next"]),
        }),
        degraded: Vec::new(),
        drift: Vec::new(),
        drift_count: count(&["drift", "count"]).unwrap_or_default(),
        refused: Vec::new(),
        assumed: Vec::new(),
        assumed_count: 0,
        not_applicable: Vec::new(),
        not_applicable_count: 0,
        notes: text(&["message"]).into_iter().chain(lists.into_iter().flatten()).collect(),
        problems: Vec::new(),
        proven: count(&["proven"]).unwrap_or_default(),
        managed: count(&["managed"]).unwrap_or_default(),
        tug_of_war: Vec::new(),
        ignored: Vec::new(),
        ignored_count: 0,
        warnings: Vec::new(),
        revision: text(&["revision"]),
        address: text(&["address"]),
        last_seen: None,
        last_proof: None,
    }
}

fn shows(phone: &PhoneView, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let facts = [&phone.name, &phone.e164, &phone.model, &phone.site, &phone.address].into_iter().flatten();
    let labels = phone.labels.iter().map(|(key, value)| format!("{key}={value}"));
    facts.cloned().chain([phone.mac.clone()]).chain(labels).any(|fact| fact.to_ascii_lowercase().contains(&text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "phoneops.dev/v1alpha1",
            "kind": "PhoneConfig",
            "metadata": {"name": "reception", "labels": {"ward": "3"}},
            "spec": {"phone": {"mac": "00-1a-e8-11-22-33"}},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_phone_is_what_its_status_says() {
        let phone = view(&resource(&json!({
            "state": "Pending", "model": "OpenStage 40", "site": "berlin", "proven": 18, "managed": 20,
            "revision": "g7", "message": "waits for its window",
            "drift": {"count": 12, "items": ["sntp-addr", "function-key-def[2]"]},
            "pending": {"reason": "WindowClosed", "next": "2026-03-01T22:00:00Z"},
        })));
        assert_eq!((phone.name.as_deref(), phone.mac.as_str()), (Some("reception"), "00:1A:E8:11:22:33"));
        assert_eq!((phone.state, phone.proven, phone.managed, phone.drift_count), (State::Pending, 18, 20, 12));
        let pending = phone.pending.unwrap();
        assert_eq!((pending.reason, pending.since), (PendingReason::WindowClosed, None));
        assert_eq!(pending.next.unwrap().to_string(), "2026-03-01T22:00:00Z");
        assert_eq!(phone.notes, ["waits for its window", "differs: sntp-addr, function-key-def[2] and 10 more"]);
    }

    #[test]
    fn a_phone_without_a_status_is_unknown() {
        let phone = view(&resource(&Value::Null));
        assert_eq!((phone.state, phone.pending, phone.notes.len()), (State::Unknown, None, 0));
    }

    fn seen(status: &Value) -> Seen {
        let sites = [("berlin", [("region", "north")]), ("bern", [("region", "south")])];
        let sites = sites.map(|(name, labels)| (name.to_owned(), Labels::from(labels)));
        Seen { phones: vec![view(&resource(status))], sites: sites.into() }
    }

    #[test]
    fn what_no_resource_knows_is_told_and_what_only_is_empty_is_not() {
        let seen = seen(&json!({"state": "InSync", "model": "OpenStage 40", "site": "berlin"}));
        let none = |site: &str, model: Option<&str>| {
            let query = Query { site: Some(site.to_owned()), model: model.map(str::to_owned), ..Query::default() };
            seen.phones(&query).map(|found| found.len()).map_err(|none| none.to_string())
        };
        assert_eq!(none("bern", Some("openstage 40")), Ok(0));
        assert_eq!(none("nope", None).unwrap_err(), "there is no site \"nope\"; there are berlin, bern");
        let model = "there is no model \"OpenStage 4\"; did you mean OpenStage 40?";
        assert_eq!(none("berlin", Some("OpenStage 4")).unwrap_err(), model);
        assert_eq!(
            seen.phone("recption").unwrap_err().to_string(),
            "there is no phone \"recption\"; did you mean reception?"
        );
        assert_eq!(seen.phone("00:1a:e8:11:22:33").unwrap().name.as_deref(), Some("reception"));
    }

    #[test]
    fn phones_are_found_as_the_service_finds_them() {
        let seen = seen(&json!({"state": "InSync", "model": "OpenStage 40", "revision": "abcdef", "site": "berlin"}));
        let found = |query: Query| seen.phones(&query).is_ok_and(|phones| phones.len() == 1);
        let some = |text: &str| Some(text.to_owned());
        assert!(found(Query::default()));
        assert!(found(Query { model: some("openstage 40"), revision: some("abc"), ..Query::default() }));
        assert!(found(Query { selector: Labels::from([("ward", "3")]), text: some("e8:11"), ..Query::default() }));
        assert!(!found(Query { selector: Labels::from([("ward", "4")]), ..Query::default() }));
        assert!(!found(Query { state: Some(State::Drifted), ..Query::default() }));
        assert!(!found(Query { reason: Some(PendingReason::Queued), ..Query::default() }));
        assert!(!found(Query { site: some("bern"), ..Query::default() }));
        for (selector, is_meant) in
            [("region=north", true), ("region in (south)", false), ("!region", false), ("region", true)]
        {
            let site_selector = Some(selector.parse().unwrap());
            assert_eq!(found(Query { site_selector, ..Query::default() }), is_meant, "{selector}");
        }
    }
}
