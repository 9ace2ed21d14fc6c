//! Picking of meshes.
//!
//! Bevy's backend picks whole meshes, holes included. While every pointer over a mesh is over a hole, the mesh is
//! transparent to picking.

use bevy::{
    picking::{
        PickingSystems,
        backend::ray::RayMap,
        mesh_picking::ray_cast::{MeshRayCast, MeshRayCastSettings, RayCastVisibility},
    },
    platform::collections::HashMap,
    prelude::*,
};

use super::{art::ShownArt, holes::Opened};
use crate::{
    rule::CellMask,
    sprite::{
        components::{NcaAliveMask, NcaTexture},
        sets::NcaSystems,
    },
};

/// Lets pointers pass through the holes of meshes.
pub(super) struct MeshPickingPlugin;

impl Plugin for MeshPickingPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            PreUpdate,
            open.run_if(resource_exists::<RayMap>)
                .run_if(resource_exists::<Assets<Mesh>>)
                .after(PickingSystems::ProcessInput)
                .before(PickingSystems::Backend)
                .in_set(NcaSystems::Pick),
        );
    }
}

type Surface = (&'static NcaAliveMask, &'static mut Pickable);

/// Lets pointers pass through meshes where they meet no living cell.
fn open(
    rays: Res<RayMap>,
    mut ray_cast: MeshRayCast,
    mut meshes: Query<Surface, (With<NcaTexture>, With<Mesh3d>)>,
    art: ShownArt,
    mut opened: ResMut<Opened>,
) {
    if meshes.is_empty() {
        return;
    }
    // Whether all rays that meet a mesh are in a hole.
    let mut in_holes: HashMap<Entity, bool> = HashMap::default();
    let is_ours = |entity| meshes.contains(entity);
    let settings = MeshRayCastSettings::default()
        .with_filter(&is_ours)
        .with_early_exit_test(&|_| false)
        .with_visibility(RayCastVisibility::VisibleInView);
    for (_, ray) in rays.iter() {
        for (entity, hit) in ray_cast.cast_ray(*ray, &settings) {
            let cells = meshes.get(*entity).ok().and_then(|(mask, _)| mask.cells.as_ref());
            // Without cells, or without texture coordinates, nothing is known.
            let lives = cells.zip(hit.uv).is_none_or(|(cells, uv)| lives_at(cells, uv, *entity, &art));
            *in_holes.entry(*entity).or_insert(true) &= !lives;
        }
    }
    for entity in in_holes.into_iter().filter_map(|(entity, all)| all.then_some(entity)) {
        if let Ok((_, pickable)) = meshes.get_mut(entity) {
            opened.open(entity, pickable);
        }
    }
}

/// Whether a living cell is seen at texture coordinates of a mesh.
fn lives_at(cells: &CellMask, uv: Vec2, entity: Entity, art: &ShownArt) -> bool {
    let size = UVec2::new(cells.width() as u32, cells.height() as u32);
    let point = art.get(entity, size.to_array()).map_or(uv * size.as_vec2(), |art| art.point_at(uv));
    art.lives_at(entity, cells, point)
}
