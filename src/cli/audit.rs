//! `phoneops audit`: what people did outside git, who and why; `phoneops audit verify` goes through the whole log.
//!
//! Exit codes: 0 when it was read, or is sound; 1 when `verify` finds it broken; 2 is an error.

use clap::{Subcommand, ValueEnum};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use miette::IntoDiagnostic;

use super::{
    Exit,
    asking::{Server, Since, since},
    output,
    status::{
        client::{Client, ClientError, encoded},
        text::{ago, clean},
    },
};
use crate::fleet::audit::{AuditPage, AuditRow, AuditVerdict};

/// Arguments of `phoneops audit`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verify: Option<Command>,
    /// Only acts from then on: a time such as 2026-03-01T08:00:00Z, or how long ago, such as 24h
    #[arg(long, env = "PHONEOPS_AUDIT_SINCE", value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// How to print; json is one object a line
    #[arg(short, long, env = "PHONEOPS_AUDIT_OUTPUT", value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Go through the whole log: is any act changed or missing?
    Verify(Server),
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Runs the command.
pub fn run(args: &Args) -> miette::Result<Exit> {
    if let Some(Command::Verify(server)) = &args.verify {
        let verdict: AuditVerdict = server.ask(async |client| client.get("/api/v1/audit/verify").await)?;
        print!("{}", told(&verdict));
        return Ok(if verdict.problem.is_some() { Exit::Differs } else { Exit::Good });
    }
    let now = Timestamp::now();
    let from = args.since.map(|since| since.time(now));
    let acts = args.server.ask(async |client| look(client, from).await)?;
    let text = match args.output {
        Format::Table => table(&acts, now),
        Format::Json => json(&acts)?,
        Format::Csv => csv(&acts)?,
    };
    output::put(text.as_bytes())
}

async fn look(client: &Client, since: Option<Timestamp>) -> Result<Vec<AuditRow>, ClientError> {
    let mut acts = Vec::new();
    let mut after = 0;
    loop {
        let since = since.map(|since| format!("&since={}", encoded(&since.to_string()))).unwrap_or_default();
        let page: AuditPage = client.get(&format!("/api/v1/audit?continue={after}{since}")).await?;
        acts.extend(page.acts);
        match page.next {
            Some(next) if next > after => after = next,
            _ => return Ok(acts),
        }
    }
}

fn told(verdict: &AuditVerdict) -> String {
    match &verdict.problem {
        None => format!(
            "{} acts, none changed and none missing. The last one has the hash {}\n",
            verdict.acts, verdict.head
        ),
        Some(problem) => format!("BROKEN behind act {}: {}\n", verdict.acts, clean(problem)),
    }
}

fn table(acts: &[AuditRow], now: Timestamp) -> String {
    if acts.is_empty() {
        return "Nobody acted.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["WHEN", "WHO", "ACT", "ON", "WHY", "OUTCOME"]);
    for row in acts {
        let [actor, act, target, reason, outcome] =
            [&row.actor, &row.act, &row.target, &row.reason, &row.outcome].map(|text| clean(text));
        table.add_row([ago(row.at, now), actor, act, target, reason, outcome]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn json(acts: &[AuditRow]) -> miette::Result<String> {
    let mut text = String::new();
    for row in acts {
        text.push_str(&serde_json::to_string(row).into_diagnostic()?);
        text.push('\n');
    }
    Ok(text)
}

fn csv(acts: &[AuditRow]) -> miette::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["id", "at", "actor", "act", "target", "reason", "outcome", "hash"]).into_diagnostic()?;
    for row in acts {
        let (id, at) = (row.id.to_string(), row.at.to_string());
        let texts = [&row.actor, &row.act, &row.target, &row.reason, &row.outcome].map(|text| harmless(text));
        let [actor, act, target, reason, outcome] = texts;
        writer.write_record([id, at, actor, act, target, reason, outcome, row.hash.clone()]).into_diagnostic()?;
    }
    let bytes = writer.into_inner().into_diagnostic()?;
    String::from_utf8(bytes).into_diagnostic()
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(reason: &str) -> AuditRow {
        AuditRow {
            id: 1,
            at: Timestamp::UNIX_EPOCH,
            actor: "ada".to_owned(),
            act: "Brake".to_owned(),
            target: "site berlin".to_owned(),
            reason: reason.to_owned(),
            outcome: "8 phones".to_owned(),
            hash: "00ff".to_owned(),
        }
    }

    #[test]
    fn each_form_says_who_did_what_on_what_and_why() {
        let acts = [row("ward 3, silent")];
        insta::assert_snapshot!(table(&acts, Timestamp::UNIX_EPOCH));
        let read: AuditRow = serde_json::from_str(json(&acts).unwrap().trim_end()).unwrap();
        assert_eq!(read, acts[0]);
        assert_eq!(
            csv(&acts).unwrap(),
            "id,at,actor,act,target,reason,outcome,hash\n\
             1,1970-01-01T00:00:00Z,ada,Brake,site berlin,\"ward 3, silent\",8 phones,00ff\n"
        );
    }

    #[test]
    fn a_reason_is_no_formula_in_a_spreadsheet() {
        assert!(csv(&[row("=cmd()")]).unwrap().contains(",'=cmd(),"));
    }

    #[test]
    fn a_broken_log_is_told_with_the_last_sound_act() {
        let verdict = |problem: Option<&str>| AuditVerdict {
            acts: 4,
            head: "00ff".to_owned(),
            problem: problem.map(str::to_owned),
        };
        assert!(told(&verdict(None)).starts_with("4 acts, none changed and none missing"));
        assert_eq!(told(&verdict(Some("act 5 was changed"))), "BROKEN behind act 4: act 5 was changed\n");
    }
}
