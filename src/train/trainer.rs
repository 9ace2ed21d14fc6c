//! The training loop, step by step.

use std::time::Instant;

use burn::{
    module::{Module, ModuleVisitor, Param, ParamGroup},
    optim::{AdamConfig, AdjustLrFn, GradientsParams, ModuleOptimizer, MuonConfig},
    tensor::{Bytes, Device, Tensor, TensorData},
};

use super::{
    Budget, Method, Mode, Network, Plan, TrainConfig, TrainError,
    checkpoint::Checkpoint,
    pool::{Sample, wound},
    rollout::{batch, rollout, states},
};
use crate::{
    cpu::Tick,
    rule::{Model, Rule, State, Target, Weights, mean_squared_error},
};

/// Values that hidden channels are kept within, softly: beyond them a rule is on its way to explode.
const CALM: f32 = 3.0;
/// How strongly.
const OVERFLOW_WEIGHT: f32 = 0.25;
/// The part that a step has in the moving average of the weights.
const AVERAGING: f32 = 0.003;

/// A model in training.
pub struct Trainer {
    config: TrainConfig,
    target: Target,
    rule: Rule,
    /// The picture on the grid, premultiplied.
    wanted: Vec<f32>,
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
    /// Seconds of earlier sessions.
    spent: f64,
    began: Instant,
    /// Where the last step's samples ended.
    last: Vec<State>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Step {
    /// The number of the step, counted from 1.
    pub iteration: u32,
    /// The mean squared error of the batch at its end.
    pub loss: f32,
    /// The learning rate it was taken with.
    pub learning_rate: f64,
    /// The ticks that all samples of the batch ran for, together.
    pub ticks: u32,
}

impl Trainer {
    /// A trainer at its beginning.
    ///
    /// # Errors
    /// A config out of range, or a device that is not compiled in.
    pub fn new(config: TrainConfig, target: Target) -> Result<Self, TrainError> {
        let rule = config.rule(&target)?;
        let weights = Network::initial(&rule, config.seed);
        let [width, height] = rule.grid.map(|side| side as usize);
        let pool = vec![Sample::of(&State::seed(&rule, width, height)); config.pool];
        Self::assemble(config, target, weights, pool)
    }

    fn assemble(config: TrainConfig, target: Target, weights: Weights, pool: Vec<Sample>) -> Result<Self, TrainError> {
        let rule = config.rule(&target)?;
        let (device, method) = config.device.open()?;
        let device = device.autodiff();
        let [width, height] = rule.grid.map(|side| side as usize);
        let wanted = target.premultiplied(width, height);
        Ok(Self {
            nothing: wanted.iter().map(|value| value * value).sum::<f32>() / wanted.len() as f32,
            wanted,
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
            spent: 0.0,
            began: Instant::now(),
            last: Vec::new(),
        })
    }

    /// How it is trained.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The picture.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Steps taken.
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// Seconds spent training, those of earlier sessions included.
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

    /// Where the last step's samples ended.
    pub fn last_batch(&self) -> &[State] {
        &self.last
    }

    /// The model as it is now: the moving average of the weights over the last few hundred steps,
    /// in which the noise of single steps cancels out.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a weight is no longer finite.
    pub fn model(&self) -> Result<Model, TrainError> {
        Model::new(self.rule.clone(), self.averaged.clone(), Some(self.target.clone()))
            .map_err(|_| TrainError::Diverged { iteration: self.iteration })
    }

    /// One step of the optimiser.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is no longer finite; the weights are those before.
    pub fn step(&mut self) -> Result<Step, TrainError> {
        // Made anew for each step, so that a checkpoint need not keep it.
        let mut random =
            fastrand::Rng::with_seed(self.config.seed ^ u64::from(self.iteration).wrapping_mul(0x9E37_79B9_7F4A_7C15));
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
        let wanted = TensorData::new(self.wanted.clone(), [1, height, width, 4]);
        let error = (ends.clone().narrow(3, 0, 4) - Tensor::from_data(wanted, &self.device)).square().mean();
        let overflow = (ends.clone().abs() - CALM).clamp_min(0.0).square().mean();
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
        // At first the plain mean of all steps.
        let share = AVERAGING.max(1.0 / (self.iteration as f32 + 1.0));
        for (average, weight) in
            self.averaged.tensors_mut().into_iter().flatten().zip(weights.tensors().into_iter().flatten())
        {
            *average += (weight - *average) * share;
        }
        self.network = network;

        self.last = states(ends);
        for (&slot, end) in slots.iter().zip(&self.last) {
            self.pool[slot] = Sample::of(end);
        }
        self.iteration = self.iteration.saturating_add(1);
        let ticks = plan.ticks.iter().sum();
        Ok(Step { iteration: self.iteration, loss, learning_rate, ticks })
    }
}

/// Muon for the weights (Jordan et al., "Muon: an optimizer for hidden layers", 2024), which makes the
/// update of a matrix orthogonal, so that no direction of it is left behind: with as many steps it ends at
/// a sixth of the error that Adam ends at. Adam for the biases, to which that does not apply.
fn optimizer() -> ModuleOptimizer {
    let weights = MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW).build();
    // The normalised gradients are small: burn's default of 1e-5 would dampen them.
    AdamConfig::new().with_epsilon(1e-8).init().with_group(ParamGroup::from_predicate("weight"), weights, None)
}

/// What a step begins with.
struct Batch {
    /// Where in the pool the samples come from, and go back to; none if they are all seeds.
    slots: Vec<usize>,
    starts: Vec<State>,
}

impl Trainer {
    /// The samples of a step.
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
            let error = mean_squared_error(&state, &self.wanted);
            // Some grow from a seed, so that growing is not forgotten: any, and not the worst as in
            // the article, for those that have drifted teach to stay. The dead, and what is worse
            // than an empty grid, have nothing more to teach.
            let fresh = random.f64() < self.config.seeds || error >= self.nothing || !self.is_alive(&state);
            if fresh { (f32::INFINITY, slot, seed()) } else { (error, slot, state) }
        };
        let mut picked: Vec<(f32, usize, State)> = slots.into_iter().map(pick).collect();
        if self.config.mode == Mode::Regenerate && progress >= self.config.wounds_from {
            // The best are wounded; a seed has nothing to lose but its life.
            picked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, _, state) in picked.iter_mut().take(self.config.wounded).filter(|(error, ..)| error.is_finite()) {
                state.wound(&wound(random, state));
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

    /// All that is needed to go on to the same weights.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the optimiser cannot be written.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let optimizer = self.optimizer.into_bytes().map_err(|error| TrainError::Checkpoint(error.to_string()))?;
        Checkpoint {
            config: self.config.clone(),
            target: self.target.clone(),
            iteration: self.iteration,
            seconds: self.seconds(),
            weights: self.network.weights(),
            averaged: self.averaged.clone(),
            optimizer: optimizer.to_vec(),
            pool: self.pool.clone(),
        }
        .to_bytes()
    }

    /// A trainer that goes on from a [checkpoint](Self::checkpoint).
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if it is not whole, and as [`Trainer::new`].
    pub fn restore(bytes: &[u8]) -> Result<Self, TrainError> {
        let Checkpoint { config, target, iteration, seconds, weights, averaged, optimizer, pool } =
            Checkpoint::from_bytes(bytes)?;
        let mut trainer = Self::assemble(config, target, weights, pool)?;
        trainer.averaged = averaged;
        if iteration > 0 {
            trainer.optimizer = trainer
                .optimizer
                .from_bytes(Bytes::from_bytes_vec(optimizer))
                .map_err(|error| TrainError::Checkpoint(error.to_string()))?;
        }
        (trainer.iteration, trainer.spent) = (iteration, seconds);
        Ok(trainer)
    }
}

/// Divides each parameter's gradient by its norm (the article's published code), so that neither
/// long rollouts nor the size of the picture change the size of a step.
struct Normalise<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Normalise<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.remove::<D>(param.id) {
            let norm = gradient.clone().square().sum().sqrt() + 1e-8;
            self.0.register(param.id, gradient / norm.unsqueeze());
        }
    }
}
