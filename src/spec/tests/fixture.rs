//! The documents under tests/fixtures/spec: the example of the design and the recipes of the protocol page.

use super::*;

const EXAMPLE: &str = include_str!("../../../tests/fixtures/spec/example.yaml");
const FLEET: &str = include_str!("../../../tests/fixtures/spec/fleet.yaml");
const RECIPES: &str = include_str!("../../../tests/fixtures/spec/recipes.yaml");

fn fixture() -> Wanted {
    wanted(&[("example.yaml", EXAMPLE), ("fleet.yaml", FLEET), ("recipes.yaml", RECIPES)])
}

#[test]
fn the_example_and_the_recipes_load_without_a_complaint() {
    let wanted = fixture();
    assert!(wanted.problems().is_empty(), "{:#?}", wanted.problems());
    assert_eq!(wanted.counts().documents, 9);
    assert_eq!(wanted.devices().len(), 7);
    for device in wanted.devices() {
        assert!(matches!(wanted.resolve(&device, Some("OpenStage 40")), Resolution::Ready(_)), "{device}");
    }
}
