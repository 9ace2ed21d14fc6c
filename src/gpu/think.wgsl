// Second part of a tick: perception and the dense layers, for the listed cells. An invocation updates a cell after another.
#import bevy_nca::grid::{params, jobs, weights, updates, listed, at, load, pack, unpack, cells, cell_at}
#import bevy_nca::grid::{UNIT, HIDDEN_BIAS, OUTPUT_BIAS, THINK_THREADS, TABLE, cell_flags, SECOND, DIRECTION}
#ifdef FORMS
#import bevy_nca::grid::bias_at
#endif
#ifdef MASKED
#import bevy_nca::grid::{maturity, MATURE, BEFORE, AFTER}

const ALIVE_QUAD: u32 = #{ALIVE_QUAD}u;
const ALIVE_LANE: u32 = #{ALIVE_LANE}u;
#endif

const QUADS: u32 = #{QUADS}u;
const FEATURE_QUADS: u32 = #{FEATURE_QUADS}u;
const HIDDEN: u32 = #{HIDDEN}u;

@compute @workgroup_size(THINK_THREADS)
fn think(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let count = atomicLoad(&listed.count);
    for (var i = id.x; i < count; i += groups.x * THINK_THREADS) {
        let entry = listed.cells[i];
        update(entry / cells(), entry % cells());
    }
}

/// A quad of a cell's channels; zeros outside of the grid.
fn load_around(slot: u32, quad: u32, cell: i32) -> vec4<f32> {
    if cell < 0 {
        return vec4(0.0);
    }
    return load(slot, quad, u32(cell));
}

/// The neighbors of a cell; -1 outside of the grid.
struct Around {
    nw: i32,
    n: i32,
    ne: i32,
    w: i32,
    e: i32,
    sw: i32,
    s: i32,
    se: i32,
}

/// A quad of channels under each kernel.
struct Perceived {
    identity: vec4<f32>,
    sobel_x: vec4<f32>,
    sobel_y: vec4<f32>,
    laplacian: vec4<f32>,
}

fn perceive(slot: u32, quad: u32, cell: u32, around: Around, rotation: vec2<f32>) -> Perceived {
    let nw = load_around(slot, quad, around.nw);
    let n = load_around(slot, quad, around.n);
    let ne = load_around(slot, quad, around.ne);
    let w = load_around(slot, quad, around.w);
    let e = load_around(slot, quad, around.e);
    let sw = load_around(slot, quad, around.sw);
    let s = load_around(slot, quad, around.s);
    let se = load_around(slot, quad, around.se);
    let center = load(slot, quad, cell);
    var gx = ((ne - nw) + 2.0 * (e - w) + (se - sw)) * 0.125;
    var gy = ((sw - nw) + 2.0 * (s - n) + (se - ne)) * 0.125;
#ifdef SOBEL_X
#ifdef SOBEL_Y
    let upright = gx;
    gx = upright * rotation.x - gy * rotation.y;
    gy = upright * rotation.y + gy * rotation.x;
#endif
#endif
    let laplacian = ((nw + ne) + (sw + se) + 2.0 * ((n + s) + (w + e)) - 12.0 * center) * 0.0625;
    return Perceived(center, gx, gy, laplacian);
}

/// The products of a quad's features with the weights of a hidden unit. `row` is the index of those weights.
fn products(features: Perceived, row: u32, quad: u32) -> vec4<f32> {
    var sum = vec4(0.0);
#ifdef IDENTITY
    sum += features.identity * weights[row + #{IDENTITY}u * QUADS + quad];
#endif
#ifdef SOBEL_X
    sum += features.sobel_x * weights[row + #{SOBEL_X}u * QUADS + quad];
#endif
#ifdef SOBEL_Y
    sum += features.sobel_y * weights[row + #{SOBEL_Y}u * QUADS + quad];
#endif
#ifdef LAPLACIAN
    sum += features.laplacian * weights[row + #{LAPLACIAN}u * QUADS + quad];
#endif
    return sum;
}

/// Whether all four values are finite. Infinities and NaNs have every exponent bit set. A comparison of floats could be
/// optimized away.
fn is_finite(values: vec4<f32>) -> bool {
    let exponents = bitcast<vec4<u32>>(values) & vec4(0x7F800000u);
    return all(exponents != vec4(0x7F800000u));
}

/// The most of the values of a cell that has fired.
fn limit(flags: u32) -> f32 {
#ifdef OVERGROWTH
    if (flags & SECOND) != 0u {
        return params.overgrowth_clamp;
    }
#endif
    return params.clamp;
}

/// The rule that a cell follows: where it begins in `weights`.
fn table_of(flags: u32) -> u32 {
#ifdef OVERGROWTH
    if (flags & SECOND) != 0u {
        return TABLE;
    }
#endif
    return 0u;
}

/// Stores a quad of the new values of a cell, zeros if they are not finite.
fn finish(slot: u32, index: u32, quad: u32, cell: u32, values: vec4<f32>, most: f32, finite: bool) {
    let clamped = clamp(values, vec4(-most), vec4(most));
    let stored = pack(select(vec4(0.0), clamped, finite));
    updates[at(index, quad, cell)] = stored;
#ifdef MASKED
    if quad == ALIVE_QUAD {
        let was_mature = (cell_flags[slot * cells() + cell] & MATURE) != 0u;
        // The value as it will be read.
        let is_mature = unpack(stored)[ALIVE_LANE] > params.alive_threshold;
        maturity[index * cells() + cell] = u32(was_mature) * BEFORE | u32(is_mature) * AFTER;
    }
#endif
}

/// A rotation, turned further by the direction in the flags of a cell.
fn directed(rotation: vec2<f32>, flags: u32) -> vec2<f32> {
    if (flags & DIRECTION) == 0u {
        return rotation;
    }
    let numbers = vec2(extractBits(bitcast<i32>(flags), 4u, 14u), extractBits(bitcast<i32>(flags), 18u, 14u));
    let direction = vec2<f32>(numbers) * (1.0 / 8191.0);
    return vec2(
        rotation.x * direction.x - rotation.y * direction.y,
        rotation.y * direction.x + rotation.x * direction.y,
    );
}

/// Computes the new values of a cell. `index` is the index of its job in this dispatch.
///
/// The quads are variables, not arrays that loops index: they stay in registers, whatever a driver makes of the loops.
fn update(index: u32, cell: u32) {
    let job = jobs[params.first_job + index];
    let slot = job.slot;
    let flags = cell_flags[slot * cells() + cell];
    let rotation = directed(job.rotation, flags);
    let table = table_of(flags);
    let most = limit(flags);
    let here = vec2<i32>(vec2(cell % params.size.x, cell / params.size.x));
    let around = Around(
        cell_at(here + vec2(-1, -1)),
        cell_at(here + vec2(0, -1)),
        cell_at(here + vec2(1, -1)),
        cell_at(here + vec2(-1, 0)),
        cell_at(here + vec2(1, 0)),
        cell_at(here + vec2(-1, 1)),
        cell_at(here + vec2(0, 1)),
        cell_at(here + vec2(1, 1)),
    );
    let p0 = perceive(slot, 0u, cell, around, rotation);
    var d0 = weights[table + OUTPUT_BIAS + 0u];
    let p1 = perceive(slot, 1u, cell, around, rotation);
    var d1 = weights[table + OUTPUT_BIAS + 1u];
#if QUADS > 2
    let p2 = perceive(slot, 2u, cell, around, rotation);
    var d2 = weights[table + OUTPUT_BIAS + 2u];
#endif
#if QUADS > 3
    let p3 = perceive(slot, 3u, cell, around, rotation);
    var d3 = weights[table + OUTPUT_BIAS + 3u];
#endif
#if QUADS > 4
    let p4 = perceive(slot, 4u, cell, around, rotation);
    var d4 = weights[table + OUTPUT_BIAS + 4u];
#endif
#if QUADS > 5
    let p5 = perceive(slot, 5u, cell, around, rotation);
    var d5 = weights[table + OUTPUT_BIAS + 5u];
#endif
#if QUADS > 6
    let p6 = perceive(slot, 6u, cell, around, rotation);
    var d6 = weights[table + OUTPUT_BIAS + 6u];
#endif
#if QUADS > 7
    let p7 = perceive(slot, 7u, cell, around, rotation);
    var d7 = weights[table + OUTPUT_BIAS + 7u];
#endif
    for (var unit = 0u; unit < HIDDEN; unit++) {
        let row = table + unit * UNIT;
        var sum = vec4(0.0);
        sum += products(p0, row, 0u);
        sum += products(p1, row, 1u);
#if QUADS > 2
        sum += products(p2, row, 2u);
#endif
#if QUADS > 3
        sum += products(p3, row, 3u);
#endif
#if QUADS > 4
        sum += products(p4, row, 4u);
#endif
#if QUADS > 5
        sum += products(p5, row, 5u);
#endif
#if QUADS > 6
        sum += products(p6, row, 6u);
#endif
#if QUADS > 7
        sum += products(p7, row, 7u);
#endif
#ifdef FORMS
        let bias = bitcast<f32>(cell_flags[bias_at(slot, unit)]);
#else
        let bias = weights[table + HIDDEN_BIAS + unit / 4u][unit % 4u];
#endif
        let total = bias + ((sum.x + sum.y) + (sum.z + sum.w));
        // `max` may drop a NaN.
        let hidden = select(total, 0.0, total < 0.0);
        d0 += hidden * weights[row + FEATURE_QUADS + 0u];
        d1 += hidden * weights[row + FEATURE_QUADS + 1u];
#if QUADS > 2
        d2 += hidden * weights[row + FEATURE_QUADS + 2u];
#endif
#if QUADS > 3
        d3 += hidden * weights[row + FEATURE_QUADS + 3u];
#endif
#if QUADS > 4
        d4 += hidden * weights[row + FEATURE_QUADS + 4u];
#endif
#if QUADS > 5
        d5 += hidden * weights[row + FEATURE_QUADS + 5u];
#endif
#if QUADS > 6
        d6 += hidden * weights[row + FEATURE_QUADS + 6u];
#endif
#if QUADS > 7
        d7 += hidden * weights[row + FEATURE_QUADS + 7u];
#endif
    }
    var finite = true;
    d0 = load(slot, 0u, cell) + params.step_size * d0;
    finite = finite && is_finite(d0);
    d1 = load(slot, 1u, cell) + params.step_size * d1;
    finite = finite && is_finite(d1);
#if QUADS > 2
    d2 = load(slot, 2u, cell) + params.step_size * d2;
    finite = finite && is_finite(d2);
#endif
#if QUADS > 3
    d3 = load(slot, 3u, cell) + params.step_size * d3;
    finite = finite && is_finite(d3);
#endif
#if QUADS > 4
    d4 = load(slot, 4u, cell) + params.step_size * d4;
    finite = finite && is_finite(d4);
#endif
#if QUADS > 5
    d5 = load(slot, 5u, cell) + params.step_size * d5;
    finite = finite && is_finite(d5);
#endif
#if QUADS > 6
    d6 = load(slot, 6u, cell) + params.step_size * d6;
    finite = finite && is_finite(d6);
#endif
#if QUADS > 7
    d7 = load(slot, 7u, cell) + params.step_size * d7;
    finite = finite && is_finite(d7);
#endif
    finish(slot, index, 0u, cell, d0, most, finite);
    finish(slot, index, 1u, cell, d1, most, finite);
#if QUADS > 2
    finish(slot, index, 2u, cell, d2, most, finite);
#endif
#if QUADS > 3
    finish(slot, index, 3u, cell, d3, most, finite);
#endif
#if QUADS > 4
    finish(slot, index, 4u, cell, d4, most, finite);
#endif
#if QUADS > 5
    finish(slot, index, 5u, cell, d5, most, finite);
#endif
#if QUADS > 6
    finish(slot, index, 6u, cell, d6, most, finite);
#endif
#if QUADS > 7
    finish(slot, index, 7u, cell, d7, most, finite);
#endif
}
