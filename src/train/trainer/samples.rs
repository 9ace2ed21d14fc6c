//! The samples of a step: where they come from, and their wounds.

use super::Trainer;
use crate::{
    rule::{CellMask, State, mean_squared_error},
    scorecard::WoundKind,
    train::Mode,
};

/// The kinds of wounds, as often as they are listed.
const WOUNDS: [WoundKind; 10] = [
    WoundKind::HalfPlane,
    WoundKind::HalfPlane,
    WoundKind::Disc,
    WoundKind::Band,
    WoundKind::AllButDisc,
    WoundKind::AllButDisc,
    WoundKind::AllButDisc,
    WoundKind::Discs,
    WoundKind::Scattered,
    WoundKind::Scattered,
];
/// The power that makes large wounds more frequent than small ones.
const LARGE_WOUNDS: f64 = 2.0;

/// The samples at the start of a step.
pub(super) struct Batch {
    /// The pool slot of each sample; empty in [`Mode::Grow`].
    pub(super) slots: Vec<usize>,
    pub(super) starts: Vec<State>,
}

impl Trainer {
    /// Draws the samples of a step from the pool, replaces some by a seed, and wounds some.
    pub(super) fn starts(&self, progress: f64, random: &mut fastrand::Rng) -> Batch {
        let size = self.grid;
        let seed = || State::seed(&self.rule, size[0], size[1]);
        let batch = self.config.batch;
        if self.config.mode == Mode::Grow {
            return Batch { slots: Vec::new(), starts: (0..batch).map(|_| seed()).collect() };
        }
        let slots = random.choose_multiple(0..self.pool.len(), batch);
        let pick = |slot: usize| {
            let state = self.pool[slot].state(size, self.rule.channels);
            let error = mean_squared_error(self.rule.output, &state, &self.expected);
            // Seeds keep the rule from forgetting how to grow. They replace random samples, not the worst one as in
            // the article, because the drifted samples teach the rule to persist. They also replace dead samples and
            // samples worse than an empty grid, which teach nothing.
            let fresh = random.f64() < self.config.seeds || error >= self.nothing || !self.is_alive(&state);
            if fresh { (f32::INFINITY, slot, seed()) } else { (error, slot, state) }
        };
        let mut picked: Vec<(f32, usize, State)> = slots.into_iter().map(pick).collect();
        if self.config.mode == Mode::Regenerate && progress >= self.config.wounds_from {
            // Wound the best samples, but no seeds, which would die.
            picked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, _, state) in picked.iter_mut().take(self.config.wounded).filter(|(error, ..)| error.is_finite()) {
                let wound = self.random_wound(random, state);
                state.wound(&wound);
            }
        }
        let (slots, starts) = picked.into_iter().map(|(_, slot, state)| (slot, state)).unzip();
        Batch { slots, starts }
    }

    fn random_wound(&self, random: &mut fastrand::Rng, state: &State) -> CellMask {
        let kind = WOUNDS[random.usize(..WOUNDS.len())];
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
