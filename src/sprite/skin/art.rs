//! The art of skins: of a sprite, a node or a surface.

use bevy::{
    asset::AssetId,
    ecs::{query::QueryData, system::SystemParam},
    prelude::*,
};

#[cfg(feature = "pbr")]
use super::surface::NcaSkinMaterial;

/// The component that holds the art of a skin.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Canvas {
    sprite: Option<&'static mut Sprite>,
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
    /// The layout of the frames, and the index of the present one.
    atlas: Option<(AssetId<TextureAtlasLayout>, &'a TextureAtlasLayout, usize)>,
    /// The part of the image, or of a frame, that is shown.
    rect: Option<Rect>,
}

impl CanvasItem<'_, '_> {
    /// Shows this art if it has none.
    pub(super) fn take(&mut self, art: &Handle<Image>) {
        if let Some(sprite) = self.sprite.as_mut().filter(|sprite| sprite.image == Handle::default())
            && *art != Handle::default()
        {
            sprite.image = art.clone();
        }
    }

    /// The image of the art. `None` without art: the default image of a sprite is a white pixel, and no art.
    pub(super) fn image(&self, arts: &Arts) -> Option<AssetId<Image>> {
        #[cfg(feature = "pbr")]
        if let Some(surface) = &self.surface {
            let material = arts.surfaces.as_ref()?.get(&surface.0)?;
            return Some(material.base.base_color_texture.as_ref().map_or(AssetId::default(), Handle::id));
        }
        let sprite = self.sprite.as_ref().filter(|sprite| sprite.image != Handle::default());
        sprite.map(|sprite| sprite.image.id())
    }
}

impl Arts<'_> {
    /// What is shown of an image. `None` until it is loaded.
    pub(super) fn sheet(&self, canvas: &CanvasItem, id: AssetId<Image>) -> Option<Sheet<'_>> {
        let image = self.images.as_ref()?.get(id)?;
        #[cfg(feature = "pbr")]
        if let Some(surface) = &canvas.surface {
            let map = self.surfaces.as_ref()?.get(&surface.0)?.base.uv_transform;
            let corners = [Vec2::ZERO, Vec2::ONE].map(|uv| map.transform_point2(uv) * image.size_f32());
            let whole = Rect { min: Vec2::ZERO, max: image.size_f32() };
            // The art of a surface that repeats or rotates its texture is all of it.
            let part = Rect::from_corners(corners[0], corners[1]).intersect(whole);
            let rect = (!part.is_empty() && part != whole).then_some(part);
            return Some(Sheet { id, image, atlas: None, rect });
        }
        let sprite = canvas.sprite.as_ref()?;
        let atlas = match &sprite.texture_atlas {
            Some(TextureAtlas { layout, index }) => Some((layout.id(), self.layouts.as_ref()?.get(layout)?, *index)),
            None => None,
        };
        Some(Sheet { id, image, atlas, rect: sprite.rect })
    }
}

impl Sheet<'_> {
    /// The rectangle of the present frame in the image.
    fn frame(&self) -> Option<URect> {
        self.atlas.map(|(_, layout, index)| layout.textures.get(index).copied().unwrap_or_default())
    }

    /// The part of the image that is shown.
    pub(super) fn part(&self) -> Rect {
        match (self.frame().map(|frame| frame.as_rect()), self.rect) {
            (Some(frame), Some(rect)) => Rect { min: rect.min + frame.min, max: rect.max + frame.min },
            (frame, rect) => frame.or(rect).unwrap_or(Rect { min: Vec2::ZERO, max: self.image.size_f32() }),
        }
    }

    /// What a body for it is made for.
    pub(super) fn key(&self) -> Art {
        let rect = self.rect.map(|rect| URect::from_corners(rect.min.as_uvec2(), rect.max.as_uvec2()));
        let size = self.frame().map_or(self.image.size(), |frame| frame.size());
        Art { image: self.id, layout: self.atlas.map(|(id, ..)| id), size, rect }
    }

    /// What it shows at some time: the shown part of each frame. Frames of another size are other sprites.
    pub(super) fn parts(&self) -> Vec<URect> {
        let Art { size, rect, .. } = self.key();
        let whole = URect { min: UVec2::ZERO, max: size };
        let frames = self.atlas.map_or_else(|| vec![whole], |(_, layout, _)| layout.textures.clone());
        let part = |frame: URect| match rect {
            Some(URect { min, max }) => {
                let [min, max] = [min, max].map(|corner| frame.min.saturating_add(corner).min(frame.max));
                URect { min, max }
            }
            None => frame,
        };
        let is_alike = |frame: &URect| frame.max.cmpge(frame.min).all() && frame.size() == size;
        frames.into_iter().filter(is_alike).map(part).collect()
    }
}

/// What a generic body is made for: an image, and its frames.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Art {
    pub(super) image: AssetId<Image>,
    layout: Option<AssetId<TextureAtlasLayout>>,
    /// The size of the frames.
    size: UVec2,
    rect: Option<URect>,
}
