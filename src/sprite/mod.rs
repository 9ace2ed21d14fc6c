//! What a game sees: the components, events and resources, and the plugin that wires the engines.

mod asset;
mod atlas;
mod backend;
mod cells;
mod clock;
mod cpu_cells;
mod damage;
mod gpu_feed;
mod plugin;
mod population;
mod render;
mod texture;

pub use asset::{NcaModel, NcaModelLoader};
pub use backend::NcaBackend;
pub use cells::{NcaCells, NcaReadCells, NcaWriteCells};
pub use clock::NcaClock;
pub use damage::{NcaBlast, NcaDamage, NcaSpace, NcaWound};
pub use plugin::{NcaPlugin, NcaSystems};
pub use texture::NcaTexture;
