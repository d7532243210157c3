//! The steps of the demo. Each says what happens and checks that it did.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    pin::pin,
};

use kube::Client;
use miette::{IntoDiagnostic, ensure};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Args, cluster, documents,
    namespace::Namespace,
    repository::Repository,
    stage::Stage,
    table::Wanted,
    team::{Team, Told},
};
use crate::{
    cli::Exit,
    fleet::words::{PendingReason, State},
    sim,
    wpi::{ItemId, ItemName, ItemText},
};

/// The phone that is in a call, and the one whose user changes something: both of site hamburg.
const IN_A_CALL: u32 = 8;
const CHANGED_BY_ITS_USER: u32 = 12;

/// Plays the demo.
pub(super) async fn tell(args: &Args, folder: &Path) -> miette::Result<Exit> {
    println!("Everything of this demo on this machine is in {}", folder.display());
    if args.kubernetes {
        return in_a_cluster(args, folder).await;
    }
    let repository = Repository::new(&folder.join("fleet.git"), &folder.join("fleet")).into_diagnostic()?;
    let clone = repository.folder().display().to_string();
    let hint = format!("cd {clone} && edit fleet.yaml, git commit -am 'a change', git push");
    let mut team = Team::Git(repository);
    play(args, folder, &mut team, &[hint]).await?;
    Ok(Exit::Good)
}

/// With resources in place of git. The namespace is removed whatever comes of it.
async fn in_a_cluster(args: &Args, folder: &Path) -> miette::Result<Exit> {
    let (place, config) = cluster::find(args.context.as_deref()).await?;
    let client = Client::try_from(config.clone()).into_diagnostic()?;
    let definitions = cluster::look(&place, &client, args.install_crds).await?;
    for line in cluster::intent(&place, &definitions) {
        println!("{line}");
    }
    if !args.once && std::io::stdin().is_terminal() && !goes_on()? {
        println!("Nothing was done.");
        return Ok(Exit::Good);
    }
    cluster::make(&place, &client, &definitions).await?;
    let namespace = Namespace::new(place.clone(), client.clone(), config, folder.join("fleet"));
    let hints = namespace.hints();
    let mut team = Team::Cluster(Box::new(namespace));
    let told = async {
        cluster::serves_all(&place, &client, args.patience).await?;
        play(args, folder, &mut team, &hints).await
    };
    let told = told.await;
    let removed = place.remove(&client).await;
    if removed.is_ok() {
        println!("namespace {} is removed", place.namespace);
    }
    told.and(removed)?;
    Ok(Exit::Good)
}

/// Asks a person.
fn goes_on() -> miette::Result<bool> {
    print!("Go on? [y/N] ");
    std::io::stdout().flush().into_diagnostic()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).into_diagnostic()?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Plays all steps, and stays up behind them until somebody ends it.
async fn play(args: &Args, folder: &Path, team: &mut Team, hints: &[String]) -> miette::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    let mut ended = pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    write_documents(team)?;
    let first = tokio::select! {
        first = team.push("Our phones, as they should be") => first?,
        () = &mut ended => miette::bail!("it was ended before it began"),
    };
    let stage = Stage::start(folder, team, args.status_listen, args.patience).await?;
    stage.say(&format!("{}: 2 profiles, 3 sites, {} phones", first.typed, documents::phones()));
    stage.say(&format!(
        "service: phones call {}, status is at http://{}",
        stage.running.phone_address, stage.running.status_address
    ));
    let told = tokio::select! {
        told = steps(&stage, team) => told,
        () = &mut ended => Err(miette::miette!("it was ended before the last step")),
    };
    if let Err(problem) = told {
        stage.say("a step did not come out right");
        stage.end().await;
        return Err(problem);
    }
    stage.say("every step came out right");
    if !args.once {
        println!(
            "\nIt stays up: look at http://{}/ in a browser. Try, in another terminal:",
            stage.running.status_address
        );
        println!("  phoneops status --server http://{}", stage.running.status_address);
        for hint in hints {
            println!("  {hint}");
        }
        println!("  tail -f {}", folder.join("phoneops.log").display());
        println!("Ctrl-C ends it.");
        ended.await;
    }
    stage.end().await;
    Ok(())
}

fn write_documents(team: &mut Team) -> miette::Result<()> {
    team.write("fleet.yaml", &documents::fleet_profile(false))?;
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.5"))?;
    team.write("sites.yaml", &documents::sites(None))?;
    for number in 0..documents::phones() {
        write_phone(team, number, &format!("Desk {}", number + 1))?;
    }
    Ok(())
}

fn write_phone(team: &mut Team, number: u32, display: &str) -> miette::Result<()> {
    let path = format!("phones/{}.yaml", documents::name(number));
    team.write(&path, &documents::phone(number, &sim::mac(number), display))
}

async fn steps(stage: &Stage, team: &mut Team) -> miette::Result<()> {
    look_first(stage, team).await?;
    arm(stage, team).await?;
    change_one_site(stage, team).await?;
    change_a_phone_in_a_call(stage, team).await?;
    put_right_what_a_user_changed(stage).await?;
    hold_and_approve(stage, team).await?;
    let violations = stage.phones.violations();
    ensure!(violations.is_empty(), "the simulated phones complain: {violations:?}");
    Ok(())
}

async fn look_first(stage: &Stage, team: &Team) -> miette::Result<()> {
    let all = stage.views().len().max(24);
    stage.phones.boot();
    stage.say(&format!("{all} simulated phones start and call in; nothing says Enforce yet, so they are only read"));
    let took = stage.until("all phones are read", |stage| stage.count(State::Drifted) == all).await?;
    let items: usize = stage.views().iter().map(|phone| phone.drift_count).sum();
    stage.say(&format!("after {took:.1?}: {all} phones Drifted; {items} items would change, for instance:"));
    for phone in stage.views().iter().take(2) {
        for drift in phone.drift.iter().take(3) {
            let observed = drift.observed.as_deref().unwrap_or("nothing");
            let name = phone.name.as_deref().unwrap_or_default();
            println!("             {name}: {} is {observed}, should be {}", drift.item, drift.desired);
        }
    }
    ensure!(stage.writes().iter().all(|writes| *writes == 0), "something was written in mode Report");
    stage.say("nothing was written");
    team.show(stage, &all_phones(6), |table| table.all(all, "STATE", "Drifted")).await
}

/// All phones, of which some are printed.
fn all_phones(rows: usize) -> Wanted<'static> {
    Wanted { plural: "phoneconfigs", name: None, wide: false, rows }
}

async fn arm(stage: &Stage, team: &mut Team) -> miette::Result<()> {
    team.write("fleet.yaml", &documents::fleet_profile(true))?;
    let Told { typed, .. } = team.push("Arm the fleet: mode Enforce").await?;
    stage.say(&format!("{typed}: `policy: {{mode: Enforce}}` in the profile of all phones"));
    let took = stage.in_sync("all phones are in sync", stage.views().len()).await?;
    stage.say(&format!(
        "after {took:.1?}: {} phones InSync, each read again after its write",
        stage.count(State::InSync)
    ));
    let all = stage.views().len();
    team.show(stage, &all_phones(4), |table| table.all(all, "STATE", "InSync")).await
}

async fn change_one_site(stage: &Stage, team: &mut Team) -> miette::Result<()> {
    let before = stage.writes();
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.7"))?;
    let Told { change, typed } = team.push("Berlin: another time server").await?;
    stage.say(&format!("{typed}: another time server for site berlin"));
    let pushed = std::time::Instant::now();
    stage.taken_over(team, &change).await?;
    stage.in_sync("the phones of berlin are changed", before.len()).await?;
    let took = pushed.elapsed();
    let written: Vec<bool> = stage.writes().iter().zip(&before).map(|(now, before)| now > before).collect();
    let berlin = usize::try_from(documents::PHONES_PER_SITE).into_diagnostic()?;
    ensure!(written.iter().take(berlin).all(|written| *written), "not all phones of berlin were written");
    ensure!(!written.iter().skip(berlin).any(|written| *written), "a phone of another site was written");
    stage.say(&format!("after {took:.1?}: the {berlin} phones of berlin have it, no other phone was touched"));
    let profiles = Wanted { plural: "phoneprofiles", name: None, wide: false, rows: 2 };
    team.show(stage, &profiles, |table| table.all(2, "READY", "True")).await
}

async fn change_a_phone_in_a_call(stage: &Stage, team: &mut Team) -> miette::Result<()> {
    let name = documents::name(IN_A_CALL);
    let phone = stage.phone(IN_A_CALL)?;
    phone.start_call();
    write_phone(team, IN_A_CALL, "Reception")?;
    let Told { typed, .. } = team.push("A new name on a display").await?;
    stage.say(&format!("{name} is in a call; {typed}: another display name for it"));
    stage
        .until("the phone is waited for", |stage| {
            let pending = stage.view(&name).and_then(|phone| phone.pending);
            pending.is_some_and(|pending| pending.reason == PendingReason::InCall)
        })
        .await?;
    stage.say(&format!("{name} is Pending, InCall: its change waits, the call goes on"));
    let one = Wanted { plural: "phoneconfigs", name: Some(&name), wide: true, rows: 1 };
    team.show(stage, &one, |table| table.all(1, "PENDING", "InCall")).await?;
    let contacts = phone.contacts_received();
    phone.end_call();
    stage.say("the call ends");
    let took = stage.in_sync("the phone is changed after its call", stage.views().len()).await?;
    ensure!(phone.contacts_received() == contacts, "the phone was contacted although it calls by itself");
    stage.say(&format!("after {took:.1?}: {name} called by itself, has its new name and is InSync"));
    Ok(())
}

async fn put_right_what_a_user_changed(stage: &Stage) -> miette::Result<()> {
    let name = documents::name(CHANGED_BY_ITS_USER);
    let phone = stage.phone(CHANGED_BY_ITS_USER)?;
    let item = ItemId::new(ItemName::new("daylight-save").into_diagnostic()?, None);
    phone.local_change(item.clone(), ItemText::plain("false"));
    stage.say(&format!("the user of {name} switches daylight saving off at the phone"));
    let took =
        stage.until("the drift is seen", |stage| stage.view(&name).is_some_and(|phone| phone.drift_count > 0)).await?;
    stage.say(&format!("after {took:.1?}: the phone told; its drift is seen: daylight-save is false, should be true"));
    let took = stage.in_sync("the drift is put right", stage.views().len()).await?;
    ensure!(phone.value(&item) == Some(ItemText::plain("true")), "the phone still has what its user set");
    stage.say(&format!("after {took:.1?}: put right in a session of its own, {name} is InSync"));
    Ok(())
}

async fn hold_and_approve(stage: &Stage, team: &mut Team) -> miette::Result<()> {
    const MOST: u32 = 2;
    let berlin = usize::try_from(documents::PHONES_PER_SITE).into_diagnostic()?;
    team.write("sites.yaml", &documents::sites(Some(MOST)))?;
    let Told { change, typed } = team.push("Berlin: no more than two phones at once without a look").await?;
    stage.say(&format!("{typed}: what changes more than {MOST} phones of berlin waits at the gate"));
    stage.taken_over(team, &change).await?;
    let before = stage.writes();
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.8"))?;
    let Told { typed, .. } = team.push("Berlin: yet another time server").await?;
    stage.say(&format!("{typed}: yet another time server for site berlin"));
    let took = stage.until("the phones of berlin are held", |stage| stage.count(State::Held) == berlin).await?;
    let gate = stage.running.shared().with_fleet(|fleet, _| fleet.gate_view());
    let held = gate.held.ok_or_else(|| miette::miette!("nothing waits at the gate"))?;
    stage.say(&format!("after {took:.1?}: {berlin} phones Held, nothing was written; `phoneops gate` says:"));
    for line in crate::cli::gate::table(&held, jiff::Timestamp::now()).lines() {
        println!("             {line}");
    }
    team.show(
        stage,
        &Wanted { plural: "phoneconfigs", name: Some(&documents::name(0)), wide: false, rows: 1 },
        |table| table.all(1, "STATE", "Held"),
    )
    .await?;
    ensure!(stage.writes() == before, "something was written although it waits at the gate");
    let (typed, phones) = team.approve(stage, &held).await?;
    stage.say(&format!("{typed}: {phones} phones go on"));
    let took = stage.in_sync("the phones of berlin are changed", before.len()).await?;
    let written: Vec<bool> = stage.writes().iter().zip(&before).map(|(now, before)| now > before).collect();
    ensure!(written.iter().filter(|written| **written).count() == berlin, "not just the phones of berlin were written");
    stage.say(&format!("after {took:.1?}: the {berlin} phones of berlin have it"));
    let all = stage.views().len();
    team.show(stage, &all_phones(4), |table| table.all(all, "STATE", "InSync")).await
}
