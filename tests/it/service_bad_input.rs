//! Bytes that no phone should send: a clear answer, and the service goes on.

use phoneops::{fleet::words::State, sim::Model};

use crate::{
    listener_support::{Answer, PATH, Phone, request},
    service_stage::{Stage, config, mac, profile, told},
};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
const ROOT: &str = "<WorkpointMessage xmlns=\"http://www.siemens.com/DLS\">";

fn enforced() -> String {
    profile("Enforce", "sntp-addr: 192.0.2.123") + "---\n" + &config(1, "") + "---\n" + &config(2, "")
}

fn item(name: &str, text: &str) -> String {
    format!("<Item name=\"{name}\">{text}</Item>")
}

fn message(reason: &str, items: &str) -> String {
    format!(
        "{HEAD}{ROOT}<Message nonce=\"5a0c11d2e3f4051627384950a1b2c3d4\" maxItems=\"-1\">{reason}\
         <ItemList>{items}</ItemList></Message></WorkpointMessage>"
    )
}

fn start_up(items: &str) -> String {
    message("<ReasonForContact>start-up</ReasonForContact>", &(item("mac-addr", &mac(1)) + items))
}

fn reply(action: &str, items: &str) -> String {
    message(&format!("<ReasonForContact action=\"{action}\" status=\"accepted\">reply-to</ReasonForContact>"), items)
}

async fn post(stage: &Stage, body: &str) -> Answer {
    Phone::connect(stage.address(), |_| ()).await.unwrap().post(body).await
}

async fn a_good_phone_is_served(stage: &Stage) {
    let phone = stage.phone_in(2, Model::OpenStage40V3R5, State::InSync).await;
    assert_eq!(told(&phone, 0), ["start-up: ReadItems WriteItems ReadItems CleanUp"]);
}

#[tokio::test]
async fn what_is_no_message_gets_a_clear_answer_and_the_next_phone_is_served() {
    // R-1107
    let stage = Stage::with(&enforced()).await;
    let many: String = (0..10_000).map(|number| item(&format!("item-{number}"), "x")).collect();
    let dtd = "<!DOCTYPE WorkpointMessage [<!ENTITY lol \"lol\">]>";
    let foreign = format!("{}&lol;{}", item("e164", "1"), item("sip-name", "x"));
    let deep = "<a>".repeat(5000);
    for (body, status, words) in [
        (String::new(), 400, ""),
        ("hello".to_owned(), 400, ""),
        (start_up("").replace("</Message>", ""), 400, ""),
        (start_up("").replace(ROOT, &format!("{dtd}{ROOT}")), 400, "document type"),
        (start_up(&foreign), 400, ""),
        (start_up(&deep), 400, ""),
        (start_up(&many), 400, "more than 5000 items"),
        (start_up(&item("sip-name", &"x".repeat(2 << 20))), 413, "longer than"),
    ] {
        let answer = post(&stage, &body).await;
        let start: String = body.chars().take(60).collect();
        assert_eq!(answer.status(), status, "{start}: {}", answer.text());
        let clear = answer.text().to_ascii_lowercase().replace([',', '.'], "");
        assert!(clear.contains(&words.to_ascii_lowercase()) && clear.len() > 10, "{start}: {}", answer.text());
        assert!(answer.text().len() < 300, "{}", answer.text());
    }
    a_good_phone_is_served(&stage).await;
    stage.end().await;
}

#[tokio::test]
async fn a_body_of_30_kb_on_one_line_is_an_ordinary_message() {
    //
    let stage = Stage::with(&enforced()).await;
    let items: String =
        (0..450).map(|number| item(&format!("some-item-of-a-phone-{number}"), &"v".repeat(40))).collect();
    let body = start_up(&items);
    assert!(body.len() > 30_000 && !body.contains('\n'));
    let answer = post(&stage, &body).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().contains("<Action>ReadItems</Action>"), "{}", answer.text());
    assert!(answer.text().contains("nonce=\"5a0c11d2e3f4051627384950a1b2c3d4\""));
    stage.end().await;
}

#[tokio::test]
async fn unknown_words_and_strangers_are_answered_by_cleanup() {
    //
    let stage = Stage::with(&enforced()).await;
    let odd = message("<ReasonForContact>tea-time</ReasonForContact>", &item("mac-addr", &mac(1)));
    let stray = reply("WriteItems", "");
    let no_items = message("<ReasonForContact>start-up</ReasonForContact>", "");
    for body in [odd, stray, no_items] {
        let answer = post(&stage, &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.text().contains("<Action>CleanUp</Action>"), "{}", answer.text());
        assert!(!answer.text().contains("WriteItems"));
    }
    a_good_phone_is_served(&stage).await;
    stage.end().await;
}

#[tokio::test]
async fn a_cookie_with_its_attributes_and_foreign_ones_beside_it_names_the_flow() {
    // a reply on a new connection, without mac-addr
    let stage = Stage::with(&enforced()).await;
    let foreign = request("POST", PATH, "Cookie: PHPSESSID=abc; path=/\r\n", &start_up(""));
    let mut first = Phone::connect(stage.address(), |_| ()).await.unwrap();
    first.send(foreign).await;
    let opened = first.answer().await.unwrap();
    let cookie = opened.header("Set-Cookie").expect("a fresh cookie").to_owned();
    assert!(cookie.ends_with("; Path=/DeploymentService; Secure"), "{cookie}");
    drop(first);
    // somebody else opens a flow from the same address meanwhile
    post(&stage, &start_up("").replace(&mac(1), &mac(2))).await;
    let read = reply("ReadItems", &item("sntp-addr", "192.0.2.1"));
    let header = format!(
        "Cookie: PHPSESSID=abc; {}; expires=never\r\n",
        cookie.to_ascii_lowercase().replacen(&cookie.to_ascii_lowercase()[..43], &cookie[..43], 1,)
    );
    let mut second = Phone::connect(stage.address(), |_| ()).await.unwrap();
    second.send(request("POST", PATH, &header, &read)).await;
    let write = second.answer().await.unwrap();
    assert!(write.text().contains("<Action>WriteItems</Action>"), "{}", write.text());
    assert!(write.header("Set-Cookie").is_none());
    stage.end().await;
}

#[tokio::test]
async fn a_reply_that_names_another_phone_ends_the_flow() {
    //
    let stage = Stage::with(&enforced()).await;
    let mut phone = Phone::connect(stage.address(), |_| ()).await.unwrap();
    let opened = phone.post(&start_up("")).await;
    assert!(opened.text().contains("ReadItems"));
    let other = reply("ReadItems", &(item("mac-addr", &mac(2)) + &item("sntp-addr", "192.0.2.1")));
    let cookie = format!("Cookie: {}\r\n", opened.header("Set-Cookie").unwrap());
    phone.send(request("POST", PATH, &cookie, &other)).await;
    let ended = phone.answer().await.unwrap();
    assert!(ended.text().contains("<Action>CleanUp</Action>"), "{}", ended.text());
    stage.end().await;
}

#[tokio::test]
async fn mac_addresses_compare_without_regard_to_case() {
    //
    let stage = Stage::with(&enforced()).await;
    let answer = post(&stage, &start_up("").replace(&mac(1), &mac(1).to_ascii_lowercase())).await;
    assert!(answer.text().contains("<Action>ReadItems</Action>"), "{}", answer.text());
    stage.end().await;
}

#[tokio::test]
async fn other_paths_and_methods_are_no_way_in() {
    //
    let stage = Stage::with(&enforced()).await;
    for (method, path, status) in [("POST", "/provisioningService", 404), ("GET", PATH, 405), ("POST", "/", 404)] {
        let mut phone = Phone::connect(stage.address(), |_| ()).await.unwrap();
        phone.send(request(method, path, "", &start_up(""))).await;
        assert_eq!(phone.answer().await.unwrap().status(), status, "{method} {path}");
    }
    stage.end().await;
}
