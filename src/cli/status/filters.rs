//! Which phones a command is about: filters that the service applies. All have to fit.

use crate::{
    fleet::{
        view::Query,
        words::{PendingReason, State},
    },
    spec::{Labels, Selector},
};

/// Filters of phones.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Filters {
    /// Only phones in this state
    #[arg(long, env = "PHONEOPS_STATUS_STATE", value_parser = state, conflicts_with = "phone")]
    pub(in crate::cli) state: Option<State>,
    /// Only phones of this site
    #[arg(long, env = "PHONEOPS_STATUS_SITE", conflicts_with = "phone")]
    pub(in crate::cli) site: Option<String>,
    /// Only phones of this model
    #[arg(long, env = "PHONEOPS_STATUS_MODEL", conflicts_with = "phone")]
    pub(in crate::cli) model: Option<String>,
    /// Only phones whose documents have these labels, such as ward=3,floor=1
    #[arg(long, env = "PHONEOPS_STATUS_SELECTOR", value_name = "KEY=VALUE", value_parser = selector, conflicts_with = "phone")]
    pub(in crate::cli) selector: Option<Labels>,
    /// Only phones whose site has such labels, such as region=north, `region in (north,east)` or !region
    #[arg(long, env = "PHONEOPS_STATUS_SITE_SELECTOR", value_name = "SELECTOR", conflicts_with = "phone")]
    pub(in crate::cli) site_selector: Option<Selector>,
    /// Only phones that are Pending for this reason
    #[arg(long, env = "PHONEOPS_STATUS_PENDING", value_name = "REASON", value_parser = pending, conflicts_with = "phone")]
    pub(in crate::cli) pending: Option<PendingReason>,
    /// Only phones on which this item differs
    #[arg(long, env = "PHONEOPS_STATUS_ITEM", conflicts_with = "phone")]
    pub(in crate::cli) item: Option<String>,
    /// Only phones whose state in force came with this revision; its first characters are enough
    #[arg(long, env = "PHONEOPS_STATUS_REVISION", conflicts_with = "phone")]
    pub(in crate::cli) revision: Option<String>,
    /// Only phones with this text in name, MAC, number, model, site, address or a label
    #[arg(long, env = "PHONEOPS_STATUS_FIND", value_name = "TEXT", conflicts_with = "phone")]
    pub(in crate::cli) find: Option<String>,
}

impl Filters {
    /// Whether it takes more than phones to know who is meant.
    pub(in crate::cli) fn are_of_sites(&self) -> bool {
        self.site.is_some() || self.site_selector.is_some()
    }

    /// What the service is asked for.
    pub(in crate::cli) fn query(&self) -> Query {
        let Self { state, site, model, selector, site_selector, pending, item, revision, find } = self.clone();
        Query {
            state,
            site,
            model,
            selector: selector.unwrap_or_default(),
            site_selector,
            reason: pending,
            item,
            revision,
            text: find,
            ..Query::default()
        }
    }
}

fn state(word: &str) -> Result<State, String> {
    State::parse(word).ok_or_else(|| {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("the states are {}", known.join(", "))
    })
}

fn pending(word: &str) -> Result<PendingReason, String> {
    PendingReason::parse(word).ok_or_else(|| {
        let known: Vec<_> = PendingReason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("the reasons are {}", known.join(", "))
    })
}

fn selector(text: &str) -> Result<Labels, String> {
    Labels::selector(text).ok_or_else(|| "a selector is key=value, or several of them parted by commas".to_owned())
}
