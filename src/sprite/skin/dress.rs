//! The generic bodies of skins without a model of their own, and how art lies over its cells.

use bevy::{asset::AssetId, platform::collections::HashMap, prelude::*};

use super::art::{Arts, Canvas, Sheet};
use crate::{
    rule::{GenericBody, Target},
    sprite::{
        components::{NcaModel, NcaSkin, NcaTexture, OfSkins, Placement, SkinFit},
        populations::Populations,
    },
};

/// A generic body for some art.
struct Body {
    /// It lives as long as a sprite uses it.
    model: AssetId<NcaModel>,
    region: Rect,
}

/// What a generic body is made for: an image, and the parts of it that are shown at some time.
#[derive(PartialEq, Eq, Hash)]
struct Art {
    image: AssetId<Image>,
    parts: Vec<URect>,
}

/// The generic bodies that have been made. `None` for art that has no body.
#[derive(Resource, Default)]
pub(super) struct Bodies(HashMap<Art, Option<Body>>);

type Undressed<'w> = (&'w NcaSkin, Canvas, &'w mut NcaTexture, &'w mut SkinFit);

/// Follows the art of skins. Gives skins without a model the generic body that fits all frames of their art, once it is
/// loaded.
pub(super) fn dress(
    mut skins: Query<Undressed, OfSkins>,
    mut changes: Option<MessageReader<AssetEvent<Image>>>,
    arts: Arts,
    mut models: ResMut<Assets<NcaModel>>,
    mut bodies: ResMut<Bodies>,
) {
    for change in changes.iter_mut().flat_map(MessageReader::read) {
        if let AssetEvent::Modified { id } | AssetEvent::Removed { id } = change {
            bodies.0.retain(|art, _| art.image != *id);
        }
    }
    for (skin, mut canvas, mut texture, mut fit) in &mut skins {
        canvas.take(&skin.art);
        let Some(art) = arts.image(&canvas) else { continue };
        if !fit.is_known() && fit.art != art {
            fit.art = art;
        }
        let Some(sheet) = arts.sheet(&canvas, art) else { continue };
        if texture.model == Handle::default()
            && let Some(model) = bodies.model(&sheet, &mut models)
        {
            texture.model = model;
        }
        let region = match texture.is_changed() {
            true => bodies.region(texture.model.id()),
            false => fit.region,
        };
        fit.set_if_neq(SkinFit { region, art, part: sheet.part(), ..*fit });
    }
}

/// Follows the grid of the cells of skins.
pub(super) fn fit(mut skins: Query<(&Placement, &mut SkinFit), OfSkins>, populations: Res<Populations>) {
    for (placement, mut fit) in &mut skins {
        if let Some(population) = placement.id.and_then(|id| populations.get(id)) {
            fit.set_if_neq(SkinFit { frame: population.frame(), ..*fit });
        }
    }
}

impl Bodies {
    /// The model for some art. `None` if it has no body.
    fn model(&mut self, sheet: &Sheet, models: &mut Assets<NcaModel>) -> Option<Handle<NcaModel>> {
        let art = Art { image: sheet.id, parts: sheet.parts() };
        if let Some(body) = self.0.get(&art) {
            let model = body.as_ref()?.model;
            if let Some(handle) = models.get_strong_handle(model) {
                return Some(handle);
            }
        }
        let (handle, body) = body(sheet.image, &art.parts, models).unzip();
        // Those that no sprite uses any more are gone.
        self.0.retain(|_, body| body.as_ref().is_none_or(|body| models.contains(body.model)));
        self.0.insert(art, body);
        handle
    }

    /// The part of its art that covers the target of a model.
    fn region(&self, model: AssetId<NcaModel>) -> Rect {
        let mut generic = self.0.values().flatten();
        generic.find(|body| body.model == model).map_or(SkinFit::default().region, |body| body.region)
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
