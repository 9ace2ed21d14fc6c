//! The art of skins: of a sprite, a node or a surface.

use bevy::{
    asset::AssetId,
    ecs::{query::QueryData, system::SystemParam},
    image::TRANSPARENT_IMAGE_HANDLE,
    prelude::*,
};

#[cfg(feature = "pbr")]
use super::surface::NcaSkinMaterial;
use crate::rule::Rule;

/// The component that holds the art of a skin.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Canvas {
    sprite: Option<&'static mut Sprite>,
    #[cfg(feature = "ui")]
    node: Option<&'static mut ImageNode>,
    #[cfg(feature = "pbr")]
    surface: Option<&'static MeshMaterial3d<NcaSkinMaterial>>,
}

/// The assets that art consists of.
#[derive(SystemParam)]
pub(super) struct Arts<'w> {
    images: Option<Res<'w, Assets<Image>>>,
    layouts: Option<Res<'w, Assets<TextureAtlasLayout>>>,
    #[cfg(feature = "pbr")]
    surfaces: Option<Res<'w, Assets<NcaSkinMaterial>>>,
}

/// The frames of some art, and the present one.
pub(super) struct Sheet<'a> {
    pub(super) id: AssetId<Image>,
    pub(super) image: &'a Image,
    /// Its UV sheet.
    pub(super) uv: Option<(AssetId<Image>, &'a Image)>,
    /// The layout of the frames, the present one, and its index.
    atlas: Option<(&'a TextureAtlasLayout, URect, usize)>,
    /// The part of the image, or of a frame, that is shown.
    rect: Option<Rect>,
    /// Its alpha is ignored.
    pub(super) is_opaque: bool,
}

/// The image of a sprite or a node.
type Picture<'a> = (&'a Handle<Image>, Option<&'a TextureAtlas>, Option<Rect>);

impl CanvasItem<'_, '_> {
    /// Whether it may show other art. A material may change while its component stays.
    pub(super) fn is_changed(&self) -> bool {
        #[cfg(feature = "pbr")]
        if self.surface.is_some() {
            return true;
        }
        #[cfg(feature = "ui")]
        if self.node.as_ref().is_some_and(Mut::is_changed) {
            return true;
        }
        self.sprite.as_ref().is_some_and(Mut::is_changed)
    }

    /// Shows this art if it has none.
    pub(super) fn take(&mut self, art: &Handle<Image>) {
        if self.picture().is_none_or(|(image, ..)| has_art(image)) || !has_art(art) {
            return;
        }
        #[cfg(feature = "ui")]
        if let (None, Some(node)) = (&self.sprite, &mut self.node) {
            node.image = art.clone();
        }
        if let Some(sprite) = &mut self.sprite {
            sprite.image = art.clone();
        }
    }

    /// The image that it shows. A sprite comes before a node.
    fn picture(&self) -> Option<Picture<'_>> {
        let sprite = self.sprite.as_ref();
        let sprite = sprite.map(|sprite| (&sprite.image, sprite.texture_atlas.as_ref(), sprite.rect));
        #[cfg(feature = "ui")]
        let sprite = sprite.or_else(|| {
            let node = self.node.as_ref();
            node.map(|node| (&node.image, node.texture_atlas.as_ref(), node.rect))
        });
        sprite
    }
}

/// The default images of sprites and nodes, white or transparent pixels, are no art.
fn has_art(image: &Handle<Image>) -> bool {
    *image != Handle::default() && *image != TRANSPARENT_IMAGE_HANDLE
}

impl Arts<'_> {
    /// Whether frames lie elsewhere.
    pub(super) fn is_changed(&self) -> bool {
        self.layouts.as_ref().is_some_and(Res::is_changed)
    }

    /// The image that a canvas shows. `None` without art.
    pub(super) fn image(&self, canvas: &CanvasItem) -> Option<AssetId<Image>> {
        #[cfg(feature = "pbr")]
        if let Some(surface) = &canvas.surface {
            let material = self.surfaces.as_ref()?.get(&surface.0)?;
            return Some(material.base.base_color_texture.as_ref().map_or(AssetId::default(), Handle::id));
        }
        canvas.picture().map(|(image, ..)| image).filter(|image| has_art(image)).map(Handle::id)
    }

    /// What is shown of an image with a UV sheet. `None` until it is loaded, and if it shows nothing, such as a frame that its
    /// layout lacks.
    pub(super) fn sheet(&self, canvas: &CanvasItem, id: AssetId<Image>, uv: &Handle<Image>) -> Option<Sheet<'_>> {
        let images = self.images.as_ref()?;
        let image = images.get(id)?;
        // Wounds and clicks must find what is seen: a sheet that only the GPU can read is none.
        let uv = images
            .get(uv)
            .filter(|image| has_art(uv) && image.get_color_at(0, 0).is_ok())
            .map(|image| (uv.id(), image));
        #[cfg(feature = "pbr")]
        if let Some(surface) = &canvas.surface {
            let material = self.surfaces.as_ref()?.get(&surface.0)?;
            let map = material.base.uv_transform;
            let corners = [Vec2::ZERO, Vec2::ONE].map(|uv| map.transform_point2(uv) * image.size_f32());
            let whole = Rect { min: Vec2::ZERO, max: image.size_f32() };
            // The art of a surface that repeats or rotates its texture is all of it.
            let part = Rect::from_corners(corners[0], corners[1]).intersect(whole);
            let rect = (!part.is_empty() && part != whole).then_some(part);
            let is_straight =
                map.matrix2.x_axis.y == 0.0 && map.matrix2.y_axis.x == 0.0 && corners[0].cmplt(corners[1]).all();
            if uv.is_some() && !is_straight {
                warn_once!("a UV sheet is ignored on a material whose `uv_transform` turns or mirrors its texture");
            }
            let uv = uv.filter(|_| is_straight);
            return Some(Sheet { id, image, uv, atlas: None, rect, is_opaque: material.extension.is_opaque() });
        }
        let (_, atlas, rect) = canvas.picture()?;
        let atlas = match atlas {
            Some(TextureAtlas { layout, index }) => {
                let layout = self.layouts.as_ref()?.get(layout)?;
                Some((layout, *layout.textures.get(*index)?, *index))
            }
            None => None,
        };
        let sheet = Sheet { id, image, uv, atlas, rect, is_opaque: false };
        sheet.part().size().cmpgt(Vec2::ZERO).all().then_some(sheet)
    }
}

impl Sheet<'_> {
    /// The rectangle of the present frame in the image.
    fn frame(&self) -> Option<URect> {
        self.atlas.map(|(_, frame, _)| frame)
    }

    /// Whether there is no UV sheet yet that is to come.
    pub(super) fn waits_for(&self, uv: &Handle<Image>, images: &Arts) -> bool {
        has_art(uv) && self.uv.is_none() && images.images.as_ref().is_none_or(|images| !images.contains(uv))
    }

    /// The image of its UV sheet.
    pub(super) fn uv_id(&self) -> Option<AssetId<Image>> {
        self.uv.map(|(id, _)| id)
    }

    /// The part of the image that is shown.
    pub(super) fn part(&self) -> Rect {
        self.part_of(self.frame())
    }

    /// The part of the image that a frame shows.
    fn part_of(&self, frame: Option<URect>) -> Rect {
        match (frame.map(|frame| frame.as_rect()), self.rect) {
            (Some(frame), Some(rect)) => Rect { min: rect.min + frame.min, max: rect.max + frame.min },
            (frame, rect) => frame.or(rect).unwrap_or(Rect { min: Vec2::ZERO, max: self.image.size_f32() }),
        }
    }

    /// The parts of the image that forms show whose frames lie so far apart. Empty if they all show the same one.
    pub(super) fn form_parts(&self, form_frames: usize) -> Vec<Rect> {
        let Some((layout, frame, index)) = self.atlas.filter(|_| form_frames > 0) else { return Vec::new() };
        let frames = layout.textures.iter().skip(index).step_by(form_frames).take(Rule::MAX_FORMS);
        let alike = frames.map(|other| if other.size() == frame.size() { *other } else { frame });
        alike.map(|frame| self.part_of(Some(frame))).collect()
    }

    /// What it shows at some time: the shown part of each frame. Frames of another size are other sprites.
    pub(super) fn parts(&self) -> Vec<URect> {
        let rect = self.rect.map(|rect| URect::from_corners(rect.min.as_uvec2(), rect.max.as_uvec2()));
        let whole = URect { min: UVec2::ZERO, max: self.image.size() };
        let size_of = |frame: URect| frame.max.saturating_sub(frame.min);
        let size = self.frame().map_or(whole.max, size_of);
        let frames = self.atlas.map_or_else(|| vec![whole], |(layout, ..)| layout.textures.clone());
        let part = |frame: URect| match rect {
            Some(URect { min, max }) => {
                let [min, max] = [min, max].map(|corner| frame.min.saturating_add(corner).min(frame.max));
                URect { min, max }
            }
            None => frame,
        };
        // What lies beyond the image is nothing.
        let inside = |part: URect| URect { min: part.min.min(whole.max), max: part.max.min(whole.max) };
        let is_alike = |frame: &URect| frame.max.cmpge(frame.min).all() && size_of(*frame) == size;
        frames.into_iter().filter(is_alike).map(part).map(inside).collect()
    }
}
