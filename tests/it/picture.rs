//! What sprites show.

use bevy::{
    asset::RenderAssetUsages,
    image::{ImageSampler, TRANSPARENT_IMAGE_HANDLE},
    prelude::*,
    render::gpu_readback::{Readback, ReadbackComplete},
};
use bevy_nca::{
    headless::{self, NoCells},
    prelude::*,
    rule::{Model, Output, Rule, State, Target, picture},
};

use crate::{
    plugin::{add_model, app_with, cells, paused_app, unchanging},
    support::{Golden, on_each_backend},
    vitals::slime,
};

/// The pixels of a sprite's slot, read back if only the GPU has them.
fn pixels(app: &mut App, entity: Entity) -> Vec<[u8; 4]> {
    let sprite = app.world().get::<Sprite>(entity).unwrap().clone();
    let image = app.world().resource::<Assets<Image>>().get(&sprite.image).unwrap();
    let (width, data) = match &image.data {
        Some(data) => (image.width() as usize, data.clone()),
        None => {
            #[derive(Resource, Default)]
            struct Bytes(Vec<u8>);
            let row = (image.width() as usize * 4).next_multiple_of(256) / 4;
            app.init_resource::<Bytes>();
            let readback = app.world_mut().spawn(Readback::texture(sprite.image.clone())).id();
            app.world_mut().entity_mut(readback).observe(|read: On<ReadbackComplete>, mut bytes: ResMut<Bytes>| {
                bytes.0.clone_from(&read.data);
            });
            // The first frames may still be in flight.
            (0..20).for_each(|_| app.update());
            app.world_mut().despawn(readback);
            (row, app.world().resource::<Bytes>().0.clone())
        }
    };
    let rect = sprite.rect.unwrap().as_urect();
    let at = |x: u32, y: u32| data.as_chunks::<4>().0[y as usize * width + x as usize];
    (rect.min.y..rect.max.y)
        .flat_map(|y| (rect.min.x..rect.max.x).map(move |x| (x, y)))
        .map(|(x, y)| at(x, y))
        .collect()
}

#[test]
fn the_picture_is_that_of_the_cells() {
    on_each_backend(|backend| {
        for name in ["standard", "texture"] {
            let golden = Golden::read(name);
            let mut app = paused_app(backend);
            let handle = add_model(&mut app, &golden.model);
            let spawn = |app: &mut App, seed| {
                app.world_mut().spawn((NcaTexture::new(handle.clone()).with_seed(seed), Sprite::default())).id()
            };
            let sprites: Vec<Entity> = (0..4).map(|seed| spawn(&mut app, seed)).collect();
            cells(&mut app, sprites[3]);
            headless::step(&mut app, 20);
            // A fifth sprite needs a larger atlas, into which the others are drawn again.
            let fifth = spawn(&mut app, 4);
            for sprite in sprites.into_iter().chain([fifth]) {
                let (_, state) = cells(&mut app, sprite);
                let expected = picture(&golden.model, &state);
                let got = pixels(&mut app, sprite);
                assert_eq!(got.len(), expected.len());
                for (got, expected) in got.iter().zip(&expected) {
                    // A value halfway between two bytes may round to either.
                    let close = got.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1);
                    assert!(close, "{backend:?}, {name}: {got:?} instead of {expected:?}");
                }
                assert!(expected.iter().any(|pixel| pixel[3] > 0));
            }
        }
    });
}

/// For each cell, how far it is from the target's pixel, and that pixel.
fn likeness(model: &Model, state: &State) -> Vec<(f32, [u8; 4])> {
    let target = model.target().unwrap();
    let expected = target.premultiplied(state.width(), state.height());
    let cells = state.values().chunks_exact(state.channels()).zip(expected.as_chunks::<4>().0);
    let apart =
        |cell: &[f32], expected: &[f32; 4]| cell.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let byte = |value: f32| (value * 255.0).round() as u8;
    cells
        .map(|(cell, expected)| {
            let [r, g, b, a] = *expected;
            let straight = if a > 0.0 { [r / a, g / a, b / a, a] } else { [0.0; 4] };
            (apart(cell, expected), straight.map(byte))
        })
        .collect()
}

#[test]
fn a_crisp_sprite_shows_the_authored_pixels_where_it_is_whole() {
    on_each_backend(|backend| {
        let model = slime();
        let (mut app, entity) = app_with(backend, &model, NcaTexture::with_crisp);
        headless::step(&mut app, 120);
        app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(-6.0, 0.0), 5.0));
        headless::step(&mut app, 3);
        let (_, state) = cells(&mut app, entity);
        let own = picture(&model, &state);
        let mut counts = [0; 3];
        for ((got, (apart, authored)), own) in
            pixels(&mut app, entity).into_iter().zip(likeness(&model, &state)).zip(&own)
        {
            let close = |to: &[u8; 4]| got.iter().zip(to).all(|(a, b)| a.abs_diff(*b) <= 1);
            match apart {
                ..0.1499 => {
                    assert_eq!(got, authored, "{backend:?}");
                    counts[0] += usize::from(authored[3] > 0);
                }
                0.3501.. => {
                    assert!(close(own), "{backend:?}: {got:?} instead of {own:?}");
                    counts[1] += 1;
                }
                _ => counts[2] += 1,
            }
        }
        assert!(counts[0] > 150 && counts[1] > 30 && counts[2] > 0, "{counts:?}");

        // `crisp` can change at any time, even while nothing ticks.
        app.world_mut().get_mut::<NcaTexture>(entity).unwrap().crisp = false;
        app.update();
        let plain = pixels(&mut app, entity);
        let close = |(a, b): (&[u8; 4], &[u8; 4])| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(plain.iter().zip(&own).all(close), "{backend:?}");
        assert_eq!(cells(&mut app, entity).0, 123);

        // Rotated by 180 degrees, it shows the authored picture rotated.
        let handle = app.world().get::<NcaTexture>(entity).unwrap().model.clone();
        let texture = NcaTexture::new(handle).with_crisp().with_angle(std::f32::consts::PI);
        let turned = app.world_mut().spawn((texture, Sprite::default())).id();
        headless::step(&mut app, 150);
        let authored: Vec<[u8; 4]> = likeness(&model, &state).into_iter().map(|(_, authored)| authored).collect();
        let (width, height) = (state.width(), state.height());
        let got = pixels(&mut app, turned);
        let same = (0..width * height).filter(|cell| {
            let (x, y) = (2 * (width / 2) - cell % width, 2 * (height / 2) - cell / width);
            x < width && y < height && authored[y * width + x][3] > 0 && got[*cell] == authored[y * width + x]
        });
        let all = authored.iter().filter(|pixel| pixel[3] > 0).count();
        assert!(same.count() * 100 > all * 95);
    });
}

#[test]
fn smooth_sprites_are_sampled_linearly_apart_from_the_others() {
    let (mut app, plain) = app_with(NcaBackend::Cpu, &Golden::read("small").model, |texture| texture);
    let texture = app.world().get::<NcaTexture>(plain).unwrap().clone();
    let smooth = app.world_mut().spawn((texture.with_smooth(), Sprite::default())).id();
    app.update();
    let sampler = |entity| {
        let image = &app.world().get::<Sprite>(entity).unwrap().image;
        app.world().resource::<Assets<Image>>().get(image).unwrap().sampler.clone()
    };
    assert_eq!([plain, smooth].map(sampler), [ImageSampler::nearest(), ImageSampler::linear()]);
}

/// A sprite without cells is not drawn as the white pixel of a missing image.
#[test]
fn a_sprite_without_its_model_is_transparent() {
    let mut app = paused_app(NcaBackend::Cpu);
    let entity = app.world_mut().spawn((NcaTexture::default(), Sprite::default())).id();
    app.update();
    assert_eq!(app.world().get::<Sprite>(entity).unwrap().image, TRANSPARENT_IMAGE_HANDLE);
    let own = app.world_mut().resource_mut::<Assets<Image>>().add(Image::default());
    let entity = app.world_mut().spawn((NcaTexture::default(), Sprite::from_image(own.clone()))).id();
    app.update();
    assert_eq!(app.world().get::<Sprite>(entity).unwrap().image, own, "a placeholder of the game's own stays");
    assert_eq!(app.world().resource::<Assets<Image>>().get(&own).unwrap().asset_usage, RenderAssetUsages::default());
}

/// Whatever is spawned, removed or replaced, a sprite shows its own slot or nothing.
#[test]
fn a_sprite_shows_its_own_cells_and_nothing_else() {
    let mut app = paused_app(NcaBackend::Cpu);
    let handle = add_model(&mut app, &Golden::read("small").model);
    let first = app.world_mut().spawn(NcaTexture::new(handle.clone())).id();
    app.update();
    app.world_mut().entity_mut(first).insert(Sprite { flip_x: true, ..default() });
    app.update();
    let shown = |app: &App, entity| {
        app.world().get::<Sprite>(entity).map(|sprite| (sprite.image.clone(), sprite.rect)).unwrap()
    };
    let (image, rect) = shown(&app, first);
    assert!(image != Handle::default() && rect.is_some(), "a sprite that comes later is painted");

    // It loses its model, and another sprite takes its slot.
    app.world_mut().get_mut::<NcaTexture>(first).unwrap().model = Handle::default();
    let second = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default())).id();
    app.update();
    app.update();
    assert_eq!(shown(&app, first), (TRANSPARENT_IMAGE_HANDLE, None));
    assert!(shown(&app, second).1.is_some());

    // Removing the component drops the cells; inserting it again restarts from the seed.
    headless::step(&mut app, 3);
    assert_eq!(cells(&mut app, second).0, 3);
    app.world_mut().entity_mut(second).remove::<NcaTexture>();
    app.update();
    assert_eq!(headless::read_cells(&mut app, second, 3), Err(NoCells::NoTexture(second)));
    app.world_mut().entity_mut(second).insert(NcaTexture::new(handle));
    assert_eq!(cells(&mut app, second).0, 0);

    // An image that the game has set in the meantime is kept.
    let own = app.world_mut().resource_mut::<Assets<Image>>().add(Image::default());
    app.world_mut().entity_mut(second).insert(Sprite::from_image(own.clone())).remove::<NcaTexture>();
    assert_eq!(shown(&app, second), (own, None));
}

/// A body of coordinates with cells in their place, off it, half dead and dead, in a rule that changes nothing.
#[test]
fn a_body_of_coordinates_shows_its_picture() {
    let pixel = |x: usize, y: usize| [(20 * x) as u8, (30 * y) as u8, 200, if x == 3 && y == 2 { 0 } else { 255 }];
    let rgba = (0..8 * 6).flat_map(|index| pixel(index % 8, index / 8)).collect();
    let target = Target { width: 8, height: 6, rgba };
    let rule = Rule { version: 2, output: Output::Coordinates, grid: [16, 14], ..Rule::default() };
    let grown = target.cells(Output::Coordinates, 16, 14);
    let values = grown.as_chunks::<4>().0.iter().enumerate().flat_map(|(index, [u, v, _, alpha])| {
        let off = [0.0, 0.03, 0.1, 0.3][index % 4];
        let life = if index % 5 == 0 { 0.5 } else { 1.0 };
        let mut cell = [0.0; 16];
        cell[..4].copy_from_slice(&[(u + off * alpha) * life, v * life, 0.0, alpha * life]);
        cell
    });
    let state = State::from_values(16, 14, rule.channels, values.collect()).unwrap();
    let model = unchanging(rule, Some(target));
    let expected = picture(&model, &state);
    let shown = expected.iter().filter(|pixel| pixel[3] == 255).count();
    assert!((25..8 * 6).contains(&shown), "{shown}");
    // Cell (5, 6) is in its place, and shows pixel (1, 2).
    assert_eq!(expected[6 * 16 + 5][..3], [20, 60, 200]);
    on_each_backend(|backend| {
        for angle in [0.0, std::f32::consts::PI] {
            let (mut app, entity) = app_with(backend, &model, |texture| texture.with_angle(angle));
            let cells: Vec<f32> = match angle {
                0.0 => state.values().to_vec(),
                // Turned about the cell (8, 7); row and column 0 have no counterpart.
                _ => (0..16 * 14)
                    .flat_map(|index| {
                        let (x, y) = (16 - index % 16, 14 - index / 16);
                        state.cell(x, y).map_or(vec![0.0; state.channels()], <[f32]>::to_vec)
                    })
                    .collect(),
            };
            let cells = State::from_values(16, 14, state.channels(), cells).unwrap();
            app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: cells });
            headless::step(&mut app, 1);
            let got = pixels(&mut app, entity);
            let differ = got.iter().enumerate().filter(|(index, got)| {
                let (x, y) = match angle {
                    0.0 => (index % 16, index / 16),
                    _ => (16 - index % 16, 14 - index / 16),
                };
                let expected = if x < 16 && y < 14 { expected[y * 16 + x] } else { [0; 4] };
                got.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > 1)
            });
            // Of pixels on the border of two, either may be shown.
            assert!(differ.count() <= 2, "{backend:?}, {angle}: {got:?}");
        }
    });
}
