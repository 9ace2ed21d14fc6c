//! Contacts with living cells, for [avian](avian2d): they wound sprites, and nothing catches on the seams of a
//! collider.

use std::any::TypeId;

use avian2d::{
    collider_tree::ColliderTreeProxyKey, collision::narrow_phase::NarrowPhaseSystems,
    dynamics::solver::islands::BodyIslandNode, prelude::*,
};
use bevy::{
    ecs::{intern::Interned, schedule::ScheduleLabel},
    math::Affine2,
    prelude::*,
};

use super::{
    colliders::{CameApart, Fit, NcaCollider, fit, on_remove},
    pieces::{drop_bodies, on_severed, push_apart},
};
use crate::{
    rule::CellMask,
    sprite::{
        components::{NcaTexture, NotCopied},
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
        // Copies would be links to what belongs to another body.
        let own = [
            TypeId::of::<Fit>(),
            TypeId::of::<BodyIslandNode>(),
            TypeId::of::<ColliderTreeProxyKey>(),
            TypeId::of::<Sleeping>(),
        ];
        app.world_mut().get_resource_or_init::<NotCopied>().0.extend(own);
        app.register_type::<NcaCollider>()
            .register_type::<NcaImpact>()
            .init_resource::<CameApart>()
            .add_observer(on_remove)
            .add_observer(on_severed)
            .add_systems(PreUpdate, (drop_bodies, fit).in_set(NcaSystems::FitColliders))
            .add_systems(self.schedule, push_apart.in_set(NcaSystems::FitColliders).after(NcaSystems::Tick))
            // A piece must not begin inside of another one.
            .add_systems(
                self.schedule,
                (fit, CameApart::reset)
                    .chain()
                    .in_set(NcaSystems::FitColliders)
                    .after(NcaSystems::Tick)
                    .run_if(CameApart::is_true),
            )
            // A contact wounds before the next tick.
            .configure_sets(self.schedule, NcaSystems::Place.after(PhysicsSystems::Last))
            .add_systems(
                PhysicsSchedule,
                (
                    drop_seam_contacts.in_set(NarrowPhaseSystems::Last).in_set(NcaSystems::Contacts),
                    wound_by_contact.in_set(PhysicsStepSystems::Last).in_set(NcaSystems::Contacts),
                )
                    .run_if(resource_exists::<ContactGraph>)
                    // Avian reports any ambiguity in its schedule as an error, including one with a system of the game.
                    .ambiguous_with_all(),
            );
    }
}

/// The effect of contacts on sprites with an [`NcaCollider`].
///
/// - On a bullet, a saw or a pool of acid, or on the body of its collider: the effect on the sprites that it touches.
/// - On a sprite: the effect on this sprite of contacts with other sprites, and with anything that has no `NcaImpact`.
///
/// A contact wounds at its points, in every physics step in which its impulse is above the threshold. A sensor has no
/// impulse: with an `NcaImpact`, it wounds while it touches.
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
pub struct NcaImpact {
    /// The radius of the wound at a contact point, in world units; default 8.
    pub radius: f32,
    /// The impulse above which a contact wounds, in avian's units: mass times speed; default 0. At 0, even a resting
    /// contact wounds in every physics step. (Avian adds the impulse that separates bodies, so a contact may count up
    /// to twice.)
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
    /// A wound of this radius at each contact point, in world units.
    pub fn new(radius: f32) -> Self {
        Self { radius, ..default() }
    }

    /// Sets the [threshold](Self::threshold), an impulse in avian's units.
    pub fn with_threshold(self, threshold: f32) -> Self {
        Self { threshold, ..self }
    }

    /// Sets the [strength](Self::strength), 0 to 1.
    pub fn with_strength(self, strength: f32) -> Self {
        Self { strength, ..self }
    }

    fn wound(&self, point: Vec2) -> NcaWound {
        NcaWound::circle(point, self.radius).with_strength(self.strength)
    }
}

/// Drops contacts on seams between two living cells. Otherwise a body that slides along a surface catches on the seams
/// of the rectangles below it.
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
                // The middle of the contact, on the surface of the sprite.
                let on_surface = |point: &ContactPoint| point.point + normal * point.penetration / 2.0 - position.0;
                let middle = points.iter().map(on_surface).sum::<Vec2>() / points.len().max(1) as f32;
                let (middle, normal) = (unturned * middle, unturned * normal);
                is_between_cells(cells, back.transform_point2(middle), back.transform_vector2(normal))
            };
            // A body deep inside keeps the contacts on seams if it has no others.
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

/// Whether a surface at a point with a normal, both in cells, is between living cells.
fn is_between_cells(cells: &CellMask, point: Vec2, normal: Vec2) -> bool {
    // The distance beyond the surface at which the next cell is sampled.
    const BEYOND: f32 = 0.25;
    // The sideways offset for a point on the border of two cells, and for a point that a corner touches.
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
            // The impact of a sprite describes the wounds of that sprite.
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
                    // On the surface of the sprite, but within the bounds of the other: a body deep inside wounds at
                    // its place, not where it entered.
                    let inwards = if first_is_sprite { manifold.normal } else { -manifold.normal };
                    let surface = point.point + inwards * point.penetration / 2.0;
                    let at = bounds.get(other.0).map_or(surface, |bounds| surface.clamp(bounds.min, bounds.max));
                    commands.trigger(NcaDamage::new(sprite.0, impact.wound(at)));
                }
            }
        }
    }
}
