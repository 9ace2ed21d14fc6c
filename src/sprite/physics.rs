//! Physics with [avian](avian2d): colliders that follow the living cells, and contacts that wound.

use std::time::Duration;

use avian2d::{collision::narrow_phase::NarrowPhaseSystems, prelude::*};
use bevy::{
    ecs::{entity_disabling::Disabled, intern::Interned, query::Allow, schedule::ScheduleLabel},
    math::Affine2,
    prelude::*,
};

use super::{NcaDamage, NcaSystems, NcaTexture, NcaTissue, NcaWound, stand::Stands};
use crate::rule::CellMask;

/// `ticks` is the schedule in which sprites tick: after the physics, so that contacts wound at once.
pub(super) fn build(app: &mut App, ticks: Interned<dyn ScheduleLabel>) {
    app.register_type::<NcaCollider>()
        .register_type::<NcaImpact>()
        .add_observer(on_remove)
        .add_systems(PreUpdate, fit)
        .configure_sets(ticks, NcaSystems::Tick.after(PhysicsSystems::Last))
        .add_systems(
            PhysicsSchedule,
            smooth.run_if(resource_exists::<ContactGraph>).in_set(NarrowPhaseSystems::Last).ambiguous_with_all(),
        )
        .add_systems(
            PhysicsSchedule,
            wound
                .run_if(resource_exists::<ContactGraph>)
                .in_set(PhysicsStepSystems::Last)
                // Avian makes an error of any ambiguity in its schedule, also with the game's own systems.
                .ambiguous_with_all(),
        );
}

/// Beside an [`NcaTexture`] and a [`Sprite`]: the plugin gives the entity a [`Collider`] that follows its
/// living cells, a compound of rectangles on whose seams nothing catches. Where there is a hole, bullets pass. Without a living cell
/// there is no collider, and so none until a sprite has begun to grow: a dynamic body falls until then.
///
/// Add a [`RigidBody`] beside it as for any collider. The shape follows the sprite's size, anchor and
/// flip, and avian scales and turns it with the [`Transform`]; to mirror a body that moves, flip the
/// sprite. It is made anew only when the living cells or their place in the sprite have changed, and not
/// more often than [`interval`](Self::interval). Mass and centre of mass follow it, unless they are set.
///
/// Like vitals, it comes from the GPU a few frames late, and is made once a frame; so what physics does
/// to a sprite depends on the frame rate.
///
/// ```
/// # use avian2d::{collision::narrow_phase::NarrowPhaseSystems, prelude::*};
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")),
///         Sprite::sized(Vec2::splat(200.0)),
///         NcaCollider::default(),
///         // It hangs until it has grown; then make it dynamic.
///         RigidBody::Static,
///     ));
///     // A bullet that bursts a hole of 12 units.
///     commands.spawn((RigidBody::Kinematic, Collider::circle(4.0), Sensor, NcaImpact::new(12.0)));
/// }
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[require(NcaTissue, Fit)]
pub struct NcaCollider {
    /// The least time between two shapes; default a tenth of a second of game time.
    pub interval: Duration,
}

impl Default for NcaCollider {
    fn default() -> Self {
        Self { interval: Duration::from_millis(100) }
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

/// How well a collider fits its sprite.
#[derive(Component, Default)]
struct Fit {
    stale: bool,
    /// When it was made, in game time; `None` if there is none.
    made: Option<Duration>,
    /// How it lay over the cells, and which those were.
    map: Option<Affine2>,
    cells: Option<CellMask>,
}

type Fitted = (Entity, &'static NcaCollider, &'static mut Fit, Ref<'static, NcaTissue>);

/// Makes colliders fit what lives.
fn fit(
    mut sprites: Query<Fitted, With<NcaTexture>>,
    stands: Stands,
    contacts: Option<Res<ContactGraph>>,
    time: Res<Time>,
    mut commands: Commands,
) {
    for (entity, collider, mut fit, tissue) in &mut sprites {
        let cells = tissue.cells.as_ref();
        let stand = cells.and_then(|_| stands.get(entity));
        let map = cells.zip(stand).map(|(cells, stand)| {
            let grid = [cells.width(), cells.height()];
            stand.cells_to_body(grid.map(|side| side as u32))
        });
        if !(fit.stale || tissue.is_changed() || fit.map != map) {
            continue;
        }
        // What has no cells of its own yet has no body at all, from now on.
        if cells.is_some() && fit.made.is_some_and(|made| time.elapsed().saturating_sub(made) < collider.interval) {
            fit.stale = true;
            continue;
        }
        let drawn = cells.zip(stand).map(|(cells, stand)| stand.drawn(cells).into_owned());
        let collider = drawn.as_ref().zip(map).and_then(|(cells, map)| collider_of(cells, map));
        *fit = Fit { stale: false, made: collider.is_some().then(|| time.elapsed()), map, cells: drawn };
        match collider {
            Some(collider) => commands.entity(entity).try_insert(collider),
            // A copy of an entity brings along a collider of cells that it does not have.
            None => commands.entity(entity).try_remove::<Collider>(),
        };
        // What rests on a body that has changed may have lost its hold, and avian does not look.
        let pairs = contacts.iter().flat_map(|contacts| contacts.contact_pairs_with(entity));
        for body in pairs.flat_map(|pair| [pair.body1, pair.body2]).flatten() {
            commands.entity(body).try_remove::<Sleeping>();
        }
    }
}

/// Without its component or its texture, a sprite has no collider.
fn on_remove(
    removed: On<Remove, (NcaCollider, NcaTexture)>,
    mut fits: Query<&mut Fit, Allow<Disabled>>,
    mut commands: Commands,
) {
    let Ok(mut fit) = fits.get_mut(removed.entity) else { return };
    if std::mem::take(&mut *fit).made.is_some() {
        commands.entity(removed.entity).try_remove::<Collider>();
    }
}

/// A compound of rectangles, in the space that the map leads to; `None` for no cells, or if they have no area there.
fn collider_of(cells: &CellMask, map: Affine2) -> Option<Collider> {
    let area = map.matrix2.determinant().abs();
    if !area.is_finite() || area < f32::MIN_POSITIVE || !map.translation.is_finite() {
        return None;
    }
    let part = |rect: URect| {
        let [a, b] = [rect.min, rect.max].map(|corner| map.transform_point2(corner.as_vec2()));
        let size = (b - a).abs();
        (a.midpoint(b), Rotation::IDENTITY, Collider::rectangle(size.x, size.y))
    };
    let parts: Vec<_> = rectangles(cells).into_iter().map(part).collect();
    (!parts.is_empty()).then(|| Collider::compound(parts))
}

/// The cells as rectangles that do not overlap: each as wide as it can be, then as high.
fn rectangles(cells: &CellMask) -> Vec<URect> {
    let (width, height) = (cells.width(), cells.height());
    let mut left: Vec<bool> = (0..width * height).map(|cell| cells.contains(cell)).collect();
    let mut found = Vec::new();
    for cell in 0..left.len() {
        if !left[cell] {
            continue;
        }
        let (x, y) = (cell % width, cell / width);
        let right = (x..width).find(|&x| !left[y * width + x]).unwrap_or(width);
        let row = |y: usize| y * width + x..y * width + right;
        let bottom = (y..height).find(|&y| !left[row(y)].iter().all(|left| *left)).unwrap_or(height);
        (y..bottom).for_each(|y| left[row(y)].fill(false));
        found.push(URect::new(x as u32, y as u32, right as u32, bottom as u32));
    }
    found
}

/// Drops contacts with what lies between two cells that both live: a body that slides along a surface would catch on the
/// seams of the rectangles below it.
fn smooth(mut contacts: ResMut<ContactGraph>, bodies: Query<(&Position, &Rotation, &Collider, &Fit)>) {
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
fn wound(
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rectangles_cover_each_cell_once(width in 1usize..20, height in 1usize..20, seed in any::<u64>()) {
            let mut random = fastrand::Rng::with_seed(seed);
            let density = random.u32(0..=100);
            let cells = CellMask::from_fn(width, height, |_| random.u32(0..100) < density);
            let mut covered = vec![0; width * height];
            for rect in rectangles(&cells) {
                prop_assert!(!rect.is_empty());
                for y in rect.min.y..rect.max.y {
                    for x in rect.min.x..rect.max.x {
                        covered[y as usize * width + x as usize] += 1;
                    }
                }
            }
            let wanted: Vec<i32> = (0..width * height).map(|cell| i32::from(cells.contains(cell))).collect();
            prop_assert_eq!(covered, wanted);
        }
    }
}
