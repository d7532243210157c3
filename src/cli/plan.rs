//! `phoneops plan`: what documents would change on the phones of a running service, before anybody pushes them; or, without
//! a service, against other documents such as an export.
//!
//! - [`show`]: the plan as people read it

mod show;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use miette::{Context as _, IntoDiagnostic as _};

use super::{Exit, asking::Server, output::put};
use crate::{
    fleet::{
        Fleet,
        export::reads_in,
        preview::{PlanView, SupposedView},
    },
    report::plan::{Document, Documents, PATH},
    source::{dir::read_folder, git::read_revision},
    spec::{FileContent, SecretsUnread, Snapshot, load},
    wpi::DeviceId,
};

/// Arguments of `phoneops plan`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The root of the documents
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Plan what stood there in this revision of its git repository (a branch, a tag, a commit, HEAD~1), not in the files
    #[arg(long, env = "PHONEOPS_PLAN_REV", value_name = "REV")]
    rev: Option<String>,
    /// Ask no service: take phones to have what the documents of this folder say, such as an export with its profiles
    #[arg(long, env = "PHONEOPS_PLAN_AGAINST", value_name = "DIR")]
    against: Option<PathBuf>,
    /// Tell more of this phone, by name or MAC: item by item
    #[arg(long, value_name = "PHONE")]
    phone: Option<String>,
    /// Text for people, JSON, or Markdown for a pull request
    #[arg(short, long, env = "PHONEOPS_PLAN_OUTPUT", default_value = "text", value_parser = ["text", "json", "markdown"])]
    output: String,
    #[command(flatten)]
    server: Server,
}

/// Runs the command: 0 nothing changes, 1 something does, 2 the documents have errors, 3 nothing is known to change, and
/// some phones were never read or did not come when they were asked.
pub fn run(args: &Args) -> miette::Result<Exit> {
    let snapshot = match &args.rev {
        Some(revision) => read_revision(&args.path, revision).into_diagnostic()?,
        None => read(&args.path)?,
    };
    let plan: PlanView = if let Some(against) = &args.against {
        offline(&snapshot, &read(against)?, args.phone.as_deref())
    } else {
        let documents = Documents { files: files(&snapshot)?, phone: args.phone.clone() };
        args.server.ask(async |client| client.post(PATH, &documents).await)?
    };
    let text = match args.output.as_str() {
        "json" => format!("{}\n", serde_json::to_string(&plan).unwrap_or_default()),
        "markdown" => show::markdown(&plan, Timestamp::now()),
        _ => show::told(&plan, Timestamp::now()),
    };
    put(text.as_bytes())?;
    if let (Some(phone), None, true) = (&args.phone, &plan.phone, plan.errors.is_empty()) {
        return Err(miette::miette!("these documents declare no phone {phone:?}"));
    }
    Ok(exit(&plan))
}

fn exit(plan: &PlanView) -> Exit {
    if !plan.errors.is_empty() {
        Exit::Error
    } else if plan.certain + plan.gone > 0 {
        Exit::Differs
    } else if plan.unread + plan.away > 0 {
        Exit::Pending
    } else if plan.written + plan.returned > 0 {
        Exit::Differs
    } else {
        Exit::Good
    }
}

/// The plan against other documents: the decisions are those of the service, its gate has no say.
fn offline(snapshot: &Snapshot, against: &Snapshot, phone: Option<&str>) -> PlanView {
    let now = Timestamp::now();
    let documents = Arc::new(load(against, &SecretsUnread));
    let fleet = Fleet::supposed(&documents, now);
    let mut takeover = fleet.consider(&Arc::new(load(snapshot, &SecretsUnread)), now);
    let resolved = takeover.resolve_some(usize::MAX);
    fleet.plan(&mut takeover, resolved);
    let mut plan = fleet.preview(&takeover, phone, now);
    let reads = reads(against);
    let known = documents.devices().iter().filter_map(|device| reads.get(device)).copied().collect::<Vec<_>>();
    plan.supposed = Some(SupposedView {
        oldest: known.iter().min().copied(),
        newest: known.iter().max().copied(),
        without_time: documents.devices().len().saturating_sub(known.len()),
    });
    if let Some(phone) = &mut plan.phone {
        phone.read = DeviceId::new(&phone.mac).ok().and_then(|device| reads.get(&device).copied());
    }
    plan
}

/// When the phones were read whose exports stand in these documents.
fn reads(documents: &Snapshot) -> BTreeMap<DeviceId, Timestamp> {
    let text = |file: &crate::spec::SourceFile| match &file.content {
        FileContent::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    documents.files.iter().flat_map(|file| reads_in(&text(file)).collect::<Vec<_>>()).collect()
}

fn read(path: &Path) -> miette::Result<Snapshot> {
    read_folder(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
}

fn files(snapshot: &Snapshot) -> miette::Result<Vec<Document>> {
    let document = |file: &crate::spec::SourceFile| {
        let text = match &file.content {
            FileContent::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        };
        let text =
            text.ok_or_else(|| miette::miette!("{} cannot be read as text; `phoneops validate` says why", file.path))?;
        Ok(Document { path: file.path.to_string(), text })
    };
    snapshot.files.iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_to_change_goes_before_what_is_not_known_and_errors_before_both() {
        let plan = |certain, unread, written, errors: &[&str]| PlanView {
            certain,
            unread,
            written,
            errors: errors.iter().map(ToString::to_string).collect(),
            ..PlanView::default()
        };
        assert_eq!(exit(&plan(0, 0, 0, &[])), Exit::Good);
        assert_eq!(exit(&plan(1, 5, 6, &[])), Exit::Differs);
        assert_eq!(exit(&plan(0, 5, 5, &[])), Exit::Pending);
        assert_eq!(exit(&PlanView { away: 1, ..PlanView::default() }), Exit::Pending);
        assert_eq!(exit(&PlanView { gone: 1, away: 1, ..PlanView::default() }), Exit::Differs);
        assert_eq!(exit(&plan(1, 5, 6, &["a.yaml:1:1: wrong"])), Exit::Error);
    }

    #[test]
    fn without_a_service_documents_are_planned_against_those_of_a_folder() {
        let texts = |sntp: &str| {
            format!(
                "apiVersion: phoneops.dev/v1alpha1\nkind: PhoneConfig\nmetadata: {{name: ward-3}}\nspec:\n  \
                 phone: {{mac: \"00:1A:E8:00:00:01\"}}\n  policy: {{mode: Enforce}}\n  items: {{sntp-addr: {sntp}, sip-name: A}}\n"
            )
        };
        let snapshot =
            |sntp: &str| Snapshot::of_texts(crate::spec::Revision::new("folder"), [("a.yaml", texts(sntp).as_str())]);
        let plan = offline(&snapshot("192.0.2.5"), &snapshot("192.0.2.7"), Some("ward-3"));
        let change = &plan.phone.as_ref().unwrap().items[0];
        assert_eq!((plan.items, change.from.as_deref(), &*change.to), (1, Some("192.0.2.7"), "192.0.2.5"));
        assert_eq!(exit(&plan), Exit::Differs);
        let unread = SupposedView { without_time: 1, ..SupposedView::default() };
        assert_eq!((plan.supposed, plan.phone.unwrap().read), (Some(unread), None), "nobody read it now");
        assert_eq!(exit(&offline(&snapshot("192.0.2.5"), &snapshot("192.0.2.5"), None)), Exit::Good);
    }
}
