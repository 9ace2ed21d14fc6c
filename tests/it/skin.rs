//! Skins: what is seen of a game's art through living cells.

use bevy::{
    asset::RenderAssetUsages,
    core_pipeline::core_2d::Transparent2d,
    ecs::entity_disabling::Disabled,
    image::ImageSampler,
    prelude::*,
    render::{
        RenderApp,
        render_phase::{PhaseItem, ViewSortedRenderPhases},
        render_resource::{Extent3d, TextureDimension, TextureFormat},
    },
    sprite::{Anchor, SpriteImageMode, SpriteScalingMode},
};
use bevy_nca::{
    headless,
    prelude::*,
    rule::{Model, Shape, SkinArt, State, Target},
};
use safetensors::SafeTensors;

use crate::{
    plugin::{add_model, cells},
    screen::Screen,
    support::{golden_folder, on_the_gpu},
};

fn asset(path: &str) -> Model {
    Model::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models").join(path)).unwrap()
}

/// Cells with the given values in the first four channels.
fn state_of(model: &Model, width: usize, shown: &[f32]) -> State {
    let channels = model.rule().channels;
    let values = shown.as_chunks::<4>().0.iter().flat_map(|cell| cell.iter().copied().chain([0.0; 60]).take(channels));
    State::from_values(width, shown.len() / 4 / width, channels, values.collect()).unwrap()
}

/// A healing heart and a healing slime, and what the reference implementation shows of art on them.
struct GoldenSkin {
    model: Model,
    state: State,
    art: Target,
    picture: Target,
}

impl GoldenSkin {
    fn read(name: &str, model: &str) -> Self {
        let bytes = std::fs::read(golden_folder().join("skin.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let picture = |part: &str| {
            let tensor = tensors.tensor(&format!("{name}.{part}")).unwrap();
            Target { width: tensor.shape()[1], height: tensor.shape()[0], rgba: tensor.data().to_vec() }
        };
        let model = asset(model).with_target(Some(picture("target"))).unwrap();
        let tensor = tensors.tensor(&format!("{name}.state")).unwrap();
        let shown: Vec<f32> = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let state = state_of(&model, tensor.shape()[1], &shown);
        Self { model, state, art: picture("art"), picture: picture("picture") }
    }
}

#[test]
fn a_skin_shows_what_the_reference_shows() {
    for (name, model) in [("coordinates", "heart.nca"), ("colors", "colors/slime.nca")] {
        let GoldenSkin { model, state, art, picture } = GoldenSkin::read(name, model);
        let found = SkinArt::new(art).paint(&model, &state, 1);
        assert_eq!((found.width, found.height), (picture.width, picture.height), "{name}");
        let pairs = || found.rgba.as_chunks::<4>().0.iter().zip(picture.rgba.as_chunks::<4>().0);
        let differs = |(found, expected): &(&[u8; 4], &[u8; 4])| {
            // The color of a faint pixel is a quotient of small numbers.
            let channels = if expected[3] < 16 { 3..4 } else { 0..4 };
            channels.into_iter().any(|channel| found[channel].abs_diff(expected[channel]) > 1)
        };
        let wrong = pairs().filter(differs).count();
        // A place on the border of two pixels of the art may be rounded to either.
        assert!(wrong <= pairs().count() / 1000, "{name}: {wrong} of {}", pairs().count());
        assert!(picture.rgba.as_chunks::<4>().0.iter().any(|pixel| pixel[3] > 0));
    }
}

/// Art of any size and aspect, on a body at its places: every pixel is the art's own, at any scale.
#[test]
fn a_whole_body_shows_the_art_to_the_pixel() {
    let model = asset("heart.nca");
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let target = model.target().unwrap();
    let state = state_of(&model, width, &target.cells(model.rule().output, width, height));
    for (size, scale) in [([22, 20], 1), ([97, 131], 1), ([256, 233], 3), ([44, 40], 2)] {
        // Art is visible only where the target is.
        let pixel = |index: usize| {
            let (x, y) = (index % size[0], index / size[0]);
            let [column, row] = [x * target.width / size[0], y * target.height / size[1]];
            let visible = target.rgba[(row * target.width + column) * 4 + 3] == 255;
            if visible { [x as u8, y as u8, (x * y) as u8, 255] } else { [0; 4] }
        };
        let art = Target { width: size[0], height: size[1], rgba: (0..size[0] * size[1]).flat_map(pixel).collect() };
        let found = SkinArt::new(art).paint(&model, &state, scale as u32);
        let margin = [(0, width, target.width), (1, height, target.height)]
            .map(|(axis, grid, target)| ((grid - target) / 2 * size[axis] * scale) / target);
        for y in 0..size[1] * scale {
            for x in 0..size[0] * scale {
                let at = ((y + margin[1]) * found.width + x + margin[0]) * 4;
                let expected = pixel(y / scale * size[0] + x / scale);
                assert_eq!(found.rgba[at..at + 4], expected, "{size:?}, {scale}: {x}, {y}");
            }
        }
    }
}

/// A picture of `size` in which each pixel differs, transparent outside of an ellipse, with some half-transparent pixels.
pub fn art(size: UVec2, shade: u8) -> Image {
    let pixel = |index: u32| {
        let (x, y) = (index % size.x, index / size.x);
        let at = (Vec2::new(x as f32, y as f32) + 0.5) / size.as_vec2() * 2.0 - 1.0;
        let alpha = if at.length() > 0.95 {
            0
        } else if (x + y) % 17 == 0 {
            128
        } else {
            255
        };
        [(x * 3) as u8, (y * 5) as u8, shade, alpha]
    };
    let extent = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
    let data = (0..size.x * size.y).flat_map(pixel).collect();
    let usages = RenderAssetUsages::default();
    let image = Image::new(extent, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, usages);
    Image { sampler: ImageSampler::nearest(), ..image }
}

/// A sprite shows the same with a skin on a grown body as without, in every pose.
#[test]
fn a_grown_skin_is_its_art_to_the_pixel() {
    on_the_gpu(|| {
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            let mut screen = Screen::new(backend, 400, 400);
            let picture = screen.add_image(art(UVec2::new(90, 62), 40));
            let sheet = screen.add_image(art(UVec2::new(120, 40), 90));
            let layout = TextureAtlasLayout::from_grid(UVec2::splat(40), 3, 1, None, None);
            let layout = screen.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
            let frame = |index| Some(TextureAtlas { layout: layout.clone(), index });
            let plain = Sprite { image: picture.clone(), ..default() };
            let filling = |mode, size| {
                let image_mode = SpriteImageMode::Scale(mode);
                Sprite { custom_size: Some(size), image_mode, ..plain.clone() }
            };
            let poses = [
                (plain.clone(), Anchor::CENTER),
                (Sprite { flip_x: true, ..plain.clone() }, Anchor::BOTTOM_LEFT),
                (Sprite { flip_y: true, color: Color::srgb(0.9, 0.5, 1.0), ..plain.clone() }, Anchor::CENTER),
                (Sprite { custom_size: Some(Vec2::new(270.0, 186.0)), ..plain.clone() }, Anchor::CENTER),
                (Sprite { rect: Some(Rect::new(0.0, 0.0, 90.0, 62.0)), ..plain.clone() }, Anchor(Vec2::new(0.1, 0.5))),
                (filling(SpriteScalingMode::FillCenter, Vec2::splat(120.0)), Anchor::CENTER),
                (filling(SpriteScalingMode::FillEnd, Vec2::new(300.0, 90.0)), Anchor::CENTER),
            ];
            let frames = [0, 1, 2].map(|index| {
                let sprite = Sprite { image: sheet.clone(), texture_atlas: frame(index), ..default() };
                (Sprite { custom_size: Some(Vec2::splat(120.0)), ..sprite }, Anchor::BOTTOM_CENTER)
            });
            let entity = screen.app.world_mut().spawn((NcaSkin::default(), plain, Anchor::CENTER)).id();
            screen.step(260);
            for (index, (sprite, anchor)) in poses.into_iter().chain(frames).enumerate() {
                let is_sheet = sprite.texture_atlas.is_some();
                if index == 7 {
                    assert!(is_sheet, "the first frame");
                    let texture = NcaTexture::default();
                    screen.app.world_mut().entity_mut(entity).insert((texture, sprite.clone(), anchor));
                    screen.step(260);
                }
                screen.app.world_mut().entity_mut(entity).insert((sprite.clone(), anchor));
                let found = screen.pixels();
                screen.app.world_mut().entity_mut(entity).insert(Visibility::Hidden);
                let reference = screen.app.world_mut().spawn((sprite, anchor)).id();
                let expected = screen.pixels();
                screen.app.world_mut().despawn(reference);
                screen.app.world_mut().entity_mut(entity).insert(Visibility::Inherited);
                let visible = expected.iter().filter(|pixel| pixel[3] > 0).count();
                assert!(visible > 1000, "{index}: {visible}");
                let apart = |(a, b): (&[u8; 4], &[u8; 4])| (0..4).any(|channel| a[channel].abs_diff(b[channel]) > 1);
                let wrong = found.iter().zip(&expected).filter(|pair| apart(*pair)).count();
                assert_eq!(wrong, 0, "{backend:?}, pose {index}: of {visible} visible pixels");
            }
        }
    });
}

/// While a wound heals, the shader shows what the CPU paints of the same cells.
#[test]
fn a_healing_skin_is_what_the_painter_paints() {
    on_the_gpu(|| {
        let models = ["heart.nca", "colors/slime.nca"];
        let cases =
            models.into_iter().flat_map(|model| [NcaBackend::Cpu, NcaBackend::Gpu].map(|backend| (model, backend)));
        for (name, backend) in cases {
            let model = asset(name);
            let target = model.target().unwrap();
            let size = UVec2::new(target.width as u32, target.height as u32) * 6;
            let mut screen = Screen::new(backend, 240, 220);
            // Neighboring pixels differ little, because the cells in the texture are half floats: at the border of two
            // pixels, the shader may take the other one.
            let mut image = art(size, 40);
            for (index, pixel) in image.data.as_mut().unwrap().as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *pixel = [
                    (index % size.x as usize) as u8,
                    (index / size.x as usize * 2) as u8,
                    40,
                    if pixel[3] > 0 { 255 } else { 0 },
                ];
            }
            let rgba = image.data.clone().unwrap();
            let picture = SkinArt::new(Target { width: size.x as usize, height: size.y as usize, rgba });
            let image = screen.add_image(image);
            let handle = add_model(&mut screen.app, &model);
            let skin = (NcaSkin::new(image), NcaTexture::new(handle).with_seed(5));
            let entity = screen.app.world_mut().spawn(skin).id();
            screen.step(200);
            screen.app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(20.0, 15.0), 30.0));
            for ticks in [6, 20, 40] {
                screen.step(ticks);
                screen.app.world_mut().resource_mut::<NcaClock>().paused = true;
                let (_, cells) = cells(&mut screen.app, entity);
                let painted = picture.paint(&model, &cells, 1);
                let shown = screen.pixels();
                screen.app.world_mut().resource_mut::<NcaClock>().paused = false;
                // The painter aligns its picture to the pixels of the art; both have it in the middle.
                let margin = |screen: usize, painted: usize| (screen - painted) / 2;
                let (left, top) = (margin(240, painted.width), margin(220, painted.height));
                let (mut wrong, mut visible) = (0, 0);
                for (index, pixel) in painted.rgba.as_chunks::<4>().0.iter().enumerate() {
                    let (x, y) = (left + index % painted.width, top + index / painted.width);
                    let found = shown[y * 240 + x];
                    let differs = |channel: usize| found[channel].abs_diff(pixel[channel]) > 3;
                    // Blending has multiplied the colors of the others by alpha.
                    let is_opaque = pixel[3] == 255 && found[3] == 255;
                    wrong += usize::from(differs(3) || is_opaque && (0..3).any(differs));
                    visible += usize::from(pixel[3] > 0);
                }
                assert!(visible > 1000 && wrong * 1000 < visible, "{name}, {backend:?}, {ticks}: {wrong} of {visible}");
            }
        }
    });
}

/// Wounds in the world hit the cells under the art that is drawn there, even those that wait for the model and the art.
#[test]
fn a_wound_hits_the_art_where_it_is_drawn() {
    [false, true].into_iter().for_each(wound_in_the_world);
}

fn wound_in_the_world(is_loaded: bool) {
    let mut app = crate::plugin::paused_app(NcaBackend::Cpu);
    let model = asset("heart.nca");
    let [width, height] = model.rule().grid.map(|side| side as usize);
    let body = model.target().unwrap().cells(model.rule().output, width, height);
    let handle = add_model(&mut app, &model);
    // A cell is ten pixels of the art wide, and five units of the world.
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::new(220, 200), 0));
    let sprite = Sprite { custom_size: Some(Vec2::new(110.0, 100.0)), flip_x: true, ..default() };
    let place = Transform::from_xyz(30.0, -10.0, 0.0);
    let skin = (NcaSkin::new(image), NcaTexture::new(handle), sprite, Anchor::BOTTOM_CENTER, place);
    let entity = app.world_mut().spawn(skin).id();
    if is_loaded {
        app.update();
    }
    app.world_mut().trigger(NcaWriteCells { entity, tick: 0, state: state_of(&model, width, &body) });
    if is_loaded {
        app.update();
    }
    // The two columns of cells at the left edge, which show the right edge of the art, and the lower half of them.
    let corner = Vec2::new(30.0 - 55.0, -10.0);
    app.world_mut()
        .trigger(NcaDamage::new(entity, Shape::rect(corner.x - 50.0, corner.y, corner.x + 10.0, corner.y + 50.0)));
    // The left quarter of the art.
    app.world_mut().trigger(NcaDamage::new(entity, Shape::rect(-9.0, -9.0, 0.25, 9.0)).in_uv());
    headless::step(&mut app, 1);
    let (_, after) = cells(&mut app, entity);
    let [left, top] = [(width - 22) / 2, (height - 20) / 2];
    for y in 0..height {
        for x in 0..width {
            let alpha = after.values()[(y * width + x) * after.channels() + 3];
            let is_hit = x >= left + 20 && (top + 10..top + 20).contains(&y) || x < left + 6;
            let was_alive = body[(y * width + x) * 4 + 3] > 0.5;
            // A tick has passed since: cells beside the wound may have changed, those deep in it have no living neighbor.
            let is_deep = x > left + 20 && (top + 11..top + 19).contains(&y) || x < left + 4;
            assert!(!is_deep || alpha < 0.1, "{is_loaded}: {x}, {y}: {alpha}");
            assert!(is_hit || !was_alive || alpha > 0.4, "{is_loaded}: {x}, {y}: {alpha}");
        }
    }
}

/// Art alone is enough: it lives in the generic body that fits all its frames.
#[test]
fn art_without_a_model_lives_in_a_generic_body() {
    let mut app = headless::app(NcaBackend::Cpu).unwrap();
    let sheet = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::new(60, 90), 0));
    let layout = TextureAtlasLayout::from_grid(UVec2::new(30, 90), 2, 1, None, None);
    app.init_asset::<TextureAtlasLayout>();
    let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
    let atlas = TextureAtlas { layout, index: 1 };
    let sprite = Sprite { image: sheet.clone(), texture_atlas: Some(atlas), ..default() };
    let spawn = |app: &mut App| app.world_mut().spawn((NcaSkin::default(), sprite.clone())).id();
    let (first, second) = (spawn(&mut app), spawn(&mut app));
    headless::step(&mut app, 250);
    let texture = |app: &App, entity| app.world().get::<NcaTexture>(entity).unwrap().model.clone();
    assert_eq!(texture(&app, first), texture(&app, second), "the same body");
    let models = app.world().resource::<Assets<NcaModel>>();
    let model = models.get(&texture(&app, first)).unwrap();
    let target = model.target().unwrap();
    assert!(target.height > 2 * target.width, "a rectangle of 1:3");
    for entity in [first, second] {
        let vitals = app.world().get::<NcaVitals>(entity).unwrap();
        assert_eq!(vitals.condition, NcaCondition::Whole, "{vitals:?}");
        let sprite = app.world().get::<Sprite>(entity).unwrap();
        assert!(sprite.image == sheet && sprite.texture_atlas.is_some(), "the art stays");
    }
    // Without its skin, the sprite shows the cells themselves.
    app.world_mut().entity_mut(first).remove::<NcaSkin>();
    headless::step(&mut app, 2);
    let image = |app: &App, entity| app.world().get::<Sprite>(entity).unwrap().image.clone();
    assert_ne!(image(&app, first), sheet);
    // A picture of the cells is no art: with a skin again, the sprite shows that of the skin.
    app.world_mut().entity_mut(first).insert(NcaSkin::new(sheet.clone()));
    headless::step(&mut app, 2);
    assert!(image(&app, first) == sheet && app.world().get::<Sprite>(first).unwrap().rect.is_none());
    // A disabled skin keeps its art.
    let disabled = app.world_mut().spawn((NcaSkin::new(sheet.clone()), Disabled)).id();
    headless::step(&mut app, 2);
    app.world_mut().entity_mut(disabled).remove::<Disabled>();
    headless::step(&mut app, 250);
    assert_eq!(image(&app, disabled), sheet);
    assert_eq!(app.world().get::<NcaVitals>(disabled).unwrap().condition, NcaCondition::Whole);
    // Art that has no body is no reason to try again in every frame, or to panic.
    let empty = app
        .world_mut()
        .spawn((NcaSkin::new(sheet.clone()), Sprite { rect: Some(Rect::new(5.0, 5.0, 5.0, 5.0)), ..default() }))
        .id();
    headless::step(&mut app, 2);
    assert_eq!(app.world().get::<NcaTexture>(empty).unwrap().model, Handle::default());
}

/// Skins of the same art and body are drawn in one call, in the order of z with other sprites, at rest and animated.
#[test]
fn each_sheet_is_drawn_as_one_batch() {
    on_the_gpu(|| {
        for backend in [NcaBackend::Cpu, NcaBackend::Gpu] {
            let mut screen = Screen::new(backend, 64, 64);
            let layout = TextureAtlasLayout::from_grid(UVec2::splat(20), 3, 1, None, None);
            let layout = screen.app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
            let sheets = [1, 2].map(|shade| screen.add_image(art(UVec2::new(60, 20), shade)));
            for index in 0..200_usize {
                let atlas = TextureAtlas { layout: layout.clone(), index: index % 3 };
                let sprite = Sprite::from_atlas_image(sheets[index % 2].clone(), atlas);
                let place = Transform::from_xyz(0.0, 0.0, 2.0 * (index % 2) as f32);
                screen.app.world_mut().spawn((NcaSkin::default(), sprite, place));
            }
            let between = screen.add_image(art(UVec2::new(20, 20), 3));
            screen.app.world_mut().spawn((Sprite::from_image(between), Transform::from_xyz(0.0, 0.0, 1.0)));
            (0..8).for_each(|_| screen.app.update());
            let phases = screen.app.sub_app(RenderApp).world().resource::<ViewSortedRenderPhases<Transparent2d>>();
            let items = phases.values().flat_map(|phase| phase.items.values());
            let batches: Vec<usize> = items.map(|item| item.batch_range().len()).filter(|count| *count > 0).collect();
            assert_eq!(batches, [100, 1, 100], "{backend:?}");
        }
    });
}

/// Art that does not fit is no reason to panic, and the rest lives on.
#[test]
fn bad_art_harms_no_other_sprite() {
    let mut app = headless::app(NcaBackend::Cpu).unwrap();
    app.init_asset::<TextureAtlasLayout>();
    let sheet = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::new(50, 40), 0));
    let heart = add_model(&mut app, &asset("heart.nca"));
    let empty = || TextureAtlasLayout::new_empty(UVec2::splat(9));
    let mut framed = |layout: TextureAtlasLayout, index: usize| {
        let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
        Sprite { image: sheet.clone(), texture_atlas: Some(TextureAtlas { layout, index }), ..default() }
    };
    // Three frames of 20 pixels need 60; a layout without frames; an index beyond the frames.
    let grid = |columns: u32| TextureAtlasLayout::from_grid(UVec2::new(20, 40), columns, 1, None, None);
    let (beyond, empty, far) = (framed(grid(3), 2), framed(empty(), 0), framed(grid(2), 7));
    let bad = [beyond, empty, far].map(|sprite| app.world_mut().spawn((NcaSkin::default(), sprite)).id());
    let missing = app.world().resource::<AssetServer>().load("no such art.png");
    let missing = app.world_mut().spawn(NcaSkin::new(missing)).id();
    // Colors on art of another aspect, and a picture that nothing can be seen of.
    let wide = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::new(200, 20), 0));
    let slime = add_model(&mut app, &asset("colors/slime.nca"));
    let stretched = app.world_mut().spawn((NcaSkin::new(wide), NcaTexture::new(slime))).id();
    let good = app.world_mut().spawn((NcaSkin::new(sheet), NcaTexture::new(heart))).id();
    headless::step(&mut app, 260);
    let condition = |entity: Entity| app.world().get::<NcaVitals>(entity).unwrap().condition;
    assert_eq!([condition(good), condition(stretched), condition(bad[0])], [NcaCondition::Whole; 3]);
    assert_eq!(app.world().get::<NcaVitals>(missing).unwrap().tick, 0, "it has no art to live in");
    assert!([bad[1], bad[2]].iter().all(|entity| app.world().get::<NcaVitals>(*entity).unwrap().tick == 0));
}

/// A skin that is older than the plugin lives too, and goes from a generic body to its own and back, with its art.
#[test]
fn a_skin_changes_its_body_and_keeps_its_art() {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, AssetPlugin::default(), ImagePlugin::default()));
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(art(UVec2::new(60, 50), 0));
    let entity = app.world_mut().spawn(NcaSkin::new(image.clone())).id();
    app.add_plugins(NcaPlugin::from(NcaBackend::Cpu));
    app.finish();
    app.cleanup();
    let grown = |app: &mut App| {
        headless::step(app, 260);
        let world = app.world();
        let texture = world.get::<NcaTexture>(entity).unwrap();
        let model = world.resource::<Assets<NcaModel>>().get(&texture.model).unwrap();
        assert_eq!(world.get::<NcaVitals>(entity).unwrap().condition, NcaCondition::Whole);
        assert_eq!(world.get::<Sprite>(entity).unwrap().image, image);
        let size = world.get_resource::<Assets<Image>>().unwrap().get(&image).unwrap().size();
        let (name, seed) = (model.rule().name.clone(), State::seed(model.rule(), 40, 40));
        let model = model.clone();
        // The same art on the CPU.
        let art = app.world_mut().run_system_cached_with(|In(entity): In<Entity>, art: NcaArt| art.get(entity), entity);
        let art = art.unwrap().unwrap();
        assert!(art.paint(&model, &seed, 1).width > 60, "the grid is larger than the art");
        (name, size, (art.picture().width, art.picture().height))
    };
    let generic = (String::new(), UVec2::new(60, 50), (60, 50));
    assert_eq!(grown(&mut app), generic);
    let heart = add_model(&mut app, &asset("heart.nca"));
    app.world_mut().get_mut::<NcaTexture>(entity).unwrap().model = heart;
    assert_eq!(grown(&mut app).0, "heart");
    app.world_mut().get_mut::<NcaTexture>(entity).unwrap().model = Handle::default();
    assert_eq!(grown(&mut app), generic);
}
