//! The training configuration.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Budget, Method, TrainError};
use crate::rule::{Kernel, ModelErrorKind, Output, Rule, Target};

/// What a sprite learns: experiments 1 to 3 of
/// [Growing Neural Cellular Automata](https://distill.pub/2020/growing-ca).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Mode {
    /// Grow from a seed (experiment 1). The sprite is not trained to persist.
    Grow,
    /// Grow and persist: samples are drawn from a pool of earlier results (experiment 2).
    Persist,
    /// Grow, persist and regenerate: some samples are wounded first (experiment 3).
    #[default]
    Regenerate,
}

/// The device that trains a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TrainDevice {
    /// The CPU, with this crate's own kernel: the fastest option on a CPU.
    #[default]
    Flex,
    /// The CPU, with burn-ndarray; feature `ndarray`.
    Ndarray,
    /// A GPU, through wgpu; feature `wgpu`.
    Wgpu,
    /// An NVIDIA GPU, through CUDA; feature `cuda`.
    Cuda,
}

impl TrainDevice {
    /// Returns the burn device and the rollout method for it.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the feature is not enabled.
    pub fn open(self) -> Result<(Device, Method), TrainError> {
        #[cfg(not(all(feature = "ndarray", feature = "wgpu", feature = "cuda")))]
        let missing = |device, feature| Err(TrainError::Device { device, feature });
        match self {
            Self::Flex => Ok((Device::flex(), Method::Fused)),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "burn names Flex as its successor; here it is the choice")]
            Self::Ndarray => Ok((Device::ndarray(), Method::Stock)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok((Device::wgpu(burn::tensor::DeviceKind::DefaultDevice), Method::Stock)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok((Device::cuda(0), Method::Stock)),
            #[cfg(not(feature = "ndarray"))]
            Self::Ndarray => missing("ndarray", "ndarray"),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => missing("wgpu", "wgpu"),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => missing("cuda", "cuda"),
        }
    }
}

/// The training configuration. In JSON, missing fields take their defaults, and unknown fields are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The name of the sprite.
    pub name: String,
    /// The author of the picture.
    pub author: String,
    /// The license of the picture.
    pub license: String,
    /// The source of the picture.
    pub source: String,
    /// The names of the forms, one for each picture; default none, for one picture. At most [`Rule::MAX_FORMS`].
    pub forms: Vec<String>,
    /// What the cells grow: [`Output::Coordinates`] (the default) or [`Output::PremultipliedAlpha`].
    pub output: Output,
    /// Empty cells around the picture on each side; default 8.
    pub padding: u32,
    /// What the sprite learns; default [`Mode::Regenerate`].
    pub mode: Mode,
    /// Channels per cell; default 16.
    pub channels: usize,
    /// Width of the hidden layer; default 64.
    pub hidden: usize,
    /// The perception kernels; default identity, both gradients and the Laplacian. With the Laplacian, a cell sees how
    /// far it differs from its neighbors, which the gradients do not contain.
    pub perception: Vec<Kernel>,
    /// The probability that a cell fires at a tick; default 0.5.
    pub fire_rate: f64,
    /// The length of a round; default 5,000 iterations.
    pub budget: Budget,
    /// The maximum number of rounds, for a body of coordinates in [`Mode::Regenerate`]; default 3. If an error of the best
    /// model is above half of its gate at the end of a budget of iterations, training continues for another such budget,
    /// with half the learning rate.
    pub rounds: u32,
    /// Whether training starts from the weights of the slime in `assets/models` (a warm start), if [`Mode::Regenerate`]
    /// grows coordinates with the default network; default true. The slime already grows, keeps its shape and heals.
    pub warm_start: bool,
    /// Whether to stop early, once every error of the scorecard is at most half of its gate; default true.
    pub early_stop: bool,
    /// The random seed of noise, and of random weights; default 0.
    pub seed: u64,
    /// The device to train on; default [`TrainDevice::Flex`].
    pub device: TrainDevice,
    /// Samples per step; default 4. In the same time, more and smaller steps give a better model than the
    /// article's batch of 8.
    pub batch: usize,
    /// Samples in the pool; default 256.
    pub pool: usize,
    /// The share of samples that change to another form, if there are several; default 0.3.
    pub switches: f64,
    /// The share of samples that are replaced by a seed; default 0.25. With a much lower share, samples that have
    /// drifted fill the pool, and the sprite learns to keep the drifted shape.
    pub seeds: f64,
    /// The minimum and maximum ticks of a sample in a step; default 2 and 3.2 times the longer side of the picture,
    /// and at least the article's 64 and 96. Regrowing a half takes about 3 ticks per cell. With fewer ticks,
    /// training corrects errors near the end of regrowth late.
    pub ticks: Option<[u32; 2]>,
    /// The share of the budget over which the ticks rise from half of `ticks` to `ticks`; default 0.05.
    pub warm_up: f64,
    /// The learning rate at the first and the last step, with a cosine schedule; default 2e-3 and 5e-5 from a warm
    /// start, 4e-3 and 5e-5 from random weights.
    pub learning_rate: Option<[f64; 2]>,
    /// Wounded samples per step; default 2.
    pub wounded: usize,
    /// The share of the budget before the first wound; default 0.02 from a warm start, 0.2 from random weights.
    pub wounds_from: Option<f64>,
    /// The minimum and maximum share of living cells that a wound leaves; default 0.02 and 0.9. Large wounds are more
    /// frequent.
    pub left: [f64; 2],
    /// The weight of the loss of cells that lived at the start of a step, after its first ticks; default 1. It teaches
    /// wounded sprites to keep what their living cells know.
    pub keep: f64,
    /// Iterations between checkpoints; default 500.
    pub checkpoint_every: u32,
    /// Iterations between preview pictures; default 1,000.
    pub preview_every: u32,
    /// Iterations between scorecards; default 1,000. In the last fifth of the budget they are four times as
    /// frequent, because the run keeps the model with the best scorecard.
    pub score_every: u32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        let rule = Rule::default();
        Self {
            name: String::new(),
            author: String::new(),
            license: String::new(),
            source: String::new(),
            forms: Vec::new(),
            output: Output::Coordinates,
            padding: 8,
            mode: Mode::default(),
            channels: rule.channels,
            hidden: 64,
            perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian],
            fire_rate: rule.fire_rate,
            budget: Budget::Iterations(5000),
            rounds: 3,
            warm_start: true,
            early_stop: true,
            seed: 0,
            device: TrainDevice::default(),
            batch: 4,
            pool: 256,
            switches: 0.3,
            seeds: 0.25,
            ticks: None,
            warm_up: 0.05,
            learning_rate: None,
            wounded: 2,
            wounds_from: None,
            left: [0.02, 0.9],
            keep: 1.0,
            checkpoint_every: 500,
            preview_every: 1000,
            score_every: 1000,
        }
    }
}

impl TrainConfig {
    /// The defaults for cells that grow colors: the article's kernels, 128 hidden units, and one round of 10,000
    /// iterations. Colors have more detail than coordinates.
    pub fn colors() -> Self {
        let Rule { hidden, perception, .. } = Rule::default();
        let budget = Budget::Iterations(10_000);
        Self { output: Output::PremultipliedAlpha, hidden, perception, budget, rounds: 1, ..Self::default() }
    }

    /// The maximum side of a training grid, in cells.
    pub const MAX_SIDE: u32 = 256;

    /// The rule of the trained model. Its grid is the picture plus the padding.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Rule`] for the first field that is out of range.
    pub fn rule(&self, target: &Target) -> Result<Rule, TrainError> {
        let check = |good: bool, field, found: String, expected| {
            if good { Ok(()) } else { Err(TrainError::Config { field, found, expected }) }
        };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let [first, last] = self.learning_rates();
        let wounds_from = self.wounds_from();
        let budget = match self.budget {
            Budget::Iterations(iterations) => iterations > 0,
            Budget::Minutes(minutes) => minutes.is_finite() && minutes > 0.0,
        };
        check(budget, "budget", format!("{:?}", self.budget), "above zero")?;
        check((1..=1024).contains(&self.batch), "batch", self.batch.to_string(), "1 to 1024 samples")?;
        check(
            (self.batch..=65_536).contains(&self.pool),
            "pool",
            self.pool.to_string(),
            "at least a batch, at most 65536 samples",
        )?;
        check((1..=100).contains(&self.rounds), "rounds", self.rounds.to_string(), "1 to 100")?;
        check(share(self.switches), "switches", self.switches.to_string(), "a share of 0 to 1")?;
        check(share(self.seeds), "seeds", self.seeds.to_string(), "a share of 0 to 1")?;
        if self.mode == Mode::Regenerate {
            check(
                self.wounded <= self.batch,
                "wounded",
                self.wounded.to_string(),
                "at most as many samples as a batch has",
            )?;
        }
        check(
            self.output != Output::OpaqueCentered,
            "output",
            "opaque_centered".to_owned(),
            "coordinates or premultiplied_alpha",
        )?;
        let ticks = self.ticks_for(target);
        check(
            0 < ticks[0] && ticks[0] <= ticks[1] && ticks[1] <= 10_000,
            "ticks",
            format!("{ticks:?}"),
            "the least and the most, 1 to 10000",
        )?;
        check(share(self.warm_up), "warm_up", self.warm_up.to_string(), "a share of 0 to 1")?;
        let [least, most] = self.left;
        check(
            share(least) && share(most) && least <= most,
            "left",
            format!("{:?}", self.left),
            "two shares of 0 to 1, the first not above the second",
        )?;
        check(self.keep.is_finite() && self.keep >= 0.0, "keep", self.keep.to_string(), "a finite number, 0 or more")?;
        check(share(wounds_from), "wounds_from", wounds_from.to_string(), "a share of 0 to 1")?;
        check(
            first.is_finite() && last.is_finite() && first > 0.0 && last >= 0.0,
            "learning_rate",
            format!("[{first}, {last}]"),
            "two finite numbers, the first above 0",
        )?;
        for (field, every) in [
            ("checkpoint_every", self.checkpoint_every),
            ("preview_every", self.preview_every),
            ("score_every", self.score_every),
        ] {
            check(every > 0, field, every.to_string(), "at least 1 iteration")?;
        }
        if target.width == 0 || target.height == 0 || target.rgba.len() != target.width * target.height * 4 {
            let (width, height, found) = (target.width, target.height, target.rgba.len());
            let expected = format!("[{height}, {width}, 4], and neither 0");
            Err(ModelErrorKind::Shape { tensor: "target", found: vec![found], expected })?;
        }
        let side = |pixels: usize| (pixels as u64).saturating_add(2 * u64::from(self.padding));
        let (width, height) = (side(target.width), side(target.height));
        check(
            width.max(height) <= u64::from(Self::MAX_SIDE),
            "padding",
            format!("{} around {}x{} pixels", self.padding, target.width, target.height),
            "a grid of at most 256x256 cells",
        )?;
        let rule = Rule {
            name: self.name.clone(),
            author: self.author.clone(),
            license: self.license.clone(),
            source: self.source.clone(),
            grid: [width as u32, height as u32],
            channels: self.channels,
            hidden: self.hidden,
            perception: self.perception.clone(),
            fire_rate: self.fire_rate,
            mature_ticks: ticks[1],
            version: if self.output == Output::Coordinates || !self.forms.is_empty() { 2 } else { 1 },
            forms: self.forms.clone(),
            output: self.output,
            ..Rule::default()
        };
        rule.validate()?;
        Ok(rule)
    }

    /// Like [`Self::rule`], of one picture, or of one for each form.
    ///
    /// # Errors
    /// Also if the pictures do not fit the forms, or differ in size.
    pub(super) fn rule_of(&self, targets: &[Target]) -> Result<Rule, TrainError> {
        let wrong = |found, expected| Err(TrainError::Config { field: "forms", found, expected });
        let Some(first) = targets.first().filter(|_| targets.len() == self.forms.len().max(1)) else {
            let found = format!("{} names for {} pictures", self.forms.len(), targets.len());
            return wrong(found, "a name for each picture");
        };
        for target in targets {
            if [target.width, target.height] != [first.width, first.height] {
                let size = |target: &Target| format!("{}x{}", target.width, target.height);
                return wrong(format!("{} and {} pixels", size(first), size(target)), "pictures of the same size");
            }
            self.rule(target)?;
        }
        self.rule(first)
    }

    /// The cells around the grid of the model on each side of the grid of training.
    pub(super) const MARGIN: usize = 8;

    /// The width and height of the grid on which a rule is trained. It has a margin around the grid of the model, because
    /// a sprite that is kept in shape by the edge of its grid would grow without end on a larger one.
    pub(super) fn training_grid(rule: &Rule) -> [usize; 2] {
        rule.grid.map(|side| side as usize + 2 * Self::MARGIN)
    }

    /// Whether training starts from the weights of the slime, which has the default network.
    pub fn is_warm(&self) -> bool {
        let Self { output, mode, channels, hidden, perception, .. } = Self::default();
        let found = (self.output, self.mode, self.channels, self.hidden, &self.perception);
        self.warm_start && found == (output, mode, channels, hidden, &perception)
    }

    pub(super) fn learning_rates(&self) -> [f64; 2] {
        self.learning_rate.unwrap_or(if self.is_warm() { [2e-3, 5e-5] } else { [4e-3, 5e-5] })
    }

    /// The share of the budget before the first wound.
    pub(super) fn wounds_from(&self) -> f64 {
        self.wounds_from.unwrap_or(if self.is_warm() { 0.02 } else { 0.2 })
    }

    /// The learning rate after a share `progress` of the budget.
    pub(super) fn learning_rate_at(&self, progress: f64) -> f64 {
        cosine(self.learning_rates(), progress)
    }

    pub(super) fn ticks_for(&self, target: &Target) -> [u32; 2] {
        let side = target.width.max(target.height) as f32;
        self.ticks.unwrap_or([(2.0 * side).max(64.0) as u32, (3.2 * side).max(96.0) as u32])
    }

    /// The range of a sample's ticks after a share `progress` of the budget.
    pub(super) fn ticks_at(&self, progress: f64, target: &Target) -> std::ops::RangeInclusive<u32> {
        let grown = if progress < self.warm_up { 0.5 + 0.5 * progress / self.warm_up } else { 1.0 };
        let [low, high] = self.ticks_for(target).map(|ticks| ((f64::from(ticks) * grown) as u32).max(1));
        low..=high
    }
}

/// A cosine schedule from the first to the last rate, at a share `progress` of the budget.
pub(super) fn cosine([first, last]: [f64; 2], progress: f64) -> f64 {
    last + (first - last) * 0.5 * (1.0 + (progress.clamp(0.0, 1.0) * std::f64::consts::PI).cos())
}
