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
    rule::{SkinArt, State, Target},
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

/// A pose of a sprite, and its sheets.
#[derive(Clone, Copy, Debug, Default)]
struct Pose {
    flip: [bool; 2],
    angle: f32,
    /// Pixels around each frame.
    padding: u32,
    /// Bytes of 16 bits, and half as many pixels.
    uv_is_deep: bool,
}

const GRID: u32 = 34;

/// The point of the grid, in cells, at a pixel of the upright art.
fn cell_of(pixel: Vec2, angle: f32) -> Vec2 {
    let middle = Vec2::splat((GRID / 2) as f32 + 0.5);
    Vec2::from_angle(-angle).rotate(pixel / SIDE as f32 * GRID as f32 - middle) + middle
}

/// An image with more pixels around its frames.
fn padded(image: &Image, padding: u32) -> Image {
    let [width, height] = [2 * (SIDE + 2 * padding), SIDE + 2 * padding];
    let extent = Extent3d { width, height, depth_or_array_layers: 1 };
    let pixels = image.data.as_ref().unwrap().as_chunks::<4>().0;
    let pixel = |index: u32| {
        let at = UVec2::new(index % width % (SIDE + 2 * padding), index / width);
        let inside = is_in(URect { min: UVec2::splat(padding), max: UVec2::splat(padding + SIDE) }, at);
        let column = (at.x.wrapping_sub(padding)) + index % width / (SIDE + 2 * padding) * SIDE;
        if inside { pixels[((at.y - padding) * 2 * SIDE + column) as usize] } else { [9, 9, 9, 0] }
    };
    let data = (0..width * height).flat_map(pixel).collect();
    Image::new(extent, TextureDimension::D2, data, image.texture_descriptor.format, RenderAssetUsages::default())
}

/// A quarter of the pixels, with 16 bits per channel.
fn deep(image: &Image) -> Image {
    let size = image.size() / 2;
    let extent = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
    let pixels = image.data.as_ref().unwrap().as_chunks::<4>().0;
    let pixel = |index: u32| pixels[(index / size.x * 2 * image.width() + index % size.x * 2) as usize];
    let data = (0..size.x * size.y).flat_map(pixel).flat_map(|byte| (u16::from(byte) * 257).to_le_bytes()).collect();
    let format = TextureFormat::Rgba16Unorm;
    Image::new(extent, TextureDimension::D2, data, format, RenderAssetUsages::default())
}

/// However a sprite lies, a shot at the arm that lies across kills the cells of the arm.
#[test]
fn a_wound_hits_what_is_seen_in_any_pose() {
    let plain = Pose::default();
    let poses = [
        plain,
        Pose { flip: [true, false], ..plain },
        Pose { flip: [true, true], padding: 3, ..plain },
        Pose { angle: 0.6, ..plain },
        Pose { angle: -2.1, flip: [false, true], padding: 1, ..plain },
        Pose { uv_is_deep: true, padding: 2, ..plain },
    ];
    for pose in poses {
        let mut app = crate::plugin::paused_app(NcaBackend::Cpu);
        app.init_asset::<TextureAtlasLayout>();
        let handle = crate::plugin::add_model(&mut app, &crate::plugin::still_model(GRID, GRID));
        let (art, uv) = (padded(&art(), pose.padding), padded(&uv(TextureFormat::Rgba8Unorm), pose.padding));
        let uv = if pose.uv_is_deep { deep(&uv) } else { uv };
        let mut images = app.world_mut().resource_mut::<Assets<Image>>();
        let (art, uv) = (images.add(art), images.add(uv));
        let [tile, padding] = [UVec2::splat(SIDE), UVec2::splat(2 * pose.padding)];
        let layout = TextureAtlasLayout::from_grid(tile, 2, 1, Some(padding), Some(padding / 2));
        let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
        let sprite = Sprite::from_atlas_image(art, TextureAtlas { layout, index: 1 });
        let [flip_x, flip_y] = pose.flip;
        let sprite = Sprite { custom_size: Some(Vec2::splat(128.0)), flip_x, flip_y, ..sprite };
        let texture = NcaTexture::new(handle).with_angle(pose.angle);
        let skin = (NcaSkin::default().with_uv(uv), texture, sprite, NcaAliveMask::default());
        let entity = app.world_mut().spawn(skin).id();
        app.update();
        let living = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0].repeat((GRID * GRID) as usize);
        let state = State::from_values(GRID as usize, GRID as usize, 8, living).unwrap();
        app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
        (0..3).for_each(|_| app.update());

        let world_of = move |pixel: Vec2| {
            let mirror = Vec2::new(if flip_x { -1.0 } else { 1.0 }, if flip_y { 1.0 } else { -1.0 });
            (cell_of(pixel, pose.angle) / GRID as f32 - 0.5) * 128.0 * mirror
        };
        let (shot, hand) = (Vec2::new(27.0, 32.0), Vec2::new(56.0, 39.0));
        let probed = |app: &mut App| {
            let find =
                move |probe: NcaProbe| (probe.cell_at(entity, world_of(shot)), probe.lives_at(entity, world_of(shot)));
            app.world_mut().run_system_once(find).unwrap()
        };
        let expected = cell_of(hand, pose.angle);
        let (cell, lives) = probed(&mut app);
        assert!(lives && cell.unwrap().as_vec2().distance(expected - 0.5) < 1.0, "{pose:?}: {cell:?}, {expected}");
        // A cell less than from the middle of the arm to its edge.
        app.world_mut().trigger(NcaDamage::circle(entity, world_of(shot), 2.0 * 2.6));
        headless::step(&mut app, 1);
        app.update();
        assert!(!probed(&mut app).1, "{pose:?}");
        let (_, after) = cells(&mut app, entity);
        for (x, y) in (0..GRID * GRID).map(|cell| (cell % GRID, cell / GRID)) {
            let distance = (UVec2::new(x, y).as_vec2() + 0.5).distance(expected) * SIDE as f32 / GRID as f32;
            let lives = after.values()[((y * GRID + x) * 8 + 3) as usize] > 0.5;
            assert!(distance > 1.6 || !lives, "{pose:?}: {x}, {y} is hit");
            // Also cells beside the arm, which no frame shows.
            assert!(distance < 8.0 || lives, "{pose:?}: {x}, {y} is not hit, {distance} pixels from there");
        }
    }
}

/// Only what is seen is hit, unless the shape covers all of it: then nothing survives.
#[test]
fn nothing_survives_a_blast_over_all_of_it() {
    on_the_gpu(|| {
        let (mut screen, entity) = scene(NcaBackend::Cpu, TextureFormat::Rgba8Unorm);
        show(&mut screen, entity, 1);
        screen.app.world_mut().trigger(NcaBlast::circle(Vec2::ZERO, 1000.0));
        headless::step(&mut screen.app, 1);
        let (_, state) = cells(&mut screen.app, entity);
        assert!(state.values().iter().all(|value| *value == 0.0));
    });
}

/// A server loads no images: it goes by the cells.
#[test]
fn a_probe_finds_a_skin_without_its_art() {
    let mut app = crate::plugin::paused_app(NcaBackend::Cpu);
    let handle = crate::plugin::add_model(&mut app, &crate::plugin::still_model(20, 20));
    let art = app.world().resource::<AssetServer>().load("nowhere.png");
    let skin = NcaSkin::new(art.clone()).with_uv(art);
    let entity = app.world_mut().spawn((skin, NcaTexture::new(handle), NcaAliveMask::default())).id();
    app.update();
    let living = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0].repeat(400);
    let state = State::from_values(20, 20, 8, living).unwrap();
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state });
    (0..3).for_each(|_| app.update());
    app.world_mut().get_mut::<Sprite>(entity).unwrap().custom_size = Some(Vec2::splat(100.0));
    let find = move |probe: NcaProbe| {
        (probe.first_hit(Vec2::new(-90.0, 0.0), Vec2::new(90.0, 0.0)), probe.lives_at(entity, Vec2::ZERO))
    };
    let (hit, lives) = app.world_mut().run_system_once(find).unwrap();
    assert!(lives && hit.unwrap().point.distance(Vec2::new(-50.0, 0.0)) < 0.1, "{hit:?}");
}

/// A sprite waits for its first UV sheet. One that is replaced, and is not there yet, does not stop it.
#[test]
fn a_sheet_may_come_late() {
    let mut app = crate::plugin::paused_app(NcaBackend::Cpu);
    app.init_asset::<TextureAtlasLayout>();
    let lives = |app: &mut App, entity: Entity| {
        (0..3).for_each(|_| app.update());
        let find = move |art: NcaArt| art.get(entity).is_some();
        app.world_mut().run_system_once(find).unwrap()
    };
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let (art, late) = (images.add(art()), images.reserve_handle());
    let entity = app.world_mut().spawn(NcaSkin::new(art).with_uv(late.clone())).id();
    assert!(!lives(&mut app, entity), "its sheet is not there");
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    images.insert(&late, uv(TextureFormat::Rgba8Unorm)).unwrap();
    assert!(lives(&mut app, entity));
    let other = app.world_mut().resource_mut::<Assets<Image>>().reserve_handle();
    app.world_mut().get_mut::<NcaSkin>(entity).unwrap().uv = other;
    assert!(lives(&mut app, entity));
    app.world_mut().get_mut::<NcaSkin>(entity).unwrap().uv = Handle::default();
    assert!(lives(&mut app, entity));
}
