//! The GPU backend: turns ticks, edits and requests into a list of work for the render world.
//!
//! 1. [`tick`](Backend::tick) adds one step to the list for each round of ticks: the edits of that round, then one job
//!    per instance. Only new cells pass through here.
//! 2. [`send`](Backend::send) ends the frame. For each instance that has changed, it adds how the instance is drawn and
//!    what is counted. It adds requested read-backs, and moves the list to the render world. While pipelines compile,
//!    the population does not tick, and new cells wait.
//!
//! New cells wait in their slot until the upload of a frame has room for them.

use std::cell::LazyCell;

use super::{Backend, Frame, Members, NewCells, Unfinished};
use crate::{
    gpu::{AtlasKind, Limits, Moves, NcaPrecision, PopulationSpec, StatsRequest, Status, Work},
    rule::{CellEdits, CellMask, MAX_HIDDEN, Model, State, tick_key},
    sprite::simulation::{Atlas, InstanceStats, PendingRead, ReadRequest, instances_at},
};

/// The work of a population for the GPU.
pub(super) struct GpuBackend {
    work: Work,
    status: Status,
    precision: NcaPrecision,
    /// The render world knows this population.
    sent: bool,
    slots: Vec<Slot>,
    /// The maximum payload of a frame in bytes: new cells and edits.
    most_payload: u64,
    /// The maximum size of an instance's edits in bytes.
    edit_bytes: u64,
}

/// The data of a slot that has not been sent to the GPU.
#[derive(Default)]
struct Slot {
    cells: Option<NewCells>,
    reads: ReadRequest,
    /// The cells have changed in this frame.
    changed: bool,
    /// The last change was a tick.
    ticked: bool,
}

impl GpuBackend {
    pub(super) fn new(limits: Limits, precision: NcaPrecision, [width, height]: [u32; 2]) -> Self {
        Self {
            work: Work::default(),
            status: Status::Preparing,
            precision,
            sent: false,
            slots: Vec::new(),
            most_payload: limits.binding_bytes,
            // Masks, and the bias of the widest hidden layer.
            edit_bytes: (CellEdits::MASKS * CellMask::words_for((width * height) as usize) as u64 + MAX_HIDDEN) * 4,
        }
    }

    fn slot_mut(&mut self, slot: u32) -> &mut Slot {
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        &mut self.slots[slot]
    }

    /// Adds the new cells of the active slots in one step, up to the maximum payload.
    fn upload_cells(&mut self, members: &Members) {
        let mut begun = false;
        // Most frames upload no cells, and need not look at every instance.
        let (most_payload, edit_bytes) = (self.most_payload, self.edit_bytes);
        let most = LazyCell::new(|| {
            let directions = members.instances.iter().flatten().filter_map(|instance| instance.state.directions());
            let directions = directions.map(|directions| size_of_val(directions.words()) as u64).sum::<u64>();
            most_payload.saturating_sub(edit_bytes * members.instances.len() as u64 + directions)
        });
        for &index in members.active {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            if let Some(NewCells::State(state)) = &slot.cells {
                let bytes = size_of_val(state.values()) as u64;
                if self.work.payload_bytes() > 0 && self.work.payload_bytes() + bytes > *most {
                    continue;
                }
            }
            let Some(cells) = slot.cells.take() else { continue };
            // Ticks of this frame belong to an earlier generation.
            (slot.changed, slot.ticked) = (true, false);
            if !std::mem::replace(&mut begun, true) {
                self.work.next_step();
            }
            match cells {
                NewCells::Seed => self.work.seed(index),
                NewCells::State(state) => self.work.put(index, &state),
            }
        }
    }

    /// Adds one tick of every instance with a granted tick. False if there is none.
    fn tick_once(&mut self, members: &mut Members, sleep_after: Option<u32>) -> bool {
        let mut any = false;
        for (index, instance) in instances_at(members.instances, members.active) {
            let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.cells.is_none()) else { continue };
            let Some((tick, edits)) = instance.begin_tick(sleep_after) else { continue };
            if !std::mem::replace(&mut any, true) {
                self.work.next_step();
            }
            self.work.edit(index, &edits, members.model.weights());
            self.work.tick(index, tick_key(tick.tick, tick.seed), instance.state.pose());
            (slot.changed, slot.ticked) = (true, true);
        }
        any
    }
}

impl Backend for GpuBackend {
    fn insert(&mut self, slot: u32, cells: NewCells) {
        self.slot_mut(slot).cells = Some(cells);
    }

    fn remove(&mut self, slot: u32) -> Unfinished {
        let Slot { cells, reads, .. } = self.slots.get_mut(slot as usize).map(std::mem::take).unwrap_or_default();
        Unfinished { cells, reads }
    }

    fn holds(&self, slot: u32) -> bool {
        let holds = |slot: &Slot| slot.cells.is_none();
        self.status == Status::Ready && self.slots.get(slot as usize).is_some_and(holds)
    }

    fn split(&mut self, slot: u32, kept: &CellMask, parts: &[(u32, &CellMask)]) {
        // All parts are copied before the slot loses them.
        self.work.next_step();
        for &(to, cells) in parts {
            self.work.copy(slot, to, cells);
            *self.slot_mut(to) = Slot { changed: true, ..Slot::default() };
        }
        self.work.next_step();
        self.work.copy(slot, slot, kept);
        self.slot_mut(slot).changed = true;
    }

    fn can_remap(&self) -> bool {
        // A copy needs its source.
        !self.work.copies()
    }

    fn remap(&mut self, moves: &Moves) {
        self.work.remap(moves);
        let take = |from: &u32| self.slots.get_mut(*from as usize).map(std::mem::take).unwrap_or_default();
        self.slots = moves.iter().map(take).collect();
    }

    fn replace_model(&mut self, _: &Model, _: [u32; 2]) {
        // The render world compares models.
    }

    fn replace_reference(&mut self) {
        // The cells are on the GPU. They are counted with their next tick.
    }

    fn tick(&mut self, mut members: Members, ticks: u32, sleep_after: Option<u32>) {
        if self.status != Status::Ready {
            return;
        }
        self.upload_cells(&members);
        for _ in 0..ticks {
            for (slot, instance) in instances_at(members.instances, members.active) {
                if self.slots.get(slot as usize).is_some_and(|slot| slot.cells.is_none()) {
                    instance.grant_ticks();
                }
            }
            while self.tick_once(&mut members, sleep_after) {}
        }
    }

    fn count(&mut self, _: Members, _: &mut Vec<InstanceStats>) {
        // The shaders count.
    }

    fn draw(&mut self, _: Members, _: &Atlas, _: &mut bevy::asset::Assets<bevy::image::Image>) {
        // The shaders draw.
    }

    fn replace_atlas(&mut self) -> bool {
        // The render world draws everything again when it finds another texture.
        false
    }

    fn state(&self, _: u32) -> Option<&State> {
        None
    }

    fn request_read(&mut self, slot: u32, request: ReadRequest) {
        self.slot_mut(slot).reads.merge(request);
    }

    fn status(&self) -> Status {
        self.status
    }

    fn is_busy(&self, slot: u32) -> bool {
        let is_busy = |slot: &Slot| slot.cells.is_some() || slot.reads != ReadRequest::NONE || slot.changed;
        self.slots.get(slot as usize).is_some_and(is_busy)
    }

    fn memory_bytes(&self, model: &Model, grid: [u32; 2], capacity: u32) -> u64 {
        self.precision.cell_bytes(model.rule(), grid) * u64::from(capacity)
    }

    fn send(&mut self, members: Members, capacity: u32, atlas: Option<&Atlas>, frame: &mut Frame) -> bool {
        if self.sent && !frame.gpu.knows(members.id) {
            (self.work, self.status, self.sent) = (Work::default(), Status::Preparing, false);
            return false;
        }
        let is_ready = self.status == Status::Ready;
        if is_ready {
            self.upload_cells(&members);
        }
        let is_judged = members.reference.is_known();
        for (index, instance) in instances_at(members.instances, members.active) {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            let (changed, ticked) = (std::mem::take(&mut slot.changed), std::mem::take(&mut slot.ticked));
            // An instance that waits for new cells has ticked in an earlier generation.
            if !is_ready || slot.cells.is_some() {
                continue;
            }
            if std::mem::take(&mut instance.needs_redraw) || changed {
                let display = instance.display();
                let stats = ticked.then_some(StatsRequest {
                    entity: instance.entity,
                    generation: instance.generation,
                    tick: instance.state.tick,
                    form: display.pose.form,
                    is_judged,
                });
                self.work.show(index, display, stats);
            }
            if slot.reads != ReadRequest::NONE {
                let read = PendingRead::new(std::mem::take(&mut slot.reads), instance, members.model);
                self.work.read(index, frame.reads.insert(read));
            }
        }
        let spec = PopulationSpec {
            model: members.model.clone(),
            reference: members.reference.clone(),
            grid: members.grid,
            capacity,
            atlas: atlas.map(|atlas| atlas.image.id()).unwrap_or_default(),
            atlas_columns: atlas.map_or(1, |atlas| atlas.columns),
            kind: atlas.map_or(AtlasKind::Picture, |atlas| atlas.content.kind()),
            precision: self.precision,
        };
        self.status = frame.gpu.receive(members.id, &spec, &mut self.work);
        self.sent = true;
        true
    }
}
