//! `nca`: train, measure, run and inspect neural cellular automata from the command line.

mod bench;
mod eval;
mod import;
mod info;
mod run;
#[cfg(feature = "train")]
mod signals;
mod simulation;
#[cfg(feature = "train")]
mod train;

use std::process::ExitCode;

use bevy_nca::rule::printable;
use clap::{Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts the calls for `nca bench`.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Living, self-healing sprites: train, measure, run and inspect their models.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains a model that grows a picture, keeps it, and repairs it.
    #[cfg(feature = "train")]
    Train(Box<train::Train>),
    /// Trains a model; this program was built without that.
    #[cfg(not(feature = "train"))]
    #[command(disable_help_flag = true)]
    Train {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<String>,
    },
    /// Measures how well a model grows its picture, keeps it, and repairs it; exit code 1 below the gate.
    Eval(eval::Eval),
    /// Grows a sprite, wounds it, and writes a picture, an animation or its cells.
    Run(run::Run),
    /// Turns a web-demo JSON of the Growing NCA article into a `.nca` file.
    Import(import::Import),
    /// Says what a model file holds.
    Info(info::Info),
    /// Measures what this machine affords: cells a second, and seconds a training step takes.
    Bench(bench::Bench),
}

/// Any error that ends the program; its text is for people.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    // `nca info .. | head` is no error.
    sigpipe::reset();
    let done = match Cli::parse().command {
        #[cfg(feature = "train")]
        Command::Train(train) => train.run(),
        #[cfg(not(feature = "train"))]
        Command::Train { .. } => Err("this program was built without training; wanted the features `cli,train`".into()),
        Command::Eval(eval) => eval.run(),
        Command::Run(run) => run.run().map(|()| ExitCode::SUCCESS),
        Command::Import(import) => import.run().map(|()| ExitCode::SUCCESS),
        Command::Info(info) => info.run().map(|()| ExitCode::SUCCESS),
        Command::Bench(bench) => bench.run().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Errors quote files, which are not to command the terminal.
            error.to_string().lines().for_each(|line| eprintln!("nca: {}", printable(line)));
            // 1 is for a model below the gate.
            ExitCode::from(2)
        }
    }
}

/// Columns and rows of a sheet.
fn frames(text: &str) -> std::result::Result<[u32; 2], String> {
    let wanted = || format!("found `{text}`; wanted COLUMNSxROWS, as 6x1");
    let (columns, rows) = text.split_once('x').ok_or_else(wanted)?;
    let count = |text: &str| text.parse().ok().filter(|count| (1..=1024).contains(count)).ok_or_else(wanted);
    Ok([count(columns)?, count(rows)?])
}
