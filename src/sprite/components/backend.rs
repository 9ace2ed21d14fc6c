//! Which engine simulates the cells.

use bevy::prelude::*;

use crate::gpu::NcaPrecision;

/// Which engine simulates the cells; see [`NcaPlugin::backend`](crate::NcaPlugin::backend).
#[derive(Reflect, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[reflect(Clone, Debug, Default, PartialEq, Hash)]
#[type_path = "bevy_nca"]
pub enum NcaBackend {
    /// The GPU if it has compute shaders and is not a software driver, otherwise the CPU. The log reports the choice.
    #[default]
    Auto,
    /// The GPU. Without a suitable GPU, the log reports an error, and the CPU is used instead.
    Gpu,
    /// The CPU, even if there is a GPU.
    Cpu,
}

/// The engine in use. The plugin inserts this resource in [`PreStartup`], and replaces it after a lost device.
#[derive(Resource, Reflect, Clone, Debug, PartialEq, Eq)]
#[reflect(Resource, Clone, Debug, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaEngine {
    pub(crate) backend: NcaBackend,
    pub(crate) precision: NcaPrecision,
    pub(crate) adapter: Option<String>,
}

impl NcaEngine {
    /// [`NcaBackend::Gpu`] or [`NcaBackend::Cpu`].
    pub fn backend(&self) -> NcaBackend {
        self.backend
    }

    /// Whether new sprites are simulated on the GPU.
    pub fn is_gpu(&self) -> bool {
        self.backend == NcaBackend::Gpu
    }

    /// How the engine stores cells. The CPU always uses [`NcaPrecision::Full`].
    pub fn precision(&self) -> NcaPrecision {
        self.precision
    }

    /// The name of the GPU's adapter; `None` on the CPU.
    pub fn adapter(&self) -> Option<&str> {
        self.adapter.as_deref()
    }
}
