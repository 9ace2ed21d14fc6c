// Skins: the art of sprites, shown through their cells.
#import bevy_nca::shown::{life, lost_by_color, lost_by_place}
#import bevy_nca::tissue::{COLORS, lost_tint, in_grid, off_place, on_body, tinted_by, turned}
#import bevy_render::maths::affine3_to_square
#import bevy_render::view::View
#ifdef TONEMAP_IN_SHADER
#import bevy_core_pipeline::tonemapping
#endif
#ifdef SRGB_OUTPUT
#import bevy_render::color_operations::linear_to_srgb
#endif
#ifdef OKLAB_OUTPUT
#import bevy_render::color_operations::linear_rgb_to_oklab
#endif

/// The edge of tissue follows the pixels of the art.
const PIXELATED: u32 = 1u;
/// The texture of the UV sheet is sRGB.
const UV_IS_SRGB: u32 = 2u;

/// The first binding of sprites, and of nodes.
@group(0) @binding(0) var<uniform> view: View;

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
    /// The part of the world that is drawn: its least and its largest coordinates.
    @location(10) clip: vec4<f32>,
    /// Cosine and sine of the angle by which the sprite grows rotated; flags; the kind of tissue.
    @location(11) style: vec4<f32>,
    /// From the texture coordinates of the art to those of art that fades out, and how much of that is still shown.
    @location(12) fading: vec4<f32>,
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
    @location(8) @interpolate(flat) clip: vec4<f32>,
    @location(9) world: vec2<f32>,
    @location(10) @interpolate(flat) fading: vec3<f32>,
}

@group(1) @binding(0) var art_texture: texture_2d<f32>;
@group(1) @binding(1) var art_sampler: sampler;
@group(1) @binding(2) var tissue_texture: texture_2d<f32>;
@group(1) @binding(3) var tissue_sampler: sampler;
/// The target of a model of colors in its grid, premultiplied.
@group(1) @binding(4) var grown_texture: texture_2d<f32>;
/// The UV sheet of the art, if there is one.
@group(1) @binding(5) var uv_texture: texture_2d<f32>;

@vertex
fn vertex(in: Instance) -> Varying {
    var out: Varying;
    out.cell = in.part.xy + vec2(f32(in.index & 1u), f32(in.index >> 1u)) * in.part.zw;
    let to_world = affine3_to_square(mat3x4(in.to_world_x, in.to_world_y, in.to_world_z));
    let world = to_world * vec4(out.cell, 0.0, 1.0);
    out.position = view.clip_from_world * world;
    out.world = world.xy;
    out.clip = in.clip;
    out.color = in.color;
    out.lost = in.lost;
    out.slot = in.slot;
    out.frame = in.frame;
    out.art = in.art;
    out.bounds = in.bounds;
    out.style = in.style;
    out.fading = in.fading.xyz;
    return out;
}

/// The art at texture coordinates, and what fades out. Nothing beyond the edge of its frame.
fn art_at(uv: vec2<f32>, in: Varying, across: vec2<f32>, down: vec2<f32>) -> vec4<f32> {
    if !(all(uv >= in.bounds.xy) && all(uv <= in.bounds.zw)) {
        return vec4(0.0);
    }
    let color = textureSampleGrad(art_texture, art_sampler, uv, across, down);
    let share = in.fading.z;
    if share == 0.0 {
        return color;
    }
    let earlier = textureSampleGrad(art_texture, art_sampler, uv + in.fading.xy, across, down);
    let alpha = mix(color.a, earlier.a, share);
    return vec4(mix(color.rgb * color.a, earlier.rgb * earlier.a, share) / max(alpha, 0.0001), alpha);
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
    let flags = u32(in.style.z);
    let is_pixelated = (flags & PIXELATED) != 0u;
    if is_pixelated {
        let pixels = vec2<f32>(textureDimensions(art_texture));
        place = ((floor(uv * pixels) + 0.5) / pixels - in.art.xy) / in.art.zw;
    }
    // Where it stands, and where on the body it lies.
    let stands = place;
#ifdef HAS_UV
    let texels = vec2<i32>(textureDimensions(uv_texture));
    let texel_at = vec2<i32>(floor((in.art.xy + stands * in.art.zw) * vec2<f32>(texels)));
    let texel = textureLoad(uv_texture, clamp(texel_at, vec2(0), texels - 1), 0);
    let lies_at = in.bounds.xy + on_body(texel, (flags & UV_IS_SRGB) != 0u) * (in.bounds.zw - in.bounds.xy);
    place = select(place, (lies_at - in.art.xy) / in.art.zw, texel.a >= 0.5);
#endif
    if is_pixelated || any(place != stands) {
        cell = turned(in.frame.xy + place * in.frame.zw, size, vec2(rotation.x, -rotation.y));
        cell = clamp(cell, vec2(0.0), size);
    }
    let tissue_at = (in.slot.xy + cell) / vec2<f32>(textureDimensions(tissue_texture));
    let tissue = textureSampleLevel(tissue_texture, tissue_sampler, tissue_at, 0.0);
    var shown = life(tissue.a);
    if is_pixelated {
        shown = step(0.5, shown);
    }
#ifdef HAS_UV
    // Parts may lie far from where they are seen: nothing swims beyond the pixels of the frame.
    if art_at(uv, in, across, down).a == 0.0 {
        discard;
    }
#endif
    var share: f32;
    var color: vec4<f32>;
    if in.style.w > COLORS {
        color = art_at(uv, in, across, down);
    } else if in.style.w == COLORS {
        let grown_at = in_grid(place, size, in.frame.zw) / size;
        let off = tissue - textureSampleLevel(grown_texture, tissue_sampler, grown_at, 0.0);
        share = lost_by_color(off);
        color = tinted_by(art_at(uv, in, across, down), off * share, share > 0.0);
    } else {
        let off = off_place(tissue, place);
        share = lost_by_place(off);
        let shown_at = in.art.xy + (stands + off * share) * in.art.zw;
        // Where nothing is lost, the coordinates are those of the sprite, to the last bit.
        let at = select(shown_at, uv, share == 0.0 && !is_pixelated);
        color = art_at(at, in, across, down);
    }
    color = lost_tint(color * in.color * vec4(1.0, 1.0, 1.0, shown), in.lost, share);
    // Discarded pixels would hide nothing behind them, but cost the blending.
    let is_clipped = any(in.world < in.clip.xy) || any(in.world > in.clip.zw);
    if is_clipped || !(color.a > 0.0) {
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
