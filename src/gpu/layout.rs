//! The constants and layouts that Rust and WGSL share. Tests compare them.

use bevy::{
    math::{UVec2, Vec2},
    render::render_resource::ShaderType,
};

use crate::rule::{FireRate, Reference, Rule};

/// A bit of `Job::flags`: the sprite starts from its seed.
pub(super) const SEED: u32 = 1;
/// Some cells become zeros.
pub(super) const WOUND: u32 = 2;
/// The sprite is drawn and counted: this is its last job of the frame.
pub(super) const DRAW: u32 = 4;
/// The cells are replaced.
pub(super) const CELLS: u32 = 8;
/// The dead ground is replaced.
pub(super) const DEAD_GROUND: u32 = 16;
/// Some empty cells become seeds.
pub(super) const SOW: u32 = 32;
/// Cells that match the grown sprite are drawn as its pixels.
pub(super) const CRISP: u32 = 64;
/// The living cells are written to the statistics.
pub(super) const ALIVE_MASK: u32 = 128;
/// The directions of the cells are replaced.
pub(super) const DIRECTIONS: u32 = 256;

/// The cells that follow the overgrowth are replaced.
pub(super) const OVERGROWN: u32 = 512;
/// The bias of the hidden layer is replaced.
pub(super) const FORM: u32 = 1024;
/// The cells of a mask are those of another slot, and the others become zeros.
pub(super) const COPY: u32 = 2048;

/// Width and height of the tile of a workgroup of `mark`.
pub(super) const MARK_WIDTH: u32 = 16;
pub(super) const MARK_HEIGHT: u32 = 8;
/// Invocations of a workgroup of `think`.
pub(super) const THINK_THREADS: u32 = 64;
/// The most workgroups of `think`. Their invocations update further cells one after another.
pub(super) const MOST_THINK_GROUPS: u64 = 4096;
/// Cells on a side of the tile of a workgroup of `edit` and `live`.
pub(super) const TILE: u32 = 8;

/// Bytes of a cell in `cell_flags`.
pub(super) const CELL_FLAG_BYTES: u64 = 4;
/// Bytes of a cell in `maturity`, and in the list of cells.
pub(super) const MATURITY_BYTES: u64 = 4;
pub(super) const LISTED_BYTES: u64 = 4;

/// The parameters of a dispatch, the same for all sprites; `Params` in `grid.wgsl`.
#[derive(Clone, Copy, Debug, Default, ShaderType)]
#[repr(C)]
pub(super) struct Params {
    pub(super) size: UVec2,
    pub(super) first_job: u32,
    pub(super) fire_threshold: u32,
    pub(super) step_size: f32,
    pub(super) alive_threshold: f32,
    pub(super) atlas_columns: u32,
    pub(super) capacity: u32,
    pub(super) frame_min: Vec2,
    pub(super) frame_size: Vec2,
    pub(super) clamp: f32,
    pub(super) strength: f32,
    pub(super) overgrowth_clamp: f32,
    pub(super) most_lost: f32,
}

impl Params {
    pub(super) fn new(rule: &Rule, reference: &Reference, size: [u32; 2], atlas_columns: u32, capacity: u32) -> Self {
        Self {
            size: size.into(),
            frame_min: reference.frame().min.into(),
            frame_size: reference.frame().size.into(),
            fire_threshold: match rule.firing() {
                FireRate::Always => 0,
                FireRate::Below(threshold) => threshold,
            },
            step_size: rule.step_size,
            // No finite value is larger. Shaders may assume that there are no infinities.
            clamp: rule.clamp.unwrap_or(f32::MAX),
            overgrowth_clamp: rule.overgrowth.as_ref().and_then(|second| second.clamp).unwrap_or(f32::MAX),
            strength: reference.strength(),
            most_lost: reference.most_lost(),
            alive_threshold: rule.alive.map_or(0.0, |alive| alive.threshold),
            atlas_columns,
            capacity,
            ..Self::default()
        }
    }
}

/// The variables of the bind group of a tick, by binding. That of edits has the payload instead of the list.
#[cfg(test)]
const BINDINGS: [&str; 10] =
    ["params", "jobs", "weights", "states", "updates", "maturity", "cell_flags", "listed", "atlas", "statistics"];

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use bevy::render::render_resource::{BindingType, BufferBindingType, ShaderSize};
    use naga::{AddressSpace, Module, StorageAccess, TypeInner};

    use super::*;
    use crate::{
        gpu::{
            AtlasKind, NcaPrecision,
            bindings::layout,
            pipelines::{PipelineKey, tests::compose},
            work::Job,
        },
        rule::{CRISP_BLEND, LIFE_BLEND, PLACE_BLEND, Rule},
    };

    /// The value of a constant in the text of the shaders.
    fn constant(name: &str) -> Option<String> {
        let sources = [
            include_str!("grid.wgsl"),
            include_str!("shown.wgsl"),
            include_str!("edit.wgsl"),
            include_str!("mark.wgsl"),
            include_str!("think.wgsl"),
            include_str!("live.wgsl"),
        ];
        let prefix = format!("const {name}: ");
        let mut found = sources.iter().flat_map(|source| source.lines()).filter_map(|line| line.strip_prefix(&prefix));
        let value = found.next()?.split_once(" = ")?.1.trim_end_matches(';').trim_end_matches('u').to_owned();
        assert!(found.next().is_none(), "{name} is defined once");
        Some(value)
    }

    #[test]
    fn constants_are_those_of_the_shaders() {
        for (name, value) in [
            ("SEED", SEED),
            ("WOUND", WOUND),
            ("DRAW", DRAW),
            ("CELLS", CELLS),
            ("DEAD_GROUND", DEAD_GROUND),
            ("SOW", SOW),
            ("CRISP", CRISP),
            ("ALIVE_MASK", ALIVE_MASK),
            ("DIRECTIONS", DIRECTIONS),
            ("OVERGROWN", OVERGROWN),
            ("FORM", FORM),
            ("COPY", COPY),
            ("TILE", TILE),
            ("MARK_WIDTH", MARK_WIDTH),
            ("MARK_HEIGHT", MARK_HEIGHT),
            ("THINK_THREADS", THINK_THREADS),
        ] {
            assert_eq!(constant(name), Some(value.to_string()), "{name}");
        }
        for (name, range) in [("CRISP", CRISP_BLEND), ("PLACE", PLACE_BLEND), ("LIFE", LIFE_BLEND)] {
            assert_eq!(constant(&format!("{name}_FROM")).unwrap().parse(), Ok(range.start));
            assert_eq!(constant(&format!("{name}_TO")).unwrap().parse(), Ok(range.end));
        }
    }

    /// The members of a struct of a shader: names and byte offsets, and the size of the struct.
    fn members(module: &Module, name: &str) -> (Vec<(String, u32)>, u32) {
        let found = module.types.iter().find(|(_, ty)| ty.name.as_ref().is_some_and(|found| found.starts_with(name)));
        let Some((_, naga::Type { inner: TypeInner::Struct { members, span }, .. })) = found else {
            panic!("no struct {name}");
        };
        (members.iter().map(|member| (member.name.clone().unwrap_or_default(), member.offset)).collect(), *span)
    }

    #[test]
    fn structs_are_those_of_the_shaders() {
        let module = compose("live.wgsl", &PipelineKey::new(&Rule::default(), AtlasKind::Picture, NcaPrecision::Full));
        macro_rules! offsets {
            ($type:ty: $($field:ident),*) => {
                vec![$((stringify!($field).to_owned(), offset_of!($type, $field) as u32)),*]
            };
        }
        let job = offsets!(Job: slot, key, rotation, flags, payload, form, beside);
        assert_eq!(members(&module, "Job"), (job, size_of::<Job>() as u32));
        let params = offsets!(
            Params: size, first_job, fire_threshold, step_size, alive_threshold, atlas_columns, capacity,
            frame_min, frame_size, clamp, strength, overgrowth_clamp, most_lost
        );
        assert_eq!(members(&module, "Params"), (params, u64::from(Params::SHADER_SIZE) as u32));
    }

    #[test]
    fn bindings_are_those_of_the_shaders() {
        for file in ["edit.wgsl", "mark.wgsl", "think.wgsl", "live.wgsl"] {
            let is_edit = file == "edit.wgsl";
            let entries = layout(AtlasKind::Picture, is_edit).entries;
            assert_eq!(entries.len(), BINDINGS.len());
            let module = compose(file, &PipelineKey::new(&Rule::default(), AtlasKind::Picture, NcaPrecision::Full));
            for (_, variable) in module.global_variables.iter() {
                let Some(binding) = &variable.binding else { continue };
                let index = binding.binding as usize;
                let name = variable.name.as_deref().unwrap_or_default();
                let expected = if is_edit && index == 7 { "payload" } else { BINDINGS[index] };
                assert!(name.starts_with(expected), "{file}: binding {index} is {name}");
                let matches = match entries[index].ty {
                    BindingType::Buffer { ty: BufferBindingType::Uniform, .. } => {
                        variable.space == AddressSpace::Uniform
                    }
                    BindingType::Buffer { ty: BufferBindingType::Storage { read_only }, .. } => {
                        let access = StorageAccess::LOAD;
                        let access = if read_only { access } else { access | StorageAccess::STORE };
                        variable.space == AddressSpace::Storage { access }
                    }
                    _ => variable.space == AddressSpace::Handle,
                };
                assert!(matches, "{file}: {name} is {:?}, in Rust {:?}", variable.space, entries[index].ty);
            }
        }
    }

    #[test]
    fn workgroups_have_the_size_of_their_tiles() {
        let key = PipelineKey::new(&Rule::default(), AtlasKind::Picture, NcaPrecision::Full);
        for (file, size) in [
            ("edit.wgsl", [TILE, TILE, 1]),
            ("mark.wgsl", [MARK_WIDTH, MARK_HEIGHT, 1]),
            ("think.wgsl", [THINK_THREADS, 1, 1]),
            ("live.wgsl", [TILE, TILE, 1]),
        ] {
            assert_eq!(compose(file, &key).entry_points[0].workgroup_size, size, "{file}");
        }
    }
}
