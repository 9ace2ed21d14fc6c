//! UV sheets: where on the body the pixels of art lie, so that a wound stays in an arm that swings.
//!
//! A UV sheet has the frames of its art. The red of a pixel is the column on the body, and its green the row: 0 to 255 over
//! a frame of the art. A pixel that is transparent lies where it stands.

use super::Target;

/// The alpha from which a pixel of a UV sheet says where it lies.
const LIES_ELSEWHERE: u8 = 128;

impl Target {
    /// The place on the body, 0 to 1, of a place in the art whose UV sheet this is.
    pub(crate) fn on_body(&self, place: [f32; 2]) -> [f32; 2] {
        let [x, y] = [place[0] * self.width as f32, place[1] * self.height as f32].map(f32::floor);
        let is_inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
        let pixel = self.rgba.as_chunks::<4>().0.get(y as usize * self.width + x as usize);
        match pixel.filter(|pixel| is_inside && pixel[3] >= LIES_ELSEWHERE) {
            Some([u, v, ..]) => [*u, *v].map(|value| f32::from(value) / 255.0),
            None => place,
        }
    }

    /// A frame of art, laid out on the body: each visible pixel at its place in the UV sheet of the frame.
    pub fn laid_out(&self, uv: &Self) -> Self {
        let sides = [self.width, self.height];
        if self.width == 0 {
            return self.clone();
        }
        let mut rgba = vec![[0; 4]; self.rgba.len() / 4];
        for (index, pixel) in self.rgba.as_chunks::<4>().0.iter().enumerate().filter(|(_, pixel)| pixel[3] > 0) {
            let own = [index % self.width, index / self.width];
            let place = [0, 1].map(|axis| (own[axis] as f32 + 0.5) / sides[axis] as f32);
            let on_body = uv.on_body(place);
            let [columns, rows] = [0, 1].map(|axis| {
                if on_body == place {
                    return own[axis]..own[axis] + 1;
                }
                let (at, side) = (on_body[axis] * sides[axis] as f32, sides[axis]);
                // A turned pixel covers more than one, and a value of 8 bits is rounded.
                let reach = 0.75 + side as f32 / 510.0;
                ((at - reach).round() as usize).min(side)..((at + reach).round() as usize).min(side)
            });
            for y in rows {
                for found in
                    rgba.get_mut(y * self.width..).into_iter().flat_map(|row| row.get_mut(columns.clone())).flatten()
                {
                    if found[3] < pixel[3] {
                        *found = *pixel;
                    }
                }
            }
        }
        Self { rgba: rgba.into_flattened(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Target {
        let rgba = (0..side * side).flat_map(|index| pixel(index % side, index / side)).collect();
        Target { width: side, height: side, rgba }
    }

    #[test]
    fn pixels_lie_where_the_sheet_says() {
        // The upper half of the sheet is mirrored, the lower half says nothing.
        let byte = |at: usize, side: usize| ((at as f32 + 0.5) / side as f32 * 255.0).round() as u8;
        let uv = picture(8, |x, y| if y < 4 { [byte(7 - x, 8), byte(y, 8), 0, 255] } else { [9, 9, 9, 0] });
        let [u, v] = uv.on_body([0.07, 0.2]);
        assert!((u - 0.9375).abs() < 0.002 && (v - 0.1875).abs() < 0.002, "{u} {v}");
        assert_eq!(uv.on_body([0.07, 0.8]), [0.07, 0.8]);
        for outside in [[-0.1, 0.1], [0.1, 1.1], [f32::NAN, 0.1]] {
            let found = uv.on_body(outside);
            assert!(found == outside || outside[0].is_nan(), "{found:?}");
        }
    }

    #[test]
    fn a_frame_is_laid_out_on_the_body() {
        // A bar that stands, and lies on the body.
        let art =
            picture(64, |x, y| if (20..24).contains(&x) && (10..50).contains(&y) { [200, 0, 0, 255] } else { [0; 4] });
        let byte = |at: f32| (at / 64.0 * 255.0).round() as u8;
        let uv = picture(64, |x, y| {
            if (20..24).contains(&x) { [byte(y as f32 + 0.5), byte(x as f32 + 20.5), 0, 255] } else { [0; 4] }
        });
        let body = art.laid_out(&uv);
        let seen = |x: usize, y: usize| body.rgba[(y * 64 + x) * 4 + 3] > 0;
        for y in 0..64 {
            for x in 0..64 {
                let inside = (10..50).contains(&x) && (40..44).contains(&y);
                let beside = (8..52).contains(&x) && (38..46).contains(&y);
                assert!(seen(x, y) >= inside && seen(x, y) <= beside, "{x} {y}");
            }
        }
        assert_eq!(art.laid_out(&picture(4, |_, _| [0; 4])), art, "a sheet that says nothing");
    }
}
