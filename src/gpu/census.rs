//! Reading back what the cells of all sprites amount to, without waiting for the GPU.

use bevy::{
    prelude::*,
    render::{
        render_resource::{Buffer, BufferDescriptor, BufferUsages, MapMode},
        renderer::RenderContext,
    },
};
use bytemuck::{Pod, Zeroable};

use super::{population::GpuPopulation, readback::Arrivals, work::CountWish};
use crate::rule::{CellMask, Census, Count};

/// What a sprite's cells amounted to after a tick.
pub(crate) struct CensusRead {
    /// The sprite, and the population in which it was.
    pub(crate) entity: Entity,
    pub(crate) population: u32,
    /// Which of the lives that the sprite has had.
    pub(crate) life: u64,
    pub(crate) tick: u32,
    /// What a grown sprite looks like was known when this was counted.
    pub(crate) is_judged: bool,
    pub(crate) count: Count,
}

/// A sprite's words in the census buffer, in the order of `live.wgsl`. All start as zeros; so the
/// least column and row are counted from the far edge.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Tally {
    live: u32,
    held: u32,
    sum: [u32; 2],
    from_far_edge: [u32; 2],
    end: [u32; 2],
    lost: u32,
}

/// Bytes of a sprite in the census buffer.
pub(super) const CENSUS_BYTES: u64 = size_of::<Tally>() as u64;

/// Bytes of a sprite's living cells, one bit each.
pub(super) fn tissue_bytes(cells: u64) -> u64 {
    CellMask::words_for(cells as usize) as u64 * 4
}

/// Whose census, and whose living cells, lie where in a copy.
struct Entry {
    wish: CountWish,
    population: u32,
    grid: [u32; 2],
    offset: u64,
    tissue: u64,
}

impl Entry {
    fn read(&self, bytes: &[u8]) -> Option<CensusRead> {
        let first = self.offset as usize;
        let words = bytes.get(first..first + size_of::<Tally>())?;
        let Tally { live, held, sum, from_far_edge, end, lost } = bytemuck::pod_read_unaligned(words);
        let min = [0, 1].map(|axis| self.grid[axis].saturating_sub(from_far_edge[axis]));
        let min = if live > 0 { min } else { [0; 2] };
        let CountWish { entity, life, tick, tissue, is_judged, .. } = self.wish;
        let census = Census { live, held, lost, min, max: end, sum };
        let tissue = if tissue { Some(self.read_tissue(bytes)?) } else { None };
        let (population, count) = (self.population, Count { census, tissue });
        Some(CensusRead { entity, population, life, tick, is_judged, count })
    }

    fn read_tissue(&self, bytes: &[u8]) -> Option<CellMask> {
        let [width, height] = self.grid.map(|side| side as usize);
        let first = self.tissue as usize;
        let words = bytes.get(first..first + CellMask::words_for(width * height) * 4)?;
        CellMask::from_words(width, height, bytemuck::pod_collect_to_vec(words))
    }
}

/// Bytes of a population's census that are in use in this frame: which cells live comes last, and is seldom
/// asked for.
pub(super) fn census_bytes(population: &GpuPopulation) -> u64 {
    match population.work.counts.iter().any(|wish| wish.tissue) {
        true => population.cells.census.size(),
        false => u64::from(population.cells.capacity) * CENSUS_BYTES,
    }
}

/// A copy of a frame's census that has arrived, and what was made of it.
struct Arrived {
    buffer: Buffer,
    entries: Vec<Entry>,
    read: Vec<CensusRead>,
}

/// The copies under way, one a frame for all populations.
#[derive(Default)]
pub(super) struct CensusReadbacks {
    /// Buffers and lists to use again.
    free: Vec<Buffer>,
    free_lists: Vec<(Vec<Entry>, Vec<CensusRead>)>,
    copied: Option<Arrived>,
    arrivals: Arrivals<Arrived>,
}

impl CensusReadbacks {
    /// Records the copy of what is wished for of some populations.
    pub(super) fn copy<'a>(
        &mut self,
        populations: impl Iterator<Item = (u32, &'a GpuPopulation)> + Clone,
        context: &mut RenderContext,
    ) {
        let counted = populations.filter(|(_, population)| !population.work.counts.is_empty());
        let total = counted.clone().map(|(_, population)| census_bytes(population)).sum::<u64>();
        if total == 0 {
            return;
        }
        let free = self.free.iter().position(|buffer| buffer.size() >= total);
        let buffer = free.map(|free| self.free.swap_remove(free)).unwrap_or_else(|| {
            // Those that are too small will not be used again.
            self.free.clear();
            context.render_device().create_buffer(&BufferDescriptor {
                label: Some("nca_census_readback"),
                size: total.next_power_of_two(),
                usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                mapped_at_creation: false,
            })
        });
        let (mut entries, read) = self.free_lists.pop().unwrap_or_default();
        let mut first = 0;
        for (id, population) in counted {
            let census = &population.cells.census;
            let bytes = census_bytes(population);
            context.command_encoder().copy_buffer_to_buffer(census, 0, &buffer, first, bytes);
            let [width, height] = population.spec.grid.map(u64::from);
            let tissues = first + u64::from(population.cells.capacity) * CENSUS_BYTES;
            entries.extend(population.work.counts.iter().map(|&wish| Entry {
                wish,
                population: id,
                grid: population.spec.grid,
                offset: first + u64::from(wish.slot) * CENSUS_BYTES,
                tissue: tissues + u64::from(wish.slot) * tissue_bytes(width * height),
            }));
            first += bytes;
        }
        self.copied = Some(Arrived { buffer, entries, read });
    }

    /// Asks for the copy, after it was submitted.
    pub(super) fn map(&mut self) {
        let Some(Arrived { buffer, entries, mut read }) = self.copied.take() else { return };
        let sender = self.arrivals.sender();
        buffer.clone().slice(..).map_async(MapMode::Read, move |result| {
            // Else the device was lost, and the sprites with it.
            if result.is_ok() {
                let bytes = buffer.slice(..).get_mapped_range();
                read.extend(entries.iter().filter_map(|entry| entry.read(&bytes)));
                drop(bytes);
                buffer.unmap();
                let _ = sender.send(Arrived { buffer, entries, read });
            }
        });
    }

    /// Adds what has arrived since the last call, oldest first.
    pub(super) fn take(&mut self, all: &mut Vec<CensusRead>) {
        for Arrived { buffer, mut entries, mut read } in self.arrivals.take() {
            all.append(&mut read);
            entries.clear();
            self.free.push(buffer);
            self.free_lists.push((entries, read));
        }
    }
}
