//! Training: from a picture to a model that grows it and heals (feature `train`).
//!
//! The recipe is that of the article (Mordvintsev et al., "Growing Neural Cellular Automata",
//! Distill 2020, experiments 1 to 3), but for this: the weights are optimised by Muon, not Adam; wounds
//! include straight cuts and scattered cells; any sample may be reseeded, not the worst; steps are
//! smaller and more, and have more ticks for larger pictures; and hidden channels that run away are
//! pulled back. Parameters, loss and optimisers are [burn](https://burn.dev)'s; the ticks between them
//! are one operation on the project's own [engine](crate::cpu), or, on other devices, burn's operations.
//!
//! [`Run`] is a whole training run in a folder, [`Trainer`] its loop step by step, and [`rollout`]
//! the differentiable operation itself.

mod checkpoint;
mod config;
mod error;
mod fused;
mod network;
mod pool;
mod preview;
mod rollout;
mod run;
mod stock;
mod trainer;

pub use config::{Budget, Mode, TrainConfig, TrainDevice};
pub use error::TrainError;
pub use network::Network;
pub use rollout::{Method, Plan, rollout};
pub use run::{Best, Ending, Progress, Run};
pub use trainer::{Step, Trainer};
