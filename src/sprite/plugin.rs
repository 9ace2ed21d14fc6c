//! The plugin: which systems run when.

use bevy::{
    asset::{AssetEventSystems, AssetServer},
    ecs::{intern::Interned, schedule::ScheduleLabel},
    image::TRANSPARENT_IMAGE_HANDLE,
    prelude::*,
    render::{ExtractSchedule, RenderApp},
};

use super::{
    NcaBackend, NcaClock, NcaModel, NcaModelLoader, NcaSpace, NcaTexture, backend, cells,
    cells::CellsInbox,
    damage::{self, Placement},
    population::Populations,
    render,
    texture::NcaSlot,
};
use crate::gpu;

/// Grows and heals every [`NcaTexture`].
///
/// Add it after `DefaultPlugins`. It needs Bevy's `AssetPlugin`; without a renderer, or with one
/// that has no compute shaders, the cells are simulated on the CPU.
///
/// ```no_run
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// App::new().add_plugins((DefaultPlugins, NcaPlugin { backend: NcaBackend::Cpu, ..default() })).run();
/// ```
#[derive(Clone, Debug)]
pub struct NcaPlugin {
    /// Which engine to use; default [`NcaBackend::Auto`].
    pub backend: NcaBackend,
    /// The schedule that counts ticks; default [`FixedPostUpdate`], which makes the cells
    /// independent of the frame rate. The clock advances by that schedule's [`Time`].
    pub schedule: Interned<dyn ScheduleLabel>,
}

impl Default for NcaPlugin {
    fn default() -> Self {
        Self { backend: NcaBackend::Auto, schedule: FixedPostUpdate.intern() }
    }
}

impl NcaPlugin {
    /// Ticks are counted in another schedule than [`FixedPostUpdate`].
    pub fn in_schedule(schedule: impl ScheduleLabel) -> Self {
        Self { schedule: schedule.intern(), ..default() }
    }
}

/// When the plugin does what, in the main world.
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub enum NcaSystems {
    /// In the plugin's schedule: the clock advances, and sprites tick.
    Tick,
    /// In [`PostUpdate`]: textures whose model is loaded get their cells, and sprites their picture.
    Assign,
    /// In [`PostUpdate`], after [`NcaSystems::Assign`]: requests go out; the CPU paints.
    Finish,
}

impl Plugin for NcaPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<NcaModel>()
            .init_asset_loader::<NcaModelLoader>()
            .register_type::<NcaTexture>()
            .register_type::<NcaClock>()
            .register_type::<NcaBackend>()
            .register_type::<NcaSpace>()
            .insert_resource(self.backend)
            .init_resource::<NcaClock>()
            .init_resource::<Populations>()
            .init_resource::<CellsInbox>()
            .add_observer(damage::on_damage)
            .add_observer(cells::on_read_cells)
            .add_observer(cells::on_write_cells)
            // New and changed images are to reach the renderer in the same frame.
            .configure_sets(PostUpdate, (NcaSystems::Assign, NcaSystems::Finish).chain().before(AssetEventSystems))
            .add_systems(PreStartup, backend::choose)
            .add_systems(First, (NcaClock::begin_frame, cells::deliver))
            .add_systems(self.schedule, tick.in_set(NcaSystems::Tick))
            .add_systems(PostUpdate, (reload, assign).chain().in_set(NcaSystems::Assign))
            .add_systems(PostUpdate, (cells::request, paint).in_set(NcaSystems::Finish));
    }

    fn finish(&self, app: &mut App) {
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        gpu::add_shaders(app);
        let assets = app.world().resource::<AssetServer>().clone();
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            gpu::add_systems(render_app, &assets);
            render_app.add_systems(ExtractSchedule, render::extract);
        }
    }
}

fn tick(time: Res<Time>, mut clock: ResMut<NcaClock>, mut populations: ResMut<Populations>) {
    let ticks = clock.bypass_change_detection().advance(time.delta_secs_f64());
    populations.bypass_change_detection().tick(ticks);
}

/// Sprites of a model that was loaded again leave their cells.
fn reload(
    mut changes: MessageReader<AssetEvent<NcaModel>>,
    mut populations: ResMut<Populations>,
    mut slots: Query<&mut NcaSlot>,
) {
    for change in changes.read() {
        let AssetEvent::Modified { id } = change else { continue };
        for mut slot in &mut slots {
            let Some(place) = slot.place else { continue };
            if populations.get(place.population).is_some_and(|population| population.model_id == *id) {
                slot.place = None;
                populations.leave(place);
            }
        }
    }
}

/// Gives textures their cells, follows what was changed, and tells sprites where their picture is.
fn assign(
    mut textures: Query<(Entity, Ref<NcaTexture>, &mut NcaSlot, Option<&mut Sprite>)>,
    models: Res<Assets<NcaModel>>,
    mut images: Option<ResMut<Assets<Image>>>,
    mut populations: ResMut<Populations>,
    placement: Placement,
) {
    let populations = populations.bypass_change_detection();
    let mut grown = Vec::new();
    for (entity, texture, mut slot, sprite) in &mut textures {
        if let Some(place) = slot.place {
            if !texture.is_changed() {
                continue;
            }
            if populations.suits(place, &texture) {
                populations.follow(place, &texture);
                continue;
            }
            slot.place = None;
            populations.leave(place);
        }
        let place = models.get(&texture.model).and_then(|model| {
            let images = images.as_deref_mut();
            populations.enter(entity, &texture, model, images)
        });
        let Some(place) = place else {
            if let Some(mut sprite) = sprite.filter(|sprite| sprite.image == Handle::default()) {
                // Rather nothing than the white pixel that a sprite without an image shows.
                sprite.image = TRANSPARENT_IMAGE_HANDLE;
            }
            continue;
        };
        slot.place = Some(place);
        if let Some((tick, state)) = slot.cells.take() {
            cells::write(populations, place, entity, tick, state);
        }
        for wound in std::mem::take(&mut slot.wounds) {
            let sprite = sprite.as_deref();
            populations.wound(place, |mask, grid| placement.hit(mask, wound, entity, sprite, grid));
        }
        if !grown.contains(&place.population) {
            grown.push(place.population);
        }
    }
    // A population that took someone in may have moved everyone.
    let moved = grown.into_iter().filter_map(|id| populations.get(id));
    for (population, slot, entity) in
        moved.flat_map(|population| population.occupants().map(move |(slot, entity)| (population, slot, entity)))
    {
        let (Ok((_, _, _, Some(mut sprite))), Some((image, rect))) =
            (textures.get_mut(entity), population.picture(slot))
        else {
            continue;
        };
        if sprite.image != *image || sprite.rect != Some(rect) {
            sprite.image = image.clone();
            sprite.rect = Some(rect);
        }
    }
}

fn paint(mut populations: ResMut<Populations>, images: Option<ResMut<Assets<Image>>>) {
    if let Some(mut images) = images {
        populations.bypass_change_detection().paint(&mut images);
    }
}
