//! One state of the source becomes [`Wanted`]: every file is read, every problem reported, and one bad file does not
//! stop the others.
//!
//! Flow: overlay of the catalogue → trees and documents of each file ([`files`]) → who speaks for whom, and may say
//! what ([`rules`]) → one name or device on two documents ([`claims`]) → profiles below each phone → secrets → what only
//! layering shows: user and lockout items, one call number on two phones ([`lines`]). Where several services share the
//! documents, [`share`] takes out what is not ours before secrets are read.

mod claims;
mod files;
mod lines;
mod phones;
mod rules;
mod share;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    chain::Profiles,
    code,
    known::Known,
    owner::Owners,
    problem::{Place, Problem, Severity},
    read::Lexicon,
    snapshot::{SecretReader, Snapshot},
    wanted::Wanted,
};
use crate::catalogue::Catalogue;

/// Most problems that are kept of one revision; the last one says how many more there were.
pub const PROBLEM_LIMIT: usize = 10_000;

/// The overlay of the catalogue, at the root of the source.
pub const OVERLAY: &str = "catalogue.csv";

/// Loads one state of a source. Never fails as a whole: what is wrong is in [`Wanted::problems`], phones it concerns
/// resolve to Invalid, all others are ready. Secrets are read here and only here.
pub fn load(snapshot: &Snapshot, secrets: &dyn SecretReader) -> Wanted {
    load_watched(snapshot, secrets, &mut || ())
}

/// [`load`], with what is known of phones: the service's way.
pub fn load_knowing(snapshot: &Snapshot, secrets: &dyn SecretReader, known: &Known) -> Wanted {
    loaded(snapshot, secrets, known, &mut || ())
}

/// [`load`], with a call behind each file that was read, for a progress bar.
pub fn load_watched(snapshot: &Snapshot, secrets: &dyn SecretReader, file_done: &mut dyn FnMut()) -> Wanted {
    loaded(snapshot, secrets, &Known::nothing(), file_done)
}

fn loaded(snapshot: &Snapshot, secrets: &dyn SecretReader, known: &Known, file_done: &mut dyn FnMut()) -> Wanted {
    let mut problems = Vec::new();
    let catalogue = catalogue(snapshot, &mut problems);
    let catalogue_broken = !problems.is_empty();
    let lexicon = Lexicon::new(&catalogue, &known.reported, !catalogue_broken);
    let mut read = files::Read::default();
    for file in snapshot.files.iter().filter(|file| *file.path != *OVERLAY) {
        read.file(&lexicon, file);
        file_done();
    }
    problems.append(&mut read.problems);
    let mut wanted = Wanted {
        revision: snapshot.revision.clone(),
        catalogue: catalogue.clone(),
        owners: Owners::default(),
        phones: BTreeMap::new(),
        sites: BTreeMap::new(),
        broken_files: std::mem::take(&mut read.broken_files),
        broken_of: BTreeMap::new(),
        unparsed: std::mem::take(&mut read.unparsed),
        problems: Vec::new(),
        endings: Vec::new(),
        counts: read.counts,
        masks: std::mem::take(&mut read.masks),
        secrets: HashMap::new(),
        catalogue_broken,
        elsewhere: BTreeSet::new(),
        own_files: None,
        profiles: Profiles::default(),
        approved_phones: snapshot.commit.as_ref().and_then(|commit| commit.approved_phones),
    };
    let files = snapshot.files.iter().map(|file| file.path.clone()).collect();
    let (mut others, homeless) = phones::declare(&mut wanted, read, known, &files, &mut problems);
    let of_others = match &known.share {
        Some(share) => share::out(&mut wanted, share, &mut others, &homeless),
        None => BTreeSet::new(),
    };
    phones::look_at_all(&mut wanted, &others, secrets, &mut problems);
    // a map that grew by one at a time is half empty
    wanted.phones = std::mem::take(&mut wanted.phones).into_iter().collect();
    wanted.counts.phones = wanted.phones.len();
    problems.retain(|problem| !of_others.contains(&problem.place.file));
    wanted.problems = in_order(problems);
    wanted
}

/// The built-in catalogue with the source's overlay; an overlay with errors is left out as a whole.
fn catalogue(snapshot: &Snapshot, problems: &mut Vec<Problem>) -> Arc<Catalogue> {
    let built_in = Catalogue::builtin();
    let Some(file) = snapshot.files.iter().find(|file| *file.path == *OVERLAY) else { return built_in };
    let text = match files::text(file) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(problem);
            return built_in;
        }
    };
    match built_in.with_overlay(text) {
        Ok(catalogue) => Arc::new(catalogue),
        Err(errors) => {
            problems.extend(errors.into_iter().map(|error| {
                let line = u32::try_from(error.line).unwrap_or(u32::MAX);
                let place = Place { file: file.path.clone(), line, column: 1, span: files::line_span(text, line) };
                let message = format!("column {}: {}", error.column, error.problem);
                Problem::new(Severity::Error, place, code::CATALOGUE, message)
            }));
            built_in
        }
    }
}

/// Sorted by place, each once, at most [`PROBLEM_LIMIT`].
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    let mut seen: HashSet<(Place, &'static str, String)> = HashSet::new();
    problems.retain(|problem| seen.insert((problem.place.clone(), problem.code, problem.message.clone())));
    problems.sort_by(|a, b| (&a.place, a.severity).cmp(&(&b.place, b.severity)));
    let more = problems.len().saturating_sub(PROBLEM_LIMIT);
    if more > 0 {
        problems.truncate(PROBLEM_LIMIT);
        if let Some(last) = problems.last_mut() {
            last.message = format!("{} (and {more} more problems, which are not listed)", last.message);
        }
    }
    problems
}
