pub mod cpu;
mod gpu;
pub mod headless;
#[cfg(feature = "record")]
pub mod record;
pub mod rule;
mod sprite;

pub use sprite::*;

/// What a game uses.
pub mod prelude {
    pub use crate::sprite::{
        NcaBackend, NcaCells, NcaClock, NcaDamage, NcaModel, NcaPlugin, NcaReadCells, NcaSpace, NcaSystems, NcaTexture,
        NcaWriteCells,
    };
}
