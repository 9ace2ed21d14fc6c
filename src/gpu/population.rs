//! The populations in the render world. Buffers and bind groups are created once and kept.
//!
//! 1. Extraction hands over the specification and the work of each population ([`GpuPopulations::receive`]).
//! 2. [`prepare_buffers`] creates or resizes buffers, and uploads the work.
//! 3. [`prepare_bind_groups`] creates a bind group again if one of its resources has been replaced.
//! 4. `dispatch` records the compute passes and the copies for read-backs.
//! 5. [`map_read_backs`] maps the copies after they were submitted.

use std::sync::Arc;

use bevy::{
    platform::{collections::HashMap, time::Instant},
    prelude::*,
    render::{
        render_asset::RenderAssets,
        render_resource::{Buffer, PipelineCache, SpecializedComputePipelines, TextureId},
        renderer::{RenderDevice, RenderQueue},
        texture::GpuImage,
    },
};

use super::{
    DisplayState, PopulationSpec, StatsRead, Status, Work,
    bindings::{Bound, BoundGroup},
    buffers::{Cells, TickBuffers, Uploads, weights},
    layout::Params,
    pipelines::{NcaPipeline, PipelineIds},
    readback::Readback,
};
use crate::rule::{State, printable};

/// A population in the render world.
pub(super) struct GpuPopulation {
    pub(super) spec: PopulationSpec,
    /// Work that has not been dispatched.
    pub(super) work: Work,
    pub(super) uploads: Uploads,
    pub(super) cells: Cells,
    tick: TickBuffers,
    weights: Buffer,
    pub(super) pipelines: PipelineIds,
    pub(super) bind_group: Option<BoundGroup>,
    /// The texture that shows the sprites. If it is replaced, all sprites are drawn again.
    drawn: Option<TextureId>,
    /// How sprites are drawn, by slot.
    displays: Vec<Option<DisplayState>>,
    /// The model or the reference has been replaced.
    is_outdated: bool,
    /// The time of its arrival, until its pipelines are compiled.
    arrived_at: Option<Instant>,
    /// Its work can be dispatched in this frame.
    pub(super) is_ready: bool,
    has_failed: bool,
}

/// The populations in the render world, by the number of the main world.
#[derive(Resource)]
pub(crate) struct GpuPopulations {
    pub(super) by_id: HashMap<u32, GpuPopulation>,
    /// New populations, whose buffers are made in the next frame.
    arrived: HashMap<u32, (PopulationSpec, Work)>,
    /// Cells, by ticket.
    pub(super) cells: Readback<u64, State>,
    pub(super) stats: Readback<(), Vec<StatsRead>>,
}

impl GpuPopulations {
    fn new(cells: Readback<u64, State>) -> Self {
        Self {
            by_id: HashMap::default(),
            arrived: HashMap::default(),
            cells,
            stats: Readback::new("nca_statistics_readback"),
        }
    }

    /// Takes the work of a population. Call it once per frame for each population.
    pub(crate) fn receive(&mut self, id: u32, spec: &PopulationSpec, work: &mut Work) -> Status {
        if let Some(population) = self.by_id.get_mut(&id) {
            population.is_outdated |= !Arc::ptr_eq(&population.spec.model, &spec.model)
                || !Arc::ptr_eq(&population.spec.reference, &spec.reference);
            population.spec = spec.clone();
            population.work.append(work);
            // Reset it: a stopped renderer must not look ready.
            return match std::mem::take(&mut population.is_ready) {
                true => Status::Ready,
                false if population.has_failed => Status::Failed,
                false => Status::Preparing,
            };
        }
        let (known, pending) = self.arrived.entry(id).or_insert_with(|| (spec.clone(), Work::default()));
        *known = spec.clone();
        pending.append(work);
        Status::Preparing
    }

    /// Whether a population is known. One that is no longer known was lost with its device.
    pub(crate) fn knows(&self, id: u32) -> bool {
        self.by_id.contains_key(&id) || self.arrived.contains_key(&id)
    }

    /// Drops the populations for which `lives` is false.
    pub(crate) fn retain(&mut self, lives: impl Fn(u32) -> bool) {
        let Self { by_id, arrived, cells, .. } = self;
        let mut keep = |id: u32, work: &Work| {
            let lives = lives(id);
            if !lives {
                work.reads.iter().for_each(|read| cells.fail(read.ticket));
            }
            lives
        };
        by_id.retain(|id, population| keep(*id, &population.work));
        arrived.retain(|id, (_, work)| keep(*id, work));
    }

    /// Cells that have been read back since the last call, by ticket; `None` if they could not be.
    pub(crate) fn take_cells(&mut self) -> impl Iterator<Item = (u64, Option<State>)> {
        self.cells.take()
    }

    /// Statistics that have been read back since the last call, oldest first.
    pub(crate) fn take_stats(&mut self) -> impl Iterator<Item = StatsRead> {
        self.stats.take().filter_map(|((), stats)| stats).flatten()
    }
}

/// Starts without populations, at first and after a lost device. Requests for cells on that device fail.
pub(super) fn reset_populations(mut commands: Commands, lost: Option<ResMut<GpuPopulations>>) {
    let mut cells = Readback::new("nca_cells_readback");
    if let Some(mut lost) = lost {
        let GpuPopulations { by_id, arrived, cells: lost_cells, .. } = &mut *lost;
        std::mem::swap(&mut cells, lost_cells);
        let works = by_id.values().map(|population| &population.work).chain(arrived.values().map(|(_, work)| work));
        works.flat_map(|work| &work.reads).for_each(|read| cells.fail(read.ticket));
        cells.fail_all();
    }
    commands.insert_resource(GpuPopulations::new(cells));
}

/// Creates and resizes buffers, and uploads the work of this frame.
pub(super) fn prepare_buffers(
    mut populations: ResMut<GpuPopulations>,
    mut pipelines: ResMut<SpecializedComputePipelines<NcaPipeline>>,
    pipeline: Res<NcaPipeline>,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    let GpuPopulations { by_id, arrived, .. } = &mut *populations;
    let mut pipelines = |spec: &PopulationSpec| PipelineIds::new(spec, &mut pipelines, &pipeline, &cache);
    for (id, (spec, work)) in arrived.drain() {
        let population = GpuPopulation {
            cells: Cells::new(&device, &spec),
            tick: TickBuffers::new(&device, &spec, 1),
            weights: weights(&device, &spec.model, &spec.reference),
            pipelines: pipelines(&spec),
            is_outdated: false,
            arrived_at: Some(Instant::now()),
            uploads: Uploads::new(),
            bind_group: None,
            drawn: None,
            displays: Vec::new(),
            is_ready: false,
            has_failed: false,
            // A new population has no sprites on the GPU that could move.
            work: Work { moves: None, ..work },
            spec,
        };
        by_id.insert(id, population);
    }
    for population in by_id.values_mut() {
        if std::mem::take(&mut population.is_outdated) {
            let spec = &population.spec;
            population.weights = weights(&device, &spec.model, &spec.reference);
            population.pipelines = pipelines(spec);
            population.has_failed = false;
        }
        let atlas = images.get(population.spec.atlas).filter(|atlas| population.spec.can_draw_on(atlas));
        population.prepare(atlas, &cache, &device, &queue);
    }
}

/// Creates bind groups again if their resources have been replaced.
pub(super) fn prepare_bind_groups(
    mut populations: ResMut<GpuPopulations>,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
) {
    for population in populations.by_id.values_mut().filter(|population| population.is_ready) {
        let atlas = images.get(population.spec.atlas).filter(|atlas| population.spec.can_draw_on(atlas));
        let Some(atlas) = atlas else { continue };
        let GpuPopulation { spec, uploads, weights, cells, tick, bind_group, .. } = population;
        let bound = Bound { uploads, weights, cells: &cells.buffers, tick, atlas, kind: spec.kind };
        *bind_group = BoundGroup::update(bind_group.take(), bound, &cache, &device);
    }
}

impl GpuPopulation {
    fn prepare(&mut self, atlas: Option<&GpuImage>, cache: &PipelineCache, device: &RenderDevice, queue: &RenderQueue) {
        let moves = self.work.moves.take();
        if let Some(moves) = &moves {
            self.displays = moves.iter().map(|slot| self.displays.get(*slot as usize).copied().flatten()).collect();
        }
        if moves.is_some() || self.cells.buffers.capacity != self.spec.capacity {
            self.cells.resize(device, &self.spec, moves);
        }
        self.tick.fit(device, &self.spec, self.work.most_at_once());
        if let Some(error) = self.pipelines.error(cache).filter(|_| !self.has_failed) {
            error!("the model `{}` cannot run on the GPU: {error}", printable(&self.spec.model.rule().name));
            self.has_failed = true;
        }
        self.is_ready = self.pipelines.get(cache).is_some() && atlas.is_some();
        let Some(atlas) = atlas.filter(|_| self.is_ready) else { return };
        if let Some(arrived_at) = self.arrived_at.take() {
            debug!(
                "`{}` ticks on the GPU; its shaders were ready after {:.0?}",
                printable(&self.spec.model.rule().name),
                arrived_at.elapsed()
            );
        }
        self.note_displays();
        if self.drawn.replace(atlas.texture.id()) != Some(atlas.texture.id()) {
            self.draw_all();
        }
        if !self.work.is_empty() {
            let PopulationSpec { model, reference, grid, atlas_columns, .. } = &self.spec;
            let capacity = self.cells.buffers.capacity;
            let params = Params::new(model.rule(), reference, *grid, *atlas_columns, capacity);
            self.uploads.write(&self.work, params, device, queue);
        }
    }

    /// Stores how the sprites of this frame are drawn.
    fn note_displays(&mut self) {
        for shown in &self.work.shown {
            let slot = shown.slot as usize;
            if slot >= self.displays.len() {
                self.displays.resize(slot + 1, None);
            }
            self.displays[slot] = Some(shown.display);
        }
    }

    /// Also draws the sprites that have not changed in this frame.
    fn draw_all(&mut self) {
        let mut unchanged = self.displays.clone();
        self.work.shown.iter().for_each(|shown| unchanged[shown.slot as usize] = None);
        for (slot, display) in (0..).zip(unchanged) {
            if let Some(display) = display {
                self.work.show(slot, display, None);
            }
        }
    }
}

/// Maps the copies of this frame, after they were submitted.
pub(super) fn map_read_backs(mut populations: ResMut<GpuPopulations>) {
    let GpuPopulations { cells, stats, .. } = &mut *populations;
    cells.map();
    stats.map();
}
