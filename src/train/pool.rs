//! The sample pool of earlier results that training continues from (the article, experiment 2), and the
//! wounds of some samples (experiment 3).

use crate::rule::State;

/// A state without its empty cells. A padded sprite has many of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// The indices of the cells that are not all zeros.
    pub cells: Vec<u32>,
    /// The channels of these cells.
    pub values: Vec<f32>,
    /// How far from its place the body is expected to stand, in cells.
    pub shift: [i32; 2],
    /// The number of its form.
    pub form: usize,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{CellMask, Rule, Shape};

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
}
