//! What a game puts on entities, and the resources that it sets. Data only: nothing here knows how it is simulated.

mod alive_mask;
mod armor;
mod backend;
mod clock;
mod model;
mod placement;
mod sleeping;
mod texture;
mod vitals;

pub use alive_mask::NcaAliveMask;
pub use armor::NcaArmor;
pub use backend::NcaBackend;
pub use clock::{NcaClock, NcaPace};
pub use model::{NcaModel, NcaModelLoader};
pub(crate) use placement::{InstanceId, Placement};
pub use sleeping::NcaSleeping;
pub use texture::NcaTexture;
pub(crate) use texture::OfTextures;
pub use vitals::{NcaCondition, NcaKillBelow, NcaVitals};
