//! Training a model that grows a picture and repairs it (feature `train`).
//!
//! The method follows Mordvintsev et al.,
//! [Growing Neural Cellular Automata](https://distill.pub/2020/growing-ca) (Distill 2020, experiments 1 to 3;
//! "the article" in this module), with these differences:
//!
//! - Training starts from the weights of a trained sprite.
//! - Muon optimizes the weights, instead of Adam.
//! - Cells learn coordinates instead of colors, unless [`TrainConfig::output`] says otherwise.
//! - Cells also perceive their Laplacian.
//! - Wounds include straight cuts, bands and scattered cells, down to a fiftieth of the sprite.
//! - After a few ticks, the cells that a wound has left must still be right.
//! - A wounded body may regrow beside its place. From then on, it must stay there.
//! - Training continues for several rounds until a model passes the scorecard by a margin.
//! - Random samples are replaced by a seed, not the worst one.
//! - Batches are smaller, and there are more steps.
//! - The number of ticks grows with the size of the picture.
//! - The loss penalizes channels with large values.
//!
//! Parameters, loss and optimizers come from [burn](https://burn.dev). A rollout of many ticks is one operation on
//! this crate's [CPU engine](crate::cpu), or on other devices a sequence of burn's operations.
//!
//! - [`Run`] is a whole training run in a folder.
//! - [`Trainer`] is the training loop, step by step.
//! - [`rollout`] is the differentiable operation.
//! - [`MaterialTrainer`] trains a texture that tiles.

mod budget;
mod checkpoint;
mod config;
mod error;
mod fused;
mod learner;
mod material;
mod network;
mod plan;
mod pool;
mod preview;
mod rollout;
mod run;
mod stock;
mod trainer;

pub use budget::Budget;
pub use config::{Mode, TrainConfig, TrainDevice};
pub use error::TrainError;
pub use material::{MaterialConfig, MaterialReport, MaterialStep, MaterialTrainer};
pub use network::Network;
pub use plan::Plan;
pub use rollout::{Method, rollout};
pub use run::{Best, Ending, Progress, Run};
pub use trainer::{Step, Targets, Trainer};
