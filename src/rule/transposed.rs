//! Models that grow sideways.

use super::{Kernel, Model, ModelErrorKind, Output, Target, Weights};

impl Model {
    /// The model with columns and rows exchanged: it grows into the transposed target. It is as good as the original, but
    /// its cells fire in another order.
    ///
    /// # Errors
    /// As [`Model::new`], which does not happen for a model that is valid.
    pub fn transposed(&self) -> Result<Self, ModelErrorKind> {
        let mut rule = self.rule().clone();
        rule.grid.reverse();
        for kernel in &mut rule.perception {
            *kernel = match *kernel {
                Kernel::SobelX => Kernel::SobelY,
                Kernel::SobelY => Kernel::SobelX,
                other @ (Kernel::Identity | Kernel::Laplacian) => other,
            };
        }
        let Weights { mut hidden_weight, mut output_weight, mut output_bias, .. } = self.weights().clone();
        if rule.output == Output::Coordinates {
            // Channel 0 is the column, channel 1 the row.
            for kernel in hidden_weight.chunks_exact_mut(rule.channels * rule.hidden) {
                let (column, row) = kernel.split_at_mut(rule.hidden);
                column.swap_with_slice(&mut row[..rule.hidden]);
            }
            output_weight.chunks_exact_mut(rule.channels).for_each(|unit| unit.swap(0, 1));
            output_bias.swap(0, 1);
        }
        let weights = Weights { hidden_weight, output_weight, output_bias, ..self.weights().clone() };
        Self::new(rule, weights, self.targets().iter().map(transposed))
    }
}

fn transposed(target: &Target) -> Target {
    let Target { width, height, rgba } = target;
    let pixels = rgba.as_chunks::<4>().0;
    let column = |x: usize| pixels.iter().skip(x).step_by(*width).copied();
    let rgba = (0..*width).flat_map(column).flatten().collect();
    Target { width: *height, height: *width, rgba }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::{Engine, Scratch, Tick},
        rule::{Rule, State},
    };

    #[test]
    fn a_transposed_model_grows_the_transposed_sprite() {
        let rule = Rule {
            version: 2,
            output: Output::Coordinates,
            grid: [9, 7],
            channels: 8,
            hidden: 16,
            // All cells fire, so that the order of their noise does not matter.
            fire_rate: 1.0,
            perception: vec![Kernel::SobelX, Kernel::Identity, Kernel::Laplacian, Kernel::SobelY],
            ..Rule::default()
        };
        let mut random = fastrand::Rng::with_seed(5);
        let mut some = |count: usize| (0..count).map(|_| random.f32() - 0.45).collect::<Vec<f32>>();
        let weights = Weights {
            hidden_weight: some(rule.features() * rule.hidden),
            hidden_bias: some(rule.hidden),
            output_weight: some(rule.hidden * rule.channels),
            output_bias: some(rule.channels),
            ..Weights::default()
        };
        let target = Target { width: 3, height: 2, rgba: (0..24).collect() };
        let model = Model::new(rule, weights, Some(target)).unwrap();
        let turned = model.transposed().unwrap();
        assert_eq!(turned.rule().grid, [7, 9]);
        assert_eq!(turned.target().unwrap().rgba[..8], [0, 1, 2, 3, 12, 13, 14, 15]);
        assert_eq!(turned.transposed().unwrap(), model);
        let run = |model: &Model| {
            let engine = Engine::new(model);
            let [width, height] = model.rule().grid.map(|side| side as usize);
            // An odd grid has its seed in the middle.
            let mut grid = engine.grid(State::seed(model.rule(), width, height)).unwrap();
            for tick in 0..5 {
                engine.step(&mut grid, &mut Scratch::default(), Tick { tick, seed: 1, angle: 0.0 }, None);
            }
            grid.into_state()
        };
        let (upright, sideways) = (run(&model), run(&turned));
        assert!(upright.values().iter().filter(|value| **value != 0.0).count() > 50);
        for (x, y) in (0..9).flat_map(|x| (0..7).map(move |y| (x, y))) {
            let (mut cell, other) = (upright.cell(x, y).unwrap().to_vec(), sideways.cell(y, x).unwrap());
            cell.swap(0, 1);
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + a.abs());
            assert!(cell.iter().zip(other).all(close), "({x}, {y}): {cell:?}, {other:?}");
        }
    }
}
