//! A page with living, self-healing sprites. JavaScript starts it, tells it what to show, and asks how it fares.
//!
//! It is for browsers only. The page runs on the browser's main thread, and [`Training`] in a worker, which loads the same
//! module.

#![cfg(target_arch = "wasm32")]

mod app;
mod crowd;
mod guest;
mod hand;
mod material;
mod stage;
#[path = "../../examples/support/training.rs"]
mod training;

use std::cell::{Cell, RefCell};

use bevy_nca::{
    NcaBackend,
    rule::{Model, Target},
};
use wasm_bindgen::prelude::*;

pub use training::Training;
use training::picture;

thread_local! {
    static WISHES: RefCell<Vec<Wish>> = const { RefCell::new(Vec::new()) };
    static REPORT: Cell<Report> = Cell::new(Report::default());
}

/// What the page is to do in its next frame.
enum Wish {
    /// Shows the sprites, a material, the guest or the crowd.
    Show(Show),
    /// Shows the visitor's own picture.
    Welcome(Target),
    /// Gives the guest a body of its own.
    Wear(Box<Model>),
    /// The pointer pours the second rule of a material, instead of wounding.
    Pour(bool),
    /// Wounds everything along a line across the stage.
    Slash,
}

/// The parts of the page.
#[derive(Clone, Debug, PartialEq)]
enum Show {
    Sprites,
    Material(String),
    Guest,
    Crowd,
}

/// How the page fares.
#[wasm_bindgen]
#[derive(Clone, Copy, Default)]
pub struct Report {
    /// The number of frames so far.
    pub frames: u32,
    /// The number of sprites.
    pub sprites: u32,
    /// Those of them that are not whole: they grow, or heal.
    pub healing: u32,
    /// The living cells of all sprites.
    pub cells: u32,
    /// Whether the shaders simulate them.
    pub on_gpu: bool,
    /// The most sprites of the crowd that kept the frame rate, so far; 0 if none were tried.
    pub crowd: u32,
    /// Whether the crowd is still growing.
    pub counting: bool,
}

/// Starts the page on a canvas, given by its CSS selector. With `on_gpu`, the shaders simulate even on a software driver.
#[wasm_bindgen]
pub fn start(canvas: &str, on_gpu: bool) {
    let backend = if on_gpu { NcaBackend::Gpu } else { NcaBackend::Auto };
    app::app(canvas, backend).run();
}

/// How the page fares, as of its last frame.
#[wasm_bindgen]
pub fn report() -> Report {
    REPORT.get()
}

/// Shows the sprites.
#[wasm_bindgen]
pub fn show_sprites() {
    wish(Wish::Show(Show::Sprites));
}

/// Shows a material, by the name of its file.
#[wasm_bindgen]
pub fn show_material(name: String) {
    wish(Wish::Show(Show::Material(name)));
}

/// Shows the visitor's picture.
#[wasm_bindgen]
pub fn show_guest() {
    wish(Wish::Show(Show::Guest));
}

/// Shows more and more sprites, until the frame rate suffers.
#[wasm_bindgen]
pub fn show_crowd() {
    wish(Wish::Show(Show::Crowd));
}

/// The pointer pours the second rule of a material that has one, instead of wounding.
#[wasm_bindgen]
pub fn pour(pours: bool) {
    wish(Wish::Pour(pours));
}

/// Wounds everything along a line across the stage, as a pointer would.
#[wasm_bindgen]
pub fn slash() {
    wish(Wish::Slash);
}

/// Gives life to a picture: rows of pixels, four bytes each, with straight alpha.
///
/// # Errors
/// The picture is empty or transparent, or its pixels are not that many.
#[wasm_bindgen]
pub fn welcome(width: usize, height: usize, rgba: Vec<u8>) -> Result<(), JsError> {
    wish(Wish::Welcome(picture(width, height, rgba)?));
    Ok(())
}

/// Gives the visitor's picture the body of a `.nca` file.
///
/// # Errors
/// The file is no model.
#[wasm_bindgen]
pub fn wear(bytes: &[u8]) -> Result<(), JsError> {
    wish(Wish::Wear(Box::new(Model::from_bytes(bytes)?)));
    Ok(())
}

fn wish(wish: Wish) {
    WISHES.with_borrow_mut(|wishes| wishes.push(wish));
}
