// Second half of a tick: live or die; and, if it is the frame's last, paint and count.
//
// Life before and after is read from `vitality`, which no invocation writes here, so both masks
// are exact whatever the order in which cells are visited.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, states, updates, vitality, ground, census, at, store, cells, cell_at, lives, paint}
#import bevy_nca::grid::{Job, PAINT, TISSUE, OCCUPIED, DEAD, CENSUS, SUMS, LOST}
#ifdef MASKED
#import bevy_nca::grid::grown_pixel
#endif

/// What the tile's cells amount to.
var<workgroup> tally: array<atomic<u32>, LOST>;

@compute @workgroup_size(8, 8)
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
    if (job.flags & PAINT) == 0u {
        return;
    }
    if inside {
        paint(job, id.xy);
    }
    if thread < LOST {
        atomicStore(&tally[thread], 0u);
    }
    workgroupBarrier();
    if inside && lives(job.slot, cell) {
        count(job, id.xy);
        if (job.flags & TISSUE) != 0u {
            let first = params.capacity * CENSUS + job.slot * ((cells() + 31u) / 32u);
            atomicOr(&census[first + cell / 32u], 1u << (cell % 32u));
        }
    }
    workgroupBarrier();
    if thread < SUMS {
        atomicAdd(&census[job.slot * CENSUS + thread], atomicLoad(&tally[thread]));
    } else if thread < LOST {
        atomicMax(&census[job.slot * CENSUS + thread], atomicLoad(&tally[thread]));
    }
}

/// `index` is that of the job in this dispatch.
fn live_or_die(job: Job, index: u32, position: vec2<u32>, cell: u32) {
    let was = ground[job.slot * cells() + cell];
    var lives_on = true;
#ifdef MASKED
    var most = vec2(0.0);
    for (var i = 0; i < 9; i++) {
        let other = cell_at(vec2<i32>(position) + vec2(i % 3, i / 3) - 1);
        if other >= 0 {
            most = max(most, vitality[index * cells() + u32(other)]);
        }
    }
    lives_on = all(most > vec2(params.alive_threshold));
    if !lives_on && (was & OCCUPIED) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            store(job.slot, quad, cell, vec4(0.0));
        }
    }
    ground[job.slot * cells() + cell] = (was & DEAD) | u32(lives_on) * OCCUPIED;
#endif
    if lives_on && (was & DEAD) == 0u && fires(cell, job.key, params.fire_threshold) {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = updates[at(index, quad, cell)];
        }
    }
}

/// Counts a living cell. The words are those of `Tally` in `census.rs`.
fn count(job: Job, position: vec2<u32>) {
    atomicAdd(&tally[0], 1u);
    atomicAdd(&tally[1], u32(is_wanted(position, job.rotation)));
    atomicAdd(&tally[2], position.x);
    atomicAdd(&tally[3], position.y);
    atomicMax(&tally[4], params.size.x - position.x);
    atomicMax(&tally[5], params.size.y - position.y);
    atomicMax(&tally[6], position.x + 1u);
    atomicMax(&tally[7], position.y + 1u);
}

/// Whether a grown sprite has a cell there, if it is turned.
fn is_wanted(position: vec2<u32>, rotation: vec2<f32>) -> bool {
#ifdef MASKED
    return grown_pixel(position, rotation).a > params.alive_threshold;
#else
    return true;
#endif
}
