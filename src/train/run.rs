//! A training run in a folder: its files, the training loop, and how to resume it.

use std::{
    fs,
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};

use super::{Budget, Mode, Step, Targets, TrainConfig, TrainError, Trainer, preview};
use crate::{
    rule::{Model, truncate_and_escape, write_atomic},
    scorecard::Scorecard,
};

/// Training stops early, or after its round, when every error is at most this share of its gate. The model should then
/// also pass with other noise and other wounds than those of the run.
const ENOUGH: f32 = 0.5;
/// Wounds of the storm in a scorecard of a run.
const STORM: u32 = 128;
/// Its random seed: `nca eval` measures other wounds than those by which the run selects its model.
const STORM_SEED: u32 = 0x5EED;
/// The seed of a second storm.
const OTHER_STORM_SEED: u32 = 0xF00D;

/// A training run in a folder.
///
/// | file | contents |
/// | --- | --- |
/// | `config.json` | the [`TrainConfig`] |
/// | `checkpoint.safetensors` | the state to resume from: weights, optimizer, pool, iteration |
/// | `best.nca` | the model with the best scorecard so far |
/// | `metrics.jsonl` | a line for each step and each scorecard |
/// | `previews/` | strips of frames: growth and repair, and the last step's samples |
/// | `loss.svg` | the loss over the iterations |
/// | `final.gif` | the best model as it grows, is wounded and heals |
/// | `lock` | locked while a process trains in the folder |
///
/// The checkpoint and the model are replaced atomically. A run can be killed at any time and loses only the
/// progress since its last checkpoint.
pub struct Run {
    folder: PathBuf,
    /// Keeps other processes out of the folder.
    _lock: fs::File,
    trainer: Trainer,
    metrics: BufWriter<fs::File>,
    losses: Vec<(u32, f32)>,
    best: Option<Best>,
    /// The step of the last scorecard.
    scored: Option<u32>,
}

/// The best model of a run so far.
#[derive(Clone, Debug)]
pub struct Best {
    /// The model.
    pub model: Model,
    /// Its scorecard.
    pub scorecard: Scorecard,
}

/// The report of one step, for the callback of [`Run::train`].
pub struct Progress<'a> {
    /// The step.
    pub step: Step,
    /// The trainer after the step.
    pub trainer: &'a Trainer,
    /// The scorecard, at steps that measure the model.
    pub scorecard: Option<&'a Scorecard>,
    /// Whether nothing lived, and training started again.
    pub restarted: bool,
}

/// Why [`Run::train`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The budget is used up.
    Complete,
    /// Every error of the scorecard is at most half of its gate.
    Early,
    /// The callback stopped the run, which can be [resumed](Run::resume).
    Interrupted,
}

/// The fields of a metrics line that [`Run::resume`] reads.
#[derive(Deserialize)]
struct Line {
    iteration: u32,
    loss: Option<f32>,
    scorecard: Option<IgnoredAny>,
}

impl Run {
    /// Creates a run, and the folder if it does not exist.
    ///
    /// # Errors
    /// - Those of [`Trainer::new`].
    /// - [`TrainError::Occupied`] if the folder already contains a run.
    /// - [`TrainError::NotARun`] if the folder contains other files.
    /// - [`TrainError::Locked`] if another process is training in the folder.
    /// - [`TrainError::Io`] if a file cannot be written.
    pub fn create(
        folder: impl Into<PathBuf>,
        config: TrainConfig,
        targets: impl Into<Targets>,
    ) -> Result<Self, TrainError> {
        Self::begin(folder.into(), Trainer::new(config, targets)?)
    }

    /// Creates a run that starts from the weights of a model; see [`Trainer::from_model`].
    ///
    /// # Errors
    /// Those of [`Run::create`] and [`Trainer::from_model`].
    pub fn create_from(
        folder: impl Into<PathBuf>,
        config: TrainConfig,
        targets: impl Into<Targets>,
        model: &Model,
    ) -> Result<Self, TrainError> {
        Self::begin(folder.into(), Trainer::from_model(config, targets, model)?)
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

    /// Sets a larger total budget, in iterations or minutes, in one round. This also works for a finished run. The
    /// learning rate follows the new budget, so it rises again. A run that has stopped early does not stop early again.
    ///
    /// # Errors
    /// - [`TrainError::Budget`] if the new budget is already used up.
    /// - [`TrainError::Config`] if the new budget is out of range.
    /// - [`TrainError::Io`] if a file cannot be written.
    pub fn extend(&mut self, budget: Budget) -> Result<(), TrainError> {
        self.trainer.set_budget(budget)?;
        if self.may_stop_early() {
            self.trainer.forbid_early_stop();
        }
        self.save_config()?;
        self.save()
    }

    /// Disables the early stop: the run continues to the end of its budget.
    ///
    /// # Errors
    /// [`TrainError::Io`] if a file cannot be written.
    pub fn forbid_early_stop(&mut self) -> Result<(), TrainError> {
        self.trainer.forbid_early_stop();
        self.save_config()?;
        self.save()
    }

    fn may_stop_early(&self) -> bool {
        self.trainer.config().early_stop && self.is_enough()
    }

    fn is_enough(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.scorecard.worst_ratio() <= ENOUGH)
    }

    /// Resumes the run in a folder from its last checkpoint.
    ///
    /// # Errors
    /// - [`TrainError::Checkpoint`] if the checkpoint is damaged.
    /// - [`TrainError::Locked`] if another process is training in the folder.
    /// - [`TrainError::Model`] if the best model cannot be read.
    /// - [`TrainError::Io`] if the checkpoint is missing, or a file cannot be read or written.
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
        // Drop the steps after the checkpoint: they run again.
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
            // Drop a model from after the checkpoint, which the run reproduces. A run by the clock does not.
            let extra = |key| model.rule().extra.get(key).and_then(|count| count.as_u64());
            let is_of_this_attempt = extra(ATTEMPT).unwrap_or(0) == u64::from(trainer.attempt());
            let will_come_again = matches!(trainer.config().budget, Budget::Iterations(_))
                && is_of_this_attempt
                && extra(STEPS) > Some(trainer.iteration().into());
            if !will_come_again {
                best = Some(model);
            }
        }
        let mut run = Self { folder, _lock: lock, trainer, metrics, losses, best: None, scored };
        run.best = best.map(|model| Best { scorecard: run.measure(&model), model });
        Ok(run)
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

    /// Trains until the budget is used up or the run stops early, in several [rounds](TrainConfig::rounds) if necessary.
    /// `watch` is called after every step and can break.
    ///
    /// # Errors
    /// [`TrainError::Diverged`], [`TrainError::NeverGrows`], or a file that cannot be written. The last checkpoint
    /// remains.
    pub fn train(&mut self, mut watch: impl FnMut(Progress) -> ControlFlow<()>) -> Result<Ending, TrainError> {
        loop {
            let early = self.may_stop_early();
            if early || self.trainer.progress() >= 1.0 {
                if !early && !self.is_enough() && self.trainer.next_round() {
                    self.save()?;
                    continue;
                }
                self.finish()?;
                return Ok(if early { Ending::Early } else { Ending::Complete });
            }
            let step = self.trainer.step()?;
            self.losses.push((step.iteration, step.loss));
            self.note(&step)?;
            if self.trainer.is_stuck() {
                // A rule that forgets how to grow after it has passed is done.
                if self.best.as_ref().is_some_and(|best| best.scorecard.passes()) {
                    self.finish()?;
                    return Ok(Ending::Complete);
                }
                self.restart()?;
                let progress = Progress { step, trainer: &self.trainer, scorecard: None, restarted: true };
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
                let batch = self.trainer.last_forms();
                preview::write_strip(&path, &self.trainer.model()?, self.trainer.target(), &batch)?;
                preview::write_plot(&self.folder.join(PLOT), &self.losses)?;
            }
            let go_on =
                watch(Progress { step, trainer: &self.trainer, scorecard: scorecard.as_ref(), restarted: false });
            if save || go_on.is_break() {
                self.save()?;
            }
            if go_on.is_break() {
                return Ok(Ending::Interrupted);
            }
        }
    }

    /// Starts again. The best model remains; the other files of the failed attempt are deleted.
    fn restart(&mut self) -> Result<(), TrainError> {
        self.trainer.restart()?;
        self.scored = None;
        self.losses.clear();
        let previews = self.folder.join(PREVIEWS);
        fs::remove_dir_all(&previews).and_then(|()| fs::create_dir(&previews)).map_err(TrainError::at(&previews))?;
        self.save()?;
        let path = self.folder.join(METRICS);
        write(&path, b"")?;
        self.metrics = append(&path)?;
        Ok(())
    }

    /// Measures the model, and writes it if it is the best so far.
    fn score(&mut self) -> Result<Scorecard, TrainError> {
        let steps = self.trainer.iteration();
        let model = self.trainer.model()?.map_rule(|rule| {
            rule.extra.insert(STEPS.to_owned(), steps.into());
            if self.trainer.attempt() > 0 {
                rule.extra.insert(ATTEMPT.to_owned(), self.trainer.attempt().into());
            }
        })?;
        let scorecard = self.measure(&model);
        self.trainer.heed(&scorecard);
        self.scored = Some(steps);
        self.note(&serde_json::json!({ "iteration": self.trainer.iteration(), "scorecard": &scorecard }))?;
        if self.best.as_ref().is_none_or(|best| scorecard.worst_ratio() < best.scorecard.worst_ratio()) {
            model.write(self.folder.join(BEST))?;
            self.best = Some(Best { model, scorecard: scorecard.clone() });
        }
        Ok(scorecard)
    }

    fn measure(&self, model: &Model) -> Scorecard {
        let scorecard = Scorecard::of_forms(model, self.trainer.targets());
        // Without wounds in training, a storm has nothing to tell.
        if self.trainer.config().mode != Mode::Regenerate {
            return scorecard;
        }
        let storm = |seed| scorecard.clone().with_storms(model, self.trainer.targets(), STORM, seed);
        let first = storm(STORM_SEED);
        if first.worst_ratio() > ENOUGH {
            return first;
        }
        // Fragments of a few sprites may all heal by chance. Before training ends, others have to heal too.
        let second = storm(OTHER_STORM_SEED);
        if second.worst_ratio() > first.worst_ratio() { second } else { first }
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
        // A budget in minutes can end between two scorecards.
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
/// The metadata key of a model file for the number of steps it was trained for.
const STEPS: &str = "trained_steps";
/// The metadata key for the number of restarts before, if there were any.
const ATTEMPT: &str = "trained_attempt";
const PREVIEWS: &str = "previews";
const PLOT: &str = "loss.svg";
const FILM: &str = "final.gif";
const LOCK: &str = "lock";

/// Everything that a run writes into its folder.
const PARTS: [&str; 8] = [CONFIG, CHECKPOINT, BEST, METRICS, PREVIEWS, PLOT, FILM, LOCK];

/// Checks that a folder is missing, empty, or contains only the files of a run without a checkpoint. A new run
/// deletes and overwrites no other files.
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
    // A run creates its lock first.
    let is_run = names.iter().any(|name| name == LOCK);
    let foreign = names.into_iter().filter(|name| !is_run || !PARTS.contains(&name.as_str())).min();
    match foreign {
        Some(found) => Err(TrainError::NotARun { folder: folder.to_owned(), found: truncate_and_escape(found) }),
        None => Ok(()),
    }
}

/// Creates the folder and locks it until the returned file is closed. A killed process releases the lock too.
fn lock(folder: &Path) -> Result<fs::File, TrainError> {
    fs::create_dir_all(folder).map_err(TrainError::at(folder))?;
    let path = folder.join(LOCK);
    let file = fs::File::create(&path).map_err(TrainError::at(&path))?;
    let previews = folder.join(PREVIEWS);
    fs::create_dir_all(&previews).map_err(TrainError::at(&previews))?;
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(TrainError::Locked(folder.to_owned())),
        // Some network file systems do not support locks.
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
