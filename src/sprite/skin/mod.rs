//! Skins: a game's own art, shown through living cells.
//!
//! 1. `dress` gives a skin without a model the generic body that fits its art.
//! 2. The population of a skin draws tissue instead of pictures: the first four channels of its cells.
//! 3. `extract` takes the skins of a frame to the render world. Bevy queues them as sprites, by depth. `draw` then draws
//!    those that share art and population in one call, with a pipeline of its own.

mod art;
mod draw;
mod dress;
mod extract;
#[cfg(feature = "ui")]
mod nodes;
mod painter;
mod pipeline;
#[cfg(feature = "pbr")]
mod surface;
mod tissue;
mod warnings;

use bevy::{
    asset::embedded_asset,
    core_pipeline::core_2d::Transparent2d,
    prelude::*,
    render::{
        ExtractSchedule, GpuResourceAppExt, Render, RenderApp, RenderStartup, RenderSystems,
        render_phase::{AddRenderCommand, DrawFunctions},
    },
    shader::load_shader_library,
    sprite_render::queue_sprites,
};

pub use self::painter::NcaArt;
#[cfg(feature = "pbr")]
pub use self::surface::{NcaSkinExtension, NcaSkinMaterial};
#[cfg(feature = "ui")]
use self::{
    draw::DrawNodeSkins,
    nodes::{ExtractedNodes, extract_nodes, queue_nodes},
};
#[cfg(feature = "ui")]
use bevy::ui_render::{TransparentUi, queue_uinodes};

use self::{
    draw::{DrawSkins, SkinBatches, SkinBuffers, prepare_batches, prepare_bind_groups, queue},
    dress::{Bodies, dress, fit},
    extract::{ExtractedSkins, extract},
    pipeline::init_pipelines,
    warnings::warn_of_art,
};
use super::{
    components::{LoadsImages, NcaSkin},
    sets::NcaSystems,
};

/// Shows art through living cells.
pub(super) struct SkinPlugin;

impl Plugin for SkinPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "skin.wgsl");
        app.register_type::<NcaSkin>()
            .init_resource::<Bodies>()
            .add_systems(PostUpdate, (dress.in_set(NcaSystems::Dress), fit.in_set(NcaSystems::Show)))
            .add_systems(Last, warn_of_art.in_set(NcaSystems::Show));
        #[cfg(feature = "pbr")]
        app.add_plugins(surface::SurfacePlugin).add_systems(
            PostUpdate,
            (surface::wear.in_set(NcaSystems::Dress).before(dress), surface::show.in_set(NcaSystems::Show).after(fit))
                // An app that is never finished has no such materials.
                .run_if(resource_exists::<Assets<NcaSkinMaterial>>),
        );
    }

    // Bevy's sprites are known by now, wherever this plugin was added.
    fn finish(&self, app: &mut App) {
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        app.insert_resource(LoadsImages);
        load_shader_library!(app, "tissue.wgsl");
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        // Without Bevy's 2D pipeline, nothing is drawn.
        if !render_app.world().contains_resource::<DrawFunctions<Transparent2d>>() {
            return;
        }
        render_app
            .init_resource::<ExtractedSkins>()
            .init_gpu_resource::<SkinBatches>()
            .init_gpu_resource::<SkinBuffers>()
            .add_render_command::<Transparent2d, DrawSkins>()
            .add_systems(RenderStartup, init_pipelines)
            .add_systems(ExtractSchedule, extract)
            .add_systems(
                Render,
                (
                    queue.in_set(RenderSystems::Queue).after(queue_sprites),
                    (prepare_batches, prepare_bind_groups).chain().in_set(RenderSystems::PrepareBindGroups),
                ),
            );
        #[cfg(feature = "ui")]
        if render_app.world().contains_resource::<DrawFunctions<TransparentUi>>() {
            render_app
                .init_resource::<ExtractedNodes>()
                .add_render_command::<TransparentUi, DrawNodeSkins>()
                .add_systems(ExtractSchedule, extract_nodes)
                .add_systems(Render, queue_nodes.in_set(RenderSystems::Queue).after(queue_uinodes).after(queue));
        }
    }
}
