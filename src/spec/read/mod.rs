//! From generic trees to documents: our own walk, which goes on after a problem and reports every one of them.
//!
//! - [`findings`]: where problems are gathered
//! - [`fields`]: maps with known fields
//! - [`scalar`]: strings, booleans and words
//! - [`names`]: the rules of Kubernetes for names and labels
//! - [`metadata`]: name and labels
//! - [`envelope`]: which documents are ours
//! - [`policy`]: the field `spec.policy`; [`window`] and [`mod@ignore`] (with the pause): its larger parts
//! - [`duration`]: durations and ends
//! - [`items`]: the fields `spec.items`, `spec.byIndex`, `spec.seed`, `spec.unmanaged`
//! - [`layer`]: what the specs of phones and profiles have in common
//! - [`insist`]: the fields `spec.final` and `spec.require` of profiles
//! - [`lexicon`]: which names of items there are, and which are slips of the finger
//! - [`site`], [`owner`]: the larger fields of sites
//! - [`secret`]: references in place of secrets, and where plain ones stand

pub(in crate::spec) mod duration;
pub(in crate::spec) mod envelope;
pub(in crate::spec) mod fields;
pub(in crate::spec) mod findings;
pub(in crate::spec) mod ignore;
pub(in crate::spec) mod insist;
pub(in crate::spec) mod items;
pub(in crate::spec) mod layer;
pub(in crate::spec) mod lexicon;
pub(in crate::spec) mod metadata;
pub(in crate::spec) mod names;
pub(in crate::spec) mod owner;
pub(in crate::spec) mod policy;
pub(in crate::spec) mod scalar;
pub(in crate::spec) mod secret;
pub(in crate::spec) mod site;
pub(in crate::spec) mod window;

pub(in crate::spec) use findings::Findings;
pub(in crate::spec) use lexicon::Lexicon;
