// Before a tick: sprites that start anew get their seed or given cells, and wounds zero cells.
#import bevy_nca::grid::{params, jobs, states, occupied, payload, at, cells, paint, SEED, WOUND, PAINT, CELLS}

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
    if (job.flags & CELLS) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            let first = job.payload + at(0u, quad, cell) * 4u;
            let bits = vec4(payload[first], payload[first + 1u], payload[first + 2u], payload[first + 3u]);
            states[at(job.slot, quad, cell)] = bitcast<vec4<f32>>(bits);
        }
        occupied[job.slot * cells() + cell] = 1u;
    }
    if (job.flags & WOUND) != 0u && (payload[job.payload + cell / 32u] >> (cell % 32u) & 1u) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            states[at(job.slot, quad, cell)] = vec4(0.0);
        }
    }
    if (job.flags & PAINT) != 0u {
        paint(job.slot, id.xy, states[at(job.slot, 0u, cell)]);
    }
}
