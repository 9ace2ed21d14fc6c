//! Reading a sprite's cells.

use bevy::prelude::*;

use super::{
    population::Populations,
    texture::{NcaSlot, NcaTexture},
};
use crate::rule::State;

/// Asks for the cells of a sprite. [`NcaCells`] answers, on the CPU in the same frame, on the GPU
/// a few frames later.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaReadCells {
    /// The sprite.
    pub entity: Entity,
}

/// The cells of a sprite, as they were at the end of the frame that asked for them.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaCells {
    /// The sprite.
    pub entity: Entity,
    /// How many ticks it had lived.
    pub tick: u32,
    /// Its cells.
    pub state: State,
}

/// Cells that have arrived from the GPU.
#[derive(Resource, Default)]
pub(super) struct CellsInbox(pub(super) Vec<NcaCells>);

pub(super) fn on_read_cells(request: On<NcaReadCells>, mut sprites: Query<&mut NcaSlot, With<NcaTexture>>) {
    match sprites.get_mut(request.entity) {
        Ok(mut slot) => slot.wanted = true,
        Err(_) => warn_once!("cells were asked for, but {} has no NcaTexture", request.entity),
    }
}

/// At the end of the frame, passes on what was asked for.
pub(super) fn request(
    mut sprites: Query<(Entity, &mut NcaSlot), Changed<NcaSlot>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    for (entity, mut slot) in &mut sprites {
        let Some(place) = slot.place.filter(|_| slot.wanted) else { continue };
        slot.wanted = false;
        if let Some((tick, state)) = populations.read_cells(place, entity) {
            commands.trigger(NcaCells { entity, tick, state });
        }
    }
}

/// Answers with what has arrived.
pub(super) fn deliver(
    mut inbox: ResMut<CellsInbox>,
    mut commands: Commands,
    entities: Query<Entity, With<NcaTexture>>,
) {
    for cells in inbox.bypass_change_detection().0.drain(..).filter(|cells| entities.contains(cells.entity)) {
        commands.trigger(cells);
    }
}
