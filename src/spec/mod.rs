//! The documents people write: `PhoneConfig`, `PhoneProfile`, `PhoneSite`; their loading, checking and layering.
//!
//! - [`policy`]: modes and intervals; [`window`]: when may be written; [`pause`]: not for a while; [`ignore`]: not this item
//! - [`site`]: names, networks and limits of sites; [`zone`]: time zones
//! - [`owner`]: whose a site is, and what the files of its owner may say; [`numbers`]: ranges of call numbers
//! - [`desired`]: what one phone is to have, after layering, with the origin of each value
//! - [`labels`]: labels of documents, [`selector`]: selectors of them
//! - [`wanted`]: all phones of one revision
//! - [`problem`]: what is wrong with a document, where, and what to do; [`code`]: the word for each kind of problem
//! - [`story`]: where a value comes from
//! - [`secret_ref`]: references in place of secrets
//! - [`export`]: a document out of what a phone has; `written`: YAML with every text in quotes
//! - [`crd`]: the documents as Kubernetes knows them
//! - [`known`]: what is known of phones beside the documents
//! - [`snapshot`]: the files of one state of a source, [`revision`]: its name; [`mod@load`] turns them into [`Wanted`]
//!
//! Inside: `yaml` (text → tree), `read` (tree → documents), `phone_config`, `phone_profile`, `phone_site`, `chain`
//! (the order of profiles), `layer` (layers over each other), `insist` (what a profile insists on), `digest`,
//! `suggest` (the known word that an unknown one may mean).

mod chain;
pub mod code;
pub mod crd;
pub mod desired;
mod digest;
pub mod export;
pub mod ignore;
mod insist;
pub mod known;
pub mod labels;
mod layer;
pub mod load;
pub mod numbers;
pub mod owner;
pub mod pause;
mod phone_config;
mod phone_profile;
mod phone_site;
pub mod policy;
pub mod problem;
mod read;
pub mod revision;
pub mod secret_ref;
pub mod selector;
pub mod site;
pub mod snapshot;
pub mod story;
pub(crate) mod suggest;
pub mod wanted;
pub mod window;
mod written;
mod yaml;
pub mod zone;

pub use desired::{Desired, DesiredItem, DesiredValue, Digest, Origin};
pub use ignore::Ignore;
pub use known::{Known, Reported, Share};
pub use labels::Labels;
pub use load::{load, load_knowing, load_watched};
pub use numbers::NumberRange;
pub use owner::SiteOwner;
pub use pause::Pause;
pub use policy::{LockoutItems, Mode, OnRemove, Policy, Restart, UserItems};
pub use problem::{Problem, Severity};
pub use read::envelope::API_VERSION;
pub use revision::Revision;
pub use secret_ref::SecretRef;
pub use selector::{Selector, SelectorError};
pub use site::{Reach, Site, SiteGate, SiteLimits, SiteName};
pub use snapshot::{Commit, FileContent, SecretReader, SecretsUnread, Snapshot, SourceFile};
pub use wanted::{Counts, Resolution, Wanted};
pub use window::{Opening, Window, windows_open};
pub use zone::Zone;

#[cfg(test)]
mod tests;
