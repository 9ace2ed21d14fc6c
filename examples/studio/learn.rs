//! Training in the studio. A separate thread trains, and sends the model every few steps.

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
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use bevy_nca::{
    prelude::*,
    rule::{Frames, Model, ReadOptions, State, Target, TargetError},
    train::{Budget, Ending, Run, TrainConfig},
};
use egui_plot::{Line, Plot, PlotPoints};

use crate::stage::Subject;

/// Training steps between two models that are shown.
const SHOW_EVERY: u32 = 20;
/// The file in the run's folder that training resumes from.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// The longest that a closing window waits for the trainer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A sprite in training restarts from its seed after this many ticks, to show how the latest model grows.
const RESTART_AFTER: u32 = 400;

pub struct LearnPlugin;

impl Plugin for LearnPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Learning>()
            .add_systems(Update, (hear, restart).chain())
            .add_systems(EguiPrimaryContextPass, panel)
            .add_systems(Last, stop_on_exit);
    }
}

/// The picture to train on, and the state of the training.
#[derive(Resource)]
pub struct Learning {
    picture: Option<Picture>,
    padding: u32,
    steps: u32,
    losses: Vec<[f64; 2]>,
    /// The share of the round's budget that is used, 0 to 1.
    progress: f64,
    /// The number of finished rounds.
    round: u32,
    worker: Option<Worker>,
    /// The latest model, and the asset that shows it.
    model: Option<Model>,
    handle: Option<Handle<NcaModel>>,
    /// A message for the user.
    pub message: String,
}

struct Picture {
    path: PathBuf,
    target: Target,
    texture: Option<egui::TextureHandle>,
}

/// The trainer's thread.
struct Worker {
    stop: Arc<AtomicBool>,
    news: Mutex<Receiver<News>>,
    thread: JoinHandle<()>,
}

enum News {
    Step {
        iteration: u32,
        loss: f32,
        progress: f64,
        round: u32,
    },
    Model(Box<Model>),
    /// A message for the user, when training ends.
    Told(String),
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            picture: None,
            padding: 8,
            steps: 5000,
            losses: Vec::new(),
            progress: 0.0,
            round: 0,
            worker: None,
            model: None,
            handle: None,
            message: String::new(),
        }
    }
}

impl Learning {
    /// Opens a picture to train on. Large pictures are scaled down. Returns its columns and rows of frames, and a note.
    pub fn open(&mut self, path: &Path) -> Result<([u32; 2], &'static str), String> {
        if self.worker.is_some() {
            return Err("something is being learned; stop that first".to_owned());
        }
        let mut reading = ReadOptions::default();
        let mut read = Target::read_body(path, reading);
        let mut counts = [1, 1];
        // For a sprite sheet, train on the union of its frames.
        if let Err(TargetError::Sheet { frames, .. }) = read {
            counts = frames;
            reading.frames = Some(Frames::Count(frames));
            read = Target::read_body(path, reading);
        }
        let target = read.map_err(|error| error.to_string())?;
        let note = if reading.frames.is_some() {
            "; it lives in a generic body, and its frames play; the union of them can be trained"
        } else if target.is_opaque() {
            "; it lives in a generic body; no pixel is transparent, so it will be a full rectangle"
        } else {
            "; it lives in a generic body, and can be trained"
        };
        self.picture = Some(Picture { path: path.to_owned(), target, texture: None });
        (self.losses, self.progress, self.round) = (Vec::new(), 0.0, 0);
        (self.model, self.handle) = (None, None);
        Ok((counts, note))
    }

    /// Whether there is a run to resume.
    fn can_resume(&self) -> bool {
        self.worker.is_none() && self.folder().is_some_and(|folder| folder.join(CHECKPOINT).exists())
    }

    /// Renames the run's folder, so that the next run starts from scratch.
    fn start_over(&mut self) {
        let Some(folder) = self.folder() else { return };
        let numbered = |number: u32| folder.with_extension(format!("{number}.run"));
        let aside = (1..).map(numbered).find(|aside| !aside.exists()).unwrap_or_default();
        self.message = match std::fs::rename(&folder, &aside) {
            Ok(()) => format!("the run is now {}", aside.display()),
            Err(error) => format!("{}: {error}", folder.display()),
        };
        (self.losses, self.progress, self.round) = (Vec::new(), 0.0, 0);
    }

    /// The run's folder, beside the picture.
    fn folder(&self) -> Option<PathBuf> {
        Some(self.picture.as_ref()?.path.with_extension("run"))
    }

    /// Starts a run, or resumes the one that was stopped.
    fn start(&mut self) {
        let (Some(picture), Some(folder)) = (&self.picture, self.folder()) else { return };
        let name = picture.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let config = TrainConfig {
            name,
            padding: self.padding,
            budget: Budget::Iterations(self.steps),
            source: picture.path.display().to_string(),
            ..TrainConfig::default()
        };
        let (target, (sender, news)) = (picture.target.clone(), channel());
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let told = train(&folder, config, target, &sender, &asked).unwrap_or_else(|error| error);
            // The window may be closed.
            let _ = sender.send(News::Told(told));
        });
        self.message = "learning".to_owned();
        // The first model that arrives makes the sprite on the stage show the training.
        self.handle = None;
        self.worker = Some(Worker { stop, news: news.into(), thread });
    }

    fn save(&mut self) {
        let (Some(picture), Some(model)) = (&self.picture, &self.model) else { return };
        let numbered = |number: u32| picture.path.with_extension(format!("{number}.nca"));
        let mut paths = std::iter::once(picture.path.with_extension("nca")).chain((1..).map(numbered));
        let path = paths.find(|path| !path.exists()).unwrap_or_default();
        self.message = match model.write(&path) {
            Ok(()) => format!("wrote {}", path.display()),
            Err(error) => error.to_string(),
        };
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

/// Shows what the training thread has sent.
fn hear(
    mut learning: ResMut<Learning>,
    mut models: ResMut<Assets<NcaModel>>,
    mut subjects: Query<&mut NcaTexture, With<Subject>>,
) {
    let learning = &mut *learning;
    let Some(worker) = &mut learning.worker else { return };
    // Check this before the messages are received, so that the last ones are not missed.
    let finished = worker.thread.is_finished();
    let news: Vec<News> = worker.news.get_mut().map(|news| news.try_iter().collect()).unwrap_or_default();
    if finished && learning.worker.take().is_some_and(|worker| worker.thread.join().is_err()) {
        learning.message = "the trainer panicked; its last checkpoint is in the run's folder".to_owned();
    }
    let mut model = None;
    for news in news {
        match news {
            News::Step { iteration, loss, progress, round } => {
                learning.losses.push([f64::from(iteration), f64::from(loss).max(1e-6).log10()]);
                (learning.progress, learning.round) = (progress, round);
            }
            News::Model(newer) => model = Some(*newer),
            News::Told(told) => learning.message = told,
        }
    }
    let Some(model) = model else { return };
    learning.model = Some(model.clone());
    match &learning.handle {
        // The cells stay, and continue with the new weights.
        Some(handle) => {
            if let Err(error) = models.insert(handle.id(), model.into()) {
                learning.message = error.to_string();
            }
        }
        None => {
            let handle = models.add(NcaModel::from(model));
            subjects.iter_mut().for_each(|mut texture| *texture = NcaTexture::new(handle.clone()));
            learning.handle = Some(handle);
        }
    }
}

/// While training runs, restarts the sprite from its seed if it is dead or old.
fn restart(
    mut commands: Commands,
    learning: Res<Learning>,
    models: Res<Assets<NcaModel>>,
    subjects: Query<(Entity, &NcaTexture, &NcaVitals), With<Subject>>,
) {
    let Some(handle) = learning.handle.as_ref().filter(|_| learning.worker.is_some()) else { return };
    let Some(model) = models.get(handle) else { return };
    let [width, height] = model.rule().grid.map(|side| side as usize);
    for (entity, texture, vitals) in &subjects {
        let over = vitals.tick >= RESTART_AFTER || (vitals.tick > 0 && vitals.condition == NcaCondition::Dead);
        if over && texture.model == *handle {
            let state = State::seed(model.rule(), width, height);
            commands.trigger(NcaWriteCells { entity, tick: 0, state });
        }
    }
}

fn panel(mut contexts: EguiContexts, mut learning: ResMut<Learning>) {
    let Ok(context) = contexts.ctx_mut() else { return };
    let learning = &mut *learning;
    let (busy, can_resume) = (learning.worker.is_some(), learning.can_resume());
    let place = egui::Align2::RIGHT_TOP;
    egui::Window::new("Train").anchor(place, [-12.0, 12.0]).default_width(260.0).show(context, |ui| {
        let Some(picture) = &mut learning.picture else {
            ui.label("Drop a PNG with a transparent background on the window, and train a sprite to grow it.");
            if !learning.message.is_empty() {
                ui.weak(&learning.message);
            }
            return;
        };
        let texture = picture.texture.get_or_insert_with(|| {
            let Target { width, height, rgba } = &picture.target;
            let image = egui::ColorImage::from_rgba_unmultiplied([*width, *height], rgba);
            ui.ctx().load_texture("target", image, egui::TextureOptions::NEAREST)
        });
        let size = egui::vec2(texture.size()[0] as f32, texture.size()[1] as f32);
        ui.vertical_centered(|ui| ui.image((texture.id(), size * (120.0 / size.max_elem()))));
        ui.add_enabled_ui(!busy && !can_resume, |ui| {
            ui.add(egui::Slider::new(&mut learning.steps, 500..=20_000).logarithmic(true).text("steps"));
            ui.add(egui::Slider::new(&mut learning.padding, 0..=24).text("padding"));
        });
        ui.horizontal(|ui| {
            match &learning.worker {
                Some(worker) => {
                    if ui.button("⏹ Stop").clicked() {
                        worker.stop.store(true, Ordering::Relaxed);
                    }
                }
                None => {
                    if ui.button(if can_resume { "▶ Resume" } else { "▶ Train" }).clicked() {
                        learning.start();
                    }
                    if can_resume && ui.button("Start over").clicked() {
                        learning.start_over();
                    }
                }
            }
            if ui.add_enabled(learning.model.is_some(), egui::Button::new("Save .nca")).clicked() {
                learning.save();
            }
        });
        let percent = (learning.progress * 100.0) as u32;
        let text = match learning.round {
            0 => format!("{percent}%"),
            round => format!("{percent}% of round {}", round + 1),
        };
        ui.add(egui::ProgressBar::new(learning.progress as f32).text(text));
        let curve = Line::new("loss", PlotPoints::from(smoothed(&learning.losses)));
        Plot::new("loss").height(140.0).allow_drag(false).allow_zoom(false).allow_scroll(false).show(ui, |plot| {
            plot.line(curve);
        });
        if let Some([step, loss]) = learning.losses.last() {
            ui.label(format!("step {step}, loss {:.5}; above, its log10", 10f64.powf(*loss)));
        }
        if !learning.message.is_empty() {
            ui.weak(&learning.message);
        }
    });
}

/// A moving average over about twenty steps.
fn smoothed(losses: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut average = None;
    let point = |[step, loss]: &[f64; 2]| {
        let now = average.map_or(*loss, |average| average + (loss - average) * 0.05);
        average = Some(now);
        [*step, now]
    };
    losses.iter().map(point).collect()
}

/// When the app exits, stops training and waits for its checkpoint.
fn stop_on_exit(mut exits: MessageReader<AppExit>, mut learning: ResMut<Learning>) {
    if exits.read().next().is_some()
        && let Some(worker) = learning.worker.take()
    {
        worker.stop.store(true, Ordering::Relaxed);
        let asked = Instant::now();
        while !worker.thread.is_finished() && asked.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
    }
}
