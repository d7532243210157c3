//! What people name in a question, and whether there is such a thing: a slip of the finger is no empty answer.

use std::{collections::BTreeSet, fmt};

use smol_str::SmolStr;

use super::{Fleet, history::HistoryQuery, view::Query};
use crate::{
    spec::{Revision, SiteName, suggest::nearest},
    wpi::DeviceId,
};

/// Most names that are told beside one that is none.
const TOLD: usize = 10;
/// Most names that come near it.
const NEAR: usize = 3;

/// Something that a question names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A phone, by the name of its document or its device id.
    Phone(String),
    /// A site.
    Site(String),
    /// A model, whatever the case of its letters.
    Model(String),
    /// An item, or one index of it: `key-label[4]`.
    Item(String),
    /// A revision, or its first characters.
    Revision(String),
}

impl Named {
    /// The stable word of the answer that there is none.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Phone(_) => "no-such-phone",
            Self::Site(_) => "no-such-site",
            Self::Model(_) => "no-such-model",
            Self::Item(_) => "no-such-item",
            Self::Revision(_) => "no-such-revision",
        }
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Phone(name) => ("phone", name),
            Self::Site(name) => ("site", name),
            Self::Model(name) => ("model", name),
            Self::Item(name) => ("item", name),
            Self::Revision(name) => ("revision", name),
        }
    }

    /// The item without its index.
    fn bare(item: &str) -> &str {
        item.split_once('[').map_or(item, |(name, _)| name)
    }
}

impl Query {
    /// What it names.
    pub fn named(&self) -> Vec<Named> {
        let Self { site, model, item, revision, .. } = self;
        let site = site.clone().map(Named::Site);
        let model = model.clone().map(Named::Model);
        let item = item.clone().map(Named::Item);
        site.into_iter().chain(model).chain(item).chain(revision.clone().map(Named::Revision)).collect()
    }
}

impl HistoryQuery {
    /// What it names.
    pub fn named(&self) -> Vec<Named> {
        let Self { phone, item, revision, .. } = self;
        let phone = phone.clone().map(Named::Phone);
        let item = item.clone().map(Named::Item);
        phone.into_iter().chain(item).chain(revision.clone().map(Named::Revision)).collect()
    }
}

/// There is nothing of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NoSuch {
    named: Named,
    /// Names that come near, the nearest first.
    near: Vec<String>,
    /// Some of all names, where none comes near.
    some: Vec<String>,
    more: usize,
}

impl NoSuch {
    /// Beside the names that there are; of revisions the first one is the newest.
    pub fn beside<'n>(asked: &Named, names: impl IntoIterator<Item = &'n str> + Clone) -> Self {
        let (_, name) = asked.words();
        let mut no_such = Self { named: asked.clone(), near: Vec::new(), some: Vec::new(), more: 0 };
        no_such.near = match asked {
            // what is typed of a revision is its beginning
            Named::Revision(_) => {
                let length = name.chars().count();
                let begins = |full: &str| full.chars().take(length).collect::<String>();
                let starts: BTreeSet<String> = names.clone().into_iter().map(begins).collect();
                nearest(name, starts.iter().map(String::as_str), NEAR)
            }
            Named::Item(_) => nearest(Named::bare(name), names.clone(), NEAR),
            Named::Phone(_) => {
                let device = DeviceId::new(name).map_or_else(|_| name.to_owned(), |device| device.to_string());
                nearest(&device, names.clone(), NEAR)
            }
            Named::Site(_) | Named::Model(_) => nearest(name, names.clone(), NEAR),
        };
        if !no_such.near.is_empty() {
            return no_such;
        }
        let mut names = names.into_iter();
        match asked {
            Named::Revision(_) => no_such.some.extend(names.next().map(|name| Revision::new(name).short().to_owned())),
            Named::Site(_) | Named::Model(_) => {
                no_such.some.extend(names.by_ref().take(TOLD).map(ToOwned::to_owned));
                no_such.more = names.count();
            }
            Named::Phone(_) | Named::Item(_) => {}
        }
        no_such
    }

    /// The stable word of it.
    pub fn code(&self) -> &'static str {
        self.named.code()
    }
}

impl fmt::Display for NoSuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = self.named.words();
        write!(f, "there is no {what} {name:?}")?;
        match (self.near.split_last(), self.some.as_slice()) {
            (Some((only, [])), _) => write!(f, "; did you mean {only}?"),
            (Some((last, near)), _) => write!(f, "; did you mean {} or {last}?", near.join(", ")),
            (None, []) => Ok(()),
            (None, [newest]) if matches!(self.named, Named::Revision(_)) => write!(f, "; the newest is {newest}"),
            (None, some) if self.more > 0 => write!(f, "; there are {} and {} more", some.join(", "), self.more),
            (None, [one]) => write!(f, "; there is {one}"),
            (None, some) => write!(f, "; there are {}", some.join(", ")),
        }
    }
}

impl Fleet {
    /// The names that there are, where this is none of them; of revisions the newest comes first. `None` also as long as
    /// no documents were read: then nobody can tell.
    pub fn names_beside(&self, asked: &Named) -> Option<Vec<SmolStr>> {
        let wanted = self.wanted.as_ref()?;
        let goals = || self.phones.values().filter_map(|phone| phone.goal.as_ref());
        let unless = |is_known: bool, names: &dyn Fn() -> Vec<SmolStr>| (!is_known).then(names);
        match asked {
            Named::Phone(id) => unless(self.device(id).is_some(), &|| {
                let devices = self.phones.values().filter(|phone| phone.stays()).map(|phone| phone.device.as_str());
                let devices: Vec<&str> = if DeviceId::new(id).is_ok() { devices.collect() } else { Vec::new() };
                self.named.iter().map(|(name, _)| &**name).chain(devices).map(SmolStr::new).collect()
            }),
            Named::Site(name) => {
                let of_phones = goals().map(|goal| &goal.desired.site);
                let mut names: BTreeSet<SiteName> = of_phones.cloned().collect();
                names.extend(wanted.site_names());
                // those that name no site are there, also when there is none of them now
                names.insert(SiteName::default());
                unless(names.contains(&SiteName::new(name)), &|| {
                    names.iter().map(|site| SmolStr::new(site.as_str())).collect()
                })
            }
            Named::Model(name) => {
                let told = self.phones.values().filter_map(|phone| phone.facts.model.clone());
                let mut names: BTreeSet<SmolStr> = told.filter(|model| !model.is_empty()).collect();
                let is_meant = |model: &SmolStr| model.eq_ignore_ascii_case(name);
                let is_known = names.iter().any(is_meant) || wanted.models().iter().any(is_meant);
                names.extend(goals().filter_map(|goal| goal.desired.model.clone()));
                unless(is_known, &|| names.iter().cloned().collect())
            }
            Named::Item(item) => {
                let name = Named::bare(item);
                let in_catalogue = self.catalogue.row(name).is_some() || wanted.catalogue().row(name).is_some();
                let is_known = in_catalogue
                    || goals().any(|goal| goal.desired.items.iter().any(|item| item.id.name.as_str() == name))
                    || self.phones.values().any(|phone| phone.observed.iter().any(|entry| entry.name == name));
                unless(is_known, &|| self.catalogue.names().map(SmolStr::new).collect())
            }
            Named::Revision(name) => {
                let held = self.held_revision().map(|(held, _)| SmolStr::new(&held.name));
                let newest = self.revision().map(|revision| SmolStr::new(revision.as_str()));
                let of_phones: BTreeSet<&str> = goals().map(|goal| goal.revision.as_str()).collect();
                let names: Vec<SmolStr> =
                    held.into_iter().chain(newest).chain(of_phones.into_iter().map(SmolStr::new)).collect();
                unless(names.iter().any(|known| known.starts_with(name.as_str())), &|| names.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(asked: &Named, names: &[&str]) -> String {
        NoSuch::beside(asked, names.iter().copied()).to_string()
    }

    #[test]
    fn a_slip_is_told_with_the_names_that_come_near() {
        let sites = ["berlin", "bern", "munich"];
        assert_eq!(
            told(&Named::Site("berln".into()), &sites),
            "there is no site \"berln\"; did you mean berlin or bern?"
        );
        assert_eq!(told(&Named::Site("muni".into()), &sites), "there is no site \"muni\"; did you mean munich?");
        let none = "there is no site \"nope\"; there are berlin, bern, munich";
        assert_eq!(told(&Named::Site("nope".into()), &sites), none);
        let many: Vec<String> = (10..30).map(|number| format!("place-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(told(&Named::Site("x".into()), &many).ends_with("place-18, place-19 and 10 more"));
        let phones = ["reception", "ward-3"];
        assert_eq!(
            told(&Named::Phone("recption".into()), &phones),
            "there is no phone \"recption\"; did you mean reception?"
        );
        assert_eq!(told(&Named::Phone("nobody".into()), &phones), "there is no phone \"nobody\"");
        let macs = ["00:1A:E8:00:00:01"];
        assert!(told(&Named::Phone("001ae8000002".into()), &macs).ends_with("did you mean 00:1A:E8:00:00:01?"));
        let item = told(&Named::Item("function-key-dfe[2]".into()), &["function-key-def", "sntp-addr"]);
        assert_eq!(item, "there is no item \"function-key-dfe[2]\"; did you mean function-key-def?");
    }

    #[test]
    fn of_a_revision_its_beginning_counts() {
        let revisions = ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "9fceb02d0ae598e95dc970b74767f19372d61af8"];
        let near = told(&Named::Revision("9fceb20d".into()), &revisions);
        assert_eq!(near, "there is no revision \"9fceb20d\"; did you mean 9fceb02d?");
        let none = told(&Named::Revision("zzz".into()), &revisions);
        assert_eq!(none, "there is no revision \"zzz\"; the newest is 4b825dc642cb");
        assert_eq!(told(&Named::Revision("zzz".into()), &[]), "there is no revision \"zzz\"");
    }
}
