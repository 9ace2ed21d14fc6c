//! Perception of single cells: their 3x3 neighbourhood under the rule's kernels.

use crate::rule::{Boundary, Kernel, Rule, State};

/// What perceiving takes, settled once a model.
pub(super) struct Perception {
    channels: usize,
    boundary: Boundary,
    kernels: Vec<Kernel>,
    /// The features at which the two gradients start, if both are perceived.
    gradients: Option<(usize, usize)>,
}

impl Perception {
    pub(super) fn new(rule: &Rule) -> Self {
        let start = |kernel| rule.perception.iter().position(|k| *k == kernel).map(|k| k * rule.channels);
        Self {
            channels: rule.channels,
            boundary: rule.boundary,
            kernels: rule.perception.clone(),
            gradients: start(Kernel::SobelX).zip(start(Kernel::SobelY)),
        }
    }

    /// Writes the features of one cell.
    #[inline(always)]
    pub(super) fn cell(&self, state: &State, index: usize, rotation: Option<(f32, f32)>, features: &mut [f32]) {
        let [nw, n, ne, w, center, e, sw, s, se] = self.around(state, index);
        for (kernel, out) in self.kernels.iter().zip(features.chunks_exact_mut(self.channels)) {
            match kernel {
                Kernel::Identity => out.copy_from_slice(center.as_flattened()),
                Kernel::SobelX => each(out, [nw, w, sw, ne, e, se], sobel),
                Kernel::SobelY => each(out, [nw, n, ne, sw, s, se], sobel),
                Kernel::Laplacian => each(out, [nw, n, ne, w, center, e, sw, s, se], laplacian),
            }
        }
        if let Some((cos, sin)) = rotation {
            self.rotate(features, cos, sin);
        }
    }

    /// Rotates the two gradients, if both are perceived.
    #[inline(always)]
    fn rotate(&self, features: &mut [f32], cos: f32, sin: f32) {
        let (n, Some((gx, gy))) = (self.channels, self.gradients) else { return };
        let (first, second) = features.split_at_mut(gx.max(gy));
        let (low, high) = (&mut first[gx.min(gy)..][..n], &mut second[..n]);
        // `high` is the y gradient, unless the kernels come the other way round.
        let sin = if gx < gy { sin } else { -sin };
        for (a, b) in low.iter_mut().zip(high) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }

    /// The transpose of [`Self::cell`]: adds what a cell's features owe to the cells around it.
    /// `features` is used up.
    #[cfg(feature = "train")]
    #[inline(always)]
    pub(super) fn spread(
        &self,
        gradient: &mut [f32],
        (w, h): (usize, usize),
        index: usize,
        rotation: Option<(f32, f32)>,
        features: &mut [f32],
    ) {
        let n = self.channels;
        if let Some((cos, sin)) = rotation {
            self.rotate(features, cos, -sin);
        }
        let (x, y) = (index % w, index / w);
        for dy in 0..3 {
            for dx in 0..3 {
                let at = (self.boundary.shift(x, dx as isize - 1, w), self.boundary.shift(y, dy as isize - 1, h));
                let (Some(x), Some(y)) = at else { continue };
                let out = &mut gradient[(y * w + x) * n..][..n];
                for (kernel, features) in self.kernels.iter().zip(features.chunks_exact(n)) {
                    let weight = kernel.weights()[dy][dx];
                    if weight != 0.0 {
                        out.iter_mut().zip(features).for_each(|(out, feature)| *out += weight * feature);
                    }
                }
            }
        }
    }

    /// The 3x3 neighbourhood, row by row, in quads of channels; zeros beyond a zero boundary.
    #[inline(always)]
    fn around<'a>(&self, state: &'a State, index: usize) -> [&'a [[f32; 4]]; 9] {
        static ZEROS: [[f32; 4]; 8] = [[0.0; 4]; 8];
        let (w, h, quads) = (state.width(), state.height(), self.channels / 4);
        let (x, y) = (index % w, index / w);
        let (values, _) = state.values().as_chunks::<4>();
        let at = |cell: usize| &values[cell * quads..][..quads];
        let mut around = [&ZEROS[..quads]; 9];
        let inside = x > 0 && y > 0 && x + 1 < w && y + 1 < h;
        for (i, cell) in around.iter_mut().enumerate() {
            let (dx, dy) = (i as isize % 3 - 1, i as isize / 3 - 1);
            if inside {
                *cell = at(index.wrapping_add_signed(dy * w as isize + dx));
            } else if let (Some(x), Some(y)) = (self.boundary.shift(x, dx, w), self.boundary.shift(y, dy, h)) {
                *cell = at(y * w + x);
            }
        }
        around
    }
}

/// Sets each value of `out` from the same channel of some cells. The quads are what the compiler
/// makes vectors of. (Plain loops: `array::map` is compiled apart, without this machine's vectors.)
#[inline(always)]
fn each<const N: usize>(out: &mut [f32], cells: [&[[f32; 4]]; N], f: impl Fn([f32; N]) -> f32) {
    let (out, _) = out.as_chunks_mut::<4>();
    for cell in cells {
        assert_eq!(cell.len(), out.len());
    }
    for (quad, out) in out.iter_mut().enumerate() {
        for (lane, out) in out.iter_mut().enumerate() {
            let mut values = [0.0; N];
            for (value, cell) in values.iter_mut().zip(cells) {
                *value = cell[quad][lane];
            }
            *out = f(values);
        }
    }
}

/// `(high - low) / 8`, the middle one of each three counted twice.
#[inline(always)]
fn sobel([l0, l1, l2, h0, h1, h2]: [f32; 6]) -> f32 {
    ((h0 - l0) + 2.0 * (h1 - l1) + (h2 - l2)) * 0.125
}

#[inline(always)]
fn laplacian([nw, n, ne, w, center, e, sw, s, se]: [f32; 9]) -> f32 {
    (((nw + ne) + (sw + se)) + 2.0 * ((n + s) + (w + e)) - 12.0 * center) * 0.0625
}
