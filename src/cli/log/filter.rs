//! What is logged: a level, or levels by module.

use tracing_subscriber::EnvFilter;

use crate::spec::suggest::nearest;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

const BY_MODULE: &str = "One module is logged by NAME=LEVEL, such as phoneops::source=debug";

/// Checks a filter such as `info,phoneops::source=debug`. A single word that is no level counts as a slip: read as the
/// name of a module it would silence everything else.
pub(super) fn read(text: &str) -> Result<String, String> {
    for part in parts(text) {
        let (module, level) = part.rsplit_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        let is_level = LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) || level.parse::<u8>().is_ok();
        if !is_level && !level.ends_with(']') {
            let hint = match nearest(level, LEVELS, 1).first() {
                Some(near) => format!("did you mean {near}?"),
                None => format!("the levels are {}.", LEVELS.join(", ")),
            };
            return Err(format!("{level:?} is no level; {hint} {BY_MODULE}"));
        }
        let root = module.and_then(|module| module.split("::").next()).unwrap_or_default();
        if root != env!("CARGO_PKG_NAME") && !nearest(root, [env!("CARGO_PKG_NAME")], 1).is_empty() {
            return Err(format!("there is no module {root}; did you mean {}?", env!("CARGO_PKG_NAME")));
        }
    }
    let filter = parts(text).collect::<Vec<_>>().join(",");
    if filter.is_empty() {
        return Err(format!("it says nothing; the levels are {}", LEVELS.join(", ")));
    }
    EnvFilter::try_new(&filter).map_err(|error| format!("it is no filter of log lines: {error}"))?;
    Ok(filter)
}

/// Cut at commas that are in no brackets.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    let parts = text.split(move |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_modules_are_read() {
        for good in [
            "info",
            "WARN",
            "off",
            "debug",
            "3",
            "info,phoneops::source=debug",
            "warn, phoneops=trace",
            "hyper=off,info",
        ] {
            assert_eq!(read(good), Ok(good.replace(' ', "")));
        }
    }

    #[test]
    fn a_slip_is_refused_with_what_is_meant() {
        for (wrong, told) in [
            ("inof", "\"inof\" is no level; did you mean info?"),
            ("info,phoneops::source=debgu", "did you mean debug?"),
            ("verbose", "the levels are error, warn, info, debug, trace, off. One module"),
            ("info,phoneops::source", "NAME=LEVEL, such as phoneops::source=debug"),
            ("info,phonops::source=debug", "there is no module phonops; did you mean phoneops?"),
            ("phoneops[{x=debug", "it is no filter"),
            (" ,", "it says nothing"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
