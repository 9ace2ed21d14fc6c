//! Wounds: where a shape in the world or in cells hits a sprite.

use bevy::{ecs::system::SystemParam, math::Affine2, prelude::*, sprite::Anchor};

use super::{
    population::{Population, Populations},
    texture::{NcaSlot, NcaTexture},
};
use crate::rule::{CellMap, CellMask, FireRate, Shape, Stencil};

/// The space that a shape is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Reflect)]
pub enum NcaSpace {
    /// World units, through the sprite's transform, anchor, flip and size; y grows upwards.
    #[default]
    World,
    /// Cells of the sprite's grid; y grows downwards from the upper left corner.
    Cells,
}

/// A wound: which cells it reaches, and how likely it kills them.
#[derive(Clone, Debug, PartialEq)]
pub struct NcaWound {
    /// Where.
    pub shape: Shape,
    /// The probability that a cell in it is killed, 0 to 1; default 1, all of them. Acid or fire eats
    /// slowly with a little of it each frame.
    pub strength: f32,
    /// How wide an edge the probability fades out in, in units of the shape; default 0.
    pub softness: f32,
}

impl From<Shape> for NcaWound {
    fn from(shape: Shape) -> Self {
        Self { shape, strength: 1.0, softness: 0.0 }
    }
}

impl NcaWound {
    /// A disc.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Shape::circle(center.x, center.y, radius).into()
    }

    /// A rectangle along the axes.
    pub fn rect(rect: Rect) -> Self {
        Shape::rect(rect.min.x, rect.min.y, rect.max.x, rect.max.y).into()
    }

    /// A rectangle turned by an angle in radians, counter-clockwise in the world.
    pub fn turned_rect(center: Vec2, size: Vec2, angle: f32) -> Self {
        Shape::turned_rect(center.into(), size.into(), angle).into()
    }

    /// All that is nearer than `radius` to a segment: a cut, a laser, a bullet's way within a frame.
    pub fn capsule(from: Vec2, to: Vec2, radius: f32) -> Self {
        Shape::capsule(from.into(), to.into(), radius).into()
    }

    /// A convex polygon, its corners in order.
    pub fn polygon(corners: impl IntoIterator<Item = Vec2>) -> Self {
        Shape::polygon(corners.into_iter().map(Vec2::into).collect::<Vec<[f32; 2]>>()).into()
    }

    /// A picture laid over the world, upright, then turned by an angle in radians: the more opaque a
    /// pixel, the likelier it kills. `None` if the image's pixels are not at hand or not of a format
    /// that [`Image::get_color_at`] knows.
    pub fn stencil(image: &Image, center: Vec2, size: Vec2, angle: f32) -> Option<Self> {
        let UVec2 { x: width, y: height } = image.size();
        let pixel = |index: u32| Some((image.get_color_at(index % width, index / width).ok()?.alpha() * 255.0) as u8);
        let pixels = (0..width * height).map(pixel).collect::<Option<Vec<u8>>>()?;
        let size = [size.x, -size.y];
        let stencil = Stencil { center: center.into(), size, angle, width: width as usize, pixels };
        Some(Shape::Stencil(stencil).into())
    }

    /// With a probability to kill, 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    /// With an edge that fades out, so wide.
    pub fn with_softness(self, softness: f32) -> Self {
        Self { softness, ..self }
    }

    fn is_valid(&self) -> bool {
        self.shape.is_valid() && (0.0..=1.0).contains(&self.strength) && self.softness >= 0.0
    }
}

/// Wounds one sprite: at its next tick, cells whose centres lie in the wound become zeros.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn shoot(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaDamage::circle(*sprite, Vec2::new(120.0, 40.0), 16.0));
///     let acid = NcaWound::rect(Rect::new(0.0, 0.0, 20.0, 8.0)).with_strength(0.1);
///     commands.trigger(NcaDamage::new(*sprite, acid).in_cells());
/// }
/// ```
///
/// A wound that comes before the model is loaded waits for it. A wound that is empty or not finite
/// is ignored with a warning, and so is an entity without an [`NcaTexture`].
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaDamage {
    /// The sprite.
    pub entity: Entity,
    /// Which cells are killed.
    pub wound: NcaWound,
    /// The space of the wound.
    pub space: NcaSpace,
}

impl NcaDamage {
    /// A wound in the world.
    pub fn new(entity: Entity, wound: impl Into<NcaWound>) -> Self {
        Self { entity, wound: wound.into(), space: NcaSpace::World }
    }

    /// A disc about a point in the world, its radius in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, NcaWound::circle(center, radius))
    }

    /// A rectangle in the world, along its axes.
    pub fn rect(entity: Entity, rect: Rect) -> Self {
        Self::new(entity, NcaWound::rect(rect))
    }

    /// The same numbers, in cells.
    pub fn in_cells(self) -> Self {
        Self { space: NcaSpace::Cells, ..self }
    }
}

/// Wounds every sprite in the world that it touches.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn explode(mut commands: Commands) {
///     commands.trigger(NcaBlast::circle(Vec2::new(120.0, 40.0), 64.0));
///     let from_above = NcaWound::capsule(Vec2::new(0.0, 500.0), Vec2::ZERO, 4.0);
///     commands.trigger(NcaBlast::new(from_above.with_softness(2.0)));
/// }
/// ```
///
/// What can be wounded is what has an [`NcaTexture`], a [`Sprite`] and a [`Transform`].
#[derive(Event, Clone, Debug, PartialEq)]
pub struct NcaBlast {
    /// Which cells are killed, in the world.
    pub wound: NcaWound,
}

impl NcaBlast {
    /// A wound.
    pub fn new(wound: impl Into<NcaWound>) -> Self {
        Self { wound: wound.into() }
    }

    /// A disc about a point.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Self::new(NcaWound::circle(center, radius))
    }
}

/// A wound, and where the sprite stood when it was hit. Only the grid is missing to know the cells.
#[derive(Clone, Debug)]
pub(super) struct PlacedWound {
    wound: NcaWound,
    /// `None` for a shape in cells.
    stand: Option<Stand>,
}

impl PlacedWound {
    /// Adds the cells that it kills. `key` is for the noise that decides where it is not certain.
    pub(super) fn hit(&self, mask: &mut CellMask, grid: [u32; 2], key: u32) {
        let map = self.stand.map_or(CellMap::IDENTITY, |stand| stand.cells_to_world(grid));
        let NcaWound { shape, strength, softness } = &self.wound;
        mask.add_where(shape, map, *softness, |cell, cover| {
            FireRate::new(f64::from(strength * cover)).fires(cell as u32, key)
        });
    }
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

impl Stand {
    fn cells_to_world(&self, grid: [u32; 2]) -> CellMap {
        let cells = UVec2::from_array(grid).as_vec2();
        let size = self.custom_size.unwrap_or(cells);
        let corner = -size / 2.0 * self.flip - self.anchor * size;
        let to_sprite = Affine2::from_scale_angle_translation(size / cells * self.flip, 0.0, corner);
        CellMap((self.to_world * to_sprite).to_cols_array())
    }

    /// The box in the world around all cells.
    fn bounds(&self, grid: [u32; 2]) -> Rect {
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
    let NcaDamage { entity, wound, space } = damage.event().clone();
    if !wound.is_valid() {
        return ignore(&wound);
    }
    let Ok(mut slot) = slots.get_mut(entity) else {
        warn_once!("a wound was ignored: {entity} has no NcaTexture");
        return;
    };
    let stand = match space {
        NcaSpace::Cells => None,
        NcaSpace::World => match stands.get(entity) {
            Some(stand) => Some(stand),
            None => {
                warn_once!("a wound was ignored: it is in world space, and {entity} has no Sprite with a Transform");
                return;
            }
        },
    };
    place(PlacedWound { wound, stand }, entity, &mut slot, &mut populations);
}

pub(super) fn on_blast(
    blast: On<NcaBlast>,
    mut slots: Query<(Entity, &mut NcaSlot), With<NcaTexture>>,
    stands: Stands,
    mut populations: ResMut<Populations>,
) {
    let wound = &blast.wound;
    if !wound.is_valid() {
        return ignore(wound);
    }
    let (min, max) = wound.shape.bounds();
    let reach = Rect { min: min.into(), max: max.into() };
    for (entity, mut slot) in &mut slots {
        let Some(stand) = stands.get(entity) else { continue };
        // Without its model, a sprite's size is not known yet.
        let grid = slot.place.and_then(|place| populations.get(place.population)).map(Population::grid);
        if grid.is_none_or(|grid| !stand.bounds(grid).intersect(reach).is_empty()) {
            let wound = PlacedWound { wound: wound.clone(), stand: Some(stand) };
            place(wound, entity, &mut slot, &mut populations);
        }
    }
}

/// Wounds a sprite, or lets the wound wait for its model.
fn place(wound: PlacedWound, entity: Entity, slot: &mut Mut<NcaSlot>, populations: &mut Populations) {
    match slot.place {
        Some(place) => populations.wound(place, &wound),
        None if slot.wounds.len() < MOST_WAITING => slot.wounds.push(wound),
        None => warn_once!("a wound was ignored: {entity} has no model yet, and {MOST_WAITING} wounds wait for it"),
    }
}

fn ignore(wound: &NcaWound) {
    warn_once!(
        "a wound was ignored: found {wound:?}; wanted finite numbers, sizes above zero, corners of a convex polygon, \
         and a strength of 0 to 1"
    );
}
