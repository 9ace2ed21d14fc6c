//! A worm that crawls in place, three times as long as high.

use std::f32::consts::TAU;

use bevy::prelude::*;

use crate::ink::{Ink, Tones, ellipse, polygon};

const RING: Tones = [[94, 40, 36], [196, 96, 62], [255, 190, 118]];
const BELT: Tones = [[70, 26, 44], [150, 52, 66], [226, 110, 96]];
const SPIKE: Tones = [[92, 84, 74], [206, 196, 170], [255, 250, 232]];
const EYE: Tones = [[210, 190, 60], [255, 236, 120], [255, 255, 220]];
const PUPIL: Tones = [[20, 10, 24], [30, 16, 34], [60, 40, 66]];

const RINGS: usize = 11;

pub fn worm(phase: f32) -> Ink {
    let mut ink = Ink::new(0.022);
    // A wave runs through the body, from the head at the right to the tail.
    let middle = move |share: f32| {
        let bend = (phase + share * TAU * 1.1).sin();
        Vec2::new(-0.78 + 1.5 * share, 0.055 * bend * (1.25 - share))
    };
    let thick = |share: f32| 0.12 + 0.13 * (share * 3.0).min(1.0).sqrt();
    // Spikes behind the rings, on the back.
    for ring in 1..RINGS {
        let share = ring as f32 / RINGS as f32;
        let (at, high) = (middle(share), thick(share));
        let tip = at - Vec2::new(0.07, high + 0.075);
        ink.add(
            SPIKE,
            0.05,
            polygon(vec![at - Vec2::new(0.07, high * 0.6), tip, at + Vec2::new(0.06, -high * 0.6)], 0.008),
        );
    }
    for ring in 0..=RINGS {
        let share = ring as f32 / RINGS as f32;
        let squeeze = 1.0 + 0.06 * (phase * 2.0 - share * TAU * 2.0).sin();
        let tones = if ring % 2 == 0 { RING } else { BELT };
        ink.add(tones, thick(share), ellipse(middle(share), Vec2::new(0.13, thick(share) * squeeze), 0.0));
    }
    let head = middle(1.0) + Vec2::new(0.04, 0.0);
    ink.add(RING, 0.24, ellipse(head, Vec2::new(0.19, 0.27), 0.0));
    // The jaws open and shut.
    let gape = 0.035 + 0.03 * phase.sin();
    let mouth = head + Vec2::new(0.1, 0.09);
    ink.add(PUPIL, 0.1, ellipse(mouth, Vec2::new(0.11, 0.05 + gape), 0.1));
    for (side, up) in [(-1.0, 0.0), (1.0, 0.05)] {
        let root = mouth + Vec2::new(0.02 + up, side * (0.05 + gape));
        let tooth =
            vec![root - Vec2::new(0.045, 0.0), root + Vec2::new(0.045, 0.0), root - Vec2::new(0.0, side * 0.075)];
        ink.add(SPIKE, 0.03, polygon(tooth, 0.004));
    }
    ink.add(EYE, 0.08, ellipse(head + Vec2::new(0.02, -0.1), Vec2::splat(0.075), 0.0));
    ink.add(PUPIL, 0.05, ellipse(head + Vec2::new(0.04, -0.1), Vec2::new(0.025, 0.045), 0.0));
    ink
}
