//! Populations: the instances of one model, grid size and content of the atlas, simulated and drawn together.

mod population;
mod references;
mod registry;
mod resize;

pub(crate) use population::{Population, Spec, Struck};
pub(crate) use registry::Populations;
