//! The studio in a browser: JavaScript hands in files, takes what is saved, and trains in a worker, which loads the same
//! module.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use bevy::prelude::*;
use bevy_nca::{
    rule::{Model, Target},
    train::{Budget, TrainConfig},
};
use wasm_bindgen::prelude::*;

use crate::{learn::News, open};

#[path = "../support/training.rs"]
mod training;

#[wasm_bindgen]
extern "C" {
    /// What the page does for the studio.
    pub type Desk;

    /// Trains in a worker, which calls [`told`], [`learned`] and [`ended`].
    #[wasm_bindgen(method)]
    fn train(this: &Desk, width: usize, height: usize, rgba: Vec<u8>, steps: u32, padding: u32, name: &str);

    /// Lets the worker end with what it has learned.
    #[wasm_bindgen(method)]
    fn stop(this: &Desk);

    /// Offers a file to the visitor.
    #[wasm_bindgen(method)]
    fn save(this: &Desk, name: &str, bytes: &[u8]);
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
    static FILES: RefCell<Vec<(PathBuf, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    static NEWS: RefCell<Vec<News>> = const { RefCell::new(Vec::new()) };
}

/// Gives the studio its desk.
#[wasm_bindgen]
pub fn connect(desk: Desk) {
    DESK.set(Some(desk));
}

/// Opens a file that the visitor has dropped.
#[wasm_bindgen(js_name = open)]
pub fn open_file(name: &str, bytes: Vec<u8>) {
    FILES.with_borrow_mut(|files| files.push((name.into(), bytes)));
}

/// The worker has taken a step.
#[wasm_bindgen]
pub fn told(iteration: u32, loss: f32, progress: f64) {
    NEWS.with_borrow_mut(|news| news.push(News::Step { iteration, loss, progress, round: 0 }));
}

/// The worker has a model: the bytes of a `.nca` file.
///
/// # Errors
/// It is no model.
#[wasm_bindgen]
pub fn learned(bytes: &[u8]) -> Result<(), JsError> {
    let model = Box::new(Model::from_bytes(bytes)?);
    NEWS.with_borrow_mut(|news| news.push(News::Model(model)));
    Ok(())
}

/// The worker has ended, with a message for the visitor.
#[wasm_bindgen]
pub fn ended(message: String) {
    NEWS.with_borrow_mut(|news| news.push(News::Ended(message)));
}

/// A worker has no window, and only trains.
pub fn instead() -> Option<AppExit> {
    let has_page = js_sys::Reflect::has(&js_sys::global(), &"document".into()).unwrap_or(false);
    (!has_page).then_some(AppExit::Success)
}

/// Opens the files that are dropped.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, |mut commands: Commands| {
        for (path, bytes) in FILES.take() {
            commands.queue(move |world: &mut World| open(world, &path, || Ok(bytes)));
        }
    });
}

/// Does something at the desk, once there is one.
fn at_desk(act: impl FnOnce(&Desk)) {
    DESK.with_borrow(|desk| desk.as_ref().map(act));
}

/// Offers a model to the visitor. Returns a message.
pub fn save(picture: &Path, model: &Model) -> String {
    let name = picture.with_extension("nca").display().to_string();
    match model.to_bytes() {
        Ok(bytes) => {
            at_desk(|desk| desk.save(&name, &bytes));
            format!("saved {name}")
        }
        Err(error) => error.to_string(),
    }
}

/// Runs are not kept in a browser.
pub fn has_run(_picture: &Path) -> bool {
    false
}

/// Runs are not kept in a browser. Returns a message.
pub fn put_aside(_picture: &Path) -> String {
    String::new()
}

/// The trainer's worker.
pub struct Worker;

impl Worker {
    /// Starts to learn a picture.
    pub fn start(_picture: &Path, config: TrainConfig, target: Target) -> Self {
        NEWS.take();
        let Budget::Iterations(steps) = config.budget else { return Self };
        let Target { width, height, rgba } = target;
        at_desk(|desk| desk.train(width, height, rgba, steps, config.padding, &config.name));
        Self
    }

    /// What it has told since it was asked last.
    pub fn news(&mut self) -> Vec<News> {
        NEWS.take()
    }

    /// Asks it to end with what it has learned.
    pub fn stop(&self) {
        at_desk(Desk::stop);
    }
}
