//! What a simulated phone remembers: the factory values of its model and what was written since (R-506, R-517,
//! R-1201 to R-1206).

use std::{collections::BTreeMap, sync::Arc};

use smol_str::SmolStr;

use super::{
    item_set::{ItemSet, Kind, Row},
    model::Model,
};
use crate::wpi::{Item, ItemId, ItemStatus, ItemText, item::sounds_secret};

/// Most values kept beside the factory values; further ones are refused as `failed`.
const LIMIT: usize = 20_000;

/// The values of one phone.
#[derive(Debug)]
pub(super) struct Memory {
    set: Arc<ItemSet>,
    /// Only what differs from the factory values, so that thousands of phones fit into one process.
    written: BTreeMap<ItemId, ItemText>,
    /// How often in a row each item was written with the value that it had from the write before.
    repeats: BTreeMap<ItemId, Repeats>,
    entity_bug: bool,
}

/// Writes of one item that gave it the value that the write before had given it.
#[derive(Debug, Clone, Copy, Default)]
struct Repeats {
    run: u32,
    most: u32,
}

impl Memory {
    /// A factory-fresh phone.
    pub(super) fn new(model: Model) -> Self {
        Self {
            set: ItemSet::of(model),
            written: BTreeMap::new(),
            repeats: BTreeMap::new(),
            entity_bug: model.facts().entity_bug,
        }
    }

    /// Forgets all that was written.
    pub(super) fn reset(&mut self) {
        self.written.clear();
    }

    /// The value as the phone itself sees it, secrets in custody; `None` for what it does not know.
    pub(super) fn value(&self, id: &ItemId) -> Option<ItemText> {
        if let Some(text) = self.written.get(id) {
            return Some(text.clone());
        }
        let row = self.set.row(id)?;
        let text = row.default.clone();
        Some(if sounds_secret(id.name.as_str()) && !text.is_empty() {
            ItemText::Secret(crate::wpi::Secret::new(text.as_str()))
        } else {
            ItemText::Plain(text)
        })
    }

    /// Sets a value without asking the rules of the wire: what the phone says of itself, and what its user does.
    pub(super) fn put(&mut self, id: ItemId, text: ItemText) {
        if self.written.len() < LIMIT || self.written.contains_key(&id) {
            self.written.insert(id, text);
        }
    }

    /// Saves one item of a `WriteItems`; the status says why it was not saved.
    pub(super) fn write(&mut self, item: &Item) -> Option<ItemStatus> {
        let row = match self.find(&item.id) {
            Ok(row) => row,
            Err(status) => return Some(status),
        };
        if let Some(status) = row.and_then(|row| refusal(row, &item.text)) {
            return Some(status);
        }
        if row.is_some_and(|row| row.kind == Kind::Action) {
            return None;
        }
        if self.written.len() >= LIMIT && !self.written.contains_key(&item.id) {
            return Some(ItemStatus::Failed);
        }
        let text = if self.entity_bug { left_encoded(&item.text) } else { item.text.clone() };
        if let Some(before) = self.written.insert(item.id.clone(), text) {
            let repeats = self.repeats.entry(item.id.clone()).or_default();
            repeats.run = if self.written.get(&item.id) == Some(&before) { repeats.run + 1 } else { 0 };
            repeats.most = repeats.most.max(repeats.run);
        }
        None
    }

    /// Most writes in a row that left this item as the write before had left it.
    pub(super) fn repeats(&self, id: &ItemId) -> u32 {
        self.repeats.get(id).map_or(0, |repeats| repeats.most)
    }

    /// One item as the reply to `ReadItems` has it.
    pub(super) fn read(&self, id: &ItemId) -> Item {
        let refused = |status| Item { id: id.clone(), text: ItemText::EMPTY, status: Some(status) };
        match self.find(id) {
            Err(status) => refused(status),
            Ok(Some(row)) if !row.readable() => refused(ItemStatus::Failed),
            Ok(_) => Item { id: id.clone(), text: self.value(id).unwrap_or(ItemText::EMPTY), status: None },
        }
    }

    /// All that `ReadAllItems` gives: what is reported from the start, then further instances that were written.
    pub(super) fn read_all(&self) -> impl Iterator<Item = Item> {
        let more = self.written.keys().filter(|id| {
            !self.set.reported.contains(id) && self.set.row(id).is_none_or(Row::readable) && !is_secret(&self.set, id)
        });
        self.set.reported.iter().chain(more).map(|id| self.read(id))
    }

    /// Whether the value must not leave the phone (R-1508).
    pub(super) fn is_secret(&self, id: &ItemId) -> bool {
        is_secret(&self.set, id)
    }

    /// The row, or `None` for an item that was put into this phone beside its set.
    fn find(&self, id: &ItemId) -> Result<Option<&Row>, ItemStatus> {
        if let Some(row) = self.set.row(id) {
            return Ok(Some(row));
        }
        if self.written.contains_key(id) {
            return Ok(None);
        }
        Err(if !self.set.knows(id.name.as_str()) {
            ItemStatus::UnknownItem
        } else if id.name.as_str().starts_with("Canonical-lookup-") {
            // as phones in the field answer
            ItemStatus::Failed
        } else {
            ItemStatus::InvalidIndex
        })
    }
}

fn is_secret(set: &ItemSet, id: &ItemId) -> bool {
    set.row(id).map_or_else(|| sounds_secret(id.name.as_str()), |row| row.kind == Kind::Secret)
}

/// Why a row does not take a text (R-517, R-1201 to R-1204).
fn refusal(row: &Row, text: &ItemText) -> Option<ItemStatus> {
    let no_content = || ItemStatus::Other(SmolStr::new_static("missing item content"));
    // secrets are taken as they come: nobody but the encoder reads them
    let plain = text.as_plain();
    match (row.kind, plain) {
        (Kind::Report, _) => Some(ItemStatus::ReadOnly),
        (Kind::Boolean | Kind::Choice, Some("")) => Some(no_content()),
        (Kind::Boolean, Some(word)) if !matches!(word, "true" | "false") => Some(ItemStatus::InvalidData),
        (Kind::Choice, Some(word)) if word.parse::<u32>().is_err() && !row.words.iter().any(|known| known == word) => {
            Some(ItemStatus::InvalidData)
        }
        (Kind::Number, Some(word)) if !word.is_empty() => {
            let good = word.parse::<i64>().is_ok_and(|n| row.range.is_none_or(|(low, high)| (low..=high).contains(&n)));
            (!good).then_some(ItemStatus::InvalidData)
        }
        (Kind::Text, Some(word)) if row.longest.is_some_and(|most| word.chars().count() > most) => {
            Some(ItemStatus::InvalidData)
        }
        _ => None,
    }
}

/// What the V1/V2 parser makes of a text: three entities stay as they were written.
fn left_encoded(text: &ItemText) -> ItemText {
    match text {
        ItemText::Plain(plain) if plain.contains(['&', '<', '>']) => {
            ItemText::plain(plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wpi::{Index, ItemName, Secret};

    fn id(name: &str, index: Option<u32>) -> ItemId {
        ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
    }

    fn write(memory: &mut Memory, name: &str, index: Option<u32>, text: &str) -> Option<String> {
        memory.write(&Item::plain(id(name, index), text)).map(|status| status.as_str().to_owned())
    }

    #[test]
    fn refused_items_get_the_words_of_real_phones() {
        let mut memory = Memory::new(Model::OpenStage40V3R5);
        let mut status = |name, index, text| write(&mut memory, name, index, text).unwrap_or_default();
        assert_eq!(status("sntp-addr", None, "192.0.2.5"), "");
        assert_eq!(status("no-such-item", None, "x"), "unknown item");
        assert_eq!(status("device-type", None, "x"), "read only");
        assert_eq!(status("locked-local-function-menus", Some(11), "true"), "invalid index");
        assert_eq!(status("Canonical-lookup-local-code", Some(51), "1"), "failed");
        assert_eq!(status("daylight-save", None, "1"), "invalid data");
        assert_eq!(status("daylight-save", None, ""), "missing item content");
        assert_eq!(status("sip-transport-user", None, "TLS"), "invalid data");
        assert_eq!(status("sntp-tz-offset", None, "721"), "invalid data");
        assert_eq!(status("display-id-unicode", None, "a name of more than 24 characters"), "invalid data");
        assert_eq!(status("XML-app-action", Some(1), "update"), "");
    }

    #[test]
    fn what_people_usually_set_is_taken() {
        // R-1220 to R-1224
        let usual = "e164=4989700123 registrar-addr=NULL use-display-id=true reg-port=5060 sgnl-route=0 reg-ttl=3600 \
                     sip-transport-user=0 server-type=0 register-by-name=false function-key-def[4]=31 key-label[4]=L \
                     key-label-unicode[4]=L line-primary[4]=true line-sip-uri[4]=4201 line-ring-delay[4]=0 \
                     line-shared-type[4]=1 line-hot-line-warm-line[4]=0 line-hidden[4]=false line-mlo-pos[4]=0 \
                     stimulus-led-control-uri[2]=4201 blf-popup[2]=true blf-code=*8 XML-app-action[1]=update \
                     XML-app-control-key[1]=3 XML-app-num-tabs[1]=1 XML-app-restart[1]=true sntp-tz-offset=60 \
                     daylight-save-zone-id=9 country-iso=DE ldap-authentication=1 ringer-melody=3 \
                     alert[1]=internal^7^2^60^bell-2.mp3 map-special-ringer-0=internal";
        let mut memory = Memory::new(Model::OpenStage40V3R5);
        for (place, text) in usual.split_whitespace().filter_map(|item| item.split_once('=')) {
            let (name, index) = place.split_once('[').unwrap_or((place, ""));
            let index = index.trim_end_matches(']').parse().ok();
            assert_eq!(write(&mut memory, name, index, text), None, "{place}");
        }
    }

    #[test]
    fn a_secret_is_taken_and_never_read_back() {
        let mut memory = Memory::new(Model::OpenStage40V3R5);
        let sip = id("sip-pwd", None);
        let planted = Item { id: sip.clone(), text: ItemText::Secret(Secret::new("planted")), status: None };
        assert_eq!(memory.write(&planted), None);
        assert_eq!(memory.value(&sip), Some(planted.text));
        assert_eq!(memory.read(&sip).status, Some(ItemStatus::Failed));
        assert!(memory.read(&sip).text.is_empty());
        assert!(memory.read_all().all(|item| item.id != sip));
    }

    #[test]
    fn old_firmware_leaves_three_entities_as_they_came() {
        let mut memory = Memory::new(Model::OpenStage20V2R1);
        assert_eq!(write(&mut memory, "sip-name", None, "A & \"B\""), None);
        assert_eq!(memory.read(&id("sip-name", None)).text, ItemText::plain("A &amp; \"B\""));
    }

    #[test]
    fn an_instance_that_was_written_is_reported_from_then_on() {
        let mut memory = Memory::new(Model::OpenStage40V3R5);
        let lookup = id("Canonical-lookup-local-code", Some(40));
        assert!(memory.read_all().all(|item| item.id != lookup));
        assert_eq!(write(&mut memory, "Canonical-lookup-local-code", Some(40), "77"), None);
        assert!(memory.read_all().any(|item| item.id == lookup && item.text == ItemText::plain("77")));
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(number in 0usize..1000, text in "\\PC{0,20}", boolean: bool, n in 0i64..=5) {
            let mut memory = Memory::new(Model::OpenStage40V3R5);
            let ids = memory.set.reported.clone();
            let id = ids[number % ids.len()].clone();
            let value = match memory.set.row(&id).unwrap().kind {
                Kind::Boolean => boolean.to_string(),
                Kind::Number | Kind::Choice => n.to_string(),
                _ => text,
            };
            let before = memory.read(&id);
            let refused = memory.write(&Item::plain(id.clone(), value.as_str())).is_some();
            prop_assert_eq!(memory.read(&id), if refused { before } else { Item::plain(id, value) });
        }
    }
}
