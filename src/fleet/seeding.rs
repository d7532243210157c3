//! Seeds: values written once to a phone that is new or was factory-reset, and then left to its user.
//!
//! A phone is new when it was first declared in a revision that was seen to arrive ([`Phone::fresh`]); a reset is told
//! by the phone itself ([`super::reset`]). Nothing else makes a seed due: no missing record, and no seed that comes into
//! the YAML later (promise 8). A seed is never drift and never proof: it is read only to see that a new phone stands at
//! it already, and after it was sent it is not looked at again.

use serde::{Deserialize, Serialize};

use super::{
    may_write::seed_bar, not_applicable::says_it_has_none, observed::Readings, phone::Phone, record::ObservedValue,
    sending::text_of, session::Surroundings,
};
use crate::{
    catalogue::Catalogue,
    spec::{Desired, DesiredItem},
    wpi::{Item, ItemId},
};

/// How far the seeds of one phone have come. Takes no room where there are none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seeding(Option<Box<Lists>>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Lists {
    /// To be written, sorted.
    #[serde(default, rename = "wanted", skip_serializing_if = "Vec::is_empty")]
    due: Vec<ItemId>,
    /// Written, refused, or found to be there: never written again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    done: Vec<ItemId>,
}

impl Seeding {
    /// Whether nothing is known of any seed.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Seeds that are to be written, sorted.
    pub fn due(&self) -> &[ItemId] {
        self.0.as_ref().map_or(&[], |lists| &lists.due)
    }

    /// Seeds that are done with.
    pub fn done(&self) -> &[ItemId] {
        self.0.as_ref().map_or(&[], |lists| &lists.done)
    }

    /// No seed is due any more, because it is not certain that it should be.
    pub fn distrust(&mut self) {
        self.0 = None;
    }

    fn finish(&mut self, id: &ItemId) -> bool {
        let Some(lists) = self.0.as_mut() else { return false };
        let Ok(place) = lists.due.binary_search(id) else { return false };
        let id = lists.due.remove(place);
        lists.done.push(id);
        true
    }

    fn again(&mut self, ids: &[ItemId]) {
        let Some(lists) = &mut self.0 else { return };
        lists.due.extend(lists.done.extract_if(.., |id| ids.contains(id)));
        lists.due.sort();
    }

    fn restrict(&mut self, wanted: impl Fn(&ItemId) -> bool) {
        if let Some(lists) = &mut self.0 {
            lists.due.retain(&wanted);
            lists.done.retain(&wanted);
        }
        self.0.take_if(|lists| lists.due.is_empty() && lists.done.is_empty());
    }

    fn begin(&mut self, seeds: &[DesiredItem]) {
        let mut due: Vec<ItemId> = seeds.iter().map(|seed| seed.id.clone()).collect();
        due.retain(|id| !self.done().contains(id));
        if !due.is_empty() {
            self.0.get_or_insert_default().due = due;
        }
    }
}

impl Phone {
    /// Another desired state is in force: what is no seed of it is forgotten, and on a new phone its seeds are due.
    pub(super) fn take_seeds(&mut self, desired: &Desired) {
        self.seeding.restrict(|id| desired.seed(id).is_some());
        if self.fresh {
            self.seeding.begin(&desired.seeds);
        }
    }

    /// All seeds are due, for the phone has factory values.
    pub(super) fn seed_anew(&mut self) {
        let Some(goal) = self.goal.clone() else { return };
        self.seeding = Seeding::default();
        self.seeding.begin(&goal.desired.seeds);
        self.unsaved = true;
    }

    /// The seeds that are due and may be written, as far as classes go.
    pub(super) fn seeds(&self, catalogue: &Catalogue) -> impl Iterator<Item = &DesiredItem> {
        let goal = self.goal.as_ref();
        let due = self.seeding.due().iter().filter_map(move |id| Some((goal?, goal?.desired.seed(id)?)));
        let allowed = due.filter(move |(goal, seed)| seed_bar(catalogue, &goal.desired.policy, &seed.id).is_none());
        allowed.map(|(_, seed)| seed).filter(|seed| !self.refused_as_is(&seed.id))
    }

    /// Adds the seeds that a round reads before it writes, in their place among the sorted `ids`.
    pub(super) fn with_seeds(&self, mut ids: Vec<ItemId>, catalogue: &Catalogue) -> Vec<ItemId> {
        for seed in self.seeds(catalogue).filter(|seed| catalogue.compares(seed.id.name.as_str())) {
            if let Err(place) = ids.binary_search(&seed.id) {
                ids.insert(place, seed.id.clone());
            }
        }
        ids
    }

    /// After a read: a seed that the phone stands at already is done, and one that it does not know is refused.
    pub(super) fn look_for_seeds(&mut self, readings: &Readings, around: &Surroundings<'_>) {
        if self.seeding.due().is_empty() {
            return;
        }
        let (mut there, mut unknown) = (Vec::new(), Vec::new());
        for seed in self.seeds(around.catalogue) {
            let wanted = seed.value.value.as_text();
            match readings.get(&seed.id) {
                Some(ObservedValue::Status(status)) if says_it_has_none(status) => {
                    unknown.push((seed.id.clone(), seed.value.value.clone(), status.clone()));
                }
                Some(ObservedValue::Text(text)) if wanted.is_some() => {
                    let same = around.catalogue.same(seed.id.name.as_str(), wanted, Some(text));
                    there.extend(same.then(|| seed.id.clone()));
                }
                _ => {}
            }
        }
        self.seeds_done(there.iter());
        for (id, value, status) in unknown {
            self.refuse(&id, value, status, around.now);
        }
    }

    /// The due seeds as they are sent; one whose secret cannot be read waits.
    pub(super) fn seeds_to_write(&self, around: &Surroundings<'_>) -> Vec<Item> {
        let Some(goal) = &self.goal else { return Vec::new() };
        let text = |seed: &DesiredItem| text_of(seed, &goal.desired, around.contents());
        self.seeds(around.catalogue)
            .filter_map(|seed| Some(Item { id: seed.id.clone(), text: text(seed)?, status: None }))
            .collect()
    }

    /// These were written, refused, or found to be there.
    pub(super) fn seeds_done<'a>(&mut self, ids: impl Iterator<Item = &'a ItemId>) {
        for id in ids {
            self.unsaved |= self.seeding.finish(id);
        }
    }

    /// Whether this is a seed of what is in force.
    pub(super) fn is_seed(&self, id: &ItemId) -> bool {
        self.goal.as_ref().is_some_and(|goal| goal.desired.seed(id).is_some())
    }

    /// Whether the phone refused a seed.
    pub(super) fn refused_a_seed(&self) -> bool {
        !self.seeding.is_empty() && self.refused.iter().any(|refused| self.is_seed(&refused.id))
    }

    /// Refused seeds are tried again.
    pub(super) fn retry_seeds(&mut self) {
        let refused: Vec<ItemId> = self.refused.iter().map(|refused| refused.id.clone()).collect();
        self.seeding.again(&refused);
    }
}
