// Halves a picture: each pixel is the mean of those that it covers, weighted by area and alpha. The views decode sRGB, so
// the mean is that of light.
#import bevy_core_pipeline::fullscreen_vertex_shader::FullscreenVertexOutput

@group(0) @binding(0) var finer: texture_2d<f32>;

@fragment
fn halve(in: FullscreenVertexOutput) -> @location(0) vec4<f32> {
    let size = textureDimensions(finer);
    // A side of an odd number of pixels is halved to fewer than half: a pixel then covers up to three.
    let scale = vec2<f32>(size) / vec2<f32>(max(size / 2u, vec2(1u)));
    let start = floor(in.position.xy) * scale;
    let end = start + scale;
    let last = min(vec2<u32>(ceil(end)), size);
    var sum = vec4(0.0);
    for (var y = u32(start.y); y < last.y; y++) {
        for (var x = u32(start.x); x < last.x; x++) {
            let corner = vec2(f32(x), f32(y));
            let covered = max(min(end, corner + 1.0) - max(start, corner), vec2(0.0));
            let color = textureLoad(finer, vec2(x, y), 0);
            sum += vec4(color.rgb * color.a, color.a) * (covered.x * covered.y);
        }
    }
    if sum.a == 0.0 {
        return vec4(0.0);
    }
    return vec4(sum.rgb / sum.a, sum.a / (scale.x * scale.y));
}
