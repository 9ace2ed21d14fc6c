// How much of a cell is shown, for all shaders that show cells. Thresholds and formulas are those of `picture.rs`.
#define_import_path bevy_nca::shown

const CRISP_FROM: f32 = 0.15;
const CRISP_TO: f32 = 0.35;
const PLACE_FROM: f32 = 0.06;
const PLACE_TO: f32 = 0.16;
const LIFE_FROM: f32 = 0.35;
const LIFE_TO: f32 = 0.65;

/// How opaque a cell with this alpha is, 0 to 1.
fn life(alpha: f32) -> f32 {
    return saturate((alpha - LIFE_FROM) / (LIFE_TO - LIFE_FROM));
}

/// How lost a cell is that is this far from its place, 0 to 1.
fn lost_by_place(off: vec2<f32>) -> f32 {
    return saturate((max(abs(off.x), abs(off.y)) - PLACE_FROM) / (PLACE_TO - PLACE_FROM));
}

/// How lost a cell is whose color is this far from that of the grown sprite, 0 to 1.
fn lost_by_color(off: vec4<f32>) -> f32 {
    let apart = abs(off);
    return saturate((max(max(apart.r, apart.g), max(apart.b, apart.a)) - CRISP_FROM) / (CRISP_TO - CRISP_FROM));
}
