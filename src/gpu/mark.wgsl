// First part of a tick: lists the cells whose update matters, of all sprites of the dispatch.
//
// Those are the cells that fire, are not dead ground, and are within two cells of a mature one. (Within one, a cell can stay
// alive. Within two, its update can keep a neighbor alive. Farther away it does neither.) Without a life mask, all that fire
// matter. The order of the list does not: each cell is updated by itself.
#import bevy_nca::noise::fires
#import bevy_nca::grid::{params, jobs, cell_flags, listed, cells, cell_at, DEAD, MARK_WIDTH, MARK_HEIGHT}
#ifdef MASKED
#import bevy_nca::grid::{maturity, MATURE, BEFORE, AFTER}

const REACH: u32 = 2u;
const WIDE: u32 = MARK_WIDTH + 2u * REACH;
const HIGH: u32 = MARK_HEIGHT + 2u * REACH;

/// Whether the cells of the tile and its surroundings are mature.
var<workgroup> mature: array<u32, WIDE * HIGH>;
var<workgroup> any_mature: atomic<u32>;
#endif
/// The number of cells that matter in this tile, and the place of the first one in the list.
var<workgroup> count: atomic<u32>;
var<workgroup> first: u32;

@compute @workgroup_size(MARK_WIDTH, MARK_HEIGHT)
fn mark(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let job = jobs[params.first_job + group.z];
    let cell = id.y * params.size.x + id.x;
    let inside = all(id.xy < params.size);
    if thread == 0u {
        atomicStore(&count, 0u);
#ifdef MASKED
        atomicStore(&any_mature, 0u);
#endif
    }
    workgroupBarrier();

    var matters = inside && fires(cell, job.key, params.fire_threshold);
#ifdef MASKED
    let corner = vec2<i32>(group.xy * vec2(MARK_WIDTH, MARK_HEIGHT)) - i32(REACH);
    for (var i = thread; i < WIDE * HIGH; i += MARK_WIDTH * MARK_HEIGHT) {
        let other = cell_at(corner + vec2<i32>(vec2(i % WIDE, i / WIDE)));
        var is_mature = 0u;
        if other >= 0 {
            is_mature = u32((cell_flags[job.slot * cells() + u32(other)] & MATURE) != 0u);
        }
        mature[i] = is_mature;
        if is_mature != 0u {
            atomicStore(&any_mature, 1u);
        }
    }
    workgroupBarrier();
    let here = local.y * WIDE + local.x;
    // Most tiles of most sprites are dead.
    matters = matters && atomicLoad(&any_mature) != 0u;
    if matters {
        var near = 0u;
        for (var y = 0u; y <= 2u * REACH; y++) {
            for (var x = 0u; x <= 2u * REACH; x++) {
                near |= mature[here + y * WIDE + x];
            }
        }
        matters = near != 0u;
    }
#endif
    if matters {
        matters = (cell_flags[job.slot * cells() + cell] & DEAD) == 0u;
    }
    var place = 0u;
    if matters {
        place = atomicAdd(&count, 1u);
    }
#ifdef MASKED
    if inside && !matters {
        maturity[group.z * cells() + cell] = mature[here + REACH * WIDE + REACH] * (BEFORE | AFTER);
    }
#endif
    workgroupBarrier();
    if thread == 0u {
        let found = atomicLoad(&count);
        if found != 0u {
            first = atomicAdd(&listed.count, found);
        }
    }
    workgroupBarrier();
    if matters {
        listed.cells[first + place] = group.z * cells() + cell;
    }
}
