//! The optimizer.

use burn::{
    module::{ModuleVisitor, Param, ParamGroup},
    optim::{AdamConfig, AdjustLrFn, GradientsParams, ModuleOptimizer, MuonConfig},
    tensor::Tensor,
};

/// The tensors of the optimizer's record: one per weight (Muon), two per bias (Adam).
pub(super) const OPTIMIZER_TENSORS: usize = 6;

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
pub(super) struct Normalize<'a>(pub(super) &'a mut GradientsParams);

impl ModuleVisitor for Normalize<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.remove::<D>(param.id) {
            let norm = gradient.clone().square().sum().sqrt() + 1e-8;
            self.0.register(param.id, gradient / norm.unsqueeze());
        }
    }
}
