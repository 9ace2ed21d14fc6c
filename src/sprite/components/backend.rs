//! Which engine simulates the cells.

use bevy::prelude::*;

/// Which engine simulates the cells.
///
/// In [`NcaPlugin`](crate::NcaPlugin) it is what the game asks for. As a resource, once the app has started, it is the
/// engine in use.
#[derive(Resource, Reflect, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[reflect(Resource, Clone, Debug, Default, PartialEq)]
pub enum NcaBackend {
    /// The GPU if it has compute shaders and is not a software driver, else the CPU. The log names the choice, once.
    #[default]
    Auto,
    /// The GPU. If there is no suitable GPU, the log reports an error, and the CPU is used.
    Gpu,
    /// The CPU, even if there is a GPU.
    Cpu,
}
