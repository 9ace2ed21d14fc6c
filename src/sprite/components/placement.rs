//! The link from an entity to its instance.

use bevy::{asset::AssetId, prelude::*};

/// An instance in the simulation: a population and a slot in it. The slot changes when a population shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceId {
    pub(crate) population: u32,
    pub(crate) slot: u32,
}

/// Links an entity to its instance. It is marked as changed when the instance or its slot changes.
#[derive(Component, Default)]
pub(crate) struct Placement {
    /// `None` until the model is loaded.
    pub(crate) id: Option<InstanceId>,
    /// The atlas that the entity shows, to recognize it later. Changing this field does not mark the component as
    /// changed.
    pub(crate) shown: Option<Handle<Image>>,
    /// The entity has an [`NcaSkin`](super::NcaSkin).
    pub(crate) is_skinned: bool,
    /// The image of its [`NcaTiling`](super::NcaTiling).
    pub(crate) tiling: Option<AssetId<Image>>,
}
