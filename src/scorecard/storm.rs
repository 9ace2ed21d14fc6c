//! A storm: many random wounds, and fragments.

use serde::Serialize;

use super::{Expected, WoundKind, healed_error, parallel};
use crate::{
    cpu::{Engine, Grid, Scratch, Tick},
    rule::{CellMask, Model, State, Target, mix},
};

/// The kinds of wounds in a storm, in turn.
const KINDS: [WoundKind; 4] = [WoundKind::HalfPlane, WoundKind::Disc, WoundKind::Band, WoundKind::AllButDisc];
/// Sprites that are grown, each with its own noise, and the number of those that are wounded.
const SPRITES: u32 = 64;
const WOUNDED: u32 = 8;
/// The parts that a wounded sprite is cut into.
const PARTS: usize = 9;
/// The tick of the wounds.
const WOUND_TICK: u32 = 200;
/// Ticks to heal a wound, and to regrow from a fragment.
const HEALING_TICKS: u32 = 300;
const REGROWTH_TICKS: u32 = 400;

/// How often a model heals random wounds.
#[derive(Clone, Debug, Serialize)]
pub struct Storm {
    /// One entry for each wound.
    pub cases: Vec<StormCase>,
    /// The errors of sprites at tick 200, grown from their seeds with different noise.
    pub grown: Vec<f32>,
    /// The error up to which a sprite counts as whole.
    pub gate: f32,
    /// One entry for each fragment.
    pub fragments: Vec<Fragment>,
}

/// One random wound of a [`Storm`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StormCase {
    /// The kind of the wound.
    pub kind: WoundKind,
    /// The share of living cells that it leaves.
    pub left: f32,
    /// The error 300 ticks later.
    pub error: f32,
    /// Whether the error is within the gate of a repair.
    pub healed: bool,
}

/// A part of a sprite that was left alone: one of three by three, or a piece of [`Cuts`](super::Cuts). A part without living
/// cells does not count.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Fragment {
    /// The share of the living cells that it has.
    pub left: f32,
    /// What has become of it 400 ticks later.
    pub end: FragmentEnd,
}

/// What becomes of a [`Fragment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FragmentEnd {
    /// It is a whole sprite at its place.
    Regrown,
    /// It is a whole sprite, but stands some cells beside its place: a small part no longer knows exactly where in the body
    /// it was. Recognized only for bodies of coordinates.
    Beside,
    /// It is dead.
    Dead,
    /// None of these.
    Lingering,
}

/// The wounds of a [`Storm`] that leave a similar share of the living cells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StormGroup {
    /// The minimum share that they leave.
    pub least: f32,
    /// The number of wounds.
    pub wounds: usize,
    /// The number of wounds that healed.
    pub healed: usize,
}

impl Storm {
    /// The minimum share of healed wounds, among those that leave at least a quarter of the living cells, and among
    /// those that leave a tenth to a quarter.
    pub const GATES: [f32; 2] = [0.99, 0.9];
    /// The minimum share of sprites that grow from their seed.
    pub const GROWTH_GATE: f32 = 0.99;
    /// The minimum share of fragments that are whole at their place or dead in the end.
    pub const FRAGMENT_GATE: f32 = 0.95;

    /// Wounds a model in `wounds` random ways, on one thread per core. The wounds leave 10% to 100% of the living cells,
    /// evenly distributed.
    pub fn of(model: &Model, target: &Target, wounds: u32, seed: u32) -> Self {
        Tester::run(model, target, seed, |test| Self::measure(test, wounds))
    }

    fn measure(test: &Tester, wounds: u32) -> Self {
        let Tester { model, expected, .. } = *test;
        let grown = parallel(SPRITES as usize, |sprite| {
            let grid = test.grown(sprite as u32);
            let error = grid.as_ref().map(|grid| expected.error(grid.state()));
            (grid.filter(|_| sprite < WOUNDED as usize), error)
        });
        let (grown, errors): (Vec<_>, Vec<_>) = grown.into_iter().unzip();
        let grown: Vec<Grid> = grown.into_iter().flatten().collect();
        let fragments: Vec<(usize, usize)> =
            (0..grown.len()).flat_map(|sprite| (0..PARTS).map(move |part| (sprite, part))).collect();
        let cases = parallel(wounds as usize, |wound| test.wound(&grown, wound as u32));
        let pieces = parallel(fragments.len(), |index| {
            let (sprite, ninth) = fragments[index];
            test.fragment(&grown[sprite], index as u32, ninth)
        });
        Self {
            cases: cases.into_iter().flatten().collect(),
            grown: errors.into_iter().flatten().collect(),
            gate: healed_error(model.rule().output),
            fragments: pieces.into_iter().flatten().collect(),
        }
    }

    /// The wounds that leave at least three quarters, half, a quarter, and a tenth of the living cells.
    pub fn groups(&self) -> [StormGroup; 4] {
        let mut below = f32::INFINITY;
        [0.75, 0.5, 0.25, 0.1].map(|least| {
            let group = self.group(least, below);
            below = least;
            group
        })
    }

    fn group(&self, least: f32, below: f32) -> StormGroup {
        let cases = self.cases.iter().filter(|case| case.left >= least && case.left < below);
        StormGroup { least, healed: cases.clone().filter(|case| case.healed).count(), wounds: cases.count() }
    }

    /// The wounds that leave at least a quarter of the living cells, and those that leave a tenth to a quarter. Each has
    /// a [gate](Self::GATES).
    pub fn gated(&self) -> [StormGroup; 2] {
        [self.group(0.25, f32::INFINITY), self.group(0.1, 0.25)]
    }

    /// The number of fragments with this end.
    pub fn count(&self, end: FragmentEnd) -> usize {
        self.fragments.iter().filter(|fragment| fragment.end == end).count()
    }

    /// The number of sprites that are whole at tick 200.
    pub fn whole(&self) -> usize {
        self.grown.iter().filter(|error| **error <= self.gate).count()
    }

    /// Whether every gate is met.
    pub fn passes(&self) -> bool {
        // The gates are not exact in binary.
        self.worst_ratio() <= 1.0001
    }

    /// The largest ratio of the failures of a group to those that its gate allows.
    pub fn worst_ratio(&self) -> f32 {
        let grown = ratio(self.grown.len() - self.whole(), self.grown.len(), Self::GROWTH_GATE);
        let groups = self.gated().into_iter().zip(Self::GATES);
        groups
            .map(|(group, gate)| ratio(group.wounds - group.healed, group.wounds, gate))
            .fold(self.fragment_ratio().max(grown), f32::max)
    }

    /// The ratio of the fragments that are neither whole at their place nor dead to those that the gate allows.
    pub(super) fn fragment_ratio(&self) -> f32 {
        let ended = self.count(FragmentEnd::Regrown) + self.count(FragmentEnd::Dead);
        ratio(self.fragments.len() - ended, self.fragments.len(), Self::FRAGMENT_GATE)
    }
}

/// The ratio of the failures to those that a gate allows. Of nothing, everything failed.
fn ratio(failed: usize, all: usize, gate: f32) -> f32 {
    let share = if all == 0 { 1.0 } else { failed as f32 / all as f32 };
    share / (1.0 - gate)
}

pub(super) struct Tester<'a> {
    engine: &'a Engine,
    model: &'a Model,
    expected: &'a Expected<'a>,
    seed: u32,
}

impl Tester<'_> {
    pub(super) fn run<T>(model: &Model, target: &Target, seed: u32, measure: impl FnOnce(&Tester) -> T) -> T {
        let engine = Engine::new(model);
        let size = model.rule().grid.map(|side| side as usize);
        let expected = Expected::new(model.rule().output, target, size);
        measure(&Tester { engine: &engine, model, expected: &expected, seed })
    }

    /// Some sprites at the tick of the wounds.
    pub(super) fn grown_sprites(&self, sprites: u32) -> Vec<Grid> {
        parallel(sprites as usize, |sprite| self.grown(sprite as u32)).into_iter().flatten().collect()
    }

    fn grown(&self, sprite: u32) -> Option<Grid> {
        let [width, height] = self.expected.size();
        let mut grid = self.engine.grid(State::seed(self.model.rule(), width, height))?;
        self.advance(&mut grid, 0..WOUND_TICK, mix(self.seed ^ mix(sprite)), None);
        Some(grid)
    }

    fn advance(&self, grid: &mut Grid, ticks: std::ops::Range<u32>, seed: u32, wound: Option<&CellMask>) {
        let first = Tick { tick: ticks.start, seed, angle: 0.0 };
        self.engine.advance(grid, &mut Scratch::default(), first, ticks.len() as u32, wound);
    }

    fn wound(&self, grown: &[Grid], wound: u32) -> Option<StormCase> {
        let noise = mix(self.seed ^ mix(wound + SPRITES));
        let mut random = fastrand::Rng::with_seed(noise.into());
        let mut grid = grown.get(wound as usize % grown.len().max(1))?.clone();
        let kind = KINDS[wound as usize / WOUNDED as usize % KINDS.len()];
        let left = 0.1 + 0.9 * random.f32();
        let living = self.model.rule().alive_mask(grid.state());
        let mask = kind.mask(&mut random, &living, left);
        let spared = living.iter().filter(|&cell| !mask.contains(cell)).count();
        let left = spared as f32 / living.count().max(1) as f32;
        self.advance(&mut grid, WOUND_TICK..WOUND_TICK + HEALING_TICKS, noise, Some(&mask));
        let error = self.expected.error(grid.state());
        Some(StormCase { kind, left, error, healed: error <= healed_error(self.model.rule().output) })
    }

    /// Leaves one of three by three parts alone. `None` if it has no living cells.
    fn fragment(&self, grown: &Grid, index: u32, ninth: usize) -> Option<Fragment> {
        let living = self.model.rule().alive_mask(grown.state());
        let width = living.width();
        let [left, top, right, bottom] = living.bounds()?;
        let third = |at: usize, low: usize, high: usize| (at.saturating_sub(low) * 3 / (high - low).max(1)).min(2);
        let part = CellMask::from_fn(width, living.height(), |&cell| {
            let (x, y) = (cell % width, cell / width);
            third(x, left, right) == ninth % 3 && third(y, top, bottom) == ninth / 3
        });
        let noise = mix(self.seed ^ mix(index ^ 0x8000_0000));
        part.intersects(&living).then(|| self.regrow(grown, &living, &part, noise))
    }

    /// Leaves a part of a sprite alone.
    pub(super) fn regrow(&self, grown: &Grid, living: &CellMask, part: &CellMask, noise: u32) -> Fragment {
        let rule = self.model.rule();
        let mut grid = grown.clone();
        self.advance(&mut grid, WOUND_TICK..WOUND_TICK + REGROWTH_TICKS, noise, Some(&part.complement()));
        let mut own = living.clone();
        own.intersect(part);
        let is_whole = |expected: &Expected| expected.error(grid.state()) <= healed_error(rule.output);
        let end = if rule.alive_mask(grid.state()).is_empty() {
            FragmentEnd::Dead
        } else if is_whole(self.expected) {
            FragmentEnd::Regrown
        } else if self.expected.beside(grid.state()).is_some_and(|beside| is_whole(&beside)) {
            FragmentEnd::Beside
        } else {
            FragmentEnd::Lingering
        };
        Fragment { left: own.count() as f32 / living.count().max(1) as f32, end }
    }
}
