//! The connection between the main world and the render world.

use bevy::{
    prelude::*,
    render::{ExtractSchedule, MainWorld, Render, RenderApp, RenderSystems},
};

use super::{
    backend::{AtlasUploads, Frame, upload},
    populations::Populations,
    simulation::{InstanceStats, PendingReads},
    systems::StatsInbox,
};
use crate::gpu::{GpuPlugin, GpuPopulations};

/// Connects the simulation to the renderer, if there is one.
pub(super) struct RenderBridgePlugin;

impl Plugin for RenderBridgePlugin {
    fn build(&self, _: &mut App) {}

    // All plugins are built by now, including a renderer that was added after this plugin.
    fn finish(&self, app: &mut App) {
        if app.get_sub_app(RenderApp).is_none() {
            return;
        }
        GpuPlugin.build(app);
        if let Some(render_app) = app.get_sub_app_mut(RenderApp) {
            render_app
                .init_resource::<AtlasUploads>()
                .add_systems(ExtractSchedule, extract)
                .add_systems(Render, upload.in_set(RenderSystems::PrepareResources));
        }
    }
}

/// Moves work to the render world, and read-backs to the main world.
fn extract(mut main: ResMut<MainWorld>, mut gpu: ResMut<GpuPopulations>, mut uploads: ResMut<AtlasUploads>) {
    let world = &mut *main;
    if let Some(mut inbox) = world.get_resource_mut::<StatsInbox>() {
        let inbox = &mut inbox.bypass_change_detection().0;
        inbox.extend(gpu.take_stats().map(|read| InstanceStats {
            entity: read.request.entity,
            population: read.population,
            generation: read.request.generation,
            tick: read.request.tick,
            form: read.request.form,
            is_judged: read.request.is_judged,
            stats: read.stats,
            alive: read.alive,
        }));
    }
    let Some(mut reads) = world.get_resource_mut::<PendingReads>().map(|mut reads| std::mem::take(&mut *reads)) else {
        return;
    };
    if let Some(mut populations) = world.get_resource_mut::<Populations>() {
        let frame = &mut Frame { gpu: &mut gpu, uploads: uploads.bypass_change_detection(), reads: &mut reads };
        populations.bypass_change_detection().send(frame);
    }
    reads.answers.extend(gpu.take_cells());
    *world.resource_mut::<PendingReads>() = reads;
}
