//! Warnings of textures that nothing shows.

use bevy::{ecs::query::QueryData, prelude::*, sprite::SpriteMesh};

use crate::sprite::components::NcaTexture;

/// What an entity has that could show a texture.
#[derive(QueryData)]
pub(super) struct Surfaces {
    entity: Entity,
    sprites: Has<Sprite>,
    sprite_meshes: Has<SpriteMesh>,
    meshes_2d: Has<Mesh2d>,
    meshes_3d: Has<Mesh3d>,
    #[cfg(feature = "pbr")]
    materials: Has<MeshMaterial3d<StandardMaterial>>,
    #[cfg(feature = "ui")]
    nodes: (Has<Node>, Has<ImageNode>),
}

/// Warns of a texture beside something visible that cannot show it.
pub(super) fn warn_of_unpainted(new: Query<Surfaces, Visible>) {
    for surfaces in &new {
        let SurfacesItem { entity, .. } = surfaces;
        if surfaces.sprites || surfaces.sprite_meshes {
            continue;
        }
        if surfaces.meshes_2d {
            warn_once!(
                "the NcaTexture of {entity} paints nothing: it does not paint a Mesh2d; a Sprite or a SpriteMesh would be \
                 painted"
            );
        }
        #[cfg(feature = "pbr")]
        if surfaces.meshes_3d && !surfaces.materials {
            warn_once!(
                "the NcaTexture of {entity} paints nothing: beside a Mesh3d, it paints a MeshMaterial3d<StandardMaterial>"
            );
        }
        #[cfg(not(feature = "pbr"))]
        if surfaces.meshes_3d {
            warn_once!("the NcaTexture of {entity} paints nothing: Mesh3d needs this crate's feature `pbr`");
        }
        #[cfg(feature = "ui")]
        if surfaces.nodes == (true, false) {
            warn_once!("the NcaTexture of {entity} paints nothing: a node of the user interface needs an ImageNode");
        }
    }
}

type Visible = (
    With<NcaTexture>,
    Or<(Added<NcaTexture>, Added<Mesh2d>, Added<Mesh3d>)>,
    Or<(With<Mesh2d>, With<Mesh3d>, WithNode)>,
);
#[cfg(feature = "ui")]
type WithNode = With<Node>;
#[cfg(not(feature = "ui"))]
type WithNode = With<Mesh2d>;
