//! The choice of the backend: at the start, and after a device was lost.

use bevy::{
    ecs::{change_detection::Tick, entity_disabling::Disabled, query::Allow},
    prelude::*,
    render::renderer::{RenderAdapter, RenderAdapterInfo, RenderDevice},
};
use wgpu::DeviceType;

use super::{lifecycle::WaitingTextures, read_back::ReadRequests};
use crate::{
    gpu::{self, NcaPrecision},
    sprite::{
        backend::BackendChoice,
        components::{NcaBackend, NcaEngine, Placement},
        populations::Populations,
        sets::NcaSystems,
    },
};

/// Chooses the backend.
pub(crate) struct BackendPlugin {
    pub(crate) backend: NcaBackend,
    pub(crate) precision: NcaPrecision,
}

impl Plugin for BackendPlugin {
    fn build(&self, app: &mut App) {
        #[cfg(target_arch = "wasm32")]
        if self.backend == NcaBackend::Auto && app.is_plugin_added::<bevy::render::RenderPlugin>() {
            app.insert_resource(gpu::BrowserGpu::ask());
        }
        app.register_type::<NcaBackend>()
            .register_type::<NcaPrecision>()
            .register_type::<NcaEngine>()
            .insert_resource(Requested { backend: self.backend, precision: self.precision })
            .init_resource::<Populations>()
            .add_systems(PreStartup, choose.in_set(NcaSystems::ChooseBackend))
            .add_systems(First, (choose, replace).chain().run_if(has_another_device).in_set(NcaSystems::ChooseBackend));
    }

    #[cfg(target_arch = "wasm32")]
    fn ready(&self, app: &App) -> bool {
        app.world().get_resource::<gpu::BrowserGpu>().is_none_or(gpu::BrowserGpu::has_answered)
    }
}

/// The maximum side of an image in pixels, without a renderer.
const ANY_TEXTURE_SIDE: u32 = 8192;

/// The settings of the plugin.
#[derive(Resource, Clone, Copy)]
struct Requested {
    backend: NcaBackend,
    precision: NcaPrecision,
}

/// Whether the renderer has replaced a lost device.
fn has_another_device(device: Option<Res<RenderDevice>>, mut last: Local<Option<Tick>>) -> bool {
    let now = device.map(|device| device.last_changed());
    std::mem::replace(&mut *last, now).is_some_and(|last| now.is_some_and(|now| now != last))
}

/// Replaces backends whose device was lost.
fn replace(
    mut populations: ResMut<Populations>,
    mut placements: Query<&mut Placement, Allow<Disabled>>,
    mut waiting: ResMut<WaitingTextures>,
    mut requests: ResMut<ReadRequests>,
) {
    populations.bypass_change_detection().replace_backends(|entity, request, has_to_leave| {
        requests.merge(entity, request);
        if has_to_leave && let Ok(mut placement) = placements.get_mut(entity) {
            placement.id = None;
            waiting.0.push(entity);
        }
    });
}

/// Chooses a backend, once the renderer has started or is known to be missing.
fn choose(
    requested: Res<Requested>,
    mut populations: ResMut<Populations>,
    adapter: Option<Res<RenderAdapter>>,
    info: Option<Res<RenderAdapterInfo>>,
    device: Option<Res<RenderDevice>>,
    #[cfg(target_arch = "wasm32")] browser: Option<Res<gpu::BrowserGpu>>,
    mut commands: Commands,
) {
    let Requested { backend, mut precision } = *requested;
    let gpu = match (&adapter, &device) {
        (Some(adapter), Some(device)) => gpu::check_adapter(adapter, device),
        _ => Err("there is no renderer".to_owned()),
    };
    let cpu = BackendChoice::Cpu {
        texture_side: device.as_ref().map_or(ANY_TEXTURE_SIDE, |device| device.limits().max_texture_dimension_2d),
        is_rendered: device.is_some(),
    };
    // Browsers keep the name to themselves.
    let name = info.as_ref().map(|info| info.name.clone()).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "the GPU".to_owned());
    // The CPU engine is much faster than a software driver.
    let is_software = info.as_ref().is_some_and(|info| info.device_type == DeviceType::Cpu);
    #[cfg(target_arch = "wasm32")]
    let is_software = is_software || browser.is_some_and(|browser| browser.is_software());
    populations.choice = match (backend, gpu) {
        (NcaBackend::Auto, Ok(_)) if is_software => {
            info!("sprites are simulated on the CPU: {name} is a software driver");
            cpu
        }
        (NcaBackend::Auto | NcaBackend::Gpu, Ok(limits)) => {
            info!("sprites are simulated on the GPU: {name}");
            if !limits.half && precision == NcaPrecision::Half {
                warn!("{name} reads no half floats: cells take 32 bits a value");
                precision = NcaPrecision::Full;
            }
            BackendChoice::Gpu { limits, precision }
        }
        (NcaBackend::Gpu, Err(why)) => {
            error!("sprites cannot be simulated on the GPU, as was asked for: {why}. They are simulated on the CPU");
            cpu
        }
        (NcaBackend::Auto, Err(why)) => {
            info!("sprites are simulated on the CPU: {why}");
            cpu
        }
        (NcaBackend::Cpu, _) => {
            info!("sprites are simulated on the CPU, as was asked for");
            cpu
        }
    };
    commands.insert_resource(match populations.choice {
        BackendChoice::Gpu { precision, .. } => NcaEngine { backend: NcaBackend::Gpu, precision, adapter: Some(name) },
        BackendChoice::Cpu { .. } => {
            NcaEngine { backend: NcaBackend::Cpu, precision: NcaPrecision::Full, adapter: None }
        }
    });
}
