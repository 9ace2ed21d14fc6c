//! The engine in reverse: gradients through all ticks of a run.
//!
//! Only what changed is kept, and the rest is computed again: the states are restored from the old
//! values of the cells that fired, died or were wounded, and features and hidden units are
//! recomputed for cells that live and fired. All others pass their gradient on, or, dead, none.

use super::{
    Engine, Isa, Tick,
    dense::{BLOCK, Dense, add_products},
    engine::{Grid, Record, Scratch},
};
use crate::rule::{CellMask, State, Weights};

/// What is needed to go back through a run.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    ticks: Vec<TickMarks>,
    /// Cells that changed, tick by tick: the wounded, the updated, the dead.
    cells: Vec<u32>,
    /// Their values until then.
    old: Vec<f32>,
    /// A bit for each cell and tick: whether it lived on. Empty for rules without a life mask.
    live: Vec<u64>,
}

/// One tick of a tape: where its cells end.
#[derive(Clone, Copy, Debug)]
struct TickMarks {
    tick: Tick,
    wounded: usize,
    updated: usize,
    died: usize,
}

/// Marks a cell whose update was not finite: it became zeros, and owes nothing.
const EXPLODED: u32 = 1 << 31;

impl Record for Tape {
    fn wounds(&mut self, cell: usize, old: &[f32]) {
        self.push(cell as u32, old);
        if let Some(marks) = self.ticks.last_mut() {
            (marks.wounded, marks.updated, marks.died) = (self.cells.len(), self.cells.len(), self.cells.len());
        }
    }

    fn updates(&mut self, cell: usize, old: &[f32], new: &[f32]) {
        let exploded = new.iter().all(|value| *value == 0.0);
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

    /// Forgets the run; the memory is kept.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.cells.clear();
        self.old.clear();
        self.live.clear();
    }

    /// Bytes that the run takes.
    pub fn bytes(&self) -> usize {
        self.cells.len() * 4 + self.old.len() * 4 + self.live.len() * 8 + self.ticks.len() * size_of::<TickMarks>()
    }
}

impl Engine {
    /// As [`Engine::step`], and notes on the tape what is needed to go back.
    pub fn step_on_tape(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        tick: Tick,
        wound: Option<&CellMask>,
        tape: &mut Tape,
    ) {
        let end = tape.cells.len();
        tape.ticks.push(TickMarks { tick, wounded: end, updated: end, died: end });
        self.step_recorded(grid, scratch, tick, wound, tape);
    }
}

/// A model made ready to go back. Share it among threads.
pub struct Gradients<'a> {
    engine: &'a Engine,
    hidden_transposed: Dense,
    output_transposed: Dense,
}

/// Sums and working memory of one run; rows are padded.
struct Work {
    hidden_weight: Vec<f32>,
    hidden_bias: Vec<f32>,
    output_weight: Vec<f32>,
    output_bias: Vec<f32>,
    /// Of a block of cells: what they perceive, think and change, and the gradients of those.
    features: Vec<f32>,
    hidden: Vec<f32>,
    d_features: Vec<f32>,
    d_hidden: Vec<f32>,
    d_delta: Vec<f32>,
}

impl<'a> Gradients<'a> {
    /// Packs the weights of the engine's model the other way round.
    pub fn new(engine: &'a Engine, weights: &Weights) -> Self {
        Self {
            engine,
            hidden_transposed: Dense::transposed(&weights.hidden_weight, weights.hidden_bias.len()),
            output_transposed: Dense::transposed(&weights.output_weight, weights.output_bias.len()),
        }
    }

    /// Goes back through a run. `state` is the one it ended in, and becomes the one it began with;
    /// `gradient` is that of the loss with respect to the one, and becomes that with respect to
    /// the other. Returns the gradient with respect to
    /// the weights, laid out as they are.
    pub fn backward(&self, tape: &Tape, state: &mut State, gradient: &mut [f32]) -> Weights {
        assert_eq!(gradient.len(), state.values().len(), "a gradient has the shape of its state");
        let mut work = self.work();
        let mut updated = Vec::new();
        let cells = state.width() * state.height();
        let words = cells.div_ceil(64);
        let n = self.engine.channels;
        for (index, marks) in tape.ticks.iter().enumerate().rev() {
            let begin = index.checked_sub(1).map_or(0, |before| tape.ticks[before].died);
            restore(state, &tape.cells[marks.wounded..marks.died], &tape.old[marks.wounded * n..]);
            // The dead owe nothing for what they were.
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
                    // It has no part in what follows either: its hidden units may be infinite.
                    gradient[(cell & !EXPLODED) as usize * n..][..n].fill(0.0);
                }
            }
            let rotation = marks.tick.rotation();
            self.tick(state, rotation, &updated, gradient, &mut work);
            for cell in &tape.cells[begin..marks.wounded] {
                gradient[*cell as usize * n..][..n].fill(0.0);
            }
            restore(state, &tape.cells[begin..marks.wounded], &tape.old[begin * n..]);
        }
        self.finish(&work)
    }

    fn work(&self) -> Work {
        let (features, width) = (self.engine.hidden.inputs, self.engine.hidden.padded_outputs);
        let (features_width, channels) = (self.hidden_transposed.padded_outputs, self.engine.output_width());
        let hidden = self.hidden_transposed.inputs;
        Work {
            hidden_weight: vec![0.0; features * width],
            hidden_bias: vec![0.0; width],
            output_weight: vec![0.0; hidden * channels],
            output_bias: vec![0.0; channels],
            features: vec![0.0; BLOCK * features],
            hidden: vec![0.0; BLOCK * width],
            d_features: vec![0.0; BLOCK * features_width],
            d_hidden: vec![0.0; BLOCK * width],
            d_delta: Vec::new(),
        }
    }

    fn finish(&self, work: &Work) -> Weights {
        let (hidden, channels) = (self.hidden_transposed.inputs, self.engine.channels);
        let unpad = |rows: &[f32], width: usize, keep: usize| -> Vec<f32> {
            rows.chunks_exact(width).flat_map(|row| &row[..keep]).copied().collect()
        };
        Weights {
            hidden_weight: unpad(&work.hidden_weight, self.engine.hidden.padded_outputs, hidden),
            hidden_bias: work.hidden_bias[..hidden].to_vec(),
            output_weight: unpad(&work.output_weight, self.engine.output_width(), channels),
            output_bias: work.output_bias[..channels].to_vec(),
        }
    }

    fn tick(
        &self,
        state: &State,
        rotation: Option<(f32, f32)>,
        updated: &[u32],
        gradient: &mut [f32],
        work: &mut Work,
    ) {
        match self.engine.isa {
            Isa::Portable => {
                self.tick_with::<6, { cfg!(target_arch = "aarch64") }>(state, rotation, updated, gradient, work)
            }
            // SAFETY: `Engine::with_isa` checked that this machine has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { self.tick_avx2(state, rotation, updated, gradient, work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.tick_avx512(state, rotation, updated, gradient, work) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn tick_avx2(
        &self,
        state: &State,
        rotation: Option<(f32, f32)>,
        updated: &[u32],
        gradient: &mut [f32],
        work: &mut Work,
    ) {
        self.tick_with::<6, true>(state, rotation, updated, gradient, work);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn tick_avx512(
        &self,
        state: &State,
        rotation: Option<(f32, f32)>,
        updated: &[u32],
        gradient: &mut [f32],
        work: &mut Work,
    ) {
        self.tick_with::<12, true>(state, rotation, updated, gradient, work);
    }

    #[inline(always)]
    fn tick_with<const ROWS: usize, const FMA: bool>(
        &self,
        state: &State,
        rotation: Option<(f32, f32)>,
        updated: &[u32],
        gradient: &mut [f32],
        work: &mut Work,
    ) {
        let Engine { channels: n, perception, hidden: layer, step_size, .. } = self.engine;
        let n = *n;
        let (inputs, width, out_width) = (layer.inputs, layer.padded_outputs, self.engine.output_width());
        let features_width = self.hidden_transposed.padded_outputs;
        let size = (state.width(), state.height());

        // All of these are read before any is added to.
        work.d_delta.clear();
        work.d_delta.resize(updated.len().next_multiple_of(BLOCK) * out_width, 0.0);
        for (&cell, d_delta) in updated.iter().zip(work.d_delta.chunks_exact_mut(out_width)) {
            let owed = &gradient[cell as usize * n..][..n];
            d_delta.iter_mut().zip(owed).for_each(|(d, owed)| *d = step_size * owed);
        }
        for (cells, d_delta) in updated.chunks(BLOCK).zip(work.d_delta.chunks_exact(BLOCK * out_width)) {
            let rows = cells.len();
            for (&cell, features) in cells.iter().zip(work.features.chunks_exact_mut(inputs)) {
                perception.cell(state, cell as usize, rotation, features);
            }
            layer.apply::<ROWS, FMA, true>(rows, &work.features, inputs, &mut work.hidden);
            self.output_transposed.apply::<ROWS, FMA, false>(rows, d_delta, out_width, &mut work.d_hidden);
            for (d_hidden, hidden) in work.d_hidden.iter_mut().zip(&work.hidden) {
                *d_hidden = if *hidden > 0.0 { *d_hidden } else { 0.0 };
            }
            self.hidden_transposed.apply::<ROWS, FMA, false>(rows, &work.d_hidden, width, &mut work.d_features);

            add_products::<ROWS, FMA>(
                rows,
                (&work.hidden, width, self.hidden_transposed.inputs),
                (d_delta, out_width),
                &mut work.output_weight,
            );
            add_products::<ROWS, FMA>(
                rows,
                (&work.features, inputs, inputs),
                (&work.d_hidden, width),
                &mut work.hidden_weight,
            );
            add_rows(&mut work.output_bias, d_delta, rows);
            add_rows(&mut work.hidden_bias, &work.d_hidden, rows);

            for (&cell, d_features) in cells.iter().zip(work.d_features.chunks_exact_mut(features_width)) {
                perception.spread(gradient, size, cell as usize, rotation, &mut d_features[..inputs]);
            }
        }
    }
}

/// Gives cells their old values back.
fn restore(state: &mut State, cells: &[u32], old: &[f32]) {
    let n = state.channels();
    for (&cell, old) in cells.iter().zip(old.chunks_exact(n)) {
        state.values_mut()[(cell & !EXPLODED) as usize * n..][..n].copy_from_slice(old);
    }
}

#[inline(always)]
fn add_rows(sums: &mut [f32], rows: &[f32], count: usize) {
    for row in rows.chunks_exact(sums.len()).take(count) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
