//! The art of skins for the painter on the CPU.

use bevy::{ecs::system::SystemParam, prelude::*};

use crate::{
    rule::{SkinArt, Target},
    sprite::components::{OfSkins, SkinFit},
};

/// Finds the art that skins show in this frame, for [`SkinArt::paint`]: thumbnails, recordings, tests.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn thumbnail(read: On<NcaCellsRead>, art: NcaArt, sprites: Query<&NcaTexture>, models: Res<Assets<NcaModel>>) {
///     let model = sprites.get(read.entity).ok().and_then(|texture| models.get(&texture.model));
///     if let Some((art, model)) = art.get(read.entity).zip(model) {
///         let picture = art.paint(model, &read.state, 1);
///         info!("{} x {} pixels", picture.width, picture.height);
///     }
/// }
/// ```
#[derive(SystemParam)]
pub struct NcaArt<'w, 's> {
    skins: Query<'w, 's, &'static SkinFit, OfSkins>,
    images: Option<Res<'w, Assets<Image>>>,
}

impl NcaArt<'_, '_> {
    /// The art of a skin, in its present frame. `None` without a skin, and until its art is loaded. Flips, color and size
    /// are not part of it.
    pub fn get(&self, entity: Entity) -> Option<SkinArt> {
        let fit = self.skins.get(entity).ok().filter(|fit| fit.is_known())?;
        let image = self.images.as_ref()?.get(fit.art)?;
        let picture = read(image).ok()?;
        let Rect { min, max } = fit.region;
        let art = SkinArt::on(cut(&picture, fit.part), [min.x, min.y, max.x, max.y]);
        Some(match fit.uv.and_then(|uv| self.images.as_ref()?.get(uv)) {
            Some(uv) => art.with_uv(cut_like(&read_uv(uv), image.size_f32(), fit.part)),
            None => art,
        })
    }
}

/// The pixels of a UV sheet: its bytes, whatever its format says that they are. Those that cannot be read say nothing.
pub(super) fn read_uv(image: &Image) -> Target {
    let (is_srgb, size) = (image.texture_descriptor.format.is_srgb(), image.size());
    let pixel = |index: u32| {
        let Ok(color) = image.get_color_at(index % size.x, index / size.x) else { return [0; 4] };
        if is_srgb { color.to_srgba().to_u8_array() } else { color.to_linear().to_u8_array() }
    };
    let rgba = (0..size.x * size.y).flat_map(pixel).collect();
    Target { width: size.x as usize, height: size.y as usize, rgba }
}

/// A part of a picture.
pub(super) fn cut(picture: &Target, Rect { min, max }: Rect) -> Target {
    picture.cut([min.x, min.y, max.x, max.y].map(|side| side.max(0.0).round() as usize))
}

/// The part of a picture that a part of another one of this size covers, if both are stretched to the same size.
pub(super) fn cut_like(picture: &Target, size: Vec2, Rect { min, max }: Rect) -> Target {
    let scale = Vec2::new(picture.width as f32, picture.height as f32) / size;
    cut(picture, Rect { min: min * scale, max: max * scale })
}

/// The pixels of an image. An error for a format that has no pixels, such as a compressed one.
pub(super) fn read(image: &Image) -> Result<Target, bevy::image::IntoDynamicImageError> {
    let mut image = image.clone();
    // Bevy converts some formats only as sRGB. The bytes are the same.
    let format = &mut image.texture_descriptor.format;
    *format = format.add_srgb_suffix();
    let pixels = image.try_into_dynamic()?.into_rgba8();
    Ok(Target { width: pixels.width() as usize, height: pixels.height() as usize, rgba: pixels.into_raw() })
}
