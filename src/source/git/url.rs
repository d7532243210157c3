//! Which URLs are spoken, and how they are shown: never with the credentials in them.

use std::{fmt, net::IpAddr};

use super::super::SourceError;

/// The URL of a repository. `Display` and `Debug` mask what may be a credential.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct GitUrl {
    raw: String,
    shown: String,
    kind: Kind,
}

/// How the repository is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A path, or `file://`.
    Local,
    /// `http://` or `https://`.
    Web {
        /// TLS.
        secure: bool,
        /// Host name or address.
        host: String,
    },
    /// `ssh://` or `user@host:path`.
    Ssh {
        /// Host name or address.
        host: String,
        /// Port, 22 unless given.
        port: u16,
    },
}

impl GitUrl {
    /// Reads a URL. Its error never quotes credentials.
    pub(super) fn parse(raw: &str) -> Result<Self, SourceError> {
        let (shown, kind) = match raw.split_once("://") {
            Some(("file", _)) => (raw.to_owned(), Kind::Local),
            Some((scheme @ ("http" | "https"), rest)) => {
                let (authority, path) = split_authority(rest);
                let (user, host_port) = split_user(authority);
                let host = split_port(host_port).map(|(host, _)| host)?;
                let mask = if user.is_some() { "***@" } else { "" };
                let path = path.split_once('?').map_or(path.to_owned(), |(path, _)| format!("{path}?***"));
                let shown = format!("{scheme}://{mask}{host_port}{path}");
                (shown, Kind::Web { secure: scheme == "https", host })
            }
            Some((scheme @ ("ssh" | "git+ssh" | "ssh+git"), rest)) => {
                let (authority, path) = split_authority(rest);
                let (user, host_port) = split_user(authority);
                let (host, port) = split_port(host_port)?;
                let user = user.map(|user| match user.split_once(':') {
                    Some((name, _)) => format!("{name}:***@"),
                    None => format!("{user}@"),
                });
                let shown = format!("{scheme}://{}{host_port}{path}", user.unwrap_or_default());
                (shown, Kind::Ssh { host, port: port.unwrap_or(22) })
            }
            Some((scheme, _)) => {
                return Err(SourceError::Settings(format!(
                    "--git: the scheme {scheme:?} is not spoken; use https, ssh, file or a path"
                )));
            }
            None => match scp_host(raw) {
                Some(host) => (raw.to_owned(), Kind::Ssh { host: host.to_owned(), port: 22 }),
                None if raw.is_empty() => return Err(SourceError::Settings("--git: the URL is empty".to_owned())),
                None => (raw.to_owned(), Kind::Local),
            },
        };
        Ok(Self { raw: raw.to_owned(), shown, kind })
    }

    /// The URL with all that is in it, for git alone.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// How it is reached.
    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it is a path of this machine.
    pub(super) fn is_local(&self) -> bool {
        self.kind == Kind::Local
    }

    /// Whether its host is this machine by name or address.
    pub(super) fn is_loopback(&self) -> bool {
        let (Kind::Web { host, .. } | Kind::Ssh { host, .. }) = &self.kind else { return false };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// A foreign text, such as git's own message, without what may be a credential of this URL.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut masked = text.replace(&self.raw, &self.shown);
        if self.raw != self.shown {
            let authority = self.raw.split_once("://").map_or("", |(_, rest)| split_authority(rest).0);
            let (user, _) = split_user(authority);
            for part in
                user.into_iter().flat_map(|user| [Some(user), user.split_once(':').map(|(_, word)| word)]).flatten()
            {
                if !part.is_empty() {
                    masked = masked.replace(part, "***");
                }
            }
        }
        masked
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn split_authority(rest: &str) -> (&str, &str) {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.split_at(end)
}

fn split_user(authority: &str) -> (Option<&str>, &str) {
    authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host))
}

fn split_port(host_port: &str) -> Result<(String, Option<u16>), SourceError> {
    let (host, port) = match host_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => host_port.split_once(':').map_or((host_port, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(SourceError::Settings("--git: the URL has no host".to_owned()));
    }
    let port = port
        .filter(|port| !port.is_empty())
        .map(str::parse)
        .transpose()
        .map_err(|_| SourceError::Settings(format!("--git: the port of {host_port:?} is not a number")))?;
    Ok((host.to_ascii_lowercase(), port))
}

/// The host of `user@host:path`: a colon before the first slash.
fn scp_host(raw: &str) -> Option<&str> {
    let (front, _) = raw.split_once(':')?;
    let (_, host) = split_user(front);
    (!front.contains('/') && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_never_show() {
        for (raw, shown) in [
            ("https://user:planted@git.example/a.git", "https://***@git.example/a.git"),
            ("https://planted@git.example:8443/a.git", "https://***@git.example:8443/a.git"),
            ("https://us:pl@nted@git.example/a.git", "https://***@git.example/a.git"),
            ("https://git.example/a.git?token=planted", "https://git.example/a.git?***"),
            ("ssh://git:planted@git.example:2222/a.git", "ssh://git:***@git.example:2222/a.git"),
            ("git@git.example:a.git", "git@git.example:a.git"),
            ("/srv/phones.git", "/srv/phones.git"),
        ] {
            let url = GitUrl::parse(raw).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn credentials_are_masked_in_the_words_of_git_too() {
        let url = GitUrl::parse("https://user:planted@git.example/a.git").unwrap();
        let text = url.mask("bad https://user:planted@git.example/a.git and planted");
        assert!(!text.contains("planted"), "{text}");
    }

    #[test]
    fn the_kinds_of_urls_are_told_apart() {
        let kind = |raw: &str| GitUrl::parse(raw).unwrap().kind().clone();
        assert_eq!(kind("file:///srv/a.git"), Kind::Local);
        assert_eq!(kind("./a:b/c"), Kind::Local);
        assert_eq!(kind("https://Git.Example/a"), Kind::Web { secure: true, host: "git.example".into() });
        assert_eq!(kind("http://[::1]:80/a"), Kind::Web { secure: false, host: "::1".into() });
        assert_eq!(kind("ssh://git@h:2222/a"), Kind::Ssh { host: "h".into(), port: 2222 });
        assert_eq!(kind("git@h:a"), Kind::Ssh { host: "h".into(), port: 22 });
        assert!(GitUrl::parse("http://[::1]:80/a").unwrap().is_loopback());
        assert!(!GitUrl::parse("https://h/a").unwrap().is_loopback());
    }

    #[test]
    fn other_schemes_and_senseless_urls_are_refused_in_words() {
        for (raw, word) in [("git://h/a", "\"git\""), ("", "empty"), ("https:///a", "no host"), ("ssh://h:x/a", "port")]
        {
            let error = GitUrl::parse(raw).unwrap_err();
            assert_eq!(error.category(), "settings");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
