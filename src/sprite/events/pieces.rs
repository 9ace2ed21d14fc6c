//! What sprites report of their parts: severed pieces, and cells that a wound has killed.

use bevy::prelude::*;

/// Pieces of a sprite have become entities; see [`NcaSever`](crate::NcaSever).
///
/// The pieces exist, with their cells and all components, when it is triggered. It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSevered {
    /// The sprite, which is the largest piece itself.
    pub entity: Entity,
    /// The other pieces, the largest first.
    pub pieces: Vec<Entity>,
}

/// A wound has killed living cells of a sprite that has an [`NcaShedding`](crate::NcaShedding).
///
/// On the GPU, they are those that lived when the cells were last read back. It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Debug, PartialEq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaShed {
    /// The sprite.
    pub entity: Entity,
    /// The width and height of a cell in world units.
    pub cell_size: Vec2,
    /// The z of the sprite in the world.
    pub z: f32,
    /// The cells, in the order of the grid.
    pub cells: Vec<NcaShedCell>,
}

/// A cell that a wound has killed.
#[derive(Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaShedCell {
    /// The center of the cell in the world.
    pub position: Vec2,
    /// The way out: from the middle of the sprite's living cells, in the world; a unit vector, or zero.
    pub direction: Vec2,
    /// The color that a whole sprite has there: that of the model's target, or of the art of a skin. Without either, that
    /// of the cell, which is white on the GPU.
    pub color: Color,
}
