//! Populations: the instances of one model, grid size and sampling, simulated and drawn together.

mod population;
mod references;
mod registry;

pub(crate) use population::Population;
pub(crate) use registry::{Populations, Spec};
