//! What a game asks of sprites, and what sprites report: data only.

mod cells;
mod damage;
mod filter;
mod snapshots;
mod vitals;
mod wound;

pub use cells::{NcaCellsRead, NcaReadCells, NcaWriteCells};
pub use damage::{NcaBlast, NcaDamage, NcaHeal, NcaSpace};
pub use filter::NcaFilter;
pub use snapshots::{NcaRestore, NcaRestoreFailed, NcaSave, NcaSaved};
pub use vitals::{NcaDied, NcaRegrown, NcaWounded};
pub use wound::NcaWound;
