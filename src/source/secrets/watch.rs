//! When to look at the folder of secrets again: when it tells of a change, and from time to time, for some mounts tell
//! of none.

use std::{path::Path, sync::Arc, time::Duration};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::Notify, time::Instant};

use crate::source::dir::is_change;

/// Waits for changes below a folder.
pub struct SecretsWatch {
    changed: Arc<Notify>,
    looked: Instant,
    watcher: Option<RecommendedWatcher>,
}

impl SecretsWatch {
    /// Watches that folder; without one nothing ever changes.
    pub fn new(dir: Option<&Path>) -> Self {
        let mut watch = Self { changed: Arc::new(Notify::new()), looked: Instant::now(), watcher: None };
        if let Some(dir) = dir {
            watch.set(dir);
        }
        watch
    }

    fn set(&mut self, dir: &Path) {
        let changed = Arc::clone(&self.changed);
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                changed.notify_one();
            }
        });
        let watched = made.and_then(|mut watcher| {
            watcher.watch(dir, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        match watched {
            Ok(set) => self.watcher = Some(set),
            Err(error) => tracing::warn!(
                folder = %dir.display(),
                "secrets: the folder cannot be watched, only looked at from time to time: {error}"
            ),
        }
    }

    /// Returns when it is time for a look: at a change, or so long after the last one.
    pub async fn due(&self, rescan: Duration) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep_until(self.looked + rescan) => {}
        }
    }

    /// A look was taken just now.
    pub fn looked(&mut self) {
        self.looked = Instant::now();
    }
}
