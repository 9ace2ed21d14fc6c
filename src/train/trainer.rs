//! The training loop. One step:
//!
//! 1. Draws samples from the pool, and replaces some of them by a seed.
//! 2. Wounds the samples that match the picture best.
//! 3. Runs each sample for a random number of ticks.
//! 4. Computes the loss: the mean squared error of the picture channels, plus a penalty for large values.
//! 5. Updates the weights with the normalised gradients.
//! 6. Writes the samples back to the pool.

use std::{panic::catch_unwind, time::Instant};

use burn::{
    module::{Module, ModuleVisitor, Param, ParamGroup},
    optim::{AdamConfig, AdjustLrFn, GradientsParams, ModuleOptimizer, MuonConfig, OptimizerRecord},
    tensor::{Bytes, Device, Tensor, TensorData},
};

use super::{
    Budget, Method, Mode, Network, Plan, TrainConfig, TrainError,
    checkpoint::Checkpoint,
    plan::{batch, states},
    pool::{Sample, random_wound},
    rollout::rollout,
};
use crate::{
    cpu::Tick,
    rule::{Model, Rule, State, Target, Weights, mean_squared_error},
};

/// The loss penalizes channel values with a larger magnitude, because a rule that exceeds it tends to explode.
const OVERFLOW_LIMIT: f32 = 3.0;
/// The weight of this penalty in the loss.
const OVERFLOW_WEIGHT: f32 = 0.25;
/// The share of one step in the moving average of the weights.
const WEIGHT_EMA_RATE: f32 = 0.003;
/// The share of one step in the moving average of the loss.
const LOSS_EMA_RATE: f32 = 0.05;
/// A sprite that has not grown by this step never does.
const STUCK_CHECK_STEP: u32 = 400;
/// A sprite has not grown while its loss exceeds this share of an empty grid's.
const STUCK_LOSS_SHARE: f32 = 0.9;
/// The number of attempts, each with other weights. The first one counts.
const MAX_ATTEMPTS: u32 = 4;
/// The tensors of the optimizer's record: one per weight (Muon), two per bias (Adam).
const OPTIMIZER_TENSORS: usize = 6;

/// A model in training.
pub struct Trainer {
    config: TrainConfig,
    target: Target,
    rule: Rule,
    /// The picture on the grid, premultiplied.
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
    /// The number of restarts because nothing grew.
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

    /// Creates a trainer that starts from the weights of a model. The model's channels, hidden width, perception and
    /// fire rate replace those of the config.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`TrainError::From`] if the model's boundary, step size, life mask or output
    /// differs from those of training.
    pub fn from_model(mut config: TrainConfig, target: Target, model: &Model) -> Result<Self, TrainError> {
        let from = model.rule();
        (config.channels, config.hidden, config.fire_rate) = (from.channels, from.hidden, from.fire_rate);
        config.perception.clone_from(&from.perception);
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
        let [width, height] = rule.grid.map(|side| side as usize);
        let expected = target.premultiplied(width, height);
        Ok(Self {
            nothing: expected.iter().map(|value| value * value).sum::<f32>() / expected.len() as f32,
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

    /// The final states of the last step's samples.
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
        let learning_rate = self.config.learning_rate_at(progress);
        let Batch { slots, starts } = self.starts(progress, &mut random);
        let noise = random.u32(..);
        let plan = Plan {
            rule: self.rule.clone(),
            starts: (0..starts.len() as u32)
                .map(|i| Tick { tick: 0, seed: noise.wrapping_add(i), angle: 0.0 })
                .collect(),
            ticks: starts.iter().map(|_| random.u32(self.config.ticks_at(progress, &self.target))).collect(),
        };

        let ends = rollout(&self.network, batch(&starts, &self.device), &plan, self.method);
        let [_, height, width, _] = ends.dims();
        let expected = TensorData::new(self.expected.clone(), [1, height, width, 4]);
        let error = (ends.clone().narrow(3, 0, 4) - Tensor::from_data(expected, &self.device)).square().mean();
        let overflow = (ends.clone().abs() - OVERFLOW_LIMIT).clamp_min(0.0).square().mean();
        let loss = error.clone().into_scalar::<f32>();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { iteration: self.iteration });
        }
        let gradients = (error + overflow * OVERFLOW_WEIGHT).backward();
        let mut gradients = GradientsParams::from_grads(gradients, &self.network);
        self.network.visit(&mut Normalise(&mut gradients));
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
        let ticks = plan.ticks.iter().sum();
        Ok(Step { iteration: self.iteration, loss, learning_rate, ticks })
    }
}

impl Trainer {
    /// Whether step 400 has just ended and nothing has grown. Nothing grows later from such weights.
    pub fn is_stuck(&self) -> bool {
        self.iteration == STUCK_CHECK_STEP
            && self.progress() < 1.0
            && self.recent_loss > STUCK_LOSS_SHARE * self.nothing
    }

    /// The number of restarts with [`Trainer::restart`].
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Starts again with other weights and other noise.
    ///
    /// # Errors
    /// [`TrainError::NeverGrows`] after four attempts.
    pub fn restart(&mut self) -> Result<(), TrainError> {
        if self.attempt + 1 == MAX_ATTEMPTS {
            return Err(TrainError::NeverGrows { attempts: MAX_ATTEMPTS, iterations: STUCK_CHECK_STEP });
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
    let [width, height] = rule.grid.map(|side| side as usize);
    vec![Sample::of(&State::seed(rule, width, height)); count]
}

/// Muon for the weight matrices (Jordan et al., "Muon: an optimizer for hidden layers", 2024), and Adam for the
/// biases. Muon orthogonalises the update of a matrix, so that every direction of it is trained. In the same
/// number of steps it reaches a sixth of Adam's error.
fn optimizer() -> ModuleOptimizer {
    let weights = MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW).build();
    // burn's default of 1e-5 would damp the small normalised gradients.
    AdamConfig::new().with_epsilon(1e-8).init().with_group(ParamGroup::from_predicate("weight"), weights, None)
}

/// The samples at the start of a step.
struct Batch {
    /// The pool slot of each sample; empty in [`Mode::Grow`].
    slots: Vec<usize>,
    starts: Vec<State>,
}

impl Trainer {
    /// Draws the samples of a step from the pool, replaces some by a seed, and wounds some.
    fn starts(&self, progress: f64, random: &mut fastrand::Rng) -> Batch {
        let size = self.rule.grid.map(|side| side as usize);
        let seed = || State::seed(&self.rule, size[0], size[1]);
        let batch = self.config.batch;
        if self.config.mode == Mode::Grow {
            return Batch { slots: Vec::new(), starts: (0..batch).map(|_| seed()).collect() };
        }
        let slots = random.choose_multiple(0..self.pool.len(), batch);
        let pick = |slot: usize| {
            let state = self.pool[slot].state(size, self.rule.channels);
            let error = mean_squared_error(&state, &self.expected);
            // Seeds keep the rule from forgetting how to grow. They replace random samples, not the worst one as in
            // the article, because the drifted samples teach the rule to persist. They also replace dead samples and
            // samples worse than an empty grid, which teach nothing.
            let fresh = random.f64() < self.config.seeds || error >= self.nothing || !self.is_alive(&state);
            if fresh { (f32::INFINITY, slot, seed()) } else { (error, slot, state) }
        };
        let mut picked: Vec<(f32, usize, State)> = slots.into_iter().map(pick).collect();
        if self.config.mode == Mode::Regenerate && progress >= self.config.wounds_from {
            // Wound the best samples, but no seeds, which would die.
            picked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, _, state) in picked.iter_mut().take(self.config.wounded).filter(|(error, ..)| error.is_finite()) {
                state.wound(&random_wound(random, state));
            }
        }
        let (slots, starts) = picked.into_iter().map(|(_, slot, state)| (slot, state)).unzip();
        Batch { slots, starts }
    }

    fn is_alive(&self, state: &State) -> bool {
        self.rule.alive.is_none_or(|alive| {
            state.values().chunks_exact(self.rule.channels).any(|cell| cell[alive.channel] > alive.threshold)
        })
    }

    /// Serializes the trainer. A [restored](Self::restore) trainer reaches the same weights as this one.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the optimizer cannot be serialized.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let optimizer = self.optimizer.into_bytes().map_err(|error| TrainError::Checkpoint(error.to_string()))?;
        Checkpoint {
            config: self.config.clone(),
            target: self.target.clone(),
            iteration: self.iteration,
            attempt: self.attempt,
            recent_loss: self.recent_loss,
            seconds: self.seconds(),
            weights: self.network.weights(),
            averaged: self.averaged.clone(),
            optimizer: optimizer.to_vec(),
            pool: self.pool.clone(),
        }
        .to_bytes()
    }

    /// Restores a trainer from a [checkpoint](Self::checkpoint).
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the checkpoint is damaged, and those of [`Trainer::new`].
    pub fn restore(bytes: &[u8]) -> Result<Self, TrainError> {
        let Checkpoint {
            config,
            target,
            iteration,
            attempt,
            recent_loss,
            seconds,
            weights,
            averaged,
            optimizer: record,
            pool,
        } = Checkpoint::from_bytes(bytes)?;
        let mut trainer = Self::assemble(config, target, weights, pool)?;
        trainer.averaged = averaged;
        if iteration > 0 {
            // burn panics on a record that does not fit.
            let restored = catch_unwind(|| {
                let record =
                    OptimizerRecord::from_bytes(Bytes::from_bytes_vec(record)).map_err(|error| error.to_string())?;
                let found = record.len();
                if found != OPTIMIZER_TENSORS {
                    return Err(format!("expected {OPTIMIZER_TENSORS}, found {found} tensors"));
                }
                Ok(optimizer().load_record(record))
            });
            let restored = restored.unwrap_or_else(|_| Err("it does not fit the weights".to_owned()));
            trainer.optimizer =
                restored.map_err(|error| TrainError::Checkpoint(format!("the optimiser's record: {error}")))?;
        }
        (trainer.iteration, trainer.attempt, trainer.recent_loss) = (iteration, attempt, recent_loss);
        trainer.spent = seconds;
        Ok(trainer)
    }
}

/// Divides each parameter's gradient by its norm, as the article's published code does. The size of a step then
/// depends neither on the length of the rollout nor on the size of the picture.
struct Normalise<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Normalise<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.remove::<D>(param.id) {
            let norm = gradient.clone().square().sum().sqrt() + 1e-8;
            self.0.register(param.id, gradient / norm.unsqueeze());
        }
    }
}
