//! Time zones by their IANA names, from the database that is built in: a container without zoneinfo knows them too.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::LazyLock,
};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::suggest::did_you_mean;

static KNOWN: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone with a name, such as `Europe/Berlin`. A clone shares its rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of that name.
    ///
    /// # Errors
    /// No such zone, with the closest name there is.
    pub fn new(name: &str) -> Result<Self, String> {
        let zone = KNOWN.get(name).ok().filter(|zone| zone.iana_name().is_some());
        zone.map(Self).ok_or_else(|| {
            let names: Vec<_> = KNOWN.available().map(|name| name.to_string()).collect();
            let city = |full: &&String| full.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
            let hint = match names.iter().find(city) {
                Some(full) => format!("; did you mean `{full}`?"),
                None => did_you_mean(name, names.iter().map(String::as_str)),
            };
            let hint = if hint.is_empty() { "; write an IANA name, such as Europe/Berlin" } else { &hint };
            format!("there is no time zone `{name}`{hint}")
        })
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Its rules.
    pub fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Zone> for SmolStr {
    fn from(zone: Zone) -> Self {
        Self::new(zone.name())
    }
}

impl TryFrom<SmolStr> for Zone {
    type Error = String;
    fn try_from(name: SmolStr) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_names_and_slips_get_a_hint() {
        assert_eq!(Zone::new("Europe/Berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::new("UTC").unwrap().name(), "UTC");
        assert!(Zone::new("Europe/Berln").unwrap_err().ends_with("; did you mean `Europe/Berlin`?"));
        assert!(Zone::new("berlin").unwrap_err().ends_with("; did you mean `Europe/Berlin`?"));
        for none in ["", "Mars/Olympus", "../../etc/passwd", "+01:00", "\0"] {
            Zone::new(none).unwrap_err();
        }
    }
}
