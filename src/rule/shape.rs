//! Shapes of wounds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A region of the plane, in cells or in the space that a [`CellMap`](super::CellMap) maps to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The points closer than `radius` to `center`.
    Circle {
        /// `[x, y]`
        center: [f32; 2],
        /// Above zero.
        radius: f32,
    },
    /// `min.x <= x < max.x` and `min.y <= y < max.y`.
    Rect {
        /// `[x, y]`
        min: [f32; 2],
        /// `[x, y]`
        max: [f32; 2],
    },
    /// The points closer than `radius` to the segment from `from` to `to`: a sword cut, a laser, or
    /// the path of a bullet within a frame.
    Capsule {
        /// `[x, y]`
        from: [f32; 2],
        /// `[x, y]`; the same as `from` for a circle.
        to: [f32; 2],
        /// Above zero.
        radius: f32,
    },
    /// The points inside a convex polygon.
    Polygon {
        /// At least three `[x, y]` in order, with either winding.
        vertices: Vec<[f32; 2]>,
    },
    /// The points that a grayscale image of wound strength covers.
    Stencil(Stencil),
}

impl Shape {
    /// The points closer than `radius` to `(x, y)`.
    pub const fn circle(x: f32, y: f32, radius: f32) -> Self {
        Self::Circle { center: [x, y], radius }
    }

    /// The points from `(x0, y0)` (inclusive) to `(x1, y1)` (exclusive).
    pub const fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self::Rect { min: [x0, y0], max: [x1, y1] }
    }

    /// A rectangle of the given width and height around `center`. It is rotated by `angle` in
    /// radians, from the x axis towards the y axis.
    pub fn rotated_rect(center: [f32; 2], [width, height]: [f32; 2], angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        let corner = |x: f32, y: f32| {
            let (x, y) = (x * width / 2.0, y * height / 2.0);
            [center[0] + x * cos - y * sin, center[1] + x * sin + y * cos]
        };
        Self::Polygon { vertices: vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)] }
    }

    /// The points closer than `radius` to the segment from `from` to `to`.
    pub const fn capsule(from: [f32; 2], to: [f32; 2], radius: f32) -> Self {
        Self::Capsule { from, to, radius }
    }

    /// The points inside a convex polygon. The vertices must be in order.
    pub fn polygon(vertices: impl Into<Vec<[f32; 2]>>) -> Self {
        Self::Polygon { vertices: vertices.into() }
    }

    /// Whether a point lies inside the shape.
    pub fn contains(&self, point: [f32; 2]) -> bool {
        match self {
            Self::Circle { center, radius } => distance_squared(point, *center) < radius * radius,
            Self::Rect { min, max } => (0..2).all(|axis| point[axis] >= min[axis] && point[axis] < max[axis]),
            Self::Stencil(stencil) => stencil.cover(point) > 0.0,
            Self::Capsule { .. } | Self::Polygon { .. } => self.depth(point) > 0.0,
        }
    }

    /// The strength of a wound at a point, 0 to 1. It is 1 inside the shape and falls to 0 at the
    /// edge over a distance of `softness`. A stencil ignores `softness`: its pixels give the
    /// strength.
    pub fn cover(&self, point: [f32; 2], softness: f32) -> f32 {
        match self {
            Self::Stencil(stencil) => stencil.cover(point),
            _ if softness > 0.0 => (self.depth(point) / softness).clamp(0.0, 1.0),
            _ => f32::from(u8::from(self.contains(point))),
        }
    }

    /// The distance of a point from the edge: positive inside, negative outside. A stencil returns its cover.
    fn depth(&self, [x, y]: [f32; 2]) -> f32 {
        match self {
            Self::Circle { center, radius } => radius - distance_squared([x, y], *center).sqrt(),
            Self::Rect { min, max } => (x - min[0]).min(max[0] - x).min(y - min[1]).min(max[1] - y),
            Self::Capsule { from, to, radius } => {
                let along = [to[0] - from[0], to[1] - from[1]];
                let length = along[0] * along[0] + along[1] * along[1];
                let share = ((x - from[0]) * along[0] + (y - from[1]) * along[1]) / length;
                // A segment of length zero has no direction: 0 / 0.
                let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
                radius - distance_squared([x, y], [from[0] + along[0] * share, from[1] + along[1] * share]).sqrt()
            }
            Self::Polygon { vertices } => {
                let clockwise = doubled_area(vertices).signum();
                let from_edge = |[[ax, ay], [bx, by]]: [[f32; 2]; 2]| {
                    let (ex, ey) = (bx - ax, by - ay);
                    (ex * (y - ay) - ey * (x - ax)) * clockwise / ex.hypot(ey)
                };
                edges(vertices).map(from_edge).filter(|depth| !depth.is_nan()).fold(f32::INFINITY, f32::min)
            }
            Self::Stencil(stencil) => stencil.cover([x, y]),
        }
    }

    /// What [`is_valid`](Self::is_valid) expects.
    pub(crate) const EXPECTED: &str = "a shape of finite numbers and sizes above 0, and a polygon with convex corners";

    /// Whether every number is finite, every size is positive (nonzero for a stencil), and a polygon is convex.
    pub fn is_valid(&self) -> bool {
        let finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
        match self {
            Self::Circle { center, radius } => finite(center) && finite(&[*radius]) && *radius > 0.0,
            Self::Rect { min, max } => finite(min) && finite(max) && min[0] < max[0] && min[1] < max[1],
            Self::Capsule { from, to, radius } => finite(from) && finite(to) && finite(&[*radius]) && *radius > 0.0,
            Self::Polygon { vertices } => vertices.len() >= 3 && finite(vertices.as_flattened()) && is_convex(vertices),
            Self::Stencil(stencil) => stencil.is_valid(),
        }
    }

    /// The bounding box, `(min, max)`.
    pub fn bounds(&self) -> ([f32; 2], [f32; 2]) {
        match self {
            Self::Circle { center, radius } => (center.map(|v| v - radius), center.map(|v| v + radius)),
            Self::Rect { min, max } => (*min, *max),
            Self::Capsule { from, to, radius } => {
                let (min, max) = bounds(&[*from, *to]);
                (min.map(|v| v - radius), max.map(|v| v + radius))
            }
            Self::Polygon { vertices } => bounds(vertices),
            Self::Stencil(stencil) => bounds(&stencil.corners()),
        }
    }
}

/// A grayscale image of wound strength, stretched over a rectangle.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Stencil {
    /// The center of the rectangle, `[x, y]`.
    pub center: [f32; 2],
    /// The width and height of the rectangle, nonzero. A negative height flips the image
    /// vertically, as is necessary where y points up. A negative width mirrors it.
    pub size: [f32; 2],
    /// The rotation in radians, from the x axis towards the y axis.
    pub angle: f32,
    /// The width of the image in pixels.
    pub width: usize,
    /// The strength of the wound, row-major, 0 to 255.
    pub pixels: Vec<u8>,
}

impl Stencil {
    fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// The strength of the wound at a point, 0 to 1.
    fn cover(&self, [x, y]: [f32; 2]) -> f32 {
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = (x - self.center[0], y - self.center[1]);
        let across = (x * cos + y * sin) / self.size[0] + 0.5;
        let down = (y * cos - x * sin) / self.size[1] + 0.5;
        let pixel = |share: f32, count: usize| {
            (0.0..1.0).contains(&share).then(|| ((share * count as f32) as usize).min(count.saturating_sub(1)))
        };
        let index = pixel(across, self.width).zip(pixel(down, self.height())).map(|(x, y)| y * self.width + x);
        index.and_then(|index| self.pixels.get(index)).map_or(0.0, |pixel| f32::from(*pixel) / 255.0)
    }

    fn corners(&self) -> [[f32; 2]; 4] {
        let (sin, cos) = self.angle.sin_cos();
        [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]].map(|[x, y]| {
            let (x, y) = (x * self.size[0], y * self.size[1]);
            [self.center[0] + x * cos - y * sin, self.center[1] + x * sin + y * cos]
        })
    }

    fn is_valid(&self) -> bool {
        let numbers = [self.center[0], self.center[1], self.size[0], self.size[1], self.angle];
        numbers.iter().all(|number| number.is_finite())
            && self.size.iter().all(|side| *side != 0.0)
            && self.width > 0
            && !self.pixels.is_empty()
            && self.pixels.len().is_multiple_of(self.width)
    }
}

impl fmt::Debug for Stencil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { center, size, angle, width, .. } = self;
        let pixels = format_args!("{width}x{}", self.height());
        f.debug_struct("Stencil")
            .field("center", center)
            .field("size", size)
            .field("angle", angle)
            .field("pixels", &pixels)
            .finish()
    }
}

fn distance_squared(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])
}

fn bounds(points: &[[f32; 2]]) -> ([f32; 2], [f32; 2]) {
    let fold = |start: f32, pick: fn(f32, f32) -> f32| {
        points.iter().fold([start; 2], |bound, point| [pick(bound[0], point[0]), pick(bound[1], point[1])])
    };
    (fold(f32::INFINITY, f32::min), fold(f32::NEG_INFINITY, f32::max))
}

/// The pairs of adjacent vertices, including the last and the first.
fn edges(vertices: &[[f32; 2]]) -> impl Iterator<Item = [[f32; 2]; 2]> + '_ {
    vertices.iter().zip(vertices.iter().cycle().skip(1)).map(|(a, b)| [*a, *b])
}

/// Twice the signed area: positive if the vertices wind from the x axis towards the y axis.
fn doubled_area(vertices: &[[f32; 2]]) -> f32 {
    // Relative to a vertex, because the origin may be far away.
    let [x, y] = vertices.first().copied().unwrap_or_default();
    edges(vertices).map(|[a, b]| (a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)).sum()
}

/// Whether the polygon has an area and no vertex lies outside any edge, up to rounding.
fn is_convex(vertices: &[[f32; 2]]) -> bool {
    let area = doubled_area(vertices);
    let (min, max) = bounds(vertices);
    let size = distance_squared(min, max).sqrt();
    // Far from the origin, the vertices themselves are rounded.
    let far = min.into_iter().chain(max).fold(0.0f32, |far, v| far.max(v.abs()));
    let rounding = size * (1e-5 * size + 2.0 * f32::EPSILON * far);
    let outside = |[[ax, ay], [bx, by]]: [[f32; 2]; 2]| {
        let beyond = |[x, y]: &[f32; 2]| ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * area.signum() < -rounding;
        vertices.iter().any(beyond)
    };
    area.abs() > rounding && !edges(vertices).any(outside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::CellMask;

    fn cells(shape: &Shape) -> Vec<usize> {
        CellMask::of(shape, 8, 8).iter().collect()
    }

    #[test]
    fn turned_rectangles_are_valid_wherever_they_are() {
        for place in 0..400 {
            let place = place as f32;
            let center = [20_000.0 * (place * 0.7).sin(), 20_000.0 * (place * 1.3).cos()];
            for size in [[6.0, 2.0], [1.0, 0.3], [40.0, 1.0]] {
                let shape = Shape::rotated_rect(center, size, place);
                assert!(shape.is_valid() && shape.contains(center), "{shape:?}");
            }
        }
    }

    #[test]
    fn shapes_hold_centres() {
        assert_eq!(cells(&Shape::circle(1.0, 1.0, 0.8)), [0, 1, 8, 9]);
        assert!(cells(&Shape::circle(1.0, 1.0, 0.5)).is_empty());
        assert_eq!(cells(&Shape::rect(0.5, 0.0, 2.5, 1.0)), [0, 1]);
        assert_eq!(cells(&Shape::circle(4.0, 4.0, 100.0)).len(), 64);
        assert_eq!(cells(&Shape::capsule([0.5, 0.5], [3.5, 0.5], 0.6)), [0, 1, 2, 3]);
        assert_eq!(cells(&Shape::capsule([1.0, 1.0], [1.0, 1.0], 0.8)), [0, 1, 8, 9]);
        let triangle = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]];
        assert_eq!(cells(&Shape::polygon(triangle)), [0, 1, 8]);
        let other_way = triangle.into_iter().rev().collect::<Vec<_>>();
        assert_eq!(cells(&Shape::polygon(other_way)), [0, 1, 8]);
    }

    #[test]
    fn a_turned_rectangle_is_the_upright_one_turned() {
        let turned = Shape::rotated_rect([4.0, 4.0], [6.0, 2.0], std::f32::consts::FRAC_PI_2);
        assert_eq!(cells(&turned), cells(&Shape::rect(3.0, 1.0, 5.0, 7.0)));
        assert!(turned.is_valid());
    }

    #[test]
    fn a_stencil_covers_as_its_pixels_say() {
        let pixels = vec![255, 0, 51, 255];
        let stencil = Stencil { center: [2.0, 2.0], size: [4.0, 4.0], angle: 0.0, width: 2, pixels };
        let cover = |stencil: &Stencil| [[1.0, 1.0], [3.0, 1.0], [1.0, 3.0], [3.0, 3.0]].map(|p| stencil.cover(p));
        assert_eq!(cover(&stencil), [1.0, 0.0, 0.2, 1.0]);
        assert_eq!(stencil.cover([4.1, 2.0]), 0.0);
        let mirrored = Stencil { size: [-4.0, 4.0], ..stencil.clone() };
        assert_eq!(cover(&mirrored), [0.0, 1.0, 1.0, 0.2]);
        let turned = Stencil { angle: std::f32::consts::FRAC_PI_2, ..stencil.clone() };
        assert_eq!(cover(&turned), [0.2, 1.0, 1.0, 0.0]);
        for broken in [
            Stencil { width: 3, ..stencil.clone() },
            Stencil { width: 0, ..stencil.clone() },
            Stencil { size: [0.0, 1.0], ..stencil.clone() },
            Stencil { angle: f32::NAN, ..stencil.clone() },
        ] {
            assert!(!Shape::Stencil(broken).is_valid());
        }
        assert!(Shape::Stencil(stencil).is_valid());
    }

    #[test]
    fn a_soft_edge_fades_to_the_outside() {
        let triangle = Shape::polygon([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]]);
        for shape in [Shape::circle(0.0, 0.0, 3.0), Shape::rect(-3.0, -3.0, 3.0, 3.0), triangle] {
            assert_eq!(shape.cover([1.0, 1.0], 0.0), 1.0, "{shape:?}");
            let deep = shape.cover([1.0, 1.0], 4.0);
            assert!(deep > 0.2 && deep < 1.0 && shape.cover([0.1, 2.5], 4.0) < deep, "{shape:?}");
            assert_eq!(shape.cover([9.0, 9.0], 4.0), 0.0, "{shape:?}");
        }
    }

    #[test]
    fn nonsense_holds_nothing() {
        let nan = f32::NAN;
        let pentagram = [0.0f32, 2.0, 4.0, 1.0, 3.0].map(|fifth| {
            let (sin, cos) = (fifth / 5.0 * std::f32::consts::TAU).sin_cos();
            [4.0 + 3.0 * cos, 4.0 + 3.0 * sin]
        });
        for shape in [
            Shape::circle(nan, 0.0, 1.0),
            Shape::circle(0.0, 0.0, nan),
            Shape::circle(2.0, 2.0, -3.0),
            Shape::circle(2.0, 2.0, f32::INFINITY),
            Shape::rect(nan, 0.0, 1.0, 1.0),
            Shape::rect(3.0, 3.0, 1.0, 1.0),
            Shape::capsule([0.0, nan], [1.0, 1.0], 1.0),
            Shape::capsule([0.0, 0.0], [1.0, 1.0], 0.0),
            Shape::polygon([[0.0, 0.0], [5.0, 5.0]]),
            Shape::polygon([[0.0, 0.0], [5.0, 5.0], [2.5, 2.5]]),
            Shape::polygon([[0.0, 0.0], [nan, 5.0], [2.5, 0.0]]),
            Shape::polygon([[0.0, 0.0], [6.0, 0.0], [1.0, 1.0], [0.0, 6.0]]),
            Shape::polygon(pentagram),
        ] {
            assert!(!shape.is_valid(), "{shape:?}");
            assert!(cells(&shape).is_empty(), "{shape:?}");
        }
    }
}
