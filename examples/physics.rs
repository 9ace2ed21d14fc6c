//! Physics: slimes fall and pile up, and bullets bore through them. Click to fire.

use avian2d::prelude::*;
use bevy::prelude::*;
use bevy_nca::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, PhysicsPlugins::default().with_length_unit(20.0), NcaPlugin::default()))
        .insert_resource(Gravity(Vec2::NEG_Y * 500.0))
        .add_systems(Startup, spawn)
        .add_systems(Update, (fire, forget))
        .add_observer(drop_when_grown)
        .run()
}

#[derive(Component)]
struct Bullet;

fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
    commands.spawn(Camera2d);
    commands.spawn((
        RigidBody::Static,
        Collider::rectangle(1400.0, 40.0),
        Sprite::from_color(Color::srgb_u8(60, 64, 84), Vec2::new(1400.0, 40.0)),
        Transform::from_xyz(0.0, -300.0, 0.0),
    ));
    for (index, model) in ["slime", "heart", "mushroom", "slime", "coin", "slime"].into_iter().enumerate() {
        let x = (index as f32 - 2.5) * 150.0;
        commands.spawn((
            NcaTexture::new(assets.load(format!("models/{model}.nca"))).with_seed(index as u32),
            Sprite::default(),
            Transform::from_xyz(x, -120.0 + (index % 3) as f32 * 130.0, 0.0).with_scale(Vec3::splat(4.5)),
            // Hard landings wound it.
            (NcaCollider::default(), NcaImpact::new(20.0).with_threshold(1.5e6)),
            // Static until it has grown.
            RigidBody::Static,
        ));
    }
}

fn drop_when_grown(grown: On<NcaGrown>, mut commands: Commands) {
    commands.entity(grown.entity).insert(RigidBody::Dynamic);
}

fn fire(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    if let Some(point) = cursor.and_then(|cursor| camera.0.viewport_to_world_2d(camera.1, cursor).ok()) {
        let muzzle = Vec2::new(-620.0, point.y);
        commands.spawn((
            Bullet,
            // A sensor bores through sprites; a solid bullet would push them away.
            (RigidBody::Kinematic, Collider::circle(7.0), Sensor, NcaImpact::new(16.0)),
            LinearVelocity((point - muzzle).normalize_or(Vec2::X) * 500.0),
            Sprite::from_color(Color::srgb_u8(255, 225, 120), Vec2::splat(14.0)),
            Transform::from_translation(muzzle.extend(1.0)),
        ));
    }
}

fn forget(bullets: Query<(Entity, &Transform), With<Bullet>>, mut commands: Commands) {
    for (entity, _) in bullets.iter().filter(|(_, at)| at.translation.length() > 900.0) {
        commands.entity(entity).despawn();
    }
}
