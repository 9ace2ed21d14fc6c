//! The sprite on the stage: its cells as they are, or the art of a picture through them.

use std::io::Cursor;

use bevy::{asset::RenderAssetUsages, image::ImageSampler, prelude::*};
use bevy_nca::{prelude::*, rule::Target};
use image::{ImageFormat, ImageReader, Limits};

/// The longer side of a sprite on the stage, in pixels.
const STAGE: f32 = 620.0;
/// Frames a second.
const RATE: f32 = 10.0;

/// The sprite on the stage.
#[derive(Component)]
pub struct Subject;

/// The art on the stage: width and height of a frame, and the number of frames.
#[derive(Component)]
struct Art {
    size: Vec2,
    frames: usize,
}

pub fn plugin(app: &mut App) {
    app.add_systems(Update, (fit, play));
}

/// Shows cells as they are from now on.
pub fn show_cells(world: &mut World) {
    let mut subjects = world.query_filtered::<Entity, With<Subject>>();
    let subjects: Vec<Entity> = subjects.iter(world).collect();
    for entity in subjects {
        world.entity_mut(entity).remove::<(NcaSkin, Art)>().insert(Sprite::default());
    }
}

/// Reads a PNG file, and its pixels.
pub fn decode(bytes: &[u8]) -> Result<(Image, Target), String> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(Target::MAX_PIXELS), Some(Target::MAX_PIXELS));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    reader.limits(limits);
    let pixels = reader.decode().map_err(|error| error.to_string())?.into_rgba8();
    let mut image = Image::from_dynamic(pixels.clone().into(), true, RenderAssetUsages::default());
    image.sampler = ImageSampler::nearest();
    Ok((image, pixels.into()))
}

/// Shows a picture, whose frames are in these columns and rows, in the generic body that fits it.
pub fn show_art(world: &mut World, image: Image, [columns, rows]: [u32; 2]) {
    let tile = image.size() / UVec2::new(columns, rows);
    let layout = TextureAtlasLayout::from_grid(tile, columns, rows, None, None);
    let layout = world.resource_mut::<Assets<TextureAtlasLayout>>().add(layout);
    let image = world.resource_mut::<Assets<Image>>().add(image);
    let sprite = Sprite::from_atlas_image(image, TextureAtlas { layout, index: 0 });
    let mut subjects = world.query_filtered::<Entity, With<Subject>>();
    let subjects: Vec<Entity> = subjects.iter(world).collect();
    for entity in subjects {
        let art = Art { size: tile.as_vec2(), frames: (columns * rows) as usize };
        world.entity_mut(entity).insert((sprite.clone(), art, NcaTexture::default())).insert(NcaSkin::default());
    }
}

/// Scales the sprite to fit the stage.
fn fit(models: Res<Assets<NcaModel>>, mut subjects: Query<(&NcaTexture, &mut Sprite, Option<&Art>), With<Subject>>) {
    for (texture, mut sprite, art) in &mut subjects {
        let size = match (art, models.get(&texture.model)) {
            (Some(art), _) => art.size,
            (None, Some(model)) => texture.grid.unwrap_or(UVec2::from_array(model.rule().grid)).as_vec2(),
            (None, None) => continue,
        };
        let size = Some(size * (STAGE / size.max_element()));
        if sprite.custom_size != size {
            sprite.custom_size = size;
        }
    }
}

/// Plays the frames of the art.
fn play(mut subjects: Query<(&mut Sprite, &Art)>, time: Res<Time>) {
    for (mut sprite, art) in &mut subjects {
        let frame = (time.elapsed_secs() * RATE) as usize % art.frames.max(1);
        if let Some(atlas) = &mut sprite.texture_atlas
            && atlas.index != frame
        {
            atlas.index = frame;
        }
    }
}
