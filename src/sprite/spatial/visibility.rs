//! Which sprites a filter passes.

use bevy::{camera::visibility::RenderLayers, ecs::system::SystemParam, prelude::*};

use crate::sprite::events::NcaFilter;

/// Evaluates filters. It uses the current `Visibility`, not the last propagated one.
#[derive(SystemParam)]
pub(crate) struct Visibilities<'w, 's> {
    visibilities: Query<'w, 's, (Option<&'static Visibility>, Option<&'static ChildOf>)>,
    layers: Query<'w, 's, &'static RenderLayers>,
}

impl Visibilities<'_, '_> {
    /// Whether a filter passes an entity.
    pub(crate) fn passes(&self, filter: &NcaFilter, entity: Entity) -> bool {
        if filter.excluded.contains(&entity) {
            return false;
        }
        if let Some(expected) = &filter.layers
            && !expected.intersects(self.layers.get(entity).unwrap_or(&RenderLayers::default()))
        {
            return false;
        }
        filter.hidden || !self.is_hidden(entity)
    }

    fn is_hidden(&self, mut entity: Entity) -> bool {
        while let Ok((visibility, parent)) = self.visibilities.get(entity) {
            match (visibility, parent) {
                (Some(Visibility::Hidden), _) => return true,
                (Some(Visibility::Visible), _) | (_, None) => return false,
                (Some(Visibility::Inherited) | None, Some(ChildOf(parent))) => entity = *parent,
            }
        }
        false
    }
}
