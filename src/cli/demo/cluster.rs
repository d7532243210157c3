//! The cluster of the demo: which one it is, whether the user may do what the demo does, and what is made there.
//!
//! **What it touches.** One namespace of its own, whose name nobody else can have, and which it removes at the end; and
//! the definitions of phoneops, which belong to the whole cluster: they are made where they are missing, left as they
//! are where they are the same, and never changed where they are others, unless `--install-crds` says so. They stay at
//! the end: whoever has resources of these kinds by then would lose them.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
        coordination::v1::Lease,
        core::v1::{Namespace, Secret},
        events::v1::Event,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use miette::{IntoDiagnostic, WrapErr};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{catalogue::Catalogue, spec::crd};

/// How long an answer of the server is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who makes the definitions.
const MANAGER: &str = "phoneops-demo";

/// Which cluster and namespace.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The context of the kubeconfig; none in a pod.
    context: Option<String>,
    /// Whether the user named it, so that kubectl has to be told it as well.
    named: bool,
    server: String,
    pub(super) namespace: String,
}

impl Place {
    /// How people call kubectl there.
    pub(super) fn kubectl(&self, words: &str) -> String {
        let context = self.context.as_ref().filter(|_| self.named);
        let context = context.map(|name| format!(" --context {name}")).unwrap_or_default();
        format!("kubectl{context} {words} -n {}", self.namespace)
    }

    /// Takes the namespace away, and what is in it first: a cluster without its controllers would keep that.
    pub(super) async fn remove(&self, client: &Client) -> miette::Result<()> {
        let done = timeout(3 * PATIENCE, self.remove_all(client)).await;
        let done = done.unwrap_or_else(|_| Err(miette::miette!("the API server does not answer")));
        done.wrap_err_with(|| {
            let context = self.context.as_ref().filter(|_| self.named);
            let context = context.map(|name| format!(" --context {name}")).unwrap_or_default();
            let namespace = &self.namespace;
            format!(
                "namespace {namespace} could not be removed; do it by `kubectl{context} delete namespace {namespace}`"
            )
        })
    }

    async fn remove_all(&self, client: &Client) -> miette::Result<()> {
        let (delete, all) = (DeleteParams::default(), ListParams::default());
        for (kind, plural) in kinds() {
            let resource =
                ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(crd::GROUP, crd::VERSION, &kind), &plural);
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &self.namespace, &resource);
            api.delete_collection(&delete, &all).await.into_diagnostic()?;
        }
        let at = &self.namespace;
        Api::<Lease>::namespaced(client.clone(), at).delete_collection(&delete, &all).await.into_diagnostic()?;
        Api::<Secret>::namespaced(client.clone(), at).delete_collection(&delete, &all).await.into_diagnostic()?;
        Api::<Event>::namespaced(client.clone(), at).delete_collection(&delete, &all).await.into_diagnostic()?;
        Api::<Namespace>::all(client.clone()).delete(at, &delete).await.into_diagnostic()?;
        Ok(())
    }
}

/// Kind and plural of all definitions.
fn kinds() -> Vec<(String, String)> {
    let text = |definition: &Value, path: &str| {
        definition.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let all = crd::all(&Catalogue::builtin());
    all.iter().map(|one| (text(one, "/spec/names/kind"), text(one, "/spec/names/plural"))).collect()
}

/// Finds the cluster of the user: that of a context, or of the current one. Nothing is asked of it yet.
pub(super) async fn find(context: Option<&str>) -> miette::Result<(Place, Config)> {
    let what =
        || "no API server of Kubernetes is known: a kubeconfig (KUBECONFIG, ~/.kube/config) names one".to_owned();
    let (config, known) = match (context, Kubeconfig::read()) {
        (named, Ok(kubeconfig)) => {
            let known = named.map(str::to_owned).or_else(|| kubeconfig.current_context.clone());
            let options = KubeConfigOptions { context: named.map(str::to_owned), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            (config.into_diagnostic().wrap_err_with(what)?, known)
        }
        (None, Err(_)) => (Config::infer().await.into_diagnostic().wrap_err_with(what)?, None),
        (Some(_), Err(error)) => return Err(error).into_diagnostic().wrap_err_with(what),
    };
    let mut bytes = [0; 4];
    openssl::rand::rand_bytes(&mut bytes).into_diagnostic()?;
    let end = crate::fleet::fingerprint::to_hex(&bytes);
    let place = Place {
        context: known,
        named: context.is_some(),
        server: config.cluster_url.to_string(),
        namespace: format!("phoneops-demo-{end}"),
    };
    Ok((place, config))
}

/// Asks the server whether it is there, and what it has and allows. Nothing is changed. Gives the definitions that are
/// to be made or replaced.
pub(super) async fn look(place: &Place, client: &Client, install: bool) -> miette::Result<Vec<Value>> {
    let server = &place.server;
    let problem = match timeout(PATIENCE, client.apiserver_version()).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {PATIENCE:?}")),
    };
    if let Some(problem) = problem {
        miette::bail!(
            "no API server of Kubernetes answers at {server}: {problem}; start the cluster, or name another one with --context or KUBECONFIG"
        );
    }
    check_rights(place, client, &needed(false)).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    for definition in crd::all(&Catalogue::builtin()) {
        let name = definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = definitions.get_opt(&name).await;
        let known = known.into_diagnostic().wrap_err_with(|| format!("whether {name} is defined cannot be read"))?;
        let Some(known) = known else {
            missing.push(definition);
            continue;
        };
        let known = serde_json::to_value(known).into_diagnostic()?;
        let same = known.get("spec").zip(definition.get("spec")).is_some_and(|(known, ours)| has(known, ours));
        if !same {
            others.push((name, definition));
        }
    }
    if !others.is_empty() && !install {
        let names: Vec<String> = others.into_iter().map(|(name, _)| name).collect();
        miette::bail!(
            "this cluster has definitions of another phoneops, which somebody may need: {}. They are left as they are; \
             --install-crds replaces them for the whole cluster, or use the phoneops that they are of",
            names.join(", ")
        );
    }
    missing.extend(others.into_iter().map(|(_, definition)| definition));
    if !missing.is_empty() {
        check_rights(place, client, &needed(true)).await?;
    }
    Ok(missing)
}

/// Whether `known` has all that `ours` says; a server adds what it takes for granted.
fn has(known: &Value, ours: &Value) -> bool {
    match (known, ours) {
        (Value::Object(known), Value::Object(ours)) => {
            ours.iter().all(|(name, ours)| known.get(name).is_some_and(|known| has(known, ours)))
        }
        (Value::Array(known), Value::Array(ours)) => {
            known.len() == ours.len() && known.iter().zip(ours).all(|(known, ours)| has(known, ours))
        }
        // 1 and 1.0 are the same number
        (Value::Number(known), Value::Number(ours)) => known == ours || known.as_f64() == ours.as_f64(),
        (known, ours) => known == ours,
    }
}

/// What the demo does, as verb, group and resource, and whether it is in its namespace: of the whole, or of the definitions.
fn needed(definitions: bool) -> Vec<(&'static str, &'static str, &'static str, bool)> {
    if definitions {
        return ["create", "patch"]
            .map(|verb| (verb, "apiextensions.k8s.io", "customresourcedefinitions", false))
            .to_vec();
    }
    let ours = |verb, resource| (verb, crd::GROUP, resource, true);
    vec![
        ("create", "", "namespaces", false),
        ("delete", "", "namespaces", false),
        ("get", "apiextensions.k8s.io", "customresourcedefinitions", false),
        ours("patch", "phoneconfigs"),
        ours("watch", "phoneconfigs"),
        ours("deletecollection", "phoneconfigs"),
        ours("patch", "phoneprofiles"),
        ours("patch", "phonesites"),
        ours("patch", "phoneapprovals"),
        ours("create", "phonerecords"),
        ours("update", "phonerecords"),
        ours("create", "phoneopses"),
        ("create", "coordination.k8s.io", "leases", true),
        ("create", "", "secrets", true),
        ("watch", "", "secrets", true),
        ("create", "events.k8s.io", "events", true),
    ]
}

/// Asks the server whether the user may do that.
async fn check_rights(
    place: &Place,
    client: &Client,
    needed: &[(&'static str, &'static str, &'static str, bool)],
) -> miette::Result<()> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut denied = Vec::new();
    for (verb, group, resource, inside) in needed {
        let attributes = ResourceAttributes {
            verb: Some((*verb).to_owned()),
            group: Some((*group).to_owned()),
            resource: Some((*resource).to_owned()),
            namespace: inside.then(|| place.namespace.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let told = timeout(PATIENCE, reviews.create(&PostParams::default(), &review)).await.into_diagnostic()?;
        let told = told.into_diagnostic().wrap_err("what you may do in this cluster cannot be asked")?;
        if !told.status.is_some_and(|status| status.allowed) {
            denied.push(format!("{verb} {resource}"));
        }
    }
    if denied.is_empty() {
        return Ok(());
    }
    let of = place.context.as_ref().map(|name| format!(" of context {name}")).unwrap_or_default();
    miette::bail!(
        "the user{of} may not do what the demo does: {}. Use another context (--context), or a cluster of your own, such as kind",
        denied.join(", ")
    )
}

/// What the demo is about to do, for people.
pub(super) fn intent(place: &Place, definitions: &[Value]) -> Vec<String> {
    let context = place.context.as_ref().map(|name| format!("context {name}, ")).unwrap_or_default();
    let mut lines = vec![
        format!("Cluster: {context}{}", place.server),
        format!(
            "Namespace: {}, made now and removed at the end; nothing else of the cluster is touched",
            place.namespace
        ),
    ];
    if !definitions.is_empty() {
        let names: Vec<&str> =
            definitions.iter().filter_map(|one| one.pointer("/metadata/name").and_then(Value::as_str)).collect();
        lines.push(format!("Definitions for the whole cluster, which stay: {}", names.join(", ")));
    }
    lines
}

/// Makes the definitions, and the namespace behind them.
pub(super) async fn make(place: &Place, client: &Client, definitions: &[Value]) -> miette::Result<()> {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in definitions {
        let name = definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let params = PatchParams::apply(MANAGER).force();
        let applied = all.patch(name, &params, &Patch::Apply(definition)).await;
        applied.into_diagnostic().wrap_err_with(|| format!("{name} cannot be defined"))?;
    }
    let made = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": place.namespace,
            "labels": { "app.kubernetes.io/managed-by": MANAGER },
            "annotations": { "phoneops.dev/demo": format!("made {:.0} by phoneops demo; it may be deleted", Timestamp::now()) },
        },
    });
    let namespace: Namespace = serde_json::from_value(made).into_diagnostic()?;
    let made = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await;
    made.into_diagnostic().wrap_err_with(|| format!("namespace {} cannot be made", place.namespace))?;
    Ok(())
}

/// Waits until the server serves all kinds.
pub(super) async fn serves_all(place: &Place, client: &Client, patience: Duration) -> miette::Result<()> {
    let deadline = Instant::now() + patience;
    for (kind, plural) in kinds() {
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(crd::GROUP, crd::VERSION, &kind), &plural);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &place.namespace, &resource);
        while let Err(error) = api.list(&ListParams::default().limit(1)).await {
            if Instant::now() >= deadline {
                return Err(error).into_diagnostic().wrap_err_with(|| format!("the server does not serve {plural}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(named: bool) -> Place {
        Place {
            context: Some("lab".to_owned()),
            named,
            server: "https://192.0.2.1:6443/".to_owned(),
            namespace: "phoneops-demo-0a".to_owned(),
        }
    }

    #[test]
    fn what_a_server_adds_to_a_definition_makes_it_no_other_one() {
        let ours = json!({"names": {"kind": "PhoneConfig"}, "versions": [{"name": "v1alpha1", "minimum": 1}]});
        let known = json!({
            "names": {"kind": "PhoneConfig", "listKind": "PhoneConfigList"}, "conversion": {"strategy": "None"},
            "versions": [{"name": "v1alpha1", "minimum": 1.0}],
        });
        assert!(has(&known, &ours));
        let another = json!({"names": {"kind": "PhoneConfig"}, "versions": [{"name": "v1"}, {"name": "v1alpha1"}]});
        assert!(!has(&another, &ours) && !has(&json!({"names": {"kind": "PhoneConfig"}}), &ours));
    }

    #[test]
    fn people_are_told_where_it_happens_and_what_to_type() {
        assert_eq!(place(false).kubectl("get phoneconfigs"), "kubectl get phoneconfigs -n phoneops-demo-0a");
        assert_eq!(place(true).kubectl("get x"), "kubectl --context lab get x -n phoneops-demo-0a");
        let told = intent(&place(false), &[json!({"metadata": {"name": "phonesites.phoneops.dev"}})]);
        assert_eq!(told[0], "Cluster: context lab, https://192.0.2.1:6443/");
        assert!(told[1].contains("phoneops-demo-0a") && told[2].ends_with("phonesites.phoneops.dev"), "{told:?}");
        assert_eq!(intent(&place(false), &[]).len(), 2);
    }

    #[test]
    fn every_kind_is_taken_away_at_the_end() {
        let plurals: Vec<String> = kinds().into_iter().map(|(_, plural)| plural).collect();
        assert_eq!(plurals.len(), 7);
        assert!(plurals.contains(&"phoneopses".to_owned()) && plurals.contains(&"phonerecords".to_owned()));
    }
}
