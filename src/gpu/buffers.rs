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
    work::{Job, Step, Work},
};
use crate::rule::{Model, Reference};

/// The cells of all sprites of a population, for so many slots.
pub(super) struct CellBuffers {
    pub(super) capacity: u32,
    pub(super) states: Buffer,
    pub(super) updates: Buffer,
    pub(super) vitality: Buffer,
    pub(super) ground: Buffer,
    pub(super) census: Buffer,
}

impl CellBuffers {
    /// All zeros.
    pub(super) fn new(device: &RenderDevice, cells: u64, channels: u64, capacity: u32) -> Self {
        let buffer = |label, bytes: u64| {
            device.create_buffer(&BufferDescriptor {
                label: Some(label),
                size: u64::from(capacity) * bytes,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        Self {
            capacity,
            states: buffer("nca_states", cells * channels * 4),
            updates: buffer("nca_updates", cells * channels * 4),
            vitality: buffer("nca_vitality", cells * 8),
            ground: buffer("nca_ground", cells * 4),
            census: buffer("nca_census", CENSUS_BYTES + tissue_bytes(cells)),
        }
    }

    /// Takes over the cells of a smaller set. What lives only within a tick is not needed.
    pub(super) fn copy_from(&self, old: &Self, device: &RenderDevice, queue: &RenderQueue) {
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("nca_grow") });
        for (old, new) in [(&old.states, &self.states), (&old.ground, &self.ground)] {
            encoder.copy_buffer_to_buffer(old, 0, new, 0, old.size());
        }
        queue.submit([encoder.finish()]);
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
