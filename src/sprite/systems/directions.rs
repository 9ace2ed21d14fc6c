//! Directions reach the instances of textures.

use bevy::{
    ecs::{entity_disabling::Disabled, intern::Interned, query::Allow, schedule::ScheduleLabel},
    prelude::*,
};

use super::{clock::tick, instances::Instances};
use crate::{
    rule::Directions,
    sprite::{
        components::{NcaDirections, Placement},
        populations::Populations,
        sets::NcaSystems,
    },
};

/// The most bytes of directions that a frame sends to instances. The others wait.
const MOST_BYTES: usize = 1 << 25;

/// Sends the directions of textures to their instances.
pub(crate) struct DirectionsPlugin {
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for DirectionsPlugin {
    fn build(&self, app: &mut App) {
        app.register_type::<NcaDirections>()
            .add_observer(on_removed)
            .add_systems(self.schedule, direct.in_set(NcaSystems::Tick).before(tick));
    }
}

/// Instances that are new, or whose directions have changed, get theirs.
fn direct(
    textures: Query<(Ref<NcaDirections>, &Placement), Allow<Disabled>>,
    images: Option<Res<Assets<Image>>>,
    mut populations: ResMut<Populations>,
) {
    let populations = populations.bypass_change_detection();
    let mut bytes = 0;
    for (directions, placement) in &textures {
        let Some(id) = placement.id else { continue };
        let Some(grid) = populations.get(id).map(|population| population.grid()) else { continue };
        let Some(instance) = populations.instance_mut(id) else { continue };
        let current = instance.state.directions();
        if current.is_some_and(|current| !current.is_none()) && !directions.is_changed() {
            continue;
        }
        if bytes > MOST_BYTES && current.is_none() {
            continue;
        }
        // An image may not be loaded yet.
        let cells = current.map(Directions::cells);
        let found = directions.of_cells(grid, images.as_deref()).or(cells.map(Directions::none));
        if let Some(found) = found {
            bytes += size_of_val(found.words());
            instance.state.set_directions(found);
        }
    }
}

fn on_removed(removed: On<Remove, NcaDirections>, mut instances: Instances) {
    if let Some(instance) = instances.get_mut(removed.entity)
        && let Some(cells) = instance.state.directions().map(Directions::cells)
    {
        instance.state.set_directions(Directions::none(cells));
    }
}
