//! A flower that bites.

use std::f32::consts::{PI, TAU};

use bevy::prelude::*;

use crate::ink::{Ink, Tones, both, ellipse, limb, polygon, tail};

const STEM: Tones = [[28, 84, 56], [70, 150, 70], [178, 224, 110]];
const LEAF: Tones = [[22, 92, 70], [52, 164, 90], [190, 240, 130]];
const PETAL: Tones = [[150, 26, 90], [236, 76, 126], [255, 186, 190]];
const LIP: Tones = [[180, 60, 40], [250, 140, 70], [255, 230, 150]];
const THROAT: Tones = [[50, 8, 40], [96, 16, 60], [150, 40, 80]];
const TOOTH: Tones = [[190, 170, 150], [244, 236, 214], [255, 255, 255]];
const SPOT: Tones = [[255, 190, 90], [255, 224, 150], [255, 250, 220]];
const SOIL: Tones = [[60, 34, 40], [112, 66, 58], [176, 120, 90]];

pub fn plant(phase: f32) -> Ink {
    let mut ink = Ink::new(0.024);
    let sway = phase.sin();
    let bend = move |along: f32| {
        Vec2::new(
            0.2 * (along * 3.4).sin() * (1.0 - along) + 0.13 * sway * along * along - 0.04 * along,
            0.8 - 0.96 * along,
        )
    };
    let head = bend(1.0) + Vec2::new(0.02, -0.08);

    // Roots in a mound, leaves, and the stem between them.
    ink.add(SOIL, 0.16, both(ellipse(Vec2::new(0.0, 0.98), Vec2::new(0.62, 0.24), 0.0), |at: Vec2| at.y - 0.95));
    let leaf = |side: f32, root: Vec2, size: f32, lag: f32| {
        let lift = 0.1 * (phase - lag).sin();
        (0..7)
            .map(move |index| {
                let along = index as f32 / 6.0;
                root + Vec2::new(side * size * along, -size * (0.75 * along - 0.85 * along * along + lift * along))
            })
            .collect::<Vec<_>>()
    };
    for (side, along, size, lag) in
        [(-1.0, 0.12, 0.66, 0.5), (1.0, 0.2, 0.62, 1.4), (-1.0, 0.45, 0.44, 2.2), (1.0, 0.55, 0.36, 2.8)]
    {
        let points = leaf(side, bend(along), size, lag);
        let middle = points.clone();
        let blade = move |at: Vec2| {
            let widths = |index: usize| 0.15 * (index as f32 / 6.0 * PI).sin().powf(0.7) * (size / 0.6) + 0.02;
            points
                .windows(2)
                .enumerate()
                .map(|(index, pair)| limb(pair[0], pair[1], widths(index), widths(index + 1))(at))
                .fold(f32::MAX, f32::min)
        };
        ink.add(LEAF, 0.13, blade);
        ink.add(STEM, 0.02, tail(middle, 0.016, 0.006));
    }
    let stem = (0..12).map(|index| bend(index as f32 / 11.0)).collect();
    ink.add(STEM, 0.08, tail(stem, 0.1, 0.075));
    for (along, side) in [(0.3, 1.0), (0.62, -1.0), (0.78, 1.0)] {
        let root = bend(along);
        ink.add(
            TOOTH,
            0.03,
            polygon(
                vec![
                    root + Vec2::new(side * 0.05, -0.05),
                    root + Vec2::new(side * 0.19, -0.05),
                    root + Vec2::new(side * 0.05, 0.05),
                ],
                0.008,
            ),
        );
    }
    // Petals around the head.
    for petal in 0..9 {
        let angle = petal as f32 / 9.0 * TAU + 0.1 * sway;
        let out = Vec2::from_angle(angle);
        let flutter = 0.02 * (phase * 2.0 + petal as f32 * 2.1).sin();
        ink.add(PETAL, 0.13, ellipse(head + out * (0.38 + flutter), Vec2::new(0.2, 0.14), angle));
    }
    // The mouth opens and shuts.
    let open = 0.17 + 0.09 * (phase * 2.0).sin();
    ink.add(LIP, 0.16, ellipse(head, Vec2::new(0.36, 0.34), 0.0));
    for index in 0..7 {
        let at = head + Vec2::from_angle(index as f32 * 0.93 + 3.4) * 0.28;
        ink.glow(SPOT, 0.04, ellipse(at, Vec2::splat(0.032), 0.0));
    }
    let gape = move || ellipse(head + Vec2::new(0.0, 0.02), Vec2::new(0.25, open), 0.0);
    ink.add(THROAT, 0.16, gape());
    ink.add(
        PETAL,
        0.08,
        both(ellipse(head + Vec2::new(0.02 * sway, 0.06 + open * 0.6), Vec2::new(0.12, 0.12), 0.0), gape()),
    );
    for index in 0..6 {
        let x = (index as f32 - 2.5) * 0.078;
        let rim = open * (1.0 - (x / 0.25_f32).powi(2)).max(0.0).sqrt();
        for up in [1.0, -1.0] {
            let root = head + Vec2::new(x, 0.02 - up * (rim + 0.01));
            let long = 0.045 + 0.35 * open;
            let tooth =
                vec![root + Vec2::new(-0.036, 0.0), root + Vec2::new(0.036, 0.0), root + Vec2::new(0.0, up * long)];
            ink.add(
                TOOTH,
                0.04,
                both(polygon(tooth, 0.006), ellipse(head + Vec2::new(0.0, 0.02), Vec2::new(0.27, open + 0.02), 0.0)),
            );
        }
    }
    ink
}
