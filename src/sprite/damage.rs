//! Damage and healing: events that change cells.

use std::{fmt, sync::Arc};

use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow, system::SystemParam},
    prelude::*,
};

use super::{
    NcaArmor, NcaFilter, NcaSpace, NcaWound,
    filter::Filtering,
    occupant::Life,
    populations::Populations,
    stand::{Frame, Stands},
    texture::{NcaSlot, NcaTexture, Place, Waiting},
};
use crate::rule::{CellMask, Shape};

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
/// A wound that comes before the model is loaded waits for it, and so does one of an entity that the game has
/// disabled, until that is back. A wound that is empty or not finite
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

    /// The same numbers, as texture coordinates.
    pub fn in_uv(self) -> Self {
        Self { space: NcaSpace::Uv, ..self }
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
/// What can be wounded is what has an [`NcaTexture`], a [`Sprite`] (or `SpriteMesh`) and a [`Transform`], and is not
/// hidden; [`NcaBlast::with_filter`] says otherwise.
#[derive(Event, Clone, Debug, PartialEq)]
pub struct NcaBlast {
    /// Which cells are killed, in the world.
    pub wound: NcaWound,
    /// Which sprites are struck; default all that are not hidden.
    pub filter: NcaFilter,
}

impl NcaBlast {
    /// A wound.
    pub fn new(wound: impl Into<NcaWound>) -> Self {
        Self { wound: wound.into(), filter: NcaFilter::default() }
    }

    /// A disc about a point.
    pub fn circle(center: Vec2, radius: f32) -> Self {
        Self::new(NcaWound::circle(center, radius))
    }

    /// Of all sprites, only some.
    pub fn with_filter(self, filter: NcaFilter) -> Self {
        Self { filter, ..self }
    }
}

/// Helps a sprite: scars in a shape may grow again, and where it is empty, seeds are sown.
///
/// Seeds are what a sprite grows from; so a disc about its centre brings a dead sprite back. A wound in
/// the same tick comes after it.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn potion(mut commands: Commands, sprite: Single<Entity, With<NcaTexture>>) {
///     commands.trigger(NcaHeal::circle(*sprite, Vec2::ZERO, 30.0));
/// }
/// ```
#[derive(EntityEvent, Clone, Debug, PartialEq)]
pub struct NcaHeal {
    /// The sprite.
    pub entity: Entity,
    /// Where.
    pub shape: Shape,
    /// The space of the shape.
    pub space: NcaSpace,
}

impl NcaHeal {
    /// A shape in the world.
    pub fn new(entity: Entity, shape: Shape) -> Self {
        Self { entity, shape, space: NcaSpace::World }
    }

    /// A disc about a point in the world, its radius in world units.
    pub fn circle(entity: Entity, center: Vec2, radius: f32) -> Self {
        Self::new(entity, Shape::circle(center.x, center.y, radius))
    }

    /// The same numbers, in cells.
    pub fn in_cells(self) -> Self {
        Self { space: NcaSpace::Cells, ..self }
    }

    /// The same numbers, as texture coordinates.
    pub fn in_uv(self) -> Self {
        Self { space: NcaSpace::Uv, ..self }
    }
}

/// What happens to a sprite, and where it stood then. Only the grid is missing to know the cells.
#[derive(Clone, Debug)]
pub(super) struct Blow {
    kind: BlowKind,
    frame: Frame,
}

#[derive(Clone, Debug)]
enum BlowKind {
    Wound(Arc<NcaWound>),
    Heal(Shape),
}

impl BlowKind {
    /// Whether it is; else a warning, once.
    fn is_valid(&self) -> bool {
        let valid = match self {
            Self::Wound(wound) => wound.is_valid(),
            Self::Heal(shape) => shape.is_valid(),
        };
        if !valid {
            warn_once!(
                "{self} was ignored: found {self:?}; wanted finite numbers, sizes above zero, corners of a convex \
                 polygon, and a strength of 0 to 1"
            );
        }
        valid
    }
}

impl fmt::Display for BlowKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Wound(_) => "a wound",
            Self::Heal(_) => "healing",
        })
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Blow {
    /// Finds the cells, and lets the next tick change them.
    pub(super) fn strike(&self, life: &mut Life, grid: [u32; 2], armor: Option<&NcaArmor>) {
        let map = self.frame.map(grid);
        let mut none = CellMask::new(grid[0] as usize, grid[1] as usize);
        match &self.kind {
            BlowKind::Wound(wound) => {
                let key = life.next_hit();
                let hit = wound.hit(none, map, key, armor);
                life.wound(self.frame.reached(&hit).into_owned(), wound.scars);
            }
            BlowKind::Heal(shape) => {
                none.add(shape, map);
                life.heal(self.frame.reached(&none).into_owned());
            }
        }
    }
}

type Target = (Entity, &'static NcaTexture, &'static mut NcaSlot, Option<&'static NcaArmor>, Has<Disabled>);

/// What damage and healing reach.
#[derive(SystemParam)]
pub(super) struct Targets<'w, 's> {
    sprites: Query<'w, 's, Target, Allow<Disabled>>,
    stands: Stands<'w, 's>,
    filtering: Filtering<'w, 's>,
    populations: ResMut<'w, Populations>,
}

impl Targets<'_, '_> {
    /// Strikes one sprite.
    fn strike(&mut self, entity: Entity, space: NcaSpace, kind: BlowKind) {
        if !kind.is_valid() {
            return;
        }
        let Ok((_, texture, mut slot, armor, _)) = self.sprites.get_mut(entity) else {
            warn_once!("{kind} was ignored: {entity} has no NcaTexture");
            return;
        };
        let frame = match space {
            NcaSpace::Cells => Frame::Cells,
            NcaSpace::Uv => Frame::Uv,
            NcaSpace::World => match self.stands.get(entity) {
                Some(stand) => Frame::World(stand),
                None => {
                    warn_once!(
                        "{kind} was ignored: it is in the world, and {entity} has no Sprite with a Transform; \
                         on nodes and meshes, give it .in_uv() or .in_cells()"
                    );
                    return;
                }
            },
        };
        let place = slot.place_of(texture, &self.populations);
        strike(Blow { kind, frame }, entity, place, &mut slot, armor, &mut self.populations);
    }
}

/// Strikes a sprite, or lets the blow wait for its model.
fn strike(
    blow: Blow,
    entity: Entity,
    place: Option<Place>,
    slot: &mut NcaSlot,
    armor: Option<&NcaArmor>,
    populations: &mut Populations,
) {
    match place {
        Some(place) => populations.strike(place, &blow, armor),
        None => slot.wait(entity, Waiting::Blow(blow)),
    }
}

pub(super) fn on_damage(damage: On<NcaDamage>, mut targets: Targets) {
    let NcaDamage { entity, wound, space } = damage.event().clone();
    targets.strike(entity, space, BlowKind::Wound(wound.into()));
}

pub(super) fn on_heal(heal: On<NcaHeal>, mut targets: Targets) {
    let NcaHeal { entity, shape, space } = heal.event().clone();
    targets.strike(entity, space, BlowKind::Heal(shape));
}

pub(super) fn on_blast(blast: On<NcaBlast>, mut targets: Targets) {
    let kind = BlowKind::Wound(Arc::new(blast.wound.clone()));
    if !kind.is_valid() {
        return;
    }
    let (min, max) = blast.wound.shape.bounds();
    let reach = Rect { min: min.into(), max: max.into() };
    let Targets { sprites, stands, filtering, populations } = &mut targets;
    for (entity, texture, mut slot, armor, is_disabled) in sprites {
        if is_disabled || !filtering.finds(&blast.filter, entity) {
            continue;
        }
        let Some(stand) = stands.get(entity) else { continue };
        // Without its model, a sprite's size is not known yet.
        let place = slot.place_of(texture, populations);
        let grid = place.and_then(|place| populations.get(place.population)).map(|population| population.grid);
        if grid.is_none_or(|grid| !stand.bounds(grid).intersect(reach).is_empty()) {
            let blow = Blow { kind: kind.clone(), frame: Frame::World(stand) };
            strike(blow, entity, place, &mut slot, armor, populations);
        }
    }
}
