//! In which order profiles lie under a phone. Depth first: the profiles of a profile lie right below it. A profile
//! that is reached twice counts once, at its lowest place, so that a common base stays below all that build on it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use smol_str::SmolStr;

use super::{
    code,
    layer::Merged,
    phone_profile::PhoneProfile,
    problem::{Problem, Severity},
    read::layer::Reference,
    suggest::did_you_mean,
};

/// The profiles below one phone, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Chain {
    /// Lowest first.
    profiles: Vec<Arc<PhoneProfile>>,
    /// Laid over each other once for all phones, if the model of a phone makes no difference.
    merged: Option<Merged>,
    /// Missing profiles, circles, the errors of the profiles themselves, and warnings on the order.
    pub(super) problems: Vec<Problem>,
}

impl Chain {
    /// The profiles laid over each other for a phone of that model.
    pub(super) fn merged(&self, model: Option<&str>) -> Merged {
        self.merged.clone().unwrap_or_else(|| self.merge(model))
    }

    /// The models that make a difference, in lower case.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().flat_map(|profile| profile.layer.models.iter().map(SmolStr::as_str))
    }

    /// The problems that make the phones above invalid.
    pub(super) fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }

    fn merge(&self, model: Option<&str>) -> Merged {
        let mut merged = Merged::default();
        for profile in &self.profiles {
            merged.put(&profile.layer, model);
        }
        merged
    }
}

/// Makes chains; phones with the same list of profiles share one.
pub(super) struct Chains<'p> {
    profiles: &'p BTreeMap<Arc<str>, Arc<PhoneProfile>>,
    /// What is said of a missing profile beside its name.
    hint: String,
    made: HashMap<Vec<Arc<str>>, Arc<Chain>>,
}

impl<'p> Chains<'p> {
    /// A maker of chains from all profiles. `broken` are the files a missing profile may stand in.
    pub(super) fn new<'b>(
        profiles: &'p BTreeMap<Arc<str>, Arc<PhoneProfile>>,
        broken: impl IntoIterator<Item = &'b Arc<str>>,
    ) -> Self {
        let broken: Vec<&str> = broken.into_iter().take(3).map(AsRef::as_ref).collect();
        let hint = match broken.as_slice() {
            [] => String::new(),
            files => format!("; it may stand in a file with errors: {}", files.join(", ")),
        };
        Self { profiles, hint, made: HashMap::new() }
    }

    /// The chain below a document with these profiles.
    pub(super) fn below(&mut self, references: &[Reference]) -> Arc<Chain> {
        let names: Vec<Arc<str>> = references.iter().map(|reference| reference.name.clone()).collect();
        if let Some(chain) = self.made.get(&names) {
            return chain.clone();
        }
        let mut walk = Walk { chains: self, chain: Vec::new(), done: HashSet::new(), problems: Vec::new() };
        walk.all(references);
        let Walk { chain, problems, .. } = walk;
        let mut chain = Chain { profiles: chain, merged: None, problems };
        if chain.models().next().is_none() {
            chain.merged = Some(chain.merge(None));
        }
        let chain = Arc::new(chain);
        // a problem stands at the place of this document's own list
        if chain.problems.is_empty() {
            self.made.insert(names, chain.clone());
        }
        chain
    }

    fn missing(&self, reference: &Reference) -> Problem {
        let hint = did_you_mean(&reference.name, self.profiles.keys().map(AsRef::as_ref));
        let hint = if hint.is_empty() { self.hint.as_str() } else { &hint };
        Problem::new(
            Severity::Error,
            reference.place.clone(),
            code::MISSING_PROFILE,
            format!("there is no PhoneProfile `{}`{hint}", reference.name),
        )
    }
}

struct Walk<'c, 'p> {
    chains: &'c Chains<'p>,
    chain: Vec<Arc<PhoneProfile>>,
    done: HashSet<Arc<str>>,
    problems: Vec<Problem>,
}

/// A step of the walk, which keeps its own stack: profiles may nest as deep as people like.
enum Step {
    Enter(Reference),
    Leave(Arc<PhoneProfile>),
}

impl Walk<'_, '_> {
    fn all(&mut self, references: &[Reference]) {
        let mut path: Vec<Arc<str>> = Vec::new();
        let mut steps: Vec<Step> = references.iter().rev().cloned().map(Step::Enter).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(profile) => {
                    path.pop();
                    self.problems.extend(profile.errors.iter().cloned());
                    self.chain.push(profile);
                }
                Step::Enter(reference) => {
                    if let Some(profile) = self.enter(&path, &reference) {
                        path.push(reference.name);
                        let below: Vec<Step> = profile.profiles.iter().rev().cloned().map(Step::Enter).collect();
                        steps.push(Step::Leave(profile));
                        steps.extend(below);
                    }
                }
            }
        }
    }

    /// The profile to go down into, if it is new on this walk.
    fn enter(&mut self, path: &[Arc<str>], reference: &Reference) -> Option<Arc<PhoneProfile>> {
        if let Some(start) = path.iter().position(|name| *name == reference.name) {
            self.problems.push(circle(path.get(start..).unwrap_or_default(), reference));
            return None;
        }
        let Some(profile) = self.chains.profiles.get(&reference.name) else {
            self.problems.push(self.chains.missing(reference));
            return None;
        };
        if self.done.insert(reference.name.clone()) {
            return Some(profile.clone());
        }
        if path.is_empty() {
            self.problems.push(already_below(reference));
        }
        None
    }
}

fn circle(path: &[Arc<str>], back: &Reference) -> Problem {
    let mut names: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    names.push(&back.name);
    Problem::new(
        Severity::Error,
        back.place.clone(),
        code::PROFILE_CYCLE,
        format!("profiles build on each other in a circle: {}", names.join(" → ")),
    )
}

fn already_below(reference: &Reference) -> Problem {
    Problem::new(
        Severity::Warning,
        reference.place.clone(),
        code::PROFILE_BELOW,
        format!(
            "`{}` lies below an earlier profile of this list already and counts only there; take it out here",
            reference.name
        ),
    )
}
