//! Before-images: what items were before phoneops changed them. Of each item the first one is kept, and the newest ones
//! of later revisions, until the value was put back or a person drops them.

use serde::{Deserialize, Serialize};

use super::record::BeforeImage;
use crate::{spec::Revision, wpi::ItemId};

/// Most images of one item beside the first.
const NEWEST: usize = 8;

/// The before-images of one phone, in the order in which they were taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BeforeImages(Vec<BeforeImage>);

impl BeforeImages {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &BeforeImage> {
        self.0.iter()
    }

    /// Those of one item, the oldest first.
    pub fn of(&self, id: &ItemId) -> impl DoubleEndedIterator<Item = &BeforeImage> {
        self.0.iter().filter(move |image| image.id == *id)
    }

    /// What the item was before phoneops first changed it.
    pub fn first(&self, id: &ItemId) -> Option<&BeforeImage> {
        self.of(id).find(|image| !image.returned)
    }

    /// The oldest image of each item that does not have its first value again.
    pub fn firsts(&self) -> impl Iterator<Item = &BeforeImage> {
        let mut seen = std::collections::HashSet::new();
        self.0.iter().filter(move |image| !image.returned && seen.insert(&image.id))
    }

    /// Takes an image, unless this revision has one of the item.
    pub(super) fn take(&mut self, image: BeforeImage) -> bool {
        if self.of(&image.id).any(|known| known.revision == image.revision && !known.returned) {
            return false;
        }
        // what was put back is over: the item is changed for the first time again
        self.0.retain(|known| known.id != image.id || !known.returned);
        if self.of(&image.id).count() > NEWEST {
            let second = self.0.iter().enumerate().filter(|(_, known)| known.id == image.id).nth(1);
            if let Some(place) = second.map(|(place, _)| place) {
                self.0.remove(place);
            }
        }
        self.0.push(image);
        true
    }

    /// The newest image of an item was taken for a write that did not leave.
    pub(super) fn take_back(&mut self, id: &ItemId) {
        if let Some(place) = self.0.iter().rposition(|image| image.id == *id) {
            self.0.remove(place);
        }
    }

    /// The item has its first value again; what the revision that did it changed can still be undone.
    pub(super) fn returned(&mut self, id: &ItemId, by: &Revision) {
        self.0.retain(|image| image.id != *id || image.revision == *by);
        for image in self.0.iter_mut().filter(|image| image.id == *id) {
            image.returned = true;
        }
    }

    /// Forgets those of items that `drops` names. How many items that were.
    pub(super) fn drop_of(&mut self, drops: impl Fn(&ItemId) -> bool) -> usize {
        let mut gone: Vec<ItemId> = self.0.extract_if(.., |image| drops(&image.id)).map(|image| image.id).collect();
        gone.sort();
        gone.dedup();
        gone.len()
    }
}

impl FromIterator<BeforeImage> for BeforeImages {
    fn from_iter<I: IntoIterator<Item = BeforeImage>>(images: I) -> Self {
        Self(images.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use smol_str::SmolStr;

    use super::*;
    use crate::wpi::ItemName;

    fn image(name: &str, old: &str, revision: &str) -> BeforeImage {
        BeforeImage {
            id: ItemId::new(ItemName::new(name).unwrap(), None),
            old: Some(SmolStr::new(old)),
            new: None,
            revision: Revision::new(revision),
            at: Timestamp::UNIX_EPOCH,
            secret: false,
            returned: false,
        }
    }

    #[test]
    fn the_first_image_and_the_newest_are_kept_and_one_of_each_revision() {
        let mut images = BeforeImages::default();
        let id = image("e164", "", "").id;
        for number in 0..20 {
            assert!(images.take(image("e164", &number.to_string(), &format!("r{number}"))));
            assert!(!images.take(image("e164", "again", &format!("r{number}"))));
        }
        let kept: Vec<_> = images.of(&id).map(|image| image.old.clone().unwrap()).collect();
        assert_eq!(kept, ["0", "12", "13", "14", "15", "16", "17", "18", "19"]);
        assert_eq!(images.first(&id).unwrap().old.as_deref(), Some("0"));
    }

    #[test]
    fn a_value_that_was_put_back_begins_anew() {
        let mut images: BeforeImages = [image("e164", "1", "r1"), image("e164", "2", "r2")].into_iter().collect();
        let id = image("e164", "", "").id;
        images.returned(&id, &Revision::new("r2"));
        assert_eq!(images.first(&id), None);
        assert_eq!(images.of(&id).count(), 1, "what r2 changed can be undone");
        assert!(images.take(image("e164", "7", "r3")));
        assert_eq!(images.first(&id).unwrap().old.as_deref(), Some("7"));
        assert_eq!(images.of(&id).count(), 1);
    }

    #[test]
    fn the_newest_image_is_taken_back_alone() {
        let mut images: BeforeImages = [image("e164", "1", "r1"), image("realm", "x", "r1")].into_iter().collect();
        let id = image("e164", "", "").id;
        images.take(image("e164", "2", "r2"));
        images.take_back(&id);
        assert_eq!(images.of(&id).map(|image| image.revision.as_str()).collect::<Vec<_>>(), ["r1"]);
        assert_eq!(images.drop_of(|known| *known == id), 1);
        assert_eq!(images.iter().count(), 1);
    }
}
