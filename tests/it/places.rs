//! Where sprites are in the world, what finds them there, and which components show them.

use avian2d::prelude::*;
use bevy::{
    camera::{ImageRenderTarget, NormalizedRenderTarget, RenderTarget, RenderTargetInfo, visibility::RenderLayers},
    ecs::system::RunSystemOnce,
    picking::{
        InteractionPlugin, PickingPlugin,
        hover::HoverMap,
        pointer::{Location, PointerId, PointerLocation},
    },
    prelude::*,
    sprite::{Anchor, SpriteImageMode, SpriteMesh, SpriteScalingMode},
    window::PrimaryWindow,
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Shape},
};

use crate::plugin::{add_model, cells, dead, full, paused_app, some, still_model};

/// Spawns a sprite of 20x10 living cells with `bundle`.
fn wall(app: &mut App, bundle: impl Bundle) -> Entity {
    let model = add_model(app, &still_model(20, 10));
    let entity = app.world_mut().spawn((NcaTexture::new(model), NcaAliveMask::default())).insert(bundle).id();
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 10) });
    headless::step(app, 1);
    entity
}

fn probe<T: 'static>(app: &mut App, ask: impl FnOnce(&NcaProbe) -> T + Send + Sync + 'static) -> T {
    let mut ask = Some(ask);
    app.world_mut().run_system_once(move |probe: NcaProbe| ask.take().unwrap()(&probe)).unwrap()
}

#[test]
fn wounds_and_probes_go_by_the_picture_and_not_by_its_frame() {
    let mut app = paused_app(NcaBackend::Cpu);
    let sized = |mode| Sprite { image_mode: SpriteImageMode::Scale(mode), ..Sprite::sized(Vec2::splat(100.0)) };
    // The picture is 100x50, centered in the frame.
    let fit = wall(&mut app, (sized(SpriteScalingMode::FitCenter), Transform::default()));
    let at = |y: f32| Vec2::new(-47.0, y);
    let found = probe(&mut app, move |probe| [40.0, 24.0, -24.0, -26.0].map(|y| probe.cell_at(fit, at(y))));
    assert_eq!(found, [None, Some(UVec2::new(0, 0)), Some(UVec2::new(0, 9)), None]);
    app.world_mut().trigger(NcaBlast::circle(at(45.0), 12.0));
    headless::step(&mut app, 1);
    assert!(dead(&cells(&mut app, fit).1).is_empty(), "the blast is in the empty part of the frame");
    app.world_mut().trigger(NcaBlast::circle(at(22.0), 3.0));
    headless::step(&mut app, 1);
    assert_eq!(dead(&cells(&mut app, fit).1), [0]);

    // Here the picture is 200x100, and only its middle 100 are drawn: columns 5 to 14.
    let fill = wall(&mut app, (sized(SpriteScalingMode::FillCenter), Transform::from_xyz(1000.0, 0.0, 0.0)));
    let at = |x: f32| Vec2::new(1000.0 + x, 45.0);
    let found = probe(&mut app, move |probe| [-55.0, -45.0, 45.0, 55.0].map(|x| probe.cell_at(fill, at(x))));
    assert_eq!(found, [None, Some(UVec2::new(5, 0)), Some(UVec2::new(14, 0)), None]);
    let hit = probe(&mut app, move |probe| probe.first_hit_of(fill, at(-200.0), at(200.0))).unwrap();
    assert_eq!((hit.cell, hit.point.x), (UVec2::new(5, 0), 950.0));
    // Cells that are cropped are not wounded.
    app.world_mut().trigger(NcaBlast::circle(Vec2::new(1000.0, 0.0), 300.0));
    headless::step(&mut app, 1);
    let left: Vec<usize> = (0..200).filter(|cell| !(5..15).contains(&(cell % 20))).collect();
    let dead = dead(&cells(&mut app, fill).1);
    assert_eq!((0..200).filter(|cell| !dead.contains(cell)).collect::<Vec<_>>(), left);
}

#[test]
fn a_sprite_without_a_size_is_nowhere_and_no_panic() {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        app.add_plugins(PhysicsPlugins::default()).insert_resource(Gravity(Vec2::ZERO));
    })
    .unwrap();
    let modes = [SpriteImageMode::Auto, SpriteImageMode::Scale(SpriteScalingMode::FitCenter)];
    for image_mode in modes {
        let sprite = Sprite { image_mode, ..Sprite::sized(Vec2::ZERO) };
        let wall = wall(&mut app, (sprite, Transform::default(), RigidBody::Static, NcaCollider::default()));
        // Its size grows from zero.
        for frame in 0..80 {
            let size = Vec2::splat(frame as f32 / 4.0);
            app.world_mut().get_mut::<Sprite>(wall).unwrap().custom_size = Some(size);
            app.world_mut().trigger(NcaBlast::circle(Vec2::new(90.0, 0.0), 1.0));
            app.update();
            let has_collider = app.world().get::<Collider>(wall).is_some();
            assert!(frame > 0 || !has_collider);
            let hit = probe(&mut app, move |probe| probe.first_hit_of(wall, Vec2::NEG_X * 50.0, Vec2::X * 50.0));
            assert_eq!(hit.is_some(), frame > 0, "{frame}");
        }
        assert!(app.world().get::<Collider>(wall).is_some());
        app.world_mut().despawn(wall);
    }
}

#[test]
fn a_sprite_mesh_is_painted_and_an_atlas_of_the_game_s_is_not_in_the_way() {
    let mut app = paused_app(NcaBackend::Cpu);
    let mesh = wall(&mut app, SpriteMesh::sized(Vec2::new(200.0, 100.0)));
    let layout = Handle::<TextureAtlasLayout>::default();
    let atlas = TextureAtlas { layout, index: 3 };
    let sprite = wall(&mut app, Sprite { texture_atlas: Some(atlas.clone()), ..default() });
    let rect = |app: &App| {
        let (sprite, mesh) = (app.world().get::<Sprite>(sprite).unwrap(), app.world().get::<SpriteMesh>(mesh).unwrap());
        assert!(sprite.texture_atlas.is_none(), "it would show another slot");
        (sprite.rect.unwrap(), mesh.rect.unwrap(), sprite.image.id() != Handle::<Image>::default().id())
    };
    let (a, b, painted) = rect(&app);
    assert!(a.size() == Vec2::new(20.0, 10.0) && b.size() == a.size() && painted);
    // The atlas is also removed when the game sets it again.
    app.world_mut().get_mut::<Sprite>(sprite).unwrap().texture_atlas = Some(atlas);
    app.update();
    assert_eq!(rect(&app).0, a);
    // Probes find the mesh where it is drawn.
    let cell = probe(&mut app, move |probe| probe.cell_at(mesh, Vec2::new(-95.0, 45.0)));
    assert_eq!(cell, Some(UVec2::ZERO));
    app.world_mut().entity_mut(mesh).remove::<NcaTexture>();
    assert_eq!(app.world().get::<SpriteMesh>(mesh).unwrap().rect, None);
}

#[test]
fn blasts_and_probes_pass_by_what_is_hidden() {
    let mut app = paused_app(NcaBackend::Cpu);
    let at = |x: f32| Transform::from_xyz(x, 0.0, 0.0);
    let plain = wall(&mut app, (Sprite::default(), at(100.0)));
    let hidden = wall(&mut app, (Sprite::default(), at(60.0), Visibility::Hidden));
    let parent = app.world_mut().spawn((at(0.0), Visibility::Hidden)).id();
    let child = wall(&mut app, (Sprite::default(), at(30.0), ChildOf(parent)));
    let layered = wall(&mut app, (Sprite::default(), at(140.0), RenderLayers::layer(2)));
    let all = [plain, hidden, child, layered];
    let shot = |app: &mut App, filter: NcaFilter| {
        let mut found = Vec::new();
        let mut filter = filter;
        while let Some(hit) = probe(app, {
            let filter = filter.clone();
            move |probe| probe.first_hit_where(&filter, Vec2::ZERO, Vec2::new(500.0, 0.3))
        }) {
            found.push(hit.entity);
            filter = filter.with_excluded([hit.entity]);
        }
        found
    };
    assert_eq!(shot(&mut app, NcaFilter::default()), [plain, layered]);
    assert_eq!(shot(&mut app, NcaFilter::default().with_hidden()), [child, hidden, plain, layered]);
    assert_eq!(shot(&mut app, NcaFilter::default().with_layers(RenderLayers::layer(2))), [layered]);
    assert_eq!(shot(&mut app, NcaFilter::default().with_layers(RenderLayers::layer(0))), [plain]);
    assert_eq!(shot(&mut app, NcaFilter::default().with_excluded([plain])), [layered]);
    let struck = |app: &mut App, filter: NcaFilter| {
        app.world_mut().trigger(NcaBlast::circle(Vec2::ZERO, 500.0).with_filter(filter));
        headless::step(app, 1);
        let struck: Vec<Entity> = all.into_iter().filter(|entity| dead(&cells(app, *entity).1).len() == 200).collect();
        for entity in all {
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 10) });
        }
        struck
    };
    assert_eq!(struck(&mut app, NcaFilter::default()), [plain, layered]);
    assert_eq!(struck(&mut app, NcaFilter::default().with_hidden()), all);
    assert_eq!(struck(&mut app, NcaFilter::default().with_layers(RenderLayers::layer(2))), [layered]);
    // `NcaDamage` names its sprite, so it also hits a hidden one.
    app.world_mut().trigger(NcaDamage::circle(hidden, Vec2::new(60.0, 0.0), 500.0));
    headless::step(&mut app, 1);
    assert_eq!(dead(&cells(&mut app, hidden).1).len(), 200);
}

#[test]
fn armor_that_is_no_shape_shields_nothing() {
    let mut app = paused_app(NcaBackend::Cpu);
    let plates = [
        (Shape::circle(f32::NAN, 0.0, 9.0), 1.0),
        (Shape::rect(9.0, 9.0, 0.0, 0.0), 1.0),
        (Shape::rect(0.0, 0.0, 20.0, 10.0), f32::NAN),
        (Shape::rect(0.0, 0.0, 20.0, 10.0), 7.0),
        (Shape::polygon([[0.0, 0.0], [20.0, 10.0], [20.0, 0.0], [0.0, 10.0]]), 1.0),
        (Shape::rect(0.0, 0.0, 5.0, 10.0), 1.0),
    ];
    let armor = NcaArmor { skin: f32::INFINITY, plates: plates.into() };
    let wall = wall(&mut app, (Sprite::default(), armor));
    app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 20.0, 10.0)).in_cells());
    headless::step(&mut app, 1);
    let dead = dead(&cells(&mut app, wall).1);
    assert_eq!(dead.len(), 150, "all but those behind the one plate that is right");
    assert!(dead.iter().all(|cell| cell % 20 >= 5));
}

/// A box slides along each side of a sprite that has holes elsewhere, without catching on a seam.
#[test]
fn nothing_catches_on_the_seams_of_a_body() {
    for (size, anchor) in [(None, Anchor::CENTER), (Some(Vec2::new(63.0, 44.0)), Anchor::BOTTOM_LEFT)] {
        let mut app = headless::app_with(NcaBackend::Cpu, |app| {
            app.add_plugins(PhysicsPlugins::default()).insert_resource(Gravity(Vec2::ZERO));
        })
        .unwrap();
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let (width, height) = (21, 11);
        let model = add_model(&mut app, &still_model(width, height));
        let sprite = Sprite { custom_size: size, ..default() };
        let body = (NcaTexture::new(model), sprite, anchor, RigidBody::Static, NcaCollider::default());
        let entity = app.world_mut().spawn(body).id();
        // The holes make the collider's rectangles end at every row.
        let state = some(&CellMask::from_fn(21, 11, |&cell| {
            let (x, y) = (cell % 21, cell / 21);
            !((2..19).contains(&x) && (2..9).contains(&y) && (x * 7 + y * 5) % 3 == 0)
        }));
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
        (0..20).for_each(|_| app.update());
        assert!(app.world().get::<Collider>(entity).is_some());
        let size = size.unwrap_or(Vec2::new(21.0, 11.0));
        let middle = -anchor.as_vec() * size;
        // Slide along the four sides, pressed against them.
        for (normal, along) in [(Vec2::Y, Vec2::X), (Vec2::NEG_Y, Vec2::X), (Vec2::X, Vec2::Y), (Vec2::NEG_X, Vec2::Y)]
        {
            for along in [along, -along] {
                let half = (size * along).length() / 2.0;
                let start = middle + normal * ((size * normal).length() / 2.0 + 1.02) - along * (half - 1.5);
                let slider = (
                    RigidBody::Dynamic,
                    Collider::rectangle(2.0, 2.0),
                    Friction::ZERO.with_combine_rule(CoefficientCombine::Min),
                    LockedAxes::ROTATION_LOCKED,
                    LinearVelocity(along * 12.0 - normal * 2.0),
                    ConstantForce(-normal * 60.0),
                    Transform::from_translation(start.extend(0.0)),
                );
                let slider = app.world_mut().spawn(slider).id();
                let frames = ((2.0 * half - 3.5) / 12.0 * 60.0) as u32;
                for frame in 0..frames {
                    app.update();
                    let velocity = app.world().get::<LinearVelocity>(slider).unwrap().0;
                    let position = app.world().get::<Transform>(slider).unwrap().translation.truncate();
                    let deep = (position - middle).dot(normal) - (size * normal).length() / 2.0;
                    assert!(
                        (velocity.dot(along) - 12.0).abs() < 0.05,
                        "{normal} {along}, frame {frame} of {frames} at {position}: {velocity}"
                    );
                    assert!((0.8..1.3).contains(&deep), "{normal} {along}, frame {frame}: {deep} from the face");
                }
                app.world_mut().despawn(slider);
            }
        }
    }
}

/// A box that just fits into a slot falls to its floor and rests there. A ball rolls smoothly over seams.
#[test]
fn what_fits_into_a_slot_rests_on_its_floor() {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        app.add_plugins(PhysicsPlugins::default()).insert_resource(Gravity(Vec2::NEG_Y * 60.0));
    })
    .unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let model = add_model(&mut app, &still_model(21, 11));
    let body = (NcaTexture::new(model), Sprite::default(), RigidBody::Static, NcaCollider::default());
    let entity = app.world_mut().spawn(body).id();
    // A slot one cell wide and five deep, and holes below the surface beside it.
    let state = some(&CellMask::from_fn(21, 11, |&cell| {
        let (x, y) = (cell % 21, cell / 21);
        !(x == 10 && y < 5 || y > 2 && (x * 7 + y * 5) % 3 == 0 && x != 10)
    }));
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
    (0..20).for_each(|_| app.update());
    let drop = |app: &mut App, collider: Collider, x: f32, speed: f32| {
        let body = (RigidBody::Dynamic, collider, Friction::ZERO.with_combine_rule(CoefficientCombine::Min));
        let start = (LinearVelocity(Vec2::X * speed), Transform::from_xyz(x, 7.0, 0.0), LockedAxes::ROTATION_LOCKED);
        app.world_mut().spawn((body, start)).id()
    };
    for width in [0.7, 0.9] {
        let fitting = drop(&mut app, Collider::rectangle(width, 2.0), 0.0, 0.0);
        (0..240).for_each(|_| app.update());
        let height = app.world().get::<Transform>(fitting).unwrap().translation.y;
        // The floor is at y = 5.5 - 5, and the box is 2 high.
        assert!((height - 1.5).abs() < 0.2, "{width}: {height}");
        app.world_mut().despawn(fitting);
    }
    let ball = drop(&mut app, Collider::circle(0.5), -9.0, 6.0);
    for frame in 0..60 {
        app.update();
        let velocity = app.world().get::<LinearVelocity>(ball).unwrap().0;
        assert!(frame < 20 || (velocity.x - 6.0).abs() < 0.3 && velocity.y < 0.6, "{frame}: {velocity}");
    }
}

/// The entities that the pointer hovers.
#[derive(Resource, Default)]
struct Hits(Vec<Entity>);

#[test]
fn a_pointer_goes_through_the_holes_of_a_node() {
    let mut app = headless::app_with(NcaBackend::Cpu, |app| {
        let no_window = bevy::window::WindowPlugin { primary_window: None, ..default() };
        app.add_plugins((no_window, bevy::mesh::MeshPlugin, bevy::camera::CameraPlugin, bevy::text::TextPlugin));
        app.add_plugins((bevy::input::InputPlugin, PickingPlugin, InteractionPlugin, bevy::ui::UiPlugin));
        app.init_asset::<TextureAtlasLayout>();
    })
    .unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    app.init_resource::<Hits>().add_systems(
        Last,
        |hovered: Res<HoverMap>, mut hits: ResMut<Hits>, pickables: Query<&Pickable>| {
            hits.0 = hovered.values().flat_map(|hits| hits.keys().copied()).collect();
            // The plugin has restored every `Pickable` that it changed.
            assert!(pickables.iter().all(|pickable| *pickable == Pickable::default()));
        },
    );
    let image = Image::new_target_texture(200, 100, bevy::render::render_resource::TextureFormat::Rgba8UnormSrgb, None);
    let target = ImageRenderTarget::from(app.world_mut().resource_mut::<Assets<Image>>().add(image));
    let mut camera = Camera::default();
    camera.computed.target_info = Some(RenderTargetInfo { physical_size: UVec2::new(200, 100), scale_factor: 1.0 });
    let camera = app.world_mut().spawn((Camera2d, camera, RenderTarget::Image(target.clone()))).id();
    let camera = UiTargetCamera(camera);
    app.world_mut().spawn(PrimaryWindow);
    let at = |left: f32, top: f32, width: f32, height: f32| Node {
        position_type: PositionType::Absolute,
        left: px(left),
        top: px(top),
        width: px(width),
        height: px(height),
        ..default()
    };
    let behind = app.world_mut().spawn((at(0.0, 0.0, 200.0, 100.0), Pickable::default(), camera.clone())).id();
    let model = add_model(&mut app, &still_model(20, 10));
    let image = ImageNode { image_mode: NodeImageMode::Stretch, flip_x: true, ..default() };
    let texture = NcaTexture::new(model);
    let node = app
        .world_mut()
        .spawn((texture, image, at(40.0, 20.0, 120.0, 60.0), Pickable::default(), GlobalZIndex(1), camera))
        .id();
    assert!(app.world().get::<NcaAliveMask>(node).is_some(), "it knows which cells live");
    // Only the left half of the cells is alive; `flip_x` draws it on the right.
    let state = some(&CellMask::from_fn(20, 10, |cell| cell % 20 < 10));
    app.world_mut().trigger(NcaWriteCells { entity: node, tick: 0, state });
    headless::step(&mut app, 2);
    let pointer = app.world_mut().spawn(PointerId::Custom(Default::default())).id();
    let mut point = |position: Vec2| {
        let target = NormalizedRenderTarget::Image(target.clone());
        app.world_mut().entity_mut(pointer).insert(PointerLocation::new(Location { target, position }));
        (0..3).for_each(|_| app.update());
        app.world().resource::<Hits>().0.clone()
    };
    assert_eq!(point(Vec2::new(20.0, 50.0)), [behind]);
    assert_eq!(point(Vec2::new(130.0, 50.0)), [node], "living cells, which block what is behind");
    assert_eq!(point(Vec2::new(70.0, 50.0)), [behind], "through the hole");
    assert_eq!(point(Vec2::new(130.0, 50.0)), [node]);
}
