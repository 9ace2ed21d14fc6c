//! How sprites are: counted after each frame's ticks, and told as a component and as events.

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use super::{NcaTissue, occupant::Life, populations::Populations, texture::NcaSlot};
use crate::{
    gpu::CensusRead,
    rule::{Census, Count},
};

/// How a sprite is, as of its last tick.
///
/// On the CPU it is brought up to date in [`PostUpdate`] of the frame of that tick. From the GPU it
/// comes without waiting: at the start of the next frame but one, or a few later under load; a
/// frame is late, never lost.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
pub struct NcaVitals {
    /// What may be said of it in a word.
    pub condition: NcaCondition,
    /// Cells that live: those whose alive channel (as a rule, alpha) is above the rule's threshold.
    pub live_cells: u32,
    /// Of the cells that a grown sprite has, the share that live, 0 to 1. A grown sprite is the
    /// model's target, turned by [`NcaTexture::angle`](super::NcaTexture::angle), or, if it has none, what
    /// grows from its seed in [`Rule::mature_ticks`](crate::rule::Rule::mature_ticks), at most 512: it is 0 until one has
    /// been grown, which takes a moment. It is low before the sprite
    /// has grown, too: ask [`has_grown`](Self::has_grown) before you judge by it.
    pub integrity: f32,
    /// The box around the living cells, in cells, y down; empty if none live.
    pub bounds: URect,
    /// The mean of the living cells' centres, in cells, y down; zero if none live.
    pub centroid: Vec2,
    /// Ticks lived so far.
    pub tick: u32,
    /// Whether it has been whole since it began to grow, or to grow again.
    pub has_grown: bool,
}

/// What may be said of a sprite in a word.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NcaCondition {
    /// It has not been whole yet, since it began to grow.
    #[default]
    Growing,
    /// Of the cells that it can have, dead ground aside, a share of at least [`NcaVitals::WHOLE`] live, and
    /// nothing has hit it in the frame of its last tick.
    Whole,
    /// It was hit, or lost integrity otherwise.
    Wounded,
    /// No cell lives.
    Dead,
}

impl NcaVitals {
    /// The share of its possible cells from which a sprite is whole.
    pub const WHOLE: f32 = 0.95;
    /// The share below which a whole sprite is wounded, even if nothing has hit it.
    pub const WOUNDED: f32 = 0.9;

    /// Those of a life that has been counted; `cells` are those of a grown sprite, if that is known.
    fn new(census: &Census, cells: Option<u32>, life: &Life, tick: u32) -> Self {
        let Census { live, held, min, max, sum, .. } = *census;
        Self {
            condition: life.condition,
            live_cells: live,
            integrity: cells.map_or(0.0, |cells| share(held, cells)),
            bounds: URect { min: min.into(), max: max.into() },
            centroid: match live {
                0 => Vec2::ZERO,
                _ => (UVec2::from(sum).as_dvec2() / f64::from(live) + 0.5).as_vec2(),
            },
            tick,
            has_grown: life.has_grown,
        }
    }
}

fn share(held: u32, cells: u32) -> f32 {
    if cells == 0 { 1.0 } else { held as f32 / cells as f32 }
}

impl Life {
    /// Takes a census into account, of a sprite that can have so many cells, if that is known. Returns the condition
    /// until then.
    fn observe(&mut self, census: &Census, cells: Option<u32>) -> NcaCondition {
        let before = self.condition;
        let Census { live, held, lost, .. } = *census;
        debug_assert!(held <= live);
        let is_known = cells.is_some();
        let integrity = cells.map_or(0.0, |cells| share(held, cells));
        self.condition = match before {
            _ if live == 0 => NcaCondition::Dead,
            NcaCondition::Whole | NcaCondition::Wounded if !is_known && lost == 0 => before,
            _ if lost == 0 && integrity >= NcaVitals::WHOLE => NcaCondition::Whole,
            NcaCondition::Dead => NcaCondition::Growing,
            NcaCondition::Growing if lost == 0 => NcaCondition::Growing,
            NcaCondition::Whole if lost == 0 && integrity >= NcaVitals::WOUNDED => NcaCondition::Whole,
            _ => NcaCondition::Wounded,
        };
        self.has_grown = match self.condition {
            NcaCondition::Whole => true,
            NcaCondition::Dead => false,
            NcaCondition::Growing | NcaCondition::Wounded => self.has_grown,
        };
        before
    }
}

/// A wound has killed living cells of a sprite.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaWounded {
    /// The sprite.
    pub entity: Entity,
    /// How many cells, in all ticks of the frame.
    pub lost_cells: u32,
}

/// A wounded sprite is whole again.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaRegrown {
    /// The sprite.
    pub entity: Entity,
}

/// The last cell of a sprite has died. It stays as it is, and may be healed or despawned.
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcaDied {
    /// The sprite.
    pub entity: Entity,
}

/// Beside an [`NcaTexture`](super::NcaTexture): once it has been whole, the sprite dies as soon as its
/// [integrity](NcaVitals::integrity) is known to be below this, 0 to 1. [`NcaWounded`] and [`NcaDied`] tell.
///
/// It is judged by its vitals, which are counted once a frame, and come later from the GPU: so unlike
/// all else, the tick in which this happens depends on the frame rate and on the engine.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
pub struct NcaKillBelow(pub f32);

/// What has been counted, oldest first.
#[derive(Resource, Default)]
pub(super) struct CensusInbox(pub(super) Vec<CensusRead>);

/// Counts what has ticked on the CPU.
pub(super) fn count(mut populations: ResMut<Populations>, mut inbox: ResMut<CensusInbox>) {
    populations.bypass_change_detection().count(&mut inbox.bypass_change_detection().0);
}

/// What is told of it.
type Counted = (
    &'static mut NcaVitals,
    &'static NcaSlot,
    Option<&'static NcaKillBelow>,
    Option<&'static mut NcaTissue>,
    Has<Disabled>,
);

/// Tells what has been counted.
pub(super) fn report(
    mut inbox: ResMut<CensusInbox>,
    mut sprites: Query<Counted, Allow<Disabled>>,
    mut populations: ResMut<Populations>,
    mut commands: Commands,
) {
    // Those that are disabled hear of it when they are back.
    inbox.bypass_change_detection().0.retain_mut(|read| {
        let CensusRead { entity, population, life: number, tick, is_judged, count: Count { census, tissue } } = read;
        let (entity, number, tick, is_judged) = (*entity, *number, *tick, *is_judged);
        // It may be gone, or have begun another life since.
        let Ok((mut vitals, slot, kill_below, has_tissue, is_disabled)) = sprites.get_mut(entity) else { return false };
        if is_disabled {
            return true;
        }
        let Some(place) = slot.place.filter(|place| place.population == *population) else { return false };
        let populations = populations.bypass_change_detection();
        let Some((occupant, grown, possible)) = populations.counted(place) else { return false };
        if occupant.number != number {
            return false;
        }
        // Until it is known what a grown one looks like, there is nothing to judge it by.
        let (grown, possible) = if is_judged { (Some(grown), Some(possible)) } else { (None, None) };
        let before = occupant.life.observe(census, possible);
        vitals.set_if_neq(NcaVitals::new(census, grown, &occupant.life, tick));
        if let (Some(mut has_tissue), Some(cells)) = (has_tissue, tissue.take())
            && has_tissue.cells.as_ref() != Some(&cells)
        {
            has_tissue.cells = Some(cells);
        }
        if census.lost > 0 {
            commands.trigger(NcaWounded { entity, lost_cells: census.lost });
        }
        match vitals.condition {
            NcaCondition::Whole if before == NcaCondition::Wounded => commands.trigger(NcaRegrown { entity }),
            NcaCondition::Dead if before != NcaCondition::Dead => commands.trigger(NcaDied { entity }),
            _ => {}
        }
        if is_judged && vitals.has_grown && kill_below.is_some_and(|below| vitals.integrity < below.0) {
            // Once: what is still on its way was counted before this.
            occupant.life.has_grown = false;
            populations.kill(place);
        }
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NcaTexture;

    fn census(live: u32, lost: u32) -> Census {
        Census { live, held: live, lost, max: [9, 9], sum: [live * 3, 0], ..Census::default() }
    }

    #[test]
    fn a_life_in_words() {
        use NcaCondition::{Dead, Growing, Whole, Wounded};
        let mut life = Life::new(&NcaTexture::default());
        let story = [
            (1, 0, Growing),
            (94, 0, Growing),
            (95, 0, Whole),
            (91, 0, Whole),
            (89, 0, Wounded),
            (94, 0, Wounded),
            (99, 0, Whole),
            (98, 1, Wounded),
            (98, 0, Whole),
            (0, 98, Dead),
            (0, 0, Dead),
            (1, 0, Growing),
            (10, 3, Wounded),
            (96, 0, Whole),
        ];
        for (tick, (live, lost, condition)) in story.into_iter().enumerate() {
            life.observe(&census(live, lost), Some(100));
            assert_eq!(life.condition, condition, "{tick}");
        }
        let vitals = NcaVitals::new(&census(96, 0), Some(100), &life, 7);
        assert_eq!((vitals.centroid, vitals.integrity, vitals.tick), (Vec2::new(3.5, 0.5), 0.96, 7));
    }
}
