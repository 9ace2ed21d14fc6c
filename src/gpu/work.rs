//! The work of a population for the GPU, as a list that the main world fills.
//!
//! 1. The main world adds steps. A step is one tick: first its edits, then one job for each sprite that ticks.
//! 2. At the end of a frame, the main world adds for each sprite that has changed, once, how the sprite is drawn and
//!    what is counted ([`Work::show`]), and which cells are read back.
//! 3. The list moves to the render world as a whole. While the render world is not ready, lists are appended, and
//!    nothing is lost.
//! 4. [`Work::encode`] turns the list into jobs. Each sprite is drawn by one job: its last tick or, without a tick, a
//!    separate job at the end.

use std::sync::Arc;

use bevy::{
    math::Vec2,
    platform::collections::{HashMap, HashSet},
    prelude::Entity,
    render::render_resource::ShaderType,
};
use bytemuck::{Pod, Zeroable};

use super::layout::{ALIVE_MASK, CELLS, COPY, CRISP, DEAD_GROUND, DIRECTIONS, DRAW, FORM, OVERGROWN, SEED, SOW, WOUND};
use crate::rule::{CellEdits, CellMask, Pose, State, Weights};

/// The work for one sprite in one dispatch; `Job` in `grid.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable, ShaderType)]
#[repr(C)]
pub(super) struct Job {
    pub(super) slot: u32,
    pub(super) key: u32,
    pub(super) rotation: Vec2,
    pub(super) flags: u32,
    /// The index of its first word in the payload.
    pub(super) payload: u32,
    /// The number of the form that it is compared with.
    pub(super) form: u32,
    /// How far it stands from its place, in cells: right in the lower half, down in the upper one.
    pub(super) beside: u32,
}

impl Job {
    fn of(slot: u32, Pose { rotation, form, beside: [right, down] }: Pose) -> Self {
        let beside = right as u32 & 0xffff | (down as u32) << 16;
        Self { slot, rotation: rotation.into(), form: form as u32, beside, ..Self::default() }
    }
}

/// The source of a copy whose source is gone. It has no cells.
const NO_SLOT: u32 = u32::MAX;

/// How a sprite is drawn and counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DisplayState {
    pub(crate) pose: Pose,
    /// Cells that match the grown sprite are drawn as its pixels.
    pub(crate) crisp: bool,
    /// The living cells are read back.
    pub(crate) alive_mask: bool,
}

impl DisplayState {
    fn flags(self) -> u32 {
        DRAW | if self.crisp { CRISP } else { 0 } | if self.alive_mask { ALIVE_MASK } else { 0 }
    }
}

/// One tick of a population: ranges of the edits and of the ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) edits: (u32, u32),
    pub(super) ticks: (u32, u32),
}

/// For each slot of a population, the slot in which its sprite was before. Sorted.
pub(crate) type Moves = Arc<[u32]>;

/// A request for the cells of a sprite after the work is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadCells {
    pub(super) slot: u32,
    pub(super) ticket: u64,
    /// The cells have changed since the request: the requested ones are gone.
    pub(super) too_late: bool,
}

/// A request for the statistics of a sprite after its last tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatsRequest {
    pub(crate) entity: Entity,
    pub(crate) generation: u64,
    pub(crate) tick: u32,
    /// The number of the form that the cells are compared with.
    pub(crate) form: usize,
    /// The grown shape is known.
    pub(crate) is_judged: bool,
}

/// A sprite that is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) slot: u32,
    pub(super) display: DisplayState,
    pub(super) stats: Option<StatsRequest>,
}

/// The work of a population, in order.
#[derive(Default)]
pub(crate) struct Work {
    /// Moves come before all other work.
    pub(super) moves: Option<Moves>,
    pub(super) steps: Vec<Step>,
    pub(super) edits: Vec<Job>,
    pub(super) ticks: Vec<Job>,
    pub(super) payload: Vec<u32>,
    pub(super) reads: Vec<ReadCells>,
    /// At most once per slot.
    pub(super) shown: Vec<Shown>,
}

impl Work {
    /// Begins a step.
    pub(crate) fn next_step(&mut self) {
        let (edits, ticks) = (self.edits.len() as u32, self.ticks.len() as u32);
        self.steps.push(Step { edits: (edits, edits), ticks: (ticks, ticks) });
    }

    fn add_edit(&mut self, job: Job) {
        if self.steps.is_empty() {
            self.next_step();
        }
        self.edits.push(job);
        if let Some(step) = self.steps.last_mut() {
            step.edits.1 += 1;
        }
    }

    /// The sprite starts from its seed. At most one edit per sprite and step.
    pub(crate) fn seed(&mut self, slot: u32) {
        self.add_edit(Job { slot, flags: SEED, ..Job::default() });
    }

    /// The sprite's cells are replaced. At most one edit per sprite and step.
    pub(crate) fn put(&mut self, slot: u32, state: &State) {
        let payload = self.payload.len() as u32;
        let cells = || state.values().chunks_exact(state.channels());
        for quad in 0..state.channels() / 4 {
            self.payload.extend(cells().flat_map(|cell| cell[quad * 4..][..4].iter().map(|value| value.to_bits())));
        }
        self.add_edit(Job { slot, flags: CELLS, payload, ..Job::default() });
    }

    /// A sprite gets some cells of another one, and no others, or keeps only these of its own. At most one edit per sprite
    /// and step, none of them of the other sprite.
    pub(crate) fn copy(&mut self, from: u32, to: u32, cells: &CellMask) {
        let payload = self.payload.len() as u32;
        self.payload.extend_from_slice(cells.words());
        self.add_edit(Job { slot: to, key: from, flags: COPY, payload, ..Job::default() });
    }

    /// Whether it copies cells.
    pub(crate) fn copies(&self) -> bool {
        self.edits.iter().any(|job| job.flags & COPY != 0)
    }

    /// The size of edits and new cells so far, in bytes.
    pub(crate) fn payload_bytes(&self) -> u64 {
        self.payload.len() as u64 * 4
    }

    /// Edits the sprite's cells before the tick of this step. At most one edit per sprite and step. The weights are those of
    /// its model.
    pub(crate) fn edit(&mut self, slot: u32, edits: &CellEdits, weights: &Weights) {
        let payload = self.payload.len() as u32;
        let mut flags = 0;
        let masks = [
            (DEAD_GROUND, edits.dead_ground),
            (SOW, edits.seeds.as_ref()),
            (WOUND, edits.wound.as_ref()),
            (OVERGROWN, edits.overgrown),
        ];
        for (flag, mask) in masks {
            if let Some(mask) = mask {
                flags |= flag;
                self.payload.extend_from_slice(mask.words());
            }
        }
        if let Some(bias) = edits.form.and_then(|shares| weights.bias_in(&shares)) {
            flags |= FORM;
            self.payload.extend(bias.into_iter().map(f32::to_bits));
        }
        if let Some(directions) = edits.directions {
            flags |= DIRECTIONS;
            self.payload.extend_from_slice(directions.words());
        }
        if flags != 0 {
            self.add_edit(Job { slot, flags, payload, ..Job::default() });
        }
    }

    /// Ticks the sprite in this step.
    pub(crate) fn tick(&mut self, slot: u32, key: u32, pose: Pose) {
        if self.steps.is_empty() {
            self.next_step();
        }
        self.ticks.push(Job { key, ..Job::of(slot, pose) });
        if let Some(step) = self.steps.last_mut() {
            step.ticks.1 += 1;
        }
    }

    /// Draws the sprite after all other work. `stats` requests its statistics after its last tick. At most once per
    /// sprite and frame.
    pub(crate) fn show(&mut self, slot: u32, display: DisplayState, stats: Option<StatsRequest>) {
        self.shown.push(Shown { slot, display, stats });
    }

    /// Requests the sprite's cells after all other work.
    pub(crate) fn read(&mut self, slot: u32, ticket: u64) {
        self.reads.push(ReadCells { slot, ticket, too_late: false });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.shown.is_empty() && self.reads.is_empty()
    }

    /// Appends later work.
    pub(super) fn append(&mut self, later: &mut Self) {
        if let Some(moves) = later.moves.take() {
            self.remap(&moves);
        }
        if !self.is_empty() {
            let replaced = later.edits.iter().filter(|job| job.flags & (SEED | CELLS | COPY) != 0).map(|job| job.slot);
            let replaced: HashSet<u32> = replaced.collect();
            let changed: HashSet<u32> =
                later.ticks.iter().map(|job| job.slot).chain(replaced.iter().copied()).collect();
            // A sprite that is shown again is drawn and counted only then.
            let mut earlier: HashMap<u32, Shown> = self.shown.drain(..).map(|shown| (shown.slot, shown)).collect();
            for shown in &mut later.shown {
                let unread = earlier.remove(&shown.slot).and_then(|earlier| earlier.stats);
                shown.stats = shown.stats.or(unread.filter(|_| !changed.contains(&shown.slot)));
            }
            self.shown.extend(earlier.into_values());
            self.reads.iter_mut().for_each(|read| read.too_late |= changed.contains(&read.slot));
        }
        let (edits, ticks, payload) = (self.edits.len() as u32, self.ticks.len() as u32, self.payload.len() as u32);
        self.steps.extend(later.steps.drain(..).map(|step| Step {
            edits: (step.edits.0 + edits, step.edits.1 + edits),
            ticks: (step.ticks.0 + ticks, step.ticks.1 + ticks),
        }));
        self.edits.extend(later.edits.drain(..).map(|job| Job { payload: job.payload + payload, ..job }));
        self.ticks.append(&mut later.ticks);
        self.payload.append(&mut later.payload);
        self.reads.append(&mut later.reads);
        self.shown.append(&mut later.shown);
    }

    /// The most sprites that tick in one step.
    pub(super) fn most_at_once(&self) -> u32 {
        self.steps.iter().map(|step| step.ticks.1 - step.ticks.0).max().unwrap_or_default()
    }

    /// Moves sprites to other slots before all other work. Drops the work of removed sprites.
    pub(crate) fn remap(&mut self, moves: &Moves) {
        let to: HashMap<u32, u32> = moves.iter().copied().zip(0..).collect();
        let remapped = |jobs: &[Job], (first, end): &mut (u32, u32), all: &mut Vec<Job>| {
            let range = *first as usize..*end as usize;
            *first = all.len() as u32;
            let kept = jobs.get(range).into_iter().flatten();
            all.extend(kept.filter_map(|job| {
                let source = || to.get(&job.key).copied().unwrap_or(NO_SLOT);
                let key = if job.flags & COPY == 0 { job.key } else { source() };
                Some(Job { slot: *to.get(&job.slot)?, key, ..*job })
            }));
            *end = all.len() as u32;
        };
        let (edits, ticks) = (std::mem::take(&mut self.edits), std::mem::take(&mut self.ticks));
        for step in &mut self.steps {
            remapped(&edits, &mut step.edits, &mut self.edits);
            remapped(&ticks, &mut step.ticks, &mut self.ticks);
        }
        for read in &mut self.reads {
            match to.get(&read.slot) {
                Some(slot) => read.slot = *slot,
                None => read.too_late = true,
            }
        }
        self.shown.retain_mut(|shown| to.get(&shown.slot).map(|slot| shown.slot = *slot).is_some());
        self.moves = Some(match &self.moves {
            // A sprite that was added in between has no earlier slot.
            Some(earlier) => {
                moves.iter().map(|&slot| earlier.get(slot as usize).copied().unwrap_or(u32::MAX)).collect()
            }
            None => moves.clone(),
        });
    }

    /// Writes all jobs: the edits, then the ticks, then those that only draw. Returns the number of the last kind.
    pub(super) fn encode(&self, jobs: &mut Vec<Job>, last_ticks: &mut Vec<Option<u32>>) -> u32 {
        /// The index of a slot's last tick, unless its cells are replaced later.
        fn last_tick(last_ticks: &mut Vec<Option<u32>>, slot: u32) -> &mut Option<u32> {
            let slot = slot as usize;
            if slot >= last_ticks.len() {
                last_ticks.resize(slot + 1, None);
            }
            &mut last_ticks[slot]
        }
        last_ticks.clear();
        for step in &self.steps {
            let edits = self.edits.get(step.edits.0 as usize..step.edits.1 as usize).into_iter().flatten();
            for job in edits.filter(|job| job.flags & (SEED | CELLS | COPY) != 0) {
                *last_tick(last_ticks, job.slot) = None;
            }
            let ticks = self.ticks.get(step.ticks.0 as usize..step.ticks.1 as usize).into_iter().flatten();
            for (index, job) in (step.ticks.0..).zip(ticks) {
                *last_tick(last_ticks, job.slot) = Some(index);
            }
        }
        jobs.extend_from_slice(&self.edits);
        let first_tick = jobs.len();
        jobs.extend_from_slice(&self.ticks);
        let first_draw = jobs.len();
        for Shown { slot, display, .. } in &self.shown {
            match last_tick(last_ticks, *slot) {
                Some(index) => jobs[first_tick + *index as usize].flags |= display.flags(),
                None => {
                    jobs.push(Job { flags: display.flags(), ..Job::of(*slot, display.pose) });
                }
            }
        }
        (jobs.len() - first_draw) as u32
    }

    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.edits.clear();
        self.ticks.clear();
        self.payload.clear();
        self.reads.clear();
        self.shown.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Shape;

    const UPRIGHT: DisplayState = DisplayState { pose: Pose::UPRIGHT, crisp: false, alive_mask: false };

    fn encoded(work: &Work) -> Vec<Job> {
        let mut jobs = Vec::new();
        work.encode(&mut jobs, &mut Vec::new());
        jobs
    }

    #[test]
    fn appended_work_keeps_its_jobs_and_payload() {
        let mask = CellMask::of(&Shape::circle(2.0, 2.0, 1.5), 8, 8);
        let frame = || {
            let mut work = Work::default();
            work.seed(3);
            work.next_step();
            work.edit(3, &CellEdits { wound: Some(mask.clone()), ..CellEdits::default() }, &Weights::default());
            work.tick(3, 7, Pose::UPRIGHT);
            work.show(3, UPRIGHT, None);
            work
        };
        let mut work = frame();
        work.append(&mut frame());
        assert_eq!(work.steps.len(), 4);
        assert_eq!(work.steps[3].edits, (3, 4));
        assert_eq!(work.steps[3].ticks, (1, 2));
        assert_eq!(work.edits[3].payload as usize, mask.words().len());
        assert_eq!(work.payload[mask.words().len()..], *mask.words());
        // Four edits and two ticks; only the last tick draws.
        let flags: Vec<u32> = encoded(&work).iter().map(|job| job.flags & DRAW).collect();
        assert_eq!(flags, [0, 0, 0, 0, 0, DRAW]);
    }

    /// A sprite is drawn by one job: its last tick, or one of its own after new cells or without a tick.
    #[test]
    fn a_sprite_is_drawn_once() {
        let mut work = Work::default();
        work.tick(0, 1, Pose::UPRIGHT);
        work.tick(1, 1, Pose::UPRIGHT);
        work.next_step();
        work.tick(0, 2, Pose::UPRIGHT);
        work.next_step();
        work.seed(1);
        (0..3).for_each(|slot| work.show(slot, UPRIGHT, None));
        let drawn: Vec<(u32, u32)> =
            encoded(&work).iter().filter(|job| job.flags & DRAW != 0).map(|job| (job.slot, job.key)).collect();
        assert_eq!(drawn, [(0, 2), (1, 0), (2, 0)]);
        work.remap(&[0, 2].into());
        let drawn: Vec<u32> = encoded(&work).iter().filter(|job| job.flags & DRAW != 0).map(|job| job.slot).collect();
        assert_eq!(drawn, [0, 1]);
    }
}
