//! A knight who stands and walks.

use std::f32::consts::{PI, TAU};

use bevy::prelude::*;

use crate::ink::{Ink, Tones, bone, both, ellipse, limb, polygon, shifted, tail};

const STEEL: Tones = [[58, 66, 102], [128, 146, 186], [226, 236, 250]];
const DARK_STEEL: Tones = [[40, 44, 74], [84, 94, 134], [150, 166, 204]];
const RED: Tones = [[116, 20, 44], [196, 44, 60], [250, 124, 96]];
const GOLD: Tones = [[134, 82, 24], [224, 164, 52], [255, 236, 140]];
const BLADE: Tones = [[120, 140, 170], [196, 212, 228], [255, 255, 255]];
const LEATHER: Tones = [[74, 42, 30], [132, 80, 50], [190, 132, 84]];
const EYES: Tones = [[90, 200, 250], [160, 232, 255], [255, 255, 255]];

/// Where the joints lie on the body: beside each other, so that a wound in an arm does not go through to the chest.
mod lies_at {
    use bevy::math::Vec2;

    pub const HIP: Vec2 = Vec2::new(0.0, 0.3);
    pub const CHEST: Vec2 = Vec2::new(0.02, -0.02);
    pub const HEAD: Vec2 = Vec2::new(0.05, -0.46);
    pub const NEAR_LEG: Vec2 = Vec2::new(-0.2, 0.42);
    pub const FAR_LEG: Vec2 = Vec2::new(0.2, 0.42);
    pub const NEAR_ARM: Vec2 = Vec2::new(0.6, -0.75);
    pub const FAR_ARM: Vec2 = Vec2::new(0.55, 0.0);
    pub const SWORD: Vec2 = Vec2::new(0.86, 0.5);
}

/// Row 0 stands and breathes, row 1 walks. The phase goes from 0 to TAU.
pub fn knight(phase: f32, walks: bool) -> Ink {
    let mut ink = Ink::new(0.026);
    let breath = phase.sin();
    let bob = if walks { 0.03 * (phase * 2.0).cos() } else { 0.012 * breath };
    let hip = Vec2::new(0.0, 0.3 + bob * 0.6);
    let chest = Vec2::new(0.02, -0.02 + bob);
    let head = Vec2::new(0.05, -0.46 + bob * 1.3);

    // The cape trails behind.
    let sway = move |row: f32| {
        if walks {
            0.1 * (phase * 2.0 - row * 2.0).sin() * row - 0.22 * row
        } else {
            0.05 * (phase - row * 1.5).sin() * row - 0.05 * row
        }
    };
    let cape =
        |row: f32, side: f32| Vec2::new(-0.12 + sway(row) + side * (0.13 + 0.1 * row), chest.y - 0.2 + row * 0.72);
    let rows = [0.0, 0.35, 0.7, 1.0];
    let outline = rows.iter().map(|row| cape(*row, -1.0)).chain(rows.iter().rev().map(|row| cape(*row, 1.0)));
    // It is straight on the body.
    let still = move |at: Vec2| {
        Vec2::new(at.x - sway(((at.y - chest.y + 0.2) / 0.72).clamp(0.0, 1.0)), at.y + lies_at::CHEST.y - chest.y)
    };
    ink.on_bone(still).add(RED, 0.16, polygon(outline.collect(), 0.03));

    let (far, near) = (gait(phase + PI, walks), gait(phase, walks));
    arm(&mut ink, chest + Vec2::new(0.1, -0.14), if walks { 0.5 * phase.sin() } else { 0.1 * breath }, false);
    leg(&mut ink, hip + Vec2::new(0.06, 0.0), far, DARK_STEEL, lies_at::FAR_LEG);
    leg(&mut ink, hip + Vec2::new(-0.06, 0.0), near, STEEL, lies_at::NEAR_LEG);

    // The tunic, the breastplate and the belt.
    let skirt = vec![
        hip + Vec2::new(-0.2, -0.1),
        hip + Vec2::new(0.2, -0.1),
        hip + Vec2::new(0.23, 0.12),
        hip + Vec2::new(-0.23, 0.12),
    ];
    ink.on_bone(shifted(hip, lies_at::HIP)).add(RED, 0.12, polygon(skirt, 0.02));
    ink.on_bone(shifted(chest, lies_at::CHEST)).add(STEEL, 0.2, ellipse(chest, Vec2::new(0.27, 0.3), 0.0));
    ink.add(GOLD, 0.05, limb(chest + Vec2::new(0.08, -0.2), chest + Vec2::new(0.08, 0.2), 0.025, 0.02));
    ink.on_bone(shifted(hip, lies_at::HIP)).add(
        LEATHER,
        0.06,
        limb(hip + Vec2::new(-0.19, -0.1), hip + Vec2::new(0.2, -0.1), 0.05, 0.05),
    );
    ink.add(GOLD, 0.05, ellipse(hip + Vec2::new(0.08, -0.1), Vec2::splat(0.065), 0.0));

    // The plume, the helmet and its visor.
    let plume = (0..6).map(|index| {
        let along = index as f32 / 5.0;
        let wave = 0.05 * (phase * if walks { 2.0 } else { 1.0 } - along * 3.0).sin() * along;
        head + Vec2::new(0.02 - 0.36 * along, -0.3 - 0.08 * (along * PI).sin() + 0.16 * along * along + wave)
    });
    ink.on_bone(shifted(head, lies_at::HEAD)).add(RED, 0.1, tail(plume.collect(), 0.1, 0.035));
    ink.add(STEEL, 0.22, ellipse(head, Vec2::new(0.26, 0.28), 0.0));
    let visor = ellipse(head + Vec2::new(0.12, 0.06), Vec2::new(0.19, 0.19), 0.0);
    ink.add(DARK_STEEL, 0.1, both(visor, ellipse(head, Vec2::new(0.27, 0.29), 0.0)));
    ink.add([[14, 12, 26]; 3], 0.1, limb(head + Vec2::new(0.03, 0.02), head + Vec2::new(0.22, 0.02), 0.05, 0.045));
    let blinks = !walks && phase > 5.4;
    if !blinks {
        for x in [0.09, 0.19] {
            ink.glow(EYES, 0.03, ellipse(head + Vec2::new(x, 0.02), Vec2::new(0.024, 0.032), 0.0));
        }
    }
    ink.add(GOLD, 0.05, limb(head + Vec2::new(0.02, -0.26), head + Vec2::new(0.1, -0.06), 0.03, 0.02));
    arm(&mut ink, chest + Vec2::new(-0.12, -0.14), if walks { -0.5 * phase.sin() } else { -0.08 * breath }, true);
    ink
}

/// The angles of the thigh and of the knee.
fn gait(phase: f32, walks: bool) -> (f32, f32) {
    if !walks {
        return (0.04, 0.05);
    }
    (0.62 * phase.sin(), 0.25 + 0.55 * (phase + TAU * 0.2).cos().max(0.0))
}

fn leg(ink: &mut Ink, hip: Vec2, (thigh, knee): (f32, f32), tones: Tones, lies_at: Vec2) {
    let down = |angle: f32| Vec2::new(angle.sin(), angle.cos());
    let middle = hip + down(thigh) * 0.25;
    let foot = middle + down(thigh - knee) * 0.26;
    ink.on_bone(bone(hip, middle, lies_at)).add(tones, 0.08, limb(hip, middle, 0.1, 0.085));
    ink.on_bone(bone(middle, foot, lies_at + Vec2::Y * 0.25)).add(tones, 0.08, limb(middle, foot, 0.088, 0.075));
    ink.add(GOLD, 0.06, ellipse(middle, Vec2::splat(0.07), 0.0));
    ink.add(DARK_STEEL, 0.07, limb(foot + Vec2::new(-0.03, 0.03), foot + Vec2::new(0.12, 0.04), 0.075, 0.06));
}

/// An arm. The near one holds the sword.
fn arm(ink: &mut Ink, shoulder: Vec2, swing: f32, is_near: bool) {
    let angle = swing + if is_near { 0.35 } else { 0.2 };
    let elbow = shoulder + Vec2::new(angle.sin(), angle.cos()) * 0.2;
    let bent = angle + 0.9;
    let hand = elbow + Vec2::new(bent.sin(), bent.cos()) * 0.2;
    let tones = if is_near { STEEL } else { DARK_STEEL };
    if is_near {
        let up = Vec2::from_angle(-1.05 + swing * 0.35);
        let side = up.perp();
        let tip = hand + up * 0.78;
        let blade = vec![
            hand + side * 0.055,
            tip - up * 0.12 + side * 0.05,
            tip,
            tip - up * 0.12 - side * 0.05,
            hand - side * 0.055,
        ];
        ink.on_bone(bone(tip, hand, lies_at::SWORD - Vec2::Y * 0.78)).add(BLADE, 0.05, polygon(blade, 0.012));
        ink.add(GOLD, 0.05, limb(hand + up * 0.08 - side * 0.14, hand + up * 0.08 + side * 0.14, 0.04, 0.04));
        ink.add(LEATHER, 0.05, limb(hand - up * 0.13, hand + up * 0.06, 0.04, 0.04));
        ink.add(GOLD, 0.05, ellipse(hand - up * 0.15, Vec2::splat(0.05), 0.0));
    }
    let lies_at = if is_near { lies_at::NEAR_ARM } else { lies_at::FAR_ARM };
    ink.on_bone(bone(shoulder, elbow, lies_at)).add(tones, 0.08, limb(shoulder, elbow, 0.085, 0.075));
    ink.on_bone(bone(elbow, hand, lies_at + Vec2::Y * 0.2)).add(tones, 0.08, limb(elbow, hand, 0.075, 0.07));
    ink.add(LEATHER, 0.07, ellipse(hand, Vec2::splat(0.085), 0.0));
    ink.on_bone(bone(shoulder, elbow, lies_at)).add(
        tones,
        0.12,
        ellipse(shoulder + Vec2::new(0.0, -0.01), Vec2::new(0.145, 0.125), 0.0),
    );
}
