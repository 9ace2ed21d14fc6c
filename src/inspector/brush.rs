//! The brush and its tools.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::{
    rule::{Shape, Stencil},
    sprite::NcaWound,
};

/// A tool and its settings. Lengths are in world units.
#[derive(Clone, Debug, PartialEq)]
pub struct NcaBrush {
    /// Default [`NcaTool::Circle`].
    pub tool: NcaTool,
    /// The width; default 60.
    pub size: f32,
    /// The rotation in radians; default 0.
    pub angle: f32,
    /// The probability that a cell is killed, 0 to 1, in each frame in which the button is held; default 1.
    pub strength: f32,
    /// The width of the soft edge; default 0.
    pub softness: f32,
    /// Whether killed cells become scars, which do not grow back until they are healed; default false.
    pub scars: bool,
}

impl Default for NcaBrush {
    fn default() -> Self {
        Self { tool: NcaTool::Circle, size: 60.0, angle: 0.0, strength: 1.0, softness: 0.0, scars: false }
    }
}

/// The effect of a brush where the mouse is pressed and dragged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NcaTool {
    /// No effect: the mouse is left to the game.
    Off,
    /// Wounds a circle.
    #[default]
    Circle,
    /// Wounds a rectangle, twice as wide as high.
    Rectangle,
    /// Wounds along the path of the mouse.
    Cut,
    /// Wounds a triangle.
    Triangle,
    /// Wounds in the shape of a picture, a splash.
    Splash,
    /// Heals the inspected sprite in a circle: scars may grow again, and empty cells become seeds.
    Heal,
    /// Lets cells of the inspected sprite follow the second rule of its model, in a circle.
    Paint,
    /// Lets them follow the first rule again.
    Erase,
}

impl NcaTool {
    /// All tools.
    pub const ALL: [Self; 9] = [
        Self::Off,
        Self::Circle,
        Self::Rectangle,
        Self::Cut,
        Self::Triangle,
        Self::Splash,
        Self::Heal,
        Self::Paint,
        Self::Erase,
    ];
}

impl NcaBrush {
    /// The wound of a mouse drag from one world position to another; `None` for tools that do not wound.
    pub fn to_wound(&self, from: Vec2, to: Vec2) -> Option<NcaWound> {
        let radius = self.size / 2.0;
        let wound = match self.tool {
            NcaTool::Off | NcaTool::Heal | NcaTool::Paint | NcaTool::Erase => return None,
            NcaTool::Circle => NcaWound::circle(to, radius),
            NcaTool::Rectangle => NcaWound::rotated_rect(to, Vec2::new(self.size, radius), self.angle),
            NcaTool::Cut => NcaWound::capsule(from, to, radius / 4.0),
            NcaTool::Triangle => {
                let corner =
                    |third: u32| to + Vec2::from_angle(self.angle + TAU * (third as f32 / 3.0 + 0.25)) * radius;
                NcaWound::polygon([0, 1, 2].map(corner))
            }
            NcaTool::Splash => Shape::Stencil(splash(to, self.size, self.angle)).into(),
        };
        Some(NcaWound { strength: self.strength, softness: self.softness, scars: self.scars, ..wound })
    }
}

/// A splash with seven arms.
fn splash(center: Vec2, size: f32, angle: f32) -> Stencil {
    const SIDE: usize = 48;
    let pixel = |index: usize| {
        let at = (Vec2::new((index % SIDE) as f32, (index / SIDE) as f32) + 0.5) / SIDE as f32 * 2.0 - 1.0;
        let arms = (at.to_angle() * 7.0).sin() * 0.5 + (at.to_angle() * 3.0 + 1.0).sin() * 0.5;
        if at.length() < 0.65 + 0.35 * arms { 255 } else { 0 }
    };
    let pixels = (0..SIDE * SIDE).map(pixel).collect();
    Stencil { center: center.into(), size: [size, -size], angle, width: SIDE, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{CellMap, CellMask};

    #[test]
    fn every_tool_wounds_where_it_is_drawn() {
        for tool in NcaTool::ALL {
            let brush = NcaBrush { tool, size: 8.0, angle: 0.4, ..NcaBrush::default() };
            let Some(wound) = brush.to_wound(Vec2::new(4.0, 10.0), Vec2::new(10.0, 10.0)) else {
                assert!(matches!(tool, NcaTool::Off | NcaTool::Heal | NcaTool::Paint | NcaTool::Erase));
                continue;
            };
            assert!(wound.shape.is_valid(), "{tool:?}");
            let mut mask = CellMask::new(20, 20);
            mask.add_where(&wound.shape, CellMap::IDENTITY, 0.0, |_, cover| cover > 0.5);
            let hit: Vec<usize> = mask.iter().collect();
            assert!((4..70).contains(&hit.len()), "{tool:?} hits {} cells", hit.len());
            assert!(
                hit.iter().all(|cell| (2..18).contains(&(cell % 20)) && (5..15).contains(&(cell / 20))),
                "{tool:?}"
            );
        }
    }
}
