//! The rules of Kubernetes for names and labels, so that every document can become a resource.

/// Whether a text can name a resource: RFC 1123 subdomain.
pub(in crate::spec) fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_part)
}

/// What is said of a text that cannot.
pub(in crate::spec) const NAME_RULE: &str =
    "lower-case letters, digits, `-` and `.`, first and last a letter or digit, at most 253 characters";

fn is_label_part(part: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    part.len() <= 63
        && part.bytes().all(|byte| good(byte) || byte == b'-')
        && part.bytes().next().is_some_and(good)
        && part.bytes().last().is_some_and(good)
}

/// Whether a text can be the key of a label: an optional prefix, a slash, and a name.
pub(in crate::spec) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_name(prefix) && !name.is_empty() && is_label_value(name),
        None => !text.is_empty() && is_label_value(text),
    }
}

/// Whether a text can be the value of a label.
pub(in crate::spec) fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

/// What is said of a label that breaks the rules.
pub(in crate::spec) const LABEL_RULE: &str =
    "letters, digits, `-`, `_` and `.`, first and last a letter or digit, at most 63 characters";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_kubernetes() {
        for good in ["reception", "room-12", "a.b", "0", &"a".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Reception", "room_12", "-a", "a-", "a..b", "a b", "ü", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&["a".repeat(60), "b".repeat(60)].join(".").repeat(3)));
    }

    #[test]
    fn labels_follow_the_rules_of_kubernetes() {
        for good in ["ward", "example.org/ward", "A_b.c-d"] {
            assert!(is_label_key(good), "{good}");
        }
        for bad in ["", "/ward", "example.org/", "Ex/ward", "a b", "_a"] {
            assert!(!is_label_key(bad), "{bad}");
        }
        assert!(is_label_value(""));
        assert!(!is_label_value("a/b"));
    }
}
