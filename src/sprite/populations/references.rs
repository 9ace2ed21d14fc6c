//! The grown shape of each model and grid.

use std::sync::Arc;

use bevy::tasks::{AsyncComputeTaskPool, block_on, futures::check_ready, futures_lite::future::yield_now};

use crate::{
    cpu,
    rule::{Model, Reference, State, all_of},
};

/// The maximum number of ticks to grow a sprite without a target.
const MOST_GROWING_TICKS: u32 = 512;
/// The maximum side of a texture that is grown to measure its cells.
const MOST_TEXTURE_CELLS: usize = 64;
/// Ticks between two yields: a page, which has no threads, computes so many per frame.
const TICKS_AT_ONCE: u32 = 4;

/// The grown shapes of models, kept while the models are loaded. A model without a target, or without a life mask, is grown
/// on another thread, or frame by frame in a browser, and no frame waits for it.
#[derive(Default)]
pub(super) struct References {
    known: Vec<Known>,
    growing: Vec<Growing>,
}

/// The grown shape of a model on a grid.
pub(super) struct Known {
    pub(super) model: Arc<Model>,
    pub(super) grid: [u32; 2],
    pub(super) reference: Arc<Reference>,
}

struct Growing {
    model: Arc<Model>,
    grid: [u32; 2],
    task: Task,
}

/// Runs on another thread.
#[cfg(not(target_arch = "wasm32"))]
type Task = bevy::tasks::Task<Reference>;
/// Runs until its next yield whenever it is polled. A task of Bevy would not let the page draw a frame between two yields.
#[cfg(target_arch = "wasm32")]
type Task = std::pin::Pin<Box<dyn Future<Output = Reference> + Send + Sync>>;

impl References {
    /// The grown shape, or `None` if it is not known yet; [`take_new`](Self::take_new) returns it later.
    pub(super) fn get(&mut self, model: &Arc<Model>, grid: [u32; 2]) -> Option<Arc<Reference>> {
        self.known.retain(|known| Arc::strong_count(&known.model) > 1);
        let known = self.known.iter().find(|known| Arc::ptr_eq(&known.model, model) && known.grid == grid);
        if let Some(known) = known {
            return Some(known.reference.clone());
        }
        let pool = AsyncComputeTaskPool::try_get().filter(|_| Reference::must_grow(model));
        let Some(pool) = pool else {
            let reference = Arc::new(block_on(grown(model.clone(), grid)));
            self.known.push(Known { model: model.clone(), grid, reference: reference.clone() });
            return Some(reference);
        };
        if !self.growing.iter().any(|growing| Arc::ptr_eq(&growing.model, model) && growing.grid == grid) {
            let task = spawn(pool, grown(model.clone(), grid));
            self.growing.push(Growing { model: model.clone(), grid, task });
        }
        None
    }

    /// The shapes that have become known since the last call.
    pub(super) fn take_new(&mut self) -> &[Known] {
        let first = self.known.len();
        self.growing.retain_mut(|Growing { model, grid, task }| {
            let Some(reference) = check_ready(task) else { return true };
            self.known.push(Known { model: model.clone(), grid: *grid, reference: reference.into() });
            false
        });
        &self.known[first..]
    }

    /// Whether all requested shapes are known.
    pub(super) fn are_known(&self) -> bool {
        self.growing.is_empty()
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn spawn(pool: &AsyncComputeTaskPool, task: impl Future<Output = Reference> + Send + 'static) -> Task {
    pool.spawn(task)
}

#[cfg(target_arch = "wasm32")]
fn spawn(_: &AsyncComputeTaskPool, task: impl Future<Output = Reference> + Send + Sync + 'static) -> Task {
    Box::pin(task)
}

/// The grown shape of a model.
async fn grown(model: Arc<Model>, grid: [u32; 2]) -> Reference {
    let size = grid.map(|side| side as usize);
    let most = if model.rule().alive.is_none() { MOST_TEXTURE_CELLS } else { usize::MAX };
    let [width, height] = size.map(|side| side.min(most));
    let mut grown = Vec::new();
    // A texture is measured in its first form.
    let forms = if model.rule().alive.is_none() { 1 } else { model.rule().forms.len().max(1) };
    for form in 0..if Reference::must_grow(&model) { forms } else { 0 } {
        grown.push(grow(&model, form, width, height).await);
    }
    let reference =
        Reference::new(&model, size, |form| grown.get(form).cloned().unwrap_or_else(|| State::zeros(0, 0, 0)));
    let Some(second) = model.overgrowth_alone() else { return reference };
    let state = grow(&second, 0, width, height).await;
    reference.with_overgrowth(&Reference::new(&second, size, |_| state.clone()))
}

/// The cells of a sprite that has grown in a form.
async fn grow(model: &Model, form: usize, width: usize, height: usize) -> State {
    let seed = State::seed(model.rule(), width, height);
    let engine = cpu::Engine::new(model);
    let Some(mut grid) = engine.grid(seed.clone()) else { return seed };
    engine.set_form(&mut grid, &all_of(form));
    let mut scratch = cpu::Scratch::default();
    for tick in 0..model.rule().mature_ticks.min(MOST_GROWING_TICKS) {
        engine.step(&mut grid, &mut scratch, cpu::Tick { tick, seed: 0, angle: 0.0 }, None);
        if tick % TICKS_AT_ONCE == 0 {
            yield_now().await;
        }
    }
    grid.into_state()
}
