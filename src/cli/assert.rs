//! `phoneops assert`: whether all that decides over emergency calls is on the phones as it is wanted.

use super::{
    Exit,
    asking::Server,
    output::put,
    status::{client::encoded, text::clean},
    undo::{indexed, on},
};
use crate::fleet::safety::{SafetyList, SafetyView};

/// Arguments of `phoneops assert`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only the phones of this site
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// A table for people, or JSON
    #[arg(short, long, env = "PHONEOPS_OUTPUT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Runs the command; ends with 1 when something is not as it should be.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let site = args.site.as_deref().map(|site| format!("?site={}", encoded(site))).unwrap_or_default();
    let path = format!("/api/v1/safety{site}");
    let list: SafetyList = args.server.ask(async |client| client.list(&path).await)?;
    let text = if args.output == "json" {
        format!("{}\n", serde_json::to_string(&list).unwrap_or_default())
    } else {
        table(&list)
    };
    put(text.as_bytes())?;
    Ok(if list.problems.is_empty() { Exit::Good } else { Exit::Differs })
}

fn table(list: &SafetyList) -> String {
    if list.problems.is_empty() {
        return format!("What decides over emergency calls is as it is wanted on {} phones.\n", list.phones);
    }
    let line = |view: &SafetyView| {
        let SafetyView { item, index, problem, site, phones, names } = view;
        let (item, on) = (indexed(item, *index), on(*phones, names));
        clean(&format!("{problem:<8} {item} {} at {site} on {on}", problem.sentence()))
    };
    let mut lines: Vec<String> = list.problems.iter().map(line).collect();
    if list.more > 0 {
        lines.push(format!("and {} more", list.more));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::words::SafetyProblem;

    #[test]
    fn each_problem_is_a_line_with_its_phones() {
        let view = |item: &str, problem, phones, names: &[&str]| SafetyView {
            item: item.to_owned(),
            index: None,
            problem,
            site: "berlin".to_owned(),
            phones,
            names: names.iter().map(ToString::to_string).collect(),
        };
        let list = SafetyList {
            phones: 400,
            problems: vec![
                view("country-iso", SafetyProblem::Unread, 1, &["desk-4"]),
                view("emergency-e164", SafetyProblem::Empty, 12, &["reception", "ward-3"]),
            ],
            more: 0,
            next: None,
        };
        insta::assert_snapshot!(table(&list));
        let good = SafetyList { phones: 400, ..SafetyList::default() };
        assert_eq!(table(&good), "What decides over emergency calls is as it is wanted on 400 phones.\n");
    }
}
