//! The YAML that would declare a phone, every string quoted.

use std::fmt::Write;

use maud::{Markup, html};

use crate::{fleet::view::PhoneView, wpi::DeviceId};

/// One document. Its name is made of the device id; what the phone told of itself is in it.
pub(super) fn yaml(phone: &PhoneView) -> String {
    let device = DeviceId::new(&phone.mac);
    let key = if device.is_ok_and(|device| device.is_mac()) { "mac" } else { "deviceId" };
    let mut text = String::from("apiVersion: \"phoneops.dev/v1alpha1\"\nkind: \"PhoneConfig\"\n");
    // a String takes every write
    let _ = writeln!(text, "metadata: {{name: {}}}", quoted(&name(&phone.mac)));
    let _ = writeln!(text, "spec:\n  phone: {{{key}: {}}}", quoted(&phone.mac));
    if let Some(number) = phone.e164.as_deref().filter(|number| !number.is_empty()) {
        let _ = writeln!(text, "  items:\n    e164: {}", quoted(number));
    }
    text
}

/// A name that the documents take, out of a device id.
fn name(device: &str) -> String {
    let plain: String = device.chars().filter(char::is_ascii_alphanumeric).take(50).collect();
    format!("phone-{}", plain.to_ascii_lowercase())
}

/// A string as YAML reads it, whatever is in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{feff}' => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text to be copied. The button is there only where a script can make it work.
pub(super) fn block(id: &str, text: &str) -> Markup {
    html! {
        div.copy {
            pre #(id) tabindex="0" aria-label="YAML" { code { (text) } }
            button.plain type="button" data-copy=(id) hidden { "Copy" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::web::tests::made_up,
        spec::{self, Revision, Snapshot, snapshot::SecretsUnread},
    };

    #[test]
    fn what_declares_a_phone_loads_without_a_complaint() {
        for (mac, number) in [
            ("00:1A:E8:11:22:33", Some("4930123456")),
            ("00:1A:E8:11:22:33", None),
            ("SOFT-CLIENT_7\"#", Some("0\"\\: #*\u{7}'{}")),
            ("1E10", Some("on")),
        ] {
            let phone = PhoneView { mac: mac.to_owned(), e164: number.map(ToOwned::to_owned), ..made_up("x") };
            let text = yaml(&phone);
            let snapshot = Snapshot::of_texts(Revision::new("test"), [("phone.yaml", text.as_str())]);
            let wanted = spec::load(&snapshot, &SecretsUnread);
            let problems: Vec<_> = wanted
                .problems()
                .iter()
                .map(ToString::to_string)
                .filter(|problem| !problem.contains("control"))
                .collect();
            assert_eq!(problems, [""; 0], "{text}");
            let strings = text.lines().filter(|line| line.contains(": ") && !line.contains('"')).collect::<Vec<_>>();
            assert_eq!(strings, [""; 0], "every string is quoted: {text}");
        }
    }
}
