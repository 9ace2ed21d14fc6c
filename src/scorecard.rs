//! Measures how well a model grows, keeps and repairs its picture.
//!
//! For each of four noise seeds:
//!
//! 1. Grow the model from its seed, and measure it against its target at ticks 96, 200, 1,000 and 5,000.
//! 2. At tick 200, wound a copy in each of seven ways, and measure it after another 200 ticks.
//! 3. Grow the model for 200 ticks with gradients rotated by 0, 90 and 45 degrees, and measure it
//!    against the rotated target. This has no gate.
//!
//! All errors are [mean squared errors](Target::error) over the whole grid.
//!
//! A model passes if its worst noise seed has an error of at most 0.001 at ticks 200 and 1,000, and
//! of at most 0.002 at tick 5,000 and after each repair.

use std::{num::NonZero, thread};

use serde::Serialize;

use crate::{
    cpu::{Engine, Grid, Scratch, Tick},
    rule::{CellMap, CellMask, Model, Rule, Shape, State, Target, mean_squared_error, mix, rotation},
};

/// The noise seeds of a scorecard.
pub const SEEDS: [u32; 4] = [1, 2, 3, 4];
/// The tick at which a sprite is wounded, and the number of ticks it has to heal.
const WOUND_TICK: u32 = 200;
const HEALING_TICKS: u32 = 200;

/// The measurements of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Scorecard {
    /// One entry per test, in order.
    pub entries: Vec<Entry>,
}

/// The result of one test.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The test.
    pub test: Test,
    /// The mean squared error, averaged over the noise seeds.
    pub mean: f32,
    /// The error of the worst noise seed.
    pub worst: f32,
    /// The maximum of `worst`; `None` if the test is informational.
    pub gate: Option<f32>,
}

/// A measurement of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Grown for this many ticks.
    Grown(u32),
    /// Repaired for 200 ticks after a wound.
    Repaired(Wound),
    /// Grown for 200 ticks with gradients rotated by this many degrees, and compared with the rotated picture.
    Rotated(u32),
}

/// A wound of the scorecard, relative to the visible part of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wound {
    /// The upper half is cut away.
    Upper,
    /// The lower half is cut away.
    Lower,
    /// The left half is cut away.
    Left,
    /// The right half is cut away.
    Right,
    /// A disc in the center. Its diameter is half the longer side.
    Centre,
    /// Five discs at random points. The diameter of each is a quarter of the longer side.
    Discs,
    /// Nine out of ten cells, at random.
    Scattered,
}

impl Wound {
    /// All wounds, in the order of the scorecard.
    pub const ALL: [Self; 7] =
        [Self::Upper, Self::Lower, Self::Left, Self::Right, Self::Centre, Self::Discs, Self::Scattered];

    /// The cells that the wound hits. `seed` selects the random ones.
    pub fn mask(self, target: &Target, width: usize, height: usize, seed: u32) -> CellMask {
        let [left, top, right, bottom] = bounds(target, width, height);
        let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let (w, h) = (width as f32, height as f32);
        let longer = (right - left).max(bottom - top);
        let shape = match self {
            Self::Upper => Shape::rect(0.0, 0.0, w, y),
            Self::Lower => Shape::rect(0.0, y, w, h),
            Self::Left => Shape::rect(0.0, 0.0, x, h),
            Self::Right => Shape::rect(x, 0.0, w, h),
            Self::Centre => Shape::circle(x, y, (longer / 4.0).max(1.5)),
            Self::Discs => {
                let mut mask = CellMask::new(width, height);
                for disc in 0..5 {
                    let random = |salt: u32| mix(seed ^ mix(2 * disc + salt)) as f32 / u32::MAX as f32;
                    let center = [left + random(0) * (right - left), top + random(1) * (bottom - top)];
                    mask.add(&Shape::circle(center[0], center[1], (longer / 8.0).max(1.0)), CellMap::IDENTITY);
                }
                return mask;
            }
            Self::Scattered => {
                return CellMask::from_fn(width, height, |&cell| mix(cell as u32 ^ mix(seed)) < (u32::MAX / 10) * 9);
            }
        };
        CellMask::of(&shape, width, height)
    }
}

impl Test {
    /// The maximum mean squared error of the worst noise seed, if the test has a gate.
    fn gate(self) -> Option<f32> {
        match self {
            Self::Grown(200 | 1000) => Some(0.001),
            Self::Grown(5000) | Self::Repaired(_) => Some(0.002),
            Self::Grown(_) | Self::Rotated(_) => None,
        }
    }
}

impl Scorecard {
    /// Measures a model against a picture, on one thread per core, up to one per noise seed.
    pub fn of(model: &Model, target: &Target) -> Self {
        let engine = Engine::new(model);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(SEEDS.len());
        let measure = |seeds: &[u32]| seeds.iter().map(|&seed| run(&engine, model.rule(), target, seed)).collect();
        let runs: Vec<Vec<(Test, f32)>> = thread::scope(|scope| {
            let workers: Vec<_> = SEEDS
                .chunks(SEEDS.len().div_ceil(threads))
                .map(|seeds| scope.spawn(move || -> Vec<_> { measure(seeds) }))
                .collect();
            let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| match worker.join() {
                Ok(runs) => runs,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            workers.into_iter().flat_map(join).collect()
        });
        let tests = runs.first().map_or(&[][..], Vec::as_slice);
        let entry = |(index, &(test, _)): (usize, &(Test, f32))| {
            let errors = || runs.iter().map(|run| run[index].1);
            Entry { test, mean: errors().sum::<f32>() / runs.len() as f32, worst: worst(errors()), gate: test.gate() }
        };
        Self { entries: tests.iter().enumerate().map(entry).collect() }
    }

    /// Whether every gate is met.
    pub fn passes(&self) -> bool {
        self.entries.iter().all(Entry::passes) && !self.entries.is_empty()
    }

    /// The largest ratio of a worst error to its gate. A model passes if it is at most 1. Training
    /// keeps the model with the lowest worst_ratio.
    pub fn worst_ratio(&self) -> f32 {
        worst(self.entries.iter().filter_map(|entry| Some(entry.worst / entry.gate?)))
    }
}

impl Entry {
    /// Whether the gate is met, if there is one.
    pub fn passes(&self) -> bool {
        self.gate.is_none_or(|gate| self.worst <= gate)
    }
}

/// The largest absolute value, NaN if there is one, or infinity if there are no values.
fn worst(errors: impl Iterator<Item = f32>) -> f32 {
    errors.map(f32::abs).max_by(f32::total_cmp).unwrap_or(f32::INFINITY)
}

/// Runs all tests with one noise seed.
fn run(engine: &Engine, rule: &Rule, target: &Target, seed: u32) -> Vec<(Test, f32)> {
    let [width, height] = rule.grid.map(|side| side as usize);
    let expected = target.premultiplied(width, height);
    let mut scratch = Scratch::default();
    let mut results = Vec::new();
    let Some(mut grid) = engine.grid(State::seed(rule, width, height)) else { return results };
    let mut advance = |grid: &mut Grid, ticks: std::ops::Range<u32>, angle: f32, wound: Option<&CellMask>| {
        for tick in ticks.clone() {
            let wound = wound.filter(|_| tick == ticks.start);
            engine.step(grid, &mut scratch, Tick { tick, seed, angle }, wound);
        }
    };
    let mut tick = 0;
    let mut repairs = Vec::new();
    for until in [96, WOUND_TICK, 1000, 5000] {
        advance(&mut grid, tick..until, 0.0, None);
        tick = until;
        results.push((Test::Grown(until), mean_squared_error(grid.state(), &expected)));
        if until == WOUND_TICK {
            for wound in Wound::ALL {
                let (mut grid, mask) = (grid.clone(), wound.mask(target, width, height, seed));
                advance(&mut grid, WOUND_TICK..WOUND_TICK + HEALING_TICKS, 0.0, Some(&mask));
                repairs.push((Test::Repaired(wound), mean_squared_error(grid.state(), &expected)));
            }
        }
    }
    results.append(&mut repairs);
    // A rotated picture needs room for its diagonal.
    let side = (width as f32).hypot(height as f32).ceil() as usize;
    for degrees in [0, 90, 45] {
        let angle = (degrees as f32).to_radians();
        if let Some(mut grid) = engine.grid(State::seed(rule, side, side)) {
            advance(&mut grid, 0..WOUND_TICK, angle, None);
            let expected = rotated(&expected, (width, height), side, angle);
            results.push((Test::Rotated(degrees), mean_squared_error(grid.state(), &expected)));
        }
    }
    results
}

/// The bounding box of the visible pixels of a picture centerd in a grid: left, top, right, bottom.
fn bounds(target: &Target, width: usize, height: usize) -> [f32; 4] {
    let pixels = target.premultiplied(width, height);
    let mut bounds = [width, height, 0, 0];
    for (cell, _) in pixels.as_chunks::<4>().0.iter().enumerate().filter(|(_, pixel)| pixel[3] > 0.1) {
        let (x, y) = (cell % width, cell / width);
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x + 1), bounds[3].max(y + 1)];
    }
    bounds.map(|bound| bound as f32)
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
    let centre = (side / 2) as f32;
    let mut rotated = Vec::with_capacity(side * side * 4);
    for cell in 0..side * side {
        let (dx, dy) = ((cell % side) as f32 - centre, (cell / side) as f32 - centre);
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
