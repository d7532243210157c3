//! In which order profiles lie under a phone. Depth first: the profiles of a profile lie right below it. A profile
//! that is reached twice counts once, at its lowest place, so that a common base stays below all that build on it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    sync::Arc,
};

use smol_str::SmolStr;

use super::{
    code,
    layer::{Layer, Merged},
    owner::Voice,
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

    /// The profiles, lowest first.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &PhoneProfile> {
        self.profiles.iter().map(AsRef::as_ref)
    }

    /// The layers, lowest first.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.profiles.iter().map(|profile| &profile.layer)
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

/// The profiles of each voice, by name. Those of an owner are seen by its own files only.
#[derive(Debug, Default)]
pub(super) struct Profiles(BTreeMap<Voice, BTreeMap<Arc<str>, Arc<PhoneProfile>>>);

impl Profiles {
    /// Those of the documents. What stands twice is put together with the errors of both.
    pub(super) fn new(documents: Vec<PhoneProfile>) -> Self {
        let mut by_name: BTreeMap<(Voice, Arc<str>), PhoneProfile> = BTreeMap::new();
        for profile in documents {
            let Some(name) = profile.name.clone() else { continue };
            match by_name.entry((profile.voice.clone(), name)) {
                Entry::Occupied(mut first) => first.get_mut().errors.extend(profile.errors),
                Entry::Vacant(free) => {
                    free.insert(profile);
                }
            }
        }
        let mut profiles = Self::default();
        for ((voice, name), profile) in by_name {
            profiles.0.entry(voice).or_default().insert(name, Arc::new(profile));
        }
        profiles
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<PhoneProfile>> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// What a file means by a name: its owner's own profile, else one that is no owner's.
    fn get(&self, voice: &Voice, name: &str) -> Option<&Arc<PhoneProfile>> {
        self.seen_by(voice).find_map(|profiles| profiles.get(name))
    }

    fn names(&self, voice: &Voice) -> impl Iterator<Item = &str> {
        self.seen_by(voice).flat_map(|profiles| profiles.keys().map(AsRef::as_ref))
    }

    fn seen_by(&self, voice: &Voice) -> impl Iterator<Item = &BTreeMap<Arc<str>, Arc<PhoneProfile>>> {
        let own = Some(voice).filter(|voice| **voice != Voice::Central);
        own.into_iter().chain([&Voice::Central]).filter_map(|voice| self.0.get(voice))
    }
}

/// Makes chains; phones of one voice with the same list of profiles share one.
pub(super) struct Chains<'p> {
    profiles: &'p Profiles,
    /// The files a missing profile may stand in, for each voice.
    broken: &'p dyn Fn(&Voice) -> String,
    made: HashMap<(Voice, Vec<Arc<str>>), Arc<Chain>>,
}

impl<'p> Chains<'p> {
    /// A maker of chains from all profiles. `broken` names the files that a voice's missing profile may stand in, as
    /// the end of a sentence.
    pub(super) fn new(profiles: &'p Profiles, broken: &'p dyn Fn(&Voice) -> String) -> Self {
        Self { profiles, broken, made: HashMap::new() }
    }

    /// The chain below a document with these profiles.
    pub(super) fn below(&mut self, voice: &Voice, references: &[Reference]) -> Arc<Chain> {
        let names: Vec<Arc<str>> = references.iter().map(|reference| reference.name.clone()).collect();
        let key = (voice.clone(), names);
        if let Some(chain) = self.made.get(&key) {
            return chain.clone();
        }
        let mut walk = Walk { chains: self, chain: Vec::new(), done: HashSet::new(), problems: Vec::new() };
        walk.all(voice, references);
        let Walk { chain, problems, .. } = walk;
        let mut chain = Chain { profiles: chain, merged: None, problems };
        if chain.models().next().is_none() {
            chain.merged = Some(chain.merge(None));
        }
        let chain = Arc::new(chain);
        // a problem stands at the place of this document's own list
        if chain.problems.is_empty() {
            self.made.insert(key, chain.clone());
        }
        chain
    }

    fn missing(&self, voice: &Voice, reference: &Reference) -> Problem {
        let hint = did_you_mean(&reference.name, self.profiles.names(voice));
        let hint = if hint.is_empty() { (self.broken)(voice) } else { hint };
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
    /// Named in a file of that voice.
    Enter(Voice, Reference),
    Leave(Arc<PhoneProfile>),
}

impl Walk<'_, '_> {
    fn all(&mut self, voice: &Voice, references: &[Reference]) {
        let enter = |voice: &Voice, references: &[Reference]| -> Vec<Step> {
            references.iter().rev().map(|reference| Step::Enter(voice.clone(), reference.clone())).collect()
        };
        let mut path: Vec<Arc<str>> = Vec::new();
        let mut steps = enter(voice, references);
        while let Some(step) = steps.pop() {
            match step {
                Step::Leave(profile) => {
                    path.pop();
                    self.problems.extend(profile.errors.iter().cloned());
                    self.chain.push(profile);
                }
                Step::Enter(voice, reference) => {
                    if let Some(profile) = self.enter(&path, &voice, &reference) {
                        path.push(reference.name);
                        let below = enter(&profile.voice, &profile.profiles);
                        steps.push(Step::Leave(profile));
                        steps.extend(below);
                    }
                }
            }
        }
    }

    /// The profile to go down into, if it is new on this walk.
    fn enter(&mut self, path: &[Arc<str>], voice: &Voice, reference: &Reference) -> Option<Arc<PhoneProfile>> {
        if let Some(start) = path.iter().position(|name| *name == reference.name) {
            self.problems.push(circle(path.get(start..).unwrap_or_default(), reference));
            return None;
        }
        let Some(profile) = self.chains.profiles.get(voice, &reference.name) else {
            self.problems.push(self.chains.missing(voice, reference));
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
