//! The instances of entities.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    prelude::*,
};

use crate::{
    rule::Model,
    sprite::{
        components::{InstanceId, NcaTexture, Placement},
        populations::{Populations, Spec},
        simulation::{AtlasContent, Instance, Settings},
    },
};

/// The settings of a texture that its instance follows.
pub(super) fn settings(texture: &NcaTexture) -> Settings {
    Settings { seed: texture.seed, angle: texture.angle, crisp: texture.crisp }
}

/// The population to which the instance of a texture belongs.
pub(super) fn spec(texture: &NcaTexture, placement: &Placement, model: &Model) -> Spec {
    let smooth = texture.smooth;
    Spec {
        model_id: texture.model.id(),
        grid: texture.grid.map_or(model.rule().grid, |grid| grid.to_array()),
        content: match placement.tiling {
            _ if placement.is_skinned => AtlasContent::Tissue,
            Some(image) => AtlasContent::Tile { image, smooth },
            None => AtlasContent::Picture { smooth },
        },
    }
}

/// The instance of a texture. `None` if a change of the texture requires another instance.
pub(super) fn current(placement: &Placement, texture: &NcaTexture, populations: &Populations) -> Option<InstanceId> {
    let belongs = |id: &InstanceId| {
        populations.get(*id).is_some_and(|population| population.matches(spec(texture, placement, population.model())))
    };
    placement.id.filter(belongs)
}

/// Finds the instances of entities.
#[derive(SystemParam)]
pub(super) struct Instances<'w, 's> {
    placements: Query<'w, 's, &'static Placement, Allow<Disabled>>,
    populations: ResMut<'w, Populations>,
}

impl Instances<'_, '_> {
    /// The instance of an entity, if it has one.
    pub(super) fn get_mut(&mut self, entity: Entity) -> Option<&mut Instance> {
        self.populations.bypass_change_detection().instance_mut(self.placements.get(entity).ok()?.id?)
    }
}
