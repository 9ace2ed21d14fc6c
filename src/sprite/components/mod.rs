//! Components and resources of the public API: data only, without simulation.

mod alive_mask;
mod armor;
mod backend;
mod clock;
mod debris;
mod directions;
mod form;
mod model;
mod placement;
mod relief;
mod sever;
mod skin;
mod sleeping;
mod texture;
mod tiling;
mod vitals;

pub use alive_mask::NcaAliveMask;
pub use armor::NcaArmor;
pub use backend::{NcaBackend, NcaEngine};
pub use clock::{NcaClock, NcaPace};
pub use debris::{NcaDebris, NcaShedding};
pub use directions::NcaDirections;
pub use form::{NcaForm, NcaFormName, NcaFormStop};
pub use model::{NcaModel, NcaModelLoader};
pub(crate) use placement::{InstanceId, Placement};
pub use relief::{NcaRelief, NcaReliefKind};
pub(crate) use sever::NotCopied;
pub use sever::{NcaHeld, NcaPieceFate, NcaPieceLimit, NcaPieceOf, NcaPieces, NcaSever};
pub(crate) use skin::{FormArt, LoadsImages, OfSkins, SkinFit};
pub use skin::{NcaSkin, NcaSkinTemplate};
pub use sleeping::{NcaSleeping, NcaSleepingDisabled};
pub(crate) use texture::OfTextures;
pub use texture::{NcaTexture, NcaTextureTemplate};
pub use tiling::NcaTiling;
pub use vitals::{NcaCondition, NcaKillBelow, NcaVitals};
