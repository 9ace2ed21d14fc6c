// Edits before a tick: the seed of a sprite, new cells, cells of another sprite, dead ground, seeds in empty cells, and wounds.
#import bevy_nca::grid::{params, jobs, states, cell_flags, payload, statistics, at, store, cells, lives, is_empty, draw}
#import bevy_nca::grid::{SEED, WOUND, DRAW, CELLS, DEAD_GROUND, SOW, DIRECTIONS, OVERGROWN, COPY, TILE}
#import bevy_nca::grid::{OCCUPIED, DEAD, MATURE, SECOND, DIRECTION}
#ifdef FORMS
#import bevy_nca::grid::{bias_at, FORM}
#endif

const STATS_LOST: u32 = #{STATS_LOST}u;
const STATS_WORDS: u32 = #{STATS_WORDS}u;

/// Whether a cell's bit is set in the mask that begins at a word of the payload.
fn in_mask(first: u32, cell: u32) -> bool {
    return (payload[first + cell / 32u] >> (cell % 32u) & 1u) != 0u;
}

fn fill(slot: u32, cell: u32, first: vec4<f32>, rest: vec4<f32>) {
    store(slot, 0u, cell, first);
    for (var quad = 1u; quad < #{QUADS}u; quad++) {
        store(slot, quad, cell, rest);
    }
}

@compute @workgroup_size(TILE, TILE)
fn edit(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let job = jobs[params.first_job + id.z];
    let cell = id.y * params.size.x + id.x;
    let here = job.slot * cells() + cell;
    let lived = lives(job.slot, cell);
    let words = (cells() + 31u) / 32u;
    // The statistics of earlier cells in this frame are dropped.
    if (job.flags & (SEED | CELLS)) != 0u || (job.flags & COPY) != 0u && job.key != job.slot {
        for (var word = 0u; cell == 0u && word < STATS_WORDS; word++) {
            atomicStore(&statistics[job.slot * STATS_WORDS + word], 0u);
        }
        if cell < words {
            atomicStore(&statistics[params.capacity * STATS_WORDS + job.slot * words + cell], 0u);
        }
    }
    if (job.flags & SEED) != 0u {
        let center = f32(all(id.xy == params.size / 2u));
        fill(job.slot, cell, vec4(0.0, 0.0, 0.0, center), vec4(center));
        cell_flags[here] = u32(center) * OCCUPIED;
    }
    if (job.flags & CELLS) != 0u {
        for (var quad = 0u; quad < #{QUADS}u; quad++) {
            let first = job.payload + at(0u, quad, cell) * 4u;
            let bits = vec4(payload[first], payload[first + 1u], payload[first + 2u], payload[first + 3u]);
            store(job.slot, quad, cell, bitcast<vec4<f32>>(bits));
        }
        cell_flags[here] = OCCUPIED;
    }
    var mask = job.payload;
    if (job.flags & COPY) != 0u {
        // From itself, a sprite keeps these cells.
        let is_new = job.key != job.slot;
        // A source that is gone has no cells.
        let has_source = job.key < params.capacity;
        let source = select(0u, cell_flags[min(job.key, params.capacity - 1u) * cells() + cell], has_source);
        if is_new {
            cell_flags[here] = source & ~(OCCUPIED | MATURE);
        }
        if in_mask(mask, cell) && has_source {
            for (var quad = 0u; is_new && quad < #{QUADS}u; quad++) {
                states[at(job.slot, quad, cell)] = states[at(job.key, quad, cell)];
            }
            cell_flags[here] = source;
        } else {
            fill(job.slot, cell, vec4(0.0), vec4(0.0));
        }
        mask += words;
    }
    if (job.flags & DEAD_GROUND) != 0u {
        let dies = in_mask(mask, cell);
        cell_flags[here] = (cell_flags[here] & (OCCUPIED | SECOND | DIRECTION)) | u32(dies) * DEAD;
        if dies {
            fill(job.slot, cell, vec4(0.0), vec4(0.0));
        }
        mask += words;
    }
    if (job.flags & SOW) != 0u {
        if in_mask(mask, cell) && (cell_flags[here] & DEAD) == 0u && is_empty(job.slot, cell) {
            fill(job.slot, cell, vec4(0.0, 0.0, 0.0, 1.0), vec4(1.0));
            cell_flags[here] |= OCCUPIED;
        }
        mask += words;
    }
    if (job.flags & WOUND) != 0u {
        if in_mask(mask, cell) {
            fill(job.slot, cell, vec4(0.0), vec4(0.0));
            if lived {
                atomicAdd(&statistics[job.slot * STATS_WORDS + STATS_LOST], 1u);
            }
        }
        mask += words;
    }
    if (job.flags & OVERGROWN) != 0u {
        cell_flags[here] = (cell_flags[here] & ~SECOND) | u32(in_mask(mask, cell)) * SECOND;
        mask += words;
    }
#ifdef FORMS
    if (job.flags & FORM) != 0u {
        for (var unit = cell; unit < #{HIDDEN}u; unit += cells()) {
            cell_flags[bias_at(job.slot, unit)] = payload[mask + unit];
        }
        mask += #{HIDDEN}u;
    }
#endif
    if (job.flags & DIRECTIONS) != 0u {
        cell_flags[here] = (cell_flags[here] & ~DIRECTION) | payload[mask + cell];
    }
#ifdef MASKED
    if (job.flags & (SEED | CELLS | DEAD_GROUND | SOW | WOUND | COPY)) != 0u {
        cell_flags[here] = (cell_flags[here] & ~MATURE) | u32(lives(job.slot, cell)) * MATURE;
    }
#endif
    if (job.flags & DRAW) != 0u {
        draw(job, id.xy);
    }
}
