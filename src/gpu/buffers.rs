//! The buffers of a population.

use bevy::render::{
    render_resource::{
        Buffer, BufferDescriptor, BufferInitDescriptor, BufferUsages, CommandEncoderDescriptor, DynamicUniformBuffer,
        RawBufferVec,
    },
    renderer::{RenderDevice, RenderQueue},
};

use super::{
    census::{CENSUS_BYTES, tissue_bytes},
    pipelines::Params,
    population::PopulationSpec,
    work::{Job, Moves, Step, Work},
};
use crate::rule::{Model, Reference};

/// The cells of all sprites of a population, for so many slots.
pub(super) struct CellBuffers {
    pub(super) capacity: u32,
    pub(super) states: Buffer,
    pub(super) ground: Buffer,
    pub(super) census: Buffer,
}

/// Bytes of a cell in `ground`.
const GROUND_BYTES: u64 = 4;
/// Bytes of a cell in `vitality`.
const VITALITY_BYTES: u64 = 8;

fn storage(device: &RenderDevice, label: &str, bytes: u64) -> Buffer {
    device.create_buffer(&BufferDescriptor {
        label: Some(label),
        size: bytes,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

impl CellBuffers {
    /// All zeros.
    pub(super) fn new(device: &RenderDevice, spec: &PopulationSpec) -> Self {
        let (slots, cells) = (u64::from(spec.capacity), spec.cells());
        Self {
            capacity: spec.capacity,
            states: storage(device, "nca_states", slots * spec.state_bytes()),
            ground: storage(device, "nca_ground", slots * cells * GROUND_BYTES),
            census: storage(device, "nca_census", slots * (CENSUS_BYTES + tissue_bytes(cells))),
        }
    }

    /// Takes over the cells of another set: for each slot that is told, where it lay there; or, if none is
    /// told, every slot of a smaller set.
    pub(super) fn copy_from(&self, old: &Self, moves: Option<&Moves>, device: &RenderDevice, queue: &RenderQueue) {
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("nca_resize") });
        let slots = old.capacity;
        for (old, new) in [(&old.states, &self.states), (&old.ground, &self.ground)] {
            let bytes = old.size() / u64::from(slots.max(1));
            match moves {
                None => encoder.copy_buffer_to_buffer(old, 0, new, 0, old.size()),
                Some(moves) => {
                    for (to, &from) in (0u32..).zip(moves.iter()).filter(|(_, from)| **from < slots) {
                        encoder.copy_buffer_to_buffer(old, u64::from(from) * bytes, new, u64::from(to) * bytes, bytes);
                    }
                }
            }
        }
        queue.submit([encoder.finish()]);
    }
}

/// What lives only within a tick, for so many sprites at once: those that sleep need none.
pub(super) struct TickBuffers {
    sprites: u32,
    /// The most that were needed since `frames` were last counted anew, and the frames since.
    needed: u32,
    frames: u32,
    pub(super) updates: Buffer,
    pub(super) vitality: Buffer,
}

impl TickBuffers {
    /// After so many frames in which a quarter was enough, half of the memory is given back.
    const PATIENCE: u32 = 600;

    pub(super) fn new(device: &RenderDevice, spec: &PopulationSpec, sprites: u32) -> Self {
        let count = u64::from(sprites);
        Self {
            sprites,
            needed: 0,
            frames: 0,
            updates: storage(device, "nca_updates", count * spec.state_bytes()),
            vitality: storage(device, "nca_vitality", count * spec.cells() * VITALITY_BYTES),
        }
    }

    /// Sees to it that so many sprites can tick in one dispatch.
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

/// The weights as the shaders want them: for each hidden unit its inputs and then its outputs, then
/// the biases, and the pixels of the grown sprite.
pub(super) fn weights(device: &RenderDevice, model: &Model, reference: &Reference) -> Buffer {
    let (rule, weights) = (model.rule(), model.weights());
    let mut data = Vec::new();
    for unit in 0..rule.hidden {
        data.extend(weights.hidden_weight.iter().skip(unit).step_by(rule.hidden));
        data.extend_from_slice(&weights.output_weight[unit * rule.channels..][..rule.channels]);
    }
    data.extend_from_slice(&weights.hidden_bias);
    data.extend_from_slice(&weights.output_bias);
    data.extend_from_slice(reference.pixels().as_flattened());
    device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some("nca_weights"),
        contents: bytemuck::cast_slice(&data),
        usage: BufferUsages::STORAGE,
    })
}

/// What is uploaded each frame.
pub(super) struct Uploads {
    pub(super) params: DynamicUniformBuffer<Params>,
    pub(super) jobs: RawBufferVec<Job>,
    pub(super) payload: RawBufferVec<u32>,
    /// What to dispatch, in order.
    pub(super) dispatches: Vec<Dispatch>,
}

/// One tick's dispatches: the offset of their params, and how many sprites.
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
        Self { params, jobs, payload, dispatches: Vec::new() }
    }

    /// Uploads a frame's work.
    pub(super) fn write(&mut self, work: &Work, params: Params, device: &RenderDevice, queue: &RenderQueue) {
        self.params.clear();
        self.jobs.clear();
        self.payload.clear();
        self.dispatches.clear();
        self.jobs.values_mut().extend_from_slice(&work.edits);
        self.jobs.values_mut().extend_from_slice(&work.ticks);
        self.payload.values_mut().extend_from_slice(&work.payload);
        if work.payload.is_empty() {
            // A binding must not be empty.
            self.payload.push(0);
        }
        let first_tick = work.edits.len() as u32;
        for Step { edits, ticks } in &work.steps {
            let mut part = |first: u32, count: u32| {
                (count > 0).then(|| (self.params.push(&Params { first_job: first, ..params }), count))
            };
            self.dispatches.push(Dispatch {
                edits: part(edits.0, edits.1 - edits.0),
                ticks: part(first_tick + ticks.0, ticks.1 - ticks.0),
            });
        }
        self.params.write_buffer(device, queue);
        self.jobs.write_buffer(device, queue);
        self.payload.write_buffer(device, queue);
    }
}
