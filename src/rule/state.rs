//! The cells of one sprite.

use serde::{Deserialize, Serialize};

use super::{CellMask, Rule};

/// The cells of one grid: `[height, width, channels]` f32, row-major, y down.
///
/// Deserialization applies the checks of [`State::from_values`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct State {
    width: usize,
    height: usize,
    channels: usize,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Unchecked {
    width: usize,
    height: usize,
    channels: usize,
    values: Vec<f32>,
}

impl TryFrom<Unchecked> for State {
    type Error = String;

    fn try_from(Unchecked { width, height, channels, values }: Unchecked) -> Result<Self, String> {
        let found = values.len();
        Self::from_values(width, height, channels, values).ok_or_else(|| {
            format!("expected {width} x {height} x {channels}, all of them finite, found {found} values of cells")
        })
    }
}

impl State {
    /// All cells zero.
    pub fn zeros(width: usize, height: usize, channels: usize) -> Self {
        Self { width, height, channels, values: vec![0.0; width * height * channels] }
    }

    /// The seed that a sprite grows from: zeros, except for the center cell at
    /// `(width / 2, height / 2)`, whose channels 3.. are 1.
    pub fn seed(rule: &Rule, width: usize, height: usize) -> Self {
        let mut state = Self::zeros(width, height, rule.channels);
        if let Some(centre) = state.cell_mut(width / 2, height / 2) {
            centre[3..].fill(1.0);
        }
        state
    }

    /// Builds a state from its values, `[height, width, channels]`. Returns `None` if the number of
    /// values does not match, if a value is not finite, or if `channels` is 0.
    pub fn from_values(width: usize, height: usize, channels: usize, values: Vec<f32>) -> Option<Self> {
        let fits = channels > 0 && width.checked_mul(height)?.checked_mul(channels)? == values.len();
        (fits && values.iter().all(|value| value.is_finite())).then_some(Self { width, height, channels, values })
    }

    /// The number of cells per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The number of channels per cell.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All values, `[height, width, channels]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, `[height, width, channels]`.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// All values, `[height, width, channels]`.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The channels of a cell; `None` outside the grid.
    pub fn cell(&self, x: usize, y: usize) -> Option<&[f32]> {
        (x < self.width && y < self.height)
            .then(|| &self.values[(y * self.width + x) * self.channels..][..self.channels])
    }

    /// The channels of a cell; `None` outside the grid.
    pub(crate) fn cell_mut(&mut self, x: usize, y: usize) -> Option<&mut [f32]> {
        (x < self.width && y < self.height)
            .then(|| &mut self.values[(y * self.width + x) * self.channels..][..self.channels])
    }

    /// Zeroes every cell of a mask made for this grid.
    pub fn wound(&mut self, mask: &CellMask) {
        for (index, cell) in self.values.chunks_exact_mut(self.channels.max(1)).enumerate() {
            if mask.contains(index) {
                cell.fill(0.0);
            }
        }
    }
}
