//! Statistics of the cells of an instance after a tick.

use bevy::prelude::*;

use super::Instance;
use crate::rule::{CellMask, CellStats};

/// Statistics of the cells of an instance after a tick.
#[derive(Debug)]
pub(crate) struct InstanceStats {
    pub(crate) entity: Entity,
    pub(crate) population: u32,
    /// [`Instance::generation`](super::Instance::generation) at that tick.
    pub(crate) generation: u64,
    pub(crate) tick: u32,
    /// The number of the form that the cells were compared with.
    pub(crate) form: usize,
    /// Whether the grown shape was known. Otherwise `CellStats::matching` has no meaning.
    pub(crate) is_judged: bool,
    pub(crate) stats: CellStats,
    /// The living cells, if requested.
    pub(crate) alive: Option<CellMask>,
}

impl InstanceStats {
    /// The statistics of the present cells of an instance.
    pub(crate) fn new(
        instance: &Instance,
        population: u32,
        is_judged: bool,
        stats: CellStats,
        alive: Option<CellMask>,
    ) -> Self {
        let Instance { entity, generation, .. } = *instance;
        let (tick, form) = (instance.state.tick, instance.state.pose().form);
        Self { entity, population, generation, tick, form, is_judged, stats, alive }
    }
}
