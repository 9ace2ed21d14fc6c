//! Which cells of a sprite are alive.

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::rule::CellMask;

/// The living cells of a sprite, beside its [`NcaTexture`](super::NcaTexture).
///
/// It is updated together with [`NcaVitals`](super::NcaVitals). It is marked as changed only when a cell has changed.
/// [`NcaProbe`](crate::NcaProbe) requires it. On the GPU it costs a read-back of one bit per cell and frame, for all
/// sprites of the same model, grid and sampling.
#[derive(Component, Reflect, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[reflect(opaque)]
#[reflect(Component, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[type_path = "bevy_nca"]
pub struct NcaAliveMask {
    /// The living cells. In a body of coordinates, only those that show a pixel of its picture. `None` until the first count, and again after the texture is removed or gets another model or
    /// grid.
    pub cells: Option<CellMask>,
}
