// The bindings and functions that the three passes share.
#define_import_path bevy_nca::grid
#import bevy_nca::shown

/// The parameters of a dispatch, the same for all sprites.
struct Params {
    size: vec2<u32>,
    /// The index of the first job of this dispatch.
    first_job: u32,
    /// A cell fires if its hash is below this.
    fire_threshold: u32,
    step_size: f32,
    alive_threshold: f32,
    /// Slots in a row of the atlas.
    atlas_columns: u32,
    /// The number of slots.
    capacity: u32,
    /// The upper left corner and the size of the model's target in the grid.
    frame_min: vec2<f32>,
    frame_size: vec2<f32>,
    /// The values of a cell that has fired stay within plus and minus this.
    clamp: f32,
    /// The squared magnitude from which a cell of a texture is as strong as those of a grown one.
    strength: f32,
    /// Like `clamp`, for cells that follow the overgrowth.
    overgrowth_clamp: f32,
    /// A cell that is less lost than this looks like that of the grown sprite.
    most_lost: f32,
}

/// The work for one sprite in one dispatch.
struct Job {
    slot: u32,
    /// `mix(tick ^ mix(seed))`. Of a copy, the slot of its source.
    key: u32,
    /// Cosine and sine of the angle.
    rotation: vec2<f32>,
    flags: u32,
    /// The index in `payload` of the new cells (in the layout of `states`), or of the masks: one bit per cell, in the
    /// order dead ground, seeds, wound, overgrown cells; then the bias of the hidden layer; then a word per cell with its
    /// direction.
    payload: u32,
    /// The number of the form that the cells are compared with.
    form: u32,
    /// How far the sprite stands from its place, in cells: right in the lower half, down in the upper one.
    beside: u32,
}

/// The cells whose update matters in this tick: `job of the dispatch * cells + cell`.
struct Listed {
    count: atomic<u32>,
    cells: array<u32>,
}

// The constants up to `THINK_THREADS` are also in `layout.rs`, which describes them.

const SEED: u32 = 1u;
const WOUND: u32 = 2u;
const DRAW: u32 = 4u;
const CELLS: u32 = 8u;
const DEAD_GROUND: u32 = 16u;
const SOW: u32 = 32u;
const CRISP: u32 = 64u;
const ALIVE_MASK: u32 = 128u;
const DIRECTIONS: u32 = 256u;
const OVERGROWN: u32 = 512u;
const FORM: u32 = 1024u;
const COPY: u32 = 2048u;

const TILE: u32 = 8u;
const MARK_WIDTH: u32 = 16u;
const MARK_HEIGHT: u32 = 8u;
const THINK_THREADS: u32 = 64u;

/// Pixels around each slot of the atlas that repeat its edge.
const GUTTER: u32 = #{GUTTER}u;

/// A bit of `cell_flags`: the cell may be nonzero.
const OCCUPIED: u32 = 1u;
/// A bit of `cell_flags`: the cell is dead ground. It stays zeros and never fires.
const DEAD: u32 = 2u;
/// A bit of `cell_flags`: the alive channel is above the threshold. Only with a life mask.
const MATURE: u32 = 4u;
/// A bit of `cell_flags`: the cell follows the overgrowth.
const SECOND: u32 = 8u;
/// The other bits of `cell_flags`: the direction of the cell, two numbers of 14 bits. See `Directions` in `directions.rs`.
const DIRECTION: u32 = 0xFFFFFFF0u;

/// Bits of `maturity`: the alive channel is above the threshold before the update, and after it.
const BEFORE: u32 = 1u;
const AFTER: u32 = 2u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> jobs: array<Job>;
/// For each hidden unit the weights of its inputs, then of its outputs. Then the hidden biases and the output biases.
/// Then the same of the overgrowth, if there is one. With a life mask, then the pixels of the grown sprite in each form.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
/// `states` is `[slot][quad of channels][cell]`. `updates` is `[job of the dispatch][quad of channels][cell]`: the new
/// values of cells that fire, before the life masks.
#ifdef HALF
@group(0) @binding(3) var<storage, read_write> states: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> updates: array<vec2<u32>>;
#else
@group(0) @binding(3) var<storage, read_write> states: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> updates: array<vec4<f32>>;
#endif
/// `[job of the dispatch][cell]`: `BEFORE` and `AFTER`.
@group(0) @binding(5) var<storage, read_write> maturity: array<u32>;
/// `[slot][cell]`: `OCCUPIED`, `DEAD`, `MATURE`, `SECOND` and `DIRECTION`. With forms, then the bias of the hidden layer of
/// each sprite, `[slot][hidden unit]`.
@group(0) @binding(6) var<storage, read_write> cell_flags: array<u32>;
#ifdef EDIT
/// The masks and the new cells of this frame.
@group(0) @binding(7) var<storage, read> payload: array<u32>;
#else
@group(0) @binding(7) var<storage, read_write> listed: Listed;
#endif
#ifdef TISSUE
@group(0) @binding(8) var atlas: texture_storage_2d<rgba16float, write>;
#else
@group(0) @binding(8) var atlas: texture_storage_2d<rgba8unorm, write>;
#endif
/// `[slot][word]`, the words of `CellStats` in `statistics.rs`. Then the alive masks as `[slot][word]`, with one bit
/// per cell.
@group(0) @binding(9) var<storage, read_write> statistics: array<atomic<u32>>;

/// Quads of a hidden unit in `weights`.
const UNIT: u32 = #{FEATURE_QUADS}u + #{QUADS}u;
const HIDDEN_BIAS: u32 = #{HIDDEN}u * UNIT;
const OUTPUT_BIAS: u32 = HIDDEN_BIAS + #{HIDDEN}u / 4u;
/// Quads of a rule in `weights`.
const TABLE: u32 = OUTPUT_BIAS + #{QUADS}u;
// A rule with a life mask has no overgrowth.
const GROWN: u32 = TABLE;

/// The number of cells of a sprite.
fn cells() -> u32 {
    return params.size.x * params.size.y;
}

#ifdef FORMS
/// The index in `cell_flags` of the bias of a hidden unit.
fn bias_at(slot: u32, unit: u32) -> u32 {
    return params.capacity * cells() + slot * #{HIDDEN}u + unit;
}
#endif

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

/// Four channels as half floats. Values that are too large become the largest.
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
/// The alive channel of a cell.
fn alive_channel(slot: u32, cell: u32) -> f32 {
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
    return alive_channel(slot, cell) > params.alive_threshold;
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

/// The index of the cell at a position, or -1 if there is none. The position may lie outside of the grid, with `WRAP`
/// by up to two grids.
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

/// The pixel of a cell, with straight alpha. The values are sRGB-encoded and are written through a linear view.
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
/// The point of an upright grown sprite at its place that is at the center of a cell. See `Reference` in `reference.rs`.
fn upright(position: vec2<u32>, job: Job) -> vec2<f32> {
    let middle = vec2<f32>(params.size / 2u);
    let beside = vec2(bitcast<i32>(job.beside << 16u), bitcast<i32>(job.beside)) >> vec2(16u);
    let offset = vec2<f32>(position) - middle - vec2<f32>(beside);
    let x = offset.x * job.rotation.x - offset.y * job.rotation.y;
    let y = offset.x * job.rotation.y + offset.y * job.rotation.x;
    return vec2(x, y) + middle + 0.5;
}

/// The pixel of the grown sprite in a form that contains a point, with straight alpha.
fn grown_pixel_at(point: vec2<f32>, form: u32) -> vec4<f32> {
    let at = floor(point);
    if all(at >= vec2(0.0)) && all(at < vec2<f32>(params.size)) {
        return weights[GROWN + (form * params.size.y + u32(at.y)) * params.size.x + u32(at.x)];
    }
    return vec4(0.0);
}

/// The pixel of the grown sprite at a cell.
fn grown_pixel(position: vec2<u32>, job: Job) -> vec4<f32> {
    return grown_pixel_at(upright(position, job), job.form);
}

#ifdef COORDINATES
/// The pixel of the target at the place of a cell, or at the place where it belongs. See `coordinates_pixel` in
/// `picture.rs`.
fn coordinates_pixel(cell: vec4<f32>, position: vec2<u32>, job: Job) -> vec4<f32> {
    let life = shown::life(cell.a);
    if !(life > 0.0) {
        return vec4(0.0);
    }
    let place = (upright(position, job) - params.frame_min) / params.frame_size;
    let off = cell.xy / cell.a - place;
    let share = shown::lost_by_place(off);
    let color = grown_pixel_at((place + off * share) * params.frame_size + params.frame_min, job.form);
    return vec4(color.rgb, color.a * life);
}
#endif

/// Blends from the pixel of the grown sprite to that of the cell as their difference grows. See `crisp_pixel` in
/// `picture.rs`.
fn crisp_pixel(cell: vec4<f32>, grown: vec4<f32>) -> vec4<f32> {
    if cell.a == 0.0 {
        return vec4(0.0);
    }
    let wanted = vec4(grown.rgb * grown.a, grown.a);
    let share = shown::lost_by_color(cell - wanted);
    if share == 0.0 {
        return grown;
    }
    return pixel(wanted + (cell - wanted) * share);
}
#endif

/// Draws a cell into the slot of the atlas: its pixel, or its first four channels. A cell at the edge is also drawn into the gutter.
fn draw(job: Job, position: vec2<u32>) {
    let index = position.y * params.size.x + position.x;
    var cell = vec4(0.0);
#ifdef MASKED
    // Most cells of a sprite are empty.
    if (cell_flags[job.slot * cells() + index] & OCCUPIED) != 0u {
        cell = load(job.slot, 0u, index);
    }
#else
    cell = load(job.slot, 0u, index);
#endif
    let columns = params.atlas_columns;
    let corner = vec2(job.slot % columns, job.slot / columns) * (params.size + 2u * GUTTER) + GUTTER;
#ifdef TISSUE
    let color = cell;
#else
#ifdef COORDINATES
    let color = coordinates_pixel(cell, position, job);
#else
    var color = pixel(cell);
#ifdef MASKED
    if (job.flags & CRISP) != 0u {
        color = crisp_pixel(cell, grown_pixel(position, job));
    }
#endif
#endif
#endif
    let first = vec2<i32>(position == vec2(0u)) * i32(GUTTER);
    let last = vec2<i32>(position + 1u == params.size) * i32(GUTTER);
    for (var y = -first.y; y <= last.y; y++) {
        for (var x = -first.x; x <= last.x; x++) {
            textureStore(atlas, vec2<i32>(corner + position) + vec2(x, y), color);
        }
    }
}
