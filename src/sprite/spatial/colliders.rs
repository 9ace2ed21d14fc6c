//! Colliders that follow the living cells, for [avian](avian2d).

use std::{sync::Arc, time::Duration};

use avian2d::prelude::*;
use bevy::{
    ecs::{entity_disabling::Disabled, query::Allow},
    math::Affine2,
    prelude::*,
};

use super::{ShownFrame, ShownFrames, SpriteTransforms};
use crate::{
    rule::CellMask,
    sprite::components::{NcaAliveMask, NcaTexture},
};

/// Gives a sprite a [`Collider`] that follows its living cells. Add it beside an [`NcaTexture`] and a [`Sprite`].
///
/// The collider is a compound of rectangles, of a skin those under the art of the present frame; nothing catches on their seams. Bullets pass through holes. Without living
/// cells there is no collider: a dynamic body falls until its sprite has begun to grow.
///
/// Add a [`RigidBody`] as for any collider. The shape follows the sprite's size, anchor and flips. Avian scales and
/// rotates it with the [`Transform`]. To mirror a moving body, flip the sprite. The collider is replaced only when the
/// living cells, their place in the sprite, or the frame of a skin change, and at most once per [`interval`](Self::interval). Mass and center
/// of mass follow the collider, unless they are set.
///
/// Living cells are updated once a frame, and arrive from the GPU a few frames late, like vitals. The effect of physics
/// on a sprite therefore depends on the frame rate.
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
///         // Static until the sprite has grown; then make it dynamic.
///         RigidBody::Static,
///     ));
///     // A bullet that makes holes with a radius of 12 units.
///     commands.spawn((RigidBody::Kinematic, Collider::circle(4.0), Sensor, NcaImpact::new(12.0)));
/// }
/// ```
#[derive(Component, Reflect, Clone, Copy, Debug, PartialEq)]
#[reflect(Component, Clone, Debug, Default, PartialEq)]
#[type_path = "bevy_nca"]
#[require(NcaAliveMask, Fit)]
pub struct NcaCollider {
    /// The minimum time between two replacements; default 0.1 s of game time.
    pub interval: Duration,
}

impl Default for NcaCollider {
    fn default() -> Self {
        Self { interval: Duration::from_millis(100) }
    }
}

/// The cells and the map that a collider was made from.
#[derive(Component, Default)]
pub(super) struct Fit {
    is_stale: bool,
    /// It must be replaced without delay.
    is_urgent: bool,
    /// The game time at which the collider was made; `None` if there is no collider.
    made: Option<Duration>,
    pub(super) map: Option<Affine2>,
    pub(super) cells: Option<CellMask>,
    /// The frame of a skin.
    frame: Option<Arc<ShownFrame>>,
}

impl Fit {
    /// The collider is replaced without delay.
    pub(super) fn expire(&mut self) {
        self.is_urgent = true;
    }
}

/// Bodies have come apart, and their colliders do not fit yet.
#[derive(Resource, Default)]
pub(super) struct CameApart(pub(super) bool);

impl CameApart {
    pub(super) fn is_true(came_apart: Res<Self>) -> bool {
        came_apart.0
    }

    pub(super) fn reset(mut came_apart: ResMut<Self>) {
        came_apart.0 = false;
    }
}

type Fitted = (Entity, &'static NcaCollider, &'static mut Fit, Ref<'static, NcaAliveMask>, &'static NcaTexture);

/// Makes colliders fit the living cells.
pub(super) fn fit(
    mut sprites: Query<Fitted>,
    transforms: SpriteTransforms,
    (mut frames, images): (ResMut<ShownFrames>, Option<Res<Assets<Image>>>),
    contacts: Option<Res<ContactGraph>>,
    came_apart: Res<CameApart>,
    time: Res<Time>,
    mut commands: Commands,
) {
    for (entity, collider, mut fit, mask, texture) in &mut sprites {
        // Right after a cut, only what has no collider of its own yet.
        if came_apart.0 && !fit.is_urgent && fit.made.is_some() {
            continue;
        }
        let cells = mask.cells.as_ref();
        let transform = cells.and_then(|_| transforms.get(entity));
        let map = cells
            .zip(transform)
            .map(|(cells, transform)| transform.cells_to_body([cells.width() as u32, cells.height() as u32]));
        let grid = cells.map(|cells| [cells.width() as u32, cells.height() as u32]);
        let frame = grid
            .zip(transforms.skin(entity))
            .and_then(|(grid, skin)| frames.get(&skin, grid, texture.angle, images.as_deref()).cloned());
        let is_other = fit.frame.as_ref().map(Arc::as_ptr) != frame.as_ref().map(Arc::as_ptr);
        if !(fit.is_urgent || fit.is_stale || is_other || mask.is_changed() || fit.map != map) {
            continue;
        }
        // Without cells, the collider is removed immediately.
        let is_recent = |made: Duration| time.elapsed().saturating_sub(made) < collider.interval;
        if cells.is_some() && !fit.is_urgent && fit.made.is_some_and(is_recent) {
            fit.is_stale = true;
            continue;
        }
        let drawn = cells.zip(transform).map(|(cells, transform)| match &frame {
            Some(frame) => transform.drawn(&frame.solid(cells)).into_owned(),
            None => transform.drawn(cells).into_owned(),
        });
        let collider = drawn.as_ref().zip(map).and_then(|(cells, map)| collider_of(cells, map));
        let made = collider.is_some().then(|| time.elapsed());
        *fit = Fit { is_stale: false, is_urgent: false, made, map, cells: drawn, frame };
        match collider {
            Some(collider) => commands.entity(entity).try_insert(collider),
            // A copy of an entity has the collider of the original.
            None => commands.entity(entity).try_remove::<Collider>(),
        };
        // A body that rests on this one may have lost its support. Avian does not check that.
        let pairs = contacts.iter().flat_map(|contacts| contacts.contact_pairs_with(entity));
        for body in pairs.flat_map(|pair| [pair.body1, pair.body2]).flatten() {
            commands.entity(body).try_remove::<Sleeping>();
        }
    }
}

/// Removes the collider with its component or its texture.
pub(super) fn on_remove(
    removed: On<Remove, (NcaCollider, NcaTexture)>,
    mut fits: Query<&mut Fit, Allow<Disabled>>,
    mut commands: Commands,
) {
    let Ok(mut fit) = fits.get_mut(removed.entity) else { return };
    if std::mem::take(&mut *fit).made.is_some() {
        commands.entity(removed.entity).try_remove::<Collider>();
    }
}

/// A compound of rectangles in the space of the map. `None` without cells, or if they have no area there.
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

/// Covers the cells with rectangles that do not overlap. Each is as wide as possible, then as high as possible.
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
            let expected: Vec<i32> = (0..width * height).map(|cell| i32::from(cells.contains(cell))).collect();
            prop_assert_eq!(covered, expected);
        }
    }
}
