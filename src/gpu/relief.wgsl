// Derives the relief of a picture that tiles.
#import bevy_core_pipeline::fullscreen_vertex_shader::FullscreenVertexOutput

struct Relief {
    /// The share of red, green and blue in the height.
    channels: vec3<f32>,
    /// The height of a full channel, in pixels.
    height: f32,
    /// Whether depths are drawn, and not normals.
    is_depth: u32,
}

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var<uniform> relief: Relief;

/// The height at a pixel, which may lie beyond the edge by one.
fn height_at(at: vec2<i32>) -> f32 {
    let size = vec2<i32>(textureDimensions(picture));
    let color = textureLoad(picture, (at + size) % size, 0);
    return dot(color.rgb * color.a, relief.channels);
}

@fragment
fn draw(in: FullscreenVertexOutput) -> @location(0) vec4<f32> {
    let at = vec2<i32>(in.position.xy);
    if relief.is_depth != 0u {
        return vec4(vec3(saturate(1.0 - height_at(at))), 1.0);
    }
    // Sobel filters.
    var slope = vec2(0.0);
    for (var i = -1; i <= 1; i++) {
        let weight = f32(2 - abs(i)) / 8.0;
        slope.x += weight * (height_at(at + vec2(1, i)) - height_at(at + vec2(-1, i)));
        slope.y += weight * (height_at(at + vec2(i, 1)) - height_at(at + vec2(i, -1)));
    }
    slope *= relief.height;
    // Rows go down, but the y of tangent space goes up.
    let normal = normalize(vec3(-slope.x, slope.y, 1.0));
    return vec4(normal * 0.5 + 0.5, 1.0);
}
