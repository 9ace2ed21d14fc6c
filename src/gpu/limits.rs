//! What an adapter must support, and how many sprites fit.

use bevy::{
    prelude::*,
    render::{
        render_resource::{DownlevelFlags, WgpuLimits},
        renderer::{RenderAdapter, RenderDevice},
    },
};
use wgpu::DownlevelCapabilities;

use crate::rule::Rule;

/// The limits of a device that bound a population.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The size of the largest storage buffer binding.
    pub(crate) binding_bytes: u64,
    /// The most pixels on a side of a texture.
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

    /// The most sprites of a population whose cells fit.
    pub(crate) fn max_sprites(&self, rule: &Rule, grid: [u32; 2], precision: NcaPrecision) -> u32 {
        (self.binding_bytes / precision.state_bytes(rule, grid)).min(u64::from(self.dispatch)) as u32
    }
}

/// How many bits of a value the GPU stores between ticks.
///
/// Either way it computes with 32 bits; the CPU always stores 32. See
/// [`NcaPlugin::precision`](crate::NcaPlugin::precision).
#[derive(Resource, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[reflect(Resource, Clone, Debug, Default, PartialEq, Hash)]
pub enum NcaPrecision {
    /// 32 bits: the same values as on the CPU, up to rounding.
    #[default]
    Full,
    /// 16 bits, in half the memory. The same cells fire. Values are rounded to eleven significant bits after each tick;
    /// in the runs of the tests they stay within 0.01 of the reference. If the GPU cannot read half floats, as with
    /// OpenGL before 4.2, this is the same as `Full`.
    Half,
}

impl NcaPrecision {
    /// The size of a sprite's state in bytes.
    pub(super) fn state_bytes(self, rule: &Rule, [width, height]: [u32; 2]) -> u64 {
        let value = match self {
            Self::Full => size_of::<f32>(),
            Self::Half => size_of::<half::f16>(),
        };
        u64::from(width) * u64::from(height) * (rule.channels * value) as u64
    }
}

/// The limits of an adapter that can run the compute passes, or what it lacks.
pub(crate) fn check_adapter(adapter: &RenderAdapter, device: &RenderDevice) -> Result<Limits, String> {
    check(&adapter.get_downlevel_capabilities(), &device.limits())
}

/// The same as [`check_adapter`].
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
        ("invocations a workgroup", limits.max_compute_invocations_per_workgroup, 64),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, 4096),
    ] {
        if found < wanted {
            return Err(format!("expected a device that allows {wanted} {name}, found {found}"));
        }
    }
    Ok(Limits::of(downlevel, limits))
}
