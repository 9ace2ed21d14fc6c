//! The tissue that a skin is seen through, the same on sprites, nodes and surfaces.

use bevy::prelude::*;

use crate::{
    rule::rotation,
    sprite::{
        components::{FormArt, NcaSkin, NcaTexture, Placement, SkinFit},
        populations::Populations,
        simulation::AtlasRegion,
    },
};

/// The tissue of a skin, and how its art lies over it.
pub(super) struct Tissue {
    pub(super) atlas: Handle<Image>,
    /// Width and height of the atlas, in pixels.
    #[cfg(feature = "pbr")]
    pub(super) atlas_size: Vec2,
    /// The slot in the atlas, in pixels. Its size is that of the grid.
    pub(super) slot: Rect,
    /// The target of a model of colors; of others the atlas again.
    pub(super) grown: Handle<Image>,
    /// What it consists of; see `tissue.wgsl`.
    pub(super) kind: f32,
    /// Cosine and sine of the angle by which the sprite grows rotated.
    pub(super) rotation: Vec2,
    pub(super) fit: SkinFit,
    /// The art that fades out; see [`FormArt::fading`].
    pub(super) fading: (Vec2, f32),
    /// The color of what is lost.
    pub(super) lost: LinearRgba,
    pub(super) pixelated: bool,
    /// The UV sheet, if [`SkinFit::uv`] says that there is one.
    #[cfg(feature = "pbr")]
    pub(super) uv: Handle<Image>,
}

/// The components that describe the tissue of a skin.
pub(super) type Tissued<'w> = (&'w NcaSkin, &'w SkinFit, Option<&'w FormArt>, &'w NcaTexture, &'w Placement);

impl Tissue {
    /// `None` if there are no cells or no art yet.
    pub(super) fn of((skin, fit, forms, texture, placement): Tissued, populations: &Populations) -> Option<Self> {
        let id = placement.id.filter(|_| fit.is_known())?;
        let population = populations.get(id)?;
        let region = population.region(id.slot)?;
        let AtlasRegion { image, rect, grown, .. } = region;
        Some(Self {
            atlas: image.clone(),
            #[cfg(feature = "pbr")]
            atlas_size: region.image_size,
            slot: rect,
            grown: grown.unwrap_or(image).clone(),
            kind: population.tissue(),
            rotation: rotation(texture.angle).into(),
            fit: *fit,
            fading: forms.map_or_else(Default::default, |forms| forms.fading),
            lost: skin.lost.map_or(LinearRgba::NONE, LinearRgba::from),
            pixelated: skin.pixelated,
            #[cfg(feature = "pbr")]
            uv: skin.uv.clone(),
        })
    }

    /// Width and height of the grid.
    pub(super) fn grid(&self) -> [u32; 2] {
        self.slot.size().as_uvec2().to_array()
    }
}
