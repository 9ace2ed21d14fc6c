// Skins: the art of sprites, shown through their cells. `Skin` in `skin.rs` is the same on the CPU.
#import bevy_render::maths::affine3_to_square
#import bevy_sprite::sprite_view_bindings::view
#ifdef TONEMAP_IN_SHADER
#import bevy_core_pipeline::tonemapping
#endif
#import bevy_render::color_operations::{linear_to_srgb, srgb_to_linear}
#ifdef OKLAB_OUTPUT
#import bevy_render::color_operations::linear_rgb_to_oklab
#endif

// Thresholds; see `picture.rs`.
const PLACE_FROM: f32 = 0.06;
const PLACE_TO: f32 = 0.16;
const CRISP_FROM: f32 = 0.15;
const CRISP_TO: f32 = 0.35;
const LIFE_FROM: f32 = 0.35;
const LIFE_TO: f32 = 0.65;

/// See `style`.
const COLORS: f32 = 1.0;

struct Instance {
    @builtin(vertex_index) index: u32,
    /// The transposed map from the cells of the sprite to the world.
    @location(0) to_world_x: vec4<f32>,
    @location(1) to_world_y: vec4<f32>,
    @location(2) to_world_z: vec4<f32>,
    @location(3) color: vec4<f32>,
    /// The color of lost tissue, and how much of it.
    @location(4) lost: vec4<f32>,
    /// The corner of the slot in the atlas, in pixels, and the size of the grid.
    @location(5) slot: vec4<f32>,
    /// The corner and size of the part of the grid that is drawn.
    @location(6) part: vec4<f32>,
    /// The corner and size of the model's target in the grid.
    @location(7) frame: vec4<f32>,
    /// The corner and size of the target in the texture of the art, in texture coordinates.
    @location(8) art: vec4<f32>,
    /// The least and the largest texture coordinates of the frame of the art.
    @location(9) bounds: vec4<f32>,
    /// Cosine and sine of the angle by which the sprite grows rotated; 1 if the edge of tissue follows pixels; 0 if its
    /// tissue is coordinates, `COLORS`, or more if it is colors without a target.
    @location(10) style: vec4<f32>,
}

struct Varying {
    @builtin(position) position: vec4<f32>,
    @location(0) cell: vec2<f32>,
    @location(1) @interpolate(flat) color: vec4<f32>,
    @location(2) @interpolate(flat) lost: vec4<f32>,
    @location(3) @interpolate(flat) slot: vec4<f32>,
    @location(4) @interpolate(flat) frame: vec4<f32>,
    @location(5) @interpolate(flat) art: vec4<f32>,
    @location(6) @interpolate(flat) bounds: vec4<f32>,
    @location(7) @interpolate(flat) style: vec4<f32>,
}

@group(1) @binding(0) var art_texture: texture_2d<f32>;
@group(1) @binding(1) var art_sampler: sampler;
@group(1) @binding(2) var tissue_texture: texture_2d<f32>;
@group(1) @binding(3) var tissue_sampler: sampler;
/// The target of a model of colors in its grid, premultiplied.
@group(1) @binding(4) var grown_texture: texture_2d<f32>;

@vertex
fn vertex(in: Instance) -> Varying {
    var out: Varying;
    out.cell = in.part.xy + vec2(f32(in.index & 1u), f32(in.index >> 1u)) * in.part.zw;
    let to_world = affine3_to_square(mat3x4(in.to_world_x, in.to_world_y, in.to_world_z));
    out.position = view.clip_from_world * to_world * vec4(out.cell, 0.0, 1.0);
    out.color = in.color;
    out.lost = in.lost;
    out.slot = in.slot;
    out.frame = in.frame;
    out.art = in.art;
    out.bounds = in.bounds;
    out.style = in.style;
    return out;
}

/// Turns a point of the grid about its center cell.
fn turned(point: vec2<f32>, size: vec2<f32>, rotation: vec2<f32>) -> vec2<f32> {
    let center = floor(size / 2.0) + 0.5;
    let offset = point - center;
    return vec2(offset.x * rotation.x - offset.y * rotation.y, offset.x * rotation.y + offset.y * rotation.x) + center;
}

/// The art at texture coordinates. Nothing beyond the edge of its frame.
fn art_at(uv: vec2<f32>, bounds: vec4<f32>, across: vec2<f32>, down: vec2<f32>) -> vec4<f32> {
    let color = textureSampleGrad(art_texture, art_sampler, uv, across, down);
    let is_inside = all(uv >= bounds.xy) && all(uv <= bounds.zw);
    return select(vec4(0.0), color, is_inside);
}

/// Adds what the tissue is off by, in premultiplied sRGB as the cells have it.
fn tinted_by(art: vec4<f32>, off: vec4<f32>, is_off: bool) -> vec4<f32> {
    if !is_off {
        return art;
    }
    let shown = saturate(vec4(linear_to_srgb(art.rgb) * art.a, art.a) + off);
    return vec4(srgb_to_linear(saturate(shown.rgb / max(shown.a, 0.001))), shown.a);
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let size = in.slot.zw;
    let rotation = in.style.xy;
    var cell = in.cell;
    var place = (turned(cell, size, rotation) - in.frame.xy) / in.frame.zw;
    // Before any jump of the place, so that the derivatives are those of the art at rest.
    let uv = in.art.xy + place * in.art.zw;
    let across = dpdx(uv);
    let down = dpdy(uv);
    if in.style.z > 0.0 {
        let pixels = vec2<f32>(textureDimensions(art_texture));
        place = ((floor(uv * pixels) + 0.5) / pixels - in.art.xy) / in.art.zw;
        cell = turned(in.frame.xy + place * in.frame.zw, size, vec2(rotation.x, -rotation.y));
        cell = clamp(cell, vec2(0.0), size);
    }
    let tissue_at = (in.slot.xy + cell) / vec2<f32>(textureDimensions(tissue_texture));
    let tissue = textureSampleLevel(tissue_texture, tissue_sampler, tissue_at, 0.0);
    var life = saturate((tissue.a - LIFE_FROM) / (LIFE_TO - LIFE_FROM));
    if in.style.z > 0.0 {
        life = step(0.5, life);
    }
    var share: f32;
    var color: vec4<f32>;
    if in.style.w > COLORS {
        color = art_at(uv, in.bounds, across, down);
    } else if in.style.w == COLORS {
        let grown_at = turned(cell, size, rotation) / size;
        let off = tissue - textureSampleLevel(grown_texture, tissue_sampler, grown_at, 0.0);
        let apart = abs(off);
        share = saturate((max(max(apart.r, apart.g), max(apart.b, apart.a)) - CRISP_FROM) / (CRISP_TO - CRISP_FROM));
        color = tinted_by(art_at(uv, in.bounds, across, down), off * share, share > 0.0);
    } else {
        let off = tissue.xy / max(tissue.a, 0.001) - place;
        share = saturate((max(abs(off.x), abs(off.y)) - PLACE_FROM) / (PLACE_TO - PLACE_FROM));
        let shown_at = in.art.xy + (place + off * share) * in.art.zw;
        // Where nothing is lost, the coordinates are those of the sprite, to the last bit.
        let at = select(shown_at, uv, share == 0.0 && in.style.z == 0.0);
        color = art_at(at, in.bounds, across, down);
    }
    color *= in.color * vec4(1.0, 1.0, 1.0, life);
    // A cell that is not a number shows nothing lost.
    share = select(0.0, share, share > 0.0);
    color = vec4(mix(color.rgb, in.lost.rgb, in.lost.a * share), color.a);
    // Discarded pixels would hide nothing behind them, but cost the blending.
    if !(color.a > 0.0) {
        discard;
    }
#ifdef TONEMAP_IN_SHADER
    color = tonemapping::tone_mapping(color, view.color_grading);
#endif
#ifdef SRGB_OUTPUT
    color = vec4(linear_to_srgb(color.rgb), color.a);
#endif
#ifdef OKLAB_OUTPUT
    color = vec4(linear_rgb_to_oklab(color.rgb), color.a);
#endif
    return color;
}
