//! Living cells in 3D and in the user interface: a lit wall and a boss wear skins, a glowing card and a heart show their
//! cells. Click them to wound them.

use bevy::{
    asset::RenderAssetUsages,
    core_pipeline::tonemapping::Tonemapping,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
    ui::RelativeCursorPosition,
};
use bevy_nca::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .add_systems(Startup, spawn)
        .add_systems(Update, (turn, shoot_meshes, shoot_nodes))
        .run()
}

/// The size of the rotating card, and of the wall.
const CARD: Vec2 = Vec2::new(2.2, 2.5);
const WALL: Vec2 = Vec2::new(4.2, 3.0);

fn spawn(
    mut commands: Commands,
    assets: Res<AssetServer>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut images: ResMut<Assets<Image>>,
) {
    // The default needs Bevy's `tonemapping_luts` feature, which is not enabled here.
    commands.spawn((
        Camera3d::default(),
        Tonemapping::AcesFitted,
        Transform::from_xyz(0.0, 1.2, 6.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
    let lamp = PointLight { intensity: 3e6, shadow_maps_enabled: true, ..default() };
    commands.spawn((lamp, Transform::from_xyz(-3.0, 3.0, 4.0)));
    commands.spawn((PointLight { intensity: 1e6, ..default() }, Transform::from_xyz(3.0, 4.0, 5.0)));
    commands.spawn((
        Mesh3d(meshes.add(Plane3d::default().mesh().size(12.0, 12.0))),
        MeshMaterial3d(materials.add(Color::srgb_u8(110, 120, 160))),
        Transform::from_xyz(0.0, -1.8, 0.0),
    ));
    // All maps of the wall's material are seen through its cells. Behind it stands another wall.
    let [color, normals, roughness] = bricks().map(|image| Some(images.add(image)));
    commands.spawn((
        Board(WALL),
        NcaSkin::default(),
        NcaPace { speed: 0.15, ..default() },
        Mesh3d(meshes.add(Mesh::from(Rectangle::from_size(WALL)).with_generated_tangents().unwrap_or_else(|error| {
            error!("the wall has no normals: {error}");
            Rectangle::from_size(WALL).into()
        }))),
        MeshMaterial3d(materials.add(StandardMaterial {
            base_color_texture: color,
            normal_map_texture: normals,
            metallic_roughness_texture: roughness,
            ..default()
        })),
        Transform::from_xyz(-2.1, 0.2, 0.0).with_rotation(Quat::from_rotation_y(0.35)),
    ));
    commands.spawn((
        Mesh3d(meshes.add(Rectangle::from_size(WALL))),
        MeshMaterial3d(materials.add(Color::srgb_u8(120, 60, 60))),
        Transform::from_xyz(-2.3, 0.2, -0.8).with_rotation(Quat::from_rotation_y(0.35)),
    ));
    commands.spawn((
        Board(CARD),
        Turning,
        NcaTexture::new(assets.load("models/crystal.nca")),
        NcaPace { speed: 0.5, ..default() },
        Mesh3d(meshes.add(Rectangle::from_size(CARD))),
        Transform::from_xyz(1.3, -0.3, 0.9),
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
        corner(px(24), px(190), px(180)),
    ));
    commands.spawn((
        NcaSkin::default(),
        NcaPace { speed: 0.5, ..default() },
        ImageNode::new(assets.load("art/boss.png")).with_rect(Rect::new(0.0, 0.0, 256.0, 256.0)),
        RelativeCursorPosition::default(),
        corner(px(230), px(256), px(256)),
    ));
}

/// A node at the right edge.
fn corner(top: Val, width: Val, height: Val) -> Node {
    Node { width, height, right: px(24), top, position_type: PositionType::Absolute, ..default() }
}

/// The color, the normals and the roughness of a wall of bricks.
fn bricks() -> [Image; 3] {
    const SIZE: UVec2 = UVec2::new(336, 240);
    const BRICK: Vec2 = Vec2::new(56.0, 24.0);
    // Each brick is a pillow: its color, its height at the edges, and the mortar around it.
    let at = |x: u32, y: u32| {
        let row = (y as f32 / BRICK.y).floor();
        let x = x as f32 + if row as u32 % 2 == 1 { BRICK.x / 2.0 } else { 0.0 };
        let brick = Vec2::new((x / BRICK.x).floor(), row);
        let local = (Vec2::new(x, y as f32) + 0.5 - brick * BRICK) / BRICK - 0.5;
        let shade = (brick.x * 12.9898 + brick.y * 78.233).sin().abs();
        (local, shade, (local.abs() * BRICK).cmpgt(BRICK / 2.0 - 2.5).any())
    };
    let image = |format: TextureFormat, pixel: &dyn Fn(Vec2, f32, bool) -> [f32; 3]| {
        let bytes = (0..SIZE.x * SIZE.y).flat_map(|index| {
            let (local, shade, is_mortar) = at(index % SIZE.x, index / SIZE.x);
            let [r, g, b] = pixel(local, shade, is_mortar).map(|value| (value * 255.0) as u8);
            [r, g, b, 255]
        });
        let extent = Extent3d { width: SIZE.x, height: SIZE.y, depth_or_array_layers: 1 };
        Image::new(extent, TextureDimension::D2, bytes.collect(), format, RenderAssetUsages::default())
    };
    let color = image(TextureFormat::Rgba8UnormSrgb, &|_, shade, is_mortar| match is_mortar {
        true => [0.55, 0.52, 0.48],
        false => [0.62 + 0.2 * shade, 0.26 + 0.12 * shade, 0.2 + 0.06 * shade],
    });
    let normals = image(TextureFormat::Rgba8Unorm, &|local, shade, is_mortar| {
        let slope = if is_mortar { Vec2::ZERO } else { local.abs().powf(3.0) * local.signum() * 7.0 };
        let tilt = Vec2::new(shade - 0.5, 0.3 - shade) * 0.2;
        let normal = (slope + tilt).extend(1.0).normalize() * 0.5 + 0.5;
        normal.to_array()
    });
    let roughness = image(TextureFormat::Rgba8Unorm, &|_, shade, is_mortar| {
        [0.0, if is_mortar { 0.95 } else { 0.35 + 0.4 * shade }, 0.0]
    });
    [color, normals, roughness]
}

/// A living board in 3D, and its size.
#[derive(Component)]
struct Board(Vec2);

/// A board that turns.
#[derive(Component)]
struct Turning;

fn turn(mut card: Single<&mut Transform, With<Turning>>, time: Res<Time>) {
    card.rotation = Quat::from_rotation_y((time.elapsed_secs() * 0.7).sin());
}

/// Wounds the nearest board where the ray of a click meets it, in texture coordinates.
fn shoot_meshes(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    boards: Query<(Entity, &GlobalTransform, &Board)>,
) {
    let cursor = window.cursor_position().filter(|_| mouse.just_pressed(MouseButton::Left));
    let Some(ray) = cursor.and_then(|cursor| camera.0.viewport_to_world(camera.1, cursor).ok()) else { return };
    for (entity, transform, board) in &boards {
        let plane = InfinitePlane3d::new(transform.back());
        let Some(point) = ray.plane_intersection_point(transform.translation(), plane) else { continue };
        let local = transform.affine().inverse().transform_point3(point).truncate();
        let uv = local / board.0 * Vec2::new(1.0, -1.0) + 0.5;
        if uv.cmpge(Vec2::ZERO).all() && uv.cmple(Vec2::ONE).all() {
            commands.trigger(NcaDamage::circle(entity, uv, 0.15).in_uv());
        }
    }
}

fn shoot_nodes(
    mut commands: Commands,
    mouse: Res<ButtonInput<MouseButton>>,
    nodes: Query<(Entity, &RelativeCursorPosition), With<NcaTexture>>,
) {
    for (entity, cursor) in &nodes {
        // `normalized` is zero at the center of the node.
        if let Some(at) = cursor.normalized.filter(|_| mouse.just_pressed(MouseButton::Left) && cursor.cursor_over()) {
            commands.trigger(NcaDamage::circle(entity, at + 0.5, 0.15).in_uv());
        }
    }
}
