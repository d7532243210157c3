//! Checks whether an item may stand in a document at all, apart from its value: access, owner and index.

use super::{
    finding::{Finding, Findings, Severity, code},
    index_set::IndexSet,
    item_type::{Access, ItemType, Owner},
    rules,
};
use crate::wpi::ItemId;

/// The findings on an item that the catalogue knows.
pub(super) fn check_item(id: &ItemId, item: &ItemType) -> Vec<Finding> {
    let mut findings = Findings::on(id);
    if item.owner == Owner::Action {
        findings.error(code::ACTION, "makes the phone do something and is no setting; take it out of the document");
    } else if item.owner == Owner::Report || item.access == Access::ReadOnly {
        findings.error(code::READ_ONLY, "is reported by the phone and cannot be written; take it out of the document");
    }
    if !item.index_allowed(id.index) {
        let severity = if rules::doubtful_index(&item.name) { Severity::Warning } else { item.constraint_severity() };
        let what = match (&item.index, id.index) {
            (IndexSet::None, _) => "takes no index".to_owned(),
            (known, None) => format!("needs an index; known: {known}"),
            (known, Some(index)) => format!("has no index {index}; known: {known}"),
        };
        findings.add(severity, code::INDEX, what);
    }
    findings.into_vec()
}

#[cfg(test)]
mod tests {
    use super::super::{Catalogue, Severity};
    use crate::wpi::{Index, ItemId, ItemName};

    fn found(name: &str, index: Option<u32>) -> Vec<(Severity, &'static str)> {
        let id = ItemId::new(ItemName::new(name).unwrap(), index.map(Index));
        Catalogue::builtin().check_item(&id).into_iter().map(|finding| (finding.severity, finding.code)).collect()
    }

    #[test]
    fn settings_at_a_known_index_pass() {
        assert_eq!(found("e164", None), []);
        assert_eq!(found("key-label-unicode", Some(301)), []);
        assert_eq!(found("dls-server-ca", Some(0)), [], "R-1205: from 0");
        assert_eq!(found("XML-app-name", Some(77)), [], "the range is not known");
    }

    #[test]
    fn what_the_phone_reports_or_does_is_no_setting() {
        assert_eq!(found("mac-addr", None), [(Severity::Error, "read-only")]);
        assert_eq!(found("clear-calllog", None), [(Severity::Error, "action-item")]);
        assert_eq!(found("goto-secure-mode", None), [(Severity::Error, "action-item")]);
    }

    #[test]
    fn a_documented_index_is_strict_and_a_seen_one_warns() {
        assert_eq!(found("function-key-def", Some(77)), [(Severity::Error, "bad-index")]);
        assert_eq!(found("function-key-def", None), [(Severity::Error, "bad-index")]);
        assert_eq!(found("e164", Some(0)), [(Severity::Error, "bad-index")], "index 0 is not no index");
        assert_eq!(found("codec-rank", Some(4)), [(Severity::Warning, "bad-index")]);
        assert_eq!(found("sntp-addr", Some(1)), [(Severity::Warning, "bad-index")]);
    }

    #[test]
    fn doubtful_indexing_passes_with_a_warning() {
        assert_eq!(found("ldap-server-address", Some(1)), [(Severity::Warning, "bad-index")], "R-1206");
        assert_eq!(found("ldap-server-address", None), []);
    }

    #[test]
    fn an_item_nobody_knows_is_no_finding() {
        assert_eq!(found("new-in-V9", None), []);
        assert_eq!(found("new-in-V9", Some(3)), []);
    }
}
