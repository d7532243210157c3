//! Several processes of one release, each in its pod, and the Service for phones before them: it leads to the pod that
//! carries the label of the active one and is ready, and keeps the address of the phone as `externalTrafficPolicy:
//! Local` does.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use phoneops::{
    service::standby::ACTIVE,
    sim::{Model, Server, SimPhone, SimSettings, Timing},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    kube_server::Cluster,
    service_child::{phoneops, run},
    service_stage::{LONG, SPACING, api_as, mac, own_address},
};

/// One process and its pod.
pub(crate) struct Replica {
    pub(crate) pod: String,
    phones: SocketAddr,
    pub(crate) status: SocketAddr,
    folder: TempDir,
    log: Arc<Mutex<String>>,
    running: Option<(Child, JoinHandle<()>)>,
}

fn free() -> SocketAddr {
    let here = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    here.local_addr().unwrap()
}

impl Replica {
    /// A pod with a process that has started.
    pub(crate) async fn start(cluster: &Cluster, pod: &str, more: &[&str]) -> Self {
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let spec = json!({
            "metadata": {"name": pod, "labels": {"app": "phoneops"}},
            "spec": {"containers": [{"name": "phoneops", "image": "phoneops"}]},
        });
        pods.create(&PostParams::default(), &serde_json::from_value(spec).unwrap()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut replica =
            Self { pod: pod.to_owned(), phones: free(), status: free(), folder, log: Arc::default(), running: None };
        replica.run(cluster, more);
        replica
    }

    /// Starts the process, as the kubelet does again after it died.
    pub(crate) fn run(&mut self, cluster: &Cluster, more: &[&str]) {
        let mut command = phoneops("serve");
        command.env("KUBECONFIG", cluster.kubeconfig(self.folder.path()));
        command.args(["--kubernetes", "--pod", &self.pod, "--state"]).arg(self.folder.path().join("state"));
        command.args(["--phone-listen", &self.phones.to_string(), "--status-listen", &self.status.to_string()]);
        let quick = "--contact-port 0 --contact-spacing 200ms --site-contacts-per-second 1000 --contacts-per-day 100000 \
                     --contact-gap 400ms --gate-phones 0 --gate-percent 0 --gate-risky 0 --gate-vanish 0 \
                     --storm-starts 0 --log info,phoneops=debug --log-format json";
        command.args(quick.split_whitespace()).args(more);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::clone(&self.log);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                log.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        self.running = Some((child, reader));
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// How often it became the active one.
    pub(crate) fn times_active(&self) -> usize {
        self.log().matches("this process is the active one").count()
    }

    /// Has a phone that is declared no more forgotten by a person on its machine.
    pub(crate) async fn dismissed(&self, phone: &str) {
        let socket = format!("unix:{}", self.folder.path().join("state/api.sock").display());
        let deadline = Instant::now() + LONG;
        loop {
            let mut command = phoneops("dismiss");
            command.args([phone, "--reason", "it is scrapped", "--server", &socket]);
            let (code, printed) = run(command).await;
            if code == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{printed}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn end(&mut self, signal: &str) {
        let (mut child, reader) = self.running.take().expect("it runs");
        let kill = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        child.wait().unwrap();
        reader.join().unwrap();
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.end("-KILL");
    }

    /// Ends it as the kubelet does.
    pub(crate) fn terminate(&mut self) {
        self.end("-TERM");
    }

    /// Halts it, as a machine that swaps does, or lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        let (child, _) = self.running.as_ref().expect("it runs");
        let kill = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some((mut child, reader)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = reader.join();
        }
    }
}

/// The Service for phones.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    ports: Arc<Mutex<Vec<Port>>>,
    held: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

/// A pod, where it serves phones, and where it tells how it is.
type Port = (String, SocketAddr, SocketAddr);

/// Where it led last, and whether it stays so.
type Way = (Arc<AtomicBool>, Arc<Mutex<Option<SocketAddr>>>);

impl Front {
    pub(crate) async fn start(cluster: &Cluster, replicas: &[&Replica]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let ports: Vec<Port> =
            replicas.iter().map(|replica| (replica.pod.clone(), replica.phones, replica.status)).collect();
        let ports = Arc::new(Mutex::new(ports));
        let known = Arc::clone(&ports);
        let (client, namespace) = (cluster.client.clone(), cluster.namespace.clone());
        let held = Arc::new(AtomicBool::new(false));
        let last: Way = (Arc::clone(&held), Arc::default());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (phone, from) = listener.accept().await.unwrap();
                let ports = known.lock().unwrap().clone();
                let way = lead(client.clone(), namespace.clone(), ports, from, last.clone());
                open.spawn(carry(phone, way));
            }
        });
        Self { address, ports, held, _task: task }
    }

    /// From now on it leads to this one.
    pub(crate) fn lead_to(&self, replica: &Replica) {
        *self.ports.lock().unwrap() = vec![(replica.pod.clone(), replica.phones, replica.status)];
    }

    /// From now on it leads where it led last.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    /// A phone that calls the Service.
    pub(crate) async fn phone(&self, number: u32, change: impl FnOnce(&mut SimSettings)) -> SimPhone {
        let mut settings = SimSettings::new(mac(number), own_address(), Server::at(self.address));
        settings.contact_port = 0;
        settings.model = Model::OpenStage40V3R5;
        settings.seed = u64::from(number) + 1;
        settings.timing = Timing { contact_spacing: SPACING, ..Timing::quick() };
        change(&mut settings);
        SimPhone::start(settings).await.unwrap()
    }
}

async fn carry(mut phone: TcpStream, way: impl Future<Output = Option<TcpStream>>) {
    if let Some(mut pod) = way.await {
        let _ = copy_bidirectional(&mut phone, &mut pod).await;
    }
}

/// A connection to the active pod, in the name of the phone.
async fn lead(
    client: Client,
    namespace: String,
    ports: Vec<Port>,
    from: SocketAddr,
    (held, last): Way,
) -> Option<TcpStream> {
    let known = *last.lock().unwrap();
    if let Some(to) = known.filter(|_| held.load(Ordering::Relaxed)) {
        return connect(from, to).await;
    }
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let deadline = Instant::now() + LONG / 2;
    while Instant::now() < deadline {
        let active = pods.list(&ListParams::default().labels(&format!("{ACTIVE}=true"))).await.ok()?;
        for pod in active {
            let port = ports.iter().find(|(name, ..)| pod.metadata.name.as_ref() == Some(name));
            let Some((_, to, status)) = port else { continue };
            if !is_ready(*status).await {
                continue;
            }
            if let Some(stream) = connect(from, *to).await {
                *last.lock().unwrap() = Some(*to);
                return Some(stream);
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    None
}

/// What the kubelet finds.
async fn is_ready(status: SocketAddr) -> bool {
    let answer = timeout(Duration::from_millis(500), api_as(status, "GET /readyz", None));
    TcpStream::connect(status).await.is_ok() && answer.await.is_ok_and(|answer| answer.status == 200)
}

async fn connect(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::new(from.ip(), 0)).ok()?;
    socket.connect(to).await.ok()
}

/// Waits until one of them is the active one, for the so-and-so-manieth time in all. Its place.
pub(crate) async fn active(replicas: &[&Replica], times: usize) -> usize {
    // a lease that is not given away lasts for 10 s, on a busy machine somewhat longer
    let deadline = Instant::now() + 3 * LONG;
    loop {
        let counts: Vec<usize> = replicas.iter().map(|replica| replica.times_active()).collect();
        if counts.iter().sum::<usize>() >= times {
            // the one that was told last
            let last = |replica: &&Replica| {
                let log = replica.log();
                let line = log.lines().rfind(|line| line.contains("this process is the active one"));
                line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                    .map(|line| line["timestamp"].as_str().unwrap_or_default().to_owned())
            };
            let times: Vec<Option<String>> = replicas.iter().map(last).collect();
            return times.iter().enumerate().max_by_key(|(_, time)| (*time).clone()).unwrap().0;
        }
        let logs: Vec<String> = replicas.iter().map(|replica| replica.log()).collect();
        assert!(Instant::now() < deadline, "nobody became the active one: {counts:?}\n{}", logs.join("\n====\n"));
        sleep(Duration::from_millis(20)).await;
    }
}
