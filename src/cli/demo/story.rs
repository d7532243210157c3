//! The steps of the demo. Each says what happens and checks that it did.

use std::path::Path;

use miette::{IntoDiagnostic, ensure};

use super::{Args, documents, repository::Team, stage::Stage};
use crate::{
    cli::Exit,
    fleet::{
        audit::By,
        words::{PendingReason, State},
    },
    sim,
    wpi::{ItemId, ItemName, ItemText},
};

/// The phone that is in a call, and the one whose user changes something: both of site hamburg.
const IN_A_CALL: u32 = 8;
const CHANGED_BY_ITS_USER: u32 = 12;

/// Plays the demo.
pub(super) async fn tell(args: &Args, folder: &Path) -> miette::Result<Exit> {
    println!("Everything of this demo is in {}", folder.display());
    let clone = folder.join("fleet");
    let team = Team::new(&folder.join("fleet.git"), &clone).into_diagnostic()?;
    write_documents(&team).into_diagnostic()?;
    let first = team.push("Our phones, as they should be").into_diagnostic()?;
    let stage = Stage::start(folder, args.status_listen, args.patience).await?;
    stage.say(&format!("git repository: 2 profiles, 3 sites, {} phones, commit {first}", documents::phones()));
    stage.say(&format!(
        "service: phones call {}, status is at http://{}",
        stage.running.phone_address, stage.running.status_address
    ));
    let told = steps(&stage, &team).await;
    if let Err(problem) = told {
        stage.say("a step did not come out right");
        end(stage).await;
        return Err(problem);
    }
    stage.say("every step came out right");
    if args.once {
        end(stage).await;
        return Ok(Exit::Good);
    }
    println!("\nIt stays up: look at http://{}/ in a browser. Try, in another terminal:", stage.running.status_address);
    println!("  phoneops status --server http://{}", stage.running.status_address);
    println!("  cd {} && edit fleet.yaml, git commit -am 'a change', git push", clone.display());
    println!("  tail -f {}", folder.join("phoneops.log").display());
    println!("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await.into_diagnostic()?;
    end(stage).await;
    Ok(Exit::Good)
}

async fn end(stage: Stage) {
    stage.phones.stop().await;
    stage.running.stop().await;
}

fn write_documents(team: &Team) -> Result<(), super::repository::TeamError> {
    team.write("fleet.yaml", &documents::fleet_profile(false))?;
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.5"))?;
    team.write("sites.yaml", &documents::sites(None))?;
    for number in 0..documents::phones() {
        write_phone(team, number, &format!("Desk {}", number + 1))?;
    }
    Ok(())
}

fn write_phone(team: &Team, number: u32, display: &str) -> Result<(), super::repository::TeamError> {
    let path = format!("phones/{}.yaml", documents::name(number));
    team.write(&path, &documents::phone(number, &sim::mac(number), display))
}

async fn steps(stage: &Stage, team: &Team) -> miette::Result<()> {
    look_first(stage).await?;
    arm(stage, team).await?;
    change_one_site(stage, team).await?;
    change_a_phone_in_a_call(stage, team).await?;
    put_right_what_a_user_changed(stage).await?;
    hold_and_approve(stage, team).await?;
    let violations = stage.phones.violations();
    ensure!(violations.is_empty(), "the simulated phones complain: {violations:?}");
    Ok(())
}

async fn look_first(stage: &Stage) -> miette::Result<()> {
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
    Ok(())
}

async fn arm(stage: &Stage, team: &Team) -> miette::Result<()> {
    team.write("fleet.yaml", &documents::fleet_profile(true)).into_diagnostic()?;
    let commit = team.push("Arm the fleet: mode Enforce").into_diagnostic()?;
    stage.say(&format!("git push {commit}: `policy: {{mode: Enforce}}` in the profile of all phones"));
    let took = stage.in_sync("all phones are in sync", stage.views().len()).await?;
    stage.say(&format!(
        "after {took:.1?}: {} phones InSync, each read again after its write",
        stage.count(State::InSync)
    ));
    Ok(())
}

async fn change_one_site(stage: &Stage, team: &Team) -> miette::Result<()> {
    let before = stage.writes();
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.7")).into_diagnostic()?;
    let commit = team.push("Berlin: another time server").into_diagnostic()?;
    stage.say(&format!("git push {commit}: another time server for site berlin"));
    let pushed = std::time::Instant::now();
    stage.taken_over(&commit).await?;
    stage.in_sync("the phones of berlin are changed", before.len()).await?;
    let took = pushed.elapsed();
    let written: Vec<bool> = stage.writes().iter().zip(&before).map(|(now, before)| now > before).collect();
    let berlin = usize::try_from(documents::PHONES_PER_SITE).into_diagnostic()?;
    ensure!(written.iter().take(berlin).all(|written| *written), "not all phones of berlin were written");
    ensure!(!written.iter().skip(berlin).any(|written| *written), "a phone of another site was written");
    stage.say(&format!("after {took:.1?}: the {berlin} phones of berlin have it, no other phone was touched"));
    Ok(())
}

async fn change_a_phone_in_a_call(stage: &Stage, team: &Team) -> miette::Result<()> {
    let name = documents::name(IN_A_CALL);
    let phone = stage.phone(IN_A_CALL)?;
    phone.start_call();
    write_phone(team, IN_A_CALL, "Reception").into_diagnostic()?;
    let commit = team.push("A new name on a display").into_diagnostic()?;
    stage.say(&format!("{name} is in a call; git push {commit}: another display name for it"));
    stage
        .until("the phone is waited for", |stage| {
            let pending = stage.view(&name).and_then(|phone| phone.pending);
            pending.is_some_and(|pending| pending.reason == PendingReason::InCall)
        })
        .await?;
    stage.say(&format!("{name} is Pending, InCall: its change waits, the call goes on"));
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

async fn hold_and_approve(stage: &Stage, team: &Team) -> miette::Result<()> {
    const MOST: u32 = 2;
    let berlin = usize::try_from(documents::PHONES_PER_SITE).into_diagnostic()?;
    team.write("sites.yaml", &documents::sites(Some(MOST))).into_diagnostic()?;
    let commit = team.push("Berlin: no more than two phones at once without a look").into_diagnostic()?;
    stage.say(&format!("git push {commit}: a commit that changes more than {MOST} phones of berlin waits at the gate"));
    stage.taken_over(&commit).await?;
    let before = stage.writes();
    team.write("site-berlin.yaml", &documents::berlin_profile("192.0.2.8")).into_diagnostic()?;
    let commit = team.push("Berlin: yet another time server").into_diagnostic()?;
    stage.say(&format!("git push {commit}: yet another time server for site berlin"));
    let took = stage.until("the phones of berlin are held", |stage| stage.count(State::Held) == berlin).await?;
    let gate = stage.running.shared().with_fleet(|fleet, _| fleet.gate_view());
    let held = gate.held.ok_or_else(|| miette::miette!("nothing waits at the gate"))?;
    stage.say(&format!("after {took:.1?}: {berlin} phones Held, nothing was written; `phoneops gate` says:"));
    for line in crate::cli::gate::table(&held, jiff::Timestamp::now()).lines() {
        println!("             {line}");
    }
    ensure!(stage.writes() == before, "something was written although it waits at the gate");
    let by = By::new("demo", "looked at the plan").into_diagnostic()?;
    let approved =
        stage.running.shared().with_fleet(|fleet, now| fleet.approve(&commit, Some(&held.digest), None, &by, now));
    stage.say(&format!("phoneops approve {commit}: {} phones go on", approved.into_diagnostic()?.phones));
    let took = stage.in_sync("the phones of berlin are changed", before.len()).await?;
    let written: Vec<bool> = stage.writes().iter().zip(&before).map(|(now, before)| now > before).collect();
    ensure!(written.iter().filter(|written| **written).count() == berlin, "not just the phones of berlin were written");
    stage.say(&format!("after {took:.1?}: the {berlin} phones of berlin have it"));
    Ok(())
}
