//! Measures how well a model grows, keeps and repairs its picture.
//!
//! For each of four noise seeds:
//!
//! 1. Grow the model from its seed, and measure it against its target at ticks 96, 200, 1,000 and 5,000.
//! 2. At tick 200, wound a copy in each of seven ways, and measure it after another 200 ticks.
//! 3. Grow the model for 200 ticks on a larger grid, with gradients rotated by 0, 90 and 45 degrees, and measure it
//!    against the rotated target. Only 0 degrees have a gate, that of tick 200.
//!
//! The error of a body of colors is the [mean squared error](Target::error) over the whole grid. The error of a body of
//! coordinates is the share of the picture that is not shown where it belongs: no cell lives there, or the place of the
//! cell is so far off that the display moves its pixel. A smaller distance counts by its square.
//!
//! A model passes if its worst noise seed has at most this error:
//!
//! | | colors | coordinates |
//! | --- | --- | --- |
//! | at ticks 200 and 1,000 | 0.001 | 0.01 |
//! | at tick 5,000, and after a repair | 0.002 | 0.02 |
//!
//! The gates are equally strict for lost cells: 0.002 is about 7 of the 425 cells of a sprite on a grid of 38x38 cells. For
//! a shift of the whole sprite, those of coordinates are stricter: 0.02 is 0.057 of the picture, which the display still
//! does not show. Of such a body as colors, 0.002 allows a shift of 0.12.
//!
//! A [`Storm`] wounds a grown sprite in hundreds of random ways: half-planes, discs, bands, and all but a disc, each
//! leaving 10% to 100% of the living cells. A wound is healed if the error is within the gate of a repair 300 ticks later.
//! 99% of the wounds that leave a quarter or more must heal, and 90% of those that leave a tenth to a quarter. 99% of 64
//! sprites with different noise must be whole at tick 200. The storm also cuts sprites into three by three parts. 400 ticks
//! later, 95% of the parts must be whole sprites at their place, or dead.
//!
//! [`Cuts`] are measured separately, and not in training: what becomes of each piece of a sprite that is cut.
//!
//! A model with several forms is measured in each of them, and in each [change](Switch) from a form to another.

use std::{num::NonZero, thread};

use serde::Serialize;

use crate::{
    cpu::{Engine, Grid, Scratch, Tick},
    rule::{CellMap, CellMask, Model, Output, Rule, Shape, State, Target, all_of, mix},
};

mod cuts;
mod expected;
mod random;
mod storm;

pub use cuts::Cuts;
use expected::Expected;
pub use random::WoundKind;
pub use storm::{Fragment, FragmentEnd, Storm, StormCase, StormGroup};

/// The noise seeds of a scorecard.
pub const SEEDS: [u32; 4] = [1, 2, 3, 4];
/// The tick at which a sprite is wounded, and the number of ticks it has to heal.
const WOUND_TICK: u32 = 200;
const HEALING_TICKS: u32 = 200;

/// The measurements of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Scorecard {
    /// What the errors measure: see [`Scorecard::measure`].
    pub output: Output,
    /// One entry per test, in order.
    pub entries: Vec<Entry>,
    /// The storm, if there was one.
    pub storm: Option<Storm>,
    /// For a model with several forms, the results of each; those above are of the first.
    pub forms: Vec<FormScorecard>,
    /// Each change from a form to another.
    pub switches: Vec<Switch>,
}

/// The scorecard of a model in one of its forms.
#[derive(Clone, Debug, Serialize)]
pub struct FormScorecard {
    /// The name of the form.
    pub form: String,
    /// Its results.
    pub scorecard: Scorecard,
}

/// A change from a form to another, and back. Sprites grow for 200 ticks, change, and are measured 200 ticks later; then they
/// change back. Both have the gate of a repair.
#[derive(Clone, Debug, Serialize)]
pub struct Switch {
    /// The names of the two forms.
    pub forms: [String; 2],
    /// The error of the worst noise seed 200 ticks after the change, against the second form.
    pub there: f32,
    /// That error 200 ticks after the change back, against the first form.
    pub back: f32,
    /// The maximum of both.
    pub gate: f32,
}

/// The result of one test.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The test.
    pub test: Test,
    /// The error, averaged over the noise seeds.
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
    /// Grown for 200 ticks on a larger grid with gradients rotated by this many degrees, and compared with the rotated
    /// picture.
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
    /// The maximum error of the worst noise seed, if the test has a gate.
    fn gate(self, output: Output) -> Option<f32> {
        let strict = healed_error(output) / 2.0;
        match self {
            Self::Grown(200 | 1000) | Self::Rotated(0) => Some(strict),
            Self::Grown(5000) | Self::Repaired(_) => Some(2.0 * strict),
            Self::Grown(_) | Self::Rotated(_) => None,
        }
    }
}

impl Scorecard {
    /// Measures a model against a picture, on one thread per core, up to one per noise seed.
    pub fn of(model: &Model, target: &Target) -> Self {
        let engine = Engine::new(model);
        let expected = Expected::new(model.rule().output, target, model.rule().grid.map(|side| side as usize));
        let rotated = [0, 90, 45].map(|degrees: u32| (degrees, expected.rotated((degrees as f32).to_radians())));
        let runs = parallel(SEEDS.len(), |index| run(&engine, model.rule(), target, &expected, &rotated, SEEDS[index]));
        let tests = runs.first().map_or(&[][..], Vec::as_slice);
        let entry = |(index, &(test, _)): (usize, &(Test, f32))| {
            let errors = || runs.iter().map(|run| run[index].1);
            Entry {
                test,
                mean: errors().sum::<f32>() / runs.len() as f32,
                worst: worst(errors()),
                gate: test.gate(model.rule().output),
            }
        };
        let entries = tests.iter().enumerate().map(entry).collect();
        Self { output: model.rule().output, entries, storm: None, forms: Vec::new(), switches: Vec::new() }
    }

    /// Measures a model against the pictures of its forms: each form as [`Scorecard::of`] does, and each change from a form to
    /// another. Of a model without forms, against the first picture.
    pub fn of_forms(model: &Model, targets: &[Target]) -> Self {
        let names = &model.rule().forms;
        let of_form = |((form, name), target): ((usize, &String), &Target)| {
            let scorecard = Self::of(&model.in_form(form).ok()?, target);
            Some(FormScorecard { form: name.clone(), scorecard })
        };
        let forms: Vec<FormScorecard> = names.iter().enumerate().zip(targets).filter_map(of_form).collect();
        match (forms.first(), targets.first()) {
            (Some(first), _) => {
                Self { switches: switches(model, targets), forms: forms.clone(), ..first.scorecard.clone() }
            }
            (None, Some(target)) => Self::of(model, target),
            (None, None) => {
                let output = model.rule().output;
                Self { output, entries: Vec::new(), storm: None, forms: Vec::new(), switches: Vec::new() }
            }
        }
    }

    /// Also measures a storm in each form, against the pictures of the forms.
    pub fn with_storms(mut self, model: &Model, targets: &[Target], wounds: u32, seed: u32) -> Self {
        if self.forms.is_empty() {
            return match targets.first() {
                Some(target) => self.with_storm(model, target, wounds, seed),
                None => self,
            };
        }
        for (form, (card, target)) in self.forms.iter_mut().zip(targets).enumerate() {
            if let Ok(model) = model.in_form(form) {
                card.scorecard.storm = Some(Storm::of(&model, target, wounds, seed));
            }
        }
        self.storm = self.forms.first().and_then(|first| first.scorecard.storm.clone());
        self
    }

    /// Also measures a storm of `wounds` random wounds, which has gates too. `seed` selects the wounds.
    pub fn with_storm(self, model: &Model, target: &Target, wounds: u32, seed: u32) -> Self {
        Self { storm: Some(Storm::of(model, target, wounds, seed)), ..self }
    }

    /// What the errors are: the mean squared error of colors, or the share of the picture that is lost.
    pub fn measure(&self) -> &'static str {
        match self.output {
            Output::Coordinates => "share of the picture lost",
            _ => "mean squared error",
        }
    }

    /// Whether every gate is met.
    pub fn passes(&self) -> bool {
        let withstands = self.storm.as_ref().is_none_or(Storm::passes);
        let forms = self.forms.iter().all(|form| form.scorecard.passes()) && self.switches.iter().all(Switch::passes);
        self.entries.iter().all(Entry::passes) && !self.entries.is_empty() && withstands && forms
    }

    /// The largest ratio of a worst error to its gate. A model passes if it is at most 1. Training
    /// keeps the model with the lowest worst_ratio.
    pub fn worst_ratio(&self) -> f32 {
        let storm = self.storm.iter().map(Storm::worst_ratio);
        let forms = self.forms.iter().map(|form| form.scorecard.worst_ratio());
        let switches = self.switches.iter().map(Switch::worst_ratio);
        let entries = self.entries.iter().filter_map(|entry| Some(entry.worst / entry.gate?));
        worst(entries.chain(storm).chain(forms).chain(switches))
    }

    /// Whether the fragments of the storm decide about the [worst ratio](Self::worst_ratio).
    #[cfg(feature = "train")]
    pub(crate) fn is_worst_in_fragments(&self) -> bool {
        let storms = self.storm.iter().chain(self.forms.iter().filter_map(|form| form.scorecard.storm.as_ref()));
        worst(storms.map(Storm::fragment_ratio).chain([0.0])) >= self.worst_ratio()
    }
}

impl Switch {
    /// The ratio of its worst error to its gate.
    fn worst_ratio(&self) -> f32 {
        worst([self.there, self.back].into_iter()) / self.gate
    }

    /// Whether its gate is met.
    pub fn passes(&self) -> bool {
        self.worst_ratio() <= 1.0
    }
}

/// Each change from a form to another.
fn switches(model: &Model, targets: &[Target]) -> Vec<Switch> {
    let rule = model.rule();
    let [width, height] = rule.grid.map(|side| side as usize);
    let expected: Vec<Expected> =
        targets.iter().map(|target| Expected::new(rule.output, target, [width, height])).collect();
    let pairs = |count: usize| (0..count * count).map(move |pair| [pair / count, pair % count]);
    let pairs: Vec<[usize; 2]> = pairs(expected.len()).filter(|[from, to]| from != to).collect();
    let engine = Engine::new(model);
    let errors = parallel(pairs.len() * SEEDS.len(), |index| {
        let ([from, to], seed) = (pairs[index / SEEDS.len()], SEEDS[index % SEEDS.len()]);
        let mut scratch = Scratch::default();
        let mut grid = engine.grid(State::seed(rule, width, height))?;
        let errors = [from, to, from].into_iter().zip(0..).map(|(form, part)| {
            engine.set_form(&mut grid, &all_of(form));
            let first = Tick { tick: part * WOUND_TICK, seed, angle: 0.0 };
            engine.advance(&mut grid, &mut scratch, first, WOUND_TICK, None);
            expected[form].error(grid.state())
        });
        let errors: Vec<f32> = errors.collect();
        Some([errors[1], errors[2]])
    });
    let of_pair = |(&[from, to], errors): (&[usize; 2], &[Option<[f32; 2]>])| Switch {
        forms: [from, to].map(|form| rule.forms[form].clone()),
        there: worst(errors.iter().map(|errors| errors.map_or(f32::INFINITY, |[there, _]| there))),
        back: worst(errors.iter().map(|errors| errors.map_or(f32::INFINITY, |[_, back]| back))),
        gate: healed_error(rule.output),
    };
    pairs.iter().zip(errors.chunks(SEEDS.len())).map(of_pair).collect()
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

/// The results of `run` for `0..count`, on one thread per core, up to one per result. In a browser, which has no threads,
/// on the calling one.
fn parallel<T: Send>(count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count.max(1));
    if threads == 1 {
        return (0..count).map(run).collect();
    }
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let run = &run;
        let worker = |first: usize| scope.spawn(move || (first..count).step_by(threads).map(|i| (i, run(i))).collect());
        let workers: Vec<thread::ScopedJoinHandle<'_, Vec<_>>> = (0..threads).map(worker).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| match worker.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(join).collect()
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The error up to which a sprite counts as healed.
fn healed_error(output: Output) -> f32 {
    if output == Output::Coordinates { 0.02 } else { 0.002 }
}

/// Runs all tests with one noise seed.
fn run(
    engine: &Engine,
    rule: &Rule,
    target: &Target,
    expected: &Expected,
    rotated: &[(u32, Expected)],
    seed: u32,
) -> Vec<(Test, f32)> {
    let [width, height] = expected.size();
    let mut scratch = Scratch::default();
    let mut results = Vec::new();
    let Some(mut grid) = engine.grid(State::seed(rule, width, height)) else { return results };
    let mut advance = |grid: &mut Grid, ticks: std::ops::Range<u32>, angle: f32, wound: Option<&CellMask>| {
        engine.advance(grid, &mut scratch, Tick { tick: ticks.start, seed, angle }, ticks.len() as u32, wound);
    };
    let mut tick = 0;
    let mut repairs = Vec::new();
    for until in [96, WOUND_TICK, 1000, 5000] {
        advance(&mut grid, tick..until, 0.0, None);
        tick = until;
        results.push((Test::Grown(until), expected.error(grid.state())));
        if until == WOUND_TICK {
            for wound in Wound::ALL {
                let (mut grid, mask) = (grid.clone(), wound.mask(target, width, height, seed));
                advance(&mut grid, WOUND_TICK..WOUND_TICK + HEALING_TICKS, 0.0, Some(&mask));
                repairs.push((Test::Repaired(wound), expected.error(grid.state())));
            }
        }
    }
    results.append(&mut repairs);
    for (degrees, expected) in rotated {
        let [width, height] = expected.size();
        let angle = (*degrees as f32).to_radians();
        if let Some(mut grid) = engine.grid(State::seed(rule, width, height)) {
            advance(&mut grid, 0..WOUND_TICK, angle, None);
            results.push((Test::Rotated(*degrees), expected.error(grid.state())));
        }
    }
    results
}

/// The bounding box of the visible pixels of a picture centered in a grid: left, top, right, bottom.
fn bounds(target: &Target, width: usize, height: usize) -> [f32; 4] {
    let pixels = target.premultiplied(width, height);
    let visible = CellMask::from_fn(width, height, |&cell| pixels[cell * 4 + 3] > 0.1);
    visible.bounds().unwrap_or([width, height, 0, 0]).map(|bound| bound as f32)
}
