//! A population: the instances of one model, grid size and content of the atlas.

use std::sync::Arc;

use bevy::{asset::AssetId, platform::collections::HashMap, prelude::*};

use crate::{
    rule::{CellMask, CellStats, Model, Output, Pose, Reference, Rule, State, printable},
    sprite::{
        backend::{Backend, BackendChoice, Frame, Members, NewCells, Status},
        components::NcaModel,
        simulation::{
            ActiveSet, Atlas, AtlasContent, AtlasRegion, Instance, InstanceState, InstanceStats, KnownLife, Part,
            PendingRead, ReadRequest, Settings, Strike, instances_at,
        },
    },
};

/// A population starts with this many slots, and doubles from there.
const FIRST_SLOTS: u32 = 4;

/// The common properties of the instances of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spec {
    pub(crate) model_id: AssetId<NcaModel>,
    /// Width and height in cells.
    pub(crate) grid: [u32; 2],
    pub(crate) content: AtlasContent,
}

/// The instances of one model, grid size and content of the atlas.
pub(crate) struct Population {
    pub(super) id: u32,
    pub(super) model_id: AssetId<NcaModel>,
    pub(super) model: Arc<Model>,
    pub(super) reference: Arc<Reference>,
    /// Width and height in cells.
    pub(super) grid: [u32; 2],
    /// What the atlas contains.
    pub(super) content: AtlasContent,
    /// `None` in an app without images.
    pub(super) atlas: Option<Atlas>,
    pub(super) choice: BackendChoice,
    pub(super) backend: Box<dyn Backend>,
    pub(super) max_slots: u32,
    /// Slots with memory.
    pub(super) capacity: u32,
    /// By slot.
    pub(super) instances: Vec<Option<Instance>>,
    /// Slots that need work this frame.
    pub(super) active: ActiveSet,
    pub(super) free: Vec<u32>,
    /// Statistics of given cells that have not been reported.
    pub(super) given: Vec<InstanceStats>,
    /// The living cells among given ones and their age in ticks, by generation, until the reference is known.
    pub(super) unjudged: HashMap<u64, (u32, CellMask)>,
}

/// An instance that a wound strikes.
pub(crate) struct Struck {
    pub(crate) slot: u32,
    pub(crate) entity: Entity,
    pub(crate) strike: Strike,
}

/// Splits a population into its backend and the members that the backend sees.
macro_rules! parts {
    ($population:expr) => {{
        let Population { id, model, reference, grid, instances, active, backend, .. } = $population;
        (backend, Members { id: *id, model, reference, grid: *grid, instances, active: active.in_order() })
    }};
}

impl Population {
    /// `None` if not even one instance fits.
    pub(super) fn new(
        id: u32,
        choice: BackendChoice,
        spec: Spec,
        model: &NcaModel,
        reference: Arc<Reference>,
        images: Option<&mut Assets<Image>>,
    ) -> Option<Self> {
        let Spec { model_id, grid, content } = spec;
        let model = model.0.clone();
        let max_slots = choice.max_instances(model.rule(), grid, images.is_some().then_some(content));
        if max_slots == 0 {
            error_once!("a sprite of {grid:?} cells and {} channels does not fit this GPU", model.rule().channels);
            return None;
        }
        let capacity = FIRST_SLOTS.min(max_slots);
        let atlas = |images| Atlas::new(images, grid, content, capacity, choice.texture_side(), choice.writes_on_gpu());
        Some(Self {
            id,
            atlas: images.map(atlas),
            backend: choice.create(&model, grid),
            reference,
            model_id,
            model,
            content,
            grid,
            choice,
            max_slots,
            capacity,
            instances: Vec::new(),
            active: ActiveSet::default(),
            free: Vec::new(),
            given: Vec::new(),
            unjudged: HashMap::default(),
        })
    }

    /// Whether instances of this specification belong here.
    pub(crate) fn matches(&self, spec: Spec) -> bool {
        (self.model_id, self.grid, self.content) == (spec.model_id, spec.grid, spec.content)
    }

    /// Whether the cells are on the GPU.
    pub(crate) fn is_on_gpu(&self) -> bool {
        self.choice.writes_on_gpu()
    }

    /// The grid in cells, width and height.
    pub(crate) fn grid(&self) -> [u32; 2] {
        self.grid
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The rectangle of the model's target in the grid, in cells.
    pub(crate) fn frame(&self) -> Rect {
        let frame = self.reference.frame();
        let min = Vec2::from(frame.min);
        Rect { min, max: min + Vec2::from(frame.size) }
    }

    /// The kind of tissue that skins show; see `tissue.wgsl`.
    pub(crate) fn tissue(&self) -> f32 {
        match (self.model.rule().output, self.atlas.as_ref().and_then(|atlas| atlas.grown.as_ref())) {
            (Output::Coordinates, _) => 0.0,
            (_, Some(_)) => 1.0,
            (_, None) => 2.0,
        }
    }

    /// Whether the asset of its model has been replaced.
    pub(crate) fn is_outdated(&self, model_id: AssetId<NcaModel>, model: &NcaModel) -> bool {
        self.model_id == model_id && !Arc::ptr_eq(&self.model, &model.0)
    }

    /// Whether its cells can continue with another model.
    pub(super) fn fits(&self, model: &Model) -> bool {
        let (own, other) = (self.model.rule(), model.rule());
        // The bias of a sprite's form has the width of the hidden layer.
        let forms = |rule: &Rule| (rule.forms.clone(), if rule.forms.is_empty() { 0 } else { rule.hidden });
        (own.channels, own.grid, own.alive, own.output) == (other.channels, other.grid, other.alive, other.output)
            && forms(own) == forms(other)
    }

    /// Its cells continue with another model, which they fit.
    pub(super) fn replace_model(&mut self, model: &NcaModel) {
        self.model = model.0.clone();
        self.backend.replace_model(&self.model, self.grid);
        self.activate_all(Instance::replace_model);
    }

    /// The shape of a grown instance has become known, or has changed.
    pub(super) fn replace_reference(&mut self, reference: Arc<Reference>) {
        // No instance has been judged by an unknown shape.
        let same_shape = *self.reference == *reference || !self.reference.is_known();
        self.reference = reference;
        if let Some(atlas) = &mut self.atlas {
            atlas.grown = None;
        }
        let can_be_crisp = self.reference.is_authored();
        self.activate_all(|instance| instance.replace_reference(same_shape, can_be_crisp));
        self.backend.replace_reference();
        let mut unjudged = std::mem::take(&mut self.unjudged);
        for slot in 0..self.instances.len() as u32 {
            let Some(instance) = self.instance(slot) else { continue };
            let given = unjudged.remove(&instance.generation).filter(|(tick, _)| *tick == instance.state.tick);
            if let Some((_, alive)) = given {
                self.report_given(slot, alive);
            }
        }
    }

    /// Whether the target can be shown where the cells match it. Warns if a texture asks for a target that the model
    /// does not have.
    fn can_be_crisp(&self, settings: Settings) -> bool {
        let has_target = self.reference.is_authored();
        if settings.crisp && !has_target {
            warn_once!(
                "a sprite is not shown crisp: its model (`{}`) has no picture as its target, as models made by \
                 `nca train` have",
                printable(&self.model.rule().name)
            );
        }
        has_target
    }

    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || (self.instances.len() as u32) < self.max_slots
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.instances.len()
    }

    /// The number of instances.
    pub(crate) fn len(&self) -> usize {
        self.instances.len() - self.free.len()
    }

    /// The memory of cells and pictures in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let atlas = self
            .atlas
            .as_ref()
            .map_or(0, |atlas| u64::from(atlas.size.x) * u64::from(atlas.size.y) * atlas.content.pixel_bytes() as u64);
        self.backend.memory_bytes(&self.model, self.grid, self.capacity) + atlas
    }

    /// Adds an instance, and returns its slot.
    pub(super) fn insert(&mut self, entity: Entity, settings: Settings) -> u32 {
        let slot = self.occupy(Instance::new(entity, settings, self.can_be_crisp(settings)));
        self.give_cells(slot, NewCells::Seed);
        slot
    }

    /// Adds an instance without cells, and returns its slot.
    fn occupy(&mut self, instance: Instance) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.instances.push(None);
            self.instances.len() as u32 - 1
        });
        if slot >= self.capacity {
            self.capacity = self.capacity.saturating_mul(2).min(self.max_slots);
        }
        self.instances[slot as usize] = Some(instance);
        self.active.insert(slot);
        slot
    }

    /// The number of instances for which there is room.
    pub(crate) fn room(&self) -> usize {
        (self.max_slots as usize).saturating_sub(self.len())
    }

    /// The instances whose life is followed and that a wound strikes within some ticks of the clock. Call it once before
    /// these ticks.
    pub(crate) fn struck(&mut self, ticks: u32) -> Vec<Struck> {
        let Self { instances, active, backend, model, .. } = self;
        let struck = instances_at(instances, active.in_order()).filter_map(|(slot, instance)| {
            if !backend.holds(slot) {
                instance.miss(ticks);
                return None;
            }
            let exact = || backend.state(slot).map(|state| model.rule().alive_mask(state));
            let strike = instance.struck(ticks, exact)?;
            Some(Struck { slot, entity: instance.entity, strike })
        });
        struck.collect()
    }

    /// Parts of the cells of an instance become instances, for which there must be room. Only the cells of `kept` stay.
    /// Returns the slots of the parts.
    pub(crate) fn split(&mut self, slot: u32, kept: &CellMask, parts: &[Part]) -> Vec<u32> {
        let Some(instance) = self.instance_mut(slot) else { return Vec::new() };
        let new: Vec<Instance> = parts.iter().map(|part| instance.part(part)).collect();
        instance.keep(kept);
        let slots: Vec<u32> = new.into_iter().map(|instance| self.occupy(instance)).collect();
        let cells: Vec<_> = slots.iter().copied().zip(parts.iter().map(|part| &part.cells)).collect();
        self.backend.split(slot, kept, &cells);
        // The GPU counts what ticks.
        let is_on_gpu = self.is_on_gpu();
        for (slot, _) in slots.iter().zip(parts).filter(|(_, part)| part.rests && is_on_gpu) {
            let life = self.instance(*slot).and_then(|instance| instance.life.as_ref());
            if let Some(alive) = life.and_then(KnownLife::living) {
                self.report_given(*slot, alive);
            }
        }
        slots
    }

    /// Removes an instance, and returns what was requested of its cells.
    pub(super) fn remove(&mut self, slot: u32) -> ReadRequest {
        if self.instances.get_mut(slot as usize).and_then(Option::take).is_none() {
            return ReadRequest::NONE;
        }
        self.free.push(slot);
        self.backend.remove(slot).reads
    }

    /// Gives an instance new cells, and reports their statistics even if it does not tick.
    pub(super) fn give_cells(&mut self, slot: u32, cells: NewCells) {
        self.active.insert(slot);
        if let NewCells::State(state) = &cells {
            self.report_given(slot, self.model.rule().alive_mask(state));
        }
        self.backend.insert(slot, cells);
    }

    /// Reports the statistics of given cells. They are reported again once there is a reference to judge them by.
    fn report_given(&mut self, slot: u32, alive: CellMask) {
        let Some(instance) = self.instance(slot) else { return };
        let (display, generation, tick) = (instance.display(), instance.generation, instance.state.tick);
        let size = [alive.width(), alive.height()];
        let stats = CellStats::of(alive.iter(), |_| true, size, &self.reference, display.pose);
        let mask = display.alive_mask.then(|| alive.clone());
        let is_judged = self.reference.is_known();
        self.given.push(InstanceStats::new(instance, self.id, is_judged, stats, mask));
        if !is_judged {
            self.unjudged.insert(generation, (tick, alive));
        }
    }

    /// Where an instance is drawn.
    pub(crate) fn region(&self, slot: u32) -> Option<AtlasRegion<'_>> {
        Some(self.atlas.as_ref()?.region(slot))
    }

    /// Whether an image is the atlas.
    pub(super) fn owns(&self, image: AssetId<Image>) -> bool {
        self.atlas.as_ref().is_some_and(|atlas| atlas.image.id() == image)
    }

    pub(crate) fn instance(&self, slot: u32) -> Option<&Instance> {
        self.instances.get(slot as usize)?.as_ref()
    }

    /// Returns an instance, and makes it active, because a change may wake it.
    pub(crate) fn instance_mut(&mut self, slot: u32) -> Option<&mut Instance> {
        let instance = self.instances.get_mut(slot as usize)?.as_mut()?;
        self.active.insert(slot);
        Some(instance)
    }

    pub(crate) fn active_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        instances_at(&mut self.instances, self.active.in_order()).map(|(_, instance)| instance)
    }

    /// Applies a function to all instances. They are active from then on.
    pub(super) fn activate_all(&mut self, mut each: impl FnMut(&mut Instance)) {
        for (slot, instance) in (0..).zip(&mut self.instances) {
            if let Some(instance) = instance {
                each(instance);
                self.active.insert(slot);
            }
        }
    }

    /// Follows the settings of a texture.
    pub(super) fn follow(&mut self, slot: u32, settings: Settings) {
        let can_be_crisp = self.can_be_crisp(settings);
        if let Some(instance) = self.instance_mut(slot) {
            instance.follow(settings, can_be_crisp);
        }
    }

    /// Replaces the cells of an instance, which are then `tick` ticks old. False if they do not fit.
    pub(super) fn write_cells(&mut self, slot: u32, tick: u32, mut state: State) -> bool {
        let (grid, channels) = (self.grid.map(|side| side as usize), self.model.rule().channels);
        if ([state.width(), state.height()], state.channels()) != (grid, channels) {
            return false;
        }
        if let Some(instance) = self.instance_mut(slot) {
            instance.restart(tick);
            if let Some(dead) = instance.state.dead_ground() {
                state.wound(dead);
            }
            self.give_cells(slot, NewCells::State(state));
        }
        true
    }

    /// Lets an instance continue with another state and other cells, which must fit.
    pub(super) fn restore(&mut self, slot: u32, instance_state: InstanceState, cells: State) {
        if let Some(instance) = self.instance_mut(slot) {
            instance.restore(instance_state);
            self.give_cells(slot, NewCells::State(cells));
        }
    }

    /// Kills every cell of an instance at its next tick.
    pub(crate) fn kill(&mut self, slot: u32) {
        let [width, height] = self.grid.map(|side| side as usize);
        if let Some(instance) = self.instance_mut(slot) {
            instance.state.wound(CellMask::full(width, height), false);
        }
    }

    /// A grown instance.
    pub(crate) fn reference(&self) -> &Arc<Reference> {
        &self.reference
    }

    /// The number of cells of a grown instance in a form, and the number of those that are not dead ground in this instance.
    pub(crate) fn grown_cells(&self, slot: u32, form: usize) -> (u32, u32) {
        let upright = Pose { form, ..Pose::UPRIGHT };
        let pose = self.instance(slot).map_or(upright, |instance| instance.state.pose_in(form));
        let cells = self.reference.cells(form);
        let dead = self.instance(slot).and_then(|instance| instance.state.dead_ground());
        let dead = dead.map(|dead| self.reference.count(dead, pose));
        (cells, cells - dead.unwrap_or_default().min(cells))
    }

    /// The cells of an instance, if they can be read immediately.
    pub(crate) fn state(&self, slot: u32) -> Option<&State> {
        self.backend.state(slot)
    }

    /// Prepares the answer to a request whose cells can be read immediately.
    pub(crate) fn begin_read(&self, slot: u32, request: ReadRequest) -> Option<PendingRead> {
        Some(PendingRead::new(request, self.instance(slot)?, &self.model))
    }

    /// Requests cells that cannot be read immediately.
    pub(crate) fn request_read(&mut self, slot: u32, request: ReadRequest) {
        self.active.insert(slot);
        self.backend.request_read(slot, request);
    }

    pub(crate) fn status(&self) -> Status {
        self.backend.status()
    }

    /// Whether an instance waits for the clock, and whether other work is pending.
    pub(super) fn is_busy(&mut self) -> (bool, bool) {
        if self.status() == Status::Failed {
            return (false, false);
        }
        let mut busy = (false, self.status() == Status::Preparing);
        for (slot, instance) in instances_at(&mut self.instances, self.active.in_order()) {
            busy = (busy.0 | instance.ticks(), busy.1 | instance.needs_redraw | self.backend.is_busy(slot));
        }
        busy
    }

    /// Runs some ticks of the clock.
    pub(crate) fn tick(&mut self, ticks: u32, sleep_after: Option<u32>) {
        // Without a life mask, a sprite never rests.
        let sleep_after = sleep_after.filter(|_| self.model.rule().alive.is_some());
        let (backend, members) = parts!(self);
        backend.tick(members, ticks, sleep_after);
    }

    /// Adds the statistics that have become known.
    pub(crate) fn count(&mut self, counted: &mut Vec<InstanceStats>) {
        counted.append(&mut self.given);
        let (backend, members) = parts!(self);
        backend.count(members, counted);
    }

    /// Draws what has changed, if the CPU draws. Call it once per frame.
    pub(crate) fn draw(&mut self, images: Option<&mut Assets<Image>>) {
        if let (Some(atlas), Some(images)) = (&mut self.atlas, images) {
            let shows_colors = self.model.rule().output == Output::PremultipliedAlpha && self.reference.is_authored();
            if atlas.content == AtlasContent::Tissue && shows_colors && atlas.grown.is_none() {
                atlas.show_grown(images, self.reference.first_pixels());
            }
            let (backend, members) = parts!(self);
            backend.draw(members, atlas, images);
        }
        if !self.is_on_gpu() {
            self.retire();
        }
    }

    /// Hands the work of a frame to the render world.
    pub(crate) fn send(&mut self, frame: &mut Frame) {
        let (atlas, capacity) = (self.atlas.as_ref(), self.capacity);
        let (backend, members) = parts!(self);
        if !backend.send(members, capacity, atlas, frame) {
            let name = printable(&self.model.rule().name);
            warn!("the GPU's device was lost, and with it the cells of `{name}`: its sprites grow again");
            for slot in 0..self.instances.len() as u32 {
                let unfinished = self.backend.remove(slot);
                self.continue_or_regrow(slot, unfinished);
            }
        }
        if self.is_on_gpu() {
            self.retire();
        }
    }

    /// At the end of a frame, drops instances at rest from the active set.
    pub(super) fn retire(&mut self) {
        let Self { instances, active, backend, .. } = self;
        active.retain(|slot| {
            let instance = instances.get(slot as usize).and_then(Option::as_ref);
            instance.is_some_and(|instance| instance.is_active() || backend.is_busy(slot))
        });
    }

    /// Whether the sides of a grid are valid.
    pub(super) fn is_grid_valid(grid: [u32; 2]) -> bool {
        grid.iter().all(|side| Rule::SIDES.contains(side))
    }
}
