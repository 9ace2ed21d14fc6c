//! Which cells of a sprite live, for collisions and clicks.

use bevy::{ecs::system::SystemParam, prelude::*};

use super::{
    NcaFilter, NcaTexture,
    filter::Filtering,
    populations::Populations,
    stand::Stands,
    texture::{NcaSlot, Occupants},
};
use crate::rule::CellMask;

/// Beside an [`NcaTexture`]: which cells of the sprite live, brought up to date together with its
/// [`NcaVitals`](super::NcaVitals). It is marked as changed only when they have changed.
///
/// [`NcaProbe`] asks it where in the world there is tissue. On the GPU it costs a bit a cell of
/// read back a frame for all sprites of the model.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
pub struct NcaTissue {
    /// The cells that live; `None` until they have been counted, and once the texture has gone.
    pub cells: Option<CellMask>,
}

pub(super) fn on_add(added: On<Add, NcaTissue>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(added.entity) {
        occupant.set_tissue(true);
    }
}

pub(super) fn on_remove(removed: On<Remove, NcaTissue>, mut occupants: Occupants) {
    if let Some(occupant) = occupants.get_mut(removed.entity) {
        occupant.set_tissue(false);
    }
}

/// Finds living cells in the world, of sprites with [`NcaTissue`]: spawn `NcaTissue::default()` beside the
/// texture, or a sprite is never found. Asked about one entity, it answers whether that is shown or hidden; asked for
/// the first of any, it finds those that an [`NcaFilter`] lets pass, by default all that are not hidden.
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
    sprites: Query<'w, 's, (Entity, &'static NcaSlot, &'static NcaTissue), With<NcaTexture>>,
    stands: Stands<'w, 's>,
    filtering: Filtering<'w, 's>,
    populations: Res<'w, Populations>,
}

/// A living cell that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NcaHit {
    /// The sprite.
    pub entity: Entity,
    /// The cell, its column and row.
    pub cell: UVec2,
    /// Where in the world it was found.
    pub point: Vec2,
    /// How far along the segment, 0 to 1.
    pub fraction: f32,
}

impl NcaProbe<'_, '_> {
    /// The cell of a sprite that is drawn at a point of the world, alive or not.
    pub fn cell_at(&self, entity: Entity, point: Vec2) -> Option<UVec2> {
        let (_, slot, _) = self.sprites.get(entity).ok()?;
        let grid = self.populations.get(slot.place?.population).map(|population| population.grid)?;
        let stand = self.stands.get(entity)?;
        let [x, y] = stand.cells_to_world(grid).inverse()?.apply(point.to_array());
        let inside = x >= 0.0 && y >= 0.0 && x < grid[0] as f32 && y < grid[1] as f32;
        (inside && stand.draws(grid, Vec2::new(x, y))).then(|| UVec2::new(x as u32, y as u32))
    }

    /// Whether a living cell of a sprite is drawn at a point of the world.
    pub fn lives_at(&self, entity: Entity, point: Vec2) -> bool {
        self.cell_at(entity, point).is_some_and(|cell| self.lives(entity, cell))
    }

    /// Whether a cell of a sprite lives.
    fn lives(&self, entity: Entity, cell: UVec2) -> bool {
        let cells = self.sprites.get(entity).ok().and_then(|(.., tissue)| tissue.cells.as_ref());
        cells.is_some_and(|cells| cells.contains(cell.y as usize * cells.width() + cell.x as usize))
    }

    /// The first living cell on the way from one point of the world to another, of any sprite that is not hidden. A
    /// shot passes through the hole that an earlier one has made.
    pub fn first_hit(&self, from: Vec2, to: Vec2) -> Option<NcaHit> {
        self.first_hit_where(&NcaFilter::default(), from, to)
    }

    /// The first living cell on the way from one point of the world to another, of any sprite that passes a filter.
    pub fn first_hit_where(&self, filter: &NcaFilter, from: Vec2, to: Vec2) -> Option<NcaHit> {
        let found =
            self.sprites.iter().map(|(entity, ..)| entity).filter(|entity| self.filtering.finds(filter, *entity));
        let hits = found.filter_map(|entity| self.first_hit_of(entity, from, to));
        hits.min_by(|a, b| a.fraction.total_cmp(&b.fraction))
    }

    /// The first living cell of a sprite on the way from one point of the world to another.
    pub fn first_hit_of(&self, entity: Entity, from: Vec2, to: Vec2) -> Option<NcaHit> {
        let (_, slot, tissue) = self.sprites.get(entity).ok()?;
        let cells = tissue.cells.as_ref()?;
        let grid = self.populations.get(slot.place?.population).map(|population| population.grid)?;
        let stand = self.stands.get(entity)?;
        let back = stand.cells_to_world(grid).inverse()?;
        let [start, end] = [from, to].map(|point| Vec2::from(back.apply(point.to_array())));
        let (cell, fraction) = first_on_segment(&stand.drawn(cells), start, end)?;
        Some(NcaHit { entity, cell, point: from.lerp(to, fraction), fraction })
    }
}

/// The first cell of a mask that a segment enters, and how far along; start and end in cells
/// (Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", 1987).
fn first_on_segment(cells: &CellMask, start: Vec2, end: Vec2) -> Option<(UVec2, f32)> {
    let size = Vec2::new(cells.width() as f32, cells.height() as f32);
    let way = end - start;
    if !(start.is_finite() && way.is_finite()) {
        return None;
    }
    // Where the segment is inside of the grid.
    let mut inside = (0.0f32, 1.0f32);
    for axis in 0..2 {
        if way[axis] == 0.0 {
            if !(0.0..size[axis]).contains(&start[axis]) {
                return None;
            }
            continue;
        }
        let (a, b) = (-start[axis] / way[axis], (size[axis] - start[axis]) / way[axis]);
        inside = (inside.0.max(a.min(b)), inside.1.min(a.max(b)));
    }
    if inside.0 > inside.1 {
        return None;
    }
    let first = start + way * inside.0;
    let last_cell = size - 1.0;
    let mut cell = first.floor().clamp(Vec2::ZERO, last_cell);
    let step = way.signum();
    let mut fraction = inside.0;
    loop {
        if cells.contains(cell.y as usize * cells.width() + cell.x as usize) {
            return Some((cell.as_uvec2(), fraction));
        }
        // The fractions at which the next column and the next row begin.
        let edge = cell + step.max(Vec2::ZERO);
        let next = (edge - start) / way;
        let axis = usize::from(!(next.x <= next.y || way.y == 0.0) || way.x == 0.0);
        if way[axis] == 0.0 || next[axis] > inside.1 {
            return None;
        }
        fraction = next[axis].max(fraction);
        cell[axis] += step[axis];
        if cell[axis] < 0.0 || cell[axis] > last_cell[axis] {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against many small steps along the segment.
        #[test]
        fn the_first_cell_is_found(
            points in prop::array::uniform4(-4.0f32..14.0), bits in prop::collection::vec(0u8..6, 90), straight in 0..3,
        ) {
            let [x, y, mut to_x, mut to_y] = points;
            if straight == 1 { to_x = x } else if straight == 2 { to_y = y }
            let cells = CellMask::from_fn(10, 9, |&cell| bits[cell] == 0);
            let (start, end) = (Vec2::new(x, y), Vec2::new(to_x, to_y));
            let found = first_on_segment(&cells, start, end);
            let steps = 20_000;
            let walked = (0..=steps).find_map(|step| {
                let fraction = step as f32 / steps as f32;
                let point = start.lerp(end, fraction);
                let inside = point.cmpge(Vec2::ZERO).all() && point.x < 10.0 && point.y < 9.0;
                let cell = point.floor().as_uvec2();
                let hit = inside && cells.contains((cell.y * 10 + cell.x) as usize);
                hit.then_some((cell, fraction))
            });
            match (found, walked) {
                (Some((cell, fraction)), Some((walked, at))) if cell == walked => {
                    prop_assert!((fraction - at).abs() < 2e-3, "{fraction}, {at}");
                }
                (None, None) => {}
                // Through the corner of a cell, which a step may miss.
                (Some((cell, fraction)), other) => {
                    prop_assert!(cells.contains((cell.y * 10 + cell.x) as usize));
                    prop_assert!(other.is_none_or(|(_, at)| fraction <= at + 2e-3));
                    let point = start.lerp(end, fraction);
                    let apart = (point - (cell.as_vec2() + 0.5)).abs();
                    prop_assert!(apart.max_element() < 0.502, "{apart}");
                }
                (None, Some((cell, at))) => prop_assert!(false, "missed {cell} at {at}"),
            }
        }
    }
}
