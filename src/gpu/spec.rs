//! The specification of a population.

use std::sync::Arc;

use bevy::{
    asset::AssetId,
    image::Image,
    render::{
        render_resource::{TextureDescriptor, TextureFormat, TextureUsages},
        texture::GpuImage,
    },
};

use super::NcaPrecision;
use crate::rule::{Model, Reference};

/// What an atlas contains, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AtlasKind {
    /// The picture of each sprite, with a gutter around it.
    Picture,
    /// The first four channels of each sprite, with a gutter around them.
    Tissue,
    /// The picture of a single sprite, which tiles and has mipmaps.
    Tile,
}

impl AtlasKind {
    /// Pixels around each slot that repeat its edge.
    pub(crate) fn gutter(self) -> u32 {
        match self {
            Self::Picture | Self::Tissue => 1,
            Self::Tile => 0,
        }
    }

    /// The format in which the shaders write it.
    pub(super) fn storage_format(self) -> TextureFormat {
        match self {
            Self::Picture | Self::Tile => TextureFormat::Rgba8Unorm,
            Self::Tissue => TextureFormat::Rgba16Float,
        }
    }
}

/// The specification of a population, which the main world sends.
#[derive(Clone, Debug)]
pub(crate) struct PopulationSpec {
    pub(crate) model: Arc<Model>,
    pub(crate) reference: Arc<Reference>,
    /// Width and height in cells.
    pub(crate) grid: [u32; 2],
    /// The number of slots.
    pub(crate) capacity: u32,
    pub(crate) atlas: AssetId<Image>,
    /// Slots in a row of the atlas.
    pub(crate) atlas_columns: u32,
    pub(crate) kind: AtlasKind,
    pub(crate) precision: NcaPrecision,
}

impl PopulationSpec {
    /// The number of cells of a sprite.
    pub(super) fn cells(&self) -> u64 {
        let [width, height] = self.grid.map(u64::from);
        width * height
    }

    /// Whether the shaders can write an image. The game may have replaced that of a tile.
    pub(super) fn can_draw_on(&self, image: &GpuImage) -> bool {
        let TextureDescriptor { size, usage, format, .. } = image.texture_descriptor;
        let has_size = self.kind != AtlasKind::Tile || [size.width, size.height] == self.grid;
        has_size && usage.contains(TextureUsages::STORAGE_BINDING) && format == self.kind.storage_format()
    }

    /// The size of the bias of a sprite's form in bytes.
    pub(super) fn bias_bytes(&self) -> u64 {
        let rule = self.model.rule();
        if rule.forms.is_empty() { 0 } else { (rule.hidden * size_of::<f32>()) as u64 }
    }

    /// The size of a sprite's state in bytes.
    pub(super) fn state_bytes(&self) -> u64 {
        self.precision.state_bytes(self.model.rule(), self.grid)
    }
}

/// Whether a population can tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Pipelines compile. Work is kept, but the population must not tick.
    Preparing,
    /// Work is dispatched in the same frame.
    Ready,
    /// A pipeline cannot be compiled; the log gives the reason.
    Failed,
}
