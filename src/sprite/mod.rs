//! The public API for games: components, events, resources and the plugin.
//!
//! A module depends only on modules before it in this order: `components`, `save`, `events`, `sets`, `simulation`,
//! `backend`, `populations`, `spatial`, `systems`, `display`, `skin`, `debris`, `render_bridge`, `plugin`.

mod backend;
mod components;
mod debris;
mod display;
mod events;
mod plugin;
mod populations;
mod render_bridge;
mod save;
mod sets;
mod simulation;
mod skin;
mod spatial;
mod systems;

pub use crate::gpu::NcaPrecision;
pub use components::{
    NcaAliveMask, NcaArmor, NcaBackend, NcaClock, NcaCondition, NcaDebris, NcaDirections, NcaEngine, NcaForm,
    NcaFormName, NcaFormStop, NcaHeld, NcaKillBelow, NcaModel, NcaModelLoader, NcaPace, NcaPieceFate, NcaPieceLimit,
    NcaPieceOf, NcaPieces, NcaRelief, NcaReliefKind, NcaSever, NcaShedding, NcaSkin, NcaSkinTemplate, NcaSleeping,
    NcaSleepingDisabled, NcaTexture, NcaTextureTemplate, NcaTiling, NcaVitals,
};
pub use events::{
    NcaBlast, NcaCellsRead, NcaDamage, NcaDied, NcaFilter, NcaGrown, NcaHeal, NcaMorphed, NcaPaint, NcaReadCells,
    NcaRegrown, NcaRestore, NcaRestoreFailed, NcaSave, NcaSaved, NcaSevered, NcaShed, NcaShedCell, NcaSpace, NcaWound,
    NcaWounded, NcaWriteCells,
};
pub use plugin::NcaPlugin;
pub use save::{NcaSnapshot, NcaSnapshotError};
pub use sets::NcaSystems;
pub use skin::NcaArt;
#[cfg(feature = "pbr")]
pub use skin::{NcaSkinExtension, NcaSkinMaterial};
#[cfg(feature = "avian2d")]
pub use spatial::{NcaCollider, NcaImpact};
pub use spatial::{NcaHit, NcaProbe};
pub use systems::{NcaDiagnosticsPlugin, NcaRollback, NcaRollbackError};
