//! The sprite in a slot, as the main world sees it: what it is, and what its next tick shall change.

use bevy::prelude::*;

use super::{NcaPace, NcaTexture};
use crate::rule::{CellMask, Changes, State, tick_key};

/// The sprite in a slot.
pub(super) struct Occupant {
    pub(super) entity: Entity,
    pub(super) seed: u32,
    pub(super) angle: f32,
    /// Ticks lived so far.
    pub(super) tick: u32,
    /// Ticks for each tick of the clock, and those of them that it has yet to live.
    pace: f64,
    owed: f64,
    /// Before its next tick.
    changes: Changes,
    /// Where nothing grows, once the changes are made.
    dead_ground: Option<CellMask>,
    /// How often it was hit since the last tick.
    hits: u32,
    /// What the GPU has yet to be told of the sprite's cells.
    pub(super) start: Option<Start>,
    /// Someone wants the cells.
    pub(super) wanted: bool,
    /// The last tick that this frame's work holds for it.
    pub(super) last_tick: Option<usize>,
}

/// The cells that a sprite begins or goes on with.
pub(super) enum Start {
    Seed,
    Cells(State),
}

impl Occupant {
    pub(super) fn new(entity: Entity, texture: &NcaTexture) -> Self {
        Self {
            entity,
            seed: texture.seed,
            angle: texture.angle,
            tick: 0,
            pace: NcaPace::default().rate(),
            owed: 0.0,
            changes: Changes::default(),
            dead_ground: None,
            hits: 0,
            start: None,
            wanted: false,
            last_tick: None,
        }
    }

    pub(super) fn set_pace(&mut self, pace: NcaPace) {
        self.pace = pace.rate();
    }

    /// A tick of the clock: the sprite owes as many as its pace says.
    pub(super) fn clock_ticks(&mut self) {
        self.owed += self.pace;
    }

    /// Whether it owes a tick, which is then paid.
    pub(super) fn pay_tick(&mut self) -> bool {
        let owes = self.owed >= 1.0;
        self.owed -= f64::from(owes);
        owes
    }

    /// What the tick that now begins must change first.
    pub(super) fn take_changes(&mut self) -> Changes {
        self.hits = 0;
        std::mem::take(&mut self.changes)
    }

    /// The sprite has new cells, of such an age: all changes are forgotten. Dead ground stays dead.
    pub(super) fn restart(&mut self, tick: u32) {
        self.tick = tick;
        self.hits = 0;
        self.changes = Changes { dead_ground: self.dead_ground.clone(), ..Changes::default() };
    }

    /// Where nothing grows.
    pub(super) fn dead_ground(&self) -> Option<&CellMask> {
        self.dead_ground.as_ref()
    }

    /// The key of the next hit's noise: each hit of a tick has its own, the same at any frame rate.
    pub(super) fn next_hit(&mut self) -> u32 {
        let key = tick_key(self.hits, !tick_key(self.tick, self.seed));
        self.hits = self.hits.wrapping_add(1);
        key
    }

    /// Zeroes cells, for good if it `scars`.
    pub(super) fn wound(&mut self, cells: CellMask, scars: bool) {
        if cells.is_empty() {
            return;
        }
        if scars {
            union(&mut self.dead_ground, &cells);
            self.changes.dead_ground = self.dead_ground.clone();
        }
        union(&mut self.changes.wound, &cells);
    }

    /// Lets scars grow again, and sows seeds where cells are empty.
    pub(super) fn heal(&mut self, cells: CellMask) {
        if let Some(dead) = &mut self.dead_ground {
            dead.subtract(&cells);
            self.changes.dead_ground = Some(dead.clone());
            if dead.is_empty() {
                self.dead_ground = None;
            }
        }
        union(&mut self.changes.seeds, &cells);
    }
}

fn union(mask: &mut Option<CellMask>, cells: &CellMask) {
    match mask {
        Some(mask) => mask.union(cells),
        None => *mask = Some(cells.clone()),
    }
}
