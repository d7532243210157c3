//! What each forge is sent, and where.
//!
//! | forge | request | token |
//! |---|---|---|
//! | GitHub | `POST /repos/OWNER/NAME/statuses/SHA` | `Authorization: Bearer TOKEN` |
//! | GitLab | `POST /projects/OWNER%2FNAME/statuses/SHA` | `PRIVATE-TOKEN: TOKEN` |
//! | Gitea, Forgejo | `POST /repos/OWNER/NAME/statuses/SHA` | `Authorization: token TOKEN` |
//!
//! | word | GitHub | GitLab | Gitea, Forgejo |
//! |---|---|---|---|
//! | nothing proven | `pending` | `pending` | `pending` |
//! | some proven | `pending` | `running` | `pending` |
//! | all proven | `success` | `success` | `success` |
//! | something cannot be | `failure` | `failed` | `failure` |
//! | superseded | `error` | `canceled` | `warning` |

use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::settings::Token;
use crate::fleet::progress::{CommitState, CommitWord, TEXT, shortened};

/// The name of the status among those of others, unless another is set.
pub const CONTEXT: &str = "phoneops";
/// Longest description that GitHub takes, in characters; GitLab takes 255, and Gitea more.
const GITHUB_TEXT: usize = 140;

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    /// GitHub, and GitHub Enterprise Server.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea and Forgejo.
    Gitea,
}

impl Forge {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Gitea];

    /// The word of `--commit-status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// The words that there are.
    pub fn parse(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|forge| forge.as_str() == word);
        known.ok_or_else(|| format!("{word:?} is none of github, gitlab and gitea"))
    }

    /// The API of a forge at this host.
    pub(super) fn api(self, scheme: &str, host: &str) -> String {
        match self {
            Self::Github if host == "github.com" => "https://api.github.com".to_owned(),
            Self::Github => format!("{scheme}://{host}/api/v3"),
            Self::Gitlab => format!("{scheme}://{host}/api/v4"),
            Self::Gitea => format!("{scheme}://{host}/api/v1"),
        }
    }

    /// Where a status goes, below the API.
    pub(super) fn path(self, repository: &str, revision: &str) -> String {
        match self {
            Self::Gitlab => format!("/projects/{}/statuses/{revision}", repository.replace('/', "%2F")),
            Self::Github | Self::Gitea => format!("/repos/{repository}/statuses/{revision}"),
        }
    }

    pub(super) fn headers(self, token: &Token) -> Vec<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Self::Github => (AUTHORIZATION, format!("Bearer {}", token.expose())),
            Self::Gitlab => (HeaderName::from_static("private-token"), token.expose().to_owned()),
            Self::Gitea => (AUTHORIZATION, format!("token {}", token.expose())),
        };
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            headers.push((name, value));
        }
        if self == Self::Github {
            headers.push((ACCEPT, HeaderValue::from_static("application/vnd.github+json")));
            headers.push((HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28")));
        }
        headers
    }

    pub(super) fn body(self, state: &CommitState, context: &str, page: Option<&str>) -> Value {
        let name = if self == Self::Gitlab { "name" } else { "context" };
        let most = if self == Self::Github { GITHUB_TEXT } else { TEXT };
        let text = shortened(&state.text, most);
        let mut body = json!({ "state": self.word(state.word), "description": text, name: context });
        if let (Some(url), Some(fields)) = (page, body.as_object_mut()) {
            fields.insert("target_url".to_owned(), url.into());
        }
        body
    }

    pub(super) fn word(self, word: CommitWord) -> &'static str {
        match (self, word) {
            (_, CommitWord::Success) => "success",
            (Self::Gitlab, CommitWord::Failure) => "failed",
            (_, CommitWord::Failure) => "failure",
            (Self::Gitlab, CommitWord::Running) => "running",
            (_, CommitWord::Pending | CommitWord::Running) => "pending",
            (Self::Github, CommitWord::Superseded) => "error",
            (Self::Gitlab, CommitWord::Superseded) => "canceled",
            (Self::Gitea, CommitWord::Superseded) => "warning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_cut_to_what_its_forge_takes() {
        let state = CommitState { word: CommitWord::Failure, text: "ä".repeat(TEXT) };
        for (forge, most) in [(Forge::Github, 140), (Forge::Gitlab, 255), (Forge::Gitea, 255)] {
            let body = forge.body(&state, CONTEXT, None);
            let text = body["description"].as_str().unwrap();
            assert_eq!((text.chars().count(), text.ends_with('…')), (most, most < TEXT), "{forge:?}");
        }
    }

    #[test]
    fn only_what_is_proven_is_a_success_at_any_forge() {
        let others = [CommitWord::Pending, CommitWord::Running, CommitWord::Failure, CommitWord::Superseded];
        for forge in Forge::ALL {
            assert_eq!(forge.word(CommitWord::Success), "success");
            assert!(others.iter().all(|word| forge.word(*word) != "success"));
        }
    }

    #[test]
    fn a_token_shows_in_no_debug_output() {
        for forge in Forge::ALL {
            let headers = forge.headers(&Token::new("planted-token".to_owned()));
            assert!(!format!("{headers:?}").contains("planted"), "{headers:?}");
        }
    }
}
