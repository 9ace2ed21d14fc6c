//! Saving a sprite as it is, mid-wound, and going on from there.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use super::{
    NcaCells, NcaTexture,
    occupant::Life,
    populations::Populations,
    texture::{NcaSlot, OfTextures, Place, Waiting, Wanted},
};
use crate::rule::{Model, State, shorten};

/// A sprite as it was at the end of a frame: its cells, and all that its future depends on, wounds that
/// wait for its next tick included. Restored, even in another app, it goes on to the same cells.
///
/// Serialise it with any format of [serde](https://serde.rs). What is deserialised is checked, and
/// checked again against the sprite's model and grid when it is restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NcaSnapshot {
    head: Head,
    state: State,
}

/// All of a snapshot but the cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    version: u32,
    /// The name of its model, for people.
    model_name: String,
    /// [`Model::fingerprint`]
    model: u64,
    life: Life,
}

/// What cells are read for, and what goes with them into a snapshot.
pub(super) struct Asked {
    cells: bool,
    head: Option<Head>,
}

impl Asked {
    pub(super) fn new(wanted: Wanted, life: &Life, model: &Model) -> Self {
        let head = wanted.snapshot.then(|| Head {
            version: NcaSnapshot::VERSION,
            model_name: model.rule().name.clone(),
            model: model.fingerprint(),
            life: life.clone(),
        });
        Self { cells: wanted.cells, head }
    }

    /// What was asked for.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { cells: self.cells, snapshot: self.head.is_some() }
    }

    /// The snapshot that was asked for, if it was.
    pub(super) fn snapshot(&self, state: &State) -> Option<NcaSnapshot> {
        self.head.clone().map(|head| NcaSnapshot { head, state: state.clone() })
    }

    /// Answers with the cells.
    pub(super) fn answer(&self, cells: NcaCells, commands: &mut Commands) {
        let entity = cells.entity;
        if let Some(snapshot) = self.snapshot(&cells.state) {
            commands.trigger(NcaSaved { entity, snapshot });
        }
        if self.cells {
            commands.trigger(cells);
        }
    }
}

/// A snapshot is not of this sprite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcaSnapshotError {
    /// It was saved by a version of this crate that keeps other things.
    #[error("found a snapshot of version {found}; wanted {}", NcaSnapshot::VERSION)]
    Version {
        /// The version found.
        found: u32,
    },
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
    /// The version of what a snapshot holds.
    pub const VERSION: u32 = 1;

    /// How many ticks the sprite had lived.
    pub fn tick(&self) -> u32 {
        self.head.life.tick
    }

    /// Its cells.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether another one fits every sprite that it fits.
    pub(super) fn is_for_the_same(&self, other: &Self) -> bool {
        let of = |snapshot: &Self| {
            let size = [snapshot.state.width(), snapshot.state.height(), snapshot.state.channels()];
            (snapshot.head.version, snapshot.head.model, size)
        };
        of(self) == of(other)
    }

    /// Its parts, if they are of this model on this grid.
    pub(super) fn check(self, model: &Model, [width, height]: [u32; 2]) -> Result<(Life, State), NcaSnapshotError> {
        let Self { head: Head { version, model_name, model: fingerprint, mut life }, state } = self;
        if version != Self::VERSION {
            return Err(NcaSnapshotError::Version { found: version });
        }
        let found = [state.width(), state.height(), state.channels()];
        let wanted = [width as usize, height as usize, model.rule().channels];
        if fingerprint != model.fingerprint() {
            return Err(NcaSnapshotError::Model {
                found: shorten(model_name),
                wanted: shorten(model.rule().name.clone()),
            });
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
/// the snapshot's seed and angle. A snapshot of another model or size changes nothing; [`NcaRestoreRefused`] and
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
pub struct NcaRestoreRefused {
    /// The sprite.
    pub entity: Entity,
    /// Why.
    pub error: NcaSnapshotError,
}

pub(super) fn on_save(save: On<NcaSave>, mut sprites: Query<&mut NcaSlot, OfTextures>) {
    match sprites.get_mut(save.entity) {
        Ok(mut slot) => slot.wanted.snapshot = true,
        Err(_) => warn_once!("a snapshot was asked for, but {} has no NcaTexture", save.entity),
    }
}

pub(super) fn on_restore(
    restored: On<NcaRestore>,
    mut sprites: Query<(&mut NcaTexture, &mut NcaSlot), Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    let NcaRestore { entity, snapshot } = restored.event().clone();
    let Ok((mut texture, mut slot)) = sprites.get_mut(entity) else {
        warn_once!("a snapshot was restored, but {entity} has no NcaTexture");
        return;
    };
    match slot.place_of(&texture, &populations) {
        Some(place) => restore_or_refuse(&mut populations, place, entity, &mut texture, snapshot, &mut commands),
        None => slot.wait(entity, Waiting::Snapshot(Box::new(snapshot))),
    }
}

/// Lets a sprite that has its place go on from a snapshot.
pub(super) fn restore(
    populations: &mut Populations,
    place: Place,
    texture: &mut NcaTexture,
    snapshot: NcaSnapshot,
) -> Result<(), NcaSnapshotError> {
    let Life { seed, angle, .. } = snapshot.head.life;
    populations.restore(place, snapshot)?;
    (texture.seed, texture.angle) = (seed, angle);
    Ok(())
}

/// The same; if the snapshot is refused, tells so.
pub(super) fn restore_or_refuse(
    populations: &mut Populations,
    place: Place,
    entity: Entity,
    texture: &mut NcaTexture,
    snapshot: NcaSnapshot,
    commands: &mut Commands,
) {
    if let Err(error) = restore(populations, place, texture, snapshot) {
        error!("the snapshot of {entity} is refused: {error}");
        commands.trigger(NcaRestoreRefused { entity, error });
    }
}
