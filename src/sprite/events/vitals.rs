//! What sprites report about their condition. Each report is an entity event and a [`Message`].

use bevy::prelude::*;

/// A wound has killed living cells of a sprite.
///
/// It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaWounded {
    /// The sprite.
    pub entity: Entity,
    /// The number of living cells killed, in all ticks of the frame.
    pub lost_cells: u32,
}

/// A sprite is whole for the first time since it began to grow, or to grow again.
///
/// It begins to grow again after [`NcaWriteCells`](super::NcaWriteCells), after it has died, and when its model is replaced
/// by one of another shape. A restored sprite keeps whether it has grown.
///
/// It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaGrown {
    /// The sprite.
    pub entity: Entity,
}

/// A wounded sprite is whole. If it has never been whole before, an [`NcaGrown`] comes first.
///
/// It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaRegrown {
    /// The sprite.
    pub entity: Entity,
}

/// The cells of a sprite have become those of the form that its [`NcaForm`](crate::NcaForm) asked for: 95% of them live, and
/// few others do.
///
/// It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaMorphed {
    /// The sprite.
    pub entity: Entity,
    /// The number of the form; of a blend, that of the largest share.
    pub form: usize,
}

/// The last cell of a sprite has died. The entity remains: heal or despawn it.
///
/// It is both an entity event and a message.
#[derive(EntityEvent, Message, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Event, Message, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaDied {
    /// The sprite.
    pub entity: Entity,
}
