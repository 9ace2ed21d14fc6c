//! The bind group of a population: its layout and its entries, in the order of `grid.wgsl`.

use bevy::render::{
    render_resource::{
        BindGroup, BindGroupEntries, BindGroupLayoutDescriptor, BindGroupLayoutEntries, Buffer, BufferId,
        PipelineCache, ShaderStages, StorageTextureAccess, TextureFormat, TextureId, TextureUsages,
        TextureViewDescriptor,
        binding_types::{storage_buffer_read_only_sized, storage_buffer_sized, texture_storage_2d, uniform_buffer},
    },
    renderer::RenderDevice,
    texture::GpuImage,
};
use bevy::utils::default;

use super::{
    buffers::{CellBuffers, TickBuffers, Uploads},
    layout::Params,
};

/// The format in which the shaders write an atlas: pixels, or tissue.
fn atlas_format(shows_tissue: bool) -> TextureFormat {
    if shows_tissue { TextureFormat::Rgba16Float } else { TextureFormat::Rgba8Unorm }
}

/// The layout of the bind group, the same for all passes.
pub(super) fn layout(shows_tissue: bool) -> BindGroupLayoutDescriptor {
    let read_only = || storage_buffer_read_only_sized(false, None);
    let read_write = || storage_buffer_sized(false, None);
    BindGroupLayoutDescriptor::new(
        "nca_layout",
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
                read_only(),
                texture_storage_2d(atlas_format(shows_tissue), StorageTextureAccess::WriteOnly),
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
    pub(super) shows_tissue: bool,
}

/// A bind group, and the resources that it was created from.
pub(super) struct BoundGroup {
    made_of: Key,
    group: BindGroup,
}

#[derive(PartialEq)]
struct Key {
    atlas: TextureId,
    buffers: [BufferId; 6],
}

impl BoundGroup {
    pub(super) fn group(&self) -> &BindGroup {
        &self.group
    }

    /// The bind group of some resources. It is created again only if one of them has been replaced. `None` if there is
    /// nothing to dispatch.
    pub(super) fn update(
        earlier: Option<Self>,
        bound: Bound,
        cache: &PipelineCache,
        device: &RenderDevice,
    ) -> Option<Self> {
        let Bound { uploads, weights, cells, tick, atlas, shows_tissue } = bound;
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
            format: Some(atlas_format(shows_tissue)),
            usage: Some(TextureUsages::STORAGE_BINDING),
            ..default()
        });
        let group = device.create_bind_group(
            "nca",
            &cache.get_bind_group_layout(&layout(shows_tissue)),
            &BindGroupEntries::sequential((
                uploads.params.binding()?,
                jobs.as_entire_binding(),
                weights.as_entire_binding(),
                cells.states.as_entire_binding(),
                tick.updates.as_entire_binding(),
                tick.alive_before_after.as_entire_binding(),
                cells.cell_flags.as_entire_binding(),
                payload.as_entire_binding(),
                &view,
                cells.statistics.as_entire_binding(),
            )),
        );
        Some(Self { made_of, group })
    }
}
