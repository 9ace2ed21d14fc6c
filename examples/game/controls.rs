//! What the player wants: by keys, a mouse, or a finger.

use bevy::{ecs::system::SystemParam, prelude::*};

#[derive(SystemParam)]
pub struct Controls<'w, 's> {
    keys: Res<'w, ButtonInput<KeyCode>>,
    mouse: Res<'w, ButtonInput<MouseButton>>,
    touches: Res<'w, Touches>,
    windows: Query<'w, 's, &'static Window>,
    camera: Single<'w, 's, (&'static Camera, &'static GlobalTransform)>,
}

impl Controls<'_, '_> {
    /// How far the ship is to fly to the right, from `x`, if it flies at most `most`. It follows a finger.
    pub fn step(&self, x: f32, most: f32) -> f32 {
        if let Some(finger) = self.touches.iter().find_map(|touch| self.in_world(touch.position())) {
            return (finger.x - x).clamp(-most, most);
        }
        let left = self.keys.any_pressed([KeyCode::ArrowLeft, KeyCode::KeyA]);
        let right = self.keys.any_pressed([KeyCode::ArrowRight, KeyCode::KeyD]);
        (f32::from(right) - f32::from(left)) * most
    }

    pub fn fires(&self) -> bool {
        let is_touched = self.touches.iter().next().is_some();
        self.mouse.pressed(MouseButton::Left) || self.keys.pressed(KeyCode::Space) || is_touched
    }

    /// Where the mouse aims, if it fires.
    pub fn aim(&self) -> Option<Vec2> {
        let cursor = self.windows.iter().find_map(Window::cursor_position)?;
        self.in_world(cursor).filter(|_| self.mouse.pressed(MouseButton::Left))
    }

    /// Whether the next screen is wanted.
    pub fn go_on(&self) -> bool {
        let is_clicked = self.mouse.just_pressed(MouseButton::Left) || self.touches.any_just_pressed();
        is_clicked || self.keys.just_pressed(KeyCode::Enter)
    }

    fn in_world(&self, at: Vec2) -> Option<Vec2> {
        self.camera.0.viewport_to_world_2d(self.camera.1, at).ok()
    }
}
