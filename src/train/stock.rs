//! The rollout in burn's operations. It computes every cell at every tick, on any device.

use burn::tensor::{Bool, Device, Tensor, TensorData, activation::relu};

use super::{Network, Plan};
use crate::{
    cpu::Tick,
    rule::{Boundary, Kernel, rotation, tick_key},
};

pub(super) fn rollout(network: &Network, cells: Tensor<4>, plan: &Plan) -> Tensor<4> {
    let most = plan.ticks.iter().copied().max().unwrap_or(0);
    (0..most).fold(cells, |cells, elapsed| {
        let stepped = step(network, cells.clone(), plan, elapsed);
        if plan.ticks.iter().all(|ticks| elapsed < *ticks) {
            return stepped;
        }
        // Samples that have run all of their ticks do not change.
        let runs: Vec<bool> = plan.ticks.iter().map(|ticks| elapsed < *ticks).collect();
        let runs = Tensor::<4, Bool>::from_data(TensorData::new(runs, [plan.ticks.len(), 1, 1, 1]), &cells.device());
        let shape = cells.dims();
        cells.mask_where(runs.expand(shape), stepped)
    })
}

fn step(network: &Network, cells: Tensor<4>, plan: &Plan, elapsed: u32) -> Tensor<4> {
    let rule = &plan.rule;
    let [batch, height, width, channels] = cells.dims();
    let device = cells.device();
    let ticks: Vec<Tick> =
        plan.starts.iter().map(|start| Tick { tick: start.tick.wrapping_add(elapsed), ..*start }).collect();

    let features = perceive(&cells, plan, &ticks).reshape([batch * height * width, rule.features()]);
    let mut hidden = features.matmul(network.hidden_weight.val()) + network.hidden_bias.val().unsqueeze();
    if let Some(form_bias) = &network.form_bias {
        let forms = rule.forms.len();
        let shares = (0..batch).flat_map(|sample| (0..forms).map(move |form| plan.shares(sample).get(form)));
        let shares: Vec<f32> = shares.map(|share| share.copied().unwrap_or(0.0)).collect();
        let shares = Tensor::<2>::from_data(TensorData::new(shares, [batch, forms]), &device);
        let bias = shares.matmul(form_bias.val()).reshape([batch, 1, rule.hidden]);
        let of_samples = hidden.reshape([batch, height * width, rule.hidden]) + bias;
        hidden = of_samples.reshape([batch * height * width, rule.hidden]);
    }
    let hidden = relu(hidden);
    let delta = hidden.matmul(network.output_weight.val()) + network.output_bias.val().unsqueeze();
    let delta = delta.reshape([batch, height, width, channels]).mul_scalar(rule.step_size);
    // Select instead of multiplying by 0: an infinite update of a cell that does not fire would give NaN.
    let fired = fired(plan, &ticks, [height, width], &device).expand([batch, height, width, channels]);
    let updated = cells.clone().mask_where(fired.clone(), cells.clone() + delta);
    // A cell with a non-finite value is set to zero.
    let exploded = updated.clone().is_finite().bool_not().float().max_dim(3).greater_elem(0.5);
    let mut updated = updated.mask_fill(exploded.expand([batch, height, width, channels]), 0.0);
    if let Some(clamp) = rule.clamp {
        updated = updated.clone().mask_where(fired, updated.clamp(-clamp, clamp));
    }

    let Some(alive) = rule.alive else { return updated };
    let mature = |of: &Tensor<4>| of.clone().detach().narrow(3, alive.channel, 1).greater_elem(alive.threshold);
    let lives = dilate(mature(&cells), rule.boundary).bool_and(dilate(mature(&updated), rule.boundary));
    updated.mask_fill(lives.bool_not().expand([batch, height, width, channels]), 0.0)
}

/// All features of all cells, `[batch, height, width, kernels * channels]`.
fn perceive(cells: &Tensor<4>, plan: &Plan, ticks: &[Tick]) -> Tensor<4> {
    let kernels = &plan.rule.perception;
    let shifted = shifts(cells, plan.rule.boundary);
    let under = |kernel: &Kernel| {
        let weights = kernel.weights().into_iter().flatten().zip(&shifted);
        let terms =
            weights.filter(|(weight, _)| *weight != 0.0).map(|(weight, cells)| cells.clone().mul_scalar(weight));
        terms.reduce(|sum, term| sum + term).unwrap_or_else(|| cells.zeros_like())
    };
    let mut features: Vec<Tensor<4>> = kernels.iter().map(under).collect();
    let at = |expected| kernels.iter().position(|kernel| *kernel == expected);
    if let (Some(x), Some(y)) = (at(Kernel::SobelX), at(Kernel::SobelY))
        && ticks.iter().any(|tick| tick.angle != 0.0)
    {
        let column =
            |values: Vec<f32>| Tensor::from_data(TensorData::new(values, [ticks.len(), 1, 1, 1]), &cells.device());
        let (cos, sin): (Vec<f32>, Vec<f32>) = ticks.iter().map(|tick| rotation(tick.angle)).unzip();
        let (cos, sin) = (column(cos), column(sin));
        let (gx, gy) = (features[x].clone(), features[y].clone());
        features[x] = gx.clone() * cos.clone() - gy.clone() * sin.clone();
        features[y] = gx * sin + gy * cos;
    }
    Tensor::cat(features, 3)
}

/// The cells shifted to each position of the 3x3 neighborhood, row by row from the upper left.
fn shifts(cells: &Tensor<4>, boundary: Boundary) -> Vec<Tensor<4>> {
    let padded = pad(pad(cells.clone(), 1, boundary), 2, boundary);
    let [_, height, width, _] = cells.dims();
    let shifted = |dy, dx| padded.clone().narrow(1, dy, height).narrow(2, dx, width);
    (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))).map(|(dy, dx)| shifted(dy, dx)).collect()
}

/// Pads both ends of an axis by one cell.
fn pad(cells: Tensor<4>, axis: usize, boundary: Boundary) -> Tensor<4> {
    let length = cells.dims()[axis];
    let (first, last) = (cells.clone().narrow(axis, 0, 1), cells.clone().narrow(axis, length - 1, 1));
    match boundary {
        Boundary::Zero => Tensor::cat(vec![first.zeros_like(), cells, last.zeros_like()], axis),
        Boundary::Wrap => Tensor::cat(vec![last, cells, first], axis),
    }
}

/// Whether any cell in the 3x3 neighborhood is set.
fn dilate(mask: Tensor<4, Bool>, boundary: Boundary) -> Tensor<4, Bool> {
    let mask = mask.float();
    shifts(&mask, boundary).into_iter().fold(mask, |most, other| most.max_pair(other)).greater_elem(0.5)
}

/// The fire mask, `[batch, height, width, 1]`.
fn fired(plan: &Plan, ticks: &[Tick], [height, width]: [usize; 2], device: &Device) -> Tensor<4, Bool> {
    let firing = plan.rule.firing();
    let sample = |tick: &Tick| {
        let key = tick_key(tick.tick, tick.seed);
        (0..(height * width) as u32).map(move |cell| firing.fires(cell, key))
    };
    let values: Vec<bool> = ticks.iter().flat_map(sample).collect();
    Tensor::from_data(TensorData::new(values, [ticks.len(), height, width, 1]), device)
}
