//! Whether there is what a question names: in the fleet, or in what is kept of times before.

use std::sync::Arc;

use super::shared::Shared;
use crate::{
    fleet::{
        history::HistoryQuery,
        named::{Named, NoSuch},
    },
    store::Store,
};

/// Most revisions that are looked through for the beginning of a name.
const REVISIONS: usize = 10_000;

/// Says so when there is nothing of that name, with those that come near.
pub(super) fn no_such(shared: &Arc<Shared>, store: &Store, asked: &Named) -> Option<NoSuch> {
    let mut names = shared.with_fleet(|fleet, _| fleet.names_beside(asked))?;
    let query = match asked {
        Named::Phone(name) => HistoryQuery { phone: Some(name.clone()), ..HistoryQuery::default() },
        Named::Item(item) => HistoryQuery { item: Some(item.clone()), ..HistoryQuery::default() },
        Named::Revision(name) => HistoryQuery { revision: Some(name.clone()), ..HistoryQuery::default() },
        Named::Site(_) | Named::Model(_) => return Some(NoSuch::beside(asked, names.iter().map(AsRef::as_ref))),
    };
    if store.history(&HistoryQuery { limit: Some(1), ..query }).is_ok_and(|page| !page.changes.is_empty()) {
        return None;
    }
    if let Named::Revision(name) = asked {
        let noted = store.commits(None, REVISIONS).unwrap_or_default();
        if noted.iter().any(|commit| commit.revision.starts_with(name.as_str())) {
            return None;
        }
        names.extend(noted.into_iter().map(|commit| commit.revision.into()));
    }
    Some(NoSuch::beside(asked, names.iter().map(AsRef::as_ref)))
}
