//! Wounds: where a shape in the world or in cells hits a sprite.

use bevy::{ecs::system::SystemParam, prelude::*, sprite::Anchor};

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

/// A wound that waits for its sprite's model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wound {
    shape: Shape,
    space: NcaSpace,
}

/// What it takes to know where a sprite's cells lie in the world.
#[derive(SystemParam)]
pub(super) struct Placement<'w, 's> {
    transforms: TransformHelper<'w, 's>,
    anchors: Query<'w, 's, &'static Anchor>,
}

impl Placement<'_, '_> {
    /// Adds the cells that a wound hits. Transforms are taken as they are now, not as they were
    /// when Bevy last propagated them.
    pub(super) fn hit(
        &self,
        mask: &mut CellMask,
        wound: Wound,
        entity: Entity,
        sprite: Option<&Sprite>,
        grid: [u32; 2],
    ) {
        let map = match wound.space {
            NcaSpace::Cells => Some(CellMap::IDENTITY),
            NcaSpace::World => sprite.and_then(|sprite| self.world(entity, sprite, grid)),
        };
        match map {
            Some(map) => mask.add(&wound.shape, map),
            None => warn_once!("{entity} was wounded in world space, but it has no Sprite with a Transform"),
        }
    }

    /// From cells to the world.
    fn world(&self, entity: Entity, sprite: &Sprite, grid: [u32; 2]) -> Option<CellMap> {
        let cells = UVec2::from_array(grid).as_vec2();
        let size = sprite.custom_size.unwrap_or(cells);
        let anchor = self.anchors.get(entity).copied().unwrap_or_default().as_vec();
        let flip = Vec2::new(if sprite.flip_x { -1.0 } else { 1.0 }, if sprite.flip_y { 1.0 } else { -1.0 });
        let world = self.transforms.compute_global_transform(entity).ok()?.affine();
        let to_world = bevy::math::Affine2::from_cols(
            world.matrix3.x_axis.truncate(),
            world.matrix3.y_axis.truncate(),
            world.translation.truncate(),
        );
        let to_sprite = bevy::math::Affine2::from_scale_angle_translation(
            size / cells * flip,
            0.0,
            -size / 2.0 * flip - anchor * size,
        );
        Some(CellMap((to_world * to_sprite).to_cols_array()))
    }
}

pub(super) fn on_damage(
    damage: On<NcaDamage>,
    mut sprites: Query<(&mut NcaSlot, Option<&Sprite>), With<NcaTexture>>,
    placement: Placement,
    mut populations: ResMut<Populations>,
) {
    let NcaDamage { entity, shape, space } = *damage;
    if !shape.is_valid() {
        warn_once!("a wound was ignored: found {shape:?}; wanted finite numbers and sizes above zero");
        return;
    }
    let Ok((mut slot, sprite)) = sprites.get_mut(entity) else {
        warn_once!("a wound was ignored: {entity} has no NcaTexture");
        return;
    };
    let wound = Wound { shape, space };
    match slot.place {
        Some(place) => populations.wound(place, |mask, grid| placement.hit(mask, wound, entity, sprite, grid)),
        None => slot.wounds.push(wound),
    }
}
