//! Says at a forge how far the commits are that are followed: GitHub, GitLab, Gitea and Forgejo.
//!
//! **Guarantees.** A commit is a success only when its last phone is proven; what is said is decided in
//! [`fleet::progress`](crate::fleet::progress). A status is posted when it changes: another word after some seconds, another
//! text after waits that grow with what the commit was told, and after [`MOST`] of them only its end. Nothing queues: what
//! could not be posted is posted as it stands later. What was told is kept, so that a restart posts nothing twice.
//!
//! **Caveats.** A process that is killed between a post and its note posts the same once more. A commit that was the newest
//! for a few seconds only may get no status. GitLab takes no second status of the same word, so the number of phones left
//! stays there what it was when the word came.
//!
//! - [`forge`]: what each forge is sent, and where
//! - [`settings`]: which forge, which repository

pub mod forge;
pub mod settings;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    CommitAccess,
    metrics::ServiceMetrics,
    outgoing::{Answer, Outgoing},
};
use crate::{fleet::progress::CommitProgress, source::SourceSettings, spec::Revision};
use forge::Forge;
use settings::Desk;
pub use settings::{CommitStatusSettings, CommitStatusSettingsError};

/// Most statuses of a commit that are not its end; GitHub takes 1,000.
pub const MOST: u32 = 900;

/// What became of a status.
enum Outcome {
    Told,
    /// The forge is to be left alone for a while.
    Later(Option<Duration>, String),
    /// Somebody has to put something right.
    Refused(String),
}

/// When a commit was told last, and until when it is left alone.
#[derive(Clone, Copy)]
struct Pace {
    told: Option<Instant>,
    blocked: Option<Instant>,
    is_silent: bool,
}

/// Follows commits until the service ends. While `may_tell` is false nothing is sent.
///
/// # Errors
/// What is wrong with the settings, such as a source that has no commits.
pub fn start(
    access: Arc<dyn CommitAccess>,
    settings: CommitStatusSettings,
    source: &SourceSettings,
    metrics: Arc<ServiceMetrics>,
    may_tell: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + 'static, CommitStatusSettingsError> {
    let (desk, outgoing) = settings.check(source)?;
    let paces = HashMap::new();
    let teller = Teller { access, desk, outgoing, metrics, paces, waiting: HashSet::new(), failures: 0 };
    Ok(teller.run(may_tell, stopped))
}

struct Teller {
    access: Arc<dyn CommitAccess>,
    desk: Desk,
    outgoing: Outgoing,
    metrics: Arc<ServiceMetrics>,
    paces: HashMap<Revision, Pace>,
    /// The commits of which something was still to be told.
    waiting: HashSet<Revision>,
    /// Failures in a row of the forge.
    failures: u32,
}

impl Teller {
    async fn run(mut self, mut may_tell: watch::Receiver<bool>, mut stopped: watch::Receiver<bool>) {
        loop {
            let mut wait = self.desk.settings.look;
            if *may_tell.borrow_and_update() {
                wait = wait.max(self.tell_all(&may_tell).await);
            }
            let rested = async {
                // a lease that comes and goes shortens no wait that a forge asked for
                if *may_tell.borrow() {
                    tokio::time::sleep(wait).await;
                } else if may_tell.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = rested => {}
            }
        }
    }

    /// Tells what is due, the newest commit first; how long the forge is to be left alone.
    async fn tell_all(&mut self, may_tell: &watch::Receiver<bool>) -> Duration {
        let commits = self.access.commit_progress();
        let forge = self.desk.settings.forge;
        if commits.is_empty() {
            return Duration::ZERO;
        }
        let is_known = |revision: &Revision| commits.iter().any(|commit| commit.revision == *revision);
        for _ in self.waiting.iter().filter(|revision| !is_known(revision)) {
            self.metrics.commit_status(forge.as_str(), "dropped");
        }
        self.paces.retain(|revision, _| is_known(revision));
        let due = |commit: &&CommitProgress| is_news(commit, forge);
        self.waiting = commits.iter().filter(due).map(|commit| commit.revision.clone()).collect();
        for commit in commits.iter().rev().filter(due) {
            if !*may_tell.borrow() {
                break;
            }
            if !self.may_post(commit) {
                continue;
            }
            match self.post(commit).await {
                Outcome::Told => {
                    self.metrics.commit_status(forge.as_str(), "told");
                    self.failures = 0;
                    self.pace(commit).told = Some(Instant::now());
                    self.waiting.remove(&commit.revision);
                    self.access.commit_told(&commit.revision, &commit.state);
                }
                Outcome::Later(wanted, why) => {
                    self.metrics.commit_status(forge.as_str(), "failed");
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        tracing::warn!(why, "a commit status could not be posted; it is posted later");
                    }
                    return self.desk.settings.backoff.wait(self.failures, wanted);
                }
                Outcome::Refused(why) => {
                    self.metrics.commit_status(forge.as_str(), "refused");
                    tracing::error!(why, "a commit status was refused: look at token, repository and address");
                    self.pace(commit).blocked = Some(Instant::now() + self.desk.settings.backoff.limit);
                }
            }
        }
        Duration::ZERO
    }

    fn pace(&mut self, commit: &CommitProgress) -> &mut Pace {
        let none = Pace { told: None, blocked: None, is_silent: false };
        self.paces.entry(commit.revision.clone()).or_insert(none)
    }

    /// Whether a commit may be told of now.
    fn may_post(&mut self, commit: &CommitProgress) -> bool {
        let gap = gap(commit, &self.desk.settings);
        let pace = self.pace(commit);
        let is_spent = commit.times >= MOST && !commit.state.word.is_final();
        if is_spent && !std::mem::replace(&mut pace.is_silent, true) {
            self.metrics.bound_hit("commit-statuses");
        }
        let pace = *self.pace(commit);
        let rested = pace.told.is_none_or(|told| told.elapsed() >= gap);
        !is_spent && rested && pace.blocked.is_none_or(|until| Instant::now() >= until)
    }

    async fn post(&self, commit: &CommitProgress) -> Outcome {
        let token = match self.desk.token() {
            Ok(token) => token,
            Err(error) => return Outcome::Later(None, format!("{} {error}", settings::TOKEN_FLAG)),
        };
        let (settings, revision) = (&self.desk.settings, commit.revision.as_str());
        let to = self.desk.api.join(&settings.forge.path(&self.desk.repository, revision));
        let page = settings.page.as_ref().map(|page| page.join(&format!("/revisions/{revision}")).whole());
        let body = settings.forge.body(&commit.state, &settings.context, page.as_deref());
        match self.outgoing.post(&to, &settings.forge.headers(&token), body.to_string()).await {
            Ok(answer) => judged(settings.forge, &answer, &format!("{to} answers {}", answer.status)),
            Err(error) => Outcome::Later(None, error.to_string()),
        }
    }
}

/// Whether the forge would show something else. GitLab takes no second status of the same word.
fn is_news(commit: &CommitProgress, forge: Forge) -> bool {
    let (told, state) = (commit.told.as_ref(), &commit.state);
    told.is_none_or(|told| told != state && (forge != Forge::Gitlab || forge.word(told.word) != forge.word(state.word)))
}

/// Least time since the last status: short for another word; for another text it grows with what was told.
fn gap(commit: &CommitProgress, settings: &CommitStatusSettings) -> Duration {
    let word = |word| settings.forge.word(word);
    let is_text = commit.told.as_ref().is_some_and(|told| word(told.word) == word(commit.state.word));
    if is_text && !commit.state.word.is_final() {
        let grown = settings.gap.saturating_mul(1 << commit.times.saturating_sub(1).min(20));
        grown.min(settings.longest_gap)
    } else {
        settings.gap
    }
}

/// What an answer means. What is neither a limit nor a fault of the server, somebody has to put right.
fn judged(forge: Forge, answer: &Answer, why: &str) -> Outcome {
    let wanted = answer.retry_after(Timestamp::now());
    let is_limit = wanted.is_some() || answer.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    match answer.status {
        status if status.is_success() => Outcome::Told,
        // it has that state already
        StatusCode::BAD_REQUEST if forge == Forge::Gitlab && says(answer, "Cannot transition status") => Outcome::Told,
        status if status.is_server_error() => Outcome::Later(wanted, why.to_owned()),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Outcome::Later(wanted, why.to_owned()),
        StatusCode::FORBIDDEN if is_limit => Outcome::Later(wanted, why.to_owned()),
        _ => Outcome::Refused(why.to_owned()),
    }
}

fn says(answer: &Answer, words: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(words)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::fleet::progress::{CommitState, CommitWord};

    fn commit(told: Option<(CommitWord, &str)>, now: (CommitWord, &str), times: u32) -> CommitProgress {
        let state = |(word, text): (CommitWord, &str)| CommitState { word, text: text.to_owned() };
        CommitProgress { revision: Revision::new("r1"), state: state(now), told: told.map(state), times }
    }

    #[test]
    fn another_word_is_posted_soon_and_another_number_the_later_the_more_was_told() {
        let mut settings = CommitStatusSettings::new(Forge::Github, "token".into());
        settings.gap = Duration::from_secs(10);
        let open = Some((CommitWord::Running, "9 phones left"));
        let gap_of = |times, now| gap(&commit(open, now, times), &settings).as_secs();
        let number = (CommitWord::Running, "8 phones left");
        assert_eq!([1, 2, 3, 9, 900].map(|times| gap_of(times, number)), [10, 20, 40, 2_560, 3_600]);
        assert_eq!(gap_of(900, (CommitWord::Success, "9 phones proven")), 10);
        assert!(is_news(&commit(open, number, 1), Forge::Gitea));
        assert!(!is_news(&commit(open, number, 1), Forge::Gitlab), "GitLab refuses the same word");
        assert!(!is_news(&commit(open, (CommitWord::Running, "9 phones left"), 1), Forge::Github));
    }

    /// A service whose commits are set by the test.
    #[derive(Default)]
    struct Commits(Mutex<Vec<CommitProgress>>);

    impl Commits {
        fn set(&self, commits: &[CommitProgress]) {
            *self.0.lock().unwrap() = commits.to_vec();
        }
    }

    impl CommitAccess for Commits {
        fn commit_progress(&self) -> Vec<CommitProgress> {
            self.0.lock().unwrap().clone()
        }

        fn commit_told(&self, revision: &Revision, state: &CommitState) {
            for commit in self.0.lock().unwrap().iter_mut().filter(|commit| commit.revision == *revision) {
                (commit.told, commit.times) = (Some(state.clone()), commit.times + 1);
            }
        }
    }

    /// Answers every request with that status, and counts them.
    async fn forge(status: &'static str) -> (std::net::SocketAddr, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, posts) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&posts);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"}") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (address, posts, task)
    }

    fn teller(folder: &std::path::Path, address: std::net::SocketAddr) -> (Teller, Arc<Commits>) {
        let token_file = folder.join("token");
        std::fs::write(&token_file, "planted-token").unwrap();
        let settings = CommitStatusSettings {
            api: Some(super::super::outgoing::Address::parse(&format!("http://{address}")).unwrap()),
            repository: Some("acme/phones".to_owned()),
            gap: Duration::ZERO,
            ..CommitStatusSettings::new(Forge::Gitea, token_file)
        };
        let git = crate::source::GitSettings::new("https://git.example/acme/phones", folder.join("mirror"));
        let (desk, outgoing) = settings.check(&SourceSettings::Git(git)).unwrap();
        let (access, metrics) = (Arc::new(Commits::default()), Arc::new(ServiceMetrics::new()));
        let (paces, waiting) = (HashMap::new(), HashSet::new());
        (Teller { access: access.clone(), desk, outgoing, metrics, paces, waiting, failures: 0 }, access)
    }

    fn count(teller: &Teller, line: &str) -> String {
        let text = teller.metrics.encode();
        text.lines().find_map(|known| known.strip_prefix(line)).unwrap_or(" 0").trim().to_owned()
    }

    #[tokio::test]
    async fn after_so_many_statuses_a_commit_is_silent_until_its_end_which_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let (address, posts, task) = forge("201 Created").await;
        let (mut teller, commits) = teller(folder.path(), address);
        let (_tell, may_tell) = watch::channel(true);
        let told = Some((CommitWord::Running, "9 phones left"));
        commits.set(&[commit(told, (CommitWord::Running, "8 phones left"), MOST - 1)]);
        teller.tell_all(&may_tell).await;
        assert_eq!((posts.load(Ordering::SeqCst), commits.commit_progress()[0].times), (1, MOST), "the last of them");
        let bound = "phoneops_service_bounds_hit_total{bound=\"commit-statuses\"}";
        assert_eq!(count(&teller, bound), "0");
        for left in ["7 phones left", "6 phones left"] {
            commits.set(&[commit(told, (CommitWord::Running, left), MOST)]);
            teller.tell_all(&may_tell).await;
        }
        assert_eq!((posts.load(Ordering::SeqCst), count(&teller, bound).as_str()), (1, "1"));
        commits.set(&[commit(told, (CommitWord::Success, "9 phones proven"), MOST)]);
        teller.tell_all(&may_tell).await;
        teller.tell_all(&may_tell).await;
        assert_eq!(posts.load(Ordering::SeqCst), 2, "its end, and once");
        task.abort();
    }

    #[tokio::test]
    async fn a_commit_that_is_forgotten_before_it_was_told_is_counted_as_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (address, posts, task) = forge("422 Unprocessable Entity").await;
        let (mut teller, commits) = teller(folder.path(), address);
        let (_tell, may_tell) = watch::channel(true);
        let first = commit(None, (CommitWord::Pending, "1 phone left"), 0);
        commits.set(std::slice::from_ref(&first));
        teller.tell_all(&may_tell).await;
        let of = |result: &str| format!("phoneops_commit_statuses_total{{forge=\"gitea\",result=\"{result}\"}}");
        assert_eq!((posts.load(Ordering::SeqCst), count(&teller, &of("refused")).as_str()), (1, "1"));
        let next = CommitProgress { revision: Revision::new("r2"), ..first.clone() };
        commits.set(&[first, next.clone()]);
        teller.tell_all(&may_tell).await;
        assert_eq!(count(&teller, &of("dropped")), "0", "it is still to be told");
        commits.set(&[next]);
        teller.tell_all(&may_tell).await;
        assert_eq!(count(&teller, &of("dropped")), "1");
        teller.tell_all(&may_tell).await;
        assert_eq!(count(&teller, &of("dropped")), "1", "once");
        task.abort();
    }
}
