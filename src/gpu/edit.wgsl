// Before a tick: sprites that start anew get their seed, and wounds zero their cells.
#import bevy_nca::grid::{params, jobs, states, occupied, masks, at, cells, paint, SEED, WOUND, PAINT}

@compute @workgroup_size(8, 8)
fn edit(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let job = jobs[params.first_job + id.z];
    let cell = id.y * params.size.x + id.x;
    if (job.flags & SEED) != 0u {
        let center = all(id.xy == params.size / 2u);
        states[at(job.slot, 0u, cell)] = vec4(0.0, 0.0, 0.0, f32(center));
        for (var quad = 1u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = vec4(f32(center));
        }
        occupied[job.slot * cells() + cell] = u32(center);
    }
    if (job.flags & WOUND) != 0u && (masks[job.mask + cell / 32u] >> (cell % 32u) & 1u) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = vec4(0.0);
        }
    }
    if (job.flags & PAINT) != 0u {
        paint(job.slot, id.xy, states[at(job.slot, 0u, cell)]);
    }
}
