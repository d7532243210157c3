//! Where a secret may stand in a line of a file that is not YAML. There is no tree to ask, so what stands behind the
//! name of a secret, or indented below it, is taken for one.

/// From which byte of the line on it must not be shown. `start` and `end` are the line's bytes in `text`.
pub(super) fn hidden_from(text: &str, start: usize, end: usize, is_secret: &dyn Fn(&str) -> bool) -> Option<usize> {
    let line = text.get(start..end)?;
    if is_below_a_secret(text.get(..start)?, line, is_secret) {
        return Some(start + indent(line));
    }
    behind_a_secret(line, is_secret).map(|at| start + at)
}

/// Whether a line above it, with less indentation and nothing between that has as little, names a secret.
fn is_below_a_secret(above: &str, line: &str, is_secret: &dyn Fn(&str) -> bool) -> bool {
    let is_entry = line.trim_start().starts_with('-');
    let mut depth = indent(line) + usize::from(is_entry);
    for upper in above.lines().rev() {
        if depth == 0 {
            return false;
        }
        let content = upper.trim_start();
        if content.is_empty() || content.starts_with('#') || indent(upper) >= depth {
            continue;
        }
        if behind_a_secret(upper, is_secret).is_some() {
            return true;
        }
        depth = indent(upper);
    }
    false
}

/// The byte of the line at which the value of the first secret starts.
fn behind_a_secret(line: &str, is_secret: &dyn Fn(&str) -> bool) -> Option<usize> {
    line.match_indices(':').find_map(|(colon, _)| {
        let before = line.get(..colon)?.trim_end().trim_end_matches(['"', '\'']);
        let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).next()?;
        let value = line.get(colon + 1..)?;
        let blanks = value.len() - value.trim_start().len();
        (!name.is_empty() && is_secret(name)).then_some(colon + 1 + blanks)
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden<'t>(text: &'t str, line: &str) -> Option<&'t str> {
        let start = text.find(line).unwrap();
        let end = start + text[start..].find('\n').unwrap_or(text.len() - start);
        hidden_from(text, start, end, &|name| name.ends_with("pwd")).map(|from| &text[from..end])
    }

    #[test]
    fn what_stands_behind_the_name_of_a_secret_is_hidden() {
        assert_eq!(hidden("  sip-pwd: @x", "  sip-pwd"), Some("@x"));
        assert_eq!(hidden("  {realm: a, \"sip-pwd\": x, b: c}", "  {"), Some("x, b: c}"));
        assert_eq!(hidden("  realm: a", "  realm"), None);
    }

    #[test]
    fn what_stands_below_the_name_of_a_secret_is_hidden() {
        let text = "items:\n  sip-pwd: \"a\n\n    # b\n    hunter2\" x\n  line-pwd:\n    4:\n      c\n  list-pwd:\n  - d\n  realm: e\n";
        assert_eq!(hidden(text, "    hunter2"), Some("hunter2\" x"));
        assert_eq!(hidden(text, "      c"), Some("c"));
        assert_eq!(hidden(text, "  - d"), Some("- d"));
        assert_eq!(hidden(text, "  realm"), None);
    }
}
