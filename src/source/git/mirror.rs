//! The bare mirror of one branch, and the fetch into it.
//!
//! Two marks of its own name the branch's tip: `fetched`, and `good` for the last one that could be read. They hang
//! on URL and branch, so that a mirror used for another branch before never passes for this one.
//!
//! Each fetch that brings something adds a pack; past [`PACKS_KEPT`] the mirror is written anew from itself, as one.

use std::{
    cell::RefCell,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use git2::{
    AutotagOption, CertificateCheckStatus, Error, ErrorClass, ErrorCode, FetchOptions, FetchPrune, Oid, ProxyOptions,
    RemoteCallbacks, RemoteRedirect, Repository, RepositoryInitOptions,
};
use sha2::{Digest, Sha256};

use super::{
    super::{SourceError, run::StopSwitch},
    GitSettings, approval,
    credentials::Credentials,
    hostkey, problem,
    url::{GitUrl, Kind},
};

/// Most bytes of one fetch.
const FETCH_LIMIT: usize = 2 * 1024 * 1024 * 1024;
/// How many packs pile up before they are made one.
const PACKS_KEPT: usize = 200;
/// How many branches an error lists.
const BRANCHES_LISTED: usize = 5;

/// The mirror, open.
pub(super) struct Mirror {
    repository: Repository,
    settings: GitSettings,
    url: GitUrl,
    known_hosts: PathBuf,
    branch: String,
    marks: String,
    notes: String,
    stop: StopSwitch,
}

impl Mirror {
    /// Opens or makes the mirror.
    pub(super) fn open(settings: GitSettings, url: GitUrl, stop: StopSwitch) -> Result<Self, SourceError> {
        let branch = format!("refs/heads/{}", settings.branch.trim_start_matches("refs/heads/"));
        if !git2::Reference::is_valid_name(&branch) {
            return Err(SourceError::Settings(format!("--branch: {:?} is no name of a branch", settings.branch)));
        }
        let broken = |detail: String| SourceError::Mirror { folder: settings.mirror.clone(), detail };
        take_back(&settings.mirror).map_err(|error| broken(error.to_string()))?;
        fs::create_dir_all(&settings.mirror).map_err(|error| broken(error.to_string()))?;
        let repository = init(&settings.mirror).map_err(|error| broken(error.message().to_owned()))?;
        let marks = marks(&url, &branch);
        clear_leftovers(&settings.mirror, &marks);
        let known_hosts = settings.known_hosts.clone().unwrap_or_else(users_known_hosts);
        let notes = format!("{marks}/notes");
        Ok(Self { repository, settings, url, known_hosts, branch, marks, notes, stop })
    }

    /// The object database.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The reference under which the remote's notes are.
    pub(super) fn notes(&self) -> &str {
        &self.notes
    }

    /// How many phones the note of a commit says that it may change.
    pub(super) fn note(&self, commit: Oid) -> Option<usize> {
        approval::noted(&self.repository, commit, &self.notes)
    }

    /// The last commit that could be read, from this run or an earlier one.
    pub(super) fn last_good(&self) -> Option<Oid> {
        self.repository.refname_to_id(&format!("{}/good", self.marks)).ok()
    }

    /// Marks a commit as one that could be read.
    pub(super) fn mark_good(&self, commit: Oid) -> Result<(), SourceError> {
        if self.last_good() == Some(commit) {
            return Ok(());
        }
        self.repository
            .reference(&format!("{}/good", self.marks), commit, true, "read")
            .map(drop)
            .map_err(|error| self.broken(&error))
    }

    /// Fetches the branch, whatever its history has become, and gives its tip.
    pub(super) fn fetch(&mut self) -> Result<Oid, SourceError> {
        if let Err(problem) = self.compact(PACKS_KEPT) {
            tracing::warn!("git: the mirror keeps its many packs: {problem}");
        }
        self.fetch_branch()
    }

    fn fetch_branch(&self) -> Result<Oid, SourceError> {
        let credentials = RefCell::new(Credentials::new(
            &self.url,
            self.settings.token_file.as_ref(),
            self.settings.ssh_key.as_ref(),
        ));
        let host_problem = RefCell::new(None);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(|_, user, allowed| credentials.borrow_mut().offer(user, allowed));
        callbacks.certificate_check(|certificate, host| {
            let Some(key) = certificate.as_hostkey() else { return Ok(CertificateCheckStatus::CertificatePassthrough) };
            let port = if let Kind::Ssh { port, .. } = self.url.kind() { *port } else { 22 };
            let verdict = key
                .hostkey()
                .ok_or_else(|| format!("the ssh server {host} shows no host key"))
                .and_then(|key| hostkey::check(&self.known_hosts, host, port, key));
            verdict.map(|()| CertificateCheckStatus::CertificateOk).map_err(|problem| {
                *host_problem.borrow_mut() = Some(SourceError::HostKey(problem));
                Error::new(ErrorCode::Certificate, ErrorClass::Ssh, "the host key was refused")
            })
        });
        let too_much = RefCell::new(false);
        callbacks.transfer_progress(|progress| {
            *too_much.borrow_mut() = progress.received_bytes() > FETCH_LIMIT;
            !self.stop.is_set() && !*too_much.borrow()
        });
        callbacks.sideband_progress(|_| !self.stop.is_set());

        let mut options = FetchOptions::new();
        options
            .remote_callbacks(callbacks)
            .update_fetchhead(false)
            .download_tags(AutotagOption::None)
            .prune(FetchPrune::Off)
            // No credential of ours goes to another host.
            .follow_redirects(RemoteRedirect::None);
        if !self.url.is_loopback() {
            let mut proxy = ProxyOptions::new();
            proxy.auto();
            options.proxy_options(proxy);
        }
        let refspec = format!("+{}:{}/fetched", self.branch, self.marks);
        let mut remote = self.repository.remote_anonymous(self.url.raw()).map_err(|error| self.failed(&error))?;
        // a remote without notes is fine
        let notes = format!("+refs/notes/commits:{}", self.notes);
        let fetched = remote.fetch(&[&refspec, &notes], Some(&mut options), None);
        drop(options);
        if self.stop.is_set() {
            return Err(SourceError::Stopped);
        }
        if too_much.into_inner() {
            let detail = format!("one fetch of more than {} GiB", FETCH_LIMIT / 1024 / 1024 / 1024);
            return Err(SourceError::Limit { place: self.url.to_string(), detail });
        }
        fetched.map_err(|error| {
            let told = host_problem.into_inner().or(credentials.into_inner().problem);
            told.unwrap_or_else(|| self.failed(&error))
        })?;
        self.tip(&remote)
    }

    /// The branch's tip as the remote has just named it.
    fn tip(&self, remote: &git2::Remote<'_>) -> Result<Oid, SourceError> {
        let heads = remote.list().map_err(|error| self.failed(&error))?;
        if let Some(head) = heads.iter().find(|head| head.name() == self.branch) {
            return Ok(head.oid());
        }
        let mut names = heads.iter().filter_map(|head| head.name().strip_prefix("refs/heads/"));
        let mut others = names.by_ref().take(BRANCHES_LISTED).collect::<Vec<_>>().join(", ");
        let more = names.count();
        if more > 0 {
            let _ = write!(others, " and {more} more");
        }
        let others = if others.is_empty() { " (it has none yet)".to_owned() } else { format!(" (it has {others})") };
        Err(SourceError::Branch { url: self.url.to_string(), branch: self.settings.branch.clone(), others })
    }

    /// Writes the mirror anew beside itself, with this branch's marks and one pack, and takes its place.
    fn compact(&mut self, kept: usize) -> Result<(), SourceError> {
        let here = &self.settings.mirror;
        let packs = fs::read_dir(here.join("objects/pack")).into_iter().flatten().flatten();
        if packs.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "pack")).count() <= kept {
            return Ok(());
        }
        let (fresh, old) = (beside(here, ".new"), beside(here, ".old"));
        let io_failed = |error: io::Error| SourceError::Mirror { folder: here.clone(), detail: error.to_string() };
        remove(&fresh).and_then(|()| remove(&old)).map_err(io_failed)?;
        let copied = init(&fresh).and_then(|repository| {
            let mut remote = repository.remote_anonymous(&here.to_string_lossy())?;
            let mut options = FetchOptions::new();
            options.update_fetchhead(false).download_tags(AutotagOption::None);
            remote.fetch(&[format!("+{0}/*:{0}/*", self.marks)], Some(&mut options), None)
        });
        copied.map_err(|error| self.broken(&error))?;
        fs::rename(here, &old).and_then(|()| fs::rename(&fresh, here)).map_err(io_failed)?;
        self.repository = Repository::open_bare(here).map_err(|error| self.broken(&error))?;
        remove(&old).map_err(|error| self.broken(&Error::from_str(&error.to_string())))
    }

    fn failed(&self, error: &Error) -> SourceError {
        let ours =
            [ErrorClass::Odb, ErrorClass::Indexer, ErrorClass::Reference, ErrorClass::Filesystem, ErrorClass::Zlib];
        let names_mirror = self.settings.mirror.to_str().is_some_and(|mirror| error.message().contains(mirror));
        if ours.contains(&error.class()) || names_mirror {
            return self.broken(error);
        }
        problem::of_fetch(&self.url, error)
    }

    fn broken(&self, error: &Error) -> SourceError {
        SourceError::Mirror { folder: self.settings.mirror.clone(), detail: self.url.mask(error.message()) }
    }
}

fn init(folder: &Path) -> Result<Repository, Error> {
    Repository::init_opts(folder, RepositoryInitOptions::new().bare(true).external_template(false))
}

fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    folder.with_file_name(name)
}

/// Finishes a compaction that was killed while the mirror was away from its place.
fn take_back(mirror: &Path) -> io::Result<()> {
    if mirror.exists() {
        return Ok(());
    }
    // the old one is away only when the new one is whole
    let left = [beside(mirror, ".new"), beside(mirror, ".old")].into_iter().find(|folder| folder.exists());
    left.map_or(Ok(()), |folder| fs::rename(folder, mirror))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where the marks of this URL and branch are.
fn marks(url: &GitUrl, branch: &str) -> String {
    let mut name = "refs/phoneops/".to_owned();
    for byte in Sha256::digest(format!("{url}\n{branch}")).iter().take(8) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Removes what a killed process left: locks on our own marks, and packs that were never finished.
fn clear_leftovers(mirror: &Path, marks: &str) {
    for folder in [mirror.join(marks), mirror.join("objects/pack")] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_lock = path.extension().is_some_and(|ending| ending == "lock");
            if is_lock || entry.file_name().to_string_lossy().starts_with("pack_git2_") {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn users_known_hosts() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".ssh/known_hosts")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(remote: &Repository, text: &str) -> Oid {
        let mut tree = remote.treebuilder(None).unwrap();
        tree.insert("a.yaml", remote.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
        let tree = remote.find_tree(tree.write().unwrap()).unwrap();
        let who = git2::Signature::now("Ada", "ada@example.org").unwrap();
        let parent = remote.refname_to_id("refs/heads/main").ok().map(|id| remote.find_commit(id).unwrap());
        remote.commit(Some("refs/heads/main"), &who, &who, text, &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
    }

    fn open(folder: &Path) -> Mirror {
        let settings = GitSettings::new(folder.join("remote").to_str().unwrap(), folder.join("mirror"));
        let url = GitUrl::parse(&settings.url).unwrap();
        Mirror::open(settings, url, StopSwitch::default()).unwrap()
    }

    #[test]
    fn many_packs_become_one_and_nothing_that_counts_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let remote = init(&folder.path().join("remote")).unwrap();
        let mut mirror = open(folder.path());
        let first = push(&remote, "one");
        mirror.fetch().unwrap();
        mirror.mark_good(first).unwrap();
        for text in ["two", "three", "four"] {
            push(&remote, text);
            mirror.fetch().unwrap();
        }
        let packs = || {
            let names = fs::read_dir(folder.path().join("mirror/objects/pack")).unwrap();
            names.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "pack")).count()
        };
        assert_eq!(packs(), 4);
        mirror.compact(4).unwrap();
        assert_eq!(packs(), 4);
        mirror.compact(3).unwrap();
        assert_eq!(packs(), 1);
        assert_eq!(mirror.last_good(), Some(first));
        assert!(mirror.repository().find_commit(first).unwrap().tree().is_ok());
        let fifth = push(&remote, "five");
        assert_eq!(mirror.fetch().unwrap(), fifth);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_mirror_that_was_away_for_compaction_when_killed_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let remote = init(&folder.path().join("remote")).unwrap();
        let first = push(&remote, "one");
        let mut mirror = open(folder.path());
        mirror.fetch().unwrap();
        mirror.mark_good(first).unwrap();
        drop(mirror);
        for ending in ["mirror.old", "mirror.new"] {
            fs::rename(folder.path().join("mirror"), folder.path().join(ending)).unwrap();
            assert_eq!(open(folder.path()).last_good(), Some(first), "{ending}");
        }
    }

    #[test]
    fn what_a_killed_process_left_does_not_stop_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let remote = init(&folder.path().join("remote")).unwrap();
        let mut mirror = open(folder.path());
        push(&remote, "one");
        mirror.fetch().unwrap();
        let half = folder.path().join("mirror/objects/pack/pack_git2_123");
        fs::write(folder.path().join("mirror").join(&mirror.marks).join("fetched.lock"), "").unwrap();
        fs::write(&half, "half").unwrap();
        let second = push(&remote, "two");
        assert!(mirror.fetch().is_err(), "a lock is respected while it may be held");
        assert_eq!(open(folder.path()).fetch().unwrap(), second);
        assert!(!half.exists());
    }
}
