//! Populations: the instances of one model on one grid size, simulated and drawn together.

mod population;
mod references;
mod registry;

pub(crate) use population::Population;
pub(crate) use registry::{Populations, Spec};
