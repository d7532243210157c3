//! Firmware versions and what they can do (R-523, section 13).

use std::fmt;

/// A firmware version, read leniently and ordered: `V3 R5.12.0`, `3.5.12.0`, `V3R5`, `V1.4 R9.0`. Versions of CP phones
/// count on their own: compare only versions of the same family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareVersion {
    /// The number after V.
    pub version: u16,
    /// A number after a dot behind V (`V1.4 R9`), else 0.
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
    ///
    /// Letters may have either case, words may stand before the V and anything behind the numbers. Without an R the
    /// numbers are version, release, fix and hotfix; absent ones are 0.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, marked) = start(text.trim())?;
        let (head, rest) = numbers(text)?;
        let behind = rest.trim_start_matches([' ', '.', '_', '-']);
        let tail = behind.strip_prefix(['R', 'r']).and_then(|text| numbers(text.trim_start())).map(|(tail, _)| tail);
        let at = |numbers: &[u16], place: usize| numbers.get(place).copied().unwrap_or(0);
        match tail {
            Some(tail) => Some(Self {
                version: at(&head, 0),
                minor: at(&head, 1),
                release: at(&tail, 0),
                fix: at(&tail, 1),
                hotfix: at(&tail, 2),
            }),
            None if marked || head.len() > 1 => Some(Self {
                version: at(&head, 0),
                minor: 0,
                release: at(&head, 1),
                fix: at(&head, 2),
                hotfix: at(&head, 3),
            }),
            None => None,
        }
    }

    /// Whether this is version `version`, release `release`, or newer.
    pub fn is_at_least(&self, version: u16, release: u16) -> bool {
        (self.version, self.release) >= (version, release)
    }
}

/// Where the numbers start, and whether a V says so.
fn start(text: &str) -> Option<(&str, bool)> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some((text, false));
    }
    text.match_indices(['V', 'v'])
        .filter(|(at, _)| !text.get(..*at).unwrap_or_default().ends_with(char::is_alphanumeric))
        .filter_map(|(at, _)| text.get(at + 1..))
        .map(str::trim_start)
        .find(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map(|rest| (rest, true))
}

/// The numbers with dots between them that `text` starts with, at most four, and what follows.
fn numbers(text: &str) -> Option<(Vec<u16>, &str)> {
    let mut found = Vec::with_capacity(4);
    let mut rest = text;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        found.push(digits.parse().ok()?);
        let next = behind.strip_prefix('.').filter(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        match next {
            Some(next) if found.len() < 4 => rest = next,
            _ => return Some((found, behind)),
        }
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, minor, release, fix, hotfix } = self;
        write!(f, "V{version}")?;
        if *minor > 0 {
            write!(f, ".{minor}")?;
        }
        write!(f, " R{release}.{fix}.{hotfix}")
    }
}

/// What a phone of that model and firmware can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one a threshold; each changed with a firmware of its own")]
pub struct FirmwareProfile {
    /// Whether `send-solicited` is honoured: OpenStage from V3R3, every CP, unknown versions.
    pub send_solicited: bool,
    /// Whether `&lt;` and kin are decoded: not on V1/V2.
    pub decodes_entities: bool,
    /// Whether the web server is fragile: V1/V2; contact it half as often.
    pub fragile: bool,
    /// Whether items have their newer names with `-user` at the end: not on V1/V2 (section 13).
    pub user_names: bool,
    /// Whether passwords may be other than six digits: not on V1/V2 (R-1213).
    pub free_passwords: bool,
    /// Whether the phone can poll: OpenStage from V2R0 (section 13), every CP, unknown versions.
    pub polls: bool,
    /// Whether `alert` has a fifth field, the file: OpenStage from V3R3 (R-1208).
    pub alert_file: bool,
    /// The highest index of `locked-config-menus`: 66 before V3R1, then 79 (section 13).
    pub config_menus: u32,
}

impl Default for FirmwareProfile {
    /// A phone of which nothing is known is taken for a modern one.
    fn default() -> Self {
        Self {
            send_solicited: true,
            decodes_entities: true,
            fragile: false,
            user_names: true,
            free_passwords: true,
            polls: true,
            alert_file: true,
            config_menus: 79,
        }
    }
}

impl FirmwareProfile {
    /// The profile of a phone by its `device-type` and `software-version` as reported. The thresholds hold for OpenStage
    /// and OpenScape Desk Phone IP alone: CP phones count from V1 again.
    pub fn of(device_type: Option<&str>, software_version: Option<&str>) -> Self {
        let version = software_version.and_then(FirmwareVersion::parse);
        match version {
            Some(version) if device_type.is_some_and(counts_as_open_stage) => Self {
                send_solicited: version.is_at_least(3, 3),
                decodes_entities: version.version >= 3,
                fragile: version.version < 3,
                user_names: version.version >= 3,
                free_passwords: version.version >= 3,
                polls: version.is_at_least(2, 0),
                alert_file: version.is_at_least(3, 3),
                config_menus: if version.is_at_least(3, 1) { 79 } else { 66 },
            },
            _ => Self::default(),
        }
    }
}

fn counts_as_open_stage(device_type: &str) -> bool {
    let device_type = device_type.to_ascii_lowercase();
    device_type.contains("openstage") || device_type.contains("desk phone ip")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(version: u16, minor: u16, release: u16, fix: u16, hotfix: u16) -> FirmwareVersion {
        FirmwareVersion { version, minor, release, fix, hotfix }
    }

    #[test]
    fn a_version_is_read_in_every_form_that_was_seen() {
        for (text, expected) in [
            ("V3 R5.12.0", Some(version(3, 0, 5, 12, 0))),
            ("V3R5", Some(version(3, 0, 5, 0, 0))),
            ("v3r1.44", Some(version(3, 0, 1, 44, 0))),
            ("3.5.12.0", Some(version(3, 0, 5, 12, 0))),
            ("1.4.9.0", Some(version(1, 0, 4, 9, 0))),
            ("V1.4 R9.0", Some(version(1, 4, 9, 0, 0))),
            ("V3.5.12.0", Some(version(3, 0, 5, 12, 0))),
            (" V2 R0.11.1 HF2 ", Some(version(2, 0, 0, 11, 1))),
            ("SIP V3 R5.12.0", Some(version(3, 0, 5, 12, 0))),
            ("V3", Some(version(3, 0, 0, 0, 0))),
            ("3.5.12.0.7", Some(version(3, 0, 5, 12, 0))),
            ("", None),
            ("unknown", None),
            ("3", None),
            ("V", None),
            ("V99999 R1", None),
            ("NV3", None),
            ("Version", None),
        ] {
            assert_eq!(FirmwareVersion::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number_and_not_by_text() {
        let parse = |text| FirmwareVersion::parse(text).unwrap();
        assert!(parse("V3 R5.12.0") > parse("V3 R5.9.0"));
        assert!(parse("V3 R10") > parse("V3 R9.99"));
        assert!(parse("V3 R0") > parse("V2 R99"));
        assert_eq!(parse("V3R5"), parse("3.5.0.0"));
    }

    #[test]
    fn an_old_openstage_cannot_do_what_a_new_one_can() {
        let of = |version| FirmwareProfile::of(Some("OpenStage 40"), Some(version));
        let modern = FirmwareProfile::default();
        assert_eq!(of("V3 R5.12.0"), modern);
        assert_eq!(of("V3 R3.0.0"), modern);
        let before_v3r3 = FirmwareProfile { send_solicited: false, alert_file: false, ..modern };
        assert_eq!(of("V3 R2.9.0"), before_v3r3);
        assert_eq!(of("V3 R1.44"), before_v3r3);
        assert_eq!(of("V3 R0.9"), FirmwareProfile { config_menus: 66, ..before_v3r3 });
        let old = FirmwareProfile {
            send_solicited: false,
            decodes_entities: false,
            fragile: true,
            user_names: false,
            free_passwords: false,
            polls: true,
            alert_file: false,
            config_menus: 66,
        };
        assert_eq!(of("V2 R2.30.0"), old);
        assert_eq!(of("V1 R5.6.0"), FirmwareProfile { polls: false, ..old });
        assert_eq!(FirmwareProfile::of(Some("OpenScape Desk Phone IP 35G"), Some("V3 R1")), of("V3 R1"));
    }

    #[test]
    fn a_cp_phone_counts_on_its_own_and_the_unknown_is_modern() {
        let modern = FirmwareProfile::default();
        assert_eq!(FirmwareProfile::of(Some("OpenScape Desk Phone CP210"), Some("V1 R10.2.2")), modern);
        assert_eq!(FirmwareProfile::of(Some("OpenScape Desk Phone CP710"), Some("V2 R0.11")), modern);
        assert_eq!(FirmwareProfile::of(Some("OpenStage 40"), Some("built on tuesday")), modern);
        assert_eq!(FirmwareProfile::of(Some("OpenStage 40"), None), modern);
        assert_eq!(FirmwareProfile::of(None, Some("V1 R5.6.0")), modern);
        assert_eq!(FirmwareProfile::of(Some("Soft phone"), Some("V1")), modern);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(numbers: (u16, u16, u16, u16, u16)) {
            let version = version(numbers.0, numbers.1, numbers.2, numbers.3, numbers.4);
            prop_assert_eq!(FirmwareVersion::parse(&version.to_string()), Some(version));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}", near in "[vVrR0-9. ]{0,16}") {
            let _ = FirmwareVersion::parse(&text);
            let _ = FirmwareVersion::parse(&near);
        }
    }
}
