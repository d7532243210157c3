//! The fault menu over the wire: each fault does what its name says (R-1510).

use phoneops::{
    sim::{Fault, PhoneView, SimPhone},
    wpi::{ItemId, PhoneMessage, ReplyStatus, phone_message::Fragment},
};

use crate::sim_server::{
    LONG, Say, Scripted, Seen, clean_up, contact, id, post, read, read_all, reasons, settings, write,
};

/// One start-up with a `ReadAllItems` and one `ReadItems` by a phone with that fault; gives what the server saw.
async fn with_fault(fault: &str, requests: usize, last: u8) -> Vec<Seen> {
    let server = Scripted::saying([read_all(), read(&[id("sntp-addr")])]).await;
    let mut settings = settings(&server, last);
    settings.faults = vec![fault.parse().unwrap()];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    let seen = server.wait(requests).await;
    phone.stop().await;
    seen
}

fn message(seen: &Seen) -> &PhoneMessage {
    seen.message.as_ref().unwrap()
}

fn text(seen: &Seen) -> String {
    String::from_utf8(seen.body.to_vec()).unwrap()
}

fn with_index(message: &PhoneMessage, name: &str) -> Vec<ItemId> {
    message.items.iter().map(|item| item.id.clone()).filter(|id| id.name.as_str() == name).collect()
}

#[tokio::test]
async fn nonces_and_cookies_go_wrong_as_told() {
    let nonces = |seen: &[Seen]| seen.iter().map(Seen::nonce).collect::<Vec<_>>();
    assert_eq!(nonces(&with_fault("nonce-missing", 1, 41).await)[0], None);
    let same = nonces(&with_fault("nonce-same", 3, 42).await);
    assert_eq!(same[0], same[2]);
    let flow = nonces(&with_fault("nonce-per-flow", 3, 43).await);
    assert_eq!(flow[0], flow[2]);
    assert_ne!(flow[0], same[0]);
    assert_eq!(with_fault("cookie-none", 2, 44).await[1].cookie, None);
    let foreign = with_fault("cookie-foreign", 2, 45).await;
    assert!(foreign[1].cookie.as_ref().unwrap().starts_with("PHPSESSID="));
    let stale = with_fault("cookie-stale", 2, 46).await;
    assert_ne!(stale[1].cookie, stale[0].set_cookie);
}

#[tokio::test]
async fn messages_come_out_of_order_as_told() {
    let again = with_fault("initial-in-mid-flow", 3, 47).await;
    assert_eq!(reasons(&again), ["start-up", "start-up", "reply-to"]);
    let twice = with_fault("reply-repeated", 3, 48).await;
    assert_eq!(twice[1].body, twice[2].body);
    let wrong = with_fault("wrong-action", 2, 49).await;
    assert_eq!(wrong[1].reply(), "ReadItems/Accepted", "it was asked for all items");
}

#[tokio::test]
async fn a_phone_is_busy_as_often_as_told() {
    let server = Scripted::with(|seen| match seen.reply().as_str() {
        "ReadItems/Accepted" => clean_up(),
        _ => read(&[id("sntp-addr")]),
    })
    .await;
    let mut settings = settings(&server, 50);
    settings.faults = vec![Fault::BusyTimes(2)];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    let seen = server.wait(4).await;
    let replies: Vec<_> = seen.iter().skip(1).map(Seen::reply).collect();
    assert_eq!(replies, ["ReadItems/Busy", "ReadItems/Busy", "ReadItems/Accepted"]);
    assert!(message(&seen[1]).items.is_empty(), "R-516");
}

#[tokio::test]
async fn items_go_wrong_as_told() {
    let odd = with_fault("item-status:sntp-addr=strange word", 3, 51).await;
    assert_eq!(message(&odd[2]).items[0].status.as_ref().unwrap().as_str(), "strange word");
    let unknown = with_fault("unknown-item", 2, 52).await;
    assert_eq!(with_index(message(&unknown[1]), "x-item-of-nobody").len(), 1);
    let double = with_fault("duplicate-item", 2, 53).await;
    assert_eq!(with_index(message(&double[1]), "sntp-addr").len(), 2);
    let zero = with_index(message(&with_fault("index-zero-and-none", 2, 54).await[1]), "ldap-server-port");
    assert_eq!(zero.iter().map(|id| id.index.map(|index| index.0)).collect::<Vec<_>>(), [None, Some(0)]);
    let failed = with_fault("action-failed", 2, 55).await;
    assert_eq!(failed[1].reply(), format!("ReadAllItems/{:?}", ReplyStatus::Failed));
}

#[tokio::test]
async fn bodies_go_wrong_as_told() {
    assert!(with_fault("not-well-formed", 2, 56).await[0].message.is_none());
    let dtd = with_fault("dtd", 1, 57).await;
    assert!(text(&dtd[0]).contains("<!DOCTYPE") && dtd[0].message.is_none());
    assert!(with_fault("huge-body", 1, 58).await[0].body.len() > 2_000_000);
    let white = with_fault("reason-white-space", 2, 59).await;
    assert!(!text(&white[1]).contains(">reply-to<"));
    assert_eq!(white[1].reason(), "reply-to");
    assert_eq!(text(&with_fault("one-long-line", 2, 60).await[1]).lines().count(), 1);
    assert!(text(&with_fault("nonce-per-flow", 2, 61).await[1]).lines().count() > 370, "usually a line per item");
    let mute = with_fault("no-fragment-attribute", 2, 62).await;
    assert!(!text(&mute[1]).contains("fragment="));
    let many = with_fault("many-items:10000", 2, 63).await;
    assert!(message(&many[1]).items.len() > 10_000 && many[1].body.len() < 1_000_000);
}

#[tokio::test]
async fn identities_go_wrong_as_told() {
    let mac = |seen: &Seen| message(seen).value("mac-addr").map(str::to_owned);
    assert_eq!(mac(&with_fault("no-mac", 1, 64).await[0]), None);
    let foreign = with_fault("foreign-mac:00:1A:E8:99:99:99", 2, 65).await;
    assert_eq!(mac(&foreign[1]).as_deref(), Some("00:1A:E8:99:99:99"));
    assert_eq!(mac(&with_fault("odd-id", 1, 66).await[0]).as_deref(), Some("softclient-17"));
    let odd = with_fault("odd-version", 1, 67).await;
    assert_eq!(message(&odd[0]).value("software-version"), Some("build of Tuesday"));
    assert_eq!(reasons(&with_fault("tls-1.0", 3, 68).await), ["start-up", "reply-to", "reply-to"]);
}

#[tokio::test]
async fn a_power_cut_leaves_nothing_written() {
    // F-31: it fires once
    let server = Scripted::with(|seen| match seen.reply().as_str() {
        "WriteItems/Accepted" => clean_up(),
        _ => write(&[(id("sntp-addr"), "192.0.2.123")]),
    })
    .await;
    let mut settings = settings(&server, 69);
    settings.faults = vec![Fault::PowerCut];
    let phone = SimPhone::start(settings).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().ended == 1, LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up", "start-up", "reply-to"]);
    assert_eq!(phone.writes(), 1);
}

#[tokio::test]
async fn a_phone_may_fall_silent_in_mid_flow() {
    let server = Scripted::saying([read_all()]).await;
    let mut silent = settings(&server, 70);
    silent.faults = vec![Fault::NoReply];
    let phone = SimPhone::start(silent).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().exchanges == 1 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(reasons(&server.seen()), ["start-up"]);

    let next = Say::Do(phoneops::wpi::Action::GetNextFragment, Vec::new());
    let server = Scripted::saying([read_all(), next]).await;
    let mut cut = settings(&server, 71);
    cut.fragment_items = Some(100);
    cut.faults = vec![Fault::FragmentCut];
    let phone = SimPhone::start(cut).await.unwrap();
    phone.boot();
    phone.wait_for(|view| view.counts().exchanges == 2 && view.is_idle(), LONG).await.unwrap();
    assert_eq!(message(&server.seen()[1]).fragment, Fragment::Next);
}

#[tokio::test]
async fn a_contact_is_answered_wrongly_as_told() {
    let server = Scripted::saying([]).await;
    let phone = crate::sim_server::registered(settings(&server, 72)).await;
    let told = [
        ("contact-swallowed", "HTTP/1.1 204 No Content"),
        ("contact-not-204", "HTTP/1.1 200 OK"),
        ("contact-refused", ""),
    ];
    for (fault, line) in told {
        phone.set_fault(fault.parse().unwrap());
        assert_eq!(contact(&phone, post()).await, line);
        assert!(phone.clear_fault(fault));
    }
    assert!(phone.look(PhoneView::is_idle));
    assert_eq!((server.seen().len(), phone.counts().swallowed), (1, 3));
    contact(&phone, post()).await;
    assert_eq!(reasons(&server.wait(2).await), ["start-up", "solicited"]);
}
