//! `phoneops validate` as people and CI run it: output, exit codes, masks.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

const GOOD: &str = r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: reception}
spec:
  phone: {mac: "00:1A:E8:11:22:33"}
  profiles: [fleet]
  items: {e164: "4930123456", sip-pwd: {file: sip/reception}}
"#;

const FLEET: &str = r"apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: fleet}
spec:
  items: {realm: pbx.example}
---
apiVersion: v1
kind: ConfigMap
";

const BAD: &str = r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: lab}
spec:
  phone: {mac: 0001E3112233}
  itms: {}
  items:
    e164: 0301
    display-id-unicode: "Büro 3	"
    sntp-tz-offset: 800
    sip-pwd: "hunter2"
  byIndex: {4: {line-sip-pwd: hunter2, function-key-def: yes}}
"#;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn validate(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phoneops"));
    command.arg("validate").args(arguments).current_dir(folder);
    command.env_remove("PHONEOPS_VALIDATE_OUTPUT").env_remove("PHONEOPS_SECRETS_DIR");
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn good_documents_are_exit_code_0_and_one_line() {
    let folder = folder(&[("fleet.yaml", FLEET), ("berlin/reception.yml", GOOD), (".github/x.yaml", "a: [")]);
    let ran = validate(folder.path(), &["."]);
    assert_eq!((ran.code, &*ran.err), (0, ""));
    insta::assert_snapshot!(ran.out, @"2 documents, 1 phone, 0 errors, 0 warnings, 1 document of other groups skipped");
}

#[test]
fn the_fixture_is_good_as_well() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let ran = validate(&fixture, &["spec"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    insta::assert_snapshot!(ran.out, @"9 documents, 7 phones, 0 errors, 0 warnings, 0 documents of other groups skipped");
}

#[test]
fn text_shows_every_problem_with_its_line_and_no_secret() {
    let folder = folder(&[("lab.yaml", BAD), ("broken.yaml", "a: 1\nsip-pwd: \"hunter2\" b\n")]);
    let ran = validate(folder.path(), &["."]);
    assert_eq!((ran.code, &*ran.err), (2, ""));
    assert!(!ran.out.contains("hunter2"));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn json_is_one_object_a_line() {
    let folder = folder(&[("sub/lab.yaml", BAD)]);
    let ran = validate(folder.path(), &["-o", "json", "sub"]);
    assert_eq!(ran.code, 2);
    assert!(!ran.out.contains("hunter2") && ran.err.starts_with("1 document, "));
    for line in ran.out.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["file"], "sub/lab.yaml");
    }
    insta::assert_snapshot!(ran.out);
}

#[test]
fn github_gets_annotations() {
    let folder = folder(&[("a,b/lab.yaml", BAD)]);
    let ran = validate(folder.path(), &["--output", "github", "a,b/lab.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(!ran.out.contains("hunter2"));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn warnings_alone_are_good() {
    let text = GOOD.replace("e164: \"4930123456\"", "sntp-tz-offset: 800");
    let folder = folder(&[("fleet.yaml", FLEET), ("a.yaml", &text)]);
    let ran = validate(folder.path(), &["."]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_rule_whose_end_has_come_is_a_warning() {
    let validated = |until: &str| {
        let text = format!("{GOOD}  policy: {{ignore: [{{item: realm, reason: a, until: {until}}}]}}\n");
        let folder = folder(&[("fleet.yaml", FLEET), ("a.yaml", &text)]);
        validate(folder.path(), &["."])
    };
    let (over, held) = (validated("2020-12-31"), validated("2999-12-31"));
    assert_eq!((over.code, held.code), (0, 0), "{}", over.out);
    assert!(over.out.contains("warning[expired]") && over.out.contains("1 warning"), "{}", over.out);
    assert!(!held.out.contains("expired"), "{}", held.out);
}

#[test]
fn several_paths_are_one_set() {
    let folder = folder(&[("a/fleet.yaml", FLEET), ("b/reception.yaml", GOOD)]);
    assert_eq!(validate(folder.path(), &["a", "b/reception.yaml"]).code, 0);
    let alone = validate(folder.path(), &["b"]);
    assert_eq!(alone.code, 2);
    assert!(alone.out.contains("b/reception.yaml:6:14"), "{}", alone.out);
    assert_eq!(validate(folder.path(), &["a", "b", "./b/", "b/reception.yaml"]).code, 0, "named twice is read once");
}

#[test]
fn secrets_are_looked_for_only_where_a_folder_is_named() {
    let folder = folder(&[("y/fleet.yaml", FLEET), ("y/a.yaml", GOOD), ("secrets/other", "x")]);
    assert_eq!(validate(folder.path(), &["y"]).code, 0);
    let missing = validate(folder.path(), &["y", "--secrets-dir", "secrets"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing.out.contains("error[missing-secret]") && missing.out.contains("{file: sip/reception}"),
        "{}",
        missing.out
    );
    fs::create_dir(folder.path().join("secrets/sip")).unwrap();
    fs::write(folder.path().join("secrets/sip/reception"), "hunter2").unwrap();
    let found = validate(folder.path(), &["y", "--secrets-dir", "secrets"]);
    assert_eq!(found.code, 0, "{}", found.out);
    assert!(!found.out.contains("hunter2"));
}

#[test]
fn an_overlay_belongs_to_its_folder() {
    let header = "name,index,type,unit,range,values,open,max_length,default,access,since,group,effect,owner,evidence,description\n";
    let row = format!("{header}new-item,,nonsense,,,,,,,read-write,,,,admin,field,\n");
    let folder = folder(&[("y/fleet.yaml", FLEET), ("y/catalogue.csv", &row), ("z/catalogue.csv", header)]);
    let ran = validate(folder.path(), &["y"]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("--> y/catalogue.csv:2:1"), "{}", ran.out);
    let two = validate(folder.path(), &["y", "z"]);
    assert!(two.code == 2 && two.err.contains("two overlays"), "{}", two.err);
}

#[test]
fn a_path_that_is_not_there_or_empty_is_an_error() {
    let folder = folder(&[("a.txt", "a")]);
    let missing = validate(folder.path(), &["nowhere"]);
    assert!(missing.code == 2 && missing.err.contains("nowhere"), "{}", missing.err);
    let empty = validate(folder.path(), &["."]);
    assert!(empty.code == 2 && empty.err.contains("no *.yaml"), "{}", empty.err);
    assert_eq!(validate(folder.path(), &[]).code, 2);
}

#[cfg(unix)]
#[test]
fn a_link_is_an_error_with_its_name() {
    let folder = folder(&[("fleet.yaml", FLEET)]);
    std::os::unix::fs::symlink("fleet.yaml", folder.path().join("link.yaml")).unwrap();
    let ran = validate(folder.path(), &["."]);
    assert_eq!(ran.code, 2);
    assert!(ran.out.contains("error[link]") && ran.out.contains("--> link.yaml\n"), "{}", ran.out);
}

const OWNED: &str = r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneSite
metadata: {name: berlin}
spec:
  numbers: [4930123*]
  owner: {team: Berlin desk, paths: [berlin], profiles: [fleet], policy: [pause]}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: fleet}
spec:
  items: {emergency-e164: "112"}
  final: [emergency-e164]
  require: {country-iso: {oneOf: ["DE", "AT"]}}
"#;

const THEIRS: &str = r#"apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: desk}
spec:
  phone: {mac: "00:1A:E8:11:22:33"}
  site: berlin
  profiles: [fleet]
  policy: {mode: Enforce}
  items: {e164: "4940123456", emergency-e164: "110", sntp-adr: 192.0.2.5}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: hall}
spec:
  phone: {mac: "00:1A:E8:11:22:44"}
  site: munich
  profiles: [fleet]
  items: {e164: "4930123456", country-iso: "FR"}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: yard}
spec:
  phone: {mac: "00:1A:E8:11:22:55"}
  site: berlin
  profiles: [fleet]
  items: {e164: "+49 30 123456"}
"#;

#[test]
fn rules_of_profiles_and_owners_name_the_line_that_breaks_them_and_their_own() {
    let folder = folder(&[("y/sites.yaml", OWNED), ("y/berlin/phones.yaml", THEIRS)]);
    let ran = validate(folder.path(), &["y"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.out);
    let there = validate(&folder.path().join("y"), &["."]);
    assert_eq!(there.out, ran.out.replace("y/berlin/", "berlin/").replace("y/sites", "sites"), "wherever it is run");
}
