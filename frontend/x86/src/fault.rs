//! Why a guest CPU stops running straight on.

/// An exception of the CPU, SDM vol. 3A, table 6-1. `repr` is the vector.
///
/// As in the machine, details lie in the state: [`CpuState::cr2`](crate::CpuState::cr2) has the address of a page fault, and
/// [`CpuState::error_code`](crate::CpuState::error_code) the error code of those that have one. `rip` is that of the faulting instruction for a
/// fault, of the next for a trap (#BP, #OF).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Fault {
    /// #DE: division by zero, or a quotient that doesn't fit.
    Divide = 0,
    /// #DB: single step (a trap), ICEBP.
    Debug = 1,
    /// #BP: INT3 (a trap).
    Breakpoint = 3,
    /// #OF: INTO (a trap).
    Overflow = 4,
    /// #BR: BOUND.
    Bound = 5,
    /// #UD.
    InvalidOpcode = 6,
    /// #NP: a segment that is not present.
    SegmentNotPresent = 11,
    /// #SS: a stack segment fault, among them a non-canonical address through rsp or rbp.
    Stack = 12,
    /// #GP: privileged instructions, non-canonical or misaligned (SSE) addresses, bad selectors, `INT n` to a gate that is not for users.
    GeneralProtection = 13,
    /// #PF: address in `cr2`, P/W/U/I bits in `error_code`.
    Page = 14,
    /// #MF: an unmasked x87 exception is pending.
    X87 = 16,
    /// #AC.
    Alignment = 17,
    /// #XM: an unmasked SIMD floating-point exception.
    Simd = 19,
}

impl Fault {
    /// Bits of a page fault's error code, SDM vol. 3A, 4.7.
    pub const PF_PRESENT: u32 = 1;
    /// Set if the access was a write.
    pub const PF_WRITE: u32 = 2;
    /// Always set here: accesses are from user mode.
    pub const PF_USER: u32 = 4;
    /// Set if the access was an instruction fetch.
    pub const PF_FETCH: u32 = 16;

    /// The exception's vector.
    pub const fn vector(self) -> u8 {
        self as u8
    }
}

/// A door to the kernel that a program goes through on purpose. `rip` is that of the next instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Gate {
    /// `syscall` in 64-bit mode. rcx and r11 are already loaded with rip and rflags.
    Syscall,
    /// `int 0x80`, from either mode: an i386 system call.
    Int80,
    /// `sysenter` in 32-bit mode: an i386 system call with ebp as the user's stack, which returns into the vdso.
    Sysenter,
}

/// Why execution of a block, or of one instruction, ended early.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exit {
    /// An exception; the state is that of the machine at the moment of delivery.
    Fault(Fault),
    /// A system call.
    Gate(Gate),
    /// The instruction would write to a page that has translations. Nothing has changed and `rip` is at the instruction: drop the translations,
    /// then run it again, alone.
    CodeWrite,
}

impl From<Fault> for Exit {
    fn from(f: Fault) -> Self {
        Self::Fault(f)
    }
}
