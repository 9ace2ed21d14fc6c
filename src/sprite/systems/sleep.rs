//! Sprites fall asleep, wake, and are disabled.

use bevy::{ecs::entity_disabling::Disabled, prelude::*};

use super::{instances::Instances, vitals::report};
use crate::sprite::{
    components::{NcaSleeping, NcaSleepingDisabled},
    populations::Populations,
    sets::NcaSystems,
};

/// Keeps the sleep markers and the instances in sync.
pub(crate) struct SleepPlugin;

impl Plugin for SleepPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaSleeping>()
            .register_type::<NcaSleepingDisabled>()
            .add_observer(on_asleep)
            .add_observer(on_awake)
            .add_observer(on_sleeping_disabled)
            .add_observer(on_sleeping_enabled)
            .add_observer(on_disabled)
            .add_observer(on_enabled)
            .add_systems(PostUpdate, mark.after(report).in_set(NcaSystems::Report));
    }
}

fn on_asleep(added: On<Add, NcaSleeping>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(added.entity) {
        instance.set_asleep(true);
    }
}

fn on_awake(removed: On<Remove, NcaSleeping>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.set_asleep(false);
    }
}

fn on_sleeping_disabled(added: On<Add, NcaSleepingDisabled>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(added.entity) {
        instance.set_sleeping_disabled(true);
    }
}

fn on_sleeping_enabled(removed: On<Remove, NcaSleepingDisabled>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.set_sleeping_disabled(false);
    }
}

fn on_disabled(added: On<Add, Disabled>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(added.entity) {
        instance.set_disabled(true);
    }
}

fn on_enabled(removed: On<Remove, Disabled>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity) {
        instance.set_disabled(false);
    }
}

/// Adds the marker to entities whose instances have fallen asleep, and removes it from those whose instances have
/// woken.
fn mark(mut populations: ResMut<Populations>, mut commands: Commands) {
    for population in populations.bypass_change_detection().iter_mut() {
        for instance in population.active_mut() {
            let Some(asleep) = instance.take_sleep_change() else { continue };
            // It may have been despawned in this frame.
            let Ok(mut entity) = commands.get_entity(instance.entity) else { continue };
            match asleep {
                true => entity.try_insert(NcaSleeping),
                false => entity.try_remove::<NcaSleeping>(),
            };
        }
    }
}
