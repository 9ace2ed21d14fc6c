// Second half of a tick: live or die, and paint.
//
// Life before and after is read from `vitality`, which no invocation writes here, so both masks
// are exact whatever the order in which cells are visited.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, states, updates, vitality, ground, at, cells, cell_at, paint}
#import bevy_nca::grid::{PAINT, OCCUPIED, DEAD}

@compute @workgroup_size(8, 8)
fn live(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let job = jobs[params.first_job + id.z];
    let cell = id.y * params.size.x + id.x;
    let was = ground[job.slot * cells() + cell];
    var lives = true;
#ifdef MASKED
    var most = vec2(0.0);
    for (var i = 0; i < 9; i++) {
        let other = cell_at(vec2<i32>(id.xy) + vec2(i % 3, i / 3) - 1);
        if other >= 0 {
            most = max(most, vitality[job.slot * cells() + u32(other)]);
        }
    }
    lives = all(most > vec2(params.alive_threshold));
    if !lives && (was & OCCUPIED) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = vec4(0.0);
        }
    }
    ground[job.slot * cells() + cell] = (was & DEAD) | u32(lives) * OCCUPIED;
#endif
    if lives && (was & DEAD) == 0u && fires(cell, job.key, params.fire_threshold) {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = updates[at(job.slot, quad, cell)];
        }
    }
    if (job.flags & PAINT) != 0u {
        paint(job.slot, id.xy, states[at(job.slot, 0u, cell)]);
    }
}
