//! Measures the peak multiply-add rate of this machine, which the engine's speed is compared with.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use super::{
    Isa,
    vector::{Quad, Vector},
};

/// Rounds between two looks at the clock, which take roughly a millisecond.
const ROUNDS: u32 = 200_000;
/// The number of independent sums, so that none waits for its last multiply-add.
const SUMS: usize = 12;

/// Floating-point operations per second of one thread that only multiplies and adds in registers for at
/// least this long, with the given instructions. A multiply-add counts as two operations. Falls back
/// to [`Isa::Portable`] if this machine does not support the instructions.
pub fn peak_flops(isa: Isa, duration: Duration) -> f64 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `is_available` has checked the instructions, here and below.
        Isa::Avx2 if isa.is_available() => rate::<__m256>(duration, || unsafe { spin_avx2() }),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => rate::<__m512>(duration, || unsafe { spin_avx512() }),
        // SAFETY: every CPU of this target has these instructions.
        _ => rate::<Quad>(duration, || unsafe { spin::<Quad>() }),
    }
}

/// The mean rate over a time.
fn rate<V: Vector>(duration: Duration, spin: impl Fn()) -> f64 {
    let (start, mut operations) = (Instant::now(), 0.0);
    loop {
        spin();
        operations += 2.0 * f64::from(ROUNDS) * (SUMS * V::LANES) as f64;
        let passed = start.elapsed();
        if passed >= duration {
            return operations / passed.as_secs_f64();
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn spin_avx2() {
    // SAFETY: this function enables the instructions.
    unsafe { spin::<__m256>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn spin_avx512() {
    // SAFETY: this function enables the instructions.
    unsafe { spin::<__m512>() }
}

/// # Safety
/// The CPU must support the vector's instructions.
#[inline(always)]
unsafe fn spin<V: Vector>() {
    // SAFETY: upheld by the caller.
    unsafe {
        let (factor, term) = (V::splat(black_box(0.999)), V::splat(black_box(0.001)));
        let mut sums = [term; SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = term.add_product(*sum, factor);
            }
        }
        black_box(sums);
    }
}
