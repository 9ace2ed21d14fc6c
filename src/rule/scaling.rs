//! Trims a picture, scales it by area, and fits it into a frame.

use super::{CellMask, Target};

impl Target {
    /// The picture scaled to another size: each pixel is the mean of the area that it covers. Colors are premultiplied by
    /// alpha for it. A pixel that is not entirely transparent keeps an alpha of at least 1/255.
    pub fn scaled_by_area(&self, width: usize, height: usize) -> Self {
        // The source pixels that a pixel covers on one axis, each with its share.
        let covers = |to: usize, from: usize, at: usize| {
            let step = from as f64 / to as f64;
            let (first, last) = (at as f64 * step, (at + 1) as f64 * step);
            (first as usize..(last.ceil() as usize).min(from)).map(move |pixel| {
                let share = (last.min((pixel + 1) as f64) - first.max(pixel as f64)) / step;
                (pixel, share as f32)
            })
        };
        let pixels = self.rgba.as_chunks::<4>().0;
        let mut rgba = Vec::with_capacity(width * height * 4);
        for y in 0..height {
            for x in 0..width {
                let mut mean = [0.0; 4];
                for (row, down) in covers(height, self.height, y) {
                    for (column, across) in covers(width, self.width, x) {
                        let Some(pixel) = pixels.get(row * self.width + column) else { continue };
                        let [r, g, b, a] = pixel.map(f32::from);
                        let share = across * down;
                        let premultiplied = [r * a / 255.0, g * a / 255.0, b * a / 255.0, a];
                        mean.iter_mut().zip(premultiplied).for_each(|(mean, value)| *mean += value * share);
                    }
                }
                let [r, g, b, a] = mean;
                // Less than this is rounding.
                let is_empty = a < 0.02;
                let byte = |value: f32| value.clamp(0.0, 255.0).round() as u8;
                let color = [r, g, b].map(|value| byte(value / a * 255.0));
                rgba.extend(if is_empty { [0; 4] } else { [color[0], color[1], color[2], byte(a).max(1)] });
            }
        }
        Self { width, height, rgba }
    }

    /// The smallest rectangle with all pixels that are not transparent; the whole picture if all of them are. Left, upper,
    /// right and lower edge.
    pub(crate) fn visible_bounds(&self) -> [usize; 4] {
        let visible = |&index: &usize| self.rgba.get(index * 4 + 3).is_some_and(|alpha| *alpha > 0);
        let bounds = CellMask::from_fn(self.width, self.height, visible).bounds();
        bounds.unwrap_or([0, 0, self.width, self.height])
    }

    /// A rectangle of the picture, by its left, upper, right and lower edge. What is outside of the picture is left out.
    pub(crate) fn cut(&self, [left, top, right, bottom]: [usize; 4]) -> Self {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        let (left, top) = (left.min(right), top.min(bottom));
        let rows = self.rgba.chunks_exact((self.width * 4).max(1)).take(bottom).skip(top);
        let rgba = rows.flat_map(|row| &row[left * 4..right * 4]).copied().collect();
        Self { width: right - left, height: bottom - top, rgba }
    }

    /// The union of the frames of a sheet, which have the size of the first: each pixel has the largest alpha, and the mean
    /// color weighted by alpha.
    pub fn union(frames: impl IntoIterator<Item = Self>) -> Self {
        let mut frames = frames.into_iter();
        let Some(first) = frames.next() else { return Self { width: 0, height: 0, rgba: Vec::new() } };
        let mut sums: Vec<(u8, u64, [u64; 3])> = vec![(0, 0, [0; 3]); first.width * first.height];
        let (width, height) = (first.width, first.height);
        for frame in std::iter::once(first).chain(frames) {
            if (frame.width, frame.height) != (width, height) {
                continue;
            }
            for ((alpha, weight, sums), [r, g, b, a]) in sums.iter_mut().zip(frame.rgba.as_chunks::<4>().0) {
                *alpha = (*alpha).max(*a);
                *weight += u64::from(*a);
                sums.iter_mut().zip([r, g, b]).for_each(|(sum, value)| *sum += u64::from(*value) * u64::from(*a));
            }
        }
        let pixel = |(alpha, weight, sums): (u8, u64, [u64; 3])| {
            let [r, g, b] = sums.map(|sum| (sum + weight / 2).checked_div(weight).unwrap_or(0) as u8);
            [r, g, b, alpha]
        };
        Self { width, height, rgba: sums.into_iter().flat_map(pixel).collect() }
    }

    /// The picture in a frame of another size: centered, with its own aspect. It is reduced by area, and enlarged by whole
    /// factors only. Also the rectangle that it covers: left, upper, right and lower edge.
    pub(crate) fn fitted_into(&self, [width, height]: [usize; 2]) -> (Self, [usize; 4]) {
        let scale = (width as f32 / self.width.max(1) as f32).min(height as f32 / self.height.max(1) as f32);
        let scale = if scale >= 1.0 { scale.floor() } else { scale };
        let side = |side: usize, most: usize| ((side as f32 * scale).round() as usize).clamp(1, most.max(1));
        let small = self.scaled_by_area(side(self.width, width), side(self.height, height));
        let mut whole = Self { width, height, rgba: vec![0; width * height * 4] };
        let (left, top) = ((width - small.width.min(width)) / 2, (height - small.height.min(height)) / 2);
        let rows = whole.rgba.chunks_exact_mut((width * 4).max(1)).skip(top);
        for (row, from) in rows.zip(small.rgba.chunks_exact(small.width * 4)) {
            row[left * 4..][..from.len()].copy_from_slice(from);
        }
        (whole, [left, top, left + small.width, top + small.height])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [200, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 100, 255];

    fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Target {
        Target { width, height, rgba: (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect() }
    }

    #[test]
    fn pixels_are_means_weighted_by_alpha() {
        let halves = picture(4, 2, |x, _| [RED, [0; 4], BLUE, BLUE][x]);
        assert_eq!(halves.scaled_by_area(2, 1).rgba, [[200, 0, 0, 128], BLUE].concat());
        assert_eq!(halves.scaled_by_area(4, 2), halves);
        let thirds = picture(3, 1, |x, _| if x == 0 { RED } else { [0; 4] });
        assert_eq!(thirds.scaled_by_area(2, 1).rgba, [[200, 0, 0, 170], [0; 4]].concat());
    }

    #[test]
    fn a_single_pixel_is_not_lost() {
        let speck = picture(60, 60, |x, y| if (x, y) == (7, 7) { RED } else { [0; 4] });
        let small = speck.scaled_by_area(2, 2);
        assert_eq!(small.rgba, [[200, 0, 0, 1], [0; 4], [0; 4], [0; 4]].concat());
    }

    #[test]
    fn a_picture_is_cut_to_its_visible_pixels() {
        let spot = picture(9, 5, |x, y| if (2..5).contains(&x) && y == 3 { RED } else { [7, 7, 7, 0] });
        assert_eq!(spot.cut(spot.visible_bounds()), picture(3, 1, |_, _| RED));
        let nothing = picture(4, 4, |_, _| [0; 4]);
        assert_eq!(nothing.cut(nothing.visible_bounds()), nothing);
        assert_eq!(spot.cut([7, 4, 99, 99]).width, 2);
    }

    #[test]
    fn a_fitted_picture_keeps_its_aspect() {
        let (plank, at) = picture(30, 10, |_, _| RED).fitted_into([20, 20]);
        assert_eq!(at, [0, 6, 20, 13]);
        let row = |y: usize| plank.rgba[y * 80..][..80].as_chunks::<4>().0.iter().all(|pixel| *pixel == RED);
        assert_eq!((0..20).filter(|&y| row(y)).collect::<Vec<_>>(), (6..13).collect::<Vec<_>>());
        let (small, at) = picture(4, 8, |_, _| BLUE).fitted_into([20, 20]);
        assert_eq!(at, [6, 2, 14, 18]);
        let blue = small.rgba.as_chunks::<4>().0.iter().filter(|pixel| **pixel == BLUE).count();
        assert_eq!(blue, 8 * 16, "twice its size");
    }
}
