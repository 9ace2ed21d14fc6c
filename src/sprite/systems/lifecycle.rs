//! The life of an instance. It is placed when its model is loaded, follows its texture, moves when a population
//! shrinks, and is removed with its texture.

use bevy::{
    asset::UntypedAssetId,
    ecs::{
        entity_disabling::Disabled,
        intern::Interned,
        query::{Allow, QueryData},
        schedule::ScheduleLabel,
        system::SystemParam,
    },
    prelude::*,
};

use super::{
    effect::apply,
    instances::{Instances, settings, spec},
    pending::{PendingChange, PendingChanges},
    read_back::{self, ReadRequests},
};
use crate::sprite::{
    components::{
        InstanceId, LoadsImages, NcaAliveMask, NcaArmor, NcaModel, NcaModelLoader, NcaRelief, NcaReliefKind, NcaSever,
        NcaShedding, NcaSkin, NcaSleeping, NcaSleepingDisabled, NcaTexture, NcaTiling, NcaVitals, Placement, SkinFit,
    },
    populations::Populations,
    sets::NcaSystems,
    spatial::ShownFrames,
};

/// Gives textures their instances.
pub(crate) struct LifecyclePlugin {
    /// The schedule in which sprites tick.
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for LifecyclePlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<NcaModel>()
            .init_asset_loader::<NcaModelLoader>()
            .register_asset_reflect::<NcaModel>()
            .register_type::<NcaTexture>()
            .register_type::<NcaAliveMask>()
            .register_type::<NcaTiling>()
            .register_type::<NcaRelief>()
            .register_type::<NcaReliefKind>()
            .init_resource::<WaitingTextures>()
            .init_resource::<PendingChanges>()
            .add_observer(on_texture_added)
            .add_observer(on_texture_removed)
            .add_observer(on_alive_mask_added)
            .add_observer(on_alive_mask_removed)
            .add_systems(PreStartup, find_textures.in_set(NcaSystems::Place))
            // A sprite that is spawned in this schedule is placed before its first tick, at any frame rate.
            .add_systems(self.schedule, place.in_set(NcaSystems::Place))
            .add_systems(PostUpdate, (update_references, reload, place, shrink).chain().in_set(NcaSystems::Place));
    }
}

/// Textures without an instance, in order of arrival.
#[derive(Resource, Default)]
pub(super) struct WaitingTextures(pub(super) Vec<Entity>);

type Loading = (&'static NcaTexture, &'static Placement, Option<(&'static NcaSkin, &'static SkinFit)>);

/// Finds textures whose model is still loading.
#[derive(SystemParam)]
pub(super) struct LoadingTextures<'w, 's> {
    textures: Query<'w, 's, Loading>,
    waiting: Res<'w, WaitingTextures>,
    assets: Res<'w, AssetServer>,
    loads_images: Option<Res<'w, LoadsImages>>,
}

impl LoadingTextures<'_, '_> {
    pub(super) fn any(&self) -> bool {
        let mut waiting = self.waiting.0.iter().filter_map(|entity| self.textures.get(*entity).ok());
        waiting.any(|(texture, placement, skin)| {
            let is_loading = |id: UntypedAssetId| self.assets.load_state(id).is_loading();
            let skin = skin.filter(|_| self.loads_images.is_some());
            let art = skin.into_iter().flat_map(|(skin, fit)| [fit.art.untyped(), skin.uv.id().untyped()]);
            placement.id.is_none() && art.chain([texture.model.id().untyped()]).any(is_loading)
        })
    }
}

/// The queues: textures that wait for models, changes that wait for instances, requests that wait for the end of the
/// frame.
#[derive(SystemParam)]
struct Queues<'w> {
    loads_images: Option<Res<'w, LoadsImages>>,
    waiting: ResMut<'w, WaitingTextures>,
    pending: ResMut<'w, PendingChanges>,
    requests: ResMut<'w, ReadRequests>,
    frames: ResMut<'w, ShownFrames>,
}

fn on_texture_added(added: On<Add, NcaTexture>, mut waiting: ResMut<WaitingTextures>) {
    waiting.0.push(added.entity);
}

/// Finds the textures that were spawned before the plugin was added.
fn find_textures(textures: Query<Entity, (With<NcaTexture>, Allow<Disabled>)>, mut waiting: ResMut<WaitingTextures>) {
    waiting.0.extend(&textures);
}

fn on_alive_mask_added(added: On<Add, NcaAliveMask>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(added.entity) {
        instance.set_alive_mask(true);
    }
}

fn on_alive_mask_removed(removed: On<Remove, NcaAliveMask>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.set_alive_mask(false);
    }
}

/// The components of an entity that describe its instance.
#[derive(QueryData)]
#[query_data(mutable)]
struct Known {
    placement: &'static mut Placement,
    vitals: Option<&'static mut NcaVitals>,
    alive_mask: Option<&'static mut NcaAliveMask>,
    is_asleep: Has<NcaSleeping>,
}

impl KnownItem<'_, '_> {
    /// Detaches the entity from its instance, wakes it, and resets its vitals and alive mask. Returns the id of the
    /// instance.
    fn forget(&mut self, entity: Entity, commands: &mut Commands) -> Option<InstanceId> {
        if self.is_asleep {
            commands.entity(entity).try_remove::<NcaSleeping>();
        }
        reset(&mut self.alive_mask);
        reset(&mut self.vitals);
        let id = self.placement.id?;
        self.placement.id = None;
        Some(id)
    }
}

fn on_texture_removed(
    removed: On<Remove, NcaTexture>,
    mut placements: Query<&mut Placement, Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut queues: Queues,
    mut commands: Commands,
) {
    let entity = removed.entity;
    queues.pending.take(entity);
    queues.requests.remove(entity);
    // Observers of the game may still read the vitals and the mask.
    commands.queue(move |world: &mut World| forget(world, entity));
    let id = placements.get_mut(entity).ok().and_then(|mut placement| placement.id.take());
    if let Some(id) = id {
        populations.bypass_change_detection().remove(id);
    }
}

/// Resets what an entity without a texture knows of its instance.
fn forget(world: &mut World, entity: Entity) {
    let Ok(mut entity) = world.get_entity_mut(entity) else { return };
    if entity.contains::<NcaTexture>() {
        return;
    }
    entity.remove::<NcaSleeping>();
    reset(&mut entity.get_mut::<NcaAliveMask>());
    reset(&mut entity.get_mut::<NcaVitals>());
}

/// Sets a component to its default, and marks it as changed only if it was different.
fn reset<C: Component + Default + PartialEq>(component: &mut Option<Mut<C>>) {
    if let Some(component) = component {
        component.set_if_neq(C::default());
    }
}

/// Takes references that have become known.
fn update_references(mut populations: ResMut<Populations>) {
    populations.bypass_change_detection().update_references();
}

/// The asset of a model has changed: sprites whose cells fit continue with it, and the others restart.
fn reload(
    mut changes: MessageReader<AssetEvent<NcaModel>>,
    models: Res<Assets<NcaModel>>,
    mut populations: ResMut<Populations>,
    mut sprites: Query<(Entity, Known), (With<NcaTexture>, Allow<Disabled>)>,
    mut queues: Queues,
    mut commands: Commands,
) {
    let populations = populations.bypass_change_detection();
    for change in changes.read() {
        // An asset that was removed and inserted again is added.
        let (AssetEvent::Modified { id } | AssetEvent::Added { id }) = change else { continue };
        let Some(model) = models.get(*id).filter(|model| populations.any_outdated(*id, model)) else { continue };
        populations.replace_model(*id, model);
        for (entity, mut known) in &mut sprites {
            let population = known.placement.id.and_then(|id| populations.get(id));
            if population.is_some_and(|population| population.is_outdated(*id, model))
                && let Some(instance) = known.forget(entity, &mut commands)
            {
                queues.requests.merge(entity, populations.remove(instance));
                queues.waiting.0.push(entity);
            }
        }
    }
}

/// A texture, and the components that its placement needs.
#[derive(QueryData)]
#[query_data(mutable)]
struct Unplaced {
    texture: &'static mut NcaTexture,
    known: Known,
    armor: Option<&'static NcaArmor>,
    fit: Option<&'static mut SkinFit>,
    never_sleeps: Has<NcaSleepingDisabled>,
    severs: Has<NcaSever>,
    sheds: Has<NcaShedding>,
    is_disabled: Has<Disabled>,
}

type ChangedTextures<'w, 's> = Query<'w, 's, Entity, (Changed<NcaTexture>, Allow<Disabled>)>;
type AllTextures<'w, 's> = Query<'w, 's, Unplaced, Allow<Disabled>>;

/// Places new textures, and textures whose changes require another instance.
fn place(
    mut sprites: ParamSet<(ChangedTextures, AllTextures)>,
    models: Res<Assets<NcaModel>>,
    mut images: Option<ResMut<Assets<Image>>>,
    mut populations: ResMut<Populations>,
    mut queues: Queues,
    mut commands: Commands,
) {
    let populations = populations.bypass_change_detection();
    let changed: Vec<Entity> = sprites.p0().iter().collect();
    let mut textures = sprites.p1();
    let mut moved = Vec::new();
    for entity in changed {
        let Ok(UnplacedItem { texture, mut known, .. }) = textures.get_mut(entity) else { continue };
        let Some(id) = known.placement.id else { continue };
        let spec = populations.get(id).map(|population| spec(&texture, &known.placement, population.model()));
        if !spec.is_some_and(|spec| populations.follow(id, spec, settings(&texture))) {
            known.forget(entity, &mut commands);
            queues.requests.merge(entity, populations.remove(id));
            moved.push(entity);
        }
    }
    let newcomers = std::mem::take(&mut queues.waiting.0);
    let all = moved.iter().chain(&newcomers).copied().enumerate();
    for (index, entity) in all {
        let has_moved = index < moved.len();
        let Ok(found) = textures.get_mut(entity) else { continue };
        let UnplacedItem { mut texture, mut known, armor, fit, never_sleeps, severs, sheds, is_disabled } = found;
        if known.placement.id.is_some() {
            continue;
        }
        let mut fit = fit.filter(|_| known.placement.is_skinned);
        // A skin lives once its art is loaded: before, nothing can hit it.
        if queues.loads_images.is_some() && fit.as_ref().is_some_and(|fit| !fit.is_known()) {
            queues.waiting.0.push(entity);
            continue;
        }
        // A copy of an entity, or one from a scene, has the vitals of the original. It restarts, awake.
        let is_copy = known.vitals.as_ref().is_some_and(|vitals| **vitals != NcaVitals::default());
        if is_copy {
            known.forget(entity, &mut commands);
        }
        let mut images = images.as_mut().map(|images| images.bypass_change_detection());
        let id = models.get(&texture.model).and_then(|model| {
            let spec = spec(&texture, &known.placement, model);
            populations.insert(entity, spec, settings(&texture), model, images.as_deref_mut())
        });
        let Some(id) = id else {
            queues.waiting.0.push(entity);
            continue;
        };
        known.placement.id = Some(id);
        if let Some(instance) = populations.instance_mut(id) {
            instance.set_disabled(is_disabled);
            instance.set_sleeping_disabled(never_sleeps);
            instance.follow_life(severs || sheds);
            instance.set_alive_mask(known.alive_mask.is_some());
            instance.set_asleep(known.is_asleep && !is_copy && !has_moved);
        }
        if let (Some(fit), Some(population)) = (&mut fit, populations.get(id)) {
            fit.frame = population.frame();
        }
        for change in queues.pending.take(entity) {
            match change {
                PendingChange::Damage(mut damage) => {
                    if let Some(fit) = &fit {
                        damage.space.fit(fit);
                    }
                    apply(&damage, populations, id, armor, (&mut *queues.frames, images.as_deref()));
                }
                PendingChange::Cells(tick, state) => read_back::write(populations, id, entity, tick, state),
                PendingChange::Snapshot(snapshot) => {
                    read_back::restore_or_refuse(populations, id, entity, &mut texture, *snapshot, &mut commands);
                }
            }
        }
    }
    populations.update_layouts(images.as_mut().map(|images| images.bypass_change_detection()));
}

/// Shrinks populations that are mostly empty.
fn shrink(
    mut populations: ResMut<Populations>,
    mut placements: Query<&mut Placement, Allow<Disabled>>,
    mut images: Option<ResMut<Assets<Image>>>,
) {
    let images = images.as_mut().map(|images| images.bypass_change_detection());
    populations.bypass_change_detection().shrink(images, |entity, id| {
        if let Ok(mut placement) = placements.get_mut(entity) {
            placement.id = Some(id);
        }
    });
}
