//! The most multiply-adds that this machine can do: what the engine's speed is held against.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};
use std::{hint::black_box, time::Instant};

use super::{
    Isa,
    vector::{Quad, Vector},
};

/// Rounds of one measurement: some milliseconds.
const ROUNDS: u32 = 200_000;
/// Independent sums, so that none waits for its last multiply-add.
const SUMS: usize = 12;

/// Floating-point operations a second of one thread that does nothing but multiply and add in
/// registers, with the instructions given; a multiply-add counts as two. Where the machine lacks
/// them, those of the portable ones.
pub fn peak_flops(isa: Isa) -> f64 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine was just asked; so below.
        Isa::Avx2 if isa.is_available() => fastest::<__m256>(|| unsafe { spin_avx2() }),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => fastest::<__m512>(|| unsafe { spin_avx512() }),
        // SAFETY: every machine has these.
        _ => fastest::<Quad>(|| unsafe { spin::<Quad>() }),
    }
}

/// The best of a few measurements.
fn fastest<V: Vector>(spin: impl Fn()) -> f64 {
    let operations = 2.0 * f64::from(ROUNDS) * (SUMS * V::LANES) as f64;
    let seconds = (0..8).map(|_| {
        let start = Instant::now();
        spin();
        start.elapsed().as_secs_f64()
    });
    operations / seconds.fold(f64::INFINITY, f64::min)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn spin_avx2() {
    // SAFETY: the instructions are enabled here.
    unsafe { spin::<__m256>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn spin_avx512() {
    // SAFETY: the instructions are enabled here.
    unsafe { spin::<__m512>() }
}

/// # Safety
/// The machine has the vector's instructions.
#[inline(always)]
unsafe fn spin<V: Vector>() {
    // SAFETY: the caller's.
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
