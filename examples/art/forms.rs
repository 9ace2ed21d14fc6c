//! Bodies that change: a slime of three moods, a plant of four ages, and a gate.

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

const STEM: Tones = [[30, 88, 52], [84, 164, 70], [190, 232, 116]];
const LEAF: Tones = [[20, 96, 74], [58, 172, 92], [196, 244, 136]];
const SEED: Tones = [[92, 52, 36], [168, 104, 62], [232, 184, 122]];
const PETAL: Tones = [[146, 30, 96], [240, 84, 134], [255, 194, 200]];
const HEART: Tones = [[186, 104, 30], [252, 196, 70], [255, 244, 170]];
const SOIL: Tones = [[58, 36, 44], [110, 70, 62], [174, 124, 94]];

/// The ages of the plant.
pub const AGES: [Form; 4] = [("seed", seed), ("sprout", sprout), ("bush", bush), ("bloom", bloom)];

/// What all ages of the plant stand in.
fn mound(ink: &mut Ink) {
    ink.add(SOIL, 0.22, both(ellipse(Vec2::new(0.0, 0.98), Vec2::new(0.66, 0.3), 0.0), |at: Vec2| at.y - 0.97));
}

/// A leaf from a root, as long as it is turned, a share of it wide.
fn leaf(ink: &mut Ink, root: Vec2, to: Vec2, width: f32) {
    let middle = (root + to) / 2.0;
    let blade = ellipse(middle, Vec2::new(root.distance(to) / 2.0, width), (to - root).to_angle());
    ink.add(LEAF, 0.16, blade);
}

fn seed() -> Ink {
    let mut ink = Ink::new(0.06);
    mound(&mut ink);
    ink.add(SEED, 0.3, ellipse(Vec2::new(0.0, 0.44), Vec2::new(0.34, 0.46), 0.15));
    ink.glow(STEM, 0.08, ellipse(Vec2::new(0.06, 0.08), Vec2::new(0.1, 0.13), 0.4));
    ink
}

fn sprout() -> Ink {
    let mut ink = Ink::new(0.06);
    mound(&mut ink);
    ink.add(STEM, 0.12, limb(Vec2::new(0.0, 0.8), Vec2::new(0.0, 0.26), 0.15, 0.12));
    for side in [-1.0, 1.0] {
        leaf(&mut ink, Vec2::new(0.0, 0.3), Vec2::new(side * 0.6, 0.04), 0.16);
    }
    ink
}

fn bush() -> Ink {
    let mut ink = Ink::new(0.06);
    mound(&mut ink);
    ink.add(STEM, 0.12, limb(Vec2::new(0.0, 0.8), Vec2::new(0.0, -0.2), 0.16, 0.13));
    for side in [-1.0, 1.0] {
        leaf(&mut ink, Vec2::new(0.0, 0.6), Vec2::new(side * 0.76, 0.46), 0.17);
        leaf(&mut ink, Vec2::new(0.0, 0.26), Vec2::new(side * 0.76, -0.04), 0.18);
    }
    ink.add(LEAF, 0.24, ellipse(Vec2::new(0.0, -0.3), Vec2::new(0.27, 0.34), 0.0));
    ink
}

fn bloom() -> Ink {
    let mut ink = Ink::new(0.06);
    mound(&mut ink);
    ink.add(STEM, 0.12, limb(Vec2::new(0.0, 0.8), Vec2::new(0.0, -0.3), 0.17, 0.14));
    for side in [-1.0, 1.0] {
        leaf(&mut ink, Vec2::new(0.0, 0.66), Vec2::new(side * 0.84, 0.46), 0.19);
        leaf(&mut ink, Vec2::new(0.0, 0.4), Vec2::new(side * 0.72, 0.1), 0.16);
    }
    let middle = Vec2::new(0.0, -0.4);
    for petal in 0..6 {
        let out = Vec2::from_angle((petal as f32 + 0.5) / 6.0 * std::f32::consts::TAU);
        ink.add(PETAL, 0.2, ellipse(middle + out * 0.34, Vec2::new(0.26, 0.2), out.to_angle()));
    }
    ink.add(HEART, 0.22, ellipse(middle, Vec2::splat(0.22), 0.0));
    ink
}

const BONE: Tones = [[96, 84, 92], [186, 172, 160], [250, 240, 214]];
const FLESH: Tones = [[112, 20, 52], [206, 62, 84], [255, 156, 146]];
const IRIS: Tones = [[150, 96, 20], [248, 190, 60], [255, 246, 190]];

/// The states of the gate.
pub const GATE: [Form; 2] = [("shut", || gate(0.0)), ("open", || gate(1.0))];

/// A round gate, whose lids leave a hole if it is open.
fn gate(open: f32) -> Ink {
    let mut ink = Ink::new(0.06);
    let hole = 0.42 * open;
    ink.add(FLESH, 0.3, move |at: Vec2| (at.length() - 0.78).max(hole - at.length()));
    if open == 0.0 {
        // The lids meet in a spiral around an eye.
        for lid in 0..5 {
            let turned = move |angle: f32| Vec2::from_angle(lid as f32 / 5.0 * std::f32::consts::TAU + angle);
            ink.glow(THROAT, 0.2, limb(turned(0.0) * 0.24, turned(0.7) * 0.62, 0.045, 0.035));
        }
        ink.add(IRIS, 0.2, ellipse(Vec2::ZERO, Vec2::splat(0.26), 0.0));
        ink.glow(DARK, 0.1, ellipse(Vec2::ZERO, Vec2::new(0.07, 0.17), 0.0));
    }
    for tooth in 0..8 {
        let out = Vec2::from_angle((tooth as f32 + 0.5) / 8.0 * std::f32::consts::TAU);
        ink.add(BONE, 0.16, ellipse(out * 0.78, Vec2::new(0.19, 0.17), out.to_angle()));
    }
    ink
}

const THROAT: Tones = [[60, 8, 34], [84, 14, 44], [120, 30, 60]];
