//! The loss of a step.
//!
//! A rollout has two parts. The loss is the sum of:
//!
//! - the mean squared error of the picture channels at the end;
//! - the same error after the short first part, of the cells that lived at the start. Most wounded sprites that do not
//!   heal have lost what their living cells knew: a wound disturbs its neighbors within a few ticks. The error at
//!   the end alone teaches that slowly;
//! - a penalty for large values.

use burn::tensor::{Tensor, TensorData};

use super::{Start, Trainer};
use crate::{
    rule::{LIVING, Output},
    train::{Mode, Plan, plan::batch, rollout::rollout},
};

/// The loss penalizes channel values with a larger magnitude, because a rule that exceeds it tends to explode.
const OVERFLOW_LIMIT: f32 = 3.0;
/// The weight of this penalty in the loss.
const OVERFLOW_WEIGHT: f32 = 0.25;
/// The range of the ticks of the first part.
const FIRST_TICKS: std::ops::RangeInclusive<u32> = 4..=32;

/// The result of a rollout.
pub(super) struct Losses {
    /// The cells at the end.
    pub(super) ends: Tensor<4>,
    /// Their mean squared error.
    pub(super) error: Tensor<1>,
    /// The loss.
    pub(super) total: Tensor<1>,
}

impl Trainer {
    /// Runs the samples for the ticks of the plan.
    pub(super) fn losses(&self, starts: &[Start], mut plan: Plan, random: &mut fastrand::Rng) -> Losses {
        let [width, height] = self.grid;
        let tensor = |values: Vec<f32>, shape: [usize; 4]| -> Tensor<4> {
            Tensor::from_data(TensorData::new(values, shape), &self.device)
        };
        let expected = starts.iter().flat_map(|start| self.expected(start.form, start.shift)).collect();
        let expected = tensor(expected, [starts.len(), height, width, 4]);
        let weights = match self.rule.output {
            // The free channel has no error.
            Output::Coordinates => vec![1.0, 1.0, 0.0, 1.0],
            Output::PremultipliedAlpha | Output::OpaqueCentered => vec![1.0; 4],
        };
        let weights = tensor(weights, [1, 1, 1, 4]);
        let errors = |cells: &Tensor<4>| (cells.clone().narrow(3, 0, 4) - expected.clone()).square() * weights.clone();

        let mut cells = batch(starts.iter().map(|start| &start.state), &self.device);
        let mut forgotten = None;
        if self.config.mode == Mode::Regenerate && self.config.keep > 0.0 {
            let first: Vec<u32> = plan.ticks.iter().map(|ticks| random.u32(FIRST_TICKS).min(ticks - 1)).collect();
            cells = rollout(&self.learner.network, cells, &Plan { ticks: first.clone(), ..plan.clone() }, self.method);
            for ((start, ticks), first) in plan.starts.iter_mut().zip(&mut plan.ticks).zip(first) {
                start.tick = start.tick.wrapping_add(first);
                *ticks -= first;
            }
            let living = starts.iter().flat_map(|start| {
                start
                    .state
                    .values()
                    .chunks_exact(start.state.channels())
                    // What has another form now is not yet what it should be.
                    .map(|cell| f32::from(u8::from(cell[3] > LIVING && !start.is_switched)))
            });
            let living = tensor(living.collect(), [starts.len(), height, width, 1]);
            forgotten = Some((errors(&cells) * living).mean());
        }
        let ends = rollout(&self.learner.network, cells, &plan, self.method);
        let error = errors(&ends).mean();
        let overflow = (ends.clone().abs() - OVERFLOW_LIMIT).clamp_min(0.0).square().mean();
        let mut total = error.clone() + overflow * OVERFLOW_WEIGHT;
        if let Some(forgotten) = forgotten {
            total = total + forgotten * self.config.keep;
        }
        Losses { ends, error, total }
    }
}
