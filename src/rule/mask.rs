//! Cell masks: sets of cells, such as those that a shape hits.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Directions, Shape, Shares};

/// An affine map from grid coordinates to the space of a shape. `[a, b, c, d, tx, ty]` maps
/// `(x, y)` to `(a x + c y + tx, b x + d y + ty)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellMap(pub [f32; 6]);

impl CellMap {
    /// The map for shapes given in cells.
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// Maps a point of the grid to the space of the shape.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [a, b, c, d, tx, ty] = self.0;
        [a * x + c * y + tx, b * x + d * y + ty]
    }

    /// The inverse map; `None` if the map is not finite or not invertible.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, tx, ty] = self.0;
        let scale = 1.0 / (a * d - b * c);
        let [a, b, c, d] = [d * scale, -b * scale, -c * scale, a * scale];
        let inverse = [a, b, c, d, -(a * tx + c * ty), -(b * tx + d * ty)];
        inverse.iter().all(|v| v.is_finite()).then_some(Self(inverse))
    }
}

/// A set of cells: one bit per cell, at bit `y * width + x`.
///
/// Shapes are rasterized only here, so that every engine wounds the same cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct CellMask {
    width: usize,
    height: usize,
    words: Vec<u32>,
}

#[derive(Deserialize)]
struct Unchecked {
    width: usize,
    height: usize,
    words: Vec<u32>,
}

impl TryFrom<Unchecked> for CellMask {
    type Error = String;

    fn try_from(Unchecked { width, height, words }: Unchecked) -> Result<Self, String> {
        let cells = width.checked_mul(height).filter(|&cells| Self::words_for(cells) == words.len());
        let Some(cells) = cells else {
            return Err(format!(
                "expected a bit for each of {width} x {height}, found {} words of a mask",
                words.len()
            ));
        };
        let rest = words.last().filter(|_| cells % 32 > 0).map_or(0, |last| last >> (cells % 32));
        if rest != 0 {
            return Err(format!("found bits of a mask beyond the cells of {width} x {height}"));
        }
        Ok(Self { width, height, words })
    }
}

impl CellMask {
    /// An empty mask.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, words: vec![0; Self::words_for(width * height)] }
    }

    /// A mask from words in the layout of [`CellMask::words`]. `None` if the number of words does
    /// not match, or if a bit beyond the last cell is set.
    pub(crate) fn from_words(width: usize, height: usize, words: Vec<u32>) -> Option<Self> {
        Self::try_from(Unchecked { width, height, words }).ok()
    }

    /// The cells for whose index `contains` returns true.
    pub fn from_fn(width: usize, height: usize, mut contains: impl FnMut(&usize) -> bool) -> Self {
        let cells = width * height;
        let word = |first: usize| {
            (first..cells.min(first + 32)).fold(0, |word, cell| word | u32::from(contains(&cell)) << (cell - first))
        };
        Self { width, height, words: (0..cells).step_by(32).map(word).collect() }
    }

    /// All cells.
    pub fn full(width: usize, height: usize) -> Self {
        Self::from_fn(width, height, |_| true)
    }

    /// The cells whose centers lie in a shape given in cells.
    pub fn of(shape: &Shape, width: usize, height: usize) -> Self {
        let mut mask = Self::new(width, height);
        mask.add(shape, CellMap::IDENTITY);
        mask
    }

    /// The width of its grid, in cells.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height of its grid, in cells.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether it was made for a grid of this size.
    pub fn fits(&self, width: usize, height: usize) -> bool {
        (self.width, self.height) == (width, height)
    }

    /// The number of words that hold the bits of this many cells.
    pub(crate) const fn words_for(cells: usize) -> usize {
        cells.div_ceil(32)
    }

    /// The bits, 32 cells per word, lowest bit first.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Whether it contains no cells.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether it contains the cell with index `y * width + x`.
    #[inline]
    pub fn contains(&self, cell: usize) -> bool {
        self.words.get(cell / 32).is_some_and(|word| word >> (cell % 32) & 1 != 0)
    }

    /// The bounding box of the cells in the mask: left, top, right and bottom, the last two exclusive. `None` if it is empty.
    pub(crate) fn bounds(&self) -> Option<[usize; 4]> {
        self.iter().map(|cell| (cell % self.width, cell / self.width)).fold(None, |bounds, (x, y)| {
            let [left, top, right, bottom] = bounds.unwrap_or([x, y, 0, 0]);
            Some([left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)])
        })
    }

    /// The indices of its cells, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(word * 32 + bit)
            })
        })
    }

    /// Adds the cells of another mask of the same size.
    pub fn union(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Removes the cells of another mask of the same size.
    pub fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// Adds the cell with index `y * width + x`. Ignores an index outside the grid.
    pub fn insert(&mut self, cell: usize) {
        if cell < self.width * self.height {
            self.words[cell / 32] |= 1 << (cell % 32);
        }
    }

    /// Removes the cell with index `y * width + x`.
    pub fn remove(&mut self, cell: usize) {
        if let Some(word) = self.words.get_mut(cell / 32) {
            *word &= !(1 << (cell % 32));
        }
    }

    /// Keeps only the cells that are also in another mask of the same size.
    pub fn intersect(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Whether it has a cell in common with another mask of the same size.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(word, other)| word & other != 0)
    }

    /// All cells that are not in the mask.
    pub fn complement(&self) -> Self {
        let mut others = Self::full(self.width, self.height);
        others.subtract(self);
        others
    }

    /// The number of its cells.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds the cells whose centers, `(x + 0.5, y + 0.5)`, lie in the shape.
    ///
    /// An invalid shape or a map that is not invertible adds nothing.
    pub fn add(&mut self, shape: &Shape, map: CellMap) {
        self.add_where(shape, map, 0.0, |_, _| true);
    }

    /// Like [`CellMask::add`], but adds only the cells for which `hits` returns true. `hits` gets a
    /// cell's index and the strength of the wound at its center: [`Shape::cover`], above 0.
    pub fn add_where(&mut self, shape: &Shape, map: CellMap, softness: f32, mut hits: impl FnMut(usize, f32) -> bool) {
        let Some(back) = map.inverse().filter(|_| shape.is_valid()) else { return };
        let (columns, rows) = self.reach(shape, back);
        for y in rows {
            for x in columns.clone() {
                let cover = shape.cover(map.apply([x as f32 + 0.5, y as f32 + 0.5]), softness);
                let cell = y * self.width + x;
                if cover > 0.0 && hits(cell, cover) {
                    self.insert(cell);
                }
            }
        }
    }

    /// Like [`CellMask::add_where`], for cells whose centers lie elsewhere. Those without a center are not added.
    pub(crate) fn add_placed(
        &mut self,
        shape: &Shape,
        (centers, map): (&[Option<[f32; 2]>], CellMap),
        softness: f32,
        mut hits: impl FnMut(usize, f32) -> bool,
    ) {
        if map.inverse().is_none() || !shape.is_valid() {
            return;
        }
        for (cell, center) in centers.iter().enumerate().filter_map(|(cell, center)| Some((cell, (*center)?))) {
            let cover = shape.cover(map.apply(center), softness);
            if cover > 0.0 && hits(cell, cover) {
                self.insert(cell);
            }
        }
    }

    /// Conservative ranges of the columns and rows that the shape can hit.
    fn reach(&self, shape: &Shape, back: CellMap) -> (Range<usize>, Range<usize>) {
        let (min, max) = shape.bounds();
        let corners = [min, [max[0], min[1]], [min[0], max[1]], max].map(|corner| back.apply(corner));
        let range = |axis: usize, len: usize| {
            let low = corners.iter().map(|c| c[axis]).fold(f32::INFINITY, f32::min);
            let high = corners.iter().map(|c| c[axis]).fold(f32::NEG_INFINITY, f32::max);
            // The extra cell on each side absorbs rounding. Float casts saturate.
            ((low.floor() - 1.0) as usize).min(len)..((high.ceil() + 1.0) as usize).min(len)
        };
        (range(0, self.width), range(1, self.height))
    }
}

/// Edits of the cells of a sprite before a tick, applied in this order.
#[derive(Debug, Default)]
pub(crate) struct CellEdits<'a> {
    /// All dead ground from this tick on, if it has changed: cells that stay zeros and never fire.
    pub(crate) dead_ground: Option<&'a CellMask>,
    /// Cells that become seeds if they are empty.
    pub(crate) seeds: Option<CellMask>,
    /// Cells that become zeros.
    pub(crate) wound: Option<CellMask>,
    /// All cells that follow the overgrowth from this tick on, if they have changed.
    pub(crate) overgrown: Option<&'a CellMask>,
    /// The directions of all cells from this tick on, if they have changed.
    pub(crate) directions: Option<&'a Directions>,
    /// The shares of the forms from this tick on, if they have changed.
    pub(crate) form: Option<Shares>,
}

impl CellEdits<'_> {
    /// The most masks of an edit.
    pub(crate) const MASKS: u64 = 4;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Stencil;
    use proptest::prelude::*;

    #[test]
    fn a_flattened_grid_is_not_hit() {
        let mut mask = CellMask::new(8, 8);
        mask.add(&Shape::circle(0.0, 0.0, 9.0), CellMap([0.0; 6]));
        mask.add(&Shape::circle(0.0, 0.0, 9.0), CellMap([f32::NAN; 6]));
        assert!(mask.is_empty());
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let number = -9.0f32..9.0;
        let size = 0.1f32..9.0;
        (number.clone(), number.clone(), number.clone(), number, size, 0.0f32..6.0, 0..5).prop_map(
            |(x, y, x2, y2, size, angle, kind)| match kind {
                0 => Shape::circle(x, y, size),
                1 => Shape::rect(x, y, x + size, y + size),
                2 => Shape::capsule([x, y], [x2, y2], size),
                3 => Shape::rotated_rect([x, y], [size, 3.0], angle),
                _ => Shape::Stencil(Stencil {
                    center: [x, y],
                    size: [-size, 4.0],
                    angle,
                    width: 3,
                    pixels: vec![255, 9, 0, 80, 255, 255],
                }),
            },
        )
    }

    proptest! {
        /// The search range contains every hit cell, for any map.
        #[test]
        fn exactly_the_cells_whose_centres_are_inside(
            map in prop::array::uniform6(-3.0f32..3.0), shape in shapes(), width in 1usize..40, height in 1usize..40,
        ) {
            let map = CellMap(map);
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
