//! `phoneops plan`: what the documents of a folder would change on the phones of a running service, before anybody pushes
//! them.

use std::path::PathBuf;

use miette::{Context as _, IntoDiagnostic as _};

use super::{Exit, asking::Server, gate::change, output::put, status::text::clean};
use crate::{
    fleet::preview::PlanView,
    report::plan::{Document, Documents, PATH},
    source::dir::read_folder,
    spec::FileContent,
};

/// Arguments of `phoneops plan`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The root of the documents
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Text for people, JSON, or Markdown for a pull request
    #[arg(short, long, env = "PHONEOPS_PLAN_OUTPUT", default_value = "text", value_parser = ["text", "json", "markdown"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Runs the command: 0 nothing changes, 1 something does, 2 the documents have errors.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let documents = documents(&args.path)?;
    let plan: PlanView = args.server.ask(async |client| client.post(PATH, &documents).await)?;
    let text = match args.output.as_str() {
        "json" => format!("{}\n", serde_json::to_string(&plan).unwrap_or_default()),
        "markdown" => markdown(&plan),
        _ => told(&plan),
    };
    put(text.as_bytes())?;
    let changes = plan.written + plan.returned + plan.gone > 0;
    Ok(match (plan.errors.is_empty(), changes) {
        (false, _) => Exit::Error,
        (true, true) => Exit::Differs,
        (true, false) => Exit::Good,
    })
}

fn documents(path: &std::path::Path) -> miette::Result<Documents> {
    let snapshot = read_folder(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let document = |file: &crate::spec::SourceFile| {
        let text = match &file.content {
            FileContent::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        };
        let text =
            text.ok_or_else(|| miette::miette!("{} cannot be read as text; `phoneops validate` says why", file.path))?;
        Ok(Document { path: file.path.to_string(), text })
    };
    let files: miette::Result<Vec<Document>> = snapshot.files.iter().map(document).collect();
    Ok(Documents { files: files? })
}

/// The numbers, a line each.
fn summary(plan: &PlanView) -> Vec<String> {
    let PlanView { against, phones, written, returned, risky, gone, gone_names, waits, .. } = plan;
    let against = against.as_deref().unwrap_or("nothing");
    let mut lines =
        vec![format!("{written} of {phones} phones are written something new (compared with {})", clean(against))];
    if *returned > 0 {
        lines.push(format!("{returned} phones only return to what they had"));
    }
    if *risky > 0 {
        lines.push(format!("{risky} phones get items of effect service, safety or lockout"));
    }
    if *gone > 0 {
        lines.push(clean(&format!("{gone} phones are named by no document any more: {}", gone_names.join(", "))));
    }
    lines.extend(waits.iter().map(|why| clean(&format!("it waits at the gate: {why}"))));
    lines
}

fn told(plan: &PlanView) -> String {
    let mut lines: Vec<String> = plan.errors.iter().map(|error| clean(&format!("error: {error}"))).collect();
    if plan.more_errors > 0 {
        lines.push(format!("and {} more errors", plan.more_errors));
    }
    lines.extend(summary(plan));
    lines.extend(plan.changes.iter().map(change));
    if plan.more > 0 {
        lines.push(format!("  and {} more changes of single phones", plan.more));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn markdown(plan: &PlanView) -> String {
    let mut lines = vec!["### phoneops plan".to_owned(), String::new()];
    lines.extend(plan.errors.iter().map(|error| format!("- **error:** {}", escaped(error))));
    lines.extend(summary(plan).iter().map(|line| format!("- {}", escaped(line))));
    if !plan.changes.is_empty() {
        lines.push(String::new());
        lines.push("| item | becomes | phones | which |".to_owned());
        lines.push("|---|---|---|---|".to_owned());
        lines.extend(plan.changes.iter().map(|change| {
            let index = change.index.map(|index| format!("[{index}]")).unwrap_or_default();
            let risky = change.risky.as_ref().map(|effect| format!(" **{effect}**")).unwrap_or_default();
            let rest = change.phones.saturating_sub(change.names.len());
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!(
                "| {}{index}{risky} | {} | {} | {}{rest} |",
                escaped(&change.item),
                escaped(if change.to.is_empty() { "empty" } else { &change.to }),
                change.phones,
                escaped(&change.names.join(", "))
            )
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Text that Markdown takes as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::gate::view::PlannedChange;

    fn plan() -> PlanView {
        let change = |item: &str, to: &str, risky: Option<&str>| PlannedChange {
            item: item.to_owned(),
            index: None,
            to: to.to_owned(),
            risky: risky.map(str::to_owned),
            phones: 12,
            names: vec!["reception".to_owned(), "ward_3".to_owned()],
        };
        PlanView {
            against: Some("9fceb02".to_owned()),
            phones: 400,
            written: 12,
            returned: 3,
            risky: 12,
            gone: 1,
            gone_names: vec!["old-desk".to_owned()],
            waits: vec![
                "it would write items of effect service, safety or lockout to 12 phones, and 3 go through".to_owned(),
            ],
            changes: vec![change("reg-addr", "192.0.2.20", Some("service")), change("key-label", "", None)],
            more: 0,
            errors: Vec::new(),
            more_errors: 0,
        }
    }

    #[test]
    fn a_plan_is_read_at_a_glance() {
        insta::assert_snapshot!(told(&plan()));
    }

    #[test]
    fn a_plan_in_a_pull_request_is_a_table_that_no_name_breaks() {
        insta::assert_snapshot!(markdown(&plan()));
    }
}
