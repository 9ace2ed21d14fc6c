//! The two dense layers, over a block of cells.
//!
//! A product is cut into register tiles of `ROWS` cells by [`LANES`] outputs, whose sums stay in
//! vector registers over the whole inner loop: with AVX2, 6 x 16 sums in 12 registers, so that 12
//! multiply-adds stand against 8 loads.

/// Outputs of a register tile; the weights are padded to a multiple of it.
pub(super) const LANES: usize = 16;
/// Cells of a block: a multiple of every tile height, small enough for the first-level cache.
pub(super) const BLOCK: usize = 48;

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
    /// `input` rows are `stride` long and may have more values than the layer has inputs;
    /// `output` rows are [`Self::padded_outputs`] long. Both must hold [`BLOCK`] rows.
    #[inline(always)]
    pub(super) fn apply<const ROWS: usize, const FMA: bool, const RELU: bool>(
        &self,
        rows: usize,
        input: &[f32],
        stride: usize,
        output: &mut [f32],
    ) {
        let (n, width) = (self.inputs, self.padded_outputs);
        assert!(rows <= BLOCK && n <= stride && input.len() >= BLOCK * stride && output.len() >= BLOCK * width);
        for (p, panel) in self.panels.iter().enumerate() {
            for first in (0..rows).step_by(ROWS) {
                let mut sums = [panel.bias; ROWS];
                let tile = &input[first * stride..][..ROWS * stride];
                for (i, weight) in panel.weight.iter().enumerate() {
                    for (r, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: `i < inputs <= stride` and `r < ROWS`, so the index is in the tile.
                        let x = unsafe { *tile.get_unchecked(r * stride + i) };
                        for (sum, weight) in sums.iter_mut().zip(weight) {
                            *sum = if FMA { x.mul_add(*weight, *sum) } else { x * weight + *sum };
                        }
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    let out = &mut output[(first + r) * width + p * LANES..][..LANES];
                    for (out, sum) in out.iter_mut().zip(sums) {
                        // Not `max`, which would lose a NaN.
                        *out = if RELU && *sum < 0.0 { 0.0 } else { *sum };
                    }
                }
            }
        }
    }
}

/// `sums += x^T y` over `rows` rows: the gradient of a layer's weight from its inputs and the
/// gradient of its outputs. `sums` has a row of `y_width` for each of the `inputs` columns of `x`;
/// `y_width` is a multiple of [`LANES`].
#[cfg(feature = "train")]
#[inline(always)]
pub(super) fn add_products<const ROWS: usize, const FMA: bool>(
    rows: usize,
    (x, x_stride, inputs): (&[f32], usize, usize),
    (y, y_width): (&[f32], usize),
    sums: &mut [f32],
) {
    assert!(inputs <= x_stride && x.len() >= rows * x_stride && y.len() >= rows * y_width);
    assert!(y_width.is_multiple_of(LANES) && sums.len() >= inputs * y_width);
    for lane in (0..y_width).step_by(LANES) {
        for first in (0..inputs).step_by(ROWS) {
            let count = ROWS.min(inputs - first);
            let mut tile = [[0.0; LANES]; ROWS];
            for row in 0..rows {
                // SAFETY: `row < rows`, and a row of `y` is `y_width` long, of which `lane..` has LANES.
                let y = unsafe { &*y.as_ptr().add(row * y_width + lane).cast::<[f32; LANES]>() };
                for (r, tile) in tile.iter_mut().enumerate() {
                    // The last tile may be cut short: what it computes beyond is not stored.
                    let column = if first + r < inputs { first + r } else { first };
                    // SAFETY: `column < inputs <= x_stride` and `row < rows`.
                    let x = unsafe { *x.get_unchecked(row * x_stride + column) };
                    for (sum, y) in tile.iter_mut().zip(y) {
                        *sum = if FMA { x.mul_add(*y, *sum) } else { x * y + *sum };
                    }
                }
            }
            for (r, tile) in tile.iter().enumerate().take(count) {
                let out = &mut sums[(first + r) * y_width + lane..][..LANES];
                out.iter_mut().zip(tile).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}
