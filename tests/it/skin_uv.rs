//! UV sheets: wounds that stay in an arm that swings.

use bevy::{
    asset::RenderAssetUsages,
    ecs::system::RunSystemOnce,
    image::ImageSampler,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{SkinArt, Target},
};

use crate::{plugin::cells, screen::Screen, support::on_the_gpu};

/// The side of a frame, and pixels of the screen per pixel of the art.
const SIDE: u32 = 64;
const SCALE: u32 = 3;
/// A body, and an arm beside it that hangs down. In the other frame it lies across the body.
const BODY: URect = URect { min: UVec2::new(4, 4), max: UVec2::new(36, 60) };
const HANGING: URect = URect { min: UVec2::new(52, 20), max: UVec2::new(60, 44) };
const ACROSS: URect = URect { min: UVec2::new(8, 28), max: UVec2::new(32, 36) };

fn is_in(rect: URect, at: UVec2) -> bool {
    at.cmpge(rect.min).all() && at.cmplt(rect.max).all()
}

/// Two frames beside each other.
fn sheet(format: TextureFormat, pixel: impl Fn(u32, UVec2) -> [u8; 4]) -> Image {
    let extent = Extent3d { width: 2 * SIDE, height: SIDE, depth_or_array_layers: 1 };
    let at = |index: u32| (index % (2 * SIDE), index / (2 * SIDE));
    let pixels = (0..2 * SIDE * SIDE).map(at).flat_map(|(x, y)| pixel(x / SIDE, UVec2::new(x % SIDE, y)));
    let image = Image::new(extent, TextureDimension::D2, pixels.collect(), format, RenderAssetUsages::default());
    Image { sampler: ImageSampler::nearest(), ..image }
}

fn art() -> Image {
    sheet(TextureFormat::Rgba8UnormSrgb, |frame, at| {
        let arm = if frame == 0 { HANGING } else { ACROSS };
        if is_in(arm, at) {
            [200, at.x as u8, at.y as u8, 255]
        } else if is_in(BODY, at) {
            [at.x as u8, at.y as u8, 200, 255]
        } else {
            [0; 4]
        }
    })
}

/// Only the arm that lies across lies elsewhere: turned by a quarter.
fn uv(format: TextureFormat) -> Image {
    sheet(format, |frame, at| {
        if frame == 0 || !is_in(ACROSS, at) {
            return [7, 7, 7, 0];
        }
        let along = at - ACROSS.min;
        let on_body = (HANGING.min + UVec2::new(along.y, along.x)).as_vec2() + 0.5;
        let byte = |at: f32| (at / SIDE as f32 * 255.0).round() as u8;
        [byte(on_body.x), byte(on_body.y), 0, 255]
    })
}

/// A pixel of a frame, in the world.
fn at(x: f32, y: f32) -> Vec2 {
    (Vec2::new(x, y) - SIDE as f32 / 2.0) * Vec2::new(1.0, -1.0) * SCALE as f32
}

/// A grown sprite.
fn scene(backend: NcaBackend, format: TextureFormat) -> (Screen, Entity) {
    let mut screen = Screen::new(backend, SIDE * SCALE, SIDE * SCALE);
    let (art, uv) = (screen.add_image(art()), screen.add_image(uv(format)));
    let layout = TextureAtlasLayout::from_grid(UVec2::splat(SIDE), 2, 1, None, None);
    let layout = screen.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
    let sprite = Sprite::from_atlas_image(art, TextureAtlas { layout, index: 0 });
    let sprite = Sprite { custom_size: Some(Vec2::splat((SIDE * SCALE) as f32)), ..sprite };
    let skin = (NcaSkin::default().with_uv(uv), sprite, NcaAliveMask::default());
    let entity = screen.app.world_mut().spawn(skin).id();
    screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
    screen.app.update();
    screen.step(260);
    (screen, entity)
}

fn show(screen: &mut Screen, entity: Entity, index: usize) {
    let mut sprite = screen.app.world_mut().get_mut::<Sprite>(entity).unwrap();
    sprite.texture_atlas.as_mut().unwrap().index = index;
    screen.app.update();
}

fn lives(screen: &mut Screen, entity: Entity, point: Vec2) -> bool {
    screen.app.world_mut().run_system_once(move |probe: NcaProbe| probe.lives_at(entity, point)).unwrap()
}

fn first_hit(screen: &mut Screen, from: Vec2, to: Vec2) -> Option<NcaHit> {
    screen.app.world_mut().run_system_once(move |probe: NcaProbe| probe.first_hit(from, to)).unwrap()
}

#[test]
fn a_wound_stays_in_the_arm() {
    on_the_gpu(|| {
        let formats = [TextureFormat::Rgba8UnormSrgb, TextureFormat::Rgba8Unorm];
        for (backend, format) in [NcaBackend::Cpu, NcaBackend::Gpu].into_iter().zip(formats) {
            let (mut screen, entity) = scene(backend, format);
            // Whole, each frame is the art.
            for index in [0, 1] {
                show(&mut screen, entity, index);
                let found = screen.pixels();
                screen.app.world_mut().entity_mut(entity).insert(Visibility::Hidden);
                let sprite = screen.app.world().get::<Sprite>(entity).unwrap().clone();
                let plain = screen.app.world_mut().spawn(sprite).id();
                let expected = screen.pixels();
                screen.app.world_mut().despawn(plain);
                screen.app.world_mut().entity_mut(entity).insert(Visibility::Inherited);
                let wrong = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
                assert_eq!(wrong, 0, "{backend:?}, frame {index}");
            }

            // What is seen is what is hit: the arm hangs, or lies across.
            let hanging = (at(56.0, 2.0), at(56.0, 62.0));
            assert!(first_hit(&mut screen, hanging.0, hanging.1).is_none(), "{backend:?}: it lies across");
            show(&mut screen, entity, 0);
            let hit = first_hit(&mut screen, hanging.0, hanging.1).unwrap();
            assert!(hit.point.distance(at(56.0, 20.0)) < 0.1 * SCALE as f32, "{hit:?}");

            // The hand is shot while it lies across: not the body below it.
            show(&mut screen, entity, 1);
            screen.app.world_mut().trigger(NcaDamage::circle(entity, at(30.0, 32.0), 7.0 * SCALE as f32));
            headless::step(&mut screen.app, 1);
            (0..20).for_each(|_| screen.app.update());
            for (point, is_alive) in [((29.0, 31.0), false), ((12.0, 32.0), true), ((30.0, 48.0), true)] {
                let found = lives(&mut screen, entity, at(point.0, point.1));
                assert_eq!(found, is_alive, "{backend:?}, across: {point:?}");
            }
            show(&mut screen, entity, 0);
            for (point, is_alive) in [((56.0, 41.0), false), ((56.0, 24.0), true), ((30.0, 32.0), true)] {
                let found = lives(&mut screen, entity, at(point.0, point.1));
                assert_eq!(found, is_alive, "{backend:?}, hanging: {point:?}");
            }

            // The shader shows what the painter paints.
            for (index, ticks) in [(0, 0), (1, 0), (0, 12), (1, 12)] {
                screen.step(ticks);
                show(&mut screen, entity, index);
                let wrong = wrong_pixels(&mut screen, entity);
                assert!(wrong < 20, "{backend:?}, frame {index}: {wrong} pixels");
            }
        }
    });
}

/// The number of pixels that differ from those of the painter.
fn wrong_pixels(screen: &mut Screen, entity: Entity) -> usize {
    let shown = screen.pixels();
    let (_, state) = cells(&mut screen.app, entity);
    let world = screen.app.world_mut();
    let art: SkinArt = world.run_system_once(move |art: NcaArt| art.get(entity)).unwrap().unwrap();
    let model = world.get::<NcaTexture>(entity).unwrap().model.clone();
    let painted = art.paint(world.resource::<Assets<NcaModel>>().get(&model).unwrap(), &state, SCALE);
    let side = (SIDE * SCALE) as usize;
    // The art is in the middle of both.
    let margin = (painted.width - side) / 2;
    let mut visible = 0;
    let wrong = (0..side * side).filter(|pixel| {
        let (x, y) = (pixel % side, pixel / side);
        let expected = painted.rgba.as_chunks::<4>().0[(y + margin) * painted.width + x + margin];
        visible += usize::from(expected[3] > 0);
        // A GPU samples between cells in steps of 1/256 of a cell, and the edge of life is steep.
        let differs = |channel: usize| shown[*pixel][channel].abs_diff(expected[channel]) > 8;
        // Blending has multiplied the colors of the others by alpha.
        let is_opaque = expected[3] == 255 && shown[*pixel][3] == 255;
        differs(3) || is_opaque && (0..3).any(differs)
    });
    let wrong = wrong.count();
    assert!(visible > 10_000, "{visible}");
    wrong
}

/// The body has the pixels of all frames, where they lie on it.
#[test]
fn the_body_is_laid_out() {
    let picture = |image: Image| {
        let rgba: Vec<[u8; 4]> = image.data.unwrap().as_chunks().0.to_vec();
        [0, 1].map(|frame| {
            let rows = rgba.chunks((2 * SIDE) as usize);
            let rgba = rows.flat_map(|row| &row[(frame * SIDE) as usize..][..SIDE as usize]).copied().flatten();
            Target { width: SIDE as usize, height: SIDE as usize, rgba: rgba.collect() }
        })
    };
    let (art, uv) = (picture(art()), picture(uv(TextureFormat::Rgba8Unorm)));
    let body = art[1].laid_out(&uv[1]);
    let seen = |x: u32, y: u32| body.rgba[((y * SIDE + x) * 4 + 3) as usize] > 0;
    let near = |rect: URect, at: UVec2| is_in(URect { min: rect.min - 1, max: rect.max + 1 }, at);
    for (x, y) in (0..SIDE * SIDE).map(|index| (index % SIDE, index / SIDE)) {
        let at = UVec2::new(x, y);
        let is_body = is_in(BODY, at) && !is_in(ACROSS, at);
        assert!(seen(x, y) || !(is_body || is_in(HANGING, at)), "{at}");
        assert!(!seen(x, y) || is_body || near(HANGING, at), "{at}");
    }
    assert_eq!(art[0].laid_out(&uv[0]), art[0]);
}
