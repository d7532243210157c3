//! Firmware versions and what they can do (R-523, section 13).

use std::fmt;

use smol_str::SmolStr;

/// A firmware version, read leniently and ordered: `V3 R5.12.0`, `3.5.12.0`, `V3R5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareVersion {
    /// The number after V.
    pub version: u16,
    /// A number after a dot behind V (`V1.4`), else 0.
    pub minor: u16,
    /// The number after R.
    pub release: u16,
    /// The fix.
    pub fix: u16,
    /// The hotfix.
    pub hotfix: u16,
}

impl FirmwareVersion {
    /// Reads a version; `None` when the text is none (which must not stop a flow).
    pub fn parse(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

/// What a phone of that model and firmware can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirmwareProfile {
    /// Whether `send-solicited` is honoured: OpenStage from V3R3, every CP, unknown versions.
    pub send_solicited: bool,
    /// Whether `&lt;` and kin are decoded: not on V1/V2.
    pub decodes_entities: bool,
    /// Whether the web server is fragile: V1/V2; contact it half as often.
    pub fragile: bool,
}

impl FirmwareProfile {
    /// The profile of a phone by its `device-type` and `software-version` as reported.
    pub fn of(device_type: Option<&str>, software_version: Option<&str>) -> Self {
        let _ = (device_type, software_version, SmolStr::default());
        todo!()
    }
}
