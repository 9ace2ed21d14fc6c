//! Sprites that come apart.

use std::{any::TypeId, time::Duration};

use bevy::{
    ecs::{lifecycle::HookContext, world::DeferredWorld},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use super::NcaAliveMask;
use crate::rule::{FEWEST_CELLS, Shape};

/// Lets a sprite come apart: a wound that cuts it into pieces makes an entity of each. Add it beside an
/// [`NcaTexture`](super::NcaTexture).
///
/// Pieces are the connected components of the living cells, as life spreads: to the eight cells around. The largest stays
/// with the entity. Each of the others becomes a copy of the entity, at its place, with its cells, its age and its scars:
/// all components that can be cloned, but no children. An observer of [`NcaSevered`](crate::NcaSevered) can change it. Only
/// what a wound parts comes apart: islands of a picture stay together.
///
/// A piece is a sprite like any other: it ticks, so a model of a living body grows whole again. It has another seed, an
/// [`NcaPieceOf`], and comes apart itself. A small piece no longer knows exactly where in the body it was: a few in a
/// hundred grow whole some cells beside their place. They are whole there: their vitals, masks and art go by where they
/// stand. (Art on a mesh and sprites that wrap around their grid stay as they were.)
///
/// On the CPU, a wound severs in its own tick: the same wounds give the same pieces at any frame rate. On the GPU too, by
/// the living cells as they were read back last, minus the wounds since then.
/// (A wound that comes before they were read back once severs later, islands too.) Before a rollback over a cut, despawn the
/// pieces that it has made.
///
/// On a mesh, a piece gets a material of its own. A node of the UI needs an absolute position for its pieces to appear at its
/// place.
///
/// It needs a model with a life mask. Beside an [`NcaTiling`](super::NcaTiling), it does nothing.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")),
///         Sprite::sized(Vec2::splat(200.0)),
///         NcaSever { fewest_cells: 40, push: 60.0, ..default() },
///     ));
/// }
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaAliveMask)]
pub struct NcaSever {
    /// The fewest living cells of a piece; default 12. Smaller ones die at once.
    pub fewest_cells: u32,
    /// What becomes of pieces; default [`NcaPieceFate::Regrow`].
    pub fate: NcaPieceFate,
    /// The most pieces of the sprite, and of its pieces, that exist at a time; default 8. A piece for which there is no room
    /// stays with the sprite.
    pub most_pieces: u32,
    /// The time after which a piece is despawned, in virtual time; default `None`: never.
    pub lifetime: Option<Duration>,
    /// The speed at which the sprite and a piece move apart at first, in world units per second; default 0. Only dynamic
    /// bodies of avian do (feature `avian2d`). Those with an `NcaCollider` also move apart while they grow into each other.
    pub push: f32,
    /// Whether pieces are despawned together with the sprite that they come from; default false.
    pub despawns_pieces: bool,
}

impl Default for NcaSever {
    fn default() -> Self {
        Self {
            fewest_cells: FEWEST_CELLS,
            fate: NcaPieceFate::Regrow,
            most_pieces: 8,
            lifetime: None,
            push: 0.0,
            despawns_pieces: false,
        }
    }
}

/// What becomes of the pieces of a sprite.
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub enum NcaPieceFate {
    /// They become entities, whose cells go on as those of any sprite.
    #[default]
    Regrow,
    /// They drop as debris: entities whose cells stay as they are, at rest, with an [`NcaPace`](super::NcaPace) that is
    /// paused. (A wound of a sprite that does not tick waits.)
    Debris,
    /// Their cells die at once. Like cells that a wound kills, they become debris if the sprite has an [`NcaShedding`](super::NcaShedding).
    Die,
}

/// The sprite from which a piece was severed, of a piece of a piece the first one. Removed with that sprite.
#[derive(Component, Reflect, Clone, Debug, PartialEq, Eq)]
#[reflect(Component, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
#[relationship(relationship_target = NcaPieces)]
pub struct NcaPieceOf(pub Entity);

/// The pieces of a sprite that exist.
#[derive(Component, Reflect, Debug, Default, PartialEq, Eq)]
#[reflect(Component, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[relationship_target(relationship = NcaPieceOf)]
#[component(on_despawn = despawn_pieces)]
pub struct NcaPieces(Vec<Entity>);

/// Despawns the pieces of a sprite that asks for it.
fn despawn_pieces(mut world: DeferredWorld, HookContext { entity, .. }: HookContext) {
    if world.get::<NcaSever>(entity).is_none_or(|sever| !sever.despawns_pieces) {
        return;
    }
    let pieces = world.get::<NcaPieces>(entity).map(|pieces| pieces.0.clone()).unwrap_or_default();
    for piece in pieces {
        world.commands().entity(piece).try_despawn();
    }
}

/// Holds cells of a sprite that comes apart: what hangs on none of them drops off. Add it beside an [`NcaSever`].
///
/// All pieces with a living held cell stay with the entity. The others become entities. Those of a static body of avian
/// become dynamic bodies (feature `avian2d`), and so does a grown sprite itself of which no held cell lives.
///
/// ```
/// # use bevy_nca::{prelude::*, rule::Shape};
/// // The lowest two rows of a wall of 32x40 cells stand on the ground.
/// let ground = NcaHeld::new(Shape::rect(0.0, 38.0, 32.0, 40.0));
/// ```
#[derive(Component, Reflect, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[reflect(opaque)]
#[reflect(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[type_path = "bevy_nca"]
pub struct NcaHeld {
    /// The held cells: those whose centers are inside, in cells. An invalid shape holds nothing.
    pub shape: Shape,
}

impl NcaHeld {
    /// Holds the cells in a shape, in cells.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into() }
    }
}

/// Components of which a piece gets its own, because the plugin or a physics engine keeps track of them.
#[derive(Resource, Default)]
pub(crate) struct NotCopied(pub(crate) Vec<TypeId>);

/// How many pieces are severed at once.
#[derive(Resource, Reflect, Clone, Copy, Debug, PartialEq, Eq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaPieceLimit {
    /// The most pieces of all sprites in a step of the plugin's schedule; default 64. Further ones stay with their sprites.
    pub most_at_once: u32,
}

impl Default for NcaPieceLimit {
    fn default() -> Self {
        Self { most_at_once: 64 }
    }
}
