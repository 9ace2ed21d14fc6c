//! Reading and writing the cells of a sprite.

use bevy::prelude::*;

use crate::rule::State;

/// Asks for the cells of a sprite. [`NcaCellsRead`] answers: on the CPU in the same frame, on the GPU a few frames later.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaReadCells {
    /// The sprite.
    pub entity: Entity,
}

/// The cells of a sprite at the end of the frame of the request.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaCellsRead {
    /// The sprite.
    pub entity: Entity,
    /// Its age in ticks.
    pub tick: u32,
    /// Its cells.
    pub state: State,
}

/// Replaces the cells and the age of a sprite at once. It drops wounds that wait for the next tick, and wounds of this
/// frame that have not been reported. Ticks continue from there.
///
/// Cells of another size or number of channels are ignored with a warning.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaWriteCells {
    /// The sprite.
    pub entity: Entity,
    /// Its age in ticks.
    pub tick: u32,
    /// Its new cells.
    pub state: State,
}
