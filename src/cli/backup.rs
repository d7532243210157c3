//! `phoneops backup`, `phoneops verify` and `phoneops restore`: the state of a service in one file. `phoneops resume` has
//! a restored service write again.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use miette::{IntoDiagnostic, bail};

use super::{
    Exit,
    asking::{Reason, Server},
    output::put,
};
use crate::{
    fleet::audit::By,
    report::{act::Reasoned, socket::user_named},
    store::backup::{self, Manifest, RestoredBackup, Verified},
};

/// Arguments of `phoneops backup`.
#[derive(Debug, Clone, clap::Args)]
pub struct Backup {
    /// The file to write; it holds keys and is private
    file: PathBuf,
    /// State folder of the service, which may run
    #[arg(long, env = "PHONEOPS_STATE", default_value = "/var/lib/phoneops", value_name = "DIR")]
    state: PathBuf,
}

/// Arguments of `phoneops verify`.
#[derive(Debug, Clone, clap::Args)]
pub struct Verify {
    /// The backup
    file: PathBuf,
}

/// Arguments of `phoneops restore`.
#[derive(Debug, Clone, clap::Args)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// State folder of the service, which has to be stopped
    #[arg(long, env = "PHONEOPS_STATE", default_value = "/var/lib/phoneops", value_name = "DIR")]
    state: PathBuf,
    /// Put what is there aside, and keep it
    #[arg(long, env = "PHONEOPS_REPLACE", value_parser = BoolishValueParser::new())]
    replace: bool,
    #[command(flatten)]
    reason: Reason,
}

/// Arguments of `phoneops resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct Resume {
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    server: Server,
}

/// Runs `phoneops backup`.
pub fn back_up(args: &Backup) -> miette::Result<Exit> {
    let manifest = backup::back_up(&args.state, &args.file, Timestamp::now()).into_diagnostic()?;
    put(format!("{}: {}\n", args.file.display(), held(&manifest)).as_bytes())
}

/// Runs `phoneops verify`; ends with 1 when its audit log is not whole.
pub fn verify(args: &Verify) -> miette::Result<Exit> {
    let verified = backup::verify(&args.file).into_diagnostic()?;
    put(looked_through(&args.file, &verified).as_bytes())?;
    Ok(if verified.audit.problem.is_none() { Exit::Good } else { Exit::Differs })
}

fn looked_through(file: &Path, Verified { manifest, audit }: &Verified) -> String {
    let chain = match &audit.problem {
        None => format!("audit log whole, {} acts", audit.acts),
        Some(problem) => format!("AUDIT LOG NOT WHOLE: {problem}"),
    };
    format!("{}: sound; {}; {chain}\n", file.display(), held(manifest))
}

/// Runs `phoneops restore`.
pub fn restore(args: &Restore) -> miette::Result<Exit> {
    let by = By::new(&me()?, &args.reason.reason).into_diagnostic()?;
    let restored = backup::restore(&args.file, &args.state, args.replace, &by, Timestamp::now()).into_diagnostic()?;
    put(in_place(&restored).as_bytes())
}

fn in_place(RestoredBackup { manifest, aside }: &RestoredBackup) -> String {
    let kept = aside.as_ref().map(|aside| format!("What was there before is in {}.\n", aside.display()));
    format!(
        "Restored: {}.\n{}Start the service: it reads its phones and writes nothing until `phoneops resume`.\n",
        held(manifest),
        kept.unwrap_or_default()
    )
}

/// Runs `phoneops resume`.
pub fn resume(args: &Resume) -> miette::Result<Exit> {
    let wish = Reasoned { reason: args.reason.reason.clone() };
    let _: serde_json::Value = args.server.ask(async |client| client.post("/api/v1/resume", &wish).await)?;
    put(b"Resumed: what the documents want is written again.\n")
}

fn held(manifest: &Manifest) -> String {
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    format!("{} phones as of {:.0}, phoneops {}; {}", manifest.phones, manifest.at, manifest.phoneops, names.join(", "))
}

/// The user of this process, as the system knows it.
fn me() -> miette::Result<String> {
    let uid = fs::metadata(Path::new("/proc/self")).map(|metadata| metadata.uid());
    match uid {
        Ok(uid) => Ok(user_named(uid)),
        Err(error) => bail!("the system does not say which user this is (/proc/self: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fleet::audit::AuditVerdict, store::backup::FileEntry};

    fn manifest() -> Manifest {
        let file = |name: &str| FileEntry { name: name.to_owned(), bytes: 1, sha256: String::new() };
        Manifest {
            format: 1,
            phoneops: "0.1.0".to_owned(),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            phones: 9_000,
            files: vec![file("phoneops.db"), file("fingerprint.key")],
        }
    }

    #[test]
    fn a_backup_says_what_is_in_it_and_whether_its_audit_log_is_whole() {
        let verified = |problem: Option<&str>| {
            let audit = AuditVerdict { acts: 12, head: String::new(), problem: problem.map(ToOwned::to_owned) };
            looked_through(Path::new("monday.tar"), &Verified { manifest: manifest(), audit })
        };
        insta::assert_snapshot!(verified(None), @"monday.tar: sound; 9000 phones as of 2023-11-14T22:13:20Z, phoneops 0.1.0; phoneops.db, fingerprint.key; audit log whole, 12 acts");
        insta::assert_snapshot!(verified(Some("act 7 was changed")), @"monday.tar: sound; 9000 phones as of 2023-11-14T22:13:20Z, phoneops 0.1.0; phoneops.db, fingerprint.key; AUDIT LOG NOT WHOLE: act 7 was changed");
    }

    #[test]
    fn a_restore_says_what_it_put_aside_and_what_comes_next() {
        let restored = RestoredBackup { manifest: manifest(), aside: Some("/var/lib/phoneops/before-restore".into()) };
        insta::assert_snapshot!(in_place(&restored), @r"
        Restored: 9000 phones as of 2023-11-14T22:13:20Z, phoneops 0.1.0; phoneops.db, fingerprint.key.
        What was there before is in /var/lib/phoneops/before-restore.
        Start the service: it reads its phones and writes nothing until `phoneops resume`.
        ");
        assert!(!in_place(&RestoredBackup { aside: None, ..restored }).contains("before"));
    }
}
