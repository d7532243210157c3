//! From a draft to the bytes of a request: nonce, cookie, and the faults that spoil the text (R-207, R-503, R-1502).

use bytes::Bytes;
use rand::{RngExt, rngs::StdRng};
use smol_str::SmolStr;

use super::{device::Draft, fault::Fault, faults::Faults};
use crate::wpi::{PhoneMessage, Reason, phone_message::Nonce};

/// A new nonce: 32 upper-case hex digits, or what a fault wants.
pub(super) fn nonce(rng: &mut StdRng, faults: &Faults) -> Option<Nonce> {
    let digits = format!("{:032X}", rng.random::<u128>());
    let text = if faults.has(&Fault::NonceMissing) {
        return None;
    } else if faults.has(&Fault::NonceSame) {
        "5A0C11D2E3F4051627384950A1B2C3D4".to_owned()
    } else if faults.has(&Fault::Nonce23Digits) {
        digits.chars().take(23).collect::<String>().to_lowercase()
    } else if faults.has(&Fault::NonceLowerCase) {
        digits.to_lowercase()
    } else {
        digits
    };
    Some(Nonce(SmolStr::new(text)))
}

/// The body of one request.
pub(super) fn body(draft: &Draft, nonce: Option<&Nonce>, faults: &Faults) -> Bytes {
    let mut reason = draft.reason.clone();
    if let Reason::ReplyTo { action, .. } = &mut reason
        && faults.has(&Fault::WrongAction)
    {
        *action = SmolStr::new_static(if action == "ReadItems" { "WriteItems" } else { "ReadItems" });
    }
    let message = PhoneMessage {
        nonce: nonce.cloned(),
        max_items: None,
        fragment: draft.fragment,
        reason,
        items: draft.items.clone(),
    };
    Bytes::from(spoil(message.encode(), &draft.reason, faults))
}

fn spoil(mut xml: String, reason: &Reason, faults: &Faults) -> String {
    if faults.has(&Fault::OneLongLine) {
        xml = xml.replace('\n', " ");
    } else {
        // most phones write a line per item, and break lines between attributes too
        xml = xml.replace("><", ">\n<").replacen(" xmlns:xsi", "\n  xmlns:xsi", 1);
    }
    for fault in faults.iter() {
        match fault {
            Fault::NoFragmentAttribute => {
                xml = xml.replace(" fragment=\"final\"", "").replace(" fragment=\"next\"", "");
            }
            Fault::ReasonWhiteSpace => {
                let word = reason.as_str();
                xml = xml.replacen(&format!(">{word}<"), &format!(">\r\n\t {word} \n<"), 1);
            }
            Fault::NotWellFormed => {
                let end = xml.rfind("</Message>").unwrap_or(0);
                xml.truncate(end);
            }
            Fault::Dtd => {
                let doctype = "<!DOCTYPE WorkpointMessage [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]>\n";
                let start = xml.find("?>").map_or(0, |end| end + 2);
                xml.insert_str(start, doctype);
            }
            Fault::HugeBody => {
                let end = xml.rfind("</Message>").unwrap_or(xml.len());
                xml.insert_str(end, &" ".repeat(2_000_000));
            }
            _ => {}
        }
    }
    xml
}

/// The `Cookie` header for a message: what the server set, verbatim with its attributes, unless a fault says otherwise.
/// `older` is the cookie of an earlier flow.
pub(super) fn cookie(current: Option<&str>, older: Option<&str>, faults: &Faults) -> Option<String> {
    for fault in faults.iter() {
        match fault {
            Fault::CookieNone => return None,
            Fault::CookieForeign => return Some("PHPSESSID=q3k2v9m1; path=/; HttpOnly".to_owned()),
            Fault::CookieStale => {
                let made_up = "JSESSIONID=00000000000000000000000000000000; Path=/DeploymentService; Secure";
                return Some(older.unwrap_or(made_up).to_owned());
            }
            Fault::CookieAttributeCase => {
                let (pair, attributes) = current?.split_once(';')?;
                let swapped: String = attributes
                    .chars()
                    .map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
                    .collect();
                return Some(format!("{pair};{swapped}"));
            }
            _ => {}
        }
    }
    current.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn made(faults: Vec<Fault>) -> Option<String> {
        nonce(&mut StdRng::seed_from_u64(7), &Faults::new(faults)).map(|nonce| nonce.0.to_string())
    }

    #[test]
    fn a_nonce_has_32_upper_case_hex_digits_and_is_never_the_same() {
        let mut rng = StdRng::seed_from_u64(7);
        let none = Faults::default();
        let (first, second) = (nonce(&mut rng, &none).unwrap(), nonce(&mut rng, &none).unwrap());
        assert_ne!(first, second);
        assert_eq!(first.0.len(), 32);
        assert!(first.0.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
    }

    #[test]
    fn faults_bend_the_nonce() {
        assert_eq!(made(vec![Fault::NonceMissing]), None);
        assert_eq!(made(vec![Fault::Nonce23Digits]).map(|nonce| nonce.len()), Some(23));
        let lower = made(vec![Fault::NonceLowerCase]).unwrap();
        assert_eq!(Some(lower.to_uppercase()), made(vec![]));
    }

    #[test]
    fn a_cookie_comes_back_verbatim_or_as_a_fault_wants_it() {
        let set = "JSESSIONID=AB12; Path=/DeploymentService; Secure";
        let with = |faults| cookie(Some(set), Some("JSESSIONID=OLD"), &Faults::new(faults));
        assert_eq!(with(vec![]).as_deref(), Some(set));
        assert_eq!(with(vec![Fault::CookieNone]), None);
        assert_eq!(with(vec![Fault::CookieStale]).as_deref(), Some("JSESSIONID=OLD"));
        let swapped = with(vec![Fault::CookieAttributeCase]).unwrap();
        assert_eq!(swapped, "JSESSIONID=AB12; pATH=/dEPLOYMENTsERVICE; sECURE");
    }
}
