//! `nca`: train, measure, run and inspect neural cellular automata from the command line.

mod bench;
mod eval;
mod import;
mod info;
mod overgrow;
mod run;
#[cfg(feature = "train")]
mod signals;
mod simulation;
#[cfg(feature = "train")]
mod train;
mod uv;

use std::{path::PathBuf, process::ExitCode};

use bevy_nca::rule::{Frames, ReadOptions, Target, printable};
use clap::{Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts allocations for `nca bench`.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Train, measure, run and inspect the models of living, self-healing sprites.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model that grows a picture, keeps it, and repairs it.
    #[cfg(feature = "train")]
    Train(Box<train::Train>),
    /// Train a model (not available: this program was built without the feature `train`).
    #[cfg(not(feature = "train"))]
    #[command(disable_help_flag = true)]
    Train {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
    /// Measure how well a model grows its picture, keeps it, and repairs it; the exit code is 1 if it misses a gate.
    Eval(eval::Eval),
    /// Grow a sprite, wound it, and write a picture, an animation or its cells.
    Run(run::Run),
    /// Put a picture into a generic body, or convert a JSON file of the Growing NCA article's web demo.
    Import(import::Import),
    /// Put two materials into one model, so that a game can paint the second over the first.
    Overgrow(overgrow::Overgrow),
    /// Guess where on the body the pixels of an animation lie, so that wounds move with it: a UV sheet.
    Uv(uv::Uv),
    /// Print the contents of a model file.
    Info(info::Info),
    /// Benchmark this machine: sprite-ticks per second, and the time of a training step.
    Bench(bench::Bench),
}

/// Any error that ends the program. Its text is shown to the user.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    // Without this, `nca info .. | head` fails with a broken pipe.
    sigpipe::reset();
    let done = match Cli::parse().command {
        #[cfg(feature = "train")]
        Command::Train(train) => train.run(),
        #[cfg(not(feature = "train"))]
        Command::Train { .. } => {
            Err("this program was built without training; it needs the features `cli,train`".into())
        }
        Command::Eval(eval) => eval.run(),
        Command::Run(run) => run.run().map(|()| ExitCode::SUCCESS),
        Command::Import(import) => import.run().map(|()| ExitCode::SUCCESS),
        Command::Overgrow(overgrow) => overgrow.run().map(|()| ExitCode::SUCCESS),
        Command::Uv(uv) => uv.run().map(|()| ExitCode::SUCCESS),
        Command::Info(info) => info.run().map(|()| ExitCode::SUCCESS),
        Command::Bench(bench) => bench.run().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Errors quote files, which may contain terminal escape sequences.
            error.to_string().lines().for_each(|line| eprintln!("nca: {}", printable(line)));
            // Exit code 1 is for a model that misses a gate.
            ExitCode::from(2)
        }
    }
}

/// Refuses a model path with another extension, such as that of a picture, and creates its folder.
fn prepare_output(path: &std::path::Path) -> Result {
    if path.extension().is_none_or(|extension| extension != "nca") {
        return Err(format!("{}: expected the extension .nca", path.display()).into());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// How the frames of a sprite sheet lie, and where their pixels belong.
#[derive(clap::Args, Clone)]
struct Sheet {
    /// Columns and rows of a sprite sheet, e.g. 6x1. The sprite is the union of the frames. 1x1 means that the picture is
    /// not a sheet.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = columns_and_rows)]
    frames: Option<[u32; 2]>,
    /// Width and height of a frame of a sprite sheet in pixels, e.g. 32x32, instead of --frames.
    #[arg(long, value_name = "WxH", value_parser = width_and_height, conflicts_with = "frames")]
    tile: Option<[u32; 2]>,
    /// A UV sheet: an image with the same frames. Red and green say where on the body a pixel lies, 0 to 255 over a frame;
    /// a transparent pixel lies where it is. `nca uv` makes a first guess of one.
    #[arg(long, value_name = "SHEET")]
    uv: Option<PathBuf>,
}

impl Sheet {
    fn is_given(&self) -> bool {
        self.frames().is_some() || self.uv.is_some()
    }

    fn frames(&self) -> Option<Frames> {
        self.frames.map(Frames::Count).or(self.tile.map(Frames::Size))
    }

    /// How to read the union of the frames.
    fn reading(&self) -> ReadOptions<'_> {
        ReadOptions { frames: self.frames(), uv: self.uv.as_deref(), ..ReadOptions::default() }
    }
}

fn columns_and_rows(text: &str) -> std::result::Result<[u32; 2], String> {
    pair(text, &(1..=1024)).ok_or_else(|| format!("expected COLUMNSxROWS, as 6x1, found `{text}`"))
}

fn width_and_height(text: &str) -> std::result::Result<[u32; 2], String> {
    pair(text, &(1..=Target::MAX_PIXELS)).ok_or_else(|| format!("expected WxH, as 32x32, found `{text}`"))
}

/// Two numbers in a range, e.g. `6x1`.
fn pair(text: &str, range: &std::ops::RangeInclusive<u32>) -> Option<[u32; 2]> {
    let (first, second) = text.split_once('x')?;
    let number = |text: &str| text.parse().ok().filter(|number| range.contains(number));
    Some([number(first)?, number(second)?])
}
