//! Scales a picture by area.

use super::Target;

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
}
