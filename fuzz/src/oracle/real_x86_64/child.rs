//! The child process: it owns the address space of `machine.rs`, and does nothing but run one batch after the other.
//!
//! The kernel is the harness. To start, the child signals itself; the handler puts the first case's state into the frame that `sigreturn` will load:
//! all registers, x87 and SSE, and the code segment of the mode. INT3, a fault or a timer brings the next signal, whose frame is the result, and the
//! next case goes into that same frame. So a case costs one signal. A seccomp filter turns system calls from the code area into SIGSYS.
//!
//! Invariants:
//! 1. The child calls only async-signal-safe functions. From the first case's start to the last one's end its FS base is a guest's: no thread-local
//!    storage, raw system calls only.
//! 2. `Shared` is written by the parent while the child waits for the pipe, and by the child until it answers.
//! 3. Handlers run on an alternate stack, since the guest's stack pointer may be anything.
//! 4. Code and read-only data are mapped twice: at their addresses as the guest may use them, and elsewhere for writing.

use std::arch::asm;
use std::mem::{offset_of, zeroed};
use std::ptr::{self, null_mut};

use libc::{c_int, c_void, siginfo_t, ucontext_t};

use super::shared::{FX_BV, FX_LEGACY, FX_SIZE, FX_UPPER, LINES, Shared, Slot};
use crate::batch::LINE;
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE, RODATA, RODATA_SIZE, TLS_SELECTORS};

/// How long a case may run at most; at least half of that. Unit: microseconds of CPU time.
const RUN_LIMIT: i64 = 50_000;
const INT3: u8 = 0xcc;
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;
const ARCH_GET_GS: u64 = 0x1004;

/// What the handler knows; written before the first signal, and by handlers only.
struct State {
    shared: *mut Shared,
    /// Where code and read-only data can be written.
    code: *mut u8,
    rodata: *mut u8,
    /// The slot that runs.
    at: u32,
    /// The same at the last tick of the timer.
    at_tick: u32,
    /// Whether bases can be accessed without a system call.
    fsgsbase: bool,
    /// The FS base of the child itself, and the frame to go back to after the last case.
    fs: u64,
    frame: [i64; 23],
    fx: [u8; FX_SIZE],
}

static mut STATE: State =
    State { shared: null_mut(), code: null_mut(), rodata: null_mut(), at: 0, at_tick: 0, fsgsbase: false, fs: 0, frame: [0; 23], fx: [0; FX_SIZE] };

/// Serves batches until the parent closes the pipe.
///
/// # Safety
/// To be called once, in a fresh child.
pub unsafe fn child_main(shared: *mut Shared, ask: c_int, answer: c_int) -> ! {
    // SAFETY: invariants 1 and 2; the addresses are free in a process that was linked as PIE, and this child uses nothing there.
    unsafe {
        STATE.shared = shared;
        STATE.fsgsbase = libc::getauxval(libc::AT_HWCAP2) & 2 != 0;
        libc::dup2(ask, 0);
        libc::dup2(answer, 1);
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
        let ready = map() && tls() && handlers() && filter() && timer();
        STATE.fs = base(ARCH_GET_FS);
        let mut byte = 0u8;
        while ready && libc::read(0, (&raw mut byte).cast(), 1) == 1 {
            ptr::copy_nonoverlapping((&raw const (*shared).image).cast(), DATA as *mut u8, DATA_SIZE);
            ptr::copy_nonoverlapping((&raw const (*shared).image).cast(), STATE.rodata, RODATA_SIZE);
            if (*shared).count != 0 {
                (STATE.at, STATE.at_tick) = (0, u32::MAX);
                libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::getpid(), libc::SIGUSR1);
            }
            // Here the cases have run.
            (*shared).done = STATE.at;
            libc::write(1, (&raw const byte).cast(), 1);
        }
        libc::_exit(0)
    }
}

unsafe fn map() -> bool {
    let at = |at: u64, size, prot, flags, fd, offset| {
        // SAFETY: takes free addresses only.
        unsafe { libc::mmap(at as *mut c_void, size, prot, flags, fd, offset) }
    };
    let (rw, rx) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_READ | libc::PROT_EXEC);
    // SAFETY: a fresh file, and pointers to its mappings.
    unsafe {
        let fd = libc::memfd_create(c"areas".as_ptr(), 0);
        if fd < 0 || libc::ftruncate(fd, (CODE_SIZE + RODATA_SIZE) as i64) != 0 {
            return false;
        }
        let both = at(0, CODE_SIZE + RODATA_SIZE, rw, libc::MAP_SHARED, fd, 0);
        if both == libc::MAP_FAILED {
            return false;
        }
        STATE.code = both.cast();
        STATE.rodata = STATE.code.add(CODE_SIZE);
        ptr::write_bytes(STATE.code, INT3, CODE_SIZE);
        let fixed = libc::MAP_SHARED | libc::MAP_FIXED;
        let mapped = at(CODE, CODE_SIZE, rx, fixed, fd, 0) as u64 == CODE
            && at(RODATA, RODATA_SIZE, libc::PROT_READ, fixed, fd, CODE_SIZE as i64) as u64 == RODATA
            && at(DATA, DATA_SIZE, rw, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED, -1, 0) as u64 == DATA;
        // All pages are there before a guest uses them: a page fault's error code tells.
        let touched = [CODE, CODE + CODE_SIZE as u64 / 2, RODATA];
        mapped && touched.into_iter().all(|at| ptr::read_volatile(at as *const u8) != 1)
    }
}

/// Flat segments for FS and GS of 32-bit code; their bases are set for each case.
unsafe fn tls() -> bool {
    /// modify_ldt(2): write an entry.
    const WRITE: c_int = 0x11;
    /// 32-bit, data, limit in pages, usable.
    const FLAT: u32 = 1 | 1 << 4 | 1 << 6;
    TLS_SELECTORS.into_iter().all(|selector| {
        let desc = [u32::from(selector >> 3), 0, 0xfffff, FLAT];
        // SAFETY: a struct user_desc.
        unsafe { libc::syscall(libc::SYS_modify_ldt, WRITE, desc.as_ptr(), size_of_val(&desc)) == 0 }
    })
}

unsafe fn handlers() -> bool {
    static mut STACK: [u8; 0x10000] = [0; 0x10000];
    // SAFETY: invariant 3; `on_signal` has the signature that SA_SIGINFO wants.
    unsafe {
        let stack = libc::stack_t { ss_sp: (&raw mut STACK).cast(), ss_flags: 0, ss_size: 0x10000 };
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESTART;
        // One ending at a time.
        libc::sigaddset(&mut action.sa_mask, libc::SIGVTALRM);
        let all = [libc::SIGUSR1, libc::SIGTRAP, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGSYS, libc::SIGVTALRM];
        libc::sigaltstack(&stack, null_mut()) == 0 && all.into_iter().all(|s| libc::sigaction(s, &action, null_mut()) == 0)
    }
}

/// Ends a case that two ticks find running.
unsafe fn timer() -> bool {
    let tick = libc::timeval { tv_sec: 0, tv_usec: RUN_LIMIT / 2 };
    let every = libc::itimerval { it_interval: tick, it_value: tick };
    // SAFETY: a valid timer.
    unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_VIRTUAL, &every, 0) == 0 }
}

/// Lets system calls from the code area raise SIGSYS.
unsafe fn filter() -> bool {
    const IP: u32 = offset_of!(libc::seccomp_data, instruction_pointer) as u32;
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let mut program = [
        op(load, 0, 0, IP + 4),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, 0),
        op(load, 0, 0, IP),
        op(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, CODE as u32),
        op(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 0, 1, CODE as u32 + CODE_SIZE as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_TRAP),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the call.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0 }
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives valid frames; the state is this child's own.
    unsafe {
        // The kernel leaves the guest's AC, NT and ID set. Rust code makes unaligned accesses; and `sigreturn` doesn't load NT and ID, the next case would
        // have them.
        asm!("pushfq", "and dword ptr [rsp], 0xffdbbfff", "popfq");
        let mc = &mut (*context.cast::<ucontext_t>()).uc_mcontext;
        let gregs = &raw mut mc.gregs;
        let fx = mc.fpregs.cast::<[u8; FX_SIZE]>();
        let shared = STATE.shared;
        if signal == libc::SIGUSR1 {
            STATE.frame = *gregs;
            ptr::copy_nonoverlapping(fx.cast::<u8>(), (&raw mut STATE.fx).cast(), (*shared).fx_len);
            (*shared).used_lines = 0;
            enter(gregs, fx, shared);
            return;
        }
        if signal == libc::SIGVTALRM && !is_stuck(*gregs.cast::<i64>().add(libc::REG_RIP as usize) as u64) {
            return;
        }
        let slot = &mut (*shared).slots[STATE.at as usize];
        slot.gregs = *gregs;
        ptr::copy_nonoverlapping(fx.cast::<u8>(), (&raw mut slot.fx).cast(), (*shared).fx_len);
        // si_arch lies behind si_call_addr and si_syscall.
        (slot.signal, slot.si_arch) = (signal, *info.cast::<u32>().add(7));
        segments(slot);
        ptr::write_bytes(STATE.code.add(slot.code_at as usize), INT3, slot.code_len as usize);
        take_lines(shared);
        STATE.at += 1;
        if STATE.at < (*shared).count && LINES - (*shared).used_lines as usize >= DATA_SIZE / LINE {
            enter(gregs, fx, shared);
        } else {
            *gregs = STATE.frame;
            ptr::copy_nonoverlapping((&raw const STATE.fx).cast(), fx.cast::<u8>(), (*shared).fx_len);
            load_segments([0; 4], [STATE.fs, 0]);
        }
    }
}

/// Whether the timer interrupts, at `rip`, the same case for the second time.
unsafe fn is_stuck(rip: u64) -> bool {
    // SAFETY: as in `on_signal`.
    unsafe {
        let in_guest = rip.wrapping_sub(CODE) <= CODE_SIZE as u64;
        let again = STATE.at_tick == STATE.at;
        STATE.at_tick = if in_guest { STATE.at } else { u32::MAX };
        in_guest && again
    }
}

/// Puts the state of the next case into the frame that is about to be returned from.
unsafe fn enter(gregs: *mut [i64; 23], fx: *mut [u8; FX_SIZE], shared: *mut Shared) {
    // SAFETY: as in `on_signal`.
    unsafe {
        let slot = &(*shared).slots[STATE.at as usize];
        ptr::copy_nonoverlapping(slot.code.as_ptr(), STATE.code.add(slot.code_at as usize), slot.code_len as usize);
        *gregs = slot.gregs;
        ptr::copy_nonoverlapping(slot.fx.as_ptr(), fx.cast::<u8>(), FX_LEGACY);
        // The kernel's bytes at 464 say that a header follows; of it only the bits for x87, SSE and AVX are ours.
        let has_upper = (*shared).fx_len > FX_UPPER;
        *fx.cast::<u8>().add(FX_BV) |= if has_upper { 7 } else { 3 };
        if has_upper {
            ptr::copy_nonoverlapping(slot.fx.as_ptr().add(FX_UPPER), fx.cast::<u8>().add(FX_UPPER), FX_SIZE - FX_UPPER);
        }
        load_segments(slot.selectors, slot.bases);
    }
}

/// Takes the lines that the case has changed, and puts the image's back.
unsafe fn take_lines(shared: *mut Shared) {
    // SAFETY: the data area is ours, and there is room: `on_signal` sees to it.
    unsafe {
        let first = (*shared).used_lines;
        let image = &raw const (*shared).image;
        for at in (0..DATA_SIZE).step_by(LINE) {
            let (now, before) = ((DATA as *mut [u64; LINE / 8]).byte_add(at), image.cast::<[u64; LINE / 8]>().byte_add(at));
            let difference = (0..LINE / 8).fold(0, |d, i| d | (*now)[i] ^ (*before)[i]);
            if difference != 0 {
                let line = &raw mut (*shared).lines[(*shared).used_lines as usize];
                (*line).at = at as u32;
                ptr::copy_nonoverlapping(now.cast(), (&raw mut (*line).bytes).cast::<u8>(), LINE);
                *now = *before;
                (*shared).used_lines += 1;
            }
        }
        let slot = &mut (*shared).slots[STATE.at as usize];
        (slot.first_line, slot.line_count) = (first, (*shared).used_lines - first);
    }
}

/// Notes segment registers and bases, which frames don't have.
unsafe fn segments(slot: &mut Slot) {
    let (es, ds, fs, gs): (u16, u16, u16, u16);
    // SAFETY: reads registers.
    unsafe {
        slot.bases = [base(ARCH_GET_FS), base(ARCH_GET_GS)];
        asm!("mov {0:x}, es", "mov {1:x}, ds", "mov {2:x}, fs", "mov {3:x}, gs", out(reg) es, out(reg) ds, out(reg) fs, out(reg) gs);
    }
    slot.selectors = [es, ds, fs, gs];
}

/// Loads ES, DS, FS and GS, then the bases of the last two.
unsafe fn load_segments(selectors: [u16; 4], bases: [u64; 2]) {
    let [es, ds, fs, gs] = selectors;
    // SAFETY: selectors that exist; bases that nothing uses before they are set back.
    unsafe {
        asm!("mov es, {0:x}", "mov ds, {1:x}", "mov fs, {2:x}", "mov gs, {3:x}", in(reg) es, in(reg) ds, in(reg) fs, in(reg) gs);
        set_base(ARCH_SET_GS, bases[1]);
        set_base(ARCH_SET_FS, bases[0]);
    }
}

/// A segment's base.
unsafe fn base(what: u64) -> u64 {
    let mut v = 0u64;
    // SAFETY: reads a register, by an instruction that is there, or into `v`.
    unsafe {
        match (STATE.fsgsbase, what == ARCH_GET_FS) {
            (true, true) => asm!("rdfsbase {}", out(reg) v),
            (true, false) => asm!("rdgsbase {}", out(reg) v),
            _ => arch_prctl(what, &raw mut v as u64),
        }
    }
    v
}

unsafe fn set_base(what: u64, v: u64) {
    // SAFETY: see `load_segments`.
    unsafe {
        match (STATE.fsgsbase, what == ARCH_SET_FS) {
            (true, true) => asm!("wrfsbase {}", in(reg) v),
            (true, false) => asm!("wrgsbase {}", in(reg) v),
            _ => arch_prctl(what, v),
        }
    }
}

/// arch_prctl(2), without touching errno.
unsafe fn arch_prctl(what: u64, value: u64) {
    // SAFETY: as the callers say.
    unsafe {
        asm!("syscall", inlateout("rax") libc::SYS_arch_prctl => _, in("rdi") what, in("rsi") value, out("rcx") _, out("r11") _, options(nostack));
    }
}
