//! What must not be forgotten of the phones, in one `SQLite` file of the state folder.
//!
//! - [`handle`]: [`Store`], the cheap handle that the service holds
//! - [`error`]: why a store does not open, and why a write did not reach it
//! - `writer`: the one thread that writes; all requests that wait share one commit
//! - `database`: the file itself: schema, checks, reading, writing
//! - [`history`]: what changed on the phones, and who wanted it
//! - `birth`: whether there is no file yet, and the first one made whole
//! - `folder`: the state folder: lock, file modes, putting a broken file aside
//!
//! **Guarantees.** A save that was answered `Ok` is on disk (WAL, `synchronous=FULL`): a process killed right after it
//! finds the record again. Two processes never share a state folder. A file that cannot be read is never deleted, and
//! never written to.
//!
//! **Caveats.** A save that was answered [`StoreAway`] is not kept anywhere: when [`Store::writable`] turns true again
//! the caller saves what it still wants kept. Secrets are not in the file by type: a record holds references.

mod birth;
mod database;
pub mod error;
mod folder;
pub mod handle;
pub mod history;
mod writer;

pub use error::{StoreAway, StoreError};
pub use handle::{OpenOptions, Restored, Stats, Store};
pub use history::Keep;

/// Name of the file in the state folder.
pub const FILE_NAME: &str = "phoneops.db";
