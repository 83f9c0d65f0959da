//! From a signal that has arrived, or a fault of the guest, to the guest's handler, or to the end of the process.

use forklift_x86::{Fault, GuestAddr, Mode, bits};

use super::action::{Action, DFL, IGN, UNBLOCKABLE, bit, ignored_by_default, is_ours, sa};
use super::info::{Info, SI_KERNEL};
use super::{AltStack, die_by, ss};
use crate::errno::Errno;
use crate::host;
use crate::mem::vma::Prot;
use crate::task::{Task, host_mask};

/// Length of a gate instruction.
const GATE_LEN: u64 = 2;
/// Addresses from here on are the kernel's.
const KERNEL: u64 = (1 << 47) - 4096;

impl Task {
    /// Delivers what has arrived. Afterwards the host's mask is the guest's again, so that the next pending signal may arrive.
    pub(crate) fn deliver_signals(&mut self) {
        host::set_sigmask(host_mask(u64::MAX));
        for info in self.inbox.take() {
            self.deliver(info);
        }
        self.apply_sigmask();
    }

    /// Sets the guest's signal mask; signals that were held back because the host can't block them are delivered if they may be.
    pub fn set_sigmask(&mut self, mask: u64) {
        self.sigmask = mask & !UNBLOCKABLE;
        self.apply_sigmask();
    }

    /// Puts signals that were held back and that `mask` lets through into the inbox.
    pub(crate) fn release_held(&mut self, mask: u64) {
        host::set_sigmask(u64::MAX);
        while let Some(i) = self.held.iter().position(|i| mask & bit(i.signo()) == 0) {
            let info = self.held.remove(i);
            self.inbox.put(info);
        }
    }

    fn apply_sigmask(&mut self) {
        while let Some(i) = self.held.iter().position(|i| self.sigmask & bit(i.signo()) == 0) {
            let info = self.held.remove(i);
            self.deliver(info);
        }
        host::set_sigmask(host_mask(self.sigmask));
    }

    fn deliver(&mut self, info: Info) {
        let sig = info.signo();
        let blocked = self.wait_mask.unwrap_or(self.sigmask) & bit(sig) != 0;
        if blocked && is_ours(sig) {
            self.held.push(info);
            return;
        }
        self.process.strace.signal(self.tid, sig, info.code(), info.addr());
        let action = self.process.actions.take(sig);
        match action.handler {
            IGN => {}
            DFL if ignored_by_default(sig) => {}
            DFL => self.default_action(sig),
            _ => self.enter_handler(&info, &action),
        }
    }

    /// Stops or ends the process.
    fn default_action(&mut self, sig: i32) {
        if matches!(sig, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) {
            let old = host::set_sigmask(!bit(sig));
            // SAFETY: stops the process; the host's disposition is the default, as the guest's is.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::syscall(libc::SYS_gettid), sig) };
            host::set_sigmask(old);
            return;
        }
        self.process.before_exit(self);
        die_by(sig)
    }

    fn enter_handler(&mut self, info: &Info, action: &Action) {
        let sig = info.signo();
        self.counters.signals += 1;
        self.settle_restart(action);
        let old = self.sigmask;
        if self.push_frame(info, action, old).is_err() {
            // The kernel's force_sigsegv: a SIGSEGV whose own frame can't be built ends the process.
            if sig == libc::SIGSEGV {
                let _ = self.process.actions.set(sig, Action::default());
            }
            self.wait_mask = None;
            return self.force(Info::new(libc::SIGSEGV, SI_KERNEL));
        }
        if self.altstack.flags & ss::AUTODISARM != 0 {
            self.altstack = AltStack::default();
        }
        let own = if action.flags & sa::NODEFER != 0 { 0 } else { bit(sig) };
        self.sigmask = (self.wait_mask.take().unwrap_or(old) | action.mask | own) & !UNBLOCKABLE;
    }

    /// A handler runs: a call that asked to be restarted is, or ends with EINTR.
    fn settle_restart(&mut self, action: &Action) {
        let Some(e) = self.restart.take() else { return };
        let again = match e {
            Errno::ERESTARTSYS => action.flags & sa::RESTART != 0,
            Errno::ERESTARTNOINTR => true,
            _ => false,
        };
        if !again {
            let raw = Errno::to_raw(Err(Errno::EINTR)) & if self.cpu.mode == Mode::Bits32 { 0xffff_ffff } else { u64::MAX };
            self.cpu.rip = self.cpu.rip.wrapping_add(GATE_LEN);
            self.cpu.set(forklift_x86::Gpr::Rax, raw);
        }
    }

    /// Delivers a signal that can't be put off or ignored: if it's blocked or ignored, it ends the process.
    pub(crate) fn force(&mut self, info: Info) {
        let sig = info.signo();
        host::set_sigmask(u64::MAX);
        self.process.strace.signal(self.tid, sig, info.code(), info.addr());
        let action = self.process.actions.take(sig);
        if action.handler <= IGN || self.sigmask & bit(sig) != 0 {
            self.process.before_exit(self);
            die_by(sig);
        }
        self.enter_handler(&info, &action);
        self.apply_sigmask();
    }

    /// Turns an exception of the guest's processor into the signal that Linux makes of it.
    pub(crate) fn fault(&mut self, fault: Fault) {
        if let Some(hook) = self.process.hooks.fault.clone()
            && hook(self, fault)
        {
            return;
        }
        self.restart = None;
        self.trap.number = fault.vector();
        self.trap.error_code = match fault {
            Fault::SegmentNotPresent | Fault::Stack | Fault::GeneralProtection | Fault::Page | Fault::Alignment => self.cpu.error_code,
            _ => 0,
        };
        // SDM vol. 3B, 18.3.1.1: the image of the flags has RF, but for traps. Nobody sees it but in a signal's frame.
        if !matches!(fault, Fault::Debug | Fault::Breakpoint | Fault::Overflow) {
            self.cpu.flags.rest |= bits::RF;
        }
        let rip = self.cpu.rip;
        let info = match fault {
            Fault::Divide => Info::fault(libc::SIGFPE, 1, rip),
            Fault::Debug => Info::fault(libc::SIGTRAP, self.debug_code(), rip),
            Fault::Breakpoint => Info::new(libc::SIGTRAP, SI_KERNEL),
            Fault::Overflow | Fault::Bound | Fault::GeneralProtection => Info::new(libc::SIGSEGV, SI_KERNEL),
            Fault::InvalidOpcode => {
                self.trace_invalid_opcode();
                Info::fault(libc::SIGILL, 2, rip)
            }
            Fault::SegmentNotPresent | Fault::Stack => Info::new(libc::SIGBUS, SI_KERNEL),
            Fault::Page => self.page_fault(),
            Fault::X87 => {
                let x = &self.cpu.x87;
                Info::fault(libc::SIGFPE, fpe_code(x.sw & !x.cw), rip)
            }
            Fault::Simd => Info::fault(libc::SIGFPE, fpe_code((!(self.cpu.mxcsr >> 7) & self.cpu.mxcsr) as u16), rip),
            Fault::Alignment => Info::fault(libc::SIGBUS, 1, 0),
        };
        self.force(info);
    }

    /// INT1 is a TRAP_BRKPT; a step with TF set before it is a TRAP_TRACE.
    fn debug_code(&self) -> i32 {
        const INT1: u8 = 0xf1;
        const BRKPT: i32 = 1;
        const TRACE: i32 = 2;
        let mut last = [0];
        let n = self.mem.fetch_code(self.cpu.pc().wrapping_add(u64::MAX), &mut last);
        let stepping = self.cpu.flags.rest & bits::TF != 0;
        if !stepping && n == 1 && last[0] == INT1 { BRKPT } else { TRACE }
    }

    /// `--strace` says which instruction it was: often one that the CPU model lacks.
    fn trace_invalid_opcode(&self) {
        if self.process.strace.is_on() {
            let mut code = [0; forklift_x86::MAX_INSN_LEN];
            let n = self.mem.fetch_code(self.cpu.pc(), &mut code);
            self.process.strace.invalid_opcode(self.tid, self.cpu.mode, self.cpu.pc(), &code[..n]);
        }
    }

    fn page_fault(&mut self) -> Info {
        const MAPERR: i32 = 1;
        const ACCERR: i32 = 2;
        const ADRERR: i32 = 2;
        let addr = self.cpu.cr2;
        self.trap.cr2 = addr;
        let err = self.cpu.error_code;
        let need = match err {
            e if e & Fault::PF_FETCH != 0 => Prot::EXEC,
            e if e & Fault::PF_WRITE != 0 => Prot::WRITE,
            _ => Prot::READ,
        };
        if addr >= KERNEL {
            self.trap.error_code |= Fault::PF_PRESENT;
        }
        match self.process.space().prot_at(GuestAddr::new(addr)) {
            None => Info::fault(libc::SIGSEGV, MAPERR, addr),
            // Behind the end of a mapped file: allowed, and yet it faulted; or code where none may be, which the kernel sees when it has the page.
            Some(p) if p.has(need) || (need != Prot::WRITE && p.readable() && self.mem.read_bytes(GuestAddr::new(addr), &mut [0]).is_err()) => {
                self.trap.error_code &= !Fault::PF_PRESENT;
                Info::fault(libc::SIGBUS, ADRERR, addr)
            }
            Some(p) => {
                if p.readable() {
                    self.trap.error_code |= Fault::PF_PRESENT;
                }
                Info::fault(libc::SIGSEGV, ACCERR, addr)
            }
        }
    }
}

/// `si_code` for unmasked floating point exceptions: the first that applies of invalid, divide, overflow, underflow or denormal, precision.
const fn fpe_code(err: u16) -> i32 {
    match err {
        e if e & 1 != 0 => 7,
        e if e & 4 != 0 => 3,
        e if e & 8 != 0 => 4,
        e if e & 0x12 != 0 => 5,
        e if e & 0x20 != 0 => 6,
        _ => 0,
    }
}
