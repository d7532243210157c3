//! Each value of a phone is explained down to the layer it comes from, with why it is not written.

use super::stage::{MAC, Phone, Stage, id};
use crate::{
    fleet::{explain::ItemStory, words::ItemStanding},
    wpi::{ItemStatus, Reason},
};

const DOCUMENTS: &str = r#"
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: base}
spec:
  policy: {mode: Enforce, interval: 30d}
  items:
    sntp-addr: 192.0.2.1
    daylight-save: true
    sip-pwd: {file: sip}
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneProfile
metadata: {name: berlin}
spec:
  profiles: [base]
  unmanaged: [sntp-addr]
---
apiVersion: phoneops.dev/v1alpha1
kind: PhoneConfig
metadata: {name: reception}
spec:
  phone: {mac: "00:1A:E8:11:22:33"}
  profiles: [berlin]
  items:
    sntp-addr: 192.0.2.123
    dls-chunk-size: 4096
"#;

fn story(stage: &Stage, item: &str) -> ItemStory {
    let explained = stage.fleet.explain("reception", Some(item), stage.now).unwrap();
    let [story] = explained.items.as_slice() else { panic!("{explained:?}") };
    story.clone()
}

#[test]
fn a_value_is_followed_down_through_what_it_lies_over() {
    let mut stage = Stage::with(DOCUMENTS);
    let mut phone = Phone::new(MAC);
    assert_eq!(story(&stage, "sntp-addr").standing, ItemStanding::Unread);
    phone.session(&mut stage, Reason::StartUp);
    let told = story(&stage, "sntp-addr");
    assert_eq!((told.wanted.value.as_deref(), told.observed.as_deref()), (Some("192.0.2.123"), Some("192.0.2.123")));
    assert_eq!(told.wanted.place.as_deref(), Some("fleet.yaml:26:16"));
    assert_eq!(told.wanted.layer.as_deref(), Some("phone/reception"));
    let over: Vec<_> = told.over.iter().map(|below| (below.value.as_deref(), below.place.as_deref())).collect();
    assert_eq!(over, [(None, Some("fleet.yaml:17:15")), (Some("192.0.2.1"), Some("fleet.yaml:8:16"))]);
    assert_eq!((told.standing, told.why), (ItemStanding::Right, None));
    assert_eq!(stage.fleet.explain(MAC, None, stage.now).unwrap().items.len(), 4);
    assert!(stage.fleet.explain("nobody", None, stage.now).is_none());
    assert!(stage.fleet.explain(MAC, Some("e164"), stage.now).unwrap().items.is_empty());
}

#[test]
fn what_is_not_written_says_why_and_a_secret_shows_as_its_reference() {
    let mut stage = Stage::with(DOCUMENTS);
    let mut phone = Phone::new(MAC);
    phone.refuses.insert(id("sntp-addr"), ItemStatus::from_wire("ReadOnly"));
    phone.unknown.insert(id("daylight-save"));
    phone.session(&mut stage, Reason::StartUp);
    let refused = story(&stage, "sntp-addr");
    assert_eq!(
        (refused.standing, refused.why.as_deref()),
        (ItemStanding::Refused, Some("the phone refused it: ReadOnly"))
    );
    assert_eq!(story(&stage, "daylight-save").standing, ItemStanding::NotApplicable);
    let barred = story(&stage, "dls-chunk-size");
    assert_eq!(barred.standing, ItemStanding::Differs);
    assert!(barred.why.unwrap().contains("policy.lockoutItems: Allow"));
    let secret = story(&stage, "sip-pwd");
    assert_eq!((secret.wanted.value.as_deref(), secret.standing), (Some("{file: sip}"), ItemStanding::Assumed));

    phone.refuses.clear();
    stage.push(&DOCUMENTS.replace("mode: Enforce", "mode: Report").replace("192.0.2.123", "192.0.2.124"));
    phone.session(&mut stage, Reason::StartUp);
    let told = story(&stage, "sntp-addr");
    assert_eq!(
        (told.standing, told.why.as_deref()),
        (ItemStanding::Differs, Some("the mode is Report: it is only told"))
    );
}
