// Third part of a tick: the life masks. After the last tick of a frame, also the picture and the statistics.
//
// Life before and after the update is read from `maturity`, which no invocation writes here. Both masks are therefore
// exact in any order of the cells.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, states, updates, cell_flags, statistics, listed, at, store, cells, draw}
#import bevy_nca::grid::{Job, DRAW, ALIVE_MASK, OCCUPIED, DEAD, TILE}
#ifdef MASKED
#ifdef FORMS
#import bevy_nca::grid::{load, upright}
#import bevy_nca::shown::{lost_by_color, lost_by_place}
#endif
#import bevy_nca::grid::{maturity, cell_at, grown_pixel, MATURE, DIRECTION, BEFORE, AFTER}
#else
#import bevy_nca::grid::{is_empty, load}
#endif

/// Words of a sprite in `statistics`: sums, then maxima, then the number of living cells killed by wounds.
const STATS_LIVE: u32 = #{STATS_LIVE}u;
const STATS_MATCHING: u32 = #{STATS_MATCHING}u;
const STATS_ALIKE: u32 = #{STATS_ALIKE}u;
const STATS_SHOWN: u32 = #{STATS_SHOWN}u;
const STATS_SUM: u32 = #{STATS_SUM}u;
const STATS_FROM_FAR_EDGE: u32 = #{STATS_FROM_FAR_EDGE}u;
const STATS_END: u32 = #{STATS_END}u;
const STATS_LOST: u32 = #{STATS_LOST}u;
const STATS_WORDS: u32 = #{STATS_WORDS}u;

/// The cells of the tile that live, that a grown sprite has too, that look like it, and that show something: a word for each
/// row, a bit for each cell.
var<workgroup> living: array<atomic<u32>, TILE>;
var<workgroup> matching: array<atomic<u32>, TILE>;
#ifdef FORMS
var<workgroup> alike: array<atomic<u32>, TILE>;
#endif
var<workgroup> shown: array<atomic<u32>, TILE>;

@compute @workgroup_size(TILE, TILE)
fn live(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let job = jobs[params.first_job + group.z];
    let inside = all(id.xy < params.size);
    let cell = id.y * params.size.x + id.x;
    if all(id == vec3(0u)) {
        // For the next tick.
        atomicStore(&listed.count, 0u);
    }
    var lives = false;
    if inside {
        lives = live_or_die(job, group.z, id.xy, cell);
    }
    if (job.flags & DRAW) == 0u {
        return;
    }
    if inside {
        draw(job, id.xy);
    }
    if thread < TILE {
        atomicStore(&living[thread], 0u);
        atomicStore(&matching[thread], 0u);
#ifdef FORMS
        atomicStore(&alike[thread], 0u);
#endif
        atomicStore(&shown[thread], 0u);
    }
    workgroupBarrier();
    if lives {
        let bit = 1u << local.x;
        atomicOr(&living[local.y], bit);
        if (job.flags & ALIVE_MASK) != 0u {
            let first = params.capacity * STATS_WORDS + job.slot * ((cells() + 31u) / 32u);
            atomicOr(&statistics[first + cell / 32u], 1u << (cell % 32u));
        }
        let matches = matches_grown(job, id.xy, cell);
        if matches {
            atomicOr(&matching[local.y], bit);
        }
#ifdef FORMS
        if is_alike(job, id.xy, cell, matches) {
            atomicOr(&alike[local.y], bit);
        }
#endif
#ifdef COORDINATES
        // A body of coordinates is larger than its picture.
        let is_shown = matches;
#else
        let is_shown = true;
#endif
        if is_shown {
            atomicOr(&shown[local.y], bit);
        }
    }
    workgroupBarrier();
    if thread < STATS_LOST {
        let found = count(thread, group.xy * TILE);
        let word = job.slot * STATS_WORDS + thread;
        // Most tiles of most sprites are empty.
        if found != 0u {
            if thread < STATS_FROM_FAR_EDGE {
                atomicAdd(&statistics[word], found);
            } else {
                atomicMax(&statistics[word], found);
            }
        }
    }
}

/// Whether the cell lives after the tick. `index` is the index of the job in this dispatch.
fn live_or_die(job: Job, index: u32, position: vec2<u32>, cell: u32) -> bool {
    let was = cell_flags[job.slot * cells() + cell];
    var lives_on = true;
#ifdef MASKED
    var around = 0u;
    for (var i = 0; i < 9; i++) {
        let other = cell_at(vec2<i32>(position) + vec2(i % 3, i / 3) - 1);
        if other >= 0 {
            around |= maturity[index * cells() + u32(other)];
        }
    }
    lives_on = around == (BEFORE | AFTER);
    if !lives_on && (was & OCCUPIED) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            store(job.slot, quad, cell, vec4(0.0));
        }
    }
    let is_mature = lives_on && (maturity[index * cells() + cell] & AFTER) != 0u;
    let now = (was & (DEAD | DIRECTION)) | u32(lives_on) * OCCUPIED | u32(is_mature) * MATURE;
    if now != was {
        cell_flags[job.slot * cells() + cell] = now;
    }
#endif
    if lives_on && (was & DEAD) == 0u && fires(cell, job.key, params.fire_threshold) {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = updates[at(index, quad, cell)];
        }
    }
#ifdef MASKED
    return is_mature;
#else
    return !is_empty(job.slot, cell);
#endif
}

/// The sum of the numbers of those of eight bits that are set. A row of a tile has as many.
fn sum_of_bits(bits: u32) -> u32 {
    return countOneBits(bits & 0xAAu) + 2u * countOneBits(bits & 0xCCu) + 4u * countOneBits(bits & 0xF0u);
}

/// A word of the statistics of the tile. `corner` is its first cell.
fn count(word: u32, corner: vec2<u32>) -> u32 {
    var live = 0u;
    var match_count = 0u;
    var alike_count = 0u;
    var show_count = 0u;
    var sum = vec2(0u);
    var columns = 0u;
    var rows = 0u;
    for (var y = 0u; y < TILE; y++) {
        let bits = atomicLoad(&shown[y]);
        let here = countOneBits(bits);
        live += countOneBits(atomicLoad(&living[y]));
        match_count += countOneBits(atomicLoad(&matching[y]));
#ifdef FORMS
        alike_count += countOneBits(atomicLoad(&alike[y]));
#endif
        show_count += here;
        sum += vec2(corner.x * here + sum_of_bits(bits), (corner.y + y) * here);
        columns |= bits;
        rows |= u32(bits != 0u) << y;
    }
    let first = corner + vec2(firstTrailingBit(columns), firstTrailingBit(rows));
    let last = corner + vec2(firstLeadingBit(columns), firstLeadingBit(rows));
    if word == STATS_LIVE {
        return live;
    } else if word == STATS_MATCHING {
        return match_count;
    } else if word == STATS_ALIKE {
        return alike_count;
    } else if word == STATS_SHOWN {
        return show_count;
    } else if word < STATS_FROM_FAR_EDGE {
        return sum[word - STATS_SUM];
    } else if show_count == 0u {
        return 0u;
    } else if word < STATS_END {
        return (params.size - first)[word - STATS_FROM_FAR_EDGE];
    }
    return (last + 1u)[word - STATS_END];
}

#ifdef FORMS
/// Whether a living cell looks rather like that of a grown sprite in its form than lost. See `Reference` in `reference.rs`.
fn is_alike(job: Job, position: vec2<u32>, cell: u32, matches: bool) -> bool {
#ifdef MASKED
#ifdef COORDINATES
    let values = load(job.slot, 0u, cell);
    let place = (upright(position, job) - params.frame_min) / params.frame_size;
    return matches && lost_by_place(values.xy / values.a - place) < params.most_lost;
#else
    let grown = grown_pixel(position, job);
    let wanted = vec4(grown.rgb * grown.a, grown.a);
    return matches && lost_by_color(load(job.slot, 0u, cell) - wanted) < params.most_lost;
#endif
#else
    return matches;
#endif
}
#endif

/// Whether the grown sprite has a cell here too. Of a texture, whether the cell is as strong as grown ones.
fn matches_grown(job: Job, position: vec2<u32>, cell: u32) -> bool {
#ifdef MASKED
    return grown_pixel(position, job).a > params.alive_threshold;
#else
    var squared = 0.0;
    for (var quad = 0u; quad < #{QUADS}u; quad++) {
        let values = load(job.slot, quad, cell);
        squared += dot(values, values);
    }
    return squared >= params.strength;
#endif
}
