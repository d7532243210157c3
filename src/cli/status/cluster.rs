//! Asks a Kubernetes cluster: what stands in the status of its `PhoneConfig`s. It needs no service and no token, only the
//! right to read them; values of items, when a phone was seen last, and phones nobody declares are known to the service
//! alone.

use std::collections::BTreeSet;

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
    namespaces: Vec<Api<DynamicObject>>,
    sites: Vec<Api<DynamicObject>>,
}

impl ClusterClient {
    /// Reads the kubeconfig, or what a pod has in its place; connects to nothing yet.
    pub async fn new(namespaces: Vec<String>) -> Result<Self, ClientError> {
        let failed = |problem: String| ClientError::Cluster { problem };
        let (config, namespaces) = KubeSettings::new(namespaces).reach().await.map_err(failed)?;
        let server = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).map_err(|error| failed(error.to_string()))?;
        let of_kind = |kind: &str, plural: &str| {
            let resource = GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind);
            let resource = ApiResource::from_gvk_with_plural(&resource, plural);
            let api = |name: &String| Api::namespaced_with(client.clone(), name, &resource);
            namespaces.iter().map(api).collect()
        };
        let (phones, sites) = (of_kind("PhoneConfig", "phoneconfigs"), of_kind("PhoneSite", "phonesites"));
        Ok(Self { server, namespaces: phones, sites })
    }

    /// Where it is.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// One phone by name or MAC.
    pub async fn phone(&self, id: &str) -> Result<PhoneView, ClientError> {
        let device = DeviceId::new(id).ok().map(|device| device.to_string());
        let is_meant = |phone: &PhoneView| phone.name.as_deref() == Some(id) || device.as_ref() == Some(&phone.mac);
        let phones = self.all().await?;
        if let Some(phone) = phones.iter().find(|phone| is_meant(phone)) {
            return Ok(phone.clone());
        }
        let names =
            phones.iter().filter_map(|phone| phone.name.as_deref()).chain(phones.iter().map(|phone| &*phone.mac));
        Err(self.none(&NoSuch::beside(&Named::Phone(id.to_owned()), names)))
    }

    /// All phones that a query asks for; its limit and start do not count.
    pub async fn phones(&self, query: &Query) -> Result<Vec<PhoneView>, ClientError> {
        let all = self.all().await?;
        let found: Vec<PhoneView> = all.iter().filter(|phone| is_asked_for(phone, query)).cloned().collect();
        if found.is_empty() {
            let mut sites: BTreeSet<String> = all.iter().filter_map(|phone| phone.site.clone()).collect();
            if query.site.is_some() {
                sites.extend(self.objects(&self.sites).await?.into_iter().filter_map(|site| site.metadata.name));
            }
            if let Some(none) = no_such(query, &all, &sites) {
                return Err(self.none(&none));
            }
        }
        Ok(found)
    }

    async fn all(&self) -> Result<Vec<PhoneView>, ClientError> {
        let mut phones: Vec<PhoneView> = self.objects(&self.namespaces).await?.iter().map(view).collect();
        phones.sort_by(|a, b| (&a.name, &a.mac).cmp(&(&b.name, &b.mac)));
        Ok(phones)
    }

    async fn objects(&self, apis: &[Api<DynamicObject>]) -> Result<Vec<DynamicObject>, ClientError> {
        let mut objects = Vec::new();
        for api in apis {
            let mut page = ListParams::default().limit(PAGE);
            loop {
                let list = api.list(&page).await.map_err(|error| self.said(&error))?;
                objects.extend(list.items);
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = page.continue_token(&token),
                    None => break,
                }
            }
        }
        Ok(objects)
    }

    fn none(&self, none: &NoSuch) -> ClientError {
        let message = format!("{none}, in these namespaces of {}", self.server);
        ClientError::Refused { status: hyper::StatusCode::NOT_FOUND, message }
    }

    fn said(&self, error: &kube::Error) -> ClientError {
        ClientError::Cluster { problem: format!("{}: {error}", self.server) }
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

/// What a query names of which there is nothing in a cluster with these phones and sites. Models and revisions that no
/// phone has are told by no resource.
fn no_such(query: &Query, phones: &[PhoneView], sites: &BTreeSet<String>) -> Option<NoSuch> {
    let all = |fact: fn(&PhoneView) -> Option<&String>| -> BTreeSet<String> {
        phones.iter().filter_map(fact).cloned().collect()
    };
    query.named().into_iter().find_map(|named| {
        let (known, names) = match &named {
            Named::Site(name) => (sites.contains(name), sites.clone()),
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
        (!known).then(|| NoSuch::beside(&named, names.iter().map(String::as_str)))
    })
}

/// The filters that make sense without the service; `item` is not among them.
fn is_asked_for(phone: &PhoneView, query: &Query) -> bool {
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
        && query.text.as_ref().is_none_or(|text| shows(phone, text))
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

    #[test]
    fn what_no_resource_knows_is_told_and_what_only_is_empty_is_not() {
        let phones = [view(&resource(&json!({"state": "InSync", "model": "OpenStage 40", "site": "berlin"})))];
        let sites = BTreeSet::from(["berlin".to_owned(), "bern".to_owned()]);
        let none = |site: &str, model: Option<&str>| {
            let query = Query { site: Some(site.to_owned()), model: model.map(str::to_owned), ..Query::default() };
            no_such(&query, &phones, &sites).map(|none| none.to_string())
        };
        assert_eq!(none("bern", Some("openstage 40")), None);
        assert_eq!(none("nope", None).unwrap(), "there is no site \"nope\"; there are berlin, bern");
        let model = "there is no model \"OpenStage 4\"; did you mean OpenStage 40?";
        assert_eq!(none("berlin", Some("OpenStage 4")).unwrap(), model);
    }

    #[test]
    fn phones_are_found_as_the_service_finds_them() {
        let phone = view(&resource(&json!({"state": "InSync", "model": "OpenStage 40", "revision": "abcdef"})));
        let found = |query: Query| is_asked_for(&phone, &query);
        let some = |text: &str| Some(text.to_owned());
        assert!(found(Query::default()));
        assert!(found(Query { model: some("openstage 40"), revision: some("abc"), ..Query::default() }));
        assert!(found(Query { selector: Labels::from([("ward", "3")]), text: some("e8:11"), ..Query::default() }));
        assert!(!found(Query { selector: Labels::from([("ward", "4")]), ..Query::default() }));
        assert!(!found(Query { state: Some(State::Drifted), ..Query::default() }));
        assert!(!found(Query { reason: Some(PendingReason::Queued), ..Query::default() }));
        assert!(!found(Query { site: some("berlin"), ..Query::default() }));
    }
}
