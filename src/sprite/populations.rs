//! All populations: who lives where.

use std::{collections::BTreeMap, sync::Arc};

use bevy::prelude::*;

use super::{
    NcaArmor, NcaModel, NcaSnapshot, NcaSnapshotError, NcaTexture,
    canvas::Picture,
    damage::Blow,
    occupant::{Occupant, Start},
    population::{Engine, EngineChoice, Population},
    references::{Known, References},
    snapshot::Asked,
    texture::{Place, Wanted},
    upload::AtlasUploads,
};
use crate::{
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
    references: References,
}

impl Default for Populations {
    fn default() -> Self {
        Self {
            choice: EngineChoice::Cpu { texture_side: 0, is_rendered: false },
            list: BTreeMap::new(),
            next: 0,
            homeless: Vec::new(),
            layouts: 0,
            references: References::default(),
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
                let unknown = || Arc::new(Reference::unknown(model, grid.map(|side| side as usize)));
                let reference = self.references.get(&model.0, grid).unwrap_or_else(unknown);
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
            let Some(population) = self.list.get_mut(&id) else { continue };
            population.adopt(model);
            if let Some(reference) = self.references.get(&model.0, population.grid) {
                population.refer_to(reference);
            }
        }
    }

    /// Another device takes the place of one that was lost. Tells what is wanted of whom, and who no longer fits where
    /// it is.
    pub(super) fn restart_on(&mut self, choice: EngineChoice, mut tell: impl FnMut(Entity, Wanted, bool)) {
        self.choice = choice;
        self.list.values_mut().for_each(|population| population.restart_on(choice, &mut tell));
        self.list.retain(|_, population| population.free.len() < population.occupants.len());
    }

    /// Whether some sprites still live by what a model's asset was before.
    pub(super) fn any_outdated(&self, model_id: AssetId<NcaModel>, model: &NcaModel) -> bool {
        self.list.values().any(|population| population.outdated(model_id, model))
    }

    /// Takes in what grown sprites look like, once that is known.
    pub(super) fn refer(&mut self) {
        for Known { model, grid, reference } in self.references.arrived() {
            let of_it =
                |population: &&mut Population| Arc::ptr_eq(&population.model, model) && population.grid == *grid;
            self.list.values_mut().filter(of_it).for_each(|population| population.refer_to(reference.clone()));
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

    /// Whether every population can tick, and knows its grown sprites.
    pub(super) fn all_ready(&self) -> bool {
        let preparing =
            |population: &Population| matches!(&population.engine, Engine::Gpu(feed) if feed.is_preparing());
        self.references.are_known() && !self.list.values().any(preparing)
    }

    /// Whether a sprite waits for the clock, and whether something is yet to be done or heard of one.
    pub(super) fn is_busy(&mut self) -> (bool, bool) {
        let mut busy = (false, !self.references.are_known());
        for population in self.list.values_mut() {
            busy.1 |= matches!(&population.engine, Engine::Gpu(feed) if feed.is_preparing());
            if matches!(&population.engine, Engine::Gpu(feed) if feed.has_failed()) {
                continue;
            }
            for occupant in population.awake_mut() {
                busy = (busy.0 | occupant.ticks(), busy.1 | occupant.has_work());
            }
        }
        busy
    }

    /// Whether an image is one of the atlases.
    pub(super) fn owns(&self, image: AssetId<Image>) -> bool {
        self.list.values().any(|population| population.atlas.as_ref().is_some_and(|atlas| atlas.image.id() == image))
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
        if !self.is_on_cpu(place) {
            self.occupant_mut(place)?.wanted.add(wanted);
            return None;
        }
        self.peek(place, wanted).map(|(asked, tick, state)| (asked, tick, state.clone()))
    }

    pub(super) fn is_on_cpu(&self, place: Place) -> bool {
        self.get(place.population).is_some_and(|population| matches!(population.engine, Engine::Cpu(_)))
    }

    /// The cells as they are on the CPU, and what they are for.
    pub(super) fn peek(&self, place: Place, wanted: Wanted) -> Option<(Asked, u32, &State)> {
        let population = self.get(place.population)?;
        let Engine::Cpu(cells) = &population.engine else { return None };
        let life = &population.occupants.get(place.slot as usize)?.as_ref()?.life;
        Some((Asked::new(wanted, life, &population.model), life.tick, cells.state(place.slot)?))
    }

    /// The sprite in a place, how many cells a grown one has, and how many it can have: those that are no dead ground.
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
    pub(super) fn send(&mut self, gpu: &mut gpu::GpuPopulations, uploads: &mut AtlasUploads) {
        gpu.retain(|id| self.list.contains_key(&id));
        uploads.retain(|image| self.owns(image));
        for (id, population) in &mut self.list {
            population.send(*id, gpu);
            population.send_patches(uploads);
        }
    }
}

/// Width and height of a texture's grid.
fn grid(texture: &NcaTexture, model: &Model) -> [u32; 2] {
    texture.grid.map_or(model.rule().grid, |grid| grid.to_array())
}
