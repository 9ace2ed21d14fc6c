//! The configuration of a material.

use crate::{
    rule::{Boundary, Kernel, Output, Rule},
    train::TrainError,
};

/// The configuration of a [`MaterialTrainer`](super::MaterialTrainer).
#[derive(Clone, Debug, PartialEq)]
pub struct MaterialConfig {
    /// The name of the material.
    pub name: String,
    /// The author of the picture.
    pub author: String,
    /// The license of the picture.
    pub license: String,
    /// The source of the picture.
    pub source: String,
    /// Width and height of the model's grid in cells, 1 to 1024 each; default 128. The rule works on any other too.
    pub grid: [u32; 2],
    /// The side of the grid of training in cells, 16 to 256; default 64.
    pub size: usize,
    /// Channels per cell; default 12.
    pub channels: usize,
    /// Width of the hidden layer; default 96.
    pub hidden: usize,
    /// Training steps; default 2,000.
    pub iterations: u32,
    /// Samples per step; default 4.
    pub batch: usize,
    /// Samples in the pool; default 128.
    pub pool: usize,
    /// The minimum and maximum ticks of a sample in a step; default 32 and 64.
    pub ticks: [u32; 2],
    /// The learning rate at the first and the last step, with a cosine schedule; default 4e-3 and 2e-4.
    pub learning_rate: [f64; 2],
    /// The random seed of noise, weights and patches; default 0.
    pub seed: u64,
}

impl Default for MaterialConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            author: String::new(),
            license: String::new(),
            source: String::new(),
            grid: [128, 128],
            size: 64,
            channels: 12,
            hidden: 96,
            iterations: 2000,
            batch: 4,
            pool: 128,
            ticks: [32, 64],
            learning_rate: [4e-3, 2e-4],
            seed: 0,
        }
    }
}

impl MaterialConfig {
    /// The limit of values in the rule of a material; see [`Rule::clamp`].
    pub const CLAMP: f32 = 1.5;

    /// The rule of the material.
    ///
    /// # Errors
    /// [`TrainError::Config`] or [`TrainError::Rule`] if a field is out of range.
    pub fn rule(&self) -> Result<Rule, TrainError> {
        let check = |good: bool, field, found: String, expected| {
            if good { Ok(()) } else { Err(TrainError::Config { field, found, expected }) }
        };
        let [least, most] = self.ticks;
        let [first, last] = self.learning_rate;
        check((16..=256).contains(&self.size), "size", self.size.to_string(), "16 to 256 cells")?;
        check(self.iterations > 0, "iterations", "0".to_owned(), "at least 1")?;
        check((1..=1024).contains(&self.batch), "batch", self.batch.to_string(), "1 to 1024 samples")?;
        let pool = (self.batch..=65_536).contains(&self.pool);
        check(pool, "pool", self.pool.to_string(), "at least a batch, at most 65536 samples")?;
        let ticks = 0 < least && least <= most && most <= 10_000;
        check(ticks, "ticks", format!("{:?}", self.ticks), "the least and the most, 1 to 10000")?;
        let rates = first.is_finite() && last.is_finite() && first > 0.0 && last >= 0.0;
        let found = format!("{:?}", self.learning_rate);
        check(rates, "learning_rate", found, "two finite numbers, the first above 0")?;
        let rule = Rule {
            version: 2,
            name: self.name.clone(),
            author: self.author.clone(),
            license: self.license.clone(),
            source: self.source.clone(),
            grid: self.grid,
            channels: self.channels,
            hidden: self.hidden,
            perception: vec![Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian],
            boundary: Boundary::Wrap,
            alive: None,
            clamp: Some(Self::CLAMP),
            output: Output::OpaqueCentered,
            mature_ticks: 600,
            ..Rule::default()
        };
        rule.validate()?;
        Ok(rule)
    }
}
