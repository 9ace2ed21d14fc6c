//! The two dense layers, applied to a block of cells.
//!
//! The matrix product is divided into register tiles of `ROWS` cells by [`LANES`] outputs, in `PER`
//! vectors per cell. The sums of a tile stay in registers for the whole inner loop. With AVX2, a
//! tile has 6 x 16 sums in 12 registers, which gives 12 multiply-adds per 8 loads.

use super::vector::Vector;

/// Outputs per register tile. The weights are padded to a multiple of this.
pub(super) const LANES: usize = 16;
/// Cells per block: a multiple of every tile height, and small to keep the rows in the L1 cache.
pub(super) const BLOCK: usize = 48;
/// Capacity of a row: the widest layer, 256, and the tiles that extend beyond it. It is constant,
/// so that the rows of a tile are at constant offsets. It is not a power of two, so that they do
/// not compete for the same cache lines.
pub(super) const ROW: usize = 272;

/// The features, hidden units or update of a cell.
pub(super) type Row = [f32; ROW];
/// One row per cell of a block.
pub(super) type Rows = [Row; BLOCK];

/// Zeroed rows on the heap.
pub(super) fn rows() -> Box<Rows> {
    vec![[0.0; ROW]; BLOCK].try_into().unwrap_or_else(|_| unreachable!("a block of rows"))
}

/// A dense layer. Its weights are packed in panels of [`LANES`] outputs.
pub(super) struct Dense {
    pub(super) inputs: usize,
    /// The number of outputs, padded to a multiple of [`LANES`].
    pub(super) padded_outputs: usize,
    /// One row per panel, as what follows.
    pub(super) bias: Vec<Lanes>,
    /// One row per input.
    panels: Vec<Vec<Lanes>>,
}

/// The outputs of a panel.
pub(super) type Lanes = [f32; LANES];

/// Splits a row of outputs into panels, the last one padded with zeros.
pub(super) fn in_panels(row: &[f32]) -> impl Iterator<Item = Lanes> {
    row.chunks(LANES).map(|part| {
        let mut lanes = [0.0; LANES];
        lanes[..part.len()].copy_from_slice(part);
        lanes
    })
}

impl Dense {
    /// Packs a row-major `[inputs, outputs]` weight.
    pub(super) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let mut panels = vec![Vec::new(); outputs.div_ceil(LANES)];
        for row in weight.chunks_exact(outputs) {
            panels.iter_mut().zip(in_panels(row)).for_each(|(panel, lanes)| panel.push(lanes));
        }
        Self {
            inputs: weight.len() / outputs,
            padded_outputs: outputs.next_multiple_of(LANES),
            bias: in_panels(bias).collect(),
            panels,
        }
    }

    /// Packs the transpose of a row-major `[outputs, inputs]` weight, without a bias.
    #[cfg(feature = "train")]
    pub(super) fn transposed(weight: &[f32], inputs: usize) -> Self {
        let outputs = weight.len() / inputs;
        let transposed: Vec<f32> = (0..inputs).flat_map(|i| weight.iter().skip(i).step_by(inputs).copied()).collect();
        Self::new(&transposed, &vec![0.0; outputs])
    }

    /// Computes `output = input W + bias` for `rows` cells, rounded up to whole tiles. `RELU` clamps
    /// the result at 0. The bias is [`Self::bias`], or another one of that length.
    ///
    /// Reads the first `inputs` values of each input row. Writes [`Self::padded_outputs`] values to
    /// each output row. A tile covers `PANELS` panels, as long as there are so many.
    ///
    /// # Safety
    /// The CPU must support the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn apply<
        V: Vector,
        const PER: usize,
        const ROWS: usize,
        const PANELS: usize,
        const RELU: bool,
    >(
        &self,
        bias: &[Lanes],
        rows: usize,
        input: &Rows,
        output: &mut Rows,
    ) {
        assert!(rows <= BLOCK && self.inputs <= ROW && self.padded_outputs <= ROW && bias.len() == self.panels.len());
        let (together, single) = self.panels.as_chunks::<PANELS>();
        let (bias_together, bias_single) = bias.as_chunks::<PANELS>();
        let mut first_output = 0;
        for (panels, bias) in together.iter().zip(bias_together) {
            // SAFETY: upheld by the caller, here and below.
            unsafe { tiles::<V, PER, ROWS, PANELS, RELU>(panels, bias, rows, input, output, first_output) }
            first_output += PANELS * LANES;
        }
        for (panel, bias) in single.iter().zip(bias_single) {
            let (panel, bias) = (std::array::from_ref(panel), std::array::from_ref(bias));
            unsafe { tiles::<V, PER, ROWS, 1, RELU>(panel, bias, rows, input, output, first_output) }
            first_output += LANES;
        }
    }
}

/// Computes the outputs of some panels of the same layer for `rows` cells, rounded up to whole tiles.
///
/// # Safety
/// The CPU must support the vector's instructions.
#[inline(always)]
unsafe fn tiles<V: Vector, const PER: usize, const ROWS: usize, const PANELS: usize, const RELU: bool>(
    panels: &[Vec<Lanes>; PANELS],
    bias: &[Lanes; PANELS],
    rows: usize,
    input: &Rows,
    output: &mut Rows,
    first_output: usize,
) {
    const { assert!(V::LANES * PER == LANES && BLOCK.is_multiple_of(ROWS)) }
    let inputs = panels[0].len();
    // Channels and hidden units come in fours.
    assert!(rows <= BLOCK && inputs <= ROW && inputs.is_multiple_of(4));
    assert!(panels.iter().all(|panel| panel.len() == inputs));
    for first in (0..rows).step_by(ROWS) {
        let (input, output) = (&input[first..][..ROWS], &mut output[first..][..ROWS]);
        // SAFETY: the caller guarantees the instructions. A row of a panel has LANES values, and each panel has
        // `inputs` rows. A tile has ROWS rows of ROW values, and `i` is within a row.
        unsafe {
            let bias: [[V; PER]; PANELS] = std::array::from_fn(|p| load(bias[p].as_ptr()));
            let mut sums = [bias; ROWS];
            for first in (0..inputs).step_by(4) {
                for i in first..first + 4 {
                    let weight: [[V; PER]; PANELS] = std::array::from_fn(|p| load(panels[p].get_unchecked(i).as_ptr()));
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let x = V::splat(*input.get_unchecked(r).get_unchecked(i));
                        for (sum, weight) in sums.as_flattened_mut().iter_mut().zip(weight.as_flattened()) {
                            *sum = sum.add_product(x, *weight);
                        }
                    }
                }
            }
            for (sums, row) in sums.iter().zip(output) {
                let out = &mut row[first_output..][..PANELS * LANES];
                for (v, sum) in sums.as_flattened().iter().enumerate() {
                    let sum = if RELU { sum.relu() } else { *sum };
                    sum.store(out.as_mut_ptr().add(v * V::LANES));
                }
            }
        }
    }
}

/// Loads [`LANES`] values.
///
/// # Safety
/// `from` must be valid for reading [`LANES`] values. The CPU must support the vector's instructions.
#[inline(always)]
unsafe fn load<V: Vector, const PER: usize>(from: *const f32) -> [V; PER] {
    // SAFETY: upheld by the caller.
    unsafe {
        let mut vectors = [V::splat(0.0); PER];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = V::load(from.add(v * V::LANES));
        }
        vectors
    }
}

/// Computes `sums += x^T y` over `rows` rows: the gradient of a layer's weight, from its inputs `x`
/// and the gradient of its outputs `y`. `sums` has one row of `y_width` values per input. `y_width`
/// is a multiple of [`LANES`].
///
/// # Safety
/// The CPU must support the vector's instructions.
#[cfg(feature = "train")]
#[inline(always)]
pub(super) unsafe fn add_products<V: Vector, const PER: usize, const ROWS: usize, const PANELS: usize>(
    rows: usize,
    (x, inputs): (&Rows, usize),
    (y, y_width): (&Rows, usize),
    sums: &mut [f32],
) {
    const { assert!(V::LANES * PER == LANES) }
    assert!(rows <= BLOCK && inputs + ROWS <= ROW && y_width <= ROW);
    assert!(y_width.is_multiple_of(LANES) && sums.len() >= inputs * y_width);
    let together = y_width / (LANES * PANELS) * LANES * PANELS;
    for first in (0..inputs).step_by(ROWS) {
        // SAFETY: the caller guarantees the instructions.
        unsafe {
            for lane in (0..together).step_by(LANES * PANELS) {
                add_tile::<V, PER, ROWS, PANELS>(rows, (x, first, inputs), (y, lane, y_width), sums);
            }
            for lane in (together..y_width).step_by(LANES) {
                add_tile::<V, PER, ROWS, 1>(rows, (x, first, inputs), (y, lane, y_width), sums);
            }
        }
    }
}

/// One tile of [`add_products`]: `ROWS` inputs from `first`, and `PANELS` times [`LANES`] values from `lane`.
///
/// # Safety
/// The CPU must support the vector's instructions. `first + ROWS` and `lane + PANELS * LANES` must be within a row.
#[cfg(feature = "train")]
#[inline(always)]
unsafe fn add_tile<V: Vector, const PER: usize, const ROWS: usize, const PANELS: usize>(
    rows: usize,
    (x, first, inputs): (&Rows, usize, usize),
    (y, lane, y_width): (&Rows, usize, usize),
    sums: &mut [f32],
) {
    // SAFETY: upheld by the caller. Values beyond the inputs are not stored.
    unsafe {
        let mut tile = [[[V::splat(0.0); PER]; PANELS]; ROWS];
        for (x, y) in x.iter().zip(y).take(rows) {
            let y: [[V; PER]; PANELS] = std::array::from_fn(|p| load(y.as_ptr().add(lane + p * LANES)));
            for (r, tile) in tile.iter_mut().enumerate() {
                let x = V::splat(*x.get_unchecked(first + r));
                for (sum, y) in tile.as_flattened_mut().iter_mut().zip(y.as_flattened()) {
                    *sum = sum.add_product(x, *y);
                }
            }
        }
        for (r, tile) in tile.iter().enumerate().take(inputs - first) {
            let out = &mut sums[(first + r) * y_width + lane..][..PANELS * LANES];
            for (v, sum) in tile.as_flattened().iter().enumerate() {
                let out = out.as_mut_ptr().add(v * V::LANES);
                V::load(out).add(*sum).store(out);
            }
        }
    }
}
