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
        let n = self.channels;
        let around = self.around(state, index);
        for (kernel, out) in self.kernels.iter().zip(features.chunks_exact_mut(n)) {
            match kernel {
                Kernel::Identity => out.copy_from_slice(around[4]),
                Kernel::SobelX => sobel(out, [around[0], around[3], around[6]], [around[2], around[5], around[8]]),
                Kernel::SobelY => sobel(out, [around[0], around[1], around[2]], [around[6], around[7], around[8]]),
                Kernel::Laplacian => laplacian(out, around),
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

    /// The 3x3 neighbourhood, row by row; zeros beyond a zero boundary.
    #[inline(always)]
    fn around<'a>(&self, state: &'a State, index: usize) -> [&'a [f32]; 9] {
        static ZEROS: [f32; 32] = [0.0; 32];
        let (w, h, n) = (state.width(), state.height(), self.channels);
        let (x, y) = (index % w, index / w);
        let values = state.values();
        let at = |cell: usize| &values[cell * n..][..n];
        if x > 0 && y > 0 && x + 1 < w && y + 1 < h {
            let (up, down) = (index - w, index + w);
            return [up - 1, up, up + 1, index - 1, index, index + 1, down - 1, down, down + 1].map(at);
        }
        let shifted = |dx, dy| match (self.boundary.shift(x, dx, w), self.boundary.shift(y, dy, h)) {
            (Some(x), Some(y)) => at(y * w + x),
            _ => &ZEROS[..n],
        };
        [
            shifted(-1, -1),
            shifted(0, -1),
            shifted(1, -1),
            shifted(-1, 0),
            shifted(0, 0),
            shifted(1, 0),
            shifted(-1, 1),
            shifted(0, 1),
            shifted(1, 1),
        ]
    }
}

/// `(high - low) / 8`, the middle one of each three counted twice.
#[inline(always)]
fn sobel(out: &mut [f32], low: [&[f32]; 3], high: [&[f32]; 3]) {
    let n = out.len();
    let [l0, l1, l2] = low.map(|cell| &cell[..n]);
    let [h0, h1, h2] = high.map(|cell| &cell[..n]);
    for c in 0..n {
        out[c] = ((h0[c] - l0[c]) + 2.0 * (h1[c] - l1[c]) + (h2[c] - l2[c])) * 0.125;
    }
}

#[inline(always)]
fn laplacian(out: &mut [f32], around: [&[f32]; 9]) {
    let n = out.len();
    let a = around.map(|cell| &cell[..n]);
    for c in 0..n {
        let corners = (a[0][c] + a[2][c]) + (a[6][c] + a[8][c]);
        let sides = (a[1][c] + a[3][c]) + (a[5][c] + a[7][c]);
        out[c] = (corners + 2.0 * sides - 12.0 * a[4][c]) * 0.0625;
    }
}
