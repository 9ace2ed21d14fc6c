//! The fused and the stock rollout give the same cells and gradients, and the same cells as the engines.

use bevy::prelude::*;
use bevy_nca::{
    NcaBackend, NcaClock, NcaModel, NcaTexture,
    cpu::{Engine, Scratch, Tick},
    headless,
    rule::{Model, Rule, State},
    train::{Method, Network, Plan, rollout},
};
use burn::tensor::{Device, Tensor, TensorData};

use crate::{
    engines::{model, sparse_state, varied_rule},
    support::{distance, on_each_backend},
};

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn batch(states: &[State], device: &Device) -> Tensor<4> {
    let shape = [states.len(), states[0].height(), states[0].width(), states[0].channels()];
    let values: Vec<f32> = states.iter().flat_map(|state| state.values()).copied().collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The final cells of a batch, then the gradients of a random weighted sum of them: with respect to the initial cells
/// and to each weight tensor.
fn gradients(model: &Model, states: &[State], plan: &Plan, device: Device, method: Method) -> [Vec<f32>; 7] {
    let device = device.autodiff();
    let network = Network::new(model.rule(), model.weights(), &device);
    let cells = batch(states, &device).require_grad();
    let (width, height) = (states[0].width(), states[0].height());
    let coefficients: Vec<State> =
        (0..states.len() as u32).map(|i| sparse_state(900 + i, width, height, model.rule().channels, 1)).collect();
    let ends = rollout(&network, cells.clone(), plan, method);
    let gradients = (ends.clone() * batch(&coefficients, &device)).sum().backward();
    [
        values(ends),
        values(cells.grad(&gradients).unwrap()),
        values(network.hidden_weight.val().grad(&gradients).unwrap()),
        values(network.hidden_bias.val().grad(&gradients).unwrap()),
        values(network.output_weight.val().grad(&gradients).unwrap()),
        values(network.output_bias.val().grad(&gradients).unwrap()),
        network.form_bias.map(|bias| values(bias.val().grad(&gradients).unwrap())).unwrap_or_default(),
    ]
}

/// The largest absolute difference, relative to the largest value.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let apart = a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(largest > 0.0, "all zeros say nothing");
    apart / largest
}

/// The first training step: from seeds, with initial weights that do not change the cells yet.
#[test]
fn the_first_gradient_is_the_stock_one() {
    let rule = Rule { grid: [12, 10], hidden: 32, ..Rule::default() };
    let model = Model::new(rule.clone(), Network::initial(&rule, 3), None).unwrap();
    let states = vec![State::seed(&rule, 12, 10); 2];
    let starts = (0..2).map(|seed| Tick { tick: 0, seed, angle: 0.0 }).collect();
    let plan = Plan { rule, ticks: vec![4; 2], starts, forms: Vec::new() };
    let fused = gradients(&model, &states, &plan, Device::flex(), Method::Fused);
    let stock = gradients(&model, &states, &plan, Device::flex(), Method::Stock);
    // An output layer of zeros passes no gradient to the hidden layer.
    for tensor in [1, 4, 5] {
        let apart = difference(&fused[tensor], &stock[tensor]);
        assert!(apart < 1e-4, "tensor {tensor}: {apart}");
    }
    assert_eq!([&fused[2], &fused[3]], [&stock[2], &stock[3]]);
}

/// Random rules: all kernels, both boundaries, with and without a life mask, at various angles.
fn cases() -> impl Iterator<Item = (Model, Vec<State>, Plan)> {
    (0..12u32).map(|case| {
        let rule = varied_rule(case);
        let states: Vec<State> = (0..3).map(|i| sparse_state(case * 7 + i, 11, 8, rule.channels, 2)).collect();
        let starts = (0..3).map(|i| Tick { tick: 5 * i, seed: case + i, angle: case as f32 * 0.3 }).collect();
        let model = model(2 * case, rule.clone());
        let shares = |sample: u32| (0..rule.forms.len() as u32).map(|form| (sample * 3 + form) as f32 * 0.2).collect();
        let forms = (0..3).map(shares).collect();
        (model, states, Plan { rule, ticks: vec![6, 4, 5], starts, forms })
    })
}

/// Compares the fused rollout on flex with the stock one on `device`.
fn hold_fused_to_stock(device: &Device) {
    for (case, (model, states, plan)) in cases().enumerate() {
        let fused = gradients(&model, &states, &plan, Device::flex(), Method::Fused);
        let stock = gradients(&model, &states, &plan, device.clone(), Method::Stock);
        let has_forms = !plan.rule.forms.is_empty();
        for (tensor, (fused, stock)) in fused.iter().zip(&stock).enumerate().take(if has_forms { 7 } else { 6 }) {
            let apart = difference(fused, stock);
            assert!(apart < 1e-4, "case {case}, tensor {tensor}: {apart}");
        }
    }
}

#[test]
fn the_fused_gradient_is_the_stock_one() {
    hold_fused_to_stock(&Device::flex());
}

#[test]
#[expect(deprecated, reason = "burn names Flex as its successor; here they are held together")]
fn flex_and_ndarray_agree() {
    hold_fused_to_stock(&Device::ndarray());
}

/// Without autodiff, the same operation runs only the forward pass.
#[test]
fn a_rollout_needs_no_gradient() {
    let (model, states, plan) = cases().next().unwrap();
    let network = Network::new(model.rule(), model.weights(), &Device::flex());
    let ends = rollout(&network, batch(&states, &Device::flex()), &plan, Method::Fused);
    let tracked = gradients(&model, &states, &plan, Device::flex(), Method::Fused);
    assert_eq!(values(ends), tracked[0]);
}

/// A game shows what was trained: both engines replay a training rollout from seeds.
#[test]
fn a_training_rollout_replays_in_the_engines() {
    let rule = Rule { grid: [20, 18], ..Rule::default() };
    let model = model(4, rule.clone());
    let seeds = [7, 8];
    let starts = seeds.map(|seed| Tick { tick: 0, seed, angle: 0.0 }).to_vec();
    let network = Network::new(&rule, model.weights(), &Device::flex());
    let states = vec![State::seed(&rule, 20, 18); 2];
    let plan = Plan { rule, ticks: vec![40; 2], starts, forms: Vec::new() };
    let ends = values(rollout(&network, batch(&states, &Device::flex()), &plan, Method::Fused));
    let ends: Vec<State> =
        ends.chunks_exact(20 * 18 * 16).map(|v| State::from_values(20, 18, 16, v.to_vec()).unwrap()).collect();
    assert!(ends[0] != ends[1] && ends[0].values().iter().filter(|value| **value != 0.0).count() > 500);

    for (seed, end) in seeds.into_iter().zip(&ends) {
        let engine = Engine::new(&model);
        let mut grid = engine.grid(states[0].clone()).unwrap();
        for tick in 0..40 {
            engine.step(&mut grid, &mut Scratch::default(), Tick { tick, seed, angle: 0.0 }, None);
        }
        assert_eq!(grid.state(), end, "the CPU engine gives the same bits");
    }
    on_each_backend(|backend: NcaBackend| {
        let mut app = headless::app(backend).unwrap();
        app.world_mut().resource_mut::<NcaClock>().paused = true;
        let handle = app.world_mut().resource_mut::<Assets<NcaModel>>().add(NcaModel::from(model.clone()));
        let sprites = seeds.map(|seed| app.world_mut().spawn(NcaTexture::new(handle.clone()).with_seed(seed)).id());
        headless::read_cells(&mut app, sprites[0], 10_000).unwrap();
        headless::step(&mut app, 40);
        for (sprite, end) in sprites.into_iter().zip(&ends) {
            let (tick, state) = headless::read_cells(&mut app, sprite, 10_000).unwrap();
            let apart = distance(&state, end);
            assert!(tick == 40 && apart < 1e-5, "{backend:?}: {apart}");
        }
    });
}
