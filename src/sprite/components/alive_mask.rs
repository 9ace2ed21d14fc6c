//! Which cells of a sprite are alive.

use bevy::prelude::*;

use crate::rule::CellMask;

/// Beside an [`NcaTexture`](super::NcaTexture): which cells of the sprite are alive.
///
/// It is updated together with [`NcaVitals`](super::NcaVitals), and marked as changed only when a cell has changed.
/// [`NcaProbe`](crate::NcaProbe) reads it to find living cells in the world. On the GPU it costs one bit per cell of
/// read-back per frame, for all sprites of the model.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
pub struct NcaAliveMask {
    /// The cells that are alive. `None` until the first count, and after the texture is removed.
    pub cells: Option<CellMask>,
}
