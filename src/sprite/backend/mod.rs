//! Simulation of the cells of a population: one trait, and its implementations for CPU and GPU.

mod choice;
mod cpu;
mod gpu;
mod interface;
mod paint;
mod upload;

pub(crate) use crate::gpu::Status;
pub(crate) use choice::BackendChoice;
pub(crate) use interface::{Backend, Frame, Members, NewCells, Unfinished};
pub(crate) use upload::{AtlasUploads, upload};
