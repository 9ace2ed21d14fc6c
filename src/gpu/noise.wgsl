// The noise: a counter-based hash, equal to that of `src/rule/noise.rs`. A test compares them.
#define_import_path bevy_nca::noise

/// The lowbias32 integer hash.
fn mix32(value: u32) -> u32 {
    var x = value;
    x ^= x >> 16u;
    x *= 0x7FEB352Du;
    x ^= x >> 15u;
    x *= 0x846CA68Bu;
    return x ^ (x >> 16u);
}

/// Whether a cell fires: its hash with the key of the tick is below the threshold of the rate.
fn fires(cell: u32, key: u32, threshold: u32) -> bool {
#ifdef ALWAYS_FIRES
    return true;
#else
    return mix32(cell ^ key) < threshold;
#endif
}
