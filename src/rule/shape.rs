//! Shapes of wounds, and the cells that they hit.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A region of the plane, in cells or in whatever space a [`CellMap`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The points nearer than `radius` to `center`.
    Circle {
        /// `[x, y]`
        center: [f32; 2],
        /// Above zero.
        radius: f32,
    },
    /// `min.x <= x < max.x` and `min.y <= y < max.y`.
    Rect {
        /// `[x, y]`
        min: [f32; 2],
        /// `[x, y]`
        max: [f32; 2],
    },
}

impl Shape {
    /// The points nearer than `radius` to `(x, y)`.
    pub const fn circle(x: f32, y: f32, radius: f32) -> Self {
        Self::Circle { center: [x, y], radius }
    }

    /// The points from `(x0, y0)` up to, not including, `(x1, y1)`.
    pub const fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self::Rect { min: [x0, y0], max: [x1, y1] }
    }

    /// Whether a point lies inside.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        match *self {
            Self::Circle { center: [cx, cy], radius } => (x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius,
            Self::Rect { min, max } => x >= min[0] && x < max[0] && y >= min[1] && y < max[1],
        }
    }

    /// Whether every number is finite and every size is above zero.
    pub fn is_valid(&self) -> bool {
        match *self {
            Self::Circle { center, radius } => {
                center.iter().all(|v| v.is_finite()) && radius.is_finite() && radius > 0.0
            }
            Self::Rect { min, max } => {
                min.iter().chain(&max).all(|v| v.is_finite()) && min[0] < max[0] && min[1] < max[1]
            }
        }
    }

    /// The smallest box around it, `(min, max)`.
    pub fn bounds(&self) -> ([f32; 2], [f32; 2]) {
        match *self {
            Self::Circle { center, radius } => (center.map(|v| v - radius), center.map(|v| v + radius)),
            Self::Rect { min, max } => (min, max),
        }
    }
}

/// Where the cells of a grid lie in the space of a shape: `(x, y)` goes to
/// `(a x + c y + tx, b x + d y + ty)`, given as `[a, b, c, d, tx, ty]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellMap(pub [f32; 6]);

impl CellMap {
    /// Shapes are given in cells.
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// Where a point of the grid lies.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [a, b, c, d, tx, ty] = self.0;
        [a * x + c * y + tx, b * x + d * y + ty]
    }

    /// The way back; `None` if the map is not finite or flattens the grid.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, tx, ty] = self.0;
        let scale = 1.0 / (a * d - b * c);
        let [a, b, c, d] = [d * scale, -b * scale, -c * scale, a * scale];
        let inverse = [a, b, c, d, -(a * tx + c * ty), -(b * tx + d * ty)];
        inverse.iter().all(|v| v.is_finite()).then_some(Self(inverse))
    }
}

/// A set of cells: one bit a cell, at bit `y * width + x`.
///
/// Shapes are turned into cells once, here, so that every engine wounds the same ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMask {
    width: usize,
    height: usize,
    words: Vec<u32>,
}

impl CellMask {
    /// No cells.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, words: vec![0; Self::words_for(width * height)] }
    }

    /// The cells of a shape given in cells.
    pub fn of(shape: &Shape, width: usize, height: usize) -> Self {
        let mut mask = Self::new(width, height);
        mask.add(shape, CellMap::IDENTITY);
        mask
    }

    /// Words that hold the bits of so many cells.
    pub(crate) const fn words_for(cells: usize) -> usize {
        cells.div_ceil(32)
    }

    /// The bits, 32 cells a word, lowest first.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Whether it holds no cell.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether it holds the cell of index `y * width + x`.
    #[inline]
    pub fn contains(&self, cell: usize) -> bool {
        self.words.get(cell / 32).is_some_and(|word| word >> (cell % 32) & 1 != 0)
    }

    /// Its cells' indices, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let bits = |(word, &bits): (usize, &u32)| {
            (0..32).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| word * 32 + bit)
        };
        self.words.iter().enumerate().filter(|(_, bits)| **bits != 0).flat_map(bits)
    }

    /// Adds the cell of index `y * width + x`, if it lies in the grid.
    pub fn insert(&mut self, cell: usize) {
        if cell < self.width * self.height {
            self.words[cell / 32] |= 1 << (cell % 32);
        }
    }

    /// Adds the cells whose centres, `(x + 0.5, y + 0.5)`, lie in the shape.
    ///
    /// An invalid shape, or a map that flattens the grid, adds nothing.
    pub fn add(&mut self, shape: &Shape, map: CellMap) {
        let Some(back) = map.inverse().filter(|_| shape.is_valid()) else { return };
        let (columns, rows) = self.reach(shape, back);
        for y in rows {
            for x in columns.clone() {
                if shape.contains(map.apply([x as f32 + 0.5, y as f32 + 0.5])) {
                    self.insert(y * self.width + x);
                }
            }
        }
    }

    /// Columns and rows outside of which no cell is hit.
    fn reach(&self, shape: &Shape, back: CellMap) -> (Range<usize>, Range<usize>) {
        let (min, max) = shape.bounds();
        let corners = [min, [max[0], min[1]], [min[0], max[1]], max].map(|corner| back.apply(corner));
        let range = |axis: usize, len: usize| {
            let low = corners.iter().map(|c| c[axis]).fold(f32::INFINITY, f32::min);
            let high = corners.iter().map(|c| c[axis]).fold(f32::NEG_INFINITY, f32::max);
            // One more on each side absorbs rounding. A float cast saturates.
            ((low.floor() - 1.0) as usize).min(len)..((high.ceil() + 1.0) as usize).min(len)
        };
        (range(0, self.width), range(1, self.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(shape: Shape) -> Vec<usize> {
        CellMask::of(&shape, 8, 8).iter().collect()
    }

    #[test]
    fn circles_and_rectangles_hold_centres() {
        assert_eq!(cells(Shape::circle(1.0, 1.0, 0.8)), [0, 1, 8, 9]);
        assert!(cells(Shape::circle(1.0, 1.0, 0.5)).is_empty());
        assert_eq!(cells(Shape::rect(0.5, 0.0, 2.5, 1.0)), [0, 1]);
        assert_eq!(cells(Shape::circle(4.0, 4.0, 100.0)).len(), 64);
    }

    #[test]
    fn nonsense_holds_nothing() {
        let nan = f32::NAN;
        for shape in [
            Shape::circle(nan, 0.0, 1.0),
            Shape::circle(0.0, 0.0, nan),
            Shape::circle(2.0, 2.0, -3.0),
            Shape::circle(2.0, 2.0, f32::INFINITY),
            Shape::rect(nan, 0.0, 1.0, 1.0),
            Shape::rect(3.0, 3.0, 1.0, 1.0),
        ] {
            assert!(!shape.is_valid(), "{shape:?}");
            assert!(cells(shape).is_empty(), "{shape:?}");
        }
        let mut mask = CellMask::new(8, 8);
        mask.add(&Shape::circle(0.0, 0.0, 9.0), CellMap([0.0; 6]));
        mask.add(&Shape::circle(0.0, 0.0, 9.0), CellMap([f32::NAN; 6]));
        assert!(mask.is_empty());
    }

    proptest! {
        /// The search range never cuts a cell off, whatever the map.
        #[test]
        fn exactly_the_cells_whose_centres_are_inside(
            map in prop::array::uniform6(-3.0f32..3.0), x in -9.0f32..9.0, y in -9.0f32..9.0, size in 0.1f32..9.0,
            circle: bool, width in 1usize..40, height in 1usize..40,
        ) {
            let map = CellMap(map);
            let shape = if circle { Shape::circle(x, y, size) } else { Shape::rect(x, y, x + size, y + size) };
            let [a, b, c, d, ..] = map.0;
            prop_assume!((a * d - b * c).abs() > 0.05);
            let mut mask = CellMask::new(width, height);
            mask.add(&shape, map);
            for cell in 0..width * height {
                let centre = [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
                prop_assert_eq!(mask.contains(cell), shape.contains(map.apply(centre)));
            }
        }
    }
}
