//! Cuts: what becomes of the pieces of a sprite.

use std::f32::consts::TAU;

use serde::Serialize;

use super::{Fragment, FragmentEnd, parallel, storm::Tester};
use crate::rule::{Boundary, CellMask, FEWEST_CELLS, Model, Shape, Target, mix};

/// Sprites that are grown, each with its own noise, and cut in turn.
const SPRITES: u32 = 8;
/// Half of the width of a cut, in cells.
const BLADE: f32 = 0.75;

/// What becomes of the pieces of a sprite that is cut by random lines, each left alone for 400 ticks.
///
/// A line goes through a random living cell, at a random angle. Half of the cuts are of two lines, at right angles. Pieces are
/// the [connected components](CellMask::components) of the living cells.
#[derive(Clone, Debug, Serialize)]
pub struct Cuts {
    /// The pieces of all cuts.
    pub pieces: Vec<Fragment>,
}

impl Cuts {
    /// The minimum share of pieces with a quarter of the cells or more that are whole at their place in the end, and of
    /// smaller ones that are whole, there or [beside it](FragmentEnd::Beside), or dead.
    pub const GATE: f32 = 0.95;
    /// Pieces of fewer cells do not count: by default, [`NcaSever`](crate::NcaSever) lets them die at once.
    pub const FEWEST_CELLS: usize = FEWEST_CELLS as usize;

    /// Cuts a model so many times, on one thread per core.
    pub fn of(model: &Model, target: &Target, cuts: u32, seed: u32) -> Self {
        Tester::run(model, target, seed, |test| {
            let grown = test.grown_sprites(SPRITES);
            let pieces = parallel(cuts as usize, |cut| {
                let Some(grown) = grown.get(cut % grown.len().max(1)) else { return Vec::new() };
                let rule = model.rule();
                let mut noise = mix(seed ^ mix(cut as u32 ^ 0x4000_0000));
                let living = rule.alive_mask(grown.state());
                let blades = blades(&living, (cut / SPRITES as usize).is_multiple_of(2), noise);
                let mut left = living.clone();
                left.subtract(&blades);
                let wraps = rule.boundary == Boundary::Wrap;
                let pieces = left.components(wraps);
                let counting = pieces.iter().filter(|piece| piece.count() >= Self::FEWEST_CELLS).count();
                // The largest come first.
                let parts = CellMask::territories(&pieces, wraps).into_iter().take(counting);
                let regrown = parts.map(|mut part| {
                    part.subtract(&blades);
                    noise = mix(noise);
                    test.regrow(grown, &living, &part, noise)
                });
                regrown.collect()
            });
            Self { pieces: pieces.into_iter().flatten().collect() }
        })
    }

    /// The pieces with a quarter of the cells or more, and those of them that are whole at their place in the end.
    pub fn large(&self) -> [usize; 2] {
        let large = || self.pieces.iter().filter(|piece| piece.left >= 0.25);
        [large().count(), large().filter(|piece| piece.end == FragmentEnd::Regrown).count()]
    }

    /// The smaller pieces, and those of them that are whole, there or beside it, or dead in the end.
    pub fn small(&self) -> [usize; 2] {
        let small = || self.pieces.iter().filter(|piece| piece.left < 0.25);
        let is_done = |piece: &&Fragment| piece.end != FragmentEnd::Lingering;
        [small().count(), small().filter(is_done).count()]
    }

    /// The number of pieces, large and small, that are whole but stand beside their place.
    pub fn beside(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.end == FragmentEnd::Beside).count()
    }

    /// Whether both gates are met. A model without a large piece that is whole does not pass.
    pub fn passes(&self) -> bool {
        let meets = |[all, good]: [usize; 2]| good as f32 >= all as f32 * Self::GATE;
        self.large()[1] > 0 && meets(self.large()) && meets(self.small())
    }
}

/// The cells of a cut through a random living cell.
fn blades(living: &CellMask, is_single: bool, seed: u32) -> CellMask {
    let (width, height) = (living.width(), living.height());
    let mut random = fastrand::Rng::with_seed(seed.into());
    let mut cut = CellMask::new(width, height);
    let Some(cell) = living.iter().nth(random.usize(..living.count().max(1))) else { return cut };
    let middle = [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
    let angle = random.f32() * TAU;
    let reach = (width + height) as f32;
    for angle in if is_single { vec![angle] } else { vec![angle, angle + TAU / 4.0] } {
        let end = |sign: f32| [middle[0] + sign * reach * angle.cos(), middle[1] + sign * reach * angle.sin()];
        cut.union(&CellMask::of(&Shape::capsule(end(-1.0), end(1.0), BLADE), width, height));
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_gates_count() {
        use FragmentEnd::*;
        let passes = |ends: &[(f32, FragmentEnd, usize)]| {
            let pieces = |&(left, end, count): &(f32, FragmentEnd, usize)| vec![Fragment { left, end }; count];
            Cuts { pieces: ends.iter().flat_map(pieces).collect() }.passes()
        };
        assert!(passes(&[(0.5, Regrown, 1)]), "no small pieces");
        assert!(!passes(&[(0.1, Regrown, 9)]), "no large pieces");
        for bad in [Lingering, Beside] {
            assert!(passes(&[(0.25, Regrown, 19), (0.25, bad, 1)]));
            assert!(!passes(&[(0.25, Regrown, 18), (0.25, bad, 1)]));
        }
        let small = [(0.25, Regrown, 1), (0.1, Dead, 6), (0.1, Regrown, 6), (0.1, Beside, 6)];
        assert!(passes(&[&small[..], &[(0.1, Beside, 1), (0.1, Lingering, 1)]].concat()));
        assert!(!passes(&[&small[..], &[(0.1, Lingering, 1)]].concat()));
        assert!(!passes(&[(0.25, Regrown, 18), (0.25, Dead, 1)]), "large pieces must not die");
    }

    #[test]
    fn a_blade_parts_what_it_crosses() {
        let living = CellMask::of(&Shape::circle(20.0, 15.0, 12.0), 40, 30);
        for seed in 0..40 {
            for (is_single, most) in [(true, 2), (false, 4)] {
                let mut left = living.clone();
                left.subtract(&blades(&living, is_single, seed));
                assert!(left.count() < living.count());
                // At the edge of a disc of cells, a line may leave a cell or two alone.
                let pieces: Vec<_> = left.components(false).into_iter().filter(|piece| piece.count() > 4).collect();
                assert!(pieces.len() <= most, "{seed}: {} pieces", pieces.len());
                let largest = pieces[0].count() as f32 / living.count() as f32;
                assert!(largest < 1.0 - 0.01 * most as f32, "{seed}");
            }
        }
        assert!(blades(&CellMask::new(4, 4), true, 0).is_empty(), "nothing to cut");
    }
}
