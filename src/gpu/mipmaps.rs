//! The mipmaps of pictures that tile.
//!
//! A picture that has changed, by the shaders of its population or by an upload from the CPU, is [outdated](Mipmaps::outdate).
//! So is one that Bevy has uploaded as a whole, as it does after a lost device.
//! [`make`] halves it level by level, before any camera draws.

use bevy::{
    asset::{AssetId, load_embedded_asset},
    platform::collections::{HashMap, HashSet},
    prelude::*,
    render::{
        render_asset::{ExtractedAssets, RenderAssets},
        render_resource::{
            BindGroup, BindGroupEntries, BindGroupLayoutDescriptor, BindGroupLayoutEntries, CachedRenderPipelineId,
            PipelineCache, ShaderStages, TextureDescriptor, TextureFormat, TextureId, TextureSampleType, TextureUsages,
            TextureView, TextureViewDescriptor, binding_types::texture_2d,
        },
        renderer::{RenderContext, RenderDevice},
        texture::GpuImage,
    },
};

use super::{RELIEF_LABEL, fullscreen};

/// The label of the image of a population.
pub(crate) const ATLAS_LABEL: &str = "nca_atlas";
/// The formats in which levels are read and written: those of pictures, and of reliefs.
const FORMATS: [TextureFormat; 2] = [TextureFormat::Rgba8UnormSrgb, TextureFormat::Rgba8Unorm];

/// The pictures whose mipmaps must be made, and what is needed to make them.
#[derive(Resource)]
pub(crate) struct Mipmaps {
    outdated: HashSet<AssetId<Image>>,
    /// For each picture its texture, and the steps from each level to the next.
    steps: HashMap<AssetId<Image>, (TextureId, Vec<Step>)>,
    layout: BindGroupLayoutDescriptor,
    /// For each format.
    pipelines: [CachedRenderPipelineId; 2],
}

/// The level to read, and the one to write.
struct Step {
    finer: BindGroup,
    coarser: TextureView,
}

impl FromWorld for Mipmaps {
    fn from_world(world: &mut World) -> Self {
        let layout = BindGroupLayoutDescriptor::new(
            "nca_mipmaps_layout",
            &BindGroupLayoutEntries::single(
                ShaderStages::FRAGMENT,
                texture_2d(TextureSampleType::Float { filterable: false }),
            ),
        );
        let shader = load_embedded_asset!(world.resource::<AssetServer>(), "mipmaps.wgsl");
        let pipelines =
            FORMATS.map(|format| fullscreen::pipeline(world, "nca_mipmaps", &layout, (&shader, "halve"), format));
        Self { outdated: HashSet::default(), steps: HashMap::default(), layout, pipelines }
    }
}

impl Mipmaps {
    /// The picture has changed.
    pub(crate) fn outdate(&mut self, picture: AssetId<Image>) {
        self.outdated.insert(picture);
    }

    /// Whether the picture has changed in this frame.
    pub(super) fn is_outdated(&self, picture: AssetId<Image>) -> bool {
        self.outdated.contains(&picture)
    }
}

/// Finds the pictures whose textures Bevy is about to create.
pub(super) fn find_new(mut mipmaps: ResMut<Mipmaps>, images: Res<ExtractedAssets<GpuImage>>) {
    for (picture, image) in &images.extracted {
        let TextureDescriptor { label, mip_level_count, .. } = image.texture_descriptor;
        if label.is_some_and(|label| [ATLAS_LABEL, RELIEF_LABEL].contains(&label)) && mip_level_count > 1 {
            mipmaps.outdate(*picture);
        }
    }
}

/// Makes the mipmaps of all pictures that have changed.
pub(super) fn make(
    mut mipmaps: ResMut<Mipmaps>,
    mut context: RenderContext,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
) {
    let Mipmaps { outdated, steps, layout, pipelines } = &mut *mipmaps;
    if outdated.is_empty() {
        return;
    }
    // Until the pipelines are compiled, they wait.
    let [Some(of_pictures), Some(of_reliefs)] = pipelines.map(|pipeline| cache.get_render_pipeline(pipeline)) else {
        return;
    };
    steps.retain(|picture, _| images.get(*picture).is_some());
    for picture in outdated.drain() {
        let Some((image, format)) = images.get(picture).and_then(|image| Some((image, format(image)?))) else {
            continue;
        };
        let pipeline = if format == FORMATS[0] { of_pictures } else { of_reliefs };
        let found = steps.get(&picture).filter(|(texture, _)| *texture == image.texture.id());
        if found.is_none() {
            let levels = 1..image.texture_descriptor.mip_level_count;
            let new = levels.map(|level| step(image, format, level, layout, &cache, &device));
            steps.insert(picture, (image.texture.id(), new.collect()));
        }
        for Step { finer, coarser } in steps.get(&picture).into_iter().flat_map(|(_, steps)| steps) {
            fullscreen::fill(&mut context, "nca_mipmaps", pipeline, finer, coarser);
        }
    }
}

/// The format of the levels of an image. `None` if they cannot be written: the game may have replaced that of a tile.
fn format(image: &GpuImage) -> Option<TextureFormat> {
    let TextureDescriptor { usage, format, view_formats, .. } = image.texture_descriptor;
    let can_write = usage.contains(TextureUsages::RENDER_ATTACHMENT);
    FORMATS.into_iter().find(|found| can_write && (format == *found || view_formats.contains(found)))
}

/// The step that makes a level.
fn step(
    image: &GpuImage,
    format: TextureFormat,
    level: u32,
    layout: &BindGroupLayoutDescriptor,
    cache: &PipelineCache,
    device: &RenderDevice,
) -> Step {
    let view = |level, usage| {
        image.texture.create_view(&TextureViewDescriptor {
            label: Some("nca_mipmap"),
            format: Some(format),
            usage: Some(usage),
            base_mip_level: level,
            mip_level_count: Some(1),
            ..default()
        })
    };
    let finer = view(level - 1, TextureUsages::TEXTURE_BINDING);
    Step {
        finer: device.create_bind_group(
            "nca_mipmap",
            &cache.get_bind_group_layout(layout),
            &BindGroupEntries::single(&finer),
        ),
        coarser: view(level, TextureUsages::RENDER_ATTACHMENT),
    }
}
