use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use bevy_nca::{
    rule::{Filter, Model, ReadOptions, Target},
    train::{Budget, Ending, Mode, Run, TrainConfig, TrainDevice, Trainer},
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Result, eval, signals::Signals};

#[derive(Args)]
pub struct Train {
    /// The picture, a PNG, preferably with a transparent background.
    #[arg(required_unless_present = "resume")]
    image: Option<PathBuf>,
    /// The model to write, a `.nca` file.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// The length that the longer side is scaled to, 4 to 128 pixels [default: unscaled up to 64 pixels, else 40].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=128))]
    size: Option<u32>,
    /// The filter that scales the picture [default: area for pixel art, which is scaled up by whole factors only; else
    /// lanczos].
    #[arg(long, value_enum, value_name = "FILTER")]
    filter: Option<Filter>,
    /// Columns and rows of a sprite sheet, e.g. 6x1; the sprite is the union of its frames. 1x1 means that the picture
    /// is not a sheet.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = crate::frames)]
    frames: Option<[u32; 2]>,
    /// Empty cells around the picture on each side [default: 8].
    #[arg(long, value_name = "N")]
    padding: Option<u32>,
    /// What the sprite learns [default: regenerate].
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Channels per cell, a multiple of 4 in 8..=32 [default: 16].
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Width of the hidden layer, a multiple of 4 in 16..=256 [default: 128].
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Training steps [default: 8500].
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    iterations: Option<u32>,
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
    /// Start from the weights of this model, a `.nca` file, and keep its channels and hidden width. If nothing grows,
    /// training starts again with other weights.
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["channels", "hidden"])]
    from: Option<PathBuf>,
    /// Resume the run in this folder with its own settings. --iterations or --minutes set a new total budget, also for
    /// a finished run.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "image", "size", "filter", "frames", "padding", "mode", "channels", "hidden", "seed", "device", "config",
        "run_dir", "from",
    ])]
    resume: Option<PathBuf>,
}

impl Train {
    pub fn run(&self) -> Result<ExitCode> {
        if self.output.extension().is_none_or(|extension| extension != "nca") {
            return Err(format!("{}: expected the extension .nca", self.output.display()).into());
        }
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut run = match (&self.resume, &self.image) {
            (Some(folder), _) => self.go_on(folder)?,
            (None, Some(image)) => self.begin(image)?,
            (None, None) => return Err("expected a picture, or --resume".into()),
        };
        let signals = Signals::listen()?;

        let [width, height] = run.trainer().model()?.rule().grid;
        eprintln!("{}: {width} x {height} cells; the run is kept in {}", self.output.display(), run.folder().display());
        let bar = bar(run.trainer());
        let tell = |line: String| if bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) };
        let mut loss = None;
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
            if progress.restarted {
                loss = None;
                let attempt = progress.trainer.attempt() + 1;
                let line = format!(
                    "nothing has grown by step {}: restarted with other weights, attempt {attempt}",
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

    /// Creates a run from the options and the config file.
    fn begin(&self, image: &Path) -> Result<Run> {
        let mut config = match &self.config {
            Some(path) => {
                let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
                let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
                serde_json::from_str(&text).map_err(|error| failed(&error))?
            }
            None => TrainConfig::default(),
        };
        let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if config.name.is_empty() {
            config.name = stem(&self.output);
        }
        if config.source.is_empty() {
            config.source = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        }
        config.padding = self.padding.unwrap_or(config.padding);
        config.channels = self.channels.unwrap_or(config.channels);
        config.hidden = self.hidden.unwrap_or(config.hidden);
        config.seed = self.seed.unwrap_or(config.seed);
        config.early_stop &= !self.full;
        config.budget = self.budget().unwrap_or(config.budget);
        config.mode = self.mode.unwrap_or(config.mode);
        config.device = self.device.unwrap_or(config.device);

        let mut reading = ReadOptions { size: self.size, filter: self.filter.unwrap_or_default(), frames: self.frames };
        let mut target = Target::read(image, reading)?;
        if self.size.is_none() && target.width.max(target.height) > 64 {
            eprintln!("{}: scaled down to 40 pixels; --size sets another size", image.display());
            reading.size = Some(40);
            target = Target::read(image, reading)?;
        }
        if let Some(size) = self.size.filter(|size| target.width.max(target.height) as u32 != *size) {
            eprintln!(
                "{}: scaled to {} x {} pixels, by a whole factor, since {size} is no multiple; --filter scales pixel art otherwise",
                image.display(),
                target.width,
                target.height
            );
        }
        if target.is_opaque() {
            eprintln!(
                "{}: no pixel is transparent, so the sprite will be a full rectangle; to grow only the figure, make its background transparent",
                image.display()
            );
        }
        let folder = self.run_dir.clone().unwrap_or_else(|| self.output.with_extension("run"));
        match &self.from {
            Some(model) => Ok(Run::create_from(folder, config, target, &Model::read(model)?)?),
            None => Ok(Run::create(folder, config, target)?),
        }
    }
}

fn bar(trainer: &Trainer) -> ProgressBar {
    let (length, position) = match trainer.config().budget {
        Budget::Iterations(iterations) => (u64::from(iterations), u64::from(trainer.iteration())),
        Budget::Minutes(minutes) => ((minutes * 60.0) as u64, trainer.seconds() as u64),
    };
    let bar = ProgressBar::new(length).with_position(position);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent}% {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar
}
