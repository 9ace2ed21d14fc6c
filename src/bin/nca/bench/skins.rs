//! Benchmark of skins: what living, animated sprites cost a game beyond plain ones, on a screen.

use bevy::{
    asset::RenderAssetUsages,
    camera::RenderTarget,
    core_pipeline::core_2d::Transparent2d,
    prelude::*,
    render::{
        RenderApp,
        render_phase::{PhaseItem, ViewSortedRenderPhases},
        render_resource::{Extent3d, TextureDimension, TextureFormat},
    },
    sprite::SpritePlugin,
    sprite_render::SpriteRenderPlugin,
};
use bevy_nca::{NcaBackend, NcaClock, NcaDamage, NcaPlugin, NcaPrecision, NcaSkin, NcaSleeping, NcaTexture, headless};
use serde::Serialize;

use super::{
    resident_memory,
    scenes::{Times, frame, time},
};
use crate::Result;

const SPRITES: u32 = 1000;
/// The sprites that tick: they heal.
const AWAKE: u32 = 10;
/// Width and height of a frame, and the frames of a sheet.
const FRAME: u32 = 64;
const FRAMES: u32 = 4;
/// Updates for which a frame is shown: 12 frames a second.
const UPDATES_OF_FRAME: u32 = 5;
/// Updates in which a generic body grows.
const GROWTH: u32 = 150;

/// A thousand skins of two sheets, animated, of which ten are awake.
#[derive(Serialize)]
pub struct Skins {
    backend: &'static str,
    sprites: u32,
    awake: u32,
    /// Draw calls per frame.
    batches: usize,
    /// Milliseconds per frame in the main world and in the render world, beyond the median of plain animated sprites:
    /// median, minimum and maximum.
    main_ms: [f64; 3],
    render_ms: [f64; 3],
    /// Growth of the process's memory per sprite, in KiB, while they grow; `None` if the system does not report it.
    kib_per_sprite: Option<f64>,
}

/// Measures skins on each backend. Empty without a GPU, because nothing draws them.
pub fn measure(precision: NcaPrecision) -> Result<Vec<Skins>> {
    if headless::find_gpu().is_none() {
        return Ok(Vec::new());
    }
    [(NcaBackend::Cpu, "cpu+render"), (NcaBackend::Gpu, "gpu")]
        .into_iter()
        .map(|(backend, name)| {
            let plugin = || NcaPlugin { backend, precision, ..default() };
            let plain = time(&mut app(plugin(), |_| ())?);
            let before = resident_memory();
            let mut skinned = app(plugin(), |mut sprite| {
                sprite.insert(NcaSkin::default());
            })?;
            let grown_by = before.zip(resident_memory()).map(|(before, after)| (after - before) * 1024.0);
            let Times { main, render, .. } = time(&mut skinned);
            Ok(Skins {
                backend: name,
                sprites: SPRITES,
                awake: AWAKE,
                batches: batches(&skinned),
                main_ms: main.map(|time| time - plain.main[0]),
                render_ms: render.map(|time| time - plain.render[0]),
                kib_per_sprite: grown_by.map(|kib| kib / f64::from(SPRITES)),
            })
        })
        .collect()
}

/// An app with animated sprites on a screen. Skins among them have grown, and sleep but for a few that heal.
fn app(plugin: NcaPlugin, dress: impl Fn(EntityWorldMut)) -> Result<App> {
    let mut app = headless::rendered_app_with(plugin, |app| {
        // With the user interface, Bevy draws text like sprites.
        #[cfg(feature = "ui")]
        app.add_plugins(bevy::text::TextPlugin);
        app.add_plugins((SpritePlugin, SpriteRenderPlugin)).add_systems(Update, animate);
    })?;
    let screen = Image::new_target_texture(320, 320, TextureFormat::Rgba8UnormSrgb, None);
    let screen = app.world_mut().resource_mut::<Assets<Image>>().add(screen);
    app.world_mut().spawn((Camera2d, RenderTarget::Image(screen.into())));
    let layout = TextureAtlasLayout::from_grid(UVec2::splat(FRAME), FRAMES, 1, None, None);
    let layout = app.world_mut().resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
    let sheets = [90, 200].map(|shade| app.world_mut().resource_mut::<Assets<Image>>().add(sheet(shade)));
    for index in 0..SPRITES {
        let (kind, at) = (index % 2, index / 2);
        let atlas = TextureAtlas { layout: layout.clone(), index: (index % FRAMES) as usize };
        // Small on the screen: a software driver draws with the CPU's time.
        let sprite = Sprite::from_atlas_image(sheets[kind as usize].clone(), atlas);
        let sprite = Sprite { custom_size: Some(Vec2::splat(0.5)), ..sprite };
        let place = Vec3::new((at % 25) as f32 * 12.0 - 150.0, (at / 25) as f32 * 14.0 - 140.0, kind as f32);
        dress(app.world_mut().spawn((sprite, Transform::from_translation(place))));
    }
    app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
    let skins: Vec<Entity> = app.world_mut().query_filtered::<Entity, With<NcaSkin>>().iter(app.world()).collect();
    for (seed, entity) in (0..).zip(&skins) {
        if let Some(mut texture) = app.world_mut().get_mut::<NcaTexture>(*entity) {
            texture.seed = seed;
        }
    }
    for _ in 0..if skins.is_empty() { 0 } else { GROWTH } {
        frame(&mut app);
    }
    for (index, entity) in skins.into_iter().enumerate() {
        if index % (SPRITES / AWAKE) as usize == 0 {
            app.world_mut().trigger(NcaDamage::circle(entity, Vec2::new(13.0, 13.0), 6.0).in_cells());
        } else {
            app.world_mut().entity_mut(entity).insert(NcaSleeping);
        }
    }
    Ok(app)
}

/// Shows the next frame of every sprite, 12 times a second.
fn animate(mut sprites: Query<&mut Sprite>, mut updates: Local<u32>) {
    *updates += 1;
    if !updates.is_multiple_of(UPDATES_OF_FRAME) {
        return;
    }
    for mut sprite in &mut sprites {
        if let Some(atlas) = &mut sprite.texture_atlas {
            atlas.index = (atlas.index + 1) % FRAMES as usize;
        }
    }
}

/// A sheet of discs that move up and down.
fn sheet(shade: u8) -> Image {
    let pixel = |index: u32| {
        let (x, y) = (index % (FRAME * FRAMES), index / (FRAME * FRAMES));
        let (frame, x) = (x / FRAME, x % FRAME);
        let middle = Vec2::new(32.0, 32.0 + frame as f32);
        let inside = (Vec2::new(x as f32, y as f32) + 0.5).distance(middle) < 28.0;
        [(x * 4) as u8, (y * 4) as u8, shade, if inside { 255 } else { 0 }]
    };
    let size = Extent3d { width: FRAME * FRAMES, height: FRAME, depth_or_array_layers: 1 };
    let data = (0..size.width * size.height).flat_map(pixel).collect();
    Image::new(size, TextureDimension::D2, data, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::default())
}

/// Draw calls of the last frame.
fn batches(app: &App) -> usize {
    let phases = app.sub_app(RenderApp).world().resource::<ViewSortedRenderPhases<Transparent2d>>();
    let items = phases.values().flat_map(|phase| phase.items.values());
    items.filter(|item| !item.batch_range().is_empty()).count()
}

impl Skins {
    pub const HEAD: &str = "skins        sprites   awake  batches   main ms  render ms  KiB/sprite";
}

impl std::fmt::Display for Skins {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { backend, sprites, awake, batches, main_ms, render_ms, kib_per_sprite } = self;
        let memory = kib_per_sprite.map_or(String::new(), |kib| format!("{kib:.0}"));
        let [main, render] = [main_ms[0], render_ms[0]];
        write!(f, "{backend:<11}{sprites:>9}{awake:>8}{batches:>9}{main:>10.3}{render:>11.3}{memory:>12}")
    }
}
