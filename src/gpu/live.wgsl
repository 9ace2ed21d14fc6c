// Second half of a tick: the life masks. After the last tick of a frame, also the picture and the statistics.
//
// Life before and after the update is read from `alive_before_after`, which no invocation writes here. Both masks are
// therefore exact in any order of the cells.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, states, updates, alive_before_after, cell_flags, statistics}
#import bevy_nca::grid::{at, store, cells, cell_at, lives, draw}
#import bevy_nca::grid::{Job, DRAW, ALIVE_MASK, OCCUPIED, DEAD, TILE}
#ifdef MASKED
#import bevy_nca::grid::grown_pixel
#endif

/// Words of a sprite in `statistics`: sums, then maxima, then the number of living cells killed by wounds.
const STATS_LIVE: u32 = #{STATS_LIVE}u;
const STATS_MATCHING: u32 = #{STATS_MATCHING}u;
const STATS_SHOWN: u32 = #{STATS_SHOWN}u;
const STATS_SUM: u32 = #{STATS_SUM}u;
const STATS_FROM_FAR_EDGE: u32 = #{STATS_FROM_FAR_EDGE}u;
const STATS_END: u32 = #{STATS_END}u;
const STATS_LOST: u32 = #{STATS_LOST}u;
const STATS_WORDS: u32 = #{STATS_WORDS}u;

/// The statistics of the tile.
var<workgroup> tile_stats: array<atomic<u32>, STATS_LOST>;

@compute @workgroup_size(TILE, TILE)
fn live(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let job = jobs[params.first_job + group.z];
    let inside = all(id.xy < params.size);
    let cell = id.y * params.size.x + id.x;
    if inside {
        live_or_die(job, group.z, id.xy, cell);
    }
    if (job.flags & DRAW) == 0u {
        return;
    }
    if inside {
        draw(job, id.xy);
    }
    if thread < STATS_LOST {
        atomicStore(&tile_stats[thread], 0u);
    }
    workgroupBarrier();
    if inside && lives(job.slot, cell) {
        count(job, id.xy);
        if (job.flags & ALIVE_MASK) != 0u && shows(id.xy, job.rotation) {
            let first = params.capacity * STATS_WORDS + job.slot * ((cells() + 31u) / 32u);
            atomicOr(&statistics[first + cell / 32u], 1u << (cell % 32u));
        }
    }
    workgroupBarrier();
    if thread < STATS_FROM_FAR_EDGE {
        atomicAdd(&statistics[job.slot * STATS_WORDS + thread], atomicLoad(&tile_stats[thread]));
    } else if thread < STATS_LOST {
        atomicMax(&statistics[job.slot * STATS_WORDS + thread], atomicLoad(&tile_stats[thread]));
    }
}

/// `index` is the index of the job in this dispatch.
fn live_or_die(job: Job, index: u32, position: vec2<u32>, cell: u32) {
    let was = cell_flags[job.slot * cells() + cell];
    var lives_on = true;
#ifdef MASKED
    var most = vec2(0.0);
    for (var i = 0; i < 9; i++) {
        let other = cell_at(vec2<i32>(position) + vec2(i % 3, i / 3) - 1);
        if other >= 0 {
            most = max(most, alive_before_after[index * cells() + u32(other)]);
        }
    }
    lives_on = all(most > vec2(params.alive_threshold));
    if !lives_on && (was & OCCUPIED) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            store(job.slot, quad, cell, vec4(0.0));
        }
    }
    cell_flags[job.slot * cells() + cell] = (was & DEAD) | u32(lives_on) * OCCUPIED;
#endif
    if lives_on && (was & DEAD) == 0u && fires(cell, job.key, params.fire_threshold) {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = updates[at(index, quad, cell)];
        }
    }
}

/// Counts a living cell. It must not read the states of neighbors, because other invocations write them. Whether a
/// neighbor lives after the tick follows from `alive_before_after`.
fn count(job: Job, position: vec2<u32>) {
    atomicAdd(&tile_stats[STATS_LIVE], 1u);
    atomicAdd(&tile_stats[STATS_MATCHING], u32(matches_grown(position, job.rotation)));
    if !shows(position, job.rotation) {
        return;
    }
    atomicAdd(&tile_stats[STATS_SHOWN], 1u);
    atomicAdd(&tile_stats[STATS_SUM], position.x);
    atomicAdd(&tile_stats[STATS_SUM + 1u], position.y);
    atomicMax(&tile_stats[STATS_FROM_FAR_EDGE], params.size.x - position.x);
    atomicMax(&tile_stats[STATS_FROM_FAR_EDGE + 1u], params.size.y - position.y);
    atomicMax(&tile_stats[STATS_END], position.x + 1u);
    atomicMax(&tile_stats[STATS_END + 1u], position.y + 1u);
}

/// Whether a living cell shows anything. A body of coordinates is larger than its picture.
fn shows(position: vec2<u32>, rotation: vec2<f32>) -> bool {
#ifdef COORDINATES
    return matches_grown(position, rotation);
#else
    return true;
#endif
}

/// Whether the rotated grown sprite has a cell at a position.
fn matches_grown(position: vec2<u32>, rotation: vec2<f32>) -> bool {
#ifdef MASKED
    return grown_pixel(position, rotation).a > params.alive_threshold;
#else
    return true;
#endif
}
