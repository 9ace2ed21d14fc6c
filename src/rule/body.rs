//! Bodies: the cells of a grown sprite, as its model's output encodes them.
//!
//! A body of coordinates ([`Output::Coordinates`]) contains, in channels 0 and 1, the place of each cell in the picture.
//! Its cells cover the visible pixels of the picture, and one cell more on each side: life, sampled between cells, is
//! then whole at every visible pixel. A body that would be thin covers two cells more, because strands of three cells
//! hold too little to learn from. The parts of a picture are joined, because life does not cross a gap. A cell
//! without a visible pixel shows nothing.

use super::{CellMap, CellMask, Output, Rule, Shape, State, Target, pieces::parts};

/// The radii of the discs that close the gaps of a body, until it is one part. A closed gap is up to twice as wide.
const RADII: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// The alpha from which a cell counts as a part of a body: at this one, it is half shown.
pub(crate) const LIVING: f32 = 0.5;

/// The rectangle of a grid that a picture covers, in cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) min: [f32; 2],
    pub(crate) size: [f32; 2],
}

impl Frame {
    /// The place in the picture of a point in the grid: 0 to 1 on each axis, and beyond that outside of the picture.
    pub(crate) fn place(&self, point: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| (point[axis] - self.min[axis]) / self.size[axis])
    }

    /// The point in the grid of a place in the picture.
    pub(crate) fn point(&self, place: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| place[axis] * self.size[axis] + self.min[axis])
    }

    /// How far a body of coordinates stands from its place, right and down, in whole cells: the median over its
    /// [living](LIVING) cells. Zero if there are none.
    pub(crate) fn shift(&self, state: &State) -> [i32; 2] {
        [0, 1].map(|axis| {
            let cells = state.values().chunks_exact(state.channels()).enumerate();
            let living = cells.filter(|(_, cell)| cell[3] > LIVING);
            let mut shifts: Vec<f32> = living
                .map(|(index, cell)| {
                    let at = [index % state.width(), index / state.width()].map(|at| at as f32 + 0.5);
                    (self.place(at)[axis] - cell[axis] / cell[3]) * self.size[axis]
                })
                .collect();
            let middle = shifts.len() / 2;
            match shifts.is_empty() {
                true => 0,
                false => shifts.select_nth_unstable_by(middle, f32::total_cmp).1.round() as i32,
            }
        })
    }
}

impl Target {
    /// The rectangle of the picture, centered in a grid.
    pub(crate) fn frame(&self, width: usize, height: usize) -> Frame {
        let min = |grid: usize, picture: usize| (grid as isize - picture as isize).div_euclid(2) as f32;
        Frame { min: [min(width, self.width), min(height, self.height)], size: [self.width as f32, self.height as f32] }
    }

    /// The cells of a grown sprite in a grid, `[height, width, 4]`: what channels 0..4 should be. In a body of
    /// coordinates, channel 2 may have any value.
    pub fn cells(&self, output: Output, width: usize, height: usize) -> Vec<f32> {
        if output != Output::Coordinates {
            return self.premultiplied(width, height);
        }
        let frame = self.frame(width, height);
        let mut cells = vec![0.0; width * height * 4];
        for cell in self.body(width, height).iter() {
            let [u, v] = frame.place([(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5]);
            cells[cell * 4..][..4].copy_from_slice(&[u, v, 0.0, 1.0]);
        }
        cells
    }

    /// The number of living cells of a grown sprite, on the grid of its rule.
    pub fn living_cells(&self, rule: &Rule) -> usize {
        let [width, height] = rule.grid.map(|side| side as usize);
        let threshold = rule.alive.map_or(0.0, |alive| alive.threshold);
        let cells = self.cells(rule.output, width, height);
        cells.as_chunks::<4>().0.iter().filter(|cell| cell[3] > threshold).count()
    }

    /// The living cells of a body of coordinates: the visible pixels, joined to one part, and grown by one cell, or by two
    /// if it is thin. A stalk leads from the seed to a picture beside it.
    pub(crate) fn body(&self, width: usize, height: usize) -> CellMask {
        let pixels = self.premultiplied(width, height);
        let visible = CellMask::from_fn(width, height, |&cell| pixels[cell * 4 + 3] > 0.0);
        let seed = height / 2 * width + width / 2;
        let joined = |more: usize| {
            let grown = |radius: usize| grow(&close(&visible, radius), more);
            let radii = RADII.into_iter().filter(|radius| *radius <= width.max(height));
            radii.map(grown).find(|body| parts(body, false).len() <= 1).unwrap_or_else(|| grown(1))
        };
        let body = joined(1);
        let body = if is_thin(&body) { joined(2) } else { body };
        if body.contains(seed) && parts(&body, false).len() == 1 { body } else { with_stalks(body, seed) }
    }
}

/// Whether more than a quarter of a body is narrower than five cells.
fn is_thin(body: &CellMask) -> bool {
    const HALF: usize = 2;
    let outside = grow(&body.complement(), HALF);
    let wide = grow(&outside.complement(), HALF);
    let cells = body.count();
    let thin = cells - wide.count();
    thin * 4 > cells
}

/// Joins each part of a body to the seed by a stalk.
fn with_stalks(mut body: CellMask, seed: usize) -> CellMask {
    let width = body.width();
    let center = |cell: usize| [(cell % width) as f32 + 0.5, (cell / width) as f32 + 0.5];
    let [x, y] = center(seed);
    let distance = |cell: &usize| {
        let [to_x, to_y] = center(*cell);
        (to_x - x).hypot(to_y - y)
    };
    for part in parts(&body, false) {
        let nearest = part.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(nearest) = nearest {
            body.add(&Shape::capsule([x, y], center(nearest), 1.5), CellMap::IDENTITY);
        }
    }
    body
}

/// The cells within `radius` columns and rows of a mask.
fn grow(mask: &CellMask, radius: usize) -> CellMask {
    let (width, height) = (mask.width(), mask.height());
    let mut grown = CellMask::new(width, height);
    for cell in mask.iter() {
        let (x, y) = (cell % width, cell / width);
        for row in y.saturating_sub(radius)..(y + radius + 1).min(height) {
            for column in x.saturating_sub(radius)..(x + radius + 1).min(width) {
                grown.insert(row * width + column);
            }
        }
    }
    grown
}

/// Morphological closing: fills the gaps that a disc of `radius` does not fit into.
fn close(mask: &CellMask, radius: usize) -> CellMask {
    let (width, height) = (mask.width(), mask.height());
    // Room for the disc beyond the grid.
    let (wide, high) = (width + 4 * radius, height + 4 * radius);
    let mut cells = vec![false; wide * high];
    for cell in mask.iter() {
        cells[(cell / width + 2 * radius) * wide + cell % width + 2 * radius] = true;
    }
    let reached = within(&cells, wide, radius);
    let open = within(&reached.iter().map(|reached| !reached).collect::<Vec<_>>(), wide, radius);
    CellMask::from_fn(width, height, |&cell| !open[(cell / width + 2 * radius) * wide + cell % width + 2 * radius])
}

/// The cells with a set cell within `radius`, and half a cell more, so that the disc of radius 1 is a square of 3 cells.
fn within(cells: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let height = cells.len() / width.max(1);
    // The distance to the next set cell in the same column.
    let mut along = vec![usize::MAX; cells.len()];
    let mut scan = |rows: &mut dyn Iterator<Item = usize>| {
        let mut distances = vec![usize::MAX; width];
        for y in rows {
            for (x, distance) in distances.iter_mut().enumerate() {
                let cell = y * width + x;
                *distance = if cells[cell] { 0 } else { distance.saturating_add(1) };
                along[cell] = along[cell].min(*distance);
            }
        }
    };
    scan(&mut (0..height));
    scan(&mut (0..height).rev());
    let reach = |dx: usize| ((radius as f32 + 0.5).powi(2) - (dx * dx) as f32).max(0.0).sqrt() as usize;
    let reaches: Vec<usize> = (0..=radius).map(reach).collect();
    let reached = |cell: usize| {
        let (x, y) = (cell % width, cell / width);
        (x.saturating_sub(radius)..(x + radius + 1).min(width))
            .any(|other| along[y * width + other] <= reaches[x.abs_diff(other)])
    };
    (0..cells.len()).map(reached).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture from rows of `#` and `.`.
    fn picture(rows: &[&str]) -> Target {
        let rgba = rows.concat().bytes().flat_map(|pixel| [9, 9, 9, if pixel == b'#' { 255 } else { 0 }]).collect();
        Target { width: rows[0].len(), height: rows.len(), rgba }
    }

    fn drawn(mask: &CellMask) -> Vec<String> {
        let row = |y: usize| {
            let cell = |x: usize| if mask.contains(y * mask.width() + x) { '#' } else { '.' };
            (0..mask.width()).map(cell).collect()
        };
        (0..mask.height()).map(row).collect()
    }

    #[test]
    fn a_body_is_the_silhouette_grown_by_a_cell() {
        let body = picture(&["####", "####", "####", "##.."]).body(8, 8);
        let [none, full, last] = ["........", ".######.", ".####..."];
        assert_eq!(drawn(&body), [none, full, full, full, full, full, last, none]);
    }

    #[test]
    fn a_thin_body_is_grown_by_two_cells() {
        let body = picture(&["#########"]).body(15, 7);
        let [none, full] = ["...............", ".#############."];
        assert_eq!(drawn(&body), [none, full, full, full, full, full, none]);
        // A thick one with a thin handle is not.
        let body = picture(&["######....", "##########", "######....", "######...."]).body(14, 8);
        assert_eq!(body.count(), 8 * 6 + 4 * 3, "{:#?}", drawn(&body));
    }

    #[test]
    fn the_parts_of_a_picture_are_joined() {
        let islands = picture(&["##....##", "........", "........", "........", "........", "##....##"]);
        let body = islands.body(16, 16);
        assert!(parts(&body, false).len() == 1 && body.contains(8 * 16 + 8), "{:#?}", drawn(&body));
        let off_center = picture(&["#...............", "................", "................", "................"]);
        let body = off_center.body(20, 12);
        assert!(parts(&body, false).len() == 1 && body.contains(6 * 20 + 10), "{:#?}", drawn(&body));
        assert!(body.count() < 60, "{:#?}", drawn(&body));
    }

    #[test]
    fn coordinates_are_those_of_the_rectangle() {
        let cells = picture(&["####"; 4]).cells(Output::Coordinates, 8, 8);
        let cell = |x: usize, y: usize| &cells[(y * 8 + x) * 4..][..4];
        assert_eq!(cell(2, 2), [0.125, 0.125, 0.0, 1.0]);
        assert_eq!(cell(1, 4), [-0.125, 0.625, 0.0, 1.0]);
        assert_eq!(cell(0, 0), [0.0; 4]);
    }

    #[test]
    fn stalks_join_what_is_too_far_apart() {
        let mut rgba = vec![0; 200 * 4];
        (rgba[3], rgba[199 * 4 + 3]) = (255, 255);
        let body = Target { width: 200, height: 1, rgba }.body(202, 3);
        assert!(parts(&body, false).len() == 1 && body.contains(202 + 101), "{:#?}", drawn(&body));
    }

    #[test]
    fn closing_fills_gaps_and_keeps_the_outline() {
        let mask = |rows: &[&str]| {
            let cells = rows.concat();
            CellMask::from_fn(rows[0].len(), rows.len(), |&cell| cells.as_bytes()[cell] == b'#')
        };
        let split = mask(&[".......", ".##.##.", ".##.##.", "......."]);
        assert_eq!(drawn(&close(&split, 1)), [".......", ".#####.", ".#####.", "......."]);
        let far = mask(&["#......#"]);
        assert_eq!(drawn(&close(&far, 2)), ["#......#"]);
        assert_eq!(drawn(&close(&mask(&["........", "........"]), 3)), ["........", "........"]);
    }

    #[test]
    fn a_silhouette_touches_its_grid() {
        let body = picture(&["###", "###"]).body(3, 2);
        assert_eq!(drawn(&body), ["###", "###"]);
    }
}
