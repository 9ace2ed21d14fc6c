//! Many ticks of a batch of sprites as one differentiable operation.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Network, fused, network::values, stock};
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
}

/// The implementation of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One operation on the CPU engine's kernel, forward and backward. It requires the device
    /// [`Device::flex`](burn::tensor::Device::flex).
    Fused,
    /// burn's operations, on any device.
    Stock,
}

/// Runs each sample of a batch `[batch, height, width, channels]` for its number of ticks in the plan.
///
/// The result matches that of [`Engine`](crate::cpu::Engine): exactly the same cells fire, and values agree up to
/// rounding. Gradients flow to the network and to `cells`.
///
/// # Panics
/// - The plan's rule is [out of range](Rule::validate).
/// - The batch size differs from the plan's.
/// - Weights or channels do not fit the rule.
/// - [`Method::Fused`] runs on a device other than `flex`.
pub fn rollout(network: &Network, cells: Tensor<4>, plan: &Plan, method: Method) -> Tensor<4> {
    if let Err(error) = plan.rule.validate() {
        panic!("a plan has a rule within its ranges: {error}");
    }
    let [batch, _, _, channels] = cells.dims();
    assert_eq!(batch, plan.starts.len(), "a batch has a sample for each start of its plan");
    assert_eq!(batch, plan.ticks.len(), "a plan says for each sample how many ticks it runs");
    assert_eq!(channels, plan.rule.channels, "cells have the channels of their rule");
    let (features, hidden) = (plan.rule.features(), plan.rule.hidden);
    assert_eq!(network.hidden_weight.dims(), [features, hidden], "weights fit their rule");
    assert_eq!(network.hidden_bias.dims(), [hidden], "weights fit their rule");
    assert_eq!(network.output_weight.dims(), [hidden, channels], "weights fit their rule");
    assert_eq!(network.output_bias.dims(), [channels], "weights fit their rule");
    match method {
        Method::Fused => fused::rollout(network, cells, plan),
        Method::Stock => stock::rollout(network, cells, plan),
    }
}

/// Stacks states of the same size into a batch `[batch, height, width, channels]`.
pub(super) fn batch(states: &[State], device: &Device) -> Tensor<4> {
    let shape = states.first().map_or([0; 4], |s| [states.len(), s.height(), s.width(), s.channels()]);
    let values: Vec<&[f32]> = states.iter().map(State::values).collect();
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
