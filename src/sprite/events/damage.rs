//! Wounding and healing sprites.

use bevy::prelude::*;

use super::{NcaFilter, NcaWound};
use crate::rule::Shape;

/// Wounds one sprite: at its next tick, cells whose centres lie in the wound become zeros.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn shoot(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaDamage::circle(*sprite, Vec2::new(120.0, 40.0), 16.0));
///     let acid = NcaWound::rect(Rect::new(0.0, 0.0, 20.0, 8.0)).with_strength(0.1);
///     commands.trigger(NcaDamage::new(*sprite, acid).in_cells());
/// }
/// ```
///
/// A wound that comes before the model is loaded waits for it, and so does one of an entity that the game has
/// disabled, until that is back. A wound that is empty or not finite
/// is ignored with a warning, and so is an entity without an [`NcaTexture`].
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaDamage {
    /// The sprite.
    pub entity: Entity,
    /// Which cells are killed.
    pub wound: NcaWound,
    /// The space of the wound.
    pub space: NcaSpace,
}

impl NcaDamage {
    /// A wound in the world.
    pub fn new(entity: Entity, wound: impl Into<NcaWound>) -> Self {
        Self { entity, wound: wound.into(), space: NcaSpace::World }
    }

    /// A disc about a point in the world, its radius in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, NcaWound::circle(center, radius))
    }

    /// A rectangle in the world, along its axes.
    pub fn rect(entity: Entity, rect: Rect) -> Self {
        Self::new(entity, NcaWound::rect(rect))
    }

    /// The same numbers, in cells.
    pub fn in_cells(self) -> Self {
        Self { space: NcaSpace::Cells, ..self }
    }

    /// The same numbers, as texture coordinates.
    pub fn in_uv(self) -> Self {
        Self { space: NcaSpace::Uv, ..self }
    }
}

/// Wounds every sprite in the world that it touches.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn explode(mut commands: Commands) {
///     commands.trigger(NcaBlast::circle(Vec2::new(120.0, 40.0), 64.0));
///     let from_above = NcaWound::capsule(Vec2::new(0.0, 500.0), Vec2::ZERO, 4.0);
///     commands.trigger(NcaBlast::new(from_above.with_softness(2.0)));
/// }
/// ```
///
/// What can be wounded is what has an [`NcaTexture`], a [`Sprite`] (or `SpriteMesh`) and a [`Transform`], and is not
/// hidden; [`NcaBlast::with_filter`] says otherwise.
#[derive(Event, Clone, Debug, PartialEq)]
pub struct NcaBlast {
    /// Which cells are killed, in the world.
    pub wound: NcaWound,
    /// Which sprites are struck; default all that are not hidden.
    pub filter: NcaFilter,
}

impl NcaBlast {
    /// A wound.
    pub fn new(wound: impl Into<NcaWound>) -> Self {
        Self { wound: wound.into(), filter: NcaFilter::default() }
    }

    /// A disc about a point.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Self::new(NcaWound::circle(center, radius))
    }

    /// Of all sprites, only some.
    pub fn with_filter(self, filter: NcaFilter) -> Self {
        Self { filter, ..self }
    }
}

/// Helps a sprite: scars in a shape may grow again, and where it is empty, seeds are sown.
///
/// Seeds are what a sprite grows from; so a disc about its centre brings a dead sprite back. A wound in
/// the same tick comes after it.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn potion(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaHeal::circle(*sprite, Vec2::ZERO, 30.0));
/// }
/// ```
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaHeal {
    /// The sprite.
    pub entity: Entity,
    /// Where.
    pub shape: Shape,
    /// The space of the shape.
    pub space: NcaSpace,
}

impl NcaHeal {
    /// A shape in the world.
    pub fn new(entity: Entity, shape: Shape) -> Self {
        Self { entity, shape, space: NcaSpace::World }
    }

    /// A disc about a point in the world, its radius in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, Shape::circle(center.x, center.y, radius))
    }

    /// The same numbers, in cells.
    pub fn in_cells(self) -> Self {
        Self { space: NcaSpace::Cells, ..self }
    }

    /// The same numbers, as texture coordinates.
    pub fn in_uv(self) -> Self {
        Self { space: NcaSpace::Uv, ..self }
    }
}

/// The space that a shape is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Reflect)]
pub enum NcaSpace {
    /// World units, through the sprite's transform, anchor, flip and size; y grows upwards.
    #[default]
    World,
    /// Cells of the sprite's grid; y grows downwards from the upper left corner.
    Cells,
    /// Texture coordinates: 0 to 1 over the picture, y downwards. Ray casts on meshes and cursors over
    /// nodes of the user interface give them.
    Uv,
}
