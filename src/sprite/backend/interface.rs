//! The interface between a population and the engine that simulates its cells.

use std::sync::Arc;

use bevy::prelude::*;

use super::AtlasUploads;
use crate::{
    gpu::{GpuPopulations, Moves, Status},
    rule::{CellMask, Model, Reference, State},
    sprite::simulation::{Atlas, Instance, InstanceStats, PendingReads, ReadRequest},
};

/// The population of a backend.
pub(crate) struct Members<'a> {
    pub(crate) id: u32,
    pub(crate) model: &'a Arc<Model>,
    pub(crate) reference: &'a Arc<Reference>,
    /// Width and height in cells.
    pub(crate) grid: [u32; 2],
    /// By slot.
    pub(crate) instances: &'a mut [Option<Instance>],
    /// The slots of the active instances, sorted.
    pub(crate) active: &'a [u32],
}

/// The cells that an instance begins or continues with.
pub(crate) enum NewCells {
    Seed,
    State(State),
}

/// The work that a backend has not done yet for an instance.
#[derive(Default)]
pub(crate) struct Unfinished {
    pub(crate) cells: Option<NewCells>,
    pub(crate) reads: ReadRequest,
}

/// The destinations of the work of a frame.
pub(crate) struct Frame<'a> {
    pub(crate) gpu: &'a mut GpuPopulations,
    pub(crate) uploads: &'a mut AtlasUploads,
    pub(crate) reads: &'a mut PendingReads,
}

/// Simulates the cells of a population.
pub(crate) trait Backend: Send + Sync {
    /// Gives the instance in a slot new cells.
    fn insert(&mut self, slot: u32, cells: NewCells);

    /// Removes the cells of a slot.
    fn remove(&mut self, slot: u32) -> Unfinished;

    /// Whether the cells of a slot are there, and not on their way.
    fn holds(&self, slot: u32) -> bool;

    /// Some cells of a slot go to other slots, which have none, with all that the engine knows of them. Those of `kept`
    /// stay; no cell is in two of the masks.
    fn split(&mut self, slot: u32, kept: &CellMask, parts: &[(u32, &CellMask)]);

    /// Whether slots can move to others now.
    fn can_remap(&self) -> bool;

    /// The instance of slot `moves[i]` has moved to slot `i`. `moves` is sorted.
    fn remap(&mut self, moves: &Moves);

    /// The cells continue with the weights of another model.
    fn replace_model(&mut self, model: &Model, grid: [u32; 2]);

    /// The reference has changed: counts the cells of all instances again, if it has them.
    fn replace_reference(&mut self);

    /// Runs some ticks of the clock for the active instances.
    fn tick(&mut self, members: Members, ticks: u32, sleep_after: Option<u32>);

    /// Adds the statistics of instances that have ticked, if they are known.
    fn count(&mut self, members: Members, counted: &mut Vec<InstanceStats>);

    /// Draws the active instances that have changed.
    fn draw(&mut self, members: Members, atlas: &Atlas, images: &mut Assets<Image>);

    /// The atlas has a new layout and is transparent. True if every instance must be drawn again.
    fn replace_atlas(&mut self) -> bool;

    /// The cells of a slot, if they can be read immediately.
    fn state(&self, slot: u32) -> Option<&State>;

    /// Requests cells that cannot be read immediately.
    fn request_read(&mut self, slot: u32, request: ReadRequest);

    fn status(&self) -> Status;

    /// Whether a slot has work to do besides ticks.
    fn is_busy(&self, slot: u32) -> bool;

    /// The memory of the cells in bytes.
    fn memory_bytes(&self, model: &Model, grid: [u32; 2], capacity: u32) -> u64;

    /// Hands the work of this frame to the render world. False if the cells of all instances are lost.
    fn send(&mut self, members: Members, capacity: u32, atlas: Option<&Atlas>, frame: &mut Frame) -> bool;
}
