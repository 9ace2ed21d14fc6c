//! Apps without a window: for tools, servers, tests, and to make pictures of sprites.

use std::time::Duration;

use bevy::{
    app::TaskPoolPlugin,
    camera::CameraPlugin,
    core_pipeline::CorePipelinePlugin,
    diagnostic::FrameCountPlugin,
    image::ImagePlugin,
    mesh::MeshPlugin,
    prelude::*,
    render::{RenderPlugin, settings::WgpuSettings},
    tasks::block_on,
    time::{TimePlugin, TimeUpdateStrategy},
    window::{ExitCondition, WindowPlugin},
};

use crate::{
    rule::State,
    sprite::{NcaBackend, NcaCells, NcaClock, NcaPlugin, NcaReadCells, NcaTexture},
};

/// There is no adapter that can run compute shaders.
#[derive(Debug, thiserror::Error)]
#[error("no GPU adapter with compute shaders was found; is a driver installed (on Debian: mesa-vulkan-drivers)?")]
pub struct NoGpu;

/// The name of an adapter that can run compute shaders, if there is one.
///
/// Bevy's `RenderPlugin` panics where there is none; ask first in an app that should go on.
pub fn find_gpu() -> Option<String> {
    let settings = WgpuSettings::default();
    let backends = settings.backends?;
    let descriptor = wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
    let adapters = block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends));
    let computes = |adapter: &&wgpu::Adapter| {
        adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    };
    adapters.iter().find(computes).map(|adapter| adapter.get_info().name)
}

/// An app with [`NcaPlugin`] and all that it needs, but no window, no log and no runner: call
/// [`App::update`]. Each update lets a 60th of a second pass, whatever the wall clock says.
///
/// # Errors
/// [`NoGpu`], if the GPU is asked for and there is none. [`NcaBackend::Auto`] takes the CPU then.
pub fn app(backend: NcaBackend) -> Result<App, NoGpu> {
    let gpu = match backend {
        NcaBackend::Cpu => false,
        NcaBackend::Auto => find_gpu().is_some(),
        NcaBackend::Gpu => find_gpu().map(|_| true).ok_or(NoGpu)?,
    };
    let frame = Duration::from_secs(1) / 60;
    let mut app = App::new();
    app.add_plugins((TaskPoolPlugin::default(), FrameCountPlugin, TimePlugin, TransformPlugin, AssetPlugin::default()))
        .insert_resource(TimeUpdateStrategy::ManualDuration(frame))
        .insert_resource(Time::<Fixed>::from_duration(frame));
    if gpu {
        app.add_plugins((
            WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() },
            RenderPlugin { synchronous_pipeline_compilation: true, ..default() },
            ImagePlugin::default(),
            MeshPlugin,
            CameraPlugin,
            CorePipelinePlugin,
        ));
    } else {
        app.add_plugins(ImagePlugin::default());
    }
    app.add_plugins(NcaPlugin { backend: if gpu { NcaBackend::Gpu } else { NcaBackend::Cpu }, ..default() });
    while app.plugins_state() == bevy::app::PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    Ok(app)
}

/// Why the cells of a texture could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCells {
    /// The entity has no [`NcaTexture`].
    #[error("{0} has no NcaTexture")]
    NoTexture(Entity),
    /// Its model could not be loaded.
    #[error("the model could not be loaded: is the path right, and the folder of assets the one that Bevy looks in?")]
    NoModel,
    /// They did not come in time.
    #[error("the cells did not come within {0} updates")]
    TooLate(u32),
}

/// Cells that were asked for, by [`read_cells`].
#[derive(Resource, Default)]
struct Arrived(Vec<NcaCells>);

/// Updates the app until the cells of a texture have been read, and says how many ticks they had
/// lived. The clock runs on meanwhile, unless it is [paused](NcaClock::paused).
///
/// # Errors
/// [`NoCells`]; `TooLate` after so many updates.
pub fn read_cells(app: &mut App, entity: Entity, updates: u32) -> Result<(u32, State), NoCells> {
    if !app.world().contains_resource::<Arrived>() {
        app.init_resource::<Arrived>();
        app.add_observer(|cells: On<NcaCells>, mut arrived: ResMut<Arrived>| arrived.0.push(cells.clone()));
    }
    app.world_mut().trigger(NcaReadCells { entity });
    for _ in 0..updates {
        app.update();
        let mut arrived = app.world_mut().resource_mut::<Arrived>();
        if let Some(index) = arrived.0.iter().position(|cells| cells.entity == entity) {
            let cells = arrived.0.swap_remove(index);
            return Ok((cells.tick, cells.state));
        }
        let texture = app.world().get::<NcaTexture>(entity).ok_or(NoCells::NoTexture(entity))?;
        if app.world().resource::<AssetServer>().load_state(&texture.model).is_failed() {
            return Err(NoCells::NoModel);
        }
        // A file is being read, or the driver is at work; neither is helped by haste.
        std::thread::sleep(Duration::from_micros(50));
    }
    Err(NoCells::TooLate(updates))
}

/// Steps the paused clock so many ticks, and updates the app until they are done.
pub fn step(app: &mut App, ticks: u32) {
    app.world_mut().resource_mut::<NcaClock>().step(ticks);
    let frames = ticks.div_ceil(app.world().resource::<NcaClock>().max_ticks_per_frame.max(1));
    for _ in 0..frames {
        app.update();
    }
}
