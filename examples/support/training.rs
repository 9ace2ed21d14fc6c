//! Training in a browser's worker, step by step.

use bevy_nca::{
    rule::{Filter, Frames, Target},
    scorecard::Scorecard,
    train::{Budget, TrainConfig, Trainer},
};
use wasm_bindgen::prelude::*;

/// Teaches a body to grow and to heal a picture.
#[wasm_bindgen]
pub struct Training {
    trainer: Trainer,
}

#[wasm_bindgen]
impl Training {
    /// Prepares to learn a picture as it is: rows of pixels, four bytes each, with straight alpha, and this many cells around
    /// it.
    ///
    /// # Errors
    /// The picture is empty or transparent, or its pixels are not that many.
    #[wasm_bindgen(constructor)]
    pub fn new(
        width: usize,
        height: usize,
        rgba: Vec<u8>,
        steps: u32,
        padding: u32,
        name: String,
    ) -> Result<Self, JsError> {
        let config = TrainConfig { name, padding, ..TrainConfig::default() };
        Self::begin(config, picture(width, height, rgba)?, steps)
    }

    /// Prepares to learn a picture, or the union of the frames of a sheet, at the size of a body.
    ///
    /// # Errors
    /// The picture is empty, or transparent or too thin at that size, or its pixels are not that many.
    pub fn of_picture(width: usize, height: usize, rgba: Vec<u8>, steps: u32) -> Result<Self, JsError> {
        let (_, mut frames) = frames(picture(width, height, rgba)?);
        let whole = if frames.len() == 1 { frames.remove(0) } else { Target::union(frames) };
        let config = TrainConfig { name: "guest".to_owned(), ..TrainConfig::default() };
        Self::begin(config, visible(whole.sized_for_body(None, Filter::Auto))?, steps)
    }

    fn begin(config: TrainConfig, target: Target, steps: u32) -> Result<Self, JsError> {
        console_error_panic_hook::set_once();
        let config = TrainConfig { budget: Budget::Iterations(steps), ..config };
        Ok(Self { trainer: Trainer::new(config, target)? })
    }

    /// Takes a step, and returns its loss. Begins anew if nothing lives any more.
    ///
    /// # Errors
    /// It has diverged, or nothing has ever grown.
    pub fn step(&mut self) -> Result<f32, JsError> {
        if self.trainer.is_stuck() {
            self.trainer.restart()?;
        }
        Ok(self.trainer.step()?.loss)
    }

    /// The number of steps so far.
    #[wasm_bindgen(getter)]
    pub fn iteration(&self) -> u32 {
        self.trainer.iteration()
    }

    /// The model so far, as the bytes of a `.nca` file.
    ///
    /// # Errors
    /// It has diverged.
    pub fn model(&self) -> Result<Vec<u8>, JsError> {
        Ok(self.trainer.model()?.to_bytes()?)
    }

    /// The largest error of the model so far, as a share of its gate: at most 1 if it grows, keeps and heals the picture.
    /// Takes some seconds.
    ///
    /// # Errors
    /// It has diverged.
    pub fn worst_ratio(&self) -> Result<f32, JsError> {
        Ok(Scorecard::of(&self.trainer.model()?, self.trainer.target()).worst_ratio())
    }
}

/// A picture from the browser.
pub fn picture(width: usize, height: usize, rgba: Vec<u8>) -> Result<Target, JsError> {
    let expected = width.saturating_mul(height).saturating_mul(4);
    if expected == 0 || rgba.len() != expected {
        return Err(JsError::new(&format!("expected {expected} bytes of a picture, and some, found {}", rgba.len())));
    }
    visible(Target { width, height, rgba })
}

/// The columns and rows of a sheet, and its frames; of a single picture, itself.
pub fn frames(picture: Target) -> ([u32; 2], Vec<Target>) {
    let counts = Frames::detect(&picture).unwrap_or([1, 1]);
    let frames = Frames::Count(counts).cut(&picture);
    (counts, frames.unwrap_or_else(|| vec![picture]))
}

/// The picture, if something of it can live.
fn visible(picture: Target) -> Result<Target, JsError> {
    match picture.is_transparent() {
        true => Err(JsError::new("the picture is transparent: nothing of it can live")),
        false => Ok(picture),
    }
}
