//! Contacts with living cells, for [avian](avian2d): they wound, and nothing catches on the seams of a collider.

use avian2d::{collision::narrow_phase::NarrowPhaseSystems, prelude::*};
use bevy::{
    ecs::{intern::Interned, schedule::ScheduleLabel},
    math::Affine2,
    prelude::*,
};

use super::colliders::{Fit, NcaCollider, fit, on_remove};
use crate::{
    rule::CellMask,
    sprite::{
        components::NcaTexture,
        events::{NcaDamage, NcaWound},
        sets::NcaSystems,
    },
};

/// Gives sprites colliders, and lets contacts wound them.
pub(crate) struct PhysicsPlugin {
    /// The schedule in which sprites tick.
    pub(crate) schedule: Interned<dyn ScheduleLabel>,
}

impl Plugin for PhysicsPlugin {
    fn build(&self, app: &mut App) {
        app.add_observer(on_remove)
            .add_systems(PreUpdate, fit.in_set(NcaSystems::FitColliders))
            // A contact wounds before the next tick.
            .configure_sets(self.schedule, NcaSystems::Tick.after(PhysicsSystems::Last))
            .add_systems(
                PhysicsSchedule,
                (
                    drop_seam_contacts.in_set(NarrowPhaseSystems::Last).in_set(NcaSystems::Contacts),
                    wound_by_contact.in_set(PhysicsStepSystems::Last).in_set(NcaSystems::Contacts),
                )
                    .run_if(resource_exists::<ContactGraph>)
                    // Avian makes an error of any ambiguity in its schedule, including those with systems of the game.
                    .ambiguous_with_all(),
            );
    }
}

/// What contacts do to living sprites, those with an [`NcaCollider`].
///
/// On a bullet, a saw, a pool of acid, or on the body that its collider belongs to: what they do to living
/// sprites that they touch. On a living sprite: what contacts with anything without one do to it, and
/// with other living sprites.
///
/// A contact wounds in every step of the physics in which its impulse is above the threshold, at the
/// points of contact. Sensors have no impulse: one with an `NcaImpact` wounds for as long as it touches.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
pub struct NcaImpact {
    /// The radius of the wound about a point of contact, in world units; default 8.
    pub radius: f32,
    /// The impulse above which a contact wounds, mass times speed in avian's units, and up to twice that,
    /// since avian counts what it pushes bodies apart with; default 0, with which what rests on
    /// something wounds it all the time.
    pub threshold: f32,
    /// The probability that a cell in the wound is killed, 0 to 1; default 1.
    pub strength: f32,
}

impl Default for NcaImpact {
    fn default() -> Self {
        Self { radius: 8.0, threshold: 0.0, strength: 1.0 }
    }
}

impl NcaImpact {
    /// A hole of so many world units about each point of contact.
    pub fn new(radius: f32) -> Self {
        Self { radius, ..default() }
    }

    /// Only contacts with more than this impulse.
    pub fn with_threshold(self, threshold: f32) -> Self {
        Self { threshold, ..self }
    }

    /// With a probability to kill, 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    fn wound(&self, point: Vec2) -> NcaWound {
        NcaWound::circle(point, self.radius).with_strength(self.strength)
    }
}

/// Drops contacts with what lies between two cells that both live: a body that slides along a surface would catch on the
/// seams of the rectangles below it.
fn drop_seam_contacts(mut contacts: ResMut<ContactGraph>, bodies: Query<(&Position, &Rotation, &Collider, &Fit)>) {
    for pair in contacts.iter_active_touching_mut().filter(|pair| pair.generates_constraints()) {
        for (entity, outwards) in [(pair.collider1, 1.0), (pair.collider2, -1.0)] {
            let Ok((position, rotation, collider, Fit { map: Some(map), cells: Some(cells), .. })) = bodies.get(entity)
            else {
                continue;
            };
            let unturned = rotation.inverse();
            let back = map.inverse() * Affine2::from_scale(collider.scale().recip());
            let is_inner = |ContactManifold { points, normal, .. }: &ContactManifold| {
                let normal = *normal * outwards;
                // The middle of the contact, on the sprite's own surface.
                let on_surface = |point: &ContactPoint| point.point + normal * point.penetration / 2.0 - position.0;
                let middle = points.iter().map(on_surface).sum::<Vec2>() / points.len().max(1) as f32;
                let (middle, normal) = (unturned * middle, unturned * normal);
                is_between_cells(cells, back.transform_point2(middle), back.transform_vector2(normal))
            };
            // Rather one on a seam than none, for what has come to be deep inside.
            let touches = |manifold: &ContactManifold| manifold.points.iter().any(|point| point.penetration >= 0.0);
            if pair.manifolds.iter().any(|manifold| touches(manifold) && !is_inner(manifold)) {
                pair.manifolds
                    .iter_mut()
                    .filter(|manifold| is_inner(manifold))
                    .for_each(|manifold| manifold.points.clear());
            }
        }
    }
}

/// Whether a surface with such a normal, at such a point, lies between living cells; both in cells.
fn is_between_cells(cells: &CellMask, point: Vec2, normal: Vec2) -> bool {
    // How far beyond the surface the next cell is looked for.
    const BEYOND: f32 = 0.25;
    // How far aside of a point that may lie on the border of two cells, and of one that a corner meets.
    const ASIDE: f32 = 0.02;
    const OFF_CORNER: f32 = 0.15;
    const FLAT: f32 = 0.05;
    let normal = normal.normalize_or_zero();
    let lives = |at: Vec2| {
        let inside = at.cmpge(Vec2::ZERO).all() && at.x < cells.width() as f32 && at.y < cells.height() as f32;
        inside && cells.contains(at.y as usize * cells.width() + at.x as usize)
    };
    (0..2).filter(|axis| normal[*axis].abs() > FLAT).any(|axis| {
        let other = 1 - axis;
        let is_corner = normal[other].abs() > FLAT;
        let asides = if is_corner { [-OFF_CORNER * normal[other].signum(); 2] } else { [-ASIDE, ASIDE] };
        asides.into_iter().any(|aside| {
            let mut at = point;
            at[axis] += BEYOND * normal[axis].signum();
            at[other] += aside;
            lives(at)
        })
    })
}

/// Lets contacts wound.
fn wound_by_contact(
    contacts: Res<ContactGraph>,
    living: Query<(), (With<NcaTexture>, With<NcaCollider>)>,
    impacts: Query<&NcaImpact>,
    bounds: Query<&ColliderAabb>,
    mut commands: Commands,
) {
    for pair in contacts.iter_active_touching() {
        let is_sensor = !pair.generates_constraints();
        let impact_of =
            |collider: Entity, body: Option<Entity>| impacts.get(collider).ok().or_else(|| impacts.get(body?).ok());
        for first_is_sprite in [true, false] {
            let (mut sprite, mut other) = ((pair.collider1, pair.body1), (pair.collider2, pair.body2));
            if !first_is_sprite {
                std::mem::swap(&mut sprite, &mut other);
            }
            if !living.contains(sprite.0) {
                continue;
            }
            // A living thing's own says what is done to it, not what it does.
            let by_other = impact_of(other.0, other.1).filter(|_| !living.contains(other.0));
            let Some(impact) = by_other.or_else(|| impact_of(sprite.0, sprite.1).filter(|_| !is_sensor)) else {
                continue;
            };
            if !is_sensor && pair.total_normal_impulse_magnitude() <= impact.threshold {
                continue;
            }
            for manifold in &pair.manifolds {
                for point in &manifold.points {
                    if is_sensor && point.penetration < 0.0 || !is_sensor && point.normal_impulse <= 0.0 {
                        continue;
                    }
                    // Where the sprite's own surface is, but within the other: what is deep in a sprite wounds
                    // it there, and not where it came in.
                    let inwards = if first_is_sprite { manifold.normal } else { -manifold.normal };
                    let surface = point.point + inwards * point.penetration / 2.0;
                    let at = bounds.get(other.0).map_or(surface, |bounds| surface.clamp(bounds.min, bounds.max));
                    commands.trigger(NcaDamage::new(sprite.0, impact.wound(at)));
                }
            }
        }
    }
}
