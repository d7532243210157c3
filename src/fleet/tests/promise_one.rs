//! Promise 1 from the documents to the phone and back, for every catalogued item that is compared.

use std::fmt::Write;

use proptest::prelude::*;

use super::stage::{MAC, Phone, Stage, id};
use crate::{
    catalogue::{
        Access, Catalogue, Effect, ItemType, Owner,
        tests::{Given, first_index},
    },
    fleet::{diff, words::State},
    wpi::{Action, Reason},
};

fn compared(catalogue: &Catalogue) -> impl Iterator<Item = &ItemType> {
    catalogue.iter().filter(|item| {
        catalogue.compares(&item.name)
            && item.access == Access::ReadWrite
            && matches!(item.owner, Owner::Admin | Owner::User)
    })
}

/// A value of the item that a document may hold: what decides over emergency calls is never empty.
fn given(item: &ItemType, choice: u16, word: &str) -> String {
    let is_good = |yaml: &String| item.effect != Effect::Safety || !matches!(yaml.as_str(), "\"\"" | "\"NULL\"");
    (0..=u16::MAX).map(|more| Given::valid(item, choice.wrapping_add(more), word).yaml()).find(is_good).unwrap()
}

fn items(catalogue: &Catalogue, choice: u16, word: &str) -> String {
    let mut yaml = String::new();
    for item in compared(catalogue) {
        let value = given(item, choice, word);
        match first_index(item) {
            None => writeln!(yaml, "    {}: {value}", item.name).unwrap(),
            Some(index) => writeln!(yaml, "    {}: {{{index}: {value}}}", item.name).unwrap(),
        }
    }
    yaml
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_to_a_phone_reads_back_without_a_difference(
        lower: u16, upper: u16, word in "[a-zäé0-9][ a-zäé0-9]{0,10}[a-z0-9]",
    ) {
        let catalogue = Catalogue::builtin();
        let yaml = format!(
            "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: all}}\nspec:\n  policy: {{mode: Enforce, lockoutItems: Allow, userItems: Manage}}\n  items:\n{}\
             ---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: reception}}\nspec:\n  phone: {{mac: \"{MAC}\"}}\n  profiles: [all]\n  items:\n{}",
            items(&catalogue, lower, &word), items(&catalogue, upper, &word),
        );
        let mut stage = Stage::with(&yaml);
        let problems = stage.view(MAC).problems;
        prop_assert!(problems.is_empty(), "{problems:?}");
        prop_assert_eq!(stage.view(MAC).managed, compared(&catalogue).count());
        let mut phone = Phone::new(MAC);
        phone.session(&mut stage, Reason::StartUp);
        let view = stage.view(MAC);
        prop_assert_eq!(view.drift, []);
        prop_assert_eq!(view.state, State::Pending, "it could have vanished, and is to be heard of again");
        let again = phone.session(&mut stage, Reason::StartUp);
        prop_assert_eq!(stage.view(MAC).state, State::InSync);
        prop_assert_eq!(again.actions(), [Action::ReadItems, Action::CleanUp]);
        for item in compared(&catalogue) {
            let key = first_index(item).map_or_else(|| id(&item.name), |index| id(&format!("{}[{index}]", item.name)));
            let wanted = given(item, upper, &word);
            let held = phone.values.get(&key).map(String::as_str);
            prop_assert!(catalogue.same(&item.name, Some(wanted.trim_matches('"')), held), "later wins: {}", item.name);
        }
    }
}

#[test]
fn an_empty_difference_is_no_drift() {
    assert_eq!(diff::Drift::new(Vec::new()), None);
}
