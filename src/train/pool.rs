//! The sample pool of earlier results that training continues from (the article, experiment 2), and the
//! wounds of some samples (experiment 3).

use crate::rule::{CellMap, CellMask, Shape, State};

/// A state without its empty cells. A padded sprite has many of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// The indices of the cells that are not all zeros.
    pub cells: Vec<u32>,
    /// The channels of these cells.
    pub values: Vec<f32>,
}

impl Sample {
    pub fn of(state: &State) -> Self {
        let mut sample = Self::default();
        for (cell, values) in state.values().chunks_exact(state.channels()).enumerate() {
            if values.iter().any(|value| *value != 0.0) {
                sample.cells.push(cell as u32);
                sample.values.extend_from_slice(values);
            }
        }
        sample
    }

    pub fn state(&self, [width, height]: [usize; 2], channels: usize) -> State {
        let mut state = State::zeros(width, height, channels);
        for (&cell, values) in self.cells.iter().zip(self.values.chunks_exact(channels)) {
            state.values_mut()[cell as usize * channels..][..channels].copy_from_slice(values);
        }
        state
    }
}

/// A random wound for a sprite:
///
/// - 6 of 24: a straight cut near the centroid, two thirds of them along an axis. Published models are trained
///   on discs only, and rarely regrow after a straight cut.
/// - 3 of 24: a large disc near the centroid.
/// - 3 of 24: a disc about a random living cell.
/// - 2 of 24: two to five small discs about random living cells.
/// - 10 of 24: scattered cells, 80 to 95% of the sprite.
///
/// Wounds that leave several pieces are the hardest to learn, because the pieces must agree on their positions.
pub(super) fn random_wound(random: &mut fastrand::Rng, state: &State) -> CellMask {
    let (width, height) = (state.width(), state.height());
    let mut mask = CellMask::new(width, height);
    let living: Vec<usize> =
        state.values().chunks_exact(state.channels()).enumerate().filter(|(_, v)| v[3] > 0.1).map(|(i, _)| i).collect();
    if living.is_empty() {
        return mask;
    }
    let center = |cell: usize| [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
    let spot = |random: &mut fastrand::Rng| center(living[random.usize(..living.len())]);
    let count = living.len() as f32;
    let middle = [0, 1].map(|axis| living.iter().map(|&cell| center(cell)[axis]).sum::<f32>() / count);
    let near_middle = |random: &mut fastrand::Rng| {
        let towards = spot(random);
        let off = random.f32() * random.f32();
        [0, 1].map(|axis| middle[axis] + (towards[axis] - middle[axis]) * off)
    };
    // The radius of a disc with the same number of cells.
    let size = (count / std::f32::consts::PI).sqrt();
    match random.u32(..24) {
        kind @ 0..6 => {
            let [x, y] = near_middle(random);
            let turn = if kind < 4 { 0.25 * kind as f32 } else { random.f32() };
            let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
            let far = (width + height) as f32;
            // The half-plane right of the y axis, moved to (x, y) and rotated.
            mask.add(
                &Shape::rect(0.0, -far, far, far),
                CellMap([cos, -sin, sin, cos, -x * cos - y * sin, x * sin - y * cos]),
            );
        }
        6..9 => {
            let [x, y] = near_middle(random);
            mask.add(&Shape::circle(x, y, size * (0.5 + 0.5 * random.f32())), CellMap::IDENTITY);
        }
        9..12 => {
            let [x, y] = spot(random);
            mask.add(&Shape::circle(x, y, size * (0.2 + 0.6 * random.f32())), CellMap::IDENTITY);
        }
        12..14 => {
            for _ in 0..random.u32(2..6) {
                let [x, y] = spot(random);
                mask.add(&Shape::circle(x, y, size * (0.1 + 0.3 * random.f32())), CellMap::IDENTITY);
            }
        }
        _ => {
            let share = 0.8 + 0.15 * random.f32();
            living.iter().filter(|_| random.f32() < share).for_each(|&cell| mask.insert(cell));
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    fn disc() -> State {
        let rule = Rule::default();
        let mut state = State::zeros(40, 30, rule.channels);
        let mask = CellMask::of(&Shape::circle(20.0, 15.0, 10.0), 40, 30);
        mask.iter().for_each(|cell| state.values_mut()[cell * 16..][..16].fill(0.7));
        state
    }

    #[test]
    fn a_sample_is_its_state() {
        let state = disc();
        let sample = Sample::of(&state);
        assert!(sample.cells.len() < 40 * 30 / 3);
        assert_eq!(sample.state([40, 30], 16), state);
    }

    #[test]
    fn wounds_take_some_of_the_sprite_but_rarely_all() {
        let state = disc();
        let living = CellMask::of(&Shape::circle(20.0, 15.0, 10.0), 40, 30).iter().count();
        let mut random = fastrand::Rng::with_seed(3);
        let mut shares = Vec::new();
        for _ in 0..300 {
            let mut wounded = state.clone();
            wounded.wound(&random_wound(&mut random, &state));
            let left = wounded.values().chunks_exact(16).filter(|cell| cell[3] > 0.1).count();
            shares.push(1.0 - left as f32 / living as f32);
        }
        assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");
        assert!(shares.iter().filter(|share| **share > 0.99).count() < 5, "{shares:?}");
        let mean = shares.iter().sum::<f32>() / 300.0;
        assert!((0.3..0.7).contains(&mean), "{mean}");
    }

    #[test]
    fn wounding_nothing_takes_nothing() {
        let mut random = fastrand::Rng::with_seed(3);
        assert!(random_wound(&mut random, &State::zeros(8, 8, 16)).is_empty());
    }
}
