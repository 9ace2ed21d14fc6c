//! A population on the GPU, as the main world sees it: what is to be done, and how things stand.

use std::sync::Arc;

use bevy::prelude::*;

use super::{
    occupant::{LastTick, Life, Occupant, Start},
    roster::occupants_of,
    snapshot::Asked,
    texture::Wanted,
};
use crate::{
    gpu::{CountWish, GpuPopulations, Limits, Moves, PopulationSpec, Standing, Work},
    rule::{CellMask, Changes, Model, tick_key},
};

/// What goes to the render world, and how things stand there.
pub(super) struct GpuFeed {
    work: Work,
    standing: Standing,
    /// The render world has heard of this population.
    sent: bool,
    /// Bytes that a frame's new cells may take, and those of a sprite's other changes, which come besides.
    most_payload: u64,
    change_bytes: u64,
}

impl GpuFeed {
    pub(super) fn new(limits: Limits, [width, height]: [u32; 2]) -> Self {
        Self {
            work: Work::default(),
            standing: Standing::Preparing,
            sent: false,
            most_payload: limits.binding_bytes,
            change_bytes: Changes::MASKS * CellMask::words_for((width * height) as usize) as u64 * 4,
        }
    }

    /// Whether its pipelines cannot be compiled.
    pub(super) fn has_failed(&self) -> bool {
        self.standing == Standing::Failed
    }

    /// Whether pipelines are being compiled.
    pub(super) fn is_preparing(&self) -> bool {
        self.standing == Standing::Preparing
    }

    /// So many ticks of the clock, if the GPU is ready for them.
    pub(super) fn tick(
        &mut self,
        occupants: &mut [Option<Occupant>],
        awake: &[u32],
        ticks: u32,
        sleep_after: Option<u32>,
    ) {
        if self.standing == Standing::Ready {
            self.start(occupants, awake);
            for _ in 0..ticks {
                for (_, occupant) in occupants_of(occupants, awake).filter(|(_, occupant)| occupant.start.is_none()) {
                    occupant.clock_ticks();
                }
                while self.tick_once(occupants, awake, sleep_after) {}
            }
        }
    }

    /// Whether the render world has forgotten this population: its device was lost. Its work is gone.
    pub(super) fn was_lost(&mut self, id: u32, gpu: &GpuPopulations) -> bool {
        let lost = self.sent && !gpu.knows(id);
        if lost {
            self.work = Work::default();
            self.standing = Standing::Preparing;
        }
        lost
    }

    /// Whoever was in the slot `moves[i]` has moved to the slot `i`, in order.
    pub(super) fn renumber(&mut self, moves: &Moves, occupants: &mut [Option<Occupant>]) {
        let numbers = self.work.renumber(moves);
        for occupant in occupants.iter_mut().flatten() {
            occupant.last_tick = occupant.last_tick.and_then(|last| {
                let index = numbers.get(last.index).copied().flatten()?;
                Some(LastTick { index, ..last })
            });
        }
    }

    /// Hands the frame's work to the render world.
    pub(super) fn send(
        &mut self,
        id: u32,
        spec: &PopulationSpec,
        occupants: &mut [Option<Occupant>],
        awake: &[u32],
        gpu: &mut GpuPopulations,
    ) {
        if self.standing == Standing::Ready {
            self.start(occupants, awake);
            let mut stale = Vec::new();
            for (slot, occupant) in occupants_of(occupants, awake) {
                stale.extend(std::mem::take(&mut occupant.stale).then(|| (slot, occupant.look())));
            }
            if !stale.is_empty() {
                self.work.paint(stale);
            }
            self.read_cells(&spec.model, occupants, awake);
        }
        for (slot, occupant) in occupants_of(occupants, awake) {
            let Some(last) = occupant.last_tick.take() else { continue };
            // Whoever waits for new cells has ticked in an earlier life.
            if occupant.start.is_some() {
                self.work.no_paint(last.index);
                continue;
            }
            let Occupant { entity, number: life, life: Life { tick, .. }, tissue, .. } = *occupant;
            let (tissue, is_judged) = (tissue && last.tissue, spec.reference.is_known());
            self.work.count(CountWish { slot, entity, life, tick, tissue, is_judged });
        }
        self.standing = gpu.receive(id, spec, &mut self.work);
        self.sent = true;
    }

    /// Tells of new cells, all in one step, as far as a buffer can hold them.
    fn start(&mut self, occupants: &mut [Option<Occupant>], awake: &[u32]) {
        let mut begun = false;
        let most = self.most_payload.saturating_sub(self.change_bytes * occupants.len() as u64);
        for (slot, occupant) in occupants_of(occupants, awake) {
            let start = &mut occupant.start;
            if let Some(Start::Cells(state)) = start {
                let bytes = size_of_val(state.values()) as u64;
                if self.work.payload_bytes() > 0 && self.work.payload_bytes() + bytes > most {
                    continue;
                }
            }
            let Some(start) = start.take() else { continue };
            let look = occupant.look();
            occupant.stale = false;
            // Ticks of this frame are those of an earlier life; the new cells are counted already.
            if let Some(earlier) = occupant.last_tick.take() {
                self.work.no_paint(earlier.index);
            }
            if !std::mem::replace(&mut begun, true) {
                self.work.next_step();
            }
            match start {
                Start::Seed => self.work.seed(slot, look),
                Start::Cells(state) => self.work.put(slot, &state, look),
            }
        }
    }

    /// One tick of every sprite that owes one. False if none does.
    fn tick_once(&mut self, occupants: &mut [Option<Occupant>], awake: &[u32], sleep_after: Option<u32>) -> bool {
        let mut any = false;
        for (slot, occupant) in occupants_of(occupants, awake).filter(|(_, occupant)| occupant.start.is_none()) {
            let Some((tick, changes)) = occupant.begin_tick(sleep_after) else { continue };
            if !std::mem::replace(&mut any, true) {
                self.work.next_step();
            }
            self.work.change(slot, &changes);
            if let Some(earlier) = occupant.last_tick {
                self.work.no_paint(earlier.index);
            }
            let key = tick_key(tick.tick, tick.seed);
            let look = occupant.look();
            occupant.last_tick = Some(LastTick { index: self.work.tick(slot, key, look), tissue: look.tissue });
        }
        any
    }

    /// Asks for the cells that are wanted, as they are after all of this frame's ticks.
    fn read_cells(&mut self, model: &Model, occupants: &mut [Option<Occupant>], awake: &[u32]) {
        let wanted = |occupant: &Occupant| occupant.wanted != Wanted::NOTHING && occupant.start.is_none();
        for (slot, occupant) in occupants_of(occupants, awake).filter(|(_, occupant)| wanted(occupant)) {
            let asked = Asked::new(std::mem::take(&mut occupant.wanted), &occupant.life, model);
            self.work.read_cells(slot, occupant.entity, occupant.life.tick, Arc::new(asked));
        }
    }
}
