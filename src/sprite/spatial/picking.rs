//! A picking backend: pointers hit living cells, and pass through holes.
//!
//! Bevy's own sprite backend adds no other sprites, unless it picks by bounding boxes.

use bevy::{
    camera::visibility::RenderLayers,
    ecs::{entity_disabling::Disabled, query::Allow},
    picking::{
        PickingSystems,
        backend::{HitData, PointerHits, ray::RayMap},
    },
    prelude::*,
    sprite::SpriteMesh,
};

use super::NcaProbe;
use crate::sprite::{
    components::{NcaAliveMask, NcaTexture},
    sets::NcaSystems,
};

/// Lets pointers hit living cells.
pub(crate) struct PickingPlugin;

impl Plugin for PickingPlugin {
    fn build(&self, app: &mut App) {
        #[cfg(feature = "ui")]
        app.add_plugins(super::picking_nodes::NodePickingPlugin);
        app.add_observer(on_pickable).add_systems(
            PreUpdate,
            pick.run_if(resource_exists::<RayMap>).in_set(PickingSystems::Backend).in_set(NcaSystems::Pick),
        );
    }
}

/// A sprite that can be picked.
type Pickables<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static GlobalTransform, &'static ViewVisibility, Option<&'static RenderLayers>),
    (With<NcaTexture>, With<NcaAliveMask>, Or<(With<Sprite>, With<SpriteMesh>)>, With<Pickable>),
>;

/// Finds the sprites that have a living cell under a pointer.
fn pick(
    rays: Res<RayMap>,
    cameras: Query<(&Camera, &Projection, &GlobalTransform, Option<&RenderLayers>)>,
    sprites: Pickables,
    probe: NcaProbe,
    mut hits: MessageWriter<PointerHits>,
) {
    for (id, ray) in rays.iter() {
        let Ok((camera, projection, camera_transform, layers)) = cameras.get(id.camera) else { continue };
        let layers = layers.cloned().unwrap_or_default();
        let near = match projection {
            Projection::Orthographic(projection) => projection.near,
            Projection::Perspective(projection) => projection.near,
            Projection::Custom(_) => 0.0,
        };
        let to_camera = camera_transform.affine().inverse();
        let hit =
            |(entity, transform, visible, own_layers): (Entity, &GlobalTransform, &ViewVisibility, Option<&_>)| {
                if !visible.get() || !layers.intersects(own_layers.unwrap_or_default()) {
                    return None;
                }
                let plane = InfinitePlane3d::new(Vec3::Z);
                let point = ray.plane_intersection_point(transform.translation(), plane)?;
                let depth = -near - to_camera.transform_point3(point).z;
                probe
                    .lives_at(entity, point.truncate())
                    .then(|| (entity, HitData::new(id.camera, depth, Some(point), Some(*transform.back()))))
            };
        let picks: Vec<(Entity, HitData)> = sprites.iter().filter_map(hit).collect();
        if !picks.is_empty() {
            hits.write(PointerHits::new(id.pointer, picks, camera.order as f32));
        }
    }
}

#[cfg(feature = "ui")]
type WithCanvas = Or<(With<Sprite>, With<SpriteMesh>, With<ImageNode>)>;
#[cfg(not(feature = "ui"))]
type WithCanvas = Or<(With<Sprite>, With<SpriteMesh>)>;

type WithoutMask<'w, 's> =
    Query<'w, 's, (), (With<NcaTexture>, WithCanvas, With<Pickable>, Without<NcaAliveMask>, Allow<Disabled>)>;

/// Adds an alive mask to an entity that can be picked.
fn on_pickable(added: On<Add, (Pickable, NcaTexture)>, without_mask: WithoutMask, mut commands: Commands) {
    if without_mask.contains(added.entity) {
        commands.entity(added.entity).try_insert(NcaAliveMask::default());
    }
}
