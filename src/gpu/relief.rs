//! The reliefs of pictures that tile: normal maps and depth maps, derived by a fragment shader.
//!
//! [`make`] draws the relief of each picture that has changed in this frame. Then its mipmaps follow.

use bevy::{
    asset::{AssetId, load_embedded_asset},
    platform::collections::{HashMap, HashSet},
    prelude::*,
    render::{
        render_asset::RenderAssets,
        render_resource::{
            BindGroup, BindGroupEntries, BindGroupLayoutDescriptor, BindGroupLayoutEntries, CachedRenderPipelineId,
            PipelineCache, ShaderStages, ShaderType, TextureFormat, TextureId, TextureSampleType, TextureUsages,
            TextureView, TextureViewDescriptor, UniformBuffer,
            binding_types::{texture_2d, uniform_buffer},
        },
        renderer::{RenderContext, RenderDevice, RenderQueue},
        texture::GpuImage,
    },
};

use super::{Mipmaps, fullscreen};

/// The label of the image of a relief.
pub(crate) const RELIEF_LABEL: &str = "nca_relief";

/// What a relief is derived from, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReliefSpec {
    pub(crate) picture: AssetId<Image>,
    pub(crate) relief: AssetId<Image>,
    pub(crate) channels: Vec3,
    pub(crate) height: f32,
    pub(crate) is_depth: bool,
}

/// `Relief` in `relief.wgsl`.
#[derive(ShaderType)]
struct Uniform {
    channels: Vec3,
    height: f32,
    is_depth: u32,
}

/// The reliefs, and what is needed to draw them.
#[derive(Resource)]
pub(crate) struct Reliefs {
    specs: Vec<ReliefSpec>,
    drawn: HashMap<AssetId<Image>, Drawn>,
    /// Those whose pipeline or textures are not ready yet.
    waiting: HashSet<AssetId<Image>>,
    layout: BindGroupLayoutDescriptor,
    pipeline: CachedRenderPipelineId,
}

/// A relief as it was drawn last.
struct Drawn {
    spec: ReliefSpec,
    /// The textures of the picture and the relief.
    textures: [TextureId; 2],
    bind_group: BindGroup,
    target: TextureView,
}

impl FromWorld for Reliefs {
    fn from_world(world: &mut World) -> Self {
        let layout = BindGroupLayoutDescriptor::new(
            "nca_relief_layout",
            &BindGroupLayoutEntries::sequential(
                ShaderStages::FRAGMENT,
                (texture_2d(TextureSampleType::Float { filterable: false }), uniform_buffer::<Uniform>(false)),
            ),
        );
        let shader = load_embedded_asset!(world.resource::<AssetServer>(), "relief.wgsl");
        let pipeline = fullscreen::pipeline(world, "nca_relief", &layout, (&shader, "draw"), TextureFormat::Rgba8Unorm);
        Self { specs: Vec::new(), drawn: HashMap::default(), waiting: HashSet::default(), layout, pipeline }
    }
}

impl Reliefs {
    /// Sets the reliefs of this frame.
    pub(crate) fn replace(&mut self, specs: impl Iterator<Item = ReliefSpec>) {
        self.specs.clear();
        self.specs.extend(specs);
    }
}

/// Draws the reliefs whose pictures or settings have changed.
pub(super) fn make(
    mut reliefs: ResMut<Reliefs>,
    mut mipmaps: ResMut<Mipmaps>,
    mut context: RenderContext,
    images: Res<RenderAssets<GpuImage>>,
    cache: Res<PipelineCache>,
    (device, queue): (Res<RenderDevice>, Res<RenderQueue>),
) {
    let Reliefs { specs, drawn, waiting, layout, pipeline } = reliefs.bypass_change_detection();
    if drawn.len() > specs.len() {
        drawn.retain(|relief, _| specs.iter().any(|spec| spec.relief == *relief));
        waiting.retain(|relief| specs.iter().any(|spec| spec.relief == *relief));
    }
    for spec in specs.iter() {
        let is_same = drawn.get(&spec.relief).is_some_and(|drawn| drawn.spec == *spec);
        let is_outdated = mipmaps.is_outdated(spec.picture) || mipmaps.is_outdated(spec.relief);
        if is_same && !is_outdated && !waiting.contains(&spec.relief) {
            continue;
        }
        let found = [spec.picture, spec.relief].map(|image| images.get(image));
        let (Some(pipeline), [Some(picture), Some(relief)]) = (cache.get_render_pipeline(*pipeline), found) else {
            waiting.insert(spec.relief);
            continue;
        };
        waiting.remove(&spec.relief);
        if !can_draw_on(relief) {
            continue;
        }
        let textures = [picture.texture.id(), relief.texture.id()];
        let is_bound = drawn.get(&spec.relief).is_some_and(|drawn| drawn.spec == *spec && drawn.textures == textures);
        if !is_bound {
            let settings = Uniform { channels: spec.channels, height: spec.height, is_depth: u32::from(spec.is_depth) };
            let mut uniform = UniformBuffer::from(settings);
            uniform.write_buffer(&device, &queue);
            let Some(binding) = uniform.binding() else { continue };
            let bind_group = device.create_bind_group(
                "nca_relief",
                &cache.get_bind_group_layout(layout),
                &BindGroupEntries::sequential((&picture.texture_view, binding)),
            );
            let target = relief.texture.create_view(&TextureViewDescriptor {
                label: Some("nca_relief"),
                usage: Some(TextureUsages::RENDER_ATTACHMENT),
                mip_level_count: Some(1),
                ..default()
            });
            drawn.insert(spec.relief, Drawn { spec: *spec, textures, bind_group, target });
        }
        let Some(Drawn { bind_group, target, .. }) = drawn.get(&spec.relief) else { continue };
        fullscreen::fill(&mut context, "nca_relief", pipeline, bind_group, target);
        mipmaps.outdate(spec.relief);
    }
}

/// Whether the shader can write an image. The game may have replaced it.
fn can_draw_on(image: &GpuImage) -> bool {
    let descriptor = &image.texture_descriptor;
    descriptor.format == TextureFormat::Rgba8Unorm && descriptor.usage.contains(TextureUsages::RENDER_ATTACHMENT)
}
