//! Vectors of f32, one type for each set of instructions.
//!
//! The dense layers are written once over [`Vector`]. Every method is inlined into a function that
//! has the instructions enabled; left to find vectors in plain loops, the compiler does so at its
//! own mood.

/// Some f32 side by side.
pub(super) trait Vector: Copy {
    /// How many.
    const LANES: usize;

    /// All lanes the same.
    ///
    /// # Safety
    /// The machine has the instructions; so for all methods.
    unsafe fn splat(value: f32) -> Self;

    /// From memory.
    ///
    /// # Safety
    /// As many values as there are lanes can be read from there.
    unsafe fn load(from: *const f32) -> Self;

    /// To memory.
    ///
    /// # Safety
    /// As many values as there are lanes can be written there.
    unsafe fn store(self, to: *mut f32);

    /// Lane by lane.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn add(self, other: Self) -> Self;

    /// Lane by lane.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn multiply(self, other: Self) -> Self;

    /// `self + a * b`, rounded once where the instructions can.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// Four lanes that every machine of this kind has: as many as the channels of a cell are a multiple of.
#[cfg(target_arch = "x86_64")]
pub(super) type Quad = std::arch::x86_64::__m128;
/// Four lanes that every machine of this kind has: as many as the channels of a cell are a multiple of.
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Quad = Plain;

/// Four lanes in plain Rust.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 4]);

#[cfg(not(target_arch = "x86_64"))]
impl Vector for Plain {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { from.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
        self
    }

    #[inline(always)]
    unsafe fn multiply(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a *= b);
        self
    }

    #[inline(always)]
    unsafe fn add_product(mut self, a: Self, b: Self) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(&a.0).zip(&b.0) {
            *sum = if cfg!(target_arch = "aarch64") { a.mul_add(*b, *sum) } else { *sum + a * b };
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    macro_rules! vector {
        ($vector:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $multiply:ident, $add_product:ident) => {
            impl Vector for $vector {
                const LANES: usize = size_of::<$vector>() / 4;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the caller's; so below.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                unsafe fn multiply(self, other: Self) -> Self {
                    unsafe { $multiply(self, other) }
                }

                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    unsafe { $add_product(a, b, self) }
                }
            }
        };
    }

    /// Without fused multiply-add: the instructions that every x86-64 has.
    #[inline(always)]
    unsafe fn multiply_then_add(a: __m128, b: __m128, sum: __m128) -> __m128 {
        // SAFETY: the caller's.
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), sum) }
    }

    vector!(__m128, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_mul_ps, multiply_then_add);
    vector!(__m256, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_fmadd_ps);
    vector!(__m512, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_mul_ps, _mm512_fmadd_ps);
}
