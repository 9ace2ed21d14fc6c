//! The compute pass: once a frame, before any camera.

use bevy::{
    prelude::*,
    render::{
        diagnostic::RecordDiagnostics,
        render_resource::{ComputePassDescriptor, PipelineCache},
        renderer::RenderContext,
    },
};

use super::{
    census::census_bytes,
    population::{GpuPopulation, GpuPopulations},
};

/// Cells of a side of the tile that a workgroup of `think` takes.
const THINK_TILE: u32 = 16;
/// The same of `edit` and `live`.
const TILE: u32 = 8;

/// Dispatches all work that is ready, and copies the cells that are wanted. Bevy's `RenderDiagnosticsPlugin`
/// shows how long it takes, as `render/nca`.
pub(super) fn dispatch(mut populations: ResMut<GpuPopulations>, mut context: RenderContext, cache: Res<PipelineCache>) {
    let GpuPopulations { populations, readbacks, census, .. } = &mut *populations;
    let ready = |population: &GpuPopulation| population.ready && !population.work.is_empty();
    if !populations.values().any(ready) {
        return;
    }
    let recorder = context.diagnostic_recorder();
    let recorder = recorder.as_deref();
    let span = recorder.time_span(context.command_encoder(), "nca");
    for population in populations.values_mut().filter(|population| ready(population)) {
        if !population.uploads.dispatches.is_empty() {
            population.run(&mut context, &cache);
        }
        readbacks.copy(population, &mut context);
    }
    let counted = populations.iter().filter(|(_, population)| ready(population));
    census.copy(counted.map(|(id, population)| (*id, population)), &mut context);
    span.end(context.command_encoder());
    for population in populations.values_mut().filter(|population| ready(population)) {
        population.work.clear();
        population.uploads.dispatches.clear();
    }
}

impl GpuPopulation {
    fn run(&self, context: &mut RenderContext, cache: &PipelineCache) {
        let (Some(pipelines), Some(bind_group)) = (self.pipelines.get(cache), self.bind_group()) else { return };
        let [width, height] = self.spec.grid;
        let descriptor = ComputePassDescriptor { label: Some("nca"), timestamp_writes: None };
        context.command_encoder().clear_buffer(&self.cells.census, 0, Some(census_bytes(self)));
        let mut pass = context.command_encoder().begin_compute_pass(&descriptor);
        for dispatch in &self.uploads.dispatches {
            if let Some((offset, sprites)) = dispatch.edits {
                pass.set_bind_group(0, bind_group, &[offset]);
                pass.set_pipeline(pipelines.edit);
                pass.dispatch_workgroups(width.div_ceil(TILE), height.div_ceil(TILE), sprites);
            }
            if let Some((offset, sprites)) = dispatch.ticks {
                pass.set_bind_group(0, bind_group, &[offset]);
                pass.set_pipeline(pipelines.think);
                pass.dispatch_workgroups(width.div_ceil(THINK_TILE), height.div_ceil(THINK_TILE), sprites);
                pass.set_pipeline(pipelines.live);
                pass.dispatch_workgroups(width.div_ceil(TILE), height.div_ceil(TILE), sprites);
            }
        }
    }
}
