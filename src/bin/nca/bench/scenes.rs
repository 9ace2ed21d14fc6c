//! Benchmark of what sprites cost a game: frames of an app without a window and without other content.

use std::time::{Duration, Instant};

use bevy::{
    diagnostic::{DiagnosticPath, DiagnosticsPlugin, DiagnosticsStore},
    prelude::*,
    render::{diagnostic::RenderDiagnosticsPlugin, render_resource::PollType, renderer::RenderDevice},
};
use bevy_nca::{
    NcaBackend, NcaClock, NcaDamage, NcaModel, NcaPlugin, NcaPrecision, NcaSleeping, NcaTexture, NcaVitals, headless,
    rule::{Model, Shape},
};
use serde::Serialize;
use stats_alloc::Region;

use super::{operations, resident_memory, spread};
use crate::{ALLOCATOR, Result};

/// Timed frames per scene.
const FRAMES: usize = 60;
/// Untimed frames before those, in which the last sprites get their slots.
const WARM_UP: usize = 5;
/// The models of the scenes with several models, each on its own grid.
pub(super) const CAST: [&[u8]; 4] = [
    include_bytes!("../../../../assets/models/coin.nca"),
    include_bytes!("../../../../assets/models/heart.nca"),
    include_bytes!("../../../../assets/models/slime.nca"),
    include_bytes!("../../../../assets/models/tree.nca"),
];

/// One scene and its cost.
///
/// Where a field says so, its cost is beyond that of the same number of plain Bevy sprites.
#[derive(Serialize)]
pub struct Scene {
    backend: &'static str,
    models: usize,
    /// Cells per side; `None` for several models, each of which has its own grid.
    side: Option<u32>,
    sprites: u32,
    /// The sprites that tick, once per frame.
    awake: u32,
    /// Whether the awake sprites have no living cell. Their cost is that of ticks without the dense layers.
    dead: bool,
    /// Milliseconds per frame in the main world and in the render world, beyond the median of plain sprites:
    /// median, minimum and maximum.
    main_ms: [f64; 3],
    render_ms: [f64; 3],
    /// Milliseconds of the whole frame, until the GPU, if any, has finished: median, minimum and maximum.
    done_ms: [f64; 3],
    /// Milliseconds of the compute pass by GPU timestamps, if the GPU supports them.
    gpu_ms: Option<f64>,
    sprite_ticks_per_s: f64,
    cell_ticks_per_s: f64,
    /// GFLOP/s of the dense layers.
    gflops: f64,
    /// Allocator calls per frame, beyond those of plain sprites.
    allocations: f64,
    /// Milliseconds to spawn the sprites and to assign their slots, without the first sprite of each model.
    spawn_ms: f64,
    /// Frames and milliseconds from spawning the first sprites to their first tick. On the GPU, this includes
    /// the compilation of the shaders.
    start_frames: u32,
    start_ms: f64,
    /// Growth of the process's memory per sprite, in KiB; `None` if the system does not report it.
    kib_per_sprite: Option<f64>,
}

/// Where sprites are simulated, and whether they are rendered.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    backend: NcaBackend,
    is_rendered: bool,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match (self.backend, self.is_rendered) {
            (NcaBackend::Cpu, false) => "cpu",
            (NcaBackend::Cpu, true) => "cpu+render",
            _ => "gpu",
        }
    }
}

/// The settings of a scene.
#[derive(Clone, Copy)]
struct Plan<'a> {
    backend: Stage,
    models: &'a [Model],
    side: Option<u32>,
    sprites: u32,
    awake: u32,
    /// Whether the awake sprites have no living cell.
    dead: bool,
    precision: NcaPrecision,
}

/// The CPU without rendering, and, with a GPU, both backends with it.
pub(super) fn stages() -> Vec<Stage> {
    let mut stages = vec![Stage { backend: NcaBackend::Cpu, is_rendered: false }];
    if headless::find_gpu().is_some() {
        stages.extend([NcaBackend::Cpu, NcaBackend::Gpu].map(|backend| Stage { backend, is_rendered: true }));
    }
    stages
}

/// Measures every scene with sprites of `model` that grows within `most_seconds`, and the scenes with several
/// models. Calls `done` after each scene.
pub fn measure(
    model: &Model,
    most_seconds: f64,
    precision: NcaPrecision,
    mut done: impl FnMut(&Scene),
) -> Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    let cast = CAST.into_iter().map(Model::from_bytes).collect::<std::result::Result<Vec<_>, _>>()?;
    for backend in stages() {
        let mut tell = |scene: Scene| {
            done(&scene);
            scenes.push(scene);
        };
        for side in [72, 32] {
            let models = [model.clone().map_rule(|rule| rule.grid = [side; 2])?];
            // Seconds per sprite-tick in the last awake scene; 0 before the first.
            let mut tick = 0.0;
            for sprites in [1, 10, 100, 1000, 10_000] {
                let some = (sprites >= 10).then_some(sprites / 10);
                let plain = time(&mut plain(backend, sprites)?);
                for awake in [Some(sprites), some, Some(0)].into_iter().flatten() {
                    if f64::from(awake) * f64::from(model.rule().mature_ticks) * tick > most_seconds {
                        continue;
                    }
                    let plan =
                        Plan { backend, models: &models, side: Some(side), sprites, awake, dead: false, precision };
                    let scene = run(&plan, &plain)?;
                    if awake > 0 {
                        tick = 1.0 / scene.sprite_ticks_per_s;
                    }
                    tell(scene);
                }
            }
        }
        let sprites = 10_000;
        let plain = time(&mut plain(backend, sprites)?);
        let plan = Plan { backend, models: &cast, side: None, sprites, awake: sprites / 100, dead: false, precision };
        tell(run(&plan, &plain)?);
        tell(run(&Plan { dead: true, ..plan }, &plain)?);
    }
    Ok(scenes)
}

/// Seconds of one frame: in the main world, in the render world, and in total until the GPU has finished.
pub(super) struct Frame {
    main: f64,
    render: f64,
    done: f64,
}

pub(super) fn frame(app: &mut App) -> Frame {
    let start = Instant::now();
    let apps = app.sub_apps_mut();
    apps.main.run_default_schedule();
    let main = start.elapsed();
    for sub_app in apps.sub_apps.values_mut() {
        sub_app.extract(apps.main.world_mut());
        sub_app.update();
    }
    apps.main.world_mut().clear_trackers();
    let render = start.elapsed();
    if let Some(device) = app.world().get_resource::<RenderDevice>() {
        // An error here means a lost device, which the next frame reports.
        let _ = device.poll(PollType::wait_indefinitely());
    }
    let seconds = [main, render, start.elapsed()].map(|time| time.as_secs_f64());
    Frame { main: seconds[0], render: seconds[1] - seconds[0], done: seconds[2] }
}

/// Milliseconds of each part of a frame: median, minimum and maximum; and the allocator calls per frame.
pub(super) struct Times {
    pub(super) main: [f64; 3],
    pub(super) render: [f64; 3],
    done: [f64; 3],
    allocations: f64,
}

pub(super) fn time(app: &mut App) -> Times {
    for _ in 0..WARM_UP {
        frame(app);
    }
    let mut frames = Vec::with_capacity(FRAMES);
    let region = Region::new(ALLOCATOR);
    for _ in 0..FRAMES {
        frames.push(frame(app));
    }
    let calls = region.change();
    let of = |part: fn(&Frame) -> f64| spread(frames.iter().map(part)).map(|seconds| seconds * 1e3);
    Times {
        main: of(|frame| frame.main),
        render: of(|frame| frame.render),
        done: of(|frame| frame.done),
        allocations: (calls.allocations + calls.reallocations) as f64 / FRAMES as f64,
    }
}

/// An app on a stage.
pub(super) fn stage(Stage { backend, is_rendered }: Stage, precision: NcaPrecision) -> Result<App> {
    let add = |app: &mut App| {
        app.add_plugins(DiagnosticsPlugin);
        if is_rendered {
            app.add_plugins(RenderDiagnosticsPlugin);
        }
    };
    let plugin = NcaPlugin { backend, precision, ..default() };
    Ok(if is_rendered { headless::rendered_app_with(plugin, add)? } else { headless::app_with(plugin, add)? })
}

/// An app with `sprites` plain Bevy sprites.
pub(super) fn plain(backend: Stage, sprites: u32) -> Result<App> {
    let mut app = stage(backend, NcaPrecision::Full)?;
    let image = app.world_mut().resource_mut::<Assets<Image>>().add(Image::default());
    app.world_mut().spawn_batch((0..sprites).map(move |_| Sprite::from_image(image.clone())));
    Ok(app)
}

fn run(plan: &Plan, plain: &Times) -> Result<Scene> {
    let &Plan { backend, models, side, sprites, awake, dead, precision } = plan;
    let mut app = stage(backend, precision)?;
    app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
    let mut assets = app.world_mut().resource_mut::<Assets<NcaModel>>();
    let handles: Vec<_> = models.iter().map(|model| assets.add(NcaModel::from(model.clone()))).collect();
    // Spawn one sprite of each model first, to compile the pipelines.
    let spawn = |index: u32| {
        let texture = NcaTexture::new(handles[index as usize % handles.len()].clone()).with_seed(index);
        (texture, Sprite::default())
    };
    let firsts = (models.len() as u32).min(sprites);
    let begun = Instant::now();
    let first: Vec<Entity> = (0..firsts).map(|index| app.world_mut().spawn(spawn(index)).id()).collect();
    let has_ticked = |app: &App, entity| app.world().get::<NcaVitals>(entity).is_some_and(|vitals| vitals.tick > 0);
    let mut start_frames = 0;
    while !first.iter().all(|entity| has_ticked(&app, *entity)) {
        frame(&mut app);
        start_frames += 1;
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("no sprite has ticked within a minute".into());
        }
    }
    let start_ms = begun.elapsed().as_secs_f64() * 1e3;
    // Spread the awake sprites evenly among the others.
    let awake_before = |index: u32| u64::from(index) * u64::from(awake) / u64::from(sprites);
    let sleeps = |index| awake_before(index) == awake_before(index + 1);
    for (index, entity) in (0..).zip(first).filter(|(index, _)| sleeps(*index)) {
        debug_assert!(index < firsts);
        app.world_mut().entity_mut(entity).insert(NcaSleeping);
    }
    let before = resident_memory();
    let spawned = Instant::now();
    for index in firsts..sprites {
        let mut sprite = app.world_mut().spawn(spawn(index));
        if sleeps(index) {
            sprite.insert(NcaSleeping);
        }
    }
    let spawning = spawned.elapsed().as_secs_f64();
    let spawn_ms = (spawning + frame(&mut app).main) * 1e3;
    let mature_ticks = models.iter().map(|model| model.rule().mature_ticks).max().unwrap_or_default();
    for _ in 0..if awake > 0 && !dead { mature_ticks } else { 0 } {
        frame(&mut app);
    }
    if dead {
        let all: Vec<Entity> = app.world_mut().query_filtered::<Entity, With<NcaTexture>>().iter(app.world()).collect();
        let everything = Shape::circle(0.0, 0.0, 1e4);
        let awake = |entity: &Entity| app.world().get::<NcaSleeping>(*entity).is_none();
        for entity in all.into_iter().filter(awake).collect::<Vec<_>>() {
            app.world_mut().trigger(NcaDamage::new(entity, everything.clone()).in_cells());
        }
    }
    let times = time(&mut app);
    let sprite_ticks_per_s = f64::from(awake) / (times.done[0] / 1e3);
    let grown_by = before.zip(resident_memory()).map(|(before, after)| (after - before) * 1024.0);
    let mean = |of: &dyn Fn(&Model) -> f64| models.iter().map(of).sum::<f64>() / models.len() as f64;
    let cells = |model: &Model| model.rule().grid.map(f64::from).iter().product();
    let a_tick = if awake > 0 && !dead { mean(&operations) } else { 0.0 };
    Ok(Scene {
        backend: backend.name(),
        models: models.len(),
        side,
        sprites,
        awake,
        dead,
        main_ms: times.main.map(|time| time - plain.main[0]),
        render_ms: times.render.map(|time| time - plain.render[0]),
        done_ms: times.done,
        gpu_ms: gpu_ms(&app),
        sprite_ticks_per_s,
        cell_ticks_per_s: sprite_ticks_per_s * mean(&cells),
        gflops: sprite_ticks_per_s * a_tick / 1e9,
        allocations: times.allocations - plain.allocations,
        spawn_ms,
        start_frames,
        start_ms,
        kib_per_sprite: grown_by.map(|kib| kib / f64::from(sprites)),
    })
}

/// The median of the compute passes of the last frames, in milliseconds.
fn gpu_ms(app: &App) -> Option<f64> {
    let path = DiagnosticPath::new("render/nca/elapsed_gpu");
    let mut times: Vec<f64> = app.world().resource::<DiagnosticsStore>().get(&path)?.values().copied().collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

impl Scene {
    pub const HEAD: &str = "backend      cells   sprites   awake   main ms  render ms    all ms    GPU ms  sprite-ticks/s  GFLOP/s  allocations  spawn ms  start ms  KiB/sprite";
}

impl std::fmt::Display for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { backend, models, side, sprites, awake, main_ms, render_ms, done_ms, .. } = self;
        let several = if self.dead { format!("{models}, dead") } else { format!("{models} models") };
        let cells = side.map_or(several, |side| format!("{side}x{side}"));
        let or_nothing = |value: Option<f64>, digits| value.map_or(String::new(), |value| format!("{value:.digits$}"));
        let (gpu, memory) = (or_nothing(self.gpu_ms, 3), or_nothing(self.kib_per_sprite, 0));
        write!(
            f,
            "{backend:<11}{cells:^9}{sprites:>7}{awake:>8}{:>10.3}{:>11.3}{:>10.2}{gpu:>10}{:>16.0}{:>9.2}{:>13.1}{:>10.1}{:>10.0}{memory:>12}",
            main_ms[0],
            render_ms[0],
            done_ms[0],
            self.sprite_ticks_per_s,
            self.gflops,
            self.allocations,
            self.spawn_ms,
            self.start_ms,
        )
    }
}
