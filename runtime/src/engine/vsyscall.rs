//! The page of old at the end of an x86-64 process's address space. It holds no code: a jump to one of its three places is a page fault, which the kernel
//! answers by doing what the function there once did. It can't be read.

use forklift_x86::{Gate, Gpr, GuestAddr, Mode};

use crate::errno::Errno;
use crate::mem::space::X64_TASK_SIZE;
use crate::signal::info::{Info, SI_KERNEL};
use crate::syscall::dispatch;
use crate::task::Task;

/// Where the page is.
pub(crate) const PAGE: u64 = 0xffff_ffff_ff60_0000;

/// The functions: where in the page, the system call's number, the sizes of what its first two arguments point to.
const FUNCTIONS: [(u64, u64, [u64; 2]); 3] = [(0, 96, [16, 8]), (0x400, 201, [8, 0]), (0x800, 309, [4, 4])];

impl Task {
    /// What the kernel makes of a page fault, if `rip` is in the page. Returns false if it isn't: a fault as any other.
    pub(super) fn vsyscall(&mut self) -> bool {
        let rip = self.cpu.rip;
        if self.cpu.mode != Mode::Bits64 || rip & !0xfff != PAGE {
            return false;
        }
        if !self.emulate_vsyscall(rip) {
            self.restart = None;
            self.force(Info::new(libc::SIGSEGV, SI_KERNEL));
        }
        true
    }

    /// Calls and returns. Returns false, with `rip` as before, if that doesn't work, be it the place, the stack or a pointer.
    fn emulate_vsyscall(&mut self, rip: u64) -> bool {
        let Some((_, nr, sizes)) = FUNCTIONS.into_iter().find(|f| PAGE + f.0 == rip) else { return false };
        let rsp = self.cpu.get(Gpr::Rsp);
        let mut caller = [0; 8];
        if self.mem.read_bytes(GuestAddr::new(rsp), &mut caller).is_err() {
            return false;
        }
        for (pointer, size) in [Gpr::Rdi, Gpr::Rsi].map(|r| self.cpu.get(r)).into_iter().zip(sizes) {
            if size > 0 && pointer != 0 && pointer > X64_TASK_SIZE - size {
                self.bad_vsyscall_pointer(pointer);
                return true;
            }
        }
        self.cpu.set(Gpr::Rax, nr);
        dispatch(self, Gate::Syscall);
        if self.cpu.get(Gpr::Rax) == Errno::to_raw(Err(Errno::EFAULT)) {
            self.cpu.set(Gpr::Rax, Errno::to_raw(Err(Errno::ENOSYS)));
            return false;
        }
        self.cpu.rip = u64::from_le_bytes(caller);
        self.cpu.set(Gpr::Rsp, rsp.wrapping_add(8));
        true
    }

    /// A pointer into the kernel's part is reported as a write to there.
    fn bad_vsyscall_pointer(&mut self, pointer: u64) {
        const PAGE_FAULT: u8 = 14;
        const USER_WRITE: u32 = 6;
        const MAPERR: i32 = 1;
        self.restart = None;
        (self.trap.number, self.trap.error_code, self.trap.cr2) = (PAGE_FAULT, USER_WRITE, pointer);
        self.force(Info::fault(libc::SIGSEGV, MAPERR, pointer));
    }
}
