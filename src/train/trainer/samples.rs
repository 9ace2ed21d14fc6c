//! The samples of a step: where they come from, and their wounds.

use super::Trainer;
use crate::{
    rule::{CellMask, Output, State, all_of, mean_squared_error},
    scorecard::WoundKind,
    train::{Mode, TrainConfig, pool::Sample},
};

/// The kinds of wounds, as often as they are listed.
const WOUNDS: [WoundKind; 11] = [
    WoundKind::HalfPlane,
    WoundKind::HalfPlane,
    WoundKind::Disc,
    WoundKind::Band,
    WoundKind::AllButDisc,
    WoundKind::AllButDisc,
    WoundKind::AllButNinth,
    WoundKind::AllButNinth,
    WoundKind::Discs,
    WoundKind::Scattered,
    WoundKind::Scattered,
];
/// The share of fragments among the wounds of later rounds, while they are what the model is worst at.
const LATER_FRAGMENTS: f64 = 0.5;
/// The power that makes large wounds more frequent than small ones.
const LARGE_WOUNDS: f64 = 2.0;

/// A sample at the start of a step.
pub(super) struct Start {
    /// Its slot in the pool; `None` in [`Mode::Grow`].
    pub(super) slot: Option<usize>,
    pub(super) state: State,
    /// How far from its place the body is expected to stand, in cells.
    pub(super) shift: [i32; 2],
    /// The number of its form.
    pub(super) form: usize,
    /// Whether this step has wounded it, or given it another form.
    pub(super) is_wounded: bool,
    pub(super) is_switched: bool,
    /// Its error; infinity for a seed.
    error: f32,
}

impl Start {
    /// A body at its place.
    pub(super) fn new(slot: Option<usize>, state: State, form: usize) -> Self {
        let (is_wounded, is_switched) = (false, false);
        Self { slot, state, shift: [0, 0], form, is_wounded, is_switched, error: f32::INFINITY }
    }
}

impl Trainer {
    /// Draws the samples of a step from the pool, replaces some by a seed, gives some another form, and wounds some.
    pub(super) fn samples(&self, progress: f64, random: &mut fastrand::Rng) -> Vec<Start> {
        let size = self.grid;
        let seed = || State::seed(&self.rule, size[0], size[1]);
        let (batch, forms) = (self.config.batch, self.targets.len());
        // A single form takes no random numbers.
        let any_form = |random: &mut fastrand::Rng| if forms > 1 { random.usize(..forms) } else { 0 };
        if self.config.mode == Mode::Grow {
            return (0..batch).map(|_| Start::new(None, seed(), any_form(random))).collect();
        }
        let slots = random.choose_multiple(0..self.pool.len(), batch);
        let pick = |slot: usize, random: &mut fastrand::Rng| {
            let sample = &self.pool[slot];
            let (state, shift, form) = (sample.state(size, self.rule.channels), sample.shift, sample.form);
            let error = mean_squared_error(self.rule.output, &state, &self.expected(form, shift));
            // Seeds keep the rule from forgetting how to grow. They replace random samples, not the worst one as in
            // the article, because the drifted samples teach the rule to persist. They also replace dead samples and
            // samples worse than an empty grid, which teach nothing.
            match random.f64() < self.config.seeds || error >= self.nothing || !self.is_alive(&state) {
                true => Start::new(Some(slot), seed(), any_form(random)),
                // A sample that is drawn has settled in its form. Each ordered pair of forms recurs.
                false if forms > 1 && random.f64() < self.config.switches => {
                    let form = (form + random.usize(1..forms)) % forms;
                    Start { shift, is_switched: true, ..Start::new(Some(slot), state, form) }
                }
                false => Start { shift, error, ..Start::new(Some(slot), state, form) },
            }
        };
        let mut starts: Vec<Start> = slots.into_iter().map(|slot| pick(slot, random)).collect();
        if self.config.mode == Mode::Regenerate && progress >= self.config.wounds_from() {
            // Wound the best samples, but no seeds, which would die.
            starts.sort_by(|a, b| a.error.total_cmp(&b.error).then(a.slot.cmp(&b.slot)));
            for start in starts.iter_mut().take(self.config.wounded).filter(|start| start.error.is_finite()) {
                let wound = self.random_wound(random, &start.state);
                start.state.wound(&wound);
                start.is_wounded = true;
            }
        }
        starts
    }

    /// The shares of the forms of samples: none for a rule without forms.
    pub(super) fn shares(&self, starts: &[Start]) -> Vec<Vec<f32>> {
        let forms = self.rule.forms.len();
        let shares = |start: &Start| all_of(start.form)[..forms].to_vec();
        if forms == 0 { Vec::new() } else { starts.iter().map(shares).collect() }
    }

    /// The sample at the end of a step.
    ///
    /// A rule is the same everywhere, so a whole body that has regrown beside its place cannot return. A loss that demands
    /// it contradicts itself: some samples teach the body to drift to one side, some to the other. Therefore, a wounded
    /// body must stay from then on where it has regrown, unless that is beside the grid of its model. The shift of a body
    /// that was not wounded is the fault of the rule, and remains an error.
    pub(super) fn sample(&self, start: &Start, end: &State) -> Sample {
        let error = |shift| mean_squared_error(self.rule.output, end, &self.expected(start.form, shift));
        let regrown = self.shift(end);
        let stays = start.is_wounded
            && regrown.into_iter().all(|cells| cells.unsigned_abs() as usize <= TrainConfig::MARGIN)
            && error(regrown) < error(start.shift);
        Sample { shift: if stays { regrown } else { start.shift }, form: start.form, ..Sample::of(end) }
    }

    /// How far a body of coordinates stands from its place, in whole cells: the median over its living cells.
    fn shift(&self, state: &State) -> [i32; 2] {
        if self.rule.output != Output::Coordinates {
            return [0, 0];
        }
        self.target().frame(state.width(), state.height()).shift(state)
    }

    /// What the first four channels of a shifted body in a form should be. Outside of the grid, nothing is expected.
    pub(super) fn expected(&self, form: usize, [right, down]: [i32; 2]) -> Vec<f32> {
        let upright = &self.expected[form];
        if [right, down] == [0, 0] {
            return upright.clone();
        }
        let [width, height] = self.grid.map(|side| side as i64);
        let mut cells = vec![0.0; upright.len()];
        for (index, cell) in cells.chunks_exact_mut(4).enumerate() {
            let (x, y) = (index as i64 % width - i64::from(right), index as i64 / width - i64::from(down));
            if (0..width).contains(&x) && (0..height).contains(&y) {
                cell.copy_from_slice(&upright[(y * width + x) as usize * 4..][..4]);
            }
        }
        cells
    }

    fn random_wound(&self, random: &mut fastrand::Rng, state: &State) -> CellMask {
        let is_fragment = self.round > 0 && self.is_worst_in_fragments && random.f64() < LATER_FRAGMENTS;
        let kind = if is_fragment { WoundKind::AllButNinth } else { WOUNDS[random.usize(..WOUNDS.len())] };
        let [least, most] = self.config.left;
        let left = least + (most - least) * random.f64().powf(LARGE_WOUNDS);
        kind.mask(random, &self.rule.alive_mask(state), left as f32)
    }

    fn is_alive(&self, state: &State) -> bool {
        self.rule.alive.is_none_or(|alive| {
            state.values().chunks_exact(self.rule.channels).any(|cell| cell[alive.channel] > alive.threshold)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Target;

    #[test]
    fn a_shifted_body_is_expected_where_it_stands() {
        let target = Target { width: 10, height: 7, rgba: [9, 9, 9, 255].repeat(70) };
        let mut trainer = Trainer::new(TrainConfig::default(), target).unwrap();
        let [width, height] = trainer.grid;
        let body = |shift| {
            let mut state = State::zeros(width, height, trainer.rule.channels);
            let cells = state.values_mut().chunks_exact_mut(trainer.rule.channels);
            let shifted = trainer.expected(0, shift);
            cells.zip(shifted.as_chunks::<4>().0).for_each(|(cell, expected)| cell[..4].copy_from_slice(expected));
            state
        };
        for shift in [[0, 0], [2, -1], [-7, 5]] {
            let mut state = body(shift);
            assert_eq!(trainer.shift(&state), shift);
            let living =
                |state: &State| state.values().chunks_exact(state.channels()).filter(|cell| cell[3] > 0.5).count();
            assert_eq!(living(&state), living(&body([0, 0])), "nothing is lost");
            // Also of a fragment, and of one whose places are a little off.
            let half = CellMask::from_fn(width, height, |&cell| cell % width > width / 2);
            state.wound(&half);
            state.values_mut().chunks_exact_mut(trainer.rule.channels).for_each(|cell| cell[0] += 0.03 * cell[3]);
            assert_eq!(trainer.shift(&state), shift);
        }
        // Only a wound excuses a shift, and a checkpoint contains it.
        let shifted = body([2, -1]);
        let mut start = Start::new(Some(5), body([0, 0]), 0);
        assert_eq!(trainer.sample(&start, &shifted).shift, [0, 0]);
        start.is_wounded = true;
        let outside = TrainConfig::MARGIN as i32 + 1;
        assert_eq!(trainer.sample(&start, &body([outside, 0])).shift, [0, 0]);
        trainer.pool[5] = trainer.sample(&start, &shifted);
        assert_eq!(trainer.pool[5].shift, [2, -1]);
        assert_eq!(Trainer::restore(&trainer.checkpoint().unwrap()).unwrap().pool, trainer.pool);
        assert_eq!(trainer.shift(&State::zeros(width, height, trainer.rule.channels)), [0, 0], "nothing lives");
        assert!(trainer.expected(0, [i32::MAX, i32::MIN]).iter().all(|value| *value == 0.0), "outside of the grid");
    }
}
