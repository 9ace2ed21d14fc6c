//! The brush, which the mouse applies to sprites in the world.

use std::f32::consts::TAU;

use bevy::{
    camera::RenderTarget,
    prelude::*,
    window::{PrimaryWindow, WindowRef},
};
use bevy_egui::input::EguiWantsInput;

use super::NcaInspector;
use crate::{
    rule::{Shape, Stencil},
    sprite::{NcaBlast, NcaHeal, NcaWound},
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
}

impl NcaTool {
    /// All tools.
    pub const ALL: [Self; 7] =
        [Self::Off, Self::Circle, Self::Rectangle, Self::Cut, Self::Triangle, Self::Splash, Self::Heal];
}

impl NcaBrush {
    /// The wound of a mouse drag from one world position to another; `None` for tools that do not wound.
    pub fn wound(&self, from: Vec2, to: Vec2) -> Option<NcaWound> {
        let radius = self.size / 2.0;
        let wound = match self.tool {
            NcaTool::Off | NcaTool::Heal => return None,
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

/// Applies the brush along the path of the mouse.
pub(super) fn paint(
    mut commands: Commands,
    inspector: Res<NcaInspector>,
    (mouse, panel): (Res<ButtonInput<MouseButton>>, Res<EguiWantsInput>),
    windows: Query<(Entity, &Window, Has<PrimaryWindow>)>,
    cameras: Query<(Entity, &Camera, &GlobalTransform, &RenderTarget), With<Camera2d>>,
    mut last: Local<Option<(Entity, Vec2)>>,
) {
    let from = last.take();
    // A drag that starts in a panel does not paint.
    let begins = mouse.just_pressed(MouseButton::Left);
    let draws = mouse.pressed(MouseButton::Left) && (begins || from.is_some());
    if !inspector.open || !draws || panel.wants_any_pointer_input() {
        return;
    }
    // The cursor is in at most one window, where several viewports may overlap.
    let cursors =
        windows.iter().filter_map(|(entity, window, is_primary)| Some((entity, window.cursor_position()?, is_primary)));
    let Some((window, cursor, is_primary)) = cursors.max_by_key(|(entity, _, is_primary)| {
        // A window still reports the cursor for a moment after it has left.
        (windows.get(*entity).is_ok_and(|(_, window, _)| window.focused), *is_primary)
    }) else {
        return;
    };
    let on_window = |target: &RenderTarget| match target {
        RenderTarget::Window(WindowRef::Primary) => is_primary,
        RenderTarget::Window(WindowRef::Entity(entity)) => *entity == window,
        _ => false,
    };
    let shows = cameras.iter().filter(|(_, camera, _, target)| {
        let here = camera.logical_viewport_rect().is_some_and(|viewport| viewport.contains(cursor));
        camera.is_active && here && on_window(target)
    });
    let topmost = shows.max_by_key(|(_, camera, ..)| camera.order);
    let point =
        topmost.and_then(|(entity, camera, stand, _)| Some((entity, camera.viewport_to_world_2d(stand, cursor).ok()?)));
    let Some((camera, to)) = point else { return };
    *last = Some((camera, to));
    // A stroke does not continue from one camera to another.
    let from = from.filter(|(of, _)| *of == camera).map_or(to, |(_, from)| from);
    let brush = &inspector.brush;
    if let Some(wound) = brush.wound(from, to) {
        commands.trigger(NcaBlast::new(wound));
    } else if let Some(entity) = inspector.sprite.filter(|_| brush.tool == NcaTool::Heal) {
        commands.trigger(NcaHeal::circle(entity, to, brush.size / 2.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{CellMap, CellMask};

    #[test]
    fn every_tool_wounds_where_it_is_drawn() {
        for tool in NcaTool::ALL {
            let brush = NcaBrush { tool, size: 8.0, angle: 0.4, ..NcaBrush::default() };
            let Some(wound) = brush.wound(Vec2::new(4.0, 10.0), Vec2::new(10.0, 10.0)) else {
                assert!(matches!(tool, NcaTool::Off | NcaTool::Heal));
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
