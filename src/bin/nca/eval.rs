use std::{path::PathBuf, process::ExitCode};

use bevy_nca::{
    rule::{Filter, Model, ReadOptions, Target},
    scorecard::{Cuts, FragmentEnd, SEEDS, Scorecard, Storm, Switch, Test, Wound},
};
use clap::Args;

use crate::Result;

/// The random seed of the storm.
const STORM_SEED: u32 = 1;

#[derive(Args)]
pub struct Eval {
    /// A `.nca` file.
    model: PathBuf,
    /// The picture to measure against, given once for each form of a model that has several, scaled to the size of the
    /// model's target if it has one, and centered in the grid [default: the model's targets].
    #[arg(long, value_name = "IMAGE")]
    against: Vec<PathBuf>,
    /// The number of random wounds of the storm; 0 omits it.
    #[arg(long, value_name = "WOUNDS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(..=100_000))]
    storm: u32,
    /// The number of random cuts, whose pieces must grow whole again, or die if they are small; 0 omits them.
    #[arg(long, value_name = "CUTS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=100_000))]
    cuts: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sheet: crate::Sheet,
    /// The filter that scales the picture.
    #[arg(long, value_enum, value_name = "FILTER", default_value_t, requires = "against")]
    filter: Filter,
}

impl Eval {
    pub fn run(&self) -> Result<ExitCode> {
        let model = Model::read(&self.model)?;
        if self.against.is_empty() && self.sheet.is_given() {
            return Err("--frames, --tile and --uv need --against".into());
        }
        #[cfg(feature = "train")]
        if let (None, [path]) = (model.rule().alive, &self.against[..]) {
            return self.material(&model, path);
        }
        let forms = model.rule().forms.len().max(1);
        if !self.against.is_empty() && self.against.len() != forms {
            let count = self.against.len();
            return Err(format!("--against takes a picture for each form: expected {forms}, found {count}").into());
        }
        let size = model.target().map(|target| target.width.max(target.height) as u32);
        let options = || ReadOptions { size, filter: self.filter, ..self.sheet.reading() };
        let mut read = Vec::new();
        for path in &self.against {
            read.push(Target::read(path, options())?);
        }
        let targets = if read.is_empty() { model.targets() } else { &read };
        let Some(target) = targets.first() else {
            return Err(format!("{}: the model has no target; name one with --against", self.model.display()).into());
        };
        let [width, height] = model.rule().grid.map(|side| side as usize);
        if let Some(large) = targets.iter().find(|target| target.width > width || target.height > height) {
            let found = format!("found {} x {} pixels", large.width, large.height);
            return Err(format!("the picture: {found}; it must be at most the grid's {width} x {height}").into());
        }
        let first = model.in_form(0)?;
        let mut scorecard = Scorecard::of_forms(&model, targets);
        if self.storm > 0 {
            scorecard = scorecard.with_storms(&model, targets, self.storm, STORM_SEED);
        }
        let cuts =
            (self.cuts > 0 && model.rule().alive.is_some()).then(|| Cuts::of(&first, target, self.cuts, STORM_SEED));
        let passes = scorecard.passes() && cuts.as_ref().is_none_or(Cuts::passes);
        if self.json {
            let json = serde_json::json!({
                "model": self.model, "seeds": SEEDS, "passes": passes, "cuts": cuts,
                "worst_ratio": scorecard.worst_ratio(), "measure": scorecard.measure(), "entries": scorecard.entries,
                "storm": scorecard.storm, "forms": scorecard.forms, "switches": scorecard.switches,
            });
            println!("{json:#}");
        } else {
            print(&scorecard);
            cuts.iter().for_each(print_cuts);
            print_end(passes);
        }
        Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(feature = "train")]
impl Eval {
    /// Measures a material against its picture.
    fn material(&self, model: &Model, path: &std::path::Path) -> Result<ExitCode> {
        let target = Target::read(path, ReadOptions { filter: self.filter, ..self.sheet.reading() })?;
        let report = bevy_nca::train::MaterialReport::of(model, &target);
        if self.json {
            let bevy_nca::train::MaterialReport { grown, healed, itself } = report;
            println!(
                "{:#}",
                serde_json::json!({ "model": self.model, "grown": grown, "healed": healed, "itself": itself })
            );
        } else {
            crate::train::material::print(report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a scorecard as a table.
pub fn print(scorecard: &Scorecard) {
    for form in &scorecard.forms {
        println!("{}", form.form);
        print_form(&form.scorecard);
    }
    if scorecard.forms.is_empty() {
        print_form(scorecard);
    }
    if !scorecard.switches.is_empty() {
        println!("{:<26}{:>10}{:>10}{:>10}", "changes of form", "there", "back", "gate");
    }
    for Switch { forms: [from, to], there, back, gate } in &scorecard.switches {
        let mark = if there.max(*back) <= *gate { "" } else { "  FAILS" };
        println!("{:<26}{there:>10.5}{back:>10.5}{gate:>10.4}{mark}", format!("{from} to {to}"));
    }
}

/// Prints the verdict.
pub fn print_end(passes: bool) {
    println!("{}", if passes { "passes" } else { "does not pass" });
}

/// Prints what has become of the pieces of a cut sprite.
fn print_cuts(cuts: &Cuts) {
    println!("{:<26}{:>10}{:>10}{:>10}", "pieces of cuts", "good", "of", "share");
    let [all, whole] = cuts.large();
    row("a quarter or more, whole", whole, all, Some(Cuts::GATE));
    let [all, ended] = cuts.small();
    if all > 0 {
        row("smaller, whole or dead", ended, all, Some(Cuts::GATE));
    }
    println!("{:<26}{:>10}", "whole beside their place", cuts.beside());
}

/// Prints the results of a form.
fn print_form(scorecard: &Scorecard) {
    println!("{:<26}{:>10}{:>10}{:>10}", scorecard.measure(), "mean", "worst", "gate");
    let mark = |passes: bool| if passes { "" } else { "  FAILS" };
    for entry in &scorecard.entries {
        let gate = entry.gate.map_or(String::new(), |gate| format!("{gate:.4}"));
        println!("{:<26}{:>10.5}{:>10.5}{gate:>10}{}", name(entry.test), entry.mean, entry.worst, mark(entry.passes()));
    }
    if let Some(storm) = &scorecard.storm {
        print_storm(storm);
    }
}

/// Prints how many of the wounds of a storm healed, by the share of living cells that they leave.
fn print_storm(storm: &Storm) {
    println!("{:<26}{:>10}{:>10}{:>10}", "random wounds", "healed", "of", "share");
    let mut upper = 100.0;
    for group in storm.groups() {
        let least = 100.0 * group.least;
        row(&format!("{least:.0}% to {upper:.0}% left"), group.healed, group.wounds, None);
        upper = least;
    }
    let names = ["a quarter or more left", "a tenth to a quarter left"];
    for ((group, gate), name) in storm.gated().into_iter().zip(Storm::GATES).zip(names) {
        row(name, group.healed, group.wounds, Some(gate));
    }
    row("grown from seeds", storm.whole(), storm.grown.len(), Some(Storm::GROWTH_GATE));
    let [regrown, dead] = [FragmentEnd::Regrown, FragmentEnd::Dead].map(|end| storm.count(end));
    let name = format!("ninths: {regrown} whole, {dead} dead");
    row(&name, regrown + dead, storm.fragments.len(), Some(Storm::FRAGMENT_GATE));
}

/// Prints a share, which fails below a gate.
fn row(name: &str, part: usize, all: usize, gate: Option<f32>) {
    let found = 100.0 * part as f32 / all.max(1) as f32;
    let gate = gate.map(|gate| 100.0 * gate);
    let shown = gate.map_or(String::new(), |gate| format!(", gate {gate:.0}%"));
    let mark = if gate.is_some_and(|gate| found < gate) { "  FAILS" } else { "" };
    println!("{name:<26}{part:>10}{all:>10}{found:>9.1}%{shown}{mark}");
}

fn name(test: Test) -> String {
    match test {
        Test::Grown(ticks) => format!("grown, tick {ticks}"),
        Test::Rotated(0) => "on a larger grid".to_owned(),
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
