//! All populations.

use std::{collections::BTreeMap, sync::Arc};

use bevy::{asset::AssetId, prelude::*};

use super::{
    population::{Population, Spec, Struck},
    references::{Known, References},
};
use crate::{
    rule::{CellMask, Reference, Rule, State},
    sprite::{
        backend::{BackendChoice, Frame, Status},
        components::{InstanceId, NcaModel},
        save::{NcaSnapshot, NcaSnapshotError},
        simulation::{AtlasContent, AtlasRegion, Instance, Part, ReadRequest, Settings},
    },
};

/// All populations, by number. A number is never reused.
#[derive(Resource)]
pub(crate) struct Populations {
    /// The backend of new populations.
    pub(crate) choice: BackendChoice,
    by_id: BTreeMap<u32, Population>,
    next_id: u32,
    /// The number of times that the layout of an atlas has changed.
    pub(crate) layouts: u64,
    references: References,
}

impl Default for Populations {
    fn default() -> Self {
        Self {
            choice: BackendChoice::Cpu { texture_side: 0, is_rendered: false },
            by_id: BTreeMap::new(),
            next_id: 0,
            layouts: 0,
            references: References::default(),
        }
    }
}

impl Populations {
    pub(crate) fn get(&self, id: InstanceId) -> Option<&Population> {
        self.by_id.get(&id.population)
    }

    pub(crate) fn get_mut(&mut self, id: InstanceId) -> Option<&mut Population> {
        self.by_id.get_mut(&id.population)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Population> {
        self.by_id.values_mut()
    }

    pub(crate) fn instance_mut(&mut self, id: InstanceId) -> Option<&mut Instance> {
        self.get_mut(id)?.instance_mut(id.slot)
    }

    /// Where an instance is drawn.
    pub(crate) fn region(&self, id: InstanceId) -> Option<AtlasRegion<'_>> {
        self.get(id)?.region(id.slot)
    }

    /// Whether an image is an atlas.
    pub(crate) fn owns(&self, image: AssetId<Image>) -> bool {
        self.by_id.values().any(|population| population.owns(image))
    }

    /// Adds an instance to the population of its specification, or to a new one.
    pub(crate) fn insert(
        &mut self,
        entity: Entity,
        spec: Spec,
        settings: Settings,
        model: &NcaModel,
        images: Option<&mut Assets<Image>>,
    ) -> Option<InstanceId> {
        let grid = spec.grid;
        if !Population::is_grid_valid(grid) {
            warn_once!("{entity} does not grow: expected a grid of {:?} cells on a side, found {grid:?}", Rule::SIDES);
            return None;
        }
        if let AtlasContent::Tile { image, .. } = spec.content
            && self.owns(image)
        {
            warn_once!(
                "{entity} does not grow: another texture draws the image of its NcaTiling; a copy needs its own"
            );
            return None;
        }
        let fits = |population: &Population| {
            population.matches(spec) && !population.is_outdated(spec.model_id, model) && population.has_room()
        };
        let id = match self.by_id.iter().find(|(_, population)| fits(population)) {
            Some((id, _)) => *id,
            None => {
                let id = self.next_id;
                let unknown = || Arc::new(Reference::unknown(model, grid.map(|side| side as usize)));
                let reference = self.references.get(&model.0, grid).unwrap_or_else(unknown);
                self.by_id.insert(id, Population::new(id, self.choice, spec, model, reference, images)?);
                self.next_id += 1;
                id
            }
        };
        let slot = self.by_id.get_mut(&id)?.insert(entity, settings);
        Some(InstanceId { population: id, slot })
    }

    /// The numbers of populations, and their instances that a wound strikes; see [`Population::struck`].
    pub(crate) fn struck(&mut self, ticks: u32) -> Vec<(u32, Struck)> {
        let struck = self
            .by_id
            .iter_mut()
            .flat_map(|(id, population)| population.struck(ticks).into_iter().map(|one| (*id, one)));
        struck.collect()
    }

    /// Parts of the cells of an instance become instances, for which there must be room; see [`Population::split`].
    pub(crate) fn split(&mut self, id: InstanceId, kept: &CellMask, parts: &[Part]) -> Vec<InstanceId> {
        let slots = self.get_mut(id).map(|population| population.split(id.slot, kept, parts)).unwrap_or_default();
        slots.into_iter().map(|slot| InstanceId { slot, ..id }).collect()
    }

    /// Removes an instance, and its population if that is empty. Returns what was requested of its cells.
    pub(crate) fn remove(&mut self, id: InstanceId) -> ReadRequest {
        let Some(population) = self.by_id.get_mut(&id.population) else { return ReadRequest::NONE };
        let request = population.remove(id.slot);
        if population.is_empty() {
            self.by_id.remove(&id.population);
        }
        request
    }

    /// Follows the settings of a texture. False if the instance does not belong to this specification.
    pub(crate) fn follow(&mut self, id: InstanceId, spec: Spec, settings: Settings) -> bool {
        let Some(population) = self.get_mut(id).filter(|population| population.matches(spec)) else { return false };
        population.follow(id.slot, settings);
        true
    }

    /// Replaces the cells of an instance, which are then `tick` ticks old. False if they do not fit.
    pub(crate) fn write_cells(&mut self, id: InstanceId, tick: u32, state: State) -> bool {
        self.get_mut(id).is_some_and(|population| population.write_cells(id.slot, tick, state))
    }

    /// Restores an instance from a snapshot.
    pub(crate) fn restore(&mut self, id: InstanceId, snapshot: NcaSnapshot) -> Result<(), NcaSnapshotError> {
        let Some(population) = self.get_mut(id) else { return Ok(()) };
        let (saved, cells) = snapshot.into_parts(population.model(), population.grid())?;
        population.restore(id.slot, saved.into(), cells);
        Ok(())
    }

    /// The asset of a model has been replaced: populations whose cells fit continue with it.
    pub(crate) fn replace_model(&mut self, model_id: AssetId<NcaModel>, model: &NcaModel) {
        for population in self.by_id.values_mut() {
            if population.is_outdated(model_id, model) && population.fits(model) {
                population.replace_model(model);
                if let Some(reference) = self.references.get(&model.0, population.grid()) {
                    population.replace_reference(reference);
                }
            }
        }
    }

    /// Whether a population still uses the previous asset of a model.
    pub(crate) fn any_outdated(&self, model_id: AssetId<NcaModel>, model: &NcaModel) -> bool {
        self.by_id.values().any(|population| population.is_outdated(model_id, model))
    }

    /// Takes references that have become known.
    pub(crate) fn update_references(&mut self) {
        for Known { model, grid, reference } in self.references.take_new() {
            for population in self.by_id.values_mut() {
                if Arc::ptr_eq(population.model(), model) && population.grid() == *grid {
                    population.replace_reference(reference.clone());
                }
            }
        }
    }

    /// Replaces the backends whose device was lost; see [`Population::replace_backend`].
    pub(crate) fn replace_backends(&mut self, mut report: impl FnMut(Entity, ReadRequest, bool)) {
        let choice = self.choice;
        self.by_id.values_mut().for_each(|population| population.replace_backend(choice, &mut report));
        self.by_id.retain(|_, population| !population.is_empty());
    }

    /// Gives new layouts to the atlases of populations whose capacity has changed.
    pub(crate) fn update_layouts(&mut self, mut images: Option<&mut Assets<Image>>) {
        for population in self.by_id.values_mut() {
            self.layouts += u64::from(population.update_layout(images.as_deref_mut()));
        }
    }

    /// Shrinks populations that are mostly empty, and reports the new slots.
    pub(crate) fn shrink(&mut self, images: Option<&mut Assets<Image>>, mut report: impl FnMut(Entity, InstanceId)) {
        let mut any = false;
        for (&id, population) in &mut self.by_id {
            any |= population.shrink(|entity, slot| report(entity, InstanceId { population: id, slot }));
        }
        if any {
            self.update_layouts(images);
        }
    }

    /// Whether every population can tick and knows its grown shape.
    pub(crate) fn all_ready(&self) -> bool {
        self.references.are_known() && self.by_id.values().all(|population| population.status() != Status::Preparing)
    }

    /// Whether an instance waits for the clock, and whether other work is pending.
    pub(crate) fn is_busy(&mut self) -> (bool, bool) {
        let mut busy = (false, !self.references.are_known());
        for population in self.by_id.values_mut() {
            let (ticks, works) = population.is_busy();
            busy = (busy.0 | ticks, busy.1 | works);
        }
        busy
    }

    /// Hands the work of a frame to the render world.
    pub(crate) fn send(&mut self, frame: &mut Frame) {
        let Self { by_id, .. } = self;
        frame.gpu.retain(|id| by_id.contains_key(&id));
        frame.uploads.retain(|image| by_id.values().any(|population| population.owns(image)));
        by_id.values_mut().for_each(|population| population.send(frame));
    }
}
