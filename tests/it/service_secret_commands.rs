//! Every command of the program, run near planted secrets: none of them says one (promise 5).

use std::{collections::BTreeSet, fs};

use crate::{
    service_child::{Program, files, phoneops, run},
    service_secret::leaks,
    service_stage::until,
};

/// Commands that are no question to a service: its log is looked at as a whole, and simulated phones and the demo have
/// worlds of their own.
const ELSEWHERE: [&str; 3] = ["serve", "sim", "demo"];

/// All commands, as the program lists them.
async fn all() -> BTreeSet<String> {
    let (_, help) = run(phoneops("--help")).await;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(Into::into).collect()
}

/// What is run, with the exit code and a part of what it prints.
fn lines(at: impl Fn(&str) -> String) -> Vec<(Vec<String>, i32, &'static str)> {
    let reason = ["--reason", "planted"];
    let (docs, secrets, empty, backup, restored) =
        (at("docs"), at("secrets"), at("empty"), at("backup"), at("restored"));
    let mut lines: Vec<(Vec<&str>, i32, &'static str)> = vec![
        (vec!["wire-log", "phone-0", "--for", "1h", reason[0], reason[1]], 0, "is recorded in"),
        (vec!["wire-log"], 1, "phone-0, ends"),
        (vec!["retry", "phone-0", "--secrets", reason[0], reason[1]], 0, "written again without comparing"),
        (vec!["status", "-o", "table"], 1, "phone-"),
        (vec!["status", "-o", "json"], 1, "phone-"),
        (vec!["status", "-o", "yaml"], 1, "phone-"),
        (vec!["status", "phone-0"], 0, "phone-0"),
        (vec!["status", "phone-5"], 1, "phone-5"),
        (vec!["status", "phone-4", "-o", "yaml"], 1, "phone-4"),
        (vec!["history", "-o", "table"], 0, "***"),
        (vec!["history", "-o", "json"], 0, "***"),
        (vec!["history", "phone-0", "--item", "sip-pwd"], 0, "***"),
        (vec!["explain", "phone-0"], 0, "sip-pwd"),
        (vec!["explain", "phone-0", "sip-pwd", "-o", "json"], 0, "{file: sip}"),
        (vec!["explain", "phone-1"], 1, "invalid data"),
        (vec!["drift"], 0, "Nothing differs"),
        (vec!["drift", "-o", "json"], 0, "\"differing\":0"),
        (vec!["drift", "phone-0", "-o", "json", reason[0], reason[1]], 0, "\"items\":[]"),
        (vec!["status", "--site", "nope"], 2, "there is no site"),
        (vec!["status", "--site-selector", "!region"], 1, "phone-"),
        (vec!["export", "phone-0"], 0, "phone-0"),
        (vec!["export", "--all", &empty], 1, "3 documents"),
        (vec!["plan", &docs], 2, "plain.yaml"),
        (vec!["plan", &docs, "-o", "json"], 2, "plain.yaml"),
        (vec!["plan", &docs, "--phone", "phone-0"], 2, "phone-0 ("),
        (vec!["plan", &docs, "-o", "markdown"], 2, "plain.yaml"),
        (vec!["plan", &docs, "--against", &empty], 2, "plain.yaml"),
        (vec!["validate", "-o", "text", "--secrets-dir", &secrets, &docs], 2, "plain.yaml"),
        (vec!["validate", "-o", "json", "--secrets-dir", &secrets, &docs], 2, "plain.yaml"),
        (vec!["validate", "-o", "github", "--secrets-dir", &secrets, &docs], 2, "plain.yaml"),
        (vec!["gate"], 0, ""),
        (vec!["approve", "nothing", reason[0], reason[1]], 2, "no revision waits"),
        (vec!["reject", "nothing", reason[0], reason[1]], 2, "no revision waits"),
        (vec!["undo", "nothing", "--dry-run"], 2, "nothing"),
        (vec!["leftovers"], 0, ""),
        (vec!["assert"], 0, ""),
        (vec!["back"], 2, ""),
        (vec!["contact", "phone-0", reason[0], reason[1]], 0, "phone-0"),
        (vec!["restart", "phone-0", reason[0], reason[1]], 0, "phone-0"),
        (vec!["release", "phone-0", reason[0], reason[1]], 2, "Abandoned"),
        (vec!["dismiss", "phone-0", reason[0], reason[1]], 2, "Abandoned"),
        (vec!["resume", reason[0], reason[1]], 2, "restored"),
        (vec!["brake", "--site", "default", "--for", "1h", reason[0], reason[1]], 0, "site default"),
        (vec!["brake"], 1, "site default"),
        (vec!["audit"], 0, "Retry"),
        (vec!["audit", "verify"], 0, ""),
        (vec!["wire-log", "phone-0", "--end", reason[0], reason[1]], 0, "recorded no more"),
        (vec!["backup", &backup, "--state"], 0, "8 phones"),
        (vec!["verify", &backup], 0, "sound"),
        (vec!["restore", &backup, reason[0], reason[1], "--state"], 0, "8 phones"),
        (vec!["dhcp", "192.0.2.7"], 0, "43"),
        (vec!["crds"], 0, "PhoneConfig"),
        (vec!["openapi"], 0, "listPhones"),
        (vec!["completions", "bash"], 0, "phoneops"),
        (vec!["man"], 0, "phoneops"),
    ];
    let state = at("state");
    for (words, ..) in &mut lines {
        match (words[0], words.last()) {
            ("backup", _) => words.push(&state),
            ("restore", _) => words.push(&restored),
            _ => {}
        }
    }
    lines.into_iter().map(|(words, code, part)| (words.into_iter().map(Into::into).collect(), code, part)).collect()
}

/// Those that ask no service.
const ALONE: [&str; 9] = ["validate", "backup", "verify", "restore", "dhcp", "crds", "openapi", "completions", "man"];

/// Runs all of them; where something planted shows.
pub(crate) async fn commands(program: &Program) -> Vec<String> {
    let at = |name: &str| program.folder.path().join(name).to_str().unwrap().to_owned();
    let server = format!("unix:{}", at("state/api.sock"));
    let (mut found, mut wrong, mut run_now) = (Vec::new(), Vec::new(), BTreeSet::new());
    fs::create_dir(at("empty")).unwrap();
    for (words, code, part) in lines(at) {
        let mut command = phoneops(&words[0]);
        command.args(&words[1..]);
        if !ALONE.contains(&words[0].as_str()) && !words.contains(&"--against".to_owned()) {
            command.args(["--server", &server]);
        }
        let (got, out) = run(command).await;
        if got != code || !out.contains(part) {
            wrong.push(format!("{words:?} ends with {got}, and not {code} and {part:?}: {out}"));
        }
        found.extend(leaks(&format!("{words:?}"), out.as_bytes()));
        if words[0] == "retry" {
            // what is recorded has the password in it, masked
            let recorded = || {
                let recordings = fs::read_dir(at("wire")).unwrap().flatten();
                recordings.map(|file| fs::read_to_string(file.path()).unwrap()).collect::<String>()
            };
            until(|| recorded().contains("name=\"sip-pwd\">***<"), recorded).await;
        }
        run_now.insert(words[0].clone());
    }
    found.extend(leaks("the backup", &fs::read(at("backup")).unwrap()));
    for (name, bytes) in files(at("empty").as_ref()) {
        found.extend(leaks(&name.display().to_string(), &bytes));
    }
    assert_eq!(wrong, [""; 0]);
    run_now.extend(ELSEWHERE.map(Into::into));
    assert_eq!(run_now, all().await, "each command is run, and there is no other");
    found
}
