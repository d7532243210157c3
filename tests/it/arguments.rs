//! Settings from the environment, as a child process sees them.

use std::process::Command;

use clap::Parser as _;

fn refusal(variable: &str, value: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phoneops"));
    command.env_clear().env(variable, value).arg("serve");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_switch_takes_every_word_for_yes_from_its_variable() {
    for variable in ["PHONEOPS_REPORT_ONLY", "PHONEOPS_REBUILD_STORE"] {
        for yes in ["1", "yes", "true", "on"] {
            let text = refusal(variable, yes);
            assert!(text.contains("required") && text.contains("--git"), "only the source is missing: {text}");
        }
        assert!(refusal(variable, "perhaps").contains("invalid value 'perhaps'"));
    }
}

#[test]
fn what_is_to_be_logged_is_refused_where_nobody_can_read_it() {
    let told = refusal("PHONEOPS_LOG", "inof");
    assert!(told.contains("--log") && told.contains("did you mean info?"), "{told}");
    assert!(refusal("PHONEOPS_LOG", "info,phoneops::source").contains("phoneops::source=debug"));
}

#[test]
fn what_is_of_a_cluster_is_refused_where_there_is_none_and_so_is_a_broken_selector() {
    let refused = |words: &[&str]| {
        let line = ["phoneops", "serve"].iter().chain(words);
        phoneops::cli::Cli::try_parse_from(line).expect_err("it is refused").to_string()
    };
    let broken = refused(&["--kubernetes", "--site-selector", "region in north"]);
    assert!(broken.contains("'--site-selector <SELECTOR>'") && broken.contains("key in (a,b)"), "{broken}");
    let empty = refused(&["--kubernetes", "--site-selector="]);
    assert!(empty.contains("--site-selector"), "{empty}");
    let elsewhere = refused(&["--git", "https://git.example/phones", "--site-selector", "region=north"]);
    assert!(elsewhere.contains("--git <URL>") && elsewhere.contains("--site-selector"), "{elsewhere}");
    for (flag, value) in [("--namespace", "voice"), ("--shard", "north"), ("--pod", "phoneops-0")] {
        let alone = refused(&["--git", "https://git.example/phones", flag, value]);
        assert!(alone.contains(flag), "{alone}");
    }
    let variable = refusal("PHONEOPS_SITE_SELECTOR", "a>b");
    assert!(variable.contains("--site-selector"), "{variable}");
}
