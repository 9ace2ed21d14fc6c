//! Draws the skins of sprites and nodes: those in a row that share art and atlas in one call.

use std::ops::Range;

use bevy::{
    asset::AssetId,
    core_pipeline::core_2d::Transparent2d,
    ecs::{
        query::ROQueryItem,
        system::{
            SystemParamItem,
            lifetimeless::{Read, SRes},
        },
    },
    platform::collections::{HashMap, HashSet},
    prelude::*,
    render::{
        render_asset::RenderAssets,
        render_phase::{
            DrawFunctions, PhaseItem, RenderCommand, RenderCommandResult, SetItemPipeline, SortedPhaseItem,
            TrackedRenderPass, ViewSortedRenderPhases,
        },
        render_resource::{
            BindGroup, BindGroupEntries, BufferUsages, IndexFormat, PipelineCache, RawBufferVec, SamplerId,
            TextureViewId,
        },
        renderer::{RenderDevice, RenderQueue},
        texture::GpuImage,
        view::{ExtractedView, RetainedViewEntity},
    },
    sprite_render::SetSpriteViewBindGroup,
};

#[cfg(feature = "ui")]
use bevy::ui_render::{SetUiViewBindGroup, TransparentUi};

use super::{
    extract::{ExtractedSkin, ExtractedSkins},
    pipeline::{ArtImage, Instance, SkinPipelines},
    tissue::Tissue,
};

pub(super) type DrawSkins = (SetItemPipeline, SetSpriteViewBindGroup<0>, DrawBatch);
#[cfg(feature = "ui")]
pub(super) type DrawNodeSkins = (SetItemPipeline, SetUiViewBindGroup<0>, DrawBatch);

/// The images of a batch: the art, the atlas, the target of a model of colors, and the UV sheet. Without the last two, the
/// atlas again.
type Images = [AssetId<Image>; 4];

/// The views of the images, and the sampler of the art.
type Resources = ([TextureViewId; 4], SamplerId);

/// Skins that are drawn in one call.
pub(super) struct Batch {
    images: Images,
    instances: Range<u32>,
}

/// The batches of this frame, by view and first item.
#[derive(Resource, Default)]
pub(super) struct SkinBatches {
    by_item: ByItem,
    /// The bind groups of the images in use, and the views that they were made from.
    bind_groups: HashMap<Images, (Resources, BindGroup)>,
}

/// The instances of this frame, and the indices of a quad.
#[derive(Resource)]
pub(super) struct SkinBuffers {
    instances: RawBufferVec<Instance>,
    indices: RawBufferVec<u32>,
}

impl Default for SkinBuffers {
    fn default() -> Self {
        let mut indices = RawBufferVec::new(BufferUsages::INDEX);
        indices.extend([2, 0, 1, 1, 3, 2]);
        Self { instances: RawBufferVec::new(BufferUsages::VERTEX), indices }
    }
}

/// Takes over the items that Bevy has queued for the sprites of skins: they are drawn here, in the same order.
pub(super) fn queue(
    extracted: Res<ExtractedSkins>,
    draw_functions: Res<DrawFunctions<Transparent2d>>,
    mut pipelines: ResMut<SkinPipelines>,
    mut phases: ResMut<ViewSortedRenderPhases<Transparent2d>>,
    cache: Res<PipelineCache>,
) {
    if extracted.skins.is_empty() && extracted.hidden.is_empty() {
        return;
    }
    let draw_function = draw_functions.read().id::<DrawSkins>();
    for phase in phases.values_mut() {
        for key in &extracted.hidden {
            if let Some(item) = phase.items.get_mut(key) {
                item.extracted_index = NOT_DRAWN;
            }
        }
        for (index, skin) in extracted.skins.iter().enumerate() {
            let Some(item) = phase.items.get_mut(&skin.key) else { continue };
            match pipelines.get(item.pipeline, skin.tissue.fit.uv.is_some(), &cache) {
                Some(pipeline) => {
                    item.pipeline = pipeline;
                    item.draw_function = draw_function;
                    item.extracted_index = FIRST_SKIN + index;
                }
                // Bevy compiles its pipeline first.
                None => item.extracted_index = NOT_DRAWN,
            }
        }
    }
}

/// The index of the first skin among Bevy's sprites, beyond all of them.
pub(super) const FIRST_SKIN: usize = usize::MAX / 2;
/// The index of no sprite and no skin: the item keeps its place, and its batch stays empty.
pub(super) const NOT_DRAWN: usize = usize::MAX;

/// An item that Bevy has queued, with an index that may be that of a skin.
trait Item: SortedPhaseItem {
    fn index(&self) -> usize;
}

impl Item for Transparent2d {
    fn index(&self) -> usize {
        self.extracted_index
    }
}

#[cfg(feature = "ui")]
impl Item for TransparentUi {
    fn index(&self) -> usize {
        self.index
    }
}

/// Batches the items of each view in their order.
pub(super) fn prepare_batches(
    extracted: Res<ExtractedSkins>,
    mut sprites: ResMut<ViewSortedRenderPhases<Transparent2d>>,
    #[cfg(feature = "ui")] nodes: Option<ResMut<ViewSortedRenderPhases<TransparentUi>>>,
    mut batches: ResMut<SkinBatches>,
    mut buffers: ResMut<SkinBuffers>,
    images: Res<RenderAssets<GpuImage>>,
) {
    let (by_item, buffers) = (&mut batches.by_item, &mut *buffers);
    by_item.clear();
    if extracted.skins.is_empty() {
        return;
    }
    buffers.instances.clear();
    batch(&extracted, &mut sprites, by_item, &mut buffers.instances, &images);
    #[cfg(feature = "ui")]
    if let Some(mut nodes) = nodes {
        batch(&extracted, &mut nodes, by_item, &mut buffers.instances, &images);
    }
}

type ByItem = HashMap<(RetainedViewEntity, Entity), Batch>;

/// Batches the items of some phases.
fn batch<I: Item>(
    extracted: &ExtractedSkins,
    phases: &mut ViewSortedRenderPhases<I>,
    by_item: &mut ByItem,
    instances: &mut RawBufferVec<Instance>,
    images: &RenderAssets<GpuImage>,
) {
    for (view, phase) in phases.iter_mut() {
        // The first item of the batch, its images, and what its art is like.
        let mut open: Option<(usize, Images, ArtImage)> = None;
        for index in 0..phase.items.len() {
            let skin = phase.items.get_index(index).and_then(|(key, item)| {
                let skin = extracted.skins.get(item.index().checked_sub(FIRST_SKIN)?)?;
                Some(skin).filter(|skin| skin.key == *key)
            });
            let shown = skin.map(|ExtractedSkin { tissue: Tissue { fit, atlas, grown, .. }, .. }| {
                [fit.art, atlas.id(), grown.id(), fit.uv.unwrap_or(atlas.id())]
            });
            open = shown.and_then(|shown| match open {
                Some((first, images, art)) if images == shown => Some((first, shown, art)),
                _ => {
                    let [Some(art), Some(_), Some(_), Some(uv)] = shown.map(|id| images.get(id)) else { return None };
                    let uv_is_srgb = uv.texture_descriptor.format.is_srgb();
                    Some((index, shown, ArtImage { size: art.size_2d().as_vec2(), uv_is_srgb }))
                }
            });
            // Something else lies in between, or an image is not ready.
            let Some((skin, (first, shown, art))) = skin.zip(open) else { continue };
            let next = instances.len() as u32;
            instances.push(Instance::new(skin, art));
            let Some((first, item)) = phase.items.get_index_mut(first) else { continue };
            item.batch_range_mut().end += 1;
            let batch = by_item.entry((*view, first.0)).or_insert(Batch { images: shown, instances: next..next });
            batch.instances.end = next + 1;
        }
    }
}

/// Uploads the instances of batches, and makes the bind groups of those whose images are new, or have been replaced.
pub(super) fn prepare_bind_groups(
    mut batches: ResMut<SkinBatches>,
    mut buffers: ResMut<SkinBuffers>,
    pipelines: Res<SkinPipelines>,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    let SkinBatches { by_item, bind_groups } = &mut *batches;
    if !by_item.is_empty() {
        buffers.instances.write_buffer(&device, &queue);
        if buffers.indices.buffer().is_none() {
            buffers.indices.write_buffer(&device, &queue);
        }
    }
    let used: HashSet<Images> = by_item.values().map(|batch| batch.images).collect();
    bind_groups.retain(|images, _| used.contains(images));
    for batch in by_item.values() {
        let found = batch.images.map(|id| images.get(id));
        let [Some(art), Some(atlas), Some(grown), Some(uv)] = found else { continue };
        let made_of = ([art, atlas, grown, uv].map(|image| image.texture_view.id()), art.sampler.id());
        if bind_groups.get(&batch.images).is_some_and(|(resources, _)| *resources == made_of) {
            continue;
        }
        let layout = cache.get_bind_group_layout(&pipelines.textures_layout);
        let [art_view, atlas_view, grown_view, uv_view] = [art, atlas, grown, uv].map(|image| &*image.texture_view);
        let entries = (art_view, &art.sampler, atlas_view, &atlas.sampler, grown_view, uv_view);
        let group = device.create_bind_group("nca_skin", &layout, &BindGroupEntries::sequential(entries));
        bind_groups.insert(batch.images, (made_of, group));
    }
}

/// Draws a batch.
pub(super) struct DrawBatch;

impl<P: PhaseItem> RenderCommand<P> for DrawBatch {
    type Param = (SRes<SkinBuffers>, SRes<SkinBatches>);
    type ViewQuery = Read<ExtractedView>;
    type ItemQuery = ();

    fn render<'w>(
        item: &P,
        view: ROQueryItem<'w, '_, Self::ViewQuery>,
        _: Option<()>,
        (buffers, batches): SystemParamItem<'w, '_, Self::Param>,
        pass: &mut TrackedRenderPass<'w>,
    ) -> RenderCommandResult {
        let (buffers, batches) = (buffers.into_inner(), batches.into_inner());
        let batch = batches.by_item.get(&(view.retained_view_entity, item.entity()));
        let found = batch.and_then(|batch| {
            let (_, group) = batches.bind_groups.get(&batch.images)?;
            Some((batch, group, buffers.instances.buffer()?, buffers.indices.buffer()?))
        });
        let Some((batch, group, instances, indices)) = found else { return RenderCommandResult::Skip };
        pass.set_bind_group(1, group, &[]);
        pass.set_vertex_buffer(0, instances.slice(..));
        pass.set_index_buffer(indices.slice(..), IndexFormat::Uint32);
        pass.draw_indexed(0..6, 0, batch.instances.clone());
        RenderCommandResult::Success
    }
}
