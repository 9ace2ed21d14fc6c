//! The place of cells in the world: transforms, probes, pointers, physics.

mod art;
#[cfg(feature = "avian2d")]
mod colliders;
#[cfg(feature = "avian2d")]
mod contacts;
mod frames;
#[cfg(feature = "picking")]
mod holes;
#[cfg(feature = "picking")]
mod picking;
#[cfg(all(feature = "picking", feature = "pbr"))]
mod picking_meshes;
#[cfg(all(feature = "picking", feature = "ui"))]
mod picking_nodes;
#[cfg(feature = "avian2d")]
mod pieces;
mod probe;
mod ray;
mod transform;
mod visibility;

pub(crate) use art::art_colors;
#[cfg(feature = "avian2d")]
pub use colliders::NcaCollider;
#[cfg(feature = "avian2d")]
pub use contacts::NcaImpact;
#[cfg(feature = "avian2d")]
pub(crate) use contacts::PhysicsPlugin;
pub(crate) use frames::{FramesPlugin, ShownFrame, ShownFrames};
#[cfg(feature = "picking")]
pub(crate) use picking::PickingPlugin;
pub use probe::{NcaHit, NcaProbe};
pub(crate) use transform::{ShapeSpace, SpriteTransform, SpriteTransforms, center};
pub(crate) use visibility::Visibilities;
