//! The pointer: a mouse, or fingers.

use std::collections::HashMap;

use bevy::{
    input::{ButtonState, touch::TouchPhase},
    prelude::*,
    window::WindowEvent,
};
use bevy_nca::{prelude::*, rule::mix};

use super::{material, stage::Stage};

/// The radius of a wound, as a share of the shorter side of the window.
const RADIUS: f32 = 0.06;
/// The radius of a slash, in such radii.
const SLASH: f32 = 2.0;

/// A finger, or the mouse.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pointer {
    Mouse,
    Finger(u64),
}

/// Where the pointers are, and which of them are pressed.
#[derive(Default)]
pub struct Hand {
    mouse: Vec2,
    pressed: HashMap<Pointer, Vec2>,
    /// The number of cuts across the stage so far.
    slashes: u32,
}

impl Hand {
    /// The line that a pressed pointer has drawn with an event.
    fn line(&mut self, event: &WindowEvent) -> Option<[Vec2; 2]> {
        let (pointer, at) = match event {
            WindowEvent::CursorMoved(moved) => {
                self.mouse = moved.position;
                (Pointer::Mouse, self.pressed.contains_key(&Pointer::Mouse).then_some(moved.position))
            }
            WindowEvent::MouseButtonInput(button) if button.button == MouseButton::Left => {
                (Pointer::Mouse, (button.state == ButtonState::Pressed).then_some(self.mouse))
            }
            WindowEvent::TouchInput(touch) => {
                let lifts = matches!(touch.phase, TouchPhase::Ended | TouchPhase::Canceled);
                (Pointer::Finger(touch.id), (!lifts).then_some(touch.position))
            }
            _ => return None,
        };
        match at {
            Some(to) => Some([self.pressed.insert(pointer, to).unwrap_or(to), to]),
            None => {
                self.pressed.remove(&pointer);
                None
            }
        }
    }
}

/// The next line from the left edge to the right one, each at other heights.
fn slash(count: &mut u32, size: Vec2) -> [Vec2; 2] {
    *count += 1;
    let height = |end: u32| size.y * (0.15 + 0.7 * (mix(*count * 2 + end) as f32 / u32::MAX as f32));
    [Vec2::new(0.0, height(0)), Vec2::new(size.x, height(1))]
}

/// Wounds what is under the pointers that are pressed, wherever they have been since the last frame, and what is slashed.
pub fn touch(
    mut commands: Commands,
    mut events: MessageReader<WindowEvent>,
    window: Single<&Window>,
    camera: Single<(&Camera, &GlobalTransform)>,
    mut stage: ResMut<Stage>,
    material: Option<Single<(Entity, &material::Wall)>>,
    mut hand: Local<Hand>,
) {
    let radius = RADIUS * window.size().min_element();
    // A pointer that stays keeps its wound open.
    let held: Vec<[Vec2; 2]> = hand.pressed.values().map(|&at| [at, at]).collect();
    let mut lines = held;
    lines.extend(events.read().filter_map(|event| hand.line(event)));
    // A slash does not pour.
    let mut lines: Vec<_> = lines.into_iter().map(|line| (line, radius, stage.pours)).collect();
    for _ in 0..std::mem::take(&mut stage.slashes) {
        lines.push((slash(&mut hand.slashes, window.size()), radius * SLASH, false));
    }
    for (line, radius, pours) in lines {
        let [Ok(from), Ok(to)] = line.map(|point| camera.0.viewport_to_world_2d(camera.1, point)) else { continue };
        match &material {
            Some(wall) => material::touch(&mut commands, wall.0, wall.1, [from, to], radius, pours),
            None => commands.trigger(NcaBlast::new(NcaWound::capsule(from, to, radius))),
        }
    }
}
