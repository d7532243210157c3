//! One call number or one primary line on two phones.

use super::*;

fn numbered(end: &str, spec: &str) -> String {
    phone(end, &format!("  items: {{e164: \"{spec}\"}}"))
}

fn lined(end: &str, uri: &str, primary: bool) -> String {
    phone(end, &format!("  byIndex: {{4: {{function-key-def: 31, line-primary: {primary}, line-sip-uri: \"{uri}\"}}}}"))
}

fn shared(text: &str) -> String {
    text.replace("spec:\n", "spec:\n  shared: true\n")
}

#[test]
fn one_call_number_on_two_phones_makes_both_invalid_and_each_names_the_other() {
    let found = wanted(&[("a.yaml", &numbered("01", "+49 30 1")), ("b.yaml", &numbered("02", "49301"))]);
    assert_eq!(places(&found), ["5:17 shared-number", "5:17 shared-number"]);
    let problems = invalid(&found, "01");
    assert!(problems[0].message.contains("`p-02`") && problems[0].message.contains("b.yaml:5"), "{}", problems[0]);
    assert!(invalid(&found, "02")[0].message.contains("a.yaml:5"));
}

#[test]
fn phones_that_are_both_shared_may_have_one_number_and_a_third_may_not() {
    let [one, two] = ["01", "02"].map(|end| shared(&numbered(end, "49301")));
    let both = wanted(&[("a.yaml", &one), ("b.yaml", &two)]);
    assert!(both.problems().is_empty(), "{:#?}", both.problems());
    ready(&both, "01", None);
    let third = wanted(&[("a.yaml", &one), ("b.yaml", &two), ("c.yaml", &numbered("03", "49301"))]);
    for end in ["01", "02", "03"] {
        assert_eq!(invalid(&third, end)[0].code, "shared-number", "{end}");
    }
    let half = wanted(&[("a.yaml", &one), ("b.yaml", &numbered("02", "49301"))]);
    invalid(&half, "01");
    finds(&phone("01", "  shared: \"yes\""), &["5:11 wrong-type"]);
}

#[test]
fn one_primary_line_on_two_phones_makes_both_invalid_and_other_lines_may_be_shared() {
    let load = |one: &str, two: &str| wanted(&[("a.yaml", one), ("b.yaml", two)]);
    let found = load(&lined("01", "sip:49301", true), &lined("02", "49301", true));
    assert_eq!(places(&found).len(), 2);
    assert_eq!(invalid(&found, "01")[0].code, "shared-number");
    for (one, two) in [(true, false), (false, false)] {
        ready(&load(&lined("01", "49301", one), &lined("02", "49301", two)), "01", None);
    }
    ready(&load(&lined("01", "49301", true), &lined("02", "49302", true)), "01", None);
    ready(&load(&lined("01", "NULL", true), &lined("02", "NULL", true)), "01", None);
}

#[test]
fn a_number_and_a_primary_line_of_one_phone_are_no_clash() {
    let text = phone("01", "  items: {e164: \"49301\"}\n  byIndex: {1: {line-primary: true, line-sip-uri: \"49301\"}}");
    finds(&text, &[]);
    let empty = |end| phone(end, "  items: {e164: \"\"}");
    assert!(wanted(&[("a.yaml", &empty("01")), ("b.yaml", &empty("02"))]).problems().is_empty());
}

#[test]
fn a_number_counts_whatever_the_model_and_though_the_phone_has_other_errors() {
    let forty = profile("forty", "  models: [OpenStage 40]\n  items: {e164: \"49301\"}");
    let texts = [
        ("a.yaml", &*forty),
        ("b.yaml", &*phone("01", "  profiles: [forty]")),
        ("c.yaml", &*phone("02", "  items: {e164: \"49301\", realm: yes}")),
    ];
    let found = wanted(&texts);
    assert_eq!(invalid(&found, "01")[0].code, "shared-number");
    assert_eq!(
        invalid(&found, "02").iter().map(|problem| problem.code).collect::<Vec<_>>(),
        ["yes-no", "shared-number"]
    );
}

#[test]
fn ten_thousand_phones_with_one_number_are_told_in_a_moment() {
    let base = profile("base", "  items: {e164: \"49301\"}");
    let phones: Vec<String> = (0..10_000)
        .map(|number| {
            format!(
                "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: p-{number}}}\nspec:\n  phone: {{mac: \"00:1A:E8:01:{:02X}:{:02X}\"}}\n  profiles: [base]\n",
                number / 256,
                number % 256
            )
        })
        .collect();
    let texts: Vec<(String, String)> = phones
        .chunks(1_000)
        .enumerate()
        .map(|(chunk, phones)| (format!("{chunk}.yaml"), phones.join("---\n")))
        .chain([("base.yaml".to_owned(), base)])
        .collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = wanted(&texts);
    assert_eq!(found.counts().phones, 10_000);
    assert!(found.devices().iter().all(|device| matches!(found.resolve(device, None), Resolution::Invalid { .. })));
}
