//! Which pieces of a sprite come apart.

use crate::rule::CellMask;

/// The living cells of a sprite, after a wound.
#[derive(Debug, PartialEq)]
pub(crate) struct Parting {
    /// What stays with the sprite.
    pub(crate) kept: CellMask,
    /// Pieces that come apart, the largest first.
    pub(crate) pieces: Vec<CellMask>,
    /// The cells of those that are too small.
    pub(crate) crumbs: CellMask,
}

impl Parting {
    /// Parts what a wound has left of the living cells. Only what the wound parts comes apart: of each component before it,
    /// the largest component after it stays, or all that contain a held cell. Others of fewer cells than `fewest` are
    /// crumbs. With `wraps`, the grid is a torus.
    pub(crate) fn new(living: &CellMask, wound: &CellMask, held: Option<&CellMask>, fewest: u32, wraps: bool) -> Self {
        let (width, height) = (living.width(), living.height());
        let nothing = || CellMask::new(width, height);
        let mut left = living.clone();
        left.subtract(wound);
        let after = left.components(wraps);
        let mut parting = Self { kept: nothing(), pieces: Vec::new(), crumbs: nothing() };
        if after.len() < 2 {
            return Self { kept: left, ..parting };
        }
        let is_held = |part: &CellMask| held.is_some_and(|held| part.intersects(held));
        let before = living.components(wraps);
        let mut seen = vec![false; before.len()];
        // A part of a component that was held must be held itself.
        let hangs: Vec<bool> = before
            .iter()
            .map(|whole| {
                after.iter().any(|part| is_held(part) && part.iter().next().is_some_and(|c| whole.contains(c)))
            })
            .collect();
        for part in after {
            let of = part.iter().next().and_then(|cell| before.iter().position(|whole| whole.contains(cell)));
            let Some(of) = of else { continue };
            let is_largest = !std::mem::replace(&mut seen[of], true);
            let stays = if hangs[of] { is_held(&part) } else { is_largest };
            if stays {
                parting.kept.union(&part);
            } else if (part.count() as u64) < u64::from(fewest) {
                parting.crumbs.union(&part);
            } else {
                parting.pieces.push(part);
            }
        }
        parting
    }

    /// The pieces beyond the first few stay with the sprite.
    pub(crate) fn keep_beyond(&mut self, most: usize) {
        for piece in self.pieces.drain(most.min(self.pieces.len())..) {
            self.kept.union(&piece);
        }
    }

    /// All pieces are too small.
    pub(crate) fn crumble(&mut self) {
        self.pieces.drain(..).for_each(|piece| self.crumbs.union(&piece));
    }

    /// The part of the grid that goes with each piece. No part contains a cell of the wound.
    pub(crate) fn territories(&self, wound: &CellMask, wraps: bool) -> Vec<CellMask> {
        // Most wounds part nothing.
        if self.pieces.is_empty() {
            return Vec::new();
        }
        let mut own = self.kept.clone();
        own.union(&self.crumbs);
        let parts: Vec<CellMask> = [own].into_iter().chain(self.pieces.iter().cloned()).collect();
        let mut territories = CellMask::territories(&parts, wraps);
        territories.iter_mut().for_each(|cells| cells.subtract(wound));
        territories.split_off(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(rows: &[&str]) -> CellMask {
        let cells: Vec<u8> = rows.iter().flat_map(|row| row.bytes()).collect();
        CellMask::from_fn(rows[0].len(), rows.len(), |cell| cells[*cell] == b'#')
    }

    #[test]
    fn only_what_the_wound_parts_comes_apart() {
        let living = mask(&["#####.##", "#####.##", "........"]);
        let wound = mask(&["..#.....", "..#.....", "........"]);
        let parting = Parting::new(&living, &wound, None, 1, false);
        // The island on the right was one before.
        assert_eq!(parting.kept, mask(&["##....##", "##....##", "........"]));
        assert_eq!(parting.pieces, [mask(&["...##...", "...##...", "........"])]);
        assert_eq!(Parting::new(&living, &wound, None, 5, false).crumbs.count(), 4);
        // On a torus, the island is a part of it, on the other side.
        assert_eq!(Parting::new(&living, &wound, None, 1, true).pieces.len(), 1);
        let elsewhere = mask(&["........", "........", "########"]);
        assert_eq!(Parting::new(&living, &elsewhere, None, 1, false).pieces, []);
    }

    #[test]
    fn what_is_not_held_drops() {
        let living = mask(&["#######", "#######"]);
        let wound = mask(&["..#.#..", "..#.#.."]);
        let ends = mask(&["#.....#", "......."]);
        let parting = Parting::new(&living, &wound, Some(&ends), 1, false);
        assert_eq!(parting.kept, mask(&["##...##", "##...##"]));
        assert_eq!(parting.pieces, [mask(&["...#...", "...#..."])]);
        // If no held cell lives, the largest stays.
        let nowhere = mask(&["..#....", "......."]);
        assert_eq!(Parting::new(&living, &wound, Some(&nowhere), 1, false).pieces.len(), 2);
    }

    proptest! {
        /// Each cell that lives after the wound is in exactly one piece, and each piece in its own territory.
        #[test]
        fn no_cell_is_lost(seed in any::<u64>(), fewest in 0u32..6, most in 0usize..4, dies in any::<bool>()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut random = |density: u32| CellMask::from_fn(11, 9, |_| random.u32(0..100) < density);
            let (living, wound, held) = (random(70), random(30), random(3));
            let mut parting = Parting::new(&living, &wound, Some(&held), fewest, false);
            parting.keep_beyond(most);
            if dies {
                parting.crumble();
            }
            let territories = parting.territories(&wound, false);
            prop_assert_eq!(territories.len(), parting.pieces.len());
            for cell in 0..99 {
                let pieces = parting.pieces.iter().filter(|piece| piece.contains(cell)).count();
                let others = usize::from(parting.kept.contains(cell)) + usize::from(parting.crumbs.contains(cell));
                let lives = living.contains(cell) && !wound.contains(cell);
                prop_assert_eq!(pieces + others, usize::from(lives));
                let owners = territories.iter().filter(|cells| cells.contains(cell)).count();
                prop_assert!(owners <= usize::from(!wound.contains(cell)));
            }
            for (piece, cells) in parting.pieces.iter().zip(&territories) {
                prop_assert!(piece.iter().all(|cell| cells.contains(cell)));
            }
        }
    }
}
