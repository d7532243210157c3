//! git's errors in this crate's words: which category, with credentials masked.

use git2::{Error, ErrorClass, ErrorCode};

use super::{super::SourceError, url::GitUrl};

/// What a failed fetch means.
pub(super) fn of_fetch(url: &GitUrl, error: &Error) -> SourceError {
    let detail = url.mask(error.message());
    let url_shown = url.to_string();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    // The last is what libgit2 says when a TLS server stays silent.
    if error.code() == ErrorCode::Timeout || says(&["timed out", "Timed out", "imeout", "temporarily unavailable"]) {
        return SourceError::Silent { url: url_shown, detail };
    }
    if error.code() == ErrorCode::Certificate || error.class() == ErrorClass::Ssl {
        return SourceError::Certificate { url: url_shown, detail };
    }
    if error.code() == ErrorCode::Auth || says(&["status code: 401", "status code: 403"]) {
        let remedy = "check the token or key and its rights to read this repository".to_owned();
        return SourceError::Denied { url: url_shown, detail, remedy };
    }
    if error.code() == ErrorCode::Owner {
        let remedy = "give the repository to the user phoneops runs as, or name it in git's safe.directory".to_owned();
        return SourceError::Denied { url: url_shown, detail, remedy };
    }
    if url.is_local() || says(&["status code: 404"]) || error.class() == ErrorClass::Repository {
        return SourceError::Repository { url: url_shown, detail };
    }
    SourceError::Unreachable { url: url_shown, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_category() {
        let url = GitUrl::parse("https://user:planted@git.example/a").unwrap();
        for (code, class, message, category) in [
            (ErrorCode::Timeout, ErrorClass::Net, "could not read from socket: timed out", "silent"),
            (ErrorCode::GenericError, ErrorClass::Net, "failed to connect to h: Operation timed out", "silent"),
            (ErrorCode::GenericError, ErrorClass::Os, "failed to connect to h: Connection refused", "unreachable"),
            (ErrorCode::GenericError, ErrorClass::Net, "failed to resolve address for h", "unreachable"),
            (ErrorCode::Certificate, ErrorClass::Http, "the SSL certificate is invalid", "certificate"),
            (ErrorCode::GenericError, ErrorClass::Http, "unexpected http status code: 403", "denied"),
            (ErrorCode::GenericError, ErrorClass::Http, "unexpected http status code: 404", "repository"),
            (ErrorCode::GenericError, ErrorClass::Http, "unexpected http status code: 502", "unreachable"),
        ] {
            let error = of_fetch(&url, &Error::new(code, class, format!("{message} planted")));
            assert_eq!(error.category(), category, "{message}");
            assert!(!error.to_string().contains("planted"), "{error}");
        }
    }
}
