//! Painting cells into an atlas on the CPU.

use bevy::prelude::*;

use crate::rule::State;

/// Where to paint a sprite in an image.
pub(super) struct Target<'a> {
    /// The upper left corner, in pixels.
    pub(super) corner: UVec2,
    /// Pixels around it that repeat its edge: none or one.
    pub(super) gutter: u32,
    /// The pixels of the image.
    pub(super) data: &'a mut [u8],
    /// The width of the image in pixels.
    pub(super) width: usize,
    /// Whether this part of the image is still transparent.
    pub(super) blank: bool,
}

/// Paints cells, and repeats the edge in the gutter. Rows that are known to be empty are transparent.
pub(super) fn paint<const PIXEL: usize>(
    state: &State,
    is_empty_row: impl Fn(usize) -> bool,
    color: impl Fn(usize, usize, &[f32]) -> [u8; PIXEL],
    target: Target,
) {
    let Target { corner, gutter, data, width, blank } = target;
    let (corner_x, corner_y) = (corner.x as usize, corner.y as usize);
    for y in 0..state.height() {
        let is_empty = is_empty_row(y);
        if is_empty && blank {
            continue;
        }
        let first = ((corner_y + y) * width + corner_x) * PIXEL;
        let row = first..first + state.width() * PIXEL;
        if is_empty {
            data[row.clone()].fill(0);
        } else {
            let cells = state.values()[y * state.width() * state.channels()..].chunks_exact(state.channels());
            for (x, (bytes, cell)) in data[row.clone()].as_chunks_mut::<PIXEL>().0.iter_mut().zip(cells).enumerate() {
                *bytes = color(x, y, cell);
            }
        }
        if gutter == 0 {
            continue;
        }
        data.copy_within(row.start..row.start + PIXEL, row.start - PIXEL);
        data.copy_within(row.end - PIXEL..row.end, row.end);
        let wide = row.start - PIXEL..row.end + PIXEL;
        if y == 0 {
            data.copy_within(wide.clone(), wide.start - width * PIXEL);
        }
        if y + 1 == state.height() {
            data.copy_within(wide.clone(), wide.start + width * PIXEL);
        }
    }
}

/// The first four channels of a cell as half floats.
pub(super) fn tissue(cell: &[f32]) -> [u8; 8] {
    let shown = cell.first_chunk::<4>().copied().unwrap_or_default();
    bytemuck::cast(shown.map(half::f16::from_f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Output, pixel};

    #[test]
    fn the_gutter_repeats_the_edge() {
        let values: Vec<f32> =
            (0..6).flat_map(|cell| [0.0, 0.0, 0.0, 0.1 + cell as f32 * 0.1, 0.0, 0.0, 0.0, 0.0]).collect();
        let state = State::from_values(3, 2, 8, values).unwrap();
        let mut data = vec![0; 5 * 4 * 4];
        let color = |_: usize, _: usize, cell: &[f32]| pixel(Output::PremultipliedAlpha, cell);
        let target = Target { corner: UVec2::ONE, gutter: 1, data: &mut data, width: 5, blank: false };
        paint(&state, |_| false, color, target);
        let alphas: Vec<u8> = data.chunks(4).map(|pixel| pixel[3]).collect();
        let expected =
            [0.1, 0.1, 0.2, 0.3, 0.3, 0.1, 0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.6, 0.6, 0.4, 0.4, 0.5, 0.6, 0.6];
        assert_eq!(alphas, expected.map(|a: f32| (a * 255.0 + 0.5) as u8));
    }
}
