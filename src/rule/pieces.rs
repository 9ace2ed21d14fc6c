//! The pieces of a mask: its connected components, and the part of the grid that belongs to each.

use std::collections::VecDeque;

use super::CellMask;

/// The fewest cells of a piece of a sprite that counts.
pub(crate) const FEWEST_CELLS: u32 = 12;

impl CellMask {
    /// The connected components of the mask, the largest first. Of equal ones, the one with the first cell comes first.
    ///
    /// A cell is connected with the eight around it, as life is. With `wraps`, the grid is a torus.
    pub fn components(&self, wraps: bool) -> Vec<Self> {
        let mut parts = parts(self, wraps);
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let component = |part: Vec<usize>| {
            let mut component = Self::new(self.width(), self.height());
            part.into_iter().for_each(|cell| component.insert(cell));
            component
        };
        parts.into_iter().map(component).collect()
    }

    /// Shares the whole grid among masks that have no cell in common: each cell belongs to the mask that is nearest to it,
    /// in steps to the eight cells around. Of equally near ones, to an earlier one. All masks must have the size of the grid.
    pub(crate) fn territories(parts: &[Self], wraps: bool) -> Vec<Self> {
        let Some((width, height)) = parts.first().map(|part| (part.width(), part.height())) else { return Vec::new() };
        let mut owners: Vec<Option<usize>> = vec![None; width * height];
        let mut reached = VecDeque::new();
        for (owner, part) in parts.iter().enumerate() {
            for cell in part.iter() {
                owners[cell] = Some(owner);
                reached.push_back((cell, owner));
            }
        }
        while let Some((cell, owner)) = reached.pop_front() {
            for next in around(cell, width, height, wraps) {
                if owners[next].is_none() {
                    owners[next] = Some(owner);
                    reached.push_back((next, owner));
                }
            }
        }
        // Without any cell, all belongs to the first.
        let owned = |owner| Self::from_fn(width, height, |cell| owners[*cell].unwrap_or_default() == owner);
        (0..parts.len()).map(owned).collect()
    }
}

/// The cells of each connected part of a mask, in the order of their first cells. A cell touches the eight around it, with
/// `wraps` also across the edges of the grid.
pub(super) fn parts(mask: &CellMask, wraps: bool) -> Vec<Vec<usize>> {
    let mut left = mask.clone();
    let mut parts = Vec::new();
    for first in mask.iter() {
        if !left.contains(first) {
            continue;
        }
        left.remove(first);
        let (mut part, mut next) = (vec![first], 0);
        while let Some(&cell) = part.get(next) {
            next += 1;
            for other in around(cell, mask.width(), mask.height(), wraps) {
                if left.contains(other) {
                    left.remove(other);
                    part.push(other);
                }
            }
        }
        parts.push(part);
    }
    parts
}

/// The cells around a cell, and itself.
fn around(cell: usize, width: usize, height: usize, wraps: bool) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % width, cell / width);
    let step = move |at: usize, step: usize, side: usize| match (at + step).checked_sub(1) {
        Some(at) if at < side => Some(at),
        _ if wraps => Some((at + step + side - 1) % side),
        _ => None,
    };
    (0..9).filter_map(move |index| Some(step(y, index / 3, height)? * width + step(x, index % 3, width)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random(width: usize, height: usize, seed: u64) -> CellMask {
        let mut random = fastrand::Rng::with_seed(seed);
        let density = random.u32(0..=100);
        CellMask::from_fn(width, height, |_| random.u32(0..100) < density)
    }

    fn distance(a: usize, b: usize, width: usize) -> usize {
        (a % width).abs_diff(b % width).max((a / width).abs_diff(b / width))
    }

    #[test]
    fn cells_touch_at_corners_and_on_a_torus_across_the_edge() {
        let mask = CellMask::from_fn(6, 5, |cell| [0, 7, 10, 15, 29].contains(cell));
        let sizes = |wraps| mask.components(wraps).iter().map(|part| part.count()).collect::<Vec<_>>();
        assert_eq!(sizes(false), [2, 2, 1]);
        assert_eq!(sizes(true), [3, 2]);
    }

    proptest! {
        /// Each cell is in one component; cells of two components never touch; and those of one are connected.
        #[test]
        fn components_part_what_does_not_touch(width in 1usize..16, height in 1usize..16, seed in any::<u64>()) {
            let mask = random(width, height, seed);
            let parts = mask.components(false);
            let mut all = CellMask::new(width, height);
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(part.iter().all(|cell| mask.contains(cell) && !all.contains(cell)));
                all.union(part);
                for other in &parts[index + 1..] {
                    let touch = part.iter().any(|a| other.iter().any(|b| distance(a, b, width) < 2));
                    prop_assert!(!touch);
                    prop_assert!(part.count() >= other.count());
                }
                // From its first cell, all others are reached.
                let mut reached: Vec<usize> = part.iter().take(1).collect();
                let mut next = 0;
                while let Some(&cell) = reached.get(next) {
                    let new: Vec<usize> =
                        part.iter().filter(|c| distance(*c, cell, width) < 2 && !reached.contains(c)).collect();
                    reached.extend(new);
                    next += 1;
                }
                prop_assert_eq!(reached.len(), part.count());
            }
            prop_assert_eq!(all, mask);
        }

        /// Territories share the grid, and each cell belongs to a nearest part.
        #[test]
        fn territories_belong_to_the_nearest(width in 1usize..16, height in 1usize..16, seed in any::<u64>()) {
            let parts = random(width, height, seed).components(false);
            let territories = CellMask::territories(&parts, false);
            let nearest = |part: &CellMask, cell| part.iter().map(|other| distance(cell, other, width)).min().unwrap();
            for cell in 0..if parts.is_empty() { 0 } else { width * height } {
                let owners: Vec<usize> = (0..parts.len()).filter(|owner| territories[*owner].contains(cell)).collect();
                prop_assert_eq!(owners.len(), 1);
                let least = parts.iter().map(|part| nearest(part, cell)).min();
                prop_assert_eq!(Some(nearest(&parts[owners[0]], cell)), least);
            }
        }
    }
}
