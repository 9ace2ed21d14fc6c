//! The rollout on the CPU engine's kernel: one autodiff operation for all ticks.
//!
//! 1. Forward, each sample runs separately and records its changed cells on a [`Tape`].
//! 2. Backward, each tape is played in reverse.
//! 3. The gradients of the samples are summed in order.
//!
//! Both directions compute only cells that live and fire. Samples are spread over the cores. The result does not
//! depend on the number of threads.

use std::{cmp::Reverse, fmt, sync::Arc};

use burn::{
    backend::{
        Autodiff, Backend, Dispatch, ExtensionType, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients as GradientsOf,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::{Shape, Tensor, TensorData},
};
use rayon::prelude::*;

use super::{
    Network,
    plan::{Plan, samples},
};
use crate::{
    cpu::{Engine, Gradients, Isa, Scratch, Tape, Tick},
    rule::{Rule, State, Weights},
};

pub(super) fn rollout(network: &Network, cells: Tensor<4>, plan: &Plan) -> Tensor<4> {
    let inputs = Inputs {
        cells: cells.into_dispatch(),
        hidden_weight: network.hidden_weight.val().into_dispatch(),
        hidden_bias: network.hidden_bias.val().into_dispatch(),
        output_weight: network.output_weight.val().into_dispatch(),
        output_bias: network.output_bias.val().into_dispatch(),
        // A placeholder without forms: an operation has the same inputs in all cases.
        form_bias: match &network.form_bias {
            Some(bias) => bias.val().into_dispatch(),
            None => Tensor::<2>::zeros([1, 1], &network.hidden_bias.device()).into_dispatch(),
        },
    };
    Tensor::from_dispatch(<Dispatch as FusedRollout>::fused_rollout(inputs, Arc::new(plan.clone())))
}

/// The differentiable inputs.
#[derive(ExtensionType)]
struct Inputs<B: Backend> {
    cells: FloatTensor<B>,
    hidden_weight: FloatTensor<B>,
    hidden_bias: FloatTensor<B>,
    output_weight: FloatTensor<B>,
    output_bias: FloatTensor<B>,
    form_bias: FloatTensor<B>,
}

impl<B: Backend> Inputs<B> {
    fn into_array(self) -> [FloatTensor<B>; 6] {
        let Self { cells, hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = self;
        [cells, hidden_weight, hidden_bias, output_weight, output_bias, form_bias]
    }
}

#[backend_extension(Flex, Autodiff)]
trait FusedRollout: Backend {
    fn fused_rollout(#[extension_type] inputs: Inputs<Self>, plan: Arc<Plan>) -> FloatTensor<Self>;
}

impl FusedRollout for Flex {
    fn fused_rollout(inputs: Inputs<Self>, plan: Arc<Plan>) -> FloatTensor<Self> {
        let [cells, weights @ ..] = inputs.into_array();
        let engine = Engine::packed(&plan.rule, &self::weights(weights, &plan.rule), Isa::best());
        let shape = cells.shape();
        let ends = forward(&engine, &plan, states(cells), |engine, grid, scratch, tick, _| {
            engine.step(grid, scratch, tick, None);
        });
        tensor(ends.iter().map(|(state, _)| state), shape)
    }
}

impl<C: CheckpointStrategy> FusedRollout for Autodiff<Flex, C> {
    fn fused_rollout(inputs: Inputs<Self>, plan: Arc<Plan>) -> FloatTensor<Self> {
        let inputs = inputs.into_array();
        let nodes = inputs.each_ref().map(|input| input.node());
        let [cells, weights @ ..] = inputs.map(|input| input.into_primitive());
        match RolloutBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let weights = self::weights(weights, &plan.rule);
                let engine = Engine::packed(&plan.rule, &weights, Isa::best());
                let shape = cells.shape();
                let runs = forward(&engine, &plan, states(cells), |engine, grid, scratch, tick, tape| {
                    engine.step_on_tape(grid, scratch, tick, None, tape);
                });
                let out = tensor(runs.iter().map(|(state, _)| state), shape);
                prep.finish(Arc::new(Unrolled { engine, weights, runs }), out)
            }
            OpsKind::UnTracked(prep) => {
                let [hidden_weight, hidden_bias, output_weight, output_bias, form_bias] = weights;
                let inputs = Inputs { cells, hidden_weight, hidden_bias, output_weight, output_bias, form_bias };
                prep.finish(Flex::fused_rollout(inputs, plan))
            }
        }
    }
}

/// What the backward pass needs from a rollout.
struct Unrolled {
    engine: Engine,
    weights: Weights,
    /// The final state and the tape of each sample.
    runs: Vec<(State, Tape)>,
}

impl fmt::Debug for Unrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrolled").field("samples", &self.runs.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct RolloutBackward;

impl Backward<Flex, 6> for RolloutBackward {
    type State = Arc<Unrolled>;

    fn backward(self, ops: Ops<Self::State, 6>, grads: &mut GradientsOf, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let shape = gradient.shape();
        let Unrolled { engine, weights, runs } = &*ops.state;
        let reverse = Gradients::new(engine, weights);
        let samples: Vec<(State, Weights)> = par_map_longest_first(
            states(gradient).into_iter().zip(runs),
            |(_, (_, tape))| tape.updates(),
            |(mut gradient, (state, tape))| {
                let weights = reverse.backward(tape, &mut state.clone(), gradient.values_mut());
                (gradient, weights)
            },
        );
        let mut sums: [Vec<f32>; 5] = Default::default();
        for (_, weights) in &samples {
            for (sum, part) in sums.iter_mut().zip(weights.tensors()) {
                sum.resize(part.len(), 0.0);
                sum.iter_mut().zip(part).for_each(|(sum, part): (&mut f32, _)| *sum += part);
            }
        }
        let [hidden, channels] = [weights.hidden_bias.len(), weights.output_bias.len()];
        let shapes = [
            vec![weights.hidden_weight.len() / hidden, hidden],
            vec![hidden],
            vec![hidden, channels],
            vec![channels],
            vec![weights.form_bias.len() / hidden, hidden],
        ];
        let [cells_node, weight_nodes @ ..] = ops.parents;
        if let Some(node) = cells_node {
            grads.register::<Flex>(node.id, tensor(samples.iter().map(|(gradient, _)| gradient), shape));
        }
        for ((node, sum), shape) in weight_nodes.into_iter().zip(sums).zip(shapes) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, FloatTensor::<Flex>::from_data(TensorData::new(sum, shape)));
            }
        }
    }
}

/// Runs all ticks of all samples with `step`.
fn forward(
    engine: &Engine,
    plan: &Plan,
    states: Vec<State>,
    step: impl Fn(&Engine, &mut crate::cpu::Grid, &mut Scratch, Tick, &mut Tape) + Sync,
) -> Vec<(State, Tape)> {
    let run = |sample: usize, ((state, start), &ticks): ((State, &Tick), &u32)| {
        let mut tape = Tape::default();
        let Some(mut grid) = engine.grid(state.clone()) else { return (state, tape) };
        engine.set_form(&mut grid, plan.shares(sample));
        let mut scratch = Scratch::default();
        for elapsed in 0..ticks {
            let tick = Tick { tick: start.tick.wrapping_add(elapsed), ..*start };
            step(engine, &mut grid, &mut scratch, tick, &mut tape);
        }
        (grid.into_state(), tape)
    };
    // Estimate the work from the non-zero values. A growing sample averages at least half the size of the largest.
    let cells: Vec<usize> = states.iter().map(|state| state.values().iter().filter(|v| **v != 0.0).count()).collect();
    let half = cells.iter().max().map_or(0, |most| most / 2);
    let work = cells.into_iter().zip(&plan.ticks).map(|(cells, &ticks)| cells.max(half) * ticks as usize);
    let samples = states.into_iter().zip(&plan.starts).zip(&plan.ticks).zip(work).enumerate();
    par_map_longest_first(samples, |(_, (_, work))| *work, |(index, (sample, _))| run(index, sample))
}

/// Runs the items in parallel, those with the most work first, to balance the load of the cores.
/// The results are in the order of the items.
fn par_map_longest_first<T: Send, R: Send>(
    items: impl Iterator<Item = T>,
    work: impl Fn(&T) -> usize,
    run: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let mut items: Vec<(usize, T)> = items.enumerate().collect();
    items.sort_by_key(|(_, item)| Reverse(work(item)));
    let mut results: Vec<(usize, R)> = items.into_iter().par_bridge().map(|(i, item)| (i, run(item))).collect();
    results.sort_unstable_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

fn states(batch: FloatTensor<Flex>) -> Vec<State> {
    let dims = batch.shape().dims();
    samples(&floats(batch), dims)
}

fn tensor<'a>(states: impl Iterator<Item = &'a State>, shape: Shape) -> FloatTensor<Flex> {
    let values: Vec<&[f32]> = states.map(State::values).collect();
    FloatTensor::<Flex>::from_data(TensorData::new(values.concat(), shape))
}

fn floats(tensor: FloatTensor<Flex>) -> Vec<f32> {
    let data = tensor.to_contiguous().into_data();
    data.try_into_vec().unwrap_or_else(|error| panic!("weights and cells are f32: {error}"))
}

fn weights(tensors: [FloatTensor<Flex>; 5], rule: &Rule) -> Weights {
    let [hidden_weight, hidden_bias, output_weight, output_bias, form_bias] = tensors.map(floats);
    let form_bias = if rule.forms.is_empty() { Vec::new() } else { form_bias };
    Weights { hidden_weight, hidden_bias, output_weight, output_bias, form_bias }
}
