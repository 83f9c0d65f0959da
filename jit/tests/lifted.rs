//! Real guest code, lifted and run on bare memory: 64-bit guests, whose addresses are the host's.

use std::sync::Arc;

use forklift_jit::{CompileError, Config, HostFault, Jit, JitExit, Thread};
use forklift_lift::{JitState, LiftEnv};
use forklift_x86::{CcOp, CpuModel, CpuState, Gpr, GuestAddr, Mode};
use iced_x86::Instruction;
use iced_x86::code_asm::*;

/// Guest memory of a test: a page of code, and a stack behind it.
struct Guest {
    base: u64,
    len: usize,
}

const PAGES: usize = 16;

impl Guest {
    fn new(assemble: impl FnOnce(&mut CodeAssembler)) -> Self {
        let len = PAGES * 4096;
        // SAFETY: a new mapping.
        let base = unsafe { libc::mmap(core::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) } as u64;
        let guest = Self { base, len };
        guest.put(0, assemble);
        guest
    }

    /// Assembles to `offset`.
    fn put(&self, offset: u64, assemble: impl FnOnce(&mut CodeAssembler)) {
        let mut a = CodeAssembler::new(64).unwrap();
        assemble(&mut a);
        let code = a.assemble(self.base + offset).unwrap();
        assert!(offset as usize + code.len() <= self.len);
        // SAFETY: within the mapping.
        unsafe { core::ptr::copy_nonoverlapping(code.as_ptr(), (self.base + offset) as *mut u8, code.len()) };
    }

    fn at(&self, offset: u64) -> GuestAddr {
        GuestAddr::new(self.base + offset)
    }
}

impl LiftEnv for &Guest {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let Some(offset) = addr.get().checked_sub(self.base).filter(|o| *o < self.len as u64) else { return 0 };
        let n = buf.len().min(self.len - offset as usize);
        // SAFETY: within the mapping.
        unsafe { core::ptr::copy_nonoverlapping(addr.get() as *const u8, buf.as_mut_ptr(), n) };
        n
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        i.ip()
    }

    fn model(&self) -> CpuModel {
        CpuModel::V2
    }

    fn flags_op(&self) -> CcOp {
        CcOp::RAW
    }
}

/// Leaves, as a step that failed would.
extern "C" fn no_step(state: &mut JitState, token: u64) -> u64 {
    state.cpu.rip = token;
    1
}

/// A guest that writes to its code while that is compiled.
struct Writing<'a> {
    guest: &'a Guest,
    jit: &'a Jit,
    written: (GuestAddr, GuestAddr),
}

impl LiftEnv for Writing<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let n = (&mut &*self.guest).fetch(addr, buf);
        self.jit.invalidate(self.written.0, self.written.1);
        n
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        i.ip()
    }

    fn model(&self) -> CpuModel {
        CpuModel::V2
    }

    fn flags_op(&self) -> CcOp {
        CcOp::RAW
    }
}

#[test]
fn no_block_of_what_changed_meanwhile() {
    let b = Bench::new(|a| {
        a.mov(eax, 1).unwrap();
        a.syscall().unwrap();
    });
    let at = |offset| b.guest.at(offset);
    let compile = |written| b.jit.compile(at(0), false, &mut Writing { guest: &b.guest, jit: &b.jit, written });
    assert_eq!(compile((at(4), at(5))), Err(CompileError::Changed(at(0))));
    assert!(!b.jit.has(at(0)));
    compile((at(2048), at(2049))).unwrap();
    assert!(b.jit.has(at(0)));
}

struct Bench {
    guest: Guest,
    jit: Arc<Jit>,
    thread: Thread,
    checked: bool,
}

impl Bench {
    fn new(assemble: impl FnOnce(&mut CodeAssembler)) -> Self {
        let guest = Guest::new(assemble);
        let jit = Jit::new(Config::new(Mode::Bits64)).unwrap();
        let mut thread = Thread::new(&jit, CpuState::new(Mode::Bits64), 0, no_step).unwrap();
        thread.cpu().rip = guest.base;
        thread.cpu().set(Gpr::Rsp, guest.base + guest.len as u64 - 4096);
        Self { guest, jit, thread, checked: false }
    }

    /// Runs, compiling whatever comes, until something else happens.
    fn run(&mut self) -> JitExit {
        loop {
            match self.thread.run() {
                JitExit::Cold => self.jit.compile(self.thread.cpu().pc(), self.checked, &mut &self.guest).unwrap(),
                other => return other,
            }
        }
    }

    fn offset(&mut self) -> u64 {
        self.thread.cpu().rip - self.guest.base
    }
}

#[test]
fn loop_and_calls() {
    // fib(20), as compilers write it.
    let mut b = Bench::new(|a| {
        let (mut fib, mut small) = (a.create_label(), a.create_label());
        a.mov(edi, 20).unwrap();
        a.call(fib).unwrap();
        a.hlt().unwrap();
        a.set_label(&mut fib).unwrap();
        a.cmp(edi, 2).unwrap();
        a.jb(small).unwrap();
        a.push(rbx).unwrap();
        a.push(rdi).unwrap();
        a.sub(edi, 1).unwrap();
        a.call(fib).unwrap();
        a.mov(ebx, eax).unwrap();
        a.pop(rdi).unwrap();
        a.sub(edi, 2).unwrap();
        a.call(fib).unwrap();
        a.add(eax, ebx).unwrap();
        a.pop(rbx).unwrap();
        a.ret().unwrap();
        a.set_label(&mut small).unwrap();
        a.mov(eax, edi).unwrap();
        a.ret().unwrap();
    });
    let stack = b.thread.cpu().get(Gpr::Rsp);
    assert_eq!(b.run(), JitExit::Step);
    assert_eq!((b.thread.cpu().get(Gpr::Rax), b.thread.cpu().get(Gpr::Rsp)), (6765, stack));
    let s = b.jit.stats();
    assert!(s.enters < 40, "{s}");
}

#[test]
fn code_changes_between_runs() {
    let mut b = Bench::new(|a| {
        let mut top = a.create_label();
        a.mov(ecx, 1000).unwrap();
        a.xor(eax, eax).unwrap();
        a.set_label(&mut top).unwrap();
        a.add(eax, 1).unwrap();
        a.dec(ecx).unwrap();
        a.jnz(top).unwrap();
        a.hlt().unwrap();
    });
    for add in 1..50 {
        // add eax, imm32: the immediate is the second byte behind mov and xor.
        let at = b.guest.at(5 + 2 + 1);
        // SAFETY: within the guest.
        unsafe { *(at.get() as *mut u8) = add };
        b.jit.invalidate(at, at.wrapping_add(1));
        b.thread.cpu().rip = b.guest.base;
        assert_eq!(b.run(), JitExit::Step);
        assert_eq!(b.thread.cpu().get(Gpr::Rax), u64::from(add) * 1000);
    }
}

#[test]
fn checked_blocks_notice_changes() {
    let mut b = Bench::new(|a| {
        a.mov(eax, 1).unwrap();
        a.hlt().unwrap();
    });
    b.checked = true;
    for value in [7, 7, 8, 9, 9] {
        b.guest.put(0, |a| {
            a.mov(eax, value).unwrap();
            a.hlt().unwrap();
        });
        b.thread.cpu().rip = b.guest.base;
        assert_eq!(b.run(), JitExit::Step);
        assert_eq!(b.thread.cpu().get(Gpr::Rax), value as u64);
    }
    assert_eq!(b.jit.stats().killed, 2);
}

/// A checked block that changes an instruction of its own runs the new one.
#[test]
fn checked_blocks_may_change_themselves() {
    let mut b = Bench::new(|a| {
        let mut patched = a.create_label();
        a.lea(rdi, ptr(patched)).unwrap();
        a.mov(byte_ptr(rdi + 1), 9).unwrap();
        a.set_label(&mut patched).unwrap();
        a.mov(al, 1).unwrap();
        a.hlt().unwrap();
    });
    b.checked = true;
    assert_eq!(b.run(), JitExit::Step);
    assert_eq!(b.thread.cpu().get(Gpr::Rax), 9);
}

#[test]
fn step_helper_leaves() {
    let mut b = Bench::new(|a| {
        a.mov(eax, 5).unwrap();
        a.cpuid().unwrap();
        a.mov(eax, 6).unwrap();
        a.hlt().unwrap();
    });
    assert_eq!(b.run(), JitExit::Dispatch);
    assert_eq!((b.offset(), b.thread.cpu().get(Gpr::Rax)), (5, 5));
}

/// MMX registers are the x87's, which the host's unit holds in between.
#[cfg(target_arch = "x86_64")]
#[test]
fn mmx_sees_the_x87_and_the_x87_sees_mmx() {
    let mut b = Bench::new(|a| {
        a.fld1().unwrap();
        // ST(0) is R7.
        a.movq(rdx, mm7).unwrap();
        a.mov(rax, 0xc000_0000_0000_0000u64).unwrap();
        a.movq(mm0, rax).unwrap();
        // A NaN now: its sign and exponent are ones.
        a.fxam().unwrap();
        a.fnstsw(ax).unwrap();
        a.paddd(mm0, mm7).unwrap();
        a.movq(rcx, mm0).unwrap();
        a.emms().unwrap();
        a.fldpi().unwrap();
        a.fldz().unwrap();
        a.hlt().unwrap();
    });
    assert_eq!(b.run(), JitExit::Step);
    let cpu = b.thread.cpu();
    assert_eq!((cpu.get(Gpr::Rdx), cpu.get(Gpr::Rcx)), (1 << 63, 1 << 62));
    assert_eq!(cpu.get(Gpr::Rax) & 0x7f00, 0x0300, "C0 and C1 of a negative NaN, TOP 0");
    assert_eq!((cpu.x87.top, cpu.x87.used), (6, 0xc0));
}

#[cfg(target_arch = "x86_64")]
mod faults {
    use super::*;
    use core::sync::atomic::{AtomicPtr, Ordering};

    static JIT: AtomicPtr<Jit> = AtomicPtr::new(core::ptr::null_mut());
    static STATE: AtomicPtr<JitState> = AtomicPtr::new(core::ptr::null_mut());

    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, uc: *mut libc::c_void) {
        // SAFETY: one test uses these, on one thread.
        let what = unsafe { (*JIT.load(Ordering::SeqCst)).on_fault(STATE.load(Ordering::SeqCst), &mut *uc.cast(), false, &|| false) };
        if !matches!(what, HostFault::Left(_)) {
            // SAFETY: nothing can be done.
            unsafe { libc::abort() };
        }
    }

    fn install(b: &Bench) {
        JIT.store(Arc::as_ptr(&b.jit).cast_mut(), Ordering::SeqCst);
        STATE.store(b.thread.state_ptr(), Ordering::SeqCst);
        // SAFETY: plain installation of a handler.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGSEGV, &action, core::ptr::null_mut()), 0);
        }
    }

    /// At a fault, state and pc are those of a resume point: the block's start while nothing was stored, otherwise an instruction behind the last store.
    #[test]
    fn faults_lead_to_a_resume_point() {
        let mut b = Bench::new(|a| {
            a.mov(eax, 0x1111).unwrap();
            a.mov(r12, qword_ptr(rsp)).unwrap();
            a.mov(rdi, qword_ptr(0x10)).unwrap();
            a.mov(eax, 0x3333).unwrap();
            a.hlt().unwrap();
        });
        install(&b);
        assert_eq!(b.run(), JitExit::Fault);
        assert_eq!((b.offset(), b.thread.cpu().get(Gpr::Rax)), (0, 0));

        b.guest.put(0x100, |a| {
            a.mov(eax, 0x1111).unwrap();
            a.mov(qword_ptr(rbp), rax).unwrap();
            a.mov(edi, 0x10).unwrap();
            a.sub(edi, 0x20).unwrap();
            a.mov(rdi, qword_ptr(rdi + 8)).unwrap();
            a.add(eax, edi).unwrap();
            a.hlt().unwrap();
        });
        let at = b.guest.at(0x100);
        b.thread.cpu().rip = at.get();
        let stack = b.thread.cpu().get(Gpr::Rsp);
        b.thread.cpu().set(Gpr::Rbp, stack - 64);
        assert_eq!(b.run(), JitExit::Fault);
        assert_eq!(b.offset() - 0x100, 5 + 4 + 5 + 3);
        let cpu = b.thread.cpu();
        assert_eq!((cpu.get(Gpr::Rax), cpu.get(Gpr::Rdi)), (0x1111, 0xffff_fff0));
        assert_eq!(cpu.flags.status(), 0x81 | 4, "CF, SF and PF");

        stack_stores(&mut b);
    }

    /// Stores on the stack can be done again, unless something was read before that they may have overwritten.
    fn stack_stores(b: &mut Bench) {
        let stack = b.thread.cpu().get(Gpr::Rsp);
        b.guest.put(0x200, |a| {
            a.push(rax).unwrap();
            a.mov(qword_ptr(rsp + 8), rax).unwrap();
            a.mov(ecx, dword_ptr(rsp)).unwrap();
            a.mov(rdi, qword_ptr(0x10)).unwrap();
            a.hlt().unwrap();
        });
        b.thread.cpu().rip = b.guest.at(0x200).get();
        assert_eq!(b.run(), JitExit::Fault);
        assert_eq!((b.offset(), b.thread.cpu().get(Gpr::Rsp)), (0x200, stack));

        b.guest.put(0x300, |a| {
            a.mov(ecx, dword_ptr(rsp)).unwrap();
            a.push(rax).unwrap();
            a.mov(rdi, qword_ptr(0x10)).unwrap();
            a.hlt().unwrap();
        });
        b.thread.cpu().rip = b.guest.at(0x300).get();
        assert_eq!(b.run(), JitExit::Fault);
        assert_eq!((b.offset(), b.thread.cpu().get(Gpr::Rsp)), (0x304, stack - 8));
    }
}

/// Held by the test that uses SIGUSR2 and what its handler kicks.
static KICKED: std::sync::Mutex<()> = std::sync::Mutex::new(());
static JIT: std::sync::atomic::AtomicPtr<Jit> = std::sync::atomic::AtomicPtr::new(core::ptr::null_mut());
static STATE: std::sync::atomic::AtomicPtr<JitState> = std::sync::atomic::AtomicPtr::new(core::ptr::null_mut());

extern "C" fn kick(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    use std::sync::atomic::Ordering::SeqCst;
    // SAFETY: set by the thread that the signal is sent to, for as long as signals are sent.
    unsafe { (*JIT.load(SeqCst)).kick(STATE.load(SeqCst), &mut *context.cast::<libc::ucontext_t>()) };
}

/// A loop within one block that nothing in the guest ends: `top: cmp [rdi], 0; je top`.
fn spinning() -> Bench {
    let mut b = Bench::new(|a| {
        let mut top = a.create_label();
        a.set_label(&mut top).unwrap();
        a.cmp(qword_ptr(rdi), 0).unwrap();
        a.je(top).unwrap();
        a.ud2().unwrap();
    });
    let (start, zero) = (b.guest.at(0), b.guest.at(0x8000));
    b.thread.cpu().set(Gpr::Rdi, zero.get());
    b.thread.cpu().rip = start.get();
    b.jit.compile(start, false, &mut &b.guest).unwrap();
    b
}

/// Runs the loop while another thread does `act` a little later; it must come out, at its start.
fn comes_out(b: &mut Bench, act: impl FnOnce() + Send) {
    let start = b.guest.at(0);
    std::thread::scope(|s| {
        s.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            act();
        });
        b.thread.run();
    });
    assert_eq!(b.thread.cpu().pc(), start);
}

#[test]
fn a_kick_ends_a_loop_within_a_block() {
    use std::sync::atomic::Ordering::SeqCst;
    let _one = KICKED.lock();
    let mut b = spinning();
    JIT.store(Arc::as_ptr(&b.jit).cast_mut(), SeqCst);
    STATE.store(b.thread.state_ptr(), SeqCst);
    // SAFETY: a valid action; the handler is documented above.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = kick as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, core::ptr::null_mut()), 0);
    }
    // SAFETY: this thread.
    let me = unsafe { libc::pthread_self() };
    // SAFETY: the thread waits for us.
    comes_out(&mut b, move || assert_eq!(unsafe { libc::pthread_kill(me, libc::SIGUSR2) }, 0));
}

#[test]
fn an_invalidation_ends_a_loop_within_a_block() {
    let mut b = spinning();
    let (jit, start, end) = (Arc::clone(&b.jit), b.guest.at(0), b.guest.at(16));
    comes_out(&mut b, move || assert_eq!(jit.invalidate(start, end), 1));
}
