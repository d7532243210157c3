//! Where a value comes from: what each layer of a phone says of one item, the lowest layer first.

use std::sync::Arc;

use super::{
    desired::LayerValue,
    layer::{Applies, Layer},
    problem::Place,
    wanted::Wanted,
};
use crate::wpi::{DeviceId, ItemId};

/// What one layer says of an item.
#[derive(Debug, Clone)]
pub enum Said {
    /// It gives a value.
    Value(Arc<LayerValue>),
    /// It takes the item out of the layers below.
    TakenOut(Place),
}

impl Wanted {
    /// What the layers of a phone say of an item, the lowest first; `reported` = the model it says it has. Layers of other
    /// models say nothing.
    pub fn story(&self, device: &DeviceId, id: &ItemId, reported: Option<&str>) -> Vec<Said> {
        let Some(phone) = self.phones.get(device) else { return Vec::new() };
        let model = phone.config.model.as_deref().or(reported);
        let layers = phone.chain.layers().chain([&phone.config.layer]);
        layers.filter(|layer| layer.applies(model) == Applies::Yes).flat_map(|layer| says(layer, id)).collect()
    }
}

fn says(layer: &Layer, id: &ItemId) -> Vec<Said> {
    let out = layer.unmanaged.iter().find(|(out, _)| out.covers(id)).map(|(_, place)| Said::TakenOut(place.clone()));
    let own = layer.items.binary_search_by(|item| item.id().cmp(id)).ok().and_then(|at| layer.items.get(at));
    out.into_iter().chain(own.map(|item| Said::Value(Arc::clone(&item.value)))).collect()
}
