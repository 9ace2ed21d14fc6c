//! Sleeping, saving and restoring, on both backends.

use bevy::prelude::*;
use bevy_nca::{headless, prelude::*, rule::Model};

use crate::{
    plugin::{add_model, app_with, cells, paused_app, still_model},
    support::{Golden, golden_folder, on_each_backend},
};

#[derive(Resource, Default)]
struct Saved(Vec<NcaSnapshot>);

#[derive(Resource, Default)]
struct Refused(Vec<NcaSnapshotError>);

pub fn save(app: &mut App, entity: Entity) -> NcaSnapshot {
    app.init_resource::<Saved>();
    let keep = |saved: On<NcaSaved>, mut all: ResMut<Saved>| all.0.push(saved.snapshot.clone());
    let observer = app.world_mut().spawn(Observer::new(keep)).id();
    app.world_mut().trigger(NcaSave { entity });
    // The snapshot may take several frames to arrive.
    for _ in 0..1000 {
        cells(app, entity);
        if let Some(snapshot) = app.world_mut().resource_mut::<Saved>().0.pop() {
            app.world_mut().despawn(observer);
            return snapshot;
        }
    }
    panic!("no snapshot has come");
}

fn wound(app: &mut App, entity: Entity, strength: f32) {
    let wound = NcaWound::circle(Vec2::new(4.0, 5.0), 3.0).with_strength(strength);
    app.world_mut().trigger(NcaDamage::new(entity, wound).in_cells());
}

#[test]
fn a_saved_sprite_goes_on_as_if_nothing_had_happened() {
    on_each_backend(|backend| {
        for name in ["standard", "rotated"] {
            let golden = Golden::read(name);
            let texture = |texture: NcaTexture| texture.with_seed(golden.seed).with_angle(golden.angle);
            let (mut app, entity) = app_with(backend, &golden.model, texture);
            app.world_mut().trigger(NcaWriteCells { entity, tick: 5, state: golden.start.clone() });
            headless::step(&mut app, 7);
            let scar = NcaWound::circle(Vec2::new(9.0, 9.0), 1.5).with_scars();
            app.world_mut().trigger(NcaDamage::new(entity, scar).in_cells());
            headless::step(&mut app, 3);
            // Save between a wound and the tick that applies it.
            wound(&mut app, entity, 0.5);
            let snapshot = save(&mut app, entity);
            assert_eq!(snapshot.tick(), 15);
            let go_on = |app: &mut App, entity: Entity| {
                wound(app, entity, 0.5);
                headless::step(app, 4);
                app.world_mut().trigger(NcaHeal::circle(entity, Vec2::new(9.0, 9.0), 2.0).in_cells());
                headless::step(app, 4);
                cells(app, entity)
            };
            let expected = go_on(&mut app, entity);

            let text = serde_json::to_string(&snapshot).unwrap();
            let snapshot: NcaSnapshot = serde_json::from_str(&text).unwrap();
            // Restore in a new app before its first update, over a sprite with another seed.
            let (mut app, entity) = app_with(backend, &golden.model, |texture| texture.with_seed(77));
            app.world_mut().trigger(NcaRestore { entity, snapshot: snapshot.clone() });
            let restored = go_on(&mut app, entity);
            assert_eq!(restored, expected, "{backend:?}, {name}");
            let texture = app.world().get::<NcaTexture>(entity).unwrap();
            assert_eq!((texture.seed, texture.angle), (golden.seed, golden.angle));
            // Restore again, over a living sprite.
            app.world_mut().trigger(NcaRestore { entity, snapshot });
            assert_eq!(go_on(&mut app, entity), expected, "{backend:?}, {name}");
        }
    });
}

/// The file was written by version 0.1.0, in the middle of a run, with a scar and a pending wound.
#[test]
fn an_old_snapshot_is_restored() {
    let golden = Golden::read("rotated");
    let text = std::fs::read_to_string(golden_folder().join("rotated.snapshot.json")).unwrap();
    let old: NcaSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(old.tick(), 15);
    let (mut app, entity) = app_with(NcaBackend::Cpu, &golden.model, |texture| texture.with_seed(77));
    app.world_mut().trigger(NcaRestore { entity, snapshot: old.clone() });
    // The engine has not seen the scars of the restored sprite yet.
    let form = |snapshot: &NcaSnapshot| {
        let mut form = serde_json::to_value(snapshot).unwrap();
        form["head"]["life"]["changes"]["dead_ground"].take();
        // Added since.
        form["head"].as_object_mut().unwrap().remove("output");
        form["head"]["life"].as_object_mut().unwrap().remove("overgrown");
        form
    };
    assert!(form(&save(&mut app, entity)) == form(&old), "the saved form has changed");

    // The same run, from the start.
    let texture = |texture: NcaTexture| texture.with_seed(golden.seed).with_angle(golden.angle);
    let (mut other, twin) = app_with(NcaBackend::Cpu, &golden.model, texture);
    other.world_mut().trigger(NcaWriteCells { entity: twin, tick: 5, state: golden.start.clone() });
    headless::step(&mut other, 7);
    let scar = NcaWound::circle(Vec2::new(9.0, 9.0), 1.5).with_scars();
    other.world_mut().trigger(NcaDamage::new(twin, scar).in_cells());
    headless::step(&mut other, 3);
    wound(&mut other, twin, 0.5);
    for (app, entity) in [(&mut app, entity), (&mut other, twin)] {
        headless::step(app, 6);
        app.world_mut().trigger(NcaHeal::circle(entity, Vec2::new(9.0, 9.0), 2.0).in_cells());
        headless::step(app, 4);
    }
    assert_eq!(cells(&mut app, entity), cells(&mut other, twin));
}

/// A model that was trained again takes the snapshots of its earlier version.
#[test]
fn a_snapshot_survives_new_weights() {
    on_each_backend(|backend| {
        let named = |step_size| {
            still_model(9, 7).map_rule(|rule| (rule.name, rule.step_size) = ("still".to_owned(), step_size)).unwrap()
        };
        let (mut app, entity) = app_with(backend, &named(1.0), |texture| texture);
        app.init_resource::<Refused>()
            .add_observer(|refused: On<NcaRestoreFailed>, mut all: ResMut<Refused>| all.0.push(refused.error.clone()));
        headless::step(&mut app, 2);
        let snapshot = save(&mut app, entity);
        let handle = add_model(&mut app, &named(0.5));
        let heir = app.world_mut().spawn(NcaTexture::new(handle)).id();
        app.world_mut().trigger(NcaRestore { entity: heir, snapshot: snapshot.clone() });
        assert_eq!(cells(&mut app, heir), (2, snapshot.state().clone()), "{backend:?}");
        assert!(app.world().resource::<Refused>().0.is_empty());
    });
}

/// Colors are no coordinates, even if names and sizes match.
#[test]
fn a_snapshot_of_colors_is_refused_by_a_body_of_coordinates() {
    let colors = crate::vitals::slime();
    let body = Model::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca")).unwrap();
    assert_eq!((&colors.rule().name, colors.rule().grid), (&body.rule().name, body.rule().grid));
    let (mut app, entity) = app_with(NcaBackend::Cpu, &colors, |texture| texture);
    app.init_resource::<Refused>()
        .add_observer(|refused: On<NcaRestoreFailed>, mut all: ResMut<Refused>| all.0.push(refused.error.clone()));
    headless::step(&mut app, 2);
    let snapshot = save(&mut app, entity);
    let handle = add_model(&mut app, &body);
    let heir = app.world_mut().spawn(NcaTexture::new(handle)).id();
    app.world_mut().trigger(NcaRestore { entity: heir, snapshot });
    headless::step(&mut app, 1);
    assert!(matches!(app.world().resource::<Refused>().0[..], [NcaSnapshotError::Model { .. }]));
}

#[test]
fn a_snapshot_of_something_else_is_refused() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 7), |texture| texture);
    app.init_resource::<Refused>()
        .add_observer(|refused: On<NcaRestoreFailed>, mut all: ResMut<Refused>| all.0.push(refused.error.clone()));
    headless::step(&mut app, 2);
    let snapshot = save(&mut app, entity);
    let before = cells(&mut app, entity);

    let other = still_model(9, 7).map_rule(|rule| (rule.name, rule.step_size) = ("another".to_owned(), 0.5)).unwrap();
    let handle = add_model(&mut app, &other);
    let stranger = app.world_mut().spawn(NcaTexture::new(handle)).id();
    let handle = add_model(&mut app, &still_model(9, 7));
    let larger = app.world_mut().spawn(NcaTexture::new(handle).with_grid((10, 7))).id();
    for entity in [stranger, larger] {
        app.world_mut().trigger(NcaRestore { entity, snapshot: snapshot.clone() });
    }
    app.update();
    let text = serde_json::to_string(&snapshot).unwrap();
    let broken = text.replace("\"owed\":0.0", "\"owed\":-1e9");
    assert_ne!(broken, text);
    app.world_mut().trigger(NcaRestore { entity, snapshot: serde_json::from_str(&broken).unwrap() });
    app.update();
    let errors: Vec<String> = app.world().resource::<Refused>().0.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "expected a snapshot of the model `another`, found one of ``",
            "expected a snapshot of 10x7 cells of 8 channels, found 9x7 of 8",
            "found a snapshot whose wounds or numbers do not fit its cells; is it damaged?",
        ]
    );
    assert_eq!(cells(&mut app, entity), before);
    for (from, to) in
        [("\"width\":9", "\"width\":8"), ("\"width\":9", "\"width\":18446744073709551615"), ("1.0", "1e999")]
    {
        assert_ne!(text.replacen(from, to, 1), text);
        assert!(serde_json::from_str::<NcaSnapshot>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

fn asleep(app: &App, entity: Entity) -> bool {
    app.world().get::<NcaSleeping>(entity).is_some()
}

#[test]
fn who_is_left_in_peace_falls_asleep_and_a_wound_wakes_him() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(40);
        // With every cell alive, the sprite is whole: the model has no target, and its seed does not grow.
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: crate::plugin::full(9, 9) });
        headless::step(&mut app, 39);
        app.update();
        assert!(!asleep(&app, entity));
        headless::step(&mut app, 20);
        assert!(asleep(&app, entity));
        assert_eq!(cells(&mut app, entity).0, 40, "it does not tick");
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(900.0, 0.0), 3.0));
        app.update();
        assert!(asleep(&app, entity), "missed");
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::ZERO, 1.0));
        app.update();
        assert!(!asleep(&app, entity));
        headless::step(&mut app, 10);
        let (tick, state) = cells(&mut app, entity);
        assert_eq!((tick, state.cell(4, 4).unwrap()[3]), (50, 0.0));

        // Put it to sleep and wake it by hand.
        app.world_mut().entity_mut(entity).insert(NcaSleeping);
        headless::step(&mut app, 10);
        assert_eq!(cells(&mut app, entity).0, 50);
        app.world_mut().entity_mut(entity).remove::<NcaSleeping>();
        headless::step(&mut app, 10);
        assert_eq!(cells(&mut app, entity).0, 60);
        app.world_mut().entity_mut(entity).insert(NcaSleeping);
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().angle = 1.0;
        app.update();
        headless::step(&mut app, 10);
        assert_eq!(cells(&mut app, entity).0, 70, "another angle wakes it");

        // A sprite that is spawned asleep stays a seed until it is healed.
        let handle = app.world().get::<NcaTexture>(entity).unwrap().model.clone();
        let sleeper = app.world_mut().spawn((NcaTexture::new(handle), NcaSleeping)).id();
        headless::step(&mut app, 5);
        assert_eq!(cells(&mut app, sleeper).0, 0);
        app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
        app.world_mut().trigger(NcaHeal::circle(sleeper, Vec2::ZERO, 1.0).in_cells());
        headless::step(&mut app, 50);
        assert_eq!(cells(&mut app, sleeper).0, 50, "{backend:?}");
    });
    // A texture, which has no life mask, never falls asleep.
    let still = still_model(9, 9);
    let texture =
        Model::new(bevy_nca::rule::Rule { alive: None, ..still.rule().clone() }, still.weights().clone(), None);
    let mut app = paused_app(NcaBackend::Cpu);
    let handle = add_model(&mut app, &texture.unwrap());
    let entity = app.world_mut().spawn(NcaTexture::new(handle)).id();
    headless::step(&mut app, 650);
    assert_eq!(cells(&mut app, entity).0, 650);
}

#[test]
fn whoever_asks_is_answered_also_while_the_clock_runs() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &Golden::read("small").model, |texture| texture);
        app.init_resource::<Saved>();
        app.add_observer(|saved: On<NcaSaved>, mut all: ResMut<Saved>| all.0.push(saved.snapshot.clone()));
        app.world_mut().resource_mut::<NcaClock>().paused = false;
        // Ask from the first frame on, while shaders are still compiling.
        for _ in 0..60 {
            app.world_mut().trigger(NcaSave { entity });
            app.update();
        }
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let (tick, state) = cells(&mut app, entity);
        let saved = std::mem::take(&mut app.world_mut().resource_mut::<Saved>().0);
        let ticks: Vec<u32> = saved.iter().map(NcaSnapshot::tick).collect();
        assert!(ticks.is_sorted() && ticks.len() <= 60, "{ticks:?}");
        assert_eq!((ticks.last(), saved.last().map(NcaSnapshot::state)), (Some(&tick), Some(&state)), "{backend:?}");
        let distinct = ticks.windows(2).filter(|pair| pair[0] < pair[1]).count() as u32;
        assert!(tick < 10 || distinct + 10 > tick, "{backend:?}: {ticks:?}");
    });
}

#[test]
fn a_restored_sleeper_knows_how_it_is() {
    on_each_backend(|backend| {
        let model = crate::vitals::slime();
        let (mut app, entity) = app_with(backend, &model, |texture| texture);
        app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(10);
        headless::step(&mut app, 150);
        headless::step(&mut app, 1);
        (0..9).for_each(|_| app.update());
        headless::step(&mut app, 1);
        app.update();
        assert!(asleep(&app, entity));
        let before = *app.world().get::<NcaVitals>(entity).unwrap();
        let snapshot = save(&mut app, entity);
        // Change the model and restore in the same frame.
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        app.update();
        let handle = add_model(&mut app, &model);
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().model = handle;
        app.world_mut().trigger(NcaRestore { entity, snapshot });
        headless::step(&mut app, 5);
        app.update();
        assert_eq!(*app.world().get::<NcaVitals>(entity).unwrap(), before, "{backend:?}");
        assert!(asleep(&app, entity) && before.condition == NcaCondition::Whole);
    });
}

/// A game restores a dead sprite from a checkpoint at which it was asleep.
#[test]
fn a_sleeper_that_is_restored_as_it_dies_is_whole() {
    on_each_backend(|backend| {
        let model = crate::vitals::slime();
        let (mut app, entity) = app_with(backend, &model, |texture| texture);
        app.world_mut().entity_mut(entity).insert(NcaAliveMask::default());
        app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(10);
        headless::step(&mut app, 150);
        for _ in 0..4 {
            headless::step(&mut app, 10);
            app.update();
        }
        assert!(asleep(&app, entity));
        let before = *app.world().get::<NcaVitals>(entity).unwrap();
        let snapshot = save(&mut app, entity);
        app.add_observer(move |died: On<NcaDied>, mut commands: Commands| {
            commands.trigger(NcaRestore { entity: died.entity, snapshot: snapshot.clone() });
        });
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::splat(15.0), 99.0).in_cells());
        headless::step(&mut app, 3);
        (0..8).for_each(|_| app.update());
        assert_eq!(*app.world().get::<NcaVitals>(entity).unwrap(), before, "{backend:?}");
        let mask = app.world().get::<NcaAliveMask>(entity).unwrap();
        assert_eq!(mask.cells.as_ref().unwrap().iter().count() as u32, before.live_cells, "{backend:?}");
    });
}
