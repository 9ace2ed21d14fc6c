//! Skins: art of any size, shown through the cells of a body.
//!
//! The art covers the rectangle of the model's target. A pixel shows the art at its own place where the cells around it
//! are at theirs, and what they carry where they are lost. The edge of the living tissue lies between cells.

use super::{
    Model, Output, State, Target,
    body::Frame,
    picture::{CRISP_BLEND, LIFE_BLEND, PLACE_BLEND, pixel, ramp},
    reference::frame,
};

/// The art of a skin, and how it lies on the body of a sprite.
#[derive(Clone, Debug, PartialEq)]
pub struct SkinArt {
    picture: Target,
    /// What of the picture the model's target covers: its left, upper, right and lower edge as shares of the picture. They may
    /// lie outside of it.
    region: [f32; 4],
    /// Where on the body its pixels lie. `None` if they lie where they are.
    uv: Option<Target>,
}

impl SkinArt {
    /// Art that covers the rectangle of the model's target, as the picture does from which the model was trained. For a
    /// generic body, see [`GenericBody::with_art`](super::GenericBody::with_art).
    pub fn new(picture: Target) -> Self {
        Self::on(picture, [0.0, 0.0, 1.0, 1.0])
    }

    pub(crate) fn on(picture: Target, region: [f32; 4]) -> Self {
        Self { picture, region, uv: None }
    }

    /// Another picture of the same size in the same place, as the next frame of an animation. It has no UV sheet.
    pub fn with_picture(&self, picture: Target) -> Self {
        Self { picture, uv: None, ..*self }
    }

    /// Lets the pixels of the picture lie elsewhere on the body: `uv` is the UV sheet of this frame. Red is the column on the
    /// body, and green the row: 0 to 255 over the picture. Pixels with an alpha below 128 lie where they are. It may have
    /// another size than the picture.
    pub fn with_uv(self, uv: Target) -> Self {
        Self { uv: Some(uv), ..self }
    }

    /// The picture.
    pub fn picture(&self) -> &Target {
        &self.picture
    }

    pub(crate) fn region(&self) -> [f32; 4] {
        self.region
    }

    /// The place in the picture of a place in the target, 0 to 1 each.
    fn in_picture(&self, place: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| self.region[axis] + place[axis] * (self.region[axis + 2] - self.region[axis]))
    }

    /// Where on the body a place in the target lies. `None` without a UV sheet.
    fn on_body(&self, place: [f32; 2]) -> Option<[f32; 2]> {
        let (uv, shown_at) = (self.uv.as_ref()?, self.in_picture(place));
        let on_body = uv.on_body(shown_at);
        let back = |axis: usize| (on_body[axis] - self.region[axis]) / (self.region[axis + 2] - self.region[axis]);
        // To the last bit, if it lies where it is.
        Some(if on_body == shown_at { place } else { [back(0), back(1)] })
    }

    /// A sprite that shows the art through its cells: the whole grid in straight-alpha sRGB, with `scale` pixels per pixel
    /// of the art. The pixels of the art are aligned to those of the result, so a whole body shows them exactly.
    ///
    /// For a sprite without a skin, see [`picture`](super::picture).
    pub fn paint(&self, model: &Model, state: &State, scale: u32) -> Target {
        let skin = Skin::new(model, state, self);
        let sides = [(0, state.width(), self.picture.width), (1, state.height(), self.picture.height)];
        let [columns, rows] = sides.map(|(axis, side, art)| {
            let pixels = (art.max(1) as u64 * u64::from(scale.max(1))) as f32;
            let (cells, first) = (skin.frame.size[axis], skin.frame.min[axis]);
            let (least, share) = (self.region[axis], self.region[axis + 2] - self.region[axis]);
            // The pixels of the art are 0..pixels.
            let edge = |cell: f32| ((cell - first) / cells * share + least) * pixels;
            let cell = move |pixel: i64| ((pixel as f32 + 0.5) / pixels - least) / share * cells + first;
            (edge(0.0).ceil() as i64..edge(side as f32).floor() as i64).map(cell).collect::<Vec<f32>>()
        });
        let pixel = |x: f32, y: f32| pixel(Output::PremultipliedAlpha, &skin.at([x, y]));
        let rgba = rows.iter().flat_map(|y| columns.iter().flat_map(|x| pixel(*x, *y))).collect();
        Target { width: columns.len(), height: rows.len(), rgba }
    }
}

/// What is looked at through the cells of a sprite.
struct Skin<'a> {
    output: Output,
    state: &'a State,
    /// The rectangle of the model's target in the grid.
    frame: Frame,
    art: &'a SkinArt,
    /// The target in the grid, premultiplied; empty for a body of coordinates.
    target: Vec<f32>,
}

impl<'a> Skin<'a> {
    fn new(model: &Model, state: &'a State, art: &'a SkinArt) -> Self {
        let (output, [width, height]) = (model.rule().output, [state.width(), state.height()]);
        let frame = frame(model, [width, height]);
        let target = match (output, model.target()) {
            (Output::Coordinates, _) | (_, None) => Vec::new(),
            (_, Some(target)) => target.premultiplied(width, height),
        };
        Self { output, state, frame, art, target }
    }

    /// What is shown at a point of the grid, in cells: premultiplied, 0 to 1.
    fn at(&self, at: [f32; 2]) -> [f32; 4] {
        // Where it is shown, and where on the body it lies.
        let shown_at = self.frame.place(at);
        let (point, place) =
            self.art.on_body(shown_at).map_or((at, shown_at), |place| (self.frame.point(place), place));
        let tissue = self.between(point, |cell| quad(self.state.values(), cell * self.state.channels()));
        let life = ramp(tissue[3], &LIFE_BLEND);
        // With a UV sheet, parts may lie far from where they are seen: nothing swims beyond the pixels of the frame.
        let is_beyond = || self.art.uv.is_some() && self.look_up(shown_at)[3] == 0.0;
        if life.is_nan() || life == 0.0 || is_beyond() {
            return [0.0; 4];
        }
        let shown = match self.output {
            Output::Coordinates => {
                let off = [tissue[0] / tissue[3] - place[0], tissue[1] / tissue[3] - place[1]];
                let share = ramp(off[0].abs().max(off[1].abs()), &PLACE_BLEND);
                self.look_up([shown_at[0] + off[0] * share, shown_at[1] + off[1] * share])
            }
            // Without a target, nothing tells what is lost.
            _ if self.target.is_empty() => self.look_up(shown_at),
            Output::PremultipliedAlpha | Output::OpaqueCentered => {
                let grown = self.between(point, |cell| quad(&self.target, cell * 4));
                let off = [0, 1, 2, 3].map(|channel| tissue[channel] - grown[channel]);
                let share = ramp(off.iter().fold(0.0, |most, value| value.abs().max(most)), &CRISP_BLEND);
                let art = self.look_up(shown_at);
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

    /// The pixel of the art at a place in the target, premultiplied. Nothing beyond its edge.
    fn look_up(&self, place: [f32; 2]) -> [f32; 4] {
        let Target { width, height, rgba } = &self.art.picture;
        let [u, v] = self.art.in_picture(place);
        let (x, y) = ((u * *width as f32).floor(), (v * *height as f32).floor());
        let inside = x >= 0.0 && y >= 0.0 && x < *width as f32 && y < *height as f32;
        let pixel = rgba.as_chunks::<4>().0.get(y as usize * width + x as usize).filter(|_| inside);
        let [r, g, b, a] = pixel.map_or([0.0; 4], |pixel| pixel.map(|value| f32::from(value) / 255.0));
        [r * a, g * a, b * a, a]
    }
}

/// Four values from an index on; zeros if they are not there.
fn quad(values: &[f32], first: usize) -> [f32; 4] {
    values.get(first..).and_then(<[f32]>::first_chunk).copied().unwrap_or_default()
}
