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
    model: Handle<NcaModel>,
    region: Rect,
}

/// What a generic body was made for: an image, and its frames.
#[derive(PartialEq, Eq, Hash)]
struct Art {
    image: AssetId<Image>,
    layout: Option<AssetId<TextureAtlasLayout>>,
    rect: Option<URect>,
}

/// The generic bodies that have been made.
#[derive(Resource, Default)]
pub(super) struct Bodies(HashMap<Art, Body>);

type Undressed<'w> = (&'w Sprite, &'w mut NcaTexture, &'w mut SkinFit);
type Dressed<'w> = (&'w Sprite, &'w Placement, &'w mut SkinFit);
type OfSkins = (With<NcaSkin>, Allow<Disabled>);

/// Gives skins without a model the generic body that fits all frames of their art, once it is loaded.
pub(super) fn dress(
    mut skins: Query<Undressed, OfSkins>,
    images: Option<Res<Assets<Image>>>,
    layouts: Option<Res<Assets<TextureAtlasLayout>>>,
    mut models: ResMut<Assets<NcaModel>>,
    mut bodies: ResMut<Bodies>,
) {
    let Some(images) = images else { return };
    for (sprite, mut texture, mut fit) in &mut skins {
        if texture.model != Handle::default() {
            continue;
        }
        let atlas = sprite.texture_atlas.as_ref();
        let layout = atlas.and_then(|atlas| Some((atlas.layout.id(), layouts.as_ref()?.get(&atlas.layout)?)));
        let Some(image) = images.get(&sprite.image).filter(|_| atlas.is_some() == layout.is_some()) else { continue };
        let rect = sprite.rect.map(|rect| rect.as_urect());
        let art = Art { image: sprite.image.id(), layout: layout.map(|(id, _)| id), rect };
        let body = match bodies.0.entry(art) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let frames = match layout {
                    Some((_, layout)) => layout.textures.clone(),
                    None => vec![rect.unwrap_or(URect { min: UVec2::ZERO, max: image.size() })],
                };
                let Some(body) = body(image, &frames, &mut models) else { continue };
                new.insert(body)
            }
        };
        texture.model = body.model.clone();
        fit.region = body.region;
    }
}

/// Follows the art of skins and the grid of their cells.
pub(super) fn fit(
    mut skins: Query<Dressed, OfSkins>,
    populations: Res<Populations>,
    images: Option<Res<Assets<Image>>>,
    layouts: Option<Res<Assets<TextureAtlasLayout>>>,
) {
    for (sprite, placement, mut fit) in &mut skins {
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
fn body(image: &Image, frames: &[URect], models: &mut Assets<NcaModel>) -> Option<Body> {
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
            let size = frames.first()?.size().as_usizevec2();
            Target { width: size.x, height: size.y, rgba: vec![255; size.x * size.y * 4] }
        }
    };
    let (model, art) = GenericBody::fitting(&picture)
        .with_art(&picture)
        .inspect_err(|error| error!("a skin has no body: {error}"))
        .ok()?;
    let [left, top, right, bottom] = art.region();
    let region = Rect::new(left, top, right, bottom);
    Some(Body { model: models.add(NcaModel::from(model)), region })
}
