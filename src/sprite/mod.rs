//! What a game sees: components, events, resources, and the plugin.
//!
//! Each room depends only on those before it: `components`, `save`, `events`, `simulation`, `backend`, `populations`,
//! `spatial`, `systems` and `display`, and at last `render_bridge` and `plugin`.

mod backend;
mod components;
mod display;
mod events;
mod plugin;
mod populations;
mod render_bridge;
mod save;
mod sets;
mod simulation;
mod spatial;
mod systems;

pub use crate::gpu::NcaPrecision;
pub use components::{
    NcaAliveMask, NcaArmor, NcaBackend, NcaClock, NcaCondition, NcaKillBelow, NcaModel, NcaModelLoader, NcaPace,
    NcaSleeping, NcaTexture, NcaVitals,
};
pub use events::{
    NcaBlast, NcaCellsRead, NcaDamage, NcaDied, NcaFilter, NcaHeal, NcaReadCells, NcaRegrown, NcaRestore,
    NcaRestoreFailed, NcaSave, NcaSaved, NcaSpace, NcaWound, NcaWounded, NcaWriteCells,
};
pub use plugin::NcaPlugin;
pub use save::{NcaSnapshot, NcaSnapshotError};
pub use sets::NcaSystems;
#[cfg(feature = "avian2d")]
pub use spatial::{NcaCollider, NcaImpact};
pub use spatial::{NcaHit, NcaProbe};
pub use systems::{NcaRollback, NcaRollbackError};
