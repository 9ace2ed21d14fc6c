//! The compute pipelines: four passes for each kind of rule.

use bevy::{
    asset::load_embedded_asset,
    prelude::*,
    render::render_resource::{
        CachedComputePipelineId, CachedPipelineState, ComputePipeline, ComputePipelineDescriptor, PipelineCache,
        SpecializedComputePipeline, SpecializedComputePipelines,
    },
    shader::{ShaderCacheError, ShaderDefVal},
};

use super::{AtlasKind, NcaPrecision, PopulationSpec, bindings::layout};
use crate::rule::{Boundary, CellStats, FireRate, Kernel, Output, Rule};

/// The part of a rule that is compiled into the shaders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PipelineKey {
    channels: usize,
    hidden: usize,
    perception: Vec<Kernel>,
    boundary: Boundary,
    alive_channel: Option<usize>,
    always_fires: bool,
    output: Output,
    has_overgrowth: bool,
    has_forms: bool,
    kind: AtlasKind,
    precision: NcaPrecision,
}

impl PipelineKey {
    pub(super) fn new(rule: &Rule, kind: AtlasKind, precision: NcaPrecision) -> Self {
        Self {
            kind,
            precision,
            channels: rule.channels,
            hidden: rule.hidden,
            perception: rule.perception.clone(),
            boundary: rule.boundary,
            alive_channel: rule.alive.map(|alive| alive.channel),
            always_fires: rule.firing() == FireRate::Always,
            output: rule.output,
            has_overgrowth: rule.overgrowth.is_some(),
            has_forms: !rule.forms.is_empty(),
        }
    }

    /// The definitions for `#ifdef` and `#{NAME}` in the shaders.
    pub(super) fn shader_defs(&self, pass: Pass) -> Vec<ShaderDefVal> {
        let number = |name: &str, value: usize| ShaderDefVal::UInt(name.to_owned(), value as u32);
        let mut defs = vec![
            number("QUADS", self.channels / 4),
            number("FEATURE_QUADS", self.perception.len() * self.channels / 4),
            number("HIDDEN", self.hidden),
            number("GUTTER", self.kind.gutter() as usize),
        ];
        if pass == Pass::Edit {
            defs.push("EDIT".into());
        }
        defs.extend(CellStats::WORDS.map(|(name, word)| number(name, word)));
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
        if self.has_overgrowth {
            defs.push("OVERGROWTH".into());
        }
        if self.has_forms {
            defs.push("FORMS".into());
        }
        if self.kind == AtlasKind::Tissue {
            defs.push("TISSUE".into());
        }
        match self.output {
            Output::PremultipliedAlpha => {}
            Output::OpaqueCentered => defs.push("OPAQUE_CENTERED".into()),
            Output::Coordinates => defs.push("COORDINATES".into()),
        }
        if self.precision == NcaPrecision::Half {
            defs.push("HALF".into());
        }
        defs
    }
}

/// A pass of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Edit,
    Mark,
    Think,
    Live,
}

/// The shaders of the passes.
#[derive(Resource)]
pub(super) struct NcaPipeline {
    edit: Handle<Shader>,
    mark: Handle<Shader>,
    think: Handle<Shader>,
    live: Handle<Shader>,
}

impl FromWorld for NcaPipeline {
    fn from_world(world: &mut World) -> Self {
        let assets = world.resource::<AssetServer>();
        Self {
            edit: load_embedded_asset!(assets, "edit.wgsl"),
            mark: load_embedded_asset!(assets, "mark.wgsl"),
            think: load_embedded_asset!(assets, "think.wgsl"),
            live: load_embedded_asset!(assets, "live.wgsl"),
        }
    }
}

impl SpecializedComputePipeline for NcaPipeline {
    type Key = (Pass, PipelineKey);

    fn specialize(&self, (pass, key): Self::Key) -> ComputePipelineDescriptor {
        let (name, shader) = match pass {
            Pass::Edit => ("edit", &self.edit),
            Pass::Mark => ("mark", &self.mark),
            Pass::Think => ("think", &self.think),
            Pass::Live => ("live", &self.live),
        };
        ComputePipelineDescriptor {
            label: Some(format!("nca_{name}").into()),
            layout: vec![layout(key.kind, pass == Pass::Edit)],
            shader: shader.clone(),
            shader_defs: key.shader_defs(pass),
            entry_point: Some(name.into()),
            // Every workgroup variable is written before it is read.
            zero_initialize_workgroup_memory: false,
            ..default()
        }
    }
}

/// The passes of one kind of rule.
#[derive(Clone, Copy)]
pub(super) struct PipelineIds {
    edit: CachedComputePipelineId,
    mark: CachedComputePipelineId,
    think: CachedComputePipelineId,
    live: CachedComputePipelineId,
}

pub(super) struct Pipelines<'a> {
    pub(super) edit: &'a ComputePipeline,
    pub(super) mark: &'a ComputePipeline,
    pub(super) think: &'a ComputePipeline,
    pub(super) live: &'a ComputePipeline,
}

impl PipelineIds {
    /// Starts compiling the pipelines of a population, unless they exist.
    pub(super) fn new(
        spec: &PopulationSpec,
        pipelines: &mut SpecializedComputePipelines<NcaPipeline>,
        pipeline: &NcaPipeline,
        cache: &PipelineCache,
    ) -> Self {
        let key = PipelineKey::new(spec.model.rule(), spec.kind, spec.precision);
        let mut id = |pass| pipelines.specialize(cache, pipeline, (pass, key.clone()));
        Self { edit: id(Pass::Edit), mark: id(Pass::Mark), think: id(Pass::Think), live: id(Pass::Live) }
    }

    /// The pipelines, once all are compiled.
    pub(super) fn get<'a>(&self, cache: &'a PipelineCache) -> Option<Pipelines<'a>> {
        Some(Pipelines {
            edit: cache.get_compute_pipeline(self.edit)?,
            mark: cache.get_compute_pipeline(self.mark)?,
            think: cache.get_compute_pipeline(self.think)?,
            live: cache.get_compute_pipeline(self.live)?,
        })
    }

    /// The reason why a pipeline cannot be compiled, if any. (While a pipeline only waits for a file, Bevy tries
    /// again.)
    pub(super) fn error(&self, cache: &PipelineCache) -> Option<String> {
        [self.edit, self.mark, self.think, self.live].into_iter().find_map(|id| {
            match cache.get_compute_pipeline_state(id) {
                CachedPipelineState::Err(
                    ShaderCacheError::ShaderNotLoaded(_) | ShaderCacheError::ShaderImportNotYetAvailable,
                ) => None,
                CachedPipelineState::Err(error) => Some(error.to_string()),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga_oil::compose::{ComposableModuleDescriptor, Composer, NagaModuleDescriptor, ShaderDefValue};

    use super::*;
    use crate::rule::{Alive, Overgrowth};

    fn shader_defs(key: &PipelineKey, pass: Pass) -> impl Iterator<Item = (String, ShaderDefValue)> {
        key.shader_defs(pass).into_iter().map(|def| match def {
            ShaderDefVal::Bool(name, value) => (name, ShaderDefValue::Bool(value)),
            ShaderDefVal::Int(name, value) => (name, ShaderDefValue::Int(value)),
            ShaderDefVal::UInt(name, value) => (name, ShaderDefValue::UInt(value)),
        })
    }

    /// Allows half floats.
    const CAPABILITIES: Capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;

    /// Composes a shader as Bevy does.
    pub(in crate::gpu) fn compose(file_path: &str, key: &PipelineKey) -> naga::Module {
        let (pass, source) = match file_path {
            "edit.wgsl" => (Pass::Edit, include_str!("edit.wgsl")),
            "mark.wgsl" => (Pass::Mark, include_str!("mark.wgsl")),
            "think.wgsl" => (Pass::Think, include_str!("think.wgsl")),
            _ => (Pass::Live, include_str!("live.wgsl")),
        };
        let mut composer = Composer::default().with_capabilities(CAPABILITIES);
        for (file_path, source) in [
            ("noise.wgsl", include_str!("noise.wgsl")),
            ("shown.wgsl", include_str!("shown.wgsl")),
            ("grid.wgsl", include_str!("grid.wgsl")),
        ] {
            let module = ComposableModuleDescriptor { source, file_path, ..default() };
            composer.add_composable_module(module).unwrap();
        }
        let shader_defs = shader_defs(key, pass).collect();
        let descriptor = NagaModuleDescriptor { source, file_path, shader_defs, ..default() };
        composer.make_naga_module(descriptor).unwrap_or_else(|error| panic!("{file_path}: {error:?}"))
    }

    /// Naga validates the composed shaders. It needs no GPU.
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
                alive: match variant % 5 {
                    0 => None,
                    1 => Some(Alive { channel: 3, threshold: 0.1 }),
                    _ => Some(Alive { channel: variant % 8, threshold: 0.1 }),
                },
                overgrowth: (variant % 10 == 0).then(Overgrowth::default),
                output: match variant % 5 {
                    1 => Output::Coordinates,
                    _ if variant % 2 == 0 => Output::OpaqueCentered,
                    _ => Output::PremultipliedAlpha,
                },
                ..Rule::default()
            };
            let precision = if variant & 64 != 0 { NcaPrecision::Half } else { NcaPrecision::Full };
            let kind = [AtlasKind::Tissue, AtlasKind::Picture, AtlasKind::Tile][variant % 7 % 3];
            let key = PipelineKey::new(&rule, kind, precision);
            for file in ["edit.wgsl", "mark.wgsl", "think.wgsl", "live.wgsl"] {
                let module = compose(file, &key);
                let mut validator = Validator::new(ValidationFlags::all(), CAPABILITIES);
                validator.validate(&module).unwrap_or_else(|error| panic!("{file}, {key:?}: {error:?}"));
            }
        }
    }
}
