//! `phoneops crds`: the definitions that let a Kubernetes cluster hold the documents.

use std::{fs, path::PathBuf};

use miette::{IntoDiagnostic, WrapErr};

use super::{Exit, output::put};
use crate::{catalogue::Catalogue, spec::crd};

/// Arguments of `phoneops crds`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write them into this folder, a file each, in place of printing them
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let files = files()?;
    let Some(dir) = &args.dir else {
        let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
        return put(texts.join("---\n").as_bytes());
    };
    fs::create_dir_all(dir).into_diagnostic().wrap_err_with(|| format!("cannot make {}", dir.display()))?;
    for (name, text) in files {
        let path = dir.join(name);
        fs::write(&path, text).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Exit::Good)
}

/// Each definition as YAML, under the name of its file.
pub fn files() -> miette::Result<Vec<(String, String)>> {
    let definitions = crd::all(&Catalogue::builtin());
    let file = |definition: &serde_json::Value| {
        let name = definition.pointer("/spec/names/plural").and_then(serde_json::Value::as_str).unwrap_or_default();
        let text = serde_yaml::to_string(definition).into_diagnostic()?;
        Ok((format!("{name}.yaml"), text.lines().map(quoted).collect()))
    };
    definitions.iter().map(file).collect()
}

/// A line of YAML in which a word that YAML 1.1 takes for true or false is a text.
fn quoted(line: &str) -> String {
    let at = line.rfind(' ').map_or(0, |space| space + 1);
    let (before, word) = line.split_at(at);
    let is_boolean = ["y", "n", "yes", "no", "on", "off"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let is_value = before.trim_end().ends_with([':', '-']);
    if is_boolean && is_value { format!("{before}'{word}'\n") } else { format!("{line}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_yaml_takes_for_booleans_are_quoted_and_nothing_else_is() {
        assert_eq!(quoted("  - Off"), "  - 'Off'\n");
        assert_eq!(quoted("  default: no"), "  default: 'no'\n");
        for plain in ["  description: it is on", "  - Offer", "  served: true", "on:"] {
            assert_eq!(quoted(plain), format!("{plain}\n"));
        }
    }
}
