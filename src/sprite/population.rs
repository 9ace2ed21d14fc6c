//! Populations: all sprites of one model on one grid size, stepped and drawn together.

use std::{collections::BTreeMap, sync::Arc};

use bevy::{asset::AssetId, prelude::*};

use super::{NcaModel, NcaTexture, atlas::Atlas, cpu_cells::CpuCells, texture::Place};
use crate::{
    gpu::{self, Limits, PopulationSpec, Standing, Work},
    rule::{CellMask, Model, State, tick_key},
};

/// The widest and tallest an atlas may be where no GPU says.
const CPU_TEXTURE_SIDE: u32 = 4096;
/// Slots that a population starts with; it doubles from there.
const FIRST_SLOTS: u32 = 4;

/// The engine that new populations run on.
#[derive(Clone, Copy, Debug)]
pub(super) enum EngineChoice {
    Gpu(Limits),
    Cpu,
}

/// All populations, by number. Numbers are never used again.
#[derive(Resource)]
pub(super) struct Populations {
    pub(super) choice: EngineChoice,
    list: BTreeMap<u32, Population>,
    next: u32,
}

impl Default for Populations {
    fn default() -> Self {
        Self { choice: EngineChoice::Cpu, list: BTreeMap::new(), next: 0 }
    }
}

/// The sprites of one model on one grid size.
pub(super) struct Population {
    pub(super) model_id: AssetId<NcaModel>,
    model: Arc<Model>,
    grid: [u32; 2],
    /// `None` in an app without images.
    atlas: Option<Atlas>,
    most_slots: u32,
    most_columns: u32,
    capacity: u32,
    occupants: Vec<Option<Occupant>>,
    free: Vec<u32>,
    engine: Engine,
}

/// The sprite in a slot.
pub(super) struct Occupant {
    pub(super) entity: Entity,
    pub(super) seed: u32,
    pub(super) angle: f32,
    /// Ticks lived so far.
    pub(super) tick: u32,
    /// Cells to be zeroed at the next tick.
    pub(super) wound: Option<CellMask>,
    /// The last tick that this frame's work holds for it.
    last_tick: Option<usize>,
}

enum Engine {
    Cpu(CpuCells),
    Gpu(GpuFeed),
}

/// What goes to the render world, and how things stand there.
struct GpuFeed {
    work: Work,
    standing: Standing,
    /// The render world has heard of this population.
    sent: bool,
}

impl Populations {
    /// Gives a texture a slot, in a new population if need be.
    pub(super) fn enter(
        &mut self,
        entity: Entity,
        texture: &NcaTexture,
        model: &NcaModel,
        mut images: Option<&mut Assets<Image>>,
    ) -> Option<Place> {
        let grid = texture.grid.map_or(model.rule().grid, |grid| grid.to_array());
        if grid.iter().any(|side| !(1..=1024).contains(side)) {
            warn_once!("{entity} does not grow: found a grid of {grid:?} cells; wanted 1..=1024 each");
            return None;
        }
        let model_id = texture.model.id();
        let fits = |population: &Population| {
            population.model_id == model_id && population.grid == grid && population.has_room()
        };
        let id = match self.list.iter().find(|(_, population)| fits(population)) {
            Some((id, _)) => *id,
            None => {
                let population = Population::new(self.choice, model_id, model.0.clone(), grid, images.as_deref_mut())?;
                self.list.insert(self.next, population);
                self.next += 1;
                self.next - 1
            }
        };
        let slot = self.list.get_mut(&id)?.enter(entity, texture, images);
        Some(Place { population: id, slot })
    }

    /// Frees a slot; an empty population goes.
    pub(super) fn leave(&mut self, place: Place) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        population.leave(place.slot);
        if population.occupants.iter().all(Option::is_none) {
            self.list.remove(&place.population);
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<&Population> {
        self.list.get(&id)
    }

    /// Replaces a sprite's cells, which are then as old as `tick`. False if they do not fit.
    pub(super) fn write_cells(&mut self, place: Place, tick: u32, state: State) -> bool {
        let Some(population) = self.list.get_mut(&place.population) else { return false };
        let (grid, channels) = (population.grid.map(|side| side as usize), population.model.rule().channels);
        if ([state.width(), state.height()], state.channels()) != (grid, channels) {
            return false;
        }
        let Some(occupant) = population.occupant_mut(place.slot) else { return false };
        occupant.tick = tick;
        occupant.wound = None;
        match &mut population.engine {
            Engine::Cpu(cells) => cells.put(place.slot, state),
            Engine::Gpu(feed) => feed.work.put(place.slot, &state),
        }
        true
    }

    /// Adds to the cells that the sprite's next tick zeroes.
    pub(super) fn wound(&mut self, place: Place, add: impl FnOnce(&mut CellMask, [u32; 2])) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        let grid = population.grid;
        let Some(occupant) = population.occupant_mut(place.slot) else { return };
        let mut mask = occupant.wound.take().unwrap_or_else(|| CellMask::new(grid[0] as usize, grid[1] as usize));
        add(&mut mask, grid);
        occupant.wound = Some(mask).filter(|mask| !mask.is_empty());
    }

    /// Follows a texture's seed and angle.
    pub(super) fn follow(&mut self, place: Place, texture: &NcaTexture) {
        if let Some(occupant) = self.list.get_mut(&place.population).and_then(|list| list.occupant_mut(place.slot)) {
            occupant.seed = texture.seed;
            occupant.angle = texture.angle;
        }
    }

    /// Whether a texture belongs where it is.
    pub(super) fn suits(&self, place: Place, texture: &NcaTexture) -> bool {
        self.get(place.population).is_some_and(|population| {
            let grid = texture.grid.map_or(population.model.rule().grid, |grid| grid.to_array());
            population.model_id == texture.model.id() && population.grid == grid
        })
    }

    /// So many ticks of every sprite that can tick.
    pub(super) fn tick(&mut self, ticks: u32) {
        for population in self.list.values_mut() {
            population.tick(ticks);
        }
    }

    /// The cells at once, or, from the GPU, later.
    pub(super) fn read_cells(&mut self, place: Place, entity: Entity) -> Option<(u32, State)> {
        let population = self.list.get_mut(&place.population)?;
        let tick = population.occupant_mut(place.slot)?.tick;
        match &mut population.engine {
            Engine::Cpu(cells) => Some((tick, cells.state(place.slot)?.clone())),
            Engine::Gpu(feed) => {
                feed.work.read_cells(place.slot, entity, tick);
                None
            }
        }
    }

    /// Paints what the CPU has changed.
    pub(super) fn paint(&mut self, images: &mut Assets<Image>) {
        for population in self.list.values_mut() {
            if let (Engine::Cpu(cells), Some(atlas)) = (&mut population.engine, &population.atlas) {
                cells.paint(atlas, population.model.rule().output, images);
            }
        }
    }

    /// Hands the frame's work to the render world.
    pub(super) fn send(&mut self, gpu: &mut gpu::GpuPopulations) {
        gpu.retain(|id| self.list.contains_key(&id));
        for (id, population) in &mut self.list {
            population.send(*id, gpu);
        }
    }
}

impl Population {
    fn new(
        choice: EngineChoice,
        model_id: AssetId<NcaModel>,
        model: Arc<Model>,
        grid: [u32; 2],
        images: Option<&mut Assets<Image>>,
    ) -> Option<Self> {
        let on_gpu = matches!(choice, EngineChoice::Gpu(_));
        let (most_slots, most_columns) = match choice {
            EngineChoice::Gpu(limits) => limits.slots(model.rule(), grid),
            EngineChoice::Cpu => {
                let fit = |side: u32| CPU_TEXTURE_SIDE / (side + 2 * gpu::GUTTER);
                (fit(grid[0]) * fit(grid[1]), fit(grid[0]))
            }
        };
        if most_slots == 0 {
            error_once!("a sprite of {grid:?} cells and {} channels does not fit this GPU", model.rule().channels);
            return None;
        }
        let capacity = FIRST_SLOTS.min(most_slots);
        Some(Self {
            atlas: images.map(|images| Atlas::new(images, grid, capacity, most_columns, on_gpu)),
            engine: match choice {
                EngineChoice::Cpu => Engine::Cpu(CpuCells::new(&model)),
                EngineChoice::Gpu(_) => {
                    Engine::Gpu(GpuFeed { work: Work::default(), standing: Standing::Preparing, sent: false })
                }
            },
            model_id,
            model,
            grid,
            most_slots,
            most_columns,
            capacity,
            occupants: Vec::new(),
            free: Vec::new(),
        })
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty() || (self.occupants.len() as u32) < self.most_slots
    }

    /// The image that a slot is painted to, and where.
    pub(super) fn picture(&self, slot: u32) -> Option<(&Handle<Image>, Rect)> {
        self.atlas.as_ref().map(|atlas| (&atlas.image, atlas.rect(slot)))
    }

    /// The sprites and their slots.
    pub(super) fn occupants(&self) -> impl Iterator<Item = (u32, Entity)> {
        let slots = self.occupants.iter().enumerate();
        slots.filter_map(|(slot, occupant)| Some((slot as u32, occupant.as_ref()?.entity)))
    }

    fn occupant_mut(&mut self, slot: u32) -> Option<&mut Occupant> {
        self.occupants.get_mut(slot as usize)?.as_mut()
    }

    fn enter(&mut self, entity: Entity, texture: &NcaTexture, images: Option<&mut Assets<Image>>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.occupants.push(None);
            self.occupants.len() as u32 - 1
        });
        if slot >= self.capacity {
            self.grow(images);
        }
        let (seed, angle) = (texture.seed, texture.angle);
        self.occupants[slot as usize] = Some(Occupant { entity, seed, angle, tick: 0, wound: None, last_tick: None });
        self.seed(slot);
        slot
    }

    /// Starts a slot's sprite from its seed.
    fn seed(&mut self, slot: u32) {
        match &mut self.engine {
            Engine::Gpu(feed) => feed.work.seed(slot),
            Engine::Cpu(cells) => {
                let [width, height] = self.grid.map(|side| side as usize);
                cells.put(slot, State::seed(self.model.rule(), width, height));
            }
        }
    }

    /// Doubles the room. The atlas is laid out anew, so every sprite is painted again: on the GPU, the
    /// engine sees to that itself when it meets the new texture.
    fn grow(&mut self, images: Option<&mut Assets<Image>>) {
        self.capacity = (self.capacity * 2).min(self.most_slots);
        let on_gpu = matches!(self.engine, Engine::Gpu(_));
        if let (Some(atlas), Some(images)) = (&mut self.atlas, images) {
            atlas.grow(images, self.capacity, self.most_columns, on_gpu);
        }
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.paint_all_again();
        }
    }

    fn leave(&mut self, slot: u32) {
        if self.occupants.get_mut(slot as usize).and_then(Option::take).is_some() {
            self.free.push(slot);
            if let Engine::Cpu(cells) = &mut self.engine {
                cells.remove(slot);
            }
        }
    }

    fn tick(&mut self, ticks: u32) {
        let rule = self.model.rule();
        match &mut self.engine {
            Engine::Cpu(cells) => cells.tick(&mut self.occupants, ticks),
            Engine::Gpu(feed) if feed.standing == Standing::Ready => {
                for _ in 0..ticks {
                    feed.work.next_step();
                    for (slot, occupant) in self.occupants.iter_mut().enumerate() {
                        let Some(occupant) = occupant else { continue };
                        feed.tick(slot as u32, occupant, rule.rotates());
                    }
                }
            }
            Engine::Gpu(_) => {}
        }
    }

    fn send(&mut self, id: u32, gpu: &mut gpu::GpuPopulations) {
        let Engine::Gpu(feed) = &mut self.engine else { return };
        if feed.sent && !gpu.knows(id) {
            warn!(
                "the GPU's device was lost, and with it the cells of `{}`: its sprites grow anew",
                self.model.rule().name
            );
            feed.work = Work::default();
            for (slot, occupant) in self.occupants.iter_mut().enumerate() {
                if let Some(occupant) = occupant {
                    occupant.tick = 0;
                    feed.work.seed(slot as u32);
                }
            }
        }
        let spec = PopulationSpec {
            model: self.model.clone(),
            grid: self.grid,
            capacity: self.capacity,
            atlas: self.atlas.as_ref().map(|atlas| atlas.image.id()).unwrap_or_default(),
            atlas_columns: self.atlas.as_ref().map_or(1, |atlas| atlas.columns),
        };
        feed.standing = gpu.receive(id, &spec, &mut feed.work);
        feed.sent = true;
        for occupant in self.occupants.iter_mut().flatten() {
            occupant.last_tick = None;
        }
    }
}

impl GpuFeed {
    fn tick(&mut self, slot: u32, occupant: &mut Occupant, rotates: bool) {
        if let Some(mask) = occupant.wound.take() {
            self.work.wound(slot, &mask);
        }
        if let Some(earlier) = occupant.last_tick {
            self.work.no_paint(earlier);
        }
        let rotation = if rotates { gpu::rotation(occupant.angle) } else { Vec2::X };
        let key = tick_key(occupant.tick, occupant.seed);
        occupant.last_tick = Some(self.work.tick(slot, key, rotation));
        occupant.tick = occupant.tick.wrapping_add(1);
    }
}
