//! Which sprites a blast or a probe finds.

use bevy::{camera::visibility::RenderLayers, ecs::entity::EntityHashSet, prelude::*};

/// Which sprites an [`NcaBlast`](super::NcaBlast) or an [`NcaProbe`](crate::NcaProbe) finds.
///
/// By default, all that are not hidden, on any layer. Disabled entities are never found.
#[derive(Reflect, Clone, Debug, Default, PartialEq)]
#[reflect(Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaFilter {
    /// Whether to find sprites whose [`Visibility`] is [`Visibility::Hidden`], or inherited from a hidden parent;
    /// default false. A sprite outside of all cameras is not hidden.
    pub hidden: bool,
    /// Find only sprites on one of these layers; default `None`: any layer. A sprite without [`RenderLayers`] is on
    /// layer 0.
    pub layers: Option<RenderLayers>,
    /// Sprites not to find; default none.
    pub excluded: EntityHashSet,
}

impl NcaFilter {
    /// Finds hidden sprites too.
    pub fn with_hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Finds only sprites on one of these layers.
    pub fn with_layers(self, layers: RenderLayers) -> Self {
        Self { layers: Some(layers), ..self }
    }

    /// Excludes more sprites, such as the shooter.
    pub fn with_excluded(mut self, excluded: impl IntoIterator<Item = Entity>) -> Self {
        self.excluded.extend(excluded);
        self
    }
}
