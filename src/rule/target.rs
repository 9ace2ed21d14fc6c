//! The picture that a sprite should be.

use super::State;

/// The picture that a sprite should be: straight-alpha sRGB, 8 bits a channel, row-major.
///
/// It is centred in the grid; it may be smaller than the grid, not larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Width in pixels, one a cell.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `[height, width, 4]`
    pub rgba: Vec<u8>,
}

impl Target {
    /// The picture centred in a grid, `[height, width, 4]`: colours premultiplied by alpha, 0 to 1,
    /// zeros around it. What falls outside of a smaller grid is cut off.
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

    /// Whether no pixel is transparent at all: a picture without a shape of its own.
    pub fn is_opaque(&self) -> bool {
        self.rgba.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255)
    }

    /// The mean squared error of cells against the picture centred in their grid: over all cells,
    /// of the four premultiplied channels.
    pub fn error(&self, state: &State) -> f32 {
        mean_squared_error(state, &self.premultiplied(state.width(), state.height()))
    }
}

/// The mean squared error of the first four channels against `[height, width, 4]` values.
pub(crate) fn mean_squared_error(state: &State, target: &[f32]) -> f32 {
    let cells = state.values().chunks_exact(state.channels());
    let sum: f64 = cells
        .zip(target.as_chunks::<4>().0)
        .flat_map(|(cell, wanted)| cell.iter().zip(wanted))
        .map(|(value, wanted)| f64::from((value - wanted) * (value - wanted)))
        .sum();
    (sum / target.len().max(1) as f64) as f32
}

#[cfg(feature = "record")]
pub use reading::TargetError;

#[cfg(feature = "record")]
mod reading {
    use std::path::{Path, PathBuf};

    use image::{ImageReader, Limits, Rgba32FImage, imageops::FilterType};

    use super::Target;

    /// A picture that no sprite can be made of.
    #[derive(Debug, thiserror::Error)]
    #[non_exhaustive]
    pub enum TargetError {
        /// The file cannot be read, or is no picture.
        #[error("{}: {what}; wanted a PNG file", path.display())]
        Unreadable {
            /// The file.
            path: PathBuf,
            /// What went wrong.
            what: String,
        },
        /// The picture has more pixels on a side than are read.
        #[error("{}: found too many pixels; wanted at most {limit} on a side", path.display())]
        TooLarge {
            /// The file.
            path: PathBuf,
            /// The most on a side.
            limit: u32,
        },
        /// Nothing of the picture can be seen.
        #[error("{}: every pixel is transparent, or nearly so; wanted a picture to grow", path.display())]
        Transparent {
            /// The file.
            path: PathBuf,
        },
    }

    /// The most alpha that no cell can live by; see [`Alive`](crate::rule::Alive).
    const FAINT: u8 = 26;

    impl Target {
        /// Pixels on a side that a picture may have before it is scaled down.
        pub const MOST_PIXELS: u32 = 4096;

        /// Reads a picture, and scales it so that its longer side has `size` pixels.
        ///
        /// Without a size it is taken as it is. Colours are scaled premultiplied by alpha, so that
        /// transparent pixels do not bleed in: down by a Lanczos filter, up by whole pixels.
        ///
        /// # Errors
        /// See [`TargetError`].
        pub fn read(path: impl AsRef<Path>, size: Option<u32>) -> Result<Self, TargetError> {
            let path = path.as_ref();
            let unreadable = |error: &dyn std::fmt::Display| TargetError::Unreadable {
                path: path.to_owned(),
                what: error.to_string(),
            };
            let mut reader = ImageReader::open(path)
                .and_then(ImageReader::with_guessed_format)
                .map_err(|error| unreadable(&error))?;
            let mut limits = Limits::default();
            limits.max_image_width = Some(Self::MOST_PIXELS);
            limits.max_image_height = Some(Self::MOST_PIXELS);
            reader.limits(limits);
            let image = reader.decode().map_err(|error| match error {
                image::ImageError::Limits(_) => {
                    TargetError::TooLarge { path: path.to_owned(), limit: Self::MOST_PIXELS }
                }
                error => unreadable(&error),
            })?;
            let image = image.into_rgba8();
            if image.pixels().all(|pixel| pixel[3] <= FAINT) {
                return Err(TargetError::Transparent { path: path.to_owned() });
            }
            let (width, height) = image.dimensions();
            let longest = u64::from(width.max(height));
            let side =
                |side: u32, size: u32| ((u64::from(side) * u64::from(size) + longest / 2) / longest).max(1) as u32;
            let target = match size.map(|size| (side(width, size), side(height, size))) {
                Some(wanted) if wanted != (width, height) => resized(image, wanted),
                _ => image,
            };
            let target =
                Self { width: target.width() as usize, height: target.height() as usize, rgba: target.into_raw() };
            let visible = target.rgba.as_chunks::<4>().0.iter().any(|pixel| pixel[3] > FAINT);
            visible.then_some(target).ok_or_else(|| TargetError::Transparent { path: path.to_owned() })
        }
    }

    fn resized(image: image::RgbaImage, (width, height): (u32, u32)) -> image::RgbaImage {
        // A Lanczos filter overshoots, in colours as much as in alpha; clipped alone, they would shift.
        const HEADROOM: f32 = 0.5;
        let filter = if width > image.width() { FilterType::Nearest } else { FilterType::Lanczos3 };
        let premultiplied = Rgba32FImage::from_fn(image.width(), image.height(), |x, y| {
            let [r, g, b, a] = image.get_pixel(x, y).0.map(|value| f32::from(value) / 255.0);
            image::Rgba([r * a, g * a, b * a, a].map(|value| value * HEADROOM))
        });
        let resized = image::imageops::resize(&premultiplied, width, height, filter);
        image::RgbaImage::from_fn(width, height, |x, y| {
            let [r, g, b, a] = resized.get_pixel(x, y).0.map(|value| value / HEADROOM);
            let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            if byte(a) == 0 {
                image::Rgba([0; 4])
            } else {
                image::Rgba([byte(r / a), byte(g / a), byte(b / a), byte(a)])
            }
        })
    }
}
