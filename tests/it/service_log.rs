//! The log: what lines look like, and that one event is one line.

use std::fs;

use crate::{
    service_child::Program,
    service_stage::{config, profile, until},
};

#[tokio::test]
async fn a_source_that_is_away_is_told_by_one_line_which_names_its_module() {
    let program = Program::serve(&(profile("Report", "sntp-addr: 192.0.2.5") + "---\n" + &config(0, "")), &[]);
    let lines = || -> Vec<serde_json::Value> {
        program.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let of_source = || {
        let is_meant = |line: &serde_json::Value| {
            let target = line["target"].as_str().unwrap_or_default();
            target.starts_with("phoneops::source") || target == "phoneops::service::follow"
        };
        let warnings = lines().into_iter().filter(|line| line["level"] == "WARN" && is_meant(line));
        warnings.filter(|line| line["category"].is_string()).collect::<Vec<_>>()
    };
    until(|| program.log().contains("revision taken over"), || program.log()).await;
    assert!(lines().iter().all(|line| line["target"].is_string()), "{}", program.log());
    fs::rename(program.folder.path().join("docs"), program.folder.path().join("elsewhere")).unwrap();
    until(|| program.log().contains("the source cannot be read; what is in force stays"), || program.log()).await;
    fs::rename(program.folder.path().join("elsewhere"), program.folder.path().join("docs")).unwrap();
    until(|| program.log().contains("the source can be read again"), || program.log()).await;
    let told = of_source();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["target"], "phoneops::service::follow", "{told:#?}");
    assert!(told[0]["problem"].as_str().unwrap().contains("docs"), "{told:#?}");
}
