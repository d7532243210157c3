//! What is wrong with a phone once its layers lie over each other.

use std::sync::Arc;

use super::{Phone, Wanted};
use crate::spec::{
    code,
    layer::Merged,
    numbers::{digits, listed},
    owner::Voice,
    policy::UserItems,
    problem::{Place, Problem, Severity},
    read::window,
    site::SiteName,
};

/// How many broken files a problem names.
const BROKEN_NAMED: usize = 3;

impl Wanted {
    /// Everything but what is wrong with the site itself, which is told where the site stands.
    pub(in crate::spec) fn errors(&self, phone: &Phone, merged: &Merged) -> Vec<Problem> {
        let name = phone.config.name.as_deref().unwrap_or("?");
        let mut problems = merged.insisted(&self.catalogue, (name, &phone.config.name_place));
        problems.extend(self.site_not_theirs(phone, merged));
        problems.extend(self.number_errors(phone, merged));
        problems.extend(user_errors(merged));
        problems.extend(self.clock_errors(phone, merged));
        problems
    }

    /// What is wrong all the same with a phone whose documents have errors: nothing that a value which could not be read
    /// may be the cause of.
    pub(in crate::spec) fn errors_beside(&self, phone: &Phone, merged: &Merged) -> Vec<Problem> {
        if phone.chain.errors().next().is_some() {
            return Vec::new();
        }
        merged.overridden.iter().cloned().chain(self.number_errors(phone, merged)).collect()
    }

    /// A site that the phone's file may not speak for. A site without a document whose name is that of an owner's is
    /// left to that owner.
    fn site_not_theirs(&self, phone: &Phone, merged: &Merged) -> Option<Problem> {
        let site = merged.site.clone().unwrap_or_default();
        let entry = self.site_seen_by(&phone.voice, &site);
        let is_central = entry.is_some_and(|entry| entry.voice == Voice::Central);
        let owner = self.owners.of_site(&site);
        let message = match &phone.voice {
            Voice::Nobody => return None,
            Voice::Central => {
                let owner = owner.filter(|_| !is_central)?;
                format!(
                    "the site `{site}` is a name of the owner of `{owner}`, and only phones in the owner's files are there; declare the PhoneSite in a file that is no owner's, or name another site"
                )
            }
            Voice::Owner(own) if site == *own => return None,
            Voice::Owner(own) => match entry {
                Some(entry) if entry.voice != Voice::Central => return None,
                None if owner == Some(own) => {
                    format!("no PhoneSite `{site}` is declared in the files of the owner of `{own}`")
                }
                _ => {
                    let rule = self.owners.rule(own)?;
                    format!(
                        "the phone is of the site `{site}`, but this file speaks for `{own}` and the sites below it only ({}:{} says so); write `site: {own}`",
                        rule.place.file, rule.place.line
                    )
                }
            },
        };
        let place = merged.site_place.clone().unwrap_or_else(|| phone.config.name_place.clone());
        Some(Problem::new(Severity::Error, place, code::NOT_THEIRS, message))
    }

    /// A call number that is not among those of the phone's site, or of the owner of its file.
    fn number_errors(&self, phone: &Phone, merged: &Merged) -> Option<Problem> {
        let item = merged.item("e164", None)?;
        let digits = digits(item.value.value.as_text()?)?;
        let place = item.value.origin.as_ref()?.place.clone();
        let site = merged.site.clone().unwrap_or_default();
        let entry = self.site_seen_by(&phone.voice, &site);
        let numbers = entry.map(|entry| &entry.site.numbers[..]).unwrap_or_default();
        let message = if !numbers.is_empty() && !numbers.iter().any(|range| range.contains(&digits)) {
            let file = entry.map_or("", |entry| &entry.file);
            format!(
                "`e164` {digits} is none of the numbers of the site `{site}`, which {file} has as {}",
                listed(numbers)
            )
        } else if !self.may_have(&phone.voice, &digits) {
            let Voice::Owner(own) = &phone.voice else { return None };
            let rule = self.owners.rule(own)?;
            format!(
                "`e164` {digits} is none of the numbers of the owner of `{own}`, which {}:{} has as {}",
                rule.place.file,
                rule.place.line,
                listed(&rule.numbers)
            )
        } else {
            return None;
        };
        Some(Problem::new(Severity::Error, place, code::FOREIGN_NUMBER, message))
    }

    /// Whether those for whom a file speaks may give that number away.
    pub(in crate::spec) fn may_have(&self, voice: &Voice, digits: &str) -> bool {
        let Voice::Owner(owner) = voice else { return true };
        let rule = self.owners.rule(owner);
        rule.is_none_or(|rule| rule.numbers.is_empty() || rule.numbers.iter().any(|range| range.contains(digits)))
    }

    /// Windows without a clock. Those of a site with errors are not looked at: it may have lost its clock with them.
    fn clock_errors(&self, phone: &Phone, merged: &Merged) -> Vec<Problem> {
        let site = merged.site.clone().unwrap_or_default();
        let entry = self.site_seen_by(&phone.voice, &site);
        let is_settled = entry.is_some_and(|entry| entry.site.time_zone.is_some() || !entry.errors.is_empty());
        if merged.zoneless.is_empty() || is_settled {
            return Vec::new();
        }
        window::clockless(&merged.zoneless, site.as_str()).collect()
    }

    pub(super) fn site_errors(&self, phone: &Phone, merged: &Merged) -> Vec<Problem> {
        let fallback = SiteName::default();
        let site = merged.site.as_ref().unwrap_or(&fallback);
        match self.site_seen_by(&phone.voice, site) {
            Some(entry) => entry.errors.clone(),
            None if *site == fallback => Vec::new(),
            None => self.lost_site(&phone.voice, site, merged.site_place.as_ref()).into_iter().collect(),
        }
    }

    /// A site that may be declared in a file that cannot be read: its networks must not look as if they were open.
    fn lost_site(&self, voice: &Voice, site: &SiteName, place: Option<&Place>) -> Option<Problem> {
        let broken = self.broken_words(voice)?;
        let message = format!("no PhoneSite `{site}` is declared; it may stand in a file with errors: {broken}");
        Some(Problem::new(Severity::Error, place.cloned().unwrap_or_else(nowhere), code::UNKNOWN_SITE, message))
    }

    /// The broken files that may declare something for a voice, in words: its own, and those that are no owner's.
    pub(in crate::spec) fn broken_words(&self, voice: &Voice) -> Option<String> {
        let own = Some(voice).filter(|voice| **voice != Voice::Central);
        let lists: Vec<&[Arc<str>]> = own
            .into_iter()
            .chain([&Voice::Central])
            .filter_map(|voice| self.broken_of.get(voice).map(Vec::as_slice))
            .collect();
        let count: usize = lists.iter().map(|list| list.len()).sum();
        let mut first: Vec<&str> =
            lists.iter().flat_map(|list| list.iter().take(BROKEN_NAMED)).map(AsRef::as_ref).collect();
        first.sort_unstable();
        first.truncate(BROKEN_NAMED);
        match count.saturating_sub(BROKEN_NAMED) {
            _ if count == 0 => None,
            0 => Some(first.join(", ")),
            more => Some(format!("{} and {more} more", first.join(", "))),
        }
    }
}

/// Items of owner user that policy does not manage.
fn user_errors(merged: &Merged) -> impl Iterator<Item = Problem> {
    let manage = merged.policy.user_items == UserItems::Manage;
    merged.items.iter().filter(move |item| item.class.user && !manage).filter_map(|item| {
        let place = item.value.origin.as_ref()?.place.clone();
        let message = format!(
            "`{}` is set by the phone's user: put it in `seed`, or set `policy.userItems: Manage` to keep it as it is here",
            item.id()
        );
        Some(Problem::new(Severity::Error, place, code::USER_ITEM, message))
    })
}

pub(super) fn nowhere() -> Place {
    Place { file: Arc::from(""), line: 0, column: 0, span: (0, 0) }
}
