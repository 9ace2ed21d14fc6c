//! A population on the CPU: sprites spread over the cores, and painted into the atlas.

use bevy::{asset::AssetMut, prelude::*, tasks::ComputeTaskPool};

use super::{
    atlas::Atlas,
    occupant::{Life, Occupant, Start},
    roster::{occupants_of, pick},
    upload::Patches,
};
use crate::{
    cpu::{Engine, Grid, Scratch},
    gpu::{CensusRead, GUTTER},
    rule::{Changes, Count, Model, Output, Reference, Rgba, Rule, State, crisp_pixel, pixel},
};

/// The cells of a population, by slot.
pub(super) struct CpuCells {
    engine: Engine,
    /// What sprites grow from.
    seed: Option<Grid>,
    slots: Vec<Slot>,
    /// Working memory, one a task.
    scratches: Vec<Scratch>,
    /// What has been painted for the renderer, if there is one.
    pub(super) patches: Option<Patches>,
}

#[derive(Default)]
struct Slot {
    cells: Cells,
    /// The picture is not what the cells are.
    stale: bool,
    /// Its place in the atlas is transparent still.
    blank: bool,
    /// It has ticked since the last count, and wounds have killed so many living cells.
    ticked: bool,
    lost: u32,
}

/// The cells of a slot.
#[derive(Default)]
enum Cells {
    #[default]
    None,
    /// Those of the seed, which take no memory until they tick.
    Seed,
    Grown(Grid),
}

impl Cells {
    fn grid<'a>(&'a self, seed: &'a Option<Grid>) -> Option<&'a Grid> {
        match self {
            Self::None => None,
            Self::Seed => seed.as_ref(),
            Self::Grown(grid) => Some(grid),
        }
    }

    fn grid_mut(&mut self, seed: &Option<Grid>) -> Option<&mut Grid> {
        if let (Self::Seed, Some(seed)) = (&self, seed) {
            *self = Self::Grown(seed.clone());
        }
        match self {
            Self::Grown(grid) => Some(grid),
            Self::None | Self::Seed => None,
        }
    }
}

impl CpuCells {
    pub(super) fn new(model: &Model, [width, height]: [u32; 2], is_rendered: bool) -> Self {
        let engine = Engine::new(model);
        let seed = engine.grid(State::seed(model.rule(), width as usize, height as usize));
        let patches = is_rendered.then(|| Patches::of(UVec2::new(width, height) + 2 * GUTTER));
        Self { engine, seed, slots: Vec::new(), scratches: Vec::new(), patches }
    }

    /// Cells go on by another model.
    pub(super) fn adopt(&mut self, model: &Model, grid: [u32; 2]) {
        let Self { engine, seed, .. } = Self::new(model, grid, false);
        (self.engine, self.seed) = (engine, seed);
    }

    /// Puts cells into a slot.
    pub(super) fn put(&mut self, slot: u32, start: Start) {
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        let cells = match start {
            Start::Seed => Cells::Seed,
            Start::Cells(state) => self.engine.grid(state).map_or(Cells::None, Cells::Grown),
        };
        self.slots[slot] = Slot { cells, stale: true, ..Slot::default() };
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.cells = Cells::None;
        }
    }

    /// Whoever was in the slot `moves[i]` has moved to the slot `i`, in order.
    pub(super) fn renumber(&mut self, moves: &[u32]) {
        self.slots = pick(&mut self.slots, 0, moves).map(|(_, slot)| std::mem::take(slot)).collect();
    }

    /// The atlas is transparent everywhere.
    pub(super) fn begin_blank(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.blank = true);
        self.patches.iter_mut().for_each(Patches::begin_whole);
    }

    /// Everyone is counted anew, though it may not tick.
    pub(super) fn count_anew(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.ticked |= !matches!(slot.cells, Cells::None | Cells::Seed));
    }

    pub(super) fn state(&self, slot: u32) -> Option<&State> {
        self.slots.get(slot as usize)?.cells.grid(&self.seed).map(Grid::state)
    }

    /// So many ticks of the clock for every sprite.
    pub(super) fn tick(
        &mut self,
        rule: &Rule,
        occupants: &mut [Option<Occupant>],
        awake: &[u32],
        ticks: u32,
        sleep_after: Option<u32>,
    ) {
        if ticks == 0 || awake.is_empty() {
            return;
        }
        let pool = ComputeTaskPool::try_get();
        let tasks = pool.map_or(1, |pool| pool.thread_num()).clamp(1, awake.len());
        self.scratches.resize_with(tasks, Scratch::default);
        let ticking = Ticking { engine: &self.engine, seed: &self.seed, rule, ticks, sleep_after };
        let run = |Share { first, awake, slots, occupants, scratch }: Share| {
            for ((_, slot), (_, occupant)) in pick(slots, first, awake).zip(pick(occupants, first, awake)) {
                if let Some(occupant) = occupant {
                    slot.step(ticking, scratch, occupant);
                }
            }
        };
        let shares = shares(awake, &mut self.slots, occupants, &mut self.scratches);
        match pool.filter(|_| tasks > 1) {
            None => shares.for_each(run),
            Some(pool) => {
                pool.scope(|scope| shares.for_each(|share| scope.spawn(async move { run(share) })));
            }
        }
    }

    /// Counts the cells of what has ticked since the last call.
    pub(super) fn count(
        &mut self,
        population: u32,
        occupants: &[Option<Occupant>],
        awake: &[u32],
        rule: &Rule,
        reference: &Reference,
        counted: &mut Vec<CensusRead>,
    ) {
        for (index, slot) in pick(&mut self.slots, 0, awake).filter(|(_, slot)| slot.ticked) {
            slot.ticked = false;
            let lost = std::mem::take(&mut slot.lost);
            let occupant = occupants.get(index as usize).and_then(Option::as_ref);
            let (Some(grid), Some(occupant)) = (slot.cells.grid(&self.seed), occupant) else { continue };
            let (rotation, is_empty) = (occupant.look().rotation, |cell| grid.is_empty_at(cell));
            let mut count = Count::take(rule, grid.state(), is_empty, reference, rotation, occupant.tissue);
            count.census.lost = lost;
            let Occupant { entity, number: life, life: Life { tick, .. }, .. } = *occupant;
            counted.push(CensusRead { entity, population, life, tick, is_judged: reference.is_known(), count });
        }
    }

    /// Brings the atlas up to date with the cells.
    pub(super) fn paint(
        &mut self,
        atlas: &Atlas,
        output: Output,
        reference: &Reference,
        occupants: &mut [Option<Occupant>],
        awake: &[u32],
        images: &mut Assets<Image>,
    ) {
        let mut stale = 0;
        for (slot, occupant) in occupants_of(occupants, awake) {
            let Some(slot) = self.slots.get_mut(slot as usize) else { continue };
            slot.stale |= std::mem::take(&mut occupant.stale);
            stale += u32::from(slot.stale);
        }
        if stale == 0 {
            return;
        }
        // Where there is a renderer, a change of the image uploads all of it: too much, unless most has changed.
        let Self { slots, seed, patches, .. } = self;
        if stale * 4 > atlas.slots {
            patches.iter_mut().for_each(Patches::begin_whole);
        }
        let image = match patches {
            Some(patches) if !patches.is_whole() => images.get_mut_untracked(&atlas.image),
            _ => images.get_mut(&atlas.image).map(AssetMut::into_inner),
        };
        let Some(image) = image else { return };
        let width = image.width() as usize;
        let Some(data) = image.data.as_mut() else { return };
        for (index, slot) in pick(slots, 0, awake).filter(|(_, slot)| slot.stale) {
            slot.stale = false;
            let occupant = occupants.get(index as usize).and_then(Option::as_ref);
            let (Some(grid), Some(occupant)) = (slot.cells.grid(seed), occupant) else { continue };
            let look = occupant.look();
            let color = |x: usize, y: usize, cell: &[f32]| match look.crisp {
                true => crisp_pixel(cell, reference.pixel(x, y, look.rotation)),
                false => pixel(output, cell),
            };
            // Of textures, zeros are no transparent pixels.
            let is_empty_row = |y: usize| output == Output::PremultipliedAlpha && grid.is_empty_row(y);
            let blank = std::mem::take(&mut slot.blank);
            let corner = atlas.corner(index);
            paint(grid.state(), is_empty_row, color, Spot { corner, data, width, blank });
            if let Some(patches) = patches {
                patches.add(corner - GUTTER, data, atlas.size);
            }
        }
    }
}

/// How sprites tick.
#[derive(Clone, Copy)]
struct Ticking<'a> {
    engine: &'a Engine,
    seed: &'a Option<Grid>,
    rule: &'a Rule,
    /// Of the clock.
    ticks: u32,
    sleep_after: Option<u32>,
}

/// What one task ticks: some of the slots that are awake, and all slots between them.
struct Share<'a> {
    /// The first of `slots` and of `occupants`.
    first: u32,
    awake: &'a [u32],
    slots: &'a mut [Slot],
    occupants: &'a mut [Option<Occupant>],
    scratch: &'a mut Scratch,
}

/// As many shares as there are scratches, of about as many sprites each; `awake` is in order.
fn shares<'a>(
    awake: &'a [u32],
    mut slots: &'a mut [Slot],
    mut occupants: &'a mut [Option<Occupant>],
    scratches: &'a mut [Scratch],
) -> impl Iterator<Item = Share<'a>> {
    let size = awake.len().div_ceil(scratches.len()).max(1);
    let mut first = 0;
    awake.chunks(size).zip(scratches).map(move |(awake, scratch)| {
        let end = awake.last().map_or(first, |last| last + 1);
        let count = ((end - first) as usize).min(slots.len()).min(occupants.len());
        let (own_slots, own_occupants);
        (own_slots, slots) = std::mem::take(&mut slots).split_at_mut(count);
        (own_occupants, occupants) = std::mem::take(&mut occupants).split_at_mut(count);
        Share { first: std::mem::replace(&mut first, end), awake, slots: own_slots, occupants: own_occupants, scratch }
    })
}

impl Slot {
    /// So many ticks of the clock.
    fn step(&mut self, ticking: Ticking, scratch: &mut Scratch, occupant: &mut Occupant) {
        let Ticking { engine, seed, rule, ticks, sleep_after } = ticking;
        for _ in 0..ticks {
            if matches!(self.cells, Cells::None) {
                return;
            }
            occupant.clock_ticks();
            while let Some((tick, Changes { dead_ground, seeds, wound })) = occupant.begin_tick(sleep_after) {
                let Some(grid) = self.cells.grid_mut(seed) else { return };
                if let Some(wound) = &wound {
                    let cells = grid.state().values().chunks_exact(rule.channels).enumerate();
                    let hit = cells.filter(|(cell, values)| wound.contains(*cell) && rule.lives(values));
                    self.lost += hit.count() as u32;
                }
                if let Some(dead) = dead_ground {
                    engine.set_dead_ground(grid, dead);
                }
                if let Some(seeds) = &seeds {
                    engine.sow(grid, seeds);
                }
                engine.step(grid, scratch, tick, wound.as_ref());
                (self.stale, self.ticked) = (true, true);
            }
        }
    }
}

/// Where a sprite is painted: a corner of an image `width` pixels wide.
struct Spot<'a> {
    corner: UVec2,
    data: &'a mut [u8],
    width: usize,
    /// It is transparent still.
    blank: bool,
}

/// Paints cells; what borders on the edge also goes into the gutter. Rows that are known to be empty are
/// transparent.
fn paint(
    state: &State,
    is_empty_row: impl Fn(usize) -> bool,
    color: impl Fn(usize, usize, &[f32]) -> Rgba,
    spot: Spot,
) {
    const _: () = assert!(GUTTER == 1, "each edge is copied once");
    let Spot { corner, data, width, blank } = spot;
    let (corner_x, corner_y) = (corner.x as usize, corner.y as usize);
    for y in 0..state.height() {
        let is_empty = is_empty_row(y);
        if is_empty && blank {
            continue;
        }
        let first = ((corner_y + y) * width + corner_x) * 4;
        let row = first..first + state.width() * 4;
        if is_empty {
            data[row.clone()].fill(0);
        } else {
            let cells = state.values()[y * state.width() * state.channels()..].chunks_exact(state.channels());
            for (x, (bytes, cell)) in data[row.clone()].as_chunks_mut::<4>().0.iter_mut().zip(cells).enumerate() {
                *bytes = color(x, y, cell);
            }
        }
        data.copy_within(row.start..row.start + 4, row.start - 4);
        data.copy_within(row.end - 4..row.end, row.end);
        let wide = row.start - 4..row.end + 4;
        if y == 0 {
            data.copy_within(wide.clone(), wide.start - width * 4);
        }
        if y + 1 == state.height() {
            data.copy_within(wide.clone(), wide.start + width * 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sprite_that_is_awake_is_in_one_share() {
        for (awake, tasks) in [(vec![0, 1, 2, 5, 9], 2), (vec![3], 4), (vec![4, 5, 6, 7], 3), (vec![9], 1)] {
            let mut slots: Vec<Slot> = (0..10).map(|_| Slot::default()).collect();
            let mut occupants: Vec<Option<Occupant>> = (0..10).map(|_| None).collect();
            let mut scratches: Vec<Scratch> = (0..tasks).map(|_| Scratch::default()).collect();
            let mut seen = Vec::new();
            for share in shares(&awake, &mut slots, &mut occupants, &mut scratches) {
                let both =
                    pick(share.slots, share.first, share.awake).zip(pick(share.occupants, share.first, share.awake));
                seen.extend(both.map(|((slot, _), (occupant, _))| {
                    assert_eq!(slot, occupant);
                    slot
                }));
            }
            assert_eq!(seen, awake);
        }
    }

    #[test]
    fn the_gutter_repeats_the_edge() {
        let values: Vec<f32> =
            (0..6).flat_map(|cell| [0.0, 0.0, 0.0, 0.1 + cell as f32 * 0.1, 0.0, 0.0, 0.0, 0.0]).collect();
        let state = State::from_values(3, 2, 8, values).unwrap();
        let mut data = vec![0; 5 * 4 * 4];
        let color = |_: usize, _: usize, cell: &[f32]| pixel(Output::PremultipliedAlpha, cell);
        let spot = Spot { corner: UVec2::ONE, data: &mut data, width: 5, blank: false };
        paint(&state, |_| false, color, spot);
        let alphas: Vec<u8> = data.chunks(4).map(|pixel| pixel[3]).collect();
        let expected =
            [0.1, 0.1, 0.2, 0.3, 0.3, 0.1, 0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.4, 0.4, 0.5, 0.6, 0.6];
        assert_eq!(alphas, expected.map(|a: f32| (a * 255.0 + 0.5) as u8));
    }
}
