//! Files and firmware as far as a simulated phone goes: it fetches nothing and reports what a phone reports (R-718 to
//!

use smol_str::SmolStr;

use super::{fault::Fault, faults::Faults};
use crate::wpi::{Index, Item, ItemId, ItemName, ServerMessage};

/// Most files of one deployment.
const FILES: usize = 50;

/// How one file went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileReport {
    index: Option<Index>,
    name: SmolStr,
    kind: SmolStr,
    status: SmolStr,
}

/// One file that another server had the phone fetch; none when a fault keeps it from being reported.
pub(super) fn file(name: &str, kind: &str, faults: &Faults) -> Vec<FileReport> {
    if faults.has(&Fault::StatusMissing) {
        return Vec::new();
    }
    vec![FileReport { index: None, name: SmolStr::new(name), kind: SmolStr::new(kind), status: status_word(faults) }]
}

fn status_word(faults: &Faults) -> SmolStr {
    let word = faults.find(|fault| if let Fault::StatusWord(word) = fault { Some(word.clone()) } else { None });
    word.unwrap_or(SmolStr::new_static("ok"))
}

/// The files that a deployment names; empty when a fault keeps the phone from reporting them.
pub(super) fn files(message: &ServerMessage, faults: &Faults) -> Vec<FileReport> {
    if faults.has(&Fault::StatusMissing) {
        return Vec::new();
    }
    let status = status_word(faults);
    let text = |name: &str, index| {
        let found = message.items.iter().find(|item| item.id.name.as_str() == name && item.id.index == index);
        found.and_then(|item| item.text.as_plain()).map(SmolStr::new).unwrap_or_default()
    };
    let named = message.items.iter().filter(|item| item.id.name.as_str() == "file-type").take(FILES);
    named
        .map(|item| {
            let index = item.id.index;
            let mut name = text("file-name", index);
            if name.is_empty() {
                let url = text("file-https-base-url", index);
                name = SmolStr::new(url.rsplit('/').next().unwrap_or_default());
            }
            FileReport { index, name, kind: text("file-type", index), status: status.clone() }
        })
        .collect()
}

/// The items of `status`.
pub(super) fn status_items(files: &[FileReport]) -> impl Iterator<Item = Item> {
    files.iter().flat_map(|file| {
        let values = [
            ("file-deployment-date", SmolStr::new_static("01:01:2024")),
            ("file-deployment-time", SmolStr::new_static("12:00:00")),
            ("file-deployment-name", file.name.clone()),
            ("file-deployment-type", file.kind.clone()),
            ("file-deployment-status", file.status.clone()),
        ];
        values.into_iter().filter_map(|(name, text)| {
            let name = ItemName::new(name).ok()?;
            Some(Item::plain(ItemId::new(name, file.index), text))
        })
    })
}

/// `3.5.12.0` as a phone says it: `V3 R5.12.0`.
pub(super) fn spoken_version(dotted: &str) -> Option<SmolStr> {
    let numbers: Vec<&str> = dotted.trim().split('.').collect();
    let good = numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    match numbers.as_slice() {
        [version, release, rest @ ..] if good && rest.len() <= 2 => {
            let mut text = format!("V{version} R{release}");
            for number in rest {
                text.push('.');
                text.push_str(number);
            }
            Some(SmolStr::new(text))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_version_is_spoken_as_phones_do() {
        assert_eq!(spoken_version("3.5.12.0").as_deref(), Some("V3 R5.12.0"));
        assert_eq!(spoken_version("newest"), None);
    }
}
