//! Saved games: S saves the slime, L loads it, including its wounds. Click to shoot.

use bevy::prelude::*;
use bevy_nca::prelude::*;

const FILE: &str = "slime.save.json";

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, save_or_load))
        .add_observer(write)
        .add_observer(|refused: On<NcaRestoreFailed>, mut text: Single<&mut Text>| text.0 = refused.error.to_string())
        .run()
}

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    commands.spawn((Text::new("click: shoot    S: save    L: load"), Node { left: px(16), top: px(16), ..default() }));
    commands.spawn((
        NcaTexture::new(assets.load("models/slime.nca")),
        Sprite::default(),
        Transform::from_scale(Vec3::splat(16.0)),
    ));
}

fn shoot(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(point) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        commands.trigger(NcaBlast::circle(point, 70.0));
    }
}

fn save_or_load(
    mut commands: Commands,
    keys: Res<ButtonInput<KeyCode>>,
    slime: Single<Entity, With<NcaTexture>>,
    mut text: Single<&mut Text>,
) {
    if keys.just_pressed(KeyCode::KeyS) {
        // The snapshot arrives in `write`.
        commands.trigger(NcaSave { entity: *slime });
    }
    if keys.just_pressed(KeyCode::KeyL) {
        let read = std::fs::read(FILE).map_err(|error| error.to_string());
        match read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
            Ok(snapshot) => {
                commands.trigger(NcaRestore { entity: *slime, snapshot });
                text.0 = format!("loaded {FILE}");
            }
            Err(error) => text.0 = format!("{FILE}: {error}"),
        }
    }
}

fn write(saved: On<NcaSaved>, mut text: Single<&mut Text>) {
    let bytes = serde_json::to_vec(&saved.snapshot).map_err(std::io::Error::other);
    text.0 = match bytes.and_then(|bytes| std::fs::write(FILE, bytes)) {
        Ok(()) => format!("saved {FILE}"),
        Err(error) => format!("{FILE}: {error}"),
    };
}
