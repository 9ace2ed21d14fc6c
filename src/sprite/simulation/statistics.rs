//! Statistics of the cells of an instance after a tick.

use bevy::prelude::*;

use crate::rule::{CellMask, CellStats};

/// Statistics of the cells of an instance after a tick.
#[derive(Debug)]
pub(crate) struct InstanceStats {
    pub(crate) entity: Entity,
    pub(crate) population: u32,
    /// [`Instance::generation`](super::Instance::generation) at that tick.
    pub(crate) generation: u64,
    pub(crate) tick: u32,
    /// Whether the grown shape was known. Otherwise `CellStats::matching` has no meaning.
    pub(crate) is_judged: bool,
    pub(crate) stats: CellStats,
    /// The living cells, if requested.
    pub(crate) alive: Option<CellMask>,
}
