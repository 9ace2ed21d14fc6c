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
        let cells = UVec2::from_array(grid).as_vec2();
        let size = self.custom_size.unwrap_or(cells);
        let corner = -size / 2.0 * self.flip - self.anchor * size;
        let to_sprite = Affine2::from_scale_angle_translation(size / cells * self.flip, 0.0, corner);
        CellMap((self.to_world * to_sprite).to_cols_array())
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
