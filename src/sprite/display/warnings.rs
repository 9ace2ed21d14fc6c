//! Warnings about textures that nothing shows.

use bevy::prelude::*;

use super::display_trait::DisplayComponents;
use crate::sprite::components::NcaTexture;

#[cfg(feature = "ui")]
type WithSurface = Or<(With<Mesh2d>, With<Mesh3d>, With<Node>)>;
#[cfg(not(feature = "ui"))]
type WithSurface = Or<(With<Mesh2d>, With<Mesh3d>)>;

type NewSurfaces<'w, 's> =
    Query<'w, 's, Entity, (With<NcaTexture>, Or<(Added<NcaTexture>, Added<Mesh2d>, Added<Mesh3d>)>, WithSurface)>;

/// Warns about a texture beside a visible component that cannot show it.
pub(super) fn warn_of_unpainted(new: NewSurfaces, mut commands: Commands) {
    new.iter().for_each(|entity| commands.queue(move |world: &mut World| warn_if_unpainted(world, entity)));
}

fn warn_if_unpainted(world: &World, entity: Entity) {
    let (Ok(found), Some(displays)) = (world.get_entity(entity), world.get_resource::<DisplayComponents>()) else {
        return;
    };
    if displays.0.iter().any(|display| found.contains_id(*display)) {
        return;
    }
    let hint = if found.contains::<Mesh2d>() {
        "a Mesh2d does not show it; use a Sprite or a SpriteMesh"
    } else if !found.contains::<Mesh3d>() {
        "a node of the user interface needs an ImageNode"
    } else if cfg!(feature = "pbr") {
        "a Mesh3d needs a MeshMaterial3d<StandardMaterial>"
    } else {
        "a Mesh3d needs this crate's feature `pbr`"
    };
    warn_once!("the NcaTexture of {entity} is not shown: {hint}");
}
