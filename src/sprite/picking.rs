//! A picking backend: pointers hit living cells, and go through the holes.
//!
//! Beside it, Bevy's own backend for sprites finds nothing of ours that this one does not, unless it is
//! told to pick by bounding boxes. Nodes of the user interface are found by Bevy's backend for those, which knows
//! nothing of holes: a node is taken out of its way while the pointer is over a hole.

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

use super::{NcaProbe, NcaTexture, NcaTissue};

pub(super) fn build(app: &mut App) {
    #[cfg(feature = "ui")]
    app.init_resource::<nodes::OpenedNodes>().add_systems(
        PreUpdate,
        (
            nodes::open.run_if(resource_exists::<RayMap>).before(PickingSystems::Backend),
            nodes::close.after(PickingSystems::Hover).before(PickingSystems::Last),
        ),
    );
    app.add_observer(on_pickable)
        .add_systems(PreUpdate, pick.run_if(resource_exists::<RayMap>).in_set(PickingSystems::Backend));
}

/// A sprite that asks to be picked.
type Pickables<'w, 's> = Query<
    'w,
    's,
    (Entity, &'static GlobalTransform, &'static ViewVisibility, Option<&'static RenderLayers>),
    (With<NcaTexture>, With<NcaTissue>, Or<(With<Sprite>, With<SpriteMesh>)>, With<Pickable>),
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

type Untold<'w, 's> =
    Query<'w, 's, (), (With<NcaTexture>, WithCanvas, With<Pickable>, Without<NcaTissue>, Allow<Disabled>)>;

/// To be picked by its living cells, an entity needs to know which those are.
fn on_pickable(added: On<Add, (Pickable, NcaTexture)>, untold: Untold, mut commands: Commands) {
    if untold.contains(added.entity) {
        commands.entity(added.entity).try_insert(NcaTissue::default());
    }
}

#[cfg(feature = "ui")]
mod nodes {
    //! Nodes of the user interface.

    use bevy::{
        camera::RenderTarget,
        picking::pointer::PointerLocation,
        ui::{ComputedNode, ComputedUiTargetCamera, UiGlobalTransform, VisualBox},
        window::PrimaryWindow,
    };

    use super::*;
    use crate::rule::CellMask;

    /// A node that asks to be picked by its living cells.
    type Node = (
        Entity,
        &'static ComputedNode,
        &'static UiGlobalTransform,
        &'static ComputedUiTargetCamera,
        &'static ImageNode,
        &'static NcaTissue,
        &'static mut Pickable,
    );

    /// What pointers pass through.
    const HOLE: Pickable = Pickable { should_block_lower: false, is_hoverable: false };

    /// How the nodes are to be picked that are out of the way in this frame.
    #[derive(Resource, Default)]
    pub(super) struct OpenedNodes(Vec<(Entity, Pickable)>);

    /// Takes the nodes out of the way of which a pointer meets no living cell.
    pub(super) fn open(
        pointers: Query<&PointerLocation>,
        cameras: Query<(Entity, &Camera, &RenderTarget)>,
        primary: Query<Entity, With<PrimaryWindow>>,
        mut nodes: Query<Node, With<NcaTexture>>,
        mut opened: ResMut<OpenedNodes>,
    ) {
        let primary = primary.single().ok();
        // Where pointers are, in physical pixels of the viewports of cameras.
        let at: Vec<(Entity, Vec2)> = pointers
            .iter()
            .filter_map(PointerLocation::location)
            .flat_map(|location| {
                let on_target = move |(_, _, target): &(Entity, &Camera, &RenderTarget)| {
                    target.normalize(primary).is_some_and(|target| target == location.target)
                };
                cameras.iter().filter(on_target).map(move |(entity, camera, _)| {
                    let corner = camera.physical_viewport_rect().map_or(Vec2::ZERO, |rect| rect.min.as_vec2());
                    (entity, location.position * camera.target_scaling_factor().unwrap_or(1.0) - corner)
                })
            })
            .collect();
        for (entity, node, transform, camera, image, tissue, mut pickable) in &mut nodes {
            let over =
                at.iter().filter(|(of, point)| Some(*of) == camera.get() && node.contains_point(*transform, *point));
            let (mut any, mut all_in_holes) = (false, true);
            for (_, point) in over {
                any = true;
                all_in_holes &= !lives_at(node, transform, image, tissue.cells.as_ref(), *point);
            }
            if any && all_in_holes && *pickable != HOLE {
                // Nobody else is to see this as a change.
                let pickable = pickable.bypass_change_detection();
                opened.0.push((entity, std::mem::replace(pickable, HOLE)));
            }
        }
    }

    /// Puts them back.
    pub(super) fn close(mut nodes: Query<&mut Pickable>, mut opened: ResMut<OpenedNodes>) {
        for (entity, was) in opened.0.drain(..) {
            if let Ok(mut pickable) = nodes.get_mut(entity) {
                *pickable.bypass_change_detection() = was;
            }
        }
    }

    /// Whether a living cell is drawn at a point, in physical pixels.
    fn lives_at(
        node: &ComputedNode,
        transform: &UiGlobalTransform,
        image: &ImageNode,
        cells: Option<&CellMask>,
        point: Vec2,
    ) -> bool {
        let (Some(cells), Some(back)) = (cells, transform.try_inverse()) else { return false };
        let on = match image.visual_box {
            VisualBox::ContentBox => node.content_box(),
            VisualBox::PaddingBox => node.padding_box(),
            VisualBox::BorderBox => node.border_box(),
        };
        let grid = Vec2::new(cells.width() as f32, cells.height() as f32);
        let size = match image.image_mode {
            NodeImageMode::Auto => grid * (on.size() / grid).min_element(),
            _ => on.size(),
        };
        let mut place = (back.transform_point2(point) - on.center()) / size + 0.5;
        for (axis, flip) in [image.flip_x, image.flip_y].into_iter().enumerate() {
            place[axis] = if flip { 1.0 - place[axis] } else { place[axis] };
        }
        let cell = place * grid;
        let inside = cell.cmpge(Vec2::ZERO).all() && cell.cmplt(grid).all();
        inside && cells.contains(cell.y as usize * cells.width() + cell.x as usize)
    }
}
