//! Converts cells to pixels.

use std::ops::Range;

use super::{Output, State};

/// A straight-alpha sRGB pixel.
pub type Rgba = [u8; 4];

/// The pixel of a cell in straight-alpha sRGB, the format of PNG files and GPU textures.
///
/// The colors of a sprite are premultiplied and sRGB-encoded, like the pictures it was trained on.
/// They are divided by alpha, but not linearized.
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
    let distance = own.iter().zip(expected).map(|(own, expected)| (own - expected).abs()).fold(0.0, f32::max);
    let share = ((distance - CRISP_BLEND.start) / (CRISP_BLEND.end - CRISP_BLEND.start)).clamp(0.0, 1.0);
    if share == 0.0 {
        return grown.map(|value| (value * 255.0 + 0.5) as u8);
    }
    pixel(Output::PremultipliedAlpha, &[0, 1, 2, 3].map(|i| expected[i] + (own[i] - expected[i]) * share))
}

/// The pixels of a grid, row-major.
pub fn picture(output: Output, state: &State) -> Vec<Rgba> {
    state.values().chunks_exact(state.channels().max(1)).map(|cell| pixel(output, cell)).collect()
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
    fn textures_are_centred_and_opaque() {
        assert_eq!(pixel(Output::OpaqueCentered, &[0.0, -0.5, 0.5, 0.0]), [128, 0, 255, 255]);
    }
}
