//! Converts cells to pixels.

use std::ops::Range;

use super::{Model, Output, Pose, Reference, State};

/// A straight-alpha sRGB pixel.
pub type Rgba = [u8; 4];

/// The pixel of a cell in straight-alpha sRGB, the format of PNG files and GPU textures.
///
/// The colors of a sprite are premultiplied and sRGB-encoded, like the pictures it was trained on.
/// They are divided by alpha, but not linearized. Coordinates
/// have no pixel without a picture; see [`coordinates_pixel`].
#[inline]
pub(crate) fn pixel(output: Output, cell: &[f32]) -> Rgba {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    match (output, cell) {
        (Output::PremultipliedAlpha, &[r, g, b, a, ..]) if a > 0.0 => {
            let alpha = a.min(1.0);
            [byte(r / alpha), byte(g / alpha), byte(b / alpha), byte(alpha)]
        }
        (Output::OpaqueCentered, &[r, g, b, ..]) => [byte(r + 0.5), byte(g + 0.5), byte(b + 0.5), 255],
        _ => [0; 4],
    }
}

/// Thresholds for [`crisp_pixel`], compared with the largest difference between a cell and the
/// grown sprite in any premultiplied channel. Up to the first, the cell shows the grown sprite's
/// pixel. From the second on, it shows its own. In between, it blends them.
pub(crate) const CRISP_BLEND: Range<f32> = 0.15..0.35;

/// Like [`pixel`], but blends towards the grown sprite's pixel (straight alpha, 0 to 1) the more
/// the cell resembles it; see [`CRISP_BLEND`].
pub(crate) fn crisp_pixel(cell: &[f32], grown: [f32; 4]) -> Rgba {
    // An empty cell stays transparent, even where the grown sprite's pixel is faint.
    let &[r, g, b, a, ..] = cell else { return [0; 4] };
    if a == 0.0 {
        return [0; 4];
    }
    let [grown_r, grown_g, grown_b, grown_a] = grown;
    let expected = [grown_r * grown_a, grown_g * grown_a, grown_b * grown_a, grown_a];
    let own = [r, g, b, a];
    let share = lost_by_color(&own, expected);
    if share == 0.0 {
        return grown.map(|value| (value * 255.0 + 0.5) as u8);
    }
    pixel(Output::PremultipliedAlpha, &[0, 1, 2, 3].map(|i| expected[i] + (own[i] - expected[i]) * share))
}

/// How lost a cell is whose color is this far from that of the grown sprite, both premultiplied, 0 to 1.
pub(super) fn lost_by_color(own: &[f32], expected: [f32; 4]) -> f32 {
    let distance = own.iter().zip(expected).map(|(own, expected)| (own - expected).abs()).fold(0.0, f32::max);
    ramp(distance, &CRISP_BLEND)
}

/// How lost a cell is that is this far from its place, 0 to 1.
pub(super) fn lost_by_place([x, y]: [f32; 2]) -> f32 {
    ramp(x.abs().max(y.abs()), &PLACE_BLEND)
}

/// Thresholds for [`coordinates_pixel`]: the distance of a cell from its place, as a share of the picture on either
/// axis. Up to the first, the cell shows the pixel of the place where it is. From the second on, it shows the pixel of
/// the place where it belongs.
pub(crate) const PLACE_BLEND: Range<f32> = 0.06..0.16;

/// The alpha of a cell up to which it is transparent, and from which it is as opaque as its pixel.
pub(crate) const LIFE_BLEND: Range<f32> = 0.35..0.65;

/// The share of a value between two thresholds, 0 to 1.
pub(crate) fn ramp(value: f32, range: &Range<f32>) -> f32 {
    ((value - range.start) / (range.end - range.start)).clamp(0.0, 1.0)
}

/// The pixel of a cell of coordinates whose center is at `place` in the picture. `look_up` returns the pixel of the
/// picture (straight alpha, 0 to 1) at a place. See [`PLACE_BLEND`] and [`LIFE_BLEND`].
pub(crate) fn coordinates_pixel(cell: &[f32], place: [f32; 2], look_up: impl Fn([f32; 2]) -> [f32; 4]) -> Rgba {
    let &[u, v, _, alpha, ..] = cell else { return [0; 4] };
    let life = ramp(alpha, &LIFE_BLEND);
    if life.is_nan() || life == 0.0 {
        return [0; 4];
    }
    let off = [u / alpha - place[0], v / alpha - place[1]];
    let share = lost_by_place(off);
    let [r, g, b, a] = look_up([place[0] + off[0] * share, place[1] + off[1] * share]);
    [r, g, b, a * life].map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

/// The pixels of an upright sprite, row-major.
pub fn picture(model: &Model, state: &State) -> Vec<Rgba> {
    let output = model.rule().output;
    let cells = state.values().chunks_exact(state.channels().max(1));
    if output != Output::Coordinates {
        return cells.map(|cell| pixel(output, cell)).collect();
    }
    let (width, height) = (state.width(), state.height());
    let reference = Reference::new(model, [width, height], |_| State::zeros(width, height, state.channels()));
    let shown = |(index, cell)| reference.shown([index % width, index / width], cell, Pose::UPRIGHT, false);
    cells.enumerate().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sprites_are_unpremultiplied() {
        let pixel = |cell: [f32; 4]| pixel(Output::PremultipliedAlpha, &cell);
        assert_eq!(pixel([0.25, 0.5, 0.0, 0.5]), [128, 255, 0, 128]);
        assert_eq!(pixel([1.0, 1.0, 1.0, 0.0]), [0; 4]);
        assert_eq!(pixel([2.0, -1.0, 0.5, 1.5]), [255, 0, 128, 255]);
    }

    #[test]
    fn a_crisp_cell_shows_the_authored_pixel_as_far_as_it_is_like_it() {
        let grown = [200.0 / 255.0, 0.0, 10.0 / 255.0, 128.0 / 255.0];
        assert_eq!(crisp_pixel(&[0.5, 0.1, -0.1, 0.6], grown), [200, 0, 10, 128]);
        assert_eq!(crisp_pixel(&[0.0, 1.0, 0.0, 1.0], grown), [0, 255, 0, 255]);
        assert_eq!(crisp_pixel(&[0.0; 16], [1.0, 1.0, 1.0, 0.1]), [0; 4]);
        assert_eq!(crisp_pixel(&[0.0, 0.0, 0.0, 0.14], [0.0; 4]), [0; 4]);
        assert_eq!(crisp_pixel(&[0.25, 0.0, 0.0, 0.25], [0.0; 4]), [255, 0, 0, 32], "half way");
    }

    #[test]
    fn a_cell_of_coordinates_shows_its_place_or_the_place_where_it_is() {
        let look_up = |[u, v]: [f32; 2]| [u, v, 0.0, 1.0];
        let pixel = |cell: [f32; 4]| coordinates_pixel(&cell, [0.5, 0.5], look_up);
        assert_eq!(pixel([0.55, 0.5, 9.0, 1.0]), [128, 128, 0, 255], "near its place");
        assert_eq!(pixel([0.7, 0.5, 0.0, 1.0]), [179, 128, 0, 255], "far from it");
        assert_eq!(pixel([0.61, 0.5, 0.0, 1.0]), [142, 128, 0, 255], "half way");
        assert_eq!(pixel([0.25, 0.25, 0.0, 0.5]), [128, 128, 0, 128], "half dead");
        assert_eq!(pixel([0.15, 0.15, 0.0, 0.3]), [0; 4], "dead");
        assert_eq!(pixel([f32::NAN; 4]), [0; 4]);
    }

    #[test]
    fn textures_are_centred_and_opaque() {
        assert_eq!(pixel(Output::OpaqueCentered, &[0.0, -0.5, 0.5, 0.0]), [128, 0, 255, 255]);
    }
}
