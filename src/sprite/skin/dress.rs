//! The generic bodies of skins without a model of their own, and how art lies over its cells.

use bevy::{
    asset::AssetId,
    ecs::{entity_disabling::Disabled, query::Allow},
    platform::collections::{HashMap, hash_map::Entry},
    prelude::*,
};

use super::extract::frame;
use crate::{
    rule::{GenericBody, Target},
    sprite::{
        components::{NcaModel, NcaSkin, NcaTexture, Placement, SkinFit},
        populations::Populations,
    },
};

/// A generic body for some art.
struct Body {
    /// It lives as long as a sprite uses it.
    model: AssetId<NcaModel>,
    region: Rect,
}

/// What a generic body was made for: an image, and its frames.
#[derive(PartialEq, Eq, Hash)]
struct Art {
    image: AssetId<Image>,
    layout: Option<AssetId<TextureAtlasLayout>>,
    /// The size of the frames.
    size: UVec2,
    rect: Option<URect>,
}

/// The generic bodies that have been made. `None` for art that has no body.
#[derive(Resource, Default)]
pub(super) struct Bodies(HashMap<Art, Option<Body>>);

type Undressed<'w> = (&'w NcaSkin, &'w mut Sprite, &'w mut NcaTexture);
type Dressed<'w> = (&'w Sprite, Ref<'w, NcaTexture>, &'w Placement, &'w mut SkinFit);
type OfSkins = (With<NcaSkin>, Allow<Disabled>);

/// Gives skins without a model the generic body that fits all frames of their art, once it is loaded.
pub(super) fn dress(
    mut skins: Query<Undressed, OfSkins>,
    mut changes: Option<MessageReader<AssetEvent<Image>>>,
    images: Option<Res<Assets<Image>>>,
    layouts: Option<Res<Assets<TextureAtlasLayout>>>,
    mut models: ResMut<Assets<NcaModel>>,
    mut bodies: ResMut<Bodies>,
) {
    for change in changes.iter_mut().flat_map(MessageReader::read) {
        if let AssetEvent::Modified { id } | AssetEvent::Removed { id } = change {
            bodies.0.retain(|art, _| art.image != *id);
        }
    }
    let Some(images) = images else { return };
    for (skin, mut sprite, mut texture) in &mut skins {
        if sprite.image == Handle::default() && skin.art != Handle::default() {
            sprite.image = skin.art.clone();
        }
        // The default image is a white pixel, and no art.
        if texture.model != Handle::default() || sprite.image == Handle::default() {
            continue;
        }
        let atlas = sprite.texture_atlas.as_ref();
        let layout = atlas.and_then(|atlas| Some((atlas, layouts.as_ref()?.get(&atlas.layout)?)));
        let Some(image) = images.get(&sprite.image).filter(|_| atlas.is_some() == layout.is_some()) else { continue };
        let size = match layout {
            Some((atlas, layout)) => layout.textures.get(atlas.index).map_or(UVec2::ZERO, URect::size),
            None => image.size(),
        };
        let rect = sprite.rect.map(|rect| URect::from_corners(rect.min.as_uvec2(), rect.max.as_uvec2()));
        let art = Art { image: sprite.image.id(), layout: layout.map(|(atlas, _)| atlas.layout.id()), size, rect };
        let known = bodies.0.get(&art).map(|body| body.as_ref().map(|body| body.model));
        let handle = match known {
            Some(None) => continue,
            Some(Some(model)) => models.get_strong_handle(model),
            None => None,
        };
        let handle = handle.or_else(|| {
            let whole = || vec![URect { min: UVec2::ZERO, max: size }];
            let frames = layout.map_or_else(whole, |(_, layout)| layout.textures.clone());
            // A part of each frame, if the sprite shows only that. Frames of another size are other sprites.
            let part = |frame: URect| match rect {
                Some(URect { min, max }) => {
                    let [min, max] = [min, max].map(|corner| frame.min.saturating_add(corner).min(frame.max));
                    URect { min, max }
                }
                None => frame,
            };
            let frames: Vec<URect> = frames
                .into_iter()
                .filter(|frame| frame.max.cmpge(frame.min).all() && frame.size() == size)
                .map(part)
                .collect();
            let made = body(image, &frames, &mut models);
            // Those that no sprite uses any more are gone.
            bodies.0.retain(|_, body| body.as_ref().is_none_or(|body| models.contains(body.model)));
            let (handle, body) = made.unzip();
            match bodies.0.entry(art) {
                Entry::Occupied(mut known) => *known.get_mut() = body,
                Entry::Vacant(new) => {
                    new.insert(body);
                }
            }
            handle
        });
        if let Some(handle) = handle {
            texture.model = handle;
        }
    }
}

/// Follows the art of skins and the grid of their cells.
pub(super) fn fit(
    mut skins: Query<Dressed, OfSkins>,
    bodies: Res<Bodies>,
    populations: Res<Populations>,
    images: Option<Res<Assets<Image>>>,
    layouts: Option<Res<Assets<TextureAtlasLayout>>>,
) {
    for (sprite, texture, placement, mut fit) in &mut skins {
        if texture.is_changed() {
            let mut generic = bodies.0.values().flatten();
            let generic = generic.find(|body| body.model == texture.model.id());
            let region = generic.map_or(SkinFit::default().region, |body| body.region);
            fit.set_if_neq(SkinFit { region, ..*fit });
        }
        let Some(population) = placement.id.and_then(|id| populations.get(id)) else { continue };
        let size = match frame(sprite, layouts.as_deref()) {
            Some(frame) => Some(frame.size()),
            None => images.as_ref().and_then(|images| images.get(&sprite.image)).map(Image::size_f32),
        };
        let size = size.unwrap_or(fit.size);
        fit.set_if_neq(SkinFit { frame: population.frame(), size, ..*fit });
    }
}

/// The body for some frames of an image.
fn body(image: &Image, frames: &[URect], models: &mut Assets<NcaModel>) -> Option<(Handle<NcaModel>, Body)> {
    let size = frames.first()?.size().as_usizevec2();
    let picture = match image.clone().try_into_dynamic() {
        Ok(pixels) => {
            let pixels = pixels.into_rgba8();
            let whole =
                Target { width: pixels.width() as usize, height: pixels.height() as usize, rgba: pixels.into_raw() };
            Target::union(
                frames.iter().map(|frame| {
                    whole.cut([frame.min.x, frame.min.y, frame.max.x, frame.max.y].map(|side| side as usize))
                }),
            )
        }
        Err(error) => {
            warn_once!("a skin lives in a rectangle, because its art cannot be read: {error}");
            Target { width: size.x, height: size.y, rgba: vec![255; size.x * size.y * 4] }
        }
    };
    let (model, art) = GenericBody::fitting(&picture)
        .with_art(&picture)
        .inspect_err(|error| error_once!("a skin has no body: {error}"))
        .ok()?;
    let [left, top, right, bottom] = art.region();
    let handle = models.add(NcaModel::from(model));
    let body = Body { model: handle.id(), region: Rect::new(left, top, right, bottom) };
    Some((handle, body))
}
