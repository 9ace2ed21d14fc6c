//! Apps without a window: for tools, servers, tests, and for rendering pictures of sprites.
//!
//! In a browser, they run on the CPU and without a renderer.

use std::time::Duration;

use bevy::{
    app::TaskPoolPlugin,
    camera::CameraPlugin,
    core_pipeline::CorePipelinePlugin,
    diagnostic::FrameCountPlugin,
    image::ImagePlugin,
    mesh::MeshPlugin,
    prelude::*,
    render::{
        RenderPlugin,
        render_resource::PollType,
        renderer::{RenderAdapter, RenderDevice},
    },
    time::{TimePlugin, TimeUpdateStrategy},
    window::{ExitCondition, WindowPlugin},
};

use crate::{
    gpu,
    rule::State,
    sprite::{NcaBackend, NcaCellsRead, NcaClock, NcaPlugin, NcaReadCells, NcaTexture},
};

/// No GPU can run the cells.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(target_arch = "wasm32"), error("{0}; is a GPU driver installed (on Debian: mesa-vulkan-drivers)?"))]
#[cfg_attr(target_arch = "wasm32", error("{0}: in a browser, apps without a window have no GPU"))]
pub struct NoGpu(String);

/// The name of an adapter that can run the cells, if any. In a browser, none is found: it answers only later.
///
/// Bevy's `RenderPlugin` panics if there is no adapter at all. Call this first in an app that must
/// not panic.
pub fn find_gpu() -> Option<String> {
    gpus().into_iter().next().map(|gpu| gpu.name)
}

/// The adapters that can run the cells.
fn gpus() -> Vec<wgpu::AdapterInfo> {
    let can = |adapter: &&wgpu::Adapter| gpu::check(&adapter.get_downlevel_capabilities(), &adapter.limits()).is_ok();
    adapters().iter().filter(can).map(wgpu::Adapter::get_info).collect()
}

/// All adapters.
#[cfg(not(target_arch = "wasm32"))]
fn adapters() -> Vec<wgpu::Adapter> {
    use bevy::{render::settings::WgpuSettings, tasks::block_on};

    // It stays, and so do the drivers' libraries: NVIDIA's can be loaded only some sixteen times in a process.
    static INSTANCE: std::sync::LazyLock<Option<(wgpu::Backends, wgpu::Instance)>> = std::sync::LazyLock::new(|| {
        let backends = WgpuSettings::default().backends?;
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        Some((backends, wgpu::Instance::new(descriptor)))
    });
    let Some((backends, instance)) = &*INSTANCE else { return Vec::new() };
    block_on(instance.enumerate_adapters(*backends))
}

/// None: a browser answers only later.
#[cfg(target_arch = "wasm32")]
fn adapters() -> Vec<wgpu::Adapter> {
    Vec::new()
}

/// Builds an app with [`NcaPlugin`] and its dependencies, but without a window, a log or a runner: call [`App::update`].
/// Each update advances time by 1/60 s, regardless of the wall clock. `plugin` is the whole plugin, or only an
/// [`NcaBackend`].
///
/// # Errors
/// [`NoGpu`], if [`NcaBackend::Gpu`] is requested and no GPU can run the cells. [`NcaBackend::Auto`] falls back to the CPU
/// instead. It also uses the CPU if the only GPU is a software driver.
pub fn app(plugin: impl Into<NcaPlugin>) -> Result<App, NoGpu> {
    app_with(plugin, |_| ())
}

/// Like [`app`], with the game's own plugins, which `add` adds after the others.
///
/// # Errors
/// See [`app`]. If [`NcaBackend::Auto`] finds an unsuitable GPU, `add` is called again for a second app.
pub fn app_with(plugin: impl Into<NcaPlugin>, add: impl Fn(&mut App)) -> Result<App, NoGpu> {
    app_on(plugin.into(), &add)
}

/// Like [`app_with`], but always with a renderer, even if the CPU simulates, as in a game with a window.
///
/// # Errors
/// [`NoGpu`], if there is no GPU to render on.
pub fn rendered_app_with(plugin: impl Into<NcaPlugin>, add: impl Fn(&mut App)) -> Result<App, NoGpu> {
    find_gpu().ok_or_else(|| NoGpu("no adapter was found".to_owned()))?;
    Ok(build(plugin.into(), true, &add))
}

fn app_on(plugin: NcaPlugin, add: &dyn Fn(&mut App)) -> Result<App, NoGpu> {
    let on = |backend| NcaPlugin { backend, ..plugin.clone() };
    match plugin.backend {
        NcaBackend::Cpu => Ok(build(plugin, false, add)),
        NcaBackend::Auto if gpus().iter().all(|gpu| gpu.device_type == wgpu::DeviceType::Cpu) => {
            app_on(on(NcaBackend::Cpu), add)
        }
        NcaBackend::Auto => app_on(on(NcaBackend::Gpu), add).or_else(|_| app_on(on(NcaBackend::Cpu), add)),
        NcaBackend::Gpu => {
            find_gpu().ok_or_else(|| NoGpu("no adapter with compute shaders was found".to_owned()))?;
            let app = build(plugin, true, add);
            let world = app.world();
            match (world.get_resource::<RenderAdapter>(), world.get_resource::<RenderDevice>()) {
                (Some(adapter), Some(device)) => gpu::check_adapter(adapter, device).map_err(NoGpu)?,
                _ => return Err(NoGpu("the renderer did not start".to_owned())),
            };
            Ok(app)
        }
    }
}

fn build(plugin: NcaPlugin, is_rendered: bool, add: &dyn Fn(&mut App)) -> App {
    let frame = Duration::from_secs(1) / 60;
    let mut app = App::new();
    app.add_plugins((TaskPoolPlugin::default(), FrameCountPlugin, TimePlugin, TransformPlugin, AssetPlugin::default()))
        .insert_resource(TimeUpdateStrategy::ManualDuration(frame))
        .insert_resource(Time::<Fixed>::from_duration(frame));
    if is_rendered {
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
    app.add_plugins(plugin);
    add(&mut app);
    // In a browser, only a renderer has to be waited for, and there is none.
    #[cfg(not(target_arch = "wasm32"))]
    while app.plugins_state() == bevy::app::PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app
}

/// Why the cells of a texture could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCells {
    /// The entity has no [`NcaTexture`].
    #[error("{0} has no NcaTexture")]
    NoTexture(Entity),
    /// The model of the texture could not be loaded.
    #[error("the model could not be loaded: is the path right, and the folder of assets the one that Bevy looks in?")]
    NoModel,
    /// The cells did not arrive within this many updates.
    #[error("the cells did not come within {0} updates")]
    TooLate(u32),
}

/// The answer that [`read_cells`] waits for.
#[derive(Resource, Default)]
struct Answer(Option<NcaCellsRead>);

/// Updates the app until the cells of a texture have been read. Returns the number of ticks they
/// have lived, and the cells. The clock keeps running, unless it is [paused](NcaClock::paused).
///
/// # Errors
/// [`NoCells`], with `TooLate` after `updates` updates. The next call may then receive the late answer.
pub fn read_cells(app: &mut App, entity: Entity, updates: u32) -> Result<(u32, State), NoCells> {
    if app.world().get::<NcaTexture>(entity).is_none() {
        return Err(NoCells::NoTexture(entity));
    }
    app.insert_resource(Answer::default());
    let listener = Observer::new(|cells: On<NcaCellsRead>, mut answer: ResMut<Answer>| answer.0 = Some(cells.clone()));
    let listener = app.world_mut().spawn(listener.with_entity(entity)).id();
    app.world_mut().trigger(NcaReadCells { entity });
    let mut result = Err(NoCells::TooLate(updates));
    for _ in 0..updates {
        update(app);
        let world = app.world_mut();
        if let Some(cells) = world.resource_mut::<Answer>().0.take() {
            result = Ok((cells.tick, cells.state));
            break;
        }
        let model = world.get::<NcaTexture>(entity).map(|texture| texture.model.clone());
        if model.is_none_or(|model| world.resource::<AssetServer>().load_state(&model).is_failed()) {
            result = Err(NoCells::NoModel);
            break;
        }
    }
    app.world_mut().despawn(listener);
    result
}

/// Steps the clock by this many ticks, and updates the app until they are done. Gives up and
/// cancels the remaining ticks if none is done within 100,000 updates.
pub fn step(app: &mut App, ticks: u32) {
    let steps = |app: &App| app.world().resource::<NcaClock>().steps;
    app.world_mut().resource_mut::<NcaClock>().steps = steps(app).saturating_add(ticks);
    let mut idle = 0;
    while steps(app) > 0 && idle < 100_000 {
        let before = steps(app);
        update(app);
        idle = if steps(app) < before { 0 } else { idle + 1 };
    }
    app.world_mut().resource_mut::<NcaClock>().steps = 0;
}

/// Updates the app once, and waits until the GPU has finished.
fn update(app: &mut App) {
    app.update();
    if let Some(device) = app.world().get_resource::<RenderDevice>() {
        // An error here means a lost device, which the next update reports.
        let _ = device.poll(PollType::wait_indefinitely());
    }
    // Let the threads that read files run.
    std::thread::yield_now();
}
