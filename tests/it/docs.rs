//! What is written for people is held to what is built: examples load, words and flags stand in the README, and the
//! tests that ARCHITECTURE names exist.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::CommandFactory;
use phoneops::{
    cli::Cli,
    fleet::words::{AlertKind, DegradedReason, HeldReason, PendingReason, State},
    report::metrics,
    sim::MENU,
    spec::{Revision, SecretsUnread, Severity, Snapshot, Wanted, load},
};

/// Words of the vocabulary that no phone of this version can get.
const LATER_STATES: [State; 0] = [];
const LATER_PENDING: [PendingReason; 0] = [];
const LATER_DEGRADED: [DegradedReason; 0] = [];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text_of(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

/// All files below a folder of the project whose name has one of these endings, with their text.
fn files_below(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let root = project(folder);
    let (mut open, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn loaded(files: &[(String, String)]) -> Wanted {
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    load(&Snapshot::of_texts(Revision::new("docs"), texts), &SecretsUnread)
}

/// The fenced blocks of a page in one language, and the number of each one's first line.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match &mut block {
            None if line == format!("```{language}") => block = Some((number + 2, String::new())),
            None => {}
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some((_, text)) => writeln!(text, "{line}").unwrap(),
        }
    }
    blocks
}

/// The words in backquotes that begin a table row of a page.
fn rows(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(word, _)| word).collect()
}

#[test]
fn the_example_fleet_loads_without_a_complaint() {
    let files = files_below("examples/git", &["yaml"]);
    let wanted = loaded(&files);
    let problems: Vec<String> = wanted.problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!((wanted.counts().phones, wanted.counts().skipped), (7, 0));
    for device in wanted.devices() {
        for model in [None, Some("OpenStage 60")] {
            assert!(matches!(wanted.resolve(&device, model), phoneops::spec::Resolution::Ready(_)), "{device}");
        }
    }
}

#[test]
fn the_definitions_for_clusters_are_those_that_the_program_prints() {
    let kept = files_below("crds", &["yaml"]);
    let printed = phoneops::cli::crds::files().unwrap();
    assert_eq!(kept.len(), printed.len());
    for (name, text) in printed {
        let (_, kept) = kept.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        assert!(*kept == text, "crds/{name} is not what the program prints: cargo run -- crds --dir crds");
    }
}

#[test]
fn the_alert_rules_ask_for_metrics_and_words_that_there_are() {
    let rules = text_of("examples/prometheus/rules.yaml");
    let of_listener = text_of("src/phone/metrics.rs");
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // a metric with labels shows only when it has a value
    let is_known = |name: &str| {
        let plain = name.strip_suffix("_total").unwrap_or(name);
        metrics::name::ALL.contains(&name) || of_listener.contains(&format!("\"{plain}\""))
    };
    let asked = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let mut names = BTreeSet::new();
    for expression in asked {
        names.extend(expression.split(|c| !is_of_name(c)).filter(|word| word.starts_with("phoneops_")));
        for word in expression.split('"').skip(1).step_by(2).flat_map(|words| words.split('|')) {
            let known = State::parse(word).is_some()
                || PendingReason::parse(word).is_some()
                || AlertKind::parse(word).is_some()
                || HeldReason::parse(word).is_some()
                || ["store", "history", "failed", "refused", "taken", "secrets"].contains(&word);
            assert!(known, "{word} in {expression}");
        }
    }
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(is_known(name), "{name} is no metric");
    }
}

#[test]
fn the_readme_has_a_row_for_each_metric_and_for_no_other() {
    let page = text_of("README.md");
    let rows: BTreeSet<&str> = rows(&page).into_iter().filter(|word| word.starts_with("phoneops_")).collect();
    let listener = phoneops::phone::ListenerMetrics::new();
    let scrape = metrics::ServiceMetrics::new().with_part(|registry| listener.register(registry)).encode();
    let of_listener = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let of_listener =
        of_listener.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() });
    // two of the listener's families show with their first label only
    let later = ["phoneops_phone_requests_total", "phoneops_tls_handshakes_total"];
    let names = metrics::name::ALL.iter().chain(metrics::name::OF_PHONES).chain(&later).map(ToString::to_string);
    let names: BTreeSet<String> = names.chain(of_listener).collect();
    assert_eq!(rows.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), names);
}

#[test]
fn every_example_loads_without_an_error() {
    for folder in ["examples/git", "examples/kubernetes", "examples/systemd"] {
        let files = files_below(folder, &["yaml", "yml"]);
        assert!(!files.is_empty(), "{folder}");
        let wanted = loaded(&files);
        let errors = wanted.problems().iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn the_documents_of_the_readme_load_as_one_fleet() {
    let blocks = blocks(&text_of("README.md"), "yaml");
    assert!(!blocks.is_empty());
    // a block that begins with the name of a file stands for that file
    let name = |line: usize, text: &str| {
        let named = text.lines().next().and_then(|first| first.strip_prefix("# ")?.strip_suffix(".yaml"));
        named.map_or_else(|| format!("readme-{line}.yaml"), |name| format!("{name}.yaml"))
    };
    let files: Vec<_> = blocks.into_iter().map(|(line, text)| (name(line, &text), text)).collect();
    let wanted = loaded(&files);
    let problems: Vec<String> = wanted.problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(wanted.counts().phones > 0);
}

#[test]
fn each_word_a_phone_can_get_has_a_row_in_the_readme_and_no_other_has() {
    let page = text_of("README.md");
    let rows = rows(&page);
    let states = State::ALL.iter().map(|word| (word.as_str(), LATER_STATES.contains(word)));
    let pending = PendingReason::ALL.iter().map(|word| (word.as_str(), LATER_PENDING.contains(word)));
    let degraded = DegradedReason::ALL.iter().map(|word| (word.as_str(), LATER_DEGRADED.contains(word)));
    let held = HeldReason::ALL.iter().map(|word| (word.as_str(), false));
    for (word, later) in states.chain(pending).chain(degraded).chain(held) {
        assert_eq!(rows.contains(word), !later, "the row of {word} in the README");
        assert!(page.contains(&format!("`{word}`")), "{word} is nowhere in the README");
    }
}

#[test]
fn each_reason_of_the_gate_stands_with_its_metric() {
    let page = text_of("README.md");
    let row = page.lines().find(|line| line.starts_with("| `phoneops_phones_by_reason`")).unwrap();
    assert!(HeldReason::ALL.iter().all(|reason| row.contains(&format!("`{reason}`"))), "{row}");
}

#[test]
fn each_kind_of_alert_has_a_row_in_the_readme_with_its_sentences() {
    let page = text_of("README.md");
    for kind in AlertKind::ALL {
        let (meaning, action) = (kind.meaning().trim_end_matches('.'), kind.action().trim_end_matches('.'));
        let row = format!("| `{kind}` | {meaning} | {action} | ");
        assert!(page.contains(&row), "the README lacks a row: {row}");
    }
}

#[test]
fn the_readme_names_each_command_and_flag_and_no_other() {
    let page = text_of("README.md");
    let mut wrong = Vec::new();
    let mut flags = BTreeSet::new();
    for command in Cli::command().get_subcommands() {
        let command_name = command.get_name();
        if !page.contains(&format!("`phoneops {command_name}")) {
            wrong.push(format!("phoneops {command_name} is missing"));
        }
        let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
        flags.extend(arguments.filter_map(|argument| argument.get_long()).map(|flag| format!("--{flag}")));
    }
    let named: BTreeSet<String> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.starts_with("--"))
        .map(|code| code.split([' ', '=']).next().unwrap_or_default().to_owned())
        .collect();
    wrong.extend(flags.difference(&named).map(|flag| format!("{flag} is missing")));
    wrong
        .extend(named.difference(&flags).filter(|flag| *flag != "--help").map(|flag| format!("{flag} does not exist")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_file_and_test_that_the_pages_name_exists() {
    let sources: String =
        ["src", "tests"].iter().flat_map(|folder| files_below(folder, &["rs"])).map(|(_, text)| text).collect();
    let mut missing = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "tests/README.md"] {
        for word in text_of(page).split('`').skip(1).step_by(2) {
            let is_name = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            // a sentence is the name of a test
            if metrics::name::ALL.contains(&word) || word.starts_with("phoneops_") {
                continue;
            }
            if is_name(word) && word.matches('_').count() >= 3 && !sources.contains(&format!("fn {word}(")) {
                missing.push(format!("{page}: test {word}"));
            }
            let is_path = ["src/", "tests/", "examples/", "benches/", "fuzz/", "charts/", ".ci/"]
                .iter()
                .any(|top| word.starts_with(top));
            if is_path && !word.contains([' ', '*']) && !project(word).exists() {
                missing.push(format!("{page}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_files_that_a_row_of_the_modules_names_are_in_its_folder() {
    let page = text_of("ARCHITECTURE.md");
    let mut missing = Vec::new();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| `src/")) {
        let mut words = row.split('`').skip(1).step_by(2);
        let folder = words.next().unwrap();
        let is_file =
            |word: &&str| word.ends_with('/') || Path::new(word).extension().is_some_and(|ending| ending == "rs");
        for word in words.filter(is_file) {
            named += 1;
            // of another module it has that one's name in front
            let is_of_another = word.contains('/') && project("src").join(word).is_file();
            if !is_of_another && !project(folder).join(word).exists() {
                missing.push(format!("{folder}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 50, "{named}");
}

#[test]
fn each_map_of_a_module_names_all_modules_in_it() {
    let (mut missing, mut maps) = (Vec::new(), 0);
    for (file, text) in files_below("src", &["rs"]) {
        let map: String = text.lines().filter(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
        let is_map = ["//! - [`", "//! - `", "//! | [`"].iter().any(|entry| map.contains(entry));
        let mut before = "";
        let mut modules = Vec::new();
        for line in text.lines() {
            let module = line.split_once("mod ").filter(|(front, _)| front.is_empty() || front.starts_with("pub"));
            let module = module.and_then(|(_, name)| name.strip_suffix(';'));
            modules.extend(module.filter(|_| before != "#[cfg(test)]"));
            let is_between = before == "#[cfg(test)]" && line.starts_with("#[");
            before = if is_between { before } else { line };
        }
        maps += usize::from(is_map && !modules.is_empty());
        let is_named = |name: &&str| ["`", "`mod@"].iter().any(|front| map.contains(&format!("{front}{name}`")));
        let unnamed = modules.into_iter().filter(|name| is_map && !is_named(name));
        missing.extend(unnamed.map(|name| format!("src/{file}: {name}")));
    }
    assert!(missing.is_empty(), "the maps lack {missing:#?}");
    assert!(maps > 20, "{maps}");
}

#[test]
fn each_scenario_has_a_row_in_the_readme_of_the_tests() {
    let page = text_of("tests/README.md");
    let is_scenario =
        |name: &str| name.starts_with("service_") || name.starts_with("simulated_") || name == "kube_documents.rs";
    let mut missing = Vec::new();
    for (file, text) in files_below("tests/it", &["rs"]).into_iter().filter(|(name, _)| is_scenario(name)) {
        let tests = text.split("::test]\n").skip(1).chain(text.split("#[test]\n").skip(1));
        let names = tests.filter_map(|test| test.split_once("fn ")?.1.split_once('(')).map(|(name, _)| name);
        missing.extend(names.filter(|name| !page.contains(&format!("`{name}`"))).map(|name| format!("{file}: {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_fault_of_the_menu_has_a_row_with_a_test_and_a_state() {
    let page = text_of("tests/README.md");
    let sources: String = files_below("tests/it", &["rs"]).into_iter().map(|(_, text)| text).collect();
    let mut wrong = Vec::new();
    let mut numbers = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| F-")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, names, tests, state] = cells[..] else { panic!("{row}") };
        numbers.push(number.to_owned());
        let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let unknown = |name: &String| MENU.iter().all(|(known, ..)| known != name);
        wrong.extend(words(names).into_iter().filter(unknown).map(|name| format!("{number}: no fault {name}")));
        let missing = |test: &String| !sources.contains(&format!("async fn {test}("));
        wrong.extend(words(tests).into_iter().filter(missing).map(|test| format!("{number}: no test {test}")));
        if words(names).is_empty() || words(tests).is_empty() || state.is_empty() {
            wrong.push(format!("{number}: a cell is empty"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(numbers, (1..=41).map(|number| format!("F-{number}")).collect::<Vec<_>>());
}
