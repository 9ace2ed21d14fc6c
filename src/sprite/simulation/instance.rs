//! An instance of a model: one sprite in a slot of a population.

use std::sync::atomic::{AtomicU64, Ordering};

use bevy::prelude::*;

use super::{InstanceState, KnownLife};
use crate::{
    cpu::Tick,
    gpu::DisplayState,
    rule::{CellEdits, CellMask, Reference},
    sprite::components::NcaForm,
};

/// The settings of a texture that its instance follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u32,
    /// In radians.
    pub(crate) angle: f32,
    /// Whether to show the model's target where the cells match it.
    pub(crate) crisp: bool,
}

/// An instance of a model.
pub(crate) struct Instance {
    pub(crate) entity: Entity,
    pub(crate) state: InstanceState,
    /// A number that changes when the cells are replaced or restart. Statistics of an earlier generation are dropped.
    pub(crate) generation: u64,
    /// Ticks per tick of the clock.
    pace: f64,
    /// Whether it is drawn crisp, and whether its texture requests that.
    is_crisp: bool,
    wants_crisp: bool,
    /// Whether the entity has an alive mask.
    wants_alive_mask: bool,
    /// It must be drawn again even if it does not tick.
    pub(crate) needs_redraw: bool,
    /// It does not fall asleep by itself.
    never_sleeps: bool,
    /// Its entity is disabled: it does not tick, and the clock grants it no ticks.
    disabled: bool,
    /// Whether its entity has the marker of a sleeping sprite.
    reported_asleep: bool,
    /// It has the form of its entity's component.
    pub(crate) has_form: bool,
    /// The component of the sprite that it is a part of, whose form it already has.
    pub(crate) inherited_form: Option<NcaForm>,
    /// Its living cells, if it comes apart or sheds cells.
    pub(crate) life: Option<KnownLife>,
}

/// A part of an instance that becomes an instance of its own.
pub(crate) struct Part {
    pub(crate) entity: Entity,
    pub(crate) seed: u32,
    /// Its cells.
    pub(crate) cells: CellMask,
    /// It does not tick.
    pub(crate) rests: bool,
}

/// A wound of an instance whose life is followed.
pub(crate) struct Strike {
    /// The cells that live before.
    pub(crate) living: CellMask,
    /// The cells that do not live after it.
    pub(crate) wound: CellMask,
    /// False if it has struck earlier.
    pub(crate) is_new: bool,
}

impl Instance {
    /// `can_be_crisp` is whether the model has a target to show.
    pub(crate) fn new(entity: Entity, settings: Settings, can_be_crisp: bool) -> Self {
        Self {
            entity,
            state: InstanceState::new(settings.seed, settings.angle),
            generation: next_generation(),
            pace: 1.0,
            is_crisp: settings.crisp && can_be_crisp,
            wants_crisp: settings.crisp,
            wants_alive_mask: false,
            needs_redraw: false,
            never_sleeps: false,
            disabled: false,
            reported_asleep: false,
            has_form: false,
            inherited_form: None,
            life: None,
        }
    }

    /// An instance with a part of the cells of this one, and the same past.
    pub(crate) fn part(&self, part: &Part) -> Self {
        let mut life = self.life.as_ref().map(|_| KnownLife::default());
        if let (Some(life), Some(mut cells)) = (&mut life, self.life.as_ref().and_then(KnownLife::living)) {
            cells.intersect(&part.cells);
            life.see(self.state.tick, cells);
        }
        Self {
            entity: part.entity,
            state: self.state.part(part),
            generation: next_generation(),
            pace: if part.rests { 0.0 } else { self.pace },
            is_crisp: self.is_crisp,
            wants_crisp: self.wants_crisp,
            wants_alive_mask: self.wants_alive_mask,
            needs_redraw: true,
            never_sleeps: self.never_sleeps,
            disabled: false,
            reported_asleep: false,
            has_form: self.has_form,
            inherited_form: None,
            life,
        }
    }

    /// Keeps only some of its cells, when others have become instances of their own.
    pub(crate) fn keep(&mut self, cells: &CellMask) {
        self.state.keep(cells);
        if let Some(life) = &mut self.life {
            life.lose(self.state.tick, &cells.complement());
        }
    }

    /// It has other cells.
    fn forget_life(&mut self) {
        self.life = self.life.as_ref().map(|_| KnownLife::default());
    }

    /// Begins to follow its life, or stops.
    pub(crate) fn follow_life(&mut self, follows: bool) {
        if follows && self.life.is_none() {
            // To be counted.
            self.state.wake();
        }
        self.life = follows.then(|| self.life.take().unwrap_or_default());
    }

    /// Kills cells with its next tick, as if they belonged to the wound that strikes then.
    pub(crate) fn crumble(&mut self, cells: &CellMask) {
        if let Some(life) = self.life.as_mut().filter(|_| !cells.is_empty()) {
            life.lose(self.state.tick, cells);
            self.state.wound(cells.clone(), false);
        }
    }

    /// Whether its next tick comes with this many ticks of the clock.
    fn is_due(&self, ticks: u32) -> bool {
        self.ticks() && self.state.is_due(self.pace * f64::from(ticks))
    }

    /// If its life is followed, and a wound strikes it within some ticks of the clock. `exact` are the living cells, if they
    /// are known exactly. A wound that has come while nothing was known strikes once something is. Call it once before these
    /// ticks.
    pub(crate) fn struck(&mut self, ticks: u32, exact: impl FnOnce() -> Option<CellMask>) -> Option<Strike> {
        if self.life.is_none() || !self.is_due(ticks) {
            return None;
        }
        let wound = self.state.waiting_wound();
        let exact = wound.and_then(|_| exact());
        let life = self.life.as_mut()?;
        let is_overdue = life.take_overdue() && exact.is_none();
        let living = exact.or_else(|| life.living());
        if let Some(wound) = wound {
            life.lose(self.state.tick, wound);
        }
        let mut left = living?;
        if !is_overdue {
            return wound.map(|wound| Strike { living: left, wound: wound.clone(), is_new: true });
        }
        if let Some(wound) = wound {
            left.subtract(wound);
        }
        // Whatever has lived before was whole.
        let living = CellMask::full(left.width(), left.height());
        Some(Strike { living, wound: left.complement(), is_new: false })
    }

    /// Like [`struck`](Self::struck), while its cells are on their way.
    pub(crate) fn miss(&mut self, ticks: u32) {
        let is_due = self.is_due(ticks);
        if let (Some(life), Some(wound)) = (&mut self.life, self.state.waiting_wound().filter(|_| is_due)) {
            life.miss(self.state.tick, wound);
        }
    }

    /// Follows the settings of its texture.
    pub(crate) fn follow(&mut self, settings: Settings, can_be_crisp: bool) {
        self.state.follow(settings.seed, settings.angle);
        let is_crisp = settings.crisp && can_be_crisp;
        self.needs_redraw |= self.is_crisp != is_crisp;
        (self.is_crisp, self.wants_crisp) = (is_crisp, settings.crisp);
    }

    /// Its cells continue with other weights.
    pub(crate) fn replace_model(&mut self) {
        self.needs_redraw = true;
        self.state.wake();
        self.state.resend_form();
    }

    /// The reference has changed. With another shape the instance counts as growing, and earlier statistics are
    /// dropped.
    pub(crate) fn replace_reference(&mut self, same_shape: bool, can_be_crisp: bool) {
        let was_crisp = std::mem::replace(&mut self.is_crisp, self.wants_crisp && can_be_crisp);
        self.needs_redraw |= was_crisp || self.is_crisp;
        if !same_shape {
            self.state.wake();
            self.state.begin_growing();
            self.generation = next_generation();
        }
    }

    /// Finds where in the grid it stands, by its living cells, if it is whole there. From then on it is compared with a
    /// grown sprite there.
    pub(crate) fn find_place(&mut self, reference: &Reference, living: &CellMask, form: usize) {
        let state = &mut self.state;
        if let Some(beside) = reference.stands_beside(living, state.dead_ground(), state.pose_in(form)) {
            state.beside = beside;
            self.needs_redraw = true;
        }
    }

    /// How it is drawn and counted.
    pub(crate) fn display(&self) -> DisplayState {
        DisplayState { pose: self.state.pose(), crisp: self.is_crisp, alive_mask: self.wants_alive_mask }
    }

    /// It has new cells of this age. Drops pending edits; dead ground and overgrown cells stay.
    pub(crate) fn restart(&mut self, tick: u32) {
        self.state.restart(tick);
        self.forget_life();
        self.generation = next_generation();
    }

    /// Restarts from the seed, after its cells were lost. It has no scars, but what was painted stays.
    pub(crate) fn regrow(&mut self) {
        self.state.clear_dead_ground();
        self.restart(0);
    }

    /// Continues with another state.
    pub(crate) fn restore(&mut self, state: InstanceState) {
        let earlier = std::mem::replace(&mut self.state, state);
        self.state.keep_directions(earlier);
        self.has_form = true;
        self.forget_life();
        if self.never_sleeps {
            self.state.wake();
        }
        self.generation = next_generation();
    }

    pub(crate) fn set_pace(&mut self, ticks_per_tick: f64) {
        self.pace = ticks_per_tick;
    }

    /// Sets whether the entity has an alive mask. If so, the instance wakes to be counted.
    pub(crate) fn set_alive_mask(&mut self, expected: bool) {
        if std::mem::replace(&mut self.wants_alive_mask, expected) != expected && expected {
            self.state.wake();
        }
    }

    /// Follows the marker on its entity. It stays awake while edits wait for its next tick.
    pub(crate) fn set_asleep(&mut self, asleep: bool) {
        // The plugin itself set the marker.
        if asleep == self.reported_asleep {
            return;
        }
        match asleep {
            true => self.state.sleep(),
            false => self.state.wake(),
        }
        self.reported_asleep = asleep;
    }

    /// Whether it has fallen asleep or woken since the last call.
    pub(crate) fn take_sleep_change(&mut self) -> Option<bool> {
        let asleep = self.state.is_asleep();
        (std::mem::replace(&mut self.reported_asleep, asleep) != asleep).then_some(asleep)
    }

    /// Sets whether it never falls asleep by itself. If so, it wakes.
    pub(crate) fn set_sleeping_disabled(&mut self, disabled: bool) {
        self.never_sleeps = disabled;
        if disabled {
            self.state.wake();
        }
    }

    pub(crate) fn set_disabled(&mut self, disabled: bool) {
        self.disabled = disabled;
    }

    /// Whether the clock advances it.
    pub(crate) fn ticks(&self) -> bool {
        !self.state.is_asleep() && !self.disabled && self.pace > 0.0
    }

    /// Whether it must stay in the active set, apart from work of the backend.
    pub(crate) fn is_active(&self) -> bool {
        let asleep = self.state.is_asleep();
        !(asleep || self.disabled) || asleep != self.reported_asleep || self.needs_redraw
    }

    /// Grants ticks in proportion to the pace, for one tick of the clock.
    pub(crate) fn grant_ticks(&mut self) {
        if self.ticks() {
            self.state.grant(self.pace);
        }
    }

    /// Begins the next granted tick; see [`InstanceState::begin_tick`].
    pub(crate) fn begin_tick(&mut self, sleep_after: Option<u32>) -> Option<(Tick, CellEdits<'_>)> {
        let sleep_after = sleep_after.filter(|_| !self.never_sleeps);
        if self.disabled { None } else { self.state.begin_tick(sleep_after) }
    }
}

fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
