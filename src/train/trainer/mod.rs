//! The training loop. One step:
//!
//! 1. Draws samples from the pool, and replaces some of them by a seed.
//! 2. Wounds the samples that match the picture best.
//! 3. Runs each sample for a random number of ticks.
//! 4. Computes the loss; see `loss.rs`.
//! 5. Updates the weights with the normalized gradients.
//! 6. Writes the samples back to the pool.

use bevy::platform::time::Instant;
use burn::{optim::GradientsParams, tensor::Device};

use super::{
    Budget, Method, Mode, Network, Plan, TrainConfig, TrainError,
    learner::{Learner, random_of_step},
    plan::states,
    pool::Sample,
};
use crate::{
    cpu::Tick,
    rule::{Model, Output, Rule, State, Target, Weights, mean_squared_error},
    scorecard::Scorecard,
};

mod loss;
mod samples;
mod saving;

use loss::Losses;
use samples::Start;

/// The model of a [warm start](TrainConfig::warm_start).
const SLIME: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/models/slime.nca"));
/// The share of one step in the moving average of the weights.
const WEIGHT_EMA_RATE: f32 = 0.003;
/// The share of one step in the moving average of the loss.
const LOSS_EMA_RATE: f32 = 0.05;
/// A sprite that has not grown by this step never does.
const STUCK_CHECK_STEP: u32 = 400;
/// Nothing lives while the loss exceeds this share of an empty grid's.
const STUCK_LOSS_SHARE: f32 = 0.9;
/// The number of attempts. The first one counts.
const MAX_ATTEMPTS: u32 = 4;
/// The learning rate of an attempt, relative to the one before.
const NEXT_LEARNING_RATE: f64 = 0.7;

/// The learning rate of a round, relative to the one before.
const NEXT_ROUND: f64 = 0.5;

/// A model in training.
pub struct Trainer {
    config: TrainConfig,
    /// The picture of each form, all of the same size.
    targets: Vec<Target>,
    rule: Rule,
    /// Width and height of the grid of training, which is larger than that of the rule.
    grid: [usize; 2],
    /// What the first four channels of a grown sprite in each form should be, on this grid.
    expected: Vec<Vec<f32>>,
    /// The error of an empty grid, averaged over the forms.
    nothing: f32,
    device: Device,
    method: Method,
    learner: Learner,
    pool: Vec<Sample>,
    iteration: u32,
    /// The number of restarts because nothing lived.
    attempt: u32,
    /// The number of finished rounds of this attempt.
    round: u32,
    /// Whether the model is worst at regrowing from fragments.
    is_worst_in_fragments: bool,
    /// The moving average of the loss.
    recent_loss: f32,
    /// Seconds of earlier sessions.
    spent: f64,
    began: Instant,
    /// The final states of the last step's samples, and their forms.
    last: Vec<State>,
    last_forms: Vec<usize>,
}

/// The pictures to learn: one, or one for each form of the rule, in their order.
#[derive(Clone, Debug)]
pub struct Targets(Vec<Target>);

impl From<Target> for Targets {
    fn from(target: Target) -> Self {
        Self(vec![target])
    }
}

impl From<Vec<Target>> for Targets {
    fn from(targets: Vec<Target>) -> Self {
        Self(targets)
    }
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
    /// Creates a trainer at iteration 0. It takes one picture, or one for each of the config's forms.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Rule`] if the config is out of range or does not fit the pictures, and
    /// [`TrainError::Device`] if the device's feature is not enabled.
    pub fn new(config: TrainConfig, targets: impl Into<Targets>) -> Result<Self, TrainError> {
        let targets = targets.into();
        let rule = config.rule_of(&targets.0)?;
        let weights = first_weights(&config, &rule, config.seed)?;
        let pool = seeds(&rule, config.pool);
        Self::assemble(config, targets.0, weights, pool)
    }

    /// Creates a trainer that starts from the weights of a model. The model's channels, hidden width, perception, fire
    /// rate and output replace those of the config. A [restart](Trainer::restart) starts from random weights.
    ///
    /// # Errors
    /// Those of [`Trainer::new`], and [`TrainError::From`] if the model's boundary, step size or life mask differs
    /// from those of training, or it is a texture.
    pub fn from_model(mut config: TrainConfig, targets: impl Into<Targets>, model: &Model) -> Result<Self, TrainError> {
        let targets = targets.into();
        let from = model.rule();
        (config.channels, config.hidden, config.fire_rate) = (from.channels, from.hidden, from.fire_rate);
        config.perception.clone_from(&from.perception);
        if from.output != Output::OpaqueCentered {
            config.output = from.output;
        }
        // A model that has learned needs what a warm start does.
        let defaults = TrainConfig::default();
        config.learning_rate = config.learning_rate.or(Some(defaults.learning_rates()));
        config.wounds_from = config.wounds_from.or(Some(defaults.wounds_from()));
        config.warm_start = false;
        let rule = config.rule_of(&targets.0)?;
        let shown = |rule: &Rule| {
            let Rule { boundary, step_size, alive, output, .. } = rule;
            format!("{boundary:?} boundary, step size {step_size}, {alive:?}, {output:?}")
        };
        let (found, expected) = (shown(from), shown(&rule));
        if found != expected {
            return Err(TrainError::From { found, expected });
        }
        let pool = seeds(&rule, config.pool);
        Self::assemble(config, targets.0, model.weights().with_forms(rule.forms.len()), pool)
    }

    fn assemble(
        mut config: TrainConfig,
        targets: Vec<Target>,
        weights: Weights,
        pool: Vec<Sample>,
    ) -> Result<Self, TrainError> {
        let rule = config.rule_of(&targets)?;
        // A run records what it has used.
        config.learning_rate = Some(config.learning_rates());
        config.wounds_from = Some(config.wounds_from());
        let (device, method) = config.device.open()?;
        let device = device.autodiff();
        let grid = TrainConfig::training_grid(&rule);
        let [width, height] = grid;
        let expected: Vec<Vec<f32>> = targets.iter().map(|target| target.cells(rule.output, width, height)).collect();
        let empty = State::zeros(width, height, rule.channels);
        let nothing = |expected| mean_squared_error(rule.output, &empty, expected);
        Ok(Self {
            nothing: expected.iter().map(|expected| nothing(expected)).sum::<f32>() / expected.len() as f32,
            grid,
            expected,
            learner: Learner::new(&rule, weights, &device),
            config,
            targets,
            rule,
            device,
            method,
            pool,
            iteration: 0,
            attempt: 0,
            round: 0,
            is_worst_in_fragments: false,
            recent_loss: f32::INFINITY,
            spent: 0.0,
            began: Instant::now(),
            last: Vec::new(),
            last_forms: Vec::new(),
        })
    }

    /// The training configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The picture; of several forms, that of the first.
    pub fn target(&self) -> &Target {
        &self.targets[0]
    }

    /// The picture of each form.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The number of steps of this attempt.
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// Seconds spent training, including earlier sessions.
    pub fn seconds(&self) -> f64 {
        self.spent + self.began.elapsed().as_secs_f64()
    }

    /// The share of the round's budget that is used up, 0 to 1.
    pub fn progress(&self) -> f64 {
        let share = match self.config.budget {
            Budget::Iterations(iterations) => f64::from(self.steps_of_round(iterations)) / f64::from(iterations),
            Budget::Minutes(minutes) => self.seconds() / (minutes * 60.0),
        };
        share.min(1.0)
    }

    /// The final states of the last step's samples. Their grid has a margin around that of the rule.
    pub fn last_batch(&self) -> &[State] {
        &self.last
    }

    /// The final states of the last step's samples, each with the number of its form.
    pub(super) fn last_forms(&self) -> Vec<(usize, State)> {
        self.last_forms.iter().copied().zip(self.last.iter().cloned()).collect()
    }

    /// The current model. Its weights are the moving average over the last few hundred steps, which cancels the
    /// noise of single steps.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a weight is no longer finite.
    pub fn model(&self) -> Result<Model, TrainError> {
        Model::new(self.rule.clone(), self.learner.averaged.clone(), self.targets.clone())
            .map_err(|_| TrainError::Diverged { iteration: self.iteration })
    }

    /// Takes one step of the optimizer.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss or a weight is no longer finite. The weights are those before the step.
    pub fn step(&mut self) -> Result<Step, TrainError> {
        let mut random = random_of_step(self.seed(), self.iteration);
        let progress = self.progress();
        let slower = NEXT_LEARNING_RATE.powi(self.attempt as i32) * NEXT_ROUND.powi(self.round as i32);
        let learning_rate = self.config.learning_rate_at(progress) * slower;
        // Later rounds need no warm-up.
        let progress = if self.round == 0 { progress } else { 1.0 };
        let starts = self.samples(progress, &mut random);
        let noise = random.u32(..);
        let plan_ticks = starts.iter().map(|_| random.u32(self.config.ticks_at(progress, self.target()))).collect();
        let plan = Plan { forms: self.shares(&starts), ..Plan::from_tick_0(&self.rule, noise, plan_ticks) };

        let ticks = plan.ticks.iter().sum();
        let Losses { ends, error, total } = self.losses(&starts, plan, &mut random);
        let loss = error.into_scalar::<f32>();
        if !loss.is_finite() {
            return Err(TrainError::Diverged { iteration: self.iteration });
        }
        self.learner.descend(total, learning_rate, WEIGHT_EMA_RATE, self.iteration)?;
        self.recent_loss = match self.recent_loss.is_finite() {
            true => self.recent_loss + (loss - self.recent_loss) * LOSS_EMA_RATE,
            false => loss,
        };

        self.last = states(ends);
        self.last_forms = starts.iter().map(|start| start.form).collect();
        for (start, end) in starts.iter().zip(&self.last) {
            if let Some(slot) = start.slot {
                self.pool[slot] = self.sample(start, end);
            }
        }
        self.iteration = self.iteration.saturating_add(1);
        Ok(Step { iteration: self.iteration, loss, learning_rate, ticks })
    }
}

impl Trainer {
    /// The number of steps of this round, if each round has `iterations`.
    fn steps_of_round(&self, iterations: u32) -> u32 {
        self.iteration.saturating_sub(self.round.saturating_mul(iterations))
    }

    /// Estimates the seconds that the rest of this round takes, and those of all rounds that may follow, from a step with
    /// grown samples that changes nothing. Takes about a second.
    pub fn estimate(&self) -> [f64; 2] {
        let (iterations, round) = match self.config.budget {
            Budget::Minutes(minutes) => return [(minutes * 60.0 - self.seconds()).max(0.0), 0.0],
            Budget::Iterations(round) => (round.saturating_sub(self.steps_of_round(round)), round),
        };
        let [width, height] = self.grid;
        let mut grown = State::zeros(width, height, self.rule.channels);
        let cells = grown.values_mut().chunks_exact_mut(self.rule.channels);
        cells.zip(self.expected[0].as_chunks::<4>().0).for_each(|(cell, expected)| cell[..4].copy_from_slice(expected));
        let batch = self.config.batch;
        let starts: Vec<Start> = (0..batch).map(|_| Start::new(None, grown.clone(), 0)).collect();
        let [least, most] = self.config.ticks_for(self.target());
        let step = |_| {
            let began = Instant::now();
            let plan = Plan {
                rule: self.rule.clone(),
                starts: vec![Tick { tick: 0, seed: 0, angle: 0.0 }; batch],
                ticks: vec![(least + most) / 2; batch],
                forms: Vec::new(),
            };
            let losses = self.losses(&starts, plan, &mut fastrand::Rng::with_seed(0));
            let gradients = losses.total.backward();
            drop(GradientsParams::from_grads(gradients, &self.learner.network));
            began.elapsed().as_secs_f64()
        };
        // The first step also warms up.
        let step = (0..3).map(step).fold(f64::INFINITY, f64::min);
        [iterations, self.rounds_left().saturating_mul(round)].map(|iterations| step * f64::from(iterations))
    }

    /// Whether nothing lives, at step 400 or later: nothing has grown, or the rule has forgotten how to grow. Training does
    /// not recover from that, because dead cells have no gradient.
    pub fn is_stuck(&self) -> bool {
        self.iteration >= STUCK_CHECK_STEP
            && self.progress() < 1.0
            && self.recent_loss > STUCK_LOSS_SHARE * self.nothing
    }

    /// The number of finished rounds; see [`TrainConfig::rounds`].
    pub fn round(&self) -> u32 {
        self.round
    }

    /// The number of rounds that may follow this one. Only a run of iterations that teaches a body of coordinates to
    /// regenerate has several.
    pub fn rounds_left(&self) -> u32 {
        let TrainConfig { mode, budget, rounds, output, .. } = self.config;
        match (mode, budget, output) {
            (Mode::Regenerate, Budget::Iterations(_), Output::Coordinates) => rounds.saturating_sub(self.round + 1),
            _ => 0,
        }
    }

    /// Begins another round, if the config allows one.
    pub(super) fn next_round(&mut self) -> bool {
        let next = self.rounds_left() > 0;
        self.round += u32::from(next);
        next
    }

    /// Notes what the model of the last step is worst at. Later rounds train it more.
    pub(super) fn heed(&mut self, scorecard: &Scorecard) {
        self.is_worst_in_fragments = scorecard.is_worst_in_fragments();
    }

    /// The number of restarts with [`Trainer::restart`].
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Starts again with other noise and 0.7 times the learning rate, and with other weights if they are random.
    ///
    /// # Errors
    /// [`TrainError::NeverGrows`] after four attempts.
    pub fn restart(&mut self) -> Result<(), TrainError> {
        if self.attempt + 1 == MAX_ATTEMPTS {
            return Err(TrainError::NeverGrows { attempts: MAX_ATTEMPTS });
        }
        self.attempt += 1;
        let weights = first_weights(&self.config, &self.rule, self.seed())?;
        self.learner = Learner::new(&self.rule, weights, &self.device);
        self.pool = seeds(&self.rule, self.config.pool);
        (self.iteration, self.round, self.recent_loss) = (0, 0, f32::INFINITY);
        self.is_worst_in_fragments = false;
        self.last.clear();
        Ok(())
    }

    /// The random seed of this attempt's weights and noise.
    fn seed(&self) -> u64 {
        self.config.seed.wrapping_add(u64::from(self.attempt) << 32)
    }

    /// Sets another total budget, in one round, which must exceed what is used up.
    ///
    /// # Errors
    /// [`TrainError::Budget`] if the new budget is already used up, and [`TrainError::Config`] if it is out of range.
    pub fn set_budget(&mut self, budget: Budget) -> Result<(), TrainError> {
        let config = TrainConfig { budget, rounds: 1, ..self.config.clone() };
        config.rule_of(&self.targets)?;
        let (used, enough) = match budget {
            Budget::Iterations(iterations) => (format!("{} iterations", self.iteration), iterations > self.iteration),
            Budget::Minutes(minutes) => {
                (format!("{:.1} minutes", self.seconds() / 60.0), minutes * 60.0 > self.seconds())
            }
        };
        if !enough {
            return Err(TrainError::Budget { found: budget, used });
        }
        (self.config, self.round) = (config, 0);
        Ok(())
    }

    /// Disables the early stop of [`Run`](super::Run).
    pub fn forbid_early_stop(&mut self) {
        self.config.early_stop = false;
    }
}

/// The weights at the start of an attempt.
fn first_weights(config: &TrainConfig, rule: &Rule, seed: u64) -> Result<Weights, TrainError> {
    match config.is_warm() {
        true => Ok(Model::from_bytes(SLIME)?.weights().with_forms(rule.forms.len())),
        false => Ok(Network::initial(rule, seed)),
    }
}

/// A pool of `count` seeds.
fn seeds(rule: &Rule, count: usize) -> Vec<Sample> {
    let [width, height] = TrainConfig::training_grid(rule);
    vec![Sample::of(&State::seed(rule, width, height)); count]
}
