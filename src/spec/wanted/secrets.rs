//! The secrets that phones refer to.

use std::collections::{HashMap, HashSet};

use smol_str::SmolStr;

use super::checks::nowhere;
use crate::{
    spec::{
        code,
        desired::{Desired, DesiredValue},
        problem::{Place, Problem, Severity},
        secret_ref::SecretRef,
    },
    wpi::Secret,
};

/// What was read of secrets, by reference with its key filled in.
pub(in crate::spec) type Secrets = HashMap<SecretRef, Result<Secret, String>>;

/// The references of one phone whose secret cannot be had.
pub(in crate::spec) fn secret_errors(secrets: &Secrets, desired: &Desired) -> Vec<Problem> {
    references(desired)
        .filter_map(|(reference, place)| {
            let outcome = reference.filled(desired).and_then(|filled| match secrets.get(&filled) {
                Some(Ok(_)) => Ok(()),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(format!("{filled} was not read with this revision")),
            });
            outcome.err().map(|reason| secret_problem(reference, place, &reason))
        })
        .collect()
}

/// The references to secrets of one phone, each with its place.
pub(in crate::spec) fn references(desired: &Desired) -> impl Iterator<Item = (&SecretRef, Option<&Place>)> {
    desired.items.iter().chain(&desired.seeds).filter_map(|item| match &item.value.value {
        DesiredValue::Secret(reference) => Some((reference, item.value.origin.as_ref().map(|origin| &origin.place))),
        DesiredValue::Text(_) => None,
    })
}

/// How much of what can be read of secrets the files of one owner have taken: there are bounds on all of it, and nobody
/// uses up the others' part.
#[derive(Debug, Default)]
pub(in crate::spec) struct Share {
    tables: HashSet<SmolStr>,
    others: HashSet<SecretRef>,
}

/// Most files with many secrets that the files of one owner refer to.
pub(in crate::spec) const OWNER_TABLES: usize = 8;
/// Most other secrets.
const OWNER_SECRETS: usize = 25_000;

impl Share {
    /// Takes a part for this reference.
    ///
    /// # Errors
    /// Why there is none left.
    pub(in crate::spec) fn take(&mut self, filled: &SecretRef) -> Result<(), &'static str> {
        if let SecretRef::Keyed { from, .. } = filled {
            if self.tables.len() >= OWNER_TABLES && !self.tables.contains(from) {
                return Err("the files of one owner refer to 8 files with many secrets at most; use fewer");
            }
            self.tables.insert(from.clone());
        } else {
            if self.others.len() >= OWNER_SECRETS && !self.others.contains(filled) {
                return Err("the files of one owner refer to 25000 secrets at most; put several into one file");
            }
            self.others.insert(filled.clone());
        }
        Ok(())
    }
}

/// The problem of a reference whose secret cannot be had.
pub(in crate::spec) fn secret_problem(reference: &SecretRef, place: Option<&Place>, reason: &str) -> Problem {
    Problem::new(
        Severity::Error,
        place.cloned().unwrap_or_else(nowhere),
        code::MISSING_SECRET,
        format!("the secret {reference} cannot be had: {reason}"),
    )
}
