//! Benchmark of the plugin's shaders against a plain shader, on the same device in the same run.

use std::time::Instant;

use bevy::{
    prelude::*,
    render::{
        render_resource::PollType,
        renderer::{RenderDevice, RenderQueue},
    },
};
use bevy_nca::{
    NcaBackend, NcaClock, NcaModel, NcaTexture, headless,
    rule::{Model, State},
};
use serde::Serialize;
use wgpu::{
    BufferUsages,
    util::{BufferInitDescriptor, DeviceExt},
};

use super::{BATCH, ROUNDS, SIDE};
use crate::Result;

/// Ticks per round.
const TICKS: u32 = 16;

/// Sprite-ticks per second: median, minimum and maximum.
#[derive(Serialize)]
pub struct Versus {
    pub adapter: String,
    pub plugin: [f64; 3],
    pub plain: [f64; 3],
}

/// Times grown sprites with the plugin and with the plain shader. Returns `None` without a GPU.
pub fn measure(model: &Model) -> Result<Option<Versus>> {
    let Some(adapter) = headless::find_gpu() else { return Ok(None) };
    let mut app = headless::app(NcaBackend::Gpu)?;
    app.world_mut().resource_mut::<NcaClock>().paused = true;
    let handle = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()));
    let spawn = |seed| (NcaTexture::new(handle.clone()).with_seed(seed), Sprite::default());
    let sprites: Vec<Entity> = (0..BATCH as u32).map(|seed| app.world_mut().spawn(spawn(seed)).id()).collect();
    headless::step(&mut app, model.rule().mature_ticks.next_multiple_of(TICKS));
    let mut states = Vec::new();
    for sprite in sprites {
        states.push(headless::read_cells(&mut app, sprite, 10_000)?.1);
    }
    let plain = Plain::new(&app, model, &states);
    let (mut by_plugin, mut by_plain) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let start = Instant::now();
        headless::step(&mut app, TICKS);
        let plugin = start.elapsed().as_secs_f64();
        let start = Instant::now();
        plain.run();
        // The first round is a warm-up.
        if round > 0 {
            by_plugin.push(plugin);
            by_plain.push(start.elapsed().as_secs_f64());
        }
    }
    let rates = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        [ROUNDS / 2, ROUNDS - 1, 0].map(|index| BATCH as f64 * f64::from(TICKS) / seconds[index])
    };
    Ok(Some(Versus { adapter, plugin: rates(by_plugin), plain: rates(by_plain) }))
}

/// The plain shader and its buffers.
struct Plain {
    device: wgpu::Device,
    queue: RenderQueue,
    /// One for each of the three passes.
    pipelines: [wgpu::ComputePipeline; 3],
    /// One for each tick.
    bind_groups: Vec<wgpu::BindGroup>,
}

impl Plain {
    fn new(app: &App, model: &Model, states: &[State]) -> Self {
        let device = app.world().resource::<RenderDevice>().wgpu_device().clone();
        let (rule, weights) = (model.rule(), model.weights());
        let module = device.create_shader_module(wgpu::include_wgsl!("plain.wgsl"));
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[0, 1, 2, 3, 4].map(|binding| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding {
                        0 => wgpu::BufferBindingType::Uniform,
                        _ => wgpu::BufferBindingType::Storage { read_only: binding == 1 },
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            }),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let sizes = [("HIDDEN", rule.hidden as f64), ("FEATURES", rule.features() as f64)];
        let pipelines = ["think", "judge", "live"].map(|entry_point| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry_point),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: if entry_point == "think" { &sizes } else { &[] },
                    ..Default::default()
                },
                cache: None,
            })
        });
        let buffer =
            |contents: &[u8], usage| device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage });
        let layers = [&weights.hidden_weight, &weights.hidden_bias, &weights.output_weight, &weights.output_bias];
        let weights: Vec<f32> = layers.into_iter().flatten().copied().collect();
        let weights = buffer(bytemuck::cast_slice(&weights), BufferUsages::STORAGE);
        let cells: Vec<f32> = states.iter().flat_map(State::values).copied().collect();
        let cells = [0; 2].map(|_| buffer(bytemuck::cast_slice(&cells), BufferUsages::STORAGE));
        let masks = buffer(&vec![0; states.len() * SIDE * SIDE * 4], BufferUsages::STORAGE);
        let threshold = (rule.fire_rate * f64::from(u32::MAX)) as u32;
        let alive = rule.alive.map_or(0.1, |alive| alive.threshold);
        let bind_groups = (0..TICKS).map(|tick| {
            let params = [SIDE as u32, SIDE as u32, tick, threshold, alive.to_bits(), 0, 0, 0];
            let params = buffer(bytemuck::cast_slice(&params), BufferUsages::UNIFORM);
            let buffers = [&params, &weights, &cells[0], &cells[1], &masks];
            let entry = |binding: usize| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: buffers[binding].as_entire_binding(),
            };
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &layout,
                entries: &[0, 1, 2, 3, 4].map(entry),
            })
        });
        let bind_groups = bind_groups.collect();
        Self { queue: app.world().resource::<RenderQueue>().clone(), pipelines, bind_groups, device }
    }

    /// Runs [`TICKS`] ticks, and waits until they are done.
    fn run(&self) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for bind_group in &self.bind_groups {
            pass.set_bind_group(0, bind_group, &[]);
            for pipeline in &self.pipelines {
                pass.set_pipeline(pipeline);
                pass.dispatch_workgroups(SIDE.div_ceil(8) as u32, SIDE.div_ceil(8) as u32, BATCH as u32);
            }
        }
        drop(pass);
        self.queue.submit([encoder.finish()]);
        // An error here means a lost device. The plugin's next step fails then.
        let _ = self.device.poll(PollType::wait_indefinitely());
    }
}
