//! The fast engine: it runs the dense layers in blocks, only for cells whose update can matter.
//!
//! A tick of a rule with a life mask:
//!
//! 1. Zero the wounded cells.
//! 2. Find the cells with a mature cell in their 3x3 neighborhood (`before`).
//! 3. Compute the updates of the cells in `before` that fire.
//! 4. Find the cells with a mature cell in their neighborhood after the update (`after`).
//! 5. For cells in `before` but not in `after`, also compute the firing neighbors that are not in
//!    `before`, and repeat step 4.
//! 6. Store the updates of cells in both `before` and `after`, and zero all other cells.
//!
//! Skipping the other updates does not change the result. A cell that does not fire keeps its
//! values. A cell that is not in `before` dies whatever its update. That update matters only if it
//! makes the cell mature, which keeps a neighbor alive for this tick: see step 5.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};

use super::{
    Isa, Tick,
    dense::{BLOCK, Dense, Lanes, Rows, in_panels, rows},
    masks::{dilate, for_each_set, neighbours},
    perceive::{Perception, Turn},
    vector::{Quad, Vector},
};
use crate::rule::{Alive, Boundary, CellMask, Directions, FireRate, Model, Rule, State, Weights, tick_key};

/// A model packed for stepping grids of any size. It can be shared among sprites and threads.
pub struct Engine {
    pub(super) isa: Isa,
    pub(super) channels: usize,
    firing: FireRate,
    pub(super) step_size: f32,
    alive: Option<Alive>,
    boundary: Boundary,
    pub(super) perception: Perception,
    pub(super) layers: Layers,
    /// Those of the cells that follow the overgrowth.
    overgrowth: Option<Layers>,
    /// Only the biases of the hidden layer.
    biases: Weights,
}

/// A form of a sprite, or a blend of some.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The share of each form, which a gradient needs.
    #[cfg(feature = "train")]
    pub(super) shares: Vec<f32>,
    /// The bias of the hidden layer, in panels.
    pub(super) bias: Vec<Lanes>,
}

/// What differs between the two rules of a model.
pub(super) struct Layers {
    pub(super) hidden: Dense,
    output: Dense,
    /// The values of a cell that has fired stay within plus and minus this; infinite for a rule without a clamp.
    pub(super) clamp: f32,
}

impl Layers {
    fn new(weights: &Weights, clamp: Option<f32>) -> Self {
        Self {
            hidden: Dense::new(&weights.hidden_weight, &weights.hidden_bias),
            output: Dense::new(&weights.output_weight, &weights.output_bias),
            clamp: clamp.unwrap_or(f32::INFINITY),
        }
    }
}

/// The cells of one sprite, as stored by the [`Engine`].
#[derive(Clone, Debug)]
pub struct Grid {
    state: State,
    /// 1 where the alive channel is above the threshold.
    mature: Vec<u8>,
    /// 1 where a cell may be nonzero. Empty without a life mask, where every cell may be.
    occupied: Vec<u8>,
    /// Cells that stay zero and never fire.
    dead_ground: Option<CellMask>,
    /// The direction of each cell.
    directions: Option<Directions>,
    /// Cells that follow the overgrowth.
    overgrown: Option<CellMask>,
    /// Its form. `None` for a rule without forms.
    pub(super) form: Option<Box<Form>>,
}

impl Grid {
    /// The cells.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Converts the grid back to its cells.
    pub fn into_state(self) -> State {
        self.state
    }

    /// Whether a cell is known to be all zeros, without reading its values.
    #[inline]
    pub(crate) fn is_empty_at(&self, cell: usize) -> bool {
        self.occupied.get(cell) == Some(&0)
    }

    /// Whether a row is known to be all zeros.
    #[inline]
    pub(crate) fn is_empty_row(&self, y: usize) -> bool {
        let row = self.occupied.get(y * self.state.width()..(y + 1) * self.state.width());
        row.is_some_and(|row| row.iter().all(|occupied| *occupied == 0))
    }

    #[inline]
    fn is_dead_ground(&self, cell: usize) -> bool {
        self.dead_ground.as_ref().is_some_and(|mask| mask.contains(cell))
    }
}

/// Working memory of one thread. It can be reused with any engine and grid.
#[derive(Default)]
pub struct Scratch {
    /// 1 where the 3x3 neighborhood has a mature cell before the update, and after it.
    before: Vec<u8>,
    after: Vec<u8>,
    /// 1 where a cell is mature after the update.
    mature: Vec<u8>,
    rows: Vec<u8>,
    updates: Updates,
    /// The cells that fire and follow the overgrowth.
    second: Vec<u32>,
    block: Block,
}

/// Receives every cell that a tick changes, with its previous values.
pub(crate) trait Record {
    /// A wound zeroes the cell, before everything else.
    fn wounds(&mut self, cell: usize, old: &[f32]);
    /// The cell fires, survives and gets new values. If they are not finite, they become zeros and
    /// `exploded` is true.
    fn updates(&mut self, cell: usize, old: &[f32], exploded: bool);
    /// The cell dies and becomes zeros.
    fn dies(&mut self, cell: usize, old: &[f32]);
    /// The tick is done. `live` has a 1 for each surviving cell. Not called for rules without a life mask.
    fn lives(&mut self, live: &[u8]);
}

/// Records nothing.
impl Record for () {
    fn wounds(&mut self, _: usize, _: &[f32]) {}
    fn updates(&mut self, _: usize, _: &[f32], _: bool) {}
    fn dies(&mut self, _: usize, _: &[f32]) {}
    fn lives(&mut self, _: &[u8]) {}
}

/// The cells whose updates are computed, and their new values.
#[derive(Default)]
struct Updates {
    cells: Vec<u32>,
    values: Vec<f32>,
    /// The cells whose new values were not finite, in ascending order. Usually empty.
    exploded: Vec<u32>,
}

/// What the updates of cells are computed from.
#[derive(Clone, Copy)]
struct Before<'a> {
    layers: &'a Layers,
    /// The bias of the hidden layer.
    bias: &'a [Lanes],
    state: &'a State,
    turn: Turn<'a>,
}

struct Block {
    features: Box<Rows>,
    hidden: Box<Rows>,
    delta: Box<Rows>,
}

impl Default for Block {
    fn default() -> Self {
        Self { features: rows(), hidden: rows(), delta: rows() }
    }
}

impl Engine {
    /// Packs a model's weights for the best instruction set of this machine.
    pub fn new(model: &Model) -> Self {
        Self::with_isa(model, Isa::best())
    }

    /// Packs a model's weights for the given instruction set. Falls back to [`Isa::Portable`] if
    /// this machine does not support it.
    pub fn with_isa(model: &Model, isa: Isa) -> Self {
        let overgrowth = model.overgrowth_table().map(|(weights, clamp)| Layers::new(weights, clamp));
        Self { overgrowth, ..Self::packed(model.rule(), model.weights(), isa) }
    }

    /// Packs weights that match the rule. It leaves out an overgrowth.
    pub(crate) fn packed(rule: &Rule, weights: &Weights, isa: Isa) -> Self {
        Self {
            isa: if isa.is_available() { isa } else { Isa::Portable },
            channels: rule.channels,
            firing: rule.firing(),
            step_size: rule.step_size,
            alive: rule.alive,
            boundary: rule.boundary,
            perception: Perception::new(rule),
            layers: Layers::new(weights, rule.clamp),
            overgrowth: None,
            biases: Weights {
                hidden_bias: weights.hidden_bias.clone(),
                form_bias: weights.form_bias.clone(),
                ..Weights::default()
            },
        }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The number of forms of the rule.
    #[cfg(feature = "train")]
    pub(super) fn forms(&self) -> usize {
        self.biases.form_bias.len() / self.biases.hidden_bias.len().max(1)
    }

    /// The padded width of an output row.
    #[cfg(feature = "train")]
    pub(super) fn output_width(&self) -> usize {
        self.layers.output.padded_outputs
    }

    /// Prepares cells for stepping. Returns `None` if their number of channels differs from the
    /// model's, or if there are no cells.
    pub fn grid(&self, state: State) -> Option<Grid> {
        (state.channels() == self.channels && !state.values().is_empty()).then(|| {
            let mature = match self.alive {
                Some(alive) => state
                    .values()
                    .chunks_exact(self.channels)
                    .map(|cell| u8::from(cell[alive.channel] > alive.threshold))
                    .collect(),
                None => Vec::new(),
            };
            let cells = state.values().chunks_exact(self.channels).take(mature.len());
            let occupied = cells.map(|cell| u8::from(cell.iter().any(|value| *value != 0.0))).collect();
            let form = self.form(&[1.0]);
            Grid { occupied, state, mature, dead_ground: None, directions: None, overgrown: None, form }
        })
    }

    /// Advances the grid by one tick: zeroes the cells of `wound`, if any, then applies the rule.
    /// The mask must match the grid's size.
    pub fn step(&self, grid: &mut Grid, scratch: &mut Scratch, tick: Tick, wound: Option<&CellMask>) {
        self.step_recorded(grid, scratch, tick, wound, &mut ());
    }

    /// Advances the grid by some ticks from `first` on, with the same noise and angle. The wound comes before the first.
    pub(crate) fn advance(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        first: Tick,
        ticks: u32,
        wound: Option<&CellMask>,
    ) {
        for passed in 0..ticks {
            let tick = Tick { tick: first.tick.wrapping_add(passed), ..first };
            self.step(grid, scratch, tick, wound.filter(|_| passed == 0));
        }
    }

    /// Like [`Engine::step`], and reports every changed cell to `record`.
    pub(crate) fn step_recorded(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        tick: Tick,
        wound: Option<&CellMask>,
        record: &mut impl Record,
    ) {
        if let Some(wound) = wound {
            self.zero_cells(grid, wound, record);
        }
        let key = tick_key(tick.tick, tick.seed);
        let rotation = tick.rotation();
        match self.alive {
            Some(alive) => self.step_masked(grid, scratch, alive, key, rotation, record),
            None => self.step_unmasked(grid, scratch, key, rotation, record),
        }
    }

    /// Replaces the dead ground: cells that stay zero and never fire. The mask must match the grid's size.
    pub fn set_dead_ground(&self, grid: &mut Grid, mask: CellMask) {
        self.zero_cells(grid, &mask, &mut ());
        grid.dead_ground = Some(mask).filter(|mask| !mask.is_empty());
    }

    /// Sets the direction of each cell, which rotates its gradients. They must match the grid's size.
    pub fn set_directions(&self, grid: &mut Grid, directions: Directions) {
        grid.directions = Some(directions);
    }

    /// Sets the form of a sprite: the share of each of the rule's forms. They need not add up to 1, missing ones are 0, and
    /// further ones are ignored. A grid begins in the first form. Does nothing for a rule without forms.
    pub fn set_form(&self, grid: &mut Grid, shares: &[f32]) {
        grid.form = self.form(shares);
    }

    fn form(&self, shares: &[f32]) -> Option<Box<Form>> {
        let bias = self.biases.bias_in(shares)?;
        Some(Box::new(Form {
            #[cfg(feature = "train")]
            shares: shares.to_vec(),
            bias: in_panels(&bias).collect(),
        }))
    }

    /// The bias of the hidden layer in a form.
    pub(super) fn bias_in<'a>(&'a self, form: Option<&'a Form>) -> &'a [Lanes] {
        form.map_or(&self.layers.hidden.bias, |form| &form.bias)
    }

    /// Sets which cells follow the model's overgrowth, if it has one. The mask must match the grid's size.
    pub fn set_overgrown(&self, grid: &mut Grid, mask: CellMask) {
        grid.overgrown = Some(mask).filter(|mask| !mask.is_empty());
    }

    /// Turns each empty cell of a mask into a seed, except on dead ground. The mask must match the grid's size.
    pub fn sow(&self, grid: &mut Grid, mask: &CellMask) {
        let mut fertile = mask.clone();
        if let Some(dead) = &grid.dead_ground {
            fertile.subtract(dead);
        }
        for cell in fertile.iter() {
            let values = grid.state.values_mut().get_mut(cell * self.channels..(cell + 1) * self.channels);
            let Some(values) = values.filter(|values| values.iter().all(|value| *value == 0.0)) else { continue };
            values[3..].fill(1.0);
            if let Some(alive) = self.alive {
                grid.mature[cell] = u8::from(values[alive.channel] > alive.threshold);
                grid.occupied[cell] = 1;
            }
        }
    }

    /// Makes cells zeros. The mask must match the grid's size.
    pub(crate) fn clear(&self, grid: &mut Grid, mask: &CellMask) {
        self.zero_cells(grid, mask, &mut ());
    }

    fn zero_cells(&self, grid: &mut Grid, mask: &CellMask, record: &mut impl Record) {
        for cell in mask.iter() {
            if let Some(values) = grid.state.values_mut().get_mut(cell * self.channels..(cell + 1) * self.channels) {
                record.wounds(cell, values);
                values.fill(0.0);
            }
            if let Some(mature) = grid.mature.get_mut(cell) {
                *mature = 0;
            }
        }
    }

    #[inline]
    fn fires(&self, grid: &Grid, cell: usize, key: u32) -> bool {
        self.firing.fires(cell as u32, key) && !grid.is_dead_ground(cell)
    }

    /// Lists all cells that fire.
    fn list_firing(&self, grid: &Grid, key: u32, listed: &mut Vec<u32>) {
        let count = (grid.state.width() * grid.state.height()) as u32;
        listed.resize(count as usize, 0);
        let mut end = 0;
        for cell in 0..count {
            // Without a branch, which no one could predict.
            listed[end] = cell;
            end += usize::from(self.firing.fires(cell, key));
        }
        listed.truncate(end);
        if let Some(dead) = &grid.dead_ground {
            listed.retain(|cell| !dead.contains(*cell as usize));
        }
    }

    /// Steps a rule without a life mask (a texture), where every cell lives.
    fn step_unmasked(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        key: u32,
        rotation: Option<(f32, f32)>,
        record: &mut impl Record,
    ) {
        let Scratch { updates, second, block, .. } = scratch;
        self.list_firing(grid, key, &mut updates.cells);
        let turn = Turn { rotation, directions: grid.directions.as_ref() };
        let bias = self.bias_in(grid.form.as_deref());
        let from = Before { layers: &self.layers, bias, state: &grid.state, turn };
        match self.overgrowth.as_ref().zip(grid.overgrown.as_ref()) {
            None => self.compute(from, block, updates, 0),
            Some((layers, mask)) => {
                second.clear();
                updates.cells.retain(|cell| {
                    let is_overgrown = mask.contains(*cell as usize);
                    second.extend(is_overgrown.then_some(*cell));
                    !is_overgrown
                });
                self.compute(from, block, updates, 0);
                let computed = updates.cells.len();
                updates.cells.append(second);
                self.compute(Before { layers, bias: &layers.hidden.bias, ..from }, block, updates, computed);
                updates.exploded.sort_unstable();
            }
        }
        for (cell, new) in updates.iter(self.channels) {
            let values = &mut grid.state.values_mut()[cell * self.channels..][..self.channels];
            record.updates(cell, values, updates.has_exploded(cell));
            copy_quads(values, new);
        }
    }

    fn step_masked(
        &self,
        grid: &mut Grid,
        scratch: &mut Scratch,
        alive: Alive,
        key: u32,
        rotation: Option<(f32, f32)>,
        record: &mut impl Record,
    ) {
        let n = self.channels;
        let size = (grid.state.width(), grid.state.height());
        let Scratch { before, after, mature, rows, updates, block, .. } = scratch;
        let fires = |cell: usize| self.fires(grid, cell, key);
        let is_mature = |values: &[f32]| u8::from(values[alive.channel] > alive.threshold);

        dilate(&grid.mature, size, self.boundary, rows, before);
        updates.cells.clear();
        for_each_set(before, |cell| updates.cells.extend(fires(cell).then_some(cell as u32)));
        let turn = Turn { rotation, directions: grid.directions.as_ref() };
        let bias = self.bias_in(grid.form.as_deref());
        let from = Before { layers: &self.layers, bias, state: &grid.state, turn };
        self.compute(from, block, updates, 0);
        mature.clone_from(&grid.mature);
        for (cell, values) in updates.iter(n) {
            mature[cell] = is_mature(values);
        }
        dilate(mature, size, self.boundary, rows, after);

        // These cells survive only if the update of a doomed neighbor makes that neighbor mature.
        let computed = updates.cells.len();
        rows.clear();
        rows.extend(before.iter().zip(after.iter()).map(|(before, after)| before & !after));
        for_each_set(rows, |cell| {
            let doomed = neighbours(cell, size, self.boundary).filter(|&other| before[other] == 0 && fires(other));
            updates.cells.extend(doomed.map(|other| other as u32));
        });
        if updates.cells.len() > computed {
            updates.cells[computed..].sort_unstable();
            updates.cells.dedup();
            let exploded = updates.exploded.len();
            self.compute(from, block, updates, computed);
            updates.exploded.truncate(exploded);
            for (cell, values) in updates.iter(n).skip(computed) {
                mature[cell] = is_mature(values);
            }
            dilate(mature, size, self.boundary, rows, after);
            updates.cells.truncate(computed);
        }

        let values = grid.state.values_mut();
        for (cell, new) in updates.iter(n).filter(|&(cell, _)| after[cell] != 0) {
            let values = &mut values[cell * n..][..n];
            record.updates(cell, values, updates.has_exploded(cell));
            copy_quads(values, new);
        }
        // From here on, `before` marks the cells that survive, and `after` those that have died.
        for (((before, after), mature), occupied) in
            before.iter_mut().zip(after.iter_mut()).zip(mature.iter_mut()).zip(&mut grid.occupied)
        {
            *before &= *after;
            *mature &= *before;
            *after = *occupied & !*before;
            *occupied = *before;
        }
        for_each_set(after, |cell| {
            let values = &mut values[cell * n..][..n];
            record.dies(cell, values);
            values.fill(0.0);
        });
        std::mem::swap(mature, &mut grid.mature);
        record.lives(&grid.occupied);
    }

    /// Computes the new values of `updates.cells[first..]`.
    fn compute(&self, from: Before, block: &mut Block, updates: &mut Updates, first: usize) {
        updates.values.resize(updates.cells.len() * self.channels, 0.0);
        if first == 0 {
            updates.exploded.clear();
        }
        let (cells, values) = (&updates.cells[first..], &mut updates.values[first * self.channels..]);
        let exploded = &mut updates.exploded;
        match self.isa {
            // SAFETY: every CPU of this target has these instructions.
            Isa::Portable => unsafe { self.compute_with::<Quad, 4, 3, 1>(from, block, cells, values, exploded) },
            // SAFETY: `Engine::packed` checked that this machine has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { self.compute_avx2(from, block, cells, values, exploded) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.compute_avx512(from, block, cells, values, exploded) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn compute_avx2(
        &self,
        from: Before,
        block: &mut Block,
        cells: &[u32],
        values: &mut [f32],
        exploded: &mut Vec<u32>,
    ) {
        // SAFETY: this function enables the instructions.
        unsafe { self.compute_with::<__m256, 2, 6, 1>(from, block, cells, values, exploded) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn compute_avx512(
        &self,
        from: Before,
        block: &mut Block,
        cells: &[u32],
        values: &mut [f32],
        exploded: &mut Vec<u32>,
    ) {
        // SAFETY: this function enables the instructions.
        unsafe { self.compute_with::<__m512, 1, 12, 2>(from, block, cells, values, exploded) }
    }

    /// Applies perception and the two layers, and adds the update, in tiles of `ROWS` cells by
    /// `PER` vectors.
    ///
    /// # Safety
    /// The CPU must support the vector's instructions.
    #[inline(always)]
    unsafe fn compute_with<V: Vector, const PER: usize, const ROWS: usize, const PANELS: usize>(
        &self,
        from: Before,
        block: &mut Block,
        cells: &[u32],
        values: &mut [f32],
        exploded: &mut Vec<u32>,
    ) {
        const { assert!(BLOCK.is_multiple_of(ROWS)) }
        let n = self.channels;
        let Before { layers, bias, state, turn } = from;
        let Block { features, hidden, delta } = block;
        for (cells, values) in cells.chunks(BLOCK).zip(values.chunks_mut(BLOCK * n)) {
            for (&cell, features) in cells.iter().zip(features.iter_mut()) {
                // SAFETY: upheld by the caller.
                unsafe { self.perception.cell::<V>(state, cell as usize, turn.at(cell as usize), features) }
            }
            // SAFETY: upheld by the caller.
            unsafe {
                layers.hidden.apply::<V, PER, ROWS, PANELS, true>(bias, cells.len(), features, hidden);
                layers.output.apply::<V, PER, ROWS, PANELS, false>(&layers.output.bias, cells.len(), hidden, delta);
            }
            for ((&cell, new), delta) in cells.iter().zip(values.chunks_exact_mut(n)).zip(delta.iter()) {
                let old = &state.values()[cell as usize * n..][..n];
                let mut finite = true;
                for ((new, old), delta) in new.iter_mut().zip(old).zip(delta) {
                    let value = old + self.step_size * delta;
                    finite &= value.is_finite();
                    *new = value.clamp(-layers.clamp, layers.clamp);
                }
                if !finite {
                    new.fill(0.0);
                    exploded.push(cell);
                }
            }
        }
    }
}

/// Copies the values of a cell, a multiple of four. This is faster than a copy of any length.
#[inline(always)]
fn copy_quads(to: &mut [f32], from: &[f32]) {
    to.as_chunks_mut::<4>().0.iter_mut().zip(from.as_chunks().0).for_each(|(to, from)| *to = *from);
}

impl Updates {
    /// Whether the new values of a cell were not finite.
    #[inline]
    fn has_exploded(&self, cell: usize) -> bool {
        self.exploded.binary_search(&(cell as u32)).is_ok()
    }

    fn iter(&self, channels: usize) -> impl Iterator<Item = (usize, &[f32])> {
        self.cells.iter().map(|&cell| cell as usize).zip(self.values.chunks_exact(channels))
    }
}
