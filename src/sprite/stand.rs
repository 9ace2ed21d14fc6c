//! Where a sprite's cells lie in the world.

use bevy::{ecs::system::SystemParam, math::Affine2, prelude::*, sprite::Anchor};

use crate::rule::CellMap;

/// The space that a shape is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Reflect)]
pub enum NcaSpace {
    /// World units, through the sprite's transform, anchor, flip and size; y grows upwards.
    #[default]
    World,
    /// Cells of the sprite's grid; y grows downwards from the upper left corner.
    Cells,
    /// Texture coordinates: 0 to 1 over the picture, y downwards. Ray casts on meshes and cursors over
    /// nodes of the user interface give them.
    Uv,
}

/// How a shape's numbers become cells, once the grid is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    Cells,
    Uv,
    World(Stand),
}

impl Frame {
    /// From cells to the space of the shape.
    pub(super) fn map(&self, grid: [u32; 2]) -> CellMap {
        match self {
            Self::Cells => CellMap::IDENTITY,
            Self::Uv => {
                let scale = 1.0 / UVec2::from_array(grid).as_vec2();
                CellMap(Affine2::from_scale(scale).to_cols_array())
            }
            Self::World(stand) => stand.cells_to_world(grid),
        }
    }
}

/// Where a sprite stands in the world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    to_world: Affine2,
    custom_size: Option<Vec2>,
    anchor: Vec2,
    /// -1 on the axes along which cells and the sprite's own space run against each other.
    flip: Vec2,
}

impl Stand {
    pub(super) fn cells_to_world(&self, grid: [u32; 2]) -> CellMap {
        CellMap((self.to_world * self.cells_to_sprite(grid)).to_cols_array())
    }

    /// From cells to the sprite's own space, that of its children.
    pub(super) fn cells_to_sprite(&self, grid: [u32; 2]) -> Affine2 {
        let cells = UVec2::from_array(grid).as_vec2();
        let size = self.custom_size.unwrap_or(cells);
        let corner = -size / 2.0 * self.flip - self.anchor * size;
        Affine2::from_scale_angle_translation(size / cells * self.flip, 0.0, corner)
    }

    /// From cells to the space of the sprite's body in a physics engine that knows no mirrored bodies: it
    /// takes the size of each scale, and the rotation that is left when only x may be mirrored.
    #[cfg(feature = "avian2d")]
    pub(super) fn cells_to_body(&self, grid: [u32; 2]) -> Affine2 {
        let mirror = Vec2::new(self.to_world.matrix2.determinant().signum(), 1.0);
        Affine2::from_scale(mirror) * self.cells_to_sprite(grid)
    }

    /// The box in the world around all cells.
    pub(super) fn bounds(&self, grid: [u32; 2]) -> Rect {
        let map = self.cells_to_world(grid);
        let [width, height] = grid.map(|side| side as f32);
        let corners =
            [[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]].map(|corner| Vec2::from(map.apply(corner)));
        corners.into_iter().fold(Rect::EMPTY, |bounds, corner| bounds.union_point(corner))
    }
}

/// What it takes to know where a sprite stands. Transforms are taken as they are now, not as they
/// were when Bevy last propagated them.
#[derive(SystemParam)]
pub(super) struct Stands<'w, 's> {
    transforms: TransformHelper<'w, 's>,
    sprites: Query<'w, 's, (&'static Sprite, &'static Anchor)>,
}

impl Stands<'_, '_> {
    pub(super) fn get(&self, entity: Entity) -> Option<Stand> {
        let (sprite, anchor) = self.sprites.get(entity).ok()?;
        let world = self.transforms.compute_global_transform(entity).ok()?.affine();
        Some(Stand {
            to_world: Affine2::from_cols(
                world.matrix3.x_axis.truncate(),
                world.matrix3.y_axis.truncate(),
                world.translation.truncate(),
            ),
            custom_size: sprite.custom_size,
            anchor: anchor.as_vec(),
            flip: Vec2::new(if sprite.flip_x { -1.0 } else { 1.0 }, if sprite.flip_y { 1.0 } else { -1.0 }),
        })
    }
}
