//! The settings file of `phoneops serve`: the same settings by their long names; flags and environment win.

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
    let from_file = flags(&text, &name, |variable| std::env::var_os(variable).is_some())?;
    let mut all: Vec<OsString> = arguments.iter().take(2).cloned().collect();
    all.extend(from_file.into_iter().map(OsString::from));
    all.extend(arguments.into_iter().skip(2));
    Ok(all)
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

/// The flags that a settings file stands for, without those that the environment sets.
fn flags(text: &str, file: &str, in_environment: impl Fn(&str) -> bool) -> miette::Result<Vec<String>> {
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
        if in_environment(&format!("PHONEOPS_{}", key.replace('-', "_").to_uppercase())) {
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
    fn settings_become_flags_and_the_environment_wins() {
        let text = "git: https://git.example/phones\ncontact-spacing: 5s\nreport-only: true\ntrusted-proxies: [10.0.0.1/32, 10.0.0.2/32]\nstate: /x\n";
        let flags = flags(text, "phoneops.yaml", |variable| variable == "PHONEOPS_STATE").unwrap();
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
    fn a_settings_file_that_is_none_says_what_it_must_hold() {
        let error = flags("- a\n", "phoneops.yaml", |_| false).unwrap_err();
        assert!(error.to_string().contains("settings by name"), "{error}");
    }
}
