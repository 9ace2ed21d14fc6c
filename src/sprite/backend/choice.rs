//! Which backend new populations use, and what it can hold.

use super::{Backend, cpu::CpuBackend, gpu::GpuBackend};
use crate::{
    gpu::{Limits, NcaPrecision},
    rule::{Model, Rule},
    sprite::simulation::{AtlasContent, max_slots},
};

/// The backend of new populations.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BackendChoice {
    Gpu {
        limits: Limits,
        precision: NcaPrecision,
    },
    Cpu {
        /// The maximum side of an image, in pixels.
        texture_side: u32,
        /// Whether a renderer shows the image.
        is_rendered: bool,
    },
}

impl BackendChoice {
    pub(crate) fn texture_side(self) -> u32 {
        match self {
            Self::Gpu { limits, .. } => limits.texture_side,
            Self::Cpu { texture_side, .. } => texture_side,
        }
    }

    /// Whether compute shaders write the atlas.
    pub(crate) fn writes_on_gpu(self) -> bool {
        matches!(self, Self::Gpu { .. })
    }

    /// The maximum number of instances of a population, with an atlas of some content if the app has images.
    pub(crate) fn max_instances(self, rule: &Rule, grid: [u32; 2], content: Option<AtlasContent>) -> u32 {
        let by_cells = match self {
            Self::Gpu { limits, precision } => limits.max_sprites(rule, grid, precision),
            Self::Cpu { .. } => u32::MAX,
        };
        let by_atlas = content.map_or(u32::MAX, |content| max_slots(grid, content, self.texture_side()));
        by_cells.min(by_atlas)
    }

    /// A backend for a population.
    pub(crate) fn create(self, model: &Model, grid: [u32; 2]) -> Box<dyn Backend> {
        match self {
            Self::Cpu { is_rendered, .. } => Box::new(CpuBackend::new(model, grid, is_rendered)),
            Self::Gpu { limits, precision } => Box::new(GpuBackend::new(limits, precision, grid)),
        }
    }
}
