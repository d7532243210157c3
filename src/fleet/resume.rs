//! A service whose store is an older one that was put back writes nothing until a person says so: what has happened to the
//! phones since is not known.

use jiff::Timestamp;

use super::Fleet;

/// There is nothing to resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service was not restored, or was resumed already")]
pub struct NotRestored;

impl Fleet {
    /// Has a restored service write again, as the documents and settings say.
    pub fn resume(&mut self, now: Timestamp) -> Result<(), NotRestored> {
        self.service.restored.take().ok_or(NotRestored)?;
        self.settings.report_only = self.report_only_set;
        self.save_service();
        self.schedule_all(now);
        Ok(())
    }

    /// Says that the service was restored.
    pub(super) fn restored_note(&self) -> Option<String> {
        let since = self.service.restored?;
        Some(format!(
            "RESTORED: the store is an older one, as was seen at {since:.0}. Phones are read and nothing is written until \
             `phoneops resume`."
        ))
    }
}
