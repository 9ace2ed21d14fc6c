//! The cells under the art that a skin shows in this frame.
//!
//! The living cells of a skin are those under the art of some frame. Pointers and colliders go by the present one.

#[cfg(feature = "avian2d")]
use bevy::{asset::AssetId, platform::collections::HashMap};
use bevy::{ecs::system::SystemParam, prelude::*};

#[cfg(feature = "avian2d")]
use crate::rule::CellMask;
use crate::{
    rule::rotation,
    sprite::components::{NcaTexture, OfSkins, SkinFit},
};

/// The alpha from which art is visible: that of Bevy's picking of sprites.
const VISIBLE: f32 = 0.1;

/// The art that skins show in this frame.
#[derive(SystemParam)]
pub(super) struct ShownArt<'w, 's> {
    skins: Query<'w, 's, (&'static SkinFit, &'static NcaTexture), OfSkins>,
    images: Option<Res<'w, Assets<Image>>>,
    #[cfg(feature = "avian2d")]
    masks: Local<'s, HashMap<Frame, CellMask>>,
    #[cfg(feature = "avian2d")]
    changes: Option<MessageReader<'w, 's, AssetEvent<Image>>>,
}

/// A frame of art on a grid.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg(feature = "avian2d")]
pub(super) struct Frame {
    pub(super) art: AssetId<Image>,
    grid: [u32; 2],
    /// The bits of its rectangles, and of its angle.
    place: [u32; 13],
}

impl ShownArt<'_, '_> {
    /// Whether the art of a skin is visible at a point of its grid. True for a sprite without a skin, and for art that
    /// cannot be read.
    #[cfg(feature = "picking")]
    pub(super) fn is_visible(&self, entity: Entity, grid: [u32; 2], point: Vec2) -> bool {
        let Ok((fit, texture)) = self.skins.get(entity) else { return true };
        let Some(image) = self.images.as_ref().and_then(|images| images.get(fit.art)) else { return true };
        is_visible(image, fit, grid, rotation(texture.angle), point)
    }

    /// Forgets images that have changed, and returns them.
    #[cfg(feature = "avian2d")]
    pub(super) fn forget_changed(&mut self) -> Vec<AssetId<Image>> {
        let changes = self.changes.iter_mut().flat_map(MessageReader::read);
        let changed: Vec<AssetId<Image>> = changes
            .filter_map(|change| match change {
                AssetEvent::Modified { id } | AssetEvent::Removed { id } => Some(*id),
                _ => None,
            })
            .collect();
        if !changed.is_empty() {
            self.masks.retain(|frame, _| !changed.contains(&frame.art));
        }
        changed
    }

    /// The frame that an entity shows. `None` without a skin.
    #[cfg(feature = "avian2d")]
    pub(super) fn frame(&self, entity: Entity, grid: [u32; 2]) -> Option<Frame> {
        let (fit, texture) = self.skins.get(entity).ok()?;
        let rects = [fit.region, fit.frame, fit.part].map(|rect| [rect.min.x, rect.min.y, rect.max.x, rect.max.y]);
        let mut values = rects.into_iter().flatten().chain([texture.angle]);
        let place = std::array::from_fn(|_| values.next().unwrap_or_default().to_bits());
        Some(Frame { art: fit.art, grid, place })
    }

    /// The cells of a grid under the art that an entity shows. `None` if it has no skin, or art that cannot be read.
    #[cfg(feature = "avian2d")]
    pub(super) fn cells(&mut self, entity: Entity, grid: [u32; 2]) -> Option<&CellMask> {
        /// The maximum number of frames that are remembered.
        const MOST: usize = 1024;
        /// Points per cell and axis.
        const POINTS: u32 = 3;

        let frame = self.frame(entity, grid)?;
        let (fit, texture) = self.skins.get(entity).ok()?;
        let image = self.images.as_ref()?.get(fit.art)?;
        if self.masks.len() >= MOST && !self.masks.contains_key(&frame) {
            self.masks.clear();
        }
        let rotation = rotation(texture.angle);
        Some(self.masks.entry(frame).or_insert_with(|| {
            let [width, height] = grid.map(|side| side as usize);
            CellMask::from_fn(width, height, |&cell| {
                let corner = Vec2::new((cell % width) as f32, (cell / width) as f32);
                (0..POINTS * POINTS).any(|index| {
                    let offset = (UVec2::new(index % POINTS, index / POINTS).as_vec2() + 0.5) / POINTS as f32;
                    is_visible(image, fit, grid, rotation, corner + offset)
                })
            })
        }))
    }
}

/// Whether art is visible at a point of a grid.
fn is_visible(image: &Image, fit: &SkinFit, grid: [u32; 2], rotation: (f32, f32), point: Vec2) -> bool {
    let middle = (UVec2::from_array(grid) / 2).as_vec2() + 0.5;
    let upright = Vec2::from(rotation).rotate(point - middle) + middle;
    let (scale, origin) = fit.cells_to_art();
    let place = upright * scale + origin;
    if !(place.cmpge(Vec2::ZERO).all() && place.cmplt(Vec2::ONE).all()) {
        return false;
    }
    let pixel = (fit.part.min + place * fit.part.size()).as_uvec2();
    image.get_color_at(pixel.x, pixel.y).map_or(true, |color| color.alpha() > VISIBLE)
}
