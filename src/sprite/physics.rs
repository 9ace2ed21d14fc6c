//! Physics with [avian](avian2d): colliders that follow the living cells, and contacts that wound.

use std::time::Duration;

use avian2d::prelude::*;
use bevy::{math::Affine2, prelude::*};

use super::{NcaDamage, NcaTexture, NcaTissue, NcaWound, stand::Stands};
use crate::rule::{CellMask, Shape};

pub(super) fn build(app: &mut App) {
    app.register_type::<NcaCollider>()
        .register_type::<NcaImpact>()
        .add_systems(PreUpdate, fit)
        .add_systems(PhysicsSchedule, wound.in_set(PhysicsStepSystems::Last));
}

/// Beside an [`NcaTexture`] and a [`Sprite`]: the plugin gives the entity a [`Collider`] that follows its
/// living cells, a compound of rectangles. Where there is a hole, bullets pass. Without a living cell
/// there is no collider.
///
/// Add a [`RigidBody`] beside it as for any collider. The shape is in the sprite's own space, its size,
/// anchor and flip included; avian scales and turns it with the [`Transform`]. It is made anew only when
/// the living cells or the sprite have changed, and not more often than [`interval`](Self::interval).
///
/// ```
/// # use avian2d::prelude::*;
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn spawn(mut commands: Commands, assets: Res<AssetServer>) {
///     commands.spawn((
///         NcaTexture::new(assets.load("models/slime.nca")),
///         Sprite::sized(Vec2::splat(200.0)),
///         NcaCollider::default(),
///         RigidBody::Dynamic,
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
/// On a bullet, a saw, a pool of acid: what they do to living sprites that they touch. On a living
/// sprite: what anything else does to it that touches it.
///
/// A contact wounds in every step of the physics in which its impulse is above the threshold, at the
/// points of contact. Sensors have no impulse: they wound as long as they touch.
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
pub(super) struct Fit {
    stale: bool,
    /// When it was made, in game time.
    made: Option<Duration>,
}

type Fitted =
    (Entity, &'static NcaCollider, &'static mut Fit, Ref<'static, NcaTissue>, Ref<'static, Sprite>, &'static Transform);

/// Makes colliders fit what lives.
fn fit(mut sprites: Query<Fitted, With<NcaTexture>>, stands: Stands, time: Res<Time>, mut commands: Commands) {
    for (entity, collider, mut fit, tissue, sprite, transform) in &mut sprites {
        let stale = fit.stale || tissue.is_changed() || sprite.is_changed();
        let waits = fit.made.is_some_and(|made| time.elapsed() < made + collider.interval);
        let (Some(cells), false) = (&tissue.cells, waits || !stale) else {
            if stale != fit.stale {
                fit.stale = stale;
            }
            continue;
        };
        let Some(stand) = stands.get(entity) else { continue };
        *fit = Fit { stale: false, made: Some(time.elapsed()) };
        // Avian forgets the sign of a scale.
        let sign = Affine2::from_scale(transform.scale.truncate().signum());
        let to_sprite = sign * stand.cells_to_sprite([cells.width() as u32, cells.height() as u32]);
        match collider_of(cells, to_sprite) {
            Some(collider) => commands.entity(entity).try_insert(collider),
            None => commands.entity(entity).try_remove::<Collider>(),
        };
    }
}

/// A compound of rectangles, in the space that the map leads to; `None` for no cells.
fn collider_of(cells: &CellMask, map: Affine2) -> Option<Collider> {
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
    let mut left = cells.clone();
    let mut found = Vec::new();
    for y in 0..height {
        for x in 0..width {
            if !left.contains(y * width + x) {
                continue;
            }
            let right = (x..width).find(|&x| !left.contains(y * width + x)).unwrap_or(width);
            let whole = |y: usize| (x..right).all(|x| left.contains(y * width + x));
            let bottom = (y..height).find(|&y| !whole(y)).unwrap_or(height);
            let rect = Shape::rect(x as f32, y as f32, right as f32, bottom as f32);
            left.subtract(&CellMask::of(&rect, width, height));
            found.push(URect::new(x as u32, y as u32, right as u32, bottom as u32));
        }
    }
    found
}

/// Lets contacts wound.
fn wound(
    collisions: Collisions,
    living: Query<(), (With<NcaTexture>, With<NcaCollider>)>,
    impacts: Query<&NcaImpact>,
    bounds: Query<&ColliderAabb>,
    mut commands: Commands,
) {
    for pair in collisions.iter().filter(|pair| pair.is_touching()) {
        let colliders = [pair.collider1, pair.collider2];
        for (sprite, other) in [(colliders[0], colliders[1]), (colliders[1], colliders[0])] {
            if !living.contains(sprite) {
                continue;
            }
            let Ok(impact) = impacts.get(other).or_else(|_| impacts.get(sprite)) else { continue };
            let is_sensor = !pair.generates_constraints();
            if !is_sensor && pair.total_normal_impulse_magnitude() <= impact.threshold {
                continue;
            }
            let points = pair.manifolds.iter().flat_map(|manifold| &manifold.points);
            let touching =
                points.filter(|point| if is_sensor { point.penetration >= 0.0 } else { point.normal_impulse > 0.0 });
            for point in touching {
                // What is deep in a sprite wounds it there, and not where it came in.
                let point = bounds.get(other).map_or(point.point, |bounds| point.point.clamp(bounds.min, bounds.max));
                commands.trigger(NcaDamage::new(sprite, impact.wound(point)));
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
