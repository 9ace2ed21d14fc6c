//! Pieces of bodies, for [avian](avian2d): their velocities, and bodies that hang on nothing.

use avian2d::prelude::*;
use bevy::{math::Affine2, prelude::*};

use super::{
    SpriteTransforms, center,
    colliders::{CameApart, Fit, NcaCollider},
};
use crate::{
    rule::CellMask,
    sprite::{
        components::{NcaAliveMask, NcaHeld, NcaSever, NcaSleeping, NcaVitals},
        events::NcaSevered,
    },
};

/// Sprites of which a smaller share of the cells overlaps only touch.
const TOUCH: f32 = 0.04;
/// The speeds at which sprites that overlap move apart, in cells per second: at least, and more the more they overlap.
const SLOWEST: f32 = 4.0;
const FASTEST: f32 = 40.0;

type Held = (Entity, &'static RigidBody, &'static NcaHeld, &'static NcaAliveMask, &'static NcaVitals);

/// A static body of which no held cell lives becomes dynamic.
pub(super) fn drop_bodies(bodies: Query<Held, Changed<NcaAliveMask>>, mut commands: Commands) {
    for (entity, body, held, mask, vitals) in &bodies {
        let Some(cells) = mask.cells.as_ref().filter(|cells| body.is_static() && vitals.has_grown && !cells.is_empty())
        else {
            continue;
        };
        let held = CellMask::of(&held.shape, cells.width(), cells.height());
        if !cells.intersects(&held) {
            commands.entity(entity).try_insert(RigidBody::Dynamic);
        }
    }
}

/// A sprite that may overlap others.
struct Body<'a> {
    entity: Entity,
    cells: &'a CellMask,
    map: Affine2,
    bounds: Rect,
    layers: CollisionLayers,
    /// 0 for an axis along which it does not move.
    free: Vec2,
    is_awake: bool,
}

type Bodies = (
    Entity,
    &'static NcaAliveMask,
    &'static RigidBody,
    Option<&'static CollisionLayers>,
    Option<&'static LockedAxes>,
    Has<NcaSleeping>,
);
type Colliding = (With<NcaSever>, With<NcaCollider>, Without<Sensor>, Without<ColliderDisabled>);

/// Sprites that have grown into each other move apart. Contacts do not do that: those inside of living cells are dropped.
pub(super) fn push_apart(
    bodies: Query<Bodies, Colliding>,
    mut velocities: Query<&mut LinearVelocity>,
    transforms: SpriteTransforms,
    mut commands: Commands,
) {
    if bodies.iter().all(|(.., sleeps)| sleeps) {
        return;
    }
    let mut all = Vec::new();
    for (entity, NcaAliveMask { cells }, body, layers, locked, sleeps) in &bodies {
        let Some(cells) = cells.as_ref().filter(|_| body.is_dynamic()) else { continue };
        let (Some(bounds), Some(transform)) = (cells.bounds(), transforms.get(entity)) else { continue };
        let grid = [cells.width() as u32, cells.height() as u32];
        let map = Affine2::from_cols_array(&transform.cells_to_world(grid).0);
        let [left, top, right, bottom] = bounds.map(|side| side as f32);
        let bounds = transform.bounds_of(Rect::new(left, top, right, bottom), grid);
        let layers = layers.copied().unwrap_or_default();
        let free = |is_locked: bool| if is_locked { 0.0 } else { 1.0 };
        let free = locked.map_or(Vec2::ONE, |locked| {
            Vec2::new(free(locked.is_translation_x_locked()), free(locked.is_translation_y_locked()))
        });
        all.push(Body { entity, cells, map, bounds, layers, free, is_awake: !sleeps });
    }
    for (index, a) in all.iter().enumerate() {
        for b in &all[index + 1..] {
            let may_touch = (a.is_awake || b.is_awake) && a.layers.interacts_with(b.layers);
            if !may_touch || a.bounds.intersect(b.bounds).is_empty() {
                continue;
            }
            let overlap = overlap(a, b);
            if overlap <= TOUCH {
                continue;
            }
            let Ok([mut of_a, mut of_b]) = velocities.get_many_mut([a.entity, b.entity]) else { continue };
            let apart = (b.bounds.center() - a.bounds.center()).try_normalize().unwrap_or(Vec2::X);
            let cell = a.map.matrix2.x_axis.length();
            let missing = cell * (SLOWEST + FASTEST * overlap.min(1.0)) - (of_b.0 - of_a.0).dot(apart);
            if missing > 0.0 {
                let share = b.cells.count() as f32 / (a.cells.count() + b.cells.count()) as f32;
                of_a.0 -= apart * missing * share * a.free;
                of_b.0 += apart * missing * (1.0 - share) * b.free;
                for entity in [a.entity, b.entity] {
                    commands.entity(entity).try_remove::<Sleeping>();
                }
            }
        }
    }
}

/// The share of the cells of the smaller sprite that lie in the other one.
fn overlap(a: &Body, b: &Body) -> f32 {
    let (small, large) = if a.cells.count() <= b.cells.count() { (a, b) } else { (b, a) };
    let to_large = large.map.inverse() * small.map;
    let width = small.cells.width();
    let lies_inside = |cell: &usize| {
        let at = to_large.transform_point2(center(*cell, width));
        let is_inside = at.cmpge(Vec2::ZERO).all() && (at.x as usize) < large.cells.width();
        is_inside && large.cells.contains(at.y as usize * large.cells.width() + at.x as usize)
    };
    small.cells.iter().filter(lies_inside).count() as f32 / small.cells.count().max(1) as f32
}

type Whole = (
    &'static RigidBody,
    &'static Position,
    &'static Rotation,
    &'static ComputedCenterOfMass,
    &'static NcaAliveMask,
    &'static NcaSever,
    Has<NcaHeld>,
);

/// Each part moves on as it did within the whole, about its own center of mass, and a push drives the parts from each
/// other. Momentum is kept.
pub(super) fn on_severed(
    severed: On<NcaSevered>,
    (wholes, masks): (Query<Whole>, Query<&NcaAliveMask>),
    mut velocities: Query<(&mut LinearVelocity, &AngularVelocity)>,
    (mut fits, mut colliding): (Query<&mut Fit>, Query<&mut CollidingEntities>),
    transforms: SpriteTransforms,
    mut came_apart: ResMut<CameApart>,
    mut commands: Commands,
) {
    let NcaSevered { entity, pieces } = severed.event();
    if let Ok(mut fit) = fits.get_mut(*entity) {
        fit.expire();
        came_apart.0 = true;
    }
    let Ok((body, position, rotation, of_mass, NcaAliveMask { cells: Some(own) }, sever, is_held)) =
        wholes.get(*entity)
    else {
        return;
    };
    if is_held && body.is_static() {
        pieces.iter().for_each(|piece| {
            commands.entity(*piece).try_insert(RigidBody::Dynamic);
        });
    }
    commands.entity(*entity).try_remove::<Sleeping>();
    let Some(transform) = transforms.get(*entity) else { return };
    let map = transform.cells_to_world([own.width() as u32, own.height() as u32]);
    let center_of = |cells: &CellMask| {
        let sum: Vec2 = cells.iter().map(|cell| Vec2::from(map.apply(center(cell, cells.width()).into()))).sum();
        (cells.count() as f32, sum / cells.count().max(1) as f32)
    };
    let middle = position.0 + *rotation * of_mass.0;
    let (mass, own_middle) = center_of(own);
    let Ok((linear, angular)) = velocities.get(*entity).map(|(linear, angular)| (linear.0, angular.0)) else { return };
    // A point of a turning body moves across the way to its center.
    let speed_at = |point: Vec2| linear + (point - middle).perp() * angular;
    let mut recoil = Vec2::ZERO;
    for piece in pieces {
        if let Ok(mut others) = colliding.get_mut(*piece) {
            *others = CollidingEntities::default();
        }
        let Ok(NcaAliveMask { cells: Some(cells) }) = masks.get(*piece) else { continue };
        let (piece_mass, piece_middle) = center_of(cells);
        let apart = (piece_middle - own_middle).normalize_or_zero() * sever.push;
        let share = mass / (mass + piece_mass).max(1.0);
        recoil -= apart * (1.0 - share);
        if let Ok((mut velocity, _)) = velocities.get_mut(*piece) {
            velocity.0 = speed_at(piece_middle) + apart * share;
        }
    }
    if let Ok((mut velocity, _)) = velocities.get_mut(*entity)
        && body.is_dynamic()
    {
        velocity.0 = speed_at(own_middle) + recoil;
    }
}
