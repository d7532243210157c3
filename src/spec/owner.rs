//! Owners of sites: what the files of a team may say, and who speaks for a file.
//!
//! A `PhoneSite` with `owner` hands folders over to the team of that site. What lies in them speaks for that site and
//! for no other, whatever stands there. Folders are read from the folder of the file that names them and lie below it:
//! so a rule reaches downwards only, and nobody can write a rule over the file that rules him.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{
    code,
    numbers::NumberRange,
    phone_site::PhoneSite,
    problem::{Place, Problem, Severity},
    secret_ref::SecretRef,
    site::SiteName,
};

/// Who owns a site, and what the files of that team may say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteOwner {
    /// Who they are, for people; empty = not said.
    pub team: Arc<str>,
    /// The folders and files that speak for the site, from the root of the source.
    pub paths: Arc<[Arc<str>]>,
    /// The networks that sites declared in these files must lie in; empty = those of the site.
    pub networks: Arc<[IpNet]>,
    /// The call numbers that phones declared in these files must lie in; empty = those of the site.
    pub numbers: Arc<[NumberRange]>,
    /// The profiles from elsewhere that these files may build on (`voice-*`); `None` = any that is no other owner's.
    pub profiles: Option<Arc<[SmolStr]>>,
    /// The fields of `policy` that these files may set; `None` = any.
    pub policy: Option<Arc<[SmolStr]>>,
    /// The secrets that these files may refer to, by the name of the file, variable or Secret (`berlin/*`); `None` =
    /// any.
    pub secrets: Option<Arc<[SmolStr]>>,
}

impl SiteOwner {
    /// Whether its files may build on that profile from elsewhere.
    pub fn may_build_on(&self, profile: &str) -> bool {
        is_like_one_of(self.profiles.as_ref(), profile)
    }

    /// Whether its files may refer to that secret.
    pub fn may_refer_to(&self, secret: &SecretRef) -> bool {
        is_like_one_of(self.secrets.as_ref(), secret.source())
    }

    /// Whether its files may set that field of `policy`.
    pub fn may_set(&self, field: &str) -> bool {
        self.policy.as_ref().is_none_or(|fields| fields.iter().any(|known| known == field))
    }
}

fn is_like_one_of(patterns: Option<&Arc<[SmolStr]>>, name: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.iter().any(|pattern| is_like(pattern, name)))
}

/// Whether a name is like a pattern, in which `*` stands for any characters.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut rest = rest;
    while let Some((part, behind)) = rest.split_once('*') {
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
        rest = behind;
    }
    name.ends_with(rest)
}

/// For whom a file speaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Voice {
    /// For everybody: it is no owner's.
    Central,
    /// For the site of this name and those below it.
    Owner(SiteName),
    /// For nobody: two owners have it, or one that has no name.
    Nobody,
}

/// `owner` as a document says it.
#[derive(Debug, Clone)]
pub(super) struct OwnerWord {
    /// The rule.
    pub(super) owner: Arc<SiteOwner>,
    /// Each of its paths with its place.
    pub(super) paths: Vec<(Arc<str>, Place)>,
    /// Where it stands.
    pub(super) place: Place,
}

/// One owner whose rule holds.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The rule.
    pub(super) owner: Arc<SiteOwner>,
    /// Where it stands.
    pub(super) place: Place,
    /// The networks that sites below must lie in.
    pub(super) networks: Arc<[IpNet]>,
    /// The numbers that phones must lie in; empty = any.
    pub(super) numbers: Arc<[NumberRange]>,
}

/// Who claims a path.
#[derive(Debug, Clone)]
struct Claim {
    voice: Voice,
    place: Place,
}

/// All owners of one revision.
#[derive(Debug, Default)]
pub(super) struct Owners {
    rules: BTreeMap<SiteName, Rule>,
    claims: BTreeMap<Arc<str>, Vec<Claim>>,
}

impl Owners {
    /// The owners that sites name. Rules that do not hold, and paths of two owners, become errors of their sites.
    /// `files` are all files of the source.
    pub(super) fn of(sites: &mut [PhoneSite], files: &BTreeSet<Arc<str>>, problems: &mut Vec<Problem>) -> Self {
        let mut owners = Self::default();
        let mut order: Vec<usize> = (0..sites.len()).collect();
        // a rule only reaches below its own folder, so a file is ruled by none that comes later
        order.sort_by_key(|at| sites.get(*at).map(|site| (depth(&site.file), site.name_place.clone())));
        for at in order {
            let Some(site) = sites.get_mut(at) else { continue };
            let Some(word) = site.owner.clone() else { continue };
            let mut found = owners.take(site, &word);
            found.extend(word.paths.iter().filter(|(path, _)| !is_there(files, path)).map(empty));
            let errors = found.iter().filter(|problem| problem.severity == Severity::Error);
            site.errors.extend(errors.cloned());
            problems.append(&mut found);
        }
        owners
    }

    fn take(&mut self, site: &PhoneSite, word: &OwnerWord) -> Vec<Problem> {
        if self.voice(&site.file) != Voice::Central {
            let message = "this file lies in the paths of an owner, and who is ruled may not write the rules: `owner` stands in a file outside of them";
            return vec![Problem::new(Severity::Error, word.place.clone(), code::OWNER, message)];
        }
        let voice = site.site.as_ref().map_or(Voice::Nobody, |site| Voice::Owner(site.name.clone()));
        let mut problems = Vec::new();
        for (path, place) in &word.paths {
            let others = self.around(path).filter(|claim| claim.place.file != place.file || claim.voice != voice);
            if let Some(other) = others.min_by(|a, b| a.place.cmp(&b.place)) {
                let message = format!(
                    "`{path}` and what {}:{} hands over overlap, so that what lies in both speaks for nobody; give each owner paths of its own",
                    other.place.file, other.place.line
                );
                problems.push(Problem::new(Severity::Error, place.clone(), code::OWNER, message));
            }
            let claim = Claim { voice: voice.clone(), place: place.clone() };
            self.claims.entry(path.clone()).or_default().push(claim);
        }
        if let Some(site) = &site.site {
            let or = |own: &Arc<[IpNet]>, of_site: &Arc<[IpNet]>| if own.is_empty() { of_site } else { own }.clone();
            let numbers = if word.owner.numbers.is_empty() { &site.numbers } else { &word.owner.numbers }.clone();
            let rule = Rule {
                owner: word.owner.clone(),
                place: word.place.clone(),
                networks: or(&word.owner.networks, &site.networks),
                numbers,
            };
            self.rules.entry(site.name.clone()).or_insert(rule);
        }
        problems
    }

    /// The claims that have something in common with a path: on it, above it or below it.
    fn around(&self, path: &str) -> impl Iterator<Item = &Claim> {
        let below = format!("{path}/");
        let inside =
            self.claims.range(Arc::from(below.as_str())..).take_while(move |(known, _)| known.starts_with(&below));
        let above = upwards(path).filter_map(|path| self.claims.get(path)).collect::<Vec<_>>();
        above.into_iter().chain(inside.map(|(_, claims)| claims)).flatten()
    }

    /// For whom a file speaks.
    pub(super) fn voice(&self, file: &str) -> Voice {
        let mut claims = upwards(file).filter_map(|path| self.claims.get(path)).flatten();
        let Some(first) = claims.next() else { return Voice::Central };
        if claims.all(|claim| claim.voice == first.voice) { first.voice.clone() } else { Voice::Nobody }
    }

    /// The rule over a site's owner.
    pub(super) fn rule(&self, site: &SiteName) -> Option<&Rule> {
        self.rules.get(site)
    }

    /// The owner whose a name of a site is: that of the site itself, else of the site with the longest name `x` for
    /// which it begins with `x-`.
    pub(super) fn of_site(&self, name: &SiteName) -> Option<&SiteName> {
        if let Some((own, _)) = self.rules.get_key_value(name) {
            return Some(own);
        }
        let starts = |site: &&SiteName| {
            name.as_str().strip_prefix(site.as_str()).is_some_and(|rest| rest.len() > 1 && rest.starts_with('-'))
        };
        self.rules.keys().filter(starts).max_by_key(|site| site.as_str().len())
    }

    /// Whether no site has an owner.
    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.rules.is_empty()
    }
}

/// A path and all folders above it.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder))
}

fn depth(file: &str) -> usize {
    file.matches('/').count()
}

/// Whether a file stands at a path or below it.
fn is_there(files: &BTreeSet<Arc<str>>, path: &str) -> bool {
    let below = format!("{path}/");
    files.contains(path) || files.range(Arc::from(below.as_str())..).next().is_some_and(|file| file.starts_with(&below))
}

fn empty((path, place): &(Arc<str>, Place)) -> Problem {
    let message =
        format!("there is no file at `{path}` or below it; paths are read from the folder of the file they stand in");
    Problem::new(Severity::Warning, place.clone(), code::OWNER, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, good, bad) in [
            ("fleet", "fleet", "fleets"),
            ("voice-*", "voice-a", "voice"),
            ("*-base", "a-base", "base"),
            ("a*b*c", "a-b-b-c", "a-c"),
            ("*", "anything", ""),
        ] {
            assert!(is_like(pattern, good), "{pattern} {good}");
            assert!(bad.is_empty() || !is_like(pattern, bad), "{pattern} {bad}");
        }
        assert!(!is_like("aa*aa", "aaa"));
    }
}
