//! What a game can do to sprites at any point in a frame, and its effect.

use std::time::Duration;

use bevy::{
    ecs::entity_disabling::Disabled,
    prelude::*,
    render::{
        error_handler::{RenderErrorHandler, RenderErrorPolicy},
        gpu_readback::{Readback, ReadbackComplete},
        renderer::RenderDevice,
    },
    tasks::AsyncComputeTaskPool,
    time::TimeUpdateStrategy,
    window::RequestRedraw,
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Shape},
};

use crate::{
    plugin::{add_model, app_with, cells, full, paused_app, some, still_model},
    support::{Golden, on_each_backend, on_the_gpu},
    vitals::slime,
};

type Action = Box<dyn FnOnce(&mut World) + Send + Sync>;

/// Actions to run in `Update`, after this frame's ticks.
#[derive(Resource, Default)]
struct Later(Vec<Action>);

fn do_later(world: &mut World) {
    let later = std::mem::take(&mut world.resource_mut::<Later>().0);
    later.into_iter().for_each(|action| action(world));
}

fn run(app: &mut App, frames: u32) {
    (0..frames).for_each(|_| app.update());
}

/// Updates the app until a condition holds.
fn run_until(app: &mut App, mut is_so: impl FnMut(&World) -> bool) {
    for _ in 0..2000 {
        if is_so(app.world()) {
            return;
        }
        app.update();
    }
    panic!("it has not come to be so");
}

fn vitals(world: &World, entity: Entity) -> NcaVitals {
    *world.get::<NcaVitals>(entity).unwrap()
}

#[derive(Resource, Default)]
struct Heard {
    died: u32,
    saved: Vec<NcaSnapshot>,
    cells: Vec<u32>,
    wounded: u32,
}

fn listen(app: &mut App) {
    app.init_resource::<Heard>()
        .add_observer(|_: On<NcaDied>, mut heard: ResMut<Heard>| heard.died += 1)
        .add_observer(|saved: On<NcaSaved>, mut heard: ResMut<Heard>| heard.saved.push(saved.snapshot.clone()))
        .add_observer(|wounded: On<NcaWounded>, mut heard: ResMut<Heard>| heard.wounded += wounded.lost_cells)
        .add_observer(|cells: On<NcaCellsRead>, mut heard: ResMut<Heard>| heard.cells.push(cells.tick));
}

#[test]
fn what_is_restored_after_the_tick_is_not_taken_for_dead() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        listen(&mut app);
        app.init_resource::<Later>().add_systems(Update, do_later);
        headless::step(&mut app, 200);
        run_until(&mut app, |world| vitals(world, entity).condition == NcaCondition::Whole);
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 32.0, 12.0)).in_cells());
        headless::step(&mut app, 1);
        run_until(&mut app, |world| vitals(world, entity).condition == NcaCondition::Wounded);
        app.world_mut().trigger(NcaSave { entity });
        run_until(&mut app, |world| !world.resource::<Heard>().saved.is_empty());
        let snapshot = app.world_mut().resource_mut::<Heard>().saved.remove(0);
        let (_, state) = cells(&mut app, entity);

        app.world_mut().resource_mut::<NcaClock>().paused = false;
        for (writes, in_update) in [(false, true), (true, true), (false, false)] {
            run(&mut app, 3);
            let (snapshot, state) = (snapshot.clone(), state.clone());
            let action = move |world: &mut World| match writes {
                true => world.trigger(NcaWriteCells { entity, tick: 9, state }),
                false => world.trigger(NcaRestore { entity, snapshot }),
            };
            match in_update {
                true => app.world_mut().resource_mut::<Later>().0.push(Box::new(action)),
                false => action(app.world_mut()),
            }
            for _ in 0..8 {
                app.update();
                let vitals = vitals(app.world(), entity);
                assert!(vitals.live_cells > 50, "{backend:?}, {writes}: {vitals:?}");
                assert!(vitals.has_grown || writes, "{backend:?}: what has grown once, has: {vitals:?}");
            }
        }
        assert_eq!(app.world().resource::<Heard>().died, 0, "{backend:?}");
    });
}

/// Two fixed steps in one frame: a sprite ticks in the first, and another takes its slot in the second.
#[test]
fn a_newcomer_has_its_own_living_cells() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let model = add_model(&mut app, &still_model(9, 9));
        let old =
            app.world_mut().spawn((NcaTexture::new(model.clone()), Sprite::default(), NcaAliveMask::default())).id();
        app.world_mut().trigger(NcaWriteCells { entity: old, tick: 0, state: full(9, 9) });
        headless::step(&mut app, 2);
        run_until(&mut app, |world| world.get::<NcaAliveMask>(old).unwrap().cells == Some(CellMask::full(9, 9)));
        let expected = CellMask::from_fn(9, 9, |cell| [29, 30].contains(cell));
        let few = some(&expected);

        #[derive(Resource, Default)]
        struct Steps(u32, Option<Entity>);
        let swap = move |mut steps: ResMut<Steps>, mut commands: Commands| {
            steps.0 += 1;
            if steps.0 == 2 {
                commands.entity(old).despawn();
                let texture = NcaTexture::new(model.clone());
                let new = commands.spawn((texture, Sprite::default(), NcaAliveMask::default())).id();
                commands.trigger(NcaWriteCells { entity: new, tick: 0, state: few.clone() });
                steps.1 = Some(new);
            }
        };
        app.init_resource::<Steps>().add_systems(FixedUpdate, swap);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        let frame = TimeUpdateStrategy::ManualDuration(Duration::from_secs(1) / 30);
        app.insert_resource(frame);
        app.update();
        let new = app.world().resource::<Steps>().1.expect("two steps are one frame");
        for _ in 0..12 {
            let cells = &app.world().get::<NcaAliveMask>(new).unwrap().cells;
            assert!(cells.is_none() || *cells == Some(expected.clone()), "{backend:?}: {cells:?}");
            app.update();
        }
        assert_eq!(app.world().get::<NcaAliveMask>(new).unwrap().cells, Some(expected), "{backend:?}");
    });
}

#[test]
fn a_mask_that_is_asked_for_after_the_tick_is_never_empty() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
        headless::step(&mut app, 2);
        cells(&mut app, entity);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        app.init_resource::<Later>().add_systems(Update, do_later);
        for _ in 0..3 {
            run(&mut app, 4);
            let insert = move |world: &mut World| {
                world.entity_mut(entity).insert(NcaAliveMask::default());
            };
            app.world_mut().resource_mut::<Later>().0.push(Box::new(insert));
            for _ in 0..12 {
                app.update();
                let cells = &app.world().get::<NcaAliveMask>(entity).unwrap().cells;
                assert!(cells.is_none() || *cells == Some(CellMask::full(9, 9)), "{backend:?}: {cells:?}");
            }
            assert!(app.world().get::<NcaAliveMask>(entity).unwrap().cells.is_some());
            app.world_mut().entity_mut(entity).remove::<NcaAliveMask>();
        }
    });
}

#[test]
fn a_copy_of_a_sleeper_grows_up_by_itself() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaAliveMask::default());
        app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(250);
        headless::step(&mut app, 300);
        run_until(&mut app, |world| world.get::<NcaSleeping>(entity).is_some());
        assert_eq!(vitals(app.world(), entity).condition, NcaCondition::Whole);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        let cloned = app.world_mut().entity_mut(entity).clone_and_spawn();
        // A sprite as a scene loads it: only reflected components.
        let texture = app.world().get::<NcaTexture>(entity).unwrap().clone();
        let sprite = app.world().get::<Sprite>(entity).unwrap().clone();
        let written = (texture, sprite, NcaSleeping, vitals(app.world(), entity));
        let loaded = app.world_mut().spawn(written).id();
        // A sprite whose model is not loaded yet has no cells either.
        let waiting = (NcaTexture::default(), Sprite::default(), NcaSleeping, vitals(app.world(), entity));
        let mask = app.world().get::<NcaAliveMask>(entity).unwrap().clone();
        let waiting = app.world_mut().spawn(waiting).insert(mask).id();
        // A sprite that the game itself spawns asleep stays asleep.
        let texture = app.world().get::<NcaTexture>(entity).unwrap().clone();
        let meant = app.world_mut().spawn((texture, Sprite::default(), NcaSleeping)).id();
        app.update();
        assert_eq!(vitals(app.world(), waiting), NcaVitals::default());
        assert_eq!(app.world().get::<NcaAliveMask>(waiting).unwrap().cells, None);
        for copy in [cloned, loaded, waiting] {
            assert!(app.world().get::<NcaSleeping>(copy).is_none(), "{backend:?}");
            assert!(vitals(app.world(), copy).live_cells < 20, "{backend:?}: {:?}", vitals(app.world(), copy));
        }
        let mask = app.world().get::<NcaAliveMask>(cloned).unwrap().cells.clone();
        assert!(mask.is_none_or(|mask| mask.iter().count() < 20), "{backend:?}");
        let rects = [entity, cloned, loaded].map(|entity| app.world().get::<Sprite>(entity).unwrap().rect);
        assert!(rects[0] != rects[1] && rects[1] != rects[2] && rects[0] != rects[2]);
        run(&mut app, 200);
        run_until(&mut app, |world| [cloned, loaded].iter().all(|copy| vitals(world, *copy).has_grown));
        assert!(app.world().get::<NcaSleeping>(meant).is_some() && vitals(app.world(), meant).tick == 0);
    });
}

#[test]
fn what_is_disabled_stands_still_and_forgets_nothing() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &slime(), |texture| texture);
        listen(&mut app);
        headless::step(&mut app, 150);
        run_until(&mut app, |world| vitals(world, entity).has_grown);
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        run(&mut app, 2);
        // A read that is in flight when the sprite is disabled.
        app.world_mut().trigger(NcaReadCells { entity });
        app.update();
        app.world_mut().resource_mut::<Heard>().cells.clear();
        app.world_mut().trigger(NcaReadCells { entity });
        app.world_mut().entity_mut(entity).insert(Disabled);
        app.update();
        let before = vitals(app.world(), entity);
        // Everything that can be sent to the sprite while it is disabled.
        app.world_mut().entity_mut(entity).insert(NcaPace { paused: true, ..default() });
        app.world_mut().trigger(NcaSave { entity });
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 32.0, 14.0)).in_cells());
        let [x, y] = [0.0, -10.0];
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(x, y), 2.0));
        // A blast does not hit a disabled sprite.
        app.world_mut().trigger(NcaBlast::circle(Vec2::ZERO, 500.0));
        run(&mut app, 60);
        assert_eq!(vitals(app.world(), entity), before, "{backend:?}: nothing is told of it");
        assert!(app.world().resource::<Heard>().cells.is_empty() && app.world().resource::<Heard>().saved.is_empty());

        app.world_mut().entity_mut(entity).remove::<Disabled>();
        run_until(&mut app, |world| {
            let heard = world.resource::<Heard>();
            !heard.cells.is_empty() && !heard.saved.is_empty()
        });
        run(&mut app, 20);
        let (tick, _) = cells(&mut app, entity);
        assert!(tick <= before.tick + 3, "{backend:?}: it is paused, and was disabled: {tick} for {}", before.tick);
        assert_eq!(app.world().resource::<Heard>().wounded, 0, "the wounds wait for the next tick");
        app.world_mut().entity_mut(entity).remove::<NcaPace>();
        run_until(&mut app, |world| world.resource::<Heard>().wounded > 50);
        assert!(vitals(app.world(), entity).live_cells > 100, "{backend:?}: the blast has passed it by");
    });
}

#[test]
fn a_wound_wakes_also_what_is_put_to_sleep_in_the_same_moment() {
    on_each_backend(|backend| {
        for sleep_first in [true, false] {
            let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
            listen(&mut app);
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
            headless::step(&mut app, 1);
            let sleep = |app: &mut App| {
                app.world_mut().entity_mut(entity).insert(NcaSleeping);
            };
            if sleep_first {
                sleep(&mut app);
            }
            app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 9.0, 2.0)).in_cells());
            if !sleep_first {
                sleep(&mut app);
            }
            headless::step(&mut app, 2);
            run_until(&mut app, |world| world.resource::<Heard>().wounded == 18);
            assert!(app.world().get::<NcaSleeping>(entity).is_none(), "{backend:?}");
        }
    });
}

#[test]
fn a_model_that_was_removed_and_put_back_is_the_new_one() {
    on_each_backend(|backend| {
        let golden = Golden::read("standard");
        let (mut app, entity) = app_with(backend, &golden.model, |texture| texture);
        headless::step(&mut app, 3);
        let id = app.world().get::<NcaTexture>(entity).unwrap().model.id();
        let other = still_model(9, 7);
        let mut models = app.world_mut().resource_mut::<Assets<NcaModel>>();
        models.remove(id);
        app.update();
        app.world_mut().resource_mut::<Assets<NcaModel>>().insert(id, other.into()).unwrap();
        run(&mut app, 3);
        let (tick, state) = cells(&mut app, entity);
        assert_eq!((tick, state.width(), state.height()), (0, 9, 7), "{backend:?}");
    });
}

#[test]
fn a_slow_schedule_keeps_every_tick() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 9), |texture| texture);
    cells(&mut app, entity);
    app.insert_resource(Time::<Fixed>::from_hz(2.0));
    app.world_mut().resource_mut::<NcaClock>().paused = false;
    run(&mut app, 602);
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    assert_eq!(cells(&mut app, entity).0, 600);
}

#[test]
fn a_redraw_is_asked_for_while_something_grows() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 9), |texture| texture);
    app.add_message::<RequestRedraw>();
    // `step` waits for the reference of a grown sprite, which is computed on another thread.
    headless::step(&mut app, 1);
    let requests = |app: &mut App, frames: u32| {
        run(app, 12);
        (0..frames)
            .filter(|_| {
                app.update();
                app.world_mut().resource_mut::<Messages<RequestRedraw>>().drain().count() > 0
            })
            .count()
    };
    assert_eq!(requests(&mut app, 9), 0, "the clock is paused");
    app.world_mut().resource_mut::<NcaClock>().paused = false;
    assert_eq!(requests(&mut app, 9), 9);
    app.world_mut().entity_mut(entity).insert(NcaPace { paused: true, ..default() });
    assert_eq!(requests(&mut app, 9), 0, "the sprite is paused");
    app.world_mut().entity_mut(entity).remove::<NcaPace>();
    assert_eq!(requests(&mut app, 9), 9);
    app.world_mut().entity_mut(entity).insert(NcaSleeping);
    assert_eq!(requests(&mut app, 9), 0, "all sleep");
    app.world_mut().trigger(NcaDamage::circle(entity, Vec2::ZERO, 2.0));
    assert_eq!(requests(&mut app, 9), 9);
}

/// Saves at each frame, rolls back several frames and replays them within one update. The cells are the same.
#[test]
fn a_rollback_within_an_update_comes_out_the_same() {
    #[derive(bevy::ecs::schedule::ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
    struct Netcode;
    let golden = Golden::read("standard");
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, AssetPlugin::default(), ImagePlugin::default(), TransformPlugin))
        .init_schedule(Netcode)
        .add_plugins(NcaPlugin { backend: NcaBackend::Cpu, ..NcaPlugin::in_schedule(Netcode) })
        .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(13)));
    let model = add_model(&mut app, &golden.model);
    let entity = app.world_mut().spawn((NcaTexture::new(model).with_seed(3), Sprite::default())).id();
    app.world_mut().resource_mut::<NcaClock>().max_ticks_per_frame = 1000;
    #[derive(Resource, Default)]
    struct Now(Option<Result<NcaSnapshot, NcaRollbackError>>);
    app.init_resource::<Now>();
    let save = move |rollback: NcaRollback, mut now: ResMut<Now>| now.0 = Some(rollback.save(entity));
    let save = app.register_system(save);
    let saved = |app: &mut App| {
        app.world_mut().run_system(save).unwrap();
        let snapshot = app.world_mut().resource_mut::<Now>().0.take().unwrap();
        (snapshot, app.world().resource::<NcaClock>().clone())
    };
    assert_eq!(saved(&mut app).0, Err(NcaRollbackError::NoCells(entity)));
    // Each frame of the netcode wounds the sprite elsewhere.
    let frame = move |app: &mut App, number: u32| {
        let at = Vec2::new((number % 7) as f32 * 2.0 - 6.0, (number % 5) as f32 - 2.0);
        app.world_mut().trigger(NcaDamage::new(entity, NcaWound::circle(at, 1.5).with_strength(0.5)));
        app.world_mut().run_schedule(Netcode);
    };
    let mut frames = Vec::new();
    for number in 0..60 {
        app.update();
        frame(&mut app, number);
        frames.push(saved(&mut app));
    }
    let last = frames[59].0.clone().unwrap();
    assert!(last.tick() > 40 && last.state().values().iter().any(|value| *value != 0.0));
    for back in [1, 7, 23] {
        let (snapshot, clock) = frames[59 - back].clone();
        let snapshot = snapshot.unwrap();
        let system = move |mut rollback: NcaRollback| rollback.restore(entity, snapshot.clone());
        bevy::ecs::system::RunSystemOnce::run_system_once(app.world_mut(), system).unwrap().unwrap();
        *app.world_mut().resource_mut::<NcaClock>() = clock;
        (60 - back as u32..60).for_each(|number| frame(&mut app, number));
        let (again, clock) = saved(&mut app);
        assert_eq!((again.unwrap(), clock), (last.clone(), frames[59].1.clone()), "{back} frames back");
    }
    let other = Golden::read("rotated");
    let (mut other_app, other_entity) = app_with(NcaBackend::Cpu, &other.model, |texture| texture);
    listen(&mut other_app);
    other_app.world_mut().trigger(NcaSave { entity: other_entity });
    run(&mut other_app, 2);
    let foreign = other_app.world().resource::<Heard>().saved[0].clone();
    let system = move |mut rollback: NcaRollback| rollback.restore(entity, foreign.clone());
    let refused = bevy::ecs::system::RunSystemOnce::run_system_once(app.world_mut(), system).unwrap();
    assert!(matches!(refused, Err(NcaRollbackError::Snapshot(_))), "{refused:?}");
}

/// Blocks all threads that can grow a reference sprite, until the returned closure is called.
fn keep_the_pool_busy() -> impl FnOnce() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let pool = AsyncComputeTaskPool::get();
    for _ in 0..pool.thread_num() {
        let wait = wait.clone();
        pool.spawn(async move { wait.lock().unwrap().recv().unwrap_or_default() }).detach();
    }
    // Dropping the sender wakes all waiting tasks.
    move || drop(release)
}

/// The reference of a model without a target takes long to grow. Meanwhile its sprites tick, but are not whole.
#[test]
fn no_frame_waits_for_a_sprite_that_is_grown_to_compare_with() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &Golden::read("standard").model, |texture| texture);
    let release = keep_the_pool_busy();
    app.world_mut().resource_mut::<NcaClock>().paused = false;
    run(&mut app, 100);
    let before = vitals(app.world(), entity);
    assert!(before.tick >= 95 && before.condition == NcaCondition::Growing, "{before:?}");
    release();
    run_until(&mut app, |world| vitals(world, entity).integrity > before.integrity + 0.05);
}

/// A sprite that is restored before its reference is known keeps its condition.
#[test]
fn what_is_restored_before_it_can_be_judged_is_left_alone() {
    on_each_backend(|backend| {
        let golden = Golden::read("standard");
        let (mut app, entity) = app_with(backend, &golden.model, |texture| texture);
        listen(&mut app);
        headless::step(&mut app, 60);
        run_until(&mut app, |world| vitals(world, entity).tick == 60 && vitals(world, entity).has_grown);
        let whole = vitals(app.world(), entity);
        app.world_mut().trigger(NcaSave { entity });
        run_until(&mut app, |world| !world.resource::<Heard>().saved.is_empty());
        let snapshot = app.world_mut().resource_mut::<Heard>().saved.remove(0);

        let release = keep_the_pool_busy();
        let mut app = headless::app(backend).unwrap();
        listen(&mut app);
        let model = add_model(&mut app, &golden.model);
        let fragile = (NcaTexture::new(model), Sprite::default(), NcaKillBelow(0.5));
        let entity = app.world_mut().spawn(fragile).id();
        app.world_mut().trigger(NcaRestore { entity, snapshot });
        run(&mut app, 30);
        let meanwhile = vitals(app.world(), entity);
        assert!(meanwhile.condition == NcaCondition::Whole && meanwhile.has_grown, "{backend:?}: {meanwhile:?}");
        release();
        run_until(&mut app, |world| vitals(world, entity).integrity > 0.9 * whole.integrity);
        assert_eq!(vitals(app.world(), entity).condition, NcaCondition::Whole);
        assert_eq!(app.world().resource::<Heard>().died, 0, "{backend:?}");
    });
}

/// As when a game is loaded: one `Update` despawns most sprites, and writes the cells of some others.
#[test]
fn who_is_left_when_slots_are_given_back_is_not_taken_for_dead() {
    on_each_backend(|backend| {
        let mut app = headless::app(backend).unwrap();
        listen(&mut app);
        app.init_resource::<Later>().add_systems(Update, do_later);
        let model = add_model(&mut app, &still_model(9, 9));
        let sprites: Vec<Entity> = (0..200)
            .map(|_| {
                let entity = app.world_mut().spawn((NcaTexture::new(model.clone()), Sprite::default())).id();
                app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
                entity
            })
            .collect();
        run(&mut app, 12);
        let (gone, left): (Vec<_>, Vec<_>) = (0..200).partition(|index| index % 10 != 7);
        let left: Vec<Entity> = left.into_iter().map(|index| sprites[index]).collect();
        let gone: Vec<Entity> = gone.into_iter().map(|index| sprites[index]).collect();
        let written = left.clone();
        app.world_mut().resource_mut::<Later>().0.push(Box::new(move |world| {
            for entity in gone {
                world.despawn(entity);
            }
            for entity in written.into_iter().step_by(2) {
                world.trigger(NcaWriteCells { entity, tick: 50, state: full(9, 9) });
            }
        }));
        for _ in 0..12 {
            app.update();
            for entity in &left {
                assert_eq!(vitals(app.world(), *entity).live_cells, 81, "{backend:?}");
            }
        }
        assert_eq!(app.world().resource::<Heard>().died, 0, "{backend:?}");
    });
}

/// The device is lost during a save and just before a read.
#[test]
fn a_lost_device_loses_no_answer() {
    on_the_gpu(|| {
        let (mut app, entity) = app_with(NcaBackend::Gpu, &slime(), |texture| texture);
        listen(&mut app);
        app.insert_resource(RenderErrorHandler(|_, _, _| RenderErrorPolicy::Recover(default())));
        headless::step(&mut app, 100);
        let (_, state) = cells(&mut app, entity);
        app.world_mut().resource_mut::<Heard>().cells.clear();
        app.world_mut().trigger(NcaSave { entity });
        app.update();
        let pending = app.world().resource::<Heard>().saved.is_empty();
        app.world().resource::<RenderDevice>().wgpu_device().destroy();
        app.world_mut().trigger(NcaReadCells { entity });
        run_until(&mut app, |world| {
            let heard = world.resource::<Heard>();
            !heard.saved.is_empty() && !heard.cells.is_empty()
        });
        assert!(pending, "the save was under way when the device was lost");
        // The sprite restarts, and its cells can be written again.
        app.world_mut().trigger(NcaWriteCells { entity, tick: 100, state: state.clone() });
        let (tick, back) = cells(&mut app, entity);
        assert_eq!((tick, back), (100, state));
        headless::step(&mut app, 20);
        assert_eq!(cells(&mut app, entity).0, 120);
        run_until(&mut app, |world| vitals(world, entity).tick == 120);
    });
}

/// With a renderer, the CPU's picture reaches the texture although only the changed slots are uploaded.
#[test]
fn what_the_cpu_paints_reaches_the_texture() {
    on_the_gpu(|| {
        let mut app = headless::rendered_app_with(NcaBackend::Cpu, |_| ()).unwrap();
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let model = add_model(&mut app, &slime());
        let mut sprites: Vec<Entity> = Vec::new();
        #[derive(Resource, Default)]
        struct Texture(Vec<u8>);
        let keep = |read: On<ReadbackComplete>, mut texture: ResMut<Texture>| texture.0 = read.data.clone();
        app.init_resource::<Texture>().add_observer(keep);
        let whole = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = whole.clone();
        let counter = move |mut events: MessageReader<AssetEvent<Image>>| {
            let changed = events.read().filter(|event| matches!(event, AssetEvent::Modified { .. })).count();
            count.fetch_add(changed as u32, std::sync::atomic::Ordering::Relaxed);
        };
        app.add_systems(Last, counter);
        // Add sprites in each round, so that the atlas is laid out again a few times.
        for round in 0..4_u32 {
            for index in 0..5 {
                let texture = NcaTexture::new(model.clone()).with_seed(round * 5 + index);
                sprites.push(app.world_mut().spawn((texture, Sprite::default())).id());
            }
            headless::step(&mut app, 20);
            for sprite in &sprites {
                app.world_mut().entity_mut(*sprite).insert(NcaSleeping);
            }
            headless::step(&mut app, 1);
            whole.store(0, std::sync::atomic::Ordering::Relaxed);
            app.world_mut().trigger(NcaDamage::new(sprites[3], Shape::circle(14.0, 14.0, 3.0)).in_cells());
            headless::step(&mut app, 3);
            assert_eq!(whole.load(std::sync::atomic::Ordering::Relaxed), 0, "no atlas is uploaded as a whole");
            let image = app.world().get::<Sprite>(sprites[0]).unwrap().image.clone();
            let reader = app.world_mut().spawn(Readback::texture(image.clone())).id();
            app.world_mut().resource_mut::<Texture>().0.clear();
            run_until(&mut app, |world| !world.resource::<Texture>().0.is_empty());
            app.world_mut().despawn(reader);
            let expected = app.world().resource::<Assets<Image>>().get(&image).unwrap().data.clone().unwrap();
            let width = app.world().resource::<Assets<Image>>().get(&image).unwrap().width() as usize * 4;
            // Rows that are read back start at multiples of 256 bytes.
            let rows = app.world().resource::<Texture>().0.chunks(width.next_multiple_of(256));
            let read: Vec<u8> = rows.flat_map(|row| &row[..width]).copied().collect();
            assert_eq!(read.len(), expected.len());
            assert!(expected.iter().any(|byte| *byte != 0));
            let differing = read.iter().zip(&expected).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "round {round}");
        }
    });
}
