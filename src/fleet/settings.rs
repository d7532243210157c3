//! What the people who run the service may set of the decisions.

use std::time::Duration;

use smol_str::SmolStr;

use super::recovery::RecoverySettings;
use crate::spec::{Selector, Site};

/// The bounds and times of a fleet. [`Default`] gives what one gets by saying nothing.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Nothing is ever written, whatever the documents say.
    pub report_only: bool,
    /// The sites whose phones are served; all unless said. Others serve those of the others, and share the documents.
    pub site_selector: Option<Selector>,
    /// Least time between two contact-me requests to one phone (promise 4).
    pub contact_spacing: Duration,
    /// Contact gap of a phone whose `dls-contact-interval` is not known.
    pub contact_gap: Duration,
    /// How long a phone is left alone after its last message before it is asked to call: it still ends its session.
    pub contact_rest: Duration,
    /// How long an answered contact-me may take to become a session.
    pub answer_wait: Duration,
    /// Contact-me requests a second for the whole service.
    pub contacts_per_second: u32,
    /// Contact-me requests a second for one site whose document says nothing else.
    pub site_contacts_per_second: u32,
    /// Contact-me requests in any 24 h to a phone that is not heard of; its own call and a person's contact count anew.
    pub contacts_per_day: u32,
    /// Least time between two contact-me requests to phones of firmware V1 and V2 of one site.
    pub fragile_rest: Duration,
    /// Contact-me requests under way at once; one site has at most a quarter of them.
    pub contacts_in_flight: usize,
    /// Ports that a `contact-me-uri` may name; empty = any (R-1106).
    pub contact_ports: Vec<u16>,
    /// A flow without further request is dropped after this.
    pub flow_idle: Duration,
    /// Longest flow (R-1403).
    pub flow_length: Duration,
    /// Most actions of a flow, fragments not counted (R-1403).
    pub flow_actions: u32,
    /// Most flows at once; above, initial messages are answered by overload.
    pub flows: usize,
    /// The same for one site whose document says nothing else.
    pub site_flows: usize,
    /// How long a phone that was turned away by overload is given to come back by itself before it is asked to call.
    pub overload_rest: Duration,
    /// Most fragments of one reply.
    pub fragments: u32,
    /// Most bytes of text of one reply.
    pub reply_bytes: usize,
    /// When a phone that was in a call is contacted if it does not call by itself; twice that for V1/V2.
    pub call_wait: Duration,
    /// First upper bound of the retry delay; doubles up to [`Self::backoff_limit`].
    pub backoff_base: Duration,
    /// Last upper bound of the retry delay.
    pub backoff_limit: Duration,
    /// Wishes to be called after a call that a phone gets without taking a write; then only the contact after
    /// [`Self::call_wait`] is left (R-714: an idle phone that calls itself busy would come back at once, for ever).
    pub wishes: u8,
    /// Most undeclared phones that are remembered.
    pub undeclared: usize,
    /// The address or name of this service as phones are set to it (`dls-addr`); with it or a site's `servers`, phones set
    /// to others are left alone.
    pub public_address: Option<SmolStr>,
    /// Where phones that nobody can ask poll (`dcmp-url`), with its final slash.
    pub poll_url: Option<SmolStr>,
    /// How long a phone may stay silent after items that can make it vanish; then its site stops.
    pub lockout_wait: Duration,
    /// How long a restart may take.
    pub restart_wait: Duration,
    /// From when on a revision waits for a person.
    pub gate: GateSettings,
    /// When a site counts as coming back, and the service as having been away.
    pub recovery: RecoverySettings,
}

/// From when on a revision waits at the gate. 0 = that one is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSettings {
    /// How many phones a revision may change at once; the larger of this and `percent` counts.
    pub phones: u32,
    /// How many of a hundred declared phones a revision may change at once.
    pub percent: u32,
    /// On how many phones a revision may change items of effect service, safety or lockout.
    pub risky: u32,
    /// How many of a hundred declared phones may vanish at once; one phone always may.
    pub vanish: u32,
    /// Whether `Phoneops-Approved: N phones` in a commit message approves what it says.
    pub trailer: bool,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { phones: 25, percent: 2, risky: 3, vanish: 5, trailer: false }
    }
}

impl GateSettings {
    /// A gate that holds nothing.
    pub const OFF: Self = Self { phones: 0, percent: 0, risky: 0, vanish: 0, trailer: false };
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            report_only: false,
            site_selector: None,
            contact_spacing: Duration::from_mins(1),
            contact_gap: Duration::from_mins(5),
            contact_rest: Duration::from_secs(2),
            answer_wait: Duration::from_secs(30),
            contacts_per_second: 20,
            site_contacts_per_second: 1,
            contacts_per_day: 12,
            fragile_rest: Duration::from_secs(10),
            contacts_in_flight: 256,
            contact_ports: vec![8085],
            flow_idle: Duration::from_mins(2),
            flow_length: Duration::from_mins(15),
            flow_actions: 50,
            flows: 5_000,
            site_flows: 1_000,
            overload_rest: Duration::from_mins(1),
            fragments: 200,
            reply_bytes: 4_000_000,
            call_wait: Duration::from_mins(15),
            backoff_base: Duration::from_mins(1),
            backoff_limit: Duration::from_hours(1),
            wishes: 3,
            undeclared: 1_000,
            public_address: None,
            poll_url: None,
            lockout_wait: Duration::from_mins(15),
            restart_wait: Duration::from_mins(10),
            gate: GateSettings::default(),
            recovery: RecoverySettings::default(),
        }
    }
}

impl Settings {
    /// The least time between two contact-me requests to phones of a site.
    pub fn spacing_of(&self, site: &Site) -> Duration {
        site.limits.contact_spacing.unwrap_or(Duration::from_secs(1) / self.site_contacts_per_second.max(1))
    }

    /// Most flows of a site at once.
    pub fn flows_of(&self, site: &Site) -> usize {
        site.limits.sessions.map_or(self.site_flows, |most| most as usize)
    }
}
