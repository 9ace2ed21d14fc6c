//! The render pipelines of skins, and their vertices.

use bevy::{
    asset::load_embedded_asset,
    mesh::VertexBufferLayout,
    platform::collections::HashMap,
    prelude::*,
    render::render_resource::{
        BindGroupLayoutDescriptor, BindGroupLayoutEntries, CachedRenderPipelineId, PipelineCache, SamplerBindingType,
        ShaderStages, TextureSampleType, VertexAttribute, VertexFormat, VertexStepMode,
        binding_types::{sampler, texture_2d},
    },
};
use bytemuck::{Pod, Zeroable};

use super::{extract::ExtractedSkin, tissue::Tissue};

/// What the image of some art is like.
#[derive(Clone, Copy)]
pub(super) struct ArtImage {
    /// Width and height, in pixels.
    pub(super) size: Vec2,
    pub(super) uv_is_srgb: bool,
}

/// The vertex data of a skin; `Instance` in `skin.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Instance {
    to_world: [Vec4; 3],
    color: [f32; 4],
    lost: [f32; 4],
    slot: [Vec2; 2],
    part: [Vec2; 2],
    frame: [Vec2; 2],
    art: [Vec2; 2],
    bounds: [Vec2; 2],
    clip: [Vec2; 2],
    style: Vec4,
    fading: Vec4,
}

impl Instance {
    /// One vector of four per location.
    fn layout() -> VertexBufferLayout {
        let stride = size_of::<Self>() as u64;
        let attribute = |location| VertexAttribute {
            format: VertexFormat::Float32x4,
            offset: location * VertexFormat::Float32x4.size(),
            shader_location: location as u32,
        };
        VertexBufferLayout {
            array_stride: stride,
            step_mode: VertexStepMode::Instance,
            attributes: (0..stride / VertexFormat::Float32x4.size()).map(attribute).collect(),
        }
    }

    pub(super) fn new(skin: &ExtractedSkin, ArtImage { size, uv_is_srgb }: ArtImage) -> Self {
        let ExtractedSkin { to_world, color, drawn, clip, tissue, .. } = skin;
        let Tissue { slot, rotation, lost, fading, .. } = tissue;
        let fit = tissue.fit.where_it_stands();
        let flags = [tissue.pixelated, uv_is_srgb];
        let flags = flags.iter().rev().fold(0.0, |flags, flag| flags * 2.0 + if *flag { 1.0 } else { 0.0 });
        let matrix = to_world.matrix3.transpose();
        let columns = [matrix.x_axis, matrix.y_axis, matrix.z_axis];
        let translation = to_world.translation.to_array();
        let art = |place: Vec2| (fit.part.min + place * fit.part.size()) / size;
        let corner = art(fit.region.min);
        Self {
            to_world: [0, 1, 2].map(|row| columns[row].extend(translation[row])),
            color: color.to_f32_array(),
            lost: lost.to_f32_array(),
            slot: [slot.min, slot.size()],
            part: [drawn.min, drawn.size()],
            frame: [fit.frame.min, fit.frame.size()],
            art: [corner, art(fit.region.max) - corner],
            bounds: [fit.part.min / size, fit.part.max / size],
            clip: [clip.min, clip.max],
            style: Vec4::new(rotation.x, rotation.y, flags, tissue.kind),
            fading: (fading.0 / size).extend(fading.1).extend(0.0),
        }
    }
}

/// The pipelines of skins. Each is one of Bevy's pipelines for sprites or nodes with another shader.
#[derive(Resource)]
pub(super) struct SkinPipelines {
    pub(super) textures_layout: BindGroupLayoutDescriptor,
    shader: Handle<Shader>,
    /// By Bevy's pipeline in the same view, and whether there is a UV sheet.
    by_original: HashMap<(CachedRenderPipelineId, bool), CachedRenderPipelineId>,
}

/// Starts without pipelines, at first and after a lost device.
pub(super) fn init_pipelines(mut commands: Commands, assets: Res<AssetServer>) {
    let texture = || texture_2d(TextureSampleType::Float { filterable: true });
    let textures_layout = BindGroupLayoutDescriptor::new(
        "nca_skin_textures",
        &BindGroupLayoutEntries::sequential(
            ShaderStages::FRAGMENT,
            (
                texture(),
                sampler(SamplerBindingType::Filtering),
                texture(),
                sampler(SamplerBindingType::Filtering),
                texture(),
                texture_2d(TextureSampleType::Float { filterable: false }),
            ),
        ),
    );
    let shader = load_embedded_asset!(&*assets, "skin.wgsl");
    commands.insert_resource(SkinPipelines { textures_layout, shader, by_original: HashMap::default() });
}

impl SkinPipelines {
    /// The pipeline for a view in which Bevy has another one. `None` until that one is compiled.
    pub(super) fn get(
        &mut self,
        original: CachedRenderPipelineId,
        has_uv: bool,
        cache: &PipelineCache,
    ) -> Option<CachedRenderPipelineId> {
        if let Some(known) = self.by_original.get(&(original, has_uv)) {
            return Some(*known);
        }
        cache.get_render_pipeline(original)?;
        let mut descriptor = cache.get_render_pipeline_descriptor(original).clone();
        let fragment = descriptor.fragment.as_mut()?;
        (descriptor.vertex.shader, fragment.shader) = (self.shader.clone(), self.shader.clone());
        if has_uv {
            fragment.shader_defs.push("HAS_UV".into());
        }
        descriptor.label = Some("nca_skin".into());
        descriptor.vertex.buffers = vec![Instance::layout()];
        descriptor.layout.truncate(1);
        descriptor.layout.push(self.textures_layout.clone());
        let pipeline = cache.queue_render_pipeline(descriptor);
        self.by_original.insert((original, has_uv), pipeline);
        Some(pipeline)
    }
}
