//! Comparison by meaning (R-1201 to R-1208): two texts are the same when they have the same [`Meaning`], so the
//! relation is reflexive, symmetric and transitive by construction.

use std::{borrow::Cow, net::IpAddr};

use super::{
    item_type::Kind,
    rules::{self, NULL},
    syntax::{Decimal, mac_digits},
};

/// What a text of one item says, apart from how it is written.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// Absent, empty and `NULL` (R-1203).
    Nothing,
    Truth(bool),
    Number(Decimal<'a>),
    Address(IpAddr),
    Text(Cow<'a, str>),
}

/// Whether two texts of the item mean the same; outer white space never counts.
pub(super) fn same(name: &str, kind: Kind, a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default().trim(), b.unwrap_or_default().trim());
    a == b || meaning(name, kind, a) == meaning(name, kind, b)
}

fn meaning<'a>(name: &str, kind: Kind, text: &'a str) -> Meaning<'a> {
    if text.is_empty() || text == NULL {
        return Meaning::Nothing;
    }
    let verbatim = || Meaning::Text(Cow::Borrowed(text));
    match kind {
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Meaning::Truth(true),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Meaning::Truth(false),
        Kind::Integer | Kind::Enum => Decimal::parse(text).map_or_else(verbatim, Meaning::Number),
        Kind::Mac => mac_digits(text).map_or_else(verbatim, |digits| Meaning::Text(digits.into())),
        Kind::Hostname => {
            text.parse().map_or_else(|_| Meaning::Text(text.to_ascii_lowercase().into()), Meaning::Address)
        }
        Kind::String if rules::is_comma_list(name) => Meaning::Text(without_blanks(text).into()),
        Kind::String if rules::is_packed(name) => match text.trim_end_matches('^') {
            "" => Meaning::Nothing,
            fields => Meaning::Text(fields.into()),
        },
        _ => verbatim(),
    }
}

/// A comma list as it stands on the wire: no blanks around its entries.
pub(super) fn without_blanks(list: &str) -> String {
    list.split(',').map(str::trim).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn equal(kind: Kind, a: &str, b: &str) -> bool {
        same("x", kind, Some(a), Some(b))
    }

    #[test]
    fn booleans_are_compared_without_case_and_are_only_true_or_false() {
        assert!(equal(Kind::Boolean, "TRUE", "true"));
        assert!(!equal(Kind::Boolean, "true", "false"));
        assert!(!equal(Kind::Boolean, "1", "true"), "R-1201: never 0 or 1");
    }

    #[test]
    fn numbers_are_compared_by_value_and_words_exactly() {
        assert!(equal(Kind::Integer, "05", "5") && equal(Kind::Enum, "02", "2"));
        assert!(!equal(Kind::Enum, "Update", "update"));
        assert!(!equal(Kind::String, "05", "5"), "the digits of a text count");
    }

    #[test]
    fn hosts_and_macs_are_compared_without_case() {
        assert!(equal(Kind::Hostname, "PBX.example", "pbx.Example"));
        assert!(equal(Kind::Hostname, "2001:DB8:0::1", "2001:db8::1"));
        assert!(equal(Kind::Mac, "00:1A:E8:11:22:33", "001ae8112233"));
        assert!(!equal(Kind::String, "Room", "room"));
    }

    #[test]
    fn empty_absent_and_null_are_equal_for_every_kind() {
        for kind in Kind::ALL {
            for (a, b) in [(None, Some("")), (None, Some("NULL")), (Some(" "), Some("NULL")), (None, None)] {
                assert!(same("x", *kind, a, b), "R-1203: {kind:?} {a:?} {b:?}");
            }
            assert!(!same("x", *kind, None, Some("0")), "{kind:?}");
        }
    }

    #[test]
    fn comma_lists_and_packed_texts_have_their_own_meaning() {
        let numbers = "Canonical-dialing-emergency-number";
        assert!(same(numbers, Kind::String, Some("112, 110"), Some("112,110")));
        assert!(!same(numbers, Kind::String, Some("112,110"), Some("110,112")));
        assert!(same("alert", Kind::String, Some("a^1^2^60"), Some("a^1^2^60^")), "R-1208: the file is from V3R3");
        assert!(same("alert", Kind::String, Some("^^^^"), None), "R-1208: unset");
        assert!(!same("alert", Kind::String, Some("a^1^2^60"), Some("a^1^2^61")));
    }

    fn texts() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(prop_oneof![
            prop::sample::select(
                [
                    "true",
                    "TRUE",
                    "false",
                    "0",
                    "00",
                    "-0",
                    "5",
                    "05",
                    "NULL",
                    "",
                    " ",
                    "::1",
                    "0:0::1",
                    "a",
                    "A",
                    "^",
                    "x^",
                    "1,2",
                    "1, 2",
                    "00:1a:e8:11:22:33",
                    "001AE8112233",
                ]
                .map(str::to_owned)
                .to_vec()
            ),
            "[ a-cA-C0-9:.^,-]{0,6}",
        ])
    }

    proptest! {
        #[test]
        fn sameness_is_an_equivalence(a in texts(), b in texts(), c in texts(), kind in prop::sample::select(Kind::ALL)) {
            for name in ["x", "alert", "Canonical-dialing-operator-code"] {
                let same = |a: &Option<String>, b: &Option<String>| same(name, kind, a.as_deref(), b.as_deref());
                prop_assert!(same(&a, &a));
                prop_assert_eq!(same(&a, &b), same(&b, &a));
                prop_assert!(!(same(&a, &b) && same(&b, &c)) || same(&a, &c));
            }
        }
    }
}
