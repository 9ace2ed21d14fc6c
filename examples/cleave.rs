//! Coming apart: slimes that become two, four, eight, and win if you are careless.
//!
//! Drag the mouse to swing a blade. What you cut off grows whole again, unless it is too small. R begins again.

use avian2d::prelude::*;
use bevy::{camera::ScalingMode, prelude::*};
use bevy_nca::{prelude::*, rule::mix};

/// Half the width and height of the arena, in world units.
const ARENA: Vec2 = Vec2::new(480.0, 300.0);
/// So many slimes win.
const MOST: usize = 12;
/// The shortest stroke of the blade.
const STROKE: f32 = 6.0;
/// The seconds that a part of a stroke cuts.
const TRAIL: f32 = 0.25;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, PhysicsPlugins::default().with_length_unit(40.0), NcaPlugin::default()))
        .insert_resource(Gravity(Vec2::NEG_Y * 900.0))
        .insert_resource(ClearColor(Color::srgb_u8(24, 24, 38)))
        .init_state::<Game>()
        .add_systems(Startup, (stage, begin))
        .add_systems(Update, (begin.run_if(is_again), swing, cut, hop, judge).chain())
        .add_observer(drop_when_grown)
        .add_observer(part)
        .add_observer(bury)
        .run()
}

#[derive(States, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Game {
    #[default]
    Runs,
    Won,
    Lost,
}

/// A slime, and the time until its next hop.
#[derive(Component, Clone)]
struct Slime(Timer);

/// A part of the way of the blade. It cuts as long as it is seen, for some seconds: a stroke that takes a while goes through.
#[derive(Component)]
struct Trail {
    ends: [Vec2; 2],
    left: f32,
}

#[derive(Component)]
struct Caption;

fn stage(mut commands: Commands) {
    let scaling_mode = ScalingMode::AutoMin { min_width: ARENA.x * 2.0, min_height: ARENA.y * 2.0 };
    let projection = OrthographicProjection { scaling_mode, ..OrthographicProjection::default_2d() };
    commands.spawn((Camera2d, Projection::Orthographic(projection)));
    let wide = Vec2::new(ARENA.x * 4.0, 80.0);
    let high = Vec2::new(80.0, ARENA.y * 4.0);
    let outside = ARENA + 40.0;
    for (at, size) in [
        (Vec2::new(0.0, 50.0 - outside.y), wide),
        (Vec2::new(0.0, outside.y + 300.0), wide),
        (Vec2::new(-outside.x, 0.0), high),
        (Vec2::new(outside.x, 0.0), high),
    ] {
        commands.spawn((
            RigidBody::Static,
            Collider::rectangle(size.x, size.y),
            Sprite::from_color(Color::srgb_u8(52, 50, 76), size),
            Transform::from_translation(at.extend(-1.0)),
        ));
    }
    commands.spawn((Caption, Text::default(), Node { left: px(16), top: px(16), ..default() }));
}

fn is_again(keys: Res<ButtonInput<KeyCode>>) -> bool {
    keys.just_pressed(KeyCode::KeyR)
}

/// Two slimes, and no others.
fn begin(
    slimes: Query<Entity, With<Slime>>,
    assets: Res<AssetServer>,
    mut next: ResMut<NextState<Game>>,
    mut commands: Commands,
) {
    slimes.iter().for_each(|slime| commands.entity(slime).despawn());
    next.set(Game::Runs);
    for (seed, x) in [(1, -200.0), (2, 200.0)] {
        commands.spawn((
            NcaTexture::new(assets.load("models/slime.nca")).with_seed(seed),
            Sprite::sized(Vec2::splat(280.0)),
            Transform::from_xyz(x, -120.0, 0.0),
            Slime(Timer::from_seconds(1.0 + x.signum() * 0.4, TimerMode::Repeating)),
            NcaSever { fewest_cells: 70, most_pieces: 16, push: 160.0, ..default() },
            NcaDebris::default(),
            NcaKillBelow(0.12),
            // Static until it has grown.
            (NcaCollider::default(), RigidBody::Static, Restitution::new(0.2), LockedAxes::ROTATION_LOCKED),
        ));
    }
}

fn drop_when_grown(grown: On<NcaGrown>, mut commands: Commands) {
    commands.entity(grown.entity).insert(RigidBody::Dynamic);
}

/// The blade follows the mouse.
fn swing(
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    mut last: Local<Option<Vec2>>,
    mut commands: Commands,
) {
    let cursor = window.cursor_position().filter(|_| mouse.pressed(MouseButton::Left));
    let Some(at) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) else {
        *last = None;
        return;
    };
    let from = *last.get_or_insert(at);
    if from.distance(at) > STROKE {
        let across = at - from;
        commands.spawn((
            Trail { ends: [from, at], left: TRAIL },
            Sprite::sized(Vec2::new(across.length() + 4.0, 7.0)),
            Transform::from_translation(from.midpoint(at).extend(5.0))
                .with_rotation(Quat::from_rotation_z(across.to_angle())),
        ));
        *last = Some(at);
    }
}

fn cut(mut trails: Query<(Entity, &mut Trail, &mut Sprite)>, time: Res<Time>, mut commands: Commands) {
    for (entity, mut trail, mut sprite) in &mut trails {
        commands.trigger(NcaBlast::new(NcaWound::capsule(trail.ends[0], trail.ends[1], 6.0)));
        trail.left -= time.delta_secs();
        sprite.color.set_alpha(trail.left / TRAIL);
        if trail.left <= 0.0 {
            commands.entity(entity).despawn();
        }
    }
}

/// Each piece hops at a time of its own.
fn part(severed: On<NcaSevered>, mut slimes: Query<&mut Slime>) {
    for piece in &severed.pieces {
        if let Ok(mut slime) = slimes.get_mut(*piece) {
            slime.0 = Timer::from_seconds(0.8 + chance(piece.to_bits() as u32), TimerMode::Repeating);
        }
    }
}

fn bury(died: On<NcaDied>, mut commands: Commands) {
    commands.entity(died.entity).try_despawn();
}

/// Slimes hop to and fro.
fn hop(mut slimes: Query<(&mut Slime, &mut LinearVelocity, &Transform)>, time: Res<Time>) {
    for (mut slime, mut velocity, at) in &mut slimes {
        if slime.0.tick(time.delta()).just_finished() {
            let side = chance(at.translation.x.to_bits()) - 0.5;
            velocity.0 += Vec2::new(360.0 * side, 330.0);
        }
    }
}

/// A number from 0 to 1.
fn chance(seed: u32) -> f32 {
    mix(seed) as f32 / u32::MAX as f32
}

fn judge(
    slimes: Query<(), With<Slime>>,
    game: Res<State<Game>>,
    mut next: ResMut<NextState<Game>>,
    mut caption: Single<&mut Text, With<Caption>>,
) {
    let count = slimes.iter().count();
    if *game.get() == Game::Runs {
        match count {
            0 => next.set(Game::Won),
            MOST.. => next.set(Game::Lost),
            _ => {}
        }
    }
    let text = match game.get() {
        Game::Runs => format!("{count} of {MOST} slimes: cut them small, and quickly"),
        Game::Won => "nothing is left of them. R: again".to_owned(),
        Game::Lost => "the slimes have won. R: again".to_owned(),
    };
    caption.set_if_neq(Text(text));
}
