//! Which engine runs the cells.

use bevy::{
    ecs::{change_detection::Tick, entity_disabling::Disabled, query::Allow},
    prelude::*,
    render::renderer::{RenderAdapter, RenderAdapterInfo, RenderDevice},
};

use super::{NcaPrecision, population::EngineChoice, populations::Populations, texture::NcaSlot};
use crate::gpu;
use wgpu::DeviceType;

/// Which engine runs the cells: what [`NcaPlugin`](super::NcaPlugin) was asked for, and, as a
/// resource once the app has started, what is in use.
#[derive(Resource, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
pub enum NcaBackend {
    /// The GPU, if it has compute shaders and is no software driver, else the CPU. The log says which, once.
    #[default]
    Auto,
    /// The GPU. Where it cannot be had, this is an error in the log, and the CPU is used.
    Gpu,
    /// The CPU, also where a GPU is at hand.
    Cpu,
}

/// The widest and highest picture where there is no renderer to say.
const ANY_TEXTURE_SIDE: u32 = 8192;

/// What the plugin was asked for, known once the app has started.
#[derive(Resource, Default)]
pub(super) struct Asked(Option<(NcaBackend, NcaPrecision)>);

/// Whether the device that the renderer had was lost, and it has another one.
pub(super) fn has_another_device(device: Option<Res<RenderDevice>>, mut last: Local<Option<Tick>>) -> bool {
    let now = device.map(|device| device.last_changed());
    std::mem::replace(&mut *last, now).is_some_and(|last| now.is_some_and(|now| now != last))
}

/// Settles on an engine anew, with the limits of another device.
pub(super) fn restart(mut populations: ResMut<Populations>, mut slots: Query<&mut NcaSlot, Allow<Disabled>>) {
    let populations = populations.bypass_change_detection();
    let mut homeless = Vec::new();
    populations.restart_on(populations.choice, |entity, wanted, is_homeless| {
        let Ok(mut slot) = slots.get_mut(entity) else { return };
        slot.wanted.add(wanted);
        if is_homeless {
            slot.place = None;
            homeless.push(entity);
        }
    });
    populations.homeless.extend(homeless);
}

/// Settles on an engine, once the renderer is there or known not to be.
pub(super) fn choose(
    mut asked: ResMut<Asked>,
    mut backend: ResMut<NcaBackend>,
    mut precision: ResMut<NcaPrecision>,
    mut populations: ResMut<Populations>,
    adapter: Option<Res<RenderAdapter>>,
    info: Option<Res<RenderAdapterInfo>>,
    device: Option<Res<RenderDevice>>,
) {
    let (wanted, wanted_precision) = *asked.0.get_or_insert((*backend, *precision));
    *precision = wanted_precision;
    let gpu = match (&adapter, &device) {
        (Some(adapter), Some(device)) => gpu::check_adapter(adapter, device),
        _ => Err("there is no renderer".to_owned()),
    };
    let on_cpu = EngineChoice::Cpu {
        texture_side: device.as_ref().map_or(ANY_TEXTURE_SIDE, |device| device.limits().max_texture_dimension_2d),
        is_rendered: device.is_some(),
    };
    let name = info.as_ref().map(|info| info.name.clone()).unwrap_or_default();
    // The CPU engine leaves those far behind.
    let is_software = info.as_ref().is_some_and(|info| info.device_type == DeviceType::Cpu);
    populations.choice = match (wanted, gpu) {
        (NcaBackend::Auto, Ok(_)) if is_software => {
            info!("sprites are simulated on the CPU: {name} is a software driver");
            on_cpu
        }
        (NcaBackend::Auto | NcaBackend::Gpu, Ok(limits)) => {
            info!("sprites are simulated on the GPU: {name}");
            if !limits.half && *precision == NcaPrecision::Half {
                warn!("{name} reads no half floats: cells take 32 bits a value");
                *precision = NcaPrecision::Full;
            }
            EngineChoice::Gpu { limits, precision: *precision }
        }
        (NcaBackend::Gpu, Err(why)) => {
            error!("sprites cannot be simulated on the GPU, as was asked for: {why}. They are simulated on the CPU");
            on_cpu
        }
        (NcaBackend::Auto, Err(why)) => {
            info!("sprites are simulated on the CPU: {why}");
            on_cpu
        }
        (NcaBackend::Cpu, _) => {
            info!("sprites are simulated on the CPU, as was asked for");
            on_cpu
        }
    };
    *backend = match populations.choice {
        EngineChoice::Gpu { .. } => NcaBackend::Gpu,
        EngineChoice::Cpu { .. } => NcaBackend::Cpu,
    };
}
