//! Sprites at rest.

use bevy::prelude::*;

/// Marks a sprite that does not tick.
///
/// The plugin adds it to a whole or dead sprite after [`NcaClock::sleep_after`](super::NcaClock::sleep_after) ticks
/// without a change, and removes it when the sprite wakes. A wound, an [`NcaHeal`](crate::NcaHeal), new cells, another
/// seed or angle of the [`NcaTexture`](super::NcaTexture), or new weights of the model wake a sprite. Add the marker to
/// put a sprite to sleep; remove it to wake the sprite.
///
/// An entity with [`Disabled`](bevy::ecs::entity_disabling::Disabled) does not tick either, and needs no marker. An
/// event that targets it, such as [`NcaDamage`](crate::NcaDamage) or [`NcaSave`](crate::NcaSave), waits until it is
/// enabled again; a blast skips it.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSleeping;

/// Marks a sprite that never falls asleep by itself.
#[derive(Component, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaSleepingDisabled;
