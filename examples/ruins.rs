//! A ruin of living materials: its floor, walls, pillars and statue grow over what is shot out of them. Click to shoot, and
//! hold shift for a large shot. The right button pours moss on walls and the floor, where it spreads.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use bevy::{
    core_pipeline::tonemapping::Tonemapping,
    ecs::system::SystemParam,
    math::Affine2,
    picking::mesh_picking::ray_cast::{MeshRayCast, MeshRayCastSettings},
    prelude::*,
};
use bevy_nca::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, NcaPlugin::default()))
        .insert_resource(GlobalAmbientLight { brightness: 120.0, ..default() })
        .insert_resource(ClearColor(Color::srgb(0.02, 0.02, 0.04)))
        .add_systems(Startup, spawn)
        .add_systems(Update, (sway, flicker, settle, shoot, pour, spread))
        .run()
}

/// The pace at which materials grow, for some seconds, and at which they heal from then on: a wound closes in twenty ticks.
const GROWING: f32 = 3.0;
const GROWN_AFTER: f32 = 4.0;
const HEALING: f32 = 0.08;

/// Moss spreads as so many tufts, which lie around the place like the seeds of a sunflower.
const TUFTS: u32 = 60;
/// The radius of a tuft, and how far apart they are, in texture coordinates.
const TUFT: f32 = 0.05;
const APART: f32 = 0.035;

/// Moss that was poured on a texture, at a place in texture coordinates.
#[derive(Component)]
struct Moss {
    texture: Entity,
    at: Vec2,
    tufts: u32,
    timer: Timer,
}

/// What a mesh is made of, and how often its texture coordinates repeat it.
#[derive(Component)]
struct Stuff {
    texture: Entity,
    repeats: Vec2,
}

/// A light that flickers.
#[derive(Component)]
struct Flame;

/// Spawns materials, and the meshes that are made of them.
struct Builder<'a, 'w, 's> {
    commands: &'a mut Commands<'w, 's>,
    assets: &'a AssetServer,
    images: &'a Assets<Image>,
    meshes: &'a mut Assets<Mesh>,
    materials: &'a mut Assets<StandardMaterial>,
}

/// A living material: its entity, its image, and its normals.
#[derive(Clone)]
struct Living {
    texture: Entity,
    image: Handle<Image>,
    normals: Handle<Image>,
}

impl Builder<'_, '_, '_> {
    /// A material that is as high as it is bright.
    fn living(&mut self, name: &str, height: f32) -> Living {
        let tiling = NcaTiling::new(self.images);
        let relief = NcaRelief::new(self.images).with_height(height);
        let (image, normals) = (tiling.image.clone(), relief.image.clone());
        let model = self.assets.load(format!("materials/{name}.nca"));
        let texture = NcaTexture::new(model).with_smooth();
        let pace = NcaPace { speed: GROWING, ..default() };
        Living { texture: self.commands.spawn((texture, tiling, relief, pace)).id(), image, normals }
    }

    fn build(&mut self, mesh: impl Into<Mesh>, of: &Living, repeats: Vec2, transform: Transform) {
        // Normals lie along the texture coordinates.
        let mut mesh = mesh.into();
        if let Err(error) = mesh.generate_tangents() {
            warn!("a mesh has no tangents: {error}");
        }
        let material = StandardMaterial {
            base_color_texture: Some(of.image.clone()),
            normal_map_texture: Some(of.normals.clone()),
            uv_transform: Affine2::from_scale(repeats),
            perceptual_roughness: 0.85,
            ..default()
        };
        self.commands.spawn((
            Stuff { texture: of.texture, repeats },
            Mesh3d(self.meshes.add(mesh)),
            MeshMaterial3d(self.materials.add(material)),
            transform,
        ));
    }

    /// A light that glows in the colors of a living material.
    fn flame(&mut self, of: &Living, at: Vec3) {
        let material = StandardMaterial {
            base_color: Color::BLACK,
            emissive: LinearRgba::rgb(9.0, 6.0, 3.0),
            emissive_texture: Some(of.image.clone()),
            ..default()
        };
        self.commands.spawn((
            Stuff { texture: of.texture, repeats: Vec2::ONE },
            Mesh3d(self.meshes.add(Sphere::new(0.22))),
            MeshMaterial3d(self.materials.add(material)),
            Transform::from_translation(at),
        ));
        let light =
            PointLight { color: Color::srgb(1.0, 0.75, 0.45), intensity: 9e5, shadow_maps_enabled: true, ..default() };
        self.commands.spawn((Flame, light, Transform::from_translation(at + Vec3::Y * 0.5)));
    }
}

fn spawn(
    mut commands: Commands,
    assets: Res<AssetServer>,
    images: Res<Assets<Image>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    // The default needs Bevy's `tonemapping_luts` feature, which is not enabled here.
    let lamp = PointLight { intensity: 2.5e5, range: 30.0, ..default() };
    commands.spawn((Camera3d::default(), Tonemapping::AcesFitted, Transform::default(), lamp));
    commands.spawn((
        DirectionalLight { illuminance: 900.0, color: Color::srgb(0.6, 0.7, 1.0), ..default() },
        Transform::from_xyz(4.0, 9.0, 5.0).looking_at(Vec3::ZERO, Vec3::Y),
    ));
    let mut ruin = Builder {
        commands: &mut commands,
        assets: &assets,
        images: &images,
        meshes: &mut meshes,
        materials: &mut materials,
    };
    // These two have a second rule: moss.
    let [cobbles, bricks] = ["mossy_cobbles", "mossy_bricks"].map(|name| ruin.living(name, 3.0));
    let magma = ruin.living("magma", 1.0);
    let [cracks, moss, scales] =
        [("cracks", 2.0), ("moss", 2.0), ("scales", 3.0)].map(|(name, height)| ruin.living(name, height));

    ruin.build(Plane3d::default().mesh().size(14.0, 14.0), &cobbles, Vec2::splat(5.0), Transform::default());
    let wall = || Rectangle::new(14.0, 5.0);
    let walls = [
        (0.0, Vec3::new(0.0, 2.5, -5.0)),
        (FRAC_PI_2, Vec3::new(-6.0, 2.5, 0.0)),
        (-FRAC_PI_2, Vec3::new(6.0, 2.5, 0.0)),
    ];
    for (turn, at) in walls {
        let transform = Transform::from_translation(at).with_rotation(Quat::from_rotation_y(turn));
        ruin.build(wall(), &bricks, Vec2::new(5.6, 2.0), transform);
    }
    for x in [-3.4, 3.4] {
        let pillar = Cylinder::new(0.5, 4.4);
        ruin.build(pillar, &cracks, Vec2::new(3.0, 4.0), Transform::from_xyz(x, 2.2, -2.6));
        ruin.build(Cuboid::new(1.4, 0.3, 1.4), &cobbles, Vec2::ONE, Transform::from_xyz(x, 0.15, -2.6));
        ruin.flame(&magma, Vec3::new(x * 0.62, 2.3, -4.4));
    }
    // A statue in a skin of scales that point outward, on a mossy stone.
    let from_the_middle = NcaDirections::Radial(Vec2::splat(0.5));
    ruin.commands.entity(scales.texture).insert(from_the_middle);
    ruin.build(Cuboid::new(2.0, 0.9, 2.0), &moss, Vec2::ONE, Transform::from_xyz(0.0, 0.45, -2.2));
    let ring = Torus { minor_radius: 0.34, major_radius: 0.85 };
    let upright = Transform::from_xyz(0.0, 2.1, -2.2).with_rotation(Quat::from_rotation_x(FRAC_PI_2));
    ruin.build(ring, &scales, Vec2::new(6.0, 2.0), upright);
    ruin.build(Sphere::new(0.42).mesh().uv(48, 24), &scales, Vec2::new(3.0, 1.5), Transform::from_xyz(0.0, 2.1, -2.2));
    for (x, z, size) in [(-4.3, 0.6, 0.9), (4.1, 1.4, 0.7), (2.7, 2.2, 0.4)] {
        let turned = Quat::from_rotation_y(x * z);
        let transform = Transform::from_xyz(x, size / 2.0, z).with_rotation(turned);
        ruin.build(Cuboid::from_length(size), &moss, Vec2::splat(size * 0.7), transform);
    }
    commands.spawn((
        Text::new("click: shoot    shift: a large shot    right click: pour moss"),
        TextFont { font_size: FontSize::Px(16.0), ..default() },
        TextColor(Color::srgba(1.0, 1.0, 1.0, 0.6)),
        Node { position_type: PositionType::Absolute, left: px(16), bottom: px(12), ..default() },
    ));
}

/// The camera sways a little.
fn sway(mut camera: Single<&mut Transform, With<Camera3d>>, time: Res<Time>) {
    let angle = (time.elapsed_secs() * 0.15).sin() * 0.4;
    **camera =
        Transform::from_xyz(7.5 * angle.sin(), 2.9, 6.2 * angle.cos()).looking_at(Vec3::new(0.0, 1.7, -2.0), Vec3::Y);
}

fn flicker(mut flames: Query<(&mut PointLight, &Transform), With<Flame>>, time: Res<Time>) {
    for (mut light, transform) in &mut flames {
        let phase = time.elapsed_secs() * 1.7 * TAU + transform.translation.x;
        light.intensity = 9e5 * (1.0 + 0.07 * phase.sin() + 0.05 * (phase * 2.3).sin());
    }
}

/// Slows the materials down once they have grown.
fn settle(mut paces: Query<&mut NcaPace>, time: Res<Time>) {
    if time.elapsed_secs() > GROWN_AFTER {
        paces.iter_mut().filter(|pace| pace.speed != HEALING).for_each(|mut pace| pace.speed = HEALING);
    }
}

/// What the mouse points at.
#[derive(SystemParam)]
struct Aim<'w, 's> {
    ray_cast: MeshRayCast<'w, 's>,
    stuff: Query<'w, 's, &'static Stuff>,
    window: Single<'w, 's, &'static Window>,
    camera: Single<'w, 's, (&'static Camera, &'static GlobalTransform), With<Camera3d>>,
}

impl Aim<'_, '_> {
    /// The texture, and the place on it in texture coordinates.
    fn hit(&mut self) -> Option<(Entity, Vec2)> {
        let (camera, transform) = *self.camera;
        let ray = camera.viewport_to_world(transform, self.window.cursor_position()?).ok()?;
        let (entity, hit) = self.ray_cast.cast_ray(ray, &MeshRayCastSettings::default()).first()?;
        let stuff = self.stuff.get(*entity).ok()?;
        Some((stuff.texture, hit.uv? * stuff.repeats))
    }
}

/// Wounds what the mouse points at.
fn shoot(mut commands: Commands, mut aim: Aim, mouse: Res<ButtonInput<MouseButton>>, keys: Res<ButtonInput<KeyCode>>) {
    if !mouse.just_pressed(MouseButton::Left) {
        return;
    }
    let Some((texture, at)) = aim.hit() else { return };
    let radius = if keys.pressed(KeyCode::ShiftLeft) { 0.2 } else { 0.08 };
    commands.trigger(NcaDamage::new(texture, NcaWound::circle(at, radius)).in_uv());
}

/// Pours moss on what the mouse points at.
fn pour(
    mut commands: Commands,
    mut aim: Aim,
    mouse: Res<ButtonInput<MouseButton>>,
    textures: Query<&NcaTexture>,
    models: Res<Assets<NcaModel>>,
) {
    if !mouse.just_pressed(MouseButton::Right) {
        return;
    }
    let Some((texture, at)) = aim.hit() else { return };
    let model = textures.get(texture).ok().and_then(|texture| models.get(&texture.model));
    if model.is_some_and(|model| model.overgrowth().is_some()) {
        let timer = Timer::from_seconds(0.1, TimerMode::Repeating);
        commands.spawn(Moss { texture, at, tufts: 0, timer });
    }
}

/// Moss spreads tuft by tuft, and then stays as it is.
fn spread(mut commands: Commands, mut patches: Query<(Entity, &mut Moss)>, time: Res<Time>) {
    for (entity, mut moss) in &mut patches {
        if !moss.timer.tick(time.delta()).just_finished() {
            continue;
        }
        let golden_angle = PI * (3.0 - 5f32.sqrt());
        let at = moss.at + Vec2::from_angle(moss.tufts as f32 * golden_angle) * (moss.tufts as f32).sqrt() * APART;
        commands.trigger(NcaPaint::new(moss.texture, Shape::circle(at.x, at.y, TUFT)).in_uv());
        moss.tufts += 1;
        if moss.tufts == TUFTS {
            commands.entity(entity).despawn();
        }
    }
}
