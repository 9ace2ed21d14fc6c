//! Saving and restoring a sprite.

use bevy::prelude::*;

use crate::sprite::save::{NcaSnapshot, NcaSnapshotError};

/// Requests a snapshot of a sprite at the end of this frame. [`NcaSaved`] answers: on the CPU in the same frame, on the
/// GPU a few frames later. If the model is not loaded yet, the request waits for it.
#[derive(EntityEvent, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSave {
    /// The sprite.
    pub entity: Entity,
}

/// The answer to [`NcaSave`]: the snapshot of a sprite.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSaved {
    /// The sprite.
    pub entity: Entity,
    /// Its snapshot.
    pub snapshot: NcaSnapshot,
}

/// Restores a sprite from a snapshot. If its model is not loaded yet, the snapshot waits for it. The
/// [`NcaTexture`](crate::NcaTexture) takes the snapshot's seed and angle.
///
/// A snapshot of another model, size or version changes nothing; [`NcaRestoreFailed`] and the log give the reason. A
/// snapshot of a model of the same name and size is restored even if the model's weights have changed since.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaRestore {
    /// The sprite.
    pub entity: Entity,
    /// Its snapshot.
    pub snapshot: NcaSnapshot,
}

/// A snapshot was not restored. The sprite is unchanged.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq, Eq)]
#[reflect(opaque)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaRestoreFailed {
    /// The sprite.
    pub entity: Entity,
    /// The reason.
    pub error: NcaSnapshotError,
}
