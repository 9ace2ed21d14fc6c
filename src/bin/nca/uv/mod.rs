mod matching;

use std::path::PathBuf;

use bevy_nca::rule::Target;
use clap::Args;
use image::{Rgba, RgbaImage};
use indicatif::ProgressBar;

use self::matching::{Matches, Picture, find};
use crate::Result;

/// A pixel that moves less than this, in pixels, lies where it is.
const STILL: f32 = 0.75;

#[derive(Args)]
pub struct Uv {
    /// The sprite sheet, a PNG.
    art: PathBuf,
    /// The UV sheet to write, a PNG of the same size.
    #[arg(short, long, value_name = "SHEET")]
    output: PathBuf,
    /// Columns and rows of the sheet, e.g. 6x1.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = crate::columns_and_rows, required_unless_present = "tile")]
    frames: Option<[u32; 2]>,
    /// Width and height of a frame in pixels, e.g. 32x32, instead of --frames.
    #[arg(long, value_name = "WxH", value_parser = crate::width_and_height, conflicts_with = "frames")]
    tile: Option<[u32; 2]>,
    /// The frame that the body is laid out as, from 0, row by row. Choose one that shows all parts beside each other.
    #[arg(long, value_name = "N", default_value_t = 0)]
    body: usize,
}

impl Uv {
    pub fn run(&self) -> Result {
        if self.output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("png")) {
            return Err(format!("{}: expected the extension .png", self.output.display()).into());
        }
        let same = |path: &std::path::Path| std::fs::canonicalize(path).ok();
        if same(&self.output).is_some_and(|output| Some(output) == same(&self.art)) {
            return Err(format!("{}: expected another file than the art", self.output.display()).into());
        }
        let sheet = crate::Sheet { frames: self.frames, tile: self.tile, uv: None };
        let frames: Vec<Picture> = Target::read_frames(&self.art, sheet.frames())?.iter().map(Picture::from).collect();
        let count = frames.len();
        let body = frames.get(self.body).filter(|_| count > 1).ok_or_else(|| {
            let found = format!("found {count}");
            format!("{}: expected at least two frames, and --body among them, {found}", self.art.display())
        })?;
        let size = image::image_dimensions(&self.art).map_err(|error| format!("{}: {error}", self.art.display()))?;
        let mut uv = RgbaImage::new(size.0, size.1);
        let columns = size.0 as usize / body.width.max(1);
        let bar = ProgressBar::new(count as u64);
        // The same guess each time.
        let mut random = fastrand::Rng::with_seed(0);
        let (mut hints, mut moved, mut visible): (Option<Matches>, usize, usize) = (None, 0, 0);
        for (index, frame) in frames.iter().enumerate() {
            bar.set_position(index as u64);
            if index == self.body {
                continue;
            }
            let corner = [index % columns * body.width, index / columns * body.height];
            let matches = find(frame, body, hints.as_ref(), &mut random);
            for (pixel, found) in matches.iter().enumerate() {
                let Some(found) = found else { continue };
                visible += 1;
                let [x, y] = [pixel % body.width, pixel / body.width];
                let way = (found.to[0] - x as f32 - 0.5).hypot(found.to[1] - y as f32 - 0.5);
                if way < STILL {
                    continue;
                }
                moved += 1;
                let byte = |at: f32, side: usize| (at / side as f32 * 255.0).round() as u8;
                let color = [byte(found.to[0], body.width), byte(found.to[1], body.height), 0, 255];
                uv.put_pixel((corner[0] + x) as u32, (corner[1] + y) as u32, Rgba(color));
            }
            hints = Some(matches);
        }
        bar.finish_and_clear();
        uv.save(&self.output).map_err(|error| format!("{}: {error}", self.output.display()))?;
        let share = 100.0 * moved as f32 / visible.max(1) as f32;
        println!(
            "{}: {share:.0}% of the pixels of {} frames have moved since frame {}; a first guess, to be corrected in an \
             image editor",
            self.output.display(),
            count - 1,
            self.body
        );
        Ok(())
    }
}

impl From<&Target> for Picture {
    fn from(target: &Target) -> Self {
        let premultiplied = |pixel: &[u8; 4]| {
            let [r, g, b, a] = pixel.map(|value| f32::from(value) / 255.0);
            [r * a, g * a, b * a, a]
        };
        let pixels = target.rgba.as_chunks::<4>().0.iter().map(premultiplied).collect();
        Self { width: target.width, height: target.height, pixels }
    }
}
