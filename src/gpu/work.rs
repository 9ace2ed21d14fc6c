//! What is to be done with the sprites of a population, as the main world says it.

use std::{any::Any, sync::Arc};

use bevy::{
    math::Vec2,
    platform::collections::{HashMap, HashSet},
    prelude::Entity,
    render::render_resource::ShaderType,
};
use bytemuck::{Pod, Zeroable};

use crate::rule::{Changes, State};

const SEED: u32 = 1;
const WOUND: u32 = 2;
const PAINT: u32 = 4;
const CELLS: u32 = 8;
const SCAR: u32 = 16;
const SOW: u32 = 32;
const CRISP: u32 = 64;
const TISSUE: u32 = 128;

/// What is to be done with one sprite in one dispatch; `Job` in `grid.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable, ShaderType)]
#[repr(C)]
pub(super) struct Job {
    slot: u32,
    key: u32,
    rotation: Vec2,
    flags: u32,
    /// The first of its words in the payload.
    payload: u32,
    pad: [u32; 2],
}

/// How a sprite is painted and counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    /// Cosine and sine of its angle.
    pub(crate) rotation: (f32, f32),
    /// Cells that are like those of the grown sprite are painted as its pixels.
    pub(crate) crisp: bool,
    /// It is wanted which cells live.
    pub(crate) tissue: bool,
}

impl Look {
    pub(super) const UPRIGHT: Self = Self { rotation: (1.0, 0.0), crisp: false, tissue: false };

    fn job(self, slot: u32, flags: u32) -> Job {
        let crisp = if self.crisp { CRISP } else { 0 };
        let tissue = if self.tissue { TISSUE } else { 0 };
        Job { slot, rotation: self.rotation.into(), flags: flags | crisp | tissue, ..Job::default() }
    }
}

/// One tick of a population: first the edits, then the ticks, as ranges of the job lists.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) edits: (u32, u32),
    pub(super) ticks: (u32, u32),
}

/// For each slot of a population, in which slot its sprite was until now.
pub(crate) type Moves = Arc<[u32]>;

/// What the asker wants to have back with the answer.
pub(crate) type Note = Arc<dyn Any + Send + Sync>;

/// A wish to have a sprite's cells, as they are once the work is done.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) slot: u32,
    pub(super) entity: Entity,
    pub(super) tick: u32,
    pub(super) note: Note,
    /// The sprite has ticked on since, or another one is there; its cells of that tick cannot be had.
    pub(super) late: bool,
}

/// A wish to have counted what a sprite's cells amount to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountWish {
    pub(crate) slot: u32,
    pub(crate) entity: Entity,
    pub(crate) life: u64,
    pub(crate) tick: u32,
    /// Also, which cells live.
    pub(crate) tissue: bool,
    /// It is known what a grown sprite looks like.
    pub(crate) is_judged: bool,
}

/// What is to be done with the sprites of a population, in order.
///
/// It is filled in the main world and handed over as a whole, so nothing is lost while the render
/// world is not ready: lists are put one after another until they can be dispatched.
#[derive(Default)]
pub(crate) struct Work {
    /// First of all, sprites move.
    pub(super) moves: Option<Moves>,
    pub(super) steps: Vec<Step>,
    pub(super) edits: Vec<Job>,
    pub(super) ticks: Vec<Job>,
    pub(super) payload: Vec<u32>,
    pub(super) wishes: Vec<Wish>,
    /// Sprites whose cells are counted.
    pub(super) counts: Vec<CountWish>,
}

impl Work {
    /// Starts the next tick. Edits made before the first one come before it.
    pub(crate) fn next_step(&mut self) {
        let (edits, ticks) = (self.edits.len() as u32, self.ticks.len() as u32);
        self.steps.push(Step { edits: (edits, edits), ticks: (ticks, ticks) });
    }

    fn edit(&mut self, job: Job) {
        if self.steps.is_empty() {
            self.next_step();
        }
        self.edits.push(job);
        if let Some(step) = self.steps.last_mut() {
            step.edits.1 += 1;
        }
    }

    /// The sprite starts anew from its seed, and is painted so. At most once a sprite and step.
    pub(crate) fn seed(&mut self, slot: u32, look: Look) {
        self.edit(look.job(slot, SEED | PAINT));
    }

    /// The sprite's cells are replaced, and painted. At most once a sprite and step.
    pub(crate) fn put(&mut self, slot: u32, state: &State, look: Look) {
        let first = self.payload.len() as u32;
        let cells = || state.values().chunks_exact(state.channels());
        for quad in 0..state.channels() / 4 {
            self.payload.extend(cells().flat_map(|cell| cell[quad * 4..][..4].iter().map(|value| value.to_bits())));
        }
        self.edit(Job { payload: first, ..look.job(slot, CELLS | PAINT) });
    }

    /// Bytes of wounds and cells so far.
    pub(crate) fn payload_bytes(&self) -> u64 {
        self.payload.len() as u64 * 4
    }

    /// Sprites are painted as they are, after all else, each by its look.
    pub(crate) fn paint(&mut self, looks: impl IntoIterator<Item = (u32, Look)>) {
        self.next_step();
        looks.into_iter().for_each(|(slot, look)| self.edit(look.job(slot, PAINT)));
    }

    /// Notes how sprites look, by slot.
    pub(super) fn note_looks(&self, looks: &mut Vec<Look>) {
        let in_order = |step: &Step| {
            let edits = (step.edits.0..step.edits.1).filter_map(|job| self.edits.get(job as usize));
            edits.chain((step.ticks.0..step.ticks.1).filter_map(|job| self.ticks.get(job as usize)))
        };
        for job in self.steps.iter().flat_map(in_order).filter(|job| job.flags & PAINT != 0) {
            let slot = job.slot as usize;
            if looks.len() <= slot {
                looks.resize(slot + 1, Look::UPRIGHT);
            }
            let has = |flag| job.flags & flag != 0;
            looks[slot] = Look { rotation: job.rotation.into(), crisp: has(CRISP), tissue: has(TISSUE) };
        }
    }

    /// Before this step's tick, ground dies, then seeds are sown, then cells are zeroed. At most once a
    /// sprite and step, and not with another edit.
    pub(crate) fn change(&mut self, slot: u32, changes: &Changes) {
        let first = self.payload.len() as u32;
        let mut flags = 0;
        for (flag, mask) in [(SCAR, &changes.dead_ground), (SOW, &changes.seeds), (WOUND, &changes.wound)] {
            if let Some(mask) = mask {
                flags |= flag;
                self.payload.extend_from_slice(mask.words());
            }
        }
        if flags != 0 {
            self.edit(Job { slot, flags, payload: first, ..Job::default() });
        }
    }

    /// One tick. Returns its number, for [`Work::no_paint`].
    pub(crate) fn tick(&mut self, slot: u32, key: u32, look: Look) -> usize {
        if self.steps.is_empty() {
            self.next_step();
        }
        self.ticks.push(Job { key, ..look.job(slot, PAINT) });
        if let Some(step) = self.steps.last_mut() {
            step.ticks.1 += 1;
        }
        self.ticks.len() - 1
    }

    /// Takes back the painting of a tick: the sprite has another one in this frame.
    pub(crate) fn no_paint(&mut self, tick: usize) {
        if let Some(job) = self.ticks.get_mut(tick) {
            job.flags &= !PAINT;
        }
    }

    /// Asks for a sprite's cells as they are after all of this. The note comes back with them.
    pub(crate) fn read_cells(&mut self, slot: u32, entity: Entity, tick: u32, note: Note) {
        self.wishes.push(Wish { slot, entity, tick, note, late: false });
    }

    /// Asks for what a sprite's cells amount to after its last tick in this work, and, if its look in
    /// that tick says so, which of them live.
    pub(crate) fn count(&mut self, wish: CountWish) {
        self.counts.push(wish);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.wishes.is_empty()
    }

    /// Moves all of `later` behind this.
    pub(super) fn append(&mut self, later: &mut Self) {
        if let Some(moves) = later.moves.take() {
            // Nobody knows the numbers of ticks that were handed over.
            let _ = self.renumber(&moves);
        }
        if !self.is_empty() {
            // What ticks again is painted and counted only then.
            let again: HashSet<u32> = later.ticks.iter().map(|job| job.slot).collect();
            self.counts.retain(|wish| !again.contains(&wish.slot));
            self.ticks.iter_mut().filter(|job| again.contains(&job.slot)).for_each(|job| job.flags &= !PAINT);
            let renewed = later.edits.iter().filter(|job| job.flags & (SEED | CELLS) != 0).map(|job| job.slot);
            let gone: HashSet<u32> = again.iter().copied().chain(renewed).collect();
            self.wishes.iter_mut().for_each(|wish| wish.late |= gone.contains(&wish.slot));
        }
        let (edits, ticks, payload) = (self.edits.len() as u32, self.ticks.len() as u32, self.payload.len() as u32);
        self.steps.extend(later.steps.drain(..).map(|step| Step {
            edits: (step.edits.0 + edits, step.edits.1 + edits),
            ticks: (step.ticks.0 + ticks, step.ticks.1 + ticks),
        }));
        self.edits.extend(later.edits.drain(..).map(|job| Job { payload: job.payload + payload, ..job }));
        self.ticks.append(&mut later.ticks);
        self.payload.append(&mut later.payload);
        self.wishes.append(&mut later.wishes);
        self.counts.append(&mut later.counts);
    }

    /// The most sprites that tick at once.
    pub(super) fn most_at_once(&self) -> u32 {
        self.steps.iter().map(|step| step.ticks.1 - step.ticks.0).max().unwrap_or_default()
    }

    /// Sprites move to other slots, before all of this. What was to be done with those that are gone is not. Returns for
    /// each tick, by the number that [`Work::tick`] gave it, its new one.
    pub(crate) fn renumber(&mut self, moves: &Moves) -> Vec<Option<usize>> {
        let to: HashMap<u32, u32> = moves.iter().copied().zip(0..).collect();
        let renumbered = |jobs: &[Job], (first, end): &mut (u32, u32), all: &mut Vec<Job>| {
            let range = *first as usize..*end as usize;
            *first = all.len() as u32;
            let kept = jobs.get(range).into_iter().flatten();
            all.extend(kept.filter_map(|job| Some(Job { slot: *to.get(&job.slot)?, ..*job })));
            *end = all.len() as u32;
        };
        let (edits, ticks) = (std::mem::take(&mut self.edits), std::mem::take(&mut self.ticks));
        let mut kept = 0..;
        let numbers = ticks.iter().map(|job| to.get(&job.slot).and_then(|_| kept.next())).collect();
        for step in &mut self.steps {
            renumbered(&edits, &mut step.edits, &mut self.edits);
            renumbered(&ticks, &mut step.ticks, &mut self.ticks);
        }
        for wish in &mut self.wishes {
            match to.get(&wish.slot) {
                Some(slot) => wish.slot = *slot,
                None => wish.late = true,
            }
        }
        self.counts.retain_mut(|wish| to.get(&wish.slot).map(|slot| wish.slot = *slot).is_some());
        self.moves = Some(match &self.moves {
            // Whoever came in between was nowhere before.
            Some(earlier) => {
                moves.iter().map(|&slot| earlier.get(slot as usize).copied().unwrap_or(u32::MAX)).collect()
            }
            None => moves.clone(),
        });
        numbers
    }

    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.edits.clear();
        self.ticks.clear();
        self.payload.clear();
        self.wishes.clear();
        self.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_work_keeps_its_jobs_and_payload() {
        let mask = crate::rule::CellMask::of(&crate::rule::Shape::circle(2.0, 2.0, 1.5), 8, 8);
        let frame = || {
            let mut work = Work::default();
            work.seed(3, Look::UPRIGHT);
            work.next_step();
            work.change(3, &Changes { wound: Some(mask.clone()), ..Changes::default() });
            work.tick(3, 7, Look::UPRIGHT);
            work
        };
        let mut work = frame();
        work.append(&mut frame());
        assert_eq!(work.steps.len(), 4);
        assert_eq!(work.steps[3].edits, (3, 4));
        assert_eq!(work.steps[3].ticks, (1, 2));
        assert_eq!(work.edits[3].payload as usize, mask.words().len());
        assert_eq!(work.payload[mask.words().len()..], *mask.words());
    }
}
