//! Random wounds of a given size.

use serde::Serialize;

use crate::rule::CellMask;

/// The kind of a random wound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WoundKind {
    /// Everything on one side of a line at any angle.
    HalfPlane,
    /// A disc about a living cell.
    Disc,
    /// A band at any angle.
    Band,
    /// Everything but a disc about a living cell.
    AllButDisc,
    /// Everything but a rectangle of a third of the bounding box's width and height, at a place at which it contains a
    /// living cell. Its size does not depend on the share that is left. It often spares only a tip.
    AllButNinth,
    /// Two to five discs about living cells.
    Discs,
    /// Cells at random.
    Scattered,
}

impl WoundKind {
    /// The cells of a random wound that leaves a share `left` of the living cells, 0 to 1, except for [`Self::AllButNinth`].
    pub(crate) fn mask(self, random: &mut fastrand::Rng, living: &CellMask, left: f32) -> CellMask {
        let (width, height) = (living.width(), living.height());
        let center = |cell: usize| [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
        let cells: Vec<usize> = living.iter().collect();
        if cells.is_empty() {
            return CellMask::new(width, height);
        }
        let spot = |random: &mut fastrand::Rng| center(cells[random.usize(..cells.len())]);
        let distance = |[x, y]: [f32; 2], cell: usize| {
            let [to_x, to_y] = center(cell);
            (to_x - x).hypot(to_y - y)
        };
        // The wound contains the cells with the lowest depth.
        let depth: Vec<f32> = match self {
            Self::HalfPlane | Self::Band => {
                let (sin, cos) = (random.f32() * std::f32::consts::TAU).sin_cos();
                let along = |[x, y]: [f32; 2]| x * cos + y * sin;
                let middle = if self == Self::Band { along(spot(random)) } else { 0.0 };
                let depth = |cell| match self {
                    Self::Band => (along(center(cell)) - middle).abs(),
                    _ => along(center(cell)),
                };
                (0..width * height).map(depth).collect()
            }
            Self::Disc | Self::AllButDisc | Self::Discs => {
                let count = if self == Self::Discs { random.usize(2..6) } else { 1 };
                let spots: Vec<_> = (0..count).map(|_| spot(random)).collect();
                let nearest = |cell| spots.iter().map(|spot| distance(*spot, cell)).fold(f32::INFINITY, f32::min);
                let sign = if self == Self::AllButDisc { -1.0 } else { 1.0 };
                (0..width * height).map(|cell| sign * nearest(cell)).collect()
            }
            Self::AllButNinth => return all_but_ninth(random, living),
            Self::Scattered => (0..width * height).map(|_| random.f32()).collect(),
        };
        let mut order: Vec<f32> = cells.iter().map(|&cell| depth[cell]).collect();
        order.sort_unstable_by(f32::total_cmp);
        let lost = ((1.0 - left) * cells.len() as f32).round() as usize;
        match order.get(lost) {
            Some(first_left) => CellMask::from_fn(width, height, |&cell| depth[cell] < *first_left),
            None => CellMask::full(width, height),
        }
    }
}

/// See [`WoundKind::AllButNinth`]. The living cells must not be empty.
fn all_but_ninth(random: &mut fastrand::Rng, living: &CellMask) -> CellMask {
    let width = living.width();
    let [left, top, right, bottom] = living.bounds().unwrap_or_default();
    let sides = [(left, right), (top, bottom)];
    // Any place is as likely as another. Rectangles about living cells would rarely spare only a tip.
    loop {
        let [x, y] = sides.map(|(least, end)| least as f32 + (end - least) as f32 * random.f32());
        let [half_x, half_y] = sides.map(|(least, end)| (end - least) as f32 / 6.0);
        let spares = |cell: usize| {
            let (to_x, to_y) = ((cell % width) as f32 + 0.5 - x, (cell / width) as f32 + 0.5 - y);
            to_x.abs() <= half_x && to_y.abs() <= half_y
        };
        if living.iter().any(spares) {
            return CellMask::from_fn(width, living.height(), |&cell| !spares(cell));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Shape;

    #[test]
    fn wounds_leave_the_share_that_they_are_told_to() {
        let living = CellMask::of(&Shape::circle(20.0, 15.0, 10.0), 40, 30);
        let count = living.iter().count() as f32;
        let mut random = fastrand::Rng::with_seed(3);
        use WoundKind::*;
        for kind in [HalfPlane, Disc, Band, AllButDisc, Discs, Scattered] {
            for left in [0.1, 0.25, 0.5, 0.9] {
                let wound = kind.mask(&mut random, &living, left);
                let found = living.iter().filter(|&cell| !wound.contains(cell)).count() as f32 / count;
                assert!((found - left).abs() < 0.05, "{kind:?}: {found} for {left}");
            }
        }
        for _ in 0..100 {
            let wound = AllButNinth.mask(&mut random, &living, 0.5);
            let spared = CellMask::from_fn(40, 30, |&cell| !wound.contains(cell));
            let [left, top, right, bottom] = spared.bounds().unwrap();
            assert!(right - left <= 7 && bottom - top <= 7, "a third of 20 cells");
            assert!(living.iter().any(|cell| spared.contains(cell)));
        }
        for kind in [Disc, AllButNinth] {
            assert!(kind.mask(&mut random, &CellMask::new(4, 4), 0.5).is_empty(), "nothing to wound");
        }
    }
}
