//! What a remote is shown: a token from a file, an ssh key, or the ssh agent. Each is offered once a fetch.

use std::{fs, path::PathBuf};

use git2::{Cred, CredentialType, Error, ErrorClass, ErrorCode};

use super::{
    super::SourceError,
    url::{GitUrl, Kind},
};

/// User name beside a token where the URL names none; GitHub, GitLab and Gitea take any.
const TOKEN_USER: &str = "x-access-token";
/// User name for ssh where the URL names none.
const SSH_USER: &str = "git";
/// Longest token.
const TOKEN_LIMIT: usize = 16 * 1024;

/// Offers credentials during one fetch, and remembers why it could not.
#[derive(Debug)]
pub(super) struct Credentials<'a> {
    url: &'a GitUrl,
    token_file: Option<&'a PathBuf>,
    ssh_key: Option<&'a PathBuf>,
    offered_token: bool,
    offered_key: bool,
    /// Why nothing could be offered.
    pub(super) problem: Option<SourceError>,
}

impl<'a> Credentials<'a> {
    /// Credentials for one fetch; the token file is read when the remote asks.
    pub(super) fn new(url: &'a GitUrl, token_file: Option<&'a PathBuf>, ssh_key: Option<&'a PathBuf>) -> Self {
        Self { url, token_file, ssh_key, offered_token: false, offered_key: false, problem: None }
    }

    /// Answers one question of the remote.
    pub(super) fn offer(&mut self, user: Option<&str>, allowed: CredentialType) -> Result<Cred, Error> {
        if allowed.is_username() {
            return Cred::username(user.unwrap_or(SSH_USER));
        }
        if allowed.is_user_pass_plaintext() && matches!(self.url.kind(), Kind::Web { .. }) {
            return self.offer_token(user);
        }
        if allowed.is_ssh_key() {
            return self.offer_key(user.unwrap_or(SSH_USER));
        }
        Err(self.refuse("the remote asks for a kind of credential that is not spoken", "use a token or an ssh key"))
    }

    fn offer_token(&mut self, user: Option<&str>) -> Result<Cred, Error> {
        let Some(file) = self.token_file else {
            return Err(self.refuse("it asks for credentials", "name a file with a token by --git-token-file"));
        };
        if self.offered_token {
            return Err(self.refuse(
                &format!("the token in {} was not accepted", file.display()),
                "put a valid token with read access there; it is read again at each fetch",
            ));
        }
        if !self.may_carry_secrets() {
            return Err(self.refuse("a token is not sent over http", "use an https URL"));
        }
        self.offered_token = true;
        let token = read_token(file).map_err(|problem| self.fail(problem))?;
        Cred::userpass_plaintext(user.unwrap_or(TOKEN_USER), &token)
    }

    fn offer_key(&mut self, user: &str) -> Result<Cred, Error> {
        let what = self.ssh_key.map_or_else(|| "the ssh agent".to_owned(), |key| key.display().to_string());
        if self.offered_key {
            return Err(self.refuse(
                &format!("no key of {what} was accepted for the user {user:?}"),
                "register the public key with the remote, with read access",
            ));
        }
        self.offered_key = true;
        match self.ssh_key {
            Some(key) if !key.is_file() => {
                Err(self.fail(SourceError::Credential { file: key.clone(), detail: "no such file".to_owned() }))
            }
            Some(key) => Cred::ssh_key(user, None, key, None),
            None => Cred::ssh_key_from_agent(user),
        }
    }

    fn may_carry_secrets(&self) -> bool {
        !matches!(self.url.kind(), Kind::Web { secure: false, .. }) || self.url.is_loopback()
    }

    fn refuse(&mut self, detail: &str, remedy: &str) -> Error {
        self.fail(SourceError::Denied {
            url: self.url.to_string(),
            detail: detail.to_owned(),
            remedy: remedy.to_owned(),
        })
    }

    fn fail(&mut self, problem: SourceError) -> Error {
        let error = Error::new(ErrorCode::Auth, ErrorClass::Callback, "no credentials");
        self.problem = Some(problem);
        error
    }
}

fn read_token(file: &PathBuf) -> Result<String, SourceError> {
    let refused = |detail: String| SourceError::Credential { file: file.clone(), detail };
    let bytes = fs::read(file).map_err(|error| refused(error.to_string()))?;
    if bytes.len() > TOKEN_LIMIT {
        return Err(refused(format!("a token has at most {TOKEN_LIMIT} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not text".to_owned()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    if token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("a token is one word on one line".to_owned()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer_twice(url: &str, token: Option<&str>) -> (bool, Option<SourceError>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        if let Some(token) = token {
            fs::write(&file, token).unwrap();
        }
        let url = GitUrl::parse(url).unwrap();
        let mut credentials = Credentials::new(&url, Some(&file), None);
        let first = credentials.offer(None, CredentialType::USER_PASS_PLAINTEXT).is_ok();
        let _ = credentials.offer(None, CredentialType::USER_PASS_PLAINTEXT);
        (first, credentials.problem)
    }

    #[test]
    fn a_token_is_offered_once_and_its_refusal_names_the_file_not_the_token() {
        let (first, problem) = offer_twice("https://git.example/a", Some("planted\n"));
        assert!(first);
        let text = problem.unwrap().to_string();
        assert!(text.contains("token") && text.contains("was not accepted") && !text.contains("planted"), "{text}");
    }

    #[test]
    fn a_token_never_goes_over_plain_http_to_another_machine() {
        let (first, problem) = offer_twice("http://git.example/a", Some("planted"));
        assert!(!first);
        assert!(problem.unwrap().to_string().contains("https"));
    }

    #[test]
    fn a_missing_empty_or_two_line_token_file_is_named() {
        for token in [None, Some(""), Some("\n"), Some("planted\nplanted")] {
            let (first, problem) = offer_twice("https://git.example/a", token);
            assert!(!first);
            let text = problem.unwrap().to_string();
            assert!(!text.contains("planted"), "{text}");
        }
    }

    #[test]
    fn ssh_without_a_user_asks_as_git_and_offers_its_key_once() {
        let url = GitUrl::parse("ssh://git.example/a").unwrap();
        let mut credentials = Credentials::new(&url, None, None);
        assert!(credentials.offer(None, CredentialType::USERNAME).is_ok());
        assert!(credentials.offer(Some("git"), CredentialType::SSH_KEY).is_ok());
        assert!(credentials.offer(Some("git"), CredentialType::SSH_KEY).is_err());
        let text = credentials.problem.unwrap().to_string();
        assert!(text.contains("ssh agent") && text.contains("\"git\""), "{text}");
    }
}
