//! A namespace with the fleet's resources: what people apply, how they approve, what they look at.

use std::{fs, path::PathBuf, sync::Arc};

use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use miette::{IntoDiagnostic, WrapErr};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{
    cluster::Place,
    stage::Stage,
    table::{Table, Wanted},
    team::{Change, Told},
};
use crate::{
    source::{KubeSettings, SourceSettings, kube::Cluster},
    spec::{API_VERSION, Revision, crd},
};

/// Who applies: kubectl's own name, so that people go on by kubectl where the demo ends.
const MANAGER: &str = "kubectl";
/// The name of the approval.
const APPROVAL: &str = "berlin-time-server";

/// The team's side of a cluster.
pub(super) struct Namespace {
    place: Place,
    client: Client,
    config: Config,
    folder: PathBuf,
    /// Documents that were written and are not applied yet, with their files.
    written: Vec<(String, Value)>,
    seen: Arc<Cluster>,
}

impl Namespace {
    /// Files are kept in `folder`, so that people may edit and apply them.
    pub(super) fn new(place: Place, client: Client, config: Config, folder: PathBuf) -> Self {
        Self { place, client, config, folder, written: Vec::new(), seen: Arc::default() }
    }

    /// How people call kubectl for this namespace.
    pub(super) fn kubectl(&self, words: &str) -> String {
        self.place.kubectl(words)
    }

    pub(super) fn write(&mut self, path: &str, text: &str) -> miette::Result<()> {
        let file = self.folder.join(path);
        let kept = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, text));
        kept.into_diagnostic().wrap_err_with(|| format!("{} cannot be written", file.display()))?;
        for document in serde_yaml::Deserializer::from_str(text) {
            let document =
                Value::deserialize(document).into_diagnostic().wrap_err_with(|| format!("{path} is not YAML"))?;
            self.written.push((path.to_owned(), document));
        }
        Ok(())
    }

    /// Applies what was written.
    pub(super) async fn push(&mut self) -> miette::Result<Told> {
        let mut files: Vec<String> = Vec::new();
        let mut resources = Vec::new();
        let written = std::mem::take(&mut self.written);
        let is_alone = written.len() == 1;
        for (file, document) in written {
            let applied = self.apply(&document).await?;
            let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default().to_lowercase();
            let name = applied.metadata.name.unwrap_or_default();
            let path = format!("{}/{kind}/{name}.yaml", self.place.namespace);
            resources.push((path, applied.metadata.generation.unwrap_or_default()));
            let folder = file.split_once('/').filter(|_| !is_alone).map_or(file.as_str(), |(folder, _)| folder);
            if files.last().map(String::as_str) != Some(folder) {
                files.push(folder.to_owned());
            }
        }
        let named: Vec<String> = files.iter().map(|file| format!("-f {file}")).collect();
        let typed = self.kubectl(&format!("apply --server-side {}", named.join(" ")));
        Ok(Told { change: Change::Resources(resources), typed })
    }

    async fn apply(&self, document: &Value) -> miette::Result<DynamicObject> {
        let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let params = PatchParams::apply(MANAGER);
        let applied = self.api(kind).patch(name, &params, &Patch::Apply(document)).await;
        applied.into_diagnostic().wrap_err_with(|| format!("{kind} {name} cannot be applied"))
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind),
            &format!("{}s", kind.to_lowercase()),
        );
        Api::namespaced_with(self.client.clone(), &self.place.namespace, &resource)
    }

    pub(super) fn source(&self) -> SourceSettings {
        SourceSettings::Kube(Box::new(KubeSettings {
            config: Some(self.config.clone()),
            cluster: Arc::clone(&self.seen),
            ..KubeSettings::new(vec![self.place.namespace.clone()])
        }))
    }

    /// Whether the newest revision has all of these in that generation or a later one.
    pub(super) fn has_arrived(&self, revision: &Revision, all: &[(String, i64)]) -> bool {
        all.iter().all(|(path, generation)| self.seen.generation(revision, path) >= Some(*generation))
    }

    /// Approves as a person does: by a resource, so that the cluster says who may.
    pub(super) async fn approve(&self, stage: &Stage, digest: &str) -> miette::Result<(String, usize)> {
        let approval = json!({
            "apiVersion": API_VERSION, "kind": "PhoneApproval", "metadata": { "name": APPROVAL },
            "spec": { "digest": digest, "reason": "looked at the plan" },
        });
        self.apply(&approval).await?;
        let api = self.api("PhoneApproval");
        let deadline = stage.deadline();
        loop {
            let now = api.get(APPROVAL).await.into_diagnostic().wrap_err("the PhoneApproval cannot be read")?;
            let text = |path: &str| now.data.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            match text("/status/state").as_str() {
                "Approved" => {
                    let phones = now.data.pointer("/status/phones").and_then(Value::as_u64).unwrap_or_default();
                    let typed =
                        format!("a PhoneApproval with the digest of `status.held`: {}", text("/status/message"));
                    return Ok((typed, usize::try_from(phones).unwrap_or_default()));
                }
                "Refused" => miette::bail!("the PhoneApproval is refused: {}", text("/status/message")),
                _ => stage.look_again(deadline, "the PhoneApproval is seen").await?,
            }
        }
    }

    /// Prints a table once its rows are as they should be, with what people type for it.
    pub(super) async fn show(
        &self,
        stage: &Stage,
        wanted: &Wanted<'_>,
        condition: impl Fn(&Table) -> bool,
    ) -> miette::Result<()> {
        let deadline = stage.deadline();
        loop {
            let table = Table::get(&self.client, &self.place.namespace, wanted).await?;
            if condition(&table) {
                let name = wanted.name.map(|name| format!(" {name}")).unwrap_or_default();
                let wide = if wanted.wide { " -o wide" } else { "" };
                stage.say(&format!("$ {}", self.kubectl(&format!("get {}{name}{wide}", wanted.plural))));
                for line in table.lines(wanted.wide, wanted.rows) {
                    println!("             {line}");
                }
                return Ok(());
            }
            let what = format!("the {} tell it", wanted.plural);
            stage.look_again(deadline, &what).await?;
        }
    }

    /// What people may try while it stays up.
    pub(super) fn hints(&self) -> Vec<String> {
        let files = self.folder.display();
        vec![
            self.kubectl("get phoneconfigs -o wide --watch"),
            self.kubectl("describe phoneconfig berlin-01"),
            format!("cd {files} && edit fleet.yaml && {}", self.kubectl("apply --server-side -f fleet.yaml")),
            self.kubectl("wait phoneprofile/fleet --for=condition=Ready"),
        ]
    }
}
