//! Finding the first cell on a segment.

use bevy::prelude::*;

/// The first cell of a grid on a segment that is hit, and the fraction of the segment before it. `start` and `end` are in
/// cells.
///
/// 1. Clip the segment to the grid.
/// 2. Walk from cell to cell, each time across the nearer border of the next column and the next row (Amanatides and
///    Woo, "A fast voxel traversal algorithm for ray tracing", 1987).
pub(super) fn first_on_segment(
    size: Vec2,
    is_hit: impl Fn(UVec2) -> bool,
    start: Vec2,
    end: Vec2,
) -> Option<(UVec2, f32)> {
    let way = end - start;
    if !(start.is_finite() && way.is_finite()) {
        return None;
    }
    // The fractions between which the segment is in the grid.
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
        if is_hit(cell.as_uvec2()) {
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
    use crate::rule::CellMask;
    use proptest::prelude::*;

    proptest! {
        /// Compares with many small steps along the segment.
        #[test]
        fn the_first_cell_is_found(
            points in prop::array::uniform4(-4.0f32..14.0), bits in prop::collection::vec(0u8..6, 90), straight in 0..3,
        ) {
            let [x, y, mut to_x, mut to_y] = points;
            if straight == 1 { to_x = x } else if straight == 2 { to_y = y }
            let cells = CellMask::from_fn(10, 9, |&cell| bits[cell] == 0);
            let (start, end) = (Vec2::new(x, y), Vec2::new(to_x, to_y));
            let lives = |cell: UVec2| cells.contains((cell.y * 10 + cell.x) as usize);
            let found = first_on_segment(Vec2::new(10.0, 9.0), lives, start, end);
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
                // The segment crosses the corner of a cell, which a step may miss.
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
