//! Training a living material: a texture that tiles, learned from one picture, without a pretrained network.
//!
//! The method follows Niklasson et al., [Self-Organising Textures](https://distill.pub/selforg/2021/textures) (Distill
//! 2021), with another loss; see `distance.rs`. One step:
//!
//! 1. Draws samples from the pool. Now and then it replaces one by a seed, and zeroes a disc of another, so that the rule
//!    grows from nothing and over wounds.
//! 2. Runs each sample for a random number of ticks.
//! 3. Measures how far the samples are from the picture, and penalizes large values.
//! 4. Updates the weights, and writes the samples back to the pool.

mod config;
mod distance;

use burn::tensor::{Device, Tensor};

pub use self::config::MaterialConfig;
use super::{
    Method, Network, Plan, TrainDevice, TrainError,
    config::cosine,
    learner::{Learner, random_of_step},
    plan::{batch, states},
    rollout,
};
use crate::{
    cpu::{Engine, Scratch, Tick},
    rule::{CellMask, Model, Rule, Shape, State, Target},
};

/// The loss penalizes values with a larger magnitude.
const OVERFLOW_LIMIT: f32 = 1.0;
/// The weight of this penalty in the loss.
const OVERFLOW_WEIGHT: f32 = 100.0;
/// The share of one step in the moving average of the weights.
const WEIGHT_EMA_RATE: f32 = 0.01;
/// The share of steps that replace a sample by a seed, and of those that wound one.
const SEEDS: f64 = 0.5;
const WOUNDS: f64 = 0.5;

/// A material in training, on the CPU.
pub struct MaterialTrainer {
    config: MaterialConfig,
    rule: Rule,
    picture: Target,
    device: Device,
    /// The picture on the device.
    expected: Tensor<4>,
    learner: Learner,
    pool: Vec<State>,
    iteration: u32,
}

/// The result of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaterialStep {
    /// The number of the step, counted from 1.
    pub iteration: u32,
    /// The distance of the samples to the picture after their ticks. That of a picture to itself is not zero, since it
    /// compares random patches.
    pub distance: f32,
}

impl MaterialTrainer {
    /// Creates a trainer at iteration 0.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Rule`] if the config is out of range, or the picture has fewer than 16 pixels
    /// on a side.
    pub fn new(config: MaterialConfig, picture: Target) -> Result<Self, TrainError> {
        let rule = config.rule()?;
        if picture.width.min(picture.height) < distance::SMALLEST {
            let found = format!("{} x {} pixels", picture.width, picture.height);
            return Err(TrainError::Config { field: "picture", found, expected: "sides of 16 pixels or more" });
        }
        let (device, _) = TrainDevice::Flex.open()?;
        let device = device.autodiff();
        let weights = Network::initial(&rule, config.seed);
        let seed = State::seed(&rule, config.size, config.size);
        Ok(Self {
            expected: distance::picture(&picture, &device),
            picture,
            learner: Learner::new(&rule, weights, &device),
            pool: vec![seed; config.pool],
            device,
            rule,
            config,
            iteration: 0,
        })
    }

    /// The number of steps taken.
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// The configuration.
    pub fn config(&self) -> &MaterialConfig {
        &self.config
    }

    /// The current model: the moving average of the weights.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a weight is no longer finite.
    pub fn model(&self) -> Result<Model, TrainError> {
        Model::new(self.rule.clone(), self.learner.averaged.clone(), None)
            .map_err(|_| TrainError::Diverged { iteration: self.iteration })
    }

    /// Takes one step of the optimizer.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the distance or a weight is no longer finite. The weights are those before the step.
    pub fn step(&mut self) -> Result<MaterialStep, TrainError> {
        let mut random = random_of_step(self.config.seed, self.iteration);
        let slots = random.choose_multiple(0..self.pool.len(), self.config.batch);
        let mut starts: Vec<State> = slots.iter().map(|slot| self.pool[*slot].clone()).collect();
        if let Some(first) = starts.first_mut().filter(|_| random.f64() < SEEDS) {
            *first = State::seed(&self.rule, self.config.size, self.config.size);
        }
        if let Some(last) = starts.last_mut().filter(|_| random.f64() < WOUNDS) {
            last.wound(&random_wound(&mut random, self.config.size));
        }
        let noise = random.u32(..);
        let [least, most] = self.config.ticks;
        let ticks = starts.iter().map(|_| random.u32(least..=most)).collect();
        let plan = Plan::from_tick_0(&self.rule, noise, ticks);
        let ends = rollout(&self.learner.network, batch(starts.iter(), &self.device), &plan, Method::Fused);
        let distance = distance::distance(&ends.clone().narrow(3, 0, 3), &self.expected, &mut random);
        let overflow = (ends.clone().abs() - OVERFLOW_LIMIT).clamp_min(0.0).square().mean();
        let total = distance.clone() + overflow * OVERFLOW_WEIGHT;
        let distance = distance.into_scalar::<f32>();
        if !distance.is_finite() {
            return Err(TrainError::Diverged { iteration: self.iteration });
        }
        let progress = f64::from(self.iteration) / f64::from(self.config.iterations);
        let learning_rate = cosine(self.config.learning_rate, progress);
        self.learner.descend(total, learning_rate, WEIGHT_EMA_RATE, self.iteration)?;
        for (slot, end) in slots.into_iter().zip(states(ends)) {
            self.pool[slot] = end;
        }
        self.iteration += 1;
        Ok(MaterialStep { iteration: self.iteration, distance })
    }

    /// Measures the current model.
    ///
    /// # Errors
    /// That of [`MaterialTrainer::model`].
    pub fn report(&self) -> Result<MaterialReport, TrainError> {
        Ok(MaterialReport::of(&self.model()?, &self.picture))
    }
}

/// How far a material is from a picture, by structures that training does not use: which random filters respond together to
/// patches of 9 by 9 pixels, at three scales. Without anything in common, pictures are about 2 apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaterialReport {
    /// The distance of the grown material.
    pub grown: f32,
    /// The distance 200 ticks after a disc of a fifth of its area was zeroed.
    pub healed: f32,
    /// The distance of the picture to itself, because the patches are random ones.
    pub itself: f32,
}

impl MaterialReport {
    /// Grows a material on its own grid until it is mature, wounds it, and lets it heal. Infinity for a grid or a picture of
    /// fewer than nine pixels on a side.
    pub fn of(model: &Model, picture: &Target) -> Self {
        let rule = model.rule();
        let [width, height] = rule.grid.map(|side| side as usize);
        let expected = distance::picture(picture, &Device::flex());
        let measure = |state: &State| {
            distance::untrained_distance(&batch([state].into_iter(), &Device::flex()).narrow(3, 0, 3), &expected)
        };
        let itself = distance::untrained_distance(&expected, &expected);
        let engine = Engine::new(model);
        let Some(mut grid) = engine.grid(State::seed(rule, width, height)) else {
            return Self { grown: f32::INFINITY, healed: f32::INFINITY, itself };
        };
        let mut scratch = Scratch::default();
        let tick = |tick| Tick { tick, seed: 1, angle: 0.0 };
        engine.advance(&mut grid, &mut scratch, tick(0), rule.mature_ticks, None);
        let grown = measure(grid.state());
        let radius = (WOUNDED_AREA * (width * height) as f32 / std::f32::consts::PI).sqrt();
        let wound = CellMask::of(&Shape::circle(width as f32 / 2.0, height as f32 / 2.0, radius), width, height);
        engine.advance(&mut grid, &mut scratch, tick(rule.mature_ticks), HEALING_TICKS, Some(&wound));
        Self { grown, healed: measure(grid.state()), itself }
    }
}

/// The wound of a [`MaterialReport`]: the share of its area, and the ticks after it.
const WOUNDED_AREA: f32 = 0.2;
const HEALING_TICKS: u32 = 200;

/// A disc anywhere on a torus, with a diameter of a tenth to seven tenths of its side.
fn random_wound(random: &mut fastrand::Rng, side: usize) -> CellMask {
    let whole = side as f32;
    let radius = whole * (0.05 + 0.3 * random.f32());
    let center = [(); 2].map(|()| random.f32() * whole);
    CellMask::from_fn(side, side, |&cell| {
        let at = [cell % side, cell / side].map(|at| at as f32 + 0.5);
        let [x, y] = [0, 1].map(|axis| {
            let apart = (at[axis] - center[axis]).abs();
            apart.min(whole - apart)
        });
        x.hypot(y) < radius
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slanted stripes of eight pixels.
    fn stripes(side: usize) -> Target {
        let pixel =
            |cell: usize| if (cell % side + cell / side) % 8 < 4 { [230, 120, 40, 255] } else { [20, 40, 90, 255] };
        Target { width: side, height: side, rgba: (0..side * side).flat_map(pixel).collect() }
    }

    fn config() -> MaterialConfig {
        MaterialConfig {
            size: 24,
            grid: [32, 24],
            iterations: 120,
            pool: 8,
            ticks: [12, 20],
            ..MaterialConfig::default()
        }
    }

    #[test]
    fn the_distance_falls() {
        let mut trainer = MaterialTrainer::new(config(), stripes(32)).unwrap();
        let steps: Vec<MaterialStep> = (0..120).map(|_| trainer.step().unwrap()).collect();
        assert_eq!((steps[119].iteration, trainer.iteration()), (120, 120));
        let mean = |steps: &[MaterialStep]| steps.iter().map(|step| step.distance).sum::<f32>() / steps.len() as f32;
        let (first, last) = (mean(&steps[..10]), mean(&steps[110..]));
        assert!(last < 0.6 * first, "{first} to {last}");
        let model = trainer.model().unwrap();
        let rule = model.rule();
        assert_eq!((rule.grid, rule.boundary, rule.alive), ([32, 24], crate::rule::Boundary::Wrap, None));
    }

    #[test]
    fn the_same_seed_learns_the_same() {
        let weights = |seed| {
            let mut trainer = MaterialTrainer::new(MaterialConfig { seed, ..config() }, stripes(16)).unwrap();
            for _ in 0..3 {
                trainer.step().unwrap();
            }
            trainer.model().unwrap().weights().clone()
        };
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }

    #[test]
    fn bad_settings_are_named() {
        let error = |config, side| MaterialTrainer::new(config, stripes(side)).err().unwrap().to_string();
        assert_eq!(error(config(), 15), "`picture`: expected sides of 16 pixels or more, found 15 x 15 pixels");
        let bad = |change: fn(&mut MaterialConfig)| {
            let mut config = config();
            change(&mut config);
            error(config, 32)
        };
        assert_eq!(bad(|config| config.size = 8), "`size`: expected 16 to 256 cells, found 8");
        assert_eq!(bad(|config| config.pool = 1), "`pool`: expected at least a batch, at most 65536 samples, found 1");
        assert_eq!(
            bad(|config| config.ticks = [9, 3]),
            "`ticks`: expected the least and the most, 1 to 10000, found [9, 3]"
        );
        assert!(bad(|config| config.channels = 7).contains("channels"));
        assert!(bad(|config| config.grid = [0, 4]).contains("grid"));
    }

    #[test]
    fn wounds_wrap() {
        let mut random = fastrand::Rng::with_seed(1);
        let masks: Vec<CellMask> = (0..200).map(|_| random_wound(&mut random, 32)).collect();
        let crosses = |mask: &CellMask| (0..32).any(|row| mask.contains(row * 32) && mask.contains(row * 32 + 31));
        assert!(masks.iter().any(crosses));
        assert!(masks.iter().all(|mask| mask.count() < 32 * 32 / 2));
    }
}
