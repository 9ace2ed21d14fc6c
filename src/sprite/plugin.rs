//! The plugin: which systems run when.

use bevy::{
    asset::{AssetEventSystems, AssetServer},
    ecs::{entity_disabling::Disabled, intern::Interned, query::Allow, schedule::ScheduleLabel},
    prelude::*,
    render::{ExtractSchedule, RenderApp},
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
    tissue, vitals,
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
            .add_observer(cells::on_read_cells)
            .add_observer(cells::on_write_cells)
            .add_observer(snapshot::on_save)
            .add_observer(snapshot::on_restore)
            // New and changed images are to reach the renderer in the same frame.
            .configure_sets(PostUpdate, (NcaSystems::Assign, NcaSystems::Finish).chain().before(AssetEventSystems))
            .add_systems(PreStartup, (backend::choose, find_homeless))
            .add_systems(First, (ClockHand::begin_frame, cells::deliver, vitals::report))
            // Who is spawned in this schedule has its place before its first tick, at any frame rate.
            .add_systems(self.schedule, (assign, clock::follow_pace, tick).chain().in_set(NcaSystems::Tick))
            .configure_sets(PostUpdate, (Show::Place, Show::Paint, Show::Remember).chain().in_set(NcaSystems::Assign))
            .add_systems(
                PostUpdate,
                (
                    (reload, assign, give_back).chain().in_set(Show::Place),
                    canvas::show::<Sprite>.in_set(Show::Paint),
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
            render_app.add_systems(ExtractSchedule, render::extract);
        }
    }
}

fn tick(
    time: Res<Time>,
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
    let ticks = hand.advance(clock, time.delta_secs_f64(), all_ready);
    populations.bypass_change_detection().tick(ticks, clock.sleep_after);
}

/// Finds the textures that were spawned before the plugin was there.
fn find_homeless(textures: Query<Entity, (With<NcaTexture>, Allow<Disabled>)>, mut populations: ResMut<Populations>) {
    populations.homeless.extend(&textures);
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
        let AssetEvent::Modified { id } = change else { continue };
        let Some(model) = models.get(*id) else { continue };
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
type Textures =
    (&'static mut NcaTexture, &'static mut NcaSlot, Option<&'static NcaArmor>, Has<NcaSleeping>, Has<NcaTissue>);

/// Places are kept, and change, for those too that the game has disabled.
type ChangedTextures<'w, 's> = Query<'w, 's, Entity, (Changed<NcaTexture>, Allow<Disabled>)>;
type AllTextures<'w, 's> = Query<'w, 's, Textures, Allow<Disabled>>;

/// Gives textures their cells, and follows what was changed.
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
        let Ok((texture, mut slot, ..)) = textures.get_mut(entity) else { continue };
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
        let Ok((mut texture, mut slot, armor, asleep, tissue)) = textures.get_mut(entity) else { continue };
        if slot.place.is_some() {
            continue;
        }
        let images = images.as_mut().map(|images| images.bypass_change_detection());
        let place = models.get(&texture.model).and_then(|model| populations.enter(entity, &texture, model, images));
        let Some(place) = place else {
            populations.homeless.push(entity);
            continue;
        };
        slot.place = Some(place);
        if let Some(occupant) = populations.occupant_mut(place) {
            occupant.set_tissue(tissue);
            // Whoever has just left a place was told to wake, but has not heard it yet.
            occupant.set_asleep(asleep && !has_moved);
        }
        for waiting in std::mem::take(&mut slot.waiting) {
            match waiting {
                Waiting::Blow(blow) => populations.strike(place, &blow, armor),
                Waiting::Cells(tick, state) => cells::write(populations, place, entity, tick, state),
                Waiting::Snapshot(snapshot) => {
                    snapshot::restore(populations, place, entity, &mut texture, *snapshot, &mut commands);
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
