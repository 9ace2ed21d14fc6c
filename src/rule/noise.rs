//! The noise that decides which cells fire: a counter-based hash.
//!
//! `src/gpu/noise.wgsl` implements the same hash. All arithmetic is `u32`, so that both give
//! identical bits.

/// The lowbias32 integer hash by Chris Wellons, <https://nullprogram.com/blog/2018/07/31/>.
pub const fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

/// The key of one tick of one sprite: `mix(tick ^ mix(seed))`.
pub const fn tick_key(tick: u32, seed: u32) -> u32 {
    mix(tick ^ mix(seed))
}

/// A fire rate, as the threshold that a cell's hash is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FireRate {
    /// Every cell fires in every tick (a rate of 1 or more).
    Always,
    /// A cell fires if its hash is below this threshold: `floor(rate * 2^32)`.
    Below(u32),
}

impl FireRate {
    /// The threshold for a probability.
    pub fn new(rate: f64) -> Self {
        if rate >= 1.0 {
            Self::Always
        } else {
            // Multiplying by 2^32 is exact. The cast truncates and saturates.
            Self::Below((rate * 4_294_967_296.0) as u32)
        }
    }

    /// Whether the cell with index `y * width + x` fires in the tick with this [`tick_key`].
    #[inline]
    pub const fn fires(self, cell: u32, key: u32) -> bool {
        match self {
            Self::Always => true,
            Self::Below(threshold) => mix(cell ^ key) < threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_matches_its_published_values() {
        // From the reference implementation of the rule.
        let got: Vec<u32> = [0, 1, 2, 0xDEAD_BEEF, u32::MAX].map(mix).to_vec();
        assert_eq!(got, [0, 1_753_845_952, 3_507_691_905, 3_861_431_939, 1_734_902_346]);
    }

    #[test]
    fn the_threshold_is_the_floor() {
        assert_eq!(FireRate::new(0.5), FireRate::Below(1 << 31));
        assert_eq!(FireRate::new(1.0), FireRate::Always);
        assert_eq!(FireRate::new(0.0), FireRate::Below(0));
        assert_eq!(FireRate::new(0.1), FireRate::Below(429_496_729));
    }

    #[test]
    fn the_rate_is_met() {
        let rate = FireRate::new(0.3);
        let fired = (0..100_000).filter(|&cell| rate.fires(cell, tick_key(7, 11))).count();
        assert!((29_000..31_000).contains(&fired), "{fired}");
    }
}
