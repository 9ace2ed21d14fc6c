//! A population: the sprites of one model on one grid size, stepped and drawn together.

use std::sync::Arc;

use bevy::{asset::AssetId, prelude::*};

use super::{
    NcaModel, NcaPrecision, NcaTexture,
    atlas::{Atlas, most_slots},
    canvas::Picture,
    cpu_cells::CpuCells,
    gpu_feed::GpuFeed,
    occupant::{Life, Occupant, Start},
    roster::{Roster, occupants_of},
    texture::Wanted,
    upload::AtlasUploads,
};
use crate::{
    gpu::{self, CensusRead, Limits, PopulationSpec},
    rule::{Census, Count, Model, Reference, Rule, printable},
};

/// Slots that a population starts with; it doubles from there.
const FIRST_SLOTS: u32 = 4;
/// So many are not worth giving back.
const KEPT_SLOTS: u32 = 64;

/// The engine that new populations run on.
#[derive(Clone, Copy, Debug)]
pub(super) enum EngineChoice {
    Gpu {
        limits: Limits,
        precision: NcaPrecision,
    },
    Cpu {
        /// The widest and highest picture.
        texture_side: u32,
        /// There is a renderer to show it.
        is_rendered: bool,
    },
}

impl EngineChoice {
    fn texture_side(self) -> u32 {
        match self {
            Self::Gpu { limits, .. } => limits.texture_side,
            Self::Cpu { texture_side, .. } => texture_side,
        }
    }

    /// The most sprites of a population.
    fn most_sprites(self, rule: &Rule, grid: [u32; 2], has_picture: bool) -> u32 {
        let by_cells = match self {
            Self::Gpu { limits, precision } => limits.most_sprites(rule, grid, precision),
            Self::Cpu { .. } => u32::MAX,
        };
        let by_picture = if has_picture { most_slots(grid, self.texture_side()) } else { u32::MAX };
        by_cells.min(by_picture)
    }

    fn engine(self, model: &Model, grid: [u32; 2]) -> Engine {
        match self {
            Self::Cpu { is_rendered, .. } => Engine::Cpu(Box::new(CpuCells::new(model, grid, is_rendered))),
            Self::Gpu { limits, .. } => Engine::Gpu(GpuFeed::new(limits, grid)),
        }
    }
}

/// The sprites of one model on one grid size.
pub(super) struct Population {
    pub(super) model_id: AssetId<NcaModel>,
    pub(super) model: Arc<Model>,
    pub(super) reference: Arc<Reference>,
    pub(super) grid: [u32; 2],
    /// Whether the picture is sampled linearly.
    pub(super) smooth: bool,
    /// `None` in an app without images.
    pub(super) atlas: Option<Atlas>,
    choice: EngineChoice,
    most_slots: u32,
    capacity: u32,
    pub(super) occupants: Vec<Option<Occupant>>,
    /// The slots of those that are awake, or of whom something is wanted.
    pub(super) awake: Roster,
    pub(super) free: Vec<u32>,
    pub(super) engine: Engine,
    /// What the cells amount to that sprites were given.
    pub(super) started: Vec<CensusRead>,
}

pub(super) enum Engine {
    Cpu(Box<CpuCells>),
    Gpu(GpuFeed),
}

impl Population {
    /// Whether a texture wants the pixels of the grown sprite, and there are some.
    pub(super) fn shows_crisp(&self, texture: &NcaTexture) -> bool {
        if texture.crisp && !self.reference.is_authored() {
            warn_once!(
                "a sprite is not shown crisp: its model (`{}`) has no picture as its target, as models made by \
                 `nca train` have",
                printable(&self.model.rule().name)
            );
        }
        texture.crisp && self.reference.is_authored()
    }

    pub(super) fn new(
        choice: EngineChoice,
        texture: &NcaTexture,
        model: &NcaModel,
        grid: [u32; 2],
        reference: Arc<Reference>,
        images: Option<&mut Assets<Image>>,
    ) -> Option<Self> {
        let (model_id, model) = (texture.model.id(), model.0.clone());
        let most_slots = choice.most_sprites(model.rule(), grid, images.is_some());
        if most_slots == 0 {
            error_once!("a sprite of {grid:?} cells and {} channels does not fit this GPU", model.rule().channels);
            return None;
        }
        let capacity = FIRST_SLOTS.min(most_slots);
        let on_gpu = matches!(choice, EngineChoice::Gpu { .. });
        Some(Self {
            atlas: images
                .map(|images| Atlas::new(images, grid, texture.smooth, capacity, choice.texture_side(), on_gpu)),
            engine: choice.engine(&model, grid),
            reference,
            model_id,
            model,
            smooth: texture.smooth,
            grid,
            choice,
            most_slots,
            capacity,
            occupants: Vec::new(),
            awake: Roster::default(),
            free: Vec::new(),
            started: Vec::new(),
        })
    }

    /// Whether the asset of its model is by now another one.
    pub(super) fn outdated(&self, model_id: AssetId<NcaModel>, model: &NcaModel) -> bool {
        self.model_id == model_id && !Arc::ptr_eq(&self.model, &model.0)
    }

    /// Whether cells of its model can go on by another one.
    pub(super) fn fits(&self, model: &Model) -> bool {
        let (own, other) = (self.model.rule(), model.rule());
        (own.channels, own.grid, own.alive) == (other.channels, other.grid, other.alive)
    }

    /// The device that held its cells was lost, and another engine takes over: its sprites grow anew, those that were
    /// yet to be told of cells from those. Tells what is wanted of whom, and who has to go for want of room.
    pub(super) fn restart_on(&mut self, choice: EngineChoice, mut tell: impl FnMut(Entity, Wanted, bool)) {
        if matches!(self.engine, Engine::Cpu(_)) {
            return;
        }
        self.choice = choice;
        self.engine = choice.engine(&self.model, self.grid);
        self.most_slots = choice.most_sprites(self.model.rule(), self.grid, self.atlas.is_some());
        self.capacity = self.capacity.min(self.most_slots);
        for (slot, occupant) in (0..).zip(&mut self.occupants) {
            if let Some(occupant) = occupant {
                tell(occupant.entity, std::mem::take(&mut occupant.wanted), slot >= self.most_slots);
            }
        }
        if let Some(atlas) = &mut self.atlas {
            atlas.outgrow();
        }
        self.occupants.truncate(self.most_slots as usize);
        self.free.retain(|slot| *slot < self.most_slots);
        self.awake = Roster::default();
        self.wake_all(Occupant::begin_anew);
        if let Engine::Cpu(cells) = &mut self.engine {
            for (slot, occupant) in (0..).zip(&mut self.occupants) {
                if let Some(start) = occupant.as_mut().and_then(|occupant| occupant.start.take()) {
                    cells.put(slot, start);
                }
            }
        }
    }

    /// Its cells go on by another model, which they fit.
    pub(super) fn adopt(&mut self, model: &NcaModel) {
        self.model = model.0.clone();
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.adopt(&self.model, self.grid);
        }
        self.wake_all(Occupant::adopt);
    }

    /// By now it is known what a grown sprite of its model looks like.
    pub(super) fn refer_to(&mut self, reference: Arc<Reference>) {
        let (was_known, same_shape) = (self.reference.is_known(), *self.reference == *reference);
        let is_authored = reference.is_authored();
        self.reference = reference;
        self.wake_all(|occupant| occupant.refer_to(same_shape || !was_known, is_authored));
        // By what was not known, nobody has been judged yet. Those who sleep go on sleeping.
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.count_anew();
            return;
        }
        for occupant in self.occupants.iter_mut().flatten() {
            let Some((tick, living)) = occupant.unjudged.take() else { continue };
            let (entity, life, rotation) = (occupant.entity, occupant.number, occupant.look().rotation);
            if tick == occupant.life.tick {
                let census = Census::take(living.iter(), living.width(), &self.reference, rotation);
                let count = Count { census, tissue: None };
                self.started.push(CensusRead { entity, population: 0, life, tick, is_judged: true, count });
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || (self.occupants.len() as u32) < self.most_slots
    }

    /// Where a slot is painted.
    pub(super) fn picture(&self, slot: u32) -> Option<Picture<'_>> {
        let atlas = self.atlas.as_ref()?;
        Some(Picture { image: &atlas.image, rect: atlas.rect(slot), size: atlas.size.as_vec2() })
    }

    /// Whoever is reached for may be awake from then on.
    pub(super) fn occupant_mut(&mut self, slot: u32) -> Option<&mut Occupant> {
        let occupant = self.occupants.get_mut(slot as usize)?.as_mut()?;
        self.awake.insert(slot);
        Some(occupant)
    }

    /// Those that are awake, or of whom something is wanted.
    pub(super) fn awake_mut(&mut self) -> impl Iterator<Item = &mut Occupant> {
        occupants_of(&mut self.occupants, self.awake.in_order()).map(|(_, occupant)| occupant)
    }

    pub(super) fn enter(&mut self, entity: Entity, texture: &NcaTexture) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.occupants.push(None);
            self.occupants.len() as u32 - 1
        });
        if slot >= self.capacity {
            self.capacity = self.capacity.saturating_mul(2).min(self.most_slots);
        }
        self.occupants[slot as usize] = Some(Occupant::new(entity, texture, self.shows_crisp(texture)));
        self.awake.insert(slot);
        self.start(slot, Start::Seed);
        slot
    }

    /// Gives a slot's sprite new cells: the CPU at once, the GPU as soon as it is ready.
    pub(super) fn start(&mut self, slot: u32, start: Start) {
        // Whoever sleeps or waits shall know how it is, too.
        if let (Start::Cells(state), Some(Some(occupant))) = (&start, self.occupants.get_mut(slot as usize)) {
            let (rotation, is_judged) = (occupant.look().rotation, self.reference.is_known());
            // The CPU counts everyone anew, once it is known what a grown sprite looks like.
            let is_kept = !is_judged && matches!(self.engine, Engine::Gpu(_));
            let wants_mask = occupant.tissue || is_kept;
            let mut count = Count::take(self.model.rule(), state, |_| false, &self.reference, rotation, wants_mask);
            let Occupant { entity, number: life, life: Life { tick, .. }, .. } = *occupant;
            occupant.unjudged = count.tissue.take_if(|_| is_kept).map(|living| (tick, living));
            if let Some((_, living)) = occupant.unjudged.as_ref().filter(|_| occupant.tissue) {
                count.tissue = Some(living.clone());
            }
            self.started.push(CensusRead { entity, population: 0, life, tick, is_judged, count });
        }
        match &mut self.engine {
            Engine::Cpu(cells) => cells.put(slot, start),
            Engine::Gpu(_) => {
                if let Some(occupant) = self.occupant_mut(slot) {
                    occupant.start = Some(start);
                }
            }
        }
    }

    /// Lays the atlas out anew if it has become too small or too large, and every sprite is painted again: on the GPU,
    /// the engine sees to that itself when it meets the new texture. True if so.
    pub(super) fn lay_out(&mut self, images: Option<&mut Assets<Image>>) -> bool {
        let on_gpu = matches!(self.engine, Engine::Gpu(_));
        let (Some(atlas), Some(images)) = (&mut self.atlas, images) else { return false };
        if atlas.slots == self.capacity || self.capacity == 0 {
            return false;
        }
        atlas.resize(images, self.capacity, self.choice.texture_side(), on_gpu);
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.begin_blank();
            self.wake_all(|occupant| occupant.stale = true);
        }
        true
    }

    /// Something is to be done for everyone.
    fn wake_all(&mut self, mut each: impl FnMut(&mut Occupant)) {
        for (slot, occupant) in (0..).zip(&mut self.occupants) {
            if let Some(occupant) = occupant {
                each(occupant);
                self.awake.insert(slot);
            }
        }
    }

    /// When three quarters of the slots are empty, everyone moves together, and half of them or more are given
    /// back. True if so; then the new slots are told, and the atlas is to be laid out anew.
    pub(super) fn give_back(&mut self, mut tell: impl FnMut(Entity, u32)) -> bool {
        let living = self.occupants.len() - self.free.len();
        if self.capacity <= KEPT_SLOTS || living as u32 > self.capacity / 4 {
            return false;
        }
        let stay = |(slot, occupant): (usize, &Option<Occupant>)| occupant.as_ref().map(|_| slot as u32);
        let moves: Arc<[u32]> = self.occupants.iter().enumerate().filter_map(stay).collect();
        self.occupants.retain(Option::is_some);
        self.occupants.shrink_to(self.capacity as usize / 2);
        self.free = Vec::new();
        self.awake = self.awake.renumbered(&moves);
        self.capacity = (living as u32 * 2).next_power_of_two().max(KEPT_SLOTS / 2).min(self.capacity / 2);
        for (slot, occupant) in (0..).zip(self.occupants.iter().flatten()) {
            tell(occupant.entity, slot);
        }
        match &mut self.engine {
            Engine::Cpu(cells) => cells.renumber(&moves),
            Engine::Gpu(feed) => feed.renumber(&moves, &mut self.occupants),
        }
        true
    }

    pub(super) fn leave(&mut self, slot: u32) -> Wanted {
        let occupant = self.occupants.get_mut(slot as usize).and_then(Option::take);
        let Some(Occupant { wanted, .. }) = occupant else { return Wanted::NOTHING };
        self.free.push(slot);
        if let Engine::Cpu(cells) = &mut self.engine {
            cells.remove(slot);
        }
        wanted
    }

    pub(super) fn tick(&mut self, ticks: u32, sleep_after: Option<u32>) {
        // A texture never comes to rest.
        let sleep_after = sleep_after.filter(|_| self.model.rule().alive.is_some());
        let awake = self.awake.in_order();
        match &mut self.engine {
            Engine::Cpu(cells) => cells.tick(self.model.rule(), &mut self.occupants, awake, ticks, sleep_after),
            Engine::Gpu(feed) => feed.tick(&mut self.occupants, awake, ticks, sleep_after),
        }
    }

    /// Paints what the CPU has changed.
    pub(super) fn paint(&mut self, images: Option<&mut Assets<Image>>) {
        let Engine::Cpu(cells) = &mut self.engine else { return };
        if let (Some(atlas), Some(images)) = (&self.atlas, images) {
            let output = self.model.rule().output;
            cells.paint(atlas, output, &self.reference, &mut self.occupants, self.awake.in_order(), images);
        }
        self.settle();
    }

    /// At the end of a frame, those that rest are forgotten until they are reached for.
    fn settle(&mut self) {
        let occupants = &self.occupants;
        self.awake.retain(|slot| occupants.get(slot as usize).and_then(Option::as_ref).is_some_and(Occupant::is_busy));
    }

    /// Hands what the CPU has painted to the render world.
    pub(super) fn send_patches(&mut self, uploads: &mut AtlasUploads) {
        let (Engine::Cpu(cells), Some(atlas)) = (&mut self.engine, &self.atlas) else { return };
        if let Some(patches) = cells.patches.as_mut().filter(|patches| !patches.is_empty()) {
            uploads.receive(atlas.image.id(), patches);
        }
    }

    pub(super) fn send(&mut self, id: u32, gpu: &mut gpu::GpuPopulations) {
        let Engine::Gpu(feed) = &mut self.engine else { return };
        let spec = PopulationSpec {
            model: self.model.clone(),
            reference: self.reference.clone(),
            grid: self.grid,
            capacity: self.capacity,
            atlas: self.atlas.as_ref().map(|atlas| atlas.image.id()).unwrap_or_default(),
            precision: match self.choice {
                EngineChoice::Gpu { precision, .. } => precision,
                EngineChoice::Cpu { .. } => NcaPrecision::Full,
            },
            atlas_columns: self.atlas.as_ref().map_or(1, |atlas| atlas.columns),
        };
        if feed.was_lost(id, gpu) {
            let name = printable(&self.model.rule().name);
            warn!("the GPU's device was lost, and with it the cells of `{name}`: its sprites grow anew");
            self.wake_all(Occupant::begin_anew);
        }
        let Engine::Gpu(feed) = &mut self.engine else { return };
        feed.send(id, &spec, &mut self.occupants, self.awake.in_order(), gpu);
        self.settle();
    }
}
