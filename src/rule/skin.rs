//! Skins: art of any size, shown through the cells of a body.
//!
//! The art covers the rectangle of the model's target. A pixel shows the art at its own place where the cells around it
//! are at theirs, and what they carry where they are lost. The edge of the living tissue lies between cells.

use super::{
    Model, Output, Rgba, State, Target,
    body::Frame,
    picture::{CRISP_BLEND, LIFE_BLEND, PLACE_BLEND, ramp},
};

/// What is looked at through the cells of a sprite.
pub(crate) struct Skin<'a> {
    output: Output,
    state: &'a State,
    /// The rectangle of the art in the grid.
    frame: Frame,
    art: &'a Target,
    /// The target in the grid, premultiplied; empty for a body of coordinates.
    target: Vec<f32>,
}

impl<'a> Skin<'a> {
    pub(crate) fn new(model: &Model, state: &'a State, art: &'a Target) -> Self {
        let (output, [width, height]) = (model.rule().output, [state.width(), state.height()]);
        let target = model.target();
        let frame = target
            .map_or(Frame { min: [0.0; 2], size: [width as f32, height as f32] }, |target| target.frame(width, height));
        let target = match (output, target) {
            (Output::Coordinates, _) | (_, None) => Vec::new(),
            (_, Some(target)) => target.premultiplied(width, height),
        };
        Self { output, state, frame, art, target }
    }

    /// What is shown at a point of the grid, in cells: premultiplied, 0 to 1.
    pub(crate) fn at(&self, point: [f32; 2]) -> [f32; 4] {
        let tissue = self.between(point, |cell| {
            let values = self.state.values().get(cell * self.state.channels()..).unwrap_or_default();
            values.first_chunk().copied().unwrap_or_default()
        });
        let place = self.frame.place(point);
        let life = ramp(tissue[3], &LIFE_BLEND);
        if life.is_nan() || life == 0.0 {
            return [0.0; 4];
        }
        let shown = match self.output {
            Output::Coordinates => {
                let off = [tissue[0] / tissue[3] - place[0], tissue[1] / tissue[3] - place[1]];
                let share = ramp(off[0].abs().max(off[1].abs()), &PLACE_BLEND);
                self.look_up([place[0] + off[0] * share, place[1] + off[1] * share])
            }
            Output::PremultipliedAlpha | Output::OpaqueCentered => {
                let grown = self.between(point, |cell| {
                    let values = self.target.get(cell * 4..).unwrap_or_default();
                    values.first_chunk().copied().unwrap_or_default()
                });
                let off = [0, 1, 2, 3].map(|channel| tissue[channel] - grown[channel]);
                let share = ramp(off.iter().fold(0.0, |most, value| value.abs().max(most)), &CRISP_BLEND);
                let art = self.look_up(place);
                [0, 1, 2, 3].map(|channel| (art[channel] + off[channel] * share).clamp(0.0, 1.0))
            }
        };
        shown.map(|value| value * life)
    }

    /// Samples cells bilinearly at a point. Points outside of the grid are those of its edge.
    fn between(&self, point: [f32; 2], cell: impl Fn(usize) -> [f32; 4]) -> [f32; 4] {
        let sides = [self.state.width(), self.state.height()];
        let at = [0, 1].map(|axis| (point[axis] - 0.5).clamp(0.0, sides[axis].saturating_sub(1) as f32));
        let first = at.map(|at| at as usize);
        let next = [0, 1].map(|axis| (first[axis] + 1).min(sides[axis].saturating_sub(1)));
        let [right, down] = [0, 1].map(|axis| at[axis] - first[axis] as f32);
        let row = |y: usize| {
            let (left, far) = (cell(y * sides[0] + first[0]), cell(y * sides[0] + next[0]));
            [0, 1, 2, 3].map(|channel| left[channel] * (1.0 - right) + far[channel] * right)
        };
        let (upper, lower) = (row(first[1]), row(next[1]));
        [0, 1, 2, 3].map(|channel| upper[channel] * (1.0 - down) + lower[channel] * down)
    }

    /// The pixel of the art that contains a place, premultiplied. Nothing beyond its edge.
    fn look_up(&self, place: [f32; 2]) -> [f32; 4] {
        let Target { width, height, rgba } = self.art;
        let (x, y) = ((place[0] * *width as f32).floor(), (place[1] * *height as f32).floor());
        let inside = x >= 0.0 && y >= 0.0 && x < *width as f32 && y < *height as f32;
        let pixel = rgba.as_chunks::<4>().0.get(y as usize * width + x as usize).filter(|_| inside);
        let [r, g, b, a] = pixel.map_or([0.0; 4], |pixel| pixel.map(|value| f32::from(value) / 255.0));
        [r * a, g * a, b * a, a]
    }
}

/// A sprite that shows art through its cells: the whole grid in straight-alpha sRGB, with `scale` pixels per pixel of the
/// art. The art covers the rectangle of the model's target, or the whole grid without a target. Its pixels are aligned to
/// those of the picture, so that a whole body shows them exactly.
///
/// See [`crate::rule::picture`] for a sprite without a skin.
pub fn skin_picture(model: &Model, state: &State, art: &Target, scale: u32) -> Target {
    let skin = Skin::new(model, state, art);
    let [columns, rows] = [(0, state.width(), art.width), (1, state.height(), art.height)].map(|(axis, side, art)| {
        let (frame, pixels) = (skin.frame, art.max(1) as f32 * scale.max(1) as f32);
        // The pixels of the art's rectangle are 0..pixels.
        let [first, end] = [0.0, side as f32].map(|edge| (edge - frame.min[axis]) / frame.size[axis] * pixels);
        let centers = (first.ceil() as i64..end.floor() as i64)
            .map(move |pixel| (pixel as f32 + 0.5) / pixels * frame.size[axis] + frame.min[axis]);
        centers.collect::<Vec<f32>>()
    });
    let rgba = rows.iter().flat_map(|y| columns.iter().flat_map(|x| straight(skin.at([*x, *y])))).collect();
    Target { width: columns.len(), height: rows.len(), rgba }
}

/// A premultiplied color as straight-alpha bytes.
fn straight([r, g, b, a]: [f32; 4]) -> Rgba {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    if a > 0.0 { [byte(r / a), byte(g / a), byte(b / a), byte(a)] } else { [0; 4] }
}
