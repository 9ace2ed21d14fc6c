//! Backpropagation through the engine: gradients through all ticks of a run.
//!
//! The forward pass records which cells changed, their old values, and which cells survived. For
//! each tick, from the last to the first, the backward pass:
//!
//! 1. Zeroes the gradient of values that a clamp holds, and restores the old values of the cells that were updated or
//!    died.
//! 2. Zeroes the gradient of dead cells, and of cells whose update was not finite.
//! 3. Recomputes the features and hidden units of the cells that fired and survived. Adds to the
//!    gradient of the weights, and to the gradients of the neighboring cells.
//! 4. Zeroes the gradient of the wounded cells and restores their old values.
//!
//! All other cells pass their gradient on unchanged.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};

use super::{
    Engine, Isa, Tick,
    dense::{BLOCK, Dense, Lanes, Rows, add_products, rows},
    engine::{Form, Grid, Layers, Record, Scratch},
    vector::{Quad, Vector},
};
use crate::rule::{CellMask, State, Weights};

/// A recorded run, for [`Gradients::backward`].
#[derive(Clone, Debug, Default)]
pub struct Tape {
    ticks: Vec<TickMarks>,
    /// The cells that changed in each tick: wounded, then updated, then dead.
    cells: Vec<u32>,
    /// Their previous values.
    old: Vec<f32>,
    /// One bit per cell and tick: whether the cell survived. Empty for rules without a life mask.
    live: Vec<u64>,
    /// The form of the sprite, the same in all ticks.
    form: Option<Box<Form>>,
}

/// One tick of a tape. `wounded`, `updated` and `died` are the ends of its ranges in `Tape::cells`.
#[derive(Clone, Copy, Debug)]
struct TickMarks {
    tick: Tick,
    wounded: usize,
    updated: usize,
    died: usize,
}

/// Flags a cell whose update was not finite. It became zeros, so it has no gradient.
const EXPLODED: u32 = 1 << 31;

impl Record for Tape {
    fn wounds(&mut self, cell: usize, old: &[f32]) {
        self.push(cell as u32, old);
        if let Some(marks) = self.ticks.last_mut() {
            (marks.wounded, marks.updated, marks.died) = (self.cells.len(), self.cells.len(), self.cells.len());
        }
    }

    fn updates(&mut self, cell: usize, old: &[f32], exploded: bool) {
        self.push(cell as u32 | if exploded { EXPLODED } else { 0 }, old);
        if let Some(marks) = self.ticks.last_mut() {
            (marks.updated, marks.died) = (self.cells.len(), self.cells.len());
        }
    }

    fn dies(&mut self, cell: usize, old: &[f32]) {
        self.push(cell as u32, old);
        if let Some(marks) = self.ticks.last_mut() {
            marks.died = self.cells.len();
        }
    }

    fn lives(&mut self, live: &[u8]) {
        let word = |cells: &[u8]| cells.iter().enumerate().fold(0, |word, (i, &live)| word | u64::from(live) << i);
        self.live.extend(live.chunks(64).map(word));
    }
}

impl Tape {
    fn push(&mut self, cell: u32, old: &[f32]) {
        self.cells.push(cell);
        self.old.extend_from_slice(old);
    }

    /// Clears the run but keeps the memory.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.cells.clear();
        self.old.clear();
        self.live.clear();
        self.form = None;
    }

    /// The number of recorded cell updates, over all ticks.
    pub fn updates(&self) -> usize {
        self.ticks.iter().map(|marks| marks.updated - marks.wounded).sum()
    }

    /// The size of the run in bytes.
    pub fn bytes(&self) -> usize {
        self.cells.len() * 4 + self.old.len() * 4 + self.live.len() * 8 + self.ticks.len() * size_of::<TickMarks>()
    }
}

impl Engine {
    /// Like [`Engine::step`], and records the tick on the tape. The form of the grid must not change within a tape.
    pub fn step_on_tape(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        tick: Tick,
        wound: Option<&CellMask>,
        tape: &mut Tape,
    ) {
        if tape.ticks.is_empty() {
            tape.form.clone_from(&grid.form);
        }
        let end = tape.cells.len();
        tape.ticks.push(TickMarks { tick, wounded: end, updated: end, died: end });
        self.step_recorded(grid, scratch, tick, wound, tape);
    }
}

/// A model packed for backpropagation. It can be shared among threads.
pub struct Gradients<'a> {
    engine: &'a Engine,
    hidden_transposed: Dense,
    output_transposed: Dense,
}

/// What the updates of a tick were computed from.
#[derive(Clone, Copy)]
struct Before<'a> {
    state: &'a State,
    rotation: Option<(f32, f32)>,
    /// The bias of the hidden layer.
    bias: &'a [Lanes],
}

/// Sums and working memory of one run. Rows are padded.
struct Work {
    hidden_weight: Vec<f32>,
    hidden_bias: Vec<f32>,
    output_weight: Vec<f32>,
    output_bias: Vec<f32>,
    /// For a block of cells: the features, the hidden units, and the gradients of features, hidden
    /// units and updates.
    features: Box<Rows>,
    hidden: Box<Rows>,
    d_features: Box<Rows>,
    d_hidden: Box<Rows>,
    d_delta: Box<Rows>,
    /// The gradients of all updates of a tick. They are copied before any gradient is added to.
    owed: Vec<f32>,
}

impl<'a> Gradients<'a> {
    /// Packs the transposed weights of the engine's model.
    pub fn new(engine: &'a Engine, weights: &Weights) -> Self {
        Self {
            engine,
            hidden_transposed: Dense::transposed(&weights.hidden_weight, weights.hidden_bias.len()),
            output_transposed: Dense::transposed(&weights.output_weight, weights.output_bias.len()),
        }
    }

    /// Propagates a gradient back through a run.
    ///
    /// `state` is the final state of the run, and becomes its initial state. `gradient` is the
    /// gradient of the loss with respect to the final state, and becomes that with respect to the
    /// initial state. Returns the gradient with respect to the weights, in their layout.
    pub fn backward(&self, tape: &Tape, state: &mut State, gradient: &mut [f32]) -> Weights {
        assert_eq!(gradient.len(), state.values().len(), "a gradient has the shape of its state");
        let mut work = self.work();
        let mut updated = Vec::new();
        let cells = state.width() * state.height();
        let words = cells.div_ceil(64);
        let n = self.engine.channels;
        for (index, marks) in tape.ticks.iter().enumerate().rev() {
            let begin = index.checked_sub(1).map_or(0, |before| tape.ticks[before].died);
            self.stop_at_clamp(state, &tape.cells[marks.wounded..marks.updated], gradient);
            restore(state, &tape.cells[marks.wounded..marks.died], &tape.old[marks.wounded * n..]);
            // The result does not depend on the previous values of a dead cell.
            for (word, live) in
                tape.live.iter().skip(index * words).take(words).enumerate().filter(|(_, w)| **w != u64::MAX)
            {
                for cell in (word * 64..cells.min(word * 64 + 64)).filter(|cell| live >> (cell % 64) & 1 == 0) {
                    gradient[cell * n..][..n].fill(0.0);
                }
            }
            updated.clear();
            for &cell in &tape.cells[marks.wounded..marks.updated] {
                if cell & EXPLODED == 0 {
                    updated.push(cell);
                } else {
                    // Leave it out of the products below too: its hidden units may be infinite.
                    gradient[(cell & !EXPLODED) as usize * n..][..n].fill(0.0);
                }
            }
            let bias = self.engine.bias_in(tape.form.as_deref());
            let from = Before { state, rotation: marks.tick.rotation(), bias };
            self.tick(from, &updated, gradient, &mut work);
            for cell in &tape.cells[begin..marks.wounded] {
                gradient[*cell as usize * n..][..n].fill(0.0);
            }
            restore(state, &tape.cells[begin..marks.wounded], &tape.old[begin * n..]);
        }
        self.finish(&work, tape.form.as_deref())
    }

    /// Zeroes the gradient of those values of updated cells that the rule's clamp holds: they do not depend on the
    /// update.
    fn stop_at_clamp(&self, state: &State, updated: &[u32], gradient: &mut [f32]) {
        let Engine { channels: n, layers: Layers { clamp, .. }, .. } = *self.engine;
        if clamp == f32::INFINITY {
            return;
        }
        for &cell in updated {
            let first = (cell & !EXPLODED) as usize * n;
            for (gradient, value) in gradient[first..][..n].iter_mut().zip(&state.values()[first..][..n]) {
                if value.abs() >= clamp {
                    *gradient = 0.0;
                }
            }
        }
    }

    fn work(&self) -> Work {
        let (features, width) = (self.engine.layers.hidden.inputs, self.engine.layers.hidden.padded_outputs);
        let (hidden, channels) = (self.hidden_transposed.inputs, self.engine.output_width());
        Work {
            hidden_weight: vec![0.0; features * width],
            hidden_bias: vec![0.0; width],
            output_weight: vec![0.0; hidden * channels],
            output_bias: vec![0.0; channels],
            features: rows(),
            hidden: rows(),
            d_features: rows(),
            d_hidden: rows(),
            d_delta: rows(),
            owed: Vec::new(),
        }
    }

    fn finish(&self, work: &Work, form: Option<&Form>) -> Weights {
        let (hidden, channels) = (self.hidden_transposed.inputs, self.engine.channels);
        let unpad = |rows: &[f32], width: usize, keep: usize| -> Vec<f32> {
            rows.chunks_exact(width).flat_map(|row| &row[..keep]).copied().collect()
        };
        Weights {
            hidden_weight: unpad(&work.hidden_weight, self.engine.layers.hidden.padded_outputs, hidden),
            hidden_bias: work.hidden_bias[..hidden].to_vec(),
            output_weight: unpad(&work.output_weight, self.engine.output_width(), channels),
            output_bias: work.output_bias[..channels].to_vec(),
            form_bias: self.form_bias(&work.hidden_bias[..hidden], form),
        }
    }

    /// The gradient of what each form adds to the hidden bias: its share of that of the hidden bias.
    fn form_bias(&self, hidden_bias: &[f32], form: Option<&Form>) -> Vec<f32> {
        let forms = self.engine.forms();
        let shares = form.into_iter().flat_map(|form| form.shares.iter().copied()).chain(std::iter::repeat(0.0));
        shares.take(forms).flat_map(|share| hidden_bias.iter().map(move |gradient| share * gradient)).collect()
    }

    fn tick(&self, from: Before, updated: &[u32], gradient: &mut [f32], work: &mut Work) {
        match self.engine.isa {
            // SAFETY: every CPU of this target has these instructions.
            Isa::Portable => unsafe { self.tick_with::<Quad, 4, 3, 1>(from, updated, gradient, work) },
            // SAFETY: `Engine::packed` checked that this machine has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { self.tick_avx2(from, updated, gradient, work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.tick_avx512(from, updated, gradient, work) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn tick_avx2(&self, from: Before, updated: &[u32], gradient: &mut [f32], work: &mut Work) {
        // SAFETY: this function enables the instructions.
        unsafe { self.tick_with::<__m256, 2, 6, 1>(from, updated, gradient, work) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn tick_avx512(&self, from: Before, updated: &[u32], gradient: &mut [f32], work: &mut Work) {
        // SAFETY: this function enables the instructions.
        unsafe { self.tick_with::<__m512, 1, 12, 2>(from, updated, gradient, work) }
    }

    /// Propagates one tick back, in tiles of `ROWS` by `PER` vectors.
    ///
    /// # Safety
    /// The CPU must support the vector's instructions.
    #[inline(always)]
    unsafe fn tick_with<V: Vector, const PER: usize, const ROWS: usize, const PANELS: usize>(
        &self,
        from: Before,
        updated: &[u32],
        gradient: &mut [f32],
        work: &mut Work,
    ) {
        let Engine { channels: n, perception, layers: Layers { hidden: layer, .. }, step_size, .. } = self.engine;
        let n = *n;
        let Before { state, rotation, bias } = from;
        let (width, out_width) = (layer.padded_outputs, self.engine.output_width());
        let hidden_units = self.hidden_transposed.inputs;
        let size = (state.width(), state.height());
        let Work { features, hidden, d_features, d_hidden, d_delta, owed, .. } = work;

        owed.clear();
        for &cell in updated {
            owed.extend(gradient[cell as usize * n..][..n].iter().map(|owed| step_size * owed));
        }
        for (cells, owed) in updated.chunks(BLOCK).zip(owed.chunks(BLOCK * n)) {
            let rows = cells.len();
            for (&cell, features) in cells.iter().zip(features.iter_mut()) {
                // SAFETY: upheld by the caller.
                unsafe { perception.cell::<V>(state, cell as usize, rotation, features) }
            }
            for (d_delta, owed) in d_delta.iter_mut().zip(owed.chunks_exact(n)) {
                d_delta[..n].copy_from_slice(owed);
            }
            // SAFETY: upheld by the caller, here and below.
            unsafe {
                layer.apply::<V, PER, ROWS, PANELS, true>(bias, rows, features, hidden);
                let Dense { bias, .. } = &self.output_transposed;
                self.output_transposed.apply::<V, PER, ROWS, PANELS, false>(bias, rows, d_delta, d_hidden);
            }
            for (d_hidden, hidden) in d_hidden.iter_mut().zip(hidden.iter()).take(rows) {
                for (d_hidden, hidden) in d_hidden[..width].iter_mut().zip(&hidden[..width]) {
                    // Multiply, because a conditional compiles to a masked store, which is slow.
                    *d_hidden *= f32::from(u8::from(*hidden > 0.0));
                }
            }
            let (inputs, outputs) = ((&**features, layer.inputs), (&**d_delta, out_width));
            unsafe {
                let Dense { bias, .. } = &self.hidden_transposed;
                self.hidden_transposed.apply::<V, PER, ROWS, PANELS, false>(bias, rows, d_hidden, d_features);
                add_products::<V, PER, ROWS, PANELS>(rows, (hidden, hidden_units), outputs, &mut work.output_weight);
                add_products::<V, PER, ROWS, PANELS>(rows, inputs, (d_hidden, width), &mut work.hidden_weight);
            }
            add_rows(&mut work.output_bias, outputs.0, rows);
            add_rows(&mut work.hidden_bias, d_hidden, rows);

            for (&cell, d_features) in cells.iter().zip(d_features.iter_mut()) {
                perception.spread(gradient, size, cell as usize, rotation, &mut d_features[..layer.inputs]);
            }
        }
    }
}

/// Restores the previous values of cells.
fn restore(state: &mut State, cells: &[u32], old: &[f32]) {
    let n = state.channels();
    for (&cell, old) in cells.iter().zip(old.chunks_exact(n)) {
        state.values_mut()[(cell & !EXPLODED) as usize * n..][..n].copy_from_slice(old);
    }
}

#[inline(always)]
fn add_rows(sums: &mut [f32], rows: &Rows, count: usize) {
    for row in rows.iter().take(count) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
