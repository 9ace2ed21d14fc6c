//! The buffers of a population.

use bevy::render::{
    render_resource::{
        Buffer, BufferDescriptor, BufferInitDescriptor, BufferUsages, CommandEncoder, DynamicUniformBuffer,
        RawBufferVec,
    },
    renderer::{RenderDevice, RenderQueue},
};

use super::{
    layout::{CELL_FLAG_BYTES, LISTED_BYTES, MATURITY_BYTES, Params},
    spec::PopulationSpec,
    statistics,
    work::{Job, Moves, Step, Work},
};
use crate::rule::{Model, Reference};

/// The cells of all sprites of a population.
pub(super) struct CellBuffers {
    /// The number of slots.
    pub(super) capacity: u32,
    pub(super) states: Buffer,
    pub(super) cell_flags: Buffer,
    pub(super) statistics: Buffer,
}

fn storage(device: &RenderDevice, label: &str, bytes: u64) -> Buffer {
    device.create_buffer(&BufferDescriptor {
        label: Some(label),
        size: bytes,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl CellBuffers {
    /// Creates buffers of zeros.
    pub(super) fn new(device: &RenderDevice, spec: &PopulationSpec) -> Self {
        let (slots, cells) = (u64::from(spec.capacity), spec.cells());
        Self {
            capacity: spec.capacity,
            states: storage(device, "nca_states", slots * spec.state_bytes()),
            cell_flags: storage(device, "nca_cell_flags", slots * (cells * CELL_FLAG_BYTES + spec.bias_bytes())),
            statistics: storage(device, "nca_statistics", statistics::buffer_bytes(spec)),
        }
    }

    /// Copies the cells of earlier buffers. With `moves`, slot `i` takes the cells of the earlier slot `moves[i]`;
    /// without, each slot keeps its cells.
    fn copy_from(&self, earlier: &Self, moves: Option<&Moves>, spec: &PopulationSpec, encoder: &mut CommandEncoder) {
        let flag_bytes = spec.cells() * CELL_FLAG_BYTES;
        let bias_at = |buffers: &Self| u64::from(buffers.capacity) * flag_bytes;
        // Each part has this many bytes per slot, and begins here in the earlier buffer and in the new one.
        for (old, new, bytes, old_at, new_at) in [
            (&earlier.states, &self.states, spec.state_bytes(), 0, 0),
            (&earlier.cell_flags, &self.cell_flags, flag_bytes, 0, 0),
            (&earlier.cell_flags, &self.cell_flags, spec.bias_bytes(), bias_at(earlier), bias_at(self)),
        ] {
            if bytes == 0 {
                continue;
            }
            let mut copy = |from: u32, to: u32, slots: u64| {
                let (from, to) = (old_at + u64::from(from) * bytes, new_at + u64::from(to) * bytes);
                encoder.copy_buffer_to_buffer(old, from, new, to, slots * bytes);
            };
            match moves {
                None => copy(0, 0, u64::from(earlier.capacity)),
                Some(moves) => {
                    let kept = (0u32..).zip(moves.iter()).filter(|(_, from)| **from < earlier.capacity);
                    kept.for_each(|(to, &from)| copy(from, to, 1));
                }
            }
        }
    }
}

/// The current cells, and earlier buffers whose cells have not been copied yet, oldest first.
pub(super) struct Cells {
    pub(super) buffers: CellBuffers,
    uncopied: Vec<(CellBuffers, Option<Moves>)>,
}

impl Cells {
    pub(super) fn new(device: &RenderDevice, spec: &PopulationSpec) -> Self {
        Self { buffers: CellBuffers::new(device, spec), uncopied: Vec::new() }
    }

    /// Creates buffers for another capacity, or for sprites that have moved. [`Self::copy`] copies the cells later.
    pub(super) fn resize(&mut self, device: &RenderDevice, spec: &PopulationSpec, moves: Option<Moves>) {
        let earlier = std::mem::replace(&mut self.buffers, CellBuffers::new(device, spec));
        self.uncopied.push((earlier, moves));
    }

    /// Records the copies of cells from earlier buffers.
    pub(super) fn copy(&mut self, spec: &PopulationSpec, encoder: &mut CommandEncoder) {
        for index in 0..self.uncopied.len() {
            let (earlier, moves) = &self.uncopied[index];
            let next = self.uncopied.get(index + 1).map_or(&self.buffers, |(next, _)| next);
            next.copy_from(earlier, moves.as_ref(), spec, encoder);
        }
        self.uncopied.clear();
    }

    pub(super) fn has_uncopied(&self) -> bool {
        !self.uncopied.is_empty()
    }
}

/// Memory that is used only within a tick, for all sprites of one dispatch. Sleeping sprites need none.
pub(super) struct TickBuffers {
    sprites: u32,
    /// The most sprites of a dispatch since `frames` was last zero.
    needed: u32,
    frames: u32,
    pub(super) updates: Buffer,
    pub(super) maturity: Buffer,
    pub(super) listed: Buffer,
}

impl TickBuffers {
    /// If a quarter of the memory has been enough for this many frames, half of it is freed.
    const PATIENCE: u32 = 600;

    pub(super) fn new(device: &RenderDevice, spec: &PopulationSpec, sprites: u32) -> Self {
        let count = u64::from(sprites);
        Self {
            sprites,
            needed: 0,
            frames: 0,
            updates: storage(device, "nca_updates", count * spec.state_bytes()),
            maturity: storage(device, "nca_maturity", count * spec.cells() * MATURITY_BYTES),
            // The number of cells comes first. It starts at zero.
            listed: storage(device, "nca_listed", LISTED_BYTES + count * spec.cells() * LISTED_BYTES),
        }
    }

    /// Makes room for this many sprites in one dispatch.
    pub(super) fn fit(&mut self, device: &RenderDevice, spec: &PopulationSpec, sprites: u32) {
        self.needed = self.needed.max(sprites);
        self.frames += 1;
        if sprites > self.sprites {
            *self = Self::new(device, spec, sprites.next_power_of_two().min(spec.capacity.max(sprites)));
        } else if self.frames == Self::PATIENCE {
            // A buffer must not be empty.
            if self.sprites > 1 && self.needed <= self.sprites / 4 {
                *self = Self::new(device, spec, self.sprites / 2);
            }
            (self.needed, self.frames) = (0, 0);
        }
    }
}

/// The weights in the layout of the shaders: for each hidden unit its inputs and then its outputs; then the biases; then the
/// same of the overgrowth, and the pixels of the grown sprite.
pub(super) fn weights(device: &RenderDevice, model: &Model, reference: &Reference) -> Buffer {
    let rule = model.rule();
    let mut data = Vec::new();
    for weights in [model.weights()].into_iter().chain(model.overgrowth()) {
        for unit in 0..rule.hidden {
            data.extend(weights.hidden_weight.iter().skip(unit).step_by(rule.hidden));
            data.extend_from_slice(&weights.output_weight[unit * rule.channels..][..rule.channels]);
        }
        data.extend_from_slice(&weights.hidden_bias);
        data.extend_from_slice(&weights.output_bias);
    }
    data.extend_from_slice(reference.pixels().as_flattened());
    device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some("nca_weights"),
        contents: bytemuck::cast_slice(&data),
        usage: BufferUsages::STORAGE,
    })
}

/// The uploads of a frame.
pub(super) struct Uploads {
    pub(super) params: DynamicUniformBuffer<Params>,
    pub(super) jobs: RawBufferVec<Job>,
    pub(super) payload: RawBufferVec<u32>,
    /// What to dispatch, in order.
    pub(super) dispatches: Vec<Dispatch>,
    /// Working memory of [`Work::encode`].
    last_ticks: Vec<Option<u32>>,
}

/// The dispatches of a step: the offset of their parameters, and the number of sprites.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dispatch {
    pub(super) edits: Option<(u32, u32)>,
    pub(super) ticks: Option<(u32, u32)>,
}

impl Uploads {
    pub(super) fn new() -> Self {
        let mut params = DynamicUniformBuffer::default();
        params.set_label(Some("nca_params"));
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let (mut jobs, mut payload) = (RawBufferVec::new(storage), RawBufferVec::new(storage));
        jobs.set_label(Some("nca_jobs"));
        payload.set_label(Some("nca_payload"));
        Self { params, jobs, payload, dispatches: Vec::new(), last_ticks: Vec::new() }
    }

    /// Uploads the work of a frame.
    pub(super) fn write(&mut self, work: &Work, params: Params, device: &RenderDevice, queue: &RenderQueue) {
        self.params.clear();
        self.jobs.clear();
        self.payload.clear();
        self.dispatches.clear();
        let draws = work.encode(self.jobs.values_mut(), &mut self.last_ticks);
        self.payload.values_mut().extend_from_slice(&work.payload);
        if work.payload.is_empty() {
            // A buffer must not be empty.
            self.payload.push(0);
        }
        let mut part = |first: u32, count: u32| {
            (count > 0).then(|| (self.params.push(&Params { first_job: first, ..params }), count))
        };
        let (first_tick, first_draw) = (work.edits.len() as u32, (work.edits.len() + work.ticks.len()) as u32);
        for Step { edits, ticks } in &work.steps {
            self.dispatches.push(Dispatch {
                edits: part(edits.0, edits.1 - edits.0),
                ticks: part(first_tick + ticks.0, ticks.1 - ticks.0),
            });
        }
        if draws > 0 {
            self.dispatches.push(Dispatch { edits: part(first_draw, draws), ticks: None });
        }
        self.params.write_buffer(device, queue);
        self.jobs.write_buffer(device, queue);
        self.payload.write_buffer(device, queue);
    }
}
