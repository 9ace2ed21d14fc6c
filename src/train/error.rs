//! What can go wrong in training.

use std::{io, path::PathBuf};

use super::Budget;
use crate::{
    record::RecordError,
    rule::{ModelError, ModelErrorKind, TargetError},
};

/// Training could not begin or go on. What was written until then stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// No sprite can be made of the picture.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A field of the config is out of range.
    #[error("`{field}`: found {found}; wanted {wanted}")]
    Config {
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// A field of the rule that the config leads to is out of range.
    #[error(transparent)]
    Rule(#[from] ModelErrorKind),
    /// A model could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A picture could not be written.
    #[error(transparent)]
    Picture(#[from] RecordError),
    /// The device is not compiled in.
    #[error("device {device}: this program was built without the feature `{feature}`")]
    Device {
        /// The device asked for.
        device: &'static str,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// The loss or a weight became infinite or not a number; the last checkpoint is from before that.
    #[error("iteration {iteration}: the loss or a weight is no longer finite; start anew with a lower `learning_rate`")]
    Diverged {
        /// The iteration that it was seen in.
        iteration: u32,
    },
    /// Nothing grows of the picture, from whatever weights training begins.
    #[error(
        "nothing has grown within {iterations} steps, in {attempts} attempts; wanted a picture with cells at the middle of \
         its grid, or more `ticks`, or another `--size`"
    )]
    NeverGrows {
        /// How often training has begun.
        attempts: u32,
        /// The steps of each.
        iterations: u32,
    },
    /// A model to begin with has another kind of rule than those that are trained.
    #[error("the model to begin with: found {found}; wanted {wanted}")]
    From {
        /// What its rule says.
        found: String,
        /// What the rule says that is trained.
        wanted: String,
    },
    /// A run is to go on for longer, but not longer than it has.
    #[error("found a budget of {found}; wanted more than the {used} that are used up")]
    Budget {
        /// The budget.
        found: Budget,
        /// What is used up.
        used: String,
    },
    /// A folder for a run has something else in it.
    #[error("{}: found `{found}`, which is no part of a run; wanted a new or empty folder", folder.display())]
    NotARun {
        /// The folder.
        folder: PathBuf,
        /// What is in it.
        found: String,
    },
    /// A checkpoint is not whole, or of another version.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// A run folder already has a run in it.
    #[error("{}: there is a run in this folder already; resume it, delete it, or name another folder", .0.display())]
    Occupied(PathBuf),
    /// A run in the folder is under way.
    #[error("{}: another process trains in this folder", .0.display())]
    Locked(PathBuf),
    /// A file of the run folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl TrainError {
    /// For `map_err`: the error of a file.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
