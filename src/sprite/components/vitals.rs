//! The condition of a sprite.

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::rule::CellStats;

/// The condition of a sprite as of its last tick.
///
/// On the CPU it is updated in [`PostUpdate`] of the frame of that tick. From the GPU it is read back without a stall:
/// it arrives at the start of the second frame after the tick, or a few frames later under load. No update is lost.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaVitals {
    /// The condition in one word.
    pub condition: NcaCondition,
    /// The number of living cells: those whose alive channel (usually alpha) is above the rule's threshold. A body of
    /// [coordinates](crate::rule::Output::Coordinates) has more of them than its picture has pixels.
    pub live_cells: u32,
    /// The share of the cells of a grown sprite that is alive, 0 to 1. The grown sprite is the model's target, rotated
    /// by [`NcaTexture::angle`](super::NcaTexture::angle). With an [`NcaAliveMask`](super::NcaAliveMask), a sprite that has
    /// grown whole beside its place in the grid, as some do from a small rest, is compared with it there. If the model has
    /// no target, it is what the seed grows into in [`Rule::mature_ticks`](crate::rule::Rule::mature_ticks), at most 512.
    /// Until that is known, integrity is 0.
    /// Of a texture without a life mask, it is the share of cells that are as strong as those of a grown one: it tells how
    /// far a wound has come back. Integrity is also low while the sprite grows: check [`has_grown`](Self::has_grown) first.
    pub integrity: f32,
    /// The bounding box of the living cells that show something, in cells, y down; empty if there are none.
    pub bounds: URect,
    /// The mean of their centers, in cells, y down; zero if there are none.
    pub centroid: Vec2,
    /// The age in ticks.
    pub tick: u32,
    /// Whether the sprite has been whole since it began to grow, or to grow again.
    pub has_grown: bool,
}

/// The condition of a sprite in one word.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[type_path = "bevy_nca"]
pub enum NcaCondition {
    /// It has not been whole since it began to grow.
    #[default]
    Growing,
    /// At least a share of [`NcaVitals::WHOLE`] of its possible cells lives, and no wound killed a living cell in the
    /// frame of its last tick. Its possible cells are those of a grown sprite, without scars.
    Whole,
    /// A wound killed living cells, or the sprite lost integrity otherwise. It is not whole again yet.
    Wounded,
    /// No cell lives.
    Dead,
}

impl NcaVitals {
    /// A sprite is whole if at least this share of its possible cells lives.
    pub const WHOLE: f32 = 0.95;
    /// A whole sprite becomes wounded below this share, even if no wound hit it.
    pub const WOUNDED: f32 = 0.9;

    /// From statistics of a grid of this width and height. `grown_cells` is the number of cells of a grown sprite, if
    /// known.
    pub(crate) fn new(
        stats: &CellStats,
        grid: [u32; 2],
        grown_cells: Option<u32>,
        condition: NcaCondition,
        has_grown: bool,
        tick: u32,
    ) -> Self {
        let CellStats { live, shown, sum, end, .. } = *stats;
        Self {
            condition,
            live_cells: live,
            integrity: stats.integrity(grown_cells),
            bounds: URect { min: stats.first(grid).into(), max: end.into() },
            centroid: match shown {
                0 => Vec2::ZERO,
                _ => (UVec2::from(sum).as_dvec2() / f64::from(shown) + 0.5).as_vec2(),
            },
            tick,
            has_grown,
        }
    }
}

/// A grown sprite dies when its [integrity](NcaVitals::integrity) falls below this value, 0 to 1; default 0: never. Add
/// it beside an [`NcaTexture`](super::NcaTexture). [`NcaWounded`](crate::NcaWounded) and [`NcaDied`](crate::NcaDied)
/// report the death.
///
/// It acts on vitals, which are counted once a frame and arrive later from the GPU. The tick of death therefore depends
/// on the frame rate and the engine.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaKillBelow(pub f32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vitals_follow_from_statistics() {
        let stats = CellStats {
            live: 99,
            matching: 96,
            alike: 0,
            shown: 96,
            sum: [96 * 3, 0],
            from_far_edge: [9, 9],
            end: [9, 9],
            lost: 0,
        };
        let vitals = NcaVitals::new(&stats, [9, 9], Some(100), NcaCondition::Whole, true, 7);
        assert_eq!((vitals.centroid, vitals.integrity, vitals.tick), (Vec2::new(3.5, 0.5), 0.96, 7));
    }
}
