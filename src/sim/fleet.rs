//! Many simulated phones in one process, each with an address, a MAC and a model of its own.

use std::net::{IpAddr, Ipv4Addr};

use tokio::sync::mpsc;

use super::{
    fault::Fault,
    model::Model,
    phone::SimPhone,
    settings::{Server, SimError, SimSettings, Timing},
    transcript::{Counts, SimEvent},
};
use crate::wpi::{Item, ItemId, ItemName};

/// What the phones of a fleet have in common, and how they differ.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// How many.
    pub phones: u32,
    /// Address of the first phone; each further one has the next.
    pub base_address: Ipv4Addr,
    /// Port of contact-me, on every address; 0 = any free one.
    pub contact_port: u16,
    /// Whom they call.
    pub server: Server,
    /// The models, dealt out in turn.
    pub models: Vec<Model>,
    /// Makes the fleet repeatable.
    pub seed: u64,
    /// The times of all phones.
    pub timing: Timing,
    /// What all phones do wrong.
    pub faults: Vec<Fault>,
    /// How many exchanges each phone keeps.
    pub transcript: usize,
    /// Where to tell what happens.
    pub events: Option<mpsc::Sender<SimEvent>>,
}

impl FleetSettings {
    /// That many phones from 127.20.0.1, all models in turn, contact-me on port 8085, without faults.
    pub fn new(phones: u32, server: Server) -> Self {
        Self {
            phones,
            base_address: Ipv4Addr::new(127, 20, 0, 1),
            contact_port: 8085,
            server,
            models: Model::ALL.to_vec(),
            seed: 1,
            timing: Timing::default(),
            faults: Vec::new(),
            transcript: 20,
            events: None,
        }
    }

    /// The settings of phone `number`, from 0.
    pub fn phone(&self, number: u32) -> Result<SimSettings, SimError> {
        let base = u32::from(self.base_address);
        let address = base.checked_add(number).map(Ipv4Addr::from).filter(Ipv4Addr::is_loopback);
        let address = address.ok_or(SimError::Addresses { count: self.phones, base: IpAddr::V4(self.base_address) })?;
        let mut settings = SimSettings::new(mac(number), IpAddr::V4(address), self.server.clone());
        let turn = usize::try_from(number).unwrap_or(0) % self.models.len().max(1);
        // a phone calls the server that is set on it
        let server = self.server.address.ip().to_canonical().to_string();
        settings.items.extend(ItemName::new("dls-addr").map(|name| Item::plain(ItemId::new(name, None), server)));
        settings.model = self.models.get(turn).copied().unwrap_or_default();
        settings.contact_port = self.contact_port;
        settings.seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number.into());
        settings.timing = self.timing.clone();
        settings.faults.clone_from(&self.faults);
        settings.transcript = self.transcript;
        settings.events.clone_from(&self.events);
        Ok(settings)
    }
}

/// The MAC of phone `number`, from 0: `00:1A:E8:00:00:01` and up.
pub fn mac(number: u32) -> String {
    let [_, a, b, c] = number.wrapping_add(1).to_be_bytes();
    format!("00:1A:E8:{a:02X}:{b:02X}:{c:02X}")
}

/// A fleet of running phones.
#[derive(Debug, Clone)]
pub struct SimFleet {
    phones: Vec<SimPhone>,
}

impl SimFleet {
    /// Makes all phones; they have no power yet. When one cannot be made, none stays.
    pub async fn start(settings: &FleetSettings) -> Result<Self, SimError> {
        let mut phones = Vec::new();
        for number in 0..settings.phones {
            phones.push(SimPhone::start(settings.phone(number)?).await?);
        }
        Ok(Self { phones })
    }

    /// All phones, by number.
    pub fn phones(&self) -> &[SimPhone] {
        &self.phones
    }

    /// One phone, by number from 0.
    pub fn phone(&self, number: usize) -> Option<&SimPhone> {
        self.phones.get(number)
    }

    /// The power comes on everywhere at once, as after an outage.
    pub fn boot(&self) {
        self.phones.iter().for_each(SimPhone::boot);
    }

    /// The counters of all phones together.
    pub fn counts(&self) -> Counts {
        self.phones.iter().fold(Counts::default(), |mut sum, phone| {
            sum += phone.counts();
            sum
        })
    }

    /// What the server did against the protocol, with the phones' ids.
    pub fn violations(&self) -> Vec<String> {
        let each = self.phones.iter().flat_map(|phone| {
            let id = phone.id();
            phone.violations().into_iter().map(move |what| format!("{id}: {what}"))
        });
        each.collect()
    }

    /// Ends all tasks and waits until they are gone.
    pub async fn stop(&self) {
        for phone in &self.phones {
            phone.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_has_an_address_a_mac_and_a_model_of_its_own() {
        let server = Server::at("127.0.0.1:18443".parse().unwrap());
        let fleet = FleetSettings::new(300, server);
        let last = fleet.phone(299).unwrap();
        assert_eq!(last.address.to_string(), "127.20.1.44");
        assert_eq!(last.id, "00:1A:E8:00:01:2C");
        assert_eq!(last.model, Model::Cp210);
        assert_ne!(last.seed, fleet.phone(298).unwrap().seed);
    }

    #[test]
    fn addresses_end_with_the_loopback_network() {
        let mut fleet = FleetSettings::new(3, Server::at("127.0.0.1:18443".parse().unwrap()));
        fleet.base_address = Ipv4Addr::new(127, 255, 255, 254);
        assert!(fleet.phone(1).is_ok());
        assert!(matches!(fleet.phone(2), Err(SimError::Addresses { .. })));
    }
}
