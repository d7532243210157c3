//! Which items a simulated phone has: `items.csv` as data, cut to one model.
//!
//! Columns: name; `index` the instances that exist (`1..5;7`, `keys` = the model's keys, `none` = also without index,
//! empty = only without); `reported` those that a reply to `ReadAllItems` holds from the start; kind; `limits` a range
//! for numbers, the most characters for texts, the words of a choice; the factory value; the first firmware.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use smol_str::SmolStr;

use super::model::{Facts, Model};
use crate::wpi::{Index, ItemId, ItemName};

static ITEMS: &str = include_str!("items.csv");

/// What an item takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Number,
    Choice,
    /// The phone's own word: read only.
    Report,
    /// Written, never read back.
    Secret,
    /// Written, does something, has no value.
    Action,
}

/// One row: a name with a range of instances.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// Whether the item exists without an index.
    pub(super) plain: bool,
    /// Which indexes exist, as inclusive ranges.
    pub(super) indexes: Vec<(u32, u32)>,
    /// Which of them are reported from the start.
    reported: Vec<(u32, u32)>,
    /// Lowest and highest number.
    pub(super) range: Option<(i64, i64)>,
    /// Most characters of a text.
    pub(super) longest: Option<usize>,
    /// The words of a choice beside numbers.
    pub(super) words: Vec<SmolStr>,
    /// The factory value.
    pub(super) default: SmolStr,
}

impl Row {
    pub(super) fn holds(&self, index: Option<Index>) -> bool {
        match index {
            None => self.plain,
            Some(Index(number)) => self.indexes.iter().any(|(low, high)| (*low..=*high).contains(&number)),
        }
    }

    /// Whether a value comes back when the item is read.
    pub(super) fn readable(&self) -> bool {
        !matches!(self.kind, Kind::Secret | Kind::Action)
    }
}

/// All rows of one model.
#[derive(Debug)]
pub(super) struct ItemSet {
    rows: HashMap<SmolStr, Vec<Row>>,
    /// What `ReadAllItems` gives on a factory-fresh phone, in the order of the file.
    pub(super) reported: Vec<ItemId>,
}

impl ItemSet {
    /// The set of a model; built once per process and shared by all its phones.
    pub(super) fn of(model: Model) -> Arc<Self> {
        static SETS: LazyLock<HashMap<Model, Arc<ItemSet>>> = LazyLock::new(|| {
            Model::ALL.into_iter().map(|model| (model, Arc::new(ItemSet::build(model.facts())))).collect()
        });
        SETS.get(&model).map_or_else(|| Arc::new(Self::build(model.facts())), Arc::clone)
    }

    /// Whether the phone knows the name at all.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.rows.contains_key(name)
    }

    /// The row of one instance.
    pub(super) fn row(&self, id: &ItemId) -> Option<&Row> {
        self.rows.get(id.name.as_str())?.iter().find(|row| row.holds(id.index))
    }

    fn build(facts: &Facts) -> Self {
        let mut set = Self { rows: HashMap::new(), reported: Vec::new() };
        for line in csv::Reader::from_reader(ITEMS.as_bytes()).records().flatten() {
            let field = |number: usize| line.get(number).unwrap_or_default();
            let Ok(name) = ItemName::new(field(0)) else { continue };
            if !since(field(6), facts.firmware) {
                continue;
            }
            let row = row(&field, name.as_str(), facts);
            if !row.plain && row.indexes.is_empty() {
                continue;
            }
            if row.readable() {
                if row.plain {
                    set.reported.push(ItemId::new(name.clone(), None));
                }
                let numbers = row.reported.iter().flat_map(|(low, high)| *low..=*high);
                set.reported.extend(numbers.map(|number| ItemId::new(name.clone(), Some(Index(number)))));
            }
            set.rows.entry(SmolStr::new(name.as_str())).or_default().push(row);
        }
        set
    }
}

fn row<'a>(field: &impl Fn(usize) -> &'a str, name: &str, facts: &Facts) -> Row {
    let kind = match field(3) {
        "boolean" => Kind::Boolean,
        "number" => Kind::Number,
        "choice" => Kind::Choice,
        "report" => Kind::Report,
        "secret" => Kind::Secret,
        "action" => Kind::Action,
        _ => Kind::Text,
    };
    let mut indexes = ranges(field(1), facts.keys);
    if name == "locked-config-menus" {
        indexes = vec![(1, facts.config_menus)];
    }
    let limits = field(4);
    Row {
        kind,
        plain: field(1).split(';').any(|part| part.is_empty() || part == "none"),
        indexes,
        reported: ranges(&field(2).replace("keys", &own_keys(facts)), 0),
        range: limits.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?))),
        longest: (kind == Kind::Text).then(|| limits.parse().ok()).flatten(),
        words: if kind == Kind::Choice { limits.split_whitespace().map(SmolStr::new).collect() } else { Vec::new() },
        default: SmolStr::new(field(5)),
    }
}

/// The programmable keys of the first level, which are those that are reported.
fn own_keys(facts: &Facts) -> String {
    if facts.keys > 0 { format!("1..{}", facts.keys) } else { String::new() }
}

/// Reads `1..3;7;keys`. `keys` alone are all that a phone can have: its own, the shifted level, modules, fixed keys.
fn ranges(text: &str, keys: u32) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    for part in text.split(';') {
        if part == "keys" {
            if keys > 0 {
                ranges.extend([(1, keys), (1001, 1000 + keys), (4002, 4003)]);
                for base in [301, 401, 1301, 1401] {
                    ranges.push((base, base + 11));
                }
            }
        } else if let Some((low, high)) = part.split_once("..") {
            ranges.extend(low.parse().ok().zip(high.parse().ok()));
        } else if let Ok(number) = part.parse() {
            ranges.push((number, number));
        }
    }
    ranges
}

/// Whether a row that came with firmware `first` (`V3`, `V2R1`, empty) exists in `firmware`.
fn since(first: &str, firmware: (u16, u16)) -> bool {
    let Some(numbers) = first.strip_prefix('V') else { return true };
    let (version, release) = numbers.split_once('R').unwrap_or((numbers, "0"));
    (version.parse().unwrap_or(0), release.parse().unwrap_or(0)) <= firmware
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, index: Option<u32>) -> ItemId {
        ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
    }

    #[test]
    fn a_phone_reports_some_four_hundred_items() {
        for model in Model::ALL {
            let reported = ItemSet::of(model).reported.len();
            assert!((370..=450).contains(&reported), "{model}: {reported}");
        }
    }

    #[test]
    fn every_reported_item_has_a_row_and_none_is_a_secret() {
        for model in Model::ALL {
            let set = ItemSet::of(model);
            for id in &set.reported {
                assert!(set.row(id).unwrap().readable(), "{id}");
            }
        }
    }

    #[test]
    fn a_model_has_the_keys_and_the_items_of_its_firmware() {
        let old = ItemSet::of(Model::OpenStage20V2R1);
        assert!(!old.knows("pwd-digit") && !old.knows("function-key-def"));
        let new = ItemSet::of(Model::OpenStage40V3R5);
        assert!(new.knows("pwd-digit"));
        assert!(new.row(&id("function-key-def", Some(6))).is_some());
        assert!(new.row(&id("function-key-def", Some(7))).is_none());
        assert!(new.row(&id("function-key-def", Some(0))).is_none());
        assert!(new.row(&id("function-key-def", Some(1006))).is_some());
    }

    #[test]
    fn an_item_of_doubtful_indexing_exists_both_ways() {
        let set = ItemSet::of(Model::OpenStage40V3R5);
        assert!(set.row(&id("ldap-server-address", None)).is_some());
        assert!(set.row(&id("ldap-server-address", Some(1))).is_some());
        assert!(set.row(&id("sntp-addr", Some(0))).is_none(), "index 0 is not the same as none");
    }
}
