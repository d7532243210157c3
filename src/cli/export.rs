//! `phoneops export`: the document of a phone, or of all, out of what they have. What it writes is to be kept in the
//! repository; the plan after that is empty.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::{
    Exit,
    asking::Server,
    output::put,
    serve::some_time,
    status::{
        client::{Client, ClientError, encoded},
        text::clean,
    },
};
use crate::{
    fleet::export::{Export, ExportPage, Without},
    report::look::{Looked, Wish},
};

/// How often the service is asked whether the phone was read.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Most pages that are followed.
const PAGES: usize = 2_000;

/// Arguments of `phoneops export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The phone, by name or MAC. Without --reason what it was last read to have counts: of a declared phone its managed
    /// items, of another one nothing unless it was read so before
    #[arg(required_unless_present = "all")]
    phone: Option<String>,
    /// Write the documents of all declared phones into this folder, as SITE/NAME.yaml, from what was last read of them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["phone", "reason"])]
    all: Option<PathBuf>,
    /// With --all: only the phones of this site
    #[arg(long, requires = "all")]
    site: Option<String>,
    /// Ask the phone to call and read all that it has first; why, in one line, for the audit log
    #[arg(long, env = "PHONEOPS_REASON", value_name = "TEXT", requires = "phone")]
    reason: Option<String>,
    /// How long the phone is awaited
    #[arg(long, env = "PHONEOPS_EXPORT_PATIENCE", value_name = "TIME", default_value = "90s", value_parser = some_time)]
    patience: Duration,
    #[command(flatten)]
    server: Server,
}

/// Runs the command: 0 written, 1 with --all some phones have no document, 3 the phone did not call in time.
pub fn run(args: &Args) -> miette::Result<Exit> {
    if let Some(folder) = &args.all {
        return all(args, folder);
    }
    let phone = args.phone.as_deref().unwrap_or_default();
    let export = args.server.ask(async |client| match &args.reason {
        None => client.get(&path_of(phone)).await.map(Some),
        Some(reason) => read_now(client, phone, reason, args.patience).await,
    })?;
    let Some(export): Option<Export> = export else {
        eprint_waits(phone);
        return Ok(Exit::Pending);
    };
    put(export.yaml.as_bytes())
}

#[expect(clippy::print_stderr, reason = "standard output is for the document")]
fn eprint_waits(phone: &str) {
    eprintln!("{}: it was asked to call and did not in time", clean(phone));
}

fn path_of(phone: &str) -> String {
    format!("/api/v1/phones/{}/export", encoded(phone))
}

async fn read_now(
    client: &Client,
    phone: &str,
    reason: &str,
    patience: Duration,
) -> Result<Option<Export>, ClientError> {
    let wish = Wish { all: true, reason: reason.to_owned() };
    let Looked { asked, .. } = client.act(phone, "look", &wish).await?;
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match client.get::<Export>(&path_of(phone)).await {
            Ok(export) if export.whole && export.read.is_some_and(|read| read >= asked) => return Ok(Some(export)),
            // a phone that nobody declares has no document until it was read
            Ok(_) | Err(ClientError::Refused { status: hyper::StatusCode::CONFLICT, .. }) => {}
            Err(error) => return Err(error),
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn all(args: &Args, folder: &Path) -> miette::Result<Exit> {
    let pages = args.server.ask(async |client| {
        let mut pages = Vec::new();
        let mut after = None;
        for _ in 0..PAGES {
            let site = args.site.as_deref().map(|site| format!("&site={}", encoded(site))).unwrap_or_default();
            let from = after.as_deref().map(|after| format!("&continue={}", encoded(after))).unwrap_or_default();
            let page: ExportPage = client.get(&format!("/api/v1/export?limit=500{site}{from}")).await?;
            after.clone_from(&page.next);
            pages.push(page);
            if after.is_none() {
                break;
            }
        }
        Ok(pages)
    })?;
    let (mut written, mut without) = (0, Vec::new());
    for page in pages {
        for export in page.exports {
            write(folder, &export)?;
            written += 1;
        }
        without.extend(page.without);
    }
    put(told(written, folder, &without).as_bytes())?;
    Ok(if without.is_empty() { Exit::Good } else { Exit::Differs })
}

fn told(written: usize, folder: &Path, without: &[Without]) -> String {
    let mut told = format!("{written} documents in {}\n", folder.display());
    for Without { name, why } in without {
        told.push_str(&clean(&format!("{name}: {why}")));
        told.push('\n');
    }
    told
}

/// Writes one document to its place. Names come from a server, so none may lead out of the folder.
fn write(folder: &Path, export: &Export) -> miette::Result<()> {
    let site = export.site.as_deref().unwrap_or("default");
    let is_name = |name: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        !name.is_empty() && !name.starts_with('.') && name.chars().all(is_fine)
    };
    if !is_name(site) || !is_name(&export.name) {
        return Err(miette::miette!(
            "{:?} at {site:?} cannot be the name of a file; nothing is written for it",
            export.name
        ));
    }
    let folder = folder.join(site);
    let failed = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(&folder).into_diagnostic().wrap_err_with(|| failed(&folder))?;
    let file = folder.join(format!("{}.yaml", export.name));
    fs::write(&file, &export.yaml).into_diagnostic().wrap_err_with(|| failed(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(site: &str, name: &str) -> Export {
        Export {
            name: name.to_owned(),
            mac: "001AE8112233".to_owned(),
            site: Some(site.to_owned()),
            read: None,
            whole: false,
            yaml: "kind: \"PhoneConfig\"\n".to_owned(),
            left: Vec::new(),
        }
    }

    #[test]
    fn no_name_of_a_server_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &export("berlin", "ward-3.a")).unwrap();
        assert!(folder.path().join("berlin/ward-3.a.yaml").exists());
        for (site, name) in [("..", "a"), ("berlin", "../a"), ("berlin", ".a"), ("", "a"), ("a/b", "a"), ("berlin", "")]
        {
            assert!(write(folder.path(), &export(site, name)).is_err(), "{site} {name}");
        }
    }

    #[test]
    fn it_says_where_the_documents_are_and_which_phones_have_none() {
        let without = |name: &str, why: &str| Without { name: name.to_owned(), why: why.to_owned() };
        let none = [
            without("ward-3", "no document declares this phone"),
            without("ward\u{1b}-4", "its documents have errors"),
        ];
        let told = [told(22, Path::new("phones"), &none), told(24, Path::new("phones"), &[])];
        insta::assert_snapshot!(told.join("---\n"));
    }
}
