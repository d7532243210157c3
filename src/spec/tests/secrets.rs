//! References in place of secrets: their forms, their bounds, and that nothing of a plain one is told.

use super::*;
use crate::{spec::SecretRef, wpi::Secret};

/// Knows the references it was given, as they show.
struct Known(&'static [&'static str]);

impl SecretReader for Known {
    fn read(&self, reference: &SecretRef, _: &Desired) -> Result<Secret, String> {
        if self.0.contains(&reference.to_string().as_str()) {
            return Ok(Secret::new("hunter2"));
        }
        Err("there is none".to_owned())
    }
}

fn pwd(reference: &str) -> String {
    phone("01", &format!("  items: {{e164: \"4930\", sip-pwd: {reference}}}"))
}

#[test]
fn each_form_of_a_reference_is_taken() {
    for good in [
        "{file: sip/reception}",
        "{env: PHONEOPS_SECRET_SIP}",
        "{from: passwords, key: \"{e164}\"}",
        "{secret: {name: sip-reception, key: pass.word}}",
    ] {
        let wanted = finds(&pwd(good), &[]);
        let desired = ready(&wanted, "01", None);
        assert!(desired.get(&id("sip-pwd", None)).unwrap().value.value.as_text().is_none());
    }
}

#[test]
fn there_is_no_way_out_of_the_folder_of_secrets() {
    for bad in ["../x", "a/../../x", "/etc/passwd", "a//b", ".", "\"a\\\\b\"", "\"\"", "c:x"] {
        finds(&pwd(&format!("{{file: {bad}}}")), &["5:41 secret-file"]);
        finds(&pwd(&format!("{{from: {bad}, key: a}}")), &["5:41 secret-file"]);
    }
}

#[test]
fn only_variables_of_ours_are_read() {
    for bad in ["HOME", "PHONEOPS_SECRET_", "PHONEOPS_TOKEN", "PHONEOPS_SECRET_a-b"] {
        finds(&pwd(&format!("{{env: {bad}}}")), &["5:40 secret-env"]);
    }
}

#[test]
fn a_reference_has_one_form() {
    finds(&pwd("{file: a, env: PHONEOPS_SECRET_A}"), &["5:34 secret-reference"]);
    finds(&pwd("{from: a}"), &["5:34 secret-reference"]);
    finds(&pwd("{secret: {name: a}}"), &["5:43 secret-reference"]);
    finds(&pwd("{from: a, key: \"{e164\"}"), &["5:49 secret-key"]);
    finds(&pwd("{file: a, fil: b}"), &["5:44 unknown-field"]);
}

#[test]
fn references_are_for_secrets_and_secrets_are_references() {
    let found = finds(&phone("01", "  items: {realm: {file: a}}"), &["5:18 not-a-secret"]);
    assert!(message(&found).contains("write its value"));
    let found = finds(&pwd("\"hunter2\""), &["5:34 plain-secret"]);
    assert!(!format!("{:?}", found.problems()).contains("hunter2"));
    finds(&phone("01", "  byIndex: {4: {line-sip-pwd: {file: a}}}"), &[]);
    finds(&phone("01", "  items: {line-sip-pwd: {4: {file: a}}}"), &[]);
}

#[test]
fn no_trap_tells_a_plain_secret_and_every_one_is_masked() {
    for plain in [
        "hunter2",
        "0123hunter2",
        "'hunter2'",
        "*hunter2",
        "&hunter2 x",
        "!hunter2 x",
        "|\n      hunter2",
        "[hunter2]",
        "{1: hunter2}",
        "{secret: hunter2}",
        "{file: a, value: hunter2}",
        "{password: hunter2}",
        "+0123",
        "yes",
    ] {
        for text in [
            phone("01", &format!("  items:\n    sip-pwd: {plain}")),
            phone("01", &format!("  itms:\n    line-sip-pwd: {plain}")),
            phone("01", &format!("  sip-pwd: {plain}")),
        ] {
            let found = wanted(&[("a.yaml", &text)]);
            let errors = found.problems().iter().filter(|problem| problem.severity == Severity::Error);
            assert!(errors.count() > 0, "{text}");
            for word in ["hunter2", "0123"] {
                assert!(!format!("{:?}", found.problems()).contains(word), "{text}\n{:#?}", found.problems());
            }
            let mut shown = text.clone();
            for (start, end) in found.masks("a.yaml").unwrap().iter().rev() {
                shown.replace_range(*start as usize..*end as usize, "***");
            }
            assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
        }
    }
}

#[test]
fn a_missing_secret_makes_the_phones_invalid_that_need_it() {
    let texts = [
        ("a.yaml", &*profile("a", "  items: {sip-pwd: {from: all, key: \"{e164}\"}}")),
        ("p.yaml", &*phone("01", "  profiles: [a]\n  items: {e164: \"1\"}")),
        ("q.yaml", &*phone("02", "  profiles: [a]\n  items: {e164: \"2\"}")),
        ("r.yaml", &*phone("03", "  profiles: [a]")),
    ];
    let wanted = wanted_with(&texts, &Known(&["{from: all, key: \"1\"}"]));
    let one = ready(&wanted, "01", None);
    let reference = SecretRef::Keyed { from: "all".into(), key: "{e164}".into() };
    assert_eq!(wanted.secret(&reference, &one), Some(Secret::new("hunter2")));
    let missing = invalid(&wanted, "02");
    assert_eq!(missing[0].code, "missing-secret");
    assert!(missing[0].message.contains("{from: all, key: \"{e164}\"}"), "{}", missing[0]);
    assert!(invalid(&wanted, "03")[0].message.contains("e164"), "{}", invalid(&wanted, "03")[0]);
    assert!(places(&wanted).iter().all(|place| place == "5:20 missing-secret"), "{:?}", places(&wanted));
    assert!(!format!("{wanted:?}").contains("hunter2"));
}

#[test]
fn only_secrets_whose_content_is_another_count_as_changed() {
    let texts = [
        ("p.yaml", phone("01", "  items: {sip-pwd: {file: a}}")),
        ("q.yaml", phone("02", "  items: {sip-pwd: {from: b.csv, key: \"{e164}\"}, e164: \"4930\"}")),
    ];
    let wanted = wanted(&texts.each_ref().map(|(path, text)| (*path, text.as_str())));
    let same = |_: &SecretRef| Ok(Secret::new(""));
    assert!(wanted.changed_secrets(same).is_empty());
    let one = |reference: &SecretRef| match reference {
        SecretRef::Keyed { key, .. } if key == "4930" => Ok(Secret::new("new")),
        other => same(other),
    };
    let changed = wanted.changed_secrets(one);
    assert_eq!(changed.len(), 1);
    assert!(changed.keys().all(|reference| matches!(reference, SecretRef::Keyed { .. })), "{changed:?}");
    assert_eq!(wanted.changed_secrets(|_| Err("gone".to_owned())).len(), 2, "what is gone has changed");
}
