//! Wounding, healing and painting sprites.

use bevy::prelude::*;

use super::{NcaFilter, NcaWound};
use crate::rule::Shape;

/// The spaces of an event's wound or shape.
macro_rules! spaces {
    ($event:ident, $of:literal) => {
        impl $event {
            #[doc = concat!("Interprets the ", $of, " in cells.")]
            pub fn in_cells(self) -> Self {
                self.with_space(NcaSpace::Cells)
            }

            #[doc = concat!("Interprets the ", $of, " in texture coordinates.")]
            pub fn in_uv(self) -> Self {
                self.with_space(NcaSpace::Uv)
            }

            #[doc = concat!("Sets the [space](Self::space) of the ", $of, ".")]
            pub fn with_space(self, space: NcaSpace) -> Self {
                Self { space, ..self }
            }
        }
    };
}

spaces!(NcaDamage, "wound");
spaces!(NcaHeal, "shape");
spaces!(NcaPaint, "shape");

/// Wounds one sprite: at its next tick, the cells whose centers are in the wound become zeros.
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
/// In world space, the entity needs a [`Sprite`] (or `SpriteMesh`) and a [`Transform`]. If the model is not loaded yet,
/// the wound waits for it. If the entity is disabled, the wound waits until it is enabled. A wound that is empty or not
/// finite is ignored with a warning. A wound of an entity without an [`NcaTexture`](crate::NcaTexture) is ignored too.
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaDamage {
    /// The sprite.
    pub entity: Entity,
    /// The wound.
    pub wound: NcaWound,
    /// The space of the wound; default [`NcaSpace::World`].
    pub space: NcaSpace,
}

impl NcaDamage {
    /// A wound in world units.
    pub fn new(entity: Entity, wound: impl Into<NcaWound>) -> Self {
        Self { entity, wound: wound.into(), space: NcaSpace::World }
    }

    /// A disc around a point, in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, NcaWound::circle(center, radius))
    }

    /// An axis-aligned rectangle, in world units.
    pub fn rect(entity: Entity, rect: Rect) -> Self {
        Self::new(entity, NcaWound::rect(rect))
    }
}

/// Wounds every sprite that it touches in the world.
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
/// It finds entities with an [`NcaTexture`](crate::NcaTexture), a [`Sprite`] (or `SpriteMesh`) and a [`Transform`]. It
/// skips disabled entities. It skips hidden entities too, unless its [filter](Self::filter) finds them.
#[derive(Event, Reflect, Clone, Debug, PartialEq)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaBlast {
    /// The wound, in world units.
    pub wound: NcaWound,
    /// The sprites that it finds; default all that are not hidden.
    pub filter: NcaFilter,
}

impl NcaBlast {
    /// A wound in world units.
    pub fn new(wound: impl Into<NcaWound>) -> Self {
        Self { wound: wound.into(), filter: NcaFilter::default() }
    }

    /// A disc around a point, in world units.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Self::new(NcaWound::circle(center, radius))
    }

    /// Sets the [filter](Self::filter).
    pub fn with_filter(self, filter: NcaFilter) -> Self {
        Self { filter, ..self }
    }
}

/// Heals a sprite: in a shape, scars can grow again, and empty cells become seeds.
///
/// A sprite grows from a seed: a disc around its center revives a dead sprite. In the same tick, healing comes before
/// wounds. If the model is not loaded yet, or the entity is disabled, the healing waits.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn potion(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaHeal::circle(*sprite, Vec2::ZERO, 30.0));
/// }
/// ```
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(opaque)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaHeal {
    /// The sprite.
    pub entity: Entity,
    /// The region to heal.
    pub shape: Shape,
    /// The space of the shape; default [`NcaSpace::World`].
    pub space: NcaSpace,
}

impl NcaHeal {
    /// A shape in world units.
    pub fn new(entity: Entity, shape: impl Into<Shape>) -> Self {
        Self { entity, shape: shape.into(), space: NcaSpace::World }
    }

    /// A disc around a point, in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, Shape::circle(center.x, center.y, radius))
    }

    /// An axis-aligned rectangle, in world units.
    pub fn rect(entity: Entity, rect: Rect) -> Self {
        Self::new(entity, Shape::rect(rect.min.x, rect.min.y, rect.max.x, rect.max.y))
    }
}

/// Paints cells of a texture with the second rule of its model, which they follow from then on: moss on a wall, for
/// example. See [`Model::with_overgrowth`](crate::rule::Model::with_overgrowth).
///
/// Painted cells keep their values, and grow into the second material. What grows on them spreads only as far as they
/// are painted. For a growth that spreads, paint a larger shape with a low strength again and again. If the model is not
/// loaded yet, or the entity is disabled, the paint waits. On a model without an overgrowth it is ignored, with a
/// warning.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn pour(mut commands: Commands, wall: Single<Entity, With<NcaTexture>>) {
///     let moss = Shape::circle(0.4, 0.7, 0.2);
///     commands.trigger(NcaPaint::new(*wall, moss.clone()).with_softness(0.1).in_uv());
///     commands.trigger(NcaPaint::erase(*wall, moss).in_uv());
/// }
/// ```
#[derive(EntityEvent, Reflect, Clone, Debug, PartialEq)]
#[reflect(opaque)]
#[reflect(Event, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaPaint {
    /// The texture.
    pub entity: Entity,
    /// The region to paint.
    pub shape: Shape,
    /// The probability that a cell is painted, 0 to 1; default 1.
    pub strength: f32,
    /// The width of the soft edge inside the shape, in units of the shape; default 0. The probability falls to 0 across
    /// it. A stencil ignores it.
    pub softness: f32,
    /// Whether the cells follow the first rule again; default false.
    pub erases: bool,
    /// The space of the shape; default [`NcaSpace::World`].
    pub space: NcaSpace,
}

impl NcaPaint {
    /// Paints a shape in world units.
    pub fn new(entity: Entity, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        Self { entity, shape, strength: 1.0, softness: 0.0, erases: false, space: NcaSpace::World }
    }

    /// Paints a disc around a point, in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, Shape::circle(center.x, center.y, radius))
    }

    /// Lets the cells in a shape follow the first rule again.
    pub fn erase(entity: Entity, shape: impl Into<Shape>) -> Self {
        Self { erases: true, ..Self::new(entity, shape) }
    }

    /// Sets the [strength](Self::strength), 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    /// Sets the [softness](Self::softness), in units of the shape.
    pub fn with_softness(self, softness: f32) -> Self {
        Self { softness, ..self }
    }
}

/// The coordinate system of a shape.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub enum NcaSpace {
    /// World units, through the sprite's transform, anchor, flips and size; y up.
    #[default]
    World,
    /// Cells of the sprite's grid; y down from the upper left corner.
    Cells,
    /// Texture coordinates: 0 to 1 over the picture as it is seen, y down. (They are not places on the body of a skin with a
    /// UV sheet.) A ray cast on a mesh returns them. A pointer hit on a UI
    /// node is relative to the center of the node: add 0.5.
    Uv,
}
