//! When cells tick.

use std::time::Duration;

use bevy::{prelude::*, time::TimeUpdateStrategy};
use bevy_nca::{headless, prelude::*, rule::State};

use crate::{
    plugin::{add_model, app_with, cells},
    support::{Golden, on_each_backend},
};

#[test]
fn time_passes_at_the_clock_s_rate() {
    let (mut app, entity) = app_with(NcaBackend::Cpu, &Golden::read("small").model, |texture| texture);
    cells(&mut app, entity);
    app.world_mut().resource_mut::<NcaClock>().paused = false;
    (0..60).for_each(|_| app.update());
    app.world_mut().resource_mut::<NcaClock>().speed = 2.0;
    (0..30).for_each(|_| app.update());
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let (tick, _) = cells(&mut app, entity);
    assert!((119..=121).contains(&tick), "{tick}");
}

#[test]
fn ticks_may_be_counted_in_any_schedule() {
    let count = |plugin: NcaPlugin| {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, AssetPlugin::default(), ImagePlugin::default(), TransformPlugin, plugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs(1) / 60));
        let model = add_model(&mut app, &Golden::read("small").model);
        let entity = app.world_mut().spawn((NcaTexture::new(model), Sprite::default())).id();
        (0..11).for_each(|_| app.update());
        cells(&mut app, entity).0
    };
    assert!((9..=11).contains(&count(NcaPlugin::default())));
    assert!((9..=12).contains(&count(NcaPlugin::in_schedule(Update))));
    assert!((9..=12).contains(&count(NcaPlugin::in_schedule(PostUpdate))));
}

#[test]
fn each_sprite_has_its_own_pace() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &Golden::read("small").model, |texture| texture);
        cells(&mut app, entity);
        let mut expected = 0;
        let nan = NcaPace { speed: f32::NAN, ..default() };
        let paces = [(0.25, 2), (3.0, 24), (99.0, 128), (-1.0, 0)]
            .map(|(speed, ticks)| (NcaPace { speed, ..default() }, ticks));
        for (pace, ticks) in paces.into_iter().chain([(nan, 0), (NcaPace { speed: 1.0, paused: true }, 0)]) {
            app.world_mut().entity_mut(entity).insert(pace);
            headless::step(&mut app, 8);
            expected += ticks;
            assert_eq!(cells(&mut app, entity).0, expected, "{backend:?}, {pace:?}");
        }
        app.world_mut().entity_mut(entity).remove::<NcaPace>();
        headless::step(&mut app, 8);
        assert_eq!(cells(&mut app, entity).0, expected + 8);
    });
}

#[derive(Resource)]
struct Script {
    model: Handle<NcaModel>,
    step: u32,
}

/// In fixed time, spawns a sprite, changes its pace, wounds it, and finally pauses the clock.
fn play(
    mut commands: Commands,
    mut script: ResMut<Script>,
    mut clock: ResMut<NcaClock>,
    sprite: Query<Entity, With<NcaTexture>>,
) {
    script.step += 1;
    match script.step {
        5 => {
            let pace = NcaPace { speed: 0.7, ..default() };
            commands.spawn((NcaTexture::new(script.model.clone()).with_seed(3), Sprite::default(), pace));
        }
        20 => drop(commands.entity(sprite.single().unwrap()).remove::<NcaPace>()),
        41 => commands.trigger(NcaDamage::circle(sprite.single().unwrap(), Vec2::new(2.0, 1.0), 3.5)),
        50 => {
            let acid = NcaWound::circle(Vec2::ZERO, 9.0).with_strength(0.3);
            commands.trigger(NcaDamage::new(sprite.single().unwrap(), acid));
        }
        60 => drop(commands.entity(sprite.single().unwrap()).insert(NcaPace { speed: 1.5, ..default() })),
        90 => clock.paused = true,
        _ => {}
    }
}

fn played(backend: NcaBackend, frames: impl Iterator<Item = f64>) -> (u32, State) {
    let mut app = headless::app(backend).unwrap();
    let model = add_model(&mut app, &Golden::read("standard").model);
    app.insert_resource(Script { model, step: 0 }).add_systems(FixedUpdate, play);
    for seconds in frames {
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs_f64(seconds)));
        app.update();
    }
    let sprite = app.world_mut().query_filtered::<Entity, With<NcaTexture>>().single(app.world()).unwrap();
    assert!(app.world().resource::<Script>().step >= 90);
    cells(&mut app, sprite)
}

#[test]
fn the_same_inputs_give_the_same_cells_at_any_frame_rate() {
    let at = |rate: u32| played(NcaBackend::Cpu, (0..rate * 2).map(move |_| 1.0 / f64::from(rate)));
    let expected = at(60);
    assert!(expected.0 > 80 && expected.1.values().iter().any(|value| *value != 0.0));
    assert_eq!(at(30), expected);
    assert_eq!(at(144), expected);
    // Frames from zero to a quarter of a second.
    let stutter = (0..30u32).map(|frame| f64::from(bevy_nca::rule::mix(frame) % 250) / 1000.0);
    assert_eq!(played(NcaBackend::Cpu, stutter), expected);
}
