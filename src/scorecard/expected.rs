//! How far the cells of a sprite are from those of a grown one.

use crate::rule::{LIFE_BLEND, Output, PLACE_BLEND, State, Target, mean_squared_error, ramp, rotation};

/// The square of a cell's distance from its place counts in units of this share of the picture's rectangle. A shift that
/// is too small to be seen then counts too: a body fails its gate, 0.02, shortly before the display moves its pixels.
const DRIFT: f32 = 0.4;
/// The share of the picture's alpha that must lie in the grid for it to fit. The sums are not exact.
const FITS: f32 = 0.9999;
/// Points per cell on each axis at which a body of coordinates is compared with its picture.
const POINTS: usize = 2;

/// What the cells of a grown sprite should be.
pub(crate) struct Expected<'a> {
    output: Output,
    target: &'a Target,
    width: usize,
    height: usize,
    /// The first four channels of each cell.
    cells: Vec<f32>,
    /// For coordinates, the place in the picture of each point, and the alpha of the picture there.
    points: Vec<Point>,
    /// The sum of the alphas of the points.
    total: f32,
}

struct Point {
    place: [f32; 2],
    alpha: f32,
}

impl<'a> Expected<'a> {
    pub(crate) fn new(output: Output, target: &'a Target, [width, height]: [usize; 2]) -> Self {
        let cells = target.cells(output, width, height);
        let expected = Self { output, target, width, height, cells, points: Vec::new(), total: 0.0 };
        let frame = target.frame(width, height);
        expected.with_points(|point| frame.place(point))
    }

    /// What the cells should be in a square grid, with gradients rotated by `angle`: the same, rotated about the seed.
    /// A rotated picture needs room for its diagonal.
    pub(crate) fn rotated(&self, angle: f32) -> Self {
        let Self { output, target, width, height, .. } = *self;
        let side = (width as f32).hypot(height as f32).ceil() as usize;
        let cells = rotated(&self.cells, (width, height), side, angle);
        let expected = Self { output, target, width: side, height: side, cells, points: Vec::new(), total: 0.0 };
        let ((cos, sin), frame) = (rotation(angle), target.frame(width, height));
        let seed = |side: usize| (side / 2) as f32 + 0.5;
        expected.with_points(|[x, y]| {
            let (dx, dy) = (x - seed(side), y - seed(side));
            frame.place([dx * cos - dy * sin + seed(width), dx * sin + dy * cos + seed(height)])
        })
    }

    /// The same as far beside its place as a body of coordinates stands, of a state of the same size. `None` if it stands at
    /// its place, does not fit the grid where it stands, or has no coordinates.
    pub(crate) fn beside(&self, state: &State) -> Option<Self> {
        let Self { output, target, width, height, .. } = *self;
        let frame = target.frame(width, height);
        let [right, down] = if output == Output::Coordinates { frame.shift(state) } else { [0, 0] };
        if [right, down] == [0, 0] {
            return None;
        }
        let expected = Self { output, target, width, height, cells: Vec::new(), points: Vec::new(), total: 0.0 };
        let beside = expected.with_points(|[x, y]| frame.place([x - right as f32, y - down as f32]));
        (beside.total > FITS * self.total).then_some(beside)
    }

    fn with_points(mut self, place: impl Fn([f32; 2]) -> [f32; 2]) -> Self {
        if self.output == Output::Coordinates {
            let points = (0..self.width * self.height * POINTS * POINTS).map(|index| {
                let place = place(self.point(index));
                Point { place, alpha: alpha(self.target, place) }
            });
            self.points = points.collect();
            self.total = self.points.iter().map(|point| point.alpha).sum();
        }
        self
    }

    /// The size of the grid.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// The point in the grid with an index, in cells.
    fn point(&self, index: usize) -> [f32; 2] {
        let across = self.width * POINTS;
        [index % across, index / across].map(|at| (at as f32 + 0.5) / POINTS as f32)
    }

    /// The error of a state of the same size. Of colors, the mean squared error over all cells and the four
    /// premultiplied channels.
    ///
    /// Of coordinates, the share of the picture that is lost, weighted by its alpha. A point between cells is lost as far
    /// as no cell lives there, or the display moves its pixel; and at least by the square of its distance from its place.
    /// What is shown beside the picture counts too.
    pub(crate) fn error(&self, state: &State) -> f32 {
        if self.output != Output::Coordinates {
            return mean_squared_error(self.output, state, &self.cells);
        }
        let mut lost = 0.0;
        for (index, point) in self.points.iter().enumerate() {
            let [u, v, _, life] = between(state, self.point(index));
            let shown = ramp(life, &LIFE_BLEND);
            if shown == 0.0 {
                lost += point.alpha;
                continue;
            }
            let place = [u / life, v / life];
            let off = [0, 1].map(|axis| place[axis] - point.place[axis]);
            let far = off[0].abs().max(off[1].abs());
            let moved = ramp(far, &PLACE_BLEND);
            if !far.is_finite() {
                lost += 1.0;
            } else if point.alpha > 0.0 {
                let drift = (far / DRIFT).powi(2).min(1.0);
                lost += point.alpha * (1.0 - shown * (1.0 - moved.max(drift)));
            } else {
                lost += shown * alpha(self.target, [0, 1].map(|axis| point.place[axis] + off[axis] * moved));
            }
        }
        lost / self.total.max(f32::MIN_POSITIVE)
    }
}

/// The alpha of a picture at a place, 0 to 1.
fn alpha(target: &Target, [u, v]: [f32; 2]) -> f32 {
    let (x, y) = ((u * target.width as f32).floor(), (v * target.height as f32).floor());
    if x < 0.0 || y < 0.0 || x >= target.width as f32 || y >= target.height as f32 {
        return 0.0;
    }
    let index = y as usize * target.width + x as usize;
    target.rgba.get(index * 4 + 3).map_or(0.0, |alpha| f32::from(*alpha) / 255.0)
}

/// The first four channels at a point, interpolated between the centers of cells.
fn between(state: &State, [x, y]: [f32; 2]) -> [f32; 4] {
    let (width, height, channels) = (state.width(), state.height(), state.channels());
    let [x, y] = [(x, width), (y, height)].map(|(at, cells)| (at - 0.5).clamp(0.0, cells as f32 - 1.0));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let (across, down) = (x - left as f32, y - top as f32);
    let mut sum = [0.0; 4];
    for (column, row, share) in [
        (left, top, (1.0 - across) * (1.0 - down)),
        (right, top, across * (1.0 - down)),
        (left, bottom, (1.0 - across) * down),
        (right, bottom, across * down),
    ] {
        let cell = &state.values()[(row * width + column) * channels..][..4];
        sum.iter_mut().zip(cell).for_each(|(sum, value)| *sum += share * value);
    }
    sum
}

/// A picture rotated about the seed cell, in a square grid, with bilinear interpolation. This is
/// what cells grow when their gradients are rotated by `angle`.
fn rotated(picture: &[f32], (width, height): (usize, usize), side: usize, angle: f32) -> Vec<f32> {
    let (cos, sin) = rotation(angle);
    let pixel = |x: isize, y: isize| -> [f32; 4] {
        let inside = (0..width as isize).contains(&x) && (0..height as isize).contains(&y);
        let at = (y * width as isize + x) as usize;
        if inside { [0, 1, 2, 3].map(|channel| picture[at * 4 + channel]) } else { [0.0; 4] }
    };
    let center = (side / 2) as f32;
    let mut rotated = Vec::with_capacity(side * side * 4);
    for cell in 0..side * side {
        let (dx, dy) = ((cell % side) as f32 - center, (cell / side) as f32 - center);
        let x = dx * cos - dy * sin + (width / 2) as f32;
        let y = dx * sin + dy * cos + (height / 2) as f32;
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, lower)| {
            let share = |beyond: isize, share: f32| if beyond == 1 { share } else { 1.0 - share };
            let weight = share(right, right_share) * share(lower, lower_share);
            pixel(left as isize + right, top as isize + lower).map(|value| value * weight)
        });
        rotated.extend((0..4).map(|channel| corners.iter().map(|corner| corner[channel]).sum::<f32>()));
    }
    rotated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round picture of 8 by 8 pixels, and a state of its grown body of coordinates in a grid of 16 by 16 cells.
    fn disc() -> (Target, State) {
        let alpha = |index: usize| {
            let [x, y] = [index % 8, index / 8].map(|at| at as f32 - 3.5);
            if x.hypot(y) < 4.0 { 255 } else { 0 }
        };
        let target = Target { width: 8, height: 8, rgba: (0..64).flat_map(|pixel| [9, 9, 9, alpha(pixel)]).collect() };
        let cells = target.cells(Output::Coordinates, 16, 16);
        let values = cells.as_chunks::<4>().0.iter().flat_map(|cell| [&cell[..], &[0.0; 4]].concat());
        let state = State::from_values(16, 16, 8, values.collect()).unwrap();
        (target, state)
    }

    fn error(target: &Target, state: &State) -> f32 {
        Expected::new(Output::Coordinates, target, [16, 16]).error(state)
    }

    #[test]
    fn a_grown_body_has_no_error_and_an_empty_grid_has_lost_everything() {
        let (target, mut state) = disc();
        assert!(error(&target, &state) < 1e-6);
        state.values_mut().chunks_exact_mut(8).for_each(|cell| cell[2] = 7.0);
        assert!(error(&target, &state) < 1e-6, "channel 2 is free");
        assert!((error(&target, &State::zeros(16, 16, 8)) - 1.0).abs() < 1e-6);
        state.values_mut()[3] = f32::NAN;
        assert!(error(&target, &state) > 0.0);
    }

    #[test]
    fn the_error_is_the_share_that_is_lost() {
        let (target, grown) = disc();
        let mut half = grown.clone();
        for row in 0..8 {
            half.values_mut()[row * 16 * 8..][..16 * 8].fill(0.0);
        }
        assert!((0.45..0.6).contains(&error(&target, &half)), "{}", error(&target, &half));
        let moved = |by: f32| {
            let mut state = grown.clone();
            state.values_mut().chunks_exact_mut(8).for_each(|cell| cell[0] += by * cell[3]);
            error(&target, &state)
        };
        assert!((moved(0.04) - 0.01).abs() < 1e-3, "a tenth of the distance that counts, squared: {}", moved(0.04));
        // Half of the way that the display moves a pixel, and what it shows beside the picture.
        assert!((0.5..0.7).contains(&moved(0.11)), "{}", moved(0.11));
        assert!(moved(0.3) > 0.99, "{}", moved(0.3));
    }

    #[test]
    fn what_is_shown_beside_the_picture_counts() {
        let (target, mut state) = disc();
        for cell in [3, 4, 16 + 3, 16 + 4, 32 + 3, 32 + 4] {
            state.values_mut()[cell * 8..][..4].copy_from_slice(&[0.5, 0.5, 0.0, 1.0]);
        }
        let astray = error(&target, &state);
        assert!(astray > 0.05, "{astray}");
        // Where it knows that it is beside the picture, it shows nothing.
        let frame = target.frame(16, 16);
        for cell in [3, 4, 16 + 3, 16 + 4, 32 + 3, 32 + 4] {
            let [u, v] = frame.place([(cell % 16) as f32 + 0.5, (cell / 16) as f32 + 0.5]);
            state.values_mut()[cell * 8..][..4].copy_from_slice(&[u, v, 0.0, 1.0]);
        }
        assert!(error(&target, &state) < 0.01, "{}", error(&target, &state));
    }

    #[test]
    fn a_body_may_stand_beside_its_place() {
        let (target, grown) = disc();
        let expected = Expected::new(Output::Coordinates, &target, [16, 16]);
        for shift in [[2, -1], [-3, 3], [0, 1]] {
            let mut state = State::zeros(16, 16, 8);
            for cell in 0..16 * 16usize {
                let to = [cell % 16, cell / 16].map(|at| at as i32);
                let from = [to[0] - shift[0], to[1] - shift[1]];
                if from.iter().all(|at| (0..16).contains(at)) {
                    let cells = grown.cell(from[0] as usize, from[1] as usize).unwrap();
                    state.values_mut()[cell * 8..][..8].copy_from_slice(cells);
                }
            }
            assert_eq!(target.frame(16, 16).shift(&state), shift);
            assert!(expected.error(&state) > 0.02);
            assert!(expected.beside(&state).unwrap().error(&state) < 1e-6);
            assert!(Expected::new(Output::PremultipliedAlpha, &target, [16, 16]).beside(&state).is_none());
            // It is damaged there too.
            state.values_mut()[8 * 16 * 8..].fill(0.0);
            assert!(expected.beside(&state).unwrap().error(&state) > 0.1);
        }
        assert!(expected.beside(&grown).is_none(), "at its place");
        let mut far = grown;
        far.values_mut().chunks_exact_mut(8).for_each(|cell| cell[0] += cell[3]);
        assert!(expected.beside(&far).is_none(), "eight cells to the left: beyond the grid");
    }

    #[test]
    fn a_rotated_body_is_expected_about_the_seed() {
        let (target, grown) = disc();
        let expected = Expected::new(Output::Coordinates, &target, [16, 16]);
        let turned = expected.rotated(std::f32::consts::FRAC_PI_2);
        let [side, _] = turned.size();
        let mut state = State::zeros(side, side, 8);
        for cell in 0..16 * 16 {
            // Cells go where `rotated` says: (dx, dy) comes from (-dy, dx).
            let [dx, dy] = [cell % 16, cell / 16].map(|at| at as isize - 8);
            let to = |at: isize| (at + side as isize / 2) as usize;
            let at = (to(-dx) * side + to(dy)) * 8;
            state.values_mut()[at..][..8].copy_from_slice(grown.cell(cell % 16, cell / 16).unwrap());
        }
        assert!(turned.error(&state) < 1e-4, "{}", turned.error(&state));
    }
}
