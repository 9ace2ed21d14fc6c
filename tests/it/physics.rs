//! Colliders that follow the living cells, and contacts that wound.

use std::time::Duration;

use avian2d::prelude::*;
use bevy::{
    asset::RenderAssetUsages,
    ecs::entity_disabling::Disabled,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use bevy_nca::{headless, prelude::*};

use crate::{
    plugin::{add_model, full, still_model},
    support::on_each_backend,
};

/// An app with a running clock, and the entity of a wall of 20x40 living cells with `bundle`.
fn app(backend: NcaBackend, bundle: impl Bundle) -> (App, Entity) {
    let mut app = headless::app_with(backend, |app| {
        app.add_plugins(PhysicsPlugins::default()).insert_resource(Gravity(Vec2::ZERO));
    })
    .unwrap();
    let handle = add_model(&mut app, &still_model(20, 40));
    let wall = (NcaTexture::new(handle), Sprite::default(), RigidBody::Static, NcaCollider::default());
    let entity = app.world_mut().spawn(wall).insert(bundle).id();
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 40) });
    pass(&mut app, 30);
    (app, entity)
}

/// Whether the wall's collider contains a point.
fn is_solid(app: &App, wall: Entity, point: Vec2) -> bool {
    app.world().get::<Collider>(wall).is_some_and(|collider| {
        let transform = app.world().get::<Transform>(wall).unwrap();
        let rotation = Rotation::from(transform.rotation);
        collider.contains_point(transform.translation.truncate(), rotation, point)
    })
}

#[test]
fn the_collider_is_where_cells_live() {
    on_each_backend(|backend| {
        let placed = Transform::from_xyz(7.0, -3.0, 0.0).with_scale(Vec3::new(-2.0, 1.0, 1.0));
        let (mut app, wall) = app(backend, placed);
        for (x, solid) in [(-13.5, false), (-12.5, true), (0.0, true), (26.5, true), (27.5, false)] {
            assert_eq!(is_solid(&app, wall, Vec2::new(x, -3.0)), solid, "{backend:?}, {x}");
        }
        // The sprite is mirrored: a hole on the left in cells is on the right in the world.
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 5.0, 20.0)).in_cells());
        pass(&mut app, 30);
        for (point, solid) in [((25.0, 5.0), false), ((15.0, 5.0), true), ((-12.0, 5.0), true), ((25.0, -9.0), true)] {
            assert_eq!(is_solid(&app, wall, point.into()), solid, "{backend:?}, {point:?}");
        }
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 20.0, 40.0)).in_cells());
        pass(&mut app, 30);
        assert!(app.world().get::<Collider>(wall).is_none(), "nothing lives");
    });
}

/// The collider of a skin is where the present frame of its art has pixels.
#[test]
fn the_collider_of_a_skin_is_that_of_its_frame() {
    let (mut app, wall) = app(NcaBackend::Cpu, NcaCollider { interval: Duration::ZERO });
    // Two frames of 20 x 40 pixels: the left and the right half.
    let pixel = |index: usize| if (index % 40 < 10) || (index % 40 >= 30) { [9, 9, 9, 255] } else { [0; 4] };
    let size = Extent3d { width: 40, height: 40, depth_or_array_layers: 1 };
    let data = (0..40 * 40).flat_map(pixel).collect();
    let image =
        Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default());
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    app.world_mut().entity_mut(wall).insert((NcaSkin::default(), Sprite { image, ..default() }));
    pass(&mut app, 2);
    app.world_mut().trigger(NcaWriteCells { entity: wall, tick: 0, state: full(20, 40) });
    let sides = |app: &mut App, left: f32| {
        app.world_mut().get_mut::<Sprite>(wall).unwrap().rect = Some(Rect::new(left, 0.0, left + 20.0, 40.0));
        pass(app, 5);
        [-9.5, -0.5, 0.5, 9.5].map(|x| is_solid(app, wall, Vec2::new(x, 0.0)))
    };
    assert_eq!(sides(&mut app, 0.0), [true, true, false, false]);
    assert_eq!(sides(&mut app, 20.0), [false, false, true, true]);

    // A UV sheet: what the second frame shows is the left half of the body, of which the left half dies.
    let pixel = |index: usize| match index % 40 {
        column @ 30.. => [((column - 30) as f32 + 0.5) / 20.0, (index / 40) as f32 / 40.0, 0.0, 1.0],
        _ => [0.0; 4],
    };
    let data = (0..40 * 40).flat_map(pixel).flat_map(f32::to_le_bytes).collect();
    let uv = Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba32Float, RenderAssetUsages::default());
    let uv = app.world_mut().resource_mut::<Assets<Image>>().add(uv);
    app.world_mut().get_mut::<NcaSkin>(wall).unwrap().uv = uv;
    assert_eq!(sides(&mut app, 20.0), [false, false, true, true]);
    app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 5.0, 40.0)).in_cells());
    pass(&mut app, 5);
    assert_eq!(sides(&mut app, 20.0), [false, false, false, true]);
    assert_eq!(sides(&mut app, 0.0), [false, true, false, false]);
}

fn pass(app: &mut App, frames: u32) {
    (0..frames).for_each(|_| app.update());
}

#[test]
fn the_collider_follows_its_sprite_and_goes_with_it() {
    let (mut app, wall) = app(NcaBackend::Cpu, NcaCollider { interval: Duration::ZERO });
    app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 10.0, 20.0)).in_cells());
    pass(&mut app, 5);
    // Only the upper left quarter is gone.
    let gone = |app: &App| {
        [(-5.0, 10.0), (5.0, 10.0), (-5.0, -10.0), (5.0, -10.0)]
            .map(|(x, y)| !is_solid(app, wall, Vec2::new(x, y)))
            .map(u8::from)
    };
    assert_eq!(gone(&app), [1, 0, 0, 0]);
    app.world_mut().get_mut::<Sprite>(wall).unwrap().flip_y = true;
    pass(&mut app, 5);
    assert_eq!(gone(&app), [0, 0, 1, 0]);
    app.world_mut().get_mut::<Sprite>(wall).unwrap().flip_y = false;
    app.world_mut().get_mut::<Transform>(wall).unwrap().scale.x = -1.0;
    pass(&mut app, 5);
    assert_eq!(gone(&app), [0, 1, 0, 0]);
    app.world_mut().get_mut::<Transform>(wall).unwrap().scale.x = 1.0;
    app.world_mut().entity_mut(wall).insert(bevy::sprite::Anchor::BOTTOM_CENTER);
    pass(&mut app, 5);
    assert_eq!(gone(&app), [0, 0, 1, 1]);

    let texture = app.world_mut().entity_mut(wall).take::<NcaTexture>().unwrap();
    pass(&mut app, 2);
    assert!(app.world().get::<Collider>(wall).is_none());
    app.world_mut().entity_mut(wall).insert(texture);
    pass(&mut app, 5);
    assert!(app.world().get::<Collider>(wall).is_some(), "its seed lives");
    // With this interval, the collider is never rebuilt.
    app.world_mut().entity_mut(wall).insert(NcaCollider { interval: Duration::MAX });
    app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 20.0, 40.0)).in_cells());
    pass(&mut app, 5);
    assert!(app.world().get::<Collider>(wall).is_some());
    app.world_mut().entity_mut(wall).remove::<NcaCollider>();
    pass(&mut app, 1);
    assert!(app.world().get::<Collider>(wall).is_none());
}

#[test]
fn what_sleeps_on_a_wall_falls_when_the_wall_is_shot_away() {
    let (mut app, wall) = app(NcaBackend::Cpu, NcaImpact::new(4.0).with_threshold(1e9));
    app.insert_resource(Gravity(Vec2::NEG_Y * 100.0));
    let place = Transform::from_xyz(0.0, 23.0, 0.0);
    let crate_ = app.world_mut().spawn((RigidBody::Dynamic, Collider::rectangle(6.0, 6.0), place)).id();
    pass(&mut app, 300);
    let height = |app: &App| app.world().get::<Transform>(crate_).unwrap().translation.y;
    assert!(app.world().get::<Sleeping>(crate_).is_some() && (height(&app) - 23.0).abs() < 0.5, "{}", height(&app));
    app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 0.0, 20.0, 10.0)).in_cells());
    pass(&mut app, 120);
    assert!((height(&app) - 13.0).abs() < 0.5, "{}", height(&app));
}

#[test]
fn colliders_change_only_with_the_cells_and_not_too_often() {
    #[derive(Resource, Default)]
    struct Changes(u32);
    let (mut app, wall) = app(NcaBackend::Cpu, NcaCollider { interval: Duration::from_millis(500) });
    let count = |colliders: Query<(), (Changed<Collider>, With<NcaTexture>)>, mut changes: ResMut<Changes>| {
        changes.0 += colliders.iter().count() as u32;
    };
    app.init_resource::<Changes>().add_systems(Last, count);
    app.update();
    app.world_mut().resource_mut::<Changes>().0 = 0;
    let after = |app: &mut App, frames: u32, wounds: bool| {
        for frame in 0..frames {
            if wounds {
                let y = frame as f32 * 0.3;
                app.world_mut().trigger(NcaDamage::circle(wall, Vec2::new(1.0, y), 1.5).in_cells());
            }
            app.update();
        }
        std::mem::take(&mut app.world_mut().resource_mut::<Changes>().0)
    };
    assert_eq!(after(&mut app, 120, false), 0, "nothing has changed");
    let changes = after(&mut app, 120, true);
    assert!((4..=5).contains(&changes), "{changes} in two seconds");
    assert_eq!(after(&mut app, 60, false), 1, "the last change is not lost");
    assert_eq!(after(&mut app, 60, false), 0);
    app.world_mut().get_mut::<Sprite>(wall).unwrap().color = Color::BLACK;
    assert_eq!(after(&mut app, 60, false), 0, "its shape is the same in any color");
}

#[test]
fn a_sensor_eats_its_way_and_the_next_one_passes() {
    on_each_backend(|backend| {
        let (mut app, wall) = app(backend, ());
        #[derive(Resource, Default)]
        struct Lost(u32);
        app.init_resource::<Lost>()
            .add_observer(|wounded: On<NcaWounded>, mut lost: ResMut<Lost>| lost.0 += wounded.lost_cells);
        let fire = |app: &mut App, radius: f32| {
            let bullet = (RigidBody::Kinematic, Collider::circle(radius), Sensor, NcaImpact::new(radius + 1.0));
            let way = (LinearVelocity(Vec2::X * 60.0), Transform::from_xyz(-30.0, 6.0, 0.0));
            let bullet = app.world_mut().spawn((bullet, way)).id();
            pass(app, 90);
            assert!(app.world().get::<Transform>(bullet).unwrap().translation.x > 40.0);
            app.world_mut().despawn(bullet);
            pass(app, 20);
            std::mem::take(&mut app.world_mut().resource_mut::<Lost>().0)
        };
        let lost = fire(&mut app, 3.0);
        // The bullet's own width, and up to the radius of the wound beyond each edge.
        assert!((20 * 6..20 * 14).contains(&lost), "{backend:?}: {lost}");
        for x in -9..10 {
            assert!(!is_solid(&app, wall, Vec2::new(x as f32, 6.0)), "{backend:?}: still there at {x}");
        }
        assert!(is_solid(&app, wall, Vec2::new(0.0, -6.0)) && is_solid(&app, wall, Vec2::new(0.0, 15.0)));
        assert_eq!(fire(&mut app, 1.5), 0, "{backend:?}: through the hole");
    });
}

#[test]
fn contacts_wound_above_an_impulse() {
    let hit = |speed: f32, threshold: f32| {
        let (mut app, wall) = app(NcaBackend::Cpu, NcaImpact::new(4.0).with_threshold(threshold));
        let ball = (RigidBody::Dynamic, Collider::circle(2.0), Mass(10.0), Restitution::new(0.0));
        app.world_mut().spawn((ball, LinearVelocity(Vec2::X * speed), Transform::from_xyz(-16.0, 0.0, 0.0)));
        pass(&mut app, 60);
        app.world().get::<NcaVitals>(wall).unwrap().live_cells
    };
    // Mass times speed is 400. Avian adds up to as much again to push the bodies apart.
    assert_eq!(hit(40.0, 900.0), 800);
    let left = hit(40.0, 350.0);
    assert!(left < 800 && left > 700, "{left}");
    assert_eq!(hit(10.0, 350.0), 800);
}

#[test]
fn a_pool_eats_what_is_in_it_and_a_door_does_not() {
    let live_cells = |app: &App, wall| app.world().get::<NcaVitals>(wall).unwrap().live_cells;
    // With `NcaImpact`, any solid body that touches the wall wounds it. A sensor without `NcaImpact` does not.
    let (mut app, wall) = app(NcaBackend::Cpu, NcaImpact::new(4.0));
    let door = app.world_mut().spawn((RigidBody::Static, Collider::rectangle(300.0, 300.0), Sensor)).id();
    pass(&mut app, 30);
    assert_eq!(live_cells(&app, wall), 800);
    app.world_mut().entity_mut(door).insert(NcaImpact::new(4.0));
    pass(&mut app, 120);
    assert_eq!(live_cells(&app, wall), 0, "also what is deep in the pool");
}

/// Removing `NcaCollider` from a disabled sprite takes effect when it is enabled again.
/// A clone without cells has no collider.
#[test]
fn no_collider_is_left_over() {
    let (mut app, wall) = app(NcaBackend::Cpu, ());
    assert!(app.world().get::<Collider>(wall).is_some());
    let copy = app.world_mut().entity_mut(wall).clone_and_spawn();
    app.world_mut().get_mut::<NcaTexture>(copy).unwrap().model = Handle::default();
    pass(&mut app, 3);
    assert!(app.world().get::<Collider>(copy).is_none(), "its model is not there");
    app.world_mut().entity_mut(wall).insert(Disabled).remove::<NcaCollider>();
    pass(&mut app, 3);
    app.world_mut().entity_mut(wall).remove::<Disabled>();
    pass(&mut app, 3);
    assert!(app.world().get::<Collider>(wall).is_none());
}

/// The parts of a turning body move on as they did, their colliders do not overlap, and a push drives them apart.
#[test]
fn pieces_move_on_and_apart() {
    on_each_backend(|backend| {
        for push in [0.0, 30.0] {
            let sever = NcaSever { push, ..default() };
            let (mut app, wall) = app(backend, (RigidBody::Dynamic, sever, Transform::from_xyz(50.0, 0.0, 0.0)));
            let (linear, angular) = (Vec2::new(3.0, -2.0), 0.5);
            app.world_mut().entity_mut(wall).insert((LinearVelocity(linear), AngularVelocity(angular)));
            let momentum = |app: &mut App, sprites: &[Entity]| -> Vec2 {
                let part = |sprite: &Entity| {
                    let cells = app.world().get::<NcaAliveMask>(*sprite).unwrap().cells.as_ref().unwrap();
                    app.world().get::<LinearVelocity>(*sprite).unwrap().0 * cells.count() as f32
                };
                sprites.iter().map(part).sum()
            };
            app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 19.0, 20.0, 21.0)).in_cells());
            let mut pieces = Vec::new();
            while pieces.is_empty() {
                app.update();
                pieces = app.world().get::<NcaPieces>(wall).map(|pieces| pieces.iter().collect()).unwrap_or_default();
            }
            let [piece] = pieces[..] else { panic!("{backend:?}: expected one piece") };
            let both = [wall, piece];
            let expected = linear * 20.0 * 38.0;
            let found = momentum(&mut app, &both);
            assert!(found.distance(expected) < 1.0, "{backend:?}: {found}, expected {expected}");
            let apart = |app: &App| {
                let [a, b] = both.map(|sprite| app.world().get::<LinearVelocity>(sprite).unwrap().0);
                (b - a).length()
            };
            // Their middles are 21 cells apart.
            assert!((apart(&app) - (angular * 20.5).hypot(push)).abs() < 1.0, "{backend:?}: {}", apart(&app));
            assert_eq!(app.world().get::<AngularVelocity>(piece), Some(&AngularVelocity(angular)));
            // Each has the collider of its own half.
            let middles = both.map(|sprite| {
                let collider = app.world().get::<Collider>(sprite).unwrap();
                collider.shape().mass_properties(1.0).local_com.y
            });
            assert!((middles[0] - middles[1]).abs() > 18.0, "{backend:?}: {middles:?}");
            pass(&mut app, 60);
            let distance = both.map(|sprite| app.world().get::<Position>(sprite).unwrap().0);
            let distance = distance[0].distance(distance[1]);
            assert!(push == 0.0 || distance > 20.0, "{backend:?}: {distance}");
        }
    });
}

#[test]
fn what_hangs_on_nothing_falls() {
    on_each_backend(|backend| {
        let held = NcaHeld::new(Shape::rect(0.0, 38.0, 20.0, 40.0));
        let (mut app, wall) = app(backend, (NcaSever::default(), held));
        app.insert_resource(Gravity(Vec2::NEG_Y * 100.0));
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 19.0, 20.0, 21.0)).in_cells());
        pass(&mut app, 10);
        let pieces: Vec<Entity> = app.world().get::<NcaPieces>(wall).unwrap().iter().collect();
        let [piece] = pieces[..] else { panic!("{backend:?}: expected one piece") };
        assert_eq!(app.world().get::<RigidBody>(wall), Some(&RigidBody::Static));
        assert_eq!(app.world().get::<RigidBody>(piece), Some(&RigidBody::Dynamic));
        // What is held dies: the rest falls too.
        app.world_mut().despawn(piece);
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 38.0, 10.0, 40.0)).in_cells());
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(10.0, 37.0, 20.0, 40.0)).in_cells());
        pass(&mut app, 10);
        assert_eq!(app.world().get::<RigidBody>(wall), Some(&RigidBody::Dynamic), "{backend:?}");
    });
}

/// Sprites that have grown into each other move apart.
#[test]
fn sprites_that_overlap_move_apart() {
    on_each_backend(|backend| {
        let sever = NcaSever { fewest_cells: 1, ..default() };
        let (mut app, wall) = app(backend, (RigidBody::Dynamic, sever));
        app.world_mut().trigger(NcaDamage::rect(wall, Rect::new(0.0, 19.0, 20.0, 21.0)).in_cells());
        pass(&mut app, 10);
        let pieces: Vec<Entity> = app.world().get::<NcaPieces>(wall).unwrap().iter().collect();
        let [piece] = pieces[..] else { panic!("{backend:?}: expected one piece") };
        // Both grow at once.
        for entity in [wall, piece] {
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 40) });
        }
        pass(&mut app, 400);
        let [a, b] = [wall, piece].map(|sprite| app.world().get::<Position>(sprite).unwrap().0);
        let apart = (a - b).abs();
        assert!(apart.x > 17.0 || apart.y > 35.0, "{backend:?}: {apart}");
    });
}
