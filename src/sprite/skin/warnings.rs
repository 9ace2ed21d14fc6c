//! Warnings about art that does not fit, once per image and cause. The sprite lives on as well as it can.

use bevy::{asset::AssetId, platform::collections::HashSet, prelude::*};

use super::dress::Bodies;
use crate::{
    rule::Target,
    sprite::components::{NcaModel, NcaSkin, NcaTexture, OfSkins, SkinFit},
};

/// The aspect of art may differ by this much from that of a model's target, because a lattice of cells is coarse.
const TOLERANCE: f32 = 0.15;

/// What is wrong with some art.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    Missing,
    Beyond,
    Aspect,
    Uv,
}

/// Warns about art that has failed to load, frames beyond their image, and art of another aspect than its model or its UV
/// sheet.
pub(super) fn warn_of_art(
    skins: Query<(Entity, &NcaSkin, Ref<SkinFit>, &NcaTexture), OfSkins>,
    images: Option<Res<Assets<Image>>>,
    models: Res<Assets<NcaModel>>,
    bodies: Res<Bodies>,
    assets: Res<AssetServer>,
    mut told: Local<HashSet<(AssetId<Image>, Cause)>>,
) {
    let name = |id: AssetId<Image>| assets.get_path(id).map_or_else(|| "an image".to_owned(), |path| path.to_string());
    for (entity, skin, fit, texture) in &skins {
        if !fit.is_known() && assets.load_state(fit.art).is_failed() && told.insert((fit.art, Cause::Missing)) {
            warn!("the skin of {entity} does not live: {} has failed to load", name(fit.art));
        }
        let uv = skin.uv.id();
        if fit.uv.is_none() && uv != AssetId::default() {
            if assets.load_state(uv).is_failed() && told.insert((uv, Cause::Missing)) {
                warn!("the skin of {entity} waits for its UV sheet: {} has failed to load", name(uv));
            }
            let image = images.as_ref().and_then(|images| images.get(uv));
            if let Some(Err(error)) = image.map(|image| image.get_color_at(0, 0))
                && told.insert((uv, Cause::Uv))
            {
                warn!("the skin of {entity} ignores its UV sheet {}: {error}", name(uv));
            }
        }
        if !fit.is_known() || !fit.is_changed() {
            continue;
        }
        let size = images.as_ref().and_then(|images| images.get(fit.art)).map(Image::size_f32);
        if let Some(size) = size.filter(|size| fit.part.min.cmplt(Vec2::ZERO).any() || fit.part.max.cmpgt(*size).any())
            && told.insert((fit.art, Cause::Beyond))
        {
            warn!(
                "the skin of {entity} shows the pixels {:?} to {:?} of {}, which has {} x {}: what lies beyond is \
                 transparent",
                fit.part.min.to_array(),
                fit.part.max.to_array(),
                name(fit.art),
                size.x,
                size.y
            );
        }
        let uv_size = fit.uv.and_then(|uv| images.as_ref()?.get(uv)).map(Image::size_f32);
        if let (Some(uv), Some(size), Some(uv_size)) = (fit.uv, size, uv_size)
            && uv_size.x * size.y != uv_size.y * size.x
            && told.insert((uv, Cause::Uv))
        {
            warn!(
                "the skin of {entity} stretches its UV sheet {} of {} x {} pixels over art of {} x {}: expected the same \
                 frames",
                name(uv),
                uv_size.x,
                uv_size.y,
                size.x,
                size.y
            );
        }
        let model = texture.model.id();
        let target = models.get(model).filter(|_| !bodies.are_of(model)).and_then(|model| model.target());
        if let Some(Target { width, height, .. }) = target {
            let (found, wanted) = (fit.part.size(), Vec2::new(*width as f32, *height as f32));
            let stretch = (found.x / found.y) / (wanted.x / wanted.y);
            if !(1.0 / (1.0 + TOLERANCE)..=1.0 + TOLERANCE).contains(&stretch) && told.insert((fit.art, Cause::Aspect))
            {
                warn!(
                    "the skin of {entity} stretches art of {} x {} pixels over a model that has learned {width} x \
                     {height}: expected the same aspect",
                    found.x, found.y
                );
            }
        }
    }
}
