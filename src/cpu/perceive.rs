//! Perception of single cells: the rule's kernels, applied to the 3x3 neighborhood.

use super::vector::{Quad, Vector};
use crate::rule::{Boundary, Directions, Kernel, Rule, State};

/// How the gradients of each cell are rotated.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    /// The cosine and sine of the angle of the tick; `None` if it is 0.
    pub(super) rotation: Option<(f32, f32)>,
    pub(super) directions: Option<&'a Directions>,
}

impl Turn<'_> {
    #[inline(always)]
    pub(super) fn at(self, cell: usize) -> Option<(f32, f32)> {
        match self.directions {
            None => self.rotation,
            Some(directions) => directions.rotation(cell, self.rotation),
        }
    }
}

/// The perception of a rule, prepared once per model.
pub(super) struct Perception {
    channels: usize,
    boundary: Boundary,
    kernels: Vec<Kernel>,
    /// The features at which the x and y gradients start, if both are perceived.
    gradients: Option<(usize, usize)>,
    /// For each neighbor, row by row: the start of each feature range that it contributes to, and
    /// its weight there.
    #[cfg(feature = "train")]
    parts: [Vec<(usize, f32)>; 9],
}

/// The columns of three cells around a row, and one beyond each of its ends: the kernels are sums of them.
#[derive(Default)]
pub(super) struct Columns {
    /// The row; `None` before the first.
    pub(super) row: Option<usize>,
    /// Each column weighted by `[1 2 1]`.
    smooth: Vec<f32>,
    /// Each column weighted by `[-1 0 1]`.
    slope: Vec<f32>,
}

impl Perception {
    pub(super) fn new(rule: &Rule) -> Self {
        let start = |kernel| rule.perception.iter().position(|k| *k == kernel).map(|k| k * rule.channels);
        Self {
            channels: rule.channels,
            boundary: rule.boundary,
            kernels: rule.perception.clone(),
            gradients: start(Kernel::SobelX).zip(start(Kernel::SobelY)),
            #[cfg(feature = "train")]
            parts: std::array::from_fn(|i| {
                let weights = rule.perception.iter().map(|kernel| kernel.weights()[i / 3][i % 3]);
                let parts = weights.enumerate().map(|(k, weight)| (k * rule.channels, weight));
                parts.filter(|(_, weight)| *weight != 0.0).collect()
            }),
        }
    }

    /// Writes the features of one cell.
    #[inline(always)]
    pub(super) fn cell(&self, state: &State, index: usize, rotation: Option<(f32, f32)>, features: &mut [f32]) {
        let [nw, n, ne, w, center, e, sw, s, se] = self.around(state, index);
        for (kernel, out) in self.kernels.iter().zip(features.chunks_exact_mut(self.channels)) {
            match kernel {
                Kernel::Identity => out.copy_from_slice(center),
                Kernel::SobelX => sobel(out, [nw, w, sw, ne, e, se]),
                Kernel::SobelY => sobel(out, [nw, n, ne, sw, s, se]),
                Kernel::Laplacian => laplacian(out, [nw, ne, sw, se, n, s, w, e, center]),
            }
        }
        if let Some((cos, sin)) = rotation {
            self.rotate(features, cos, sin);
        }
    }

    /// Prepares the columns of a row, for [`Self::cell_of_row`].
    ///
    /// # Safety
    /// The CPU must support the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn columns<V: Vector>(&self, state: &State, y: usize, columns: &mut Columns) {
        let (w, h, n) = (state.width(), state.height(), self.channels);
        let Columns { row, smooth, slope } = columns;
        *row = Some(y);
        smooth.resize((w + 2) * n, 0.0);
        slope.resize((w + 2) * n, 0.0);
        let at = |y: usize| &state.values()[y * w * n..][..w * n];
        let beyond = |dy| self.boundary.shift(y, dy, h).map(at);
        let (inner_smooth, inner_slope) = (&mut smooth[n..][..w * n], &mut slope[n..][..w * n]);
        let center = at(y);
        match (beyond(-1), beyond(1)) {
            // SAFETY: upheld by the caller.
            (Some(north), Some(south)) => unsafe { add_columns::<V>(north, center, south, inner_smooth, inner_slope) },
            (north, south) => {
                for i in 0..w * n {
                    let (north, south) = (north.map_or(0.0, |row| row[i]), south.map_or(0.0, |row| row[i]));
                    inner_smooth[i] = north + south + 2.0 * center[i];
                    inner_slope[i] = south - north;
                }
            }
        }
        for values in [smooth, slope] {
            for (outside, inside) in [(0, w), (w + 1, 1)] {
                match self.boundary {
                    Boundary::Wrap => values.copy_within(inside * n..(inside + 1) * n, outside * n),
                    Boundary::Zero => values[outside * n..][..n].fill(0.0),
                }
            }
        }
    }

    /// Writes the features of one cell of the row whose columns are prepared. Faster than [`Self::cell`] where most cells
    /// of a row fire.
    #[inline(always)]
    pub(super) fn cell_of_row(
        &self,
        columns: &Columns,
        state: &State,
        index: usize,
        rotation: Option<(f32, f32)>,
        features: &mut [f32],
    ) {
        let (n, x) = (self.channels, index % state.width());
        let [s0, s1, s2] = [0, 1, 2].map(|dx| &columns.smooth[(x + dx) * n..][..n]);
        let [d0, d1, d2] = [0, 1, 2].map(|dx| &columns.slope[(x + dx) * n..][..n]);
        let center = &state.values()[index * n..][..n];
        for (kernel, out) in self.kernels.iter().zip(features.chunks_exact_mut(n)) {
            // SAFETY: every CPU of this target supports `Quad`.
            match kernel {
                Kernel::Identity => out.copy_from_slice(center),
                Kernel::SobelX => quads(out, [s0, s2], |[low, high]| unsafe {
                    high.add_product(low, Quad::splat(-1.0)).multiply(Quad::splat(0.125))
                }),
                Kernel::SobelY => quads(out, [d0, d1, d2], |[a, b, c]| unsafe {
                    a.add(c).add_product(b, Quad::splat(2.0)).multiply(Quad::splat(0.125))
                }),
                Kernel::Laplacian => quads(out, [s0, s1, s2, center], |[a, b, c, center]| unsafe {
                    let around = a.add(c).add_product(b, Quad::splat(2.0));
                    around.add_product(center, Quad::splat(-16.0)).multiply(Quad::splat(0.0625))
                }),
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
        // `high` is the y gradient, unless the kernels are in reverse order.
        let sin = if gx < gy { sin } else { -sin };
        for (a, b) in low.iter_mut().zip(high) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }

    /// The transpose of [`Self::cell`]: adds the gradient of a cell's features to the gradient of
    /// the cells around it. Overwrites `features`.
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
        assert!(n.is_multiple_of(4), "cells have quads of channels");
        if let Some((cos, sin)) = rotation {
            self.rotate(features, cos, -sin);
        }
        let (x, y) = (index % w, index / w);
        let inside = x > 0 && y > 0 && x + 1 < w && y + 1 < h;
        for (i, parts) in self.parts.iter().enumerate() {
            let (dx, dy) = (i % 3, i / 3);
            let cell = if inside {
                index + dy * w + dx - w - 1
            } else {
                let at = (self.boundary.shift(x, dx as isize - 1, w), self.boundary.shift(y, dy as isize - 1, h));
                let (Some(x), Some(y)) = at else { continue };
                y * w + x
            };
            let out = &mut gradient[cell * n..][..n];
            for &(start, weight) in parts {
                let features = &features[start..][..n];
                for quad in (0..n).step_by(4) {
                    // SAFETY: both have `n` values, a multiple of 4. Every CPU of this target supports `Quad`.
                    unsafe {
                        let out = out.as_mut_ptr().add(quad);
                        let owed = Quad::load(features.as_ptr().add(quad));
                        Quad::load(out).add_product(owed, Quad::splat(weight)).store(out);
                    }
                }
            }
        }
    }

    /// The 3x3 neighborhood, row by row, with zeros beyond a zero boundary.
    #[inline(always)]
    fn around<'a>(&self, state: &'a State, index: usize) -> [&'a [f32]; 9] {
        static ZEROS: [f32; 32] = [0.0; 32];
        let (w, h, n) = (state.width(), state.height(), self.channels);
        let (x, y) = (index % w, index / w);
        let at = |cell: usize| &state.values()[cell * n..][..n];
        let mut around = [&ZEROS[..n]; 9];
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

/// Computes `north + 2 center + south` and `south - north`.
///
/// # Safety
/// The CPU must support the vector's instructions.
#[inline(always)]
unsafe fn add_columns<V: Vector>(north: &[f32], center: &[f32], south: &[f32], smooth: &mut [f32], slope: &mut [f32]) {
    let count = smooth.len();
    assert!([north.len(), center.len(), south.len(), slope.len()] == [count; 4]);
    let whole = count - count % V::LANES;
    // SAFETY: the caller guarantees the instructions. All have `count` values.
    unsafe {
        for i in (0..whole).step_by(V::LANES) {
            let [n, c, s] = [north, center, south].map(|row| V::load(row.as_ptr().add(i)));
            n.add(s).add_product(c, V::splat(2.0)).store(smooth.as_mut_ptr().add(i));
            s.add_product(n, V::splat(-1.0)).store(slope.as_mut_ptr().add(i));
        }
    }
    for i in whole..count {
        smooth[i] = north[i] + south[i] + 2.0 * center[i];
        slope[i] = south[i] - north[i];
    }
}

/// Computes `(high - low) / 8` of the cells `[low; 3, high; 3]`. The middle cell of each three counts twice.
#[inline(always)]
fn sobel(out: &mut [f32], cells: [&[f32]; 6]) {
    quads(out, cells, |[l0, l1, l2, h0, h1, h2]| {
        // SAFETY: every CPU of this target supports `Quad`.
        unsafe {
            let minus = Quad::splat(-1.0);
            let (d0, d1, d2) = (h0.add_product(l0, minus), h1.add_product(l1, minus), h2.add_product(l2, minus));
            d0.add_product(d1, Quad::splat(2.0)).add(d2).multiply(Quad::splat(0.125))
        }
    });
}

/// Applies the Laplacian to the four corners, the four edges and the center.
#[inline(always)]
fn laplacian(out: &mut [f32], cells: [&[f32]; 9]) {
    quads(out, cells, |[nw, ne, sw, se, n, s, w, e, center]| {
        // SAFETY: every CPU of this target supports `Quad`.
        unsafe {
            let corners = nw.add(ne).add(sw.add(se));
            let edges = n.add(s).add(w.add(e));
            let around = corners.add_product(edges, Quad::splat(2.0));
            around.add_product(center, Quad::splat(-12.0)).multiply(Quad::splat(0.0625))
        }
    });
}

/// Computes `out` four channels at a time, from the same channels of `cells`.
#[inline(always)]
fn quads<const N: usize>(out: &mut [f32], cells: [&[f32]; N], f: impl Fn([Quad; N]) -> Quad) {
    let n = out.len();
    assert!(n.is_multiple_of(4) && cells.iter().all(|cell| cell.len() == n));
    for quad in (0..n).step_by(4) {
        // SAFETY: all have `n` values, a multiple of 4. Every CPU of this target supports `Quad`.
        unsafe {
            let mut values = [Quad::splat(0.0); N];
            for (value, cell) in values.iter_mut().zip(cells) {
                *value = Quad::load(cell.as_ptr().add(quad));
            }
            f(values).store(out.as_mut_ptr().add(quad));
        }
    }
}
