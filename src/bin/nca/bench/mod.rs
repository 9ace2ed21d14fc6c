mod gpu;
mod pieces;
mod scenes;
mod skins;

use std::{hint::black_box, num::NonZero, path::PathBuf, thread, time::Instant};

use bevy_nca::{
    NcaPrecision,
    cpu::{Engine, Isa, Scratch, Tick, peak_flops},
    rule::{Boundary, Kernel, Model, Output, Rule, State, Weights, printable},
};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use self::{gpu::Versus, pieces::Pieces, scenes::Scene, skins::Skins};
use crate::Result;

/// Cells per side of the grid, and sprites per batch.
const SIDE: usize = 72;
const BATCH: usize = 8;
/// Cells per side of the material.
const MATERIAL_SIDE: usize = 128;
/// Ticks per training step, and per round of the engine.
const TICKS: u32 = 80;
/// Timed rounds. The report gives their median.
const ROUNDS: usize = 7;

#[derive(Args)]
pub struct Bench {
    /// A `.nca` file [default: the built-in slime].
    model: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Also time the plugin with up to 10,000 sprites on each backend, and skip scenes that would take longer than this
    /// to grow (10 seconds if no value is given).
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10")]
    scenes: Option<f64>,
    /// Also time a thousand animated skins, as --scenes does.
    #[arg(long)]
    skins: bool,
    /// Also time two hundred sprites asleep, most of them pieces that were cut off, beside as many that were never cut.
    #[arg(long)]
    pieces: bool,
    /// Store 16 bits per value (half precision) on the GPU in the scenes, skins and pieces.
    #[arg(long)]
    half: bool,
}

#[derive(Serialize)]
struct Report {
    model: String,
    instructions: String,
    threads: usize,
    run: Figure,
    /// A material of 128x128 cells with the sizes of the published ones, in which every cell lives.
    material: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    train: Option<Figure>,
    /// Grown sprites on the GPU; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<Versus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scenes: Vec<Scene>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skins: Vec<Skins>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<Pieces>,
    /// The peak resident memory of the process in MiB; `None` if the system does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mib: Option<f64>,
}

#[derive(Serialize)]
struct Figure {
    /// Seconds per round: median, minimum and maximum.
    seconds: [f64; 3],
    /// Sprite-ticks per second, at the median.
    sprite_ticks_per_s: f64,
    /// Floating-point operations of the dense layers, in GFLOP/s, at the median.
    gflops: f64,
    /// The peak rate: multiply-adds in registers only, on all threads, after each round for as long as it. The median.
    peak_gflops: f64,
    /// The rate of a round as a share of the peak rate after it. The median. Other programs on the machine slow down both.
    share_of_peak: f64,
}

/// A timed round.
#[derive(Clone, Copy)]
struct Round {
    seconds: f64,
    /// The peak rate after it, in operations per second.
    peak: f64,
}

impl Round {
    /// Times `run`, and then the peak rate.
    fn time(run: impl FnOnce() -> Result) -> Result<Self> {
        let start = Instant::now();
        run()?;
        let duration = start.elapsed();
        let peak = thread::scope(|scope| {
            let spin = || scope.spawn(|| peak_flops(Isa::best(), duration));
            let workers: Vec<_> = (0..threads()).map(|_| spin()).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).sum()
        });
        Ok(Self { seconds: duration.as_secs_f64(), peak })
    }
}

/// Median, minimum and maximum. The values must not be empty.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[0], values[values.len() - 1]]
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl Bench {
    pub fn run(&self) -> Result {
        let model = match &self.model {
            Some(path) => Model::read(path)?,
            None => Model::from_bytes(include_bytes!("../../../../assets/models/slime.nca"))?,
        };
        let side = model.target().map_or(SIDE, |target| SIDE.max(target.width).max(target.height));
        if side > SIDE {
            return Err(format!("expected a target of at most {SIDE} pixels, found {side}").into());
        }
        let model = model.map_rule(|rule| rule.grid = [SIDE as u32; 2])?;
        let bar = ProgressBar::new_spinner();
        let precision = if self.half { NcaPrecision::Half } else { NcaPrecision::Full };
        let scenes = match self.scenes {
            Some(seconds) => scenes::measure(&model, seconds, precision, |scene| bar.set_message(scene.to_string()))?,
            None => Vec::new(),
        };
        let skins = if self.skins || self.scenes.is_some() { skins::measure(precision)? } else { Vec::new() };
        bar.finish_and_clear();
        let report = Report {
            scenes,
            skins,
            pieces: if self.pieces { pieces::measure(precision)? } else { Vec::new() },
            gpu: gpu::measure(&model)?,
            model: model.rule().name.clone(),
            instructions: format!("{:?}", Isa::best()).to_lowercase(),
            threads: threads(),
            run: run(&model, [SIDE; 2])?,
            material: run(&material()?, [MATERIAL_SIDE; 2])?,
            #[cfg(feature = "train")]
            train: Some(train::measure(&model)?),
            #[cfg(not(feature = "train"))]
            train: None,
            peak_memory_mib: peak_memory(),
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?)
        } else {
            report.print()
        }
        Ok(())
    }
}

impl Report {
    fn print(&self) {
        let Self { model, instructions, threads, .. } = self;
        println!(
            "model {}, {SIDE}x{SIDE} cells, {BATCH} sprites or one a thread; {threads} threads, {instructions}",
            printable(model)
        );
        let line = |what: &str, unit: &str, figure: &Figure, of: f64| {
            let [median, least, most] = figure.seconds.map(|seconds| seconds * 1e3 / of);
            println!(
                "{what:<10}{median:>9.3} ms {unit} ({least:.3} to {most:.3}); {:.0} sprite-ticks/s; {:.0} GFLOP/s, {:.0}% of {:.0} in registers",
                figure.sprite_ticks_per_s,
                figure.gflops,
                100.0 * figure.share_of_peak,
                figure.peak_gflops
            );
        };
        line("run", "a tick of all", &self.run, f64::from(TICKS));
        line("material", "a tick of all", &self.material, f64::from(TICKS));
        if let Some(train) = &self.train {
            line("train", "a step", train, 1.0);
        }
        if let Some(Versus { adapter, plugin, plain }) = &self.gpu {
            println!(
                "GPU       {:>9.0} sprite-ticks/s ({:.0} to {:.0}), {:.1} times those of a plain dense shader; {adapter}",
                plugin[0],
                plugin[1],
                plugin[2],
                plugin[0] / plain[0],
            );
        }
        let gpu = self.gpu.as_ref().map(|gpu| gpu.plugin[0]);
        for (engine, rate) in [("CPU", Some(self.run.sprite_ticks_per_s)), ("GPU", gpu)] {
            if let Some(rate) = rate {
                println!("affords   {:>9.0} such sprites awake at 60 ticks a second on the {engine}", rate / 60.0);
            }
        }
        if let Some(memory) = self.peak_memory_mib {
            println!("memory    {memory:>9.0} MiB at most");
        }
        if !self.scenes.is_empty() {
            println!("\n{}", Scene::HEAD);
            self.scenes.iter().for_each(|scene| println!("{scene}"));
        }
        if !self.skins.is_empty() {
            println!("\n{}", Skins::HEAD);
            self.skins.iter().for_each(|skins| println!("{skins}"));
        }
        if !self.pieces.is_empty() {
            println!("\n{}", Pieces::HEAD);
            self.pieces.iter().for_each(|pieces| println!("{pieces}"));
        }
    }
}

impl Figure {
    /// `operations` are the floating-point operations of one round.
    fn new(rounds: &[Round], sprites: usize, operations: f64) -> Self {
        let of = |value: &dyn Fn(&Round) -> f64| spread(rounds.iter().map(value));
        let seconds = of(&|round| round.seconds);
        let [median, ..] = seconds;
        Self {
            seconds,
            sprite_ticks_per_s: sprites as f64 * f64::from(TICKS) / median,
            gflops: operations / median / 1e9,
            peak_gflops: of(&|round| round.peak)[0] / 1e9,
            share_of_peak: of(&|round| operations / round.seconds / round.peak)[0],
        }
    }
}

/// Times grown sprites on the CPU engine, spread over the threads: at least one for each.
fn run(model: &Model, [width, height]: [usize; 2]) -> Result<Figure> {
    let threads = threads();
    let engine = Engine::new(model);
    let rule = model.rule();
    let sprites = BATCH.next_multiple_of(threads);
    let mut grids = Vec::new();
    for seed in 0..sprites as u32 {
        let mut grid = engine.grid(State::seed(rule, width, height)).ok_or("the seed does not fit the model")?;
        let mut scratch = Scratch::default();
        for tick in 0..rule.mature_ticks {
            engine.step(&mut grid, &mut scratch, Tick { tick, seed, angle: 0.0 }, None);
        }
        grids.push(grid);
    }
    let a_tick: f64 = grids.iter().map(|grid| operations_of(rule, grid.state())).sum();
    let operations = a_tick * f64::from(TICKS);
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS as u32 {
        let timed = Round::time(|| {
            thread::scope(|scope| {
                for grids in grids.chunks_mut(sprites / threads) {
                    let engine = &engine;
                    scope.spawn(move || {
                        let mut scratch = Scratch::default();
                        for grid in grids {
                            for tick in 0..TICKS {
                                let tick = Tick { tick: 1000 + round * TICKS + tick, seed: round, angle: 0.0 };
                                engine.step(grid, &mut scratch, tick, None);
                            }
                        }
                    });
                }
            });
            Ok(())
        })?;
        // The first round is a warm-up.
        rounds.extend((round > 0).then_some(timed));
    }
    black_box(&grids);
    Ok(Figure::new(&rounds, sprites, operations))
}

/// A material with the sizes of those of "Self-Organising Textures", and random weights.
fn material() -> Result<Model> {
    let rule = Rule {
        version: 2,
        grid: [MATERIAL_SIDE as u32; 2],
        channels: 12,
        hidden: 96,
        perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian],
        boundary: Boundary::Wrap,
        alive: None,
        clamp: Some(1.0),
        output: Output::OpaqueCentered,
        mature_ticks: 32,
        ..Rule::default()
    };
    let mut random = fastrand::Rng::with_seed(0);
    let mut weights = |count: usize| (0..count).map(|_| (random.f32() - 0.5) * 0.2).collect();
    let weights = Weights {
        hidden_weight: weights(rule.features() * rule.hidden),
        hidden_bias: weights(rule.hidden),
        output_weight: weights(rule.hidden * rule.channels),
        output_bias: weights(rule.channels),
        ..Weights::default()
    };
    Ok(Model::new(rule, weights, None)?)
}

/// Floating-point operations of the dense layers per tick of a grown sprite.
fn operations(model: &Model) -> f64 {
    let rule = model.rule();
    let engine = Engine::new(model);
    let [width, height] = rule.grid.map(|side| side as usize);
    let Some(mut grid) = engine.grid(State::seed(rule, width, height)) else { return 0.0 };
    let mut scratch = Scratch::default();
    for tick in 0..rule.mature_ticks {
        engine.step(&mut grid, &mut scratch, Tick { tick, seed: 0, angle: 0.0 }, None);
    }
    operations_of(rule, grid.state())
}

/// The same for the given cells. The engine computes a cell in a living neighborhood when it fires.
fn operations_of(rule: &Rule, state: &State) -> f64 {
    let (width, height) = (state.width(), state.height());
    let mature = |x, y| {
        rule.alive.is_none_or(|alive| state.cell(x, y).is_some_and(|cell| cell[alive.channel] > alive.threshold))
    };
    let around = |at: usize, size: usize| at.saturating_sub(1)..=(at + 1).min(size - 1);
    let lives = |x, y| around(y, height).any(|y| around(x, width).any(|x| mature(x, y)));
    let cells = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).filter(|&(x, y)| lives(x, y)).count();
    2.0 * cells as f64 * rule.fire_rate * ((rule.features() + rule.channels) * rule.hidden) as f64
}

/// The peak resident memory of this process, in MiB.
fn peak_memory() -> Option<f64> {
    memory("VmHWM:")
}

/// The resident memory of this process, in MiB.
fn resident_memory() -> Option<f64> {
    memory("VmRSS:")
}

/// A line of `/proc/self/status`, in MiB; `None` on systems other than Linux.
fn memory(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

#[cfg(feature = "train")]
mod train {
    use bevy_nca::{
        cpu::{Engine, Scratch, Tape, Tick},
        rule::{Model, State},
        train::{Method, Network, Plan, rollout},
    };
    use burn::tensor::{Device, Tensor, TensorData};

    use super::{BATCH, Figure, ROUNDS, Round, SIDE, TICKS};
    use crate::Result;

    /// Times the loss and its gradient for a batch of seeds, without the optimizer.
    pub fn measure(model: &Model) -> Result<Figure> {
        let rule = model.rule();
        let device = Device::flex().autodiff();
        let network = Network::new(rule, model.weights(), &device);
        let seed = State::seed(rule, SIDE, SIDE);
        let starts: Vec<Tick> = (0..BATCH as u32).map(|seed| Tick { tick: 0, seed, angle: 0.0 }).collect();
        let target = Tensor::<4>::from_data(
            TensorData::new(vec![0.5f32; BATCH * SIDE * SIDE * 4], [BATCH, SIDE, SIDE, 4]),
            &device,
        );
        let values: Vec<f32> = (0..BATCH).flat_map(|_| seed.values()).copied().collect();
        let cells = Tensor::<4>::from_data(TensorData::new(values, [BATCH, SIDE, SIDE, rule.channels]), &device);

        let mut updates = 0;
        let engine = Engine::new(model);
        for start in &starts {
            let mut grid = engine.grid(seed.clone()).ok_or("the seed does not fit the model")?;
            let (mut scratch, mut tape) = (Scratch::default(), Tape::default());
            (0..TICKS).for_each(|tick| {
                engine.step_on_tape(&mut grid, &mut scratch, Tick { tick, ..*start }, None, &mut tape)
            });
            updates += tape.updates();
        }
        // Forward: both layers. Backward: the hidden layer again, and for each layer the gradients of
        // its inputs and of its weights.
        let layers = [rule.features() * rule.hidden, rule.hidden * rule.channels].map(|count| count as f64);
        let operations = 2.0 * updates as f64 * (4.0 * layers[0] + 3.0 * layers[1]);

        let plan = Plan { rule: rule.clone(), ticks: vec![TICKS; starts.len()], starts, forms: Vec::new() };
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let timed = Round::time(|| {
                let ends = rollout(&network, cells.clone(), &plan, Method::Fused);
                let loss = (ends.narrow(3, 0, 4) - target.clone()).square().mean();
                let gradients = loss.backward();
                let gradient = network.hidden_weight.val().grad(&gradients).ok_or("there is no gradient")?;
                std::hint::black_box(gradient.into_data());
                Ok(())
            })?;
            // The first round is a warm-up.
            rounds.extend((round > 0).then_some(timed));
        }
        Ok(Figure::new(&rounds, BATCH, operations))
    }
}
