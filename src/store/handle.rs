//! The handle that the service holds: opening, saving, closing.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{
    FILE_NAME, audit,
    database::{Change, Database, Settings},
    error::{StoreAway, StoreError},
    folder,
    history::{self, Keep},
    kube::ClusterStore,
    writer::{Counters, Message, Request, Writer},
};
use crate::{
    fleet::{
        self,
        audit::{AuditEntry, AuditPage, AuditQuery, AuditVerdict},
        history::{CommitView, HistoryPage, HistoryQuery},
        record::PhoneRecord,
        service_record::ServiceRecord,
    },
    spec::{Commit, Revision},
    wpi::DeviceId,
};

/// Most records that go to a cluster at once.
const CLUSTER_BATCH: usize = 64;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// A file that is damaged, newer or foreign is put aside as `phoneops.db.broken-<time>` and a new one begun. A
    /// sound file is kept, so a flag left in a unit file costs nothing.
    pub rebuild: bool,
    /// How often a store that is away is tried again.
    pub retry: Duration,
    /// How long a lock of another program (a backup) is waited for before the store counts as away.
    pub patience: Duration,
    /// Most requests that wait; further callers wait for a place.
    pub queue: usize,
    /// Most bytes the file may have; none unless said.
    pub size_limit: Option<u64>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            rebuild: false,
            retry: Duration::from_secs(1),
            patience: Duration::from_secs(2),
            queue: 1024,
            size_limit: None,
        }
    }
}

/// What was found in the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restored {
    /// All records by device; those of undeclared phones have nothing in force.
    pub records: Vec<PhoneRecord>,
    /// What was kept of the service as a whole.
    pub service: ServiceRecord,
    /// The newest revision that was taken over.
    pub revision: Option<Revision>,
    /// Where a broken file was put.
    pub put_aside: Option<PathBuf>,
}

/// Records that were not kept although the store takes records.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// Devices whose record cannot be kept here: another service has it, or it is too large.
    pub refused: Vec<DeviceId>,
    /// Records that another service let go, as it left them; to be adopted before anything else is kept.
    pub free: Vec<PhoneRecord>,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Callers that had to wait for a place in the queue.
    pub waits: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Requests they held; more than commits when requests shared one.
    pub requests: u64,
    /// Transactions that failed.
    pub failures: u64,
}

/// The store: a cheap handle, all clones of which feed one writer. The file is closed by [`Store::close`], or when the
/// last handle is gone.
#[derive(Debug, Clone)]
pub struct Store {
    messages: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    writable: watch::Receiver<bool>,
    counters: Arc<Counters>,
    file: Arc<Path>,
    /// One reader at a time.
    reading: Arc<Mutex<()>>,
    /// Where what must not be forgotten is, if that is not the file.
    cluster: Option<ClusterStore>,
}

impl Store {
    /// Opens `phoneops.db` in the state folder (both made when missing), locks the folder, and reads everything.
    /// Blocks while it reads; an error has changed nothing.
    pub fn open(state_folder: &Path, options: &OpenOptions) -> Result<(Self, Restored), StoreError> {
        let lock = folder::lock(state_folder)?;
        let file = state_folder.join(FILE_NAME);
        let settings = Settings { patience: options.patience, size_limit: options.size_limit };
        let (database, restored) = match restore(&file, settings) {
            Err(error) if options.rebuild && error.is_of_the_content() => {
                let aside = folder::put_aside(&file, Timestamp::now())
                    .map_err(|source| StoreError::Folder { folder: state_folder.to_owned(), source })?;
                tracing::warn!(%error, aside = %aside.display(), "the store was put aside and begun anew");
                let (database, restored) = restore(&file, settings)?;
                (database, Restored { put_aside: Some(aside), ..restored })
            }
            result => result?,
        };
        let (messages, received) = mpsc::channel();
        let (writable, watched) = watch::channel(true);
        let counters = Arc::new(Counters::default());
        let writer = Writer {
            database,
            lock,
            messages: received,
            writable,
            counters: Arc::clone(&counters),
            retry: options.retry,
            group: options.queue.max(1),
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::Folder { folder: state_folder.to_owned(), source })?;
        let places = Arc::new(Semaphore::new(options.queue.max(1)));
        let (file, reading) = (file.into(), Arc::default());
        Ok((Self { messages, places, writable: watched, counters, file, reading, cluster: None }, restored))
    }

    /// The same with the cluster as the place of what must not be forgotten; the file is a cache beside it, and its loss
    /// stops nothing.
    #[must_use]
    pub fn with_cluster(self, cluster: ClusterStore) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// Takes all records out of a file that is a cache and not the newest one.
    pub async fn forget_phones(&self) -> Result<(), StoreAway> {
        self.ask(Change::ForgetPhones).await
    }

    /// Most records that are saved at once, so that one that a phone waits for does not stand behind thousands.
    pub fn batch(&self) -> usize {
        if self.cluster.is_some() { CLUSTER_BATCH } else { usize::MAX }
    }

    /// Saves records; `Ok` means they are kept, but for those that it tells of. Requests are
    /// carried out in the order in which they were polled first, also when the caller stops waiting.
    pub async fn save(&self, records: Vec<Arc<PhoneRecord>>) -> Result<Saved, StoreAway> {
        if records.is_empty() {
            return Ok(Saved::default());
        }
        let saved = match &self.cluster {
            Some(cluster) => cluster.save(&records).await?,
            None => Saved::default(),
        };
        self.cached(Change::Save(records)).await?;
        Ok(saved)
    }

    /// Lets the record of a phone go, for another service to adopt it. Nothing is left of it here.
    pub async fn hand_over(&self, record: &PhoneRecord) -> Result<(), StoreAway> {
        if let Some(cluster) = &self.cluster {
            cluster.hand_over(record).await?;
        }
        self.cached(Change::Remove(record.device.clone())).await
    }

    /// Saves what is kept of the service as a whole.
    pub async fn save_service(&self, record: Arc<ServiceRecord>) -> Result<(), StoreAway> {
        match &self.cluster {
            Some(cluster) => cluster.save_service(&record).await,
            None => self.ask(Change::Service(record)).await,
        }
    }

    /// Asks for a change of the file that may fail where the file is a cache.
    async fn cached(&self, change: Change) -> Result<(), StoreAway> {
        let result = self.ask(change).await;
        if self.cluster.is_some() { Ok(()) } else { result }
    }

    /// Adds acts to the audit log, in this order.
    pub async fn add_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreAway> {
        if entries.is_empty() {
            return Ok(());
        }
        self.ask(Change::Audit(entries)).await
    }

    /// Saves the name of the newest revision that was taken over, and who made it.
    pub async fn save_revision(&self, revision: Revision, commit: Option<Commit>) -> Result<(), StoreAway> {
        self.ask(Change::Revision(revision, commit)).await
    }

    /// Adds changes to the history.
    pub async fn add_history(&self, changes: Vec<fleet::history::Change>) -> Result<(), StoreAway> {
        if changes.is_empty() {
            return Ok(());
        }
        self.ask(Change::History(changes)).await
    }

    /// Takes old changes out of the history, a bounded number of them.
    pub async fn prune_history(&self, keep: Keep) -> Result<(), StoreAway> {
        self.ask(Change::Prune(keep)).await
    }

    /// Reads a page of the history from the file: blocks for milliseconds, and does not wait for the writer. The
    /// error is what went wrong, in words.
    pub fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, String> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        history::read(&self.file, query)
    }

    /// Reads the newest revisions and who made them from the file, or one of that name, as [`Self::history`] reads.
    pub fn commits(&self, revision: Option<&str>, limit: usize) -> Result<Vec<CommitView>, String> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        history::commits(&self.file, revision, limit)
    }

    /// Reads a page of the audit log from the file, as [`Self::history`] reads.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage, String> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        audit::read(&self.file, query)
    }

    /// Goes through the whole audit log; blocks for as long as that takes.
    pub fn verify_audit(&self) -> Result<AuditVerdict, String> {
        audit::verify(&self.file)
    }

    /// Forgets a phone.
    pub async fn remove(&self, device: DeviceId) -> Result<(), StoreAway> {
        if let Some(cluster) = &self.cluster {
            cluster.remove(&device).await?;
        }
        self.cached(Change::Remove(device)).await
    }

    /// Whether the store takes writes, as of the last one; changes are seen at once.
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.cluster.as_ref().map_or_else(|| self.writable.clone(), ClusterStore::writable)
    }

    /// Whether the file takes writes, also where it is a cache.
    pub fn file_writable(&self) -> watch::Receiver<bool> {
        self.writable.clone()
    }

    /// The cluster, if that is where records are.
    pub fn cluster(&self) -> Option<&ClusterStore> {
        self.cluster.as_ref()
    }

    /// What happened since the start.
    pub fn stats(&self) -> Stats {
        Stats {
            waits: self.counters.waits.load(Ordering::Relaxed),
            commits: self.counters.commits.load(Ordering::Relaxed),
            requests: self.counters.requests.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }

    /// Writes what was asked for before, closes the file and gives the folder free. Later requests of any handle are
    /// answered [`StoreAway`].
    pub async fn close(&self) {
        let (asked, closed) = oneshot::channel();
        if self.messages.send(Message::Close(asked)).is_ok() {
            // an error means that another handle has closed it
            let _ = closed.await;
        }
    }

    async fn ask(&self, change: Change) -> Result<(), StoreAway> {
        let places = Arc::clone(&self.places);
        let place = if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            place
        } else {
            if self.counters.waits.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!("more writes wait for the store than its queue holds");
            }
            places.acquire_owned().await.map_err(|_| StoreAway::closed())?
        };
        let (done, answered) = oneshot::channel();
        self.messages.send(Message::Write(Request { change, done, _place: place })).map_err(|_| StoreAway::closed())?;
        answered.await.map_err(|_| StoreAway::closed())?
    }
}

pub(super) fn restore(file: &Path, settings: Settings) -> Result<(Database, Restored), StoreError> {
    let mut database = Database::open(file, settings)?;
    let (mut records, revision) = database.load()?;
    let mut service = database.load_service()?;
    let is_newest = database.is_newest()?;
    database.arm()?;
    if !is_newest && !records.is_empty() {
        records.iter_mut().for_each(PhoneRecord::distrust);
        service.restored.get_or_insert(Timestamp::now());
        let distrusted = Change::Save(records.iter().cloned().map(Arc::new).collect());
        let kept = database.write([&distrusted, &Change::Service(Arc::new(service.clone()))].into_iter(), &mut 0);
        kept.map_err(|error| StoreError::Unusable { file: file.to_owned(), detail: error.to_string() })?;
        tracing::warn!(
            file = %file.display(),
            phones = records.len(),
            "the store is an older copy, or cannot be told from one: phones are read again, and passwords and seeds are \
             taken to be on them; `phoneops retry PHONE --secrets` writes those of a phone. Nothing is written at all \
             until `phoneops resume`"
        );
    }
    Ok((database, Restored { records, service, revision, put_aside: None }))
}
