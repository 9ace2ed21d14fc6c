//! The two dense layers, over a block of cells.
//!
//! A product is cut into register tiles of `ROWS` cells by [`LANES`] outputs, `PER` vectors each,
//! whose sums stay in registers over the whole inner loop: with AVX2, 6 x 16 sums in 12 registers,
//! so that 12 multiply-adds stand against 8 loads.

use super::vector::Vector;

/// Outputs of a register tile; the weights are padded to a multiple of it.
pub(super) const LANES: usize = 16;
/// Cells of a block: a multiple of every tile height, small enough for the first-level cache.
pub(super) const BLOCK: usize = 48;
/// Values that a row of a block has room for: the widest layer, 256, and the tiles that reach
/// beyond it. Fixed, so that the rows of a tile lie at constant offsets; no power of two, so that
/// they do not compete for the same lines of the cache.
const ROW: usize = 272;

/// A row for each cell of a block: what it perceives, thinks, or how it changes.
pub(super) type Rows = [[f32; ROW]; BLOCK];

/// Rows of zeros, on the heap.
pub(super) fn rows() -> Box<Rows> {
    vec![[0.0; ROW]; BLOCK].try_into().unwrap_or_else(|_| unreachable!("a block of rows"))
}

/// A dense layer, its weights in panels of [`LANES`] outputs.
pub(super) struct Dense {
    pub(super) inputs: usize,
    /// Outputs, padded to a multiple of [`LANES`].
    pub(super) padded_outputs: usize,
    panels: Vec<Panel>,
}

struct Panel {
    bias: [f32; LANES],
    /// A row for each input.
    weight: Vec<[f32; LANES]>,
}

impl Dense {
    /// From a row-major `[inputs, outputs]` weight.
    pub(super) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let lanes = |row: &[f32], start: usize| {
            let mut lanes = [0.0; LANES];
            let row = &row[start..(start + LANES).min(outputs)];
            lanes[..row.len()].copy_from_slice(row);
            lanes
        };
        let panels = (0..outputs).step_by(LANES).map(|start| Panel {
            bias: lanes(bias, start),
            weight: weight.chunks_exact(outputs).map(|row| lanes(row, start)).collect(),
        });
        Self {
            inputs: weight.len() / outputs,
            padded_outputs: outputs.next_multiple_of(LANES),
            panels: panels.collect(),
        }
    }

    /// From the transpose of a row-major `[outputs, inputs]` weight, without a bias.
    #[cfg(feature = "train")]
    pub(super) fn transposed(weight: &[f32], inputs: usize) -> Self {
        let outputs = weight.len() / inputs;
        let transposed: Vec<f32> = (0..inputs).flat_map(|i| weight.iter().skip(i).step_by(inputs).copied()).collect();
        Self::new(&transposed, &vec![0.0; outputs])
    }

    /// `output = input W + b` for `rows` cells, rounded up to whole tiles; `RELU` clips below at 0.
    ///
    /// The rows of `input` may have more values than the layer has inputs; those of `output` get
    /// [`Self::padded_outputs`].
    ///
    /// # Safety
    /// The machine has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn apply<V: Vector, const PER: usize, const ROWS: usize, const RELU: bool>(
        &self,
        rows: usize,
        input: &Rows,
        output: &mut Rows,
    ) {
        const { assert!(V::LANES * PER == LANES && BLOCK.is_multiple_of(ROWS)) }
        assert!(rows <= BLOCK && self.inputs <= ROW && self.padded_outputs <= ROW);
        for (p, panel) in self.panels.iter().enumerate() {
            for first in (0..rows).step_by(ROWS) {
                let (input, output) = (&input[first..][..ROWS], &mut output[first..][..ROWS]);
                // SAFETY: the instructions are the caller's. A panel's rows have LANES values; a
                // tile has ROWS rows of ROW values, and both `i` and `p * LANES + LANES` are within.
                unsafe {
                    let bias: [V; PER] = load(panel.bias.as_ptr());
                    let mut sums = [bias; ROWS];
                    for (i, weight) in panel.weight.iter().enumerate() {
                        let weight: [V; PER] = load(weight.as_ptr());
                        for (r, sums) in sums.iter_mut().enumerate() {
                            let x = V::splat(*input.get_unchecked(r).get_unchecked(i));
                            for (sum, weight) in sums.iter_mut().zip(weight) {
                                *sum = sum.add_product(x, weight);
                            }
                        }
                    }
                    for (sums, row) in sums.iter().zip(output) {
                        let out = &mut row[p * LANES..][..LANES];
                        for (v, sum) in sums.iter().enumerate() {
                            sum.store(out.as_mut_ptr().add(v * V::LANES));
                        }
                        if RELU {
                            // Not `max`, which would lose a NaN.
                            out.iter_mut().for_each(|out| *out = if *out < 0.0 { 0.0 } else { *out });
                        }
                    }
                }
            }
        }
    }
}

/// [`LANES`] values.
///
/// # Safety
/// They can be read, and the machine has the vector's instructions.
#[inline(always)]
unsafe fn load<V: Vector, const PER: usize>(from: *const f32) -> [V; PER] {
    // SAFETY: the caller's.
    unsafe {
        let mut vectors = [V::splat(0.0); PER];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = V::load(from.add(v * V::LANES));
        }
        vectors
    }
}

/// `sums += x^T y` over `rows` rows: the gradient of a layer's weight from its `inputs` and the
/// gradient of its outputs. `sums` has a row of `y_width`, a multiple of [`LANES`], for each input.
///
/// # Safety
/// The machine has the vector's instructions.
#[cfg(feature = "train")]
#[inline(always)]
pub(super) unsafe fn add_products<V: Vector, const PER: usize, const ROWS: usize>(
    rows: usize,
    (x, inputs): (&Rows, usize),
    (y, y_width): (&Rows, usize),
    sums: &mut [f32],
) {
    const { assert!(V::LANES * PER == LANES) }
    assert!(rows <= BLOCK && inputs + ROWS <= ROW && y_width <= ROW);
    assert!(y_width.is_multiple_of(LANES) && sums.len() >= inputs * y_width);
    for lane in (0..y_width).step_by(LANES) {
        for first in (0..inputs).step_by(ROWS) {
            // SAFETY: the instructions are the caller's. `lane + LANES <= y_width <= ROW`, and
            // `first + r < inputs + ROWS <= ROW`; what lies beyond the inputs is not stored.
            unsafe {
                let mut tile = [[V::splat(0.0); PER]; ROWS];
                for (x, y) in x.iter().zip(y).take(rows) {
                    let y: [V; PER] = load(y.as_ptr().add(lane));
                    for (r, tile) in tile.iter_mut().enumerate() {
                        let x = V::splat(*x.get_unchecked(first + r));
                        for (sum, y) in tile.iter_mut().zip(y) {
                            *sum = sum.add_product(x, y);
                        }
                    }
                }
                let one = V::splat(1.0);
                for (r, tile) in tile.iter().enumerate().take(inputs - first) {
                    let out = &mut sums[(first + r) * y_width + lane..][..LANES];
                    let old: [V; PER] = load(out.as_ptr());
                    for (v, (old, sum)) in old.into_iter().zip(tile).enumerate() {
                        old.add_product(one, *sum).store(out.as_mut_ptr().add(v * V::LANES));
                    }
                }
            }
        }
    }
}
