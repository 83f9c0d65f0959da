//! The host's CPU, as far as it makes a difference to what is emitted.

use crate::HostOp;

/// What the lifter must know of the host's CPU beyond Cranelift's IR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostCpu {
    /// An x86-64: its conversions give x86's results for what doesn't fit, its fused multiplications take the NaN of several that x86's take, new ones are
    /// negative, and there are [`X87`](crate::X87) stubs.
    pub(crate) x86: bool,
    /// Cranelift's `fma` is an instruction, not a call.
    pub(crate) fma: bool,
    /// There are functions at [`Helper::CompareStrings`](crate::Helper::CompareStrings).
    pub(crate) sse42: bool,
    aes: bool,
    pclmulqdq: bool,
    sha: bool,
    bmi2: bool,
    avx2: bool,
    f16c: bool,
    /// Cranelift makes CMPXCHG16B.
    pub(crate) cmpxchg16b: bool,
    /// An aarch64 with atomic instructions.
    pub(crate) lse: bool,
}

impl HostCpu {
    /// Any aarch64, without atomic instructions.
    pub const AARCH64: Self = Self {
        x86: false,
        fma: true,
        sse42: false,
        aes: false,
        pclmulqdq: false,
        sha: false,
        bmi2: false,
        avx2: false,
        f16c: false,
        cmpxchg16b: false,
        lse: false,
    };

    /// An x86-64 of level 3, which has no AES and no SHA.
    pub const X86_64_V3: Self =
        Self { x86: true, fma: true, sse42: true, aes: false, pclmulqdq: false, sha: false, bmi2: true, avx2: true, f16c: true, cmpxchg16b: true, lse: false };

    /// This machine's.
    #[cfg(target_arch = "x86_64")]
    pub fn detect() -> Self {
        use std::arch::is_x86_feature_detected as has;
        Self {
            x86: true,
            fma: has!("fma"),
            sse42: has!("sse4.2"),
            aes: has!("aes"),
            pclmulqdq: has!("pclmulqdq"),
            sha: has!("sha"),
            bmi2: has!("bmi2"),
            avx2: has!("avx2"),
            f16c: has!("f16c"),
            cmpxchg16b: has!("cmpxchg16b"),
            lse: false,
        }
    }

    /// This machine's.
    #[cfg(target_arch = "aarch64")]
    pub fn detect() -> Self {
        Self { lse: std::arch::is_aarch64_feature_detected!("lse"), ..Self::AARCH64 }
    }

    /// Whether it has the instruction.
    pub(crate) fn has(self, op: HostOp) -> bool {
        use HostOp as H;
        match op {
            H::Aesenc | H::Aesenclast | H::Aesdec | H::Aesdeclast | H::Aesimc | H::Aeskeygenassist => self.aes,
            H::Pclmulqdq => self.pclmulqdq,
            H::Sha1nexte | H::Sha1msg1 | H::Sha1msg2 | H::Sha1rnds4 | H::Sha256msg1 | H::Sha256msg2 | H::Sha256rnds2 => self.sha,
            H::Pdep | H::Pext => self.bmi2,
            H::Vpsllvd | H::Vpsllvq | H::Vpsrlvd | H::Vpsrlvq | H::Vpsravd => self.avx2,
            H::Vcvtph2ps | H::Vcvtps2ph => self.f16c,
            // The contract requires SSE4.1.
            H::Div | H::Ldmxcsr | H::Stmxcsr | H::Phminposuw | H::Mpsadbw | H::Dpps | H::Dppd => self.x86,
        }
    }

    /// The names of what makes a difference.
    pub fn features(self) -> impl Iterator<Item = &'static str> {
        let Self { x86: _, fma, sse42, aes, pclmulqdq, sha, bmi2, avx2, f16c, cmpxchg16b, lse } = self;
        let all = [
            ("cmpxchg16b", cmpxchg16b),
            ("lse", lse),
            ("fma", fma),
            ("sse4.2", sse42),
            ("aes", aes),
            ("pclmulqdq", pclmulqdq),
            ("sha", sha),
            ("bmi2", bmi2),
            ("avx2", avx2),
            ("f16c", f16c),
        ];
        all.into_iter().filter(|f| f.1).map(|f| f.0)
    }
}
