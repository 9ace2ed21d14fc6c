//! Sprites that have come to rest cost nothing.

use bevy::{ecs::entity_disabling::Disabled, prelude::*};

#[cfg(doc)]
use super::{NcaClock, NcaHeal, NcaTexture};
use super::{populations::Populations, texture::Occupants};

/// A sprite that does not tick until something wakes it: a wound, an [`NcaHeal`], new cells, or
/// another seed or angle of its [`NcaTexture`], or other weights of its model.
///
/// The plugin adds it to a whole or dead sprite once nothing of that kind has happened for
/// [`NcaClock::sleep_after`] ticks, and removes it when the sprite wakes. Add it yourself to put a
/// sprite to sleep, remove it to wake one.
///
/// An entity that is [`Disabled`] does not tick either, without this marker. An event that names it, such as
/// [`NcaDamage`](super::NcaDamage) or [`NcaSave`](super::NcaSave), waits until it is back; a blast passes it by.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
pub struct NcaSleeping;

pub(super) fn on_sleep(added: On<Add, NcaSleeping>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(added.entity) {
        occupant.set_asleep(true);
    }
}

pub(super) fn on_wake(removed: On<Remove, NcaSleeping>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(removed.entity) {
        occupant.set_asleep(false);
    }
}

/// What the game has disabled does not tick.
pub(super) fn on_disable(added: On<Add, Disabled>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(added.entity) {
        occupant.set_disabled(true);
    }
}

/// All that concerns it is done now that it is back.
pub(super) fn on_enable(removed: On<Remove, Disabled>, mut occupants: Occupants) {
    occupants.touch(removed.entity);
    if let Some(occupant) = occupants.get_mut(removed.entity) {
        occupant.set_disabled(false);
    }
}

/// Tells entities that their sprites have fallen asleep or woken.
pub(super) fn tell(mut populations: ResMut<Populations>, mut commands: Commands) {
    for (entity, asleep) in populations.bypass_change_detection().take_turned() {
        // It may have been despawned in this frame.
        let Ok(mut entity) = commands.get_entity(entity) else { continue };
        match asleep {
            true => entity.try_insert(NcaSleeping),
            false => entity.try_remove::<NcaSleeping>(),
        };
    }
}
