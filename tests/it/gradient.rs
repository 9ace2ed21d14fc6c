//! The CPU engine's gradients against finite differences of the rule in double precision.

use bevy_nca::{
    cpu::{Engine, Gradients, Isa, Scratch, Tape, Tick},
    rule::{Alive, Boundary, CellMask, Kernel, Model, Rule, Shape, Weights, tick_key},
};

use crate::{
    engines::{model, varied_rule},
    support::distance,
};

/// The oracle's rule in `f64`, with weights and cells that can be nudged.
struct Precise {
    rule: Rule,
    /// In the order of [`Weights`].
    weights: [Vec<f64>; 5],
    /// The share of each form.
    shares: Vec<f32>,
    width: usize,
    height: usize,
}

impl Precise {
    fn new(model: &Model, shares: &[f32], width: usize, height: usize) -> Self {
        let Weights { hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = model.weights();
        let weights = [hidden_weight, hidden_bias, output_weight, output_bias, form_bias];
        let weights = weights.map(|tensor| tensor.iter().map(|&value| f64::from(value)).collect());
        Self { rule: model.rule().clone(), weights, shares: shares.to_vec(), width, height }
    }

    fn neighbour(&self, cell: usize, dx: isize, dy: isize) -> Option<usize> {
        let shift = |at: usize, delta: isize, len: usize| match (at as isize + delta, self.rule.boundary) {
            (to, Boundary::Wrap) => Some(to.rem_euclid(len as isize) as usize),
            (to, Boundary::Zero) => (0..len as isize).contains(&to).then_some(to as usize),
        };
        let x = shift(cell % self.width, dx, self.width)?;
        Some(shift(cell / self.width, dy, self.height)? * self.width + x)
    }

    fn around(&self, cell: usize) -> impl Iterator<Item = (isize, isize, usize)> {
        let offsets = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        offsets.filter_map(move |(dx, dy)| Some((dx, dy, self.neighbour(cell, dx, dy)?)))
    }

    fn step(&self, state: &[f64], tick: Tick) -> Vec<f64> {
        let (c, hidden) = (self.rule.channels, self.rule.hidden);
        let [w1, b1, w2, b2, forms] = &self.weights;
        let mut b1 = b1.clone();
        for (form, share) in forms.chunks_exact(hidden).zip(&self.shares) {
            b1.iter_mut().zip(form).for_each(|(bias, form)| *bias += f64::from(*share) * form);
        }
        let key = tick_key(tick.tick, tick.seed);
        let mut new = state.to_vec();
        for cell in (0..self.width * self.height).filter(|&cell| self.rule.firing().fires(cell as u32, key)) {
            let mut features = vec![0.0; self.rule.features()];
            for (dx, dy, other) in self.around(cell) {
                for (k, kernel) in self.rule.perception.iter().enumerate() {
                    let weight = f64::from(kernel.weights()[(dy + 1) as usize][(dx + 1) as usize]);
                    (0..c).for_each(|i| features[k * c + i] += weight * state[other * c + i]);
                }
            }
            let row = |kernel| self.rule.perception.iter().position(|k| *k == kernel).map(|k| k * c);
            if let (Some(gx), Some(gy)) = (row(Kernel::SobelX), row(Kernel::SobelY)) {
                let (sin, cos) = f64::from(tick.angle).sin_cos();
                for i in 0..c {
                    let (x, y) = (features[gx + i], features[gy + i]);
                    (features[gx + i], features[gy + i]) = (x * cos - y * sin, x * sin + y * cos);
                }
            }
            let thought: Vec<f64> = (0..hidden)
                .map(|j| (b1[j] + (0..features.len()).map(|i| features[i] * w1[i * hidden + j]).sum::<f64>()).max(0.0))
                .collect();
            for i in 0..c {
                let delta = b2[i] + (0..hidden).map(|j| thought[j] * w2[j * c + i]).sum::<f64>();
                let value = &mut new[cell * c + i];
                *value += f64::from(self.rule.step_size) * delta;
                if let Some(clamp) = self.rule.clamp.map(f64::from) {
                    *value = value.clamp(-clamp, clamp);
                }
            }
        }
        if let Some(Alive { channel, threshold }) = self.rule.alive {
            let lives = |of: &[f64], cell| {
                self.around(cell).any(|(_, _, other)| of[other * c + channel] > f64::from(threshold))
            };
            let updated = new.clone();
            for cell in 0..self.width * self.height {
                if !(lives(state, cell) && lives(&updated, cell)) {
                    new[cell * c..][..c].fill(0.0);
                }
            }
        }
        new
    }

    /// The loss after the last tick: the sum of all cell values, each times its coefficient.
    fn loss(&self, start: &[f64], ticks: &[Tick], wound: &CellMask, coefficients: &[f32]) -> f64 {
        let mut state = start.to_vec();
        for (index, tick) in ticks.iter().enumerate() {
            if index == 2 {
                wound.iter().for_each(|cell| state[cell * self.rule.channels..][..self.rule.channels].fill(0.0));
            }
            state = self.step(&state, *tick);
        }
        state.iter().zip(coefficients).map(|(value, coefficient)| value * f64::from(*coefficient)).sum()
    }
}

/// A cell whose update is not finite becomes zeros, and must not spoil the gradients of the others.
#[test]
fn exploded_cells_owe_nothing() {
    let base = model(4, Rule { alive: None, ..Rule::default() });
    let mut weights = base.weights().clone();
    // One hidden unit is 1e38 times alpha: infinite where alpha is 9, and scaled back by the output layer elsewhere.
    (0..48).for_each(|feature| weights.hidden_weight[feature * 128] = 0.0);
    weights.hidden_weight[3 * 128] = 1e38;
    weights.output_weight[..16].fill(1e-37);
    let model = Model::new(base.rule().clone(), weights, None).unwrap();
    let mut values = crate::engines::sparse_state(5, 9, 7, 16, 1).values().to_vec();
    values.iter_mut().for_each(|value| *value *= 0.01);
    values.iter_mut().skip(3).step_by(16 * 5).for_each(|value| *value = 9.0);
    let engine = Engine::new(&model);
    let mut grid = engine.grid(bevy_nca::rule::State::from_values(9, 7, 16, values).unwrap()).unwrap();
    let (mut scratch, mut tape) = (Scratch::default(), Tape::default());
    engine.step_on_tape(&mut grid, &mut scratch, Tick { tick: 0, seed: 1, angle: 0.0 }, None, &mut tape);
    let zeros = grid.state().values().chunks_exact(16).filter(|cell| cell.iter().all(|value| *value == 0.0)).count();
    assert!(zeros > 3 && zeros < 30, "{zeros} of 63 cells exploded");
    let mut state = grid.state().clone();
    let mut gradient = vec![1.0; state.values().len()];
    let weights = Gradients::new(&engine, model.weights()).backward(&tape, &mut state, &mut gradient);
    let tensors =
        [&weights.hidden_weight, &weights.hidden_bias, &weights.output_weight, &weights.output_bias, &gradient];
    assert!(tensors.into_iter().flatten().all(|value| value.is_finite()));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let mut checked = 0;
    for case in 0..12u32 {
        let rule = varied_rule(case);
        let (width, height) = (9, 7);
        let model = model(2 * case, rule.clone());
        let start = crate::engines::sparse_state(case + 1, width, height, rule.channels, 2);
        let coefficients = crate::engines::sparse_state(case + 99, width, height, rule.channels, 1);
        let ticks: Vec<Tick> = (0..5).map(|tick| Tick { tick, seed: case, angle: case as f32 * 0.3 }).collect();
        let wound = CellMask::of(&Shape::circle(5.0, 3.0, 1.6), width, height);

        let shares: Vec<f32> = (0..model.rule().forms.len()).map(|form| 0.7 - form as f32).collect();
        for isa in Isa::available() {
            let engine = Engine::with_isa(&model, isa);
            let (mut grid, mut scratch, mut tape) =
                (engine.grid(start.clone()).unwrap(), Scratch::default(), Tape::default());
            engine.set_form(&mut grid, &shares);
            for (index, tick) in ticks.iter().enumerate() {
                engine.step_on_tape(&mut grid, &mut scratch, *tick, (index == 2).then_some(&wound), &mut tape);
            }
            let (mut state, mut gradient) = (grid.state().clone(), coefficients.values().to_vec());
            let weights = Gradients::new(&engine, model.weights()).backward(&tape, &mut state, &mut gradient);
            assert!(distance(&state, &start) == 0.0, "the way back ends where the run began");

            let mut precise = Precise::new(&model, &shares, width, height);
            let mut cells: Vec<f64> = start.values().iter().map(|&value| f64::from(value)).collect();
            const NUDGE: f64 = 1e-6;
            let Weights { hidden_weight, hidden_bias, output_weight, output_bias, form_bias } = &weights;
            let got = [hidden_weight, hidden_bias, output_weight, output_bias, form_bias];
            for (tensor, got) in got.into_iter().enumerate() {
                let largest = got.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                for index in (0..got.len()).step_by(1 + got.len() / 23) {
                    let value = precise.weights[tensor][index];
                    let mut at = |nudge: f64| {
                        precise.weights[tensor][index] = value + nudge;
                        precise.loss(&cells, &ticks, &wound, coefficients.values())
                    };
                    let expected = (at(NUDGE) - at(-NUDGE)) / (2.0 * NUDGE);
                    at(0.0);
                    let error = (f64::from(got[index]) - expected).abs();
                    assert!(
                        error < 1e-4 * f64::from(largest.max(1.0)),
                        "case {case}, {isa:?}, tensor {tensor}[{index}]: {} instead of {expected}",
                        got[index]
                    );
                    checked += 1;
                }
            }
            let largest = gradient.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            for index in (0..gradient.len()).step_by(7) {
                let value = cells[index];
                let mut at = |nudge: f64| {
                    cells[index] = value + nudge;
                    precise.loss(&cells, &ticks, &wound, coefficients.values())
                };
                let expected = (at(NUDGE) - at(-NUDGE)) / (2.0 * NUDGE);
                at(0.0);
                let error = (f64::from(gradient[index]) - expected).abs();
                assert!(
                    error < 1e-4 * f64::from(largest),
                    "case {case}, {isa:?}, cell value {index}: {} instead of {expected}",
                    gradient[index]
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 1000);
}
