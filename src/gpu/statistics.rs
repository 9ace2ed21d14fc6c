//! The statistics of cells in the memory of the GPU.

use super::{
    spec::PopulationSpec,
    work::{StatsRequest, Work},
};
use crate::rule::{CellMask, CellStats};

/// Statistics that have been read back.
pub(crate) struct StatsRead {
    pub(crate) request: StatsRequest,
    pub(crate) population: u32,
    pub(crate) stats: CellStats,
    /// The living cells, if requested.
    pub(crate) alive: Option<CellMask>,
}

/// The size of a sprite's words in bytes.
const WORDS_BYTES: u64 = size_of::<CellStats>() as u64;

/// The size of a sprite's alive mask in bytes.
fn mask_bytes(spec: &PopulationSpec) -> u64 {
    CellMask::words_for(spec.cells() as usize) as u64 * 4
}

/// The size of the buffer in bytes: the words of all slots, then their alive masks.
pub(super) fn buffer_bytes(spec: &PopulationSpec) -> u64 {
    u64::from(spec.capacity) * (WORDS_BYTES + mask_bytes(spec))
}

/// The bytes of the buffer in use in this frame. The alive masks come last, and are rarely requested.
pub(super) fn used_bytes(spec: &PopulationSpec, work: &Work) -> u64 {
    match work.shown.iter().any(|shown| shown.display.alive_mask) {
        true => buffer_bytes(spec),
        false => u64::from(spec.capacity) * WORDS_BYTES,
    }
}

/// Where the statistics of a sprite are in a copy.
pub(super) struct Entry {
    request: StatsRequest,
    population: u32,
    grid: [u32; 2],
    words: u64,
    mask: Option<u64>,
}

/// The entries of a population whose buffer begins at an offset of a copy.
pub(super) fn entries(population: u32, spec: &PopulationSpec, work: &Work, offset: u64) -> impl Iterator<Item = Entry> {
    let masks = offset + u64::from(spec.capacity) * WORDS_BYTES;
    work.shown.iter().filter_map(move |shown| {
        let slot = u64::from(shown.slot);
        Some(Entry {
            request: shown.stats?,
            population,
            grid: spec.grid,
            words: offset + slot * WORDS_BYTES,
            mask: shown.display.alive_mask.then(|| masks + slot * mask_bytes(spec)),
        })
    })
}

impl Entry {
    /// Decodes the statistics of a sprite.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<StatsRead> {
        let first = self.words as usize;
        let words = bytes.get(first..first + WORDS_BYTES as usize)?;
        let stats: CellStats = bytemuck::pod_read_unaligned(words);
        let alive = match self.mask {
            Some(first) => Some(self.decode_mask(bytes, first as usize)?),
            None => None,
        };
        Some(StatsRead { request: self.request, population: self.population, stats, alive })
    }

    fn decode_mask(&self, bytes: &[u8], first: usize) -> Option<CellMask> {
        let [width, height] = self.grid.map(|side| side as usize);
        let words = bytes.get(first..first + CellMask::words_for(width * height) * 4)?;
        CellMask::from_words(width, height, bytemuck::pod_collect_to_vec(words))
    }
}
