//! Many ticks of a batch of sprites as one differentiable operation.

use burn::tensor::Tensor;

use super::{Network, fused, plan::Plan, stock};
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
/// - The plan's rule is [out of range](crate::rule::Rule::validate).
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
    let forms = network.form_bias.as_ref().map_or(0, |bias| bias.dims()[0]);
    assert_eq!(forms, plan.rule.forms.len(), "weights fit their rule");
    match method {
        Method::Fused => fused::rollout(network, cells, plan),
        Method::Stock => stock::rollout(network, cells, plan),
    }
}
