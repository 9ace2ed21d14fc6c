//! A training run in a folder: what is kept, what can be looked at, and how to go on.

use std::{
    fs,
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};

use super::{Budget, Step, TrainConfig, TrainError, Trainer, preview};
use crate::{
    rule::{Model, Target, shorten, write_atomic},
    scorecard::Scorecard,
};

/// The share of every gate at which training stops early.
const EARLY_STOP: f32 = 0.5;

/// A training run in a folder.
///
/// | file | what it is |
/// | --- | --- |
/// | `config.json` | the [`TrainConfig`] |
/// | `checkpoint.safetensors` | all that is needed to go on: weights, optimiser, pool, iteration |
/// | `best.nca` | the model with the best scorecard so far |
/// | `metrics.jsonl` | a line for each step and each scorecard |
/// | `previews/` | strips of frames: growth and repair, and the last step's samples |
/// | `loss.svg`, `final.gif` | the loss over the iterations; the best model, grown and wounded |
///
/// The checkpoint and the model are replaced as a whole, so a run may be killed at any time, and
/// loses what came after its last checkpoint. A file `lock` keeps other processes out meanwhile.
pub struct Run {
    folder: PathBuf,
    /// Held, so that no other process writes here too.
    _lock: fs::File,
    trainer: Trainer,
    metrics: BufWriter<fs::File>,
    losses: Vec<(u32, f32)>,
    best: Option<Best>,
    /// The step that was measured last.
    scored: Option<u32>,
}

/// The best model of a run so far.
#[derive(Clone, Debug)]
pub struct Best {
    /// The model.
    pub model: Model,
    /// Its measurements.
    pub scorecard: Scorecard,
}

/// What a step of a run brought.
pub struct Progress<'a> {
    /// The step.
    pub step: Step,
    /// The trainer after it.
    pub trainer: &'a Trainer,
    /// The model's measurements, at steps where they were taken.
    pub scorecard: Option<&'a Scorecard>,
    /// Nothing had grown, and training has begun anew.
    pub begun_anew: bool,
}

/// Why a run came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The budget is used up.
    Complete,
    /// Every gate of the scorecard is met by half.
    Early,
    /// The caller asked for it; the run can be [resumed](Run::resume).
    Interrupted,
}

/// What of a line of the metrics is read again.
#[derive(Deserialize)]
struct Line {
    iteration: u32,
    loss: Option<f32>,
    scorecard: Option<IgnoredAny>,
}

impl Run {
    /// A new run; the folder is made if it is not there.
    ///
    /// # Errors
    /// As [`Trainer::new`]; [`TrainError::Occupied`] if there is a run in the folder already, and
    /// [`TrainError::Locked`] if it is under way.
    pub fn create(folder: impl Into<PathBuf>, config: TrainConfig, target: Target) -> Result<Self, TrainError> {
        Self::begin(folder.into(), Trainer::new(config, target)?)
    }

    /// A new run that begins with the weights of a model; see [`Trainer::from_model`].
    ///
    /// # Errors
    /// As [`Run::create`] and [`Trainer::from_model`].
    pub fn create_from(
        folder: impl Into<PathBuf>,
        config: TrainConfig,
        target: Target,
        model: &Model,
    ) -> Result<Self, TrainError> {
        Self::begin(folder.into(), Trainer::from_model(config, target, model)?)
    }

    fn begin(folder: PathBuf, trainer: Trainer) -> Result<Self, TrainError> {
        check_folder(&folder)?;
        let lock = lock(&folder)?;
        remove(&folder.join(BEST))?;
        let path = folder.join(METRICS);
        write(&path, b"")?;
        let metrics = append(&path)?;
        let mut run = Self { folder, _lock: lock, trainer, metrics, losses: Vec::new(), best: None, scored: None };
        run.save_config()?;
        run.save()?;
        Ok(run)
    }

    /// Lets a run go on for longer, also one that has come to its end: to so many iterations or minutes in all. The
    /// learning rate follows the new budget, and so rises again. A run that has stopped early does not do so again.
    ///
    /// # Errors
    /// [`TrainError::Budget`], if so much is used up already; files that cannot be written.
    pub fn extend(&mut self, budget: Budget) -> Result<(), TrainError> {
        self.trainer.set_budget(budget)?;
        if self.may_stop_early() {
            self.trainer.forbid_early_stop();
        }
        self.save_config()?;
        self.save()
    }

    /// Lets a run go on to the end of its budget, whatever the scorecard says.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn forbid_early_stop(&mut self) -> Result<(), TrainError> {
        self.trainer.forbid_early_stop();
        self.save_config()?;
        self.save()
    }

    fn may_stop_early(&self) -> bool {
        let is_enough = |best: &Best| best.scorecard.strain() <= EARLY_STOP;
        self.trainer.config().early_stop && self.best.as_ref().is_some_and(is_enough)
    }

    /// Goes on with the run in a folder, from its last checkpoint.
    ///
    /// # Errors
    /// A checkpoint that is missing or not whole, files that cannot be written, or
    /// [`TrainError::Locked`] if another process goes on with it already.
    pub fn resume(folder: impl Into<PathBuf>) -> Result<Self, TrainError> {
        let folder = folder.into();
        let path = folder.join(CHECKPOINT);
        fs::metadata(&path).map_err(TrainError::at(&path))?;
        let lock = lock(&folder)?;
        let bytes = fs::read(&path).map_err(TrainError::at(&path))?;
        let trainer = Trainer::restore(&bytes).map_err(|error| match error {
            TrainError::Checkpoint(what) => TrainError::Checkpoint(format!("{}: {what}", path.display())),
            error => error,
        })?;
        // What came after the checkpoint will come again.
        let path = folder.join(METRICS);
        let old = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(TrainError::at(&path))?,
        };
        let old = String::from_utf8_lossy(&old);
        let (mut kept, mut losses, mut scored) = (String::new(), Vec::new(), None);
        for text in old.lines() {
            match serde_json::from_str::<Line>(text) {
                Ok(line) if line.iteration <= trainer.iteration() => {
                    losses.extend(line.loss.map(|loss| (line.iteration, loss)));
                    scored = line.scorecard.map(|_| line.iteration).or(scored);
                    kept.push_str(text);
                    kept.push('\n');
                }
                _ => {}
            }
        }
        write(&path, kept.as_bytes())?;
        let metrics = append(&path)?;
        let mut best = None;
        if folder.join(BEST).exists() {
            let model = Model::read(folder.join(BEST))?;
            // One from after the checkpoint will come again, but by the clock, by which no two runs are the same.
            let will_come_again = matches!(trainer.config().budget, Budget::Iterations(_))
                && model.rule().extra.get(STEPS).and_then(|steps| steps.as_u64()) > Some(trainer.iteration().into());
            if !will_come_again {
                let scorecard = Scorecard::of(&model, trainer.target());
                best = Some(Best { model, scorecard });
            }
        }
        Ok(Self { folder, _lock: lock, trainer, metrics, losses, best, scored })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The best model so far, if one was measured.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Trains to the end. `watch` sees every step, and may break off.
    ///
    /// # Errors
    /// [`TrainError::Diverged`], or files that cannot be written; the last checkpoint stays.
    pub fn train(&mut self, mut watch: impl FnMut(Progress) -> ControlFlow<()>) -> Result<Ending, TrainError> {
        loop {
            let early = self.may_stop_early();
            if early || self.trainer.progress() >= 1.0 {
                self.finish()?;
                return Ok(if early { Ending::Early } else { Ending::Complete });
            }
            let step = self.trainer.step()?;
            self.losses.push((step.iteration, step.loss));
            self.note(&step)?;
            if self.trainer.is_stuck() {
                self.begin_anew()?;
                let progress = Progress { step, trainer: &self.trainer, scorecard: None, begun_anew: true };
                if watch(progress).is_break() {
                    return Ok(Ending::Interrupted);
                }
                continue;
            }
            let over = self.trainer.progress() >= 1.0;
            let config = self.trainer.config();
            let due = |every: u32| over || step.iteration.is_multiple_of(every);
            let score_every = match self.trainer.progress() {
                ..0.8 => config.score_every,
                _ => config.score_every.div_ceil(4),
            };
            let (score, look, save) = (due(score_every), due(config.preview_every), due(config.checkpoint_every));
            let scorecard = if score { Some(self.score()?) } else { None };
            if look {
                let path = self.folder.join(PREVIEWS).join(format!("{:06}.png", step.iteration));
                preview::write_strip(&path, &self.trainer.model()?, self.trainer.target(), self.trainer.last_batch())?;
                preview::write_plot(&self.folder.join(PLOT), &self.losses)?;
            }
            let go_on =
                watch(Progress { step, trainer: &self.trainer, scorecard: scorecard.as_ref(), begun_anew: false });
            if save || go_on.is_break() {
                self.save()?;
            }
            if go_on.is_break() {
                return Ok(Ending::Interrupted);
            }
        }
    }

    /// Begins anew; what was noted of the attempt that failed goes.
    fn begin_anew(&mut self) -> Result<(), TrainError> {
        self.trainer.begin_anew()?;
        (self.best, self.scored) = (None, None);
        self.losses.clear();
        remove(&self.folder.join(BEST))?;
        let previews = self.folder.join(PREVIEWS);
        fs::remove_dir_all(&previews).and_then(|()| fs::create_dir(&previews)).map_err(TrainError::at(&previews))?;
        self.save()?;
        let path = self.folder.join(METRICS);
        write(&path, b"")?;
        self.metrics = append(&path)?;
        Ok(())
    }

    /// Measures the model, and keeps it if it is the best so far.
    fn score(&mut self) -> Result<Scorecard, TrainError> {
        let steps = self.trainer.iteration();
        let model = self.trainer.model()?.with_rule(|rule| {
            rule.extra.insert(STEPS.to_owned(), steps.into());
        })?;
        let scorecard = Scorecard::of(&model, self.trainer.target());
        self.scored = Some(steps);
        self.note(&serde_json::json!({ "iteration": self.trainer.iteration(), "scorecard": &scorecard }))?;
        if self.best.as_ref().is_none_or(|best| scorecard.strain() < best.scorecard.strain()) {
            model.write(self.folder.join(BEST))?;
            self.best = Some(Best { model, scorecard: scorecard.clone() });
        }
        Ok(scorecard)
    }

    fn note(&mut self, line: &impl serde::Serialize) -> Result<(), TrainError> {
        let json = serde_json::to_string(line).map_err(io::Error::from);
        json.and_then(|json| writeln!(self.metrics, "{json}")).map_err(TrainError::at(self.folder.join(METRICS)))
    }

    fn save_config(&self) -> Result<(), TrainError> {
        let path = self.folder.join(CONFIG);
        let config = serde_json::to_vec_pretty(self.trainer.config());
        write(&path, &config.map_err(|error| TrainError::at(&path)(error.into()))?)
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let flushed = self.metrics.flush().and_then(|()| self.metrics.get_ref().sync_data());
        flushed.map_err(TrainError::at(self.folder.join(METRICS)))?;
        write(&self.folder.join(CHECKPOINT), &self.trainer.checkpoint()?)
    }

    fn finish(&mut self) -> Result<(), TrainError> {
        // A clock may run out between two scorecards.
        if self.scored != Some(self.trainer.iteration()) {
            self.score()?;
        }
        self.save()?;
        preview::write_plot(&self.folder.join(PLOT), &self.losses)?;
        match &self.best {
            Some(best) => preview::write_film(&self.folder.join(FILM), &best.model, self.trainer.target()),
            None => Ok(()),
        }
    }
}

const CHECKPOINT: &str = "checkpoint.safetensors";
const CONFIG: &str = "config.json";
const METRICS: &str = "metrics.jsonl";
const BEST: &str = "best.nca";
/// The key of a model's file that says after how many steps it was taken.
const STEPS: &str = "trained_steps";
const PREVIEWS: &str = "previews";
const PLOT: &str = "loss.svg";
const FILM: &str = "final.gif";
const LOCK: &str = "lock";

/// All that a run writes into its folder.
const PARTS: [&str; 8] = [CONFIG, CHECKPOINT, BEST, METRICS, PREVIEWS, PLOT, FILM, LOCK];

/// Whether a folder is new, or has only what a run writes that got nowhere: no other files are deleted or overwritten.
fn check_folder(folder: &Path) -> Result<(), TrainError> {
    if folder.join(CHECKPOINT).exists() {
        return Err(TrainError::Occupied(folder.to_owned()));
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(TrainError::at(folder))?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<io::Result<Vec<String>>>().map_err(TrainError::at(folder))?;
    // A run makes its lock before all else.
    let is_run = names.iter().any(|name| name == LOCK);
    let foreign = names.into_iter().filter(|name| !is_run || !PARTS.contains(&name.as_str())).min();
    match foreign {
        Some(found) => Err(TrainError::NotARun { folder: folder.to_owned(), found: shorten(found) }),
        None => Ok(()),
    }
}

/// Makes the folder, and keeps others out of it until the file is closed, be it by a kill.
fn lock(folder: &Path) -> Result<fs::File, TrainError> {
    fs::create_dir_all(folder).map_err(TrainError::at(folder))?;
    let path = folder.join(LOCK);
    let file = fs::File::create(&path).map_err(TrainError::at(&path))?;
    let previews = folder.join(PREVIEWS);
    fs::create_dir_all(&previews).map_err(TrainError::at(&previews))?;
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(TrainError::Locked(folder.to_owned())),
        // Some network drives know no locks.
        Err(fs::TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
            Err(TrainError::at(path)(error))
        }
        _ => Ok(file),
    }
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> Result<(), TrainError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TrainError::at(path)(error)),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    write_atomic(path, bytes).map_err(TrainError::at(path))
}

fn append(path: &Path) -> Result<BufWriter<fs::File>, TrainError> {
    fs::OpenOptions::new().append(true).open(path).map(BufWriter::new).map_err(TrainError::at(path))
}
