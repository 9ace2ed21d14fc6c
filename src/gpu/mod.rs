//! The rule on the GPU: one state buffer per population, and up to four dispatches per tick.
//!
//! The main world describes the work of a frame as a [`Work`] list. This module keeps the buffers, turns the list into
//! dispatches, and reads back the requested data. A tick is:
//!
//! 1. `edit`: seeds, new cells, dead ground and wounds, only for sprites that have some.
//! 2. `mark`: lists the cells that fire and are near a living cell.
//! 3. `think`: perception and the dense layers, only for the listed cells.
//! 4. `live`: the life masks; after the last tick of a frame also the picture and the statistics.
//!
//! Nothing is dispatched, bound or drawn per sprite: each dispatch covers all sprites of a population that take part in
//! it.

mod bindings;
#[cfg(target_arch = "wasm32")]
mod browser;
mod buffers;
mod dispatch;
mod fullscreen;
mod layout;
mod limits;
mod mipmaps;
mod pipelines;
mod population;
mod readback;
mod relief;
mod spec;
mod statistics;
mod work;

use bevy::{
    asset::embedded_asset,
    core_pipeline::schedule::camera_driver,
    prelude::*,
    render::{
        GpuResourceAppExt, Render, RenderApp, RenderStartup, RenderSystems,
        render_asset::prepare_assets,
        render_resource::SpecializedComputePipelines,
        renderer::{RenderGraph, RenderGraphSystems},
        texture::GpuImage,
    },
    shader::load_shader_library,
};

#[cfg(target_arch = "wasm32")]
pub(crate) use browser::BrowserGpu;
pub use limits::NcaPrecision;
pub(crate) use limits::{Limits, check, check_adapter};
pub(crate) use mipmaps::{ATLAS_LABEL, Mipmaps};
pub(crate) use population::GpuPopulations;
pub(crate) use relief::{RELIEF_LABEL, ReliefSpec, Reliefs};
pub(crate) use spec::{AtlasKind, PopulationSpec, Status};
pub(crate) use statistics::StatsRead;
pub(crate) use work::{DisplayState, Moves, StatsRequest, Work};

/// Runs the rule in the render world. Add it after the renderer.
pub(crate) struct GpuPlugin;

impl Plugin for GpuPlugin {
    fn build(&self, app: &mut App) {
        load_shader_library!(app, "noise.wgsl");
        load_shader_library!(app, "shown.wgsl");
        load_shader_library!(app, "grid.wgsl");
        embedded_asset!(app, "edit.wgsl");
        embedded_asset!(app, "mark.wgsl");
        embedded_asset!(app, "think.wgsl");
        embedded_asset!(app, "live.wgsl");
        embedded_asset!(app, "mipmaps.wgsl");
        embedded_asset!(app, "relief.wgsl");
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        // `RenderStartup` runs again after a lost device: all memory is lost, and each population starts again.
        render_app
            .init_gpu_resource::<pipelines::NcaPipeline>()
            .init_gpu_resource::<SpecializedComputePipelines<pipelines::NcaPipeline>>()
            .init_gpu_resource::<Mipmaps>()
            .init_gpu_resource::<Reliefs>()
            .add_systems(RenderStartup, population::reset_populations)
            .add_systems(
                Render,
                (
                    mipmaps::find_new.in_set(RenderSystems::PrepareAssets).before(prepare_assets::<GpuImage>),
                    population::prepare_buffers.in_set(RenderSystems::PrepareResources),
                    population::prepare_bind_groups.in_set(RenderSystems::PrepareBindGroups),
                    population::map_read_backs.in_set(RenderSystems::Cleanup),
                ),
            )
            .add_systems(
                RenderGraph,
                (dispatch::dispatch, relief::make, mipmaps::make)
                    .chain()
                    .in_set(RenderGraphSystems::Render)
                    .before(camera_driver),
            );
    }
}
