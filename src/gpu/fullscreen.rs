//! Fragment shaders that fill a level of a texture.

use bevy::{
    core_pipeline::FullscreenShader,
    prelude::*,
    render::{
        render_resource::{
            BindGroup, BindGroupLayoutDescriptor, CachedRenderPipelineId, ColorTargetState, ColorWrites, FragmentState,
            LoadOp, Operations, PipelineCache, RenderPassColorAttachment, RenderPassDescriptor, RenderPipeline,
            RenderPipelineDescriptor, StoreOp, TextureFormat, TextureView,
        },
        renderer::RenderContext,
    },
};

/// Queues the pipeline of an entry point that fills textures of a format.
pub(super) fn pipeline(
    world: &mut World,
    label: &'static str,
    layout: &BindGroupLayoutDescriptor,
    (shader, entry_point): (&Handle<Shader>, &'static str),
    format: TextureFormat,
) -> CachedRenderPipelineId {
    let vertex = world.get_resource_or_init::<FullscreenShader>().to_vertex_state();
    world.resource::<PipelineCache>().queue_render_pipeline(RenderPipelineDescriptor {
        label: Some(label.into()),
        layout: vec![layout.clone()],
        vertex,
        fragment: Some(FragmentState {
            shader: shader.clone(),
            entry_point: Some(entry_point.into()),
            targets: vec![Some(ColorTargetState { format, blend: None, write_mask: ColorWrites::ALL })],
            ..default()
        }),
        ..default()
    })
}

/// Fills a level.
pub(super) fn fill(
    context: &mut RenderContext,
    label: &'static str,
    pipeline: &RenderPipeline,
    bind_group: &BindGroup,
    level: &TextureView,
) {
    let mut pass = context.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some(label),
        color_attachments: &[Some(RenderPassColorAttachment {
            view: level,
            depth_slice: None,
            resolve_target: None,
            ops: Operations { load: LoadOp::Clear(default()), store: StoreOp::Store },
        })],
        ..default()
    });
    pass.set_render_pipeline(pipeline);
    pass.set_bind_group(0, bind_group, &[]);
    pass.draw(0..3, 0..1);
}
