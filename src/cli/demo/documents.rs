//! The YAML of the demo's fleet: two profiles, three sites, 24 phones. Every string is quoted.

use std::fmt::Write;

/// How many phones each site has.
pub(super) const PHONES_PER_SITE: u32 = 8;

/// The sites, in the order of their phones' numbers.
pub(super) const SITES: [&str; 3] = ["berlin", "hamburg", "wien"];

/// How many phones there are.
pub(super) fn phones() -> u32 {
    PHONES_PER_SITE * u32::try_from(SITES.len()).unwrap_or(0)
}

/// The name of phone `number`, from 0.
pub(super) fn name(number: u32) -> String {
    format!("{}-{:02}", site(number), number % PHONES_PER_SITE + 1)
}

fn site(number: u32) -> &'static str {
    let turn = usize::try_from(number / PHONES_PER_SITE).unwrap_or(0);
    SITES.get(turn).copied().unwrap_or("berlin")
}

/// The profile of all phones; `mode` is left out at first, which means Report.
pub(super) fn fleet_profile(armed: bool) -> String {
    let policy = if armed { "  policy: {mode: \"Enforce\"}\n" } else { "" };
    format!(
        r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {{name: "fleet"}}
spec:
{policy}  items:
    sntp-addr: "192.0.2.5"
    sntp-tz-offset: 60
    daylight-save: true
    date-format: 0
    use-display-id: true
"#
    )
}

/// The profile of one site, on top of the fleet's.
pub(super) fn berlin_profile(time_server: &str) -> String {
    format!(
        r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {{name: "site-berlin"}}
spec:
  profiles: ["fleet"]
  site: "berlin"
  items:
    sntp-addr: "{time_server}"
"#
    )
}

/// The sites: simulated phones have loopback addresses. `gate` = how many phones of berlin a commit may change at once.
pub(super) fn sites(gate: Option<u32>) -> String {
    let documents = SITES.map(|site| {
        let gate = gate.filter(|_| site == "berlin").map(|phones| format!(", gate: {{phones: {phones}}}"));
        format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: \"{site}\"}}\nspec: {{networks: [\"127.0.0.0/8\"]{}}}\n",
            gate.unwrap_or_default()
        )
    });
    documents.join("---\n")
}

/// One phone.
pub(super) fn phone(number: u32, mac: &str, display: &str) -> String {
    let site = site(number);
    let profile = if site == "berlin" { "site-berlin" } else { "fleet" };
    let mut text = format!(
        r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {{name: "{}"}}
spec:
  phone: {{mac: "{mac}"}}
  profiles: ["{profile}"]
"#,
        name(number)
    );
    if profile == "fleet" {
        let _ = writeln!(text, "  site: \"{site}\"");
    }
    let _ = write!(text, "  items:\n    display-id-unicode: \"{display}\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, Revision, SecretsUnread, Snapshot};

    #[test]
    fn the_demos_documents_load_without_a_complaint() {
        let phones: Vec<(String, String)> = (0..phones())
            .map(|number| (format!("phones/{}.yaml", name(number)), phone(number, &crate::sim::mac(number), "Desk")))
            .collect();
        for armed in [false, true] {
            let (fleet, berlin, sites) = (fleet_profile(armed), berlin_profile("192.0.2.7"), sites(armed.then_some(2)));
            let mut texts: Vec<(&str, &str)> =
                vec![("fleet.yaml", &fleet), ("berlin.yaml", &berlin), ("sites.yaml", &sites)];
            texts.extend(phones.iter().map(|(path, text)| (path.as_str(), text.as_str())));
            let wanted = spec::load(&Snapshot::of_texts(Revision::new("r"), texts), &SecretsUnread);
            assert_eq!(wanted.problems(), []);
            assert_eq!(wanted.devices().len(), 24);
        }
    }
}
