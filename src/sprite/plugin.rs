//! The plugin: which systems run when.

use bevy::{
    asset::{AssetEventSystems, AssetServer},
    ecs::{
        entity_disabling::Disabled,
        intern::Interned,
        query::{Allow, QueryData},
        schedule::ScheduleLabel,
    },
    prelude::*,
    render::{ExtractSchedule, Render, RenderApp, RenderSystems},
    sprite::SpriteMesh,
};

use super::{
    NcaArmor, NcaBackend, NcaClock, NcaKillBelow, NcaModel, NcaModelLoader, NcaPace, NcaPrecision, NcaSleeping,
    NcaSpace, NcaTexture, NcaTissue, NcaVitals, backend, canvas, cells,
    cells::CellsInbox,
    clock,
    clock::ClockHand,
    damage,
    populations::Populations,
    render, sleep, snapshot,
    texture::{NcaSlot, Waiting},
    tissue, upload, vitals,
    vitals::CensusInbox,
};
use crate::gpu;

/// Grows and heals every [`NcaTexture`].
///
/// Add it after `DefaultPlugins`. It needs Bevy's `AssetPlugin`, and panics without it; without a renderer, or
/// with one that has no compute shaders, the cells are simulated on the CPU. (Where there is no GPU driver at
/// all, Bevy's `RenderPlugin` panics; a server leaves it out.)
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
    /// How the GPU keeps cells; default [`NcaPrecision::Full`].
    pub precision: NcaPrecision,
    /// The schedule that counts ticks; default [`FixedPostUpdate`], which makes the cells
    /// independent of the frame rate. The clock advances by that schedule's [`Time`].
    pub schedule: Interned<dyn ScheduleLabel>,
}

impl Default for NcaPlugin {
    fn default() -> Self {
        Self { backend: NcaBackend::Auto, precision: NcaPrecision::Full, schedule: FixedPostUpdate.intern() }
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

/// The parts of [`NcaSystems::Assign`].
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
enum Show {
    Place,
    Paint,
    Remember,
}

impl Plugin for NcaPlugin {
    fn build(&self, app: &mut App) {
        assert!(
            app.world().contains_resource::<AssetServer>(),
            "NcaPlugin needs Bevy's AssetPlugin: add it after DefaultPlugins"
        );
        app.init_asset::<NcaModel>()
            .init_asset_loader::<NcaModelLoader>()
            .register_type::<NcaTexture>()
            .register_type::<NcaClock>()
            .register_type::<NcaPace>()
            .register_type::<NcaVitals>()
            .register_type::<NcaKillBelow>()
            .register_type::<NcaSleeping>()
            .register_type::<NcaBackend>()
            .register_type::<NcaSpace>()
            .register_type::<NcaPrecision>()
            .insert_resource(self.backend)
            .insert_resource(self.precision)
            .init_resource::<NcaClock>()
            .init_resource::<ClockHand>()
            .init_resource::<Populations>()
            .init_resource::<backend::Asked>()
            .init_resource::<CellsInbox>()
            .init_resource::<CensusInbox>()
            .add_observer(damage::on_damage)
            .add_observer(damage::on_blast)
            .add_observer(damage::on_heal)
            .add_observer(clock::on_pace_removed)
            .add_observer(tissue::on_add)
            .add_observer(tissue::on_remove)
            .add_observer(sleep::on_sleep)
            .add_observer(sleep::on_wake)
            .add_observer(sleep::on_disable)
            .add_observer(sleep::on_enable)
            .add_observer(cells::on_read_cells)
            .add_observer(cells::on_write_cells)
            .add_observer(snapshot::on_save)
            .add_observer(snapshot::on_restore)
            // New and changed images are to reach the renderer in the same frame.
            .configure_sets(PostUpdate, (NcaSystems::Assign, NcaSystems::Finish).chain().before(AssetEventSystems))
            .add_systems(PreStartup, (backend::choose, find_homeless))
            .add_systems(First, (backend::choose, backend::restart).chain().run_if(backend::has_another_device))
            .add_systems(First, (ClockHand::begin_frame, cells::deliver, vitals::report))
            // Who is spawned in this schedule has its place before its first tick, at any frame rate.
            .add_systems(self.schedule, (assign, clock::follow_pace, tick).chain().in_set(NcaSystems::Tick))
            .add_systems(Last, clock::redraw)
            .configure_sets(PostUpdate, (Show::Place, Show::Paint, Show::Remember).chain().in_set(NcaSystems::Assign))
            .add_systems(
                PostUpdate,
                (
                    (refer, reload, assign, give_back).chain().in_set(Show::Place),
                    (canvas::show::<Sprite>, canvas::show::<SpriteMesh>, canvas::warn).in_set(Show::Paint),
                    canvas::remember.in_set(Show::Remember),
                ),
            )
            .add_systems(
                PostUpdate,
                (vitals::count, vitals::report, cells::request, sleep::tell, paint).chain().in_set(NcaSystems::Finish),
            );
        #[cfg(feature = "ui")]
        app.add_systems(PostUpdate, canvas::show::<ImageNode>.in_set(Show::Paint));
        #[cfg(feature = "pbr")]
        app.add_observer(canvas::materials::on_discard)
            .add_systems(PostUpdate, canvas::materials::show.in_set(Show::Paint));
        #[cfg(feature = "picking")]
        super::picking::build(app);
        #[cfg(feature = "avian2d")]
        super::physics::build(app, self.schedule);
    }

    fn finish(&self, app: &mut App) {
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        gpu::add_shaders(app);
        #[cfg(feature = "pbr")]
        canvas::materials::order(app);
        let assets = app.world().resource::<AssetServer>().clone();
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            gpu::add_systems(render_app, &assets);
            render_app
                .init_resource::<upload::AtlasUploads>()
                .add_systems(ExtractSchedule, render::extract)
                .add_systems(Render, upload::upload.in_set(RenderSystems::PrepareResources));
        }
    }
}

fn tick(
    time: Res<Time>,
    fixed: Option<Res<Time<Fixed>>>,
    mut clock: ResMut<NcaClock>,
    mut hand: ResMut<ClockHand>,
    mut populations: ResMut<Populations>,
    textures: Query<(&NcaTexture, &NcaSlot)>,
    assets: Res<AssetServer>,
) {
    let clock = clock.bypass_change_detection();
    let loading = |(texture, slot): (&NcaTexture, &NcaSlot)| {
        slot.place.is_none() && assets.load_state(&texture.model).is_loading()
    };
    let all_ready = clock.steps > 0 && populations.all_ready() && !textures.iter().any(loading);
    // Only in fixed time is a long step no sign of a stall.
    let is_fixed = fixed.is_some_and(|fixed| fixed.timestep() == time.delta());
    let ticks = hand.advance(clock, time.delta_secs_f64(), is_fixed, all_ready);
    populations.bypass_change_detection().tick(ticks, clock.sleep_after);
}

/// Finds the textures that were spawned before the plugin was there.
fn find_homeless(textures: Query<Entity, (With<NcaTexture>, Allow<Disabled>)>, mut populations: ResMut<Populations>) {
    populations.homeless.extend(&textures);
}

/// Takes in what grown sprites look like, once that is known.
fn refer(mut populations: ResMut<Populations>) {
    populations.bypass_change_detection().refer();
}

/// Sprites of a model that was loaded again or changed go on with it, as long as their cells fit it; others
/// begin anew.
fn reload(
    mut changes: MessageReader<AssetEvent<NcaModel>>,
    models: Res<Assets<NcaModel>>,
    mut populations: ResMut<Populations>,
    mut slots: Query<(Entity, &mut NcaSlot), Allow<Disabled>>,
    mut commands: Commands,
) {
    for change in changes.read() {
        // One that was removed and inserted again is added.
        let (AssetEvent::Modified { id } | AssetEvent::Added { id }) = change else { continue };
        let Some(model) = models.get(*id).filter(|model| populations.any_outdated(*id, model)) else { continue };
        populations.adopt(*id, model);
        for (entity, mut slot) in &mut slots {
            let Some(place) = slot.place else { continue };
            if populations.get(place.population).is_some_and(|population| population.outdated(*id, model)) {
                slot.leave(entity, &mut populations, &mut commands);
                populations.homeless.push(entity);
            }
        }
    }
}

/// A texture, and what it takes to give it cells.
#[derive(QueryData)]
#[query_data(mutable)]
struct Textured {
    texture: &'static mut NcaTexture,
    slot: &'static mut NcaSlot,
    vitals: &'static mut NcaVitals,
    tissue: Option<&'static mut NcaTissue>,
    armor: Option<&'static NcaArmor>,
    is_asleep: Has<NcaSleeping>,
    is_disabled: Has<Disabled>,
}

/// Places are kept, and change, for those too that the game has disabled.
type ChangedTextures<'w, 's> = Query<'w, 's, Entity, (Changed<NcaTexture>, Allow<Disabled>)>;
type AllTextures<'w, 's> = Query<'w, 's, Textured, Allow<Disabled>>;

/// Gives textures their places: new ones, and those that were changed to something that belongs elsewhere.
fn assign(
    mut sprites: ParamSet<(ChangedTextures, AllTextures)>,
    models: Res<Assets<NcaModel>>,
    mut images: Option<ResMut<Assets<Image>>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    let populations = populations.bypass_change_detection();
    let changed: Vec<Entity> = sprites.p0().iter().collect();
    let mut textures = sprites.p1();
    let mut moved = Vec::new();
    for entity in changed {
        let Ok(TexturedItem { texture, mut slot, .. }) = textures.get_mut(entity) else { continue };
        let Some(place) = slot.place else { continue };
        if populations.suits(place, &texture) {
            populations.follow(place, &texture);
        } else {
            slot.leave(entity, populations, &mut commands);
            moved.push((entity, true));
        }
    }
    let homeless = std::mem::take(&mut populations.homeless);
    for (entity, has_moved) in moved.into_iter().chain(homeless.into_iter().map(|entity| (entity, false))) {
        let Ok(found) = textures.get_mut(entity) else { continue };
        let TexturedItem { mut texture, mut slot, mut vitals, tissue, armor, is_asleep, is_disabled } = found;
        if slot.place.is_some() {
            continue;
        }
        // A copy of an entity, or one out of a scene, brings along how the original was: it begins anew, awake. Whoever
        // has just left a place was told all that, but has not heard it yet.
        let is_copy = vitals.set_if_neq(NcaVitals::default());
        let is_watched = tissue.is_some();
        if is_copy || has_moved {
            commands.entity(entity).try_remove::<NcaSleeping>();
            if let Some(mut tissue) = tissue {
                tissue.cells = None;
            }
        }
        let images = images.as_mut().map(|images| images.bypass_change_detection());
        let place = models.get(&texture.model).and_then(|model| populations.enter(entity, &texture, model, images));
        let Some(place) = place else {
            populations.homeless.push(entity);
            continue;
        };
        slot.place = Some(place);
        if let Some(occupant) = populations.occupant_mut(place) {
            occupant.set_disabled(is_disabled);
            occupant.set_tissue(is_watched);
            occupant.set_asleep(is_asleep && !is_copy && !has_moved);
        }
        for waiting in std::mem::take(&mut slot.waiting) {
            match waiting {
                Waiting::Blow(blow) => populations.strike(place, &blow, armor),
                Waiting::Cells(tick, state) => cells::write(populations, place, entity, tick, state),
                Waiting::Snapshot(snapshot) => {
                    snapshot::restore_or_refuse(populations, place, entity, &mut texture, *snapshot, &mut commands);
                }
            }
        }
    }
    populations.lay_out(images.as_mut().map(|images| images.bypass_change_detection()));
}

/// Populations that have shrunk give memory back; those who are left may move for that.
fn give_back(
    mut populations: ResMut<Populations>,
    mut slots: Query<&mut NcaSlot, Allow<Disabled>>,
    mut images: Option<ResMut<Assets<Image>>>,
) {
    let images = images.as_mut().map(|images| images.bypass_change_detection());
    populations.bypass_change_detection().give_back(images, |entity, place| {
        if let Ok(mut slot) = slots.get_mut(entity) {
            slot.place = Some(place);
        }
    });
}

fn paint(mut populations: ResMut<Populations>, mut images: Option<ResMut<Assets<Image>>>) {
    populations.bypass_change_detection().paint(images.as_deref_mut());
}
