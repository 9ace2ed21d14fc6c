//! A body that changes: a slime of three moods.

use bevy::prelude::*;

use crate::ink::{Ink, Tones, both, ellipse, limb, polygon, without};

const CALM: Tones = [[24, 110, 84], [66, 196, 118], [176, 244, 160]];
const HURT: Tones = [[66, 70, 130], [124, 142, 204], [206, 216, 246]];
const RAGE: Tones = [[138, 24, 34], [232, 70, 48], [255, 190, 96]];
const DARK: Tones = [[20, 16, 34], [28, 22, 44], [40, 34, 60]];
const SHINE: Tones = [[224, 236, 255], [244, 250, 255], [255, 255, 255]];
const TOOTH: Tones = [[200, 184, 160], [244, 236, 214], [255, 255, 255]];

/// A form: its name, and how it is drawn.
pub type Form = (&'static str, fn() -> Ink);

/// The moods of the slime.
pub const MOODS: [Form; 3] = [("calm", calm), ("hurt", hurt), ("enraged", enraged)];

/// A drop that sits on its flat belly.
fn dome(width: f32, top: f32) -> impl Fn(Vec2) -> f32 + Clone {
    move |at| {
        let middle = Vec2::new(0.0, 0.42);
        let high = ellipse(middle, Vec2::new(width, middle.y - top), 0.0)(at);
        let low = ellipse(middle, Vec2::new(width, 0.44), 0.0)(at);
        (if at.y < middle.y { high } else { low }).max(at.y - 0.8)
    }
}

fn calm() -> Ink {
    let mut ink = Ink::new(0.07);
    ink.add(CALM, 0.6, dome(0.74, -0.5));
    for side in [-1.0, 1.0] {
        ink.glow(DARK, 0.1, ellipse(Vec2::new(side * 0.26, 0.2), Vec2::new(0.095, 0.15), 0.0));
        ink.glow(SHINE, 0.01, ellipse(Vec2::new(side * 0.26 - 0.04, 0.13), Vec2::splat(0.045), 0.0));
    }
    let smile = without(
        ellipse(Vec2::new(0.0, 0.42), Vec2::new(0.19, 0.13), 0.0),
        ellipse(Vec2::new(0.0, 0.34), Vec2::new(0.22, 0.12), 0.0),
    );
    ink.glow(DARK, 0.1, smile);
    ink
}

fn hurt() -> Ink {
    let mut ink = Ink::new(0.07);
    ink.add(HURT, 0.5, dome(0.86, 0.06));
    // Eyes that are shut tight.
    for side in [-1.0, 1.0] {
        for end in [-0.1, 0.1] {
            let [corner, end] = [Vec2::new(side * 0.18, 0.42), Vec2::new(side * 0.38, 0.42 + end)];
            ink.glow(DARK, 0.1, limb(corner, end, 0.045, 0.04));
        }
    }
    ink.glow(DARK, 0.1, ellipse(Vec2::new(0.0, 0.62), Vec2::new(0.1, 0.06), 0.0));
    // A drop of sweat.
    ink.glow(SHINE, 0.05, ellipse(Vec2::new(0.52, 0.26), Vec2::new(0.06, 0.1), 0.0));
    ink
}

fn enraged() -> Ink {
    let mut ink = Ink::new(0.07);
    // Horns, and a crest between them.
    for horn in [-1.0, 0.0, 1.0] {
        let out = Vec2::from_angle(horn * 0.75 - std::f32::consts::FRAC_PI_2);
        let (root, across) = (Vec2::new(0.0, 0.3) + out * 0.5, out.perp() * 0.34);
        ink.add(RAGE, 0.2, polygon(vec![root + across, root + out * 0.58, root - across], 0.08));
    }
    ink.add(RAGE, 0.7, dome(0.86, -0.46));
    for side in [-1.0, 1.0] {
        let eye = ellipse(Vec2::new(side * 0.32, 0.1), Vec2::new(0.2, 0.18), 0.0);
        let brow = move |at: Vec2| 0.06 - at.y - (at.x * side - 0.3) * 0.6;
        ink.glow(SHINE, 0.01, both(eye, brow));
        ink.glow(DARK, 0.1, ellipse(Vec2::new(side * 0.26, 0.1), Vec2::new(0.07, 0.08), 0.0));
    }
    ink.glow(DARK, 0.3, ellipse(Vec2::new(0.0, 0.48), Vec2::new(0.36, 0.18), 0.0));
    for tooth in 0..4 {
        let x = (tooth as f32 - 1.5) * 0.16;
        for (y, up) in [(0.34, 1.0), (0.64, -1.0)] {
            let [left, right] = [-0.07, 0.07].map(|side| Vec2::new(x + side, y));
            ink.glow(TOOTH, 0.02, polygon(vec![left, right, Vec2::new(x, y + up * 0.13)], 0.01));
        }
    }
    ink
}
