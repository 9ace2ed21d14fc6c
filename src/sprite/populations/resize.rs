//! How a population changes its memory: another atlas, fewer slots, another device.

use bevy::prelude::*;

use super::population::Population;
use crate::{
    gpu::Moves,
    sprite::{
        backend::{BackendChoice, NewCells, Unfinished},
        simulation::{Instance, ReadRequest},
    },
};

/// A population of this many slots or fewer does not shrink.
const KEPT_SLOTS: u32 = 64;

impl Population {
    /// Regrows an instance whose cells were lost, unless new cells wait for it.
    pub(super) fn continue_or_regrow(&mut self, slot: u32, unfinished: Unfinished) {
        let Some(instance) = self.instance_mut(slot) else { return };
        let cells = unfinished.cells.unwrap_or_else(|| {
            instance.regrow();
            NewCells::Seed
        });
        self.give_cells(slot, cells);
        if unfinished.reads != ReadRequest::NONE {
            self.backend.request_read(slot, unfinished.reads);
        }
    }

    /// Replaces the backend after its device was lost, unless the cells are on the CPU. Reports each entity with its
    /// unanswered requests, and whether it must leave because there is less room.
    pub(super) fn replace_backend(&mut self, choice: BackendChoice, mut report: impl FnMut(Entity, ReadRequest, bool)) {
        if !self.is_on_gpu() {
            return;
        }
        let mut lost = std::mem::replace(&mut self.backend, choice.create(&self.model, self.grid));
        self.choice = choice;
        self.max_slots =
            choice.max_instances(self.model.rule(), self.grid, self.atlas.as_ref().map(|atlas| atlas.content));
        self.capacity = self.capacity.min(self.max_slots);
        if let Some(atlas) = &mut self.atlas {
            atlas.invalidate();
        }
        for slot in 0..self.instances.len() as u32 {
            let mut unfinished = lost.remove(slot);
            if let Some(instance) = self.instance(slot) {
                report(instance.entity, std::mem::take(&mut unfinished.reads), slot >= self.max_slots);
            }
            if slot < self.max_slots {
                self.continue_or_regrow(slot, unfinished);
            }
        }
        self.instances.truncate(self.max_slots as usize);
        self.free.retain(|slot| *slot < self.max_slots);
        let max_slots = self.max_slots;
        self.active.retain(|slot| slot < max_slots);
    }

    /// Gives the atlas a new layout if the capacity has changed, and draws every instance again. True if so.
    pub(super) fn update_layout(&mut self, images: Option<&mut Assets<Image>>) -> bool {
        let (Some(atlas), Some(images)) = (&mut self.atlas, images) else { return false };
        if atlas.slots == self.capacity || self.capacity == 0 {
            return false;
        }
        atlas.resize(images, self.capacity, self.choice.texture_side(), self.choice.writes_on_gpu());
        if self.backend.replace_atlas() {
            self.activate_all(|instance| instance.needs_redraw = true);
        }
        true
    }

    /// If three quarters of the slots are empty, compacts the instances, at least halves the capacity, and reports the
    /// new slots. True if so. The layout of the atlas must then be updated.
    pub(super) fn shrink(&mut self, mut report: impl FnMut(Entity, u32)) -> bool {
        let living = self.instances.len() - self.free.len();
        if !self.backend.can_remap() || self.capacity <= KEPT_SLOTS || living as u32 > self.capacity / 4 {
            return false;
        }
        let occupied = |(slot, instance): (usize, &Option<Instance>)| instance.as_ref().map(|_| slot as u32);
        let moves: Moves = self.instances.iter().enumerate().filter_map(occupied).collect();
        self.instances.retain(Option::is_some);
        self.instances.shrink_to(self.capacity as usize / 2);
        self.free = Vec::new();
        self.active = self.active.remapped(&moves);
        self.capacity = (living as u32 * 2).next_power_of_two().max(KEPT_SLOTS / 2).min(self.capacity / 2);
        for (slot, instance) in (0..).zip(self.instances.iter().flatten()) {
            report(instance.entity, slot);
        }
        self.backend.remap(&moves);
        true
    }
}
