//! Living textures on a glowing card in 3D and on a UI node. Click either to wound it.

use bevy::{core_pipeline::tonemapping::Tonemapping, prelude::*, ui::RelativeCursorPosition};
use bevy_nca::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .add_systems(Startup, spawn)
        .add_systems(Update, (turn, shoot_card, shoot_node))
        .run()
}

/// The size of the rotating card.
const CARD: Vec2 = Vec2::new(3.0, 3.4);

fn spawn(
    mut commands: Commands,
    assets: Res<AssetServer>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    // The default needs Bevy's `tonemapping_luts` feature, which is not enabled here.
    commands.spawn((
        Camera3d::default(),
        Tonemapping::AcesFitted,
        Transform::from_xyz(0.0, 1.2, 6.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
    commands.spawn((PointLight { intensity: 6e6, ..default() }, Transform::from_xyz(3.0, 4.0, 5.0)));
    commands.spawn((
        Mesh3d(meshes.add(Plane3d::default().mesh().size(12.0, 12.0))),
        MeshMaterial3d(materials.add(Color::srgb_u8(110, 120, 160))),
        Transform::from_xyz(0.0, -1.8, 0.0),
    ));
    commands.spawn((
        Card,
        NcaTexture::new(assets.load("models/crystal.nca")),
        NcaPace { speed: 0.5, ..default() },
        Mesh3d(meshes.add(Rectangle::from_size(CARD))),
        MeshMaterial3d(materials.add(StandardMaterial {
            // The mask cuts dead cells out; living cells glow in their own colors.
            alpha_mode: AlphaMode::Mask(0.5),
            emissive: LinearRgba::gray(0.6),
            double_sided: true,
            cull_mode: None,
            ..default()
        })),
    ));
    commands.spawn((
        NcaTexture::new(assets.load("models/heart.nca")),
        NcaPace { speed: 0.5, ..default() },
        ImageNode::default(),
        RelativeCursorPosition::default(),
        Node {
            width: px(190),
            height: px(180),
            right: px(24),
            top: px(24),
            position_type: PositionType::Absolute,
            ..default()
        },
    ));
}

/// The rotating card.
#[derive(Component)]
struct Card;

fn turn(mut card: Single<&mut Transform, With<Card>>, time: Res<Time>) {
    card.rotation = Quat::from_rotation_y((time.elapsed_secs() * 0.7).sin());
}

/// Wounds the card where the ray of a click meets it, in texture coordinates.
fn shoot_card(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    card: Single<(Entity, &GlobalTransform), With<Card>>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    let ray = cursor.and_then(|cursor| camera.0.viewport_to_world(camera.1, cursor).ok());
    let (entity, transform) = *card;
    let plane = InfinitePlane3d::new(transform.back());
    let Some(point) = ray.and_then(|ray| ray.plane_intersection_point(transform.translation(), plane)) else { return };
    let local = transform.affine().inverse().transform_point3(point).truncate();
    let uv = local / CARD * Vec2::new(1.0, -1.0) + 0.5;
    if uv.cmpge(Vec2::ZERO).all() && uv.cmple(Vec2::ONE).all() {
        commands.trigger(NcaDamage::circle(entity, uv, 0.12).in_uv());
    }
}

fn shoot_node(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    node: Single<(Entity, &RelativeCursorPosition), With<NcaTexture>>,
) {
    let (entity, cursor) = *node;
    // `normalized` is zero at the center of the node.
    if let Some(at) = cursor.normalized.filter(|_| mouse.just_pressed(MouseButton::Left) && cursor.cursor_over()) {
        commands.trigger(NcaDamage::circle(entity, at + 0.5, 0.15).in_uv());
    }
}
