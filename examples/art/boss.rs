//! A horned beast with a burning heart, which breathes.

use std::f32::consts::PI;

use bevy::prelude::*;

use crate::ink::{Ink, Tones, both, ellipse, limb, polygon, tail, without};

const HIDE: Tones = [[44, 26, 78], [96, 58, 140], [172, 118, 206]];
const DARK_HIDE: Tones = [[32, 18, 58], [66, 38, 104], [120, 78, 158]];
const BELLY: Tones = [[120, 70, 110], [190, 126, 150], [246, 204, 196]];
const HORN: Tones = [[120, 92, 76], [206, 178, 138], [255, 246, 214]];
const MOUTH: Tones = [[30, 6, 24], [64, 12, 36], [110, 26, 50]];
const FIRE: Tones = [[214, 66, 24], [255, 158, 40], [255, 246, 170]];
const EYE: Tones = [[190, 160, 30], [255, 224, 70], [255, 255, 220]];
const SPIKE: Tones = [[90, 30, 96], [170, 66, 140], [250, 150, 190]];

pub fn boss(phase: f32) -> Ink {
    let mut ink = Ink::new(0.016);
    let breath = phase.sin();
    let body = Vec2::new(0.0, 0.18 - 0.012 * breath);
    let head = Vec2::new(0.0, -0.3 - 0.03 * breath);

    // The tail and the spikes of the back.
    let swing = (0..9).map(|index| {
        let along = index as f32 / 8.0;
        Vec2::new(0.25 + 0.62 * along, 0.66 - 0.62 * along * along + 0.05 * (phase - along * 3.0).sin() * along)
    });
    ink.add(DARK_HIDE, 0.1, tail(swing.collect(), 0.15, 0.04));
    let tip = Vec2::new(0.87, 0.04 + 0.05 * (phase - 3.0).sin());
    ink.add(
        SPIKE,
        0.06,
        polygon(vec![tip + Vec2::new(-0.09, 0.02), tip + Vec2::new(0.02, -0.2), tip + Vec2::new(0.09, 0.05)], 0.01),
    );
    for index in 0..5 {
        let angle = -PI / 2.0 + (index as f32 - 2.0) * 0.42;
        let root = body + Vec2::new(angle.cos() * 0.5, angle.sin() * 0.55);
        let out = Vec2::from_angle(angle);
        ink.add(
            SPIKE,
            0.06,
            polygon(vec![root + out.perp() * 0.09, root + out * 0.24, root - out.perp() * 0.09], 0.01),
        );
    }
    // Feet, arms and trunk.
    for side in [-1.0, 1.0] {
        let foot = Vec2::new(side * 0.34, 0.82);
        ink.add(DARK_HIDE, 0.14, limb(body + Vec2::new(side * 0.3, 0.3), foot, 0.2, 0.17));
        for toe in [-0.12, 0.0, 0.12] {
            ink.add(HORN, 0.05, ellipse(foot + Vec2::new(toe + side * 0.03, 0.12), Vec2::new(0.055, 0.065), 0.0));
        }
    }
    ink.add(HIDE, 0.36, ellipse(body, Vec2::new(0.54, 0.57), 0.0));
    ink.add(BELLY, 0.3, ellipse(body + Vec2::new(0.0, 0.14), Vec2::new(0.36, 0.4), 0.0));
    for row in 0..4 {
        let y = body.y + 0.2 + 0.1 * row as f32;
        let wide = 0.26 - 0.05 * row as f32;
        ink.add(DARK_HIDE, 0.02, limb(Vec2::new(-wide, y), Vec2::new(wide, y), 0.008, 0.008));
    }
    // The heart burns behind cracks.
    let heart = body + Vec2::new(0.0, 0.06);
    let beat = 1.0 + 0.12 * (phase * 2.0).sin().max(0.0);
    for index in 0..6 {
        let out = Vec2::from_angle(index as f32 * PI / 3.0 + 0.3);
        ink.glow(FIRE, 0.05, limb(heart, heart + out * 0.2 * beat, 0.03, 0.006));
    }
    ink.glow(FIRE, 0.12, ellipse(heart, Vec2::splat(0.105 * beat), 0.0));
    for side in [-1.0, 1.0] {
        let lift = 0.05 * (phase + side * 0.6).sin();
        let shoulder = body + Vec2::new(side * 0.46, -0.22);
        let elbow = shoulder + Vec2::new(side * 0.26, 0.26 + lift);
        let hand = elbow + Vec2::new(-side * 0.1, 0.28 + lift);
        ink.add(HIDE, 0.12, limb(shoulder, elbow, 0.17, 0.13));
        ink.add(HIDE, 0.12, limb(elbow, hand, 0.13, 0.14));
        ink.add(
            SPIKE,
            0.05,
            polygon(
                vec![elbow + Vec2::new(0.0, -0.08), elbow + Vec2::new(side * 0.2, -0.04), elbow + Vec2::new(0.0, 0.08)],
                0.01,
            ),
        );
        for claw in [-0.09, 0.0, 0.09] {
            let root = hand + Vec2::new(claw, 0.1);
            ink.add(
                HORN,
                0.04,
                polygon(
                    vec![
                        root + Vec2::new(-0.04, -0.02),
                        root + Vec2::new(0.04, -0.02),
                        root + Vec2::new(-side * 0.02, 0.13),
                    ],
                    0.008,
                ),
            );
        }
    }
    // Horns, head, brows and eyes.
    for side in [-1.0, 1.0] {
        let horn = (0..7).map(|index| {
            let along = index as f32 / 6.0;
            head + Vec2::new(side * (0.26 + 0.34 * (along * 2.2).sin()), -0.14 - 0.44 * along)
        });
        ink.add(HORN, 0.08, tail(horn.collect(), 0.105, 0.012));
        ink.add(
            DARK_HIDE,
            0.07,
            polygon(
                vec![
                    head + Vec2::new(side * 0.3, -0.04),
                    head + Vec2::new(side * 0.58, -0.08),
                    head + Vec2::new(side * 0.32, 0.14),
                ],
                0.02,
            ),
        );
    }
    let skull = ellipse(head, Vec2::new(0.4, 0.34), 0.0);
    ink.add(HIDE, 0.26, skull);
    ink.add(HIDE, 0.16, ellipse(head + Vec2::new(0.0, 0.17), Vec2::new(0.33, 0.23), 0.0));
    for side in [-1.0, 1.0] {
        let eye = head + Vec2::new(side * 0.17, -0.05);
        ink.add(MOUTH, 0.1, ellipse(eye, Vec2::new(0.105, 0.085), side * 0.3));
        ink.glow(EYE, 0.07, ellipse(eye + Vec2::new(0.0, 0.01), Vec2::new(0.078, 0.058), side * 0.3));
        ink.add([[20, 6, 20]; 3], 0.1, ellipse(eye + Vec2::new(0.015 * phase.cos(), 0.01), Vec2::new(0.02, 0.05), 0.0));
        ink.add(
            DARK_HIDE,
            0.05,
            limb(eye + Vec2::new(side * 0.13, -0.12), eye + Vec2::new(-side * 0.1, -0.05), 0.04, 0.035),
        );
        ink.add(MOUTH, 0.05, ellipse(head + Vec2::new(side * 0.05, 0.11), Vec2::new(0.022, 0.03), side * 0.5));
    }
    // The mouth opens as it breathes.
    let open = 0.075 + 0.02 * breath;
    let jaw = head + Vec2::new(0.0, 0.24);
    let gape = move || ellipse(jaw, Vec2::new(0.23, open), 0.0);
    ink.add(MOUTH, 0.08, gape());
    for index in 0..6 {
        let x = (index as f32 - 2.5) * 0.07;
        let tooth = |up: f32| {
            let root = jaw
                + Vec2::new(
                    x + if up > 0.0 { 0.035 } else { 0.0 },
                    -up * open * (1.0 - (x / 0.24).powi(2)).max(0.0).sqrt(),
                );
            vec![root + Vec2::new(-0.032, 0.0), root + Vec2::new(0.032, 0.0), root + Vec2::new(0.0, up * 0.075)]
        };
        ink.add(HORN, 0.04, both(polygon(tooth(1.0), 0.006), gape()));
        if index > 0 {
            ink.add(HORN, 0.04, both(polygon(tooth(-1.0), 0.006), gape()));
        }
    }
    let chin = without(
        ellipse(jaw, Vec2::new(0.26, open + 0.035), 0.0),
        ellipse(jaw - Vec2::new(0.0, 0.03), Vec2::new(0.27, open + 0.01), 0.0),
    );
    ink.add(DARK_HIDE, 0.05, chin);
    ink
}
