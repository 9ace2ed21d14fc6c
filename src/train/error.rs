//! Training errors.

use std::{io, path::PathBuf};

use super::budget::Budget;
use crate::{
    record::RecordError,
    rule::{ModelError, ModelErrorKind, TargetError},
};

/// An error that stops training. Files that were written before it remain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The picture cannot be used as a target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A field of the config is out of range.
    #[error("`{field}`: expected {expected}, found {found}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// The valid values.
        expected: &'static str,
    },
    /// The config or the picture gives a rule that is out of range.
    #[error(transparent)]
    Rule(#[from] ModelErrorKind),
    /// A model could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A picture could not be written.
    #[error(transparent)]
    Picture(#[from] RecordError),
    /// The device needs a feature that is not enabled.
    #[error("device {device}: this program was built without the feature `{feature}`")]
    Device {
        /// The requested device.
        device: &'static str,
        /// The feature that enables it.
        feature: &'static str,
    },
    /// The loss or a weight became infinite or NaN. The last checkpoint is older than that.
    #[error(
        "iteration {iteration}: the loss or a weight is no longer finite; start again with a lower `learning_rate`"
    )]
    Diverged {
        /// The iteration in which it was detected.
        iteration: u32,
    },
    /// In each attempt, nothing grew or everything died. Each attempt has other noise and a lower learning rate.
    #[error(
        "nothing lives after {attempts} attempts: expected a smaller `--size`, more `ticks`, or a lower `learning_rate`"
    )]
    NeverGrows {
        /// The number of attempts.
        attempts: u32,
    },
    /// Training cannot start from a model, because its rule differs in a setting that training does not change.
    #[error("the model to begin with: expected {expected}, found {found}")]
    From {
        /// These settings of the model.
        found: String,
        /// These settings in training.
        expected: String,
    },
    /// The run has already used up its new budget.
    #[error("expected a budget of more than the {used} that are used up, found {found}")]
    Budget {
        /// The new budget.
        found: Budget,
        /// What the run has used.
        used: String,
    },
    /// The run folder contains other files.
    #[error("{}: expected a new or empty folder, found `{found}`, which is no part of a run", folder.display())]
    NotARun {
        /// The folder.
        folder: PathBuf,
        /// The name of such a file.
        found: String,
    },
    /// A checkpoint is damaged, incomplete or of another version.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// The run folder already contains a run.
    #[error("{}: there is a run in this folder already; resume it, delete it, or name another folder", .0.display())]
    Occupied(PathBuf),
    /// Another process is training in the run folder.
    #[error("{}: another process trains in this folder", .0.display())]
    Locked(PathBuf),
    /// A file of the run folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
}

impl TrainError {
    /// Adds the path to an I/O error, for `map_err`.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
