// What the three passes share: the bindings, and where a cell's values lie.
#define_import_path bevy_nca::grid

/// What holds for all sprites of a population in one tick.
struct Params {
    size: vec2<u32>,
    /// The first of this dispatch's jobs.
    first_job: u32,
    /// A cell fires if its hash is below this.
    fire_threshold: u32,
    step_size: f32,
    alive_threshold: f32,
    /// Slots in a row of the atlas.
    atlas_columns: u32,
    /// Sprites that there is room for.
    capacity: u32,
}

/// What is to be done with one sprite in one tick.
struct Job {
    slot: u32,
    /// `mix(tick ^ mix(seed))`
    key: u32,
    /// Cosine and sine of the angle.
    rotation: vec2<f32>,
    flags: u32,
    /// Where the new cells (laid out as `states`) or the masks (one bit a cell; in the order of the
    /// scar, the seeds, the wound) lie in `payload`.
    payload: u32,
    _pad: vec2<u32>,
}

/// The sprite starts anew, from its seed.
const SEED: u32 = 1u;
/// Some cells are zeroed.
const WOUND: u32 = 2u;
/// The picture is wanted: this is the sprite's last tick of the frame.
const PAINT: u32 = 4u;
/// The sprite's cells are replaced.
const CELLS: u32 = 8u;
/// The cells that are dead ground are replaced.
const SCAR: u32 = 16u;
/// Some empty cells become seeds.
const SOW: u32 = 32u;
/// Cells that are like those of the grown sprite are painted as its pixels.
const CRISP: u32 = 64u;
/// It is wanted which cells live.
const TISSUE: u32 = 128u;

/// The cell may be other than zeros.
const OCCUPIED: u32 = 1u;
/// The cell is dead ground: zeros that never fire.
const DEAD: u32 = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> jobs: array<Job>;
/// For each hidden unit: its inputs' weights, then its outputs'. After all units, the hidden
/// biases and the output biases. With a life mask, then the pixels of the grown sprite, one a cell.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
/// `states` is `[slot][quad of channels][cell]`; `updates`, the new values of cells that fire, before life
/// and death, is `[job of the dispatch][quad of channels][cell]`. Half floats save memory.
#ifdef HALF
@group(0) @binding(3) var<storage, read_write> states: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> updates: array<vec2<u32>>;
#else
@group(0) @binding(3) var<storage, read_write> states: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> updates: array<vec4<f32>>;
#endif
/// `[job of the dispatch][cell]`: the alive channel before the update, and after it.
@group(0) @binding(5) var<storage, read_write> vitality: array<vec2<f32>>;
/// `[slot][cell]`: `OCCUPIED` and `DEAD`.
@group(0) @binding(6) var<storage, read_write> ground: array<u32>;
/// The masks and the new cells of this frame.
@group(0) @binding(7) var<storage, read> payload: array<u32>;
@group(0) @binding(8) var atlas: texture_storage_2d<rgba8unorm, write>;

/// `[slot][word]`: what the cells of each sprite amount to; see `Tally` in `census.rs`. Then, after all
/// slots, which cells live: `[slot][word]`, one bit a cell.
@group(0) @binding(9) var<storage, read_write> census: array<atomic<u32>>;

/// Words of a sprite in `census`: sums, then greatest values, then the living cells that wounds killed.
const SUMS: u32 = 4u;
const LOST: u32 = 8u;
const CENSUS: u32 = 9u;

/// Quads of a hidden unit in `weights`: its inputs and its outputs.
const UNIT: u32 = #{FEATURE_QUADS}u + #{QUADS}u;
const HIDDEN_BIAS: u32 = #{HIDDEN}u * UNIT;
const OUTPUT_BIAS: u32 = HIDDEN_BIAS + #{HIDDEN}u / 4u;
const GROWN: u32 = OUTPUT_BIAS + #{QUADS}u;

fn cells() -> u32 {
    return params.size.x * params.size.y;
}

/// The index of a cell's quad of channels in `states` by slot, and in `updates` by job.
fn at(slot: u32, quad: u32, cell: u32) -> u32 {
    return (slot * #{QUADS}u + quad) * cells() + cell;
}

#ifdef HALF
const MOST: f32 = 65504.0;

/// Four channels from half floats.
fn unpack(stored: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(stored.x), unpack2x16float(stored.y));
}

/// Four channels as half floats; what is too large for those becomes the largest.
fn pack(quad: vec4<f32>) -> vec2<u32> {
    let within = clamp(quad, vec4(-MOST), vec4(MOST));
    return vec2(pack2x16float(within.xy), pack2x16float(within.zw));
}
#else
fn unpack(stored: vec4<f32>) -> vec4<f32> {
    return stored;
}

fn pack(quad: vec4<f32>) -> vec4<f32> {
    return quad;
}
#endif

fn load(slot: u32, quad: u32, cell: u32) -> vec4<f32> {
    return unpack(states[at(slot, quad, cell)]);
}

fn store(slot: u32, quad: u32, cell: u32, value: vec4<f32>) {
    states[at(slot, quad, cell)] = pack(value);
}

#ifdef MASKED
/// The channel that says whether a cell lives.
fn vital(slot: u32, cell: u32) -> f32 {
    let index = at(slot, #{ALIVE_QUAD}u, cell);
#ifdef HALF
    return unpack2x16float(states[index][#{ALIVE_LANE}u / 2u])[#{ALIVE_LANE}u % 2u];
#else
    return states[index][#{ALIVE_LANE}u];
#endif
}
#endif

/// Whether a cell lives.
fn lives(slot: u32, cell: u32) -> bool {
#ifdef MASKED
    return vital(slot, cell) > params.alive_threshold;
#else
    return !is_empty(slot, cell);
#endif
}

/// Whether a cell is all zeros.
fn is_empty(slot: u32, cell: u32) -> bool {
    var empty = true;
    for (var quad = 0u; quad < #{QUADS}u; quad++) {
        empty = empty && all(load(slot, quad, cell) == vec4(0.0));
    }
    return empty;
}

/// The index of the cell at a position that may lie one beyond the edge, or -1 for none.
fn cell_at(position: vec2<i32>) -> i32 {
    let size = vec2<i32>(params.size);
#ifdef WRAP
    let inside = (position + 2 * size) % size;
#else
    let inside = position;
    if any(position < vec2(0)) || any(position >= size) {
        return -1;
    }
#endif
    return inside.y * size.x + inside.x;
}

/// A pixel, straight alpha; the values are sRGB-encoded and written through a linear view.
fn pixel(cell: vec4<f32>) -> vec4<f32> {
#ifdef OPAQUE_CENTERED
    return vec4(saturate(cell.rgb + 0.5), 1.0);
#else
    if !(cell.a > 0.0) {
        return vec4(0.0);
    }
    let alpha = min(cell.a, 1.0);
    return vec4(saturate(cell.rgb / alpha), alpha);
#endif
}

#ifdef MASKED
/// A grown sprite's pixel, straight alpha, if it is turned; see `Reference::pixel` in `census.rs`.
fn grown_pixel(position: vec2<u32>, rotation: vec2<f32>) -> vec4<f32> {
    let middle = vec2<f32>(params.size / 2u);
    let offset = vec2<f32>(position) - middle;
    let x = floor(offset.x * rotation.x - offset.y * rotation.y + middle.x + 0.5);
    let y = floor(offset.x * rotation.y + offset.y * rotation.x + middle.y + 0.5);
    if x >= 0.0 && y >= 0.0 && x < f32(params.size.x) && y < f32(params.size.y) {
        return weights[GROWN + u32(y) * params.size.x + u32(x)];
    }
    return vec4(0.0);
}

/// As `pixel`, as far as the cell is not like the grown sprite's; see `crisp_pixel` in `picture.rs`.
fn crisp_pixel(cell: vec4<f32>, grown: vec4<f32>) -> vec4<f32> {
    if cell.a == 0.0 {
        return vec4(0.0);
    }
    let wanted = vec4(grown.rgb * grown.a, grown.a);
    let apart = abs(cell - wanted);
    let share = saturate((max(max(apart.r, apart.g), max(apart.b, apart.a)) - 0.15) / 0.2);
    if share == 0.0 {
        return grown;
    }
    return pixel(wanted + (cell - wanted) * share);
}
#endif

/// Paints a cell into the slot's place in the atlas, and what borders on the edge into the gutter.
fn paint(job: Job, position: vec2<u32>) {
    let cell = load(job.slot, 0u, position.y * params.size.x + position.x);
    let columns = params.atlas_columns;
    let corner = vec2(job.slot % columns, job.slot / columns) * (params.size + 2u) + 1u;
    var color = pixel(cell);
#ifdef MASKED
    if (job.flags & CRISP) != 0u {
        color = crisp_pixel(cell, grown_pixel(position, job.rotation));
    }
#endif
    let first = vec2<i32>(position == vec2(0u));
    let last = vec2<i32>(position + 1u == params.size);
    for (var y = -first.y; y <= last.y; y++) {
        for (var x = -first.x; x <= last.x; x++) {
            textureStore(atlas, vec2<i32>(corner + position) + vec2(x, y), color);
        }
    }
}
