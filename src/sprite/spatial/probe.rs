//! Finding living cells in the world.

use bevy::{ecs::system::SystemParam, prelude::*};

use super::{
    SpriteTransforms, Visibilities,
    art::{SeenArt, ShownArt, contains},
    ray::first_on_segment,
};
use crate::sprite::{
    components::{NcaAliveMask, NcaTexture, Placement},
    events::NcaFilter,
    populations::Populations,
};

/// Finds living cells in the world. It finds only sprites with an [`NcaAliveMask`]: spawn `NcaAliveMask::default()`
/// beside the texture. Of an [`NcaSkin`](crate::NcaSkin) it finds what is seen: living cells under the pixels of its
/// present frame.
///
/// Methods that take an entity ignore its visibility. The others find the sprites that an [`NcaFilter`] passes: by
/// default, all that are not hidden.
///
/// ```
/// # use bevy::prelude::*;
/// # use bevy_nca::prelude::*;
/// fn shoot(probe: NcaProbe, mut commands: Commands) {
///     let (muzzle, far) = (Vec2::ZERO, Vec2::new(0.0, 400.0));
///     if let Some(hit) = probe.first_hit(muzzle, far) {
///         commands.trigger(NcaDamage::circle(hit.entity, hit.point, 6.0));
///     }
/// }
/// ```
#[derive(SystemParam)]
pub struct NcaProbe<'w, 's> {
    sprites: Query<'w, 's, (Entity, &'static Placement, &'static NcaAliveMask), With<NcaTexture>>,
    without_mask: Query<'w, 's, (), (With<NcaTexture>, Without<NcaAliveMask>)>,
    transforms: SpriteTransforms<'w, 's>,
    visibilities: Visibilities<'w, 's>,
    art: ShownArt<'w, 's>,
    populations: Res<'w, Populations>,
}

/// A living cell that a probe has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NcaHit {
    /// The sprite.
    pub entity: Entity,
    /// The column and row of the cell, y down. Of a skin with a UV sheet, it is the cell of the body that is seen there.
    pub cell: UVec2,
    /// The point where the segment enters the cell, or the pixel of a skin, in world units.
    pub point: Vec2,
    /// The fraction of the segment before that point, 0 to 1.
    pub fraction: f32,
}

impl NcaProbe<'_, '_> {
    fn get(&self, entity: Entity) -> Option<(Entity, &Placement, &NcaAliveMask)> {
        let found = self.sprites.get(entity).ok();
        if found.is_none() && self.without_mask.contains(entity) {
            warn_once!(
                "an NcaProbe does not find {entity}: expected an NcaAliveMask beside its NcaTexture, found none"
            );
        }
        found
    }

    /// The cell of a sprite at a point in the world, alive or not. `None` if no drawn cell is there. Of a skin with a UV
    /// sheet, the cell of the body that is seen there; `None` where its art is transparent.
    pub fn cell_at(&self, entity: Entity, point: Vec2) -> Option<UVec2> {
        let (grid, cell) = self.point_at(entity, point)?;
        match self.art.get(entity, grid).filter(SeenArt::is_laid_out) {
            Some(art) => art.cell_at(cell),
            None => Some(cell.as_uvec2()),
        }
    }

    /// The grid of a sprite, and the point in it, in cells, at a point in the world. `None` if no drawn cell is there.
    fn point_at(&self, entity: Entity, point: Vec2) -> Option<([u32; 2], Vec2)> {
        let (_, placement, _) = self.get(entity)?;
        let grid = self.populations.get(placement.id?)?.grid();
        let transform = self.transforms.get(entity)?;
        let point = Vec2::from(transform.cells_to_world(grid).inverse()?.apply(point.to_array()));
        let inside = point.cmpge(Vec2::ZERO).all() && point.cmplt(UVec2::from_array(grid).as_vec2()).all();
        (inside && transform.draws(grid, point)).then_some((grid, point))
    }

    /// Whether a living cell of a sprite is at a point in the world, and is seen.
    pub fn lives_at(&self, entity: Entity, point: Vec2) -> bool {
        let lives = || {
            let (_, point) = self.point_at(entity, point)?;
            let (.., mask) = self.sprites.get(entity).ok()?;
            Some(self.art.lives_at(entity, mask.cells.as_ref()?, point))
        };
        lives().unwrap_or(false)
    }

    /// The first living cell between two points in the world, of any sprite that is not hidden. A shot passes through
    /// existing holes.
    pub fn first_hit(&self, from: Vec2, to: Vec2) -> Option<NcaHit> {
        self.first_hit_where(&NcaFilter::default(), from, to)
    }

    /// The first living cell between two points in the world, of any sprite that a filter passes.
    pub fn first_hit_where(&self, filter: &NcaFilter, from: Vec2, to: Vec2) -> Option<NcaHit> {
        if self.sprites.is_empty() && !self.without_mask.is_empty() {
            warn_once!("an NcaProbe finds no sprite: expected an NcaAliveMask beside an NcaTexture, found none");
        }
        let entities = self.sprites.iter().map(|(entity, ..)| entity);
        let found = entities.filter(|entity| self.visibilities.passes(filter, *entity));
        let hits = found.filter_map(|entity| self.first_hit_of(entity, from, to));
        hits.min_by(|a, b| a.fraction.total_cmp(&b.fraction))
    }

    /// The first living cell of a sprite between two points in the world.
    pub fn first_hit_of(&self, entity: Entity, from: Vec2, to: Vec2) -> Option<NcaHit> {
        let (_, placement, mask) = self.get(entity)?;
        let cells = mask.cells.as_ref()?;
        let grid = self.populations.get(placement.id?)?.grid();
        let transform = self.transforms.get(entity)?;
        let back = transform.cells_to_world(grid).inverse()?;
        let [start, end] = [from, to].map(|point| Vec2::from(back.apply(point.to_array())));
        let (cell, fraction) = match self.art.get(entity, grid) {
            // From pixel to pixel of the art.
            Some(art) => {
                let to_pixels = art.to_pixels();
                let (back, drawn) = (to_pixels.inverse(), transform.part(grid));
                let seen = |pixel: UVec2| {
                    let point = back.transform_point2(pixel.as_vec2() + 0.5);
                    // Most pixels on the way are beside the body, or in a hole.
                    let is_empty = !art.is_laid_out() && !contains(cells, point.max(Vec2::ZERO).as_uvec2());
                    if is_empty || !drawn.contains(point) { None } else { art.cell_at(point) }
                };
                let is_hit = |pixel: UVec2| seen(pixel).is_some_and(|cell| contains(cells, cell));
                let [start, end] = [start, end].map(|point| to_pixels.transform_point2(point));
                let (pixel, fraction) = first_on_segment(art.size(), is_hit, start, end)?;
                (seen(pixel)?, fraction)
            }
            None => {
                let cells = transform.drawn(cells);
                let size = Vec2::new(cells.width() as f32, cells.height() as f32);
                first_on_segment(size, |cell| contains(&cells, cell), start, end)?
            }
        };
        Some(NcaHit { entity, cell, point: from.lerp(to, fraction), fraction })
    }
}
