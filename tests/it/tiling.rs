//! Textures in an image of their own.

use bevy::{
    color::ColorToComponents,
    image::{ImageAddressMode, ImageSampler},
    prelude::*,
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{Model, Rgba, State, picture},
};

use crate::{
    plugin::{add_model, cells, full, paused_app, still_model},
    screen::Screen,
    support::{Golden, distance, on_each_backend, on_the_gpu},
    vitals::vitals,
};

/// The mean of the light of squares of `side` pixels.
fn halved(pixels: &[Rgba], width: usize, side: usize) -> Vec<[u8; 4]> {
    let light = |pixel: Rgba| LinearRgba::from(Srgba::from_u8_array(pixel)).to_f32_array();
    let corners = (0..pixels.len() / width / side).flat_map(|y| (0..width / side).map(move |x| (x * side, y * side)));
    let mean = |(left, top): (usize, usize)| {
        let square = (0..side).flat_map(|y| (0..side).map(move |x| (top + y) * width + left + x));
        let sum = square.fold(Vec4::ZERO, |sum, pixel| sum + Vec4::from(light(pixels[pixel])));
        let mean = sum / (side * side) as f32;
        Srgba::from(LinearRgba::from_vec4(mean)).to_u8_array()
    };
    corners.map(mean).collect()
}

/// A part of the screen around its center.
fn middle(pixels: &[[u8; 4]], screen: [usize; 2], [width, height]: [usize; 2]) -> Vec<[u8; 4]> {
    let [left, top] = [(screen[0] - width) / 2, (screen[1] - height) / 2];
    let rows = pixels.chunks_exact(screen[0]).skip(top).take(height);
    rows.flat_map(|row| &row[left..left + width]).copied().collect()
}

fn most_apart(a: &[[u8; 4]], b: &[[u8; 4]]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// Near, a picture has its pixels; far away, their means, at each level.
#[test]
fn a_tile_has_mipmaps_of_its_light() {
    on_each_backend(|backend| {
        let golden = Golden::read("material");
        let (_, state) = golden.frames[3].clone();
        let [width, height] = [state.width(), state.height()];
        let mut screen = Screen::new(backend, 64, 48);
        let app = &mut screen.app;
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let model = add_model(app, &golden.model);
        let tiling = NcaTiling::new(app.world().resource::<Assets<Image>>());
        let image = tiling.image.clone();
        let texture = app.world_mut().spawn((NcaTexture::new(model), tiling)).id();
        app.world_mut().trigger(NcaWriteCells { entity: texture, tick: 24, state: state.clone() });
        let shown = app.world_mut().spawn(Sprite::from_image(image.clone())).id();
        let whole = picture(&golden.model, &state);
        for side in [1, 2, 4] {
            let size = [width / side, height / side];
            let mut sprite = screen.app.world_mut().get_mut::<Sprite>(shown).unwrap();
            sprite.custom_size = Some(Vec2::from(size.map(|side| side as f32)));
            // A side of an odd number of pixels is not in the middle.
            let offset = size.map(|side| (side % 2) as f32 / 2.0);
            screen.app.world_mut().get_mut::<Transform>(shown).unwrap().translation =
                Vec3::new(-offset[0], offset[1], 0.0);
            let seen = middle(&screen.pixels(), [64, 48], size);
            let apart = most_apart(&seen, &halved(&whole, width, side));
            // A GPU may round sRGB differently, at each level.
            assert!(apart <= side as u8, "{backend:?}: {apart} at 1/{side}");
        }
        // It goes on ticking, and its picture follows.
        headless::step(&mut screen.app, 3);
        let (tick, state) = cells(&mut screen.app, texture);
        assert_eq!(tick, 27);
        let mut sprite = screen.app.world_mut().get_mut::<Sprite>(shown).unwrap();
        sprite.custom_size = Some(Vec2::new(width as f32 / 2.0, height as f32 / 2.0));
        screen.app.world_mut().get_mut::<Transform>(shown).unwrap().translation = Vec3::ZERO;
        let seen = middle(&screen.pixels(), [64, 48], [width / 2, height / 2]);
        let expected = halved(&picture(&golden.model, &state), width, 2);
        assert!(most_apart(&seen, &expected) <= 2, "{backend:?}: the picture follows");
    });
}

#[test]
fn the_image_stays_with_its_users() {
    on_each_backend(|backend| {
        let golden = Golden::read("material");
        let mut app = paused_app(backend);
        let model = add_model(&mut app, &golden.model);
        let image_of = |app: &App, entity| app.world().get::<NcaTiling>(entity).unwrap().image.clone();
        let size = |app: &App, image: &Handle<Image>| {
            app.world().resource::<Assets<Image>>().get(image).map(|image| image.size().to_array())
        };
        // Each has its own image, also without being given one.
        let spawn = |app: &mut App| app.world_mut().spawn((NcaTexture::new(model.clone()), NcaTiling::default())).id();
        let [first, second] = [spawn(&mut app), spawn(&mut app)];
        app.update();
        let [a, b] = [image_of(&app, first), image_of(&app, second)];
        assert_ne!(a, b);
        assert_eq!([size(&app, &a), size(&app, &b)], [Some([28, 20]); 2]);
        let images = app.world().resource::<Assets<Image>>();
        let found = images.get(&a).unwrap();
        assert_eq!(found.texture_descriptor.mip_level_count, 5);
        let sampler = match &found.sampler {
            ImageSampler::Descriptor(sampler) => sampler.clone(),
            other => panic!("{other:?}"),
        };
        assert!(matches!(
            (sampler.address_mode_u, sampler.address_mode_v),
            (ImageAddressMode::Repeat, ImageAddressMode::Repeat)
        ));
        // Another grid: the same image, of another size.
        app.world_mut().get_mut::<NcaTexture>(first).unwrap().grid = Some(UVec2::new(40, 30));
        app.update();
        assert_eq!((image_of(&app, first), size(&app, &a)), (a.clone(), Some([40, 30])));
        // A sprite beside it shows the whole image; without the tiling, a part of an atlas again.
        app.world_mut().entity_mut(second).insert(Sprite::default());
        app.update();
        assert_eq!(app.world().get::<Sprite>(second).unwrap().image, b);
        app.world_mut().entity_mut(second).remove::<NcaTiling>();
        app.update();
        let sprite = app.world().get::<Sprite>(second).unwrap();
        assert_ne!(sprite.image, b);
        assert_eq!(sprite.rect.map(|rect| rect.size()), Some(Vec2::new(28.0, 20.0)));
        // Its users keep the last picture.
        app.world_mut().despawn(first);
        app.update();
        assert_eq!(size(&app, &a), Some([40, 30]));
    });
}

/// A texture of one user in an app without a renderer.
#[test]
fn a_tile_is_painted_without_a_renderer() {
    let golden = Golden::read("material");
    let mut app = headless::app(NcaBackend::Cpu).unwrap();
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let model = add_model(&mut app, &golden.model);
    let entity = app.world_mut().spawn((NcaTexture::new(model), NcaTiling::default())).id();
    let state: State = golden.frames[3].1.clone();
    app.world_mut().trigger(NcaWriteCells { entity, tick: 24, state: state.clone() });
    app.update();
    app.update();
    let image = app.world().get::<NcaTiling>(entity).unwrap().image.clone();
    let image = app.world().resource::<Assets<Image>>().get(&image).unwrap();
    let pixels = &image.data.as_ref().unwrap()[..28 * 20 * 4];
    assert_eq!(pixels, picture(&golden.model, &state).as_flattened());
}

/// A shape beyond the first repetition, and across its edge, wounds the cells that it covers in any.
#[test]
fn wounds_cross_the_seam() {
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let model = add_model(&mut app, &still_model(20, 10));
        let entity = app.world_mut().spawn((NcaTexture::new(model), NcaTiling::default())).id();
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: full(20, 10) });
        app.update();
        // The corner of four repetitions: a quarter of the circle in each corner of the grid.
        app.world_mut().trigger(NcaDamage::new(entity, NcaWound::circle(Vec2::new(3.0, -2.0), 0.2)).in_uv());
        headless::step(&mut app, 1);
        let (_, state) = cells(&mut app, entity);
        for (x, y) in (0..20).flat_map(|x| (0..10).map(move |y| (x, y))) {
            let [u, v] = [(x as f32 + 0.5) / 20.0, (y as f32 + 0.5) / 10.0];
            let from_corner = Vec2::new(u.min(1.0 - u), v.min(1.0 - v)).length();
            let is_dead = state.cell(x, y).unwrap().iter().all(|value| *value == 0.0);
            assert_eq!(is_dead, from_corner < 0.2, "{backend:?}: the cell {x}, {y}");
        }
    });
}

/// What was torn out counts as lost until it is as strong as before.
#[test]
fn a_torn_texture_comes_back() {
    let model = Model::from_bytes(include_bytes!("../../assets/materials/moss.nca")).unwrap();
    on_each_backend(|backend| {
        let mut app = paused_app(backend);
        let model = add_model(&mut app, &model);
        let entity = app.world_mut().spawn((NcaTexture::new(model).with_grid((32, 32)), NcaTiling::default())).id();
        // It is judged once another of its kind has grown.
        let mut ticks = 0;
        loop {
            headless::step(&mut app, 10);
            ticks += 10;
            let vitals = vitals(&mut app, entity);
            if vitals.condition == NcaCondition::Whole {
                break;
            }
            assert!(ticks < 5000, "{backend:?}: {vitals:?}");
        }
        headless::step(&mut app, 100);
        let whole = vitals(&mut app, entity);
        assert!(whole.integrity > 0.95, "{backend:?}: {whole:?}");
        // A fifth of its area.
        app.world_mut().trigger(NcaDamage::new(entity, NcaWound::circle(Vec2::new(0.1, 0.9), 0.252)).in_uv());
        let mut integrities = Vec::new();
        for ticks in [1, 3, 8, 100] {
            headless::step(&mut app, ticks);
            integrities.push(vitals(&mut app, entity).integrity);
        }
        assert!(integrities.is_sorted(), "{backend:?}: {integrities:?}");
        assert!(integrities[0] < 0.86 && integrities[1] < 0.92, "{backend:?}: {integrities:?}");
        assert!(integrities[3] >= NcaVitals::WHOLE, "{backend:?}: {integrities:?}");
        assert_eq!(vitals(&mut app, entity).condition, NcaCondition::Whole);
    });
}

/// The slopes of brightness, across the edges too.
#[test]
fn a_relief_has_the_slopes_of_its_picture() {
    /// The largest difference of light. A relief has 8 bits of it.
    fn apart(seen: &[[u8; 4]], expected: &[Vec3]) -> f32 {
        assert_eq!(seen.len(), expected.len());
        let light = |pixel: &[u8; 4]| LinearRgba::from(Srgba::from_u8_array(*pixel)).to_vec3();
        let pairs = seen.iter().zip(expected);
        pairs.map(|(seen, expected)| (light(seen) - expected).abs().max_element()).fold(0.0, f32::max)
    }
    on_each_backend(|backend| {
        let golden = Golden::read("material");
        let state = golden.frames[3].1.clone();
        let size = [state.width(), state.height()];
        let mut screen = Screen::new(backend, 64, 48);
        let app = &mut screen.app;
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let model = add_model(app, &golden.model);
        let relief = NcaRelief::new(app.world().resource::<Assets<Image>>()).with_height(20.0);
        let image = relief.image.clone();
        let tiling = NcaTiling::new(app.world().resource::<Assets<Image>>());
        let shown = app.world_mut().spawn(Sprite::from_image(tiling.image.clone())).id();
        let texture = app.world_mut().spawn((NcaTexture::new(model), tiling, relief)).id();
        app.world_mut().trigger(NcaWriteCells { entity: texture, tick: 24, state });
        // The picture as it is stored: a GPU may round sRGB differently.
        let light: Vec<f32> = middle(&screen.pixels(), [64, 48], size)
            .into_iter()
            .map(|pixel| LinearRgba::from(Srgba::from_u8_array(pixel)).to_vec3().dot(vec3(0.2126, 0.7152, 0.0722)))
            .collect();
        // Its own sampler blurs on software drivers.
        let mut images = screen.app.world_mut().resource_mut::<Assets<Image>>();
        images.get_mut(&image).unwrap().sampler = ImageSampler::nearest();
        screen.app.world_mut().get_mut::<Sprite>(shown).unwrap().image = image;
        let at = |x: usize, y: usize| light[y % size[1] * size[0] + x % size[0]];
        let cells = || (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
        let normal = |(x, y): (usize, usize)| {
            let [left, up] = [x + size[0] - 1, y + size[1] - 1];
            let across = |x| (at(x, up) + 2.0 * at(x, y) + at(x, y + 1)) / 8.0;
            let down = |y| (at(left, y) + 2.0 * at(x, y) + at(x + 1, y)) / 8.0;
            let slope = 20.0 * Vec2::new(across(x + 1) - across(left), down(y + 1) - down(up));
            Vec3::new(-slope.x, slope.y, 1.0).normalize() * 0.5 + 0.5
        };
        let seen = middle(&screen.pixels(), [64, 48], size);
        let normals: Vec<Vec3> = cells().map(normal).collect();
        let steepest = normals.iter().map(|normal| normal.xy().distance(Vec2::splat(0.5))).fold(0.0, f32::max);
        assert!(steepest > 0.1, "it is not flat: {steepest}");
        assert!(apart(&seen, &normals) < 0.01, "{backend:?}: {}", apart(&seen, &normals));
        // Other settings, at once.
        screen.app.world_mut().get_mut::<NcaRelief>(texture).unwrap().kind = NcaReliefKind::Depths;
        let depths: Vec<Vec3> = cells().map(|(x, y)| Vec3::splat(1.0 - at(x, y))).collect();
        let seen = middle(&screen.pixels(), [64, 48], size);
        assert!(apart(&seen, &depths) < 0.01, "{backend:?}: {}", apart(&seen, &depths));
        // It follows the picture.
        screen.app.world_mut().trigger(NcaDamage::new(texture, NcaWound::circle(Vec2::splat(0.5), 0.2)).in_uv());
        headless::step(&mut screen.app, 1);
        assert_ne!(middle(&screen.pixels(), [64, 48], size), seen);
    });
}

/// A large ground: the backends agree, at half precision too, and its image has every mipmap.
#[test]
fn a_texture_may_have_a_million_cells() {
    const SIDE: u32 = 1024;
    let golden = Golden::read("material");
    let run = |plugin: NcaPlugin| {
        let mut app = paused_app(plugin);
        let model = add_model(&mut app, &golden.model);
        let tiling = NcaTiling::new(app.world().resource::<Assets<Image>>());
        let image = tiling.image.clone();
        let entity = app.world_mut().spawn((NcaTexture::new(model).with_grid((SIDE, SIDE)), tiling)).id();
        app.world_mut().trigger(NcaDamage::new(entity, NcaWound::circle(Vec2::splat(0.5), 0.1)).in_uv());
        headless::step(&mut app, 3);
        let (tick, state) = cells(&mut app, entity);
        let image = app.world().resource::<Assets<Image>>().get(&image).unwrap();
        assert_eq!((tick, image.size(), image.texture_descriptor.mip_level_count), (3, UVec2::splat(SIDE), 11));
        state
    };
    let on_cpu = run(NcaBackend::Cpu.into());
    assert!(on_cpu.values().iter().filter(|value| **value != 0.0).count() > 1_000_000);
    on_the_gpu(|| {
        let apart = distance(&run(NcaBackend::Gpu.into()), &on_cpu);
        assert!(apart < 1e-5, "{apart}");
        let half = NcaPlugin { backend: NcaBackend::Gpu, precision: NcaPrecision::Half, ..default() };
        let apart = distance(&run(half), &on_cpu);
        assert!(apart < 5e-3, "half precision: {apart}");
    });
}
