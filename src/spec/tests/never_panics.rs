//! Whatever stands in a repository: loading it ends, and never in a panic.

use proptest::prelude::*;

use super::*;
use crate::spec::{FileContent, SourceFile};

fn load_bytes(bytes: &[u8]) -> Wanted {
    let content = FileContent::Bytes(Arc::from(bytes));
    let files = vec![
        SourceFile { path: Arc::from("a.yaml"), content: content.clone() },
        SourceFile { path: Arc::from("catalogue.csv"), content },
    ];
    let wanted = load(&Snapshot { revision: Revision::new("rev"), commit: None, files }, &SecretsUnread);
    for device in wanted.devices() {
        if let Resolution::Ready(desired) = wanted.resolve(&device, Some("OpenStage 40")) {
            crate::spec::windows_open(&desired.policy.windows, jiff::Timestamp::UNIX_EPOCH);
            crate::spec::windows_open(&desired.policy.windows, jiff::Timestamp::MAX);
            crate::spec::windows_open(&desired.policy.windows, jiff::Timestamp::MIN);
        }
    }
    wanted
}

/// Pieces that documents are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "apiVersion: phoneops.dev/v1alpha1\n",
        "kind: PhoneConfig\n",
        "kind: PhoneProfile\n",
        "kind: PhoneSite\n",
        "metadata: ",
        "{name: a}\n",
        "spec:\n",
        "  phone: ",
        "{mac: \"001AE8112233\"}\n",
        "  items:\n",
        "    e164: ",
        "    sip-pwd: ",
        "  byIndex: ",
        "  profiles: [a]\n",
        "  policy: {mode: ",
        "  policy:\n    ",
        "ignore: ",
        "windows: ",
        "pause: ",
        "selfHealLimit: ",
        "restart: ",
        "{item: realm, index: 1, reason: a, until: 2026-12-31}",
        "{schedule: \"0 2 * * *\", duration: 3h, timeZone: Europe/Berlin}",
        "{schedule: \"0 2 29 2 *\", duration: 7d}",
        "{reason: a, by: b, until: ",
        "false",
        "9999-12-31",
        "-009999-01-01T00:00:00Z",
        "  timeZone: UTC\n",
        "  servers: [a]\n",
        "  gate: {phones: ",
        "  numbers: [",
        "49-50",
        "4*",
        "  owner: {paths: [a, ..], team: ",
        "  owner: {paths: [a], profiles: [a*], policy: [",
        "  final: [realm, ",
        "  require: {e164: {matches: \"",
        "oneOf: [",
        "(a|b)*",
        "  shared: ",
        "  limits: {contactsPerSecond: ",
        "sessions: ",
        "0.001",
        "1e999",
        "  unmanaged: ",
        "  seed: ",
        "  models: ",
        "---\n",
        "...\n",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        ": ",
        ", ",
        "- ",
        "&a ",
        "*a",
        "!!str ",
        "<<: ",
        "|\n",
        ">-\n",
        "#",
        "%",
        "@",
        "\t",
        "\r\n",
        "\u{feff}",
        "ü",
        "\u{0}",
        "? ",
        "null",
        "~",
        "0123",
        "+1",
        "1e5",
        "yes",
        "{file: ../x}",
        "{from: a, key: \"{e164}\"}",
        "{env: HOME}",
        "{secret: {name: a, key: b}}",
        "1: ",
        "\"1\": ",
        "  ",
        "\n",
    ]);
    let piece = prop_oneof![6 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_can_be_loaded(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        load_bytes(&bytes);
    }

    #[test]
    fn any_order_of_pieces_can_be_loaded(text in pieces()) {
        let wanted = load_bytes(text.as_bytes());
        for problem in wanted.problems().iter().filter(|problem| &*problem.place.file == "a.yaml") {
            prop_assert!(crate::spec::code::ALL.contains(&problem.code), "{problem:?}");
            let (start, end) = problem.place.span;
            prop_assert!(start <= end && end as usize <= text.len(), "{problem:?}");
            prop_assert!(text.is_char_boundary(start as usize) && text.is_char_boundary(end as usize), "{problem:?}");
        }
    }
}
