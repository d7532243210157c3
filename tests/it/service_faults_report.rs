//! Whatever phones do wrong, mode Report and `--report-only` have nothing leave that changes a phone (promise 11).

use phoneops::{
    phone::TlsMode,
    sim::{Exchange, Fault, MENU, Model, PhoneView, SimPhone, Timing},
    wpi::Action,
};

use crate::service_stage::{LONG, Stage, configs, id, mac, own_address, profile, text, told, until};

const WANTED: &str = "sntp-addr: 192.0.2.123, sip-name: Reception, ldap-server-port: 10636";

/// Each fault of the menu; those that take an item have one that every phone differs in.
fn menu() -> Vec<Fault> {
    let fault = |(name, value, _): &(&str, &str, &str)| {
        let text = match *value {
            "" => (*name).to_owned(),
            "N" => format!("{name}:3"),
            "SECONDS" => format!("{name}:1"),
            "NAME" | "NAME[=MS]" => format!("{name}:sip-name"),
            "NAME=WORD" => format!("{name}:sip-name=not supported"),
            "NAME=ADDRESS" => format!("{name}:sip-name={}", own_address()),
            "WORD" => format!("{name}:Kaffeepause"),
            "MAC" => format!("{name}:{}", mac(0)),
            other => panic!("{name} takes {other}"),
        };
        text.parse().unwrap()
    };
    MENU.iter().map(fault).collect()
}

/// Does this to all phones and waits until each has talked to the service, or tried to, once more.
async fn all(phones: &[SimPhone], act: impl Fn(&SimPhone)) {
    let talks = |view: &PhoneView| view.counts().exchanges + view.counts().lost;
    let before: Vec<u64> = phones.iter().map(|phone| phone.look(talks)).collect();
    phones.iter().for_each(act);
    for (phone, before) in phones.iter().zip(before) {
        phone.wait_for(|view| talks(view) > before, LONG).await.unwrap();
    }
}

async fn nothing_is_written(stage: Stage) {
    let mut phones = vec![stage.phone(0, Model::OpenStage40V3R5).await];
    for (number, fault) in (1..).zip(menu()) {
        let model = if number % 2 == 0 { Model::Cp210 } else { Model::OpenStage40V3R5 };
        let mut settings = stage.phone_settings(number, model);
        settings.faults = vec![fault];
        settings.timing = Timing { answer: LONG, connect: LONG, ..settings.timing };
        phones.push(stage.phone_of(settings).await);
    }
    all(&phones, SimPhone::boot).await;
    all(&phones, |phone| phone.local_change(id("sip-name"), text("Mine"))).await;
    for phone in &phones {
        phone.start_call();
        phone.file_arrived("logo.bmp", "LOGO");
    }
    for number in 0..phones.len() {
        // some of them nobody can ask
        stage.api(&format!("POST /api/v1/phones/phone-{number}/contact")).await;
    }
    phones.iter().for_each(SimPhone::end_call);
    all(&phones, SimPhone::restart).await;
    for (number, phone) in phones.iter().enumerate() {
        let harmless = |exchange: &Exchange| {
            exchange.action().is_none_or(|action| {
                matches!(action, Action::ReadItems | Action::ReadAllItems | Action::GetNextFragment | Action::CleanUp)
                    && !exchange.send_solicited()
            })
        };
        let flows = told(phone, 0);
        assert!(phone.transcript().iter().all(harmless), "phone-{number}: {flows:?}");
        assert_eq!((phone.writes(), phone.counts().items_written), (0, 0), "phone-{number}: {flows:?}");
        assert!(!phone.look(PhoneView::is_silent));
    }
    // they were read and differ: with a mode that writes they would be written
    let numbers = || (0..).take(phones.len());
    let differing = || numbers().filter(|number| stage.view(*number).drift_count > 0).count();
    until(|| differing() > phones.len() / 2, || format!("{} phones differ", differing())).await;
    stage.end().await;
}

#[tokio::test]
async fn no_fault_of_the_menu_has_anything_written_in_mode_report_or_report_only() {
    let last = u32::try_from(menu().len()).unwrap() + 1;
    let documents = |mode| profile(mode, WANTED) + "---\n" + &configs(0..last);
    let legacy = Stage::set(&documents("Report"), |settings| settings.phone.tls = TlsMode::Legacy).await;
    nothing_is_written(legacy).await;
    let only = Stage::set(&documents("Enforce"), |settings| {
        settings.phone.tls = TlsMode::Legacy;
        settings.fleet.report_only = true;
    })
    .await;
    nothing_is_written(only).await;
}
