//! Settings from the environment, as a child process sees them.

use std::process::Command;

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
