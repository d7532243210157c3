//! Which forge is told, and of which repository.

use std::{fmt, fs, io, io::Read as _, path::PathBuf, time::Duration};

use super::{
    super::outgoing::{Address, Backoff, Outgoing},
    forge::{CONTEXT, Forge},
};
use crate::{source::SourceSettings, wpi::secret::MASK};

/// Longest token, in bytes.
const TOKEN: u64 = 16 << 10;
/// Longest name of a status, in characters.
const LONGEST_CONTEXT: usize = 100;
/// The flag that names the file of the token.
pub(super) const TOKEN_FLAG: &str = "--commit-status-token-file";

/// All of it.
#[derive(Debug, Clone)]
pub struct CommitStatusSettings {
    /// Which kind of forge.
    pub forge: Forge,
    /// Its API; made from the host of the repository unless given.
    pub api: Option<Address>,
    /// The repository as the forge names it; from its URL unless given.
    pub repository: Option<String>,
    /// The file with the token; read at each request.
    pub token_file: PathBuf,
    /// The name of the status among those of others.
    pub context: String,
    /// The web page as people reach it; statuses lead to the revision there.
    pub page: Option<Address>,
    /// Authorities beside those of the system, as PEM.
    pub ca: Option<PathBuf>,
    /// How often is looked.
    pub look: Duration,
    /// Least time between two statuses of a commit.
    pub gap: Duration,
    /// Up to which that time grows between statuses of the same word.
    pub longest_gap: Duration,
    /// Longest wait for an answer.
    pub answer: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
}

/// A token; never shown.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the header alone.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Why no status can be told.
#[derive(Debug, thiserror::Error)]
pub enum CommitStatusSettingsError {
    /// A file cannot be used.
    #[error("{flag} {problem}")]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// What is wrong with it.
        problem: io::Error,
    },
    /// The documents do not come from git.
    #[error("--commit-status needs documents from a git repository (--git): {from} has no commits")]
    NoCommits {
        /// What they come from.
        from: &'static str,
    },
    /// The name of the status is of no use.
    #[error("--commit-status-context has to be 1 to 100 characters on one line")]
    Context,
    /// The name of the repository is none of this forge.
    #[error("--commit-status-repository has to look like {form} for {}", forge.as_str())]
    Repository {
        /// The forge.
        forge: Forge,
        /// How it looks.
        form: &'static str,
    },
    /// The URL of the repository says neither host nor name.
    #[error("the {what} cannot be read from the URL of --git: give {flag}")]
    Unclear {
        /// What is not known.
        what: &'static str,
        /// The flag that says it.
        flag: &'static str,
    },
}

impl CommitStatusSettingsError {
    /// A stable word for logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::NoCommits { .. } => "no-commits",
            Self::Context => "context",
            Self::Repository { .. } => "repository",
            Self::Unclear { .. } => "unclear",
        }
    }
}

/// The settings as they are worked with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) settings: CommitStatusSettings,
    pub(super) api: Address,
    pub(super) repository: String,
}

impl CommitStatusSettings {
    /// Statuses at such a forge.
    pub fn new(forge: Forge, token_file: PathBuf) -> Self {
        Self {
            forge,
            api: None,
            repository: None,
            token_file,
            context: CONTEXT.to_owned(),
            page: None,
            ca: None,
            look: Duration::from_secs(5),
            gap: Duration::from_secs(10),
            longest_gap: Duration::from_hours(1),
            answer: Duration::from_secs(15),
            backoff: Backoff::default(),
        }
    }

    pub(super) fn check(self, source: &SourceSettings) -> Result<(Desk, Outgoing), CommitStatusSettingsError> {
        let url = match source {
            SourceSettings::Git(git) => &git.url,
            SourceSettings::Dir(_) => return Err(CommitStatusSettingsError::NoCommits { from: "a folder" }),
            SourceSettings::Kube(_) => return Err(CommitStatusSettingsError::NoCommits { from: "a cluster" }),
        };
        if !(1..=LONGEST_CONTEXT).contains(&self.context.chars().count()) || self.context.contains(char::is_control) {
            return Err(CommitStatusSettingsError::Context);
        }
        let place = place(url);
        let unclear = |what, flag| CommitStatusSettingsError::Unclear { what, flag };
        let made = || Address::parse(&self.forge.api(place.as_ref()?.scheme, &place.as_ref()?.host)).ok();
        let api = self.api.clone().or_else(made);
        let api = api.ok_or_else(|| unclear("address of the API", "--commit-status-url"))?;
        let fits = |name: &String| is_name(name) && (self.forge == Forge::Gitlab || name.matches('/').count() == 1);
        let repository = if let Some(given) = self.repository.clone() {
            let form = if self.forge == Forge::Gitlab { "GROUP/NAME or a number" } else { "OWNER/NAME" };
            let forge = self.forge;
            Some(given).filter(fits).ok_or(CommitStatusSettingsError::Repository { forge, form })?
        } else {
            let read = place.map(|place| place.path).filter(fits);
            read.ok_or_else(|| unclear("name of the repository", "--commit-status-repository"))?
        };
        let file = |flag| move |problem| CommitStatusSettingsError::File { flag, problem };
        let outgoing = Outgoing::new(self.ca.as_deref(), self.answer).map_err(file("--commit-status-ca"))?;
        let desk = Desk { settings: self, api, repository };
        desk.token().map_err(file(TOKEN_FLAG))?;
        Ok((desk, outgoing))
    }
}

impl Desk {
    /// The token: the file without white space around it.
    pub(super) fn token(&self) -> io::Result<Token> {
        let file = &self.settings.token_file;
        let named = |problem: &str| io::Error::other(format!("{}: {problem}", file.display()));
        let mut text = String::new();
        let open = fs::File::open(file).map_err(|error| named(&error.to_string()))?;
        open.take(TOKEN).read_to_string(&mut text).map_err(|error| named(&error.to_string()))?;
        let token = text.trim();
        if token.is_empty() || token.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(named("a token is one line of printable characters"));
        }
        Ok(Token::new(token.to_owned()))
    }
}

/// Where a repository is.
struct Place {
    scheme: &'static str,
    host: String,
    path: String,
}

/// Reads host and name of a repository; none for one of this machine.
fn place(url: &str) -> Option<Place> {
    let (scheme, is_web, rest) = match url.split_once("://") {
        Some(("https", rest)) => ("https", true, rest.to_owned()),
        Some(("http", rest)) => ("http", true, rest.to_owned()),
        Some(("ssh" | "git+ssh" | "ssh+git", rest)) => ("https", false, rest.to_owned()),
        Some(_) => return None,
        None => {
            let (host, path) = url.split_once(':').filter(|(host, _)| !host.contains('/'))?;
            ("https", false, format!("{host}/{path}"))
        }
    };
    let (authority, path) = rest.split_once('/')?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // the port of ssh is not that of the API
    let host = if is_web { host } else { host.split(':').next()? };
    let path = path.split('?').next()?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && is_name(path)).then(|| Place { scheme, host: host.to_owned(), path: path.to_owned() })
}

/// Whether this can be the name of a repository, with that of its owner.
fn is_name(path: &str) -> bool {
    let part = |part: &str| {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        plain && !matches!(part, "" | "." | "..")
    };
    path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{DirSettings, GitSettings};

    fn checked(settings: CommitStatusSettings, url: &str) -> Result<(String, String), String> {
        let source = SourceSettings::Git(GitSettings::new(url, "mirror"));
        let (desk, _) = settings.check(&source).map_err(|error| error.to_string())?;
        Ok((desk.api.whole(), desk.repository))
    }

    #[test]
    fn api_and_repository_follow_from_the_url_of_the_repository() {
        let temp = tempfile::tempdir().unwrap();
        let token = temp.path().join("token");
        fs::write(&token, "planted\n").unwrap();
        let of = |forge, url: &str| checked(CommitStatusSettings::new(forge, token.clone()), url);
        let ok = |base: &str, repository: &str| Ok((base.to_owned(), repository.to_owned()));
        let (github, gitlab, gitea) = (Forge::Github, Forge::Gitlab, Forge::Gitea);
        assert_eq!(of(github, "git@github.com:acme/phones.git"), ok("https://api.github.com/", "acme/phones"));
        assert_eq!(of(github, "https://me:planted@git.acme/a/b"), ok("https://git.acme/api/v3", "a/b"));
        assert_eq!(of(gitlab, "ssh://git@lab.acme:2222/a/b/c.git"), ok("https://lab.acme/api/v4", "a/b/c"));
        assert_eq!(of(gitea, "http://tea.acme:3000/a/b/"), ok("http://tea.acme:3000/api/v1", "a/b"));
        let local = "the address of the API cannot be read from the URL of --git: give --commit-status-url";
        for url in ["/srv/phones.git", "file:///srv/phones.git"] {
            assert_eq!(of(gitea, url), Err(local.to_owned()), "{url}");
        }
        for url in ["https://me:planted@git.acme/only", "https://git.acme/a/b/c"] {
            let error = of(gitea, url).unwrap_err();
            assert!(error.ends_with("give --commit-status-repository") && !error.contains("planted"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_setting_that_is_to_be_changed_and_no_token() {
        let temp = tempfile::tempdir().unwrap();
        let token = temp.path().join("token");
        fs::write(&token, "planted\n").unwrap();
        let settings = CommitStatusSettings::new(Forge::Gitea, token.clone());
        let says = |settings: CommitStatusSettings, words: &str| {
            let error = checked(settings, "https://git.acme/a/b").unwrap_err();
            assert!(error.starts_with(words) && !error.contains("planted"), "{error}");
        };
        says(CommitStatusSettings { context: String::new(), ..settings.clone() }, "--commit-status-context ");
        for wrong in ["a", "a/../b", "a/b?c", "a/ b"] {
            let repository = Some(wrong.to_owned());
            says(CommitStatusSettings { repository, ..settings.clone() }, "--commit-status-repository ");
        }
        says(CommitStatusSettings { ca: Some(token.clone()), ..settings.clone() }, "--commit-status-ca ");
        fs::write(&token, "planted\nplanted").unwrap();
        says(settings.clone(), "--commit-status-token-file ");
        fs::remove_file(&token).unwrap();
        says(settings.clone(), "--commit-status-token-file ");
        let folder = SourceSettings::Dir(DirSettings::new(temp.path()));
        let error = settings.check(&folder).unwrap_err().to_string();
        assert_eq!(error, "--commit-status needs documents from a git repository (--git): a folder has no commits");
    }
}
