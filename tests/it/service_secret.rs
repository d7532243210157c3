//! A planted secret is on the phone and nowhere else (promise 5, R-1109): not in the log at its finest, the API, the
//! metrics, the output of any command, the state folder, a recording or an error.

use std::sync::{Arc, Mutex};

use phoneops::{
    fleet::words::State,
    sim::{Fault, Model, SimPhone},
    wpi::{Item, ItemText, Secret},
};

use crate::{
    listener_support::Phone,
    service_child::{Program, files},
    service_secret_commands::commands,
    service_stage::{LONG, api_as, config, has, id, mac, profile, ready, times_written},
    web_events::Listener,
};

/// What is planted. Nothing else in the world looks like it.
const SIP: &str = "Zq7wPlantedSip9Kx";
const LDAP: &str = "Vb3mPlantedLdap&<5Ty";
const USER: &str = "Hn6rPlantedUser2Lo";
const IN_YAML: &str = "Mc8dPlantedYaml4Ws";
const IN_FILE: &str = "Rf1sPlantedKeyed7Ue";
const PLANTED: [&str; 5] = [SIP, LDAP, USER, IN_YAML, IN_FILE];

const WANTED: &str = "sntp-addr: 192.0.2.123";

/// Where something planted shows.
pub(crate) fn leaks(place: &str, content: &[u8]) -> Vec<String> {
    let shows = |secret: &str| content.windows(secret.len()).any(|window| window == secret.as_bytes());
    // as it is, as XML writes it, and as JSON and Rust quote it
    let forms = |secret: &str| {
        [secret.to_owned(), secret.replace('&', "&amp;").replace('<', "&lt;"), format!("{secret:?}")]
            .map(|form| form.trim_matches('"').to_owned())
    };
    PLANTED
        .into_iter()
        .filter(|secret| forms(secret).iter().any(|form| shows(form)))
        .map(|secret| format!("{secret} in {place}"))
        .collect()
}

fn documents() -> Vec<(&'static str, String)> {
    let fleet = profile("Enforce", WANTED) + "---\n";
    vec![
        ("all.yaml", fleet + &config(0, "sip-name: A, sip-pwd: {file: sip}, ldap-pwd: {file: ldap}")),
        // refused by the phone; does not decode what is in it; not there; in a broken file of keys
        ("refused.yaml", config(1, "sip-pwd: {file: sip}")),
        ("old.yaml", config(2, "ldap-pwd: {file: ldap}")),
        ("missing.yaml", config(3, "sip-pwd: {file: nowhere}")),
        ("keyed.yaml", config(4, "e164: \"4711\", sip-pwd: {from: keys.yaml, key: \"{e164}\"}")),
        // written into the document by mistake, in three ways
        ("plain.yaml", config(5, &format!("sip-pwd: {IN_YAML}"))),
        ("field.yaml", config(6, &format!("sip-pwd: {{file: sip, password: {IN_YAML}}}"))),
        ("profile.yaml", profile("Enforce", &format!("sip-pwd: {IN_YAML}")).replace("fleet", "planted")),
        ("broken.yaml", config(7, &format!("sip-pwd: \"{IN_YAML}"))),
    ]
}

async fn phone(program: &Program, number: u32, model: Model) -> SimPhone {
    let mut settings = program.phone_settings(number, model);
    // sent in clear by the phone itself in most of its messages
    settings.items = vec![Item::plain(id("user-pwd"), USER)];
    SimPhone::start(settings).await.unwrap()
}

#[tokio::test]
async fn a_planted_secret_is_on_the_phone_and_nowhere_else() {
    let keys = format!("\"4711\": [{IN_FILE}]\n");
    let secrets = [("sip", SIP), ("ldap", LDAP), ("keys.yaml", keys.as_str())];
    let before =
        profile("Enforce", WANTED) + "---\n" + &(0..3).map(|n| config(n, "")).collect::<Vec<_>>().join("---\n");
    let program = Program::serve(&before, &secrets);
    ready(program.status).await;
    let models = [Model::OpenStage40V3R5, Model::OpenStage60V3R1, Model::OpenStage20V2R1];
    let mut phones = Vec::new();
    for (number, model) in (0..).zip(models) {
        phones.push(phone(&program, number, model).await);
        phones[number as usize].boot();
        program.reaches(number, State::InSync).await;
    }
    let mut stream = Listener::open(program.status).await;
    let told: Arc<Mutex<String>> = Arc::default();
    let heard = Arc::clone(&told);
    tokio::spawn(async move {
        loop {
            let (event, data) = stream.event().await;
            heard.lock().unwrap().extend([&*event, " ", &*data, "\n"]);
        }
    });
    phones[1].set_fault(Fault::ItemStatus("sip-pwd".into(), "invalid data".into()));
    for (name, content) in documents().iter().rev() {
        program.change(name, content);
    }
    program.reaches(1, State::Degraded).await;
    program.reaches(2, State::Degraded).await;
    for broken in [3, 4, 5, 6] {
        program.reaches(broken, State::Invalid).await;
    }
    program.becomes(0, |view| view.state == State::InSync && view.managed == 4).await;
    assert_eq!(leaks("a control", format!("x{SIP}x{{\"{LDAP}\"}}").as_bytes()).len(), 2, "what is sought is found");
    // it is where it belongs
    assert_eq!(phones[0].value(&id("sip-pwd")), Some(ItemText::Secret(Secret::new(SIP))));
    assert_eq!(phones[0].value(&id("ldap-pwd")), Some(ItemText::Secret(Secret::new(LDAP))));
    assert_eq!((has(&phones[0], "sip-name").as_str(), times_written(&phones[1], "sip-pwd")), ("A", 1));
    // phones that are asked, changed locally and in a call send what they know in clear
    for phone in &phones {
        phone.local_change(id("user-pwd"), ItemText::Plain(USER.into()));
        phone.local_change(id("sip-name"), ItemText::plain("Mine"));
        let ended = phone.counts().ended;
        phone.wait_for(move |view| view.counts().ended > ended && view.is_idle(), LONG).await.unwrap();
    }
    program.becomes(0, |view| view.state == State::InSync).await;
    let mut found = everywhere(&program).await;
    let told = told.lock().unwrap().clone();
    assert!(told.contains("\nchange ") && told.contains("phone-0"), "{told}");
    found.extend(leaks("the stream of events", told.as_bytes()));
    assert_eq!(found, [""; 0]);
    for phone in phones {
        assert_eq!(phone.violations(), [""; 0]);
        phone.stop().await;
    }
}

/// Looks at all that anybody gets to see of a service.
async fn everywhere(program: &Program) -> Vec<String> {
    let mut found = Vec::new();
    for body in bad_messages() {
        let answer = Phone::connect(program.phones, |_| ()).await.unwrap().post(&body).await;
        assert_ne!(answer.status(), 500);
        found.extend(leaks("the answer to a phone", answer.text().as_bytes()));
    }
    let mut asked: Vec<String> = (0..8).map(|number| format!("/phones/phone-{number}")).collect();
    let revisions = api_as(program.status, "GET /api/v1/revisions", None).await.json();
    let names: Vec<_> = revisions["revisions"].as_array().unwrap().iter().map(|one| one["revision"].clone()).collect();
    asked.extend(names.iter().map(|name| format!("/revisions/{}", name.as_str().unwrap())));
    // whatever can be read, as the description of the API has it
    let description = phoneops::report::openapi::document();
    for (path, methods) in description["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || path == "/api/v1/events" {
            continue;
        }
        let path = path.replace("{site}", "default").replace("{profile}", "planted");
        if path.contains("{phone}") {
            asked.extend((0..8).map(|number| path.replace("{phone}", &format!("phone-{number}"))));
        } else if path.contains("{revision}") {
            asked.extend(names.iter().map(|name| path.replace("{revision}", name.as_str().unwrap())));
        } else {
            assert!(!path.contains('{'), "{path}: what is it asked for?");
            asked.push(path);
        }
    }
    let pages = [
        "/api/v1/history?limit=500",
        "/api/v1/phones?state=Invalid",
        "/api/v1/undo?revision=dir-",
        "/nowhere",
        "/",
        "/phones",
        "/revisions",
        "/undeclared",
        "/guide",
    ];
    asked.extend(pages.map(ToOwned::to_owned));
    for path in asked {
        let answer = api_as(program.status, &format!("GET {path}"), None).await;
        assert!(matches!(answer.status, 200 | 400 | 404 | 409), "{path}: {answer:?}");
        found.extend(leaks(&path, answer.whole.as_bytes()));
    }
    found.extend(commands(program).await);
    for folder in [program.state(), program.folder.path().join("wire")] {
        let written = files(&folder);
        assert!(!written.is_empty(), "nothing in {}", folder.display());
        for (file, content) in written {
            found.extend(leaks(&file.display().to_string(), &content));
        }
    }
    let log = program.log();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("phone-1"), "the log is at its finest:\n{log}");
    for line in log.lines() {
        found.extend(leaks(&format!("the log: {line}"), line.as_bytes()));
    }
    let cookies =
        log.lines().filter(|line| line.contains("JSESSIONID=")).map(|line| format!("a cookie in the log: {line}"));
    found.extend(cookies);
    found
}

/// Messages that are wrong near a secret: whatever is said of them must not repeat it.
fn bad_messages() -> Vec<String> {
    let good = |items: &str| {
        format!(
            "<?xml version=\"1.0\"?><WorkpointMessage xmlns=\"http://www.siemens.com/DLS\"><Message nonce=\"A1\">\
             <ReasonForContact>start-up</ReasonForContact><ItemList><Item name=\"mac-addr\">{}</Item>{items}</ItemList>\
             </Message></WorkpointMessage>",
            mac(0x77)
        )
    };
    let item = format!("<Item name=\"user-pwd\">{USER}</Item>");
    vec![
        good(&item),
        good(&item.replace("</Item>", "")),
        good(&item.replace("</Item>", &format!("</{USER}>"))),
        good(&item.replace("name=", &format!("index=\"{USER}\" name="))),
        good(&item.replace("user-pwd", &USER.repeat(40))),
        good(&item.replace(USER, &format!("&{USER};"))),
        good(&item.replace("name=", &format!("status=\"{USER}\" name=")))
            .replace("start-up", &format!("start-up{USER}")),
        good(&item).replace("<?xml", &format!("<!DOCTYPE {USER}><?xml")),
        good(&item).replace("nonce=\"A1\"", &format!("nonce=\"A1\" maxItems=\"{USER}\" fragment=\"{USER}\"")),
    ]
}
