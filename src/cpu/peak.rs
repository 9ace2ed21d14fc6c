//! The most multiply-adds that this machine can do: what the engine's speed is held against.

use std::{hint::black_box, time::Instant};

use super::Isa;

/// Rounds of one measurement: some milliseconds.
const ROUNDS: u32 = 200_000;
/// Independent sums, so that none waits for its last multiply-add.
const SUMS: usize = 12;
const PORTABLE_LANES: usize = 4;

/// Floating-point operations a second of one thread that does nothing but multiply and add in
/// registers, with the instructions given; a multiply-add counts as two.
pub fn peak_flops(isa: Isa) -> f64 {
    let lanes = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => 8,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => 16,
        _ => PORTABLE_LANES,
    };
    let operations = 2.0 * f64::from(ROUNDS) * (SUMS * lanes) as f64;
    let seconds = (0..8).map(|_| {
        let start = Instant::now();
        black_box(spin(isa));
        start.elapsed().as_secs_f64()
    });
    operations / seconds.fold(f64::INFINITY, f64::min)
}

fn spin(isa: Isa) -> f32 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine was just asked.
        Isa::Avx2 if isa.is_available() => unsafe { spin_avx2() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 if isa.is_available() => unsafe { spin_avx512() },
        _ => spin_portable(),
    }
}

// By intrinsics: left to itself, the compiler makes scalars of sums that are never stored.

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn spin_avx2() -> f32 {
    use std::arch::x86_64::{_mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps};
    let (factor, term) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
    let mut sums = [term; SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, term);
        }
    }
    sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn spin_avx512() -> f32 {
    use std::arch::x86_64::{_mm512_cvtss_f32, _mm512_fmadd_ps, _mm512_set1_ps};
    let (factor, term) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
    let mut sums = [term; SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, term);
        }
    }
    sums.into_iter().map(|sum| _mm512_cvtss_f32(sum)).sum()
}

fn spin_portable() -> f32 {
    let (factor, term) = (black_box([0.999f32; PORTABLE_LANES]), black_box([0.001f32; PORTABLE_LANES]));
    let mut sums = [term; SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            for ((sum, factor), term) in sum.iter_mut().zip(&factor).zip(&term) {
                *sum = *sum * factor + term;
            }
        }
    }
    sums.iter().flatten().sum()
}
