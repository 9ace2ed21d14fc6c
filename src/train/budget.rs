//! How long training runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long training runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// The number of optimizer steps. Runs are reproducible bit for bit.
    Iterations(u32),
    /// Minutes of wall-clock time. The learning rate follows the clock, so no two runs are identical.
    Minutes(f64),
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Iterations(iterations) => write!(f, "{iterations} iterations"),
            Self::Minutes(minutes) => write!(f, "{minutes} minutes"),
        }
    }
}
