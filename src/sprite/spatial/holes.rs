//! Lets pointers pass through sprites and nodes, for one frame.

use bevy::prelude::*;

/// The original `Pickable` of sprites and nodes that pointers pass through in this frame.
#[derive(Resource, Default)]
pub(super) struct Opened(Vec<(Entity, Pickable)>);

impl Opened {
    /// Lets pointers pass through an entity, until picking has ended. Other systems do not see this as a change.
    pub(super) fn open(&mut self, entity: Entity, mut pickable: Mut<Pickable>) {
        if *pickable != Pickable::IGNORE {
            let pickable = pickable.bypass_change_detection();
            self.0.push((entity, std::mem::replace(pickable, Pickable::IGNORE)));
        }
    }
}

/// Restores the `Pickable` of these.
pub(super) fn close(mut pickables: Query<&mut Pickable>, mut opened: ResMut<Opened>) {
    for (entity, was) in opened.0.drain(..) {
        if let Ok(mut pickable) = pickables.get_mut(entity) {
            // The game may have changed it meanwhile.
            if *pickable == Pickable::IGNORE {
                *pickable.bypass_change_detection() = was;
            }
        }
    }
}
