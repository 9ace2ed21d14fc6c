//! Which sprites are found by what strikes or looks for any.

use bevy::{camera::visibility::RenderLayers, ecs::entity::EntityHashSet, prelude::*};

/// Which sprites an [`NcaBlast`](super::NcaBlast) strikes and an [`NcaProbe`](super::NcaProbe) finds.
///
/// By default, all that are not hidden, on whatever layers they are. Entities that the game has disabled are
/// never found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NcaFilter {
    /// Also those whose [`Visibility`] is [`Visibility::Hidden`], or inherited from a hidden parent; default false.
    /// What is merely out of sight of every camera is not hidden.
    pub hidden: bool,
    /// Only those that share one of these layers; default `None`, on any. A sprite without [`RenderLayers`] is on
    /// layer 0.
    pub layers: Option<RenderLayers>,
    /// Not these; default none.
    pub excluded: EntityHashSet,
}

impl NcaFilter {
    /// Also those that are hidden.
    pub fn with_hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Only those that share one of these layers.
    pub fn with_layers(self, layers: RenderLayers) -> Self {
        Self { layers: Some(layers), ..self }
    }

    /// Without these, such as the one that shoots.
    pub fn without(mut self, excluded: impl IntoIterator<Item = Entity>) -> Self {
        self.excluded.extend(excluded);
        self
    }
}
