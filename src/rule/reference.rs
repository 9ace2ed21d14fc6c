//! The grown shape of a model on a grid, and how its cells are shown.

use super::{
    CellMask, CellStats, Model, Output, Rgba, State,
    body::Frame,
    picture::{coordinates_pixel, crisp_pixel, lost_by_color, lost_by_place, pixel},
};

/// The share of a grown texture's cells that counts as weak. A cell that a wound has zeroed grows within some twenty ticks,
/// and most of the time it is among the weakest.
const WEAK_CELLS: f32 = 0.05;

/// A cell is alike up to this.
const MOST_LOST: f32 = 0.5;
/// The share of a grown sprite's cells that may be missing or too many.
const MOST_OTHERS: f32 = 0.05;

/// How a grown sprite is to be compared with cells: turned, in one of its forms, and beside its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pose {
    /// The cosine and sine of its angle.
    pub(crate) rotation: (f32, f32),
    /// The number of its form.
    pub(crate) form: usize,
    /// How far it stands from its place, right and down, in cells.
    pub(crate) beside: [i32; 2],
}

impl Pose {
    /// Upright, in the first form, at its place.
    pub(crate) const UPRIGHT: Self = Self { rotation: (1.0, 0.0), form: 0, beside: [0; 2] };

    /// How far it stands from its place in the grid turned upright, right and down, in cells.
    pub(crate) fn upright_beside(&self) -> [f32; 2] {
        let ((cos, sin), [right, down]) = (self.rotation, self.beside.map(|cells| cells as f32));
        [right * cos - down * sin, right * sin + down * cos]
    }
}

/// The appearance of a grown sprite on a grid, in each of its forms: the cells that should live, and their pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    output: Output,
    width: usize,
    height: usize,
    /// The rectangle of the model's targets.
    frame: Frame,
    /// `[form][y][x]` of straight-alpha sRGB, 0 to 1. Empty for rules without a life mask, where every cell
    /// should live.
    pixels: Vec<[f32; 4]>,
    /// A cell should live where the alpha of its pixel is above this.
    threshold: f32,
    /// Whether the pixels are those of the model's targets.
    authored: bool,
    /// The squared magnitude from which a cell of a texture is as strong as those of a grown one; 0 with a life mask.
    strength: f32,
    /// False for a placeholder, until a sprite has been grown. Sprites are not judged by a placeholder.
    known: bool,
    /// The number of cells in each form.
    cells: Vec<u32>,
    /// The living cells of a grown sprite in each form. A body of coordinates is larger than its picture. Empty for rules
    /// without a life mask.
    bodies: Vec<CellMask>,
}

impl Reference {
    /// Uses the model's targets. Without targets, it uses the living cells of the grown sprite that `grow` returns for each
    /// form. Without a life mask, it uses the magnitudes of the cells of the grown texture that `grow` returns for the first
    /// form, of any size.
    pub(crate) fn new(model: &Model, [width, height]: [usize; 2], mut grow: impl FnMut(usize) -> State) -> Self {
        let rule = model.rule();
        let mut strength = 0.0;
        let mut pixels: Vec<[f32; 4]> = Vec::new();
        match rule.alive {
            None => {
                let mut strengths: Vec<f32> = grow(0).values().chunks_exact(rule.channels).map(squared).collect();
                let weak = (strengths.len() as f32 * WEAK_CELLS) as usize;
                if weak < strengths.len() {
                    strength = *strengths.select_nth_unstable_by(weak, f32::total_cmp).1;
                }
            }
            Some(_) if !model.targets().is_empty() => {
                let straight = |[r, g, b, a]: [f32; 4]| if a > 0.0 { [r / a, g / a, b / a, a] } else { [0.0; 4] };
                for target in model.targets() {
                    let grown = target.premultiplied(width, height);
                    pixels.extend(grown.as_chunks::<4>().0.iter().map(|pixel| straight(*pixel)));
                }
            }
            Some(alive) => {
                let pixel = |lives| [0.0, 0.0, 0.0, if lives { alive.threshold + 1.0 } else { 0.0 }];
                for form in 0..rule.forms.len().max(1) {
                    let state = grow(form);
                    pixels.extend(state.values().chunks_exact(rule.channels).map(|cell| pixel(rule.lives(cell))));
                }
            }
        }
        let threshold = rule.alive.map_or(0.0, |alive| alive.threshold);
        let cells = match pixels.is_empty() {
            true => vec![strong_cells((width * height) as u32)],
            false => {
                let count = |form: &[[f32; 4]]| form.iter().filter(|pixel| pixel[3] > threshold).count() as u32;
                pixels.chunks((width * height).max(1)).map(count).collect()
            }
        };
        let authored = rule.output != Output::OpaqueCentered && rule.alive.is_some() && model.target().is_some();
        let (output, frame) = (rule.output, frame(model, [width, height]));
        let bodies = match output {
            Output::Coordinates => model.targets().iter().map(|target| target.body(width, height)).collect(),
            Output::PremultipliedAlpha | Output::OpaqueCentered => {
                let body = |form: &[[f32; 4]]| CellMask::from_fn(width, height, |&cell| form[cell][3] > threshold);
                pixels.chunks_exact((width * height).max(1)).map(body).collect()
            }
        };
        Self { output, width, height, frame, pixels, threshold, authored, strength, known: true, cells, bodies }
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
        let forms = model.rule().forms.len().max(1);
        let (pixels, cells) = (pixels.repeat(forms), vec![pixels.len() as u32; forms]);
        let (output, frame) = (model.rule().output, frame(model, [width, height]));
        let (authored, strength, known, bodies) = (false, 0.0, false, Vec::new());
        Self { output, width, height, frame, cells, bodies, pixels, threshold, authored, strength, known }
    }

    /// False for a placeholder; see [`Reference::unknown`].
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// `[form, height, width, 4]`; empty if every cell should live.
    pub(crate) fn pixels(&self) -> &[[f32; 4]] {
        &self.pixels
    }

    /// The pixels of the first form.
    pub(crate) fn first_pixels(&self) -> &[[f32; 4]] {
        &self.pixels[..self.pixels.len().min(self.width * self.height)]
    }

    /// Whether the pixels may be shown, because they come from the model's targets.
    pub(crate) fn is_authored(&self) -> bool {
        self.authored
    }

    /// The number of cells of a grown sprite in a form.
    pub(crate) fn cells(&self, form: usize) -> u32 {
        self.cells.get(form).or(self.cells.first()).copied().unwrap_or_default()
    }

    /// Whether cells with these statistics are those of a grown sprite in a form: nearly all of the `possible` ones, and few
    /// others.
    pub(crate) fn is_reached(&self, stats: &CellStats, form: usize, possible: u32) -> bool {
        let share = 1.0 - MOST_OTHERS;
        if self.pixels.is_empty() {
            return stats.alike as f32 >= possible as f32 * share;
        }
        let living = self.bodies.get(form).map_or(0, CellMask::count) as f32;
        let most = living * (1.0 + MOST_OTHERS) + 2.0;
        stats.alike as f32 >= possible as f32 * share && stats.live as f32 <= most
    }

    /// The number of cells in `cells` that a grown sprite has; of a texture, how many of them are not weak.
    pub(crate) fn count(&self, cells: &CellMask, pose: Pose) -> u32 {
        let width = self.width.max(1);
        let count = cells.iter().filter(|cell| self.has_cell(cell % width, cell / width, pose)).count() as u32;
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

    /// How far from its place a grown sprite stands that has these living cells, right and down, if it is whole there.
    /// `None` if it is not, or nothing tells it from one that stands as `pose` says. Cells of `dead` ground are not expected.
    ///
    /// Cells that grow from a small rest of a body no longer know exactly where in the grid they were.
    pub(crate) fn stands_beside(&self, cells: &CellMask, dead: Option<&CellMask>, pose: Pose) -> Option<[i32; 2]> {
        let body = self.bodies.get(pose.form).filter(|body| body.fits(cells.width(), cells.height()))?;
        let (living, all) = (cells.count() as f32, body.count() as f32);
        let is_dead = |cell: usize| dead.is_some_and(|dead| dead.contains(cell));
        // With scars it has fewer cells; how many depends on where it stands.
        let least = all - dead.map_or(0, CellMask::count) as f32;
        if living < least * (1.0 - MOST_OTHERS) || living > all * (1.0 + MOST_OTHERS) {
            return None;
        }
        let position = |cell: usize| [cell % self.width, cell / self.width];
        let is_body = |cell: usize, pose: Pose| {
            let [x, y] = position(cell);
            let [x, y] = self.upright(x, y, pose).map(f32::floor);
            let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
            inside && body.contains(y as usize * self.width + x as usize)
        };
        let common = |pose: Pose| cells.iter().filter(|cell| is_body(*cell, pose)).count() as f32;
        let here = common(pose);
        // Most sprites that are not whole stand where they should.
        if living - here < living * MOST_OTHERS {
            return None;
        }
        let all_cells = || 0..self.width * self.height;
        let expected = |pose: Pose| all_cells().filter(move |cell| !is_dead(*cell) && is_body(*cell, pose));
        let at = |beside: [i32; 2]| Pose { beside, ..pose };
        let home = mean(expected(at([0; 2])).map(position))?;
        let there = mean(cells.iter().map(position))?;
        let apart = [there[0] - home[0], there[1] - home[1]];
        let nearest = apart.map(|axis| axis.round() as i32);
        let around = (0..9).map(|step| at([nearest[0] + step % 3 - 1, nearest[1] + step / 3 - 1]));
        let off = |pose: &Pose| (pose.beside[0] as f32 - apart[0]).hypot(pose.beside[1] as f32 - apart[1]);
        let best = around
            .map(|pose| (common(pose), pose))
            .max_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| off(second).total_cmp(&off(first))));
        let (shared, best) = best?;
        // Cells beyond the edge of the grid are missing.
        let scars = dead.map_or(0, |dead| dead.iter().filter(|cell| is_body(*cell, best)).count());
        let most = living.max(all - scars as f32);
        let (is_whole, is_told) = (shared >= most * (1.0 - MOST_OTHERS), shared >= here + most * MOST_OTHERS);
        (is_whole && is_told).then_some(best.beside)
    }

    /// Whether a grown sprite has a cell at `(x, y)`.
    pub(crate) fn has_cell(&self, x: usize, y: usize, pose: Pose) -> bool {
        self.pixels.is_empty() || self.pixel(x, y, pose)[3] > self.threshold
    }

    /// Whether a living cell at `(x, y)` shows anything. A body of coordinates is larger than its picture.
    pub(crate) fn shows(&self, x: usize, y: usize, pose: Pose) -> bool {
        self.output != Output::Coordinates || self.has_cell(x, y, pose)
    }

    /// Keeps only the cells that show something.
    pub(crate) fn keep_shown(&self, cells: &mut CellMask, pose: Pose) {
        if self.output != Output::Coordinates {
            return;
        }
        let (width, height) = (cells.width(), cells.height());
        let shows = |cell: usize| self.has_cell(cell % width, cell / width, pose);
        *cells = CellMask::from_fn(width, height, |&cell| cells.contains(cell) && shows(cell));
    }

    /// The straight-alpha sRGB color, 0 to 1, that the model's target has at `(x, y)`. `None` without one.
    pub(crate) fn grown_color(&self, x: usize, y: usize, pose: Pose) -> Option<[f32; 4]> {
        self.authored.then(|| self.pixel(x, y, pose))
    }

    /// A cell of a grown sprite is less lost than this. Without targets, no cell is too lost.
    pub(crate) fn most_lost(&self) -> f32 {
        if self.authored { MOST_LOST } else { f32::MAX }
    }

    /// Whether a living cell at `(x, y)` looks rather like that of a grown sprite in its form than lost, by its color or its
    /// place.
    pub(crate) fn is_alike(&self, [x, y]: [usize; 2], cell: &[f32], pose: Pose) -> bool {
        let lost = match (self.output, cell) {
            (Output::Coordinates, [u, v, _, alpha, ..]) => {
                let place = self.frame.place(self.upright(x, y, pose));
                lost_by_place([u / alpha - place[0], v / alpha - place[1]])
            }
            (Output::PremultipliedAlpha, _) => {
                let [r, g, b, a] = self.pixel(x, y, pose);
                lost_by_color(cell, [r * a, g * a, b * a, a])
            }
            _ => 0.0,
        };
        self.is_strong(cell) && self.has_cell(x, y, pose) && lost < self.most_lost()
    }

    /// The rectangle of the model's target in the grid.
    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// The point of an upright grown sprite at its place that is at the center of the cell `(x, y)`, when the sprite is
    /// rotated about the center cell, and beside its place.
    fn upright(&self, x: usize, y: usize, Pose { rotation: (cos, sin), beside, .. }: Pose) -> [f32; 2] {
        let (middle_x, middle_y) = ((self.width / 2) as f32, (self.height / 2) as f32);
        let (dx, dy) = (x as f32 - middle_x - beside[0] as f32, y as f32 - middle_y - beside[1] as f32);
        [dx * cos - dy * sin + middle_x + 0.5, dx * sin + dy * cos + middle_y + 0.5]
    }

    /// The pixel of a grown sprite that contains a point. Transparent outside the grid.
    fn pixel_at(&self, [x, y]: [f32; 2], form: usize) -> [f32; 4] {
        let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
        let row = form * self.height + y as usize;
        let pixel = self.pixels.get(row * self.width + x as usize).filter(|_| inside);
        pixel.copied().unwrap_or_default()
    }

    /// The pixel of a grown sprite at `(x, y)`. Uses the nearest pixel.
    fn pixel(&self, x: usize, y: usize, pose: Pose) -> [f32; 4] {
        self.pixel_at(self.upright(x, y, pose), pose.form)
    }

    /// How the cell at `(x, y)` of a sprite is shown, crisp if so desired.
    pub(crate) fn shown(&self, [x, y]: [usize; 2], cell: &[f32], pose: Pose, crisp: bool) -> Rgba {
        match self.output {
            Output::Coordinates => {
                let place = self.frame.place(self.upright(x, y, pose));
                let look_up = |place| self.pixel_at(self.frame.point(place), pose.form);
                coordinates_pixel(cell, place, look_up)
            }
            _ if crisp => crisp_pixel(cell, self.pixel(x, y, pose)),
            output => pixel(output, cell),
        }
    }
}

/// The mean of positions. `None` if there are none.
fn mean(positions: impl Iterator<Item = [usize; 2]>) -> Option<[f32; 2]> {
    let (sum, count) = positions.fold(([0; 2], 0), |([x, y], count), [right, down]| ([x + right, y + down], count + 1));
    (count > 0).then(|| sum.map(|axis| (axis as f64 / f64::from(count)) as f32))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Rule, Shape, Target, Weights, rotation};

    const SIZE: [usize; 2] = [26, 24];

    /// A picture with a corner, so that no rotation is the picture itself.
    fn reference(output: Output) -> Reference {
        let rgba = (0..14 * 10).flat_map(|pixel| [9, 9, 9, if pixel % 14 < 5 || pixel / 14 > 5 { 255 } else { 0 }]);
        let target = Target { width: 14, height: 10, rgba: rgba.collect() };
        let rule =
            Rule { grid: SIZE.map(|side| side as u32), channels: 8, hidden: 16, output, version: 2, ..Rule::default() };
        let weights = Weights {
            hidden_weight: vec![0.0; rule.features() * rule.hidden],
            hidden_bias: vec![0.0; rule.hidden],
            output_weight: vec![0.0; rule.hidden * rule.channels],
            output_bias: vec![0.0; rule.channels],
            ..Weights::default()
        };
        Reference::new(&Model::new(rule, weights, Some(target)).unwrap(), SIZE, |_| unreachable!())
    }

    /// The living cells of a sprite that is whole.
    fn whole(reference: &Reference, pose: Pose) -> CellMask {
        CellMask::from_fn(SIZE[0], SIZE[1], |cell| {
            let [x, y] = reference.upright(cell % SIZE[0], cell / SIZE[0], pose).map(|at| at.floor() as i64);
            let inside = x >= 0 && y >= 0 && x < SIZE[0] as i64 && y < SIZE[1] as i64;
            inside && reference.bodies[0].contains(y as usize * SIZE[0] + x as usize)
        })
    }

    #[test]
    fn a_sprite_beside_its_place_is_found() {
        for output in [Output::Coordinates, Output::PremultipliedAlpha] {
            let reference = reference(output);
            for (angle, beside) in [(0.0, [3, -2]), (0.0, [-4, 0]), (0.7, [2, 3]), (-2.0, [-3, 2])] {
                let stands = Pose { rotation: rotation(angle), form: 0, beside };
                let home = Pose { beside: [0; 2], ..stands };
                let cells = whole(&reference, stands);
                assert_eq!(reference.stands_beside(&cells, None, home), Some(beside), "{output:?} {angle}");
                assert_eq!(reference.stands_beside(&cells, None, stands), None, "nothing new");
                assert_eq!(reference.stands_beside(&whole(&reference, home), None, stands), Some([0; 2]), "back home");
                // It has as many cells there as at its place, and the same pixels.
                assert_eq!(reference.count(&cells, stands), reference.count(&whole(&reference, home), home));
                let to_home = |cell: usize| {
                    let [x, y] = [(cell % SIZE[0]) as i32 - beside[0], (cell / SIZE[0]) as i32 - beside[1]];
                    (x >= 0 && y >= 0).then_some([x as usize, y as usize])
                };
                for cell in cells.iter() {
                    let [x, y] = to_home(cell).unwrap();
                    assert_eq!(reference.pixel(cell % SIZE[0], cell / SIZE[0], stands), reference.pixel(x, y, home));
                }
            }
        }
    }

    #[test]
    fn what_is_not_whole_keeps_its_place() {
        let reference = reference(Output::Coordinates);
        let cells = whole(&reference, Pose::UPRIGHT);
        // Whatever a wound leaves at its place is no whole sprite beside it.
        for width in 1..14 {
            for shape in [Shape::rect(0.0, 0.0, 5.0 + width as f32, 24.0), Shape::circle(13.0, 12.0, width as f32)] {
                let mut left = cells.clone();
                left.subtract(&CellMask::of(&shape, SIZE[0], SIZE[1]));
                assert_eq!(reference.stands_beside(&left, None, Pose::UPRIGHT), None, "{shape:?}");
            }
        }
        assert_eq!(reference.stands_beside(&CellMask::new(SIZE[0], SIZE[1]), None, Pose::UPRIGHT), None);
        assert_eq!(reference.stands_beside(&CellMask::full(SIZE[0], SIZE[1]), None, Pose::UPRIGHT), None);
        // A part of one that stands beside its place is not whole either, but one with a scar is.
        let stands = Pose { beside: [4, 2], ..Pose::UPRIGHT };
        let scar = CellMask::of(&Shape::rect(11.0, 0.0, 13.0, 24.0), SIZE[0], SIZE[1]);
        let mut left = whole(&reference, stands);
        left.subtract(&scar);
        assert_eq!(reference.stands_beside(&left, None, Pose::UPRIGHT), None);
        assert_eq!(reference.stands_beside(&left, Some(&scar), Pose::UPRIGHT), Some([4, 2]));
        // Beyond the edge of the grid it is not whole.
        let cut_off = whole(&reference, Pose { beside: [9, 0], ..Pose::UPRIGHT });
        assert_eq!(reference.stands_beside(&cut_off, None, Pose::UPRIGHT), None);
    }
}
