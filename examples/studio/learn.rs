//! Training in the studio: its panel, and the sprite that learns.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use bevy_nca::{
    prelude::*,
    rule::{Filter, Frames, Model, State, Target},
    train::{Budget, TrainConfig},
};
use egui_plot::{Line, Plot, PlotPoints};

use crate::{
    host::{self, Worker},
    stage::Subject,
};

/// A sprite in training restarts from its seed after this many ticks, to show how the latest model grows.
const RESTART_AFTER: u32 = 400;

pub struct LearnPlugin;

impl Plugin for LearnPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Learning>()
            .add_systems(Update, (hear, restart).chain())
            .add_systems(EguiPrimaryContextPass, panel);
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
    pub worker: Option<Worker>,
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

/// What the trainer tells.
pub enum News {
    Step {
        iteration: u32,
        loss: f32,
        progress: f64,
        round: u32,
    },
    Model(Box<Model>),
    /// It has ended. A message for the user.
    Ended(String),
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
    pub fn open(&mut self, path: &Path, picture: Target) -> Result<([u32; 2], &'static str), String> {
        if self.worker.is_some() {
            return Err("something is being learned; stop that first".to_owned());
        }
        let counts = Frames::detect(&picture).unwrap_or([1, 1]);
        // For a sprite sheet, train on the union of its frames.
        let mut frames = Frames::Count(counts).cut(&picture).unwrap_or_else(|| vec![picture]);
        let note = if frames.len() > 1 {
            "; it lives in a generic body, and its frames play; the union of them can be trained"
        } else if frames.iter().all(Target::is_opaque) {
            "; it lives in a generic body; no pixel is transparent, so it will be a full rectangle"
        } else {
            "; it lives in a generic body, and can be trained"
        };
        let whole = if frames.len() == 1 { frames.remove(0) } else { Target::union(frames) };
        let target = whole.sized_for_body(None, Filter::Auto);
        if target.is_transparent() {
            return Err(
                "at the size of a body, every pixel is transparent, or nearly; a sprite needs a silhouette".to_owned()
            );
        }
        self.picture = Some(Picture { path: path.to_owned(), target, texture: None });
        (self.losses, self.progress, self.round) = (Vec::new(), 0.0, 0);
        (self.model, self.handle) = (None, None);
        Ok((counts, note))
    }

    /// Whether there is a run to resume.
    fn can_resume(&self) -> bool {
        self.worker.is_none() && self.picture.as_ref().is_some_and(|picture| host::has_run(&picture.path))
    }

    /// Puts the run aside, so that the next one starts from scratch.
    fn start_over(&mut self) {
        let Some(picture) = &self.picture else { return };
        self.message = host::put_aside(&picture.path);
        (self.losses, self.progress, self.round) = (Vec::new(), 0.0, 0);
    }

    /// Starts a run, or resumes the one that was stopped.
    fn start(&mut self) {
        let Some(picture) = &self.picture else { return };
        let name = picture.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let config = TrainConfig {
            name,
            padding: self.padding,
            budget: Budget::Iterations(self.steps),
            source: picture.path.display().to_string(),
            ..TrainConfig::default()
        };
        self.message = "learning".to_owned();
        // The first model that arrives makes the sprite on the stage show the training.
        self.handle = None;
        self.worker = Some(Worker::start(&picture.path, config, picture.target.clone()));
    }

    fn save(&mut self) {
        let (Some(picture), Some(model)) = (&self.picture, &self.model) else { return };
        self.message = host::save(&picture.path, model);
    }
}

/// Shows what the trainer has told.
fn hear(
    mut learning: ResMut<Learning>,
    mut models: ResMut<Assets<NcaModel>>,
    mut subjects: Query<&mut NcaTexture, With<Subject>>,
) {
    let learning = &mut *learning;
    let Some(worker) = &mut learning.worker else { return };
    let mut model = None;
    for news in worker.news() {
        match news {
            News::Step { iteration, loss, progress, round } => {
                // It has begun anew.
                if learning.losses.last().is_some_and(|[last, _]| f64::from(iteration) <= *last) {
                    learning.losses.clear();
                }
                learning.losses.push([f64::from(iteration), f64::from(loss).max(1e-6).log10()]);
                (learning.progress, learning.round) = (progress, round);
            }
            News::Model(newer) => model = Some(*newer),
            News::Ended(told) => (learning.message, learning.worker) = (told, None),
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
                        worker.stop();
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
