//! The `ItemList` that both messages share: read and written.

use quick_xml::events::BytesStart;
use smol_str::SmolStr;

use super::{
    item::{Index, Item, ItemId, ItemName, ItemStatus, ItemText},
    secret::Secret,
    xml::{
        error::Fault,
        pull::{PlainItem, Pull, local},
        text::{cut, trim},
        write::{Place, escaped_len, push_escaped},
    },
};

/// Bytes that an item of a real reply takes at least; sizes the list ahead.
const ITEM_BYTES: usize = 40;

/// Most characters of a status word that are kept; it stays in records for as long as the item is refused.
const STATUS_LIMIT: usize = 128;

/// What an item list amounts to while it is read.
#[derive(Debug, Default)]
pub(super) struct ItemList {
    pub(super) items: Vec<Item>,
    /// Elements without a usable name, or with an index that is no number: no item can be told from them, and the
    /// message stands all the same.
    pub(super) left_out: usize,
}

impl ItemList {
    /// A list for the items of a body of that many bytes.
    pub(super) fn for_body(bytes: usize) -> Self {
        Self { items: Vec::with_capacity((bytes / ITEM_BYTES).min(1_024)), left_out: 0 }
    }

    /// Reads the elements of the present `ItemList`. `exact` refuses all that is not an item.
    pub(super) fn read(&mut self, pull: &mut Pull<'_>, exact: bool) -> Result<(), Fault> {
        loop {
            if let Some(PlainItem { name, index, text }) = pull.plain_item() {
                self.room(pull)?;
                self.take(ItemName::new(name).ok(), read_index(index), None, text);
                continue;
            }
            let Some(child) = pull.child()? else { return Ok(()) };
            if child.local_name().into_inner() == "Item" {
                self.read_item(pull, &child)?;
            } else if exact {
                return Err(Fault::NotExact("an element in ItemList that is no Item"));
            } else {
                pull.skip(&child)?;
            }
        }
    }

    fn read_item(&mut self, pull: &mut Pull<'_>, start: &BytesStart<'_>) -> Result<(), Fault> {
        self.room(pull)?;
        let (mut name, mut index, mut status) = (None, Ok(None), None);
        pull.attributes(start, |attribute, text| match local(attribute) {
            "name" => name = ItemName::new(trim(text)).ok(),
            "index" => index = read_index(trim(text)),
            "status" => status = read_status(trim(text)),
            _ => {}
        })?;
        let text = pull.text()?;
        self.take(name, index, status, &text);
        Ok(())
    }

    fn room(&self, pull: &Pull<'_>) -> Result<(), Fault> {
        if self.items.len() + self.left_out < pull.limits().items { Ok(()) } else { Err(Fault::TooManyItems) }
    }

    fn take(
        &mut self,
        name: Option<ItemName>,
        index: Result<Option<Index>, NoNumber>,
        status: Option<ItemStatus>,
        text: &str,
    ) {
        if let (Some(name), Ok(index)) = (name, index) {
            let text = if name.sounds_secret() {
                ItemText::Secret(Secret::new(text))
            } else {
                ItemText::Plain(SmolStr::new(text))
            };
            self.items.push(Item { id: ItemId { name, index }, text, status });
        } else {
            self.left_out += 1;
        }
    }
}

struct NoNumber;

fn read_index(text: &str) -> Result<Option<Index>, NoNumber> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(|index| Some(Index(index))).map_err(|_| NoNumber)
}

fn read_status(text: &str) -> Option<ItemStatus> {
    if text.is_empty() {
        None
    } else if text.contains(['\t', '\r', '\n']) {
        let word = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        Some(ItemStatus::from_wire(cut(&word, STATUS_LIMIT)))
    } else {
        Some(ItemStatus::from_wire(cut(text, STATUS_LIMIT)))
    }
}

const OPEN: &str = "<ItemList>";
const CLOSE: &str = "</ItemList>";

/// Bytes of an `ItemList` element around its items.
pub(super) const LIST_LEN: usize = OPEN.len() + CLOSE.len();

/// Appends the list.
pub(super) fn push_list(out: &mut String, items: &[Item]) {
    out.push_str(OPEN);
    for item in items {
        write_item(item, |piece| match piece {
            Piece::Markup(text) => out.push_str(text),
            Piece::Foreign(text, place) => push_escaped(out, text, place),
        });
    }
    out.push_str(CLOSE);
}

/// Bytes that one item takes in [`push_list`].
pub(super) fn item_len(item: &Item) -> usize {
    let mut len = 0;
    write_item(item, |piece| {
        len += match piece {
            Piece::Markup(text) => text.len(),
            Piece::Foreign(text, place) => escaped_len(text, place),
        }
    });
    len
}

/// At least as many bytes as one item takes in [`push_list`].
pub(super) fn item_bound(item: &Item) -> usize {
    let text = match &item.text {
        ItemText::Plain(text) => text.len(),
        ItemText::Secret(secret) => secret.len(),
    };
    let status = item.status.as_ref().map_or(0, |status| status.as_str().len());
    MARKUP_LEN + ESCAPED * (item.id.name.as_str().len() + status + text)
}

/// Room for one item in [`push_list`]: enough for a secret in any case, so that no piece of one stays behind where the text
/// has grown, and for most others.
pub(super) fn item_room(item: &Item) -> usize {
    match &item.text {
        ItemText::Plain(text) => MARKUP_LEN + item.id.name.as_str().len() + text.len(),
        ItemText::Secret(_) => item_bound(item),
    }
}

/// Most bytes of the markup of one item, and of one byte that is escaped.
const MARKUP_LEN: usize = "<Item name=\"\" index=\"4294967295\" status=\"\"></Item>".len();
const ESCAPED: usize = "&quot;".len();

enum Piece<'a> {
    Markup(&'a str),
    Foreign(&'a str, Place),
}

fn write_item(item: &Item, mut put: impl FnMut(Piece<'_>)) {
    put(Piece::Markup("<Item name=\""));
    put(Piece::Foreign(item.id.name.as_str(), Place::Attribute));
    if let Some(index) = item.id.index {
        put(Piece::Markup("\" index=\""));
        digits(index.0, |text| put(Piece::Markup(text)));
    }
    if let Some(status) = &item.status {
        put(Piece::Markup("\" status=\""));
        put(Piece::Foreign(status.as_str(), Place::Attribute));
    }
    put(Piece::Markup("\">"));
    put(Piece::Foreign(
        match &item.text {
            ItemText::Plain(text) => text,
            ItemText::Secret(secret) => secret.expose(),
        },
        Place::Text,
    ));
    put(Piece::Markup("</Item>"));
}

/// Gives the decimal digits of a number.
fn digits(mut number: u32, put: impl FnOnce(&str)) {
    let mut text = *b"0000000000";
    let mut left = text.len();
    for digit in text.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        left -= 1;
        if number == 0 {
            break;
        }
    }
    put(text.get(left..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default());
}
