//! A walker that hovers along on its tracks.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::ink::{Ink, Tones, both, ellipse, limb, polygon};

const HULL: Tones = [[40, 84, 92], [84, 152, 146], [186, 230, 202]];
const PLATE: Tones = [[110, 66, 30], [206, 134, 50], [255, 214, 122]];
const IRON: Tones = [[38, 40, 54], [82, 88, 108], [158, 168, 186]];
const RUBBER: Tones = [[20, 20, 30], [44, 46, 60], [84, 90, 106]];
const GLASS: Tones = [[24, 60, 120], [70, 150, 220], [214, 248, 255]];
const LAMP: Tones = [[230, 60, 60], [255, 130, 90], [255, 240, 200]];

pub fn machine(phase: f32) -> Ink {
    let mut ink = Ink::new(0.024);
    let shake = Vec2::new(0.0, 0.012 * (phase * 2.0).sin());
    let hull = Vec2::new(-0.04, -0.02) + shake;

    // The exhaust, the antenna and its lamp.
    ink.add(IRON, 0.05, limb(hull + Vec2::new(-0.42, -0.2), hull + Vec2::new(-0.5, -0.52), 0.065, 0.055));
    for puff in 0..3 {
        let age = (phase / TAU + puff as f32 / 3.0).fract();
        let at = hull + Vec2::new(-0.5 - 0.1 * age, -0.6 - 0.26 * age);
        ink.add(
            [[120, 120, 132], [176, 178, 188], [226, 228, 236]],
            0.08,
            ellipse(at, Vec2::splat(0.04 + 0.06 * (1.0 - (2.0 * age - 1.0).powi(2))), 0.0),
        );
    }
    let mast = hull + Vec2::new(0.12 + 0.02 * (phase * 2.0).cos(), -0.78);
    ink.add(IRON, 0.02, limb(hull + Vec2::new(0.08, -0.4), mast, 0.028, 0.02));
    if phase < TAU / 2.0 {
        ink.glow(LAMP, 0.08, ellipse(mast, Vec2::splat(0.075), 0.0));
    } else {
        ink.add(LAMP, 0.08, ellipse(mast, Vec2::splat(0.06), 0.0));
    }

    // The gun, which recoils.
    let recoil = 0.07 * (1.0 - phase / 1.2).max(0.0);
    let muzzle = hull + Vec2::new(0.86 - recoil, -0.22);
    ink.add(IRON, 0.07, limb(hull + Vec2::new(0.2, -0.2), muzzle, 0.085, 0.07));
    ink.add(PLATE, 0.06, limb(muzzle + Vec2::new(-0.07, 0.0), muzzle, 0.1, 0.1));
    if recoil > 0.03 {
        ink.glow(LAMP, 0.1, ellipse(muzzle + Vec2::new(0.12, 0.0), Vec2::new(0.12, 0.08), 0.0));
    }

    // The turret and its window.
    ink.add(
        HULL,
        0.22,
        both(ellipse(hull + Vec2::new(0.02, -0.1), Vec2::new(0.42, 0.38), 0.0), move |at: Vec2| at.y - hull.y - 0.02),
    );
    ink.add(GLASS, 0.16, ellipse(hull + Vec2::new(0.14, -0.24), Vec2::new(0.2, 0.14), 0.1));
    ink.glow(
        [[190, 230, 250], [230, 250, 255], [255, 255, 255]],
        0.05,
        limb(hull + Vec2::new(0.04, -0.28), hull + Vec2::new(0.12, -0.32), 0.014, 0.02),
    );
    // The hull, its plates and rivets.
    let skirt = |x: f32, y: f32| hull + Vec2::new(x, y);
    ink.add(
        HULL,
        0.14,
        polygon(
            vec![
                skirt(-0.62, 0.0),
                skirt(0.6, 0.0),
                skirt(0.74, 0.2),
                skirt(0.62, 0.42),
                skirt(-0.62, 0.42),
                skirt(-0.74, 0.16),
            ],
            0.04,
        ),
    );
    ink.add(
        PLATE,
        0.06,
        polygon(vec![skirt(-0.34, 0.05), skirt(0.3, 0.05), skirt(0.36, 0.27), skirt(-0.4, 0.27)], 0.02),
    );
    for index in 0..4 {
        ink.add(IRON, 0.03, ellipse(skirt(-0.24 + 0.16 * index as f32, 0.16), Vec2::splat(0.036), 0.0));
    }
    ink.glow(LAMP, 0.06, ellipse(skirt(0.62, 0.2), Vec2::new(0.06, 0.075), 0.0));
    // The track and its wheels.
    let (left, right, axle) = (-0.5, 0.48, 0.6);
    ink.add(RUBBER, 0.06, limb(Vec2::new(left, axle), Vec2::new(right, axle), 0.29, 0.29));
    ink.add(IRON, 0.05, limb(Vec2::new(left, axle), Vec2::new(right, axle), 0.21, 0.21));
    let length = right - left;
    for tread in 0..16 {
        // The loop: along the top, around the right, back along the bottom, around the left.
        let bend = 0.29 * TAU / 2.0;
        let mut along = (tread as f32 + phase / TAU * 1.0) / 16.0 * 2.0 * (length + bend);
        let (at, out) = if along < length {
            (Vec2::new(left + along, axle), -Vec2::Y)
        } else if along < length + bend {
            along -= length;
            (Vec2::new(right, axle), Vec2::from_angle(-TAU / 4.0 + along / 0.29))
        } else if along < 2.0 * length + bend {
            along -= length + bend;
            (Vec2::new(right - along, axle), Vec2::Y)
        } else {
            along -= 2.0 * length + bend;
            (Vec2::new(left, axle), Vec2::from_angle(TAU / 4.0 + along / 0.29))
        };
        ink.add(RUBBER, 0.03, limb(at + out * 0.26, at + out * 0.31, 0.045, 0.04));
    }
    for (index, x) in [-0.5, -0.17, 0.16, 0.48].into_iter().enumerate() {
        let center = Vec2::new(x, axle);
        ink.add(PLATE, 0.08, ellipse(center, Vec2::splat(0.15), 0.0));
        for spoke in 0..3 {
            let out = Vec2::from_angle(phase / 3.0 + spoke as f32 * TAU / 3.0 + index as f32);
            ink.add(IRON, 0.03, ellipse(center + out * 0.08, Vec2::splat(0.034), 0.0));
        }
        ink.add(IRON, 0.04, ellipse(center, Vec2::splat(0.05), 0.0));
    }
    ink
}
