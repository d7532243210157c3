//! Why a phone has what it has: each item with its value, where that comes from, what it lies over, what the phone has, and
//! why it is not written where it differs. Secrets show as their reference.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Fleet,
    gate::Waiting,
    may_write::bar,
    phone::{Newest, Phone},
    words::{ItemStanding, State},
};
use crate::{
    spec::{Desired, DesiredItem, DesiredValue, Mode, Origin, story::Said},
    wpi::{
        ItemId,
        secret::{MASK, without_credentials},
    },
};

/// A value in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayeredView {
    /// The value, or the reference of a secret; null where the layer takes the item out.
    pub value: Option<String>,
    /// The layer, such as `profile/site-berlin`; null where it takes the item out.
    pub layer: Option<String>,
    /// File, line and column; null for what comes from the store.
    pub place: Option<String>,
}

/// One item of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemStory {
    /// The item.
    pub item: String,
    /// Its index.
    pub index: Option<u32>,
    /// What is wanted, and where that comes from.
    pub wanted: LayeredView,
    /// What lies below it, the nearest layer first.
    pub over: Vec<LayeredView>,
    /// What the phone has; null = nothing, or not known. Of a secret `***`.
    pub observed: Option<String>,
    /// How it stands.
    pub standing: ItemStanding,
    /// Why it is not written, where it differs.
    pub why: Option<String>,
}

/// All items of a phone, or one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The name of its document.
    pub name: Option<String>,
    /// Its MAC or other id.
    pub mac: String,
    /// Its state.
    pub state: State,
    /// The first revision that gave what is in force.
    pub revision: Option<String>,
    /// When it was last read.
    pub read: Option<Timestamp>,
    /// The items, sorted.
    pub items: Vec<ItemStory>,
}

impl Fleet {
    /// Explains the items of a phone, or those of one name, or one index of it.
    pub fn explain(&self, id: &str, item: Option<&str>, now: Timestamp) -> Option<Explanation> {
        let device = self.device(id)?;
        let phone = self.phones.get(&device)?;
        let goal = phone.goal.as_ref()?;
        let is_meant = |id: &ItemId| item.is_none_or(|item| id.name.as_str() == item || id.to_string() == item);
        let wanted = goal.desired.items.iter().filter(|item| is_meant(&item.id));
        let state = self.state(phone, now);
        let waits = match state {
            State::Pending => format!("the phone waits: {}", self.pending(phone, now).reason),
            other => format!("the phone is {other}"),
        };
        let items = wanted.map(|item| self.item_story(phone, &goal.desired, item, &waits)).collect();
        Some(Explanation {
            name: phone.name().map(ToString::to_string),
            mac: device.to_string(),
            state,
            revision: Some(goal.revision.to_string()).filter(|_| !phone.proposed()),
            read: phone.read_at,
            items,
        })
    }

    fn item_story(&self, phone: &Phone, desired: &Desired, item: &DesiredItem, waits: &str) -> ItemStory {
        let id = &item.id;
        let secret = self.catalogue.is_secret(id.name.as_str());
        // the newest documents tell where a value comes from only where they are in force
        let newest = self.wanted.as_ref().filter(|_| phone.newest == Newest::Declared && phone.at_gate.is_none());
        let story = newest.map(|wanted| wanted.story(&phone.device, id, phone.facts.model.as_deref()));
        let mut over: Vec<LayeredView> =
            story.unwrap_or_default().iter().rev().map(|said| view(said, secret)).collect();
        let own = layered(&item.value.value, item.value.origin.as_ref(), secret);
        if over.first() == Some(&own) {
            over.remove(0);
        }
        let standing = self.standing(phone, id);
        let observed = phone.observed.get(id).and_then(|seen| seen.text().map(without_credentials));
        ItemStory {
            item: id.name.to_string(),
            index: id.index.map(|index| index.0),
            wanted: own,
            over,
            observed: if secret { observed.map(|_| MASK.to_owned()) } else { observed },
            standing,
            why: self.why_not(phone, desired, id, standing, waits),
        }
    }

    fn standing(&self, phone: &Phone, id: &ItemId) -> ItemStanding {
        let comparison = &phone.assessment.comparison;
        let differs = comparison.drift.iter().flat_map(super::diff::Drift::items).any(|found| found.id == *id);
        if comparison.lacks(id) {
            ItemStanding::NotApplicable
        } else if phone.refused_as_is(id) {
            ItemStanding::Refused
        } else if phone.ignored(id) {
            ItemStanding::Ignored
        } else if differs && phone.drifts.holds(id) {
            ItemStanding::TugOfWar
        } else if phone.due.contains(id) {
            ItemStanding::Due
        } else if differs {
            ItemStanding::Differs
        } else if !self.catalogue.compares(id.name.as_str()) {
            if phone.assumed(&self.catalogue).any(|assumed| assumed == id) {
                ItemStanding::Assumed
            } else {
                ItemStanding::Written
            }
        } else if phone.read_at.is_none() || comparison.unread.contains(id) {
            ItemStanding::Unread
        } else {
            ItemStanding::Right
        }
    }

    fn why_not(
        &self,
        phone: &Phone,
        desired: &Desired,
        id: &ItemId,
        standing: ItemStanding,
        waits: &str,
    ) -> Option<String> {
        if let Some(Waiting::Change(held)) = phone.at_gate.as_ref().map(|at_gate| &at_gate.what)
            && held.desired.get(id).map(|item| &item.value.value) != desired.get(id).map(|item| &item.value.value)
        {
            let secret = self.catalogue.is_secret(id.name.as_str());
            let value = held.desired.get(id).map(|item| layered(&item.value.value, None, secret));
            let value = value.and_then(|view| view.value).unwrap_or_else(|| "no value".to_owned());
            return Some(format!("revision {} wants {value}, and waits at the gate", held.revision.short()));
        }
        match standing {
            ItemStanding::Right | ItemStanding::Written | ItemStanding::Assumed | ItemStanding::NotApplicable => None,
            ItemStanding::Refused => {
                let refused = phone.refused.iter().find(|refused| refused.id == *id)?;
                Some(format!("the phone refused it: {}", refused.status.as_str()))
            }
            ItemStanding::Ignored => Some("a rule of policy.ignore leaves it alone".to_owned()),
            ItemStanding::TugOfWar => {
                Some("somebody else keeps changing it; `phoneops retry` writes it again".to_owned())
            }
            ItemStanding::Differs | ItemStanding::Due | ItemStanding::Unread => {
                if let Some(bar) = bar(&self.catalogue, &desired.policy, id) {
                    return Some(format!("it {bar}"));
                }
                match desired.policy.mode {
                    Mode::Report => Some("the mode is Report: it is only told".to_owned()),
                    Mode::Off => Some("the mode is Off".to_owned()),
                    Mode::Enforce if self.settings.report_only => {
                        Some("nothing is written by this service now".to_owned())
                    }
                    Mode::Enforce => Some(waits.to_owned()),
                }
            }
        }
    }
}

fn view(said: &Said, secret: bool) -> LayeredView {
    match said {
        Said::Value(value) => layered(&value.value, value.origin.as_ref(), secret),
        Said::TakenOut(place) => LayeredView { value: None, layer: None, place: Some(place.to_string()) },
    }
}

fn layered(value: &DesiredValue, origin: Option<&Origin>, secret: bool) -> LayeredView {
    let value = match value {
        DesiredValue::Text(_) if secret => MASK.to_owned(),
        DesiredValue::Text(text) => without_credentials(text),
        DesiredValue::Secret(reference) => reference.to_string(),
    };
    LayeredView {
        value: Some(value),
        layer: origin.map(|origin| origin.layer.to_string()),
        place: origin.map(|origin| origin.place.to_string()),
    }
}
