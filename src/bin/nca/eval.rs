use std::{path::PathBuf, process::ExitCode};

use bevy_nca::{
    rule::{Filter, Model, ReadOptions, Target},
    scorecard::{SEEDS, Scorecard, Test, Wound},
};
use clap::Args;

use crate::Result;

#[derive(Args)]
pub struct Eval {
    /// A `.nca` file.
    model: PathBuf,
    /// The picture to measure against, scaled to the size of the model's target if it has one, and
    /// centerd in the grid [default: the model's target].
    #[arg(long, value_name = "IMAGE")]
    against: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Columns and rows of a sprite sheet to measure against, e.g. 6x1; the picture is the union of its frames.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = crate::frames, requires = "against")]
    frames: Option<[u32; 2]>,
    /// The filter that scales the picture.
    #[arg(long, value_enum, value_name = "FILTER", default_value_t, requires = "against")]
    filter: Filter,
}

impl Eval {
    pub fn run(&self) -> Result<ExitCode> {
        let model = Model::read(&self.model)?;
        let read;
        let target = match (&self.against, model.target()) {
            (Some(path), trained) => {
                let size = trained.map(|target| target.width.max(target.height) as u32);
                read = Target::read(path, ReadOptions { size, filter: self.filter, frames: self.frames })?;
                &read
            }
            (None, Some(target)) => target,
            (None, None) => {
                return Err(
                    format!("{}: the model has no target; name one with --against", self.model.display()).into()
                );
            }
        };
        let [width, height] = model.rule().grid;
        if target.width > width as usize || target.height > height as usize {
            let found = format!("found {} x {} pixels", target.width, target.height);
            return Err(format!("the picture: {found}; it must be at most the grid's {width} x {height}").into());
        }
        let scorecard = Scorecard::of(&model, target);
        if self.json {
            let json = serde_json::json!({
                "model": self.model, "seeds": SEEDS, "passes": scorecard.passes(),
                "worst_ratio": scorecard.worst_ratio(), "entries": scorecard.entries,
            });
            println!("{json:#}");
        } else {
            print(&scorecard);
        }
        Ok(if scorecard.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Prints a scorecard as a table.
pub fn print(scorecard: &Scorecard) {
    println!("{:<26}{:>10}{:>10}{:>10}", "mean squared error", "mean", "worst", "gate");
    for entry in &scorecard.entries {
        let gate = entry.gate.map_or(String::new(), |gate| format!("{gate:.4}"));
        let mark = if entry.passes() { "" } else { "  FAILS" };
        println!("{:<26}{:>10.5}{:>10.5}{gate:>10}{mark}", name(entry.test), entry.mean, entry.worst);
    }
    println!("{}", if scorecard.passes() { "passes" } else { "does not pass" });
}

fn name(test: Test) -> String {
    match test {
        Test::Grown(ticks) => format!("grown, tick {ticks}"),
        Test::Rotated(degrees) => format!("turned by {degrees} degrees"),
        Test::Repaired(wound) => {
            let wound = match wound {
                Wound::Upper => "upper half",
                Wound::Lower => "lower half",
                Wound::Left => "left half",
                Wound::Right => "right half",
                Wound::Centre => "centre disc",
                Wound::Discs => "five discs",
                Wound::Scattered => "90% of the cells",
            };
            format!("repaired, {wound}")
        }
    }
}
