//! A jellyfish that swims in place.

use bevy::prelude::*;

/// The color at a point of -1 to 1 on each axis, y down.
pub fn jellyfish(at: Vec2, phase: f32) -> [u8; 4] {
    let pulse = phase.sin();
    let bell = Vec2::new(0.62 + 0.1 * pulse, 0.56 - 0.08 * pulse);
    let on_bell = Vec2::new(at.x, at.y + 0.3) / bell;
    let light = (1.1 - on_bell.distance(Vec2::new(-0.35, -0.45))).clamp(0.0, 1.0);
    let eye = |x: f32| on_bell.distance(Vec2::new(x, 0.02));
    let rim = 0.22 + 0.05 * (at.x * 24.0).cos();
    if on_bell.length() < 1.0 && on_bell.y < rim {
        return match (eye(-0.25).min(eye(0.25)), on_bell.length()) {
            (..0.07, _) => [24, 12, 48, 255],
            (..0.14, _) => [250, 250, 255, 255],
            (_, 0.94..) => [72, 22, 104, 255],
            // Bands of light, as on pixel art.
            _ => shade([122, 44, 168], [255, 150, 214], (light * 5.0).floor() / 4.0),
        };
    }
    // Each tentacle trails behind the bell.
    let below = at.y + 0.3 - rim * bell.y;
    let is_tentacle = [-0.42, -0.2, 0.02, 0.24, 0.44].into_iter().any(|root: f32| {
        let sway = 0.09 * below * (below * 5.0 - phase + root * 3.0).sin() * 2.0;
        let width = 0.075 * (1.0 - below / (1.05 - root.abs() * 0.5));
        below > -0.05 && (at.x - root * (1.0 + 0.15 * pulse) - sway).abs() < width
    });
    if is_tentacle { shade([88, 28, 128], [214, 96, 190], 1.0 - below) } else { [0; 4] }
}

fn shade(dark: [u8; 3], bright: [u8; 3], share: f32) -> [u8; 4] {
    let mix = |axis: usize| f32::from(dark[axis]).lerp(f32::from(bright[axis]), share.clamp(0.0, 1.0)) as u8;
    [mix(0), mix(1), mix(2), 255]
}
