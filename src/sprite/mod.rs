//! What a game sees: the components, events and resources, and the plugin that wires the engines.

mod asset;
mod atlas;
mod backend;
mod canvas;
mod cells;
mod clock;
mod cpu_cells;
mod damage;
mod filter;
mod gpu_feed;
mod occupant;
#[cfg(feature = "avian2d")]
mod physics;
#[cfg(feature = "picking")]
mod picking;
mod plugin;
mod population;
mod populations;
mod references;
mod render;
mod rollback;
mod roster;
mod sleep;
mod snapshot;
mod stand;
mod texture;
mod tissue;
mod upload;
mod vitals;
mod wound;

pub use crate::gpu::NcaPrecision;
pub use asset::{NcaModel, NcaModelLoader};
pub use backend::NcaBackend;
pub use cells::{NcaCells, NcaReadCells, NcaWriteCells};
pub use clock::{NcaClock, NcaPace};
pub use damage::{NcaBlast, NcaDamage, NcaHeal};
pub use filter::NcaFilter;
#[cfg(feature = "avian2d")]
pub use physics::{NcaCollider, NcaImpact};
pub use plugin::{NcaPlugin, NcaSystems};
pub use rollback::{NcaRollback, NcaRollbackError};
pub use sleep::NcaSleeping;
pub use snapshot::{NcaRestore, NcaRestoreRefused, NcaSave, NcaSaved, NcaSnapshot, NcaSnapshotError};
pub use stand::NcaSpace;
pub use texture::NcaTexture;
pub use tissue::{NcaHit, NcaProbe, NcaTissue};
pub use vitals::{NcaCondition, NcaDied, NcaKillBelow, NcaRegrown, NcaVitals, NcaWounded};
pub use wound::{NcaArmor, NcaWound};
