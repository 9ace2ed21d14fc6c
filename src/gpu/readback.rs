//! Reading a sprite's cells back, without waiting for the GPU.

use std::sync::mpsc::{Receiver, Sender, channel};

use bevy::{
    prelude::*,
    render::{
        render_resource::{Buffer, BufferDescriptor, BufferUsages, MapMode},
        renderer::RenderContext,
    },
};
use half::{f16, slice::HalfFloatSliceExt};

use super::{
    NcaPrecision,
    population::{GpuPopulation, PopulationSpec},
    work::Wish,
};
use crate::rule::State;

/// The cells of a sprite as they were after a tick.
pub(crate) struct CellsRead {
    pub(crate) entity: Entity,
    pub(crate) tick: u32,
    /// That of [`Work::read_cells`](super::Work::read_cells).
    pub(crate) note: super::Note,
    /// `None` if the GPU did not give them, or gave them too late.
    pub(crate) state: Option<State>,
}

struct Pending {
    id: u64,
    spec: PopulationSpec,
    buffer: Buffer,
}

/// What the callbacks of mapped buffers have sent.
pub(super) struct Arrivals<T> {
    // `Receiver` alone is not `Sync`, which a resource must be.
    receiver: std::sync::Mutex<Receiver<T>>,
    sender: Sender<T>,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { receiver: receiver.into(), sender }
    }
}

impl<T> Arrivals<T> {
    /// For a callback. Nobody listens any more once the device was lost or the app has gone.
    pub(super) fn sender(&self) -> Sender<T> {
        self.sender.clone()
    }

    /// What has arrived since the last call, oldest first.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> {
        self.receiver.get_mut().ok().into_iter().flat_map(|receiver| receiver.try_iter())
    }
}

/// Copies under way. Each wish is answered once, also when the device is lost meanwhile.
#[derive(Default)]
pub(super) struct Readbacks {
    copied: Vec<Pending>,
    /// Wishes of which no answer has come yet, by number.
    in_flight: Vec<(u64, Wish)>,
    next: u64,
    arrivals: Arrivals<(u64, Option<State>)>,
    /// Wishes that cannot be granted.
    given_up: Vec<Wish>,
}

impl Readbacks {
    /// Records copies of the cells that are wished for.
    pub(super) fn copy(&mut self, population: &GpuPopulation, context: &mut RenderContext) {
        let size = population.spec.state_bytes();
        for wish in &population.work.wishes {
            if wish.late {
                self.given_up.push(wish.clone());
                continue;
            }
            let buffer = context.render_device().create_buffer(&BufferDescriptor {
                label: Some("nca_readback"),
                size,
                usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                mapped_at_creation: false,
            });
            let first = u64::from(wish.slot) * size;
            context.command_encoder().copy_buffer_to_buffer(&population.cells.states, first, &buffer, 0, size);
            let id = self.next;
            self.next += 1;
            self.in_flight.push((id, wish.clone()));
            self.copied.push(Pending { id, spec: population.spec.clone(), buffer });
        }
    }

    /// Wishes that cannot be granted any more.
    pub(super) fn give_up(&mut self, wishes: impl IntoIterator<Item = Wish>) {
        self.given_up.extend(wishes);
    }

    /// The device was lost: nothing that is in flight will come.
    pub(super) fn give_all_up(&mut self) {
        self.copied.clear();
        self.given_up.extend(self.in_flight.drain(..).map(|(_, wish)| wish));
    }

    /// What has been answered since the last call.
    pub(super) fn take(&mut self) -> Vec<CellsRead> {
        let Self { in_flight, arrivals, given_up, .. } = self;
        let answer = |wish: Wish, state| CellsRead { entity: wish.entity, tick: wish.tick, note: wish.note, state };
        let granted = arrivals.take().filter_map(|(id, state)| {
            let index = in_flight.iter().position(|(of, _)| *of == id)?;
            Some(answer(in_flight.remove(index).1, state))
        });
        granted.chain(given_up.drain(..).map(|wish| answer(wish, None))).collect()
    }
}

/// Asks for the copies, after they were submitted.
pub(super) fn map_readbacks(mut populations: ResMut<super::GpuPopulations>) {
    populations.census.map();
    let Readbacks { copied, arrivals, .. } = &mut populations.readbacks;
    for Pending { id, spec, buffer } in copied.drain(..) {
        let sender = arrivals.sender();
        buffer.clone().slice(..).map_async(MapMode::Read, move |result| {
            let state = result.ok().and_then(|()| {
                let bytes = buffer.slice(..).get_mapped_range();
                match spec.precision {
                    NcaPrecision::Full => interleave(&spec, bytemuck::cast_slice(&bytes)),
                    NcaPrecision::Half => {
                        let halves: &[f16] = bytemuck::cast_slice(&bytes);
                        interleave(&spec, &halves.to_f32_vec())
                    }
                }
            });
            let _ = sender.send((id, state));
        });
    }
}

/// From planes of four channels to cells.
fn interleave(spec: &PopulationSpec, planes: &[f32]) -> Option<State> {
    let [width, height] = spec.grid.map(|side| side as usize);
    let channels = spec.model.rule().channels;
    let cells = width * height;
    let mut values = vec![0.0; cells * channels];
    for (quad, plane) in planes.chunks_exact(cells * 4).enumerate() {
        for (cell, four) in plane.as_chunks::<4>().0.iter().enumerate() {
            values[cell * channels + quad * 4..][..4].copy_from_slice(four);
        }
    }
    State::from_values(width, height, channels, values)
}
