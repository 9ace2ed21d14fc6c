//! Reading buffers back without waiting for the GPU.
//!
//! 1. [`Readback::copy`] records a copy into a staging buffer.
//! 2. After the commands are submitted, [`Readback::map`] maps the buffer. The callback decodes its bytes.
//! 3. [`Readback::take`] returns what has arrived, and keeps the buffer for later copies.
//!
//! Each copy is answered exactly once. If the device is lost, the answer has no value.

use std::sync::{
    Mutex,
    mpsc::{Receiver, Sender, channel},
};

use bevy::render::{
    render_resource::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, MapMode},
    renderer::RenderContext,
};

/// Copies of buffers on their way to the CPU. A request `R` is answered with a value `T`.
pub(super) struct Readback<R, T> {
    label: &'static str,
    /// Staging buffers to use again.
    free: Vec<Buffer>,
    recorded: Vec<Copy<T>>,
    in_flight: Vec<(u64, R)>,
    next_id: u64,
    /// Requests that cannot be answered.
    failed: Vec<R>,
    sender: Sender<Arrived<T>>,
    // A `Receiver` is not `Sync`, as a resource must be.
    receiver: Mutex<Receiver<Arrived<T>>>,
}

struct Copy<T> {
    id: u64,
    buffer: Buffer,
    decode: Decode<T>,
}

type Decode<T> = Box<dyn FnOnce(&[u8]) -> Option<T> + Send + Sync>;

struct Arrived<T> {
    id: u64,
    /// `None` if the buffer could not be mapped.
    buffer: Option<Buffer>,
    value: Option<T>,
}

impl<R, T: Send + 'static> Readback<R, T> {
    /// The maximum number of staging buffers to keep, and their maximum size in bytes.
    const MAX_FREE: usize = 8;
    const MAX_FREE_BYTES: u64 = 1 << 22;

    pub(super) fn new(label: &'static str) -> Self {
        let (sender, receiver) = channel();
        Self {
            label,
            free: Vec::new(),
            recorded: Vec::new(),
            in_flight: Vec::new(),
            next_id: 0,
            failed: Vec::new(),
            sender,
            receiver: receiver.into(),
        }
    }

    /// Records a copy of some bytes. `record` copies them into the given buffer; `decode` converts them into a value.
    pub(super) fn copy(
        &mut self,
        context: &mut RenderContext,
        bytes: u64,
        request: R,
        record: impl FnOnce(&mut CommandEncoder, &Buffer),
        decode: impl FnOnce(&[u8]) -> Option<T> + Send + Sync + 'static,
    ) {
        let fits = self.free.iter().position(|buffer| buffer.size() >= bytes);
        let buffer = fits.map(|free| self.free.swap_remove(free)).unwrap_or_else(|| {
            context.render_device().create_buffer(&BufferDescriptor {
                label: Some(self.label),
                size: bytes.next_power_of_two(),
                usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
                mapped_at_creation: false,
            })
        });
        record(context.command_encoder(), &buffer);
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight.push((id, request));
        self.recorded.push(Copy { id, buffer, decode: Box::new(decode) });
    }

    /// Maps the recorded copies. Call it after they were submitted.
    pub(super) fn map(&mut self) {
        for Copy { id, buffer, decode } in self.recorded.drain(..) {
            let sender = self.sender.clone();
            buffer.clone().slice(..).map_async(MapMode::Read, move |result| {
                let (mut value, mut mapped) = (None, None);
                if result.is_ok() {
                    value = decode(&buffer.slice(..).get_mapped_range());
                    buffer.unmap();
                    mapped = Some(buffer);
                }
                // The receiver is gone after the app has ended.
                let _ = sender.send(Arrived { id, buffer: mapped, value });
            });
        }
    }

    /// Answers a request without a value.
    pub(super) fn fail(&mut self, request: R) {
        self.failed.push(request);
    }

    /// The device was lost: nothing in flight will arrive.
    pub(super) fn fail_all(&mut self) {
        self.free.clear();
        self.recorded.clear();
        self.failed.extend(self.in_flight.drain(..).map(|(_, request)| request));
    }

    /// The answers since the last call, oldest first.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (R, Option<T>)> {
        let Self { free, in_flight, failed, receiver, .. } = self;
        let arrived = receiver.get_mut().ok().into_iter().flat_map(|receiver| receiver.try_iter());
        let answered = arrived.filter_map(|Arrived { id, buffer, value }| {
            // A copy from a lost device is not in flight any more.
            let index = in_flight.iter().position(|(in_flight, _)| *in_flight == id)?;
            if let Some(buffer) = buffer.filter(|buffer| buffer.size() <= Self::MAX_FREE_BYTES) {
                free.push(buffer);
                if free.len() > Self::MAX_FREE {
                    free.remove(0);
                }
            }
            Some((in_flight.remove(index).1, value))
        });
        answered.chain(failed.drain(..).map(|request| (request, None)))
    }
}
