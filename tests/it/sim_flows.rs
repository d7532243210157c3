//! Simulated phones keep the protocol: flows of section 7, seen by a server by script.

use std::{collections::HashSet, time::Duration};

use phoneops::{
    sim::{Exchange, FleetSettings, Model, PhoneView, SimFleet, SimPhone, Timing},
    wpi::{Action, Item, ItemStatus, ItemText, Secret, phone_message::Fragment},
};

use crate::sim_server::{
    LONG, Say, Scripted, at, clean_up, clean_up_with, contact, id, post, read, read_all, reasons, registered, settings,
    write,
};

#[tokio::test]
async fn a_phone_registers_and_replies_until_clean_up() {
    // R-1501
    let sntp = id("sntp-addr");
    let wanted =
        [(sntp.clone(), "192.0.2.123"), (id("device-type"), "x"), (at("locked-local-function-menus", 3), "true")];
    let server = Scripted::saying([read_all(), write(&wanted), read(std::slice::from_ref(&sntp))]).await;
    let phone = registered(settings(&server, 1)).await;
    let seen = server.seen();
    assert_eq!(reasons(&seen), ["start-up", "reply-to", "reply-to", "reply-to"]);
    assert_eq!(seen[1].reply(), "ReadAllItems/Accepted");
    let all = &seen[1].message.as_ref().unwrap().items;
    assert!((370..=450).contains(&all.len()), "{}", all.len());
    assert!((20_000..50_000).contains(&seen[1].body.len()), "{}", seen[1].body.len());
    assert_eq!(all[0].id, id("device-type"), "the basic items come first (R-524)");
    assert_eq!(all.iter().map(|item| &item.id).collect::<HashSet<_>>().len(), all.len());
    // only bad items are listed, and no mac-addr
    let bad = &seen[2].message.as_ref().unwrap().items;
    let refused = Item { id: id("device-type"), text: ItemText::EMPTY, status: Some(ItemStatus::ReadOnly) };
    assert_eq!(bad.as_slice(), [refused]);
    assert_eq!(seen[3].message.as_ref().unwrap().items, [Item::plain(sntp.clone(), "192.0.2.123")]);
    assert_eq!(phone.value(&sntp), Some(ItemText::plain("192.0.2.123")));
    let actions: Vec<_> = phone.transcript().iter().filter_map(Exchange::action).collect();
    assert_eq!(actions, [Action::ReadAllItems, Action::WriteItems, Action::ReadItems, Action::CleanUp]);
    assert_eq!(phone.transcript()[1].written()[0], sntp);
    assert_eq!((phone.writes(), phone.violations()), (1, vec![]));
}

#[tokio::test]
async fn the_cookie_comes_back_verbatim_and_every_nonce_is_fresh() {
    // R-207, R-1502
    let server = Scripted::saying([read_all(), read(&[id("e164")])]).await;
    registered(settings(&server, 2)).await;
    let seen = server.seen();
    let set = seen[0].set_cookie.clone().unwrap();
    assert!(set.ends_with("; Path=/DeploymentService; Secure"));
    assert_eq!(
        [seen[0].cookie.clone(), seen[1].cookie.clone(), seen[2].cookie.clone()],
        [None, Some(set.clone()), Some(set)]
    );
    let nonces: HashSet<_> = seen.iter().map(|seen| seen.nonce().unwrap()).collect();
    assert_eq!(nonces.len(), 3);
    assert!(nonces.iter().all(|nonce| nonce.len() == 32 && *nonce == nonce.to_uppercase()));
    let text = |number: usize| String::from_utf8(seen[number].body.to_vec()).unwrap();
    assert!(!text(0).contains("fragment=") && text(1).contains("fragment=\"final\""), "R-1503");
    assert!(text(0).contains("maxItems=\"-1\""));
    assert!(seen.iter().all(|seen| seen.peer.ip().to_string() == "127.31.0.2"));
}

/// Writes once, asks to be called again when the phone is busy, and is done when the write was taken.
async fn persistent(wished: bool) -> Scripted {
    Scripted::with(move |seen| match seen.reply().as_str() {
        "WriteItems/Busy" if wished => clean_up_with("send-solicited", "true"),
        "WriteItems/Busy" | "WriteItems/Accepted" => clean_up(),
        _ if seen.reason() == "solicited" => write(&[(id("sntp-addr"), "192.0.2.123")]),
        _ => clean_up(),
    })
    .await
}

#[tokio::test]
async fn a_phone_in_a_call_refuses_a_write_and_calls_once_when_the_call_ends() {
    //
    let server = persistent(true).await;
    let phone = registered(settings(&server, 3)).await;
    phone.start_call();
    assert_eq!(contact(&phone, post()).await, "HTTP/1.1 204 No Content");
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    assert_eq!((phone.writes(), phone.counts().busy), (0, 1));
    assert!(phone.look(|view| view.has_wish() && view.is_idle()), "silent while the call lasts");
    phone.end_call();
    phone.wait_for(|view| view.counts().ended == 3 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(phone.value(&id("sntp-addr")), Some(ItemText::plain("192.0.2.123")));
    let expected = ["start-up", "solicited", "reply-to", "solicited", "reply-to"];
    assert_eq!(reasons(&server.seen()), expected);
    assert!(!phone.look(PhoneView::has_wish), "one call for one wish");
    assert_eq!(phone.violations(), [""; 0]);
}

#[tokio::test]
async fn a_phone_that_was_not_asked_stays_silent_after_a_call() {
    let server = persistent(false).await;
    let phone = registered(settings(&server, 4)).await;
    phone.start_call();
    contact(&phone, post()).await;
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    phone.end_call();
    assert!(phone.look(PhoneView::is_idle));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn firmware_before_v3r3_forgets_the_wish() {
    //
    let server = persistent(true).await;
    let mut settings = settings(&server, 5);
    settings.model = Model::OpenStage60V3R1;
    let phone = registered(settings).await;
    phone.start_call();
    contact(&phone, post()).await;
    phone.wait_for(|view| view.counts().ended == 2, LONG).await.unwrap();
    phone.end_call();
    assert!(phone.look(|view| view.is_idle() && !view.has_wish()));
    assert!(phone.violations()[0].contains("R-614"));
}

#[tokio::test]
async fn an_idle_phone_with_a_wish_calls_again_at_once() {
    //
    let server = Scripted::saying([clean_up_with("send-solicited", "true")]).await;
    let phone = SimPhone::start(settings(&server, 6)).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "solicited"]);
    assert!(phone.transcript()[0].send_solicited());
    assert!(phone.violations()[0].contains("R-714"), "no write waited");
}

#[tokio::test]
async fn reads_are_allowed_in_a_call() {
    // R-1505
    let server = Scripted::saying([clean_up(), read_all()]).await;
    let phone = registered(settings(&server, 7)).await;
    phone.start_call();
    contact(&phone, post()).await;
    let seen = server.wait(3).await;
    assert_eq!(seen[2].reply(), "ReadAllItems/Accepted");
}

#[tokio::test]
async fn a_contact_within_the_gap_is_answered_and_swallowed() {
    // the gap is what the phone's own item says
    let server = Scripted::saying([]).await;
    let mut settings = settings(&server, 8);
    settings.timing.contact_gap = None;
    settings.timing.contact_spacing = Duration::from_secs(1);
    let phone = registered(settings).await;
    for _ in 0..2 {
        assert_eq!(contact(&phone, post()).await, "HTTP/1.1 204 No Content");
    }
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "solicited"]);
    assert_eq!((phone.contacts_received(), phone.counts().swallowed), (2, 1));
    assert!(phone.violations()[0].contains("R-306"), "two within a second");
}

#[tokio::test]
async fn contact_me_has_many_forms_and_its_address_is_honoured() {
    // R-304, R-1504
    let home = Scripted::saying([]).await;
    let other = Scripted::saying([]).await;
    let phone = registered(settings(&home, 9)).await;
    let (ip, port) = (other.address.ip(), other.address.port());
    let get = format!(
        "GET /contact_dls.html/ContactDLS?ContactMe=true&dls_ip_addr={ip}&dls_ip_port={port} HTTP/1.1\r\n\
         Host: phone\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(contact(&phone, &get).await, "HTTP/1.1 204 No Content");
    assert_eq!(reasons(&other.wait(1).await), ["solicited"]);
    assert_eq!(home.seen().len(), 1);
    let strange = "GET /server_push.html/ServerPush HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n\r\n";
    assert_eq!(contact(&phone, strange).await, "HTTP/1.1 404 Not Found");
    let without = "POST /contact_dls.html/ContactDLS?ContactMe=false HTTP/1.1\r\nHost: phone\r\nConnection: close\r\n\
                   Content-Length: 0\r\n\r\n";
    assert_eq!(contact(&phone, without).await, "HTTP/1.1 400 Bad Request");
    assert_eq!(phone.contacts_received(), 1);
}

#[tokio::test]
async fn a_long_reply_comes_in_parts() {
    //
    let next = || Say::Do(Action::GetNextFragment, Vec::new());
    let server = Scripted::with(move |seen| match seen.message.as_ref().map(|message| message.fragment) {
        _ if seen.reason() == "start-up" => read_all(),
        Some(Fragment::Next) => next(),
        _ => clean_up(),
    })
    .await;
    let mut settings = settings(&server, 10);
    settings.fragment_items = Some(100);
    let phone = registered(settings).await;
    let seen = server.seen();
    let parts: Vec<_> = seen.iter().skip(1).filter_map(|seen| seen.message.as_ref()).collect();
    assert!(parts.len() >= 4, "{}", parts.len());
    assert!(parts.iter().all(|part| part.items.len() <= 100));
    assert!(seen.iter().skip(1).all(|seen| seen.reply() == "ReadAllItems/Accepted"));
    assert!(parts.iter().rev().skip(1).all(|part| part.fragment == Fragment::Next));
    let ids: HashSet<_> = parts.iter().flat_map(|part| &part.items).map(|item| &item.id).collect();
    assert!(ids.len() > 370);
    assert_eq!(phone.violations(), [""; 0]);
}

#[tokio::test]
async fn local_changes_attach_what_changed_only_from_v2r2() {
    // R-1508
    for (model, last, attached) in [(Model::OpenStage40V3R5, 11, true), (Model::OpenStage20V2R1, 12, false)] {
        let server = Scripted::saying([]).await;
        let mut settings = settings(&server, last);
        settings.model = model;
        let phone = registered(settings).await;
        phone.local_change(id("ringer-volume"), ItemText::plain("9"));
        phone.local_change(id("user-pwd"), ItemText::Secret(Secret::new("changed-by-user")));
        let seen = server.wait(2).await;
        let message = seen[1].message.as_ref().unwrap();
        assert_eq!(seen[1].reason(), "local-changes");
        assert_eq!(message.value("configuration-changed-flag"), Some("true"));
        assert_eq!(message.value("ringer-volume"), attached.then_some("9"));
        assert_eq!(message.value("configuration-attached-flag"), attached.then_some("true"));
        assert_eq!(message.value("configuration-attached-number"), attached.then_some("1"));
        phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
        phone.restart();
        let seen = server.wait(3).await;
        assert_eq!(seen[2].message.as_ref().unwrap().value("configuration-changed-flag"), Some("false"));
    }
}

#[tokio::test]
async fn a_secret_is_never_read_back() {
    // R-1508
    let secret = Item { id: id("sip-pwd"), text: ItemText::Secret(Secret::new("planted-secret")), status: None };
    let line = Item { id: at("line-sip-pwd", 1), text: ItemText::Secret(Secret::new("planted-secret")), status: None };
    let write = Say::Do(Action::WriteItems, vec![secret.clone(), line]);
    let server = Scripted::saying([write, read(&[id("sip-pwd"), at("line-sip-pwd", 1)]), read_all()]).await;
    let phone = registered(settings(&server, 13)).await;
    let seen = server.seen();
    assert_eq!(seen[1].message.as_ref().unwrap().items, []);
    let answers = &seen[2].message.as_ref().unwrap().items;
    assert!(answers.iter().all(|item| item.text.is_empty() && item.status == Some(ItemStatus::Failed)));
    for request in &seen {
        assert!(!String::from_utf8_lossy(&request.body).contains("planted-secret"));
    }
    assert_eq!(phone.value(&id("sip-pwd")), Some(secret.text));
    assert!(!format!("{:?}", phone.transcript()).contains("planted"));
}

#[tokio::test]
async fn a_cp210_takes_a_new_connection_for_every_request() {
    //
    let server = Scripted::saying([read_all()]).await;
    let mut cp = settings(&server, 14);
    cp.model = Model::Cp210;
    registered(cp).await;
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.close));
    assert_ne!(seen[0].connection, seen[1].connection);
    let server = Scripted::saying([read_all()]).await;
    registered(settings(&server, 15)).await;
    let seen = server.seen();
    assert!(seen.iter().all(|seen| !seen.close));
    assert_eq!(seen[0].connection, seen[1].connection);
}

#[tokio::test]
async fn a_phone_tries_until_its_server_is_there_and_pauses_when_it_is_overloaded() {
    //
    let server =
        Scripted::saying([Say::HangUp, Say::Raw(503, String::new()), clean_up_with("cleanup-reason", "overload")])
            .await;
    let phone = registered(settings(&server, 16)).await;
    assert_eq!(reasons(&server.seen()), ["start-up"; 4]);
    assert_eq!(phone.counts().lost, 1);
    assert_eq!(phone.transcript()[2].cleanup_reason(), Some("overload"));
}

#[tokio::test]
async fn a_restart_ends_the_flow_and_the_phone_registers_again() {
    //
    let server = Scripted::saying([Say::Do(Action::Restart, Vec::new())]).await;
    let phone = SimPhone::start(settings(&server, 17)).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "start-up"]);
}

#[tokio::test]
async fn files_are_reported_in_a_flow_of_their_own() {
    //
    let items = [(id("file-type"), "LOGO"), (id("file-name"), "logo.bmp"), (id("file-server"), "192.0.2.9")];
    let items = items.into_iter().map(|(id, text)| Item::plain(id, text)).collect();
    let server = Scripted::saying([Say::Do(Action::FileDeployment, items)]).await;
    let phone = SimPhone::start(settings(&server, 18)).await.unwrap();
    phone.boot();
    let seen = server.wait(2).await;
    assert_eq!(reasons(&seen), ["start-up", "status"]);
    assert_eq!(seen[1].message.as_ref().unwrap().value("file-deployment-name"), Some("logo.bmp"));
    assert_eq!(seen[1].message.as_ref().unwrap().value("file-deployment-status"), Some("ok"));
}

#[tokio::test]
async fn a_phone_reads_no_message_for_another_nonce_and_says_why() {
    //
    let foreign = Say::Raw(
        200,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><DLSMessage xmlns=\"http://www.siemens.com/DLS\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://www.siemens.com/DLS\">\
         <Message nonce=\"another\"><Action>ReadAllItems</Action></Message></DLSMessage>"
            .to_owned(),
    );
    let server = Scripted::saying([foreign, clean_up()]).await;
    let phone = SimPhone::start(settings(&server, 19)).await.unwrap();
    phone.boot();
    let seen = server.wait(2).await;
    assert_eq!(reasons(&seen), ["start-up", "clean-up"]);
    assert_eq!(seen[1].message.as_ref().unwrap().value("cleanup-reason"), Some("wrong nonce"));
    phone.wait_for(PhoneView::is_idle, LONG).await.unwrap();
    assert!(phone.violations().iter().any(|what| what.contains("R-603")), "{:?}", phone.violations());
}

#[tokio::test]
async fn an_unknown_action_fails_and_the_flow_goes_on() {
    //
    let odd = Say::Raw(
        200,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><DLSMessage xmlns=\"http://www.siemens.com/DLS\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://www.siemens.com/DLS\">\
         <Message nonce=\"NONCE\"><Action>Dance</Action></Message></DLSMessage>"
            .to_owned(),
    );
    let server = Scripted::saying([odd]).await;
    registered(settings(&server, 20)).await;
    assert_eq!(server.seen()[1].reply(), "Dance/Failed");
}

#[tokio::test]
async fn two_hundred_phones_start_and_stop_and_leave_no_task() {
    let server = Scripted::saying([]).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut settings = FleetSettings::new(200, phoneops::sim::Server::at(server.address));
    settings.base_address = std::net::Ipv4Addr::new(127, 31, 8, 1);
    settings.contact_port = 0;
    settings.timing = Timing::quick();
    settings.timing.connect = LONG;
    settings.timing.answer = LONG;
    let fleet = SimFleet::start(&settings).await.unwrap();
    fleet.boot();
    for phone in fleet.phones() {
        phone.wait_for(|view| view.counts().ended == 1 && view.is_idle(), LONG).await.unwrap();
    }
    let macs: HashSet<_> =
        server.seen().iter().map(|seen| seen.message.as_ref().unwrap().value("mac-addr").unwrap().to_owned()).collect();
    assert_eq!(macs.len(), 200);
    assert_eq!((fleet.counts().flows, fleet.violations()), (200, vec![]));
    let called = server.address.ip().to_string();
    assert_eq!(fleet.phones()[0].value(&id("dls-addr")), Some(ItemText::plain(called)), "it is set to whom it calls");
    fleet.stop().await;
    // the server's own connections end after those of the phones
    let gone = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, gone).await.unwrap();
}

/// A start was once taken for the end of the very flow that it began, and the phone stayed dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_gets_power_always_calls() {
    let server = Scripted::with(|_| clean_up()).await;
    let mut fleet = FleetSettings::new(40, phoneops::sim::Server::at(server.address));
    fleet.base_address = std::net::Ipv4Addr::new(127, 31, 9, 1);
    fleet.contact_port = 0;
    fleet.timing = Timing::quick();
    for _ in 0..5 {
        let phones = SimFleet::start(&fleet).await.unwrap();
        phones.boot();
        for phone in phones.phones() {
            phone.wait_for(|phone| phone.counts().ended >= 1 && phone.is_idle(), LONG).await.unwrap();
        }
        phones.stop().await;
    }
}
