//! A network that learns: its optimizer, and the moving average of its weights.

use burn::{
    module::{Module, ModuleVisitor, Param, ParamGroup},
    optim::{AdamConfig, AdjustLrFn, GradientsParams, ModuleOptimizer, MuonConfig},
    tensor::{Device, Tensor},
};

use super::{Network, TrainError};
use crate::rule::{Rule, Weights};

/// The number of tensors in the optimizer's record: one per weight (Muon), two per bias (Adam).
pub(super) fn optimizer_tensors(rule: &Rule) -> usize {
    if rule.forms.is_empty() { 6 } else { 8 }
}

/// The network of a trainer.
pub(super) struct Learner {
    pub(super) network: Network,
    pub(super) optimizer: ModuleOptimizer,
    /// The moving average of the weights.
    pub(super) averaged: Weights,
}

impl Learner {
    pub(super) fn new(rule: &Rule, weights: Weights, device: &Device) -> Self {
        Self { network: Network::new(rule, &weights, device), optimizer: optimizer(), averaged: weights }
    }

    /// Takes a step against the gradient of a loss, normalized. `average_rate` is the share of a step in the moving average;
    /// the first steps are averaged equally.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a weight is no longer finite. The weights are those before the step.
    pub(super) fn descend(
        &mut self,
        loss: Tensor<1>,
        learning_rate: f64,
        average_rate: f32,
        iteration: u32,
    ) -> Result<(), TrainError> {
        let mut gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network.visit(&mut Normalize(&mut gradients));
        let network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        let weights = network.weights();
        if weights.tensors().into_iter().flatten().any(|weight| !weight.is_finite()) {
            return Err(TrainError::Diverged { iteration });
        }
        let share = average_rate.max(1.0 / (iteration as f32 + 1.0));
        let averaged = self.averaged.tensors_mut().into_iter().flatten();
        for (average, weight) in averaged.zip(weights.tensors().into_iter().flatten()) {
            *average += (weight - *average) * share;
        }
        self.network = network;
        Ok(())
    }
}

/// The random numbers of a step. They are seeded for each step, so that a checkpoint does not need the generator's state.
pub(super) fn random_of_step(seed: u64, iteration: u32) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ u64::from(iteration).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Muon for the weight matrices (Jordan et al., "Muon: an optimizer for hidden layers", 2024), and Adam for the
/// biases. Muon orthogonalizes the update of a matrix, so that every direction of it is trained. In the same
/// number of steps it reaches a sixth of Adam's error.
pub(super) fn optimizer() -> ModuleOptimizer {
    let weights = MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW).build();
    // burn's default of 1e-5 would damp the small normalized gradients.
    AdamConfig::new().with_epsilon(1e-8).init().with_group(ParamGroup::from_predicate("weight"), weights, None)
}

/// Divides each parameter's gradient by its norm, as the article's published code does. The size of a step then
/// depends neither on the length of the rollout nor on the size of the picture.
struct Normalize<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Normalize<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.remove::<D>(param.id) {
            let norm = gradient.clone().square().sum().sqrt() + 1e-8;
            self.0.register(param.id, gradient / norm.unsqueeze());
        }
    }
}
