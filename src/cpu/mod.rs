//! The rule on the CPU: a plain oracle, and a fast engine that is held to it.

mod dense;
mod engine;
#[cfg(feature = "train")]
mod gradient;
mod isa;
mod oracle;
mod perceive;

pub use engine::{Engine, Grid, Scratch};
#[cfg(feature = "train")]
pub use gradient::{Gradients, Tape, WeightGradients};
pub use isa::Isa;
pub use oracle::step as oracle_step;

/// What a tick of one sprite depends on besides its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// The tick's number, counted from the seed's, 0.
    pub tick: u32,
    /// The seed of the sprite's noise.
    pub seed: u32,
    /// By how much the perceived gradients are rotated, in radians; see the article's
    /// experiment 4. Without effect on rules that do not perceive both gradients.
    pub angle: f32,
}

impl Tick {
    /// Cosine and sine of the angle, if there is anything to rotate by.
    fn rotation(&self) -> Option<(f32, f32)> {
        let angle = f64::from(self.angle);
        (self.angle != 0.0).then(|| (angle.cos() as f32, angle.sin() as f32))
    }
}
