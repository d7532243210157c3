//! Which names of items there are: those of the catalogue, and those that phones have reported.

use std::{cell::OnceCell, ops::Deref};

use super::Findings;
use crate::{
    catalogue::Catalogue,
    spec::{
        code,
        known::Reported,
        suggest::{Slips, did_you_mean},
        yaml::Mark,
    },
};

/// The catalogue, with what phones have reported.
#[derive(Debug)]
pub(in crate::spec) struct Lexicon<'l> {
    catalogue: &'l Catalogue,
    reported: &'l Reported,
    /// Whether the catalogue is the one people wrote; else a name that it should have may be missing.
    is_whole: bool,
    /// Made when the first unknown name comes.
    slips: OnceCell<Slips<'l>>,
}

impl<'l> Lexicon<'l> {
    /// A lexicon; `is_whole` = the catalogue is not just what stands in for one with errors.
    pub(in crate::spec) fn new(catalogue: &'l Catalogue, reported: &'l Reported, is_whole: bool) -> Self {
        Self { catalogue, reported, is_whole, slips: OnceCell::new() }
    }

    /// The name that was meant, where this one can only be a slip of the finger: no catalogue and no phone knows it,
    /// and one letter makes it one that is known.
    fn meant(&self, name: &str) -> Option<&'l str> {
        if !self.is_whole || self.catalogue.get(name).is_some() || self.reported.has(name) {
            return None;
        }
        let (catalogue, reported) = (self.catalogue, self.reported);
        self.slips.get_or_init(|| Slips::new(catalogue.names().chain(reported.names()))).of(name)
    }

    /// Whether a name is a slip of the finger.
    pub(in crate::spec) fn is_slip(&self, name: &str) -> bool {
        self.meant(name).is_some()
    }

    /// Tells of a name that is a slip of the finger. Gives whether it is one.
    pub(in crate::spec) fn misspelt(&self, findings: &mut Findings, mark: Mark, name: &str) -> bool {
        let Some(meant) = self.meant(name) else { return false };
        let message = format!(
            "neither the catalogue nor a phone that is known here has `{name}`; did you mean `{meant}`? If there is such an item, give it a row in catalogue.csv"
        );
        findings.error(mark, code::MISSPELT_ITEM, message);
        true
    }

    /// The catalogued name that is closest, as the end of a sentence.
    pub(in crate::spec) fn hint(&self, name: &str) -> String {
        did_you_mean(name, self.catalogue.names())
    }
}

impl Deref for Lexicon<'_> {
    type Target = Catalogue;
    fn deref(&self) -> &Catalogue {
        self.catalogue
    }
}
