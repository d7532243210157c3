//! A real API server with etcd on loopback, for tests against Kubernetes. It is looked for in this order: the cluster of
//! `PHONEOPS_TEST_KUBECONFIG`; the programs in the folder `KUBEBUILDER_ASSETS`; those that `.ci/kube-api-server` made. With
//! none of them the tests fail and say so.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use k8s_openapi::{
    api::{
        core::v1::Namespace,
        rbac::v1::{Role, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::kube_audit::{self, Call};

const LONG: Duration = Duration::from_mins(1);
/// The token of the administrator, and that of the service.
const ADMIN: &str = "admin-token";
const SERVICE: &str = "service-token";

/// All definitions, by plural.
const KINDS: [&str; 7] =
    ["phoneconfigs", "phoneprofiles", "phonesites", "phonebrakes", "phoneapprovals", "phonerecords", "phoneopses"];

const WAYS: &str = "tests against Kubernetes need an API server: name a cluster in PHONEOPS_TEST_KUBECONFIG, or a folder \
                    with kube-apiserver and etcd in KUBEBUILDER_ASSETS (setup-envtest makes one), or run \
                    .ci/kube-api-server on Debian 12, which builds them";

/// A cluster with the definitions of phoneops and a namespace of its own.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    kubeconfig: Kubeconfig,
    server: Option<Server>,
}

/// An API server of our own.
struct Server {
    folder: TempDir,
    programs: PathBuf,
    ports: [u16; 3],
    etcd: Child,
    api: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in [&mut self.api, &mut self.etcd] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn programs() -> PathBuf {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
            cache.expect(WAYS).join("phoneops/kubernetes-1.20.2")
        },
        PathBuf::from,
    );
    assert!(folder.join("kube-apiserver").exists() && folder.join("etcd").exists(), "{WAYS}");
    folder
}

fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn certificate(key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "phoneops tests").unwrap();
    let name = name.build();
    let mut built = X509::builder().unwrap();
    built.set_version(2).unwrap();
    built.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    built.set_subject_name(&name).unwrap();
    built.set_issuer_name(&name).unwrap();
    built.set_pubkey(key).unwrap();
    built.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    built.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    built.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new().ip("127.0.0.1").build(&built.x509v3_context(None, None)).unwrap();
    built.append_extension(names).unwrap();
    built.sign(key, MessageDigest::sha256()).unwrap();
    built.build()
}

impl Server {
    fn start() -> Self {
        let (folder, programs) = (tempfile::tempdir().unwrap(), programs());
        let key_of_server = key();
        let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
        write("tls.crt", &certificate(&key_of_server).to_pem().unwrap());
        write("tls.key", &key_of_server.private_key_to_pem_pkcs8().unwrap());
        let accounts = key();
        write("sa.pub", &accounts.public_key_to_pem().unwrap());
        write("sa.key", &accounts.private_key_to_pem_pkcs8().unwrap());
        write("tokens.csv", format!("{ADMIN},admin,1,\"system:masters\"\n{SERVICE},phoneops,2\n").as_bytes());
        write("audit.yaml", kube_audit::POLICY.as_bytes());
        let ports = [free_port(), free_port(), free_port()];
        let etcd = spawn_etcd(&programs, folder.path(), ports);
        let api = spawn_api(&programs, folder.path(), ports);
        Self { folder, programs, ports, etcd, api }
    }

    fn kubeconfig(&self) -> Kubeconfig {
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.ports[2]),
                "certificate-authority": self.folder.path().join("tls.crt"),
            }}],
            "users": [
                {"name": "admin", "user": {"token": ADMIN}},
                {"name": "service", "user": {"token": SERVICE}},
            ],
            "contexts": [
                {"name": "test", "context": {"cluster": "test", "user": "admin"}},
                {"name": "service", "context": {"cluster": "test", "user": "service"}},
            ],
        });
        Kubeconfig::from_yaml(&text.to_string()).unwrap()
    }
}

fn spawn_etcd(programs: &Path, folder: &Path, [client, peer, _]: [u16; 3]) -> Child {
    let client = format!("http://127.0.0.1:{client}");
    let peer = format!("http://127.0.0.1:{peer}");
    Command::new(programs.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}"), "--data-dir"])
        .arg(folder.join("etcd"))
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("etcd.log")).unwrap())
        .spawn()
        .unwrap()
}

fn spawn_api(programs: &Path, folder: &Path, [etcd, _, port]: [u16; 3]) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let is_old = programs.to_string_lossy().contains("1.20");
    let mut command = Command::new(programs.join("kube-apiserver"));
    command.args([
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--tls-cert-file={}", at("tls.crt")),
        format!("--tls-private-key-file={}", at("tls.key")),
        format!("--client-ca-file={}", at("tls.crt")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", at("sa.pub")),
        format!("--service-account-signing-key-file={}", at("sa.key")),
        format!("--token-auth-file={}", at("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        format!("--cert-dir={}", at("certs")),
        format!("--audit-policy-file={}", at("audit.yaml")),
        format!("--audit-log-path={}", at(kube_audit::LOG)),
    ]);
    if is_old {
        command.arg("--insecure-port=0");
    }
    command.stdout(Stdio::null()).stderr(fs::File::create(folder.join("api.log")).unwrap()).spawn().unwrap()
}

impl Cluster {
    /// A cluster that answers, with the definitions and a namespace.
    pub(crate) async fn start() -> Self {
        let (server, kubeconfig) = if let Some(file) = std::env::var_os("PHONEOPS_TEST_KUBECONFIG") {
            (None, Kubeconfig::read_from(Path::new(&file)).unwrap())
        } else {
            let server = Server::start();
            let kubeconfig = server.kubeconfig();
            (Some(server), kubeconfig)
        };
        let client = client(&kubeconfig).await;
        let namespace = format!("voice-{}", std::process::id());
        let cluster = Self { client, namespace, kubeconfig, server };
        cluster.answers().await;
        cluster.define().await;
        let named = json!({"metadata": {"name": cluster.namespace}});
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        namespaces.create(&PostParams::default(), &serde_json::from_value(named).unwrap()).await.unwrap();
        cluster.grant(|_| ()).await;
        cluster
    }

    /// Another namespace of the same cluster, with the same rights in it.
    pub(crate) async fn another_namespace(&self, name: &str) -> Self {
        let namespace = format!("{name}-{}", std::process::id());
        let other = Self { client: self.client.clone(), namespace, kubeconfig: self.kubeconfig.clone(), server: None };
        let named = json!({"metadata": {"name": other.namespace}});
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.create(&PostParams::default(), &serde_json::from_value(named).unwrap()).await.unwrap();
        other.grant(|_| ()).await;
        other
    }

    /// Another namespace of it that somebody else made.
    pub(crate) fn at(&self, namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        Self { client: self.client.clone(), namespace, kubeconfig: self.kubeconfig.clone(), server: None }
    }

    /// How the service reaches it: as a user of its own, who may do what the Role of the examples says.
    pub(crate) async fn config(&self) -> Config {
        let context = self.server.as_ref().map(|_| "service".to_owned());
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        Config::from_custom_kubeconfig(self.kubeconfig.clone(), &options).await.unwrap()
    }

    /// Gives the service's user the Role of the examples, but for what `alter` does to it.
    pub(crate) async fn grant(&self, alter: impl FnOnce(&mut Role)) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kubernetes/rbac.yaml");
        let text = fs::read_to_string(file).unwrap();
        let document = text.split("---\n").find(|document| document.contains("kind: Role\n")).unwrap();
        let mut role: Role = ::serde_yaml::from_str(document).unwrap();
        alter(&mut role);
        let roles: Api<Role> = Api::namespaced(self.client.clone(), &self.namespace);
        roles.patch("phoneops", &PatchParams::apply("tests").force(), &Patch::Apply(&role)).await.unwrap();
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "phoneops"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "phoneops"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "phoneops"}],
        });
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), &self.namespace);
        bindings.patch("phoneops", &PatchParams::apply("tests").force(), &Patch::Apply(&binding)).await.unwrap();
    }

    /// A file by which programs reach it as that user.
    pub(crate) fn kubeconfig(&self, folder: &Path) -> PathBuf {
        self.kubeconfig_of(self.server.as_ref().map(|_| "service"), folder)
    }

    /// A file by which people reach it who may do everything.
    pub(crate) fn kubeconfig_of_admin(&self, folder: &Path) -> PathBuf {
        self.kubeconfig_of(None, folder)
    }

    fn kubeconfig_of(&self, context: Option<&str>, folder: &Path) -> PathBuf {
        let file = folder.join("kubeconfig.yaml");
        let mut config = self.kubeconfig.clone();
        if let Some(context) = context {
            config.current_context = Some(context.to_owned());
        }
        for context in config.contexts.iter_mut().filter_map(|named| named.context.as_mut()) {
            context.namespace = Some(self.namespace.clone());
        }
        fs::write(&file, ::serde_yaml::to_string(&config).unwrap()).unwrap();
        file
    }

    /// What the service asked of the server, from its audit log.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let server = self.server.as_ref().expect("a server of our own, which has an audit log");
        kube_audit::read(&server.folder.path().join(kube_audit::LOG))
    }

    /// Waits until it answers.
    pub(crate) async fn answers(&self) {
        let deadline = Instant::now() + LONG;
        while self.client.apiserver_version().await.is_err() || self.not_ready().await {
            assert!(Instant::now() < deadline, "the API server never answered");
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn not_ready(&self) -> bool {
        let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
        self.client.request_text(request).await.is_err()
    }

    async fn define(&self) {
        let all: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for name in KINDS {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds").join(format!("{name}.yaml"));
            let definition: Value = serde_yaml(&fs::read_to_string(file).unwrap());
            let name = format!("{name}.phoneops.dev");
            all.patch(&name, &PatchParams::apply("tests"), &Patch::Apply(&definition)).await.unwrap();
            let deadline = Instant::now() + LONG;
            loop {
                let known = all.get(&name).await.unwrap();
                let conditions = known.status.and_then(|status| status.conditions).unwrap_or_default();
                if conditions.iter().any(|known| known.type_ == "Established" && known.status == "True") {
                    break;
                }
                assert!(Instant::now() < deadline, "{name} is never established");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Stops the API server; etcd keeps what it has.
    pub(crate) fn stop_api(&mut self) {
        let server = self.server.as_mut().expect("a server of our own");
        server.api.kill().unwrap();
        server.api.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) async fn start_api(&mut self) {
        let server = self.server.as_mut().expect("a server of our own");
        server.api = spawn_api(&server.programs, server.folder.path(), server.ports);
        self.answers().await;
    }

    /// Resources of that kind.
    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        let kinds = GroupVersionKind::gvk("phoneops.dev", "v1alpha1", kind);
        let plural = if kind == "PhoneOps" { "phoneopses".to_owned() } else { format!("{}s", kind.to_lowercase()) };
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk_with_plural(&kinds, &plural))
    }

    /// Applies a resource as a person does.
    pub(crate) async fn apply(&self, kind: &str, name: &str, spec: &Value) {
        let resource = json!({
            "apiVersion": "phoneops.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
        });
        let params = PatchParams::apply("ada").force();
        self.api(kind).patch(name, &params, &Patch::Apply(&resource)).await.unwrap();
    }

    /// Applies a Secret with these labels and contents.
    pub(crate) async fn secret(&self, name: &str, labels: &[(&str, &str)], content: &[(&str, &str)]) {
        let map = |pairs: &[(&str, &str)]| -> Value {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": map(labels)},
            "stringData": map(content),
        });
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        secrets.patch(name, &PatchParams::apply("ada").force(), &Patch::Apply(&secret)).await.unwrap();
    }

    /// What was told of a resource: reason and sentence.
    pub(crate) async fn events(&self, name: &str) -> Vec<(String, String)> {
        let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let all = events.list(&ListParams::default()).await.unwrap();
        let of_it = all
            .into_iter()
            .filter(|event| event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref()) == Some(name));
        of_it.map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default())).collect()
    }

    /// A resource as it stands there.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::to_value(self.api(kind).get(name).await.unwrap()).unwrap()
    }

    /// Waits until a resource is as it should be.
    pub(crate) async fn becomes(&self, kind: &str, name: &str, wish: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LONG;
        loop {
            let resource = self.get(kind, name).await;
            if wish(&resource) {
                return resource;
            }
            assert!(Instant::now() < deadline, "{kind} {name} never became so: {resource:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same rights as ever, and those to the keys of these shards.
    pub(crate) async fn grant_shards(&self, shards: &[&str]) {
        let keys: Vec<String> = shards.iter().map(|shard| format!("{shard}-fingerprint-key")).collect();
        self.grant(|role| {
            for rule in role.rules.iter_mut().flatten() {
                let is_key = |name: &String| name.ends_with("-fingerprint-key");
                if rule.resource_names.iter().flatten().any(is_key) {
                    rule.resource_names = Some(keys.clone());
                }
            }
        })
        .await;
    }
}

async fn client(kubeconfig: &Kubeconfig) -> Client {
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn serde_yaml(text: &str) -> Value {
    ::serde_yaml::from_str(text).unwrap()
}
