//! Directions: a rotation of the perceived gradients for each cell.

use std::{fmt, sync::Arc};

/// A direction for each cell of a grid. It rotates the perceived gradients, as the angle of a tick does for all cells: the
/// x axis of the rule points along the direction. See "Self-Organising Textures" (Niklasson et al., Distill 2021) and
/// Mordvintsev et al., "Growing Isotropic Neural Cellular Automata" (2022).
///
/// A direction is stored in 28 bits: two fixed-point numbers, whose steps are 1/8191. All engines use the same numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Directions(Arc<[u32]>);

/// The bits of a number, and the first bits of both.
const BITS: u32 = 14;
const FIRST: [u32; 2] = [4, 4 + BITS];
/// The number that stands for 1.
const ONE: f32 = ((1 << (BITS - 1)) - 1) as f32;

impl Directions {
    /// The directions of the cells of a grid, from a function of the cell's center `[x, y]` in cells, y down. The length of
    /// a vector does not matter. A cell without one, or with one that is not finite, is not rotated.
    pub fn from_fn(width: usize, height: usize, mut direction: impl FnMut([f32; 2]) -> [f32; 2]) -> Self {
        let cells = (0..height).flat_map(|y| (0..width).map(move |x| [x as f32 + 0.5, y as f32 + 0.5]));
        Self(cells.map(|center| packed(direction(center))).collect())
    }

    /// Away from a point `[x, y]`, in cells. On a torus, from its nearest repetition.
    pub fn radial(width: usize, height: usize, point: [f32; 2]) -> Self {
        let size = [width as f32, height as f32];
        Self::from_fn(width, height, |center| {
            [0, 1].map(|axis| {
                let apart = center[axis] - point[axis];
                apart - (apart / size[axis]).round() * size[axis]
            })
        })
    }

    /// No cell of a grid of this many cells is rotated.
    pub fn none(cells: usize) -> Self {
        Self(vec![0; cells].into())
    }

    /// Whether no cell is rotated.
    pub fn is_none(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.0.len()
    }

    /// A word for each cell, for the shaders. The low four bits are zeros.
    pub(crate) fn words(&self) -> &[u32] {
        &self.0
    }

    /// The direction of a cell, `[x, y]`; `None` if it is not rotated.
    pub fn get(&self, cell: usize) -> Option<[f32; 2]> {
        let word = self.0.get(cell).copied().filter(|word| *word != 0)?;
        Some(FIRST.map(|first| {
            // Shifted up, then down: the sign is kept.
            let number = (word << (32 - BITS - first)).cast_signed() >> (32 - BITS);
            number as f32 * (1.0 / ONE)
        }))
    }

    /// The rotation of a cell by an angle, given by its cosine and sine, and its direction; `None` if it is not rotated.
    #[inline]
    pub(crate) fn rotation(&self, cell: usize, rotation: Option<(f32, f32)>) -> Option<(f32, f32)> {
        let Some([x, y]) = self.get(cell) else { return rotation };
        let (cos, sin) = rotation.unwrap_or((1.0, 0.0));
        Some((cos * x - sin * y, sin * x + cos * y))
    }
}

impl fmt::Debug for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directions of {} cells", self.0.len())
    }
}

fn packed([x, y]: [f32; 2]) -> u32 {
    let length = f64::from(x).hypot(f64::from(y));
    if !(length > 0.0 && length.is_finite()) {
        return 0;
    }
    let number = |value: f32| (f64::from(value) / length * f64::from(ONE)).round() as i32;
    let mask = (1 << BITS) - 1;
    (number(x).cast_unsigned() & mask) << FIRST[0] | (number(y).cast_unsigned() & mask) << FIRST[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_direction_keeps_its_angle(angle in -4.0f32..4.0, length in 0.01f32..1000.0) {
            let found = Directions::from_fn(1, 1, |_| [angle.cos() * length, angle.sin() * length]).get(0).unwrap();
            let apart = (found[0] - angle.cos()).hypot(found[1] - angle.sin());
            prop_assert!(apart < 1e-4, "{apart}");
        }
    }

    #[test]
    fn nothing_is_no_direction() {
        for nothing in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 0.0]] {
            assert_eq!(Directions::from_fn(2, 1, |_| nothing).get(1), None);
        }
        assert_eq!(Directions::none(4).rotation(3, Some((0.6, 0.8))), Some((0.6, 0.8)));
        assert_eq!(Directions::none(4).rotation(9, None), None, "beyond the grid");
    }

    #[test]
    fn radial_directions_wrap() {
        let directions = Directions::radial(8, 4, [0.5, 0.5]);
        assert_eq!(directions.get(0), None, "the point itself");
        assert_eq!(
            [1, 7, 8, 24].map(|cell| directions.get(cell).unwrap()),
            [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
        );
        assert_eq!(directions.words()[1] & 15, 0);
    }
}
