//! The settings file of `phoneops serve`: the same settings by their long names; flags and environment win.
//!
//! A setting that a flag or a variable gives is left out of what the file says. Folder and git repository are one
//! choice: who gives one of them otherwise takes the other out of the file too.

use std::{ffi::OsString, fs, path::Path};

use miette::{IntoDiagnostic, WrapErr, bail};
use serde_yaml::Value;

/// `arguments` with those of the settings file it names put in front, where they can be overridden.
pub fn with_config(arguments: Vec<OsString>) -> miette::Result<Vec<OsString>> {
    let serves = arguments.get(1).is_some_and(|command| command == "serve");
    let Some(file) = config_file(&arguments).filter(|_| serves) else { return Ok(arguments) };
    let text = fs::read_to_string(&file)
        .into_diagnostic()
        .wrap_err_with(|| format!("settings file {}", Path::new(&file).display()))?;
    let name = Path::new(&file).display().to_string();
    let given = |key: &str| is_flag_given(&arguments, key) || std::env::var_os(variable(key)).is_some();
    let from_file = flags(&text, &name, given)?;
    let mut all: Vec<OsString> = arguments.iter().take(2).cloned().collect();
    all.extend(from_file.into_iter().map(OsString::from));
    all.extend(arguments.into_iter().skip(2));
    Ok(all)
}

/// The settings of which one is given.
pub const SOURCES: [&str; 3] = ["dir", "git", "kubernetes"];

/// Whether the command line has this flag.
pub fn is_flag_given(arguments: &[OsString], key: &str) -> bool {
    let flags = arguments.iter().filter_map(|argument| argument.to_str()?.strip_prefix("--"));
    flags.into_iter().any(|flag| flag.split_once('=').map_or(flag, |(name, _)| name) == key)
}

fn variable(key: &str) -> String {
    format!("PHONEOPS_{}", key.replace('-', "_").to_uppercase())
}

fn config_file(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().cloned();
        }
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(file.into());
        }
    }
    std::env::var_os("PHONEOPS_CONFIG")
}

/// The flags that a settings file stands for, without those that are given otherwise.
fn flags(text: &str, file: &str, is_given: impl Fn(&str) -> bool) -> miette::Result<Vec<String>> {
    let settings: Value =
        serde_yaml::from_str(text).into_diagnostic().wrap_err_with(|| format!("settings file {file}"))?;
    let settings = match settings {
        Value::Mapping(settings) => settings,
        Value::Null => return Ok(Vec::new()),
        _ => bail!("settings file {file}: it must hold settings by name, such as `state: /var/lib/phoneops`"),
    };
    let mut flags = Vec::new();
    for (key, value) in settings {
        let Value::String(key) = key else { bail!("settings file {file}: a setting's name must be text") };
        if key == "config" {
            bail!("settings file {file}: it cannot name another settings file");
        }
        let is_source = SOURCES.contains(&key.as_str());
        if is_given(&key) || (is_source && SOURCES.iter().any(|source| is_given(source))) {
            continue;
        }
        let values = match value {
            Value::Sequence(values) => values,
            one => vec![one],
        };
        for value in values {
            match value {
                Value::Bool(true) => flags.push(format!("--{key}")),
                Value::Bool(false) => {}
                Value::String(text) => flags.push(format!("--{key}={text}")),
                Value::Number(number) => flags.push(format!("--{key}={number}")),
                _ => bail!("settings file {file}: {key} must be a text, a number, true or false, or a list of these"),
            }
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_flags_without_those_given_otherwise() {
        let text = "git: https://git.example/phones\ncontact-spacing: 5s\nreport-only: true\ntrusted-proxies: [10.0.0.1/32, 10.0.0.2/32]\nstate: /x\n";
        let flags = flags(text, "phoneops.yaml", |key| key == "state").unwrap();
        assert_eq!(
            flags,
            [
                "--git=https://git.example/phones",
                "--contact-spacing=5s",
                "--report-only",
                "--trusted-proxies=10.0.0.1/32",
                "--trusted-proxies=10.0.0.2/32"
            ]
        );
    }

    #[test]
    fn the_settings_file_of_the_examples_is_taken() {
        use clap::Parser;
        let text = include_str!("../../examples/systemd/phoneops.yaml");
        let mut line: Vec<String> = ["phoneops", "serve"].map(str::to_owned).to_vec();
        line.extend(flags(text, "phoneops.yaml", |_| false).unwrap());
        assert!(line.len() > 6, "{line:?}");
        if let Err(error) = crate::cli::Cli::try_parse_from(&line) {
            panic!("{error}");
        }
    }

    #[test]
    fn a_flag_takes_its_setting_out_and_one_source_takes_out_the_other() {
        let line = ["phoneops", "serve", "--dir=/a", "--phone-alias", "/x"].map(OsString::from);
        let text = "git: https://git.example/phones\nphone-alias: [/y]\nphone-listen: 0.0.0.0:1\n";
        let flags = flags(text, "phoneops.yaml", |key| is_flag_given(&line, key)).unwrap();
        assert_eq!(flags, ["--phone-listen=0.0.0.0:1"]);
    }

    #[test]
    fn a_settings_file_that_is_none_says_what_it_must_hold() {
        let error = flags("- a\n", "phoneops.yaml", |_| false).unwrap_err();
        assert!(error.to_string().contains("settings by name"), "{error}");
    }
}
