// A straightforward tick: one thread per cell, and the dense layers for every cell, whether or not it lives and
// fires. This is the baseline for the plugin's shaders.

struct Params {
    size: vec2<u32>,
    tick: u32,
    fire_threshold: u32,
    alive_threshold: f32,
}

const CHANNELS: u32 = 16u;
/// Three or four kernels times the channels: identity, the gradients, and the Laplacian.
override FEATURES: u32;
const MAX_FEATURES: u32 = 64u;
override HIDDEN: u32;

@group(0) @binding(0) var<uniform> params: Params;
/// The hidden weights `[FEATURES][HIDDEN]`, the hidden biases, the output weights `[HIDDEN][CHANNELS]`, and the
/// output biases.
@group(0) @binding(1) var<storage, read> weights: array<f32>;
/// `[sprite][cell][channel]`
@group(0) @binding(2) var<storage, read_write> states: array<f32>;
@group(0) @binding(3) var<storage, read_write> updates: array<f32>;

fn mix(value: u32) -> u32 {
    var x = value;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    return x ^ (x >> 16u);
}

fn first(sprite: u32, cell: vec2<i32>) -> u32 {
    return (sprite * params.size.x * params.size.y + u32(cell.y) * params.size.x + u32(cell.x)) * CHANNELS;
}

fn state(sprite: u32, cell: vec2<i32>, channel: u32) -> f32 {
    if any(cell < vec2(0)) || any(cell >= vec2<i32>(params.size)) {
        return 0.0;
    }
    return states[first(sprite, cell) + channel];
}

@compute @workgroup_size(8, 8)
fn think(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let here = vec2<i32>(id.xy);
    var features: array<f32, MAX_FEATURES>;
    for (var c = 0u; c < CHANNELS; c++) {
        let nw = state(id.z, here + vec2(-1, -1), c);
        let n = state(id.z, here + vec2(0, -1), c);
        let ne = state(id.z, here + vec2(1, -1), c);
        let w = state(id.z, here + vec2(-1, 0), c);
        let e = state(id.z, here + vec2(1, 0), c);
        let sw = state(id.z, here + vec2(-1, 1), c);
        let s = state(id.z, here + vec2(0, 1), c);
        let se = state(id.z, here + vec2(1, 1), c);
        features[c] = state(id.z, here, c);
        features[CHANNELS + c] = ((ne - nw) + 2.0 * (e - w) + (se - sw)) / 8.0;
        features[2u * CHANNELS + c] = ((sw - nw) + 2.0 * (s - n) + (se - ne)) / 8.0;
        features[3u * CHANNELS + c] = (nw + ne + sw + se + 2.0 * (n + w + e + s) - 12.0 * features[c]) / 16.0;
    }
    let output_weights = (FEATURES + 1u) * HIDDEN;
    var delta: array<f32, CHANNELS>;
    for (var c = 0u; c < CHANNELS; c++) {
        delta[c] = weights[output_weights + HIDDEN * CHANNELS + c];
    }
    for (var unit = 0u; unit < HIDDEN; unit++) {
        var sum = weights[FEATURES * HIDDEN + unit];
        for (var feature = 0u; feature < FEATURES; feature++) {
            sum += features[feature] * weights[feature * HIDDEN + unit];
        }
        let hidden = max(sum, 0.0);
        for (var c = 0u; c < CHANNELS; c++) {
            delta[c] += hidden * weights[output_weights + unit * CHANNELS + c];
        }
    }
    let fires = mix((id.y * params.size.x + id.x) ^ mix(params.tick ^ mix(id.z))) < params.fire_threshold;
    let at = first(id.z, here);
    for (var c = 0u; c < CHANNELS; c++) {
        updates[at + c] = states[at + c] + select(0.0, delta[c], fires);
    }
}

/// Whether any cell of the 3x3 neighborhood is alive: x before the update, y after it.
fn near(sprite: u32, here: vec2<i32>) -> vec2<bool> {
    var most = vec2(0.0);
    for (var i = 0; i < 9; i++) {
        let cell = here + vec2(i % 3, i / 3) - 1;
        if all(cell >= vec2(0)) && all(cell < vec2<i32>(params.size)) {
            let at = first(sprite, cell) + 3u;
            most = max(most, vec2(states[at], updates[at]));
        }
    }
    return most > vec2(params.alive_threshold);
}

/// The life masks. They need a buffer of their own, because `live` overwrites the states that `judge` reads.
@group(0) @binding(4) var<storage, read_write> masks: array<u32>;

@compute @workgroup_size(8, 8)
fn judge(@builtin(global_invocation_id) id: vec3<u32>) {
    if all(id.xy < params.size) {
        let cell = first(id.z, vec2<i32>(id.xy)) / CHANNELS;
        masks[cell] = u32(all(near(id.z, vec2<i32>(id.xy))));
    }
}

@compute @workgroup_size(8, 8)
fn live(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = first(id.z, vec2<i32>(id.xy));
    for (var c = 0u; c < CHANNELS; c++) {
        states[at + c] = select(0.0, updates[at + c], masks[at / CHANNELS] != 0u);
    }
}
