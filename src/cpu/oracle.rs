//! The reference implementation of the rule: plain and slow. Every other engine is tested against it.

use super::Tick;
use crate::rule::{Alive, Boundary, CellMask, Directions, Kernel, Model, State, tick_key};

/// What a tick depends on besides the cells, and does not change. Masks and directions have the size of the grid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ground<'a> {
    /// Cells that never fire. They must be zeros.
    pub dead: Option<&'a CellMask>,
    /// The direction of each cell.
    pub directions: Option<&'a Directions>,
    /// Cells that follow the model's overgrowth, if it has one.
    pub overgrown: Option<&'a CellMask>,
    /// The share of each form of the rule; of the first form by default.
    pub form: Option<&'a [f32]>,
}

/// Advances one grid by one tick. `state` must have the model's number of channels.
pub fn step(model: &Model, state: &State, tick: Tick, ground: Ground) -> State {
    let Ground { dead, directions, overgrown, form } = ground;
    let form = form.unwrap_or(&[1.0]);
    let rule = model.rule();
    let (firing, key) = (rule.firing(), tick_key(tick.tick, tick.seed));
    let second = model.overgrowth_table();
    let mut new = state.clone();
    for y in 0..state.height() {
        for x in 0..state.width() {
            let rotation = tick.rotation();
            let rotation = directions.map_or(rotation, |of| of.rotation(y * state.width() + x, rotation));
            let features = perceive(model, state, rotation, x, y);
            let index = y * state.width() + x;
            let second = second.filter(|_| overgrown.is_some_and(|mask| mask.contains(index)));
            let (weights, clamp) = second.unwrap_or((model.weights(), rule.clamp));
            let bias = |j: usize| {
                let added = form.iter().zip(weights.form_bias.chunks_exact(rule.hidden));
                weights.hidden_bias[j] + added.map(|(share, bias)| share * bias[j]).sum::<f32>()
            };
            let hidden: Vec<f32> = (0..rule.hidden)
                .map(|j| {
                    let sum = (0..features.len()).map(|i| features[i] * weights.hidden_weight[i * rule.hidden + j]);
                    let sum = sum.sum::<f32>() + bias(j);
                    // Not `max`, which would turn a NaN into 0.
                    if sum < 0.0 { 0.0 } else { sum }
                })
                .collect();
            let fires = firing.fires(index as u32, key) && !dead.is_some_and(|dead| dead.contains(index));
            let cell = &mut new.values_mut()[index * rule.channels..][..rule.channels];
            for (c, value) in cell.iter_mut().enumerate() {
                let sum = (0..rule.hidden).map(|j| hidden[j] * weights.output_weight[j * rule.channels + c]);
                let delta = sum.sum::<f32>() + weights.output_bias[c];
                if fires {
                    *value += rule.step_size * delta;
                }
            }
            if cell.iter().any(|value| !value.is_finite()) {
                cell.fill(0.0);
            }
            if let Some(clamp) = clamp.filter(|_| fires) {
                cell.iter_mut().for_each(|value| *value = value.clamp(-clamp, clamp));
            }
        }
    }
    if let Some(alive) = rule.alive {
        let (before, after) = (living(alive, rule.boundary, state), living(alive, rule.boundary, &new));
        for (index, cell) in new.values_mut().chunks_exact_mut(rule.channels).enumerate() {
            if !(before[index] && after[index]) {
                cell.fill(0.0);
            }
        }
    }
    new
}

/// The cell at an offset of -1, 0 or 1 on each axis; `None` beyond a zero boundary.
fn neighbour(state: &State, boundary: Boundary, x: usize, y: usize, dx: isize, dy: isize) -> Option<&[f32]> {
    state.cell(boundary.shift(x, dx, state.width())?, boundary.shift(y, dy, state.height())?)
}

const OFFSETS: [isize; 3] = [-1, 0, 1];

fn perceive(model: &Model, state: &State, rotation: Option<(f32, f32)>, x: usize, y: usize) -> Vec<f32> {
    let rule = model.rule();
    let mut features = vec![0.0; rule.features()];
    for (k, kernel) in rule.perception.iter().enumerate() {
        for (row, dy) in kernel.weights().into_iter().zip(OFFSETS) {
            for (weight, dx) in row.into_iter().zip(OFFSETS) {
                if let Some(cell) = neighbour(state, rule.boundary, x, y, dx, dy) {
                    for c in 0..rule.channels {
                        features[k * rule.channels + c] += weight * cell[c];
                    }
                }
            }
        }
    }
    let row = |kernel| rule.perception.iter().position(|k| *k == kernel).map(|k| k * rule.channels);
    if let (Some((cos, sin)), Some(gx), Some(gy)) = (rotation, row(Kernel::SobelX), row(Kernel::SobelY)) {
        for c in 0..rule.channels {
            let (x, y) = (features[gx + c], features[gy + c]);
            features[gx + c] = x * cos - y * sin;
            features[gy + c] = x * sin + y * cos;
        }
    }
    features
}

/// For each cell, whether any cell of its 3x3 neighborhood is above the threshold.
fn living(alive: Alive, boundary: Boundary, state: &State) -> Vec<bool> {
    let mature = |x, y, dx, dy| {
        neighbour(state, boundary, x, y, dx, dy).is_some_and(|cell| cell[alive.channel] > alive.threshold)
    };
    (0..state.width() * state.height())
        .map(|index| (index % state.width(), index / state.width()))
        .map(|(x, y)| OFFSETS.iter().any(|&dy| OFFSETS.iter().any(|&dx| mature(x, y, dx, dy))))
        .collect()
}
