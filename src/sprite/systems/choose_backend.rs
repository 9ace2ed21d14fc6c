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
        components::{NcaBackend, Placement},
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
        app.register_type::<NcaBackend>()
            .register_type::<NcaPrecision>()
            .insert_resource(self.backend)
            .insert_resource(self.precision)
            .init_resource::<Requested>()
            .init_resource::<Populations>()
            .add_systems(PreStartup, choose.in_set(NcaSystems::ChooseBackend))
            .add_systems(First, (choose, replace).chain().run_if(has_another_device).in_set(NcaSystems::ChooseBackend));
    }
}

/// The most pixels on a side of an image without a renderer.
const ANY_TEXTURE_SIDE: u32 = 8192;

/// What the game asks for, known once the app has started.
#[derive(Resource, Default)]
struct Requested(Option<(NcaBackend, NcaPrecision)>);

/// Whether the renderer has lost its device, and has another one.
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
    mut requested: ResMut<Requested>,
    mut backend: ResMut<NcaBackend>,
    mut precision: ResMut<NcaPrecision>,
    mut populations: ResMut<Populations>,
    adapter: Option<Res<RenderAdapter>>,
    info: Option<Res<RenderAdapterInfo>>,
    device: Option<Res<RenderDevice>>,
) {
    let (requested, requested_precision) = *requested.0.get_or_insert((*backend, *precision));
    *precision = requested_precision;
    let gpu = match (&adapter, &device) {
        (Some(adapter), Some(device)) => gpu::check_adapter(adapter, device),
        _ => Err("there is no renderer".to_owned()),
    };
    let cpu = BackendChoice::Cpu {
        texture_side: device.as_ref().map_or(ANY_TEXTURE_SIDE, |device| device.limits().max_texture_dimension_2d),
        is_rendered: device.is_some(),
    };
    let name = info.as_ref().map(|info| info.name.clone()).unwrap_or_default();
    // The CPU engine is much faster than a software driver.
    let is_software = info.as_ref().is_some_and(|info| info.device_type == DeviceType::Cpu);
    populations.choice = match (requested, gpu) {
        (NcaBackend::Auto, Ok(_)) if is_software => {
            info!("sprites are simulated on the CPU: {name} is a software driver");
            cpu
        }
        (NcaBackend::Auto | NcaBackend::Gpu, Ok(limits)) => {
            info!("sprites are simulated on the GPU: {name}");
            if !limits.half && *precision == NcaPrecision::Half {
                warn!("{name} reads no half floats: cells take 32 bits a value");
                *precision = NcaPrecision::Full;
            }
            BackendChoice::Gpu { limits, precision: *precision }
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
    *backend = if populations.choice.writes_on_gpu() { NcaBackend::Gpu } else { NcaBackend::Cpu };
}
