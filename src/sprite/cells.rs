//! Reading a sprite's cells, and writing them.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
};

use super::{
    populations::Populations,
    snapshot::Asked,
    texture::{NcaSlot, NcaTexture, OfTextures, Place, Waiting, Wanted},
};
use crate::{gpu::CellsRead, rule::State};

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

/// Replaces the cells of a sprite at once, and how many ticks it has lived; wounds that wait for its
/// next tick are forgotten, and those of this frame are not told any more. Ticks go on from there.
///
/// Cells of another size or number of channels than the sprite's are ignored with a warning.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaWriteCells {
    /// The sprite.
    pub entity: Entity,
    /// How many ticks it has lived.
    pub tick: u32,
    /// Its new cells.
    pub state: State,
}

/// Cells that have arrived from the GPU.
#[derive(Resource, Default)]
pub(super) struct CellsInbox(pub(super) Vec<CellsRead>);

pub(super) fn on_read_cells(request: On<NcaReadCells>, mut sprites: Query<&mut NcaSlot, OfTextures>) {
    match sprites.get_mut(request.entity) {
        Ok(mut slot) => slot.wanted.cells = true,
        Err(_) => warn_once!("cells were asked for, but {} has no NcaTexture", request.entity),
    }
}

pub(super) fn on_write_cells(
    written: On<NcaWriteCells>,
    mut sprites: Query<(&NcaTexture, &mut NcaSlot), Allow<Disabled>>,
    mut populations: ResMut<Populations>,
) {
    let NcaWriteCells { entity, tick, state } = written.event().clone();
    match sprites.get_mut(entity) {
        Ok((texture, mut slot)) => match slot.place_of(texture, &populations) {
            Some(place) => write(&mut populations, place, entity, tick, state),
            None => slot.wait(entity, Waiting::Cells(tick, state)),
        },
        Err(_) => warn_once!("cells were written, but {entity} has no NcaTexture"),
    }
}

/// Replaces the cells of a sprite that has its place.
pub(super) fn write(populations: &mut Populations, place: Place, entity: Entity, tick: u32, state: State) {
    let found = (state.width(), state.height(), state.channels());
    if !populations.write_cells(place, tick, state) {
        warn!("cells of width, height and channels {found:?} were not written: {entity} has others");
    }
}

/// At the end of the frame, passes on what was asked for.
pub(super) fn request(
    mut sprites: Query<(Entity, &mut NcaSlot), Changed<NcaSlot>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    for (entity, mut slot) in &mut sprites {
        let Some(place) = slot.place.filter(|_| slot.wanted != Wanted::NOTHING) else { continue };
        let wanted = std::mem::take(&mut slot.wanted);
        if let Some((asked, tick, state)) = populations.read_cells(place, wanted) {
            asked.answer(NcaCells { entity, tick, state }, &mut commands);
        }
    }
}

/// Answers with what has arrived, and asks again for what could not be had. Those that are disabled are answered
/// when they are back.
pub(super) fn deliver(
    mut inbox: ResMut<CellsInbox>,
    mut sprites: Query<(&mut NcaSlot, Has<Disabled>), OfTextures>,
    mut commands: Commands,
) {
    inbox.bypass_change_detection().0.retain_mut(|CellsRead { entity, tick, note, state }| {
        let entity = *entity;
        let (Some(asked), Ok((mut slot, is_disabled))) = (note.downcast_ref::<Asked>(), sprites.get_mut(entity)) else {
            return false;
        };
        if is_disabled {
            return true;
        }
        match state.take() {
            Some(state) => asked.answer(NcaCells { entity, tick: *tick, state }, &mut commands),
            None => slot.wanted.add(asked.wanted()),
        }
        false
    });
}
