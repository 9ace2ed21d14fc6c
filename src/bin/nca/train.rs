use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use bevy_nca::{
    rule::{Filter, Model, Output, ReadOptions, Target},
    train::{Budget, Ending, Mode, Run, TrainConfig, TrainDevice, Trainer},
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Result, eval, signals::Signals};

pub mod material;

#[derive(Args)]
pub struct Train {
    /// The picture, a PNG, preferably with a transparent background. Several pictures of the same size are the forms of one
    /// model, named after their files.
    #[arg(required_unless_present = "resume", value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The frames of the sheet are the forms of one model, named by their numbers from 1.
    #[arg(long, conflicts_with_all = ["material", "uv"])]
    forms: bool,
    /// The model to write, a `.nca` file.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// The length that the longer side is scaled to, 4 to 128 pixels, or `own` [default: its own, if it has at most 40
    /// pixels and its body 480 cells, or else the largest such size; with --colours, unscaled up to 64 pixels, else 40].
    #[arg(long, value_name = "N", value_parser = size)]
    size: Option<Size>,
    /// The filter that scales the picture [default: area for pixel art, which is scaled up by whole factors only; else
    /// lanczos].
    #[arg(long, value_enum, value_name = "FILTER")]
    filter: Option<Filter>,
    #[command(flatten)]
    sheet: crate::Sheet,
    /// Empty cells around the picture on each side [default: 8].
    #[arg(long, value_name = "N")]
    padding: Option<u32>,
    /// What the sprite learns [default: regenerate].
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Grow colors, as the article's sprites do, instead of coordinates that are looked up in the picture.
    #[arg(long, alias = "colors", conflicts_with = "from")]
    colours: bool,
    /// Train a material: a texture that tiles, from a picture of its structure. A picture of more than 128 pixels is scaled
    /// down.
    #[arg(long, conflicts_with_all = ["from", "colours", "padding", "mode", "minutes", "rounds", "full", "device", "config", "run_dir", "scratch"])]
    material: bool,
    /// Channels per cell, a multiple of 4 in 8..=32 [default: 16; with --material, 12].
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Width of the hidden layer, a multiple of 4 in 16..=256 [default: 64; with --colours, 128; with --material, 96].
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Training steps of a round [default: 5000, and half as much for each further form; with --colours, 10000; with
    /// --material, 2000].
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    iterations: Option<u32>,
    /// The maximum number of rounds: training continues until a model passes by a margin [default: 3; with --colours, 1].
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Training time in minutes, instead of a number of steps.
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,
    /// Disable the early stop, which ends training once every error of the scorecard is at most half of its gate.
    #[arg(long)]
    full: bool,
    /// The random seed of weights and noise [default: 0].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The device to train on [default: flex].
    #[arg(long, value_enum)]
    device: Option<TrainDevice>,
    /// A JSON file of settings; the other options take precedence.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for checkpoints, metrics and previews [default: MODEL with the extension .run].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Start from the weights of this model, a `.nca` file, and keep its channels and hidden width.
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["channels", "hidden"])]
    from: Option<PathBuf>,
    /// Start from random weights, instead of those of the slime. Only a body of coordinates with the default network that
    /// learns to regenerate starts from the slime.
    #[arg(long, conflicts_with = "from")]
    scratch: bool,
    /// Resume the run in this folder with its own settings. --iterations or --minutes set a new total budget, in one
    /// round, also for a finished run.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "images", "forms", "size", "filter", "frames", "tile", "uv", "colours", "padding", "mode", "channels", "hidden", "seed", "device", "config",
        "run_dir", "from", "scratch", "rounds", "material",
    ])]
    resume: Option<PathBuf>,
}

/// The size of the trained picture.
#[derive(Clone, Copy)]
enum Size {
    /// That of the file.
    Own,
    /// The length of the longer side.
    Pixels(u32),
}

fn size(text: &str) -> std::result::Result<Size, String> {
    match text.parse() {
        _ if text == "own" => Ok(Size::Own),
        Ok(pixels @ 4..=128) => Ok(Size::Pixels(pixels)),
        _ => Err("expected 4 to 128 pixels, or `own`".to_owned()),
    }
}

impl Train {
    pub fn run(&self) -> Result<ExitCode> {
        crate::prepare_output(&self.output)?;
        let mut notes = Vec::new();
        let mut run = match (&self.resume, &self.images[..]) {
            (Some(folder), _) => self.go_on(folder)?,
            (None, []) => return Err("expected a picture, or --resume".into()),
            (None, [image]) if self.material => return material::train(self, image),
            (None, _) if self.material => return Err("expected one picture of a material".into()),
            (None, images) => self.begin(images, &mut notes)?,
        };
        let signals = Signals::listen()?;

        eprintln!("{}: {}; the run is kept in {}", self.output.display(), plan(run.trainer())?, run.folder().display());
        notes.iter().for_each(|note| eprintln!("{note}"));
        let bar = bar(run.trainer());
        let tell = |line: String| if bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) };
        let (mut loss, mut round) = (None, run.trainer().round());
        let ending = run.train(|progress| {
            let step = progress.step;
            // A moving average over about 50 steps.
            let average = loss.map_or(step.loss, |loss| loss + (step.loss - loss) * 0.02);
            loss = Some(average);
            match progress.trainer.config().budget {
                Budget::Iterations(_) => bar.set_position(u64::from(step.iteration)),
                Budget::Minutes(_) => bar.set_position(progress.trainer.seconds() as u64),
            }
            let rate = f64::from(step.iteration) / progress.trainer.seconds();
            bar.set_message(format!("step {}, loss {average:.5}, {rate:.1} steps/s", step.iteration));
            if progress.trainer.round() > round {
                round = progress.trainer.round();
                bar.set_length(length(progress.trainer));
                tell(format!("no model passes by a margin yet: training continues, round {}", round + 1));
            }
            if progress.restarted {
                (loss, round) = (None, 0);
                bar.set_length(length(progress.trainer));
                let attempt = progress.trainer.attempt() + 1;
                let line = format!(
                    "nothing lives at step {}: restarted with a lower learning rate, attempt {attempt}",
                    step.iteration
                );
                tell(line);
            }
            if let Some(scorecard) = progress.scorecard {
                let verdict = if scorecard.passes() { "passes" } else { "does not pass yet" };
                let share = scorecard.worst_ratio();
                let line = format!(
                    "step {}: loss {average:.5}; worst error {share:.2} of its gate: {verdict}",
                    step.iteration
                );
                tell(line);
            }
            if signals.received().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        bar.finish_and_clear();
        let folder = run.folder().display();
        if ending == Ending::Interrupted {
            let output = self.output.display();
            let steps = run.trainer().iteration();
            match run.best() {
                Some(best) => {
                    best.model.write(&self.output)?;
                    let share = best.scorecard.worst_ratio();
                    println!("{output}: the best model so far; its worst error is {share:.2} of its gate");
                }
                None if self.output.exists() => {
                    println!("{output}: left as it was, since no model has been measured yet");
                }
                None => {
                    run.trainer().model()?.write(&self.output)?;
                    println!("{output}: the model of step {steps}; none has been measured yet");
                }
            }
            println!("stopped at step {steps}; to go on: nca train --resume {folder} -o {output}");
            return Ok(signals.exit_code());
        }
        let best = run.best().ok_or("the run has no model yet")?;
        best.model.write(&self.output)?;
        eval::print(&best.scorecard);
        eval::print_end(best.scorecard.passes());
        let minutes = run.trainer().seconds() / 60.0;
        println!(
            "{}: {} steps in {minutes:.1} minutes; see {folder}/final.gif",
            self.output.display(),
            run.trainer().iteration()
        );
        Ok(ExitCode::SUCCESS)
    }

    /// Resumes the run in a folder with its own settings, except for the budget and the early stop.
    fn go_on(&self, folder: &Path) -> Result<Run> {
        let mut run = Run::resume(folder)?;
        if self.full {
            run.forbid_early_stop()?;
        }
        if let Some(budget) = self.budget() {
            run.extend(budget)?;
        }
        Ok(run)
    }

    fn budget(&self) -> Option<Budget> {
        self.iterations.map(Budget::Iterations).or(self.minutes.map(Budget::Minutes))
    }

    /// Creates a run from the options and the config file, and notes what the user may not expect.
    fn begin(&self, images: &[PathBuf], notes: &mut Vec<String>) -> Result<Run> {
        let mut config = match &self.config {
            Some(path) => {
                let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
                let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
                serde_json::from_str(&text).map_err(|error| failed(&error))?
            }
            None => TrainConfig::default(),
        };
        if config.name.is_empty() {
            config.name = file_stem(&self.output);
        }
        if config.source.is_empty() {
            config.source = images.iter().map(|image| source(image)).collect::<Vec<_>>().join(", ");
        }
        let from = self.from.as_ref().map(Model::read).transpose()?;
        if self.colours && self.config.is_none() {
            config = TrainConfig { name: config.name, source: config.source, ..TrainConfig::colors() };
        }
        config.output = match &from {
            Some(model) if model.rule().output != Output::OpaqueCentered => model.rule().output,
            None if self.colours => Output::PremultipliedAlpha,
            _ => config.output,
        };
        config.padding = self.padding.unwrap_or(config.padding);
        config.channels = self.channels.unwrap_or(config.channels);
        config.hidden = self.hidden.unwrap_or(config.hidden);
        config.seed = self.seed.unwrap_or(config.seed);
        config.warm_start &= !self.scratch;
        config.early_stop &= !self.full;
        config.budget = self.budget().unwrap_or(config.budget);
        config.rounds = self.rounds.unwrap_or(config.rounds);
        config.mode = self.mode.unwrap_or(config.mode);
        config.device = self.device.unwrap_or(config.device);

        let targets = self.targets(images, &mut config, notes)?;
        if self.budget().is_none() && self.config.is_none() {
            config.budget = more_for_forms(config.budget, targets.len());
        }
        let folder = self.run_dir.clone().unwrap_or_else(|| self.output.with_extension("run"));
        match from {
            Some(model) => Ok(Run::create_from(folder, config, targets, &model)?),
            None => Ok(Run::create(folder, config, targets)?),
        }
    }
    /// Reads the pictures, names their forms, and notes what the user may not expect.
    fn targets(&self, images: &[PathBuf], config: &mut TrainConfig, notes: &mut Vec<String>) -> Result<Vec<Target>> {
        let size = match self.size {
            Some(Size::Pixels(pixels)) => Some(pixels),
            Some(Size::Own) | None => None,
        };
        let reading = ReadOptions { size, filter: self.filter.unwrap_or_default(), ..self.sheet.reading() };
        if images.len() > 1 || self.forms {
            return self.forms(images, reading, config);
        }
        let Some(image) = images.first() else { return Ok(Vec::new()) };
        let target = match (self.size, config.output) {
            (Some(Size::Own), _) => Target::read(image, reading)?,
            (_, Output::Coordinates) => Target::read_body(image, reading)?,
            _ => read_colors(image, reading, notes)?,
        };
        let side = target.width.max(target.height) as u32;
        if let Some(size) = size.filter(|size| side != *size) {
            notes.push(format!(
                "{}: scaled to {} x {} pixels, by a whole factor, since {size} is no multiple; --filter scales pixel art otherwise",
                image.display(),
                target.width,
                target.height
            ));
        }
        if target.is_opaque() {
            notes.push(format!(
                "{}: no pixel is transparent, so the sprite will be a full rectangle; to grow only the figure, make its background transparent",
                image.display()
            ));
        }
        Ok(vec![target])
    }

    /// Reads the pictures of forms, and scales all as their union.
    fn forms(&self, images: &[PathBuf], reading: ReadOptions, config: &mut TrainConfig) -> Result<Vec<Target>> {
        let mut pictures = Vec::new();
        if self.forms {
            for image in images {
                pictures.extend(Target::read_frames(image, reading.frames)?);
            }
            config.forms = (1..=pictures.len()).map(|number| number.to_string()).collect();
        } else {
            for image in images {
                let whole = ReadOptions { size: None, ..reading };
                pictures.push(Target::read(image, whole)?);
            }
            config.forms = images.iter().map(|image| file_stem(image)).collect();
        }
        let size = |picture: &Target| [picture.width, picture.height];
        if let Some((other, first)) = pictures.first().and_then(|first| {
            let other = pictures.iter().position(|picture| size(picture) != size(first))?;
            Some((other, first))
        }) {
            let ([w, h], [other_w, other_h]) = (size(first), size(&pictures[other]));
            return Err(format!("expected forms of the same size, found {w}x{h} and {other_w}x{other_h} pixels").into());
        }
        let union = Target::union(pictures.iter().cloned());
        let longest = union.width.max(union.height) as u32;
        let side = match (self.size, config.output) {
            (Some(Size::Own), _) => longest,
            (Some(Size::Pixels(pixels)), _) => pixels,
            (None, Output::Coordinates) => {
                let body = union.sized_for_body(None, reading.filter);
                body.width.max(body.height) as u32
            }
            (None, _) => {
                if longest > 64 {
                    40
                } else {
                    longest
                }
            }
        };
        let targets = pictures.iter().map(|picture| picture.sized_for_body(Some(side), reading.filter));
        let targets: Vec<Target> = targets.collect();
        match targets.iter().position(Target::is_transparent) {
            Some(empty) => {
                Err(format!("the form `{}`: every pixel is transparent, or nearly", config.forms[empty]).into())
            }
            None => Ok(targets),
        }
    }
}

/// A budget for so many forms: each but the first takes half as long again as one alone.
fn more_for_forms(budget: Budget, forms: usize) -> Budget {
    match budget {
        Budget::Iterations(iterations) => Budget::Iterations(iterations * (forms as u32 + 1) / 2),
        minutes => minutes,
    }
}

/// The name of a model that is written to this file.
fn file_stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a model calls its picture.
fn source(image: &Path) -> String {
    image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Reads a picture for a body of colors, and scales a large one.
fn read_colors(image: &Path, reading: ReadOptions, notes: &mut Vec<String>) -> Result<Target> {
    let target = Target::read(image, reading)?;
    if reading.size.is_none() && target.width.max(target.height) > 64 {
        notes.push(format!("{}: scaled down to 40 pixels; --size sets another size", image.display()));
        return Ok(Target::read(image, ReadOptions { size: Some(40), ..reading })?);
    }
    Ok(target)
}

/// What a run makes, and how long it takes.
fn plan(trainer: &Trainer) -> Result<String> {
    let model = trainer.model()?;
    let (rule, target) = (model.rule(), trainer.target());
    let living = trainer.targets().iter().map(|target| target.living_cells(rule)).max().unwrap_or_default();
    let forms = match trainer.targets().len() {
        1 => ",".to_owned(),
        forms => format!(" in {forms} forms, up to"),
    };
    let (of, pixels) = match rule.output {
        Output::Coordinates => {
            ("a body of coordinates", format!("{}x{} pixels of its picture", target.width, target.height))
        }
        _ => ("a body of colors", format!("{}x{} pixels", target.width, target.height)),
    };
    let time = |seconds: f64| match seconds / 60.0 {
        ..1.0 => "less than a minute".to_owned(),
        ..1.5 => "about a minute".to_owned(),
        minutes => format!("about {minutes:.0} minutes"),
    };
    let [this, later] = trainer.estimate();
    let weights = if trainer.config().is_warm() { " from the weights of the slime" } else { "" };
    let early = if trainer.config().early_stop { ", or less if it learns faster" } else { "" };
    let late = match trainer.rounds_left() {
        0 => String::new(),
        _ => format!("; if it learns slowly, {}", time(this + later)),
    };
    let time = time(this);
    Ok(format!("{of}{forms} {living} cells for {pixels}{weights}; {time}{early}{late}"))
}

/// The length of the progress bar: the steps of all rounds so far, or the seconds.
fn length(trainer: &Trainer) -> u64 {
    match trainer.config().budget {
        Budget::Iterations(iterations) => u64::from(iterations) * u64::from(trainer.round() + 1),
        Budget::Minutes(minutes) => (minutes * 60.0) as u64,
    }
}

fn bar(trainer: &Trainer) -> ProgressBar {
    let position = match trainer.config().budget {
        Budget::Iterations(_) => u64::from(trainer.iteration()),
        Budget::Minutes(_) => trainer.seconds() as u64,
    };
    let bar = ProgressBar::new(length(trainer)).with_position(position);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent}% {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar
}
