//! Saving a sprite as it is, mid-wound, and going on from there.

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    NcaTexture,
    occupant::Life,
    population::Populations,
    texture::{NcaSlot, Place},
};
use crate::rule::{Model, State};

/// A sprite as it was at the end of a frame: its cells, and all that its future depends on, wounds that
/// wait for its next tick included. Restored, even in another app, it goes on to the same cells.
///
/// Serialise it with any format of [serde](https://serde.rs). What is deserialised is checked, and
/// checked again against the sprite's model and grid when it is restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NcaSnapshot {
    /// The name of its model, for people.
    model_name: String,
    /// [`Model::fingerprint`]
    model: u64,
    life: Life,
    state: State,
}

/// A snapshot is not of this sprite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcaSnapshotError {
    /// It is of a model with other weights or another rule.
    #[error("found a snapshot of another model, `{found}`; wanted one of `{wanted}`")]
    Model {
        /// The name of the snapshot's model.
        found: String,
        /// The name of the sprite's model.
        wanted: String,
    },
    /// It is of another size.
    #[error("found a snapshot of {}x{} cells of {} channels; wanted {}x{} of {}", .found[0], .found[1], .found[2], .wanted[0], .wanted[1], .wanted[2])]
    Size {
        /// Width, height and channels of the snapshot.
        found: [usize; 3],
        /// Those of the sprite.
        wanted: [usize; 3],
    },
    /// Its parts do not fit together.
    #[error("found a snapshot whose wounds or numbers do not fit its cells; is it damaged?")]
    Broken,
}

impl NcaSnapshot {
    /// How many ticks the sprite had lived.
    pub fn tick(&self) -> u32 {
        self.life.tick
    }

    /// Its cells.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its parts, if they are of this model on this grid.
    pub(super) fn check(self, model: &Model, [width, height]: [u32; 2]) -> Result<(Life, State), NcaSnapshotError> {
        let Self { model_name, model: fingerprint, mut life, state } = self;
        let found = [state.width(), state.height(), state.channels()];
        let wanted = [width as usize, height as usize, model.rule().channels];
        if fingerprint != model.fingerprint() {
            return Err(NcaSnapshotError::Model { found: model_name, wanted: model.rule().name.clone() });
        }
        if found != wanted {
            return Err(NcaSnapshotError::Size { found, wanted });
        }
        if !life.is_valid(found[0], found[1]) {
            return Err(NcaSnapshotError::Broken);
        }
        // Whoever takes the cells in knows nothing yet of their ground.
        life.changes.dead_ground = life.dead_ground.clone();
        Ok((life, state))
    }
}

/// Asks for a snapshot of a sprite. [`NcaSaved`] answers, on the CPU in the same frame, on the GPU a
/// few frames later; what it holds is the end of the frame that asked.
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
    /// How it was.
    pub snapshot: NcaSnapshot,
}

/// Lets a sprite go on from a snapshot, also before its model is loaded. Its [`NcaTexture`] gets
/// the snapshot's seed and angle. A snapshot of another model or size changes nothing; [`NcaRefused`] and
/// the log say why.
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaRestore {
    /// The sprite.
    pub entity: Entity,
    /// How it was.
    pub snapshot: NcaSnapshot,
}

/// A snapshot was not restored.
#[derive(EntityEvent, Clone, Debug, PartialEq, Eq)]
pub struct NcaRefused {
    /// The sprite.
    pub entity: Entity,
    /// Why.
    pub error: NcaSnapshotError,
}

pub(super) fn on_save(save: On<NcaSave>, mut sprites: Query<&mut NcaSlot, With<NcaTexture>>) {
    match sprites.get_mut(save.entity) {
        Ok(mut slot) => slot.wanted.snapshot = true,
        Err(_) => warn_once!("a snapshot was asked for, but {} has no NcaTexture", save.entity),
    }
}

pub(super) fn on_restore(
    restored: On<NcaRestore>,
    mut sprites: Query<(&mut NcaTexture, &mut NcaSlot)>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    let NcaRestore { entity, snapshot } = restored.event().clone();
    let Ok((mut texture, mut slot)) = sprites.get_mut(entity) else {
        warn_once!("a snapshot was restored, but {entity} has no NcaTexture");
        return;
    };
    match slot.place {
        Some(place) => restore(&mut populations, place, entity, &mut texture, snapshot, &mut commands),
        None => {
            slot.blows.clear();
            slot.cells = None;
            slot.snapshot = Some(Box::new(snapshot));
        }
    }
}

/// Lets a sprite that has its place go on from a snapshot.
pub(super) fn restore(
    populations: &mut Populations,
    place: Place,
    entity: Entity,
    texture: &mut NcaTexture,
    snapshot: NcaSnapshot,
    commands: &mut Commands,
) {
    let Life { seed, angle, .. } = snapshot.life;
    match populations.restore(place, snapshot) {
        Ok(()) => (texture.seed, texture.angle) = (seed, angle),
        Err(error) => {
            error!("the snapshot of {entity} is refused: {error}");
            commands.trigger(NcaRefused { entity, error });
        }
    }
}

/// Puts a snapshot together.
pub(super) fn saved(populations: &Populations, place: Place, life: Life, state: State) -> Option<NcaSnapshot> {
    let model = populations.model(place)?;
    Some(NcaSnapshot { model_name: model.rule().name.clone(), model: model.fingerprint(), life, state })
}
