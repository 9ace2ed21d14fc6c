// First half of a tick: perception, the dense layers, and which cells fire.
//
// A workgroup updates a tile of one sprite:
//
// 1. Find the mature cells of the tile and its surroundings.
// 2. List the cells whose update matters: those that fire, are not dead ground, and are within two cells of a mature
//    one. (Within one, a cell can stay alive. Within two, its update can keep a neighbor alive. Farther away it does
//    neither.)
// 3. Run the dense layers for the listed cells. One invocation updates one cell.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, weights, updates, alive_before_after, cell_flags, at, load, pack, unpack, cells, cell_at, DEAD}
#ifdef MASKED
#import bevy_nca::grid::{alive_channel, lives}
#endif
#import bevy_nca::grid::{UNIT, HIDDEN_BIAS, OUTPUT_BIAS, THINK_TILE, THINK_THREADS}

const REACH: u32 = 2u;
const WIDE: u32 = THINK_TILE + 2u * REACH;

const QUADS: u32 = #{QUADS}u;
const FEATURE_QUADS: u32 = #{FEATURE_QUADS}u;
const HIDDEN: u32 = #{HIDDEN}u;

#ifdef MASKED
const ALIVE_QUAD: u32 = #{ALIVE_QUAD}u;
const ALIVE_LANE: u32 = #{ALIVE_LANE}u;
var<workgroup> mature: array<u32, WIDE * WIDE>;
var<workgroup> any_mature: atomic<u32>;
#endif
var<workgroup> list: array<u32, THINK_TILE * THINK_TILE>;
var<workgroup> listed: atomic<u32>;

@compute @workgroup_size(THINK_THREADS)
fn think(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let job = jobs[params.first_job + group.z];
    let corner = group.xy * THINK_TILE;
    if thread == 0u {
        atomicStore(&listed, 0u);
#ifdef MASKED
        atomicStore(&any_mature, 0u);
#endif
    }
    workgroupBarrier();

#ifdef MASKED
    for (var i = thread; i < WIDE * WIDE; i += THINK_THREADS) {
        let cell = cell_at(vec2<i32>(corner + vec2(i % WIDE, i / WIDE)) - i32(REACH));
        var is_mature = 0u;
        if cell >= 0 {
            is_mature = u32(lives(job.slot, u32(cell)));
        }
        mature[i] = is_mature;
        if is_mature != 0u {
            atomicStore(&any_mature, 1u);
        }
    }
    workgroupBarrier();
    let tile_is_dead = atomicLoad(&any_mature) == 0u;
#endif

    for (var i = thread; i < THINK_TILE * THINK_TILE; i += THINK_THREADS) {
        let position = corner + vec2(i % THINK_TILE, i / THINK_TILE);
        if any(position >= params.size) {
            continue;
        }
        let cell = position.y * params.size.x + position.x;
        var matters = fires(cell, job.key, params.fire_threshold) && (cell_flags[job.slot * cells() + cell] & DEAD) == 0u;
#ifdef MASKED
        if tile_is_dead {
            matters = false;
        }
        if matters {
            var near = 0u;
            let first = (i / THINK_TILE) * WIDE + i % THINK_TILE;
            for (var y = 0u; y <= 2u * REACH; y++) {
                for (var x = 0u; x <= 2u * REACH; x++) {
                    near |= mature[first + y * WIDE + x];
                }
            }
            matters = near != 0u;
        }
        if !matters {
            alive_before_after[group.z * cells() + cell] = vec2(alive_channel(job.slot, cell));
        }
#endif
        if matters {
            list[atomicAdd(&listed, 1u)] = i;
        }
    }
    workgroupBarrier();

    let count = atomicLoad(&listed);
    for (var i = thread; i < count; i += THINK_THREADS) {
        update(job.slot, group.z, job.rotation, corner + vec2(list[i] % THINK_TILE, list[i] / THINK_TILE));
    }
}

/// A quad of a cell's channels; zeros outside of the grid.
fn load_around(slot: u32, quad: u32, cell: i32) -> vec4<f32> {
    if cell < 0 {
        return vec4(0.0);
    }
    return load(slot, quad, u32(cell));
}

/// `index` is the index of the job in this dispatch.
fn update(slot: u32, index: u32, rotation: vec2<f32>, position: vec2<u32>) {
    let here = vec2<i32>(position);
    let cell = position.y * params.size.x + position.x;
    var around: array<i32, 9>;
    for (var i = 0; i < 9; i++) {
        around[i] = cell_at(here + vec2(i % 3, i / 3) - 1);
    }

    var features: array<vec4<f32>, FEATURE_QUADS>;
    for (var quad = 0u; quad < QUADS; quad++) {
        let nw = load_around(slot, quad, around[0]);
        let n = load_around(slot, quad, around[1]);
        let ne = load_around(slot, quad, around[2]);
        let w = load_around(slot, quad, around[3]);
        let e = load_around(slot, quad, around[5]);
        let sw = load_around(slot, quad, around[6]);
        let s = load_around(slot, quad, around[7]);
        let se = load_around(slot, quad, around[8]);
        let center = load(slot, quad, cell);
        let gx = ((ne - nw) + 2.0 * (e - w) + (se - sw)) * 0.125;
        let gy = ((sw - nw) + 2.0 * (s - n) + (se - ne)) * 0.125;
#ifdef IDENTITY
        features[#{IDENTITY}u * QUADS + quad] = center;
#endif
#ifdef SOBEL_X
#ifdef SOBEL_Y
        features[#{SOBEL_X}u * QUADS + quad] = gx * rotation.x - gy * rotation.y;
        features[#{SOBEL_Y}u * QUADS + quad] = gx * rotation.y + gy * rotation.x;
#else
        features[#{SOBEL_X}u * QUADS + quad] = gx;
#endif
#else
#ifdef SOBEL_Y
        features[#{SOBEL_Y}u * QUADS + quad] = gy;
#endif
#endif
#ifdef LAPLACIAN
        features[#{LAPLACIAN}u * QUADS + quad] =
            ((nw + ne) + (sw + se) + 2.0 * ((n + s) + (w + e)) - 12.0 * center) * 0.0625;
#endif
    }

    var delta: array<vec4<f32>, QUADS>;
    for (var quad = 0u; quad < QUADS; quad++) {
        delta[quad] = weights[OUTPUT_BIAS + quad];
    }
    for (var unit = 0u; unit < HIDDEN; unit++) {
        let row = unit * UNIT;
        var sum = vec4(0.0);
        for (var i = 0u; i < FEATURE_QUADS; i++) {
            sum += features[i] * weights[row + i];
        }
        let bias = weights[HIDDEN_BIAS + unit / 4u][unit % 4u];
        let total = bias + ((sum.x + sum.y) + (sum.z + sum.w));
        // `max` may drop a NaN.
        let hidden = select(total, 0.0, total < 0.0);
        for (var quad = 0u; quad < QUADS; quad++) {
            delta[quad] += hidden * weights[row + FEATURE_QUADS + quad];
        }
    }

    // Infinities and NaNs have every exponent bit set. A comparison of floats could be optimized away.
    var finite = true;
    for (var quad = 0u; quad < QUADS; quad++) {
        delta[quad] = load(slot, quad, cell) + params.step_size * delta[quad];
        let bits = bitcast<vec4<u32>>(delta[quad]) & vec4(0x7F800000u);
        finite = finite && all(bits != vec4(0x7F800000u));
    }
    for (var quad = 0u; quad < QUADS; quad++) {
        if !finite {
            delta[quad] = vec4(0.0);
        }
        let stored = pack(clamp(delta[quad], vec4(-params.clamp), vec4(params.clamp)));
        updates[at(index, quad, cell)] = stored;
        // The value as it will be read.
        delta[quad] = unpack(stored);
    }
#ifdef MASKED
    alive_before_after[index * cells() + cell] = vec2(alive_channel(slot, cell), delta[ALIVE_QUAD][ALIVE_LANE]);
#endif
}
