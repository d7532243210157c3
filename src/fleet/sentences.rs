//! What each state and each reason of [`words`](super::words) means, and what to do about it: a sentence each, as the web
//! page and its list of words show them. The README has the same in its tables, at more length.

use super::words::{DegradedReason, HeldReason, ItemStanding, PendingReason, State};

/// A word in two sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentences {
    /// What it means.
    pub means: &'static str,
    /// What to do.
    pub advice: &'static str,
}

const fn say(means: &'static str, advice: &'static str) -> Sentences {
    Sentences { means, advice }
}

impl State {
    /// What it means and what to do.
    pub fn sentences(self) -> Sentences {
        match self {
            Self::Suspended => {
                say("Its mode is Off: phoneops leaves this phone alone.", "Nothing; or change the mode in its policy.")
            }
            Self::Invalid => say(
                "Its newest documents have errors. What was in force before stays in force.",
                "Correct the lines that are named; `phoneops validate` finds the same ones before a push.",
            ),
            Self::Held => say(
                "A commit that would change many phones, or items that are risky, waits for a person.",
                "Look at the plan with `phoneops gate`, then `phoneops approve` it or push another commit.",
            ),
            Self::Reconciling => say("A session with the phone is under way.", "Wait some seconds."),
            Self::Pending => {
                say("Something is to be read or written, and has to wait.", "The reason says for what, and until when.")
            }
            Self::Degraded => say(
                "All is as wanted but for items that the phone refuses or the policy does not allow.",
                "Look at its items: each one says why.",
            ),
            Self::Drifted => say(
                "Items differ, and its mode Report asks for no more than to tell.",
                "Look at its items; then set mode Enforce, or correct the YAML.",
            ),
            Self::InSync => say("A read newer than the last write proved every managed item.", "Nothing."),
            Self::Unknown => say(
                "It is declared, and was never heard of.",
                "Check its power, its network, and the update service address that is set on it.",
            ),
            Self::Undeclared => say(
                "It calls in, and no document names it. It is never written to.",
                "Declare it, or point it to another update service.",
            ),
            Self::Abandoned => say(
                "Its document is gone. The phone keeps what it has.",
                "Declare it again; or `phoneops release` takes its account off it, and `phoneops dismiss` forgets it.",
            ),
        }
    }
}

impl PendingReason {
    /// What it means and what to do.
    pub fn sentences(self) -> Sentences {
        match self {
            Self::Queued => say("Its turn comes.", "Wait."),
            Self::Called => say("It was asked to call and said yes; its call is awaited.", "Wait half a minute."),
            Self::InCall => say(
                "Somebody is on the phone. The change is written after the call; no times of calls are kept.",
                "Wait.",
            ),
            Self::Unreachable => say(
                "It could not be asked to call: it does not answer, never told an address, or does not poll.",
                "Check its power and the firewall towards its contact port. It is served too when it calls by itself.",
            ),
            Self::NoAnswer => say(
                "It said that it would call, and did not.",
                "Check whether it is set to another update service, and whether its way to the port for phones is open.",
            ),
            Self::WindowClosed => say(
                "Something is to be written, and its window is closed. It is read all the same.",
                "Wait for the next opening, or change `policy.windows`.",
            ),
            Self::RateLimited => say(
                "It was asked not long ago, or as many phones are asked as may be.",
                "Wait until the time of the next attempt.",
            ),
            Self::Turn => say(
                "What is left to write can cut phones off, and others of its site get theirs first.",
                "Wait. If the phone that is awaited is lost, look after that one or correct the value.",
            ),
            Self::Paused => say(
                "Something is to be written, and a pause in its policy holds it back. It is read all the same.",
                "Wait for the end of the pause, or take it out.",
            ),
            Self::Braked => say(
                "Somebody has set the brake on it: nothing is written. It is read all the same.",
                "`phoneops brake` shows who, why and until when.",
            ),
            Self::MobileUser => say(
                "A mobile user is logged on: until the logoff the phone is neither read nor written.",
                "Wait for the logoff; then it is read again.",
            ),
            Self::ForeignServer => say(
                "Its update service is one that is not of its site, so it is read and not written to.",
                "Leave it to that server, or correct `servers` of its site.",
            ),
            Self::WrongSite => say(
                "It calls from outside the networks of its site, and from there nothing is changed.",
                "Correct its site or the networks of the site, or find out who calls in its name.",
            ),
            Self::Recovering => say(
                "Many phones of its site started at once, or the service was away for long.",
                "Nothing: it goes on by itself at the time of the next attempt.",
            ),
            Self::StoreAway => say(
                "The store cannot be written, so nothing is written to phones either. They are read as ever.",
                "Free the disk of the service; then it goes on by itself.",
            ),
        }
    }
}

impl DegradedReason {
    /// What it means and what to do.
    pub fn sentences(self) -> Sentences {
        match self {
            Self::Refused => say(
                "The phone refused items, and its own words stand beside them.",
                "Correct their values. They are sent again when value or firmware change, or by `phoneops retry`.",
            ),
            Self::NotAllowed => say(
                "Items may not be written under its policy: they can cut the phone off, or belong to its user.",
                "Set `lockoutItems: Allow` or `userItems: Manage` in its policy, or take the items out.",
            ),
            Self::TugOfWar => say(
                "Somebody else keeps changing items back, so they are left as they are.",
                "Find out who; then change the wanted value, take the item out, or `phoneops retry`.",
            ),
        }
    }
}

impl HeldReason {
    /// What it means and what to do.
    pub fn sentences(self) -> Sentences {
        match self {
            Self::Change => say(
                "It would be written something else. Until a person lets it go, what was in force before stays in force.",
                "Look at the plan with `phoneops gate`, then `phoneops approve` it or push another commit.",
            ),
            Self::Vanish => say(
                "No document names it any more. Until a person lets that commit go it stays as it was.",
                "`phoneops approve` the commit if the phone is to go; if not, push its document again.",
            ),
            Self::Rejected => say(
                "A person has rejected the commit that it waits with. What was in force before stays in force.",
                "Push another commit; `phoneops gate` shows who rejected this one and why.",
            ),
        }
    }
}

impl ItemStanding {
    /// How the item stands, in few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Right => "as wanted",
            Self::Written => "written",
            Self::Assumed => "assumed to be right",
            Self::Due => "to be written",
            Self::Differs => "differs",
            Self::Unread => "not read yet",
            Self::Refused => "refused",
            Self::NotApplicable => "the phone has none",
            Self::Ignored => "ignored",
            Self::TugOfWar => "tug of war",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_and_reason_says_what_it_means_and_what_to_do_in_whole_sentences() {
        let states = State::ALL.iter().map(|word| (word.as_str(), word.sentences()));
        let pending = PendingReason::ALL.iter().map(|word| (word.as_str(), word.sentences()));
        let degraded = DegradedReason::ALL.iter().map(|word| (word.as_str(), word.sentences()));
        let held = HeldReason::ALL.iter().map(|word| (word.as_str(), word.sentences()));
        let all: Vec<_> = states.chain(pending).chain(degraded).chain(held).collect();
        for (word, Sentences { means, advice }) in &all {
            for sentence in [means, advice] {
                assert!(
                    sentence.ends_with('.') && sentence.starts_with(|c: char| c.is_uppercase() || c == '`'),
                    "{word}: {sentence}"
                );
                assert!((5..160).contains(&sentence.len()), "{word}: {sentence}");
            }
        }
        let mut meanings: Vec<_> = all.iter().map(|(_, sentences)| sentences.means).collect();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), all.len(), "each word has a meaning of its own");
    }
}
