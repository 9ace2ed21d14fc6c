// The noise: a counter-based hash, the same to the bit as `src/rule/noise.rs`.
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

/// Whether a cell fires: its hash with the tick's key is below the rate's threshold.
fn fires(cell: u32, key: u32, threshold: u32) -> bool {
#ifdef ALWAYS_FIRES
    return true;
#else
    return mix32(cell ^ key) < threshold;
#endif
}
