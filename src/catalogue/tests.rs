//! The catalogue as a whole, and promise 1 for each of its items.

use proptest::prelude::*;

use super::*;
use crate::wpi::{
    Action, Index, ItemName, PhoneMessage, Reason, ReplyStatus, Secret, ServerMessage,
    phone_message::{Fragment, Nonce},
    xml::Limits,
};

fn id(name: &str, index: Option<u32>) -> ItemId {
    ItemId::new(ItemName::new(name).unwrap(), index.map(Index))
}

pub(crate) fn first_index(item: &ItemType) -> Option<u32> {
    match &item.index {
        IndexSet::None => None,
        IndexSet::Any => Some(1),
        IndexSet::Ranges(ranges) => Some(ranges[0].0),
    }
}

/// A valid value of the item as people would write it, chosen by the arguments.
#[derive(Debug)]
pub(crate) enum Given {
    Text(String),
    Bool(bool),
    Integer(i64),
}

impl Given {
    pub(crate) fn valid(item: &ItemType, choice: u16, word: &str) -> Self {
        let quoted = choice.is_multiple_of(2);
        match item.kind {
            Kind::Boolean => Self::Bool(quoted),
            Kind::Integer => {
                let range = item.range.clone().unwrap_or(0..=999);
                let number = range.start() + i64::from(choice) % (range.end() - range.start() + 1);
                let number = if item.name == "rtp-base-port" { number & !1 } else { number };
                let number = if item.name == "pwd-sequence-length" && number == 1 { 2 } else { number };
                if quoted { Self::Text(format!("{number:03}")) } else { Self::Integer(number) }
            }
            Kind::Enum => Self::Text(item.values[usize::from(choice) % item.values.len()].wire.to_string()),
            Kind::Hostname if quoted => Self::Text(format!("192.0.2.{}", choice % 256)),
            Kind::Hostname => Self::Text("PBX.example".to_owned()),
            Kind::Uri => Self::Text(format!("http://a.example/{choice}")),
            Kind::Mac => Self::Text(format!("00:1A:E8:11:{:02X}:{:02X}", choice >> 8, choice & 0xff)),
            _ => Self::Text(match item.name.as_str() {
                "alert" => format!("{}^1^2^{}", word.replace('^', ""), choice % 301),
                "country-iso" | "language-iso" => "de".to_owned(),
                "stimulus-DTMF-sequence" => "12#*a".to_owned(),
                "dls-server-ca" => format!("-----BEGIN-----\n{word}\n-----END-----\n"),
                _ if choice.is_multiple_of(7) && !rules::needs_value(&item.name) => String::new(),
                _ => {
                    word.replace('^', "").chars().take(item.max_length.unwrap_or(12)).collect::<String>().trim().into()
                }
            }),
        }
    }

    /// As it stands in a document.
    pub(crate) fn yaml(&self) -> String {
        match self {
            Self::Text(text) => serde_json::to_string(text).unwrap(),
            Self::Bool(_) | Self::Integer(_) => self.text(),
        }
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Bool(truth) => Scalar::Bool(*truth),
            Self::Integer(number) => Scalar::Integer(*number),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Bool(truth) => truth.to_string(),
            Self::Integer(number) => number.to_string(),
        }
    }
}

/// The text as a phone may give it back: the same meaning in another writing.
fn reported(item: &ItemType, wire: &str, choice: u16) -> Option<String> {
    if wire.is_empty() || wire == NULL {
        return [None, Some(String::new()), Some(NULL.to_owned())][usize::from(choice) % 3].clone();
    }
    Some(match item.kind {
        Kind::Boolean | Kind::Mac => wire.to_uppercase(),
        Kind::Hostname => wire.to_lowercase(),
        Kind::Integer => format!(" {wire} "),
        _ => wire.to_owned(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_written_reads_back_as_the_same_for_every_item(choice: u16, word in "[a-zA-Zäé0-9#*][ -;=?-~äé]{0,20}[a-z0-9]") {
        let catalogue = Catalogue::builtin();
        for item in catalogue.iter().filter(|item| !catalogue.is_secret(&item.name)) {
            let given = Given::valid(item, choice, &word);
            let (wire, findings) = catalogue.check(&id(&item.name, first_index(item)), given.scalar());
            prop_assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
            let wire = wire.unwrap();
            let back = reported(item, &wire, choice);
            prop_assert!(catalogue.same(&item.name, Some(&wire), back.as_deref()), "{}: {wire:?} {back:?}", item.name);
            prop_assert!(catalogue.same(&item.name, Some(&given.text()), back.as_deref()), "{}: {given:?}", item.name);
            let again = match item.kind {
                Kind::Boolean => Scalar::Bool(wire == "true"),
                _ => Scalar::Text(&wire),
            };
            let (twice, _) = catalogue.check(&id(&item.name, first_index(item)), again);
            prop_assert_eq!(twice.as_deref(), Some(wire.as_str()), "the wire form of {} is final", item.name);
        }
    }

    #[test]
    fn the_wire_carries_every_item_there_and_back(choice: u16, word in "[a-zA-Zäé0-9#*][ -;=?-~äé]{0,20}[a-z0-9]") {
        let catalogue = Catalogue::builtin();
        let written: Vec<Item> = catalogue
            .iter()
            .filter(|item| !catalogue.is_secret(&item.name))
            .map(|item| {
                let id = id(&item.name, first_index(item));
                let (wire, _) = catalogue.check(&id, Given::valid(item, choice, &word).scalar());
                Item::plain(id, wire.unwrap())
            })
            .collect();
        let nonce = Nonce("5A0C11D2E3F4051627384950A1B2C3D4".into());
        let order = ServerMessage { nonce: nonce.clone(), action: Action::WriteItems, items: written.clone() };
        let order = ServerMessage::decode(order.encode().as_bytes(), &Limits::default(), false).unwrap();
        let answer = PhoneMessage {
            nonce: Some(nonce),
            max_items: None,
            fragment: Fragment::Final,
            reason: Reason::ReplyTo { action: "ReadItems".into(), status: ReplyStatus::Accepted },
            items: order.items,
        };
        let answer = PhoneMessage::decode(answer.encode().as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(answer.items.len(), written.len());
        for (wanted, observed) in written.iter().zip(&answer.items) {
            prop_assert_eq!(&wanted.id, &observed.id);
            let name = wanted.id.name.as_str();
            prop_assert!(catalogue.same(name, wanted.text.as_plain(), observed.text.as_plain()), "{wanted:?} {observed:?}");
        }
    }

    #[test]
    fn no_value_makes_a_check_fail_and_no_secret_is_repeated(word in "\\PC{0,12}", number: i64) {
        let catalogue = Catalogue::builtin();
        let planted = format!("planted{word}");
        for name in catalogue.names() {
            for value in [Scalar::Text(&word), Scalar::Text(&planted), Scalar::Integer(number), Scalar::Number(&word)] {
                let (wire, findings) = catalogue.check(&id(name, None), value);
                let stops = findings.iter().any(|finding| finding.severity == Severity::Error);
                prop_assert_eq!(wire.is_none(), stops);
                if catalogue.is_secret(name) {
                    prop_assert!(stops && findings.iter().all(|finding| !finding.message.contains("planted")));
                }
            }
        }
    }
}

/// The recipes of R-1220 to R-1224 with example values, secrets left out.
const RECIPES: &str = "e164=4930555 basic-e164=4930555 sip-user-id=4930555 sip-name=4930555 display-id-unicode=Room_12 \
    use-display-id=true realm=pbx.example reg-addr=192.0.2.20 reg-port=5060 registrar-addr=192.0.2.20 registrar-port=5060 \
    sgnl-gateway-addr-user=192.0.2.20 sgnl-gateway-port-user=5060 sgnl-route=0 server-type=0 sip-transport-user=0 \
    reg-ttl=3600 register-by-name=false registrar-addr=NULL realm= \
    function-key-def[4]=31 key-label[4]=Line_1 key-label-unicode[4]=Line_1 line-primary[4]=true line-short-desc[4]=Line_1 \
    line-sip-uri[4]=4930555 line-sip-realm[4]=pbx.example line-sip-user-id[4]=4930555 line-shared-type[4]=1 \
    line-ring-delay[4]=0 line-hunt-sequence[4]=0 line-hot-line-warm-line[4]=0 line-hidden[4]=false line-int-allow[4]=true \
    line-mlo-pos[4]=0 stimulus-led-control-uri[2]=4930556 blf-audible[2]=false blf-popup[2]=true blf-code=*8 \
    XML-app-action[1]=update XML-app-name[1]=calls XML-app-display-name[1]=Calls XML-app-special-instance[1]=0 \
    XML-app-control-key[1]=3 XML-app-server-addr[1]=192.0.2.10 XML-app-server-port[1]=80 XML-app-transport[1]=0 \
    XML-app-program-name[1]=apps/calls.xml XML-app-num-tabs[1]=1 XML-app-tab1-name[1]=calls \
    XML-app-tab1-display-name[1]=Missed XML-app-auto-start[1]=true XML-app-restart[1]=true \
    sntp-addr=192.0.2.5 sntp-tz-offset=60 auto-daylight-save=true daylight-save=true daylight-save-zone-id=9 country-iso=DE \
    language-iso=de time-format=0 date-format=0 ldap-transport=0 ldap-server-address=192.0.2.30 ldap-server-port=389 \
    ldap-authentication=1 ldap-user=cn=phone,dc=example ldap-max-responses=25 ringer-audio-file=bell-2.mp3 \
    alert[1]=internal^7^2^60^bell-2.mp3 map-special-ringer-0=internal";

#[test]
fn the_recipes_pass_without_a_finding() {
    let catalogue = Catalogue::builtin();
    for (name, text) in RECIPES.split_whitespace().map(|setting| setting.split_once('=').unwrap()) {
        let (name, index) = name.split_once('[').map_or((name, None), |(name, index)| (name, index.strip_suffix(']')));
        let id = id(name, index.map(|index| index.parse().unwrap()));
        let value = match text {
            "true" | "false" => Scalar::Bool(text == "true"),
            text => Scalar::Text(text),
        };
        if catalogue.owner(name) != Owner::Action {
            assert_eq!(catalogue.check_item(&id), []);
        }
        assert_eq!(catalogue.check(&id, value), (Some(text.to_owned()), vec![]), "{id}");
    }
}

#[test]
fn unknown_items_are_careful_by_default() {
    let catalogue = Catalogue::builtin();
    assert!(catalogue.get("new-in-V9").is_none());
    assert_eq!((catalogue.effect("new-in-V9"), catalogue.owner("new-in-V9")), (Effect::Lockout, Owner::Admin));
    assert!(catalogue.compares("new-in-V9") && catalogue.same("new-in-V9", None, Some("NULL")));
}

#[test]
fn secrets_are_known_by_type_and_by_name() {
    let catalogue = Catalogue::builtin();
    for name in ["sip-pwd", "ssh-password", "bt-pin", "userdata-ldap", "secure-mode-data", "cloud-pin-value", "new-pwd"]
    {
        assert!(catalogue.is_secret(name) && !catalogue.compares(name), "R-1109: {name}");
    }
    assert!(!catalogue.is_secret("sip-user-id"));
}

#[test]
fn what_cannot_be_read_back_takes_no_part_in_comparisons() {
    let catalogue = Catalogue::builtin();
    for name in [
        "user-pwd",
        "XML-app-name",
        "dls-server-ca",
        "file-name",
        "clear-calllog",
        "restart-type",
        "goto-secure-mode",
        "time",
        "mac-addr",
        "wbm-server-certificate-info",
        "send-solicited",
        "XML-app-new",
        "new-certificate",
    ] {
        assert!(!catalogue.compares(name), "R-1212: {name}");
    }
    for name in ["e164", "dhcp", "ringer-volume", "key-label-unicode", "user-pwd-status", "pwd-digit"] {
        assert!(catalogue.compares(name), "{name}");
    }
}

#[test]
fn defaults_fit_their_own_type() {
    let catalogue = Catalogue::builtin();
    for item in catalogue.iter().filter(|item| item.access == Access::ReadWrite) {
        let Some(default) = catalogue.default_text(&item.name) else { continue };
        let value = match item.kind {
            Kind::Boolean => Scalar::Bool(default == "true"),
            _ => Scalar::Text(default),
        };
        if !default.is_empty() {
            let (wire, findings) = catalogue.check(&id(&item.name, first_index(item)), value);
            assert_eq!((wire.as_deref(), findings), (Some(default), vec![]), "{}", item.name);
        }
    }
    assert_eq!(catalogue.default_text("stimulus-feature-code"), Some(""), "default NULL is no value");
    assert_eq!(catalogue.default_text("file-action"), None, "R-1204");
    assert_eq!(catalogue.default_text("e164"), None);
}

#[test]
fn clearing_goes_by_kind_and_name() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.cleared("e164"), Some("NULL"));
    assert_eq!(catalogue.cleared("realm"), Some(""));
    assert_eq!((catalogue.cleared("dhcp"), catalogue.cleared("server-type")), (None, None));
}

#[test]
fn an_overlay_is_used_whole_or_not_at_all() {
    let builtin = Catalogue::builtin();
    let wider = builtin.with_overlay("name,type,effect,group\nnew-item,enum,service,sip-account\n").unwrap();
    assert_eq!(wider.effect("new-item"), Effect::Service);
    assert_eq!(wider.group(&id("new-item", None)), wider.group(&id("e164", None)));
    assert_eq!(wider.iter().count(), builtin.iter().count() + 1);
    assert_eq!(builtin.effect("new-item"), Effect::Lockout, "the built-in one stays as it is");
    let errors = builtin.with_overlay("name,type\na,boolean\nb,text\nc,words\n").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4]);
    assert!(errors[0].to_string().starts_with("line 3, column \"type\": \"text\" cannot be used: write boolean"));
}

#[test]
fn a_slip_in_a_name_finds_the_item() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.closest("sntp-adr"), Some("sntp-addr"));
    assert_eq!(catalogue.closest("xml-app-name"), Some("XML-app-name"));
    assert_eq!(catalogue.closest("something-else"), None);
}

#[test]
fn firmware_without_entities_refuses_the_three_characters() {
    let catalogue = Catalogue::builtin();
    let old = FirmwareProfile { decodes_entities: false, fragile: true, ..FirmwareProfile::default() };
    let new = FirmwareProfile::default();
    let item = |text: &str| Item::plain(id("display-id-unicode", None), text);
    for text in ["a<b", "a>b", "a&b"] {
        assert!(catalogue.refuses(&old, &item(text)).is_some(), "R-616: {text}");
        assert_eq!(catalogue.refuses(&new, &item(text)), None);
    }
    assert_eq!(catalogue.refuses(&old, &item("it's \"fine\"")), None);
    let secret = crate::wpi::ItemText::Secret(Secret::new("a<b"));
    let secret = Item { id: id("sip-pwd", None), text: secret, status: None };
    assert!(catalogue.refuses(&old, &secret).is_some(), "a garbled password locks the phone out");
    assert_eq!(catalogue.refuses(&new, &secret), None);
}
