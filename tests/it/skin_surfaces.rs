//! Skins in 3D, where all maps of a material are seen through the tissue, and in the user interface.

use bevy::{
    core_pipeline::{
        prepass::{DeferredPrepass, DepthPrepass, MotionVectorPrepass, NormalPrepass},
        tonemapping::{DebandDither, Tonemapping},
    },
    input::InputPlugin,
    light::{CascadeShadowConfigBuilder, LightPlugin},
    pbr::PbrPlugin,
    picking::{InteractionPlugin, PickingPlugin},
    prelude::*,
    sprite::SpritePlugin,
    sprite_render::SpriteRenderPlugin,
    text::TextPlugin,
    ui::UiPlugin,
    ui_render::UiRenderPlugin,
};
use bevy_nca::{NcaSkinMaterial, headless, prelude::*};

use crate::{screen::Screen, skin::art, support::on_the_gpu};

const SIZE: Vec2 = Vec2::new(90.0, 62.0);

fn screen(backend: NcaBackend, camera: impl Bundle) -> Screen {
    let plugins = |app: &mut App| {
        app.add_plugins((LightPlugin, PbrPlugin::default()));
    };
    let projection = Projection::Orthographic(OrthographicProjection::default_3d());
    let place = Transform::from_xyz(0.0, 0.0, 100.0);
    let camera = (Camera3d::default(), projection, place, Tonemapping::None, DebandDither::Disabled, camera);
    let mut screen = Screen::with(backend, UVec2::new(200, 200), plugins, camera);
    let light = DirectionalLight { illuminance: 3000.0, shadow_maps_enabled: true, ..default() };
    let above = Transform::from_xyz(30.0, 120.0, 60.0).looking_at(Vec3::ZERO, Vec3::Y);
    let shadows = CascadeShadowConfigBuilder { num_cascades: 1, maximum_distance: 300.0, ..default() };
    screen.app.world_mut().spawn((light, above, shadows.build()));
    // A floor that takes the shadow.
    spawn(&mut screen, Vec2::splat(190.0), StandardMaterial::from(Color::WHITE), -40.0);
    screen
}

fn spawn(screen: &mut Screen, size: Vec2, material: StandardMaterial, z: f32) -> Entity {
    let world = screen.app.world_mut();
    let mesh = Mesh::from(Rectangle::from_size(size)).with_generated_tangents().unwrap();
    let mesh = Mesh3d(world.resource_mut::<Assets<Mesh>>().add(mesh));
    let material = MeshMaterial3d(world.resource_mut::<Assets<StandardMaterial>>().add(material));
    world.spawn((mesh, material, Transform::from_xyz(0.0, 0.0, z))).id()
}

fn material(screen: &mut Screen) -> StandardMaterial {
    let size = SIZE.as_uvec2();
    StandardMaterial {
        base_color_texture: Some(screen.add_image(art(size, 40))),
        emissive: LinearRgba::gray(0.1),
        emissive_texture: Some(screen.add_image(art(size, 200))),
        normal_map_texture: Some(screen.add_image(art(size, 255))),
        metallic_roughness_texture: Some(screen.add_image(art(size, 90))),
        alpha_mode: AlphaMode::Mask(0.5),
        ..default()
    }
}

/// The number of pixels that differ.
fn apart(a: &[[u8; 4]], b: &[[u8; 4]]) -> usize {
    let differs = |(a, b): &(&[u8; 4], &[u8; 4])| (0..4).any(|channel| a[channel].abs_diff(b[channel]) > 1);
    a.iter().zip(b).filter(differs).count()
}

fn a_skin_is_its_material(backend: NcaBackend, camera: impl Bundle) {
    let mut screen = screen(backend, camera);
    let material = material(&mut screen);
    let empty = screen.pixels();
    let plain = spawn(&mut screen, SIZE, material.clone(), 0.0);
    let expected = screen.pixels();
    assert!(apart(&empty, &expected) > 3000, "{backend:?}: {}", apart(&empty, &expected));
    screen.app.world_mut().despawn(plain);

    let skin = spawn(&mut screen, SIZE, material, 0.0);
    screen.app.world_mut().entity_mut(skin).insert(NcaSkin::default());
    screen.step(260);
    screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
    assert_eq!(apart(&screen.pixels(), &expected), 0, "{backend:?}: whole");

    // The hole and its shadow.
    screen.app.world_mut().trigger(NcaDamage::circle(skin, Vec2::splat(0.5), 0.25).in_uv());
    screen.app.world_mut().resource_mut::<NcaClock>().paused = false;
    screen.step(2);
    screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
    let wounded = screen.pixels();
    let center = 100 * 200 + 100;
    assert_eq!(wounded[center], empty[center], "{backend:?}: the floor is seen through the hole");
    assert!(apart(&wounded, &expected) > 1000);
    // Light falls through it, onto the floor below the sprite.
    let shadow = (100 + 80) * 200 + 100 - 20;
    assert_ne!(expected[shadow], empty[shadow], "{backend:?}: the sprite casts a shadow");
    assert_eq!(wounded[shadow], empty[shadow], "{backend:?}: the shadow has a hole");

    screen.app.world_mut().resource_mut::<NcaClock>().paused = false;
    screen.step(400);
    assert_eq!(apart(&screen.pixels(), &expected), 0, "{backend:?}: healed");

    // Without its skin, the mesh shows the cells with its own material.
    screen.app.world_mut().entity_mut(skin).remove::<NcaSkin>();
    screen.app.update();
    let entity = screen.app.world().entity(skin);
    assert!(entity.contains::<MeshMaterial3d<StandardMaterial>>());
    assert!(!entity.contains::<MeshMaterial3d<NcaSkinMaterial>>());
}

/// Lit, with all its maps and with shadows, a grown skin is its material to the pixel; wounded, it has a hole.
#[test]
fn a_grown_surface_is_its_material_to_the_pixel() {
    on_the_gpu(|| {
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            a_skin_is_its_material(backend, ());
        }
        a_skin_is_its_material(NcaBackend::Cpu, (DepthPrepass, NormalPrepass, MotionVectorPrepass));
        a_skin_is_its_material(NcaBackend::Cpu, (DepthPrepass, DeferredPrepass));
    });
}

/// In the user interface too, at any size, flipped and clipped.
#[test]
fn a_grown_node_is_its_art_to_the_pixel() {
    on_the_gpu(|| {
        let plugins = |app: &mut App| {
            app.add_plugins((
                InputPlugin,
                PickingPlugin,
                InteractionPlugin,
                TextPlugin,
                SpritePlugin,
                SpriteRenderPlugin,
                UiPlugin,
                UiRenderPlugin,
            ));
        };
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            let mut screen = Screen::with(backend, UVec2::splat(200), plugins, (Camera2d, IsDefaultUiCamera));
            let size = SIZE.as_uvec2();
            let (image, behind) = (screen.add_image(art(size, 40)), BackgroundColor(Color::srgb(0.2, 0.5, 0.9)));
            // A panel that clips what lies beyond its right edge.
            let panel = Node { width: px(120), height: px(180), overflow: Overflow::clip(), ..default() };
            let panel = screen.app.world_mut().spawn((panel, behind)).id();
            let place = Node { position_type: PositionType::Absolute, left: px(40), top: px(30), ..default() };
            let plain = ImageNode::new(image.clone());
            let stretched = NodeImageMode::Stretch;
            let poses = [
                (plain.clone(), place.clone()),
                (plain.clone().with_flip_x(), place.clone()),
                (plain.clone().with_flip_y().with_color(Color::srgb(0.4, 1.0, 0.7)), place.clone()),
                (plain.clone().with_mode(stretched), Node { width: px(180), height: px(124), left: px(-30), ..place }),
            ];
            let spawn = |screen: &mut Screen, pose: &(ImageNode, Node)| {
                screen.app.world_mut().spawn((pose.clone(), ChildOf(panel))).id()
            };
            let skin = screen.app.world_mut().spawn((NcaSkin::default(), poses[0].clone(), ChildOf(panel))).id();
            screen.step(260);
            screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
            assert!(!screen.app.world().entity(skin).contains::<Sprite>());
            for (index, pose) in poses.iter().enumerate() {
                screen.app.world_mut().entity_mut(skin).insert((pose.clone(), Visibility::Inherited));
                let found = screen.pixels();
                screen.app.world_mut().entity_mut(skin).insert(Visibility::Hidden);
                let empty = screen.pixels();
                let reference = spawn(&mut screen, pose);
                let expected = screen.pixels();
                screen.app.world_mut().despawn(reference);
                assert!(apart(&expected, &empty) > 1500, "{backend:?}, pose {index}: {}", apart(&expected, &empty));
                assert_eq!(apart(&found, &expected), 0, "{backend:?}, pose {index}");
            }
            // A hole in the middle of the art, 75 pixels from the left of the panel.
            screen.app.world_mut().entity_mut(skin).insert((poses[0].clone(), Visibility::Inherited));
            let whole = screen.pixels();
            screen.app.world_mut().trigger(NcaDamage::circle(skin, Vec2::splat(0.5), 0.2).in_uv());
            screen.app.world_mut().resource_mut::<NcaClock>().paused = false;
            screen.step(2);
            screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
            let wounded = screen.pixels();
            let (hole, beside) = ((30 + 31) * 200 + 40 + 45, (30 + 31) * 200 + 40 + 5);
            assert_eq!(wounded[hole], wounded[10 * 200 + 10], "{backend:?}: the panel is seen through the hole");
            assert_ne!(whole[hole], wounded[hole]);
            assert_eq!(whole[beside], wounded[beside]);
        }
    });
}

/// A mesh wears its material through all its changes. A copy wears its own.
#[test]
fn a_skin_follows_its_material() {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        app.init_asset::<StandardMaterial>();
    })
    .unwrap();
    let update = |app: &mut App| (0..3).for_each(|_| app.update());
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::splat(40), 9));
    let plain = app.world_mut().resource_mut::<Assets<StandardMaterial>>().add(StandardMaterial::default());
    let mesh = (NcaSkin::new(image.clone()), Mesh3d::default(), MeshMaterial3d(plain.clone()));
    let entity = app.world_mut().spawn(mesh).id();
    update(&mut app);
    let handle = |app: &App, entity| app.world().get::<MeshMaterial3d<NcaSkinMaterial>>(entity).unwrap().0.clone();
    let base = |app: &App, entity| {
        app.world().resource::<Assets<NcaSkinMaterial>>().get(&handle(app, entity)).unwrap().base.clone()
    };
    assert_eq!(base(&app, entity).base_color_texture.as_ref(), Some(&image));
    assert_eq!(base(&app, entity).alpha_mode, AlphaMode::Mask(0.5), "it has holes");
    let red = LinearRgba::rgb(3.0, 0.0, 0.0);
    app.world_mut().resource_mut::<Assets<StandardMaterial>>().get_mut(&plain).unwrap().emissive = red;
    update(&mut app);
    assert_eq!((base(&app, entity).emissive, base(&app, entity).base_color_texture), (red, Some(image.clone())));

    let copy = app.world_mut().entity_mut(entity).clone_and_spawn();
    update(&mut app);
    assert_ne!(handle(&app, entity), handle(&app, copy), "each has its own");
    assert_eq!(base(&app, copy).base_color_texture, Some(image.clone()));

    // A mesh that has shown cells takes no picture of them for its art.
    app.world_mut().entity_mut(entity).remove::<NcaSkin>();
    update(&mut app);
    let shown =
        |app: &App| app.world().resource::<Assets<StandardMaterial>>().get(&plain).unwrap().base_color_texture.clone();
    assert!(shown(&app).is_some_and(|shown| shown != image), "the cells");
    app.world_mut().entity_mut(entity).insert(NcaSkin::new(image.clone()));
    update(&mut app);
    assert_eq!(base(&app, entity).base_color_texture, Some(image));
    app.world_mut().entity_mut(entity).remove::<NcaTexture>();
    update(&mut app);
    let entity = app.world().entity(entity);
    assert!(
        entity.contains::<MeshMaterial3d<StandardMaterial>>() && !entity.contains::<MeshMaterial3d<NcaSkinMaterial>>()
    );
}

/// A UV sheet lays the art of a surface out on the body, here mirrored: the hole is where the wound is seen all the same.
#[test]
fn a_surface_lies_on_its_body_as_its_uv_sheet_says() {
    on_the_gpu(|| {
        let mut screen = screen(NcaBackend::Cpu, ());
        let size = SIZE.as_uvec2();
        let mut uv = art(size, 0);
        for (index, pixel) in (0_u32..).zip(uv.data.as_mut().unwrap().as_chunks_mut::<4>().0) {
            let byte = |at: u32, side: u32| ((at as f32 + 0.5) / side as f32 * 255.0).round() as u8;
            *pixel = [byte(size.x - 1 - index % size.x, size.x), byte(index / size.x, size.y), 0, 255];
        }
        let material = material(&mut screen);
        let empty = screen.pixels();
        let skin = spawn(&mut screen, SIZE, material, 0.0);
        let uv = screen.add_image(uv);
        screen.app.world_mut().entity_mut(skin).insert(NcaSkin::default().with_uv(uv));
        screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
        screen.app.update();
        screen.step(260);
        let whole = screen.pixels();
        screen.app.world_mut().trigger(NcaDamage::circle(skin, Vec2::new(0.25, 0.5), 0.15).in_uv());
        screen.step(1);
        let wounded = screen.pixels();
        let [left, right] = [100 * 200 + 100 - 22, 100 * 200 + 100 + 22];
        assert_ne!(whole[left], empty[left]);
        assert_eq!(wounded[left], empty[left], "the hole");
        assert_eq!(wounded[right], whole[right], "where the hole is on the body");
    });
}
