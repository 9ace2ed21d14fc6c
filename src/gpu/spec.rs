//! The specification of a population.

use std::sync::Arc;

use bevy::{asset::AssetId, image::Image};

use super::NcaPrecision;
use crate::rule::{Model, Reference};

/// The specification of a population, which the main world sends.
#[derive(Clone, Debug)]
pub(crate) struct PopulationSpec {
    pub(crate) model: Arc<Model>,
    pub(crate) reference: Arc<Reference>,
    /// Width and height in cells.
    pub(crate) grid: [u32; 2],
    /// The number of slots.
    pub(crate) capacity: u32,
    pub(crate) atlas: AssetId<Image>,
    /// Slots in a row of the atlas.
    pub(crate) atlas_columns: u32,
    /// The atlas contains the first four channels of each sprite instead of its picture.
    pub(crate) shows_tissue: bool,
    pub(crate) precision: NcaPrecision,
}

impl PopulationSpec {
    /// The number of cells of a sprite.
    pub(super) fn cells(&self) -> u64 {
        let [width, height] = self.grid.map(u64::from);
        width * height
    }

    /// The size of a sprite's state in bytes.
    pub(super) fn state_bytes(&self) -> u64 {
        self.precision.state_bytes(self.model.rule(), self.grid)
    }
}

/// Whether a population can tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Pipelines compile. Work is kept, but the population must not tick.
    Preparing,
    /// Work is dispatched in the same frame.
    Ready,
    /// A pipeline cannot be compiled; the log gives the reason.
    Failed,
}
