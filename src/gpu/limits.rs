//! The requirements for an adapter, and the number of sprites that fit.

use bevy::{
    prelude::*,
    render::{
        render_resource::{DownlevelFlags, WgpuLimits},
        renderer::{RenderAdapter, RenderDevice},
    },
};
use wgpu::DownlevelCapabilities;

use super::layout::CELL_FLAG_BYTES;
use crate::rule::{CellStats, Rule};

/// The limits of a device that restrict a population.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The size of the largest storage buffer binding, in bytes.
    pub(crate) binding_bytes: u64,
    /// The maximum side of a texture, in pixels.
    pub(crate) texture_side: u32,
    dispatch: u32,
    /// Whether shaders can read and write half floats.
    pub(crate) half: bool,
}

impl Limits {
    fn of(downlevel: &DownlevelCapabilities, limits: &WgpuLimits) -> Self {
        Self {
            half: downlevel.flags.contains(DownlevelFlags::SHADER_F16_IN_F32),
            binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            texture_side: limits.max_texture_dimension_2d,
            dispatch: limits.max_compute_workgroups_per_dimension,
        }
    }

    /// The maximum number of sprites of a population.
    pub(crate) fn max_sprites(&self, rule: &Rule, grid: [u32; 2], precision: NcaPrecision) -> u32 {
        (self.binding_bytes / precision.state_bytes(rule, grid)).min(u64::from(self.dispatch)) as u32
    }
}

/// The number of bits per value that the GPU stores between ticks.
///
/// The GPU always computes with 32 bits, and the CPU always stores 32. See
/// [`NcaPlugin::precision`](crate::NcaPlugin::precision).
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[reflect(Clone, Debug, Default, PartialEq, Hash)]
#[type_path = "bevy_nca"]
pub enum NcaPrecision {
    /// 32 bits: the same values as on the CPU, up to rounding.
    #[default]
    Full,
    /// 16 bits: half the memory. The same cells fire. Values are rounded to 11 significant bits after each tick; in the
    /// tests, they stay within 0.01 of the reference values. If the GPU cannot read half floats, as with OpenGL before
    /// 4.2, `Full` is used instead, with a warning.
    Half,
}

impl NcaPrecision {
    /// The size of a sprite's cells in bytes: their state, flags, form and statistics.
    pub(crate) fn cell_bytes(self, rule: &Rule, [width, height]: [u32; 2]) -> u64 {
        let flags = u64::from(width) * u64::from(height) * CELL_FLAG_BYTES;
        let bias = if rule.forms.is_empty() { 0 } else { (rule.hidden * size_of::<f32>()) as u64 };
        self.state_bytes(rule, [width, height]) + flags + bias + size_of::<CellStats>() as u64
    }

    /// The size of a sprite's state in bytes.
    pub(super) fn state_bytes(self, rule: &Rule, [width, height]: [u32; 2]) -> u64 {
        let value = match self {
            Self::Full => size_of::<f32>(),
            Self::Half => size_of::<half::f16>(),
        };
        u64::from(width) * u64::from(height) * (rule.channels * value) as u64
    }
}

/// The limits of an adapter that can run the compute passes, or the reason why it cannot.
pub(crate) fn check_adapter(adapter: &RenderAdapter, device: &RenderDevice) -> Result<Limits, String> {
    check(&adapter.get_downlevel_capabilities(), &device.limits())
}

/// Like [`check_adapter`], from the capabilities and limits themselves.
pub(crate) fn check(downlevel: &DownlevelCapabilities, limits: &WgpuLimits) -> Result<Limits, String> {
    for (flag, name) in
        [(DownlevelFlags::COMPUTE_SHADERS, "compute shaders"), (DownlevelFlags::VIEW_FORMATS, "texture view formats")]
    {
        if !downlevel.flags.contains(flag) {
            return Err(format!("the adapter has no {name}"));
        }
    }
    for (name, found, wanted) in [
        ("storage buffers a shader stage", limits.max_storage_buffers_per_shader_stage, 8),
        ("storage textures a shader stage", limits.max_storage_textures_per_shader_stage, 1),
        ("invocations a workgroup", limits.max_compute_invocations_per_workgroup, 128),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, 4096),
    ] {
        if found < wanted {
            return Err(format!("expected a device that allows {wanted} {name}, found {found}"));
        }
    }
    Ok(Limits::of(downlevel, limits))
}
