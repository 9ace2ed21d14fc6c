//! Reading and writing the cells of a sprite.

use bevy::prelude::*;

use crate::rule::State;

/// Requests the cells of a sprite. [`NcaCellsRead`] answers: on the CPU in the same frame, on the GPU a few frames
/// later. If the model is not loaded yet, the request waits for it.
#[derive(EntityEvent, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaReadCells {
    /// The sprite.
    pub entity: Entity,
}

/// The answer to [`NcaReadCells`]: the cells of a sprite at the end of the frame of the request.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(opaque)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaCellsRead {
    /// The sprite.
    pub entity: Entity,
    /// Its age in ticks.
    pub tick: u32,
    /// Its cells.
    pub state: State,
}

/// Replaces the cells and the age of a sprite immediately. Ticks continue from there. Wounds that wait for the next
/// tick are dropped, as are wounds of this frame that have not been reported. Scars and paint remain.
///
/// If the model is not loaded yet, the cells wait for it. Cells of another size or number of channels are ignored with
/// a warning.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(opaque)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaWriteCells {
    /// The sprite.
    pub entity: Entity,
    /// Its age in ticks.
    pub tick: u32,
    /// Its new cells.
    pub state: State,
}
