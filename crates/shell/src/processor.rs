//! Whether this processor can run the program as it was compiled: if not, that is said rather than dying of it.

/// What the processor lacks, in words.
pub(crate) fn lacks() -> Option<&'static str> {
    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    {
        // Asked of the processor itself: the standard library knows that the program was compiled for it.
        let features = std::arch::x86_64::__cpuid_count(7, 0).ebx;
        let (bmi1, avx2, bmi2) = (1 << 3, 1 << 5, 1 << 8);
        if features & (bmi1 | avx2 | bmi2) != bmi1 | avx2 | bmi2 {
            return Some(
                "the program was compiled for processors with AVX2, which this one lacks; build it without the line target-cpu in .cargo/config.toml",
            );
        }
    }
    None
}
