//! The bind group of a population: its layout and its entries, in the order of `grid.wgsl`.

use bevy::render::{
    render_resource::{
        BindGroup, BindGroupEntries, BindGroupLayoutDescriptor, BindGroupLayoutEntries, Buffer, BufferId,
        PipelineCache, ShaderStages, StorageTextureAccess, TextureId, TextureUsages, TextureViewDescriptor,
        binding_types::{storage_buffer_read_only_sized, storage_buffer_sized, texture_storage_2d, uniform_buffer},
    },
    renderer::RenderDevice,
    texture::GpuImage,
};
use bevy::utils::default;

use super::{
    buffers::{CellBuffers, TickBuffers, Uploads},
    layout::Params,
    spec::AtlasKind,
};

/// The layout of the bind group of edits, or of the passes of a tick. They differ in one buffer: a device need not have more
/// than eight.
pub(super) fn layout(kind: AtlasKind, is_edit: bool) -> BindGroupLayoutDescriptor {
    let read_only = || storage_buffer_read_only_sized(false, None);
    let read_write = || storage_buffer_sized(false, None);
    BindGroupLayoutDescriptor::new(
        if is_edit { "nca_edit_layout" } else { "nca_tick_layout" },
        &BindGroupLayoutEntries::sequential(
            ShaderStages::COMPUTE,
            (
                uniform_buffer::<Params>(true),
                read_only(),
                read_only(),
                read_write(),
                read_write(),
                read_write(),
                read_write(),
                if is_edit { read_only() } else { read_write() },
                texture_storage_2d(kind.storage_format(), StorageTextureAccess::WriteOnly),
                read_write(),
            ),
        ),
    )
}

/// The resources to bind.
pub(super) struct Bound<'a> {
    pub(super) uploads: &'a Uploads,
    pub(super) weights: &'a Buffer,
    pub(super) cells: &'a CellBuffers,
    pub(super) tick: &'a TickBuffers,
    pub(super) atlas: &'a GpuImage,
    pub(super) kind: AtlasKind,
}

/// The bind groups, and the resources that they were created from.
pub(super) struct BoundGroup {
    made_of: Key,
    pub(super) edit: BindGroup,
    pub(super) tick: BindGroup,
}

#[derive(PartialEq)]
struct Key {
    atlas: TextureId,
    buffers: [BufferId; 6],
}

impl BoundGroup {
    /// The bind groups of some resources. They are created again only if one of them has been replaced. `None` if there is
    /// nothing to dispatch.
    pub(super) fn update(
        earlier: Option<Self>,
        bound: Bound,
        cache: &PipelineCache,
        device: &RenderDevice,
    ) -> Option<Self> {
        let Bound { uploads, weights, cells, tick, atlas, kind } = bound;
        let (params, jobs, payload) = (uploads.params.buffer()?, uploads.jobs.buffer()?, uploads.payload.buffer()?);
        let made_of = Key {
            atlas: atlas.texture.id(),
            buffers: [params.id(), jobs.id(), payload.id(), weights.id(), cells.states.id(), tick.updates.id()],
        };
        if let Some(earlier) = earlier.filter(|earlier| earlier.made_of == made_of) {
            return Some(earlier);
        }
        // The texture of pictures is linear. Sprites sample it through an sRGB view; this view writes bytes unchanged.
        let view = atlas.texture.create_view(&TextureViewDescriptor {
            label: Some("nca_atlas"),
            format: Some(kind.storage_format()),
            usage: Some(TextureUsages::STORAGE_BINDING),
            mip_level_count: Some(1),
            ..default()
        });
        let group = |is_edit: bool| {
            let seventh = if is_edit { payload } else { &tick.listed };
            Some(device.create_bind_group(
                "nca",
                &cache.get_bind_group_layout(&layout(kind, is_edit)),
                &BindGroupEntries::sequential((
                    uploads.params.binding()?,
                    jobs.as_entire_binding(),
                    weights.as_entire_binding(),
                    cells.states.as_entire_binding(),
                    tick.updates.as_entire_binding(),
                    tick.maturity.as_entire_binding(),
                    cells.cell_flags.as_entire_binding(),
                    seventh.as_entire_binding(),
                    &view,
                    cells.statistics.as_entire_binding(),
                )),
            ))
        };
        Some(Self { made_of, edit: group(true)?, tick: group(false)? })
    }
}
