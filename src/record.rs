//! Writes pictures and animations of sprites to files.

use std::{
    fmt,
    io::{self, Cursor},
    path::{Path, PathBuf},
};

use image::{
    Delay, ImageError, ImageFormat, RgbaImage,
    codecs::gif::{GifEncoder, Repeat},
    imageops::{FilterType, resize},
};

use crate::rule::{Model, Rgba, SkinArt, State, Target, picture, write_atomic};

/// The file formats that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// A PNG of the last frame.
    Png,
    /// An animation with 256 colors per frame. GIF has no partial transparency, so frames are
    /// composited over the [background](Recording::with_background), by default black.
    Gif,
    /// An animation in full color with alpha.
    Apng,
}

impl PictureFormat {
    /// The format for a file's extension.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "gif" => Some(Self::Gif),
            "apng" => Some(Self::Apng),
            _ => None,
        }
    }
}

/// A picture could not be written.
#[derive(Debug)]
pub struct RecordError {
    path: PathBuf,
    what: String,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for RecordError {}

/// Frames to be written to a file.
#[derive(Clone, Debug)]
pub struct Recording {
    scale: u32,
    background: Option<[u8; 3]>,
    frame_millis: u16,
    frames: Vec<RgbaImage>,
}

impl Default for Recording {
    fn default() -> Self {
        Self { scale: 1, background: None, frame_millis: 33, frames: Vec::new() }
    }
}

impl Recording {
    /// A dark background that suits most sprites.
    pub const DARK: [u8; 3] = [0x16, 0x18, 0x1D];

    /// Sets the number of pixels per cell, or per pixel of a skin's art, on each axis; default 1.
    pub fn with_scale(self, scale: u32) -> Self {
        Self { scale: scale.max(1), ..self }
    }

    /// Sets the color behind transparent pixels; default none.
    pub fn with_background(self, background: [u8; 3]) -> Self {
        Self { background: Some(background), ..self }
    }

    /// Sets the duration of each frame in milliseconds; default 33.
    pub fn with_frame_millis(self, frame_millis: u16) -> Self {
        Self { frame_millis, ..self }
    }

    /// The number of frames.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Adds a frame that shows the current cells of a sprite.
    pub fn push(&mut self, model: &Model, state: &State) {
        self.push_pixels(state.width() as u32, state.height() as u32, picture(model, state));
    }

    /// Adds a frame that shows art through the current cells of a sprite, at the size of the art.
    pub fn push_skin(&mut self, art: &SkinArt, model: &Model, state: &State) {
        let Target { width, height, rgba } = art.paint(model, state, 1);
        self.push_pixels(width as u32, height as u32, rgba.as_chunks().0.to_vec());
    }

    /// Adds a frame of straight-alpha sRGB pixels, row by row. Ignores the frame if there are fewer
    /// than `width * height` pixels.
    pub fn push_pixels(&mut self, width: u32, height: u32, pixels: Vec<Rgba>) {
        if let Some(frame) = RgbaImage::from_raw(width, height, pixels.into_flattened()) {
            self.frames.push(frame);
        }
    }

    /// Writes the file atomically, in the format of its extension.
    ///
    /// # Errors
    /// The extension is unknown, there are no frames, the frames differ in size, or the file cannot
    /// be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), RecordError> {
        let path = path.as_ref();
        let failed = |what: String| RecordError { path: path.to_owned(), what };
        let format =
            PictureFormat::of(path).ok_or_else(|| failed("expected the extension .png, .gif or .apng".to_owned()))?;
        let Some(last) = self.frames.last() else { return Err(failed("there are no frames".to_owned())) };
        if self.frames.iter().any(|frame| frame.dimensions() != last.dimensions()) {
            return Err(failed("the frames are of different sizes".to_owned()));
        }
        let bytes = match format {
            PictureFormat::Png => self.png(last),
            PictureFormat::Gif => self.gif(),
            PictureFormat::Apng => self.apng(),
        };
        bytes.and_then(|bytes| Ok(write_atomic(path, &bytes)?)).map_err(|error| failed(error.to_string()))
    }

    fn finished(&self, frame: &RgbaImage, background: Option<[u8; 3]>) -> RgbaImage {
        let mut frame = frame.clone();
        if let Some(under) = background {
            for pixel in frame.pixels_mut() {
                let alpha = u32::from(pixel[3]);
                for (over, under) in pixel.0[..3].iter_mut().zip(under) {
                    *over = ((u32::from(*over) * alpha + u32::from(under) * (255 - alpha) + 127) / 255) as u8;
                }
                pixel[3] = 255;
            }
        }
        resize(&frame, frame.width() * self.scale, frame.height() * self.scale, FilterType::Nearest)
    }

    fn png(&self, frame: &RgbaImage) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        self.finished(frame, self.background).write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }

    fn gif(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        // A slow, thorough palette search, because the pictures are small.
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, 5);
        encoder.set_repeat(Repeat::Infinite)?;
        let delay = Delay::from_numer_denom_ms(u32::from(self.frame_millis), 1);
        for frame in &self.frames {
            let frame = self.finished(frame, Some(self.background.unwrap_or_default()));
            encoder.encode_frame(image::Frame::from_parts(frame, 0, 0, delay))?;
        }
        drop(encoder);
        Ok(bytes)
    }

    fn apng(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let (width, height) = self.frames.first().map(RgbaImage::dimensions).unwrap_or_default();
        let mut encoder = png::Encoder::new(&mut bytes, width * self.scale, height * self.scale);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let write = || -> Result<(), png::EncodingError> {
            encoder.set_animated(self.frames.len() as u32, 0)?;
            encoder.set_frame_delay(self.frame_millis, 1000)?;
            encoder.set_dispose_op(png::DisposeOp::Background)?;
            let mut writer = encoder.write_header()?;
            for frame in &self.frames {
                writer.write_image_data(&self.finished(frame, self.background))?;
            }
            writer.finish()
        };
        write().map_err(|error| ImageError::IoError(io::Error::other(error)))?;
        Ok(bytes)
    }
}
