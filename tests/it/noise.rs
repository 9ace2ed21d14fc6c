//! The noise is bit-identical in Rust and in WGSL.

use bevy_nca::rule::{FireRate, mix, tick_key};
use naga_oil::compose::{ComposableModuleDescriptor, Composer, NagaModuleDescriptor};
use wgpu::util::DeviceExt;

use crate::support::on_the_gpu;

const CELLS: u32 = 1 << 16;

const SHADER: &str = "
    #import bevy_nca::noise::{mix32, fires}

    @group(0) @binding(0) var<storage, read_write> values: array<u32>;

    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        let hash = mix32(values[id.x]);
        values[id.x] = (hash & 0xFFFFFFFEu) | u32(fires(id.x, KEY, THRESHOLD));
    }
";

/// Runs `SHADER` over `values`.
async fn hash_on_the_gpu(values: &[u32], key: u32, threshold: u32) -> Vec<u32> {
    let mut composer = Composer::default();
    composer
        .add_composable_module(ComposableModuleDescriptor {
            source: include_str!("../../src/gpu/noise.wgsl"),
            file_path: "noise.wgsl",
            ..Default::default()
        })
        .unwrap();
    let source = SHADER.replace("KEY", &format!("{key}u")).replace("THRESHOLD", &format!("{threshold}u"));
    let module = composer
        .make_naga_module(NagaModuleDescriptor { source: &source, file_path: "test.wgsl", ..Default::default() })
        .unwrap();

    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance.request_adapter(&Default::default()).await.unwrap();
    let (device, queue) = adapter.request_device(&Default::default()).await.unwrap();
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    });
    let buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(values),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
    });
    let back = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffer.size(),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &bind_group, &[]);
    pass.dispatch_workgroups(values.len() as u32 / 64, 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(&buffer, 0, &back, 0, buffer.size());
    queue.submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let range = back.slice(..).get_mapped_range();
    bytemuck::cast_slice(&range).to_vec()
}

#[test]
fn the_hash_and_the_fire_mask_are_the_same_in_wgsl() {
    on_the_gpu(|| {
        let values: Vec<u32> = (0..CELLS).map(|i| i.wrapping_mul(0x9E37_79B9)).collect();
        for (seed, tick, rate) in [(0, 0, 0.5), (7919, 12, 0.25), (u32::MAX, 96, 0.999)] {
            let key = tick_key(tick, seed);
            let FireRate::Below(threshold) = FireRate::new(rate) else { unreachable!() };
            let got = bevy::tasks::block_on(hash_on_the_gpu(&values, key, threshold));
            let fires = |cell: u32| u32::from(FireRate::new(rate).fires(cell, key));
            let expected = (0..CELLS).zip(&values).map(|(cell, &value)| (mix(value) & !1) | fires(cell));
            assert!(got.into_iter().eq(expected), "seed {seed}, tick {tick}, rate {rate}");
        }
    });
}
