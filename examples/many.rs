//! A thousand living sprites, some of which are hit all the time. Click for a blast.
//!
//! `cargo run --release --example many -- 10000` sets the number of sprites.

use bevy::{
    diagnostic::{DiagnosticsStore, FrameTimeDiagnosticsPlugin},
    prelude::*,
};
use bevy_nca::{prelude::*, rule::mix};

const MODELS: [&str; 4] = ["slime", "heart", "mushroom", "coin"];
const WORLD: Vec2 = Vec2::new(1200.0, 680.0);

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, FrameTimeDiagnosticsPlugin::default(), NcaPlugin::default()))
        .add_systems(Startup, spawn)
        .add_systems(Update, (snipe, shoot, show_rate))
        .run()
}

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    let count: u32 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1000).max(1);
    commands.spawn(Camera2d);
    commands.spawn((Text::default(), Node { left: px(16), top: px(16), ..default() }, GlobalZIndex(1)));
    let columns = (count as f32 * WORLD.x / WORLD.y).sqrt().ceil();
    let step = WORLD.x / columns;
    for index in 0..count {
        let cell = Vec2::new(index as f32 % columns, (index as f32 / columns).floor()) + 0.5;
        commands.spawn((
            NcaTexture::new(assets.load(format!("models/{}.nca", MODELS[(mix(index) % 4) as usize]))).with_seed(index),
            Sprite::sized(Vec2::splat(step * 1.3)),
            Transform::from_translation(
                (cell * step * Vec2::new(1.0, -1.0) + WORLD * Vec2::new(-0.5, 0.5)).extend(0.0),
            ),
        ));
    }
}

/// Fires a hundred small blasts per second at random points.
fn snipe(mut commands: Commands, time: Res<Time>, mut owed: Local<f32>, mut shots: Local<u32>) {
    *owed += time.delta_secs() * 100.0;
    while *owed >= 1.0 {
        *owed -= 1.0;
        *shots = shots.wrapping_add(1);
        let at = [0, 1].map(|axis| mix(mix(*shots) + axis) as f32 / u32::MAX as f32 - 0.5);
        commands.trigger(NcaBlast::circle(WORLD * Vec2::from(at), 6.0));
    }
}

fn shoot(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(point) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        commands.trigger(NcaBlast::circle(point, 90.0));
    }
}

fn show_rate(diagnostics: Res<DiagnosticsStore>, sleeping: Query<(), With<NcaSleeping>>, mut text: Single<&mut Text>) {
    let rate = diagnostics.get(&FrameTimeDiagnosticsPlugin::FPS).and_then(|rate| rate.smoothed()).unwrap_or_default();
    text.0 = format!("{rate:.0} frames a second, {} asleep", sleeping.iter().len());
}
