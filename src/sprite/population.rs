//! Populations: all sprites of one model on one grid size, stepped and drawn together.

use std::{collections::BTreeMap, sync::Arc};

use bevy::{asset::AssetId, prelude::*};

use super::{
    NcaArmor, NcaModel, NcaPace, NcaSnapshot, NcaSnapshotError, NcaTexture,
    atlas::{Atlas, most_slots},
    cpu_cells::CpuCells,
    damage::Blow,
    gpu_feed::GpuFeed,
    occupant::{Life, Occupant, Start},
    texture::{Place, Wanted},
};
use crate::{
    cpu::{Engine as CpuEngine, Scratch, Tick},
    gpu::{self, CensusRead, Limits, PopulationSpec},
    rule::{CellMask, Model, Reference, Rule, State},
};

/// Slots that a population starts with; it doubles from there.
const FIRST_SLOTS: u32 = 4;

/// The engine that new populations run on.
#[derive(Clone, Copy, Debug)]
pub(super) enum EngineChoice {
    Gpu(Limits),
    Cpu {
        /// The widest and highest picture.
        texture_side: u32,
    },
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
        Self { choice: EngineChoice::Cpu { texture_side: 0 }, list: BTreeMap::new(), next: 0 }
    }
}

/// The sprites of one model on one grid size.
pub(super) struct Population {
    model_id: AssetId<NcaModel>,
    model: Arc<Model>,
    reference: Arc<Reference>,
    grid: [u32; 2],
    /// Whether the picture is sampled linearly.
    smooth: bool,
    /// `None` in an app without images.
    atlas: Option<Atlas>,
    choice: EngineChoice,
    most_slots: u32,
    capacity: u32,
    occupants: Vec<Option<Occupant>>,
    free: Vec<u32>,
    engine: Engine,
}

enum Engine {
    Cpu(Box<CpuCells>),
    Gpu(GpuFeed),
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
        let grid = grid(texture, model);
        if grid.iter().any(|side| !Rule::SIDES.contains(side)) {
            warn_once!("{entity} does not grow: found a grid of {grid:?} cells; wanted {:?} each", Rule::SIDES);
            return None;
        }
        let model_id = texture.model.id();
        let fits = |population: &Population| {
            population.model_id == model_id
                && !population.outdated(model_id, model)
                && (population.grid, population.smooth) == (grid, texture.smooth)
                && population.has_room()
        };
        let id = match self.list.iter().find(|(_, population)| fits(population)) {
            Some((id, _)) => *id,
            None => {
                let population = Population::new(self.choice, texture, model, grid, images.as_deref_mut())?;
                self.list.insert(self.next, population);
                self.next += 1;
                self.next - 1
            }
        };
        let slot = self.list.get_mut(&id)?.enter(entity, texture, images);
        Some(Place { population: id, slot })
    }

    /// Frees a slot; an empty population goes. Returns what was not asked of the GPU yet.
    pub(super) fn leave(&mut self, place: Place) -> Wanted {
        let Some(population) = self.list.get_mut(&place.population) else { return Wanted::NOTHING };
        let wanted = population.leave(place.slot);
        if population.free.len() == population.occupants.len() {
            self.list.remove(&place.population);
        }
        wanted
    }

    pub(super) fn get(&self, id: u32) -> Option<&Population> {
        self.list.get(&id)
    }

    fn occupant_mut(&mut self, place: Place) -> Option<&mut Occupant> {
        self.list.get_mut(&place.population)?.occupant_mut(place.slot)
    }

    /// Replaces a sprite's cells, which are then as old as `tick`. False if they do not fit.
    pub(super) fn write_cells(&mut self, place: Place, tick: u32, mut state: State) -> bool {
        let Some(population) = self.list.get_mut(&place.population) else { return false };
        let (grid, channels) = (population.grid.map(|side| side as usize), population.model.rule().channels);
        if ([state.width(), state.height()], state.channels()) != (grid, channels) {
            return false;
        }
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.life.restart(tick);
            if let Some(dead) = &occupant.life.dead_ground {
                state.wound(dead);
            }
            population.start(place.slot, Start::Cells(state));
        }
        true
    }

    /// All that a sprite's future depends on, besides its cells.
    pub(super) fn life(&self, place: Place) -> Option<&Life> {
        let population = self.get(place.population)?;
        population.occupants.get(place.slot as usize)?.as_ref().map(|occupant| &occupant.life)
    }

    /// The model that a sprite grows by.
    pub(super) fn model(&self, place: Place) -> Option<&Model> {
        self.get(place.population).map(|population| &*population.model)
    }

    /// Lets a sprite go on from a snapshot.
    pub(super) fn restore(&mut self, place: Place, snapshot: NcaSnapshot) -> Result<(), NcaSnapshotError> {
        let Some(population) = self.list.get_mut(&place.population) else { return Ok(()) };
        let (life, state) = snapshot.check(&population.model, population.grid)?;
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.life = life;
            population.start(place.slot, Start::Cells(state));
        }
        Ok(())
    }

    /// Lets a sprite's next tick change what a blow hits.
    pub(super) fn strike(&mut self, place: Place, blow: &Blow, armor: Option<&NcaArmor>) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        let grid = population.grid;
        if let Some(occupant) = population.occupant_mut(place.slot) {
            blow.strike(&mut occupant.life, grid, armor);
        }
    }

    /// Follows a texture's seed and angle.
    pub(super) fn follow(&mut self, place: Place, texture: &NcaTexture) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        let crisp = population.shows_crisp(texture);
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.follow(texture, crisp);
        }
    }

    pub(super) fn set_pace(&mut self, place: Place, pace: NcaPace) {
        if let Some(occupant) = self.occupant_mut(place) {
            occupant.set_pace(pace);
        }
    }

    /// Whether a texture belongs where it is.
    pub(super) fn suits(&self, place: Place, texture: &NcaTexture) -> bool {
        self.get(place.population).is_some_and(|population| {
            population.model_id == texture.model.id()
                && (population.grid, population.smooth) == (grid(texture, &population.model), texture.smooth)
        })
    }

    /// Whether every population can tick.
    pub(super) fn all_ready(&self) -> bool {
        let preparing =
            |population: &Population| matches!(&population.engine, Engine::Gpu(feed) if feed.is_preparing());
        !self.list.values().any(preparing)
    }

    /// So many ticks of the clock for every sprite that can tick.
    pub(super) fn tick(&mut self, ticks: u32, sleep_after: Option<u32>) {
        for population in self.list.values_mut() {
            population.tick(ticks, sleep_after);
        }
    }

    /// Puts a sprite to sleep, or wakes it. Its entity knows.
    pub(super) fn set_asleep(&mut self, place: Place, asleep: bool) {
        if let Some(occupant) = self.occupant_mut(place) {
            match asleep {
                true => occupant.life.asleep = true,
                false => occupant.life.wake(),
            }
            occupant.told_asleep = asleep;
        }
    }

    /// Those that have fallen asleep or woken, of which their entities do not know; from now on they do.
    pub(super) fn take_turned(&mut self) -> impl Iterator<Item = (Entity, bool)> {
        let occupants = self.list.values_mut().flat_map(|population| population.occupants.iter_mut().flatten());
        occupants.filter(|occupant| occupant.life.asleep != occupant.told_asleep).map(|occupant| {
            occupant.told_asleep = occupant.life.asleep;
            (occupant.entity, occupant.life.asleep)
        })
    }

    /// The cells at once, or, from the GPU, later.
    pub(super) fn read_cells(&mut self, place: Place, wanted: Wanted) -> Option<(u32, State)> {
        let population = self.list.get_mut(&place.population)?;
        let occupant = population.occupants.get_mut(place.slot as usize)?.as_mut()?;
        match &population.engine {
            Engine::Cpu(cells) => Some((occupant.life.tick, cells.state(place.slot)?.clone())),
            Engine::Gpu(_) => {
                occupant.wanted.add(wanted);
                None
            }
        }
    }

    /// Every cell of a sprite dies at its next tick.
    pub(super) fn kill(&mut self, place: Place) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        let [width, height] = population.grid.map(|side| side as usize);
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.life.wound(CellMask::full(width, height), false);
        }
    }

    /// Counts the cells of what has ticked on the CPU since the last call.
    pub(super) fn count(&mut self, counted: &mut Vec<CensusRead>) {
        for (id, population) in &mut self.list {
            if let Engine::Cpu(cells) = &mut population.engine {
                cells.count(*id, &population.occupants, population.model.rule(), &population.reference, counted);
            }
        }
    }

    /// Paints what the CPU has changed.
    pub(super) fn paint(&mut self, images: &mut Assets<Image>) {
        for population in self.list.values_mut() {
            if let (Engine::Cpu(cells), Some(atlas)) = (&mut population.engine, &population.atlas) {
                let Population { model, reference, occupants, .. } = population;
                cells.paint(atlas, model.rule().output, reference, occupants, images);
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

/// Width and height of a texture's grid.
fn grid(texture: &NcaTexture, model: &Model) -> [u32; 2] {
    texture.grid.map_or(model.rule().grid, |grid| grid.to_array())
}

impl EngineChoice {
    fn texture_side(self) -> u32 {
        match self {
            Self::Gpu(limits) => limits.texture_side,
            Self::Cpu { texture_side } => texture_side,
        }
    }
}

impl Population {
    /// Width and height in cells.
    pub(super) fn grid(&self) -> [u32; 2] {
        self.grid
    }

    /// Whether a texture wants the pixels of the grown sprite, and there are some.
    fn shows_crisp(&self, texture: &NcaTexture) -> bool {
        if texture.crisp && !self.reference.is_authored() {
            warn_once!("`{}` is not shown crisp: its model has no target", self.model.rule().name);
        }
        texture.crisp && self.reference.is_authored()
    }

    /// How many cells a grown sprite has.
    pub(super) fn grown_cells(&self) -> u32 {
        self.reference.cells()
    }

    fn new(
        choice: EngineChoice,
        texture: &NcaTexture,
        model: &NcaModel,
        grid: [u32; 2],
        images: Option<&mut Assets<Image>>,
    ) -> Option<Self> {
        let (model_id, model) = (texture.model.id(), model.0.clone());
        let by_cells = match choice {
            EngineChoice::Gpu(limits) => limits.most_sprites(model.rule(), grid),
            EngineChoice::Cpu { .. } => u32::MAX,
        };
        let by_picture = images.as_ref().map_or(u32::MAX, |_| most_slots(grid, choice.texture_side()));
        let most_slots = by_cells.min(by_picture);
        if most_slots == 0 {
            error_once!("a sprite of {grid:?} cells and {} channels does not fit this GPU", model.rule().channels);
            return None;
        }
        let capacity = FIRST_SLOTS.min(most_slots);
        let on_gpu = matches!(choice, EngineChoice::Gpu(_));
        Some(Self {
            atlas: images
                .map(|images| Atlas::new(images, grid, texture.smooth, capacity, choice.texture_side(), on_gpu)),
            engine: match choice {
                EngineChoice::Cpu { .. } => Engine::Cpu(Box::new(CpuCells::new(&model))),
                EngineChoice::Gpu(limits) => Engine::Gpu(GpuFeed::new(limits, grid)),
            },
            reference: Arc::new(Reference::new(&model, grid.map(|side| side as usize), || grow(&model, grid))),
            model_id,
            model,
            smooth: texture.smooth,
            grid,
            choice,
            most_slots,
            capacity,
            occupants: Vec::new(),
            free: Vec::new(),
        })
    }

    /// Whether the asset of its model is by now another one.
    pub(super) fn outdated(&self, model_id: AssetId<NcaModel>, model: &NcaModel) -> bool {
        self.model_id == model_id && !Arc::ptr_eq(&self.model, &model.0)
    }

    fn has_room(&self) -> bool {
        !self.free.is_empty() || (self.occupants.len() as u32) < self.most_slots
    }

    /// The image that a slot is painted to, and where.
    pub(super) fn picture(&self, slot: u32) -> Option<(&Handle<Image>, Rect)> {
        self.atlas.as_ref().map(|atlas| (&atlas.image, atlas.rect(slot)))
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
        self.occupants[slot as usize] = Some(Occupant::new(entity, texture, self.shows_crisp(texture)));
        self.start(slot, Start::Seed);
        slot
    }

    /// Gives a slot's sprite new cells: the CPU at once, the GPU as soon as it is ready.
    fn start(&mut self, slot: u32, start: Start) {
        let [width, height] = self.grid.map(|side| side as usize);
        match (&mut self.engine, start) {
            (Engine::Cpu(cells), Start::Cells(state)) => cells.put(slot, state),
            (Engine::Cpu(cells), Start::Seed) => cells.put(slot, State::seed(self.model.rule(), width, height)),
            (Engine::Gpu(_), start) => {
                if let Some(occupant) = self.occupant_mut(slot) {
                    occupant.start = Some(start);
                }
            }
        }
    }

    /// Doubles the room. The atlas is laid out anew, so every sprite is painted again: on the GPU, the
    /// engine sees to that itself when it meets the new texture.
    fn grow(&mut self, images: Option<&mut Assets<Image>>) {
        self.capacity = self.capacity.saturating_mul(2).min(self.most_slots);
        let on_gpu = matches!(self.engine, Engine::Gpu(_));
        if let (Some(atlas), Some(images)) = (&mut self.atlas, images) {
            atlas.grow(images, self.capacity, self.choice.texture_side(), on_gpu);
        }
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.paint_all_again();
        }
    }

    fn leave(&mut self, slot: u32) -> Wanted {
        let occupant = self.occupants.get_mut(slot as usize).and_then(Option::take);
        let Some(Occupant { wanted, .. }) = occupant else { return Wanted::NOTHING };
        self.free.push(slot);
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.remove(slot);
        }
        wanted
    }

    fn tick(&mut self, ticks: u32, sleep_after: Option<u32>) {
        // A texture never comes to rest.
        let sleep_after = sleep_after.filter(|_| self.model.rule().alive.is_some());
        match &mut self.engine {
            Engine::Cpu(cells) => cells.tick(self.model.rule(), &mut self.occupants, ticks, sleep_after),
            Engine::Gpu(feed) => feed.tick(&mut self.occupants, ticks, sleep_after),
        }
    }

    fn send(&mut self, id: u32, gpu: &mut gpu::GpuPopulations) {
        let Engine::Gpu(feed) = &mut self.engine else { return };
        let spec = PopulationSpec {
            model: self.model.clone(),
            reference: self.reference.clone(),
            grid: self.grid,
            capacity: self.capacity,
            atlas: self.atlas.as_ref().map(|atlas| atlas.image.id()).unwrap_or_default(),
            atlas_columns: self.atlas.as_ref().map_or(1, |atlas| atlas.columns),
        };
        feed.send(id, &spec, &mut self.occupants, gpu);
    }
}

/// The most ticks that a sprite without a target is given to show what it grows to.
const MOST_GROWING_TICKS: u32 = 512;

/// The cells of a grown sprite.
fn grow(model: &Model, grid: [u32; 2]) -> State {
    let [width, height] = grid.map(|side| side as usize);
    let seed = State::seed(model.rule(), width, height);
    let engine = CpuEngine::new(model);
    let Some(mut grid) = engine.grid(seed.clone()) else { return seed };
    let mut scratch = Scratch::default();
    for tick in 0..model.rule().mature_ticks.min(MOST_GROWING_TICKS) {
        engine.step(&mut grid, &mut scratch, Tick { tick, seed: 0, angle: 0.0 }, None);
    }
    grid.into_state()
}
