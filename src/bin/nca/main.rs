//! `nca`: grow, wound and inspect neural cellular automata from the command line.

mod import;
mod info;
mod run;
mod simulation;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Living, self-healing sprites: run, import and inspect their models.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Grows a sprite, wounds it, and writes a picture, an animation or its cells.
    Run(run::Run),
    /// Turns a web-demo JSON of the Growing NCA article into a `.nca` file.
    Import(import::Import),
    /// Says what a model file holds.
    Info(info::Info),
}

/// Any error that ends the program; its text is for people.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Import(import) => import.run(),
        Command::Info(info) => info.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nca: {error}");
            ExitCode::FAILURE
        }
    }
}
