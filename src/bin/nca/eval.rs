use std::{path::PathBuf, process::ExitCode};

use bevy_nca::{
    rule::{Filter, Model, ReadOptions, Target},
    scorecard::{FragmentEnd, SEEDS, Scorecard, Storm, Switch, Test, Wound},
};
use clap::Args;

use crate::Result;

/// The random seed of the storm.
const STORM_SEED: u32 = 1;

#[derive(Args)]
pub struct Eval {
    /// A `.nca` file.
    model: PathBuf,
    /// The picture to measure against, scaled to the size of the model's target if it has one, and
    /// centered in the grid [default: the model's target].
    #[arg(long, value_name = "IMAGE")]
    against: Option<PathBuf>,
    /// The number of random wounds of the storm; 0 omits it.
    #[arg(long, value_name = "WOUNDS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(..=100_000))]
    storm: u32,
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
        if self.against.is_none() && self.sheet.is_given() {
            return Err("--frames, --tile and --uv need --against".into());
        }
        #[cfg(feature = "train")]
        if let (None, Some(path)) = (model.rule().alive, &self.against) {
            return self.material(&model, path);
        }
        let read;
        let target = match (&self.against, model.target()) {
            (Some(path), trained) => {
                let size = trained.map(|target| target.width.max(target.height) as u32);
                read = Target::read(path, ReadOptions { size, filter: self.filter, ..self.sheet.reading() })?;
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
        let targets = match &self.against {
            Some(_) => std::slice::from_ref(target),
            None => model.targets(),
        };
        if self.against.is_some() && model.rule().forms.len() > 1 {
            return Err("--against is for a model with one form".into());
        }
        let mut scorecard = Scorecard::of_forms(&model, targets);
        if self.storm > 0 {
            scorecard = scorecard.with_storms(&model, targets, self.storm, STORM_SEED);
        }
        if self.json {
            let json = serde_json::json!({
                "model": self.model, "seeds": SEEDS, "passes": scorecard.passes(),
                "worst_ratio": scorecard.worst_ratio(), "measure": scorecard.measure(), "entries": scorecard.entries,
                "storm": scorecard.storm, "forms": scorecard.forms, "switches": scorecard.switches,
            });
            println!("{json:#}");
        } else {
            print(&scorecard);
        }
        Ok(if scorecard.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    println!("{}", if scorecard.passes() { "passes" } else { "does not pass" });
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
    let share = |part: usize, all: usize| 100.0 * part as f32 / all.max(1) as f32;
    println!("{:<26}{:>10}{:>10}{:>10}", "random wounds", "healed", "of", "share");
    let row = |name: &str, part: usize, all: usize, gate: Option<f32>| {
        let (found, gate) = (share(part, all), gate.map(|gate| 100.0 * gate));
        let shown = gate.map_or(String::new(), |gate| format!(", gate {gate:.0}%"));
        let mark = if gate.is_some_and(|gate| found < gate) { "  FAILS" } else { "" };
        println!("{name:<26}{part:>10}{all:>10}{found:>9.1}%{shown}{mark}");
    };
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
