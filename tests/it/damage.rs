//! Wounds: which cells of which sprites they reach, on both backends.

use bevy::{image::ImageSampler, prelude::*, sprite::Anchor};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{CellMask, Shape, State},
};

use crate::{
    plugin::{add_model, app_with, cells, dead, full, paused_app, still_model},
    support::{Golden, distance, on_each_backend},
};

#[test]
fn wounds_in_the_world_hit_the_cell_that_is_drawn_there() {
    let (width, height) = (12, 7);
    let placements = [
        (Transform::default(), Anchor::CENTER, false, false, None),
        (Transform::from_xyz(30.0, -12.0, 5.0), Anchor::BOTTOM_LEFT, true, false, None),
        (
            Transform::from_rotation(Quat::from_rotation_z(0.7)),
            Anchor::TOP_RIGHT,
            false,
            true,
            Some(Vec2::new(50.0, 90.0)),
        ),
        (
            Transform::from_xyz(-3.0, 8.0, 0.0)
                .with_rotation(Quat::from_rotation_z(-2.0))
                .with_scale(Vec3::new(-2.0, 0.5, 1.0)),
            Anchor(Vec2::new(0.2, -0.4)),
            true,
            true,
            Some(Vec2::new(200.0, 100.0)),
        ),
    ];
    for (transform, anchor, flip_x, flip_y, custom_size) in placements {
        let mut app = paused_app(NcaBackend::Cpu);
        let handle = add_model(&mut app, &still_model(width, height));
        let parent = app.world_mut().spawn(Transform::from_xyz(11.0, 0.0, 0.0).with_scale(Vec3::splat(3.0))).id();
        let sprite = Sprite { flip_x, flip_y, custom_size, ..default() };
        let entity = app.world_mut().spawn((NcaTexture::new(handle), sprite, anchor, transform, ChildOf(parent))).id();
        app.update();
        for (cell, (x, y)) in [(3, 2), (0, 0), (11, 6), (6, 5)].into_iter().enumerate() {
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(12, 7) });
            // Where Bevy draws the center of that cell: the inverse of Bevy's picking.
            let sprite = app.world().get::<Sprite>(entity).unwrap().clone();
            let rect = sprite.rect.unwrap();
            let expected = rect.min + Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            let images = app.world().resource::<Assets<Image>>();
            let pixel = |local: Vec2| match sprite.compute_pixel_space_point(local, anchor, images, &Assets::default())
            {
                Ok(pixel) | Err(pixel) => pixel,
            };
            let origin = pixel(Vec2::ZERO);
            let (dx, dy) = (pixel(Vec2::X) - origin, pixel(Vec2::Y) - origin);
            let local = Mat2::from_cols(dx, dy).inverse() * (expected - origin);
            let to_world =
                GlobalTransform::from(Transform::from_xyz(11.0, 0.0, 0.0).with_scale(Vec3::splat(3.0))) * transform;
            let point = to_world.transform_point(local.extend(0.0)).truncate();
            app.world_mut().trigger(NcaDamage::circle(entity, point, 0.4));
            headless::step(&mut app, 1);
            let (_, state) = cells(&mut app, entity);
            assert_eq!(dead(&state), [y * 12 + x], "wound {cell} through {transform:?}");
        }
    }
}

#[test]
fn a_wound_that_comes_at_once_waits_for_the_model_and_the_pipelines() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        app.world_mut().trigger(NcaWriteCells { entity, tick: 40, state: full(9, 9) });
        app.world_mut().trigger(NcaDamage::rect(entity, Rect::new(0.0, 0.0, 9.0, 2.0)).in_cells());
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(0.0, -3.0), 1.0));
        assert_eq!(cells(&mut app, entity).0, 40, "no tick has passed yet");
        headless::step(&mut app, 2);
        let (tick, state) = cells(&mut app, entity);
        assert_eq!(tick, 42);
        // The first two rows, and a cell below the center: in the world, y grows upwards from the sprite's center.
        assert_eq!(dead(&state), (0..18).chain([7 * 9 + 4]).collect::<Vec<_>>());
    });
}

#[test]
fn nonsense_is_ignored() {
    on_each_backend(|backend| {
        let (mut app, entity) = app_with(backend, &still_model(9, 9), |texture| texture);
        let bare = app.world_mut().spawn_empty().id();
        let gone = app.world_mut().spawn_empty().id();
        app.world_mut().despawn(gone);
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(9, 9) });
        app.update();
        for damage in [
            NcaDamage::circle(entity, Vec2::NAN, 3.0),
            NcaDamage::circle(entity, Vec2::ZERO, -3.0),
            NcaDamage::circle(entity, Vec2::ZERO, f32::INFINITY),
            NcaDamage::rect(entity, Rect { min: Vec2::ONE, max: Vec2::ZERO }),
            NcaDamage::new(entity, NcaWound::circle(Vec2::ZERO, 3.0).with_strength(f32::NAN)),
            NcaDamage::new(entity, NcaWound::circle(Vec2::ZERO, 3.0).with_softness(-1.0)),
            NcaDamage::new(entity, NcaWound::polygon([Vec2::ZERO, Vec2::ONE])),
            NcaDamage::circle(bare, Vec2::ZERO, 3.0),
            NcaDamage::circle(gone, Vec2::ZERO, 3.0),
        ] {
            app.world_mut().trigger(NcaBlast::new(damage.wound.clone().with_strength(-damage.wound.strength)));
            app.world_mut().trigger(damage);
        }
        app.world_mut().trigger(NcaWriteCells { entity, tick: 9, state: full(8, 9) });
        headless::step(&mut app, 1);
        assert_eq!(cells(&mut app, entity).1, full(9, 9));
    });
}

/// A paused app with a full sprite of a still model at each place, and the entities.
fn row(backend: NcaBackend, side: u32, places: &[Transform]) -> (App, Vec<Entity>) {
    let mut app = paused_app(backend);
    let handle = add_model(&mut app, &still_model(side, side));
    let spawn = |transform: &Transform| {
        let texture = NcaTexture::new(handle.clone());
        let entity = app.world_mut().spawn((texture, Sprite::default(), *transform)).id();
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(side as usize, side as usize) });
        entity
    };
    let entities = places.iter().map(spawn).collect::<Vec<_>>();
    cells(&mut app, entities[0]);
    (app, entities)
}

#[test]
fn a_blast_hits_what_it_touches_and_nothing_else() {
    on_each_backend(|backend| {
        let turned = Transform::from_xyz(30.0, 0.0, 0.0).with_rotation(Quat::from_rotation_z(0.6));
        let (mut app, sprites) = row(backend, 9, &[Transform::default(), turned, Transform::from_xyz(0.0, 99.0, 0.0)]);
        app.world_mut().spawn((Sprite::default(), Transform::default()));
        // Through the middle row of the first sprite and, because it is rotated, diagonally through the second.
        let cut = NcaWound::capsule(Vec2::new(-20.0, 0.0), Vec2::new(50.0, 0.0), 0.6);
        app.world_mut().trigger(NcaBlast::new(cut));
        headless::step(&mut app, 1);
        assert_eq!(dead(&cells(&mut app, sprites[0]).1), (4 * 9..5 * 9).collect::<Vec<_>>());
        let second = dead(&cells(&mut app, sprites[1]).1);
        // In the rotated sprite's cells, a line along the world's x axis starts near the top of the left edge.
        assert!(second.contains(&(4 * 9 + 4)) && second.contains(&9) && second.contains(&(7 * 9 + 8)), "{second:?}");
        assert!(second.len() >= 9 && second.len() < 20, "{second:?}");
        assert!(dead(&cells(&mut app, sprites[2]).1).is_empty());
    });
}

#[test]
fn every_shape_hits_its_cells() {
    let (mut app, sprites) = row(NcaBackend::Cpu, 16, &[Transform::default(); 4]);
    // The sprite's upper left corner is at (-8, 8) in the world, where y grows upwards.
    let to_cells = |x: f32, y: f32| [x + 8.0, 8.0 - y];
    let wounds = [
        (
            NcaWound::rotated_rect(Vec2::new(1.0, 2.0), Vec2::new(8.0, 3.0), 0.5),
            Shape::rotated_rect(to_cells(1.0, 2.0), [8.0, 3.0], -0.5),
        ),
        (
            NcaWound::capsule(Vec2::new(-3.0, 1.0), Vec2::new(5.0, 4.0), 1.5),
            Shape::capsule(to_cells(-3.0, 1.0), to_cells(5.0, 4.0), 1.5),
        ),
        (
            NcaWound::polygon([Vec2::ZERO, Vec2::new(6.0, 1.0), Vec2::new(2.0, 7.0)]),
            Shape::polygon([to_cells(0.0, 0.0), to_cells(6.0, 1.0), to_cells(2.0, 7.0)]),
        ),
        (NcaWound::rect(Rect::new(-4.0, -1.0, 3.0, 2.0)), Shape::rect(4.0, 6.0, 11.0, 9.0)),
    ];
    for ((wound, shape), entity) in wounds.into_iter().zip(sprites) {
        app.world_mut().trigger(NcaDamage::new(entity, wound));
        headless::step(&mut app, 1);
        let expected: Vec<usize> = CellMask::of(&shape, 16, 16).iter().collect();
        assert!(expected.len() > 10, "{shape:?}");
        assert_eq!(dead(&cells(&mut app, entity).1), expected, "{shape:?}");
    }
}

#[test]
fn a_stencil_hits_where_its_picture_is_opaque() {
    let (mut app, sprites) = row(NcaBackend::Cpu, 8, &[Transform::default()]);
    // Opaque at the upper left and the lower right.
    let alphas = [255, 0, 0, 255];
    let mut image = Image::new_fill(
        bevy::render::render_resource::Extent3d { width: 2, height: 2, depth_or_array_layers: 1 },
        bevy::render::render_resource::TextureDimension::D2,
        &[0; 4],
        bevy::render::render_resource::TextureFormat::Rgba8UnormSrgb,
        bevy::asset::RenderAssetUsages::default(),
    );
    image.sampler = ImageSampler::nearest();
    for (pixel, alpha) in image.data.as_mut().unwrap().chunks_mut(4).zip(alphas) {
        pixel[3] = alpha;
    }
    let wound = NcaWound::stencil(&image, Vec2::ZERO, Vec2::splat(4.0), 0.0).unwrap();
    app.world_mut().trigger(NcaBlast::new(wound));
    headless::step(&mut app, 1);
    assert_eq!(dead(&cells(&mut app, sprites[0]).1), [18, 19, 26, 27, 36, 37, 44, 45]);
}

#[test]
fn a_weak_wound_kills_its_share_the_same_on_each_backend() {
    let survivors = std::sync::Mutex::new(Vec::new());
    on_each_backend(|backend| {
        let (mut app, sprites) = row(backend, 40, &[Transform::default(), Transform::from_xyz(100.0, 0.0, 0.0)]);
        let acid = NcaWound::rect(Rect::new(-20.0, -20.0, 20.0, 20.0)).with_strength(0.25);
        app.world_mut().trigger(NcaBlast::new(acid.clone()));
        headless::step(&mut app, 1);
        let once = dead(&cells(&mut app, sprites[0]).1);
        assert!((320..480).contains(&once.len()), "a quarter of 1,600: {}", once.len());
        // Two more wounds in one tick use different noise.
        app.world_mut().trigger(NcaBlast::new(acid.clone()));
        app.world_mut().trigger(NcaBlast::new(acid));
        headless::step(&mut app, 1);
        let thrice = dead(&cells(&mut app, sprites[0]).1);
        assert!((870..980).contains(&thrice.len()), "of 1,600 all but 0.75^3: {}", thrice.len());
        let soft = NcaWound::circle(Vec2::new(100.0, 0.0), 20.0).with_softness(20.0);
        app.world_mut().trigger(NcaBlast::new(soft));
        headless::step(&mut app, 1);
        let soft = dead(&cells(&mut app, sprites[1]).1);
        // The probability falls off as a cone, so about a third of the disc dies.
        assert!((320..520).contains(&soft.len()), "{}", soft.len());
        let near = |cell: &&usize| ((**cell % 40) as f32 - 19.5).hypot((**cell / 40) as f32 - 19.5) < 10.0;
        assert!(soft.iter().filter(near).count() > soft.len() / 2 - 40, "more of them in the middle");
        survivors.lock().unwrap().push((once, thrice, soft));
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.iter().all(|dead| *dead == survivors[0]));
}

/// Whether all cells of a mask are zeros, and how many cells of the state are not.
fn alive(state: &State, mask: &CellMask) -> (bool, usize) {
    let dead = dead(state);
    (mask.iter().all(|cell| dead.binary_search(&cell).is_ok()), state.width() * state.height() - dead.len())
}

#[test]
fn scars_stay_dead_until_they_are_healed() {
    let runs = std::sync::Mutex::new(Vec::new());
    on_each_backend(|backend| {
        for name in ["standard", "wrap", "synchronous", "texture"] {
            let golden = Golden::read(name);
            let (width, height) = (golden.start.width(), golden.start.height());
            let shape = Shape::circle(width as f32 / 2.0 + 1.0, height as f32 / 2.0, 2.5);
            let scar = CellMask::of(&shape, width, height);
            let (mut app, entity) = app_with(backend, &golden.model, |texture| texture.with_seed(golden.seed));
            let write = |app: &mut App| {
                app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: golden.start.clone() });
            };
            write(&mut app);
            headless::step(&mut app, 12);
            let wound = NcaWound::from(shape.clone());
            app.world_mut().trigger(NcaDamage::new(entity, wound.with_scars()).in_cells());
            let mut frames = Vec::new();
            for _ in 0..3 {
                headless::step(&mut app, 2);
                let (_, state) = cells(&mut app, entity);
                let (scarred, living) = alive(&state, &scar);
                assert!(scarred && living > 0, "{backend:?}, {name}: {living} live");
                frames.push(state);
            }
            // Writing cells does not remove the scar.
            write(&mut app);
            assert!(alive(&cells(&mut app, entity).1, &scar).0, "{backend:?}, {name}");
            headless::step(&mut app, 1);
            assert!(alive(&cells(&mut app, entity).1, &scar).0, "{backend:?}, {name}");
            app.world_mut().trigger(NcaHeal::new(entity, shape).in_cells());
            headless::step(&mut app, 1);
            let (_, state) = cells(&mut app, entity);
            assert!(!alive(&state, &scar).0, "{backend:?}, {name}");
            frames.push(state);
            headless::step(&mut app, 6);
            frames.push(cells(&mut app, entity).1);
            runs.lock().unwrap().push(frames);
        }
    });
    let runs = runs.into_inner().unwrap();
    for (on_cpu, on_gpu) in runs[..4].iter().zip(&runs[4..]) {
        for (a, b) in on_cpu.iter().zip(on_gpu) {
            assert!(distance(a, b) < 1e-5, "{}", distance(a, b));
        }
    }
}

#[test]
fn healing_brings_a_dead_sprite_back() {
    on_each_backend(|backend| {
        let golden = Golden::read("standard");
        let (mut app, entity) = app_with(backend, &golden.model, |texture| texture);
        headless::step(&mut app, 3);
        let all = NcaWound::circle(Vec2::ZERO, 100.0);
        app.world_mut().trigger(NcaBlast::new(all));
        headless::step(&mut app, 1);
        assert_eq!(alive(&cells(&mut app, entity).1, &CellMask::new(1, 1)).1, 0);
        // The seed is half a cell right of and below the center of an even grid.
        app.world_mut().trigger(NcaHeal::circle(entity, Vec2::new(0.5, -0.5), 0.4));
        headless::step(&mut app, 5);
        let (tick, state) = cells(&mut app, entity);
        assert_eq!(tick, 9);
        assert!(alive(&state, &CellMask::new(1, 1)).1 > 4);
    });
}

#[test]
fn armor_spares_cells_of_weaker_wounds() {
    on_each_backend(|backend| {
        let (mut app, sprites) = row(backend, 16, &[Transform::default()]);
        let plate = Shape::rect(0.0, 0.0, 8.0, 16.0);
        let rest: Vec<usize> = (0..256).filter(|cell| cell % 16 >= 8).collect();
        let everywhere = || NcaWound::circle(Vec2::ZERO, 100.0);
        app.world_mut().entity_mut(sprites[0]).insert(NcaArmor::new(0.1).with_plate(plate.clone(), 1.0));
        app.world_mut().trigger(NcaBlast::new(everywhere().with_strength(0.1)));
        headless::step(&mut app, 1);
        assert!(dead(&cells(&mut app, sprites[0]).1).is_empty(), "no stronger than the skin");
        app.world_mut().trigger(NcaBlast::new(everywhere()));
        headless::step(&mut app, 1);
        assert_eq!(dead(&cells(&mut app, sprites[0]).1), rest, "nothing is stronger than the plate");
        app.world_mut().entity_mut(sprites[0]).insert(NcaArmor::default().with_plate(plate, f32::NAN));
        app.world_mut().trigger(NcaBlast::new(everywhere()));
        headless::step(&mut app, 1);
        assert_eq!(dead(&cells(&mut app, sprites[0]).1).len(), 256);
    });
}
