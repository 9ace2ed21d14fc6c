//! Requests for the cells of an instance.

use std::sync::Arc;

use bevy::{platform::collections::HashMap, prelude::*};

use super::Instance;
use crate::{
    rule::{Model, State},
    sprite::save::{NcaSnapshot, SavedInstance},
};

/// What the cells are requested for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadRequest {
    pub(crate) cells: bool,
    pub(crate) snapshot: bool,
}

impl ReadRequest {
    pub(crate) const NONE: Self = Self { cells: false, snapshot: false };

    /// Adds another request.
    pub(crate) fn merge(&mut self, other: Self) {
        self.cells |= other.cells;
        self.snapshot |= other.snapshot;
    }
}

/// A request that is being answered, with the state of the instance at that tick.
pub(crate) struct PendingRead {
    pub(crate) entity: Entity,
    pub(crate) tick: u32,
    pub(crate) request: ReadRequest,
    saved: Option<(SavedInstance, Arc<Model>)>,
}

impl PendingRead {
    pub(crate) fn new(request: ReadRequest, instance: &Instance, model: &Arc<Model>) -> Self {
        let state = &instance.state;
        let saved = request.snapshot.then(|| (state.into(), model.clone()));
        Self { entity: instance.entity, tick: state.tick, request, saved }
    }

    /// The snapshot, if it was requested.
    pub(crate) fn snapshot(&self, cells: &State) -> Option<NcaSnapshot> {
        let (saved, model) = self.saved.as_ref()?;
        Some(NcaSnapshot::new(saved.clone(), model, cells.clone()))
    }
}

/// The requests that the GPU is answering, and its answers.
#[derive(Resource, Default)]
pub(crate) struct PendingReads {
    by_ticket: HashMap<u64, PendingRead>,
    next_ticket: u64,
    /// Tickets with the cells; `None` if the GPU could not deliver them.
    pub(crate) answers: Vec<(u64, Option<State>)>,
}

impl PendingReads {
    /// Adds a request, and returns its ticket.
    pub(crate) fn insert(&mut self, read: PendingRead) -> u64 {
        self.next_ticket += 1;
        self.by_ticket.insert(self.next_ticket, read);
        self.next_ticket
    }

    pub(crate) fn get(&self, ticket: u64) -> Option<&PendingRead> {
        self.by_ticket.get(&ticket)
    }

    pub(crate) fn remove(&mut self, ticket: u64) {
        self.by_ticket.remove(&ticket);
    }
}
