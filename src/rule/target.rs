//! The picture that a sprite grows into.

use super::{Output, State};

/// Alpha up to this counts as transparent. By default, a cell needs more than 0.1 to live; see
/// [`Alive`](crate::rule::Alive).
pub(super) const MAX_TRANSPARENT_ALPHA: u8 = 26;

/// The picture that a sprite grows into: straight-alpha sRGB, 8 bits per channel, row-major.
///
/// It is centered in the grid. A model's target must not be larger than its grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Width in pixels, one per cell.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `[height, width, 4]`
    pub rgba: Vec<u8>,
}

impl Target {
    /// The picture centered in a grid, `[height, width, 4]`: colors premultiplied by alpha, 0 to 1,
    /// with zeros around it. Pixels outside the grid are cropped.
    pub fn premultiplied(&self, width: usize, height: usize) -> Vec<f32> {
        let mut values = vec![0.0; width * height * 4];
        if self.width == 0 {
            return values;
        }
        let offset = |grid: usize, picture: usize| (grid as isize - picture as isize).div_euclid(2);
        let (left, top) = (offset(width, self.width), offset(height, self.height));
        for (index, pixel) in self.rgba.as_chunks::<4>().0.iter().enumerate() {
            let x = left + (index % self.width) as isize;
            let y = top + (index / self.width) as isize;
            if (0..width as isize).contains(&x) && (0..height as isize).contains(&y) {
                let [r, g, b, a] = pixel.map(|value| f32::from(value) / 255.0);
                values[(y as usize * width + x as usize) * 4..][..4].copy_from_slice(&[r * a, g * a, b * a, a]);
            }
        }
        values
    }

    /// Whether every pixel is fully opaque, so that the picture has no silhouette.
    pub fn is_opaque(&self) -> bool {
        self.rgba.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255)
    }

    /// Whether every pixel is transparent, or nearly: with an alpha of at most 26 of 255. Such a picture cannot be grown.
    pub fn is_transparent(&self) -> bool {
        self.rgba.as_chunks::<4>().0.iter().all(|pixel| pixel[3] <= MAX_TRANSPARENT_ALPHA)
    }

    /// The mean squared error between cells and the picture centered in their grid: over all cells,
    /// of the four premultiplied channels.
    pub fn error(&self, state: &State) -> f32 {
        mean_squared_error(Output::PremultipliedAlpha, state, &self.premultiplied(state.width(), state.height()))
    }
}

/// The mean squared error between the first four channels and `[height, width, 4]` values. The free channel of
/// coordinates does not count.
pub(crate) fn mean_squared_error(output: Output, state: &State, target: &[f32]) -> f32 {
    let free = (output == Output::Coordinates).then_some(2);
    let cells = state.values().chunks_exact(state.channels());
    let sum: f64 = cells
        .zip(target.as_chunks::<4>().0)
        .flat_map(|(cell, expected)| {
            cell.iter().zip(expected).enumerate().filter(|(channel, _)| Some(*channel) != free)
        })
        .map(|(_, values)| values)
        .map(|(value, expected)| f64::from((value - expected) * (value - expected)))
        .sum();
    (sum / target.len().max(1) as f64) as f32
}
