//! The visitor's own picture, alive.

use bevy::{
    asset::RenderAssetUsages,
    image::ImageSampler,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use bevy_nca::{
    prelude::*,
    rule::{Model, Target},
};

use super::{
    stage::{Seat, Sheet, Stage},
    training::frames,
};

/// Pixels are sharp if a frame has at most this many on its longer side.
const PIXEL_ART: u32 = 96;

/// The picture, and the body that has been trained for it.
#[derive(Resource, Default)]
pub struct Guest {
    art: Option<Handle<Image>>,
    /// The columns and rows of its frames.
    counts: UVec2,
    body: Option<Handle<NcaModel>>,
}

/// The sprite of the picture.
#[derive(Component)]
pub struct Portrait;

/// Takes in another picture, in a generic body.
pub fn welcome(In(picture): In<Target>, mut images: ResMut<Assets<Image>>, mut guest: ResMut<Guest>) {
    let (counts, _) = frames(picture.clone());
    let counts = UVec2::from(counts);
    let Target { width, height, rgba } = picture;
    let size = Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 };
    let format = TextureFormat::Rgba8UnormSrgb;
    let mut image = Image::new(size, TextureDimension::D2, rgba, format, RenderAssetUsages::default());
    if (UVec2::new(width as u32, height as u32) / counts).max_element() <= PIXEL_ART {
        image.sampler = ImageSampler::nearest();
    }
    *guest = Guest { art: Some(images.add(image)), counts, body: None };
}

pub fn spawn(
    mut commands: Commands,
    guest: Res<Guest>,
    images: Res<Assets<Image>>,
    mut layouts: ResMut<Assets<TextureAtlasLayout>>,
    mut stage: ResMut<Stage>,
) {
    stage.seats = 1;
    let Some(art) = &guest.art else { return };
    let size = images.get(art).map_or(UVec2::ONE, Image::size) / guest.counts;
    let UVec2 { x: columns, y: rows } = guest.counts;
    let layout = layouts.add(TextureAtlasLayout::from_grid(size, columns, rows, None, None));
    let shown = size.as_vec2() / size.max_element() as f32;
    let sprite = Sprite { custom_size: Some(shown), ..Sprite::from_atlas_image(art.clone(), layout.into()) };
    let texture = guest.body.clone().map(NcaTexture::new).unwrap_or_default();
    commands.spawn((Portrait, Seat(0), Sheet(columns * rows), sprite, texture, NcaSkin::default()));
}

/// Gives the picture a body of its own, which grows from a cell.
pub fn wear(
    In(model): In<Model>,
    mut models: ResMut<Assets<NcaModel>>,
    mut guest: ResMut<Guest>,
    mut portraits: Query<&mut NcaTexture, With<Portrait>>,
) {
    let body = models.add(NcaModel::from(model));
    for mut texture in &mut portraits {
        texture.model = body.clone();
    }
    guest.body = Some(body);
}
