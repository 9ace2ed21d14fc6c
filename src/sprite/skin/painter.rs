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
        let Rect { min, max } = fit.part;
        let Rect { min: first, max: last } = fit.region;
        let frame = [min.x, min.y, max.x, max.y].map(|side| side.max(0.0) as usize);
        Some(SkinArt::on(picture.cut(frame), [first.x, first.y, last.x, last.y]))
    }
}

/// The pixels of an image. An error for a format that has no pixels, such as a compressed one.
pub(super) fn read(image: &Image) -> Result<Target, bevy::image::IntoDynamicImageError> {
    let pixels = image.clone().try_into_dynamic()?.into_rgba8();
    Ok(Target { width: pixels.width() as usize, height: pixels.height() as usize, rgba: pixels.into_raw() })
}
