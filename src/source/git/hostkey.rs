//! Whether an ssh host key is the right one. What is not in the `known_hosts` file is refused.

use std::{fs, io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use openssl::{hash::MessageDigest, pkey::PKey, sha::sha256, sign::Signer};

/// What a `known_hosts` file says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The host has this key.
    Known,
    /// The host is not in the file.
    Unknown,
    /// The host has keys of other types only.
    OtherType,
    /// The host has another key of this type.
    Changed,
    /// The key is marked `@revoked`.
    Revoked,
}

/// Decides on a host key: `blob` is the key as ssh encodes it.
///
/// # Errors
/// What is wrong and what to do; for an unknown host with the very line to add to `file`.
pub(super) fn check(file: &Path, host: &str, port: u16, blob: &[u8]) -> Result<(), String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("cannot read the known hosts {}: {error}", file.display())),
    };
    let name = host_name(host, port);
    let line = known_hosts_line(host, port, blob);
    let print = STANDARD.encode(sha256(blob)).trim_end_matches('=').to_owned();
    let file = file.display();
    let ask = format!("compare its fingerprint SHA256:{print} with the one its operators publish");
    match judge(&text, &name, blob) {
        Verdict::Known => Ok(()),
        Verdict::Unknown => Err(format!(
            "the ssh host key of {name} is not known and was refused; {ask}; if it is right, add this line to {file}: {line}"
        )),
        Verdict::OtherType => Err(format!(
            "the ssh host {name} is known by keys of other types only, and was refused; {ask}; if it is right, add this line to {file}: {line}"
        )),
        Verdict::Changed => Err(format!(
            "THE SSH HOST KEY OF {name} HAS CHANGED and was refused: somebody may be in between; {ask}; only if it is right, replace the line of {name} in {file} by: {line}"
        )),
        Verdict::Revoked => Err(format!("the ssh host key of {name} is marked as revoked in {file} and was refused")),
    }
}

/// The line of a `known_hosts` file for a key.
fn known_hosts_line(host: &str, port: u16, blob: &[u8]) -> String {
    format!("{} {} {}", host_name(host, port), key_type(blob), STANDARD.encode(blob))
}

/// A host as `known_hosts` names it.
fn host_name(host: &str, port: u16) -> String {
    if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") }
}

/// The name of the type, which the key itself begins with, length first.
fn key_type(blob: &[u8]) -> &str {
    let length = blob.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    let name = blob.get(4..).and_then(|rest| rest.get(..length)).unwrap_or_default();
    std::str::from_utf8(name).unwrap_or_default()
}

fn judge(known_hosts: &str, name: &str, blob: &[u8]) -> Verdict {
    let mut verdict = Verdict::Unknown;
    for line in known_hosts.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { continue };
        let (mark, hosts) = if first.starts_with('@') { (first, words.next()) } else { ("", Some(first)) };
        let (Some(hosts), Some(kind), Some(key)) = (hosts, words.next(), words.next()) else { continue };
        if mark == "@cert-authority" || !names(hosts, name) {
            continue;
        }
        let same = STANDARD.decode(key).is_ok_and(|key| key == blob);
        verdict = match (mark, same) {
            ("@revoked", true) => return Verdict::Revoked,
            ("@revoked", false) => verdict,
            (_, true) => Verdict::Known,
            (_, false) if verdict == Verdict::Known => Verdict::Known,
            (_, false) if kind == key_type(blob) => Verdict::Changed,
            (_, false) if verdict == Verdict::Unknown => Verdict::OtherType,
            (_, false) => verdict,
        };
    }
    verdict
}

/// Whether the host field of a line means this host: patterns with `*`, `?` and `!`, or one hashed name.
fn names(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return hashed.split_once('|').is_some_and(|(salt, digest)| is_hash_of(salt, digest, name));
    }
    let mut found = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

fn is_hash_of(salt: &str, digest: &str, name: &str) -> bool {
    let (Ok(salt), Ok(digest)) = (STANDARD.decode(salt), STANDARD.decode(digest)) else { return false };
    let mac = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let key = PKey::hmac(&salt)?;
        Signer::new(MessageDigest::sha1(), &key)?.sign_oneshot_to_vec(name.as_bytes())
    };
    mac().is_ok_and(|mac| mac == digest)
}

/// Whether a pattern with `*` and `?` covers a name, letters' case apart; time is bounded by pattern × name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut row: Vec<bool> = vec![false; name.len() + 1];
    if let Some(start) = row.first_mut() {
        *start = true;
    }
    for &wanted in pattern {
        let mut next = Vec::with_capacity(row.len());
        let mut before = false;
        for (position, &here) in row.iter().enumerate() {
            let left = position.checked_sub(1);
            let stepped = left.and_then(|left| Some((*row.get(left)?, *name.get(left)?)));
            let reached = match wanted {
                b'*' => here || before,
                b'?' => stepped.is_some_and(|(from, _)| from),
                letter => stepped.is_some_and(|(from, found)| from && found.eq_ignore_ascii_case(&letter)),
            };
            next.push(reached);
            before = reached;
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, body: &[u8]) -> Vec<u8> {
        let mut blob = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        blob.extend_from_slice(kind.as_bytes());
        blob.extend_from_slice(body);
        blob
    }

    fn check_in(known_hosts: &str, host: &str, port: u16, blob: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        fs::write(&file, known_hosts).unwrap();
        check(&file, host, port, blob)
    }

    #[test]
    fn an_unknown_host_is_refused_with_a_line_that_then_makes_it_known() {
        let blob = key("ssh-ed25519", b"one");
        let error = check_in("", "git.example", 22, &blob).unwrap_err();
        let line = error.split(": ").last().unwrap();
        assert!(line.starts_with("git.example ssh-ed25519 AAAA"), "{error}");
        assert!(error.contains("SHA256:"), "{error}");
        check_in(line, "git.example", 22, &blob).unwrap();
    }

    #[test]
    fn a_file_that_does_not_exist_knows_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let error = check(&folder.path().join("none"), "h", 2222, &key("ssh-rsa", b"k")).unwrap_err();
        assert!(error.contains("[h]:2222 ssh-rsa "), "{error}");
    }

    #[test]
    fn a_changed_key_is_refused_loudly() {
        let known = known_hosts_line("h", 22, &key("ssh-ed25519", b"one"));
        let error = check_in(&known, "h", 22, &key("ssh-ed25519", b"two")).unwrap_err();
        assert!(error.starts_with("THE SSH HOST KEY OF h HAS CHANGED"), "{error}");
    }

    #[test]
    fn a_key_of_another_type_is_unknown_not_changed() {
        let known = known_hosts_line("h", 22, &key("ssh-ed25519", b"one"));
        let error = check_in(&known, "h", 22, &key("ssh-rsa", b"two")).unwrap_err();
        assert!(error.contains("other types only"), "{error}");
    }

    #[test]
    fn one_right_key_among_several_is_enough_but_a_revoked_one_never() {
        let (one, two) = (key("ssh-ed25519", b"one"), key("ssh-ed25519", b"two"));
        let both = format!("# keys\n\n{}\n{}\n", known_hosts_line("h", 22, &one), known_hosts_line("h", 22, &two));
        check_in(&both, "h", 22, &one).unwrap();
        check_in(&both, "h", 22, &two).unwrap();
        let revoked = format!("{both}@revoked {}\n", known_hosts_line("h", 22, &one));
        assert!(check_in(&revoked, "h", 22, &one).unwrap_err().contains("revoked"));
        check_in(&revoked, "h", 22, &two).unwrap();
    }

    #[test]
    fn the_port_belongs_to_the_name() {
        let blob = key("ssh-ed25519", b"one");
        let known = known_hosts_line("h", 22, &blob);
        assert!(check_in(&known, "h", 2222, &blob).unwrap_err().contains("not known"));
    }

    #[test]
    fn patterns_and_negations_are_read_as_ssh_reads_them() {
        for (hosts, name, wanted) in [
            ("*.example", "git.example", true),
            ("*.example,!git.example", "git.example", false),
            ("g?t.example", "GIT.example", true),
            ("other,git.example", "git.example", true),
            ("*", "", true),
            ("git.exampl", "git.example", false),
        ] {
            assert_eq!(names(hosts, name), wanted, "{hosts} {name}");
        }
    }

    #[test]
    fn hashed_names_are_known_too() {
        let salt = b"0123456789abcdefghij";
        let mac_key = PKey::hmac(salt).unwrap();
        let mac = Signer::new(MessageDigest::sha1(), &mac_key).unwrap().sign_oneshot_to_vec(b"[h]:2222").unwrap();
        let blob = key("ssh-ed25519", b"one");
        let line =
            format!("|1|{}|{} ssh-ed25519 {}", STANDARD.encode(salt), STANDARD.encode(mac), STANDARD.encode(&blob));
        check_in(&line, "h", 2222, &blob).unwrap();
        assert!(check_in(&line, "other", 2222, &blob).unwrap_err().contains("not known"));
    }
}
