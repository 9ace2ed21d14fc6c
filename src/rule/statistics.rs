//! Counts living cells and compares them with those of a grown sprite.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{CellMask, Pose, Reference, Rule, State};

impl Rule {
    /// Whether a cell is alive: its alive channel is above the threshold. Without a life mask, a
    /// cell is alive if any of its channels is nonzero.
    #[inline]
    pub fn lives(&self, cell: &[f32]) -> bool {
        match self.alive {
            Some(alive) => cell.get(alive.channel).is_some_and(|value| *value > alive.threshold),
            None => cell.iter().any(|value| *value != 0.0),
        }
    }

    /// The living cells of a state.
    pub(crate) fn alive_mask(&self, state: &State) -> CellMask {
        let channels = state.channels();
        let lives = |&cell: &usize| self.lives(&state.values()[cell * channels..][..channels]);
        CellMask::from_fn(state.width(), state.height(), lives)
    }
}

/// Statistics of a sprite's living cells.
///
/// The fields are words of 32 bits. The shader `live.wgsl` writes the same words, at the offsets of [`Self::WORDS`]. All
/// start as zeros, so the first column and row are counted from the far edge. The shader adds up the words before
/// `from_far_edge`, and takes the maximum of the others; `lost` comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CellStats {
    /// The number of living cells.
    pub(crate) live: u32,
    /// The number of living cells that a grown sprite has too. Of a texture, those that are as strong as grown ones.
    pub(crate) matching: u32,
    /// The number of living cells that are [alike](Reference::is_alike). 0 for a rule without forms.
    pub(crate) alike: u32,
    /// The number of living cells that show something. A body of coordinates is larger than its picture.
    pub(crate) shown: u32,
    /// The sums of their columns and rows.
    pub(crate) sum: [u32; 2],
    /// The distance of their first column and row from the far edge.
    pub(crate) from_far_edge: [u32; 2],
    /// One more than their last column and row.
    pub(crate) end: [u32; 2],
    /// The number of living cells killed by wounds since the last count.
    pub(crate) lost: u32,
}

/// The index of a field in [`CellStats`].
macro_rules! word {
    ($field:ident) => {
        offset_of!(CellStats, $field) / size_of::<u32>()
    };
}

impl CellStats {
    /// The indices of the words, by the names of the shaders.
    pub(crate) const WORDS: [(&str, usize); 9] = [
        ("STATS_LIVE", word!(live)),
        ("STATS_MATCHING", word!(matching)),
        ("STATS_ALIKE", word!(alike)),
        ("STATS_SHOWN", word!(shown)),
        ("STATS_SUM", word!(sum)),
        ("STATS_FROM_FAR_EDGE", word!(from_far_edge)),
        ("STATS_END", word!(end)),
        ("STATS_LOST", word!(lost)),
        ("STATS_WORDS", size_of::<Self>() / size_of::<u32>()),
    ];

    /// Measures the cells of a state, and returns the living ones if `with_mask`. `is_empty` marks
    /// cells that are known to be dead without reading their values.
    pub(crate) fn measure(
        rule: &Rule,
        state: &State,
        is_empty: impl Fn(usize) -> bool,
        reference: &Reference,
        pose: Pose,
        with_mask: bool,
    ) -> (Self, Option<CellMask>) {
        let channels = state.channels();
        let lives = |&cell: &usize| !is_empty(cell) && rule.lives(&state.values()[cell * channels..][..channels]);
        let size = [state.width(), state.height()];
        // Most sprites need no mask, and one pass is faster than two.
        let is_strong = |cell: usize| reference.is_strong(&state.values()[cell * channels..][..channels]);
        let mut stats = Self::of((0..size[0] * size[1]).filter(lives), is_strong, size, reference, pose);
        if !rule.forms.is_empty() {
            let is_alike = |cell: &usize| {
                let values = &state.values()[cell * channels..][..channels];
                reference.is_alike([cell % size[0], cell / size[0]], values, pose)
            };
            stats.alike = (0..size[0] * size[1]).filter(lives).filter(is_alike).count() as u32;
        }
        (stats, with_mask.then(|| CellMask::from_fn(size[0], size[1], lives)))
    }

    /// The statistics of living cells, given by their indices, on a grid of this width and height. `is_strong` tells which
    /// cells of a texture are [strong](Reference::is_strong).
    pub(crate) fn of(
        alive: impl Iterator<Item = usize>,
        is_strong: impl Fn(usize) -> bool,
        [width, height]: [usize; 2],
        reference: &Reference,
        pose: Pose,
    ) -> Self {
        let mut stats = Self::default();
        for cell in alive {
            let (x, y) = (cell % width, cell / width);
            stats.live += 1;
            stats.matching += u32::from(reference.has_cell(x, y, pose) && is_strong(cell));
            if !reference.shows(x, y, pose) {
                continue;
            }
            let (x, y) = (x as u32, y as u32);
            stats.shown += 1;
            let [to_x, to_y] = [width as u32 - x, height as u32 - y];
            stats.sum = [stats.sum[0] + x, stats.sum[1] + y];
            stats.from_far_edge = [stats.from_far_edge[0].max(to_x), stats.from_far_edge[1].max(to_y)];
            stats.end = [stats.end[0].max(x + 1), stats.end[1].max(y + 1)];
        }
        stats
    }

    /// The first column and row with a cell that is shown on a grid of this width and height; zeros if there is none.
    pub(crate) fn first(&self, grid: [u32; 2]) -> [u32; 2] {
        let first = |axis: usize| grid[axis].saturating_sub(self.from_far_edge[axis]);
        if self.shown > 0 { [0, 1].map(first) } else { [0; 2] }
    }

    /// The share of `cells` cells of a grown sprite that is alive, 0 to 1; 0 while their number is unknown.
    pub(crate) fn integrity(&self, cells: Option<u32>) -> f32 {
        match cells {
            None => 0.0,
            Some(0) => 1.0,
            // A texture may have fewer weak cells than the one that was measured.
            Some(cells) => (self.matching as f32 / cells as f32).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Model, Output, Target, Weights, rotation};

    fn model(target: Option<Target>) -> Model {
        let rule = Rule { grid: [9, 7], channels: 8, hidden: 16, ..Rule::default() };
        let weights = Weights {
            hidden_weight: vec![0.0; rule.features() * rule.hidden],
            hidden_bias: vec![0.0; rule.hidden],
            output_weight: vec![0.0; rule.hidden * rule.channels],
            output_bias: vec![0.0; rule.channels],
            ..Weights::default()
        };
        Model::new(rule, weights, target).unwrap()
    }

    /// A 9x7 grid in which only the given cells live.
    fn state(live: &[(usize, usize)]) -> State {
        let mut state = State::zeros(9, 7, 8);
        live.iter().for_each(|&(x, y)| state.cell_mut(x, y).unwrap().fill(1.0));
        state
    }

    fn stats(model: &Model, state: &State, reference: &Reference, rotation: (f32, f32)) -> CellStats {
        let pose = Pose { rotation, ..Pose::UPRIGHT };
        CellStats::measure(model.rule(), state, |_| false, reference, pose, false).0
    }

    /// The order in which the shader combines the words of tiles.
    #[test]
    fn sums_come_before_maxima() {
        let words: Vec<usize> = CellStats::WORDS.iter().map(|(_, word)| *word).collect();
        assert!(words.is_sorted(), "{words:?}");
        let [.., lost, count] = words[..] else { panic!() };
        assert_eq!(lost + 1, count, "the number of lost cells is the last word");
    }

    #[test]
    fn cells_are_counted_where_they_are() {
        // Three pixels in a row. The last one is too faint for a living cell.
        let rgba = [[255, 0, 0, 255], [0, 255, 0, 128], [0, 0, 255, 20]].concat();
        let model = model(Some(Target { width: 3, height: 1, rgba }));
        let reference = Reference::new(&model, [9, 7], |_| unreachable!());
        assert_eq!(reference.cells(0), 2);
        assert_eq!(reference.pixels()[3 * 9 + 4], [0.0, 1.0, 0.0, 128.0 / 255.0]);
        let cells = state(&[(7, 1), (4, 3), (2, 5)]);
        let upright = stats(&model, &cells, &reference, (1.0, 0.0));
        let expected = CellStats {
            live: 3,
            matching: 1,
            alike: 0,
            shown: 3,
            sum: [13, 9],
            from_far_edge: [7, 6],
            end: [8, 6],
            lost: 0,
        };
        assert_eq!(upright, expected);
        assert_eq!(upright.first([9, 7]), [2, 1]);
        // Of a body of coordinates, only cells under the picture have a place.
        let rule = Rule { output: Output::Coordinates, version: 2, ..model.rule().clone() };
        let body = Model::new(rule, model.weights().clone(), model.target().cloned()).unwrap();
        let under = stats(&body, &cells, &Reference::new(&body, [9, 7], |_| unreachable!()), (1.0, 0.0));
        let expected = CellStats {
            live: 3,
            matching: 1,
            alike: 0,
            shown: 1,
            sum: [4, 3],
            from_far_edge: [5, 4],
            end: [5, 4],
            lost: 0,
        };
        assert_eq!(under, expected);
        // A quarter rotation moves the pixel left of the center to above or below it.
        let quarter = rotation(std::f32::consts::FRAC_PI_2);
        let turned = [(4, 2), (4, 4)].map(|cell| stats(&model, &state(&[(4, 3), cell]), &reference, quarter).matching);
        assert_eq!(turned.iter().sum::<u32>(), 3);
    }

    #[test]
    fn without_a_target_the_grown_sprite_is_the_measure() {
        let model = model(None);
        let reference = Reference::new(&model, [9, 7], |_| state(&[(1, 1), (2, 2)]));
        assert_eq!(reference.cells(0), 2);
        assert_eq!(stats(&model, &state(&[(2, 2), (3, 3)]), &reference, (1.0, 0.0)).matching, 1);
        let rule = Rule { alive: None, output: Output::OpaqueCentered, ..model.rule().clone() };
        let texture = Model::new(rule, model.weights().clone(), None).unwrap();
        // Of 63 cells, three are weak: the fourth of the strengths is the least that counts.
        let mut grown = State::zeros(9, 7, 8);
        (0..63).for_each(|cell| grown.values_mut()[cell * 8] = 1.0 + cell as f32);
        let reference = Reference::new(&texture, [9, 7], |_| grown.clone());
        assert_eq!((reference.cells(0), reference.strength()), (60, 16.0));
        assert_eq!(stats(&texture, &grown, &reference, (1.0, 0.0)).integrity(Some(60)), 1.0);
        grown.values_mut()[..24 * 8].fill(1.0);
        let wounded = stats(&texture, &grown, &reference, (1.0, 0.0));
        assert_eq!((wounded.live, wounded.matching), (63, 39), "24 cells have come back, but weak");
    }
}
