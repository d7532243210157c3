//! The file of `--tokens`: one token a line as `name:rights:hash`, where rights are `read` or `act` and the hash is the
//! SHA-256 of the token in hex. The token itself is in no file of phoneops. To make one:
//!
//! ```sh
//! openssl rand -hex 32 | tee alice.token | tr -d '\n' | sha256sum    # goes behind `alice:act:`
//! ```
//!
//! The file is looked at on each request and read again when it changed or could not be read. Lines that cannot be read then are logged and
//! give no access, so that a removed token is gone at once, whatever else is wrong; so is every token when the file is.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Most bytes of a tokens file.
const FILE_LIMIT: u64 = 1 << 20;
/// Longest name of a token.
const NAME_LIMIT: usize = 64;

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// See everything.
    Read,
    /// See and act.
    Act,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is; the actor in the log.
    pub name: String,
    /// What it lets its holder do.
    pub rights: Rights,
    hash: [u8; 32],
}

/// A line that is no token. Never quotes the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineProblem {
    /// From 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: &'static str,
}

/// Why a tokens file is not taken at the start.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It cannot be read.
    #[error("tokens file {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Some lines are no tokens.
    #[error("tokens file {}: {}", file.display(),
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Lines {
        /// The file.
        file: PathBuf,
        /// All of them.
        problems: Vec<LineProblem>,
    },
}

impl TokensError {
    /// A stable word for metrics and logs.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "tokens-unreadable",
            Self::Lines { .. } => "tokens-invalid",
        }
    }
}

/// Which state of the file was read: when its content and its entry changed, its size, which file it is.
type Stamp = ([i64; 4], [u64; 2]);

/// What was read.
#[derive(Debug)]
struct Known {
    /// Of which state; none while it cannot be read.
    stamp: Option<Stamp>,
    tokens: Vec<Token>,
    /// What was last said of a file that cannot be read.
    complaint: Option<String>,
}

/// The tokens of a file, kept up to date.
#[derive(Debug)]
pub struct Tokens {
    file: PathBuf,
    known: Mutex<Known>,
}

impl Tokens {
    /// Reads the file. At the start each wrong line is an error.
    pub fn load(file: &Path) -> Result<Self, TokensError> {
        let (stamp, text) = read(file).map_err(|source| TokensError::Unreadable { file: file.to_owned(), source })?;
        let (tokens, problems) = parse(&text);
        if !problems.is_empty() {
            return Err(TokensError::Lines { file: file.to_owned(), problems });
        }
        Ok(Self { file: file.to_owned(), known: Mutex::new(Known { stamp: Some(stamp), tokens, complaint: None }) })
    }

    /// Whose token this is. All lines are compared, in a time that does not tell how much of one was right.
    pub fn find(&self, presented: &str) -> Option<Token> {
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut known);
        let mut found = None;
        for token in &known.tokens {
            if bool::from(token.hash.ct_eq(&hash)) {
                found = Some(token.clone());
            }
        }
        found
    }

    fn refresh(&self, known: &mut Known) {
        let now = fs::metadata(&self.file).ok().as_ref().map(stamp_of);
        if now.is_some() && now == known.stamp {
            return;
        }
        *known = match read(&self.file) {
            Ok((stamp, text)) => {
                let (tokens, problems) = parse(&text);
                tracing::info!(file = %self.file.display(), tokens = tokens.len(), "tokens read again");
                for problem in problems {
                    tracing::error!(file = %self.file.display(), %problem, "this token gives no access");
                }
                Known { stamp: Some(stamp), tokens, complaint: None }
            }
            Err(error) => {
                let complaint = error.to_string();
                if known.complaint.as_ref() != Some(&complaint) {
                    tracing::error!(file = %self.file.display(), %error, "tokens cannot be read: none gives access");
                }
                Known { stamp: None, tokens: Vec::new(), complaint: Some(complaint) }
            }
        };
    }
}

fn stamp_of(metadata: &fs::Metadata) -> Stamp {
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    (times, [metadata.len(), metadata.ino()])
}

fn read(path: &Path) -> io::Result<(Stamp, String)> {
    let file = fs::File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > FILE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a tokens file has at most 1 MB"));
    }
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text)?;
    if metadata.mode() & 0o004 != 0 {
        tracing::warn!(file = %path.display(), "every user of this machine can read the tokens file; chmod o-r helps");
    }
    Ok((stamp_of(&metadata), text))
}

/// Reads the lines; empty ones and those that begin with `#` are skipped.
pub fn parse(text: &str) -> (Vec<Token>, Vec<LineProblem>) {
    let mut tokens: Vec<Token> = Vec::new();
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse_line(line) {
            Ok(token) if tokens.iter().any(|known| known.name == token.name) => problems
                .push(LineProblem { line: number + 1, problem: "another line has this name; each name stands once" }),
            Ok(token) => tokens.push(token),
            Err(problem) => problems.push(LineProblem { line: number + 1, problem }),
        }
    }
    (tokens, problems)
}

fn parse_line(line: &str) -> Result<Token, &'static str> {
    let mut parts = line.split(':').map(str::trim);
    let (Some(name), Some(rights), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("a token is written name:rights:hash");
    };
    if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a name has 1 to 64 characters and no white space");
    }
    let rights = match rights {
        "read" => Rights::Read,
        "act" => Rights::Act,
        _ => return Err("rights are read or act"),
    };
    let hash = hex(hash).ok_or("the hash is the SHA-256 of the token, 64 hex digits")?;
    Ok(Token { name: name.to_owned(), rights, hash })
}

fn hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * position..2 * position + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, io::Write as _};

    use super::*;

    fn line(name: &str, rights: &str, token: &str) -> String {
        let mut text = format!("{name}:{rights}:");
        for byte in Sha256::digest(token.as_bytes()) {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    #[test]
    fn lines_are_read_and_each_wrong_one_is_named_without_its_content() {
        let text = format!(
            "# people\n\n{}\n{}\nbob:write:00\ncarol:act:plaintoken\n{}\nnothing\n:read:{}\n",
            line("alice", "act", "a"),
            line("grafana", "read", "g"),
            line("alice", "read", "b"),
            "0".repeat(64),
        );
        let (tokens, problems) = parse(&text);
        assert_eq!(
            tokens.iter().map(|token| (token.name.as_str(), token.rights)).collect::<Vec<_>>(),
            [("alice", Rights::Act), ("grafana", Rights::Read)]
        );
        let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "line 5: rights are read or act",
                "line 6: the hash is the SHA-256 of the token, 64 hex digits",
                "line 7: another line has this name; each name stands once",
                "line 8: a token is written name:rights:hash",
                "line 9: a name has 1 to 64 characters and no white space",
            ]
        );
        assert!(!shown.concat().contains("plaintoken"));
    }

    #[test]
    fn a_token_is_found_by_its_hash_and_nothing_else() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{}", line("alice", "act", "correct horse")).unwrap();
        let tokens = Tokens::load(file.path()).unwrap();
        assert_eq!(tokens.find("correct horse").unwrap().name, "alice");
        for wrong in ["", "correct", "correct horse ", "alice"] {
            assert_eq!(tokens.find(wrong), None);
        }
    }

    #[test]
    fn a_removed_token_is_gone_at_once_even_when_another_line_is_broken() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("tokens");
        fs::write(&file, format!("{}\n{}\n", line("alice", "act", "a"), line("bob", "act", "b"))).unwrap();
        let tokens = Tokens::load(&file).unwrap();
        assert!(tokens.find("a").is_some());
        fs::write(&file, format!("broken\n{}\n", line("bob", "act", "b"))).unwrap();
        assert_eq!((tokens.find("a"), tokens.find("b").is_some()), (None, true));
        fs::remove_file(&file).unwrap();
        assert_eq!(tokens.find("b"), None);
        fs::write(&file, line("bob", "read", "b")).unwrap();
        assert_eq!(tokens.find("b").unwrap().rights, Rights::Read);
    }

    #[test]
    fn a_file_that_could_not_be_read_is_tried_again_though_it_looks_the_same() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("tokens");
        fs::write(&file, line("alice", "act", "a")).unwrap();
        let tokens = Tokens::load(&file).unwrap();
        fs::write(&file, b"\xff").unwrap();
        assert_eq!(tokens.find("a"), None);
        let known = tokens.known.lock().unwrap();
        assert_eq!((known.stamp, known.complaint.is_some()), (None, true));
        drop(known);
        fs::write(&file, line("alice", "act", "a")).unwrap();
        assert!(tokens.find("a").is_some());
        assert_eq!(tokens.known.lock().unwrap().complaint, None);
    }

    #[test]
    fn a_wrong_line_stops_the_start() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "alice:act:short").unwrap();
        let error = Tokens::load(file.path()).unwrap_err();
        assert_eq!(error.category(), "tokens-invalid");
        assert!(error.to_string().contains("line 1: the hash"), "{error}");
        assert_eq!(Tokens::load(Path::new("/nowhere/tokens")).unwrap_err().category(), "tokens-unreadable");
    }
}
