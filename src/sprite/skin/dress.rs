//! The generic bodies of skins without a model of their own, and how art lies over its cells.

use bevy::{asset::AssetId, platform::collections::HashMap, prelude::*};

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

type Undressed<'w> = (&'w NcaSkin, &'w mut Sprite, &'w mut NcaTexture, &'w mut SkinFit);

/// Follows the art of skins. Gives skins without a model the generic body that fits all frames of their art, once it is
/// loaded.
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
    for (skin, mut sprite, mut texture, mut fit) in &mut skins {
        if sprite.image == Handle::default() && skin.art != Handle::default() {
            sprite.image = skin.art.clone();
        }
        // The default image is a white pixel, and no art.
        if sprite.image == Handle::default() {
            continue;
        }
        if !fit.is_known() {
            fit.art = sprite.image.id();
        }
        let sheet = Sheet::of(&sprite, layouts.as_deref());
        let Some((image, sheet)) = images.get(&sprite.image).zip(sheet) else { continue };
        if texture.model == Handle::default()
            && let Some(model) = bodies.model(image, &sheet, &mut models)
        {
            texture.model = model;
        }
        let region = match texture.is_changed() {
            true => bodies.region(texture.model.id()),
            false => fit.region,
        };
        let part = sheet.part().unwrap_or(Rect { min: Vec2::ZERO, max: image.size_f32() });
        fit.set_if_neq(SkinFit { region, art: sheet.image, part, ..*fit });
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

/// The art of a sprite.
struct Sheet<'a> {
    image: AssetId<Image>,
    /// The layout of the frames, and the index of the present one.
    atlas: Option<(AssetId<TextureAtlasLayout>, &'a TextureAtlasLayout, usize)>,
    /// The part of the image, or of a frame, that is shown.
    rect: Option<Rect>,
}

impl<'a> Sheet<'a> {
    /// `None` until the layout is loaded.
    fn of(sprite: &Sprite, layouts: Option<&'a Assets<TextureAtlasLayout>>) -> Option<Self> {
        let atlas = match &sprite.texture_atlas {
            Some(TextureAtlas { layout, index }) => Some((layout.id(), layouts?.get(layout)?, *index)),
            None => None,
        };
        Some(Self { image: sprite.image.id(), atlas, rect: sprite.rect })
    }

    /// The rectangle of the present frame in the image.
    fn frame(&self) -> Option<URect> {
        self.atlas.map(|(_, layout, index)| layout.textures.get(index).copied().unwrap_or_default())
    }

    /// The part of the image that is shown; `None` for all of it.
    fn part(&self) -> Option<Rect> {
        match (self.frame().map(|frame| frame.as_rect()), self.rect) {
            (Some(frame), Some(rect)) => Some(Rect { min: rect.min + frame.min, max: rect.max + frame.min }),
            (frame, rect) => frame.or(rect),
        }
    }

    /// What a body for it is made for.
    fn key(&self, image: &Image) -> Art {
        let rect = self.rect.map(|rect| URect::from_corners(rect.min.as_uvec2(), rect.max.as_uvec2()));
        let size = self.frame().map_or(image.size(), |frame| frame.size());
        Art { image: self.image, layout: self.atlas.map(|(id, ..)| id), size, rect }
    }

    /// What the body shows at some time: the shown part of each frame. Frames of another size are other sprites.
    fn parts(&self, art: &Art) -> Vec<URect> {
        let whole = URect { min: UVec2::ZERO, max: art.size };
        let frames = self.atlas.map_or_else(|| vec![whole], |(_, layout, _)| layout.textures.clone());
        let part = |frame: URect| match art.rect {
            Some(URect { min, max }) => {
                let [min, max] = [min, max].map(|corner| frame.min.saturating_add(corner).min(frame.max));
                URect { min, max }
            }
            None => frame,
        };
        let is_alike = |frame: &URect| frame.max.cmpge(frame.min).all() && frame.size() == art.size;
        frames.into_iter().filter(is_alike).map(part).collect()
    }
}

impl Bodies {
    /// The model for some art. `None` if it has no body.
    fn model(&mut self, image: &Image, sheet: &Sheet, models: &mut Assets<NcaModel>) -> Option<Handle<NcaModel>> {
        let art = sheet.key(image);
        if let Some(body) = self.0.get(&art) {
            let model = body.as_ref()?.model;
            if let Some(handle) = models.get_strong_handle(model) {
                return Some(handle);
            }
        }
        let (handle, body) = body(image, &sheet.parts(&art), models).unzip();
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
