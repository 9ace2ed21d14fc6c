//! A ship that flies upwards on a flickering flame, and the crystal that shields it.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::ink::{Ink, Tones, ellipse, limb, polygon};

const HULL: Tones = [[78, 84, 126], [150, 160, 198], [236, 242, 255]];
const WING: Tones = [[120, 28, 60], [206, 58, 82], [255, 150, 130]];
const GOLD: Tones = [[134, 82, 24], [224, 164, 52], [255, 236, 140]];
const IRON: Tones = [[38, 40, 60], [80, 86, 112], [156, 166, 190]];
const GLASS: Tones = [[20, 70, 120], [64, 170, 220], [214, 250, 255]];
const FLAME: Tones = [[226, 70, 40], [255, 170, 60], [255, 250, 200]];
const GEM: Tones = [[30, 96, 150], [70, 190, 226], [220, 255, 255]];
const DARK_GEM: Tones = [[24, 60, 120], [44, 130, 190], [120, 220, 240]];

pub fn ship(phase: f32) -> Ink {
    let mut ink = Ink::new(0.028);
    for side in [-1.0, 1.0] {
        let at = |x: f32, y: f32| Vec2::new(side * x, y);
        let flicker = 0.1 * (phase * 2.0 + side).sin() + 0.06 * (phase * 3.0).cos();
        ink.glow(FLAME, 0.09, polygon(vec![at(0.1, 0.6), at(0.34, 0.6), at(0.22, 0.92 + flicker)], 0.03));
        ink.add(
            WING,
            0.12,
            polygon(vec![at(0.14, -0.1), at(0.84, 0.36), at(0.86, 0.6), at(0.6, 0.52), at(0.18, 0.56)], 0.03),
        );
        ink.add(GOLD, 0.04, limb(at(0.3, 0.1), at(0.76, 0.44), 0.03, 0.022));
        ink.add(IRON, 0.05, limb(at(0.62, 0.4), at(0.62, -0.08), 0.055, 0.04));
        ink.add(IRON, 0.06, polygon(vec![at(0.09, 0.46), at(0.33, 0.46), at(0.36, 0.66), at(0.06, 0.66)], 0.02));
    }
    let nose = |x: f32, y: f32| Vec2::new(x, y);
    let hull = vec![
        nose(0.0, -0.9),
        nose(0.16, -0.52),
        nose(0.25, 0.1),
        nose(0.2, 0.56),
        nose(-0.2, 0.56),
        nose(-0.25, 0.1),
        nose(-0.16, -0.52),
    ];
    ink.add(HULL, 0.2, polygon(hull, 0.04));
    ink.add(WING, 0.08, polygon(vec![nose(0.0, -0.9), nose(0.11, -0.66), nose(-0.11, -0.66)], 0.03));
    ink.add(GLASS, 0.13, ellipse(Vec2::new(0.0, -0.2), Vec2::new(0.13, 0.25), 0.0));
    ink.add(GOLD, 0.05, limb(Vec2::new(-0.14, 0.2), Vec2::new(0.14, 0.2), 0.035, 0.035));
    ink.add(WING, 0.06, polygon(vec![nose(-0.05, 0.3), nose(0.05, 0.3), nose(0.05, 0.7), nose(-0.05, 0.7)], 0.03));
    let blink = if phase < TAU / 2.0 { FLAME } else { IRON };
    ink.glow(blink, 0.03, ellipse(Vec2::new(0.0, 0.42), Vec2::splat(0.03), 0.0));
    ink
}

pub fn crystal(phase: f32) -> Ink {
    let mut ink = Ink::new(0.03);
    let spire = |ink: &mut Ink, x: f32, top: f32, wide: f32, lean: f32| {
        let at = move |u: f32, y: f32| Vec2::new(x + u * wide + lean * (0.8 - y), y);
        let shoulder = top + wide * 1.1;
        ink.add(
            DARK_GEM,
            0.1,
            polygon(vec![at(-1.0, 0.8), at(-1.0, shoulder), at(0.0, top), at(1.0, shoulder), at(1.0, 0.8)], 0.02),
        );
        ink.add(
            GEM,
            0.16,
            polygon(
                vec![
                    at(-0.75, 0.74),
                    at(-0.75, shoulder + 0.05),
                    at(-0.1, top + 0.13),
                    at(0.2, shoulder + 0.1),
                    at(0.2, 0.74),
                ],
                0.01,
            ),
        );
        let shine = top + 0.3 + 0.16 * (phase + x * 3.0).sin();
        ink.glow(
            [[210, 250, 255], [235, 255, 255], [255, 255, 255]],
            0.03,
            limb(at(-0.5, shine + 0.06), at(-0.05, shine - 0.04), 0.02, 0.015),
        );
    };
    spire(&mut ink, 0.42, -0.1, 0.15, 0.12);
    spire(&mut ink, -0.42, 0.0, 0.16, -0.14);
    spire(&mut ink, 0.2, -0.52, 0.19, 0.04);
    spire(&mut ink, -0.12, -0.84, 0.23, -0.02);
    spire(&mut ink, 0.08, 0.3, 0.15, 0.0);
    ink.add(
        [[48, 44, 66], [92, 86, 112], [160, 150, 170]],
        0.12,
        ellipse(Vec2::new(0.0, 0.82), Vec2::new(0.66, 0.15), 0.0),
    );
    ink
}
