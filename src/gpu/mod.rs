//! The rule on the GPU: one state buffer a population, three compute passes a tick.
//!
//! The main world says what is to be done as a [`Work`] list; this module keeps the buffers, turns
//! the list into dispatches, and reads cells back where that is asked for. A tick is
//!
//! 1. `edit`: seeds, scars and wounds, only for sprites that have some;
//! 2. `think`: perceive, run the dense layers for cells that are alive and fire;
//! 3. `live`: the life masks; after a frame's last tick also the picture, and what the cells amount to.
//!
//! Nothing is dispatched, bound or drawn per sprite: each pass runs over all sprites of a population.

mod buffers;
mod census;
mod dispatch;
mod limits;
mod pipelines;
mod population;
mod readback;
mod work;

use bevy::{
    app::SubApp,
    asset::{embedded_asset, load_embedded_asset},
    core_pipeline::schedule::camera_driver,
    prelude::*,
    render::{
        Render, RenderStartup, RenderSystems,
        renderer::{RenderGraph, RenderGraphSystems},
    },
    shader::load_shader_library,
};

pub(crate) use census::CensusRead;
pub use limits::NcaPrecision;
pub(crate) use limits::{Limits, check, check_adapter};
pub(crate) use population::{GpuPopulations, PopulationSpec, Standing};
pub(crate) use readback::CellsRead;
pub(crate) use work::{CountWish, Look, Moves, Note, Work};

/// The atlas has a gutter of this many pixels around each slot.
pub(crate) const GUTTER: u32 = 1;

/// The three shaders, kept so that they are loaded once.
#[derive(Resource, Clone)]
struct Shaders {
    edit: Handle<Shader>,
    think: Handle<Shader>,
    live: Handle<Shader>,
}

/// Embeds the shaders.
pub(crate) fn add_shaders(app: &mut App) {
    load_shader_library!(app, "noise.wgsl");
    load_shader_library!(app, "grid.wgsl");
    embedded_asset!(app, "edit.wgsl");
    embedded_asset!(app, "think.wgsl");
    embedded_asset!(app, "live.wgsl");
}

/// Adds the systems that prepare and dispatch. `assets` is the main world's.
pub(crate) fn add_systems(render_app: &mut SubApp, assets: &AssetServer) {
    render_app
        .insert_resource(Shaders {
            edit: load_embedded_asset!(assets, "edit.wgsl"),
            think: load_embedded_asset!(assets, "think.wgsl"),
            live: load_embedded_asset!(assets, "live.wgsl"),
        })
        // Runs again after a lost device: what lay on it is gone, and each population starts anew.
        .add_systems(RenderStartup, population::forget_populations)
        .add_systems(
            Render,
            (
                population::prepare_populations.in_set(RenderSystems::PrepareBindGroups),
                readback::map_readbacks.in_set(RenderSystems::Cleanup),
            ),
        )
        .add_systems(RenderGraph, dispatch::dispatch.in_set(RenderGraphSystems::Render).before(camera_driver));
}
