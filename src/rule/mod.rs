//! The rule of a neural cellular automaton, its model file, and the noise that decides which cells fire.
//!
//! All engines share this module. It does not depend on Bevy. The rule is that of Mordvintsev et
//! al., "Growing Neural Cellular Automata", Distill 2020, sections "Model" and "Experiment 4:
//! Rotating the perceptive field".

#[cfg(feature = "cli")]
mod article;
mod body;
mod directions;
mod error;
mod file;
mod generic;
mod mask;
mod model;
mod noise;
mod picture;
mod pieces;
#[cfg(feature = "record")]
mod reading;
mod reference;
mod scaling;
mod shape;
#[cfg(feature = "record")]
mod sheet;
mod skin;
mod spec;
mod state;
mod statistics;
mod target;
#[cfg(feature = "cli")]
mod textures;
mod transposed;
mod uv;

#[cfg(feature = "cli")]
pub use article::import_article;
#[cfg(feature = "train")]
pub(crate) use body::LIVING;
pub use directions::Directions;
pub(crate) use error::truncate_and_escape;
pub use error::{ModelError, ModelErrorKind, printable};
#[cfg(feature = "train")]
pub(crate) use file::targets;
#[cfg(feature = "record")]
pub(crate) use file::write_atomic;
pub use generic::GenericBody;
pub(crate) use mask::CellEdits;
pub use mask::{CellMap, CellMask};
#[cfg(feature = "train")]
pub(crate) use model::{FNV_START, fnv1a};
pub use model::{Model, Weights};
pub use noise::{FireRate, mix, tick_key};
#[cfg(test)]
pub(crate) use picture::CRISP_BLEND;
pub(crate) use picture::{LIFE_BLEND, PLACE_BLEND, pixel, ramp};
pub use picture::{Rgba, picture};
pub(crate) use pieces::FEWEST_CELLS;
#[cfg(feature = "record")]
pub use reading::{Filter, ReadOptions, TargetError};
pub(crate) use reference::{Pose, Reference};
pub use shape::{Shape, Stencil};
#[cfg(feature = "record")]
pub use sheet::Frames;
pub use skin::SkinArt;
pub use spec::{Alive, Boundary, Kernel, Output, Overgrowth, Rule};
pub(crate) use spec::{CHANNELS, FIRST_FORM, MAX_HIDDEN, Shares, all_of, rotation};
pub use state::State;
pub(crate) use statistics::CellStats;
pub use target::Target;
pub(crate) use target::mean_squared_error;
#[cfg(feature = "cli")]
pub use textures::import_textures;
