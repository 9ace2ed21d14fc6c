//! The studio on a desktop: files, and a thread that trains and sends the model every few steps.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bevy::prelude::*;
use bevy_nca::{
    rule::{Model, Target},
    train::{Ending, Run, TrainConfig},
};

use crate::{
    learn::{Learning, News},
    offscreen, open,
};

/// Training steps between two models that are shown.
const SHOW_EVERY: u32 = 20;
/// The file in the run's folder that training resumes from.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// The longest that a closing window waits for the trainer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happened instead, if no window can be opened.
pub fn instead() -> Option<AppExit> {
    offscreen::no_window().map(|why| offscreen::show("models/slime.nca", "studio.gif", why))
}

/// Opens the file that the command line names, and those that are dropped.
pub fn plugin(app: &mut App) {
    app.add_systems(PostStartup, |mut commands: Commands| {
        if let Some(path) = std::env::args_os().nth(1) {
            commands.queue(move |world: &mut World| read(world, &PathBuf::from(path)));
        }
    })
    .add_systems(Update, drop_files)
    .add_systems(Last, stop_on_exit);
}

fn drop_files(mut commands: Commands, mut drops: MessageReader<FileDragAndDrop>) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let path = path_buf.clone();
            commands.queue(move |world: &mut World| read(world, &path));
        }
    }
}

fn read(world: &mut World, path: &Path) {
    open(world, path, || std::fs::read(path));
}

/// Writes a model beside its picture, under a name that is free. Returns a message.
pub fn save(picture: &Path, model: &Model) -> String {
    let numbered = |number: u32| picture.with_extension(format!("{number}.nca"));
    let mut paths = std::iter::once(picture.with_extension("nca")).chain((1..).map(numbered));
    let path = paths.find(|path| !path.exists()).unwrap_or_default();
    match model.write(&path) {
        Ok(()) => format!("wrote {}", path.display()),
        Err(error) => error.to_string(),
    }
}

/// The folder of a picture's run, beside it.
fn folder(picture: &Path) -> PathBuf {
    picture.with_extension("run")
}

/// Whether there is a run of a picture to resume.
pub fn has_run(picture: &Path) -> bool {
    folder(picture).join(CHECKPOINT).exists()
}

/// Renames the folder of a picture's run, so that the next run starts from scratch. Returns a message.
pub fn put_aside(picture: &Path) -> String {
    let folder = folder(picture);
    let numbered = |number: u32| folder.with_extension(format!("{number}.run"));
    let aside = (1..).map(numbered).find(|aside| !aside.exists()).unwrap_or_default();
    match std::fs::rename(&folder, &aside) {
        Ok(()) => format!("the run is now {}", aside.display()),
        Err(error) => format!("{}: {error}", folder.display()),
    }
}

/// The trainer's thread.
pub struct Worker {
    stop: Arc<AtomicBool>,
    news: Mutex<Receiver<News>>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a run of a picture, or resumes the one that was stopped.
    pub fn start(picture: &Path, config: TrainConfig, target: Target) -> Self {
        let (folder, (sender, news)) = (folder(picture), channel());
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let told = train(&folder, config, target, &sender, &asked).unwrap_or_else(|error| error);
            // The window may be closed.
            let _ = sender.send(News::Ended(told));
        });
        Self { stop, news: news.into(), thread }
    }

    /// What it has told since it was asked last.
    pub fn news(&mut self) -> Vec<News> {
        // Check this before the messages are received, so that the last ones are not missed.
        let finished = self.thread.is_finished();
        let mut news: Vec<News> = self.news.get_mut().map(|news| news.try_iter().collect()).unwrap_or_default();
        if finished && !matches!(news.last(), Some(News::Ended(_))) {
            let told = "the trainer panicked; its last checkpoint is in the run's folder";
            news.push(News::Ended(told.to_owned()));
        }
        news
    }

    /// Asks it to write a checkpoint and to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Trains until the run is complete, or until `stop` is set; then it writes a checkpoint.
fn train(
    folder: &Path,
    config: TrainConfig,
    target: Target,
    news: &Sender<News>,
    stop: &AtomicBool,
) -> Result<String, String> {
    let mut run = match folder.join(CHECKPOINT).exists() {
        true => Run::resume(folder),
        false => Run::create(folder, config, target.clone()),
    }
    .map_err(|error| error.to_string())?;
    if *run.trainer().target() != target {
        return Err(format!("{} is the run of another picture; move it away", folder.display()));
    }
    // Leave one core for the window.
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores.saturating_sub(1).max(1)).build();
    let ending = pool.map_err(|error| error.to_string())?.install(|| {
        run.train(|progress| {
            let (trainer, step) = (progress.trainer, &progress.step);
            let mut told = news.send(News::Step {
                iteration: step.iteration,
                loss: step.loss,
                progress: trainer.progress(),
                round: trainer.round(),
            });
            if step.iteration % SHOW_EVERY == 0
                && let Ok(model) = trainer.model()
            {
                told = news.send(News::Model(model.into()));
            }
            match stop.load(Ordering::Relaxed) || told.is_err() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
    });
    let steps = run.trainer().iteration();
    match ending.map_err(|error| error.to_string())? {
        Ending::Interrupted => Ok(format!("stopped at step {steps}; Resume goes on from there")),
        Ending::Complete | Ending::Early => {
            let best = run.best().ok_or("the run has no model")?;
            // If the receiver is gone, the model is still in the folder.
            let _ = news.send(News::Model(best.model.clone().into()));
            let verdict = if best.scorecard.passes() { "passes" } else { "does not pass" };
            Ok(format!("done after {steps} steps: the model {verdict} its scorecard"))
        }
    }
}

/// When the app exits, stops training and waits for its checkpoint.
fn stop_on_exit(mut exits: MessageReader<AppExit>, mut learning: ResMut<Learning>) {
    if exits.read().next().is_some()
        && let Some(worker) = learning.worker.take()
    {
        worker.stop();
        let asked = Instant::now();
        while !worker.thread.is_finished() && asked.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
    }
}
