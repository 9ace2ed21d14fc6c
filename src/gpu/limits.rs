//! What the adapter must offer, and how many sprites fit.

use bevy::render::{
    render_resource::{DownlevelFlags, WgpuLimits},
    renderer::{RenderAdapter, RenderDevice},
};

use super::GUTTER;
use crate::rule::Rule;

/// The limits of the device that decide how many sprites a population may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    binding_bytes: u64,
    texture_side: u32,
    dispatch: u32,
}

impl Limits {
    pub(crate) fn of(limits: &WgpuLimits) -> Self {
        Self {
            binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            texture_side: limits.max_texture_dimension_2d,
            dispatch: limits.max_compute_workgroups_per_dimension,
        }
    }

    /// The most sprites of one population, and slots in a row of its atlas.
    pub(crate) fn slots(&self, rule: &Rule, [width, height]: [u32; 2]) -> (u32, u32) {
        let sprite_bytes = u64::from(width) * u64::from(height) * rule.channels as u64 * 4;
        let by_bytes = (self.binding_bytes / sprite_bytes).min(u64::from(self.dispatch)) as u32;
        let columns = self.texture_side / (width + 2 * GUTTER);
        let rows = self.texture_side / (height + 2 * GUTTER);
        (by_bytes.min(columns * rows), columns)
    }
}

/// Whether the adapter can run the compute passes; if not, what it lacks.
pub(crate) fn check_adapter(adapter: &RenderAdapter, device: &RenderDevice) -> Result<Limits, String> {
    let flags = adapter.get_downlevel_capabilities().flags;
    for (flag, name) in
        [(DownlevelFlags::COMPUTE_SHADERS, "compute shaders"), (DownlevelFlags::VIEW_FORMATS, "texture view formats")]
    {
        if !flags.contains(flag) {
            return Err(format!("the adapter has no {name}"));
        }
    }
    let limits = device.limits();
    for (name, found, wanted) in [
        ("storage buffers a shader stage", limits.max_storage_buffers_per_shader_stage, 7),
        ("storage textures a shader stage", limits.max_storage_textures_per_shader_stage, 1),
        ("invocations a workgroup", limits.max_compute_invocations_per_workgroup, 64),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, 4096),
    ] {
        if found < wanted {
            return Err(format!("the device allows {found} {name}; wanted {wanted}"));
        }
    }
    Ok(Limits::of(&limits))
}
