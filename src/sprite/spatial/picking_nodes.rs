//! Picking of UI nodes.
//!
//! Bevy's backend picks whole nodes, holes included. While every pointer over a node is over a hole, the node is
//! transparent to picking.

use bevy::{
    camera::RenderTarget,
    picking::{PickingSystems, backend::ray::RayMap, pointer::PointerLocation},
    prelude::*,
    ui::{ComputedNode, ComputedUiTargetCamera, UiGlobalTransform, VisualBox},
    window::PrimaryWindow,
};

use super::{art::ShownArt, holes::Opened};
use crate::{
    rule::CellMask,
    sprite::{
        components::{NcaAliveMask, NcaTexture, SkinFit},
        sets::NcaSystems,
    },
};

/// Lets pointers pass through the holes of nodes.
pub(super) struct NodePickingPlugin;

impl Plugin for NodePickingPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            PreUpdate,
            open.run_if(resource_exists::<RayMap>)
                .after(PickingSystems::ProcessInput)
                .before(PickingSystems::Backend)
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
    Option<&'static SkinFit>,
    &'static mut Pickable,
);

/// Lets pointers pass through nodes where they meet no living cell.
fn open(
    pointers: Query<&PointerLocation>,
    cameras: Query<(Entity, &Camera, &RenderTarget)>,
    primary: Query<Entity, With<PrimaryWindow>>,
    mut nodes: Query<Node, With<NcaTexture>>,
    art: ShownArt,
    mut opened: ResMut<Opened>,
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
    for (entity, node, transform, camera, image, mask, fit, pickable) in &mut nodes {
        let over = at.iter().filter(|(of, point)| Some(*of) == camera.get() && node.contains_point(*transform, *point));
        let (mut any, mut all_in_holes) = (false, true);
        for (_, point) in over {
            any = true;
            let cell = cell_at(node, transform, image, mask.cells.as_ref(), fit, *point);
            all_in_holes &= !cell.is_some_and(|(cells, cell)| art.lives_at(entity, cells, cell));
        }
        if any && all_in_holes {
            opened.open(entity, pickable);
        }
    }
}

/// The cells of a node, and the point among them at a point in physical pixels. `None` beside them.
fn cell_at<'a>(
    node: &ComputedNode,
    transform: &UiGlobalTransform,
    image: &ImageNode,
    cells: Option<&'a CellMask>,
    fit: Option<&SkinFit>,
    point: Vec2,
) -> Option<(&'a CellMask, Vec2)> {
    let (cells, back) = cells.zip(transform.try_inverse())?;
    let on = match image.visual_box {
        VisualBox::ContentBox => node.content_box(),
        VisualBox::PaddingBox => node.padding_box(),
        VisualBox::BorderBox => node.border_box(),
    };
    let grid = Vec2::new(cells.width() as f32, cells.height() as f32);
    let shown = fit.map_or(grid, |fit| fit.part.size());
    let size = match image.image_mode {
        NodeImageMode::Auto => shown * (on.size() / shown).min_element(),
        _ => on.size(),
    };
    let mut place = (back.transform_point2(point) - on.center()) / size + 0.5;
    for (axis, flip) in [image.flip_x, image.flip_y].into_iter().enumerate() {
        place[axis] = if flip { 1.0 - place[axis] } else { place[axis] };
    }
    let (scale, origin) = fit.map_or((1.0 / grid, Vec2::ZERO), SkinFit::cells_to_art);
    let cell = (place - origin) / scale;
    (cell.cmpge(Vec2::ZERO).all() && cell.cmplt(grid).all()).then_some((cells, cell))
}
