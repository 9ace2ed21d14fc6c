//! What sprites report about their condition.

use bevy::prelude::*;

/// A wound has killed living cells of a sprite.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaWounded {
    /// The sprite.
    pub entity: Entity,
    /// The number of cells killed, in all ticks of the frame.
    pub lost_cells: u32,
}

/// A wounded sprite is whole again.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaRegrown {
    /// The sprite.
    pub entity: Entity,
}

/// The last cell of a sprite has died. The sprite remains; heal or despawn it.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaDied {
    /// The sprite.
    pub entity: Entity,
}
