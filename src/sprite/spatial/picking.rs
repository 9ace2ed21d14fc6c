//! A picking backend: pointers hit living cells, and pass through holes.
//!
//! Bevy's own sprite backend adds no other sprites, unless it picks by bounding boxes, or finds the art of skins. Where
//! every pointer is over a hole of a skin, the skin is transparent to picking.

use bevy::{
    camera::visibility::RenderLayers,
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    picking::{
        PickingSystems,
        backend::{
            HitData, PointerHits,
            ray::{RayId, RayMap},
        },
    },
    prelude::*,
    sprite::SpriteMesh,
};

use super::{
    NcaProbe,
    holes::{Opened, close},
};
use crate::sprite::{
    components::{NcaAliveMask, NcaSkin, NcaTexture},
    sets::NcaSystems,
};

/// Lets pointers hit living cells.
pub(crate) struct PickingPlugin;

impl Plugin for PickingPlugin {
    fn build(&self, app: &mut App) {
        #[cfg(feature = "pbr")]
        app.add_plugins(super::picking_meshes::MeshPickingPlugin);
        #[cfg(feature = "ui")]
        app.add_plugins(super::picking_nodes::NodePickingPlugin);
        // Rays are up to date.
        let skins = open_skins.after(PickingSystems::ProcessInput).before(PickingSystems::Backend);
        app.init_resource::<Opened>()
            .add_observer(on_pickable)
            .add_systems(
                PreUpdate,
                (skins, pick.in_set(PickingSystems::Backend))
                    .run_if(resource_exists::<RayMap>)
                    .in_set(NcaSystems::Pick),
            )
            .add_systems(
                PreUpdate,
                close.after(PickingSystems::Hover).before(PickingSystems::Last).in_set(NcaSystems::Pick),
            );
    }
}

/// The sprites that a camera shows.
type Shown<'w> = (Entity, &'w GlobalTransform, &'w ViewVisibility, Option<&'w RenderLayers>);
type Cells = (With<NcaTexture>, With<NcaAliveMask>, Or<(With<Sprite>, With<SpriteMesh>)>);

/// Pointers over the cells of sprites.
#[derive(SystemParam)]
struct Pointers<'w, 's> {
    rays: Res<'w, RayMap>,
    cameras:
        Query<'w, 's, (&'static Camera, &'static Projection, &'static GlobalTransform, Option<&'static RenderLayers>)>,
    sprites: Query<'w, 's, Shown<'static>, Cells>,
    probe: NcaProbe<'w, 's>,
}

impl Pointers<'_, '_> {
    /// Where the ray of a pointer meets a visible living cell of a sprite.
    fn hit(&self, id: RayId, ray: Ray3d, entity: Entity) -> Option<HitData> {
        let (camera, projection, camera_transform, layers) = self.cameras.get(id.camera).ok()?;
        let (_, transform, visible, own_layers) = self.sprites.get(entity).ok()?;
        if !camera.is_active || !visible.get() || !layers.unwrap_or_default().intersects(own_layers.unwrap_or_default())
        {
            return None;
        }
        let point = ray.plane_intersection_point(transform.translation(), InfinitePlane3d::new(Vec3::Z))?;
        if !self.probe.lives_at(entity, point.truncate()) {
            return None;
        }
        let near = match projection {
            Projection::Orthographic(projection) => projection.near,
            Projection::Perspective(projection) => projection.near,
            Projection::Custom(_) => 0.0,
        };
        let depth = -near - camera_transform.affine().inverse().transform_point3(point).z;
        Some(HitData::new(id.camera, depth, Some(point), Some(*transform.back())))
    }
}

/// Finds the sprites that have a living cell under a pointer.
fn pick(pointers: Pointers, pickable: Query<Entity, (Cells, With<Pickable>)>, mut hits: MessageWriter<PointerHits>) {
    for (id, ray) in pointers.rays.iter() {
        let hit = |entity| Some((entity, pointers.hit(*id, *ray, entity)?));
        let picks: Vec<(Entity, HitData)> = pickable.iter().filter_map(hit).collect();
        if !picks.is_empty() {
            let order = pointers.cameras.get(id.camera).map_or(0, |(camera, ..)| camera.order);
            hits.write(PointerHits::new(id.pointer, picks, order as f32));
        }
    }
}

/// Lets pointers pass through skins that they do not hit. Bevy's backend picks the art, holes included.
fn open_skins(
    pointers: Pointers,
    mut skins: Query<(Entity, &mut Pickable), (Cells, With<NcaSkin>)>,
    mut opened: ResMut<Opened>,
) {
    for (entity, pickable) in &mut skins {
        if pointers.rays.iter().all(|(id, ray)| pointers.hit(*id, *ray, entity).is_none()) {
            opened.open(entity, pickable);
        }
    }
}

#[cfg(feature = "ui")]
type WithNode = With<ImageNode>;
#[cfg(not(feature = "ui"))]
type WithNode = With<Sprite>;
#[cfg(feature = "pbr")]
type WithMesh = With<Mesh3d>;
#[cfg(not(feature = "pbr"))]
type WithMesh = With<Sprite>;
type WithCanvas = Or<(With<Sprite>, With<SpriteMesh>, WithNode, WithMesh)>;

type WithoutMask<'w, 's> =
    Query<'w, 's, (), (With<NcaTexture>, WithCanvas, With<Pickable>, Without<NcaAliveMask>, Allow<Disabled>)>;

/// Adds an alive mask to an entity that can be picked.
fn on_pickable(added: On<Add, (Pickable, NcaTexture)>, without_mask: WithoutMask, mut commands: Commands) {
    if without_mask.contains(added.entity) {
        commands.entity(added.entity).try_insert(NcaAliveMask::default());
    }
}
