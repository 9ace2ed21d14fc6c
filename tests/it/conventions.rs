//! What a Bevy user expects: scenes, reflection, messages, change detection, diagnostics.

use avian2d::prelude::PhysicsPlugins;
use bevy::{
    diagnostic::{DiagnosticPath, DiagnosticsStore},
    ecs::entity::EntityHashMap,
    prelude::*,
    reflect::TypeRegistry,
    scene::ScenePlugin,
    world_serialization::serde::WorldDeserializer,
};
use bevy_nca::{NcaCollider, NcaImpact, headless, prelude::*};
use serde::de::DeserializeSeed;

use crate::{
    plugin::{add_model, app_with, full, still_model},
    support::on_each_backend,
};

/// An app with scenes, whose clock is paused.
fn app() -> App {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        app.add_plugins(ScenePlugin).register_type::<Transform>();
    })
    .unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    app
}

#[test]
fn a_bsn_scene_names_its_model_by_path() {
    let mut app = app();
    let model: Handle<NcaModel> = app.world().resource::<AssetServer>().load("models/slime.nca");
    let scene = bsn! {
        NcaTexture { model: "models/slime.nca", seed: 7, grid: UVec2::new(32, 32) }
        NcaPace { speed: 2.0 }
        NcaAliveMask
        Sprite
    };
    let entity = app.world_mut().spawn_scene(scene).unwrap().id();
    let expected = NcaTexture::new(model).with_seed(7).with_grid((32, 32));
    assert_eq!(app.world().get::<NcaTexture>(entity), Some(&expected));
    headless::step(&mut app, 20);
    assert_eq!(app.world().get::<NcaVitals>(entity).unwrap().tick, 40, "it grows, at its pace");
    // The art of a skin too.
    let skin = app.world_mut().spawn_scene(bsn! { NcaSkin { art: "art/knight.png", pixelated: true } }).unwrap().id();
    let art: Handle<Image> = app.world().resource::<AssetServer>().load("art/knight.png");
    assert_eq!(app.world().get::<NcaSkin>(skin), Some(&NcaSkin::new(art.clone()).with_pixelated()));
    assert_eq!(app.world().get::<Sprite>(skin).unwrap().image, art);
}

/// The registered types of the crate, by type path.
fn registered(registry: &TypeRegistry) -> Vec<&'static str> {
    let mut paths: Vec<&str> = registry
        .iter()
        .map(|registration| registration.type_info().type_path())
        .filter(|path| path.starts_with("bevy_nca::"))
        .collect();
    paths.sort_unstable();
    paths
}

/// Saved scenes name these paths, so they must not change.
#[test]
fn types_are_registered_under_stable_paths() {
    let app = app();
    let registry = app.world().resource::<AppTypeRegistry>().read();
    let names = [
        "NcaAliveMask",
        "NcaArmor",
        "NcaBackend",
        "NcaBlast",
        "NcaCellsRead",
        "NcaClock",
        "NcaCollider",
        "NcaCondition",
        "NcaDamage",
        "NcaDebris",
        "NcaDied",
        "NcaDirections",
        "NcaEngine",
        "NcaFilter",
        "NcaForm",
        "NcaFormName",
        "NcaFormStop",
        "NcaGrown",
        "NcaHeal",
        "NcaHeld",
        "NcaImpact",
        "NcaKillBelow",
        "NcaModel",
        "NcaMorphed",
        "NcaPace",
        "NcaPaint",
        "NcaPieceFate",
        "NcaPieceLimit",
        "NcaPieceOf",
        "NcaPieces",
        "NcaPrecision",
        "NcaReadCells",
        "NcaRegrown",
        "NcaRelief",
        "NcaReliefKind",
        "NcaRestore",
        "NcaRestoreFailed",
        "NcaSave",
        "NcaSaved",
        "NcaSever",
        "NcaSevered",
        "NcaShed",
        "NcaShedCell",
        "NcaShedding",
        "NcaSkin",
        "NcaSleeping",
        "NcaSleepingDisabled",
        "NcaSnapshot",
        "NcaSpace",
        "NcaTexture",
        "NcaTiling",
        "NcaVitals",
        "NcaWound",
        "NcaWounded",
        "NcaWriteCells",
    ];
    assert_eq!(registered(&registry), names.map(|name| format!("bevy_nca::{name}")));
    for name in ["NcaAliveMask", "NcaArmor", "NcaCollider", "NcaPace", "NcaSkin", "NcaTexture", "NcaVitals"] {
        let registration = registry.get_with_type_path(&format!("bevy_nca::{name}")).unwrap();
        assert!(registration.data::<ReflectComponent>().is_some(), "{name}");
    }
    for name in ["NcaClock", "NcaEngine"] {
        let registration = registry.get_with_type_path(&format!("bevy_nca::{name}")).unwrap();
        assert!(registration.data::<ReflectResource>().is_some(), "{name}");
    }
    for name in ["NcaBlast", "NcaDamage", "NcaGrown", "NcaHeal", "NcaSaved", "NcaWriteCells"] {
        let registration = registry.get_with_type_path(&format!("bevy_nca::{name}")).unwrap();
        assert!(registration.data::<ReflectEvent>().is_some(), "{name}");
    }
}

#[test]
fn a_scene_keeps_what_the_game_has_set() {
    let mut app = app();
    let model = app.world().resource::<AssetServer>().load("models/slime.nca");
    let texture = NcaTexture::new(model).with_seed(3).with_angle(0.5).with_crisp();
    let armor = NcaArmor::new(0.25).with_plate(Shape::circle(9.0, 8.0, 2.5), 1.0);
    let pace = NcaPace { speed: 0.5, paused: false };
    let impact = NcaImpact::new(12.0).with_threshold(3.0);
    let bundle = (
        texture,
        armor.clone(),
        pace,
        impact,
        NcaKillBelow(0.3),
        NcaSleepingDisabled,
        NcaCollider::default(),
        Transform::from_xyz(1.0, 2.0, 3.0),
    );
    let entity = app.world_mut().spawn(bundle).id();
    headless::step(&mut app, 30);
    let text = {
        let registry = app.world().resource::<AppTypeRegistry>().read();
        let builder = DynamicWorldBuilder::from_world(app.world(), &registry).extract_entity(entity);
        builder.build().serialize(&registry).unwrap()
    };

    let mut other = self::app();
    let registry = other.world().resource::<AppTypeRegistry>().clone();
    let mut assets = other.world().resource::<AssetServer>().clone();
    let mut deserializer = ron::de::Deserializer::from_str(&text).unwrap();
    let seed = WorldDeserializer { type_registry: &registry.read(), load_from_path: &mut assets };
    let saved = seed.deserialize(&mut deserializer).unwrap();
    let mut map = EntityHashMap::default();
    saved.write_to_world(other.world_mut(), &mut map).unwrap();
    let copy = map[&entity];
    let world = other.world();
    assert_eq!(world.get::<NcaArmor>(copy), Some(&armor));
    assert_eq!(world.get::<NcaPace>(copy), Some(&pace));
    assert_eq!(world.get::<NcaImpact>(copy), Some(&impact));
    assert_eq!(world.get::<NcaKillBelow>(copy), Some(&NcaKillBelow(0.3)));
    assert!(world.get::<NcaSleepingDisabled>(copy).is_some() && world.get::<NcaCollider>(copy).is_some());
    let texture = world.get::<NcaTexture>(copy).unwrap();
    assert_eq!((texture.seed, texture.angle, texture.crisp), (3, 0.5, true));
    assert_eq!(texture.model.path().unwrap().to_string(), "models/slime.nca");
    headless::step(&mut other, 10);
    assert_eq!(other.world().get::<NcaVitals>(copy).unwrap().tick, 5, "it grows from the seed, at its pace");
}

#[derive(Resource, Default)]
struct Told(Vec<&'static str>);

#[test]
fn reports_are_events_and_messages() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        app.init_resource::<Told>()
            .add_observer(|_: On<NcaGrown>, mut told: ResMut<Told>| told.0.push("grown"))
            .add_observer(|_: On<NcaWounded>, mut told: ResMut<Told>| told.0.push("wounded"))
            .add_observer(|_: On<NcaRegrown>, mut told: ResMut<Told>| told.0.push("regrown"))
            .add_observer(|_: On<NcaDied>, mut told: ResMut<Told>| told.0.push("died"));
        app.init_resource::<Changes>()
            .add_systems(Update, |mut grown: MessageReader<NcaGrown>, mut changes: ResMut<Changes>| {
                changes.0 += grown.read().count() as u32
            });
        let step = |app: &mut App| {
            (0..6).for_each(|_| headless::step(app, 1));
            (0..6).for_each(|_| app.update());
            std::mem::take(&mut app.world_mut().resource_mut::<Told>().0)
        };
        let write = |app: &mut App| {
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
        };
        write(&mut app);
        assert_eq!(step(&mut app), ["grown"], "{backend:?}");
        let spot = NcaDamage::circle(entity, Vec2::splat(1.5), 0.6).in_cells();
        app.world_mut().trigger(spot);
        assert_eq!(step(&mut app), ["wounded", "regrown"], "{backend:?}: one of 81 cells is not missed");
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::splat(4.5), 20.0).in_cells());
        assert_eq!(step(&mut app), ["wounded", "died"], "{backend:?}");
        write(&mut app);
        assert_eq!(step(&mut app), ["grown"], "{backend:?}: it is another life");
        assert_eq!(app.world().resource::<Changes>().0, 2, "{backend:?}: each is a message, too");
    });
}

#[test]
fn a_sprite_may_be_kept_awake() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 9), |texture| texture);
    app.world_mut().resource_mut::<NcaClock>().sleep_after = Some(20);
    app.world_mut().entity_mut(entity).insert(NcaSleepingDisabled);
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
    let is_asleep = |app: &mut App| {
        headless::step(app, 60);
        app.world().get::<NcaSleeping>(entity).is_some()
    };
    assert!(!is_asleep(&mut app));
    app.world_mut().entity_mut(entity).remove::<NcaSleepingDisabled>();
    assert!(is_asleep(&mut app));
    app.world_mut().entity_mut(entity).insert(NcaSleepingDisabled);
    assert!(!is_asleep(&mut app), "the marker wakes it");
}

#[derive(Resource, Default)]
struct Changes(u32);

#[test]
fn a_changed_model_changes_its_textures() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &still_model(9, 9), |texture| texture);
    app.init_resource::<Changes>().add_systems(
        Update,
        |changed: Query<(), AssetChanged<NcaTexture>>, mut changes: ResMut<Changes>| {
            changes.0 += changed.iter().count() as u32;
        },
    );
    (0..4).for_each(|_| app.update());
    let before = app.world().resource::<Changes>().0;
    let model = app.world().get::<NcaTexture>(entity).unwrap().model.id();
    let retrained = still_model(9, 9).map_rule(|rule| rule.step_size = 0.5).unwrap();
    app.world_mut().resource_mut::<Assets<NcaModel>>().insert(model, NcaModel::from(retrained)).unwrap();
    (0..4).for_each(|_| app.update());
    assert_eq!(app.world().resource::<Changes>().0, before + 1);
}

#[test]
fn diagnostics_measure_the_simulation() {
    on_each_backend(|backend| {
        let mut app = headless::app_with(backend, |app| {
            app.add_plugins(NcaDiagnosticsPlugin);
        })
        .unwrap();
        let model = add_model(&mut app, &still_model(9, 9));
        for seed in 0..5 {
            app.world_mut().spawn(NcaTexture::new(model.clone()).with_seed(seed));
        }
        app.world_mut()
            .spawn((NcaTexture::new(model.clone()).with_grid((12, 9)), NcaPace { paused: true, speed: 1.0 }));
        headless::step(&mut app, 8);
        let measured = |app: &App, path: &DiagnosticPath| {
            app.world().resource::<DiagnosticsStore>().get(path).unwrap().value().unwrap()
        };
        let [sprites, awake, populations] =
            [NcaDiagnosticsPlugin::SPRITES, NcaDiagnosticsPlugin::AWAKE, NcaDiagnosticsPlugin::POPULATIONS]
                .map(|path| measured(&app, &path));
        assert_eq!((sprites, awake, populations), (6.0, 5.0, 2.0), "{backend:?}");
        // Each of five sprites has 9 x 9 cells of 8 values.
        assert!(measured(&app, &NcaDiagnosticsPlugin::BYTES) >= 5.0 * 81.0 * 8.0 * 4.0, "{backend:?}");
        app.world_mut().resource_mut::<NcaClock>().speed = 20.0;
        app.update();
        assert_eq!(measured(&app, &NcaDiagnosticsPlugin::TICKS), 16.0, "{backend:?}: the cap");
        assert_eq!(measured(&app, &NcaDiagnosticsPlugin::DROPPED_TICKS), 4.0, "{backend:?}");
    });
}

/// A game can order its systems against every system of the plugin.
#[test]
fn every_system_is_in_a_public_set() {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        app.add_plugins((PhysicsPlugins::default(), NcaDiagnosticsPlugin));
    })
    .unwrap();
    headless::step(&mut app, 2);
    let sets = [
        NcaSystems::ChooseBackend,
        NcaSystems::Receive,
        NcaSystems::Dress,
        NcaSystems::Place,
        NcaSystems::Tick,
        NcaSystems::Show,
        NcaSystems::Report,
        NcaSystems::Answer,
        NcaSystems::Draw,
        NcaSystems::Redraw,
        NcaSystems::Measure,
        NcaSystems::FitColliders,
        NcaSystems::Contacts,
        NcaSystems::Pick,
    ];
    let mut found = 0;
    for (label, schedule) in app.world().resource::<Schedules>().iter() {
        let Ok(systems) = schedule.systems() else { continue };
        let in_sets: Vec<_> =
            sets.iter().filter_map(|set| schedule.graph().systems_in_set(set.intern()).ok()).flatten().collect();
        for (key, system) in systems {
            let name = system.name().to_string();
            if name.starts_with("bevy_nca::") && !name.contains("apply_deferred") {
                found += 1;
                assert!(in_sets.contains(&&key), "{name} in {label:?}");
            }
        }
    }
    assert!(found > 25, "{found} systems");
}
