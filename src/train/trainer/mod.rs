//! The training loop. One step:
//!
//! 1. Draws samples from the pool, and replaces some of them by a seed.
//! 2. Wounds the samples that match the picture best.
//! 3. Runs each sample for a random number of ticks.
//! 4. Computes the loss; see `loss.rs`.
//! 5. Updates the weights with the normalized gradients.
//! 6. Writes the samples back to the pool.

use std::time::Instant;

use burn::{
    module::Module,
    optim::{GradientsParams, ModuleOptimizer},
    tensor::Device,
};

use super::{Budget, Method, Network, Plan, TrainConfig, TrainError, plan::states, pool::Sample};
use crate::{
    cpu::Tick,
    rule::{Model, Output, Rule, State, Target, Weights, mean_squared_error},
};

mod loss;
mod optimizer;
mod samples;
mod saving;

use loss::Losses;
use optimizer::{Normalize, optimizer};
use samples::Batch;

/// The share of one step in the moving average of the weights.
const WEIGHT_EMA_RATE: f32 = 0.003;
/// The share of one step in the moving average of the loss.
const LOSS_EMA_RATE: f32 = 0.05;
/// A sprite that has not grown by this step never does.
const STUCK_CHECK_STEP: u32 = 400;
/// Nothing lives while the loss exceeds this share of an empty grid's.
const STUCK_LOSS_SHARE: f32 = 0.9;
/// The number of attempts, each with other weights. The first one counts.
const MAX_ATTEMPTS: u32 = 4;
/// The learning rate of an attempt, relative to the one before.
const NEXT_LEARNING_RATE: f64 = 0.7;

/// A model in training.
pub struct Trainer {
    config: TrainConfig,
    target: Target,
    rule: Rule,
    /// Width and height of the grid of training, which is larger than that of the rule.
    grid: [usize; 2],
    /// What the first four channels of a grown sprite should be, on this grid.
    expected: Vec<f32>,
    /// The error of an empty grid.
    nothing: f32,
    device: Device,
    method: Method,
    network: Network,
    optimizer: ModuleOptimizer,
    /// The moving average of the weights.
    averaged: Weights,
    pool: Vec<Sample>,
    iteration: u32,
    /// The number of restarts because nothing lived.
    attempt: u32,
    /// The moving average of the loss.
    recent_loss: f32,
    /// Seconds of earlier sessions.
    spent: f64,
    began: Instant,
    /// The final states of the last step's samples.
    last: Vec<State>,
}

/// The result of one step.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Step {
    /// The number of the step, counted from 1.
    pub iteration: u32,
    /// The mean squared error of the batch after its ticks.
    pub loss: f32,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The ticks of all samples of the batch, summed.
    pub ticks: u32,
}

impl Trainer {
    /// Creates a trainer at iteration 0.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Rule`] if the config is out of range, and [`TrainError::Device`] if the
    /// device's feature is not enabled.
    pub fn new(config: TrainConfig, target: Target) -> Result<Self, TrainError> {
        let rule = config.rule(&target)?;
        let weights = Network::initial(&rule, config.seed);
        let pool = seeds(&rule, config.pool);
        Self::assemble(config, target, weights, pool)
    }

    /// Creates a trainer that starts from the weights of a model. The model's channels, hidden width, perception, fire
    /// rate and output replace those of the config.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`TrainError::From`] if the model's boundary, step size or life mask differs
    /// from those of training, or it is a texture.
    pub fn from_model(mut config: TrainConfig, target: Target, model: &Model) -> Result<Self, TrainError> {
        let from = model.rule();
        (config.channels, config.hidden, config.fire_rate) = (from.channels, from.hidden, from.fire_rate);
        config.perception.clone_from(&from.perception);
        if from.output != Output::OpaqueCentered {
            config.output = from.output;
        }
        let rule = config.rule(&target)?;
        let shown = |rule: &Rule| {
            let Rule { boundary, step_size, alive, output, .. } = rule;
            format!("{boundary:?} boundary, step size {step_size}, {alive:?}, {output:?}")
        };
        let (found, expected) = (shown(from), shown(&rule));
        if found != expected {
            return Err(TrainError::From { found, expected });
        }
        let pool = seeds(&rule, config.pool);
        Self::assemble(config, target, model.weights().clone(), pool)
    }

    fn assemble(config: TrainConfig, target: Target, weights: Weights, pool: Vec<Sample>) -> Result<Self, TrainError> {
        let rule = config.rule(&target)?;
        let (device, method) = config.device.open()?;
        let device = device.autodiff();
        let grid = TrainConfig::training_grid(&rule);
        let [width, height] = grid;
        let expected = target.cells(rule.output, width, height);
        Ok(Self {
            nothing: mean_squared_error(rule.output, &State::zeros(width, height, rule.channels), &expected),
            grid,
            expected,
            network: Network::new(&rule, &weights, &device),
            averaged: weights,
            optimizer: optimizer(),
            config,
            target,
            rule,
            device,
            method,
            pool,
            iteration: 0,
            attempt: 0,
            recent_loss: f32::INFINITY,
            spent: 0.0,
            began: Instant::now(),
            last: Vec::new(),
        })
    }

    /// The training configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The picture.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The number of steps of this attempt.
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// Seconds spent training, including earlier sessions.
    pub fn seconds(&self) -> f64 {
        self.spent + self.began.elapsed().as_secs_f64()
    }

    /// The share of the budget that is used up, 0 to 1.
    pub fn progress(&self) -> f64 {
        let share = match self.config.budget {
            Budget::Iterations(iterations) => f64::from(self.iteration) / f64::from(iterations),
            Budget::Minutes(minutes) => self.seconds() / (minutes * 60.0),
        };
        share.min(1.0)
    }

    /// The final states of the last step's samples. Their grid has a margin around that of the rule.
    pub fn last_batch(&self) -> &[State] {
        &self.last
    }

    /// The current model. Its weights are the moving average over the last few hundred steps, which cancels the
    /// noise of single steps.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a weight is no longer finite.
    pub fn model(&self) -> Result<Model, TrainError> {
        Model::new(self.rule.clone(), self.averaged.clone(), Some(self.target.clone()))
            .map_err(|_| TrainError::Diverged { iteration: self.iteration })
    }

    /// Takes one step of the optimizer.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss or a weight is no longer finite. The weights are those before the step.
    pub fn step(&mut self) -> Result<Step, TrainError> {
        // Seeded for each step, so that a checkpoint does not need the generator's state.
        let mut random =
            fastrand::Rng::with_seed(self.seed() ^ u64::from(self.iteration).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let progress = self.progress();
        let slower = NEXT_LEARNING_RATE.powi(self.attempt as i32);
        let learning_rate = self.config.learning_rate_at(progress) * slower;
        let Batch { slots, starts } = self.starts(progress, &mut random);
        let noise = random.u32(..);
        let plan = Plan {
            rule: self.rule.clone(),
            starts: (0..starts.len() as u32)
                .map(|i| Tick { tick: 0, seed: noise.wrapping_add(i), angle: 0.0 })
                .collect(),
            ticks: starts.iter().map(|_| random.u32(self.config.ticks_at(progress, &self.target))).collect(),
        };

        let ticks = plan.ticks.iter().sum();
        let Losses { ends, error, total } = self.losses(&starts, plan, &mut random);
        let loss = error.into_scalar::<f32>();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { iteration: self.iteration });
        }
        let gradients = total.backward();
        let mut gradients = GradientsParams::from_grads(gradients, &self.network);
        self.network.visit(&mut Normalize(&mut gradients));
        let network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        let weights = network.weights();
        if weights.tensors().into_iter().flatten().any(|weight| !weight.is_finite()) {
            return Err(TrainError::Diverged { iteration: self.iteration });
        }
        // The first few hundred steps are averaged equally.
        let share = WEIGHT_EMA_RATE.max(1.0 / (self.iteration as f32 + 1.0));
        for (average, weight) in
            self.averaged.tensors_mut().into_iter().flatten().zip(weights.tensors().into_iter().flatten())
        {
            *average += (weight - *average) * share;
        }
        self.network = network;
        self.recent_loss = match self.recent_loss.is_finite() {
            true => self.recent_loss + (loss - self.recent_loss) * LOSS_EMA_RATE,
            false => loss,
        };

        self.last = states(ends);
        for (&slot, end) in slots.iter().zip(&self.last) {
            self.pool[slot] = Sample::of(end);
        }
        self.iteration = self.iteration.saturating_add(1);
        Ok(Step { iteration: self.iteration, loss, learning_rate, ticks })
    }
}

impl Trainer {
    /// Estimates the seconds that the rest of the budget takes, from a step with grown samples that changes nothing. Takes
    /// about a second.
    pub fn estimate(&self) -> f64 {
        let iterations = match self.config.budget {
            Budget::Minutes(minutes) => return (minutes * 60.0 - self.seconds()).max(0.0),
            Budget::Iterations(iterations) => iterations.saturating_sub(self.iteration),
        };
        let [width, height] = self.grid;
        let mut grown = State::zeros(width, height, self.rule.channels);
        let cells = grown.values_mut().chunks_exact_mut(self.rule.channels);
        cells.zip(self.expected.as_chunks::<4>().0).for_each(|(cell, expected)| cell[..4].copy_from_slice(expected));
        let starts = vec![grown; self.config.batch];
        let [least, most] = self.config.ticks_for(&self.target);
        let step = |_| {
            let began = Instant::now();
            let plan = Plan {
                rule: self.rule.clone(),
                starts: vec![Tick { tick: 0, seed: 0, angle: 0.0 }; starts.len()],
                ticks: vec![(least + most) / 2; starts.len()],
            };
            let losses = self.losses(&starts, plan, &mut fastrand::Rng::with_seed(0));
            let gradients = losses.total.backward();
            drop(GradientsParams::from_grads(gradients, &self.network));
            began.elapsed().as_secs_f64()
        };
        // The first step also warms up.
        (0..3).map(step).fold(f64::INFINITY, f64::min) * f64::from(iterations)
    }

    /// Whether nothing lives, at step 400 or later: nothing has grown, or the rule has forgotten how to grow. Training does
    /// not recover from that, because dead cells have no gradient.
    pub fn is_stuck(&self) -> bool {
        self.iteration >= STUCK_CHECK_STEP
            && self.progress() < 1.0
            && self.recent_loss > STUCK_LOSS_SHARE * self.nothing
    }

    /// The number of restarts with [`Trainer::restart`].
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Starts again with other weights, other noise, and 0.7 times the learning rate.
    ///
    /// # Errors
    /// [`TrainError::NeverGrows`] after four attempts.
    pub fn restart(&mut self) -> Result<(), TrainError> {
        if self.attempt + 1 == MAX_ATTEMPTS {
            return Err(TrainError::NeverGrows { attempts: MAX_ATTEMPTS });
        }
        self.attempt += 1;
        let weights = Network::initial(&self.rule, self.seed());
        self.network = Network::new(&self.rule, &weights, &self.device);
        self.averaged = weights;
        self.optimizer = optimizer();
        self.pool = seeds(&self.rule, self.config.pool);
        (self.iteration, self.recent_loss) = (0, f32::INFINITY);
        self.last.clear();
        Ok(())
    }

    /// The random seed of this attempt's weights and noise.
    fn seed(&self) -> u64 {
        self.config.seed.wrapping_add(u64::from(self.attempt) << 32)
    }

    /// Sets another total budget, which must exceed what is used up.
    ///
    /// # Errors
    /// [`TrainError::Budget`] if the new budget is already used up, and [`TrainError::Config`] if it is out of range.
    pub fn set_budget(&mut self, budget: Budget) -> Result<(), TrainError> {
        let config = TrainConfig { budget, ..self.config.clone() };
        config.rule(&self.target)?;
        let (used, enough) = match budget {
            Budget::Iterations(iterations) => (format!("{} iterations", self.iteration), iterations > self.iteration),
            Budget::Minutes(minutes) => {
                (format!("{:.1} minutes", self.seconds() / 60.0), minutes * 60.0 > self.seconds())
            }
        };
        if !enough {
            return Err(TrainError::Budget { found: budget, used });
        }
        self.config = config;
        Ok(())
    }

    /// Disables the early stop of [`Run`](super::Run).
    pub fn forbid_early_stop(&mut self) {
        self.config.early_stop = false;
    }
}

/// A pool of `count` seeds.
fn seeds(rule: &Rule, count: usize) -> Vec<Sample> {
    let [width, height] = TrainConfig::training_grid(rule);
    vec![Sample::of(&State::seed(rule, width, height)); count]
}
