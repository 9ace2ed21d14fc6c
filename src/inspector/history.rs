//! The vitals of the inspected sprite over time.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::settings::NcaInspector;
use crate::sprite::NcaVitals;

/// The vitals of the inspected sprite over time.
#[derive(Resource, Default)]
pub(super) struct History {
    of: Option<Entity>,
    /// The most recent entries, at most `MAX_ENTRIES`.
    pub(super) entries: VecDeque<NcaVitals>,
}

impl History {
    const MAX_ENTRIES: usize = 1200;

    pub(super) fn record(mut history: ResMut<Self>, inspector: Res<NcaInspector>, sprites: Query<&NcaVitals>) {
        if history.of != inspector.sprite {
            *history = Self { of: inspector.sprite, ..default() };
        }
        let Some(vitals) = inspector.sprite.and_then(|sprite| sprites.get(sprite).ok()) else { return };
        let last = history.entries.back().map(|last| last.tick);
        // The sprite was reset.
        if last.is_some_and(|last| vitals.tick < last) {
            history.entries.clear();
        }
        if last != Some(vitals.tick) {
            history.entries.push_back(*vitals);
        }
        if history.entries.len() > Self::MAX_ENTRIES {
            history.entries.pop_front();
        }
    }
}
