//! Wounds: where a shape in the world or in cells hits a sprite.

use bevy::{ecs::system::SystemParam, math::Affine2, prelude::*, sprite::Anchor};

use super::{
    population::Populations,
    texture::{NcaSlot, NcaTexture},
};
use crate::rule::{CellMap, CellMask, Shape};

/// The space that a shape is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Reflect)]
pub enum NcaSpace {
    /// World units, through the sprite's transform, anchor, flip and size; y grows upwards.
    #[default]
    World,
    /// Cells of the sprite's grid; y grows downwards from the upper left corner.
    Cells,
}

/// Wounds one sprite: at its next tick, the cells whose centres lie in the shape become zeros.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn shoot(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaDamage::circle(*sprite, Vec2::new(120.0, 40.0), 16.0));
///     commands.trigger(NcaDamage::rect(*sprite, Rect::new(0.0, 0.0, 20.0, 8.0)).in_cells());
/// }
/// ```
///
/// A wound that comes before the model is loaded waits for it. A shape that is empty or not finite
/// is ignored with a warning, and so is an entity without an [`NcaTexture`].
#[derive(EntityEvent, Clone, Copy, Debug, PartialEq)]
pub struct NcaDamage {
    /// The sprite.
    pub entity: Entity,
    /// What is wounded.
    pub shape: Shape,
    /// The space of the shape.
    pub space: NcaSpace,
}

impl NcaDamage {
    /// A disc about a point in the world, its radius in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self { entity, shape: Shape::circle(center.x, center.y, radius), space: NcaSpace::World }
    }

    /// A rectangle in the world, along its axes.
    pub fn rect(entity: Entity, rect: Rect) -> Self {
        let shape = Shape::rect(rect.min.x, rect.min.y, rect.max.x, rect.max.y);
        Self { entity, shape, space: NcaSpace::World }
    }

    /// The same numbers, in cells.
    pub fn in_cells(self) -> Self {
        Self { space: NcaSpace::Cells, ..self }
    }
}

/// A shape, and where the sprite stood when it was hit. Only the grid is missing to know the cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedWound {
    shape: Shape,
    /// `None` for a shape in cells.
    stand: Option<Stand>,
}

/// Where a sprite stands in the world.
#[derive(Clone, Copy, Debug)]
struct Stand {
    to_world: Affine2,
    custom_size: Option<Vec2>,
    anchor: Vec2,
    /// -1 on the axes along which cells and the sprite's own space run against each other.
    flip: Vec2,
}

impl PlacedWound {
    /// Adds the cells that it hits.
    pub(super) fn hit(&self, mask: &mut CellMask, grid: [u32; 2]) {
        let map = self.stand.map_or(CellMap::IDENTITY, |stand| stand.cells_to_world(grid));
        mask.add(&self.shape, map);
    }
}

impl Stand {
    fn cells_to_world(&self, grid: [u32; 2]) -> CellMap {
        let cells = UVec2::from_array(grid).as_vec2();
        let size = self.custom_size.unwrap_or(cells);
        let corner = -size / 2.0 * self.flip - self.anchor * size;
        let to_sprite = Affine2::from_scale_angle_translation(size / cells * self.flip, 0.0, corner);
        CellMap((self.to_world * to_sprite).to_cols_array())
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
    fn get(&self, entity: Entity) -> Option<Stand> {
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

/// Wounds that a sprite without its model remembers; what comes beyond is lost, with a warning.
const MOST_WAITING: usize = 4096;

pub(super) fn on_damage(
    damage: On<NcaDamage>,
    mut slots: Query<&mut NcaSlot, With<NcaTexture>>,
    stands: Stands,
    mut populations: ResMut<Populations>,
) {
    let NcaDamage { entity, shape, space } = *damage;
    if !shape.is_valid() {
        warn_once!("a wound was ignored: found {shape:?}; wanted finite numbers and sizes above zero");
        return;
    }
    let Ok(mut slot) = slots.get_mut(entity) else {
        warn_once!("a wound was ignored: {entity} has no NcaTexture");
        return;
    };
    let wound = match space {
        NcaSpace::Cells => PlacedWound { shape, stand: None },
        NcaSpace::World => match stands.get(entity) {
            Some(stand) => PlacedWound { shape, stand: Some(stand) },
            None => {
                warn_once!("a wound was ignored: it is in world space, and {entity} has no Sprite with a Transform");
                return;
            }
        },
    };
    match slot.place {
        Some(place) => populations.wound(place, |mask, grid| wound.hit(mask, grid)),
        None if slot.wounds.len() < MOST_WAITING => slot.wounds.push(wound),
        None => warn_once!("a wound was ignored: {entity} has no model yet, and {MOST_WAITING} wounds wait for it"),
    }
}
