//! What sprites cost a game: frames of an app without a window, and with nothing else in it.

use std::time::{Duration, Instant};

use bevy::{
    prelude::*,
    render::{render_resource::PollType, renderer::RenderDevice},
};
use bevy_nca::{NcaBackend, NcaClock, NcaModel, NcaSleeping, NcaTexture, NcaVitals, headless, rule::Model};
use serde::Serialize;

use super::resident_memory;
use crate::Result;

/// Frames that are timed in each scene, if there is time for so many.
const FRAMES: usize = 60;
/// Frames before that, in which the last sprites find their places.
const WARM_UP: usize = 5;

/// One scene, and what it costs.
#[derive(Serialize)]
pub struct Scene {
    backend: &'static str,
    /// Cells of a side.
    side: u32,
    sprites: u32,
    /// How many of them tick, once a frame.
    awake: u32,
    /// Milliseconds of a frame in the main world, and in the render world, beyond those of an app without
    /// sprites: the median, the least and the most.
    main_ms: [f64; 3],
    render_ms: [f64; 3],
    /// The whole frame, until the GPU, if there is one, has done all of its work.
    done_ms: [f64; 3],
    sprite_ticks_per_s: f64,
    cell_ticks_per_s: f64,
    /// Milliseconds in which all sprites were spawned and had their places.
    spawn_ms: f64,
    /// What the process grew by, for each sprite, where the system tells.
    kib_per_sprite: Option<f64>,
}

/// What is timed.
struct Plan {
    backend: NcaBackend,
    side: u32,
    sprites: u32,
    awake: u32,
}

/// Every scene that can be had within so many seconds of growing.
pub fn measure(model: &Model, most_seconds: f64, mut done: impl FnMut(&Scene)) -> Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    let gpu = headless::find_gpu().map(|_| NcaBackend::Gpu);
    for backend in [Some(NcaBackend::Cpu), gpu].into_iter().flatten() {
        let empty = time(&mut headless::app(backend)?);
        for side in [72, 32] {
            let model = model.clone().with_rule(|rule| rule.grid = [side; 2])?;
            // Seconds that a sprite's tick takes, as far as is known.
            let mut tick = 0.0;
            for sprites in [1, 10, 100, 1000, 10_000] {
                let some = (sprites >= 10).then_some(sprites / 10);
                for awake in [Some(sprites), some, Some(0)].into_iter().flatten() {
                    if f64::from(awake) * f64::from(model.rule().mature_ticks) * tick > most_seconds {
                        continue;
                    }
                    let scene = run(&model, &Plan { backend, side, sprites, awake }, &empty)?;
                    if awake > 0 {
                        tick = 1.0 / scene.sprite_ticks_per_s;
                    }
                    done(&scene);
                    scenes.push(scene);
                }
            }
        }
    }
    Ok(scenes)
}

/// One frame, and the seconds that its parts took.
struct Frame {
    main: f64,
    render: f64,
    done: f64,
}

fn frame(app: &mut App) -> Frame {
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

/// Milliseconds of frames' parts: the median, the least and the most.
struct Times {
    main: [f64; 3],
    render: [f64; 3],
    done: [f64; 3],
}

fn time(app: &mut App) -> Times {
    for _ in 0..WARM_UP {
        frame(app);
    }
    let frames: Vec<Frame> = (0..FRAMES).map(|_| frame(app)).collect();
    let of = |part: fn(&Frame) -> f64| {
        let mut times: Vec<f64> = frames.iter().map(part).collect();
        times.sort_by(f64::total_cmp);
        [times[FRAMES / 2], times[0], times[FRAMES - 1]].map(|seconds| seconds * 1e3)
    };
    Times { main: of(|frame| frame.main), render: of(|frame| frame.render), done: of(|frame| frame.done) }
}

fn run(model: &Model, plan: &Plan, empty: &Times) -> Result<Scene> {
    let &Plan { backend, side, sprites, awake } = plan;
    let mut app = headless::app(backend)?;
    app.world_mut().resource_mut::<NcaClock>().sleep_after = None;
    let handle = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()));
    // The first sprite brings the pipelines.
    let first = app.world_mut().spawn((NcaTexture::new(handle.clone()), Sprite::default())).id();
    let begun = Instant::now();
    while app.world().get::<NcaVitals>(first).is_none_or(|vitals| vitals.tick == 0) {
        frame(&mut app);
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("no sprite has ticked within a minute".into());
        }
    }
    if awake == 0 {
        app.world_mut().entity_mut(first).insert(NcaSleeping);
    }
    let before = resident_memory();
    let spawned = Instant::now();
    for index in 1..sprites {
        let mut sprite = app.world_mut().spawn((NcaTexture::new(handle.clone()).with_seed(index), Sprite::default()));
        // Those that are awake are spread among the others.
        let awake_before = |index: u32| u64::from(index) * u64::from(awake) / u64::from(sprites);
        if awake_before(index) == awake_before(index + 1) {
            sprite.insert(NcaSleeping);
        }
    }
    let spawning = spawned.elapsed().as_secs_f64();
    let spawn_ms = (spawning + frame(&mut app).main) * 1e3;
    let growing = if awake > 0 { model.rule().mature_ticks } else { 0 };
    for _ in 0..growing {
        frame(&mut app);
    }
    let times = time(&mut app);
    let sprite_ticks_per_s = f64::from(awake) / (times.done[0] / 1e3);
    let grown_by = before.zip(resident_memory()).map(|(before, after)| (after - before) * 1024.0);
    Ok(Scene {
        backend: if backend == NcaBackend::Cpu { "cpu" } else { "gpu" },
        side,
        sprites,
        awake,
        main_ms: times.main.map(|time| time - empty.main[0]),
        render_ms: times.render.map(|time| time - empty.render[0]),
        done_ms: times.done,
        sprite_ticks_per_s,
        cell_ticks_per_s: sprite_ticks_per_s * f64::from(side * side),
        spawn_ms,
        kib_per_sprite: grown_by.map(|kib| kib / f64::from(sprites)),
    })
}

impl Scene {
    pub const HEAD: &str =
        "backend  cells   sprites   awake   main ms  render ms    all ms  sprite-ticks/s  spawn ms  KiB/sprite";
}

impl std::fmt::Display for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { backend, side, sprites, awake, main_ms, render_ms, done_ms, .. } = self;
        let memory = self.kib_per_sprite.map_or(String::new(), |kib| format!("{kib:.0}"));
        write!(
            f,
            "{backend:<7}{side:>3}x{side:<3}{sprites:>9}{awake:>8}{:>10.3}{:>11.3}{:>10.2}{:>16.0}{:>10.1}{memory:>12}",
            main_ms[0], render_ms[0], done_ms[0], self.sprite_ticks_per_s, self.spawn_ms
        )
    }
}
