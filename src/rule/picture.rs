//! From cells to pixels.

use super::{Output, State};

/// A straight-alpha sRGB pixel.
pub type Rgba = [u8; 4];

/// The pixel of a cell: straight alpha, sRGB, as PNG and GPU textures want it.
///
/// A sprite's colours are premultiplied and sRGB-encoded, as the pictures it was trained on; so
/// they are only divided by alpha, never linearised.
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

/// The picture of a grid, row-major.
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
    fn textures_are_centred_and_opaque() {
        assert_eq!(pixel(Output::OpaqueCentered, &[0.0, -0.5, 0.5, 0.0]), [128, 0, 255, 255]);
    }
}
