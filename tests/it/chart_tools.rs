//! The chart as a cluster would get it: rendered by helm where it is installed, else by the small renderer that
//! `.ci/chart-tools` builds, and looked through by what that script installs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;
use serde_json::Value;

const NEEDED: &str = "tests of the chart need what .ci/chart-tools brings up (on Debian and Ubuntu; run it once, or name \
                      the folder that it prints in PHONEOPS_CHART_TOOLS)";

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the project.
pub(crate) fn text_of(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One of the programs that tests of the chart need.
pub(crate) fn tool(name: &str) -> PathBuf {
    let folder = std::env::var_os("PHONEOPS_CHART_TOOLS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
            cache.expect(NEEDED).join("phoneops/chart-tools")
        },
        PathBuf::from,
    );
    let tool = folder.join(name);
    assert!(tool.exists(), "{}: {NEEDED}", tool.display());
    tool
}

/// The documents of YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap());
    documents.filter(|document| !document.is_null()).collect()
}

/// A file of values of the tests.
pub(crate) fn values(name: &str) -> PathBuf {
    project(&format!("tests/fixtures/chart/{name}.yaml"))
}

fn helm() -> Option<Command> {
    let found = Command::new("helm").arg("version").output().is_ok_and(|output| output.status.success());
    found.then(|| Command::new("helm"))
}

fn render(notes: bool, files: &[PathBuf]) -> Output {
    let chart = project("charts/phoneops");
    let mut command = helm().map_or_else(
        || {
            let mut command = Command::new(tool("render"));
            command.args(notes.then_some("--notes")).args(["phoneops", "voice"]).arg(&chart).args(files);
            command
        },
        |mut command| {
            command.args(if notes { ["install", "--dry-run=client"] } else { ["template", "--kube-version=1.33.0"] });
            command.args(["--namespace", "voice", "phoneops"]).arg(&chart);
            command.args(files.iter().flat_map(|file| [Path::new("--values"), file]));
            command
        },
    );
    command.output().unwrap()
}

/// What the chart makes of these values, as text.
pub(crate) fn rendered_text(files: &[PathBuf]) -> String {
    let output = render(false, files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the chart makes of these values.
pub(crate) fn rendered(files: &[PathBuf]) -> Vec<Value> {
    documents(&rendered_text(files))
}

/// What the chart says of values that it makes nothing of.
pub(crate) fn refusal(values: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), values).unwrap();
    let output = render(false, &[file.path().to_owned()]);
    assert!(!output.status.success(), "{values} was taken");
    String::from_utf8(output.stderr).unwrap()
}

/// What people read after an installation.
pub(crate) fn notes(files: &[PathBuf]) -> String {
    let output = render(true, files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_once("NOTES:\n").map_or(text.clone(), |(_, notes)| notes.to_owned())
}

/// Has files looked through by `.ci/chart/check.py`: whether they are good, what was looked at, and the problems.
pub(crate) fn check(what: &str, files: &[PathBuf]) -> (bool, String, String) {
    let output = Command::new(tool("venv/bin/python"))
        .arg(project(".ci/chart/check.py"))
        .arg(what)
        .args(files)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The only document of that kind and name.
pub(crate) fn the<'d>(documents: &'d [Value], kind: &str, name: &str) -> &'d Value {
    let mut found = documents.iter().filter(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "{kind} {name} stands twice");
    first
}
