//! Runs the rule on the CPU: a plain reference implementation ([`oracle_step`]), and a fast [`Engine`]
//! that is tested against it.
//!
//! Both work without Bevy:
//!
//! ```
//! use bevy_nca::{
//!     cpu::{Engine, Scratch, Tick},
//!     rule::{CellMask, Model, Shape, State, picture},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::read("assets/models/slime.nca")?;
//! let [width, height] = model.rule().grid.map(|side| side as usize);
//! let engine = Engine::new(&model);
//! let mut grid = engine.grid(State::seed(model.rule(), width, height)).ok_or("other channels")?;
//! let mut scratch = Scratch::default();
//! let wound = CellMask::of(&Shape::circle(9.0, 9.0, 5.0), width, height);
//! for tick in 0..200 {
//!     let wound = (tick == 150).then_some(&wound);
//!     engine.step(&mut grid, &mut scratch, Tick { tick, seed: 7, angle: 0.0 }, wound);
//! }
//! assert_eq!(picture(&model, grid.state()).len(), width * height);
//! # Ok(())
//! # }
//! ```

mod dense;
mod engine;
#[cfg(feature = "train")]
mod gradient;
mod isa;
mod masks;
mod oracle;
#[cfg(feature = "cli")]
mod peak;
mod perceive;
mod vector;

pub use engine::{Engine, Grid, Scratch};
#[cfg(feature = "train")]
pub use gradient::{Gradients, Tape};
pub use isa::Isa;
pub use oracle::{Ground, step as oracle_step};
#[cfg(feature = "cli")]
pub use peak::peak_flops;

use crate::rule;

/// The inputs of a sprite's tick besides its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// The number of the tick. The seed's tick is 0.
    pub tick: u32,
    /// The seed of the sprite's noise.
    pub seed: u32,
    /// The angle by which the perceived gradients are rotated, in radians; see the article's
    /// experiment 4. It has no effect on rules that do not perceive both gradients.
    pub angle: f32,
}

impl Tick {
    /// The cosine and sine of the angle; `None` if it is 0.
    fn rotation(&self) -> Option<(f32, f32)> {
        (self.angle != 0.0).then(|| rule::rotation(self.angle))
    }
}
