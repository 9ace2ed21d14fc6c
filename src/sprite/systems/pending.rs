//! Changes that wait for the model of a sprite.

use std::fmt;

use bevy::{ecs::entity::EntityHashMap, prelude::*};

use super::effect::PendingDamage;
use crate::{rule::State, sprite::save::NcaSnapshot};

/// A change of a sprite, made as soon as its model is loaded.
pub(super) enum PendingChange {
    Damage(PendingDamage),
    /// Cells, and their age in ticks.
    Cells(u32, State),
    Snapshot(Box<NcaSnapshot>),
}

impl PendingChange {
    /// Width, height and channels of the cells that it brings, if any.
    fn size(&self) -> Option<[usize; 3]> {
        let state = match self {
            Self::Damage(_) => return None,
            Self::Cells(_, state) => state,
            Self::Snapshot(snapshot) => snapshot.state(),
        };
        Some([state.width(), state.height(), state.channels()])
    }

    /// Whether a later change, which brings cells, overrides it.
    fn is_overridden_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Cells(..), Self::Cells(..)) => self.size() == later.size(),
            (Self::Snapshot(earlier), Self::Snapshot(later)) => earlier.is_for_the_same(later),
            _ => false,
        }
    }
}

impl fmt::Display for PendingChange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Damage(damage) => write!(f, "{damage}"),
            Self::Cells(..) => f.write_str("a write of cells"),
            Self::Snapshot(_) => f.write_str("a snapshot"),
        }
    }
}

/// The changes that wait, by entity, in order.
#[derive(Resource, Default)]
pub(super) struct PendingChanges(EntityHashMap<Vec<PendingChange>>);

impl PendingChanges {
    /// The maximum number of wounds that wait for a model. Beyond it, the oldest are dropped with a warning.
    const MOST_WOUNDS: usize = 4096;
    /// The maximum number of cells and snapshots of different sizes.
    const MOST_STATES: usize = 4;

    /// Adds a change. Cells or a snapshot replace earlier ones of the same kind and size: if the earlier ones fit the
    /// model, the new ones fit too.
    pub(super) fn push(&mut self, entity: Entity, change: PendingChange) {
        let changes = self.0.entry(entity).or_default();
        let brings_cells = change.size().is_some();
        if brings_cells {
            changes.retain(|earlier| !earlier.is_overridden_by(&change));
        }
        let most = if brings_cells { Self::MOST_STATES } else { Self::MOST_WOUNDS };
        let is_of_its_kind = |earlier: &PendingChange| earlier.size().is_some() == brings_cells;
        if changes.iter().filter(|earlier| is_of_its_kind(earlier)).count() >= most {
            warn_once!("{change} makes an earlier one go: {entity} has no model yet, and {most} of those wait for it");
            if let Some(oldest) = changes.iter().position(is_of_its_kind) {
                changes.remove(oldest);
            }
        }
        changes.push(change);
    }

    /// Removes the changes of an entity.
    pub(super) fn take(&mut self, entity: Entity) -> Vec<PendingChange> {
        self.0.remove(&entity).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes that wait for a model that never loads are bounded, and a later write replaces an earlier one.
    #[test]
    fn pending_changes_are_bounded() {
        let entity = Entity::PLACEHOLDER;
        let mut pending = PendingChanges::default();
        let cells = |tick, side: usize| PendingChange::Cells(tick, State::zeros(side, side, 8));
        (0..1000).for_each(|tick| pending.push(entity, cells(tick, 5)));
        assert!(matches!(pending.0[&entity][..], [PendingChange::Cells(999, _)]), "only the last is left");
        (1..30).for_each(|side| pending.push(entity, cells(side as u32, side)));
        let ticks: Vec<u32> = pending
            .take(entity)
            .iter()
            .filter_map(|change| match change {
                PendingChange::Cells(tick, _) => Some(*tick),
                _ => None,
            })
            .collect();
        assert_eq!(ticks, [26, 27, 28, 29], "of different sizes, the last few");
    }
}
