//! Compute pipelines, one set for each kind of rule.

use bevy::{
    platform::collections::HashMap,
    prelude::*,
    render::render_resource::{
        BindGroupLayoutDescriptor, BindGroupLayoutEntries, CachedComputePipelineId, CachedPipelineState,
        ComputePipeline, ComputePipelineDescriptor, PipelineCache, ShaderStages, ShaderType, StorageTextureAccess,
        TextureFormat,
        binding_types::{storage_buffer_read_only_sized, storage_buffer_sized, texture_storage_2d, uniform_buffer},
    },
    shader::{ShaderCacheError, ShaderDefVal},
};

use super::{NcaPrecision, Shaders};
use crate::rule::{Boundary, FireRate, Kernel, Output, Rule};

/// What holds for all sprites of a population in one dispatch; `Params` in `grid.wgsl`.
#[derive(Clone, Copy, Debug, Default, ShaderType)]
pub(super) struct Params {
    pub(super) size: UVec2,
    pub(super) first_job: u32,
    pub(super) fire_threshold: u32,
    pub(super) step_size: f32,
    pub(super) alive_threshold: f32,
    pub(super) atlas_columns: u32,
    pub(super) capacity: u32,
}

impl Params {
    pub(super) fn new(rule: &Rule, [width, height]: [u32; 2], atlas_columns: u32, capacity: u32) -> Self {
        Self {
            size: UVec2::new(width, height),
            fire_threshold: match rule.firing() {
                FireRate::Always => 0,
                FireRate::Below(threshold) => threshold,
            },
            step_size: rule.step_size,
            alive_threshold: rule.alive.map_or(0.0, |alive| alive.threshold),
            atlas_columns,
            capacity,
            ..Self::default()
        }
    }
}

/// What of a rule is compiled into its shaders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PipelineKey {
    channels: usize,
    hidden: usize,
    perception: Vec<Kernel>,
    boundary: Boundary,
    alive_channel: Option<usize>,
    always_fires: bool,
    output: Output,
    precision: NcaPrecision,
}

impl PipelineKey {
    pub(super) fn new(rule: &Rule, precision: NcaPrecision) -> Self {
        Self {
            precision,
            channels: rule.channels,
            hidden: rule.hidden,
            perception: rule.perception.clone(),
            boundary: rule.boundary,
            alive_channel: rule.alive.map(|alive| alive.channel),
            always_fires: rule.firing() == FireRate::Always,
            output: rule.output,
        }
    }

    /// The definitions that `#ifdef` and `#{NAME}` in the shaders refer to.
    pub(super) fn shader_defs(&self) -> Vec<ShaderDefVal> {
        let number = |name: &str, value: usize| ShaderDefVal::UInt(name.to_owned(), value as u32);
        let mut defs = vec![
            number("QUADS", self.channels / 4),
            number("FEATURE_QUADS", self.perception.len() * self.channels / 4),
            number("HIDDEN", self.hidden),
        ];
        for (index, kernel) in self.perception.iter().enumerate() {
            let name = match kernel {
                Kernel::Identity => "IDENTITY",
                Kernel::SobelX => "SOBEL_X",
                Kernel::SobelY => "SOBEL_Y",
                Kernel::Laplacian => "LAPLACIAN",
            };
            defs.push(number(name, index));
        }
        if let Some(channel) = self.alive_channel {
            defs.extend(["MASKED".into(), number("ALIVE_QUAD", channel / 4), number("ALIVE_LANE", channel % 4)]);
        }
        if self.boundary == Boundary::Wrap {
            defs.push("WRAP".into());
        }
        if self.always_fires {
            defs.push("ALWAYS_FIRES".into());
        }
        if self.output == Output::OpaqueCentered {
            defs.push("OPAQUE_CENTERED".into());
        }
        if self.precision == NcaPrecision::Half {
            defs.push("HALF".into());
        }
        defs
    }
}

/// The layout of the one bind group, the same for all passes.
pub(super) fn layout() -> BindGroupLayoutDescriptor {
    BindGroupLayoutDescriptor::new(
        "nca_layout",
        &BindGroupLayoutEntries::sequential(
            ShaderStages::COMPUTE,
            (
                uniform_buffer::<Params>(true),
                storage_buffer_read_only_sized(false, None),
                storage_buffer_read_only_sized(false, None),
                storage_buffer_sized(false, None),
                storage_buffer_sized(false, None),
                storage_buffer_sized(false, None),
                storage_buffer_sized(false, None),
                storage_buffer_read_only_sized(false, None),
                texture_storage_2d(TextureFormat::Rgba8Unorm, StorageTextureAccess::WriteOnly),
                storage_buffer_sized(false, None),
            ),
        ),
    )
}

/// The three passes of one kind of rule.
#[derive(Clone, Copy)]
pub(super) struct PipelineIds {
    edit: CachedComputePipelineId,
    think: CachedComputePipelineId,
    live: CachedComputePipelineId,
}

pub(super) struct Pipelines<'a> {
    pub(super) edit: &'a ComputePipeline,
    pub(super) think: &'a ComputePipeline,
    pub(super) live: &'a ComputePipeline,
}

impl PipelineIds {
    /// The pipelines, once all are compiled.
    pub(super) fn get<'a>(&self, cache: &'a PipelineCache) -> Option<Pipelines<'a>> {
        Some(Pipelines {
            edit: cache.get_compute_pipeline(self.edit)?,
            think: cache.get_compute_pipeline(self.think)?,
            live: cache.get_compute_pipeline(self.live)?,
        })
    }

    /// Why one cannot be compiled, if so. (While one only waits for a file, Bevy tries again.)
    pub(super) fn failed(&self, cache: &PipelineCache) -> Option<String> {
        [self.edit, self.think, self.live].into_iter().find_map(|id| match cache.get_compute_pipeline_state(id) {
            CachedPipelineState::Err(
                ShaderCacheError::ShaderNotLoaded(_) | ShaderCacheError::ShaderImportNotYetAvailable,
            ) => None,
            CachedPipelineState::Err(error) => Some(error.to_string()),
            _ => None,
        })
    }
}

/// The pipelines made so far.
#[derive(Default)]
pub(super) struct PipelineSets(HashMap<PipelineKey, PipelineIds>);

impl PipelineSets {
    pub(super) fn get(
        &mut self,
        rule: &Rule,
        precision: NcaPrecision,
        shaders: &Shaders,
        cache: &PipelineCache,
    ) -> PipelineIds {
        let key = PipelineKey::new(rule, precision);
        if let Some(ids) = self.0.get(&key) {
            return *ids;
        }
        let queue = |name: &'static str, shader: &Handle<Shader>| {
            cache.queue_compute_pipeline(ComputePipelineDescriptor {
                label: Some(format!("nca_{name}").into()),
                layout: vec![layout()],
                shader: shader.clone(),
                shader_defs: key.shader_defs(),
                entry_point: Some(name.into()),
                // Every workgroup variable is written before it is read.
                zero_initialize_workgroup_memory: false,
                ..default()
            })
        };
        let ids = PipelineIds {
            edit: queue("edit", &shaders.edit),
            think: queue("think", &shaders.think),
            live: queue("live", &shaders.live),
        };
        self.0.insert(key, ids);
        ids
    }
}

#[cfg(test)]
mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga_oil::compose::{ComposableModuleDescriptor, Composer, NagaModuleDescriptor, ShaderDefValue};

    use super::*;
    use crate::rule::Alive;

    fn shader_defs(key: &PipelineKey) -> impl Iterator<Item = (String, ShaderDefValue)> {
        key.shader_defs().into_iter().map(|def| match def {
            ShaderDefVal::Bool(name, value) => (name, ShaderDefValue::Bool(value)),
            ShaderDefVal::Int(name, value) => (name, ShaderDefValue::Int(value)),
            ShaderDefVal::UInt(name, value) => (name, ShaderDefValue::UInt(value)),
        })
    }

    /// What half floats need.
    const CAPABILITIES: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;

    /// Puts the shaders together as Bevy does, and has naga check them, without any GPU.
    #[test]
    fn the_shaders_are_valid_for_every_kind_of_rule() {
        let kernels = [Kernel::Identity, Kernel::SobelX, Kernel::SobelY, Kernel::Laplacian];
        for variant in (1..128).filter(|variant| variant % 16 != 0) {
            let rule = Rule {
                channels: [8, 12, 16, 32][variant % 4],
                hidden: [16, 128, 256][variant % 3],
                perception: (0..4).filter(|k| variant & (1 << k) != 0).map(|k| kernels[k]).collect(),
                boundary: if variant & 16 != 0 { Boundary::Wrap } else { Boundary::Zero },
                fire_rate: if variant & 32 != 0 { 1.0 } else { 0.5 },
                alive: (variant % 5 != 0).then_some(Alive { channel: variant % 8, threshold: 0.1 }),
                output: if variant % 2 == 0 { Output::OpaqueCentered } else { Output::PremultipliedAlpha },
                ..Rule::default()
            };
            let precision = if variant & 64 != 0 { NcaPrecision::Half } else { NcaPrecision::Full };
            let key = PipelineKey::new(&rule, precision);
            for (path, source) in [
                ("edit.wgsl", include_str!("edit.wgsl")),
                ("think.wgsl", include_str!("think.wgsl")),
                ("live.wgsl", include_str!("live.wgsl")),
            ] {
                let mut composer = Composer::default().with_capabilities(CAPABILITIES);
                for (file_path, source) in
                    [("noise.wgsl", include_str!("noise.wgsl")), ("grid.wgsl", include_str!("grid.wgsl"))]
                {
                    let module = ComposableModuleDescriptor { source, file_path, ..default() };
                    composer.add_composable_module(module).unwrap();
                }
                let shader_defs = shader_defs(&key).collect();
                let descriptor = NagaModuleDescriptor { source, file_path: path, shader_defs, ..default() };
                let module = composer.make_naga_module(descriptor).unwrap_or_else(|error| panic!("{path}: {error:?}"));
                let mut validator = Validator::new(ValidationFlags::all(), CAPABILITIES);
                validator.validate(&module).unwrap_or_else(|error| panic!("{path}, {key:?}: {error:?}"));
            }
        }
    }
}
