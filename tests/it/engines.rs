//! The fast CPU engine against the oracle, on random rules.

use bevy_nca::{
    cpu::{Engine, Ground, Isa, Scratch, Tick, oracle_step},
    rule::{Alive, Boundary, CellMask, Directions, Kernel, Model, Output, Rule, Shape, State, Weights},
};
use proptest::{prelude::*, sample::subsequence, test_runner::TestRunner};

use crate::support::distance;

/// Pseudorandom numbers from `-scale` to `scale`. They come from a seed, so that proptest prints small failing cases.
fn numbers(seed: u32, count: usize, scale: f32) -> Vec<f32> {
    (0..count as u32)
        .map(|i| bevy_nca::rule::mix(i ^ bevy_nca::rule::mix(seed)) as f32 / u32::MAX as f32)
        .map(|unit| (unit - 0.5) * 2.0 * scale)
        .collect()
}

pub fn model(seed: u32, rule: Rule) -> Model {
    let scale = 1.5 / (rule.features() as f32).sqrt();
    let weights = Weights {
        hidden_weight: numbers(seed, rule.features() * rule.hidden, scale),
        hidden_bias: numbers(seed + 1, rule.hidden, 0.2),
        output_weight: numbers(seed + 2, rule.hidden * rule.channels, 0.4 / (rule.hidden as f32).sqrt()),
        // Every other rule pushes dead cells over the threshold, where they can save a neighbor.
        output_bias: numbers(seed + 3, rule.channels, if seed.is_multiple_of(2) { 0.05 } else { 0.5 }),
        form_bias: numbers(seed + 4, rule.forms.len() * rule.hidden, 0.2),
    };
    Model::new(rule, weights, None).unwrap()
}

/// A rule for each of twelve cases: all kernels, both boundaries, with and without a life mask, a clamp and forms.
pub fn varied_rule(case: u32) -> Rule {
    let kernels = [Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian];
    let third = case as usize % 3;
    Rule {
        channels: [8, 12, 16][third],
        hidden: [16, 20, 36][third],
        perception: kernels.into_iter().cycle().skip(case as usize).take(2 + third).collect(),
        boundary: if case.is_multiple_of(2) { Boundary::Zero } else { Boundary::Wrap },
        fire_rate: if case % 4 == 3 { 1.0 } else { 0.6 },
        step_size: 0.7,
        version: 2,
        clamp: (case % 4 == 1).then_some(0.4),
        alive: (third != 2).then_some(Alive { channel: 3, threshold: 0.1 }),
        forms: (["calm", "hurt"].iter()).take(case as usize % 5 / 2).map(|name| (*name).to_owned()).collect(),
        ..Rule::default()
    }
}

/// A rule in which mature cells die and dead cells wake up: where a cell fires, its alpha falls by twice its value
/// and rises by 0.2. Many cells therefore depend on a neighbor that dies in the same tick.
pub fn rim_model() -> Model {
    let rule = Rule { channels: 8, hidden: 16, grid: [21, 18], fire_rate: 0.3, ..Rule::default() };
    let mut hidden_weight = vec![0.0; rule.features() * rule.hidden];
    hidden_weight[3 * rule.hidden] = 1.0;
    let mut output_weight = vec![0.0; rule.hidden * rule.channels];
    output_weight[3] = -2.0;
    let mut output_bias = vec![0.01; rule.channels];
    output_bias[3] = 0.2;
    let hidden_bias = vec![0.0; rule.hidden];
    let weights = Weights { hidden_weight, hidden_bias, output_weight, output_bias, ..Weights::default() };
    Model::new(rule, weights, None).unwrap()
}

/// Noise in about one of `apart` cells, zeros in the others.
pub fn sparse_state(seed: u32, width: usize, height: usize, channels: usize, apart: u32) -> State {
    let mut values = numbers(seed, width * height * channels, 0.6);
    for (cell, values) in values.chunks_exact_mut(channels).enumerate() {
        if !bevy_nca::rule::mix(cell as u32 ^ seed).is_multiple_of(apart) {
            values.fill(0.0);
        }
    }
    State::from_values(width, height, channels, values).unwrap()
}

#[test]
fn a_doomed_neighbour_still_saves_a_cell() {
    let model = rim_model();
    let rule = model.rule();
    let mut saved = 0;
    for isa in Isa::available() {
        let engine = Engine::with_isa(&model, isa);
        for seed in 0..40 {
            let mut state = sparse_state(seed, 21, 18, rule.channels, 15);
            let mut grid = engine.grid(state.clone()).unwrap();
            for tick in 0..8 {
                let tick = Tick { tick, seed, angle: 0.0 };
                engine.step(&mut grid, &mut Scratch::default(), tick, None);
                state = oracle_step(&model, &state, tick, Ground::default());
                assert!(distance(grid.state(), &state) < 1e-6, "{isa:?}, seed {seed}, tick {}", tick.tick);
                let lives = |cell: &&[f32]| cell.iter().any(|value| *value != 0.0);
                saved += state.values().chunks_exact(rule.channels).filter(lives).count();
            }
        }
    }
    assert!(saved > 1000, "only {saved} cells ever lived: this tests nothing");
}

fn rules() -> impl Strategy<Value = Rule> {
    let kernels = vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian];
    (
        (2usize..=8, 4usize..=20),
        subsequence(kernels, 1..=4).prop_shuffle(),
        any::<bool>(),
        prop_oneof![Just(1.0), 0.05f64..1.0],
        0.2f32..1.2,
        prop_oneof![1 => Just(None), 4 => (0usize..8, 0.0f32..0.3).prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => (0.1f32..0.6).prop_map(Some)],
        0usize..=3,
    )
        .prop_map(|((channels, hidden), perception, wrap, fire_rate, step_size, alive, clamp, forms)| Rule {
            version: 2,
            clamp,
            channels: channels * 4,
            hidden: hidden * 4,
            perception,
            boundary: if wrap { Boundary::Wrap } else { Boundary::Zero },
            fire_rate,
            step_size,
            alive: alive.map(|(channel, threshold)| Alive { channel, threshold }),
            output: Output::PremultipliedAlpha,
            // A rule with an overgrowth, which those without a life mask get, has no forms.
            forms: (0..forms).filter(|_| alive.is_some()).map(|form| form.to_string()).collect(),
            ..Rule::default()
        })
}

/// Whether a cell is so close to the threshold that rounding may decide if it lives.
fn on_a_knifes_edge(rule: &Rule, state: &State) -> bool {
    let Some(alive) = rule.alive else { return false };
    state.values().chunks_exact(rule.channels).any(|cell| (cell[alive.channel] - alive.threshold).abs() < 1e-4)
}

/// The inputs for a run of the property test.
fn runs() -> impl Strategy<Value = (Rule, u32, f32, (usize, usize), Shape, State)> {
    let size = prop_oneof![(1usize..12, 1usize..12), (Just(1usize), 1usize..40), (20usize..40, 10usize..30)];
    let angle = prop_oneof![Just(0.0f32), -4.0f32..4.0];
    let wound = (0.0f32..30.0, 0.0f32..30.0, 0.5f32..12.0).prop_map(|(x, y, radius)| Shape::circle(x, y, radius));
    (rules(), any::<u32>(), angle, size, wound, 0u32..4).prop_map(|(rule, seed, angle, size, wound, start)| {
        let (width, height) = size;
        let start = match start {
            0 => State::seed(&rule, width, height),
            1 => sparse_state(seed, width, height, rule.channels, 1),
            apart => sparse_state(seed, width, height, rule.channels, apart * 8),
        };
        (rule, seed, angle, size, wound, start)
    })
}

#[test]
fn the_fast_engine_keeps_to_the_oracle() {
    let compared = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(192));
    let result = runner.run(&runs(), |(rule, seed, angle, (width, height), wound, start)| {
        let mut model = model(seed >> 2, rule.clone());
        if rule.alive.is_none() {
            let second = self::model(seed ^ 9, Rule { clamp: Some(0.4), ..rule.clone() });
            model = model.with_overgrowth(&second).unwrap();
        }
        let wound = CellMask::of(&wound, width, height);
        let scar = Shape::circle((seed % 40) as f32, (seed / 40 % 30) as f32, (seed / 1200 % 8) as f32 + 0.5);
        let dead_ground = (seed % 2 == 0).then(|| CellMask::of(&scar, width, height));
        // Some cells have a direction.
        let directions = (seed % 3 == 0).then(|| {
            Directions::from_fn(width, height, |[x, y]| [(x * 0.7 + y).sin(), (y * 0.3 - x).cos().max(0.0) * y.sin()])
        });
        // About half of the cells follow the second rule from tick 1 on.
        let overgrown =
            CellMask::from_fn(width, height, |cell| bevy_nca::rule::mix(*cell as u32 ^ seed).is_multiple_of(2));
        for isa in Isa::available() {
            let engine = Engine::with_isa(&model, isa);
            let mut grid = engine.grid(start.clone()).unwrap();
            if let Some(directions) = &directions {
                engine.set_directions(&mut grid, directions.clone());
            }
            // The first form, then a blend.
            let shares = numbers(seed, rule.forms.len(), 1.0);
            let mut scratch = Scratch::default();
            for tick in 0..6 {
                let tick = Tick { tick, seed, angle };
                let form = Some(&shares[..]).filter(|_| tick.tick >= 2);
                if let Some(form) = form.filter(|_| tick.tick == 2) {
                    engine.set_form(&mut grid, form);
                }
                let wound = (tick.tick == 3).then_some(&wound);
                let dead_ground = dead_ground.as_ref().filter(|_| tick.tick >= 2);
                if let Some(dead) = dead_ground.filter(|_| tick.tick == 2) {
                    engine.set_dead_ground(&mut grid, dead.clone());
                }
                let overgrown = Some(&overgrown).filter(|_| tick.tick >= 1);
                if let Some(overgrown) = overgrown.filter(|_| tick.tick == 1) {
                    engine.set_overgrown(&mut grid, overgrown.clone());
                }
                // Start from the engine's own state, so that rounding errors do not add up.
                let mut before = grid.state().clone();
                if let Some(wound) = wound {
                    before.wound(wound);
                }
                let ground = Ground { dead: dead_ground, directions: directions.as_ref(), overgrown, form };
                let expected = oracle_step(&model, &before, tick, ground);
                engine.step(&mut grid, &mut scratch, tick, wound);
                let largest = expected.values().iter().fold(1.0f32, |most, value| most.max(value.abs()));
                if largest > 1e6 {
                    break;
                }
                if distance(grid.state(), &expected) < 2e-5 * largest {
                    compared.set(compared.get() + usize::from(expected.values().iter().any(|value| *value != 0.0)));
                    continue;
                }
                // A cell on the threshold may fall on either side; nothing else may differ.
                let unmasked = Model::new(Rule { alive: None, ..rule.clone() }, model.weights().clone(), None).unwrap();
                let update = oracle_step(&unmasked, &before, tick, ground);
                prop_assert!(
                    on_a_knifes_edge(&rule, &before) || on_a_knifes_edge(&rule, &update),
                    "{isa:?} differs by {} at tick {}",
                    distance(grid.state(), &expected),
                    tick.tick
                );
                break;
            }
        }
        Ok(())
    });
    result.unwrap();
    // Most of 192 runs of 6 ticks for each instruction set. Few runs die out or come too close to the threshold.
    let most = 192 * 6 * Isa::available().len();
    assert!(compared.get() > most / 2, "only {} of {most} ticks were compared", compared.get());
}

#[test]
fn a_grid_of_other_channels_is_refused() {
    let engine = Engine::new(&model(1, Rule::default()));
    assert!(engine.grid(State::zeros(4, 4, 8)).is_none());
    assert!(engine.grid(State::zeros(0, 4, 16)).is_none());
}

#[test]
fn a_cell_that_explodes_becomes_zeros() {
    let rule = Rule { fire_rate: 1.0, step_size: 3e38, ..Rule::default() };
    let model = model(5, rule.clone());
    let start = State::seed(&rule, 9, 9);
    let expected = oracle_step(&model, &start, Tick { tick: 0, seed: 1, angle: 0.0 }, Ground::default());
    let engine = Engine::new(&model);
    let mut grid = engine.grid(start).unwrap();
    engine.step(&mut grid, &mut Scratch::default(), Tick { tick: 0, seed: 1, angle: 0.0 }, None);
    assert!(grid.state().values().iter().all(|value| value.is_finite()));
    let zeros =
        |state: &State| state.values().chunks(16).map(|cell| cell.iter().all(|v| *v == 0.0)).collect::<Vec<_>>();
    assert_eq!(zeros(grid.state()), zeros(&expected));
}
