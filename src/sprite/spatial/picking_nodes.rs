//! Picking of UI nodes.
//!
//! Bevy's backend picks whole nodes, holes included. While every pointer over a node is over a hole, this makes the
//! node transparent to picking. After picking, it restores the `Pickable` of the node.

use bevy::{
    camera::RenderTarget,
    picking::{PickingSystems, backend::ray::RayMap, pointer::PointerLocation},
    prelude::*,
    ui::{ComputedNode, ComputedUiTargetCamera, UiGlobalTransform, VisualBox},
    window::PrimaryWindow,
};

use crate::{
    rule::CellMask,
    sprite::{
        components::{NcaAliveMask, NcaTexture},
        sets::NcaSystems,
    },
};

/// Lets pointers pass through the holes of nodes.
pub(super) struct NodePickingPlugin;

impl Plugin for NodePickingPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<OpenedNodes>().add_systems(
            PreUpdate,
            (
                open.run_if(resource_exists::<RayMap>).before(PickingSystems::Backend),
                close.after(PickingSystems::Hover).before(PickingSystems::Last),
            )
                .in_set(NcaSystems::Pick),
        );
    }
}

/// A node that can be picked by its living cells.
type Node = (
    Entity,
    &'static ComputedNode,
    &'static UiGlobalTransform,
    &'static ComputedUiTargetCamera,
    &'static ImageNode,
    &'static NcaAliveMask,
    &'static mut Pickable,
);

/// A `Pickable` that lets pointers pass.
const HOLE: Pickable = Pickable { should_block_lower: false, is_hoverable: false };

/// The original `Pickable` of nodes that pointers pass through in this frame.
#[derive(Resource, Default)]
struct OpenedNodes(Vec<(Entity, Pickable)>);

/// Lets pointers pass through nodes where they meet no living cell.
fn open(
    pointers: Query<&PointerLocation>,
    cameras: Query<(Entity, &Camera, &RenderTarget)>,
    primary: Query<Entity, With<PrimaryWindow>>,
    mut nodes: Query<Node, With<NcaTexture>>,
    mut opened: ResMut<OpenedNodes>,
) {
    let primary = primary.single().ok();
    // The positions of pointers, in physical pixels of the viewports of cameras.
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
    for (entity, node, transform, camera, image, mask, mut pickable) in &mut nodes {
        let over = at.iter().filter(|(of, point)| Some(*of) == camera.get() && node.contains_point(*transform, *point));
        let (mut any, mut all_in_holes) = (false, true);
        for (_, point) in over {
            any = true;
            all_in_holes &= !lives_at(node, transform, image, mask.cells.as_ref(), *point);
        }
        if any && all_in_holes && *pickable != HOLE {
            // Other systems must not see this as a change.
            let pickable = pickable.bypass_change_detection();
            opened.0.push((entity, std::mem::replace(pickable, HOLE)));
        }
    }
}

/// Restores the `Pickable` of these nodes.
fn close(mut nodes: Query<&mut Pickable>, mut opened: ResMut<OpenedNodes>) {
    for (entity, was) in opened.0.drain(..) {
        if let Ok(mut pickable) = nodes.get_mut(entity) {
            *pickable.bypass_change_detection() = was;
        }
    }
}

/// Whether a living cell is at a point, in physical pixels.
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
