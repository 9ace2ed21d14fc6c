//! Saving and restoring a sprite.

use bevy::prelude::*;

use crate::sprite::save::{NcaSnapshot, NcaSnapshotError};

/// Asks for a snapshot of a sprite at the end of this frame. [`NcaSaved`] answers: on the CPU in the same frame, on the
/// GPU a few frames later.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaSave {
    /// The sprite.
    pub entity: Entity,
}

/// A sprite has been saved.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaSaved {
    /// The sprite.
    pub entity: Entity,
    /// Its snapshot.
    pub snapshot: NcaSnapshot,
}

/// Restores a sprite from a snapshot. If its model is not loaded yet, the snapshot waits for it. The
/// [`NcaTexture`](crate::NcaTexture) takes the snapshot's seed and angle.
///
/// A snapshot of another model or size changes nothing; [`NcaRestoreFailed`] and the log give the reason. A snapshot
/// of a model of the same name and size is restored even if the model's weights have changed since.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaRestore {
    /// The sprite.
    pub entity: Entity,
    /// Its snapshot.
    pub snapshot: NcaSnapshot,
}

/// A snapshot was not restored.
#[derive(EntityEvent, Clone, Debug, PartialEq, Eq)]
pub struct NcaRestoreFailed {
    /// The sprite.
    pub entity: Entity,
    /// The reason.
    pub error: NcaSnapshotError,
}
