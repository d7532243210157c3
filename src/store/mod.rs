//! What must not be forgotten of the phones, in one `SQLite` file of the state folder, or in a cluster.
//!
//! - [`handle`]: [`Store`], the cheap handle that the service holds
//! - [`error`]: why a store does not open, and why a write did not reach it
//! - `writer`: the one thread that writes; all requests that wait share one commit
//! - `database`: the file itself: schema, checks, reading, writing
//! - `audit`: what people did outside git, in a chain
//! - [`history`]: what changed on the phones, and who wanted it
//! - [`backup`]: all of the state folder that matters, in one file and back
//! - `birth`: whether there is no file yet, and the first one made whole
//! - `note`: small notes beside the file
//! - `sequence`: the number of the last commit beside the file, by which an older copy of it is known
//! - [`key`]: the key of fingerprints
//! - [`kube`]: the same as resources of a cluster; the file is a cache then
//! - `folder`: the state folder: lock, file modes, putting a broken file aside
//!
//! **Guarantees.** A save that was answered `Ok` is on disk (WAL, `synchronous=FULL`): a process killed right after it
//! finds the record again. Two processes never share a state folder. A file that cannot be read is never deleted, and
//! never written to. A file that is older than the last commit that was answered is known as such, and what of it must
//! not be acted on is taken out before anybody sees it ([`PhoneRecord::distrust`](crate::fleet::record::PhoneRecord::distrust)).
//!
//! **Caveats.** A save that was answered [`StoreAway`] is not kept anywhere: when [`Store::writable`] turns true again
//! the caller saves what it still wants kept. Where the whole folder is put back, the older file has its own number
//! beside it, and nothing shows that it is older. Secrets are not in the file by type: a record holds references.

mod audit;
pub mod backup;
mod birth;
mod database;
pub mod error;
mod folder;
pub mod handle;
pub mod history;
pub mod key;
pub mod kube;
mod note;
mod sequence;
mod writer;

pub use error::{StoreAway, StoreError};
pub use handle::{OpenOptions, Restored, Saved, Stats, Store};
pub use history::Keep;

/// Name of the file in the state folder.
pub const FILE_NAME: &str = "phoneops.db";
