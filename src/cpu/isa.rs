//! Detects at run time which vector instructions this machine supports.

/// A set of vector instructions that the engine's kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// The instructions that the crate was compiled for: SSE2 on x86-64, NEON on AArch64, SIMD128
    /// with `+simd128` or scalar on WebAssembly. With `+relaxed-simd`, the browser fuses multiply-add where that is faster.
    Portable,
    /// 8 lanes with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 16 lanes with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// All sets that this machine supports, the best last.
    pub fn available() -> Vec<Self> {
        let all = [
            Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            is_x86_feature_detected!("avx512f").then_some(Self::Avx512),
        ];
        all.into_iter().flatten().collect()
    }

    /// The best set that this machine supports.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    /// Whether this machine supports it.
    pub fn is_available(self) -> bool {
        Self::available().contains(&self)
    }
}
