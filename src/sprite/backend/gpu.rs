//! The GPU backend: turns ticks, edits and requests into a list of work for the render world.
//!
//! 1. [`tick`](Backend::tick) adds one step to the list for each round of ticks: the edits of that round, then one job
//!    per instance. No cells pass through here, except new ones.
//! 2. [`send`](Backend::send) ends the frame: it says once for each instance that has changed how it is drawn and what
//!    is counted, adds requested read-backs, and moves the list to the render world. While pipelines compile, the clock
//!    does not run and new cells wait.
//!
//! New cells wait in their slot until the upload of a frame has room for them.

use super::{Backend, Frame, Members, NewCells, Unfinished};
use crate::{
    gpu::{Limits, Moves, NcaPrecision, PopulationSpec, StatsRequest, Status, Work},
    rule::{CellEdits, CellMask, CellStats, Model, State, tick_key},
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
    /// Statistics of new cells.
    counted: Vec<InstanceStats>,
    /// The most bytes of new cells in a frame, besides edits.
    most_payload: u64,
    /// The most bytes of the edits of an instance.
    edit_bytes: u64,
}

/// What the GPU has yet to be told of a slot.
#[derive(Default)]
struct Slot {
    cells: Option<NewCells>,
    reads: ReadRequest,
    /// The cells have changed in this frame.
    changed: bool,
    /// And the last change was a tick.
    ticked: bool,
    /// The living cells among given ones and their age, until the reference is known to judge them by.
    unjudged: Option<(u32, CellMask)>,
}

impl GpuBackend {
    pub(super) fn new(limits: Limits, precision: NcaPrecision, [width, height]: [u32; 2]) -> Self {
        Self {
            work: Work::default(),
            status: Status::Preparing,
            precision,
            sent: false,
            slots: Vec::new(),
            counted: Vec::new(),
            most_payload: limits.binding_bytes,
            edit_bytes: CellEdits::MASKS * CellMask::words_for((width * height) as usize) as u64 * 4,
        }
    }

    fn slot_mut(&mut self, slot: u32) -> &mut Slot {
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        &mut self.slots[slot]
    }

    /// Adds the new cells of all active slots in one step, as far as the upload has room.
    fn upload_cells(&mut self, members: &Members) {
        let mut begun = false;
        let most = self.most_payload.saturating_sub(self.edit_bytes * members.instances.len() as u64);
        for &index in members.active {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            if let Some(NewCells::State(state)) = &slot.cells {
                let bytes = size_of_val(state.values()) as u64;
                if self.work.payload_bytes() > 0 && self.work.payload_bytes() + bytes > most {
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

    /// Adds one tick of every instance that has one granted. False if none has.
    fn tick_once(&mut self, members: &mut Members, sleep_after: Option<u32>) -> bool {
        let mut any = false;
        for (index, instance) in instances_at(members.instances, members.active) {
            let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.cells.is_none()) else { continue };
            let rotation = instance.display().rotation;
            let Some((tick, edits)) = instance.begin_tick(sleep_after) else { continue };
            if !std::mem::replace(&mut any, true) {
                self.work.next_step();
            }
            self.work.edit(index, &edits);
            self.work.tick(index, tick_key(tick.tick, tick.seed), rotation);
            (slot.changed, slot.ticked) = (true, true);
        }
        any
    }
}

impl Backend for GpuBackend {
    fn insert(&mut self, slot: u32, cells: NewCells, members: &Members) {
        let mut unjudged = None;
        let instance = members.instances.get(slot as usize).and_then(Option::as_ref);
        if let (NewCells::State(state), Some(instance)) = (&cells, instance) {
            let display = instance.display();
            let is_judged = members.reference.is_known();
            let (stats, alive) = CellStats::measure(
                members.model.rule(),
                state,
                |_| false,
                members.reference,
                display.rotation,
                display.alive_mask || !is_judged,
            );
            let tick = instance.state.tick;
            unjudged = alive.clone().filter(|_| !is_judged).map(|alive| (tick, alive));
            self.counted.push(InstanceStats {
                entity: instance.entity,
                population: members.id,
                generation: instance.generation,
                tick,
                is_judged,
                stats,
                alive: alive.filter(|_| display.alive_mask),
            });
        }
        let slot = self.slot_mut(slot);
        (slot.cells, slot.unjudged) = (Some(cells), unjudged);
    }

    fn remove(&mut self, slot: u32) -> Unfinished {
        let Slot { cells, reads, .. } = self.slots.get_mut(slot as usize).map(std::mem::take).unwrap_or_default();
        Unfinished { cells, reads }
    }

    fn remap(&mut self, moves: &Moves) {
        self.work.remap(moves);
        let take = |from: &u32| self.slots.get_mut(*from as usize).map(std::mem::take).unwrap_or_default();
        self.slots = moves.iter().map(take).collect();
    }

    fn replace_model(&mut self, _: &Model, _: [u32; 2]) {
        // The render world compares models.
    }

    fn replace_reference(&mut self, members: &Members) {
        for (slot, instance) in self.slots.iter_mut().zip(members.instances.iter()) {
            let (Some((tick, alive)), Some(instance)) = (slot.unjudged.take(), instance) else { continue };
            if tick == instance.state.tick {
                let rotation = instance.display().rotation;
                self.counted.push(InstanceStats {
                    entity: instance.entity,
                    population: members.id,
                    generation: instance.generation,
                    tick,
                    is_judged: true,
                    stats: CellStats::of(alive.iter(), [alive.width(), alive.height()], members.reference, rotation),
                    alive: None,
                });
            }
        }
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

    fn count(&mut self, _: Members, counted: &mut Vec<InstanceStats>) {
        counted.append(&mut self.counted);
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
            precision: self.precision,
        };
        self.status = frame.gpu.receive(members.id, &spec, &mut self.work);
        self.sent = true;
        true
    }
}
