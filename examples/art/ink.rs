//! Draws pictures of inked shapes: rounded by banded light, and with a dark outline.

use std::rc::Rc;

use bevy::prelude::*;

/// The dark, middle and bright color of a part.
pub type Tones = [[u8; 3]; 3];

/// The signed distance of a point from a shape: negative inside.
type Distance = Box<dyn Fn(Vec2) -> f32>;

/// Where on the body a point lies.
type Bone = Rc<dyn Fn(Vec2) -> Vec2>;

struct Part {
    distance: Distance,
    tones: Tones,
    /// How far from the edge the surface is still round.
    round: f32,
    /// It glows: no shading and no outline.
    glows: bool,
    bone: Option<Bone>,
}

/// A picture: parts from back to front, in coordinates of -1 to 1, y down.
#[derive(Default)]
pub struct Ink {
    parts: Vec<Part>,
    /// The bone of parts that are added.
    bone: Option<Bone>,
    /// The width of outlines.
    pub outline: f32,
}

impl Ink {
    /// A picture with outlines of this width.
    pub fn new(outline: f32) -> Self {
        Self { outline, ..default() }
    }

    /// Adds a shape on top.
    pub fn add(&mut self, tones: Tones, round: f32, distance: impl Fn(Vec2) -> f32 + 'static) -> &mut Self {
        self.parts.push(Part { distance: Box::new(distance), tones, round, glows: false, bone: self.bone.clone() });
        self
    }

    /// Adds a shape that glows, brightest in the middle.
    pub fn glow(&mut self, tones: Tones, round: f32, distance: impl Fn(Vec2) -> f32 + 'static) -> &mut Self {
        self.parts.push(Part { distance: Box::new(distance), tones, round, glows: true, bone: self.bone.clone() });
        self
    }

    /// The parts that are added from now on move with a bone. It maps a point of the picture to the body.
    pub fn on_bone(&mut self, bone: impl Fn(Vec2) -> Vec2 + 'static) -> &mut Self {
        self.bone = Some(Rc::new(bone));
        self
    }

    /// The part in front at a point, and the signed distance from it.
    fn part(&self, at: Vec2) -> Option<(&Part, f32)> {
        self.parts.iter().rev().find_map(|part| Some((part, (part.distance)(at))).filter(|(_, d)| *d < 0.0))
    }

    /// Where on the body the part at a point lies: a pixel of a UV sheet.
    pub fn uv(&self, at: Vec2) -> [u8; 4] {
        let Some(bone) = self.part(at).and_then(|(part, _)| part.bone.as_ref()) else { return [0; 4] };
        let [red, green] = ((bone(at) + 1.0) / 2.0 * 255.0).round().to_array();
        [red as u8, green as u8, 0, 255]
    }

    /// The color at a point, in straight alpha.
    pub fn color(&self, at: Vec2) -> [u8; 4] {
        let Some((part, distance)) = self.part(at) else { return [0; 4] };
        let depth = (-distance / part.round).clamp(0.0, 1.0);
        let [r, g, b] = if part.glows {
            tone(part.tones, banded(depth))
        } else if -distance < self.outline {
            part.tones[0].map(|value| (f32::from(value) * 0.35) as u8)
        } else {
            let step = 0.004;
            let slope = |axis: Vec2| (part.distance)(at + axis * step) - (part.distance)(at - axis * step);
            let outward = Vec2::new(slope(Vec2::X), slope(Vec2::Y)).normalize_or_zero() * (1.0 - depth);
            let normal = outward.extend((1.0 - outward.length_squared()).max(0.0).sqrt());
            let light = normal.dot(Vec3::new(-0.45, -0.65, 0.6).normalize());
            tone(part.tones, banded(light * 0.75 + 0.2))
        };
        [r, g, b, 255]
    }
}

/// A bone from one joint towards another. On the body, it begins elsewhere, and points down.
pub fn bone(from: Vec2, to: Vec2, lies_at: Vec2) -> impl Fn(Vec2) -> Vec2 {
    let turn = Vec2::from_angle(Vec2::Y.to_angle() - (to - from).to_angle());
    move |at| turn.rotate(at - from) + lies_at
}

/// A bone that does not turn.
pub fn shifted(from: Vec2, lies_at: Vec2) -> impl Fn(Vec2) -> Vec2 {
    move |at| at - from + lies_at
}

/// Bands of light, as on pixel art.
fn banded(light: f32) -> f32 {
    (light.clamp(0.0, 0.999) * 6.0).floor() / 5.0
}

fn tone([dark, middle, bright]: Tones, light: f32) -> [u8; 3] {
    let (from, to, share) = if light < 0.5 { (dark, middle, light * 2.0) } else { (middle, bright, light * 2.0 - 1.0) };
    [0, 1, 2].map(|axis| (f32::from(from[axis]) + (f32::from(to[axis]) - f32::from(from[axis])) * share) as u8)
}

/// An ellipse, turned by an angle.
pub fn ellipse(center: Vec2, radii: Vec2, angle: f32) -> impl Fn(Vec2) -> f32 {
    let turn = Vec2::from_angle(-angle);
    move |at| {
        let local = turn.rotate(at - center);
        let scaled = (local / radii).length();
        let slope = (local / (radii * radii)).length();
        if slope > 1e-6 { scaled * (scaled - 1.0) / slope } else { -radii.min_element() }
    }
}

/// A limb from one circle to another.
pub fn limb(from: Vec2, to: Vec2, start: f32, end: f32) -> impl Fn(Vec2) -> f32 {
    move |at| {
        let along = to - from;
        let share = ((at - from).dot(along) / along.length_squared().max(1e-9)).clamp(0.0, 1.0);
        (at - from - along * share).length() - (start + (end - start) * share)
    }
}

/// A chain of limbs that becomes thinner.
pub fn tail(points: Vec<Vec2>, start: f32, end: f32) -> impl Fn(Vec2) -> f32 {
    let count = points.len() as f32 - 1.0;
    move |at| {
        points
            .windows(2)
            .enumerate()
            .map(|(index, pair)| {
                let width = |index: f32| start + (end - start) * index / count;
                limb(pair[0], pair[1], width(index as f32), width(index as f32 + 1.0))(at)
            })
            .fold(f32::MAX, f32::min)
    }
}

/// A polygon with rounded corners.
pub fn polygon(points: Vec<Vec2>, rounding: f32) -> impl Fn(Vec2) -> f32 {
    move |at| {
        let mut distance = f32::MAX;
        let mut inside = false;
        for index in 0..points.len() {
            let (a, b) = (points[index], points[(index + 1) % points.len()]);
            distance = distance.min(limb(a, b, 0.0, 0.0)(at));
            if (a.y > at.y) != (b.y > at.y) && at.x < (b.x - a.x) * (at.y - a.y) / (b.y - a.y) + a.x {
                inside = !inside;
            }
        }
        if inside { -distance - rounding } else { distance - rounding }
    }
}

/// What is in both shapes.
pub fn both(a: impl Fn(Vec2) -> f32, b: impl Fn(Vec2) -> f32) -> impl Fn(Vec2) -> f32 {
    move |at| a(at).max(b(at))
}

/// What is in the first shape and not in the second.
pub fn without(a: impl Fn(Vec2) -> f32, b: impl Fn(Vec2) -> f32) -> impl Fn(Vec2) -> f32 {
    move |at| a(at).max(-b(at))
}
