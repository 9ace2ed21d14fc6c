//! Many ticks of a batch of sprites as one differentiable operation.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Network, fused, network::values, stock};
use crate::{
    cpu::Tick,
    rule::{Rule, State},
};

/// What a rollout depends on besides the weights and the cells.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rule.
    pub rule: Rule,
    /// The first tick of each sample of the batch; the numbers count on from there.
    pub starts: Vec<Tick>,
    /// How many ticks each sample runs.
    pub ticks: Vec<u32>,
}

/// How a rollout is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One operation on the CPU engine's own kernel, both ways; for the device
    /// [`Device::flex`](burn::tensor::Device::flex).
    Fused,
    /// burn's own operations, on any device.
    Stock,
}

/// Runs a batch, `[batch, height, width, channels]`, each sample for its ticks of a plan.
///
/// The cells are those of [`Engine`](crate::cpu::Engine): the same ones fire, to the bit, and
/// values agree to rounding. Gradients flow to the network and to `cells`.
///
/// # Panics
/// If the plan's rule is [out of range](Rule::validate), the batch is another than the plan's, or
/// weights or channels do not fit the rule; and if [`Method::Fused`] is asked for on another device
/// than `flex`.
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

/// States of one size as a batch, `[batch, height, width, channels]`.
pub(super) fn batch(states: &[State], device: &Device) -> Tensor<4> {
    let shape = states.first().map_or([0; 4], |s| [states.len(), s.height(), s.width(), s.channels()]);
    let values: Vec<&[f32]> = states.iter().map(State::values).collect();
    Tensor::from_data(TensorData::new(values.concat(), shape), device)
}

/// A batch, sample by sample.
pub(super) fn states(batch: Tensor<4>) -> Vec<State> {
    let dims = batch.dims();
    samples(&values(batch), dims)
}

/// The values of a batch, `[batch, height, width, channels]`, sample by sample.
pub(super) fn samples(values: &[f32], [_, height, width, channels]: [usize; 4]) -> Vec<State> {
    let sample = |values: &[f32]| {
        let mut state = State::zeros(width, height, channels);
        state.values_mut().copy_from_slice(values);
        state
    };
    values.chunks_exact((width * height * channels).max(1)).map(sample).collect()
}
