//! The populations on the GPU: their buffers and bind groups, made once and kept.

use std::sync::Arc;

use bevy::{
    asset::AssetId,
    platform::{collections::HashMap, time::Instant},
    prelude::*,
    render::{
        render_asset::RenderAssets,
        render_resource::{
            BindGroup, BindGroupEntries, Buffer, BufferId, PipelineCache, TextureFormat, TextureId, TextureUsages,
            TextureViewDescriptor,
        },
        renderer::{RenderDevice, RenderQueue},
        texture::GpuImage,
    },
};

use super::{
    Look, NcaPrecision, Shaders, Work,
    buffers::{CellBuffers, TickBuffers, Uploads, weights},
    census::CensusReadbacks,
    pipelines::{Params, PipelineIds, PipelineSets, layout},
    readback::Readbacks,
    work::Wish,
};
use crate::rule::{Model, Reference, printable};

/// What the main world says of a population.
#[derive(Clone, Debug)]
pub(crate) struct PopulationSpec {
    pub(crate) model: Arc<Model>,
    pub(crate) reference: Arc<Reference>,
    /// Width and height in cells.
    pub(crate) grid: [u32; 2],
    /// Slots to have room for.
    pub(crate) capacity: u32,
    pub(crate) atlas: AssetId<Image>,
    /// Slots in a row of the atlas.
    pub(crate) atlas_columns: u32,
    pub(crate) precision: NcaPrecision,
}

impl PopulationSpec {
    /// Cells of a sprite.
    pub(super) fn cells(&self) -> u64 {
        let [width, height] = self.grid.map(u64::from);
        width * height
    }

    /// Bytes of a sprite's state.
    pub(super) fn state_bytes(&self) -> u64 {
        self.precision.state_bytes(self.model.rule(), self.grid)
    }
}

/// A population on the GPU.
pub(super) struct GpuPopulation {
    pub(super) spec: PopulationSpec,
    /// What has not been dispatched yet.
    pub(super) work: Work,
    pub(super) uploads: Uploads,
    pub(super) cells: CellBuffers,
    tick: TickBuffers,
    weights: Buffer,
    pub(super) pipelines: PipelineIds,
    bind_group: Option<(BindGroupKey, BindGroup)>,
    /// The texture that holds the picture. Another one, as after the atlas has grown, is painted anew.
    painted: Option<TextureId>,
    /// How sprites look, by slot, to paint them anew.
    looks: Vec<Look>,
    /// Its model, or what a grown sprite of it looks like, has been replaced.
    outdated: bool,
    /// When it came, until its pipelines are there.
    begun: Option<Instant>,
    /// Everything is there to dispatch what `uploads` holds.
    pub(super) ready: bool,
    failed: bool,
}

/// What a bind group was made of, to know when it must be made anew.
#[derive(PartialEq)]
struct BindGroupKey {
    atlas: TextureId,
    buffers: [BufferId; 5],
}

/// The populations on the GPU, by the number that the main world gave them.
#[derive(Resource, Default)]
pub(crate) struct GpuPopulations {
    pub(super) populations: HashMap<u32, GpuPopulation>,
    pub(super) readbacks: Readbacks,
    pub(super) census: CensusReadbacks,
    pipelines: PipelineSets,
    /// New ones, whose buffers the next frame makes.
    arrived: HashMap<u32, (PopulationSpec, Work)>,
}

/// How a population stands, for the main world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Pipelines are being compiled: work is kept, but the clock should wait.
    Preparing,
    /// What is handed over is dispatched in the same frame.
    Ready,
    /// Its pipelines cannot be compiled; the log says why.
    Failed,
}

impl GpuPopulations {
    /// Takes a population's work over. Call once a frame for each population that lives.
    pub(crate) fn receive(&mut self, id: u32, spec: &PopulationSpec, work: &mut Work) -> Standing {
        if let Some(population) = self.populations.get_mut(&id) {
            population.outdated |= !Arc::ptr_eq(&population.spec.model, &spec.model)
                || !Arc::ptr_eq(&population.spec.reference, &spec.reference);
            population.spec = spec.clone();
            population.work.append(work);
            // Taken, so that a renderer that has stopped is not thought ready for ever.
            return match std::mem::take(&mut population.ready) {
                true => Standing::Ready,
                false if population.failed => Standing::Failed,
                false => Standing::Preparing,
            };
        }
        let (known, pending) = self.arrived.entry(id).or_insert_with(|| (spec.clone(), Work::default()));
        *known = spec.clone();
        pending.append(work);
        Standing::Preparing
    }

    /// Whether a population is known. One that was, and is not, was lost with its device.
    pub(crate) fn knows(&self, id: u32) -> bool {
        self.populations.contains_key(&id) || self.arrived.contains_key(&id)
    }

    /// Drops every population that the main world has no more.
    pub(crate) fn retain(&mut self, lives: impl Fn(u32) -> bool) {
        let Self { populations, arrived, readbacks, .. } = self;
        let mut keep = |id: u32, work: &Work| {
            let lives = lives(id);
            if !lives {
                readbacks.give_up(work.wishes.iter().cloned());
            }
            lives
        };
        populations.retain(|id, population| keep(*id, &population.work));
        arrived.retain(|id, (_, work)| keep(*id, work));
    }

    /// Cells that have been read back since the last call.
    pub(crate) fn take_cells(&mut self) -> Vec<super::CellsRead> {
        self.readbacks.take()
    }

    /// Adds what the cells of sprites amount to, as read back since the last call, oldest first.
    pub(crate) fn take_census(&mut self, counted: &mut Vec<super::CensusRead>) {
        self.census.take(counted);
    }
}

/// Starts with nothing, also after a device was lost. What was to be read from that one is answered: it cannot be had.
pub(super) fn forget_populations(mut commands: Commands, lost: Option<ResMut<GpuPopulations>>) {
    let mut readbacks = Readbacks::default();
    if let Some(mut lost) = lost {
        let GpuPopulations { populations, arrived, .. } = &mut *lost;
        let works = populations.values().map(|population| &population.work);
        let wishes: Vec<Wish> =
            works.chain(arrived.values().map(|(_, work)| work)).flat_map(|work| &work.wishes).cloned().collect();
        readbacks = std::mem::take(&mut lost.readbacks);
        readbacks.give_up(wishes);
        readbacks.give_all_up();
    }
    commands.insert_resource(GpuPopulations { readbacks, ..default() });
}

/// Makes or grows buffers, uploads this frame's work, and makes bind groups where something changed.
pub(super) fn prepare_populations(
    mut populations: ResMut<GpuPopulations>,
    shaders: Res<Shaders>,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    let GpuPopulations { populations, pipelines, arrived, .. } = &mut *populations;
    for (id, (spec, work)) in arrived.drain() {
        let population = GpuPopulation {
            cells: CellBuffers::new(&device, &spec),
            tick: TickBuffers::new(&device, &spec, 1),
            weights: weights(&device, &spec.model, &spec.reference),
            pipelines: pipelines.get(spec.model.rule(), spec.precision, &shaders, &cache),
            outdated: false,
            begun: Some(Instant::now()),
            uploads: Uploads::new(),
            bind_group: None,
            painted: None,
            looks: Vec::new(),
            ready: false,
            failed: false,
            // There is nobody yet who could move.
            work: Work { moves: None, ..work },
            spec,
        };
        populations.insert(id, population);
    }
    for population in populations.values_mut() {
        if std::mem::take(&mut population.outdated) {
            let spec = &population.spec;
            population.weights = weights(&device, &spec.model, &spec.reference);
            population.pipelines = pipelines.get(spec.model.rule(), spec.precision, &shaders, &cache);
            population.bind_group = None;
            population.failed = false;
        }
        population.prepare(&images, &cache, &device, &queue);
    }
}

impl GpuPopulation {
    fn prepare(
        &mut self,
        images: &RenderAssets<GpuImage>,
        cache: &PipelineCache,
        device: &RenderDevice,
        queue: &RenderQueue,
    ) {
        let moves = self.work.moves.take();
        if moves.is_some() || self.cells.capacity != self.spec.capacity {
            let resized = CellBuffers::new(device, &self.spec);
            resized.copy_from(&self.cells, moves.as_ref(), device, queue);
            self.cells = resized;
        }
        if let Some(moves) = moves {
            let looks = moves.iter().map(|slot| self.looks.get(*slot as usize).copied().unwrap_or(Look::UPRIGHT));
            self.looks = looks.collect();
        }
        self.tick.fit(device, &self.spec, self.work.most_at_once());
        if let Some(error) = self.pipelines.failed(cache).filter(|_| !self.failed) {
            error!("the model `{}` cannot run on the GPU: {error}", printable(&self.spec.model.rule().name));
            self.failed = true;
        }
        let atlas = images.get(self.spec.atlas);
        self.ready = self.pipelines.get(cache).is_some() && atlas.is_some();
        let Some(atlas) = atlas.filter(|_| self.ready) else { return };
        if let Some(begun) = self.begun.take() {
            debug!(
                "`{}` ticks on the GPU; its shaders were ready after {:.0?}",
                printable(&self.spec.model.rule().name),
                begun.elapsed()
            );
        }
        self.work.note_looks(&mut self.looks);
        if self.painted.replace(atlas.texture.id()) != Some(atlas.texture.id()) {
            let looks = self.looks.iter().enumerate().map(|(slot, look)| (slot as u32, *look));
            self.work.paint(looks);
        }
        if !self.work.is_empty() {
            let params =
                Params::new(self.spec.model.rule(), self.spec.grid, self.spec.atlas_columns, self.cells.capacity);
            self.uploads.write(&self.work, params, device, queue);
            self.bind(atlas, cache, device);
        }
    }

    fn bind(&mut self, atlas: &GpuImage, cache: &PipelineCache, device: &RenderDevice) {
        let Uploads { params, jobs, payload, .. } = &self.uploads;
        let (Some(params_buffer), Some(jobs), Some(payload)) = (params.buffer(), jobs.buffer(), payload.buffer())
        else {
            // Only cells are wanted: nothing to dispatch, so nothing to bind.
            return;
        };
        let key = BindGroupKey {
            atlas: atlas.texture.id(),
            buffers: [params_buffer.id(), jobs.id(), payload.id(), self.cells.states.id(), self.tick.updates.id()],
        };
        if self.bind_group.as_ref().is_some_and(|(made_of, _)| *made_of == key) {
            return;
        }
        let Some(params) = params.binding() else { return };
        // The texture is linear; sprites sample it through an sRGB view, this one writes bytes as they are.
        let view = atlas.texture.create_view(&TextureViewDescriptor {
            label: Some("nca_atlas"),
            format: Some(TextureFormat::Rgba8Unorm),
            usage: Some(TextureUsages::STORAGE_BINDING),
            ..default()
        });
        let bind_group = device.create_bind_group(
            "nca",
            &cache.get_bind_group_layout(&layout()),
            &BindGroupEntries::sequential((
                params,
                jobs.as_entire_binding(),
                self.weights.as_entire_binding(),
                self.cells.states.as_entire_binding(),
                self.tick.updates.as_entire_binding(),
                self.tick.vitality.as_entire_binding(),
                self.cells.ground.as_entire_binding(),
                payload.as_entire_binding(),
                &view,
                self.cells.census.as_entire_binding(),
            )),
        );
        self.bind_group = Some((key, bind_group));
    }

    pub(super) fn bind_group(&self) -> Option<&BindGroup> {
        self.bind_group.as_ref().map(|(_, bind_group)| bind_group)
    }
}
