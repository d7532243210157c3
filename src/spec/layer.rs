//! One layer, and layers laid over each other: later wins per item and index.

use std::{fmt, sync::Arc};

use smol_str::SmolStr;

use super::{
    desired::{DesiredItem, LayerValue},
    insist::Insist,
    policy::Policy,
    problem::{Place, Problem},
    read::{policy::PolicyLayer, window::ZonelessWindow},
    site::SiteName,
};
use crate::{
    catalogue::{Catalogue, Effect, Owner},
    wpi::{Index, ItemId, ItemName},
};

/// What of the catalogue the policy of a phone decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Class {
    /// Of owner user: needs `userItems: Manage`.
    pub(super) user: bool,
    /// Of effect lockout: needs `lockoutItems: Allow`.
    pub(super) lockout: bool,
    /// Not in the catalogue.
    pub(super) unknown: bool,
}

impl Class {
    /// The class of an item.
    pub(super) fn of(catalogue: &Catalogue, name: &str) -> Self {
        Self {
            user: catalogue.owner(name) == Owner::User,
            lockout: catalogue.effect(name) == Effect::Lockout,
            unknown: catalogue.get(name).is_none(),
        }
    }
}

/// One value of a layer; the value itself is shared by all phones of the layer.
#[derive(Debug, Clone)]
pub(super) struct LayerItem {
    /// Id, value and origin.
    pub(super) value: Arc<LayerValue>,
    /// What policy decides about.
    pub(super) class: Class,
}

impl LayerItem {
    /// Name and index.
    pub(super) fn id(&self) -> &ItemId {
        &self.value.id
    }

    /// Without the class, as the phone is to have it.
    pub(super) fn desired(&self) -> DesiredItem {
        DesiredItem { value: self.value.clone() }
    }
}

/// What one document says of phones.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// The file it stands in.
    pub(super) file: Arc<str>,
    /// The models it applies to, in lower case; empty = all.
    pub(super) models: Vec<SmolStr>,
    /// The site.
    pub(super) site: Option<SiteName>,
    /// Where the site is named.
    pub(super) site_place: Option<Place>,
    /// The policy, field by field.
    pub(super) policy: PolicyLayer,
    /// The fields of the policy that it says, each with its place.
    pub(super) policy_fields: Vec<(SmolStr, Place)>,
    /// What it insists on.
    pub(super) insist: Option<Arc<Insist>>,
    /// Its items, sorted, each id once.
    pub(super) items: Vec<LayerItem>,
    /// Its seeds, sorted, each id once.
    pub(super) seeds: Vec<LayerItem>,
    /// What it takes out of the layers below, each with its place.
    pub(super) unmanaged: Vec<(Unmanaged, Place)>,
    /// Those of them that the catalogue does not know, each with its place.
    pub(super) unmanaged_unknown: Vec<(Unmanaged, Place)>,
}

/// An item that a layer takes out, or insists on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unmanaged {
    /// With all its indexes.
    Name(ItemName),
    /// Only this one.
    Id(ItemId),
}

impl Unmanaged {
    /// The name of the item.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Id(id) => id.name.as_str(),
        }
    }

    /// Whether it takes this one out.
    pub(super) fn covers(&self, id: &ItemId) -> bool {
        match self {
            Self::Name(name) => *name == id.name,
            Self::Id(own) => own == id,
        }
    }

    /// Whether there is an item that both mean.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Id(one), Self::Id(two)) => one == two,
            _ => self.name() == other.name(),
        }
    }
}

impl fmt::Display for Unmanaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

/// Whether a layer applies to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies {
    Yes,
    No,
    /// It names models, and the phone's is not known.
    Undecided,
}

impl Layer {
    /// Whether this layer applies to a phone of that model.
    pub(super) fn applies(&self, model: Option<&str>) -> Applies {
        if self.models.is_empty() {
            return Applies::Yes;
        }
        match model {
            None => Applies::Undecided,
            Some(model) if self.models.iter().any(|own| *own == model.to_lowercase()) => Applies::Yes,
            Some(_) => Applies::No,
        }
    }
}

/// Layers laid over each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    /// Items, sorted, each id once.
    pub(super) items: Vec<LayerItem>,
    /// Seeds, sorted, each id once.
    pub(super) seeds: Vec<LayerItem>,
    /// The policy.
    pub(super) policy: Arc<Policy>,
    /// The windows, if one of them goes by the clock of the site: then those of the policy are empty.
    pub(super) zoneless: Arc<[ZonelessWindow]>,
    /// Whether a layer says something of windows.
    pub(super) windows_said: bool,
    /// What the layers insist on, lowest first.
    pub(super) insists: Vec<Arc<Insist>>,
    /// Where a layer sets or takes out what a lower one calls final.
    pub(super) overridden: Vec<Problem>,
    /// The site of the highest layer that names one.
    pub(super) site: Option<SiteName>,
    /// Where that layer names it.
    pub(super) site_place: Option<Place>,
    /// The files of the layers, highest first, each once.
    pub(super) files: Vec<Arc<str>>,
    /// Whether a layer could not be decided.
    pub(super) undecided: bool,
}

impl Merged {
    /// Lays one layer over this, if it applies.
    pub(super) fn put(&mut self, layer: &Layer, model: Option<&str>) {
        if !self.files.contains(&layer.file) {
            self.files.insert(0, layer.file.clone());
        }
        match layer.applies(model) {
            Applies::Yes => {}
            Applies::No => return,
            Applies::Undecided => {
                self.undecided = true;
                return;
            }
        }
        for insist in &self.insists {
            insist.overridden(layer, &mut self.overridden);
        }
        self.insists.extend(layer.insist.clone());
        if !layer.unmanaged.is_empty() {
            let stays = |item: &LayerItem| !layer.unmanaged.iter().any(|(out, _)| out.covers(item.id()));
            self.items.retain(stays);
            self.seeds.retain(stays);
        }
        self.items = over(std::mem::take(&mut self.items), &layer.items);
        self.seeds = over(std::mem::take(&mut self.seeds), &layer.seeds);
        if !layer.policy.is_empty() {
            layer.policy.apply(Arc::make_mut(&mut self.policy));
            if let Some(windows) = &layer.policy.windows {
                self.zoneless = windows.zoneless.clone();
                self.windows_said = true;
            }
        }
        if let Some(site) = &layer.site {
            self.site = Some(site.clone());
            self.site_place.clone_from(&layer.site_place);
        }
    }

    /// The value of one item.
    pub(super) fn item(&self, name: &str, index: Option<Index>) -> Option<&LayerItem> {
        let order = |item: &LayerItem| item.id().name.as_str().cmp(name).then(item.id().index.cmp(&index));
        self.items.binary_search_by(order).ok().and_then(|position| self.items.get(position))
    }

    /// The values of all indexes of an item.
    pub(super) fn of_name(&self, name: &str) -> impl Iterator<Item = &LayerItem> {
        of_name(&self.items, name)
    }

    /// Seeds of items that are managed anyway are of no use.
    pub(super) fn drop_managed_seeds(&mut self) {
        let items = &self.items;
        self.seeds.retain(|seed| items.binary_search_by(|item| item.id().cmp(seed.id())).is_err());
    }
}

/// The values of all indexes of an item in a sorted list.
pub(super) fn of_name<'l>(items: &'l [LayerItem], name: &str) -> impl Iterator<Item = &'l LayerItem> {
    let start = items.partition_point(|item| item.id().name.as_str() < name);
    let behind = items.get(start..).unwrap_or_default();
    let count = behind.iter().take_while(|item| item.id().name.as_str() == name).count();
    behind.iter().take(count)
}

/// Two sorted lists become one; the upper one wins.
fn over(lower: Vec<LayerItem>, upper: &[LayerItem]) -> Vec<LayerItem> {
    if upper.is_empty() {
        return lower;
    }
    let mut merged = Vec::with_capacity(lower.len() + upper.len());
    let mut upper = upper.iter().peekable();
    for item in lower {
        while let Some(above) = upper.next_if(|above| above.id() < item.id()) {
            merged.push(above.clone());
        }
        match upper.next_if(|above| above.id() == item.id()) {
            Some(above) => merged.push(above.clone()),
            None => merged.push(item),
        }
    }
    merged.extend(upper.cloned());
    merged
}
