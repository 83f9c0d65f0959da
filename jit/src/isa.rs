//! Cranelift for this host.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, isa};

use crate::CompileError;

/// The settings of Cranelift that shape the code. Why these: blocks are small, so optimisation passes cost more than they bring; single-pass register allocation saves 30 % of compile time and costs up to
/// a factor of five at run time (docs/adr). Tail calls need frame pointers, which `strip` takes out again.
pub const FLAGS: &[(&str, &str)] = &[
    ("opt_level", "none"),
    ("regalloc_algorithm", "backtracking"),
    ("preserve_frame_pointers", "true"),
    ("enable_pinned_reg", "true"),
    ("enable_probestack", "false"),
    ("unwind_info", "false"),
    ("is_pic", "false"),
];

/// Whether Cranelift checks the IR: it changes no code, and takes time.
const VERIFIER: &str = if cfg!(debug_assertions) { "true" } else { "false" };

/// The back end for this host and all its features that matter.
pub(crate) fn host() -> Result<OwnedTargetIsa, CompileError> {
    let mut flags = settings::builder();
    for (name, value) in FLAGS.iter().chain(&[("enable_verifier", VERIFIER)]) {
        flags.set(name, value).map_err(|e| CompileError::Host(format!("{name}: {e}")))?;
    }
    let triple = std::env::consts::ARCH.parse().map_err(|e| CompileError::Host(format!("no target triple: {e}")))?;
    let mut isa = isa::lookup(triple).map_err(|e| CompileError::Host(e.to_string()))?;
    for name in features() {
        isa.enable(name).map_err(|e| CompileError::Host(format!("{name}: {e}")))?;
    }
    isa.finish(settings::Flags::new(flags)).map_err(|e: CodegenError| CompileError::Host(e.to_string()))
}

/// What emitted code depends on besides the guest's and forklift's: the host's architecture and features, and the options here.
pub fn fingerprint() -> String {
    let flags = FLAGS.iter().map(|(name, value)| format!("{name}={value}"));
    let others = forklift_lift::HostCpu::detect().features().chain(narrower());
    let all: Vec<_> = flags.chain(features().chain(others).map(str::to_owned)).collect();
    format!("{} {}", std::env::consts::ARCH, all.join(" "))
}

#[cfg(target_arch = "x86_64")]
fn features() -> impl Iterator<Item = &'static str> {
    macro_rules! detect {
        ($($setting:literal: $feature:tt),* $(,)?) => { [$(($setting, std::arch::is_x86_feature_detected!($feature))),*] };
    }
    let all = detect! {
        "has_cmpxchg16b": "cmpxchg16b", "has_sse3": "sse3", "has_ssse3": "ssse3", "has_sse41": "sse4.1", "has_sse42": "sse4.2", "has_avx": "avx", "has_avx2": "avx2",
        "has_fma": "fma", "has_popcnt": "popcnt", "has_bmi1": "bmi1", "has_bmi2": "bmi2", "has_lzcnt": "lzcnt",
    };
    all.into_iter().filter(|f| f.1).map(|f| f.0)
}

/// Features that the JIT makes use of by itself.
#[cfg(target_arch = "x86_64")]
fn narrower() -> impl Iterator<Item = &'static str> {
    core::iter::empty()
}

/// Features that the JIT makes use of by itself.
#[cfg(target_arch = "aarch64")]
fn narrower() -> impl Iterator<Item = &'static str> {
    std::arch::is_aarch64_feature_detected!("rcpc").then_some("rcpc").into_iter()
}

#[cfg(target_arch = "aarch64")]
fn features() -> impl Iterator<Item = &'static str> {
    std::arch::is_aarch64_feature_detected!("lse").then_some("has_lse").into_iter()
}
