//! What the lifter and whoever compiles and runs its output promise each other.
//!
//! A lifted region (a block, for those who run it) is one function of `CallConv::Tail` with six i64 parameters, the guest registers of [`PARAM_REGS`](crate::PARAM_REGS), and no result.
//! The pinned register points to the [`JitState`](crate::JitState). It never returns; it leaves by
//! * a `return_call` of the colocated function `UserExternalName { namespace: EXIT_NAMESPACE, index: n }`, n being an index into [`Lifted::exits`], or
//! * a `return_call_indirect` of the `code` of a matching [`IndirectEntry`](crate::IndirectEntry).
//!
//! Both pass the six registers on, but for exits whose next stop is the dispatcher, which have no parameters. Guest memory is accessed with [`TRAP_MEMORY`]; the source location of the access, an index into [`Lifted::pcs`], gives
//! an instruction to resume at by interpretation: at or before the one that faults, in the same block. The processor's state in memory is that before this
//! instruction, but for `rip`, and nothing has been done since that can't be done again. Accesses with [`GROUP`] in their location are different: see there; so are all of a region
//! that is lifted with [`Faults::Lost`].
//!
//! Requirements to the ISA: `enable_pinned_reg`, `enable_verifier` in debug builds, `preserve_frame_pointers` (for tail calls), and SSE4.1 on x86-64. SSE code runs with the guest's rounding mode in the
//! host's MXCSR or FPCR and with all exceptions masked: with an exception unmasked in the guest's MXCSR, blocks must be interpreted.

use cranelift_codegen::ir::TrapCode;
use forklift_x86::{CcOp, CodeFetch, CpuModel, GuestAddr, Mode, Width};
use iced_x86::Instruction;

/// Namespace of the external names that stand for exits.
pub const EXIT_NAMESPACE: u32 = 1;

/// Namespace of the external names that stand for numbers which are known only when the block is placed: the address of the (not colocated) symbol with
/// index n is that of [`Lifted::tokens`]`[n]`. So the code itself is the same in every process.
pub const TOKEN_NAMESPACE: u32 = 2;

/// Trap code of accesses to guest memory.
pub const TRAP_MEMORY: TrapCode = TrapCode::unwrap_user(1);

/// In the source location of an access: it belongs to the group with the number in the other bits, an index into [`Lifted::groups`]. At a fault, the state
/// in memory is not complete: control must go on at the group's pad, where the guard leads to that follows. It stores the state of before the group's first
/// instruction and leaves by [`LiftedExit::Step`].
pub const GROUP: u32 = 1 << 30;

/// The source location of a barrier behind a load, which may be one that orders the loads before it against all accesses behind it. (Other barriers are full.)
pub const LOAD_BARRIER: u32 = 1 << 28;

/// The source location of a barrier before a store, which may be one that orders stores.
pub const STORE_BARRIER: u32 = 1 << 29;

/// The source location of a guard: the group is in the other bits. It is a branch on a condition that never holds; what the pad needs is only certain to be
/// in its place where the branch is.
pub const GUARD: u32 = 1 << 31;

/// Trap code of accesses to 16 bytes of guest memory that fault if their address isn't a multiple of 16. Whoever compiles the region must see to it that
/// the host's instruction does.
pub const TRAP_ALIGNED: TrapCode = TrapCode::unwrap_user(2);

/// Emitted code of an i386 guest may add a displacement of less than this behind the zero extension of an address, and so touch up to this many bytes (and the
/// operand's size) before or behind the window of 4 GiB where the guest's address wraps around. Those bytes must be guards; an access that faults there is to be
/// stepped by interpretation, which wraps it. Unit: bytes.
pub const WINDOW_SLACK: u64 = 64 << 10;

/// What selects a translation, besides the code itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// Address of the first instruction.
    pub start: GuestAddr,
    /// Mode of the processor.
    pub mode: Mode,
    /// In 32-bit mode: DS, ES and SS have base 0. (A CS with another base is left to the interpreter.) Always true in 64-bit mode.
    pub flat: bool,
    /// The block compares its source with the bytes that it was made from whenever it is entered, and takes [`LiftedExit::Stale`] if they differ.
    pub checked: bool,
    /// What it is made for.
    pub needs: Needs,
}

/// What processes may need of their translations that costs something on hosts other than x86-64, and nothing there: a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Needs(u8);

impl Needs {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// MXCSR may have FTZ or DAZ.
    pub const FLUSHING: Self = Self(1);
    /// Others see guest memory: accesses are ordered as x86's are. SDM vol. 3A, 9.2.
    pub const ORDERED: Self = Self(2);
    /// With [`ORDERED`](Self::ORDERED): accesses to vectors and floating-point numbers aren't.
    pub const WEAK_VECTORS: Self = Self(4);
    /// With [`ORDERED`](Self::ORDERED): accesses that aren't aligned are common in this block. Without it they fault, and are interpreted.
    pub const UNALIGNED: Self = Self(8);
    /// The guest can see the state at a fault of an access to memory: see [`Faults::Lost`].
    pub const FAULTS: Self = Self(16);
    /// NaNs, or vectors in memory that must be aligned and aren't, are common in this block: each result, and each address, is looked at by itself. Without it they are left to the interpreter.
    pub const NANS: Self = Self(32);
    /// Between blocks all registers are in memory. Without it, those that travel as parameters need not be ([`PARAM_REGS`](crate::PARAM_REGS)). The same for all blocks at a time.
    pub const COMPLETE: Self = Self(64);

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// This and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As a number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with this number.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// How the state of before an instruction is had whose access to guest memory faults.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Faults {
    /// It is in memory.
    #[default]
    Stored,
    /// The same, but where guards pay: see [`GROUP`]. Emitted code is patched; accesses that must be aligned are the host's ([`TRAP_ALIGNED`]).
    Guarded,
    /// It isn't, but for the instruction's address: the access must be done again where it can be, or the process ends, and nobody sees its state.
    Lost,
}

/// Where control goes when it leaves a block. The state is complete (see [`JitState`](crate::JitState)); `cpu.rip` is as told here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LiftedExit {
    /// To a block whose address is known: the exit to chain. `cpu.rip` is not stored: whoever catches the exit sets it.
    Direct(GuestAddr),
    /// To the address in `cpu.rip`, which the table of indirect branches did not have.
    Indirect,
    /// The instruction at this address must be interpreted, by one step. `cpu.rip` is not stored.
    Step(GuestAddr),
    /// Something that the next block depends on may have changed (segment bases, TF, MXCSR), or a step helper returned non-zero: look at everything
    /// again. `cpu.rip` is right.
    Dispatch,
    /// As `Step`, and NaNs or accesses that aren't aligned are common in this block: it should be made anew with [`Needs::NANS`].
    Again(GuestAddr),
    /// The source of a checked block has changed: throw the block away and go on at its start. `cpu.rip` is not stored.
    Stale,
}

/// Functions that emitted code calls through the table of [`JitState::helpers`](crate::JitState::helpers). All are of the host's C calling convention, and
/// get the address of the state as first argument. They must preserve the pinned register and see and may change the guest's state in memory. On hosts other than x86-64, `Status` and `Cond`
/// preserve all registers and leave their result in [`JitState::x87_scratch`](crate::JitState::x87_scratch).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Helper {
    /// `fn(&mut JitState, token: u64) -> u64`: runs the instruction of the token by interpretation. 0: the instruction is complete, go on with the next one
    /// (`cpu.rip` is ignored then). Otherwise the block leaves by [`LiftedExit::Dispatch`]; the helper has set `cpu.rip` and recorded why.
    Step = 0,
    /// `fn(&JitState) -> u64`: the status flags, `cpu.flags.status()`.
    Status = 1,
    /// `fn(&JitState, cond: u64) -> u64`: 1 if the condition (as encoded) holds, `cpu.flags.cond(..)`, else 0.
    Cond = 2,
    /// Not a function, but the first of the [`X87`] stubs, on hosts that have them.
    X87 = 3,
    /// Not a function, but 512 of them at a distance of [`COMPARE_STRINGS_SIZE`], one for each immediate of each [`CompareStrings`], on x86-64 hosts with SSE4.2.
    /// They don't get the state.
    CompareStrings = 4,
    /// Not a function, but the first of the stubs of [`HostOp`], on x86-64 hosts.
    HostOp = 5,
    /// Not a function, but the first of the stubs of [`RepString`], on x86-64 hosts.
    RepString = 6,
    /// `fn(&mut JitState) -> u64`, on x86-64 hosts: takes the x87's registers, which the host's unit holds, back to `cpu.x87`. The result means nothing.
    TakeX87 = 7,
}

/// What there are functions for at [`Helper::CompareStrings`]. Those with explicit lengths have them, as RAX and RDX, as third and fourth argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CompareStrings {
    /// PCMPISTRI: `fn(a: I8X16, b: I8X16) -> u64`, which leaves the index in the low half of the result and the flags in the high one.
    ImplicitIndex,
    /// PCMPISTRM: `fn(a: I8X16, b: I8X16) -> (u64, I8X16)`: the flags and the mask.
    ImplicitMask,
    /// PCMPESTRI: as PCMPISTRI, and lengths.
    ExplicitIndex,
    /// PCMPESTRM: as PCMPISTRM, and lengths.
    ExplicitMask,
}

impl CompareStrings {
    /// Number of the function for an immediate.
    pub const fn stub(self, imm: u8) -> usize {
        self as usize * 128 + (imm & 0x7f) as usize
    }
}

/// Distance of the functions at [`Helper::CompareStrings`]. Unit: bytes.
pub const COMPARE_STRINGS_SIZE: usize = 32;

/// Number of entries of the table of helpers.
pub const HELPERS: usize = 8;

/// Instructions that Cranelift's IR has nothing for, and x86-64 hosts may have: stubs of one instruction each, called by `CallConv::PreserveAll`. They don't
/// get the state. Only those may be called that the host's processor has.
///
/// The operands are the arguments in the manual's order, vectors as I8X16; the destination's new value is the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum HostOp {
    Aesenc,
    Aesenclast,
    Aesdec,
    Aesdeclast,
    Aesimc,
    /// The first of four: bit 0 of the number is bit 0 of the immediate, bit 1 its bit 4.
    Pclmulqdq,
    Sha1nexte = 9,
    Sha1msg1,
    Sha1msg2,
    /// The first of four, one for each immediate.
    Sha1rnds4,
    Sha256msg1 = 16,
    Sha256msg2,
    /// The implicit operand is the first argument.
    Sha256rnds2,
    /// Of 64 bits; so are its operands and its result.
    Pdep,
    /// Of 64 bits; so are its operands and its result.
    Pext,
    Vpsllvd,
    Vpsllvq,
    Vpsrlvd,
    Vpsrlvq,
    Vpsravd,
    /// The low half of its operand becomes 128 bits.
    Vcvtph2ps,
    /// The first of eight, one for each immediate.
    Vcvtps2ph,
    Phminposuw = 35,
    /// Its immediate is 0.
    Aeskeygenassist,
    /// The first of eight, one for each immediate.
    Mpsadbw,
    /// The first of 256, one for each immediate.
    Dpps = 45,
    /// The first of sixteen: bits 0 and 1 of the number are those of the immediate, bits 2 and 3 its bits 4 and 5.
    Dppd = 301,
    /// The low half of the dividend, the divisor, and the high half of the dividend, of 64 bits each, which must not make it fault; the result is the quotient.
    Div = 317,
    /// Of 64 bits, of which the low ones count; so is its result, which means nothing.
    Ldmxcsr,
    /// Its result has 64 bits.
    Stmxcsr,
}

impl HostOp {
    /// Distance of the stubs. Unit: bytes.
    pub const SIZE: usize = 32;
    /// How many there are.
    pub const COUNT: usize = Self::Stmxcsr as usize + 1;
}

/// On x86-64 hosts: stubs that run a repeated string instruction of the guest, upwards, as one of the host. They work on the guest's registers in the state,
/// and CMPS and SCAS leave their flags there, if they compare anything.
///
/// A stub is called by `CallConv::PreserveAll`, without arguments. If an element faults, the registers are as they are behind the one before, and the block
/// is left at `cpu.rip`, which the caller has stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum RepString {
    Movs,
    Stos,
    RepeCmps,
    RepneCmps,
    RepeScas,
    RepneScas,
}

impl RepString {
    /// Distance of the stubs. Unit: bytes.
    pub const SIZE: usize = 256;
    /// How many there are.
    pub const COUNT: usize = 2 * 4 * 6;

    /// Number of the stub for elements of this width and addresses of this mode.
    pub const fn stub(self, w: Width, mode: Mode) -> usize {
        (mode as usize * 4 + w as usize) * 6 + self as usize
    }
}

/// On hosts with an x87 unit: stubs that run one x87 instruction of the guest on it. While emitted code runs, the unit may hold the guest's registers
/// ([`JitState::x87_live`](crate::JitState::x87_live)); the first stub brings them there, [`Helper::Step`] and leaving emitted code take them back.
///
/// A stub is called by `CallConv::PreserveAll`, with one i64 argument: the host address of the operand, for those that have one in memory. If the operand
/// faults, nothing has happened, and the block is left at `cpu.rip`, which the caller has stored. All exceptions must be masked in the guest's control
/// word; with one unmasked, blocks must be interpreted.
#[derive(Clone, Copy, Debug)]
pub struct X87;

impl X87 {
    /// Distance of the stubs. Unit: bytes.
    pub const SIZE: usize = 32;
    /// Entry of a stub, behind its first byte, for callers who know that the unit holds the guest's registers.
    pub const LIVE_ENTRY: usize = 16;
    /// Number of the first stub with an operand in memory.
    pub const MEMORY: usize = 512;

    /// Number of the stub for opcode `D8 + escape` with the ModRM byte `C0 + rest`. FCOMI and its kin leave the host's flags in
    /// [`JitState::x87_scratch`](crate::JitState::x87_scratch); all FCMOVs move if the argument isn't zero.
    pub const fn register(escape: u8, rest: u8) -> usize {
        (escape as usize & 7) * 64 + (rest as usize & 63)
    }

    /// Number of the stub for opcode `D8 + escape` with `reg` in its ModRM byte, and an operand in memory.
    pub const fn memory(escape: u8, reg: u8) -> usize {
        Self::MEMORY + (escape as usize & 7) * 8 + (reg as usize & 7)
    }
}

/// What the lifter asks its caller for.
pub trait LiftEnv {
    /// As [`CodeFetch::fetch`].
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize;

    /// The token by which [`Helper::Step`] knows this instruction. It must stay valid as long as the block.
    fn token(&mut self, i: &Instruction) -> u64;

    /// The processor that the guest sees.
    fn model(&self) -> CpuModel;

    /// What set the status flags that the guest has now, where a block is likely to be entered soon: a guess, which emitted code checks.
    fn flags_op(&self) -> CcOp;

    /// [`CpuState::usable_segments`](forklift_x86::CpuState::usable_segments) where a block of direct code is likely to be entered soon.
    fn usable_segments(&self) -> u8 {
        !0
    }

    /// Whether the block itself might write to its code, or to what is looked at behind its exits.
    fn may_write_itself(&self) -> bool {
        true
    }
}

/// An environment as the source of code.
pub(crate) struct Fetch<'a>(pub &'a mut dyn LiftEnv);

impl CodeFetch for Fetch<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.0.fetch(addr, buf)
    }
}

/// A number by which a helper knows an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The instruction's address. It lies in one of the first ranges of the block.
    pub at: GuestAddr,
    /// The answer of [`LiftEnv::token`] for it.
    pub value: u64,
}

/// What comes with the IR of a block.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Lifted {
    /// The exits, by index of their external names.
    pub exits: Vec<LiftedExit>,
    /// Address of the guest instruction for each source location.
    pub pcs: Vec<GuestAddr>,
    /// The guest code that the translation depends on, as [start, end): the block itself first, and what was looked at behind its exits to see which flags are dead.
    /// If a byte of them changes, the translation must go.
    pub ranges: Vec<(GuestAddr, GuestAddr)>,
    /// What the step helper is called with, by index of their external names.
    pub tokens: Vec<Token>,
    /// For each group, the number of the instruction (an index into `pcs`) that it begins with. Empty if the region was lifted without guards.
    pub groups: Vec<u32>,
    /// How many guest instructions the block has.
    pub insns: usize,
    /// How it was lifted.
    pub faults: Faults,
}

/// Why there is no translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LiftError {
    /// This byte of code can't be fetched.
    Fetch(GuestAddr),
}

impl core::fmt::Display for LiftError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fetch(a) => write!(f, "no executable code at {a}"),
        }
    }
}

impl core::error::Error for LiftError {}
