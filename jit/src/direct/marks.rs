//! What a signal handler must know about a place in a block: which instruction of the guest it belongs to, and how to get the guest's registers.

use forklift_x86::{Gpr, GuestAddr};
use libc::ucontext_t;

use crate::blocks::Trap;

/// How the guest's state is found at a place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Recovery(u32);

impl Recovery {
    const KEEPS_R11: u32 = 1 << 20;
    const DYNAMIC: u32 = 1 << 21;
    const FLAGS: u32 = 1 << 22;
    const POPS: u32 = 1 << 23;
    const FRAME: u32 = 1 << 24;
    const COUNT: u32 = 1 << 25;

    /// As it is, and the guest's `r` lies in the state.
    pub fn and_restores(self, r: Gpr) -> Self {
        Self(self.0 | 1 << r.index())
    }

    /// As it is, and `r` holds the guest's r11.
    pub fn and_keeps_r11(self, r: Gpr) -> Self {
        Self(self.0 | Self::KEEPS_R11 | (r.index() as u32) << 16)
    }

    /// An indirect branch to where r10 tells; the guest's r10 and rcx lie in the state.
    pub fn branch() -> Self {
        Self(Self::DYNAMIC).and_restores(Gpr::R10).and_restores(Gpr::Rcx)
    }

    /// An indirect branch of 32-bit code to where r10 tells.
    pub fn narrow_target() -> Self {
        Self(Self::DYNAMIC)
    }

    /// The same in 32-bit code: the guest's rcx is in r9.
    pub fn narrow_branch() -> Self {
        Self(Self::DYNAMIC | Self::COUNT)
    }

    /// As it is, but 4 bytes are still on the stack.
    pub fn and_pops(self) -> Self {
        Self(self.0 | Self::POPS)
    }

    /// As it is, and rbp is in r8.
    pub fn and_frame_in_value(self) -> Self {
        Self(self.0 | Self::FRAME)
    }

    /// As it is, and the status flags are in AX: those of LAHF in AH, OF in AL, to which 127 may have been added.
    pub fn and_flags_in_ax(self) -> Self {
        Self(self.0 | Self::FLAGS)
    }
}

/// Marks of a block, by rising place.
#[derive(Default)]
pub(super) struct Marks(Vec<Mark>);

struct Mark {
    at: u32,
    pc: u64,
    recovery: Recovery,
}

impl Marks {
    /// From offset `at` on, the guest is before the instruction at `pc`.
    pub fn add(&mut self, at: usize, pc: u64, recovery: Recovery) {
        let at = at as u32;
        if self.0.last().is_some_and(|m| m.at == at) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|m| (m.pc, m.recovery) != (pc, recovery)) {
            self.0.push(Mark { at, pc, recovery });
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all but the first `n`.
    pub fn truncate(&mut self, n: usize) {
        self.0.truncate(n);
    }

    /// For a block that begins at `start`.
    pub fn to_traps(&self, start: GuestAddr) -> impl Iterator<Item = Trap> {
        self.0.iter().map(move |m| Trap { code: m.at, guest: m.pc.wrapping_sub(start.get()) as u32, pad: m.recovery.0 })
    }
}

/// Gives the interrupted context, at a place with this recovery, the guest's registers; returns the guest's pc. `pc` is the mark's.
///
/// # Safety
/// `gprs` are the registers in the state of the thread that the context is of.
pub(super) unsafe fn recover(uc: &mut ucontext_t, gprs: *mut u64, pc: u64, recovery: u32) -> u64 {
    /// Places in the context of the registers by number.
    const PLACES: [i32; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    let registers = &mut uc.uc_mcontext.gregs;
    let ax = registers[libc::REG_RAX as usize] as u64;
    let pc = if recovery & Recovery::DYNAMIC != 0 { registers[libc::REG_R10 as usize] as u64 } else { pc };
    if recovery & Recovery::FLAGS != 0 {
        let flags = &mut registers[libc::REG_EFL as usize];
        *flags = *flags & !0x8d5 | (ax >> 8 & 0xd5) as i64 | i64::from(matches!(ax as u8, 1 | 0x80)) << 11;
    }
    if recovery & Recovery::POPS != 0 {
        let sp = &mut registers[libc::REG_RSP as usize];
        *sp = i64::from((*sp as u32).wrapping_add(4));
    }
    if recovery & Recovery::COUNT != 0 {
        registers[libc::REG_RCX as usize] = registers[libc::REG_R9 as usize];
    }
    if recovery & Recovery::FRAME != 0 {
        registers[libc::REG_RBP as usize] = registers[libc::REG_R8 as usize];
    }
    if recovery & Recovery::KEEPS_R11 != 0 {
        let r = (recovery >> 16 & 15) as usize;
        // SAFETY: the caller's promise.
        unsafe { *gprs.add(Gpr::R11.index()) = registers[PLACES[r] as usize] as u64 };
    }
    for r in (0..16).filter(|r| recovery >> r & 1 != 0) {
        // SAFETY: as above.
        registers[PLACES[r] as usize] = unsafe { *gprs.add(r) } as i64;
    }
    pc
}
