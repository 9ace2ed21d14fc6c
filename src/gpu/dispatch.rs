//! The compute passes and the copies of a frame, recorded before any camera draws.

use bevy::{
    prelude::*,
    render::{
        diagnostic::RecordDiagnostics,
        render_resource::{ComputePassDescriptor, PipelineCache},
        renderer::RenderContext,
    },
};
use half::{f16, slice::HalfFloatSliceExt};

use super::{
    AtlasKind, Mipmaps, NcaPrecision, PopulationSpec, StatsRead,
    layout::{MARK_HEIGHT, MARK_WIDTH, MOST_THINK_GROUPS, THINK_THREADS, TILE},
    population::{GpuPopulation, GpuPopulations},
    readback::Readback,
    statistics,
};
use crate::rule::State;

/// Records all work that is ready. Bevy's `RenderDiagnosticsPlugin` shows its duration as `render/nca`.
pub(super) fn dispatch(
    mut populations: ResMut<GpuPopulations>,
    mut mipmaps: ResMut<Mipmaps>,
    mut context: RenderContext,
    cache: Res<PipelineCache>,
) {
    let GpuPopulations { by_id, cells, stats, .. } = &mut *populations;
    for population in by_id.values_mut().filter(|population| population.cells.has_uncopied()) {
        population.cells.copy(&population.spec, context.command_encoder());
    }
    let is_ready = |population: &GpuPopulation| population.is_ready && !population.work.is_empty();
    if !by_id.values().any(is_ready) {
        return;
    }
    let recorder = context.diagnostic_recorder();
    let recorder = recorder.as_deref();
    let span = recorder.time_span(context.command_encoder(), "nca");
    for population in by_id.values_mut().filter(|population| is_ready(population)) {
        population.run(&mut context, &cache);
        population.copy_cells(cells, &mut context);
    }
    copy_statistics(by_id.iter().filter(|(_, population)| is_ready(population)), stats, &mut context);
    span.end(context.command_encoder());
    for population in by_id.values_mut().filter(|population| is_ready(population)) {
        if population.spec.kind == AtlasKind::Tile && !population.work.shown.is_empty() {
            mipmaps.outdate(population.spec.atlas);
        }
        population.work.clear();
        population.uploads.dispatches.clear();
    }
}

impl GpuPopulation {
    /// Records the compute passes.
    fn run(&self, context: &mut RenderContext, cache: &PipelineCache) {
        let (Some(pipelines), Some(bound)) = (self.pipelines.get(cache), &self.bind_group) else { return };
        if self.uploads.dispatches.is_empty() {
            return;
        }
        let [width, height] = self.spec.grid;
        let used = statistics::used_bytes(&self.spec, &self.work);
        context.command_encoder().clear_buffer(&self.cells.buffers.statistics, 0, Some(used));
        let descriptor = ComputePassDescriptor { label: Some("nca"), timestamp_writes: None };
        let mut pass = context.command_encoder().begin_compute_pass(&descriptor);
        for dispatch in &self.uploads.dispatches {
            if let Some((offset, sprites)) = dispatch.edits {
                pass.set_bind_group(0, &bound.edit, &[offset]);
                pass.set_pipeline(pipelines.edit);
                pass.dispatch_workgroups(width.div_ceil(TILE), height.div_ceil(TILE), sprites);
            }
            if let Some((offset, sprites)) = dispatch.ticks {
                pass.set_bind_group(0, &bound.tick, &[offset]);
                pass.set_pipeline(pipelines.mark);
                pass.dispatch_workgroups(width.div_ceil(MARK_WIDTH), height.div_ceil(MARK_HEIGHT), sprites);
                let groups = (u64::from(sprites) * self.spec.cells()).div_ceil(u64::from(THINK_THREADS));
                pass.set_pipeline(pipelines.think);
                pass.dispatch_workgroups(groups.min(MOST_THINK_GROUPS) as u32, 1, 1);
                pass.set_pipeline(pipelines.live);
                pass.dispatch_workgroups(width.div_ceil(TILE), height.div_ceil(TILE), sprites);
            }
        }
    }

    /// Records copies of the requested cells.
    fn copy_cells(&self, cells: &mut Readback<u64, State>, context: &mut RenderContext) {
        let size = self.spec.state_bytes();
        for read in &self.work.reads {
            if read.too_late {
                cells.fail(read.ticket);
                continue;
            }
            let first = u64::from(read.slot) * size;
            let states = &self.cells.buffers.states;
            let spec = self.spec.clone();
            cells.copy(
                context,
                size,
                read.ticket,
                |encoder, buffer| encoder.copy_buffer_to_buffer(states, first, buffer, 0, size),
                move |bytes| decode_cells(&spec, bytes.get(..size as usize)?),
            );
        }
    }
}

/// Records a copy of the requested statistics of all populations.
fn copy_statistics<'a>(
    populations: impl Iterator<Item = (&'a u32, &'a GpuPopulation)>,
    stats: &mut Readback<(), Vec<StatsRead>>,
    context: &mut RenderContext,
) {
    let mut copies = Vec::new();
    let (mut entries, mut total) = (Vec::new(), 0);
    for (id, GpuPopulation { spec, work, cells, .. }) in populations {
        let known = entries.len();
        entries.extend(statistics::entries(*id, spec, work, total));
        if entries.len() > known {
            let bytes = statistics::used_bytes(spec, work);
            copies.push((&cells.buffers.statistics, total, bytes));
            total += bytes;
        }
    }
    if total == 0 {
        return;
    }
    stats.copy(
        context,
        total,
        (),
        |encoder, buffer| {
            copies
                .iter()
                .for_each(|(from, first, bytes)| encoder.copy_buffer_to_buffer(from, 0, buffer, *first, *bytes));
        },
        move |bytes| Some(entries.iter().filter_map(|entry| entry.decode(bytes)).collect()),
    );
}

/// Converts planes of four channels into cells.
fn decode_cells(spec: &PopulationSpec, bytes: &[u8]) -> Option<State> {
    let [width, height] = spec.grid.map(|side| side as usize);
    let channels = spec.model.rule().channels;
    let halves;
    let planes: &[f32] = match spec.precision {
        NcaPrecision::Full => bytemuck::cast_slice(bytes),
        NcaPrecision::Half => {
            halves = bytemuck::cast_slice::<u8, f16>(bytes).to_f32_vec();
            &halves
        }
    };
    let cells = width * height;
    let mut values = vec![0.0; cells * channels];
    for (quad, plane) in planes.chunks_exact(cells * 4).enumerate() {
        for (cell, four) in plane.as_chunks::<4>().0.iter().enumerate() {
            values[cell * channels + quad * 4..][..4].copy_from_slice(four);
        }
    }
    State::from_values(width, height, channels, values)
}
