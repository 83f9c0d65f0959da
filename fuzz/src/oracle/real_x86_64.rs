//! The CPU of this machine as an oracle.
//!
//! A forked child owns the address space of `machine.rs`, and does nothing but run one input after the other. The kernel is the harness: to start,
//! the child signals itself and edits the frame that `sigreturn` will load, all registers, x87 and SSE, and the code segment of the mode; INT3,
//! faults and a timer bring the next signal, whose frame is the result. A seccomp filter turns system calls from the code area into SIGSYS.
//!
//! Invariants:
//! 1. Between fork and exit the child calls only async-signal-safe functions; while the guest's FS base is loaded (from the end of the start handler to
//!    the beginning of the end handler) it uses no thread-local storage: raw system calls only.
//! 2. `Shared` is written by the parent while the child waits for the pipe, and by the child until it answers.
//! 3. Handlers run on an alternate stack, since the guest's stack pointer may be anything.

use std::io;
use std::mem::{offset_of, zeroed};
use std::ptr::{self, NonNull, null_mut};

use forklift_x86::{CpuState, Exit, Fault, Gate, Gpr, Mode, Seg, bits};
use libc::{c_int, c_void, siginfo_t, ucontext_t};

use crate::Oracle;
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE, End, Input, NoAnswer, Output, RODATA, RODATA_SIZE};

/// Linux's selectors for code of both modes.
const CS64: u64 = 0x33;
const CS32: u64 = 0x23;
/// Size of FXSAVE's image, XSAVE's header and the upper halves of the YMM registers, which the frame has only if the CPU has AVX.
const FX_SIZE: usize = 512 + 64 + 256;
/// The part of it with registers, and where XSTATE_BV lies.
const FX_LEGACY: usize = 416;
const FX_BV: usize = 512;
/// Where the upper halves lie.
const FX_UPPER: usize = 576;
/// How long code may run. Unit: microseconds of CPU time.
const RUN_LIMIT: i64 = 50_000;
/// How long the child may take to answer. Unit: milliseconds.
const ANSWER_LIMIT: c_int = 10_000;

/// Order of the GPRs in a signal frame, `gregs[i]` for encoding i.
const GREGS: [c_int; 16] = [
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

/// What parent and child exchange.
#[repr(C)]
struct Shared {
    gregs: [i64; 23],
    fx: [u8; FX_SIZE],
    /// How much of that frames have.
    fx_len: usize,
    fs_base: u64,
    gs_base: u64,
    signal: c_int,
    si_code: c_int,
    si_arch: u32,
    code: [u8; CODE_SIZE],
    data: [u8; DATA_SIZE],
}

/// The CPU of this machine as an oracle; `None` if the child can't be set up.
pub fn real_cpu() -> Option<Box<dyn Oracle + Send>> {
    RealCpu::new().ok().map(|c| Box::new(c) as _)
}

struct RealCpu {
    shared: NonNull<Shared>,
    child: Option<Child>,
}

struct Child {
    pid: libc::pid_t,
    ask: c_int,
    answer: c_int,
}

// SAFETY: the mapping belongs to this value alone, and `&mut self` orders its uses.
unsafe impl Send for RealCpu {}

impl RealCpu {
    fn new() -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping, which nothing else knows.
        let p = unsafe { libc::mmap(null_mut(), size_of::<Shared>(), libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if p == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let shared = NonNull::new(p.cast()).ok_or_else(io::Error::last_os_error)?;
        let mut cpu = Self { shared, child: None };
        cpu.child = Some(cpu.spawn()?);
        Ok(cpu)
    }

    fn spawn(&self) -> io::Result<Child> {
        let (ask_rx, ask) = pipe()?;
        let (answer, answer_tx) = pipe()?;
        // SAFETY: the child keeps to invariant 1.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: this is the child.
            0 => unsafe { child_main(self.shared.as_ptr(), ask_rx, answer_tx) },
            pid => {
                close(ask_rx);
                close(answer_tx);
                Ok(Child { pid, ask, answer })
            }
        }
    }

    /// Lets the child run what lies in `shared`; false if it died or hangs.
    fn exchange(child: &Child) -> bool {
        let mut fd = libc::pollfd { fd: child.answer, events: libc::POLLIN, revents: 0 };
        let mut byte = 0u8;
        // SAFETY: one byte to write, one to read into.
        unsafe {
            libc::write(child.ask, ptr::from_ref(&byte).cast(), 1) == 1
                && libc::poll(&mut fd, 1, ANSWER_LIMIT) == 1
                && libc::read(child.answer, ptr::from_mut(&mut byte).cast(), 1) == 1
        }
    }
}

impl Oracle for RealCpu {
    fn name(&self) -> &'static str {
        "real CPU"
    }

    fn run(&mut self, input: &Input) -> Result<Output, NoAnswer> {
        if input.cpu.mode == Mode::Bits32 && (input.cpu.seg_base[Seg::Fs.index()] | input.cpu.seg_base[Seg::Gs.index()]) != 0 {
            return Err(NoAnswer::Unsupported("segment bases in 32-bit mode need a descriptor"));
        }
        let child = match self.child.take() {
            Some(c) => c,
            None => self.spawn().map_err(|source| NoAnswer::Failed { what: "fork for the real CPU", source })?,
        };
        // SAFETY: invariant 2.
        let shared = unsafe { self.shared.as_mut() };
        shared.load(input);
        if !Self::exchange(&child) {
            drop(child);
            return Err(NoAnswer::Failed { what: "the real CPU's child", source: io::Error::other("died or hangs") });
        }
        self.child = Some(child);
        Ok(shared.output(input))
    }
}

impl Drop for RealCpu {
    fn drop(&mut self) {
        self.child = None;
        // SAFETY: mapped in `new`, and not used any more.
        unsafe { libc::munmap(self.shared.as_ptr().cast(), size_of::<Shared>()) };
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        close(self.ask);
        close(self.answer);
        // SAFETY: our own child, not yet waited for.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, null_mut(), 0);
        }
    }
}

impl Shared {
    fn load(&mut self, input: &Input) {
        let c = &input.cpu;
        for (reg, &slot) in Gpr::ALL.into_iter().zip(&GREGS) {
            self.gregs[slot as usize] = c.get(reg) as i64;
        }
        self.gregs[libc::REG_RIP as usize] = c.rip as i64;
        self.gregs[libc::REG_EFL as usize] = c.flags.rflags() as i64;
        let cs = if c.mode == Mode::Bits64 { CS64 } else { CS32 };
        self.gregs[libc::REG_CSGSFS as usize] = (cs | 0x2b << 48) as i64;
        self.fx = fxsave(c);
        self.fx_len = if std::is_x86_feature_detected!("avx") { FX_SIZE } else { FX_UPPER };
        (self.fs_base, self.gs_base) = (c.seg_base[Seg::Fs.index()], c.seg_base[Seg::Gs.index()]);
        self.code.copy_from_slice(&input.code_area());
        self.data.copy_from_slice(&input.data);
    }

    fn output(&self, input: &Input) -> Output {
        let mut cpu = input.cpu.clone();
        for (reg, &slot) in Gpr::ALL.into_iter().zip(&GREGS) {
            cpu.set(reg, self.gregs[slot as usize] as u64);
        }
        cpu.rip = self.gregs[libc::REG_RIP as usize] as u64;
        cpu.flags.set_rflags(self.gregs[libc::REG_EFL as usize] as u64, !bits::RF);
        fxrstor(&mut cpu, &self.fx);
        let end = self.end();
        match end {
            End::Done => cpu.rip = cpu.rip.wrapping_sub(1),
            End::Exit(Exit::Fault(Fault::Page)) => {
                cpu.cr2 = self.gregs[libc::REG_CR2 as usize] as u64;
                cpu.error_code = self.gregs[libc::REG_ERR as usize] as u32;
            }
            _ => {}
        }
        Output { end, cpu, data: self.data.to_vec() }
    }

    fn end(&self) -> End {
        let trap = self.gregs[libc::REG_TRAPNO as usize];
        match self.signal {
            libc::SIGVTALRM => End::Endless,
            libc::SIGSYS if self.si_arch & 0xffff == 3 => End::Exit(Exit::Gate(Gate::Int80)),
            libc::SIGSYS => End::Exit(Exit::Gate(Gate::Syscall)),
            _ if trap == 3 => End::Done,
            _ => fault(trap).map_or(End::Endless, |f| End::Exit(Exit::Fault(f))),
        }
    }
}

/// The fault of this vector, as signal frames name it.
fn fault(vector: i64) -> Option<Fault> {
    use Fault::*;
    let all = [Divide, Debug, Overflow, Bound, InvalidOpcode, SegmentNotPresent, Stack, GeneralProtection, Page, X87, Alignment, Simd];
    all.into_iter().find(|f| i64::from(f.vector()) == vector)
}

/// FXSAVE's image of the 64-bit form, and XSAVE's header.
fn fxsave(c: &CpuState) -> [u8; FX_SIZE] {
    let mut fx = [0; FX_SIZE];
    let mut put = |at: usize, bytes: &[u8]| fx[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &c.x87.cw.to_le_bytes());
    put(2, &c.x87.status_word().to_le_bytes());
    put(4, &[c.x87.used]);
    put(6, &c.x87.fop.to_le_bytes());
    put(8, &c.x87.fip.to_le_bytes());
    put(16, &c.x87.fdp.to_le_bytes());
    put(24, &c.mxcsr.to_le_bytes());
    for i in 0..8 {
        let r = c.x87.regs[(c.x87.top as usize + i) & 7];
        put(32 + 16 * i, &r.mantissa.to_le_bytes());
        put(40 + 16 * i, &r.sign_exp.to_le_bytes());
    }
    for i in 0..16 {
        put(160 + 16 * i, &c.xmm(i).to_le_bytes());
        put(FX_UPPER + 16 * i, &c.vec[i].0[16..32]);
    }
    // XSTATE_BV: x87, SSE and AVX are not in their initial state.
    put(FX_BV, &7u64.to_le_bytes());
    fx
}

fn fxrstor(c: &mut CpuState, fx: &[u8; FX_SIZE]) {
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| fx[at + i]));
    let u16_at = |at: usize| u16::from_le_bytes([fx[at], fx[at + 1]]);
    c.x87.cw = u16_at(0);
    c.x87.set_status_word(u16_at(2));
    c.x87.used = fx[4];
    c.x87.fop = u16_at(6);
    (c.x87.fip, c.x87.fdp) = (u64_at(8), u64_at(16));
    c.mxcsr = u64_at(24) as u32;
    for i in 0..8 {
        let r = &mut c.x87.regs[(c.x87.top as usize + i) & 7];
        (r.mantissa, r.sign_exp) = (u64_at(32 + 16 * i), u16_at(40 + 16 * i));
    }
    let upper_held = u64_at(FX_BV) & 4 != 0;
    for i in 0..16 {
        c.set_xmm(i, u128::from(u64_at(160 + 16 * i)) | u128::from(u64_at(168 + 16 * i)) << 64);
        let upper = if upper_held { std::array::from_fn(|b| fx[FX_UPPER + 16 * i + b]) } else { [0; 16] };
        c.vec[i].0[16..32].copy_from_slice(&upper);
    }
}

fn pipe() -> io::Result<(c_int, c_int)> {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((fds[0], fds[1]))
}

fn close(fd: c_int) {
    // SAFETY: a descriptor of our own.
    unsafe { libc::close(fd) };
}

// The child. Its statics are written before the first signal and by its own handlers only.

static mut SHARED: *mut Shared = null_mut();
/// The frame to go back to when the guest has ended.
static mut HOST_FRAME: [i64; 23] = [0; 23];
static mut HOST_FX: [u8; FX_SIZE] = [0; FX_SIZE];
static mut HOST_FS: u64 = 0;

/// Serves inputs until the parent closes the pipe.
///
/// # Safety
/// To be called once, in a fresh child.
unsafe fn child_main(shared: *mut Shared, ask: c_int, answer: c_int) -> ! {
    // SAFETY: invariants 1 and 2; the addresses are free in a process that was linked as PIE, and this child uses nothing there.
    unsafe {
        SHARED = shared;
        libc::dup2(ask, 0);
        libc::dup2(answer, 1);
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
        let ready = map(CODE, CODE_SIZE) && map(DATA, DATA_SIZE) && map(RODATA, RODATA_SIZE) && handlers() && filter();
        libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &raw mut HOST_FS);
        let mut byte = 0u8;
        while ready && libc::read(0, (&raw mut byte).cast(), 1) == 1 {
            run_one(&mut *shared);
            libc::write(1, (&raw const byte).cast(), 1);
        }
        libc::_exit(0)
    }
}

const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;

unsafe fn map(at: u64, size: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: takes free addresses only.
    let p = unsafe { libc::mmap(at as *mut c_void, size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    p as u64 == at
}

unsafe fn handlers() -> bool {
    static mut STACK: [u8; 0x10000] = [0; 0x10000];
    // SAFETY: invariant 3; `on_signal` has the signature that SA_SIGINFO wants.
    unsafe {
        let stack = libc::stack_t { ss_sp: (&raw mut STACK).cast(), ss_flags: 0, ss_size: 0x10000 };
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        let all = [libc::SIGUSR1, libc::SIGTRAP, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGSYS, libc::SIGVTALRM];
        libc::sigaltstack(&stack, null_mut()) == 0 && all.into_iter().all(|s| libc::sigaction(s, &action, null_mut()) == 0)
    }
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

unsafe fn run_one(s: &mut Shared) {
    let timer = |us| libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: libc::timeval { tv_sec: 0, tv_usec: us } };
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the areas were mapped by `child_main`, and the guest doesn't run yet.
    unsafe {
        libc::mprotect(CODE as *mut c_void, CODE_SIZE, rw);
        libc::mprotect(RODATA as *mut c_void, RODATA_SIZE, rw);
        ptr::copy_nonoverlapping(s.code.as_ptr(), CODE as *mut u8, CODE_SIZE);
        ptr::copy_nonoverlapping(s.data.as_ptr(), DATA as *mut u8, DATA_SIZE);
        ptr::copy_nonoverlapping(s.data.as_ptr(), RODATA as *mut u8, RODATA_SIZE);
        libc::mprotect(CODE as *mut c_void, CODE_SIZE, libc::PROT_READ | libc::PROT_EXEC);
        libc::mprotect(RODATA as *mut c_void, RODATA_SIZE, libc::PROT_READ);
        // 32-bit code accesses data through DS and ES, which 64-bit processes have as null. Signal frames don't carry them.
        let data_selector = if s.gregs[libc::REG_CSGSFS as usize] as u16 == CS32 as u16 { 0x2b } else { 0 };
        std::arch::asm!("mov ds, {0:e}", "mov es, {0:e}", in(reg) data_selector);
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_VIRTUAL, &timer(RUN_LIMIT), 0);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::getpid(), libc::SIGUSR1);
        // Here the guest has run.
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_VIRTUAL, &timer(0), 0);
        ptr::copy_nonoverlapping(DATA as *const u8, s.data.as_mut_ptr(), DATA_SIZE);
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives valid frames; the statics are this child's own.
    unsafe {
        // The kernel leaves the guest's AC and ID set. Rust code makes unaligned accesses; and `sigreturn` doesn't load ID, the next input would have it.
        std::arch::asm!("pushfq", "and dword ptr [rsp], 0xffdbffff", "popfq");
        let mc = &mut (*context.cast::<ucontext_t>()).uc_mcontext;
        let gregs = &raw mut mc.gregs;
        let fx = mc.fpregs.cast::<[u8; FX_SIZE]>();
        let s = SHARED;
        if signal == libc::SIGUSR1 {
            HOST_FRAME = *gregs;
            ptr::copy_nonoverlapping(fx.cast::<u8>(), (&raw mut HOST_FX).cast::<u8>(), (*s).fx_len);
            enter(gregs, fx, s);
            return;
        }
        arch_prctl(ARCH_SET_FS, HOST_FS);
        if *gregs.cast::<i64>().add(libc::REG_RIP as usize) as u64 > u64::from(u32::MAX) && signal == libc::SIGVTALRM {
            return; // The timer, after the guest had ended.
        }
        (*s).gregs = *gregs;
        ptr::copy_nonoverlapping(fx.cast::<u8>(), (&raw mut (*s).fx).cast::<u8>(), (*s).fx_len);
        ((*s).signal, (*s).si_code) = (signal, (*info).si_code);
        // si_arch lies behind si_call_addr and si_syscall.
        (*s).si_arch = *info.cast::<u32>().add(7);
        *gregs = HOST_FRAME;
        ptr::copy_nonoverlapping((&raw const HOST_FX).cast::<u8>(), fx.cast::<u8>(), (*s).fx_len);
    }
}

/// Puts the guest's registers into the frame that is about to be returned from.
unsafe fn enter(gregs: *mut [i64; 23], fx: *mut [u8; FX_SIZE], s: *mut Shared) {
    // SAFETY: as in `on_signal`.
    unsafe {
        *gregs = (*s).gregs;
        ptr::copy_nonoverlapping((&raw const (*s).fx).cast::<u8>(), fx.cast::<u8>(), FX_LEGACY);
        // The kernel's bytes at 464 say that a header follows; of it only the bits for x87, SSE and AVX are ours.
        let has_upper = (*s).fx_len > FX_UPPER;
        *fx.cast::<u8>().add(FX_BV) |= if has_upper { 7 } else { 3 };
        if has_upper {
            ptr::copy_nonoverlapping((&raw const (*s).fx).cast::<u8>().add(FX_UPPER), fx.cast::<u8>().add(FX_UPPER), FX_SIZE - FX_UPPER);
        }
        arch_prctl(ARCH_SET_GS, (*s).gs_base);
        arch_prctl(ARCH_SET_FS, (*s).fs_base);
    }
}

/// arch_prctl(2), without touching errno.
unsafe fn arch_prctl(what: u64, value: u64) {
    // SAFETY: sets a base that nothing uses before it is set back.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") libc::SYS_arch_prctl => _, in("rdi") what, in("rsi") value, out("rcx") _, out("r11") _, options(nostack));
    }
}
