//! The web page in a real browser: live, by keyboard, in both themes and on a small screen. Pictures of it are kept below
//! the target folder, in `tmp/screenshots`.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use phoneops::{
    fleet::{
        audit::By,
        brake::Scope,
        words::{PendingReason, State},
    },
    sim::{Fault, Model},
    spec::SiteName,
};
use serde_json::json;

use crate::{
    browser::{Browser, ENTER, TAB},
    service_stage::{ACT, Stage, config, profile},
};

const SITES: [&str; 4] = ["berlin", "hamburg", "wien", "zuerich"];

/// Profiles of four sites over one of the fleet.
fn profiles(time_server: &str) -> String {
    let fleet = profile(
        "Enforce",
        &format!(
            "sntp-addr: {time_server}, sntp-tz-offset: 60, daylight-save: true, sip-name: Reception, use-display-id: true"
        ),
    );
    let sites = SITES.map(|site| {
        let mode = if site == "wien" { "  policy: {mode: Report}\n" } else { "" };
        format!(
            "---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneSite\nmetadata: {{name: {site}}}\nspec: {{networks: [127.0.0.0/8]}}\n\
             ---\napiVersion: phoneops.dev/v1alpha1\nkind: PhoneProfile\nmetadata: {{name: site-{site}}}\nspec:\n  \
             profiles: [fleet]\n  site: {site}\n{mode}  items: {{date-format: 0, display-id-unicode: {site}}}\n"
        )
    });
    fleet + &sites.concat()
}

fn phones(count: u32) -> String {
    let each = (0..count).map(|number| {
        let site = SITES[number as usize % SITES.len()];
        config(number, &format!("e164: \"4930123{number:03}\"")).replace("[fleet]", &format!("[site-{site}]"))
    });
    each.collect::<Vec<_>>().join("---\n")
}

/// A fleet in which there is something of most kinds.
async fn fleet() -> Stage {
    let stage = Stage::with(&profiles("192.0.2.123")).await;
    stage.change("phones.yaml", &phones(64)).await;
    let models = [Model::OpenStage40V3R5, Model::OpenStage60V3R1, Model::Cp210, Model::OpenStage40V3R5];
    let mut booted = Vec::new();
    for (number, model) in (0..24).zip(models.into_iter().cycle()) {
        let mut settings = stage.phone_settings(number, model);
        if number == 5 {
            settings.faults = vec![Fault::ItemStatus("sip-name".into(), "invalid data".into())];
        }
        let phone = stage.phone_of(settings).await;
        phone.boot();
        booted.push(phone);
    }
    for number in (0..24).filter(|number| *number != 5 && number % 4 != 2) {
        stage.reaches(number, State::InSync).await;
    }
    stage.reaches(5, State::Degraded).await;
    stage.reaches(2, State::Drifted).await;
    for number in 64..66 {
        stage.phone(number, Model::Cp210).await.boot();
    }
    booted[3].start_call();
    stage
}

#[tokio::test]
async fn a_person_finds_everything_with_a_browser_and_sees_it_change() {
    let stage = fleet().await;
    let at = format!("http://{}", stage.running().status_address);
    let browser = Browser::start().await;
    browser.look(1280, 900, "light").await;

    // the fleet, and a commit that shows without the page being loaded again
    browser.open(&format!("{at}/")).await;
    browser
        .until(
            "document.querySelector('#pulse .word').textContent === 'live' && !document.querySelector('#pulse').hidden",
        )
        .await;
    browser.eval("(window.loadedOnce = true)").await;
    browser.eval("document.querySelector('.legend a').focus()").await;
    let address = browser.eval("document.activeElement.getAttribute('href')").await;
    stage.change("all.yaml", &profiles("192.0.2.77")).await;
    stage.pending(3, PendingReason::InCall).await;
    let revision = stage.running().shared().with_fleet(|fleet, _| fleet.revision().unwrap().short().to_owned());
    browser.until(&format!("document.querySelector('#revision').textContent.includes('{revision}')")).await;
    browser.until("document.querySelector('#pending').textContent.includes('InCall')").await;
    assert_eq!(browser.eval("window.loadedOnce === true").await, true, "the page was not loaded again");
    assert_eq!(browser.eval("document.activeElement.getAttribute('href')").await, address, "the focus stays");
    let by = By::new("ada", "the mains are switched over").unwrap();
    let scope = Scope::Site(SiteName::new("hamburg"));
    stage
        .running()
        .shared()
        .with_fleet(|fleet, now| fleet.brake(scope, SignedDuration::from_hours(1), &by, now))
        .unwrap();
    browser.until("document.querySelector('#notes').textContent.includes('the mains are switched over')").await;
    pictures(&browser, "fleet").await;

    // by keyboard alone: past the head, to the phones of a state, to one of them
    browser.open(&format!("{at}/")).await;
    browser.press(&[TAB]).await;
    assert_eq!(browser.eval("document.activeElement.textContent").await, "Skip to the content");
    browser.press(&[ENTER]).await;
    browser.tab_to("at.matches('.legend a') && at.textContent.includes('Degraded')").await;
    assert_ne!(browser.eval("getComputedStyle(document.activeElement).outlineStyle").await, "none", "focus is seen");
    browser.press(&[ENTER]).await;
    browser.until("location.search === '?state=Degraded' && document.readyState === 'complete'").await;
    browser.tab_to("at.matches('tbody th a') && at.textContent === 'phone-5'").await;
    browser.press(&[ENTER]).await;
    browser.until("document.title.startsWith('phone-5') && document.readyState === 'complete'").await;
    let page = browser.eval("document.body.innerText").await;
    for part in ["invalid data", "sip-name", "profile/fleet", State::Degraded.sentences().means] {
        assert!(page.as_str().unwrap().contains(part), "{part} is not on the page: {page}");
    }
    pictures(&browser, "phone").await;

    // search, filter, pages
    browser.open(&format!("{at}/phones")).await;
    pictures(&browser, "phones").await;
    assert_eq!(browser.eval("document.querySelectorAll('#list tbody tr').length").await, 50);
    browser.click("a[rel=next]").await;
    browser.until("document.querySelectorAll('#list tbody tr').length === 16").await;
    browser.tab_to("at.id === 'q'").await;
    browser.press(&["phone-1", ENTER]).await;
    browser
        .until("location.search.includes('q=phone-1') && document.querySelectorAll('#list tbody tr').length === 11")
        .await;
    browser.eval("(document.querySelector('#site').value = 'hamburg')").await;
    browser.click(".filter button").await;
    browser
        .until("location.search.includes('site=hamburg') && document.querySelectorAll('#list tbody tr').length === 3")
        .await;

    for (path, name) in [("/revisions", "revisions"), ("/undeclared", "undeclared"), ("/guide", "guide")] {
        browser.open(&format!("{at}{path}")).await;
        pictures(&browser, name).await;
    }
    let href = browser.eval("document.querySelector('#newest a').getAttribute('href')").await;
    browser.open(&format!("{at}{}", href.as_str().unwrap())).await;
    pictures(&browser, "revision").await;
    assert_eq!(browser.complaints().await, [""; 0], "the policy of the page holds back nothing that it needs");

    with_tokens(&browser, &at, &stage).await;

    let foreign: Vec<String> = browser.requests().await.into_iter().filter(|url| !is_ours(url, &at)).collect();
    assert_eq!(foreign, [""; 0], "nothing is asked of another host");
    drop(browser);
    stage.end().await;
}

/// A token is the password that the browser asks for: to act, and to read from elsewhere.
async fn with_tokens(browser: &Browser, at: &str, stage: &Stage) {
    browser.tell("Network.enable", json!({})).await;
    browser.open(&format!("{at}/phones/phone-0")).await;
    let basic = format!("Basic {}", STANDARD.encode(format!("ada:{ACT}")));
    browser.tell("Network.setExtraHTTPHeaders", json!({"headers": {"Authorization": basic}})).await;
    browser.tab_to("at.id === 'reason'").await;
    browser.press(&["the display is dark", ENTER]).await;
    browser.until("document.querySelector('#asked')?.textContent.includes('asked to call') === true").await;
    let acts = stage.api("GET /api/v1/audit").await.body;
    assert!(acts.contains("the display is dark") && acts.contains("alice"), "{acts}");

    let from_elsewhere = json!({"headers": {"X-Forwarded-For": "192.0.2.9"}});
    browser.tell("Network.setExtraHTTPHeaders", from_elsewhere).await;
    // without a window the browser cannot ask, so the answer stands in the address
    browser.open(&at.replace("http://", "http://grafana:grafana-token@")).await;
    browser.until("document.querySelector('#pulse .word')?.textContent === 'live'").await;
    browser.until("document.querySelector('#pulse').hidden === false").await;
}

/// Whether the page asks the service, or the browser itself for what it has inside.
fn is_ours(url: &str, at: &str) -> bool {
    let bare = url.replace("grafana:grafana-token@", "");
    bare.starts_with(&format!("{at}/"))
        || ["data:", "chrome://", "chrome-", "about:"].iter().any(|own| bare.starts_with(own))
}

/// Pictures in both themes and on a small screen, on which nothing stands out at the side.
async fn pictures(browser: &Browser, name: &str) {
    for (width, height, scheme, suffix) in [
        (390, 844, "dark", "small-dark"),
        (390, 844, "light", "small"),
        (1280, 1000, "dark", "dark"),
        (1280, 1000, "light", "light"),
    ] {
        browser.look(width, height, scheme).await;
        let wide = browser.eval("document.documentElement.scrollWidth").await.as_u64().unwrap();
        assert!(wide <= u64::from(width), "{name} is {wide} wide on a screen of {width}");
        browser.picture(&format!("{name}-{suffix}.png")).await;
    }
}
