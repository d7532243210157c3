//! What a profile insists on: items that no higher layer may touch (`final`), and values that phones must come out
//! with (`require`).

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;

use super::{
    code,
    layer::{Layer, LayerItem, Merged, Unmanaged, of_name},
    problem::{Place, Problem, Severity},
};
use crate::catalogue::Catalogue;

/// Most bytes of one pattern, made ready.
const PATTERN_SIZE: usize = 128 * 1024;
/// Longest pattern, in characters.
const PATTERN_LIMIT: usize = 200;
/// How many values a message names.
const NAMED: usize = 8;

/// What one profile insists on.
#[derive(Debug, Default)]
pub(super) struct Insist {
    /// Items that higher layers leave alone.
    pub(super) finals: Vec<Final>,
    /// Values that phones must have.
    pub(super) requires: Vec<Require>,
}

/// An item that higher layers leave alone.
#[derive(Debug)]
pub(super) struct Final {
    /// Which.
    pub(super) what: Unmanaged,
    /// Where it is called final.
    pub(super) place: Place,
}

/// An item that must have a value that fits.
#[derive(Debug)]
pub(super) struct Require {
    /// Which; without an index all there are.
    pub(super) what: Unmanaged,
    /// Which values fit.
    pub(super) fits: Fits,
    /// Where it is required.
    pub(super) place: Place,
}

/// Which values fit.
#[derive(Debug)]
pub(super) enum Fits {
    /// These, as wire texts.
    OneOf(Vec<SmolStr>),
    /// Those that are like this from beginning to end.
    Matches(Pattern),
}

/// A regular expression, made ready when a phone needs it: most profiles lie below few phones.
#[derive(Debug)]
pub(super) struct Pattern {
    text: SmolStr,
    ready: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > PATTERN_LIMIT {
            return Err(format!("may have {PATTERN_LIMIT} characters"));
        }
        match compile(text) {
            Ok(_) => Ok(Self { text: SmolStr::new(text), ready: OnceLock::new() }),
            Err(regex::Error::CompiledTooBig(_)) => Err("is too large; let it repeat less".to_owned()),
            Err(error) => Err(format!("is no regular expression: {}", reason(&error.to_string()))),
        }
    }

    fn is_like(&self, value: &str) -> bool {
        let ready = self.ready.get_or_init(|| compile(&self.text).ok());
        ready.as_ref().is_some_and(|regex| regex.is_match(value))
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    // the pattern by itself first, so that none closes the brackets around it
    regex_syntax_check(text)?;
    RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE).build()
}

fn regex_syntax_check(text: &str) -> Result<(), regex::Error> {
    RegexBuilder::new(text).size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE).build().map(|_| ())
}

/// The last line of what the crate says: the lines above draw the pattern.
fn reason(said: &str) -> &str {
    said.lines().last().unwrap_or(said).trim_start_matches("error: ")
}

impl Fits {
    fn fit(&self, catalogue: &Catalogue, item: &LayerItem) -> bool {
        let Some(value) = item.value.value.as_text() else { return false };
        match self {
            Self::OneOf(values) => {
                let name = item.id().name.as_str();
                values.iter().any(|fitting| catalogue.same(name, Some(value), Some(fitting)))
            }
            Self::Matches(pattern) => pattern.is_like(value),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Matches(pattern) => format!("a value like {}", pattern.text),
            Self::OneOf(values) => {
                let mut named: Vec<String> = values.iter().take(NAMED).map(|value| format!("\"{value}\"")).collect();
                if values.len() > NAMED {
                    named.push(format!("{} more", values.len() - NAMED));
                }
                format!("one of {}", named.join(", "))
            }
        }
    }
}

impl Insist {
    /// Where a higher layer sets or takes out what is final here.
    pub(super) fn overridden(&self, layer: &Layer, problems: &mut Vec<Problem>) {
        for Final { what, place } in &self.finals {
            let set = values(&layer.items, what)
                .chain(values(&layer.seeds, what))
                .filter_map(|item| Some((item.value.id.to_string(), "sets", &item.value.origin.as_ref()?.place)));
            let out = layer.unmanaged.iter().filter(|(out, _)| out.meets(what));
            let out = out.map(|(out, at)| (out.to_string(), "takes out", at));
            problems.extend(set.chain(out).map(|(name, does, at)| {
                let message = format!(
                    "this {does} `{name}`, which is final: {}:{} says so; take it out here, or ask those who keep that file",
                    place.file, place.line
                );
                Problem::new(Severity::Error, at.clone(), code::FINAL_ITEM, message)
            }));
        }
    }
}

impl Merged {
    /// Everything that the layers insist on and the phone does not come out with. `phone` is its name and its place,
    /// for items that are not there at all.
    pub(super) fn insisted(&self, catalogue: &Catalogue, phone: (&str, &Place)) -> Vec<Problem> {
        let mut problems = self.overridden.clone();
        for Require { what, fits, place } in self.insists.iter().flat_map(|insist| &insist.requires) {
            let by = format!("{}:{}", place.file, place.line);
            let mut is_there = false;
            for item in values(&self.items, what) {
                is_there = true;
                if fits.fit(catalogue, item) {
                    continue;
                }
                let at = item.value.origin.as_ref().map_or(place, |origin| &origin.place);
                let message = format!("`{}` must be {}: {by} requires it", item.id(), fits.words());
                problems.push(Problem::new(Severity::Error, at.clone(), code::REQUIRED_ITEM, message));
            }
            if !is_there {
                let (name, at) = phone;
                let message = format!(
                    "the phone `{name}` has no value for `{what}` and must have {}: {by} requires it",
                    fits.words()
                );
                problems.push(Problem::new(Severity::Error, at.clone(), code::REQUIRED_ITEM, message));
            }
        }
        problems
    }
}

/// The values of an item in a sorted list, with one index or with all.
fn values<'l>(items: &'l [LayerItem], what: &'l Unmanaged) -> impl Iterator<Item = &'l LayerItem> {
    of_name(items, what.name()).filter(|item| what.covers(item.id()))
}

/// Many patterns of one owner: counted, so that nobody fills the memory of all.
#[derive(Debug, Default)]
pub(super) struct Patterns(usize);

/// Most patterns of the files of one owner, and of those of no owner.
pub(super) const PATTERNS: usize = 1_000;

impl Patterns {
    /// Counts those of a profile; the error when there are too many.
    pub(super) fn count(&mut self, insist: &Arc<Insist>) -> Option<Problem> {
        let own = insist.requires.iter().filter(|require| matches!(require.fits, Fits::Matches(_)));
        let (mut place, mut over) = (None, false);
        for require in own {
            self.0 += 1;
            over |= self.0 > PATTERNS;
            place.get_or_insert(&require.place);
        }
        let message = format!("the profiles have more than {PATTERNS} patterns (`matches`); use `oneOf`, or fewer");
        place.filter(|_| over).map(|place| Problem::new(Severity::Error, place.clone(), code::LIMIT, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_from_beginning_to_end() {
        let pattern = Pattern::new("49|30[0-9]{2}").unwrap();
        for (value, fits) in [("49", true), ("3012", true), ("493", false), ("130122", false), ("", false)] {
            assert_eq!(pattern.is_like(value), fits, "{value}");
        }
        assert!(Pattern::new(r"\d{1,20}").unwrap().is_like("4930"));
    }

    #[test]
    fn a_pattern_is_bounded_and_cannot_leave_its_brackets() {
        for (bad, why) in [("(", "is no regular"), ("a)|(?:b", "is no regular"), ("(a{1000}){1000}", "is too large")] {
            let problem = Pattern::new(bad).unwrap_err();
            assert!(problem.starts_with(why), "{bad}: {problem}");
        }
        assert!(Pattern::new(&"a".repeat(201)).is_err());
    }
}
