//! All populations: who lives where.

use std::{collections::BTreeMap, sync::Arc};

use bevy::prelude::*;

use super::{
    NcaArmor, NcaModel, NcaSnapshot, NcaSnapshotError, NcaTexture,
    canvas::Picture,
    damage::Blow,
    occupant::{Occupant, Start},
    population::{Engine, EngineChoice, Population},
    snapshot::Asked,
    texture::{Place, Wanted},
};
use crate::{
    cpu,
    gpu::{self, CensusRead},
    rule::{CellMask, Model, Reference, Rule, State},
};

/// All populations, by number. Numbers are never used again.
#[derive(Resource)]
pub(super) struct Populations {
    pub(super) choice: EngineChoice,
    list: BTreeMap<u32, Population>,
    next: u32,
    /// Textures without a place, in the order in which they came.
    pub(super) homeless: Vec<Entity>,
    /// Counts how often an atlas was laid out anew.
    pub(super) layouts: u64,
    /// What grown sprites look like, by model and grid, for as long as the model is loaded.
    references: Vec<(Arc<Model>, [u32; 2], Arc<Reference>)>,
}

impl Default for Populations {
    fn default() -> Self {
        Self {
            choice: EngineChoice::Cpu { texture_side: 0 },
            list: BTreeMap::new(),
            next: 0,
            homeless: Vec::new(),
            layouts: 0,
            references: Vec::new(),
        }
    }
}

impl Populations {
    /// Gives a texture a slot, in a new population if need be.
    pub(super) fn enter(
        &mut self,
        entity: Entity,
        texture: &NcaTexture,
        model: &NcaModel,
        images: Option<&mut Assets<Image>>,
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
                let reference = self.reference(&model.0, grid);
                let population = Population::new(self.choice, texture, model, grid, reference, images)?;
                self.list.insert(self.next, population);
                self.next += 1;
                self.next - 1
            }
        };
        let slot = self.list.get_mut(&id)?.enter(entity, texture);
        Some(Place { population: id, slot })
    }

    /// A model's asset has changed: its sprites keep their cells, if these fit it.
    pub(super) fn adopt(&mut self, model_id: AssetId<NcaModel>, model: &NcaModel) {
        let fits = |population: &Population| population.outdated(model_id, model) && population.fits(model);
        let ids: Vec<u32> = self.list.iter().filter(|(_, population)| fits(population)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(grid) = self.get(id).map(|population| population.grid) else { continue };
            let reference = self.reference(&model.0, grid);
            if let Some(population) = self.list.get_mut(&id) {
                population.adopt(model, reference);
            }
        }
    }

    /// Once all have entered that wanted to, lays out anew the atlases that they no longer fit in.
    pub(super) fn lay_out(&mut self, mut images: Option<&mut Assets<Image>>) {
        for population in self.list.values_mut() {
            self.layouts += u64::from(population.lay_out(images.as_deref_mut()));
        }
    }

    /// Gives back what populations have no more use for, and tells the new places of those who move.
    pub(super) fn give_back(&mut self, images: Option<&mut Assets<Image>>, mut tell: impl FnMut(Entity, Place)) {
        let mut any = false;
        for (&id, population) in &mut self.list {
            any |= population.give_back(|entity, slot| tell(entity, Place { population: id, slot }));
        }
        if any {
            self.lay_out(images);
        }
    }

    /// What a grown sprite looks like. Without a target, one must be grown to know.
    fn reference(&mut self, model: &Arc<Model>, grid: [u32; 2]) -> Arc<Reference> {
        self.references.retain(|(model, ..)| Arc::strong_count(model) > 1);
        let known = self.references.iter().find(|(of, on, _)| Arc::ptr_eq(of, model) && *on == grid);
        if let Some((.., reference)) = known {
            return reference.clone();
        }
        let reference = Arc::new(Reference::new(model, grid.map(|side| side as usize), || grow(model, grid)));
        self.references.push((model.clone(), grid, reference.clone()));
        reference
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

    /// Where the sprite in a place is painted.
    pub(super) fn picture(&self, place: Place) -> Option<Picture<'_>> {
        self.get(place.population)?.picture(place.slot)
    }

    pub(super) fn occupant_mut(&mut self, place: Place) -> Option<&mut Occupant> {
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
            occupant.restart(tick);
            if let Some(dead) = &occupant.life.dead_ground {
                state.wound(dead);
            }
            population.start(place.slot, Start::Cells(state));
        }
        true
    }

    /// Lets a sprite go on from a snapshot.
    pub(super) fn restore(&mut self, place: Place, snapshot: NcaSnapshot) -> Result<(), NcaSnapshotError> {
        let Some(population) = self.list.get_mut(&place.population) else { return Ok(()) };
        let (life, state) = snapshot.check(&population.model, population.grid)?;
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.live_on(life);
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

    /// Those that have fallen asleep or woken, of which their entities do not know; from now on they do.
    pub(super) fn take_turned(&mut self) -> impl Iterator<Item = (Entity, bool)> {
        let occupants = self.list.values_mut().flat_map(Population::awake_mut);
        occupants.filter(|occupant| occupant.life.asleep != occupant.told_asleep).map(|occupant| {
            occupant.told_asleep = occupant.life.asleep;
            (occupant.entity, occupant.life.asleep)
        })
    }

    /// The cells at once, and what they are for; or, from the GPU, later.
    pub(super) fn read_cells(&mut self, place: Place, wanted: Wanted) -> Option<(Asked, u32, State)> {
        let population = self.list.get_mut(&place.population)?;
        match &population.engine {
            Engine::Cpu(cells) => {
                let life = &population.occupants.get(place.slot as usize)?.as_ref()?.life;
                let asked = Asked::new(wanted, life, &population.model);
                Some((asked, life.tick, cells.state(place.slot)?.clone()))
            }
            Engine::Gpu(_) => {
                population.occupant_mut(place.slot)?.wanted.add(wanted);
                None
            }
        }
    }

    /// The sprite in a place, and how many cells it can have: those of a grown one that are no dead ground.
    pub(super) fn counted(&mut self, place: Place) -> Option<(&mut Occupant, u32, u32)> {
        let population = self.list.get_mut(&place.population)?;
        let cells = population.reference.cells();
        population.awake.insert(place.slot);
        let occupant = population.occupants.get_mut(place.slot as usize)?.as_mut()?;
        let lost = occupant
            .life
            .dead_ground
            .as_ref()
            .map_or(0, |dead| population.reference.count(dead, occupant.look().rotation));
        Some((occupant, cells, cells - lost.min(cells)))
    }

    /// Every cell of a sprite dies at its next tick.
    pub(super) fn kill(&mut self, place: Place) {
        let Some(population) = self.list.get_mut(&place.population) else { return };
        let [width, height] = population.grid.map(|side| side as usize);
        if let Some(occupant) = population.occupant_mut(place.slot) {
            occupant.life.wound(CellMask::full(width, height), false);
        }
    }

    /// Counts the cells of what has ticked on the CPU, and of what was given cells, since the last call.
    pub(super) fn count(&mut self, counted: &mut Vec<CensusRead>) {
        for (id, population) in &mut self.list {
            counted.extend(population.started.drain(..).map(|read| CensusRead { population: *id, ..read }));
            if let Engine::Cpu(cells) = &mut population.engine {
                let Population { model, reference, occupants, awake, .. } = population;
                cells.count(*id, occupants, awake.in_order(), model.rule(), reference, counted);
            }
        }
    }

    /// Paints what the CPU has changed.
    pub(super) fn paint(&mut self, mut images: Option<&mut Assets<Image>>) {
        for population in self.list.values_mut() {
            population.paint(images.as_deref_mut());
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

/// The most ticks that a sprite without a target is given to show what it grows to.
const MOST_GROWING_TICKS: u32 = 512;

/// The cells of a grown sprite.
fn grow(model: &Model, grid: [u32; 2]) -> State {
    let [width, height] = grid.map(|side| side as usize);
    let seed = State::seed(model.rule(), width, height);
    let engine = cpu::Engine::new(model);
    let Some(mut grid) = engine.grid(seed.clone()) else { return seed };
    let mut scratch = cpu::Scratch::default();
    for tick in 0..model.rule().mature_ticks.min(MOST_GROWING_TICKS) {
        engine.step(&mut grid, &mut scratch, cpu::Tick { tick, seed: 0, angle: 0.0 }, None);
    }
    grid.into_state()
}
