//! The grown shape of a model on a grid, and how its cells are shown.

use super::{
    CellMask, Model, Output, Rgba, State,
    body::Frame,
    picture::{coordinates_pixel, crisp_pixel, pixel},
};

/// The share of a grown texture's cells that counts as weak. A cell that a wound has zeroed grows within some twenty ticks,
/// and most of the time it is among the weakest.
const WEAK_CELLS: f32 = 0.05;

/// The appearance of a grown sprite on a grid: the cells that should live, and their pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    output: Output,
    width: usize,
    /// The rectangle of the model's target.
    frame: Frame,
    /// Row-major straight-alpha sRGB, 0 to 1. Empty for rules without a life mask, where every cell
    /// should live.
    pixels: Vec<[f32; 4]>,
    /// A cell should live where the alpha of its pixel is above this.
    threshold: f32,
    /// Whether the pixels are those of the model's target.
    authored: bool,
    /// The squared magnitude from which a cell of a texture is as strong as those of a grown one; 0 with a life mask.
    strength: f32,
    /// False for a placeholder, until a sprite has been grown. Sprites are not judged by a placeholder.
    known: bool,
    cells: u32,
}

impl Reference {
    /// Uses the model's target. Without a target, it uses the living cells of the grown sprite that `grow` returns. Without
    /// a life mask, it uses the magnitudes of the cells of the grown texture that `grow` returns, of any size.
    pub(crate) fn new(model: &Model, [width, height]: [usize; 2], grow: impl FnOnce() -> State) -> Self {
        let rule = model.rule();
        let mut strength = 0.0;
        let pixels: Vec<[f32; 4]> = match (rule.alive, model.target()) {
            (None, _) => {
                let mut strengths: Vec<f32> = grow().values().chunks_exact(rule.channels).map(squared).collect();
                let weak = (strengths.len() as f32 * WEAK_CELLS) as usize;
                if weak < strengths.len() {
                    strength = *strengths.select_nth_unstable_by(weak, f32::total_cmp).1;
                }
                Vec::new()
            }
            (Some(_), Some(target)) => {
                let straight = |[r, g, b, a]: [f32; 4]| if a > 0.0 { [r / a, g / a, b / a, a] } else { [0.0; 4] };
                let pixels = target.premultiplied(width, height);
                pixels.as_chunks::<4>().0.iter().map(|pixel| straight(*pixel)).collect()
            }
            (Some(alive), None) => {
                let state = grow();
                let cells = state.values().chunks_exact(rule.channels);
                let pixel = |lives| [0.0, 0.0, 0.0, if lives { alive.threshold + 1.0 } else { 0.0 }];
                cells.map(|cell| pixel(rule.lives(cell))).collect()
            }
        };
        let threshold = rule.alive.map_or(0.0, |alive| alive.threshold);
        let cells = match pixels.is_empty() {
            true => strong_cells((width * height) as u32) as usize,
            false => pixels.iter().filter(|pixel| pixel[3] > threshold).count(),
        };
        let authored = rule.output != Output::OpaqueCentered && rule.alive.is_some() && model.target().is_some();
        let (output, frame) = (rule.output, frame(model, [width, height]));
        Self { output, width, frame, pixels, threshold, authored, strength, known: true, cells: cells as u32 }
    }

    /// A texture with two rules counts cells of both: the weaker of the two is the measure.
    pub(crate) fn with_overgrowth(self, other: &Self) -> Self {
        Self { strength: self.strength.min(other.strength), ..self }
    }

    /// Whether [`Reference::new`] calls `grow` for this model.
    pub(crate) fn must_grow(model: &Model) -> bool {
        model.rule().alive.is_none() || model.target().is_none()
    }

    /// A placeholder until a sprite has been grown: every cell should live.
    pub(crate) fn unknown(model: &Model, [width, height]: [usize; 2]) -> Self {
        let threshold = model.rule().alive.map_or(0.0, |alive| alive.threshold);
        let pixels = vec![[0.0, 0.0, 0.0, threshold + 1.0]; width * height];
        let (output, frame, cells) = (model.rule().output, frame(model, [width, height]), pixels.len() as u32);
        Self { output, width, frame, cells, pixels, threshold, authored: false, strength: 0.0, known: false }
    }

    /// False for a placeholder; see [`Reference::unknown`].
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// `[height, width, 4]`; empty if every cell should live.
    pub(crate) fn pixels(&self) -> &[[f32; 4]] {
        &self.pixels
    }

    /// Whether the pixels may be shown, because they come from the model's target.
    pub(crate) fn is_authored(&self) -> bool {
        self.authored
    }

    /// The number of cells of a grown sprite.
    pub(crate) fn cells(&self) -> u32 {
        self.cells
    }

    /// The number of cells in `cells` that a grown sprite has; of a texture, how many of them are not weak. `rotation` is the
    /// cosine and sine of the sprite's angle.
    pub(crate) fn count(&self, cells: &CellMask, rotation: (f32, f32)) -> u32 {
        let width = self.width.max(1);
        let count = cells.iter().filter(|cell| self.has_cell(cell % width, cell / width, rotation)).count() as u32;
        if self.pixels.is_empty() { strong_cells(count) } else { count }
    }

    /// The squared magnitude from which a cell of a texture is as strong as those of a grown one; 0 with a life mask.
    pub(crate) fn strength(&self) -> f32 {
        self.strength
    }

    /// Whether a living cell has the strength of a grown one. With a life mask, every living cell has.
    pub(crate) fn is_strong(&self, cell: &[f32]) -> bool {
        self.strength == 0.0 || squared(cell) >= self.strength
    }

    /// Whether a grown sprite has a cell at `(x, y)`. `rotation` is the cosine and sine of the sprite's angle.
    pub(crate) fn has_cell(&self, x: usize, y: usize, rotation: (f32, f32)) -> bool {
        self.pixels.is_empty() || self.pixel(x, y, rotation)[3] > self.threshold
    }

    /// Whether a living cell at `(x, y)` shows anything. A body of coordinates is larger than its picture.
    pub(crate) fn shows(&self, x: usize, y: usize, rotation: (f32, f32)) -> bool {
        self.output != Output::Coordinates || self.has_cell(x, y, rotation)
    }

    /// The rectangle of the model's target in the grid.
    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// The point of an upright grown sprite that is at the center of the cell `(x, y)`, when the sprite is rotated
    /// about the center cell. The angle is given by its cosine and sine.
    fn upright(&self, x: usize, y: usize, (cos, sin): (f32, f32)) -> [f32; 2] {
        let height = self.pixels.len() / self.width.max(1);
        let (middle_x, middle_y) = ((self.width / 2) as f32, (height / 2) as f32);
        let (dx, dy) = (x as f32 - middle_x, y as f32 - middle_y);
        [dx * cos - dy * sin + middle_x + 0.5, dx * sin + dy * cos + middle_y + 0.5]
    }

    /// The pixel of a grown sprite that contains a point. Transparent outside the grid.
    fn pixel_at(&self, point: [f32; 2]) -> [f32; 4] {
        let height = self.pixels.len() / self.width.max(1);
        let [x, y] = point;
        let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < height as f32;
        if inside { self.pixels[y as usize * self.width + x as usize] } else { [0.0; 4] }
    }

    /// The pixel of a rotated grown sprite at `(x, y)`. Uses the nearest pixel.
    fn pixel(&self, x: usize, y: usize, rotation: (f32, f32)) -> [f32; 4] {
        self.pixel_at(self.upright(x, y, rotation))
    }

    /// How the cell at `(x, y)` of a rotated sprite is shown, crisp if so desired.
    pub(crate) fn shown(&self, [x, y]: [usize; 2], cell: &[f32], rotation: (f32, f32), crisp: bool) -> Rgba {
        match self.output {
            Output::Coordinates => {
                let place = self.frame.place(self.upright(x, y, rotation));
                let look_up = |place| self.pixel_at(self.frame.point(place));
                coordinates_pixel(cell, place, look_up)
            }
            _ if crisp => crisp_pixel(cell, self.pixel(x, y, rotation)),
            output => pixel(output, cell),
        }
    }
}

/// The number of cells of a grown texture that are not weak.
fn strong_cells(cells: u32) -> u32 {
    cells - (cells as f32 * WEAK_CELLS) as u32
}

/// The squared magnitude of a cell.
fn squared(cell: &[f32]) -> f32 {
    cell.iter().map(|value| value * value).sum()
}

/// The rectangle of a model's target; the whole grid without one.
pub(super) fn frame(model: &Model, [width, height]: [usize; 2]) -> Frame {
    match model.target() {
        Some(target) => target.frame(width, height),
        None => Frame { min: [0.0; 2], size: [width, height].map(|side| side as f32) },
    }
}
