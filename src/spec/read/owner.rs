//! `spec.owner` of a site.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Findings, fields, policy, scalar};
use crate::spec::{
    code,
    numbers::NumberRange,
    owner::{OwnerWord, SiteOwner},
    problem::Place,
    suggest::did_you_mean,
    yaml::{Mark, Node},
};

pub(in crate::spec) const FIELDS: [&str; 7] = ["team", "paths", "networks", "numbers", "profiles", "policy", "secrets"];
/// Most entries of one list.
const LIST_LIMIT: usize = 100;
/// Most ranges of call numbers of one list.
const RANGE_LIMIT: usize = 1_000;
/// Longest name of a team, in characters.
const TEAM_LIMIT: usize = 100;

/// Reads `owner` of a site that stands in `file`. What cannot be read of it is an error of the site; the paths that
/// can be read hold all the same.
pub(in crate::spec) fn read(findings: &mut Findings, node: &Node, file: &str) -> Option<OwnerWord> {
    const WHAT: &str = "`owner`";
    let mut owner = SiteOwner::default();
    let mut paths: Vec<(Arc<str>, Place)> = Vec::new();
    let entries = fields::known(findings, node, WHAT, &FIELDS)?;
    fields::needed(findings, node, WHAT, "paths");
    for entry in entries {
        let value = &entry.value;
        match entry.key.as_str() {
            "team" => owner.team = team(findings, value),
            "paths" => paths = read_paths(findings, value, file),
            "networks" => owner.networks = super::site::networks(findings, value, "`owner.networks`").into(),
            "numbers" => owner.numbers = numbers(findings, value, "`owner.numbers`").into(),
            "profiles" => owner.profiles = Some(patterns(findings, value)),
            "secrets" => owner.secrets = Some(secrets(findings, value)),
            "policy" => owner.policy = Some(policy_fields(findings, value)),
            _ => {}
        }
    }
    owner.paths = paths.iter().map(|(path, _)| path.clone()).collect();
    Some(OwnerWord { owner: Arc::new(owner), paths, place: findings.place(node.mark) })
}

fn team(findings: &mut Findings, node: &Node) -> Arc<str> {
    let text = scalar::string(findings, node, "`owner.team`").unwrap_or_default();
    if text.chars().count() > TEAM_LIMIT {
        findings.error(node.mark, code::LENGTH, format!("`owner.team` may have {TEAM_LIMIT} characters"));
        return Arc::default();
    }
    Arc::from(text)
}

/// The strings of a list, at most so many.
fn few<'n>(findings: &mut Findings, node: &'n Node, what: &str, most: usize) -> Vec<(&'n str, Mark)> {
    let mut texts = scalar::strings(findings, node, what);
    if texts.len() > most {
        findings.error(node.mark, code::LIMIT, format!("{what} has {} entries and may have {most}", texts.len()));
        texts.truncate(most);
    }
    texts
}

fn read_paths(findings: &mut Findings, node: &Node, file: &str) -> Vec<(Arc<str>, Place)> {
    let mut paths: Vec<(Arc<str>, Place)> = Vec::new();
    let texts = few(findings, node, "`owner.paths`", LIST_LIMIT);
    if texts.is_empty() {
        findings.error(node.mark, code::OWNER, "`owner.paths` names no folder; say which files speak for the site");
    }
    for (text, mark) in texts {
        let Some(path) = below(file, text) else {
            let message = format!(
                "`{text}` is no folder below the one this file stands in; write a folder such as `sites/berlin`, or a file in a folder, without `..` and a leading `/`"
            );
            findings.error(mark, code::OWNER, message);
            continue;
        };
        if paths.iter().any(|(known, _)| **known == *path) {
            findings.error(mark, code::OWNER, format!("`owner.paths` names `{text}` twice; keep one of them"));
        } else {
            paths.push((Arc::from(path), findings.place(mark)));
        }
    }
    paths
}

/// A path from the root of the source; `None` unless it leads into a folder below the file's own, where no file can
/// have a say over this one.
fn below(file: &str, text: &str) -> Option<String> {
    let relative = text.strip_prefix("./").unwrap_or(text);
    let relative = relative.strip_suffix('/').unwrap_or(relative);
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_file = relative.rsplit_once('.').is_some_and(|(_, ending)| ending == "yaml" || ending == "yml");
    let beside = is_file && !relative.contains('/');
    let is_path = relative.len() <= 1024 && relative.split('/').all(good) && !relative.contains('\\');
    let folder = file.rsplit_once('/').map(|(folder, _)| folder);
    (is_path && !beside).then(|| folder.map_or_else(|| relative.to_owned(), |folder| format!("{folder}/{relative}")))
}

/// Reads ranges of call numbers.
pub(in crate::spec) fn numbers(findings: &mut Findings, node: &Node, what: &str) -> Vec<NumberRange> {
    let mut ranges = Vec::new();
    for (text, mark) in few(findings, node, what, RANGE_LIMIT) {
        match NumberRange::new(text) {
            Ok(range) => ranges.push(range),
            Err(forms) => findings.error(mark, code::NUMBERS, format!("`{text}` is no range of call numbers; {forms}")),
        }
    }
    ranges
}

fn patterns(findings: &mut Findings, node: &Node) -> Arc<[SmolStr]> {
    let mut patterns = Vec::new();
    for (text, mark) in few(findings, node, "`owner.profiles`", LIST_LIMIT) {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'*');
        if (1..=253).contains(&text.len()) && text.bytes().all(good) {
            patterns.push(SmolStr::new(text));
        } else {
            let message = format!("`{text}` names no profile; write its name, or a pattern such as `voice-*`");
            findings.error(mark, code::NAME, message);
        }
    }
    patterns.into()
}

fn secrets(findings: &mut Findings, node: &Node) -> Arc<[SmolStr]> {
    let texts = few(findings, node, "`owner.secrets`", LIST_LIMIT);
    texts.into_iter().filter(|(text, _)| !text.is_empty()).map(|(text, _)| SmolStr::new(text)).collect()
}

fn policy_fields(findings: &mut Findings, node: &Node) -> Arc<[SmolStr]> {
    let mut names = Vec::new();
    for (text, mark) in few(findings, node, "`owner.policy`", LIST_LIMIT) {
        if policy::FIELDS.contains(&text) {
            names.push(SmolStr::new(text));
        } else {
            let hint = did_you_mean(text, policy::FIELDS);
            let message = format!("`policy` has no field `{text}`; it has {}{hint}", policy::FIELDS.join(", "));
            findings.error(mark, code::UNKNOWN_FIELD, message);
        }
    }
    names.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_from_the_folder_of_the_file_downwards() {
        for (file, text, path) in [
            ("sites.yaml", "sites/berlin", "sites/berlin"),
            ("sites.yaml", "./berlin/", "berlin"),
            ("sites.yaml", "phones/berlin.yaml", "phones/berlin.yaml"),
            ("a/b/sites.yaml", "berlin", "a/b/berlin"),
        ] {
            assert_eq!(below(file, text).as_deref(), Some(path), "{file} {text}");
        }
        for bad in ["", ".", "/", "..", "../a", "a/../b", "/a", "a//b", "a\\b", "beside.yaml", "./beside.yml"] {
            assert_eq!(below("x/sites.yaml", bad), None, "{bad}");
        }
    }
}
