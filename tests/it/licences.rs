//! The licence of every dependency is one that `.deny.toml` allows. Needs cargo and no network.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use serde_json::Value;

/// What is allowed: the entries of `allow` in `.deny.toml`.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".deny.toml")).unwrap();
    let (_, list) = text.split_once("allow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All packages of the build on this machine: name, version and licence expression.
fn packages() -> Vec<(String, String)> {
    let version = cargo(&["--version", "--verbose"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let platform = format!("--filter-platform={host}");
    let text = cargo(&["metadata", "--format-version=1", "--offline", "--locked", &platform]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    packages
        .map(|package| (format!("{} {}", text(&package["name"]), text(&package["version"])), text(&package["license"])))
        .collect()
}

/// Whether an SPDX expression is met: one side of each OR, both sides of each AND.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // the old form of OR
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let (met, rest) = either(&words, allowed);
    met && rest.is_empty()
}

fn either<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = both(words, allowed);
    while let ["OR", behind @ ..] = rest {
        let (next, left) = both(behind, allowed);
        (met, rest) = (met || next, left);
    }
    (met, rest)
}

fn both<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", behind @ ..] = rest {
        let (next, left) = one(behind, allowed);
        (met, rest) = (met && next, left);
    }
    (met, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inside @ ..] => match either(inside, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (allowed.contains(*name), rest),
        [] => (false, words),
    }
}

#[test]
fn the_licences_of_all_dependencies_are_allowed() {
    let allowed = allowed();
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    let refused: Vec<_> = packages.iter().filter(|(_, licence)| !is_met(licence, &allowed)).collect();
    assert!(refused.is_empty(), "not allowed by .deny.toml: {refused:#?}");
}

#[test]
fn an_expression_is_read_with_its_parentheses() {
    let allowed: BTreeSet<String> = ["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()].into();
    for good in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND MIT", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND GPL-3.0", "Apache-2.0", "MIT MIT", "(MIT"] {
        assert!(!is_met(bad, &allowed), "{bad}");
    }
}
