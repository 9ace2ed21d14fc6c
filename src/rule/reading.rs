//! Reads a target picture from a file and scales it.

use std::path::{Path, PathBuf};

use image::{ImageReader, Limits, Rgba32FImage, RgbaImage, imageops::FilterType};

use super::{Target, sheet::Frames};

/// An error while reading a target picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The file cannot be read or is not a picture.
    #[error("{}: expected a PNG file: {what}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        what: String,
    },
    /// A side of the picture exceeds the limit.
    #[error("{}: expected at most {limit} pixels on a side, found more", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The maximum side length in pixels.
        limit: u32,
    },
    /// Every pixel of the picture is transparent or nearly transparent.
    #[error("{}: expected a picture to grow, found only transparent pixels", path.display())]
    Transparent {
        /// The file.
        path: PathBuf,
    },
    /// The picture looks like a sprite sheet: a row or a column of frames.
    #[error(
        "{}: {}x{} pixels look like a sheet of frames; say how they lie: `--frames {}x{}`, or `--frames 1x1` \
         if it is one picture",
        path.display(), size[0], size[1], frames[0], frames[1]
    )]
    Sheet {
        /// The file.
        path: PathBuf,
        /// Width and height in pixels.
        size: [u32; 2],
        /// The columns and rows that the picture seems to have.
        frames: [u32; 2],
    },
    /// The sheet does not divide into these frames.
    #[error("{}: {}x{} pixels cannot be cut into {frames}", path.display(), size[0], size[1])]
    Frames {
        /// The file.
        path: PathBuf,
        /// Width and height in pixels.
        size: [u32; 2],
        /// The frames requested.
        frames: Frames,
    },
}

/// The filter that scales a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Filter {
    /// Pixel art (at most 64 colors) is reduced by [`Filter::Area`] and enlarged by whole factors
    /// only. All other pictures use [`Filter::Lanczos`].
    #[default]
    Auto,
    /// Each pixel is the nearest pixel of the picture.
    Nearest,
    /// Each pixel is the mean of the area that it covers.
    Area,
    /// A Lanczos filter: sharp, for drawings and photographs.
    Lanczos,
}

/// Options for reading a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions<'a> {
    /// The length of the longer side in pixels. Default `None`: not scaled.
    pub size: Option<u32>,
    /// The filter that scales the picture.
    pub filter: Filter,
    /// The frames of a sprite sheet, which is read as their union. Each pixel of the union has the
    /// highest alpha of any frame, and the mean color weighted by alpha. Default `None`: a single
    /// picture. A picture that looks like a sheet is then an error.
    pub frames: Option<Frames>,
    /// The UV sheet of the picture: an image with the same frames. Each frame is laid out on the body for the union.
    /// Default `None`.
    pub uv: Option<&'a Path>,
}

impl ReadOptions<'_> {
    /// Scales the longer side to `size` pixels.
    pub fn sized(size: u32) -> Self {
        Self { size: Some(size), ..Self::default() }
    }
}

/// The length of the longer side of a body of coordinates, and its maximum number of cells. A smaller body loses its
/// shape, and a larger one heals worse and takes longer to learn.
const BODY_SIDES: std::ops::RangeInclusive<u32> = 12..=40;
const MAX_BODY_CELLS: usize = 480;
/// The maximum number of colors in pixel art.
const MAX_PIXEL_ART_COLORS: usize = 64;

impl Target {
    /// The maximum side length of a picture in pixels, before scaling.
    pub const MAX_PIXELS: u32 = 4096;

    /// Reads a picture and scales it.
    ///
    /// Colors are premultiplied by alpha for scaling, so that transparent pixels do not bleed in.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn read(path: impl AsRef<Path>, reading: ReadOptions<'_>) -> Result<Self, TargetError> {
        let path = path.as_ref();
        let art = art(path, reading)?;
        let target = match reading.size {
            Some(size) => scaled(&art, size.clamp(1, Self::MAX_PIXELS), reading.filter),
            None => art.into(),
        };
        target.if_visible(path)
    }

    /// Reads a picture for a body of [coordinates](crate::rule::Output::Coordinates). Without a size in `reading`, it
    /// is scaled to the size whose body learns and heals best: 12 to 40 pixels on the longer side, and at most 480
    /// living cells. A picture within these limits is not scaled. [`Filter::Auto`] reduces by area, and enlarges by whole
    /// factors.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn read_body(path: impl AsRef<Path>, reading: ReadOptions<'_>) -> Result<Self, TargetError> {
        let path = path.as_ref();
        Self::from(art(path, reading)?).sized_for_body(reading.size, reading.filter).if_visible(path)
    }

    /// The picture at the size of [`read_body`](Self::read_body), or with `size` pixels on the longer side. Without
    /// pixels, or if their number is not that of its size, it stays as it is.
    pub fn sized_for_body(&self, size: Option<u32>, filter: Filter) -> Self {
        let art = RgbaImage::from_raw(self.width as u32, self.height as u32, self.rgba.clone());
        let Some(art) = art.filter(|art| art.width() > 0 && art.height() > 0) else { return self.clone() };
        let longest = art.width().max(art.height());
        let mut side = match size {
            Some(size) => size.clamp(1, Self::MAX_PIXELS),
            None if longest < *BODY_SIDES.start() => longest * BODY_SIDES.start().div_ceil(longest),
            None => longest.min(*BODY_SIDES.end()),
        };
        loop {
            // A filter that rings would leave a faint halo, which the body would cover.
            let target = match filter {
                Filter::Auto if side < longest => scaled(&art, side, Filter::Area),
                Filter::Auto => scaled(&art, side - side % longest, Filter::Nearest),
                filter => scaled(&art, side, filter),
            };
            let cells = target.body(target.width + 4, target.height + 4).count();
            if size.is_some() || cells <= MAX_BODY_CELLS || side <= *BODY_SIDES.start() {
                return target;
            }
            // The cells of the rim grow with the side, all others with its square: this is never too small.
            let next = (side as f32 * (MAX_BODY_CELLS as f32 / cells as f32).sqrt()).ceil() as u32;
            side = next.clamp(*BODY_SIDES.start(), side - 1);
        }
    }

    /// Reads the frames of a sprite sheet, row by row, or one picture, without scaling them.
    ///
    /// # Errors
    /// [`TargetError`] if the file cannot be read, looks like a sheet but `frames` is `None`, cannot be cut into these frames, or
    /// is transparent.
    pub fn read_frames(path: impl AsRef<Path>, frames: Option<Frames>) -> Result<Vec<Self>, TargetError> {
        Ok(Self::read_sheet(path.as_ref(), frames)?.0)
    }

    /// The frames of a sprite sheet, and the number of its columns and rows.
    fn read_sheet(path: &Path, frames: Option<Frames>) -> Result<(Vec<Self>, Frames), TargetError> {
        let image = open(path)?;
        let size = [image.width(), image.height()];
        let whole = Self::from(image);
        if let (None, Some(frames)) = (frames, Frames::detect(&whole)) {
            return Err(TargetError::Sheet { path: path.to_owned(), size, frames });
        }
        let frames = frames.unwrap_or(Frames::Count([1, 1]));
        let whole = whole.if_visible(path)?;
        let found = frames.cut(&whole).ok_or_else(|| TargetError::Frames { path: path.to_owned(), size, frames })?;
        let count = match frames {
            Frames::Count(count) => count,
            Frames::Size([width, height]) => [size[0] / width.max(1), size[1] / height.max(1)],
        };
        Ok((found, Frames::Count(count)))
    }

    /// Reads the frames of a sprite sheet, as [`read_frames`](Self::read_frames), and those of its UV sheet, which may have
    /// another resolution. Without `uv`, there are none of those.
    ///
    /// # Errors
    /// [`TargetError`] for either file; see [`read_frames`](Self::read_frames).
    pub fn read_frames_and_uv(
        path: impl AsRef<Path>,
        uv: Option<&Path>,
        frames: Option<Frames>,
    ) -> Result<(Vec<Self>, Vec<Self>), TargetError> {
        let (found, frames) = Self::read_sheet(path.as_ref(), frames)?;
        let Some(uv_path) = uv else { return Ok((found, Vec::new())) };
        let image = open(uv_path)?;
        let size = [image.width(), image.height()];
        let uvs = frames.cut(&image.into());
        Ok((found, uvs.ok_or_else(|| TargetError::Frames { path: uv_path.to_owned(), size, frames })?))
    }

    /// The picture, unless every pixel is nearly transparent.
    fn if_visible(self, path: &Path) -> Result<Self, TargetError> {
        match self.is_transparent() {
            true => Err(TargetError::Transparent { path: path.to_owned() }),
            false => Ok(self),
        }
    }
}

impl From<RgbaImage> for Target {
    fn from(image: RgbaImage) -> Self {
        Self { width: image.width() as usize, height: image.height() as usize, rgba: image.into_raw() }
    }
}

/// Reads a picture, or the union of a sheet's frames, unscaled.
fn art(path: &Path, reading: ReadOptions<'_>) -> Result<RgbaImage, TargetError> {
    let (mut frames, uvs) = Target::read_frames_and_uv(path, reading.uv, reading.frames)?;
    for (frame, uv) in frames.iter_mut().zip(&uvs) {
        *frame = frame.laid_out(uv);
    }
    let Target { width, height, rgba } = match <[Target; 1]>::try_from(frames) {
        Ok([whole]) => whole,
        Err(frames) => Target::union(frames),
    };
    RgbaImage::from_raw(width as u32, height as u32, rgba)
        .ok_or_else(|| TargetError::Transparent { path: path.to_owned() })
}

fn open(path: &Path) -> Result<RgbaImage, TargetError> {
    let unreadable =
        |error: &dyn std::fmt::Display| TargetError::Unreadable { path: path.to_owned(), what: error.to_string() };
    let mut reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| unreadable(&error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(Target::MAX_PIXELS);
    limits.max_image_height = Some(Target::MAX_PIXELS);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| match error {
        image::ImageError::Limits(_) => TargetError::TooLarge { path: path.to_owned(), limit: Target::MAX_PIXELS },
        error => unreadable(&error),
    })?;
    Ok(image.into_rgba8())
}

/// Scales the longer side to `size` pixels. With whole factors, the longer side may be shorter than `size`.
fn scaled(image: &RgbaImage, size: u32, filter: Filter) -> Target {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if size == longest {
        return image.clone().into();
    }
    let filter = match filter {
        Filter::Auto if !is_pixel_art(image) => Filter::Lanczos,
        Filter::Auto if size > longest => {
            let factor = size / longest;
            return image::imageops::resize(image, width * factor, height * factor, FilterType::Nearest).into();
        }
        Filter::Auto => Filter::Area,
        filter => filter,
    };
    let side =
        |side: u32| ((u64::from(side) * u64::from(size) + u64::from(longest) / 2) / u64::from(longest)).max(1) as u32;
    let (width, height) = (side(width), side(height));
    match filter {
        Filter::Nearest => image::imageops::resize(image, width, height, FilterType::Nearest).into(),
        Filter::Area => Target::from(image.clone()).scaled_by_area(width as usize, height as usize),
        Filter::Auto | Filter::Lanczos => {
            // Lanczos overshoots in color and alpha. `resize` clamps each channel at 1, and
            // clamping channels independently would shift the colors.
            const HEADROOM: f32 = 0.5;
            let mut premultiplied = premultiplied(image);
            premultiplied.iter_mut().for_each(|value| *value *= HEADROOM);
            let mut resized = image::imageops::resize(&premultiplied, width, height, FilterType::Lanczos3);
            resized.iter_mut().for_each(|value| *value /= HEADROOM);
            straight(&resized).into()
        }
    }
}

fn is_pixel_art(image: &RgbaImage) -> bool {
    let mut colors = std::collections::HashSet::new();
    image.pixels().filter(|pixel| pixel[3] > 0).all(|pixel| {
        colors.insert(pixel.0);
        colors.len() <= MAX_PIXEL_ART_COLORS
    })
}

fn premultiplied(image: &RgbaImage) -> Rgba32FImage {
    Rgba32FImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0.map(|value| f32::from(value) / 255.0);
        image::Rgba([r * a, g * a, b * a, a])
    })
}

fn straight(premultiplied: &Rgba32FImage) -> RgbaImage {
    RgbaImage::from_fn(premultiplied.width(), premultiplied.height(), |x, y| {
        let [r, g, b, a] = premultiplied.get_pixel(x, y).0;
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let is_empty = byte(a) == 0;
        image::Rgba(if is_empty { [0; 4] } else { [byte(r / a), byte(g / a), byte(b / a), byte(a)] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::sheet::tests::{RED, disc, pixels};

    #[test]
    fn pixel_art_keeps_its_pixels() {
        let art = disc(16);
        let up = scaled(&art, 40, Filter::Auto);
        assert_eq!((up.width, up.height), (32, 32), "by a whole factor");
        let double = |x: usize, y: usize| art.get_pixel(x as u32 / 2, y as u32 / 2).0;
        assert!(pixels(&up).iter().enumerate().all(|(i, pixel)| *pixel == double(i % 32, i / 32)));
        assert_eq!(scaled(&art, 40, Filter::Nearest).width, 40);
        // Averaging whole 2x2 blocks restores the original pixels.
        let up = RgbaImage::from_raw(32, 32, up.rgba).unwrap();
        let again = scaled(&up, 16, Filter::Auto);
        assert_eq!(again, art.into());
        // At other sizes, no color is brighter than in the original: an area filter does not ring.
        let down = scaled(&disc(37), 20, Filter::Auto);
        let rings = |pixel: &[u8; 4]| pixel[0] > 201 || pixel[2] > 101 || pixel[1] > 1;
        assert!(!pixels(&down).iter().any(rings), "no green, no ringing");
        let total = |target: &Target| pixels(target).iter().map(|pixel| f64::from(pixel[3])).sum::<f64>();
        let (before, after) = (total(&disc(37).into()) / 37.0 / 37.0, total(&down) / 400.0);
        assert!((before - after).abs() < 0.5, "{before}, {after}");
    }

    #[test]
    fn a_body_has_the_size_that_heals_best() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("art.png");
        let size = |image: RgbaImage, reading: ReadOptions| {
            image.save(&path).unwrap();
            let target = Target::read_body(&path, reading).unwrap();
            [target.width, target.height]
        };
        let auto = ReadOptions::default();
        assert_eq!(size(disc(18), auto), [18, 18], "its own");
        assert_eq!(size(RgbaImage::from_pixel(4, 4, RED), auto), [12, 12], "a whole factor");
        assert_eq!(size(RgbaImage::from_pixel(60, 12, RED), auto), [40, 8], "the longest side");
        let [width, height] = size(disc(512), auto);
        assert_eq!(width, height);
        let cells = Target::read_body(&path, auto).unwrap().body(width + 2, height + 2).count();
        assert!((MAX_BODY_CELLS * 4 / 5..=MAX_BODY_CELLS).contains(&cells), "{cells} cells");
        assert_eq!(size(disc(512), ReadOptions::sized(48)), [48, 48], "what it is told");
        // A smooth edge with many colors leaves no halo.
        let soft = RgbaImage::from_fn(64, 64, |x, y| {
            let far = (x as f32 - 31.5).hypot(y as f32 - 31.5);
            image::Rgba([(3 * x) as u8, (3 * y) as u8, 90, ((24.0 - far).clamp(0.0, 1.0) * 255.0) as u8])
        });
        soft.save(&path).unwrap();
        let target = Target::read_body(&path, auto).unwrap();
        let faint = pixels(&target).iter().filter(|pixel| (1..9).contains(&pixel[3])).count();
        assert!(faint < 10, "{faint} of {}", target.width * target.height);
    }
}
