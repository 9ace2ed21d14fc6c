//! Forms: a slime whose mood goes by its wounds.
//!
//! Click to shoot. The keys 1, 2 and 3 set its mood, and Space leads it through all of them.

use bevy::prelude::*;
use bevy_nca::prelude::*;

const MOODS: [&str; 3] = ["calm", "hurt", "enraged"];
/// Seconds without a wound after which the slime is calm again.
const TEMPER: f32 = 4.0;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins.set(ImagePlugin::default_nearest()), NcaPlugin::default()))
        .insert_resource(ClearColor(Color::srgb_u8(24, 26, 36)))
        .add_systems(Startup, spawn)
        .add_systems(Update, (shoot, choose, calm_down))
        .add_observer(take_offence)
        .add_observer(tell)
        .run()
}

/// A slime that was shot so many times, and how long it remembers.
#[derive(Component, Default)]
struct Slime {
    shots: usize,
    temper: Timer,
}

#[derive(Component)]
struct Caption;

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    let slime = NcaTexture::new(assets.load("models/forms/moods.nca"));
    let place = Transform::from_scale(Vec3::splat(14.0));
    commands.spawn((slime, NcaForm::new(MOODS[0]), Sprite::default(), Slime::default(), place));
    commands.spawn((Caption, Text::default(), Node { left: px(16), top: px(16), ..default() }));
}

fn shoot(
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    mut commands: Commands,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(at) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        commands.trigger(NcaBlast::circle(at, 40.0));
    }
}

/// The slime is hurt by a wound, and enraged by the third one.
fn take_offence(wounded: On<NcaWounded>, mut slimes: Query<&mut Slime>, mut commands: Commands) {
    if let Ok(mut slime) = slimes.get_mut(wounded.entity) {
        slime.shots += 1;
        slime.temper = Timer::from_seconds(TEMPER, TimerMode::Once);
        commands.entity(wounded.entity).insert(NcaForm::new(if slime.shots < 3 { MOODS[1] } else { MOODS[2] }));
    }
}

fn calm_down(mut slimes: Query<(Entity, &mut Slime)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut slime) in &mut slimes {
        if slime.shots > 0 && slime.temper.tick(time.delta()).just_finished() {
            slime.shots = 0;
            commands.entity(entity).insert(NcaForm::new(MOODS[0]));
        }
    }
}

fn choose(keys: Res<ButtonInput<KeyCode>>, slimes: Query<Entity, With<Slime>>, mut commands: Commands) {
    for (key, mood) in [KeyCode::Digit1, KeyCode::Digit2, KeyCode::Digit3].into_iter().zip(MOODS) {
        if keys.just_pressed(key) {
            slimes.iter().for_each(|slime| _ = commands.entity(slime).insert(NcaForm::new(mood)));
        }
    }
    if keys.just_pressed(KeyCode::Space) {
        let tour = NcaForm::walk([(60, MOODS[1]), (180, MOODS[1]), (240, MOODS[2]), (360, MOODS[2]), (420, MOODS[0])]);
        slimes.iter().for_each(|slime| _ = commands.entity(slime).insert(tour.clone()));
    }
}

/// Says which mood it has.
fn tell(morphed: On<NcaMorphed>, mut caption: Single<&mut Text, With<Caption>>) {
    caption.0 = format!("the slime is {}", MOODS.get(morphed.form).copied().unwrap_or_default());
}
