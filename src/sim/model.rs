//! What kinds of phone are simulated and in what they differ on the wire (R-519 to R-524, section 13).

use std::{fmt, str::FromStr};

/// A model with its firmware. `Display` and `FromStr` use the name that people write, such as `OpenStage 40 V3R5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Model {
    /// `OpenStage 40`, V3R5: everything the newest of its line can do.
    #[default]
    OpenStage40V3R5,
    /// `OpenStage 60`, V3R1: attached items, but no `send-solicited` yet.
    OpenStage60V3R1,
    /// `OpenStage 20`, V2R1: no attached items, no chunks, does not decode entities.
    OpenStage20V2R1,
    /// `OpenScape Desk Phone CP210`: a numbering of its own, a new connection for every request.
    Cp210,
}

/// No such model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no simulated phone is called {0:?}; known are: {known}", known = Model::names().join(", "))]
pub struct UnknownModel(pub String);

/// The facts of one model.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that a firmware has or has not")]
pub(super) struct Facts {
    pub(super) name: &'static str,
    pub(super) device_type: &'static str,
    pub(super) software_version: &'static str,
    pub(super) part_number: &'static str,
    /// Version and release that decide which rows of the item set exist.
    pub(super) firmware: (u16, u16),
    /// `send-solicited` is known.
    pub(super) keeps_a_wish: bool,
    /// `local-changes` carries the changed items.
    pub(super) attaches_changes: bool,
    /// The short list of old firmware: `gigabit-ethernet` and `user-pwd-unicode` as failed.
    pub(super) old_basics: bool,
    /// The long list of a start-up from V3R1.
    pub(super) long_start_up: bool,
    /// The V1/V2 bug: `&lt;`, `&gt;` and `&amp;` stay as they are.
    pub(super) entity_bug: bool,
    /// Reads chunked answers.
    pub(super) reads_chunks: bool,
    /// Says `Connection: close` in every request.
    pub(super) closes: bool,
    /// Programmable keys 1 to this number (R-1216).
    pub(super) keys: u32,
    /// Highest index of `locked-config-menus`.
    pub(super) config_menus: u32,
}

static OPENSTAGE_40: Facts = Facts {
    name: "OpenStage 40 V3R5",
    device_type: "OpenStage 40",
    software_version: "V3 R5.12.0",
    part_number: "S30817-S7402-A101-15",
    firmware: (3, 5),
    keeps_a_wish: true,
    attaches_changes: true,
    old_basics: false,
    long_start_up: true,
    entity_bug: false,
    reads_chunks: true,
    closes: false,
    keys: 6,
    config_menus: 79,
};

static OPENSTAGE_60: Facts = Facts {
    name: "OpenStage 60 V3R1",
    device_type: "OpenStage 60",
    software_version: "V3 R1.22.0",
    part_number: "S30817-S7403-A101-15",
    firmware: (3, 1),
    keeps_a_wish: false,
    attaches_changes: true,
    old_basics: false,
    long_start_up: true,
    entity_bug: false,
    reads_chunks: true,
    closes: false,
    keys: 8,
    config_menus: 79,
};

static OPENSTAGE_20: Facts = Facts {
    name: "OpenStage 20 V2R1",
    device_type: "OpenStage 20",
    software_version: "V2 R1.21.0",
    part_number: "S30817-S7401-A101-12",
    firmware: (2, 1),
    keeps_a_wish: false,
    attaches_changes: false,
    old_basics: true,
    long_start_up: false,
    entity_bug: true,
    reads_chunks: false,
    closes: false,
    keys: 0,
    config_menus: 66,
};

static CP210: Facts = Facts {
    name: "CP210",
    device_type: "OpenScape Desk Phone CP210",
    // its numbering started again: thresholds of the older line read from it would all be wrong
    software_version: "V2 R0.11.0",
    part_number: "Unknown",
    firmware: (3, 5),
    keeps_a_wish: true,
    attaches_changes: true,
    old_basics: false,
    long_start_up: true,
    entity_bug: false,
    reads_chunks: true,
    closes: true,
    keys: 4,
    config_menus: 79,
};

impl Model {
    /// Every model.
    pub const ALL: [Self; 4] = [Self::OpenStage40V3R5, Self::OpenStage60V3R1, Self::OpenStage20V2R1, Self::Cp210];

    /// The names of all models.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.into_iter().map(Self::name).collect()
    }

    /// The name that people write.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The `device-type` that the phone reports.
    pub fn device_type(self) -> &'static str {
        self.facts().device_type
    }

    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Self::OpenStage40V3R5 => &OPENSTAGE_40,
            Self::OpenStage60V3R1 => &OPENSTAGE_60,
            Self::OpenStage20V2R1 => &OPENSTAGE_20,
            Self::Cp210 => &CP210,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Reads the name without regard to case and blanks; the device type alone is enough.
    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '-'], "");
        let wanted = plain(text);
        Self::ALL
            .into_iter()
            .find(|model| wanted == plain(model.name()) || wanted == plain(model.device_type()))
            .ok_or_else(|| UnknownModel(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_name_or_its_device_type() {
        for model in Model::ALL {
            assert_eq!(model.name().parse(), Ok(model));
            assert_eq!(model.device_type().parse(), Ok(model));
        }
        assert_eq!("openstage40v3r5".parse(), Ok(Model::OpenStage40V3R5));
        assert!("OpenStage 41".parse::<Model>().unwrap_err().to_string().contains("CP210"));
    }

    #[test]
    fn only_phones_from_v3r3_and_the_cp_line_keep_a_wish() {
        let keepers: Vec<_> = Model::ALL.into_iter().filter(|model| model.facts().keeps_a_wish).collect();
        assert_eq!(keepers, [Model::OpenStage40V3R5, Model::Cp210]);
    }
}
