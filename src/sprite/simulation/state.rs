//! The state of an instance: everything that determines its future, except its cells.

use super::{FormWalk, Part};
use crate::{
    cpu::Tick,
    rule::{CellEdits, CellMask, CellStats, Directions, Pose, Shares, rotation, tick_key},
    sprite::{
        components::{NcaCondition, NcaVitals},
        save::{SavedEdits, SavedInstance},
    },
};

/// The state of an instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InstanceState {
    pub(crate) seed: u32,
    pub(crate) angle: f32,
    /// The age in ticks.
    pub(crate) tick: u32,
    /// Ticks that the clock has granted and the instance has not run yet.
    owed: f64,
    /// Cells that stay zeros until they are healed.
    dead_ground: Option<CellMask>,
    /// The engine does not know the current `dead_ground` yet.
    dead_ground_changed: bool,
    /// The direction of each cell.
    directions: Option<Directions>,
    /// The engine does not know the current `directions` yet.
    directions_changed: bool,
    /// Cells that follow the model's overgrowth.
    overgrown: Option<CellMask>,
    /// The engine does not know the current `overgrown` yet.
    overgrown_changed: bool,
    /// Its form, and the way to others.
    form: FormWalk,
    /// The engine does not know the current shares yet.
    form_changed: bool,
    /// Cells that become seeds before the next tick if they are empty.
    seeds: Option<CellMask>,
    /// Cells that become zeros before the next tick.
    wound: Option<CellMask>,
    /// The number of wounds and paints since the last tick.
    hits: u32,
    /// Ticks since the last external change.
    quiet: u32,
    asleep: bool,
    /// The condition as of the last statistics.
    pub(crate) condition: NcaCondition,
    /// Whether it has been whole.
    pub(crate) has_grown: bool,
    /// How far it stands from its place, right and down, in cells.
    pub(crate) beside: [i32; 2],
}

impl InstanceState {
    pub(crate) fn new(seed: u32, angle: f32) -> Self {
        Self {
            seed,
            angle,
            tick: 0,
            owed: 0.0,
            dead_ground: None,
            dead_ground_changed: false,
            directions: None,
            directions_changed: false,
            overgrown: None,
            overgrown_changed: false,
            form: FormWalk::default(),
            form_changed: true,
            seeds: None,
            wound: None,
            hits: 0,
            quiet: 0,
            asleep: false,
            condition: NcaCondition::Growing,
            has_grown: false,
            beside: [0; 2],
        }
    }

    /// The state of a part of it: its wounds have struck, and only its own cells can become seeds.
    pub(super) fn part(&self, part: &Part) -> Self {
        let mut state = self.clone();
        state.seed = part.seed;
        state.wound = None;
        state.keep(&part.cells);
        // The engine knows the rest of the cells' past.
        state.form_changed = true;
        state.asleep = part.rests;
        state
    }

    /// It has only these cells from now on.
    pub(super) fn keep(&mut self, cells: &CellMask) {
        if let Some(seeds) = &mut self.seeds {
            seeds.intersect(cells);
        }
        self.seeds.take_if(|seeds| seeds.is_empty());
    }

    /// Whether it has been granted a tick, with some more ticks.
    pub(super) fn is_due(&self, more: f64) -> bool {
        self.owed + more >= 1.0
    }

    /// The cells that become zeros before its next tick.
    pub(super) fn waiting_wound(&self) -> Option<&CellMask> {
        self.wound.as_ref()
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    pub(crate) fn dead_ground(&self) -> Option<&CellMask> {
        self.dead_ground.as_ref()
    }

    /// Puts it to sleep, unless edits wait for its next tick.
    pub(super) fn sleep(&mut self) {
        let edits_wait = self.seeds.is_some() || self.wound.is_some() || self.overgrown_changed;
        self.asleep = !edits_wait;
    }

    /// Wakes it, and keeps it awake for a while.
    pub(crate) fn wake(&mut self) {
        self.quiet = 0;
        self.asleep = false;
    }

    /// Follows the seed and the angle of its texture.
    pub(super) fn follow(&mut self, seed: u32, angle: f32) {
        if (self.seed, self.angle) != (seed, angle) {
            (self.seed, self.angle) = (seed, angle);
            self.wake();
        }
    }

    /// Adds ticks that the clock grants.
    pub(super) fn grant(&mut self, ticks: f64) {
        self.owed += ticks;
    }

    /// Begins the next granted tick, if there is one. Returns it with the edits to apply before it. A whole or dead
    /// instance falls asleep after `sleep_after` quiet ticks.
    pub(super) fn begin_tick(&mut self, sleep_after: Option<u32>) -> Option<(Tick, CellEdits<'_>)> {
        if self.owed < 1.0 || self.asleep {
            return None;
        }
        self.owed -= 1.0;
        let tick = Tick { tick: self.tick, seed: self.seed, angle: self.angle };
        self.tick = self.tick.wrapping_add(1);
        self.hits = 0;
        self.quiet = self.quiet.saturating_add(1);
        if self.form.advance(tick.tick) {
            (self.form_changed, self.quiet) = (true, 0);
        }
        let rests = matches!(self.condition, NcaCondition::Whole | NcaCondition::Dead) && !self.form.is_walking();
        self.asleep = rests && sleep_after.is_some_and(|most| self.quiet >= most);
        let changed = std::mem::take(&mut self.dead_ground_changed);
        // The engine knows that all scars are healed.
        if !changed && self.dead_ground.as_ref().is_some_and(CellMask::is_empty) {
            self.dead_ground = None;
        }
        let edits = CellEdits {
            dead_ground: self.dead_ground.as_ref().filter(|_| changed),
            seeds: self.seeds.take(),
            wound: self.wound.take(),
            overgrown: self.overgrown.as_ref().filter(|_| std::mem::take(&mut self.overgrown_changed)),
            directions: self.directions.as_ref().filter(|_| std::mem::take(&mut self.directions_changed)),
            form: std::mem::take(&mut self.form_changed).then_some(self.form.shares),
        };
        Some((tick, edits))
    }

    /// It has new cells of this age. Drops pending edits; dead ground and overgrown cells stay.
    pub(super) fn restart(&mut self, tick: u32) {
        self.form.set_age(self.tick, tick);
        self.tick = tick;
        self.hits = 0;
        self.wake();
        self.begin_growing();
        (self.seeds, self.wound) = (None, None);
        self.dead_ground_changed = self.dead_ground.is_some();
        self.directions_changed = self.directions.is_some();
        self.overgrown_changed = self.overgrown.is_some();
        self.form_changed = true;
    }

    /// How a grown sprite is compared with it: in the form of the largest share, and where it stands.
    pub(crate) fn pose(&self) -> Pose {
        let shares = &self.form.shares;
        let nearer = |best: usize, form: usize| if shares[form] > shares[best] { form } else { best };
        Pose { rotation: rotation(self.angle), form: (1..shares.len()).fold(0, nearer), beside: self.beside }
    }

    /// The same in a form.
    pub(crate) fn pose_in(&self, form: usize) -> Pose {
        Pose { form, ..self.pose() }
    }

    /// Begins a walk through forms: the ticks from now on, and the share of each form then.
    pub(crate) fn walk(&mut self, stops: &[(u32, Shares)]) {
        self.wake();
        self.form.begin(self.tick, stops);
    }

    /// The engine has other weights, and needs the form again.
    pub(super) fn resend_form(&mut self) {
        self.form_changed = true;
    }

    /// Whether its cells are on their way to a form that was asked for less than `most` ticks before this age.
    pub(crate) fn is_changing(&self, age: u32, most: u32) -> bool {
        self.form.is_arriving(age, most)
    }

    /// Whether its cells arrive at the form that was asked for last, by statistics of an age.
    pub(crate) fn arrives(&mut self, is_there: bool, age: u32) -> bool {
        self.form.arrives(is_there, age)
    }

    pub(crate) fn directions(&self) -> Option<&Directions> {
        self.directions.as_ref()
    }

    /// Keeps the directions of an earlier state: they are not saved.
    pub(super) fn keep_directions(&mut self, earlier: Self) {
        self.directions = earlier.directions;
        self.directions_changed = self.directions.is_some();
    }

    /// Sets the direction of each cell from the next tick on.
    pub(crate) fn set_directions(&mut self, directions: Directions) {
        if self.directions.as_ref() != Some(&directions) {
            self.wake();
            self.directions_changed = true;
            self.directions = Some(directions);
        }
    }

    /// Marks it as growing: it has not been whole.
    pub(super) fn begin_growing(&mut self) {
        (self.condition, self.has_grown, self.beside) = (NcaCondition::Growing, false, [0; 2]);
    }

    pub(super) fn clear_dead_ground(&mut self) {
        (self.dead_ground, self.dead_ground_changed) = (None, false);
    }

    /// The key of the next wound's noise. Each wound of a tick has its own, at any frame rate.
    pub(crate) fn next_wound_key(&mut self) -> u32 {
        let key = tick_key(self.hits, !tick_key(self.tick, self.seed));
        self.hits = self.hits.wrapping_add(1);
        key
    }

    /// Zeroes cells before the next tick. With `scars` they also become dead ground.
    pub(crate) fn wound(&mut self, cells: CellMask, scars: bool) {
        if cells.is_empty() {
            return;
        }
        self.wake();
        if scars {
            union(&mut self.dead_ground, &cells);
            self.dead_ground_changed = true;
        }
        union(&mut self.wound, &cells);
    }

    /// Removes dead ground, and makes empty cells seeds before the next tick.
    pub(crate) fn heal(&mut self, cells: CellMask) {
        if cells.is_empty() {
            return;
        }
        self.wake();
        if let Some(dead) = &mut self.dead_ground {
            dead.subtract(&cells);
            self.dead_ground_changed = true;
        }
        union(&mut self.seeds, &cells);
    }

    /// Lets cells follow the model's overgrowth, or its first rule again.
    pub(crate) fn paint(&mut self, cells: CellMask, overgrown: bool) {
        if cells.is_empty() || !overgrown && self.overgrown.is_none() {
            return;
        }
        self.wake();
        self.overgrown_changed = true;
        match &mut self.overgrown {
            Some(mask) if !overgrown => mask.subtract(&cells),
            mask => union(mask, &cells),
        }
    }

    /// Updates the condition from statistics, and returns the previous one. `possible` is the number of cells that it
    /// can have, if known. One that is changing its form lacks cells without a wound.
    pub(crate) fn observe(&mut self, stats: &CellStats, possible: Option<u32>, is_changing: bool) -> NcaCondition {
        let before = self.condition;
        let CellStats { live, lost, .. } = *stats;
        debug_assert!(stats.matching <= live);
        let integrity = stats.integrity(possible);
        self.condition = match before {
            _ if live == 0 => NcaCondition::Dead,
            NcaCondition::Whole | NcaCondition::Wounded if is_changing && self.has_grown && lost == 0 => before,
            NcaCondition::Whole | NcaCondition::Wounded if possible.is_none() && lost == 0 => before,
            _ if lost == 0 && integrity >= NcaVitals::WHOLE => NcaCondition::Whole,
            NcaCondition::Dead => NcaCondition::Growing,
            NcaCondition::Growing if lost == 0 => NcaCondition::Growing,
            NcaCondition::Whole if lost == 0 && integrity >= NcaVitals::WOUNDED => NcaCondition::Whole,
            _ => NcaCondition::Wounded,
        };
        match self.condition {
            NcaCondition::Whole => self.has_grown = true,
            NcaCondition::Dead => (self.has_grown, self.beside) = (false, [0; 2]),
            NcaCondition::Growing | NcaCondition::Wounded => {}
        }
        before
    }
}

impl From<&InstanceState> for SavedInstance {
    fn from(state: &InstanceState) -> Self {
        let InstanceState { seed, angle, tick, owed, hits, quiet, asleep, condition, has_grown, beside, .. } = *state;
        let dead_ground = state.dead_ground.clone();
        let changes = SavedEdits {
            dead_ground: dead_ground.clone().filter(|_| state.dead_ground_changed),
            seeds: state.seeds.clone(),
            wound: state.wound.clone(),
        };
        let overgrown = state.overgrown.clone();
        let form = Some(state.form.clone()).filter(|form| *form != FormWalk::default());
        Self {
            seed,
            angle,
            tick,
            owed,
            changes,
            dead_ground,
            hits,
            quiet,
            asleep,
            condition,
            has_grown,
            overgrown,
            form,
            beside,
        }
    }
}

impl From<SavedInstance> for InstanceState {
    fn from(saved: SavedInstance) -> Self {
        let SavedInstance { seed, angle, tick, owed, changes, dead_ground, overgrown, form, .. } = saved;
        let SavedInstance { hits, quiet, asleep, condition, has_grown, beside, .. } = saved;
        let SavedEdits { seeds, wound, .. } = changes;
        // The engine that takes the cells does not know the dead ground and the overgrown cells yet.
        let (dead_ground_changed, overgrown_changed) = (dead_ground.is_some(), overgrown.is_some());
        Self {
            seed,
            angle,
            tick,
            owed,
            dead_ground,
            dead_ground_changed,
            directions: None,
            directions_changed: false,
            overgrown,
            overgrown_changed,
            form: form.unwrap_or_default(),
            form_changed: true,
            seeds,
            wound,
            hits,
            quiet,
            asleep,
            condition,
            has_grown,
            beside,
        }
    }
}

fn union(mask: &mut Option<CellMask>, cells: &CellMask) {
    match mask {
        Some(mask) => mask.union(cells),
        None => *mask = Some(cells.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_follows_the_statistics() {
        use NcaCondition::{Dead, Growing, Whole, Wounded};
        let stats = |live, lost| CellStats { live, matching: live, lost, ..CellStats::default() };
        let mut state = InstanceState::new(0, 0.0);
        let story = [
            (1, 0, Growing),
            (94, 0, Growing),
            (95, 0, Whole),
            (91, 0, Whole),
            (89, 0, Wounded),
            (94, 0, Wounded),
            (99, 0, Whole),
            (98, 1, Wounded),
            (98, 0, Whole),
            (0, 98, Dead),
            (0, 0, Dead),
            (1, 0, Growing),
            (10, 3, Wounded),
            (96, 0, Whole),
        ];
        for (tick, (live, lost, condition)) in story.into_iter().enumerate() {
            state.observe(&stats(live, lost), Some(100), false);
            assert_eq!(state.condition, condition, "{tick}");
        }
        // It lacks cells of another form, but it is not wounded.
        state.observe(&stats(40, 0), Some(100), true);
        assert_eq!(state.condition, Whole);
        state.observe(&stats(30, 5), Some(100), true);
        assert_eq!(state.condition, Wounded);
    }
}
