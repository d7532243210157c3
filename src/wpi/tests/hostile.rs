//! Bodies that no honest phone sends: each has a clear answer, none is expensive, none panics (R-1107).

use proptest::prelude::*;

use crate::wpi::{
    ItemStatus, PhoneMessage, Reason, ReplyStatus, ServerMessage,
    xml::{DecodeError, Limits},
};

fn error(body: &str) -> DecodeError {
    PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap_err()
}

fn message(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><WorkpointMessage><Message nonce=\"N\"><ReasonForContact>status</ReasonForContact>\
         {inside}</Message></WorkpointMessage>"
    )
}

#[test]
fn a_document_type_definition_is_refused_whatever_it_holds() {
    let plain = message("");
    for dtd in [
        "<!DOCTYPE WorkpointMessage>",
        "<!doctype x>",
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE x [<!ENTITY a \"b\">]>",
        "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]>",
    ] {
        assert_eq!(error(&plain.replace("<Work", &format!("{dtd}<Work"))), DecodeError::Dtd, "{dtd}");
    }
}

#[test]
fn an_unknown_entity_is_refused_wherever_it_stands_and_not_repeated() {
    for body in [
        message("<ItemList><Item name='a'>&hunter2;</Item></ItemList>"),
        message("<ItemList><Item name='a&hunter2;'/></ItemList>"),
        message("<Other>&hunter2;</Other>"),
        message("<Other x='&hunter2;'/>"),
        message("").replace("\"N\"", "\"&hunter2;\""),
    ] {
        let error = error(&body);
        assert_eq!(error.category(), "entity", "{body}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn each_bound_has_an_error_of_its_own() {
    let limits = Limits::default();
    let items = message(&format!("<ItemList>{}</ItemList>", "<Item name='a'/>".repeat(10_000)));
    assert_eq!(error(&items), DecodeError::TooManyItems { limit: limits.items });
    let nameless = message(&format!("<ItemList>{}</ItemList>", "<Item/>".repeat(10_000)));
    assert_eq!(error(&nameless), DecodeError::TooManyItems { limit: limits.items });
    let deep = message(&"<a>".repeat(100_000));
    assert_eq!(error(&deep), DecodeError::TooDeep { limit: limits.depth });
    let attributes = (0..17).map(|n| format!(" a{n}='x'")).collect::<Vec<_>>().concat();
    assert_eq!(error(&message(&format!("<a{attributes}/>"))), DecodeError::TooManyAttributes { limit: 16 });
    assert_eq!(
        error(&message(&format!("<ItemList><Item{attributes}/></ItemList>"))),
        DecodeError::TooManyAttributes { limit: 16 }
    );
    let large = message(&"x".repeat(2_000_000));
    assert_eq!(error(&large), DecodeError::TooLarge { bytes: large.len(), limit: limits.body });
}

#[test]
fn exactly_as_much_as_is_allowed_is_read() {
    let limits = Limits { body: 100_000, depth: 4, attributes: 2, items: 3 };
    let decode = |body: &str| PhoneMessage::decode(body.as_bytes(), &limits).map_err(|error| error.category());
    let list = |items: usize| message(&format!("<ItemList>{}</ItemList>", "<Item name='a' index='1'/>".repeat(items)));
    assert_eq!(decode(&list(3)).unwrap().items.len(), 3);
    assert_eq!(decode(&list(4)), Err("too-many-items"));
    assert!(decode(&message("<a><b/></a>")).is_ok());
    assert_eq!(decode(&message("<a><b><c/></b></a>")), Err("too-deep"));
    assert_eq!(decode(&message("<a x='' y='' z=''/>")), Err("too-many-attributes"));
    let body = message("");
    let exact = Limits { body: body.len(), ..limits.clone() };
    assert!(PhoneMessage::decode(body.as_bytes(), &exact).is_ok());
}

#[test]
fn what_is_not_well_formed_says_so_without_repeating_it() {
    for inside in [
        "<ItemList><Item name='sip-pwd'>a</hunter2></ItemList>",
        "<ItemList><Item name='sip-pwd'>a&hunter2</Item></ItemList>",
        "<ItemList><Item name='sip-pwd'><hunter2</Item></ItemList>",
        "<ItemList><Item name='a' name='hunter2'/></ItemList>",
        "<ItemList><Item name=hunter2/></ItemList>",
        "<ItemList><Item hunter2/></ItemList>",
        "<ItemList><Item name='hunter2/></ItemList>",
        "<ItemList><Item name='a<b'/></ItemList>",
        "<a>&#xFFFFFF;</a>",
        "<a>&#;</a>",
        "<?xml version='1.0'?>",
        "<![CDATA[",
        "<!-- ",
    ] {
        let error = error(&message(inside));
        assert_eq!(error.category(), "not-well-formed", "{inside}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!error.is_answerable());
    }
}

#[test]
fn nothing_may_follow_the_message() {
    let body = message("");
    for tail in ["x", "<a/>", &body.replace("<?xml version=\"1.0\"?>", ""), "&amp;", "<![CDATA[x]]>"] {
        assert_eq!(error(&format!("{body}{tail}")).category(), "trailing-content", "{tail}");
    }
    assert_eq!(error(&format!("{body}</a>")).category(), "not-well-formed");
    assert!(PhoneMessage::decode(format!("{body}\r\n<!-- bye --> ").as_bytes(), &Limits::default()).is_ok());
}

#[test]
fn only_utf_8_is_read_whatever_the_declaration_says() {
    let latin =
        message("<ItemList><Item name='a'>Buero</Item></ItemList>").replace("1.0\"", "1.0\" encoding=\"ISO-8859-1\"");
    assert!(PhoneMessage::decode(latin.as_bytes(), &Limits::default()).is_ok());
    let mut bytes = latin.clone().into_bytes();
    let at = latin.find("Buero").unwrap() + 1;
    bytes[at] = 0xFC;
    assert_eq!(PhoneMessage::decode(&bytes, &Limits::default()), Err(DecodeError::NotUtf8 { at }));
    let wide: Vec<u8> = latin.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(PhoneMessage::decode(&wide, &Limits::default()).unwrap_err().category(), "not-utf8");
}

#[test]
fn a_body_of_one_long_line_is_like_any_other() {
    // R-213, F-23
    let items = (0..450)
        .map(|n| format!("<Item name=\"key-label-unicode\" index=\"{n}\">Line {n}</Item>"))
        .collect::<Vec<_>>()
        .concat();
    let body = message(&format!("<ItemList>{items}</ItemList>"));
    assert!(body.len() > 25_000 && !body.contains('\n'));
    let read = PhoneMessage::decode(body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((read.reason, read.items.len()), (Reason::Status, 450));
}

#[test]
fn a_message_that_is_cut_off_anywhere_is_an_error_and_never_a_panic() {
    let body = message(
        "<ItemList><Item name=\"a\" index=\"1\">x&amp;y<![CDATA[ä]]></Item><!-- c --><Item name='b'/></ItemList>",
    );
    for end in 0..body.len() {
        let cut = &body.as_bytes()[..end];
        assert!(PhoneMessage::decode(cut, &Limits::default()).is_err(), "{end}");
    }
    assert!(PhoneMessage::decode(body.as_bytes(), &Limits::default()).is_ok());
}

proptest! {
    #[test]
    fn a_message_with_bytes_changed_never_panics(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut body = message("<ItemList><Item name=\"a\" index=\"1\">x&amp;y</Item><Item name='b'/></ItemList>").into_bytes();
        for (at, byte) in changes {
            let at = at % body.len();
            body[at] = byte;
        }
        let _ = PhoneMessage::decode(&body, &Limits::default());
        let _ = ServerMessage::decode(&body, &Limits::default(), true);
    }

    #[test]
    fn no_soup_of_markup_panics(soup in proptest::collection::vec(proptest::sample::select(vec![
        "<", ">", "/>", "</", "<?xml", "?>", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE", "[", "]", "&", ";", "&#", "amp",
        "\"", "'", "=", " ", "x", "a:", "ä", "\0", "\u{FEFF}", "<WorkpointMessage>", "</WorkpointMessage>", "<DLSMessage>",
        "<Message nonce='", "<ItemList>", "<Item name='a'", "<Signature>", "<Object>",
    ]), 0..24)) {
        let body = soup.concat();
        let _ = PhoneMessage::decode(body.as_bytes(), &Limits::default());
        let _ = ServerMessage::decode(body.as_bytes(), &Limits::default(), true);
        let _ = ServerMessage::decode(body.as_bytes(), &Limits::default(), false);
    }
}

#[test]
fn words_of_a_phone_are_kept_up_to_a_bound_and_a_nonce_beyond_one_is_not_answered() {
    let body = |nonce: usize, action: &str, reason: &str, status: &str| {
        format!(
            "<WorkpointMessage><Message nonce=\"{}\"><ReasonForContact action=\"{action}\">{reason}</ReasonForContact>\
             <ItemList><Item name=\"e164\" status=\"{status}\"/></ItemList></Message></WorkpointMessage>",
            "n".repeat(nonce)
        )
    };
    let decode = |body: &str| PhoneMessage::decode(body.as_bytes(), &Limits::default());
    let long = "ä".repeat(10_000);
    let message = decode(&body(1_024, &long, "reply-to", &long)).unwrap();
    assert_eq!(message.nonce.unwrap().0.len(), 1_024);
    assert_eq!(message.reason, Reason::ReplyTo { action: "ä".repeat(64).into(), status: ReplyStatus::Failed });
    assert_eq!(message.items[0].status, Some(ItemStatus::Other("ä".repeat(128).into())));
    assert_eq!(decode(&body(1, "", &long, "")).unwrap().reason, Reason::Unknown("ä".repeat(64).into()));
    let error = decode(&body(1_025, "", "start-up", "")).unwrap_err();
    assert_eq!((error.category(), error.is_answerable(), error.nonce()), ("nonce-too-long", false, None));
}
