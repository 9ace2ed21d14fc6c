//! The plan of a rollout, and its cells as tensors.

use burn::tensor::{Device, Tensor, TensorData};

use super::network::values;
use crate::{
    cpu::Tick,
    rule::{Rule, State},
};

/// The inputs of a rollout besides the weights and the cells.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rule.
    pub rule: Rule,
    /// The first tick of each sample of the batch. Tick numbers count up from it.
    pub starts: Vec<Tick>,
    /// The number of ticks of each sample.
    pub ticks: Vec<u32>,
    /// For each sample, the share of each form of the rule. A sample without shares is in the first form.
    pub forms: Vec<Vec<f32>>,
}

impl Plan {
    /// Each sample starts at tick 0 with noise of its own, and runs for its number of ticks.
    pub(super) fn from_tick_0(rule: &Rule, noise: u32, ticks: Vec<u32>) -> Self {
        let start = |sample: u32| Tick { tick: 0, seed: noise.wrapping_add(sample), angle: 0.0 };
        Self { rule: rule.clone(), starts: (0..ticks.len() as u32).map(start).collect(), ticks, forms: Vec::new() }
    }

    /// The shares of the forms of a sample.
    pub(super) fn shares(&self, sample: usize) -> &[f32] {
        self.forms.get(sample).map_or(&[1.0], Vec::as_slice)
    }
}

/// Stacks states of the same size into a batch `[batch, height, width, channels]`.
pub(super) fn batch<'a>(states: impl ExactSizeIterator<Item = &'a State> + Clone, device: &Device) -> Tensor<4> {
    let count = states.len();
    let shape = states.clone().next().map_or([0; 4], |s| [count, s.height(), s.width(), s.channels()]);
    let values: Vec<&[f32]> = states.map(State::values).collect();
    Tensor::from_data(TensorData::new(values.concat(), shape), device)
}

/// Splits a batch into its samples.
pub(super) fn states(batch: Tensor<4>) -> Vec<State> {
    let dims = batch.dims();
    samples(&values(batch), dims)
}

/// Splits the values of a batch `[batch, height, width, channels]` into its samples.
pub(super) fn samples(values: &[f32], [_, height, width, channels]: [usize; 4]) -> Vec<State> {
    let sample = |values: &[f32]| {
        let mut state = State::zeros(width, height, channels);
        state.values_mut().copy_from_slice(values);
        state
    };
    values.chunks_exact((width * height * channels).max(1)).map(sample).collect()
}
