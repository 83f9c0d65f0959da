//! Every form of every instruction: the decoder's own list of encodings, as far as the newest CPU model announces them, made into cases.
//!
//! A form is one of iced's codes in one mode. [`encode`] makes bytes of it with operands of every kind, [`state`] registers for these bytes,
//! [`image`] data.

pub mod encode;
pub mod image;
pub mod state;

use forklift_x86::{CpuModel, Feature, Mode};
use iced_x86::{Code, EncodingKind, Mnemonic as M};

/// The forms that there are in `mode`: what the newest model announces, and a decoder can give.
pub fn known(mode: Mode) -> Vec<Code> {
    Code::values().filter(|&c| is_known(c, mode)).collect()
}

fn is_known(c: Code, mode: Mode) -> bool {
    let o = c.op_code();
    let there = if mode == Mode::Bits64 { o.mode64() && !is_amd_branch(c) } else { o.mode32() };
    there
        && o.is_instruction()
        && matches!(o.encoding(), EncodingKind::Legacy | EncodingKind::VEX | EncodingKind::D3NOW)
        && CpuModel::Max.announces(c)
        // With a WAIT in front: decoded as two.
        && !o.fwait()
        // Old forms without operands, or as AMD has them; system management mode is not there.
        && !matches!(c, Code::Ud0 | Code::Ud0_r16_rm16 | Code::Ud1_r16_rm16 | Code::Rsm)
}

/// Near branches of 16 bits, which only AMD's CPUs have in 64-bit mode; the decoder takes them as Intel's do.
fn is_amd_branch(c: Code) -> bool {
    let name = format!("{c:?}");
    let near = ["_rel16", "_rel8_16", "_rel8_16_ECX", "_rel8_16_RCX"].iter().any(|end| name.ends_with(end));
    near || matches!(c, Code::Retnw | Code::Retnw_imm16 | Code::Jmp_rm16 | Code::Call_rm16)
}

/// Why this form can't be compared with the real CPU; `None` if it can.
pub fn exempt(c: Code) -> Option<&'static str> {
    Some(match c.mnemonic() {
        M::Cpuid | M::Rdtsc | M::Rdtscp | M::Rdpid | M::Rdrand | M::Rdseed => "its result is the machine's own",
        M::Sgdt | M::Sidt | M::Sldt | M::Str | M::Smsw => "emulated by the kernel on machines with UMIP: tests/syscall/umip.c",
        M::Lar | M::Lsl | M::Verr | M::Verw => "the kernel's descriptors: tests/syscall/segments.c",
        M::Xsave | M::Xsave64 | M::Xsaveopt | M::Xsaveopt64 | M::Xsavec | M::Xsavec64 | M::Xrstor | M::Xrstor64 | M::Xgetbv => {
            "the machine's XCR0 and use of components, other than the model's"
        }
        M::Reservednop if format!("{c:?}").ends_with("0F0D") => "#UD on AMD's CPUs",
        M::Bswap if c == Code::Bswap_r16 => "undefined",
        M::Int1 => "its trap is reported before it, not behind it, by some hypervisors: frontend/interp/src/ops/segments/tests.rs",
        M::Syscall | M::Sysenter | M::Int => "system calls: tests/insn, tests/syscall",
        M::Iret | M::Iretd | M::Iretq | M::Retf => "far: tests/insn, tests/syscall/segments.c",
        M::Lds | M::Les | M::Lfs | M::Lgs | M::Lss => "loads a segment register: tests/syscall/segments.c",
        M::Mov | M::Pop if writes_segment(c) => "loads a segment register: tests/syscall/segments.c",
        M::Jmp | M::Call if is_far(c) => "far: tests/insn, tests/syscall/segments.c",
        _ => return None,
    })
}

fn writes_segment(c: Code) -> bool {
    use Code as C;
    let moves = matches!(c, C::Mov_Sreg_rm16 | C::Mov_Sreg_r32m16 | C::Mov_Sreg_r64m16);
    moves || c.mnemonic() == M::Pop && format!("{c:?}").ends_with('S')
}

fn is_far(c: Code) -> bool {
    c.is_jmp_far() || c.is_call_far() || c.is_jmp_far_indirect() || c.is_call_far_indirect()
}

/// Whether this machine's CPU has the form. It lacks it if `/proc/cpuinfo` lacks a feature.
pub struct Host(String);

impl Host {
    /// The machine at hand.
    pub fn new() -> Self {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self(text.lines().find(|l| l.starts_with("flags")).unwrap_or_default().to_owned())
    }

    /// Whether the CPU has all features of the form.
    pub fn has(&self, c: Code) -> bool {
        c.cpuid_features().iter().filter_map(|&f| Feature::from_iced(f)).all(|f| self.0.split(' ').any(|w| w == f.name()))
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
