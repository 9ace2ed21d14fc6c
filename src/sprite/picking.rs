//! A picking backend: pointers hit living cells, and go through the holes.
//!
//! Beside it, Bevy's own backend for sprites finds nothing of ours that this one does not, unless it is
//! told to pick by bounding boxes.

use bevy::{
    camera::visibility::RenderLayers,
    picking::{
        PickingSystems,
        backend::{HitData, PointerHits, ray::RayMap},
    },
    prelude::*,
};

use super::{NcaProbe, NcaTexture, NcaTissue};

pub(super) fn build(app: &mut App) {
    app.add_observer(on_pickable)
        .add_systems(PreUpdate, pick.run_if(resource_exists::<RayMap>).in_set(PickingSystems::Backend));
}

/// A sprite that asks to be picked.
type Pickables<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static GlobalTransform, &'static ViewVisibility, Option<&'static RenderLayers>),
    (With<NcaTexture>, With<NcaTissue>, With<Sprite>, With<Pickable>),
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

type Untold<'w, 's> = Query<'w, 's, (), (With<NcaTexture>, With<Sprite>, With<Pickable>, Without<NcaTissue>)>;

/// Who can be picked needs to know which of his cells live.
fn on_pickable(added: On<Add, (Pickable, NcaTexture, Sprite)>, untold: Untold, mut commands: Commands) {
    if untold.contains(added.entity) {
        commands.entity(added.entity).try_insert(NcaTissue::default());
    }
}
