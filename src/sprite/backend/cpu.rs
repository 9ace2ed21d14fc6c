//! The CPU backend: ticks instances in parallel, and paints them into the atlas.
//!
//! 1. [`tick`](Backend::tick) splits the active slots into one share per task of the compute pool. A share is a run of
//!    slots, so tasks need no locks. Cells of a seed take no memory until their first tick.
//! 2. [`count`](Backend::count) measures the cells of each instance that has ticked or has new cells, in such tasks too.
//! 3. [`draw`](Backend::draw) paints each instance that has changed into the image of the atlas, each row of slots in
//!    one task. Bevy uploads a changed image as a whole. If at most a quarter of the slots have changed, [`Patches`] uploads only those.

use bevy::{
    asset::AssetMut,
    prelude::*,
    tasks::{ComputeTaskPool, ParallelSliceMut},
};

use super::{
    Backend, Frame, Members, NewCells, Status, Unfinished,
    paint::{Target, paint, tissue},
    upload::Patches,
};
use crate::{
    cpu::{Engine, Grid, Scratch},
    gpu::{AtlasKind, DisplayState, Moves},
    rule::{CellMask, CellStats, Model, Output, Rule, State},
    sprite::simulation::{Atlas, AtlasContent, Instance, InstanceStats, ReadRequest, instances_at, pick},
};

/// The cells of a population on the CPU.
pub(super) struct CpuBackend {
    engine: Engine,
    seed: Option<Grid>,
    slots: Vec<Slot>,
    /// Working memory, one per task.
    scratches: Vec<Scratch>,
    /// The slots painted for the renderer, if there is one.
    patches: Option<Patches>,
}

#[derive(Default)]
struct Slot {
    cells: Cells,
    /// The picture does not show the current cells.
    needs_draw: bool,
    /// Its region of the atlas is still transparent.
    blank: bool,
    /// The cells have changed since the last count.
    needs_count: bool,
    /// Living cells that wounds have killed since the last count.
    lost: u32,
}

/// The cells of a slot.
#[derive(Default)]
enum Cells {
    #[default]
    None,
    /// The cells of the seed, until the first tick.
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

impl CpuBackend {
    pub(super) fn new(model: &Model, [width, height]: [u32; 2], is_rendered: bool) -> Self {
        let (engine, seed) = engine(model, [width, height]);
        let patches = is_rendered.then(Patches::default);
        Self { engine, seed, slots: Vec::new(), scratches: Vec::new(), patches }
    }

    fn fill(&mut self, index: u32, slot: Slot) {
        let index = index as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        self.slots[index] = slot;
    }
}

/// The engine of a model, and the cells of its seed.
fn engine(model: &Model, [width, height]: [u32; 2]) -> (Engine, Option<Grid>) {
    let engine = Engine::new(model);
    let seed = engine.grid(State::seed(model.rule(), width as usize, height as usize));
    (engine, seed)
}

impl Backend for CpuBackend {
    fn insert(&mut self, slot: u32, cells: NewCells) {
        let cells = match cells {
            NewCells::Seed => Cells::Seed,
            NewCells::State(state) => self.engine.grid(state).map_or(Cells::None, Cells::Grown),
        };
        self.fill(slot, Slot { cells, needs_draw: true, ..Slot::default() });
    }

    fn remove(&mut self, slot: u32) -> Unfinished {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.cells = Cells::None;
        }
        Unfinished::default()
    }

    fn holds(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| !matches!(slot.cells, Cells::None))
    }

    fn split(&mut self, slot: u32, kept: &CellMask, parts: &[(u32, &CellMask)]) {
        let Self { engine, seed, slots, .. } = self;
        let Some(grid) = slots.get_mut(slot as usize).and_then(|slot| slot.cells.grid_mut(seed)) else { return };
        let only = |cells: &CellMask| {
            let mut part = grid.clone();
            engine.clear(&mut part, &cells.complement());
            Cells::Grown(part)
        };
        let parts: Vec<_> = parts.iter().map(|(to, cells)| (*to, only(cells))).collect();
        engine.clear(grid, &kept.complement());
        for (to, cells) in parts {
            self.fill(to, Slot { cells, needs_draw: true, needs_count: true, ..Slot::default() });
        }
    }

    fn can_remap(&self) -> bool {
        true
    }

    fn remap(&mut self, moves: &Moves) {
        self.slots = pick(&mut self.slots, 0, moves).map(|(_, slot)| std::mem::take(slot)).collect();
    }

    fn replace_model(&mut self, model: &Model, grid: [u32; 2]) {
        (self.engine, self.seed) = engine(model, grid);
    }

    fn replace_reference(&mut self) {
        let is_grown = |slot: &Slot| matches!(slot.cells, Cells::Grown(_));
        self.slots.iter_mut().for_each(|slot| slot.needs_count |= is_grown(slot));
    }

    fn tick(&mut self, members: Members, ticks: u32, sleep_after: Option<u32>) {
        let Members { model, instances, active, .. } = members;
        if ticks == 0 || active.is_empty() {
            return;
        }
        let pool = ComputeTaskPool::try_get();
        let tasks = pool.map_or(1, |pool| pool.thread_num()).clamp(1, active.len());
        self.scratches.resize_with(tasks, Scratch::default);
        let ticking = Ticking { engine: &self.engine, seed: &self.seed, rule: model.rule(), ticks, sleep_after };
        let run = |Share { first, active, slots, instances, scratch }: Share| {
            for ((_, slot), (_, instance)) in pick(slots, first, active).zip(pick(instances, first, active)) {
                if let Some(instance) = instance {
                    slot.tick(ticking, scratch, instance);
                }
            }
        };
        let shares = shares(active, &mut self.slots, instances, &mut self.scratches);
        match pool.filter(|_| tasks > 1) {
            None => shares.for_each(run),
            Some(pool) => {
                pool.scope(|scope| shares.for_each(|share| scope.spawn(async move { run(share) })));
            }
        }
    }

    fn count(&mut self, members: Members, counted: &mut Vec<InstanceStats>) {
        let Members { id, model, reference, instances, active, .. } = members;
        let Self { slots, seed, .. } = self;
        let due = pick(slots, 0, active).filter(|(_, slot)| slot.needs_count).filter_map(|(index, slot)| {
            slot.needs_count = false;
            let lost = std::mem::take(&mut slot.lost);
            let instance = instances.get(index as usize)?.as_ref()?;
            Some((slot.cells.grid(seed)?, instance, lost))
        });
        let measure = |&(grid, instance, lost): &(&Grid, &Instance, u32)| {
            let display = instance.display();
            let (stats, alive) = CellStats::measure(
                model.rule(),
                grid.state(),
                |cell| grid.is_empty_at(cell),
                reference,
                display.pose,
                display.alive_mask,
            );
            let stats = CellStats { lost, ..stats };
            InstanceStats::new(instance, id, reference.is_known(), stats, alive)
        };
        let mut due: Vec<_> = due.collect();
        let measured = in_tasks(&mut due, |due| due.iter().map(measure).collect::<Vec<_>>());
        counted.extend(measured.into_iter().flatten());
    }

    fn draw(&mut self, members: Members, atlas: &Atlas, images: &mut Assets<Image>) {
        let Members { model, reference, instances, active, .. } = members;
        let Self { slots, seed, patches, .. } = self;
        let mut changed = 0;
        for (slot, instance) in instances_at(instances, active) {
            let Some(slot) = slots.get_mut(slot as usize) else { continue };
            slot.needs_draw |= std::mem::take(&mut instance.needs_redraw);
            changed += u32::from(slot.needs_draw);
        }
        if changed == 0 {
            return;
        }
        // Bevy would upload only the first level of a picture with mipmaps.
        if changed * 4 > atlas.slots && atlas.content.kind() != AtlasKind::Tile {
            patches.iter_mut().for_each(Patches::begin_whole);
        }
        let image = match patches {
            Some(patches) if !patches.is_whole() => images.get_mut_untracked(&atlas.image),
            _ => images.get_mut(&atlas.image).map(AssetMut::into_inner),
        };
        // The game may have replaced the image of a tile.
        let pixels = atlas.size.element_product() as usize * atlas.content.pixel_bytes();
        let fits = |image: &&mut Image| {
            image.size() == atlas.size && image.data.as_ref().is_some_and(|data| data.len() >= pixels)
        };
        let Some(image) = image.filter(fits) else { return };
        let width = image.width() as usize;
        let Some(data) = image.data.as_mut() else { return };
        let output = model.rule().output;
        let due = pick(slots, 0, active).filter(|(_, slot)| slot.needs_draw).filter_map(|(index, slot)| {
            slot.needs_draw = false;
            let instance = instances.get(index as usize)?.as_ref()?;
            let grid = slot.cells.grid(seed)?;
            Some(Picture { slot: index, grid, display: instance.display(), blank: std::mem::take(&mut slot.blank) })
        });
        let due: Vec<_> = due.collect();
        let gutter = atlas.content.kind().gutter();
        let draw = |&Picture { slot, grid, display, blank }: &Picture, data: &mut [u8]| {
            // Zeros are transparent unless cells are opaque.
            let is_empty_row = |y: usize| output != Output::OpaqueCentered && grid.is_empty_row(y);
            let target = Target { corner: atlas.corner(slot).with_y(gutter), gutter, data, width, blank };
            match atlas.content {
                AtlasContent::Tissue => paint(grid.state(), is_empty_row, |_, _, cell| tissue(cell), target),
                AtlasContent::Picture { .. } | AtlasContent::Tile { .. } => {
                    let color = |x, y, cell: &[f32]| reference.shown([x, y], cell, display.pose, display.crisp);
                    paint(grid.state(), is_empty_row, color, target);
                }
            }
        };
        // The pixels of each row of slots, and its pictures.
        let row = |picture: &Picture| picture.slot / atlas.columns;
        let bytes = atlas.slot_size().y as usize * width * atlas.content.pixel_bytes();
        let mut bands = (0..).zip(data.chunks_mut(bytes));
        let rows = due.chunk_by(|a, b| row(a) == row(b)).filter_map(|pictures| {
            let this = row(pictures.first()?);
            Some((bands.find(|(row, _)| *row == this)?.1, pictures))
        });
        let mut rows: Vec<_> = rows.collect();
        in_tasks(&mut rows, |rows| {
            for (data, pictures) in rows {
                pictures.iter().for_each(|picture| draw(picture, data));
            }
        });
        if let Some(patches) = patches {
            due.iter().for_each(|picture| patches.add(atlas.corner(picture.slot) - gutter, data, atlas));
        }
    }

    fn replace_atlas(&mut self) -> bool {
        self.slots.iter_mut().for_each(|slot| slot.blank = true);
        self.patches.iter_mut().for_each(Patches::begin_whole);
        true
    }

    fn state(&self, slot: u32) -> Option<&State> {
        self.slots.get(slot as usize)?.cells.grid(&self.seed).map(Grid::state)
    }

    fn request_read(&mut self, _: u32, _: ReadRequest) {
        // `state` has returned the cells, unless there are none.
    }

    fn status(&self) -> Status {
        Status::Ready
    }

    fn is_busy(&self, _: u32) -> bool {
        false
    }

    fn memory_bytes(&self, model: &Model, [width, height]: [u32; 2], _: u32) -> u64 {
        let grown = self.slots.iter().filter(|slot| matches!(slot.cells, Cells::Grown(_))).count() as u64;
        grown * u64::from(width) * u64::from(height) * (model.rule().channels * size_of::<f32>()) as u64
    }

    fn send(&mut self, _: Members, _: u32, atlas: Option<&Atlas>, frame: &mut Frame) -> bool {
        if let (Some(patches), Some(atlas)) = (&mut self.patches, atlas)
            && !patches.is_empty()
        {
            frame.uploads.receive(atlas.image.id(), patches);
        }
        true
    }
}

/// A picture to paint.
struct Picture<'a> {
    slot: u32,
    grid: &'a Grid,
    display: DisplayState,
    /// Its region of the atlas is still transparent.
    blank: bool,
}

/// Runs `run` on runs of items of about the same length, each in a task of the compute pool.
fn in_tasks<T: Send, R: Send + 'static>(mut items: &mut [T], run: impl Fn(&mut [T]) -> R + Send + Sync) -> Vec<R> {
    match ComputeTaskPool::try_get().filter(|pool| pool.thread_num() > 1 && items.len() > 1) {
        None => vec![run(items)],
        Some(pool) => items.par_splat_map_mut(pool, None, |_, items| run(items)),
    }
}

/// The parameters of a round of ticks.
#[derive(Clone, Copy)]
struct Ticking<'a> {
    engine: &'a Engine,
    seed: &'a Option<Grid>,
    rule: &'a Rule,
    /// Ticks of the clock.
    ticks: u32,
    sleep_after: Option<u32>,
}

/// What one task ticks: a run of slots, and the active ones among them.
struct Share<'a> {
    /// The index of the first of `slots` and `instances`.
    first: u32,
    active: &'a [u32],
    slots: &'a mut [Slot],
    instances: &'a mut [Option<Instance>],
    scratch: &'a mut Scratch,
}

/// One share per scratch, with about the same number of active slots each. `active` is sorted.
fn shares<'a>(
    active: &'a [u32],
    mut slots: &'a mut [Slot],
    mut instances: &'a mut [Option<Instance>],
    scratches: &'a mut [Scratch],
) -> impl Iterator<Item = Share<'a>> {
    let size = active.len().div_ceil(scratches.len()).max(1);
    let mut first = 0;
    active.chunks(size).zip(scratches).map(move |(active, scratch)| {
        let end = active.last().map_or(first, |last| last + 1);
        let count = ((end - first) as usize).min(slots.len()).min(instances.len());
        let (own_slots, own_instances);
        (own_slots, slots) = std::mem::take(&mut slots).split_at_mut(count);
        (own_instances, instances) = std::mem::take(&mut instances).split_at_mut(count);
        let first = std::mem::replace(&mut first, end);
        Share { first, active, slots: own_slots, instances: own_instances, scratch }
    })
}

impl Slot {
    /// Runs some ticks of the clock.
    fn tick(&mut self, ticking: Ticking, scratch: &mut Scratch, instance: &mut Instance) {
        let Ticking { engine, seed, rule, ticks, sleep_after } = ticking;
        for _ in 0..ticks {
            if matches!(self.cells, Cells::None) {
                return;
            }
            instance.grant_ticks();
            while let Some((tick, edits)) = instance.begin_tick(sleep_after) {
                let Some(grid) = self.cells.grid_mut(seed) else { return };
                if let Some(wound) = &edits.wound {
                    let cells = grid.state().values().chunks_exact(rule.channels).enumerate();
                    let hit = cells.filter(|(cell, values)| wound.contains(*cell) && rule.lives(values));
                    self.lost += hit.count() as u32;
                }
                if let Some(dead) = edits.dead_ground {
                    engine.set_dead_ground(grid, dead.clone());
                }
                if let Some(overgrown) = edits.overgrown {
                    engine.set_overgrown(grid, overgrown.clone());
                }
                if let Some(directions) = edits.directions {
                    engine.set_directions(grid, directions.clone());
                }
                if let Some(shares) = &edits.form {
                    engine.set_form(grid, shares);
                }
                if let Some(seeds) = &edits.seeds {
                    engine.sow(grid, seeds);
                }
                engine.step(grid, scratch, tick, edits.wound.as_ref());
                (self.needs_draw, self.needs_count) = (true, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_active_instance_is_in_one_share() {
        for (active, tasks) in [(vec![0, 1, 2, 5, 9], 2), (vec![3], 4), (vec![4, 5, 6, 7], 3), (vec![9], 1)] {
            let mut slots: Vec<Slot> = (0..10).map(|_| Slot::default()).collect();
            let mut instances: Vec<Option<Instance>> = (0..10).map(|_| None).collect();
            let mut scratches: Vec<Scratch> = (0..tasks).map(|_| Scratch::default()).collect();
            let mut seen = Vec::new();
            for share in shares(&active, &mut slots, &mut instances, &mut scratches) {
                let both =
                    pick(share.slots, share.first, share.active).zip(pick(share.instances, share.first, share.active));
                seen.extend(both.map(|((slot, _), (instance, _))| {
                    assert_eq!(slot, instance);
                    slot
                }));
            }
            assert_eq!(seen, active);
        }
    }
}
