//! Sprite sheets: pictures that consist of frames.

use std::fmt;

use super::{Target, target::MAX_TRANSPARENT_ALPHA};

/// The frames of a sprite sheet, from the upper left, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// The number of columns and rows.
    Count([u32; 2]),
    /// The width and height of a frame, in pixels.
    Size([u32; 2]),
}

impl fmt::Display for Frames {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Count([columns, rows]) => write!(formatter, "{columns}x{rows} frames of whole pixels"),
            Self::Size([width, height]) => write!(formatter, "frames of {width}x{height} pixels"),
        }
    }
}

impl Frames {
    /// The frames of a sheet. `None` if it does not divide into such frames.
    pub fn cut(self, sheet: &Target) -> Option<Vec<Target>> {
        let whole = [sheet.width, sheet.height];
        let divided = |by: [u32; 2]| {
            let [x, y] = [0, 1].map(|axis| whole[axis].checked_div(by[axis] as usize));
            x.zip(y).map(|(x, y)| [x, y])
        };
        let (counts, size) = match self {
            Self::Count(counts) => (counts.map(|count| count as usize), divided(counts)?),
            Self::Size(size) => (divided(size)?, size.map(|side| side as usize)),
        };
        let fits = |axis: usize| size[axis] > 0 && counts[axis] * size[axis] == whole[axis];
        if !fits(0) || !fits(1) {
            return None;
        }
        let ([columns, rows], [width, height]) = (counts, size);
        let corners = (0..rows).flat_map(|row| (0..columns).map(move |column| (column * width, row * height)));
        Some(corners.map(|(left, top)| sheet.cut([left, top, left + width, top + height])).collect())
    }

    /// Detects a sprite sheet and returns its columns and rows. A sheet is at least 2.5 times as long
    /// as it is wide, and an empty line of pixels separates each frame from the next.
    pub fn detect(picture: &Target) -> Option<[u32; 2]> {
        let (width, height) = (picture.width as u32, picture.height as u32);
        let (pixels, _) = picture.rgba.as_chunks::<4>();
        // A picture without pixels, or without some of them, is no sheet.
        if pixels.is_empty() || pixels.len() != picture.width * picture.height {
            return None;
        }
        let is_wide = width >= height;
        let (long, short) = if is_wide { (width, height) } else { (height, width) };
        let is_empty = |line: u32| {
            (0..short).all(|at| {
                let (x, y) = if is_wide { (line, at) } else { (at, line) };
                pixels[y as usize * picture.width + x as usize][3] <= MAX_TRANSPARENT_ALPHA
            })
        };
        let is_cut = |at: u32| is_empty(at) || is_empty(at - 1);
        // Frames are roughly square.
        let shape = |count: u32| f64::from(long / count) / f64::from(short);
        let is_sheet = |count: &u32| {
            let (count, side) = (*count, long / count);
            long.is_multiple_of(count)
                && (0.5..=2.0).contains(&shape(count))
                && (1..count).all(|frame| is_cut(frame * side))
                && (0..count).all(|frame| !(frame * side..(frame + 1) * side).all(is_empty))
        };
        if 2 * long < 5 * short {
            return None;
        }
        // Take the largest count that fits, because groups of frames are separated by gaps too.
        let count = (2..=long).rev().find(is_sheet)?;
        Some(if is_wide { [count, 1] } else { [1, count] })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use image::RgbaImage;

    use super::*;

    pub(in crate::rule) const RED: image::Rgba<u8> = image::Rgba([200, 0, 0, 255]);
    const BLUE: image::Rgba<u8> = image::Rgba([0, 0, 100, 255]);
    const NONE: image::Rgba<u8> = image::Rgba([0; 4]);

    /// A disc in two colors.
    pub(in crate::rule) fn disc(side: u32) -> RgbaImage {
        let middle = side as f32 / 2.0;
        RgbaImage::from_fn(side, side, |x, y| {
            let is_inside = (x as f32 + 0.5 - middle).hypot(y as f32 + 0.5 - middle) < middle * 0.8;
            if !is_inside {
                NONE
            } else if x < side / 2 {
                RED
            } else {
                BLUE
            }
        })
    }

    pub(in crate::rule) fn pixels(target: &Target) -> &[[u8; 4]] {
        target.rgba.as_chunks().0
    }

    #[test]
    fn sheets_are_noticed() {
        let of = |frames: u32, frame: &RgbaImage, is_wide: bool| -> Target {
            let (w, h) = frame.dimensions();
            let size = if is_wide { (w * frames, h) } else { (w, h * frames) };
            RgbaImage::from_fn(size.0, size.1, |x, y| *frame.get_pixel(x % w, y % h)).into()
        };
        assert_eq!(Frames::detect(&of(6, &disc(24), true)), Some([6, 1]));
        assert_eq!(Frames::detect(&of(4, &disc(24), false)), Some([1, 4]));
        let narrow = RgbaImage::from_fn(16, 24, |x, y| if (2..14).contains(&x) && y > 9 { RED } else { NONE });
        assert_eq!(Frames::detect(&of(4, &narrow, true)), Some([4, 1]), "and not two of two");
        assert_eq!(Frames::detect(&disc(24).into()), None);
        assert_eq!(Frames::detect(&of(2, &disc(24), true)), None, "two beside each other may be one picture");
        assert_eq!(Frames::detect(&RgbaImage::from_pixel(60, 10, RED).into()), None, "a bar");
        let rod = RgbaImage::from_fn(60, 12, |_, y| if (4..8).contains(&y) { RED } else { NONE });
        assert_eq!(Frames::detect(&rod.into()), None);
        let broken = Target { width: 60, height: 10, rgba: vec![0; 7] };
        assert_eq!(Frames::detect(&broken), None);
    }

    #[test]
    fn the_union_of_frames_has_all_their_pixels() {
        let sheet = RgbaImage::from_fn(6, 2, |x, y| match (x, y) {
            (0, 0) | (2, 0) => RED,
            (4, 0) | (5, 1) => BLUE,
            (3, 1) => image::Rgba([0, 40, 0, 51]),
            _ => NONE,
        });
        let sheet = Target::from(sheet);
        let count = |columns: u32| Frames::Count([columns, 1]).cut(&sheet).is_none();
        let union = Target::union(Frames::Count([3, 1]).cut(&sheet).unwrap());
        assert_eq!(pixels(&union)[0], [133, 0, 33, 255]);
        assert_eq!(pixels(&union)[1][3], 0);
        assert_eq!(pixels(&union)[3], [0, 7, 83, 255]);
        assert!(count(4) && count(0));
        assert!(count(12));
        // The same frames by their size.
        assert_eq!(Frames::Size([2, 2]).cut(&sheet), Frames::Count([3, 1]).cut(&sheet));
        let size = |width: u32, height: u32| Frames::Size([width, height]).cut(&sheet).is_none();
        assert!(size(4, 2) && size(0, 2) && size(7, 2) && !size(6, 2));
    }
}
