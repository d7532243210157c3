//! What a write, a reset or a user does to a simulated phone beside the value that changes (R-405, R-716, R-717, R-732,
//! R-733, R-1214, R-1215, R-1508).

use std::{net::IpAddr, time::Duration};

use phoneops::{
    sim::{Fault, PhoneView, SimPhone},
    wpi::{Action, Item, ItemText},
};
use tokio::{net::TcpStream, time::Instant};

use crate::sim_server::{
    LONG, Say, Scripted, Seen, clean_up, contact, id, post, read, read_all, reasons, registered, settings, write,
};

/// A server that writes `vlan-id` after the first start-up and reads it back.
async fn writing() -> Scripted {
    Scripted::saying([write(&[(id("vlan-id"), "12")]), read(&[id("vlan-id")])]).await
}

/// A phone with this fault, switched on.
async fn phone_with(server: &Scripted, fault: &str, last: u8) -> SimPhone {
    let mut settings = settings(server, last);
    settings.faults = vec![fault.parse().unwrap()];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    phone
}

fn value<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.message.as_ref().unwrap().value(name)
}

#[tokio::test]
async fn a_phone_that_a_write_cut_off_is_gone_until_somebody_goes_there() {
    let server = writing().await;
    let phone = phone_with(&server, "silent-after:vlan-id", 90).await;
    phone.wait_for(PhoneView::is_silent, LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "reply-to", "reply-to"], "the flow was carried to its end");
    assert_eq!(contact(&phone, post()).await, "");
    phone.wait_for(|view| view.counts().knocks == 1, LONG).await.unwrap();
    phone.local_change(id("vlan-id"), ItemText::plain("0"));
    phone.plug_in_module();
    assert!(phone.look(PhoneView::is_idle), "nothing gets out");
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_phone_restarts_for_an_item_and_for_no_other() {
    let server = writing().await;
    let begin = Instant::now();
    let phone = phone_with(&server, "restart-after:vlan-id=150", 91).await;
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!(reasons(&server.seen()), ["start-up", "reply-to", "reply-to", "start-up"]);
    assert_eq!(phone.value(&id("vlan-id")), Some(ItemText::plain("12")));
    let server = writing().await;
    let phone = phone_with(&server, "restart-after:vlan-method", 92).await;
    phone.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert!(phone.look(|view| view.is_idle() && view.is_on()));
}

#[tokio::test]
async fn a_phone_comes_back_at_another_address_and_is_no_longer_at_the_old() {
    let server = writing().await;
    let phone = phone_with(&server, "move-after:vlan-id=127.31.1.93", 93).await;
    let old = phone.contact_address();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    let seen = server.seen();
    let there: IpAddr = "127.31.1.93".parse().unwrap();
    assert_eq!((seen[2].peer.ip(), seen[3].peer.ip()), (old.ip(), there));
    let uri = format!("http://{there}:{}/contact_dls.html/ContactDLS", old.port());
    assert_eq!(value(&seen[3], "contact-me-uri"), Some(uri.as_str()));
    assert_eq!(contact(&phone, post()).await, "HTTP/1.1 204 No Content");
    assert!(TcpStream::connect(old).await.is_err());
    assert_eq!(server.wait(5).await[4].peer.ip(), there);
}

#[tokio::test]
async fn what_a_write_leads_to_may_come_before_its_reply() {
    let server = writing().await;
    let mut settings = settings(&server, 94);
    settings.faults = vec![Fault::RestartAfter("vlan-id".into(), None), Fault::AppliesAtOnce];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "start-up", "reply-to"], "the write itself got no reply");
    assert_eq!((phone.writes(), phone.value(&id("vlan-id"))), (1, Some(ItemText::plain("12"))));
}

#[tokio::test]
async fn a_factory_reset_leaves_what_dhcp_sets_and_nothing_else() {
    // R-1508
    let reset = [(id("restart-password"), "124816"), (id("restart-type"), "FactoryReset")];
    let reset = reset.map(|(id, text)| Item::plain(id, text)).to_vec();
    let server = Scripted::with(move |seen| match seen.reason() {
        "solicited" => Say::Do(Action::Restart, reset.clone()),
        _ => clean_up(),
    })
    .await;
    let mut settings = settings(&server, 95);
    settings.items = vec![Item::plain(id("e164"), "4989700123"), Item::plain(id("sntp-addr"), "192.0.2.5")];
    settings.faults = vec![Fault::FixedByDhcp("sntp-addr".into())];
    let phone = registered(settings).await;
    assert_eq!(value(&server.seen()[0], "e164"), Some("4989700123"));
    phone.local_change(id("sip-name"), ItemText::plain("Mine"));
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    contact(&phone, post()).await;
    phone.wait_for(|view| view.counts().ended == 4 && view.is_idle(), LONG).await.unwrap();
    let seen = server.seen();
    assert_eq!(reasons(&seen), ["start-up", "local-changes", "solicited", "start-up"]);
    assert_eq!((value(&seen[3], "e164"), value(&seen[3], "configuration-changed-flag")), (Some(""), Some("true")));
    assert_eq!(phone.value(&id("sip-name")), Some(ItemText::EMPTY));
    assert_eq!(phone.value(&id("sntp-addr")), Some(ItemText::plain("192.0.2.5")));
    // and by a person at the phone
    phone.local_change(id("e164"), ItemText::plain("4711"));
    phone.factory_reset();
    phone.wait_for(|view| view.counts().ended == 5 && view.is_idle(), LONG).await.unwrap();
    let seen = server.seen();
    assert_eq!((seen[4].reason(), value(&seen[4], "e164")), ("start-up", Some("")));
}

#[tokio::test]
async fn a_mobile_user_brings_a_number_and_leaves_it() {
    //
    let server = Scripted::saying([]).await;
    let mut settings = settings(&server, 96);
    settings.items = vec![Item::plain(id("e164"), "4201")];
    let phone = registered(settings).await;
    phone.logon("4711");
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    phone.local_change(id("ringer-volume"), ItemText::plain("9"));
    phone.wait_for(|view| view.counts().ended == 3 && view.is_idle(), LONG).await.unwrap();
    phone.logoff();
    phone.wait_for(|view| view.counts().ended == 4 && view.is_idle(), LONG).await.unwrap();
    let seen = server.seen();
    assert_eq!(reasons(&seen), ["start-up", "inventory-changes", "local-changes", "inventory-changes"]);
    let names = ["e164", "basic-e164", "mobility-enabled", "sip-mobility-state", "modified-items"];
    let told = |seen: &Seen| names.map(|name| value(seen, name).unwrap_or("-").to_owned());
    assert_eq!(told(&seen[1]), ["4711", "4201", "true", "0", "-"]);
    let items = &seen[1].message.as_ref().unwrap().items;
    assert!(items.iter().any(|item| item.id.name.as_str() == "user-pwd"));
    assert_eq!(told(&seen[3]), ["4201", "4201", "true", "1", "ringer-volume"]);
    assert_eq!(value(&seen[3], "configuration-changed-flag"), Some("true"));
}

#[tokio::test]
async fn items_are_fixed_or_missing_as_told() {
    //
    let both = [id("sntp-addr"), id("sip-name")];
    let server = Scripted::saying([write(&both.clone().map(|id| (id, "x"))), read(&both), read_all()]).await;
    let mut settings = settings(&server, 97);
    settings.items = vec![Item::plain(id("sntp-addr"), "192.0.2.5")];
    settings.faults =
        vec!["fixed-by-dhcp:sntp-addr".parse().unwrap(), "lacks-item:sip-name=not supported".parse().unwrap()];
    let phone = registered(settings).await;
    let seen = server.seen();
    let items = |number: usize| -> Vec<String> {
        let items = &seen[number].message.as_ref().unwrap().items;
        let status = |item: &Item| item.status.as_ref().map_or("", |status| status.as_str()).to_owned();
        items.iter().map(|item| format!("{}={} {}", item.id, item.text.shown(), status(item))).collect()
    };
    assert_eq!(items(1), ["sntp-addr= read only", "sip-name= not supported"]);
    assert_eq!(items(2), ["sntp-addr=192.0.2.5 ", "sip-name= not supported"]);
    let all = seen[3].message.as_ref().unwrap();
    assert_eq!((all.value("sntp-addr"), all.value("sip-name")), (Some("192.0.2.5"), None));
    assert_eq!(phone.writes(), 0);
}

#[tokio::test]
async fn a_phone_shows_a_certificate_only_when_told_to() {
    // F-40, F-41
    let server = Scripted::saying([]).await;
    registered(settings(&server, 98)).await;
    let phone = phone_with(&server, "wrong-client-certificate", 99).await;
    phone.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(server.seen().iter().map(|seen| seen.certificate).collect::<Vec<_>>(), [false, true]);
    let server = Scripted::saying([read(&[id("dls-mode-secure")])]).await;
    let _phone = phone_with(&server, "secure-on-default-port", 100).await;
    assert_eq!(value(&server.wait(2).await[1], "dls-mode-secure"), Some("1"));
}
