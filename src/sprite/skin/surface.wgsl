// Skins in 3D: a `StandardMaterial` whose maps are looked up where the tissue belongs.
#import bevy_nca::shown::{life, lost_by_color, lost_by_place}
#import bevy_nca::tissue::{COLORS, lost_tint, in_grid, off_place, on_body, tinted_by, turned}
#ifdef DEPTH_ONLY
#import bevy_pbr::pbr_prepass_functions::prepass_alpha_discard
#else
#import bevy_pbr::pbr_fragment::pbr_input_from_standard_material
#import bevy_pbr::pbr_functions::alpha_discard
#import bevy_pbr::pbr_types::PbrInput
#endif
#ifdef PREPASS_PIPELINE
#import bevy_pbr::prepass_io::VertexOutput
#ifdef PREPASS_FRAGMENT
#import bevy_pbr::prepass_io::FragmentOutput
#endif
#ifdef MOTION_VECTOR_PREPASS
#import bevy_pbr::pbr_prepass_functions::calculate_motion_vector
#endif
#ifdef DEFERRED_PREPASS
#import bevy_pbr::decal::clustered::apply_decals
#import bevy_pbr::pbr_deferred_functions::deferred_output
#endif
#else
#import bevy_pbr::decal::clustered::apply_decals
#import bevy_pbr::forward_io::{FragmentOutput, VertexOutput}
#import bevy_pbr::pbr_functions::{apply_pbr_lighting, main_pass_post_lighting_processing}
#import bevy_pbr::pbr_types::STANDARD_MATERIAL_FLAGS_UNLIT_BIT
#endif
#ifdef OIT_ENABLED
#import bevy_core_pipeline::oit::oit_draw
#import bevy_pbr::pbr_types::{STANDARD_MATERIAL_FLAGS_ALPHA_MODE_OPAQUE, STANDARD_MATERIAL_FLAGS_ALPHA_MODE_RESERVED_BITS}
#endif
#ifdef VISIBILITY_RANGE_DITHER
#import bevy_pbr::pbr_functions::visibility_range_dither
#endif

struct Skin {
    /// The corner of the slot in the atlas, in pixels, and the size of the grid; zero if there are no cells yet.
    slot: vec4<f32>,
    /// The corner and size of the model's target in the grid.
    frame: vec4<f32>,
    /// The corner and size of the target in the art, which is 0 to 1.
    region: vec4<f32>,
    /// The color of lost tissue, and how much of it.
    lost: vec4<f32>,
    /// The corner and size of the art in its image, which is 0 to 1.
    part: vec4<f32>,
    /// Cosine and sine of the angle by which the sprite grows rotated.
    rotation: vec2<f32>,
    /// The size of the art in pixels, if the edge of tissue follows pixels, or zero.
    pixels: vec2<f32>,
    /// The size of the atlas.
    atlas: vec2<f32>,
    /// The kind of tissue.
    tissue: f32,
    /// 1 if the alpha of the art is ignored.
    opaque: f32,
    /// 1 if there is a UV sheet, 2 if its texture is sRGB.
    uv: u32,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(100) var<uniform> skin: Skin;
@group(#{MATERIAL_BIND_GROUP}) @binding(101) var tissue_texture: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(102) var tissue_sampler: sampler;
/// The target of a model of colors in its grid, premultiplied.
@group(#{MATERIAL_BIND_GROUP}) @binding(103) var grown_texture: texture_2d<f32>;
/// The UV sheet of the art, if there is one.
@group(#{MATERIAL_BIND_GROUP}) @binding(104) var uv_texture: texture_2d<f32>;

/// The tissue at a place of the art.
struct Tissue {
    /// Where the art is looked up.
    uv: vec2<f32>,
    /// How opaque it is, 0 to 1.
    opacity: f32,
    /// How much of it is lost, 0 to 1.
    share: f32,
    /// What its color is off by.
    off: vec4<f32>,
}

fn tissue_at(uv: vec2<f32>) -> Tissue {
    let size = skin.slot.zw;
    var at = uv;
    if skin.pixels.x > 0.0 {
        at = (floor(uv * skin.pixels) + 0.5) / skin.pixels;
    }
    if skin.uv > 0u {
        let pixels = vec2<i32>(textureDimensions(uv_texture));
        let stands = vec2<i32>(floor((skin.part.xy + at * skin.part.zw) * vec2<f32>(pixels)));
        let texel = textureLoad(uv_texture, clamp(stands, vec2(0), pixels - 1), 0);
        at = select(at, on_body(texel, skin.uv > 1u), texel.a >= 0.5);
    }
    let place = (at - skin.region.xy) / skin.region.zw;
    let upright = skin.frame.xy + place * skin.frame.zw;
    let cell = turned(upright, size, vec2(skin.rotation.x, -skin.rotation.y));
    let tissue_uv = (skin.slot.xy + clamp(cell, vec2(0.0), size)) / skin.atlas;
    let tissue = textureSampleLevel(tissue_texture, tissue_sampler, tissue_uv, 0.0);
    var found: Tissue;
    found.opacity = life(tissue.a);
    if skin.pixels.x > 0.0 {
        found.opacity = step(0.5, found.opacity);
    }
    found.uv = uv;
    if skin.tissue == COLORS {
        let off = tissue - textureSampleLevel(grown_texture, tissue_sampler, in_grid(place, size, skin.frame.zw) / size, 0.0);
        found.share = lost_by_color(off);
        found.off = off * found.share;
    } else if skin.tissue < COLORS {
        let off = off_place(tissue, place);
        found.share = lost_by_place(off);
        found.uv = uv + off * found.share * skin.region.zw;
    }
    // Nothing lives beyond the grid, or beyond the art.
    let is_inside = all(cell >= vec2(0.0)) && all(cell <= size) && all(found.uv >= vec2(0.0)) && all(found.uv <= vec2(1.0));
    found.opacity = select(0.0, found.opacity, is_inside && size.x > 0.0);
    return found;
}

#ifdef DEPTH_ONLY
/// Discards what does not live or is transparent: shadows have the holes of the tissue.
fn discard_dead(vertex: VertexOutput) {
    var in = vertex;
#ifdef VERTEX_UVS_A
    let tissue = tissue_at(in.uv);
    if tissue.opacity < 0.5 {
        discard;
    }
    in.uv = tissue.uv;
    if skin.opaque > 0.0 {
        return;
    }
    if skin.uv > 0u {
        // Nothing swims beyond the pixels of the art.
        prepass_alpha_discard(vertex);
    }
#endif
    prepass_alpha_discard(in);
}
#else
/// The input of lighting, with the art at living coordinates.
fn living_input(vertex: VertexOutput, is_front: bool) -> PbrInput {
    var in = vertex;
#ifdef VERTEX_UVS_A
    let tissue = tissue_at(in.uv);
#ifdef VERTEX_UVS_B
    in.uv_b += tissue.uv - in.uv;
#endif
    in.uv = tissue.uv;
#endif
    var pbr_input = pbr_input_from_standard_material(in, is_front);
#ifdef VERTEX_UVS_A
    if skin.opaque > 0.0 {
        pbr_input.material.base_color.a = 1.0;
    }
    var color = tinted_by(pbr_input.material.base_color, tissue.off, any(tissue.off != vec4(0.0)));
    color = lost_tint(color, skin.lost, tissue.share);
    pbr_input.material.base_color = vec4(color.rgb, color.a * tissue.opacity);
    if !(tissue.opacity > 0.0) {
        discard;
    }
    if skin.uv > 0u && skin.opaque == 0.0 {
        // With a UV sheet, parts may lie far from where they are seen: nothing swims beyond the pixels of the art.
        if pbr_input_from_standard_material(vertex, is_front).material.base_color.a == 0.0 {
            discard;
        }
    }
#endif
    pbr_input.material.base_color = alpha_discard(pbr_input.material, pbr_input.material.base_color);
    return pbr_input;
}
#endif

#ifdef PREPASS_FRAGMENT
@fragment
fn fragment(in: VertexOutput, @builtin(front_facing) is_front: bool) -> FragmentOutput {
#ifdef VISIBILITY_RANGE_DITHER
    visibility_range_dither(in.position, in.visibility_range_dither);
#endif
    var out: FragmentOutput;
#ifdef DEPTH_ONLY
    discard_dead(in);
#else
    var pbr_input = living_input(in, is_front);
#ifdef DEFERRED_PREPASS
    apply_decals(&pbr_input);
    out = deferred_output(in, pbr_input);
#else ifdef NORMAL_PREPASS
    out.normal = vec4(pbr_input.N * 0.5 + vec3(0.5), 1.0);
#endif
#endif
#ifdef MOTION_VECTOR_PREPASS
    out.motion_vector = calculate_motion_vector(in.world_position, in.previous_world_position);
#endif
#ifdef UNCLIPPED_DEPTH_ORTHO_EMULATION
    out.frag_depth = in.unclipped_depth;
#endif
    return out;
}
#else ifdef DEPTH_ONLY
@fragment
fn fragment(in: VertexOutput) {
#ifdef VISIBILITY_RANGE_DITHER
    visibility_range_dither(in.position, in.visibility_range_dither);
#endif
    discard_dead(in);
}
#else
@fragment
fn fragment(in: VertexOutput, @builtin(front_facing) is_front: bool) -> FragmentOutput {
#ifdef VISIBILITY_RANGE_DITHER
    visibility_range_dither(in.position, in.visibility_range_dither);
#endif
    var pbr_input = living_input(in, is_front);
    apply_decals(&pbr_input);
    var out: FragmentOutput;
    if (pbr_input.material.flags & STANDARD_MATERIAL_FLAGS_UNLIT_BIT) == 0u {
        out.color = apply_pbr_lighting(pbr_input);
    } else {
        out.color = pbr_input.material.base_color;
    }
    out.color = main_pass_post_lighting_processing(pbr_input, out.color);
#ifdef OIT_ENABLED
    let alpha_mode = pbr_input.material.flags & STANDARD_MATERIAL_FLAGS_ALPHA_MODE_RESERVED_BITS;
    if alpha_mode != STANDARD_MATERIAL_FLAGS_ALPHA_MODE_OPAQUE {
        // The fragments are drawn when transparency is resolved.
        oit_draw(in.position, out.color);
        discard;
    }
#endif
    return out;
}
#endif
