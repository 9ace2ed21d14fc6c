//! The events that a game sends to sprites, and those that sprites send: data only.

mod cells;
mod damage;
mod filter;
mod pieces;
mod snapshots;
mod vitals;
mod wound;

pub use cells::{NcaCellsRead, NcaReadCells, NcaWriteCells};
pub use damage::{NcaBlast, NcaDamage, NcaHeal, NcaPaint, NcaSpace};
pub use filter::NcaFilter;
pub use pieces::{NcaSevered, NcaShed, NcaShedCell};
pub use snapshots::{NcaRestore, NcaRestoreFailed, NcaSave, NcaSaved};
pub use vitals::{NcaDied, NcaGrown, NcaMorphed, NcaRegrown, NcaWounded};
pub use wound::NcaWound;
