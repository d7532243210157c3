//! One call number or one primary line on two phones: one of them would be deaf, or ring for the other. Allowed where
//! both phones are `shared`.

use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

use crate::{
    spec::{
        code,
        layer::{LayerItem, Merged},
        numbers::digits,
        owner::Voice,
        problem::{Place, Problem, Severity},
        wanted::Phone,
    },
    wpi::DeviceId,
};

const NUMBER: &str = "e164";
const PRIMARY: &str = "line-primary";
const LINE: &str = "line-sip-uri";

/// What only one phone may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Number,
    Line,
}

/// One phone that has it.
struct Holder<'w> {
    device: &'w DeviceId,
    phone: &'w Phone,
    place: Place,
}

impl Holder<'_> {
    /// Whether the two may not both have it.
    fn clashes(&self, other: &Self) -> bool {
        self.device != other.device && !(self.phone.config.shared && other.phone.config.shared)
    }

    fn title(&self) -> &str {
        self.phone.config.name.as_deref().unwrap_or(self.device.as_str())
    }
}

/// Who has which call numbers and primary lines, whatever the model.
#[derive(Default)]
pub(super) struct Lines<'w> {
    holders: BTreeMap<(Kind, SmolStr), Vec<Holder<'w>>>,
}

impl<'w> Lines<'w> {
    /// Notes what one phone has. `counts` = whether a number is one that the phone's owner may give away.
    pub(super) fn note(
        &mut self,
        device: &'w DeviceId,
        phone: &'w Phone,
        merged: &Merged,
        counts: impl Fn(&str) -> bool,
    ) {
        if phone.config.voice == Voice::Nobody {
            return;
        }
        let number = merged.item(NUMBER, None).and_then(|item| Some((digits(item.value.value.as_text()?)?, item)));
        if let Some((digits, item)) = number.filter(|(digits, _)| counts(digits)) {
            self.add((Kind::Number, digits), device, phone, item);
        }
        for primary in merged.of_name(PRIMARY).filter(|item| item.value.value.as_text() == Some("true")) {
            let line = merged.item(LINE, primary.id().index);
            if let Some((key, item)) = line.and_then(|item| Some((line_key(item.value.value.as_text()?)?, item))) {
                self.add((Kind::Line, key), device, phone, item);
            }
        }
    }

    fn add(&mut self, key: (Kind, SmolStr), device: &'w DeviceId, phone: &'w Phone, item: &LayerItem) {
        let Some(origin) = &item.value.origin else { return };
        let holders = self.holders.entry(key).or_default();
        // once more for another model
        if holders.last().is_none_or(|last| !std::ptr::eq(last.phone, phone)) {
            holders.push(Holder { device, phone, place: origin.place.clone() });
        }
    }

    /// The errors of each phone by the voice of its document. Files of an owner make no errors but their own; between two owners there are only
    /// warnings, which go to `problems` alone.
    pub(super) fn clashes(self, problems: &mut Vec<Problem>) -> HashMap<(DeviceId, Voice), Vec<Problem>> {
        let mut errors: HashMap<(DeviceId, Voice), Vec<Problem>> = HashMap::new();
        for ((kind, number), mut holders) in self.holders.into_iter().filter(|(_, holders)| holders.len() > 1) {
            // who is named must not follow from which document of a phone counts: that is for its owners to say
            holders.sort_by(|a, b| (a.device, &a.place).cmp(&(b.device, &b.place)));
            let tallies = Tallies::of(&holders);
            for holder in &holders {
                let voice = &holder.phone.config.voice;
                let central = tallies.clash(&holders, &Voice::Central, holder);
                let other = central.or_else(|| tallies.clash(&holders, voice, holder));
                if let Some(other) = other {
                    let problem = problem(Severity::Error, kind, &number, holder, other);
                    problems.push(problem.clone());
                    errors.entry((holder.device.clone(), voice.clone())).or_default().push(problem);
                } else if *voice != Voice::Central
                    && let Some(other) = tallies.foreign(&holders, holder)
                {
                    problems.push(problem(Severity::Warning, kind, &number, holder, other));
                }
            }
        }
        errors
    }
}

/// For each voice the first two holders that are shared and the first two that are not, so that a thousand phones with
/// one number cost a thousand looks.
struct Tallies(BTreeMap<Voice, Vec<usize>>);

impl Tallies {
    fn of(holders: &[Holder<'_>]) -> Self {
        let mut first: BTreeMap<Voice, Vec<usize>> = BTreeMap::new();
        let mut counts: BTreeMap<(&Voice, bool), Vec<&DeviceId>> = BTreeMap::new();
        for (position, holder) in holders.iter().enumerate() {
            let seen = counts.entry((&holder.phone.config.voice, holder.phone.config.shared)).or_default();
            if seen.len() < 2 && !seen.contains(&holder.device) {
                seen.push(holder.device);
                first.entry(holder.phone.config.voice.clone()).or_default().push(position);
            }
        }
        Self(first)
    }

    fn clash<'h, 'w>(&self, holders: &'h [Holder<'w>], voice: &Voice, own: &Holder<'_>) -> Option<&'h Holder<'w>> {
        let positions = self.0.get(voice)?;
        positions.iter().filter_map(|position| holders.get(*position)).find(|other| own.clashes(other))
    }

    fn foreign<'h, 'w>(&self, holders: &'h [Holder<'w>], own: &Holder<'_>) -> Option<&'h Holder<'w>> {
        self.0
            .keys()
            .filter(|voice| **voice != own.phone.config.voice)
            .find_map(|voice| self.clash(holders, voice, own))
    }
}

fn problem(severity: Severity, kind: Kind, number: &str, holder: &Holder<'_>, other: &Holder<'_>) -> Problem {
    let what = match kind {
        Kind::Number => "the call number",
        Kind::Line => "the primary line",
    };
    let message = format!(
        "{what} `{number}` of the phone `{}` is also that of `{}`, at {}:{}; give each its own, or write `shared: true` in both documents",
        holder.title(),
        other.title(),
        other.place.file,
        other.place.line
    );
    Problem::new(severity, holder.place.clone(), code::SHARED_NUMBER, message)
}

/// What tells one line from another: its digits where it is a number, else its address in lower case.
fn line_key(uri: &str) -> Option<SmolStr> {
    let lower = uri.trim().to_lowercase();
    let address = lower.strip_prefix("sips:").or_else(|| lower.strip_prefix("sip:")).unwrap_or(&lower);
    if address.is_empty() || address == "null" {
        return None;
    }
    let is_number = address.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '/' | '(' | ')' | ' '));
    if is_number { digits(address) } else { Some(SmolStr::new(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_its_digits_or_its_address() {
        for (uri, key) in [
            ("4930123456", Some("4930123456")),
            ("+49 (30) 123456", Some("4930123456")),
            ("sip:4930123456", Some("4930123456")),
            ("SIP:Desk@PBX.example", Some("desk@pbx.example")),
            ("NULL", None),
            ("", None),
        ] {
            assert_eq!(line_key(uri).as_deref(), key, "{uri}");
        }
    }
}
