//! What telling of commits needs of the service.

use super::Access;
use crate::{
    fleet::progress::{CommitProgress, CommitState},
    report::CommitAccess,
    spec::Revision,
};

impl CommitAccess for Access {
    fn commit_progress(&self) -> Vec<CommitProgress> {
        self.shared.with_fleet(|fleet, _| fleet.commit_progress())
    }

    fn commit_told(&self, revision: &Revision, state: &CommitState) {
        self.shared.with_fleet(|fleet, _| fleet.commit_told(revision, state));
    }
}
