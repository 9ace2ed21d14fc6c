// Tissue under art, for all shaders of skins. `Skin` in `skin.rs` is the same on the CPU.
#define_import_path bevy_nca::tissue
#import bevy_render::color_operations::{linear_to_srgb, srgb_to_linear}

/// The kinds of tissue: coordinates, colors with a target, colors without one.
const COORDINATES: f32 = 0.0;
const COLORS: f32 = 1.0;

/// Turns a point of the grid about its center cell. The rotation is a cosine and a sine.
fn turned(point: vec2<f32>, size: vec2<f32>, rotation: vec2<f32>) -> vec2<f32> {
    let center = floor(size / 2.0) + 0.5;
    let offset = point - center;
    return vec2(offset.x * rotation.x - offset.y * rotation.y, offset.x * rotation.y + offset.y * rotation.x) + center;
}

/// The point of the grid at a place in the target, upright and at its place: the target of this size is centered.
fn in_grid(place: vec2<f32>, size: vec2<f32>, target_size: vec2<f32>) -> vec2<f32> {
    return floor((size - target_size) / 2.0) + place * target_size;
}

/// The place of a texel of a UV sheet on the body, 0 to 1 over the frame of the art. Its bytes count, not its colors.
fn on_body(texel: vec4<f32>, is_srgb: bool) -> vec2<f32> {
    return select(texel.rgb, linear_to_srgb(texel.rgb), is_srgb).xy;
}

/// How far tissue of coordinates is from a place.
fn off_place(tissue: vec4<f32>, place: vec2<f32>) -> vec2<f32> {
    return tissue.xy / max(tissue.a, 0.001) - place;
}

/// Adds what tissue of colors is off by, in premultiplied sRGB as the cells have it.
fn tinted_by(art: vec4<f32>, off: vec4<f32>, is_off: bool) -> vec4<f32> {
    if !is_off {
        return art;
    }
    let shown = saturate(vec4(linear_to_srgb(art.rgb) * art.a, art.a) + off);
    return vec4(srgb_to_linear(saturate(shown.rgb / max(shown.a, 0.001))), shown.a);
}

/// Tints what is lost. A cell that is not a number is not.
fn lost_tint(color: vec4<f32>, lost: vec4<f32>, share: f32) -> vec4<f32> {
    return vec4(mix(color.rgb, lost.rgb, lost.a * select(0.0, share, share > 0.0)), color.a);
}
