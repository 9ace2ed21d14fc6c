//! Vectors of f32, one type per instruction set.
//!
//! Perception and the dense layers are written once, generic over [`Vector`]. Every method is inlined into a
//! function that enables the instructions. The compiler does not vectorize plain loops reliably.

/// A SIMD vector of f32.
pub(super) trait Vector: Copy {
    /// The number of lanes.
    const LANES: usize;

    /// Sets all lanes to the same value.
    ///
    /// # Safety
    /// The CPU must support the instructions. This applies to all methods.
    unsafe fn splat(value: f32) -> Self;

    /// Loads the lanes from memory.
    ///
    /// # Safety
    /// `from` must be valid for reading as many values as there are lanes.
    unsafe fn load(from: *const f32) -> Self;

    /// Stores the lanes to memory.
    ///
    /// # Safety
    /// `to` must be valid for writing as many values as there are lanes.
    unsafe fn store(self, to: *mut f32);

    /// Adds lane by lane.
    ///
    /// # Safety
    /// The CPU must support the instructions.
    unsafe fn add(self, other: Self) -> Self;

    /// Multiplies lane by lane.
    ///
    /// # Safety
    /// The CPU must support the instructions.
    unsafe fn multiply(self, other: Self) -> Self;

    /// Replaces negative lanes by 0. A NaN stays.
    ///
    /// # Safety
    /// The CPU must support the instructions.
    unsafe fn relu(self) -> Self;

    /// Computes `self + a * b`, rounded once if the instructions include fused multiply-add.
    ///
    /// # Safety
    /// The CPU must support the instructions.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// Four lanes, available on every CPU of this target. The number of channels per cell is a multiple of four.
#[cfg(target_arch = "x86_64")]
pub(super) type Quad = std::arch::x86_64::__m128;
/// Four lanes, in every browser that this build is for. The number of channels per cell is a multiple of four.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) type Quad = std::arch::wasm32::v128;
/// Four lanes, available on every CPU of this target. The number of channels per cell is a multiple of four.
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
pub(super) type Quad = plain::Plain;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
mod plain {
    use super::Vector;

    /// Four lanes in plain Rust.
    #[derive(Clone, Copy)]
    pub struct Plain([f32; 4]);

    impl Vector for Plain {
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self([value; 4])
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: upheld by the caller.
            Self(unsafe { from.cast::<[f32; 4]>().read() })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: upheld by the caller.
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
        unsafe fn relu(mut self) -> Self {
            // Not `max`, which would turn a NaN into 0.
            self.0.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    macro_rules! vector {
        ($vector:ty, $splat:ident, $load:ident, $store:ident, $add:ident, $multiply:ident, $max:ident, $add_product:ident) => {
            impl Vector for $vector {
                const LANES: usize = size_of::<$vector>() / 4;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: upheld by the caller, here and below.
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
                unsafe fn relu(self) -> Self {
                    // If a lane is NaN, the instruction returns its second operand.
                    unsafe { $max($splat(0.0), self) }
                }

                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    unsafe { $add_product(a, b, self) }
                }
            }
        };
    }

    /// Multiplies and adds without FMA, which not every x86-64 CPU has.
    #[inline(always)]
    unsafe fn multiply_then_add(a: __m128, b: __m128, sum: __m128) -> __m128 {
        // SAFETY: upheld by the caller.
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), sum) }
    }

    vector!(__m128, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_mul_ps, _mm_max_ps, multiply_then_add);
    vector!(
        __m256,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        _mm256_max_ps,
        _mm256_fmadd_ps
    );
    vector!(
        __m512,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        _mm512_max_ps,
        _mm512_fmadd_ps
    );
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::Vector;

    impl Vector for v128 {
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            f32x4_splat(value)
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: upheld by the caller. The address need not be aligned.
            unsafe { v128_load(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { v128_store(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            f32x4_add(self, other)
        }

        #[inline(always)]
        unsafe fn multiply(self, other: Self) -> Self {
            f32x4_mul(self, other)
        }

        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // The first operand, unless it is less than the second: a NaN stays.
            f32x4_pmax(self, f32x4_splat(0.0))
        }

        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // Rounded once or twice, whichever is faster on the machine of the browser.
            #[cfg(target_feature = "relaxed-simd")]
            return f32x4_relaxed_madd(a, b, self);
            #[cfg(not(target_feature = "relaxed-simd"))]
            return f32x4_add(self, f32x4_mul(a, b));
        }
    }
}
