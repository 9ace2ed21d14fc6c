//! The sprite in a slot, as the main world sees it: what it is, and what its next tick shall change.

use std::sync::atomic::{AtomicU64, Ordering};

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::{NcaCondition, NcaPace, NcaTexture, texture::Wanted};
use crate::{
    cpu::Tick,
    gpu::Look,
    rule::{CellMask, Changes, State, rotation, tick_key},
};

/// The sprite in a slot.
pub(super) struct Occupant {
    pub(super) entity: Entity,
    pub(super) life: Life,
    /// Tells its lives apart: each time it begins anew, or goes on from other cells, it gets another.
    /// What was counted in an earlier life is not told of this one.
    pub(super) number: u64,
    /// Ticks for each tick of the clock.
    pace: f64,
    /// Whether it is painted crisp, and whether its texture wants that.
    crisp: bool,
    wants_crisp: bool,
    /// Whether it is wanted which cells live.
    pub(super) tissue: bool,
    /// It must be painted anew, though it may not tick.
    pub(super) stale: bool,
    /// The living cells that it was given at a tick, if it was not known then what a grown sprite looks like.
    pub(super) unjudged: Option<(u32, CellMask)>,
    /// Its entity is disabled: it does not tick, and owes nothing for that.
    disabled: bool,
    /// Whether its entity knows that it is asleep.
    pub(super) told_asleep: bool,
    /// What the GPU has yet to be told of the sprite's cells.
    pub(super) start: Option<Start>,
    /// What is yet to be asked of the GPU.
    pub(super) wanted: Wanted,
    /// The last tick that this frame's work holds for it.
    pub(super) last_tick: Option<LastTick>,
}

/// A tick in the work for the GPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastTick {
    /// That of [`Work::tick`](crate::gpu::Work::tick).
    pub(super) index: usize,
    /// It notes which cells live.
    pub(super) tissue: bool,
}

/// All that a sprite's future depends on, besides its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) seed: u32,
    pub(super) angle: f32,
    /// Ticks lived so far.
    pub(super) tick: u32,
    /// Ticks that the clock wants it to live yet.
    owed: f64,
    /// Before its next tick.
    pub(super) changes: Changes,
    /// Where nothing grows, once the changes are made.
    pub(super) dead_ground: Option<CellMask>,
    /// How often it was hit since the last tick.
    hits: u32,
    /// Ticks since something changed it.
    quiet: u32,
    /// It does not tick.
    pub(super) asleep: bool,
    /// As it was when it was last counted.
    pub(super) condition: NcaCondition,
    /// Whether it has been whole.
    pub(super) has_grown: bool,
}

/// The cells that a sprite begins or goes on with.
pub(super) enum Start {
    Seed,
    Cells(State),
}

impl Occupant {
    pub(super) fn new(entity: Entity, texture: &NcaTexture, crisp: bool) -> Self {
        Self {
            entity,
            life: Life::new(texture),
            number: next_number(),
            pace: NcaPace::default().rate(),
            crisp,
            wants_crisp: texture.crisp,
            tissue: false,
            stale: false,
            unjudged: None,
            disabled: false,
            told_asleep: false,
            start: None,
            wanted: Wanted::NOTHING,
            last_tick: None,
        }
    }

    /// Follows its texture.
    pub(super) fn follow(&mut self, texture: &NcaTexture, crisp: bool) {
        self.life.follow(texture);
        self.stale |= self.crisp != crisp;
        (self.crisp, self.wants_crisp) = (crisp, texture.crisp);
    }

    /// Its cells go on by another model.
    pub(super) fn adopt(&mut self) {
        self.stale = true;
        self.life.wake();
    }

    /// A grown sprite looks otherwise than was known. If it has another shape, it has yet to grow, and what was
    /// counted so far is not told.
    pub(super) fn refer_to(&mut self, same_shape: bool, is_authored: bool) {
        let was_crisp = std::mem::replace(&mut self.crisp, self.wants_crisp && is_authored);
        self.stale |= was_crisp || self.crisp;
        if !same_shape {
            self.life.wake();
            (self.life.condition, self.life.has_grown) = (NcaCondition::Growing, false);
            self.number = next_number();
        }
    }

    /// How it is painted and counted.
    pub(super) fn look(&self) -> Look {
        Look { rotation: rotation(self.life.angle), crisp: self.crisp, tissue: self.tissue }
    }

    /// The sprite has new cells, of such an age: all changes are forgotten. Dead ground stays dead.
    pub(super) fn restart(&mut self, tick: u32) {
        self.life.restart(tick);
        self.number = next_number();
    }

    /// Goes on with another life.
    pub(super) fn live_on(&mut self, life: Life) {
        self.life = life;
        self.number = next_number();
    }

    pub(super) fn set_pace(&mut self, pace: NcaPace) {
        self.pace = pace.rate();
    }

    /// Whether it is wanted which cells live. Then the sprite wakes, to be counted.
    pub(super) fn set_tissue(&mut self, wanted: bool) {
        self.tissue = wanted;
        if wanted {
            self.life.wake();
        }
    }

    /// Puts it to sleep, or wakes it. Its entity knows. It stays awake while its next tick has something to change.
    pub(super) fn set_asleep(&mut self, asleep: bool) {
        // What the plugin itself has told is no news.
        if asleep == self.told_asleep {
            return;
        }
        match asleep {
            true => self.life.asleep = !self.life.has_pending_changes(),
            false => self.life.wake(),
        }
        self.told_asleep = asleep;
    }

    /// Whether its entity is disabled. What was asked of it stays, until the entity is back.
    pub(super) fn set_disabled(&mut self, disabled: bool) {
        self.disabled = disabled;
    }

    /// Whether the clock moves it.
    pub(super) fn ticks(&self) -> bool {
        !self.life.asleep && !self.disabled && self.pace > 0.0
    }

    /// The next tick that it owes, if any; see [`Life::begin_tick`].
    pub(super) fn begin_tick(&mut self, sleep_after: Option<u32>) -> Option<(Tick, Changes)> {
        if self.disabled { None } else { self.life.begin_tick(sleep_after) }
    }

    /// The device that held its cells was lost: it grows anew, unless it was yet to be told of cells.
    pub(super) fn begin_anew(&mut self) {
        self.last_tick = None;
        if self.start.is_none() {
            self.life.dead_ground = None;
            self.restart(0);
            self.start = Some(Start::Seed);
        }
    }

    /// Whether it ticks, or something is yet to be done for it.
    pub(super) fn is_busy(&self) -> bool {
        !(self.life.asleep || self.disabled) || self.life.asleep != self.told_asleep || self.has_work()
    }

    /// Whether something is yet to be done for it besides ticks.
    pub(super) fn has_work(&self) -> bool {
        self.stale || self.start.is_some() || self.wanted != Wanted::NOTHING || self.last_tick.is_some()
    }

    /// A tick of the clock: the sprite owes as many as its pace says.
    pub(super) fn clock_ticks(&mut self) {
        if self.ticks() {
            self.life.owed += self.pace;
        }
    }
}

impl Life {
    pub(super) fn new(texture: &NcaTexture) -> Self {
        Self {
            seed: texture.seed,
            angle: texture.angle,
            tick: 0,
            owed: 0.0,
            changes: Changes::default(),
            dead_ground: None,
            hits: 0,
            quiet: 0,
            asleep: false,
            condition: NcaCondition::Growing,
            has_grown: false,
        }
    }

    /// Whether it can be that of a sprite on a grid of this size.
    pub(super) fn is_valid(&self, width: usize, height: usize) -> bool {
        let fits = self.dead_ground.as_ref().is_none_or(|dead| dead.fits(width, height));
        fits && self.changes.fit(width, height) && self.angle.is_finite() && (0.0..=17.0).contains(&self.owed)
    }

    /// Whether the next tick has cells to kill or to sow.
    fn has_pending_changes(&self) -> bool {
        self.changes.seeds.is_some() || self.changes.wound.is_some()
    }

    /// The next tick that it owes, if any, and what that must change first. After so many quiet ones, a
    /// whole or dead sprite falls asleep.
    fn begin_tick(&mut self, sleep_after: Option<u32>) -> Option<(Tick, Changes)> {
        if self.owed < 1.0 || self.asleep {
            return None;
        }
        self.owed -= 1.0;
        let tick = Tick { tick: self.tick, seed: self.seed, angle: self.angle };
        self.tick = self.tick.wrapping_add(1);
        self.hits = 0;
        self.quiet = self.quiet.saturating_add(1);
        let rests = matches!(self.condition, NcaCondition::Whole | NcaCondition::Dead);
        self.asleep = rests && sleep_after.is_some_and(|most| self.quiet >= most);
        Some((tick, std::mem::take(&mut self.changes)))
    }

    /// Follows its texture's seed and angle.
    fn follow(&mut self, texture: &NcaTexture) {
        if (self.seed, self.angle) != (texture.seed, texture.angle) {
            (self.seed, self.angle) = (texture.seed, texture.angle);
            self.wake();
        }
    }

    /// It ticks, and stays awake for a while.
    pub(super) fn wake(&mut self) {
        self.quiet = 0;
        self.asleep = false;
    }

    fn restart(&mut self, tick: u32) {
        self.tick = tick;
        self.hits = 0;
        self.wake();
        (self.condition, self.has_grown) = (NcaCondition::Growing, false);
        self.changes = Changes { dead_ground: self.dead_ground.clone(), ..Changes::default() };
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
        self.wake();
        if scars {
            union(&mut self.dead_ground, &cells);
            self.changes.dead_ground = self.dead_ground.clone();
        }
        union(&mut self.changes.wound, &cells);
    }

    /// Lets scars grow again, and sows seeds where cells are empty.
    pub(super) fn heal(&mut self, cells: CellMask) {
        if cells.is_empty() {
            return;
        }
        self.wake();
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

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn union(mask: &mut Option<CellMask>, cells: &CellMask) {
    match mask {
        Some(mask) => mask.union(cells),
        None => *mask = Some(cells.clone()),
    }
}
