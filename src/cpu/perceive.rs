//! Perception of single cells: the rule's kernels, applied to the 3x3 neighborhood.

#[cfg(feature = "train")]
use super::vector::Quad;
use super::{
    dense::{ROW, Row},
    vector::Vector,
};
use crate::rule::{Boundary, CHANNELS, Directions, Kernel, Rule, State};

/// The most channels of a cell, and no fewer than a vector has lanes.
const MOST_CHANNELS: usize = *CHANNELS.end();

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

    /// Writes the features of one cell. They may be followed by other values.
    ///
    /// # Safety
    /// The CPU must support the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn cell<V: Vector>(
        &self,
        state: &State,
        index: usize,
        rotation: Option<(f32, f32)>,
        features: &mut Row,
    ) {
        let (w, h, n) = (state.width(), state.height(), self.channels);
        // 32 bits divide faster.
        let y = (index as u32 / w as u32) as usize;
        let x = index - y * w;
        let at = |cell: usize| &state.values()[cell * n..][..n];
        let is_inside = x > 0 && y > 0 && x + 1 < w && y + 1 < h;
        // The last neighbor is followed by a whole vector.
        if is_inside && (index + w + 1) * n + n.max(V::LANES) <= state.values().len() {
            let mut around = [std::ptr::null(); 9];
            // SAFETY: the caller guarantees the instructions. All neighbors are inside of the grid, with room behind.
            unsafe {
                for (i, cell) in around.iter_mut().enumerate() {
                    *cell = state.values().as_ptr().add((index + i / 3 * w + i % 3 - w - 1) * n);
                }
                self.write::<V>(around, features);
            }
        } else {
            let mut around = [[0.0; MOST_CHANNELS]; 9];
            for (i, cell) in around.iter_mut().enumerate() {
                let (x, y) =
                    (self.boundary.shift(x, i as isize % 3 - 1, w), self.boundary.shift(y, i as isize / 3 - 1, h));
                if let (Some(x), Some(y)) = (x, y) {
                    cell[..n].copy_from_slice(at(y * w + x));
                }
            }
            // SAFETY: as above. A cell has `n` values, and a vector of them if it has fewer.
            unsafe { self.write::<V>(around.each_ref().map(|cell| cell.as_ptr()), features) }
        }
        if let Some((cos, sin)) = rotation {
            self.rotate(features, cos, sin);
        }
    }

    /// Writes the upright features of a cell from the 3x3 neighborhood, row by row.
    ///
    /// # Safety
    /// The CPU must support the vector's instructions. `around` must point to the channels of a cell, and to a whole vector.
    #[inline(always)]
    unsafe fn write<V: Vector>(&self, around: [*const f32; 9], features: &mut Row) {
        let n = self.channels;
        // A vector may reach into the features of the next kernel, which come later, or beyond the last ones.
        assert!(self.kernels.len() * n + V::LANES <= ROW);
        let mut lane = 0;
        loop {
            // SAFETY: upheld by the caller.
            unsafe {
                // Not a closure: it would not have the instructions if it were not inlined.
                let mut cells = [V::splat(0.0); 9];
                for (cell, from) in cells.iter_mut().zip(around) {
                    *cell = V::load(from.add(lane));
                }
                let [nw, north, ne, west, center, east, sw, south, se] = cells;
                let (minus, two) = (V::splat(-1.0), V::splat(2.0));
                for (kernel, first) in self.kernels.iter().zip((0..).step_by(n)) {
                    let values = match kernel {
                        Kernel::Identity => center,
                        Kernel::SobelX => {
                            let (above, below) = (ne.add_product(nw, minus), se.add_product(sw, minus));
                            above.add_product(east.add_product(west, minus), two).add(below).multiply(V::splat(0.125))
                        }
                        Kernel::SobelY => {
                            let (left, right) = (sw.add_product(nw, minus), se.add_product(ne, minus));
                            left.add_product(south.add_product(north, minus), two).add(right).multiply(V::splat(0.125))
                        }
                        Kernel::Laplacian => {
                            let (corners, edges) = (nw.add(ne).add(sw.add(se)), north.add(south).add(west.add(east)));
                            // Rounded twice on every machine, as its snapshots may be restored on another.
                            let twelve = center.multiply(V::splat(-12.0));
                            corners.add_product(edges, two).add(twelve).multiply(V::splat(0.0625))
                        }
                    };
                    values.store(features.as_mut_ptr().add(first + lane));
                }
            }
            if lane + V::LANES >= n {
                break;
            }
            // The last vector ends with the last channel.
            lane = (lane + V::LANES).min(n - V::LANES);
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
}
