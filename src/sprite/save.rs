//! The saved form of a sprite.
//!
//! It is independent of the structs of the simulation. The names and the order of the fields below are a file format:
//! change them only together with [`NcaSnapshot::VERSION`]. A field with a default may be added.

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::{components::NcaCondition, simulation::FormWalk};
use crate::rule::{CellMask, Model, Output, State, truncate_and_escape};

/// The state of a sprite: its cells, and everything that determines its future, including wounds that wait for the next
/// tick. A restored sprite continues with the same cells, even in another app.
///
/// [`NcaSaved`](crate::NcaSaved) and [`NcaRollback::save`](crate::NcaRollback::save) return it.
///
/// Serialize it with any format of [serde](https://serde.rs). Saves of earlier versions can be read from formats that name
/// their fields, such as JSON and RON. Deserialization checks the data, and restoring checks it
/// against the sprite's model and grid.
#[derive(Reflect, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[reflect(opaque)]
#[reflect(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[type_path = "bevy_nca"]
pub struct NcaSnapshot {
    head: Head,
    state: State,
}

/// Everything except the cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    version: u32,
    model_name: String,
    /// [`Model::fingerprint`]
    model: u64,
    /// What the cells encode. Missing in old snapshots, of models that encode colors.
    #[serde(default)]
    output: Option<Output>,
    life: SavedInstance,
}

/// The state of an instance. The fields match those of the simulation's `InstanceState`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedInstance {
    pub(crate) seed: u32,
    pub(crate) angle: f32,
    pub(crate) tick: u32,
    pub(crate) owed: f64,
    pub(crate) changes: SavedEdits,
    pub(crate) dead_ground: Option<CellMask>,
    pub(crate) hits: u32,
    pub(crate) quiet: u32,
    pub(crate) asleep: bool,
    pub(crate) condition: NcaCondition,
    pub(crate) has_grown: bool,
    /// Cells that follow the model's overgrowth. Missing in old snapshots.
    #[serde(default)]
    pub(crate) overgrown: Option<CellMask>,
    /// Its form, and the way to others; `None` if it has always been in the first one. Missing in old snapshots.
    #[serde(default)]
    pub(crate) form: Option<FormWalk>,
    /// How far it stands from its place, right and down, in cells. Missing in old snapshots.
    #[serde(default)]
    pub(crate) beside: [i32; 2],
}

/// Edits that wait for the next tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedEdits {
    /// Equal to `SavedInstance::dead_ground` if that has changed since the last tick.
    pub(crate) dead_ground: Option<CellMask>,
    pub(crate) seeds: Option<CellMask>,
    pub(crate) wound: Option<CellMask>,
}

impl SavedInstance {
    /// Whether the masks fit a grid, and the numbers are in range.
    fn is_valid(&self, width: usize, height: usize) -> bool {
        let Self { angle, owed, changes, dead_ground, overgrown, form, beside, .. } = self;
        let masks = [dead_ground, overgrown, &changes.dead_ground, &changes.seeds, &changes.wound];
        let fits = masks.into_iter().flatten().all(|mask| mask.fits(width, height));
        fits && form.as_ref().is_none_or(FormWalk::is_valid)
            && angle.is_finite()
            && (0.0..=17.0).contains(owed)
            && beside.iter().zip([width, height]).all(|(axis, side)| axis.unsigned_abs() as usize <= side)
    }
}

/// A snapshot does not fit a sprite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NcaSnapshotError {
    /// The snapshot has another [version](NcaSnapshot::VERSION).
    #[error("expected a snapshot of version {}, found {found}", NcaSnapshot::VERSION)]
    Version {
        /// The version found.
        found: u32,
    },
    /// The snapshot belongs to another model: both the name and the weights differ.
    #[error("expected a snapshot of the model `{expected}`, found one of `{found}`")]
    Model {
        /// The name of the snapshot's model.
        found: String,
        /// The name of the sprite's model.
        expected: String,
    },
    /// The snapshot has another grid size or number of channels.
    #[error("expected a snapshot of {}x{} cells of {} channels, found {}x{} of {}", .expected[0], .expected[1], .expected[2], .found[0], .found[1], .found[2])]
    Size {
        /// Width, height and channels of the snapshot.
        found: [usize; 3],
        /// Width, height and channels of the sprite.
        expected: [usize; 3],
    },
    /// Its wounds or numbers do not fit its cells. The data may be damaged.
    #[error("found a snapshot whose wounds or numbers do not fit its cells; is it damaged?")]
    Broken,
}

impl NcaSnapshotError {
    pub(crate) fn model(found: &NcaSnapshot, expected: &Model) -> Self {
        let name = |name: &str| truncate_and_escape(name.to_owned());
        Self::Model { found: name(found.model_name()), expected: name(&expected.rule().name) }
    }
}

impl NcaSnapshot {
    /// The version of the serialized form.
    pub const VERSION: u32 = 1;

    pub(crate) fn new(life: SavedInstance, model: &Model, state: State) -> Self {
        let rule = model.rule();
        let (model_name, model) = (rule.name.clone(), model.fingerprint());
        let output = Some(rule.output);
        Self { head: Head { version: Self::VERSION, model_name, model, output, life }, state }
    }

    /// The sprite's age in ticks.
    pub fn tick(&self) -> u32 {
        self.head.life.tick
    }

    /// The sprite's cells.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The name of the sprite's model.
    pub fn model_name(&self) -> &str {
        &self.head.model_name
    }

    /// Whether the model is the one that was saved, with the same weights.
    pub fn is_of(&self, model: &Model) -> bool {
        self.head.model == model.fingerprint()
    }

    /// The seed and the angle of the sprite's texture.
    pub(crate) fn seed_and_angle(&self) -> (u32, f32) {
        (self.head.life.seed, self.head.life.angle)
    }

    /// Whether another snapshot fits every sprite that this one fits.
    pub(crate) fn is_for_the_same(&self, other: &Self) -> bool {
        let key =
            |Self { head, state }: &Self| (head.version, head.model, [state.width(), state.height(), state.channels()]);
        key(self) == key(other) && self.head.model_name == other.head.model_name
    }

    /// The saved parts, if they belong to this model on this grid. The name, the size and the output of the model must
    /// match. The weights may have changed since, as after another training run.
    pub(crate) fn into_parts(
        self,
        model: &Model,
        [width, height]: [u32; 2],
    ) -> Result<(SavedInstance, State), NcaSnapshotError> {
        let version = self.head.version;
        if version != Self::VERSION {
            return Err(NcaSnapshotError::Version { found: version });
        }
        let name = &model.rule().name;
        let encodes_the_same = match self.head.output {
            Some(output) => output == model.rule().output,
            None => model.rule().output != Output::Coordinates,
        };
        let is_retrained = !name.is_empty() && self.model_name() == name && encodes_the_same;
        if !self.is_of(model) && !is_retrained {
            return Err(NcaSnapshotError::model(&self, model));
        }
        let Self { head: Head { life, .. }, state } = self;
        let found = [state.width(), state.height(), state.channels()];
        let expected = [width as usize, height as usize, model.rule().channels];
        if found != expected {
            return Err(NcaSnapshotError::Size { found, expected });
        }
        if !life.is_valid(found[0], found[1]) {
            return Err(NcaSnapshotError::Broken);
        }
        let form = life.form.map(|form| form.for_forms(model.rule().forms.len()));
        Ok((SavedInstance { form, ..life }, state))
    }
}
