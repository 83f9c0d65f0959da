//! Blocks of hand-made IR, in the shape that the lifter gives, run for real.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, ExtFuncData, ExternalName, Function, InstBuilder, MemFlagsData, Signature, SourceLoc, UserExternalName, Value};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use forklift_lift::{EXIT_NAMESPACE, INDIRECT_ENTRIES, JitState, Lifted, LiftedExit, TRAP_MEMORY, offset, signature};
use forklift_x86::{CpuState, Gpr, GuestAddr, Mode};

use crate::{Config, HostFault, Jit, JitExit, Thread};

const A: u64 = 0x40_1000;
const B: u64 = 0x40_2000;
const C: u64 = 0x40_3000;
/// Index of the parameter that has the guest's rcx, which counts, and rax, which adds up.
const RCX: usize = 3;
const RAX: usize = 4;

extern "C" fn count_step(state: &mut JitState, token: u64) -> u64 {
    state.owner += token;
    u64::from(state.owner == u64::MAX)
}

fn setup(arena: usize) -> (Arc<Jit>, Thread) {
    let jit = Jit::new(Config { arena_size: arena, ..Config::new(Mode::Bits64) }).unwrap();
    let thread = Thread::new(&jit, CpuState::new(Mode::Bits64), 0, count_step).unwrap();
    (jit, thread)
}

/// A block under construction.
struct Make<'a> {
    b: FunctionBuilder<'a>,
    p: Vec<Value>,
    exits: Vec<LiftedExit>,
}

impl Make<'_> {
    fn pinned(&mut self) -> Value {
        self.b.ins().get_pinned_reg(I64)
    }

    fn exit(&mut self, to: LiftedExit) {
        let name = UserExternalName::new(EXIT_NAMESPACE, self.exits.len() as u32);
        self.exits.push(to);
        let name = self.b.func.declare_imported_user_function(name);
        let signature = self.b.import_signature(signature());
        let f = self.b.import_function(ExtFuncData { name: ExternalName::user(name), signature, colocated: true, patchable: false });
        let args = self.p.clone();
        // Write-through, as the contract demands.
        for (i, &v) in args.iter().enumerate() {
            let (s, o) = (self.pinned(), offset::gpr(forklift_lift::PARAM_REGS[i]));
            self.b.ins().store(MemFlagsData::trusted(), v, s, o);
        }
        self.b.ins().return_call(f, &args);
    }

    /// rcx -= 1; if it is 0, to `done`, else on.
    fn count_down(&mut self, done: LiftedExit) {
        self.p[RCX] = self.b.ins().iadd_imm_s(self.p[RCX], -1);
        let (out, on) = (self.b.create_block(), self.b.create_block());
        let more = self.b.ins().icmp_imm_u(IntCC::NotEqual, self.p[RCX], 0);
        self.b.ins().brif(more, on, &[], out, &[]);
        self.b.switch_to_block(out);
        self.exit(done);
        self.b.switch_to_block(on);
    }

    /// Adds up `n` numbers that are all live at once.
    fn spill(&mut self, n: usize) {
        let s = self.pinned();
        let loads: Vec<_> = (0..n).map(|i| self.b.ins().load(I64, MemFlagsData::trusted(), s, offset::gpr(Gpr::R8) + 8 * (i as i32 % 7))).collect();
        let mut sum = self.p[RAX];
        for i in 0..n {
            let x = self.b.ins().imul(loads[i], loads[n - 1 - i]);
            let y = self.b.ins().iadd(x, loads[(i * 7) % n]);
            sum = self.b.ins().iadd(sum, y);
        }
        self.p[RAX] = sum;
    }

    fn call_step(&mut self, token: u64) {
        let s = self.pinned();
        let mut sig = Signature::new(CallConv::SystemV);
        sig.params.extend([AbiParam::new(I64); 2]);
        sig.returns.push(AbiParam::new(I64));
        let sig = self.b.import_signature(sig);
        let table = self.b.ins().load(I64, MemFlagsData::trusted(), s, offset::HELPERS);
        let f = self.b.ins().load(I64, MemFlagsData::trusted(), table, 0);
        let token = self.b.ins().iconst(I64, token as i64);
        self.b.ins().call_indirect(sig, f, &[s, token]);
    }

    /// Looks `rip` up in the table and jumps there, or leaves.
    fn indirect(&mut self, rip: Value) {
        let s = self.pinned();
        self.b.ins().store(MemFlagsData::trusted(), rip, s, offset::RIP);
        let base = self.b.ins().load(I64, MemFlagsData::trusted(), s, offset::INDIRECT);
        let high = self.b.ins().ushr_imm_u(rip, 12);
        let hash = self.b.ins().bxor(rip, high);
        let index = self.b.ins().band_imm_u(hash, INDIRECT_ENTRIES as i64 - 1);
        let at = self.b.ins().ishl_imm_u(index, 4);
        let entry = self.b.ins().iadd(base, at);
        let key = self.b.ins().load(I64, MemFlagsData::trusted(), entry, 0);
        let (hit, miss) = (self.b.create_block(), self.b.create_block());
        let equal = self.b.ins().icmp(IntCC::Equal, key, rip);
        self.b.ins().brif(equal, hit, &[], miss, &[]);
        self.b.switch_to_block(miss);
        self.exit(LiftedExit::Indirect);
        self.b.switch_to_block(hit);
        let code = self.b.ins().load(I64, MemFlagsData::trusted(), entry, 8);
        let sig = self.b.import_signature(signature());
        let args = self.p.clone();
        self.b.ins().return_call_indirect(sig, code, &args);
    }
}

fn block(jit: &Jit, pc: u64, body: impl FnOnce(&mut Make<'_>)) {
    let build = |func: &mut Function, target| {
        func.signature = signature();
        let mut cx = FunctionBuilderContext::new();
        let mut b = FunctionBuilder::new(func, &mut cx);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let p = b.block_params(entry).to_vec();
        let mut m = Make { b, p, exits: Vec::new() };
        body(&mut m);
        m.b.seal_all_blocks();
        let exits = m.exits;
        m.b.finalize(target);
        let start = GuestAddr::new(pc);
        let pcs = (0..8).map(|i| start.wrapping_add(i * 3)).collect();
        Lifted { exits, pcs, ranges: vec![(start, start.wrapping_add(24))], tokens: Vec::new(), groups: Vec::new(), insns: 8, ..Lifted::default() }
    };
    jit.compile_ir(GuestAddr::new(pc), build).unwrap();
}

/// rax = rcx * 7 * …: what `spill` adds, with r8 … r14 all 1.
fn spilled(thread: &mut Thread, n: usize) -> u64 {
    for r in 8..15 {
        thread.cpu().gpr[r] = 1;
    }
    2 * n as u64
}

fn start(thread: &mut Thread, pc: u64, count: u64) {
    thread.cpu().rip = pc;
    thread.cpu().set(Gpr::Rcx, count);
    thread.cpu().set(Gpr::Rax, 0);
}

#[test]
fn cold_without_blocks() {
    let (jit, mut t) = setup(1 << 20);
    start(&mut t, A, 1);
    assert_eq!(t.run(), JitExit::Cold);
    assert!(!jit.has(GuestAddr::new(A)));
}

/// The stack pointer is balanced over millions of hops, through blocks with spills, saved registers, calls, and none of them.
#[test]
fn long_chain_with_spills() {
    let (jit, mut t) = setup(1 << 20);
    block(&jit, A, |m| {
        m.spill(30);
        m.count_down(LiftedExit::Step(GuestAddr::new(0xd0)));
        m.exit(LiftedExit::Direct(GuestAddr::new(B)));
    });
    block(&jit, B, |m| {
        m.count_down(LiftedExit::Step(GuestAddr::new(0xd1)));
        m.exit(LiftedExit::Direct(GuestAddr::new(C)));
    });
    block(&jit, C, |m| {
        m.call_step(1);
        m.spill(12);
        m.count_down(LiftedExit::Step(GuestAddr::new(0xd2)));
        m.exit(LiftedExit::Direct(GuestAddr::new(A)));
    });
    let (a, c) = (spilled(&mut t, 30), spilled(&mut t, 12));
    start(&mut t, A, 10_000_000);
    assert_eq!(t.run(), JitExit::Step);
    assert_eq!(t.cpu().rip, 0xd0);
    assert_eq!(t.cpu().get(Gpr::Rcx), 0);
    assert_eq!(t.cpu().get(Gpr::Rax), 3_333_334 * a + 3_333_333 * c);
    assert_eq!(t.state().owner, 3_333_333);
    let s = jit.stats();
    // The exit to the block that was there already was linked when its block was placed, the other two when they were taken.
    assert_eq!((s.links, s.enters, s.direct), (3, 3, 2), "{s}");
}

/// Jumps through the table, to and from blocks with spills.
#[test]
fn indirect_ring() {
    let (jit, mut t) = setup(1 << 20);
    for (pc, next, spills) in [(A, B, 30), (B, A, 0)] {
        block(&jit, pc, |m| {
            m.spill(spills);
            m.count_down(LiftedExit::Dispatch);
            let to = m.b.ins().iconst(I64, next as i64);
            m.indirect(to);
        });
    }
    spilled(&mut t, 30);
    start(&mut t, A, 10_000_000);
    assert_eq!(t.run(), JitExit::Dispatch);
    assert_eq!(t.cpu().get(Gpr::Rcx), 0);
    let s = jit.stats();
    assert_eq!((s.links, s.enters, s.indirect), (0, 3, 2), "{s}");
}

#[test]
fn invalidation_unlinks() {
    let (jit, mut t) = setup(1 << 20);
    let ring = |done| {
        move |m: &mut Make<'_>| {
            m.count_down(LiftedExit::Step(GuestAddr::new(done)));
            m.exit(LiftedExit::Direct(GuestAddr::new(B)));
        }
    };
    block(&jit, A, ring(1));
    block(&jit, B, |m| m.exit(LiftedExit::Direct(GuestAddr::new(A))));
    start(&mut t, A, 100);
    assert_eq!((t.run(), t.cpu().rip), (JitExit::Step, 1));
    assert_eq!(jit.invalidate(GuestAddr::new(B + 24), GuestAddr::new(B + 25)), 0);
    assert_eq!(jit.invalidate(GuestAddr::new(B + 23), GuestAddr::new(B + 25)), 1);
    start(&mut t, A, 100);
    assert_eq!((t.run(), t.cpu().rip), (JitExit::Cold, B));
    assert_eq!(t.cpu().get(Gpr::Rcx), 99);
    block(&jit, B, |m| m.exit(LiftedExit::Step(GuestAddr::new(2))));
    start(&mut t, A, 100);
    assert_eq!((t.run(), t.cpu().rip), (JitExit::Step, 2));
    assert_eq!(jit.stats().killed, 1);
}

/// A full arena is flushed, and things go on.
#[test]
fn flushes_when_full() {
    let (jit, mut t) = setup(1 << 16);
    for i in 0..5000 {
        let pc = A + i * 64;
        block(&jit, pc, |m| m.exit(LiftedExit::Direct(GuestAddr::new(pc + 64))));
        start(&mut t, pc.max(A + 64) - 64, 1);
        assert_eq!(t.run(), JitExit::Cold);
        assert!(jit.has(GuestAddr::new(pc)));
    }
    let s = jit.stats();
    assert!(s.flushes > 3, "{s}");
}

// Signals.

static JIT: AtomicPtr<Jit> = AtomicPtr::new(core::ptr::null_mut());
static STATE: AtomicPtr<JitState> = AtomicPtr::new(core::ptr::null_mut());
static FAULTS: AtomicU64 = AtomicU64::new(0);

/// Tests with signal handlers share them.
fn signals(jit: &Jit, t: &Thread) -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(|e| e.into_inner());
    JIT.store(core::ptr::from_ref(jit).cast_mut(), Ordering::SeqCst);
    STATE.store(t.state_ptr(), Ordering::SeqCst);
    FAULTS.store(0, Ordering::SeqCst);
    for (signal, handler) in
        [(libc::SIGSEGV, fault as *const () as usize), (libc::SIGBUS, fault as *const () as usize), (libc::SIGUSR1, kick as *const () as usize)]
    {
        // SAFETY: plain installation of a handler.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(signal, &action, core::ptr::null_mut()), 0);
        }
    }
    guard
}

extern "C" fn fault(_: i32, _: *mut libc::siginfo_t, uc: *mut libc::c_void) {
    FAULTS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: set by `signals`; tests fault on the thread that owns the state.
    let what = unsafe { (*JIT.load(Ordering::SeqCst)).on_fault(STATE.load(Ordering::SeqCst), &mut *uc.cast(), false, &|| false) };
    if what == HostFault::Elsewhere {
        // SAFETY: nothing can be done any more.
        unsafe { libc::abort() };
    }
}

extern "C" fn kick(_: i32, _: *mut libc::siginfo_t, uc: *mut libc::c_void) {
    // SAFETY: set by `signals`; the signal is directed at the thread that owns the state.
    unsafe { (*JIT.load(Ordering::SeqCst)).kick(STATE.load(Ordering::SeqCst), &mut *uc.cast()) };
}

/// A fault leaves at the guest instruction, with what was synced before.
#[test]
fn fault_has_the_guest_pc() {
    let (jit, mut t) = setup(1 << 20);
    let _guard = signals(&jit, &t);
    block(&jit, A, |m| {
        m.spill(20);
        let flags = MemFlagsData::new().with_trap_code(Some(TRAP_MEMORY));
        for i in 0..3 {
            m.b.set_srcloc(SourceLoc::new(i + 2));
            let at = m.b.ins().iadd_imm_s(m.p[0], i64::from(i) * 4096);
            m.p[RAX] = m.b.ins().load(I64, flags, at, 8);
        }
        m.exit(LiftedExit::Dispatch);
    });
    let map = |len| {
        // SAFETY: a new mapping.
        unsafe { libc::mmap(core::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) as u64 }
    };
    let page = map(4 * 4096);
    // SAFETY: the test's own mapping.
    unsafe { libc::mprotect((page + 8192) as *mut _, 8192, libc::PROT_NONE) };
    for (base, step) in [(page, 2), (page + 4096, 1), (page + 8192, 0)] {
        start(&mut t, A, 77);
        t.cpu().set(Gpr::Rdi, base);
        assert_eq!(t.run(), JitExit::Fault);
        assert_eq!(t.cpu().rip, A + (step + 2) * 3);
        assert_eq!(t.cpu().get(Gpr::Rcx), 77);
    }
    assert_eq!((FAULTS.load(Ordering::SeqCst), jit.stats().fault), (3, 3));
}

/// Kicks this thread every now and then until `done`.
fn kicker<T>(run: impl FnOnce() -> T) -> T {
    let done = AtomicU64::new(0);
    // SAFETY: no preconditions.
    let target = unsafe { libc::pthread_self() } as usize;
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut pause = 1;
            while done.load(Ordering::SeqCst) == 0 {
                // SAFETY: the target waits for this thread in `scope`.
                unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGUSR1) };
                pause = (pause * 5 + 3) % 64;
                std::thread::sleep(Duration::from_micros(pause));
            }
        });
        let r = run();
        done.store(1, Ordering::SeqCst);
        r
    })
}

/// Runs `t` with kicks until it was interrupted `n` times and then to the end; `step` counts on rcx.
fn kicked(t: &mut Thread, n: u64) -> (JitExit, u64) {
    let mut interrupted = 0;
    let exit = kicker(|| {
        loop {
            match t.run() {
                JitExit::Interrupted => interrupted += 1,
                other => break other,
            }
            if interrupted == n {
                t.cpu().set(Gpr::Rcx, 10);
            }
        }
    });
    (exit, interrupted)
}

/// An endless loop of one linked block, and one of two, is left by kicks.
#[test]
fn kicks_leave_chained_loops() {
    let (jit, mut t) = setup(1 << 20);
    let _guard = signals(&jit, &t);
    for (pc, to) in [(A, A), (B, C), (C, B)] {
        block(&jit, pc, |m| {
            m.spill(if pc == C { 20 } else { 0 });
            m.count_down(LiftedExit::Dispatch);
            m.exit(LiftedExit::Direct(GuestAddr::new(to)));
        });
    }
    for pc in [A, B] {
        start(&mut t, pc, u64::MAX);
        let (exit, n) = kicked(&mut t, 2000);
        assert_eq!(exit, JitExit::Dispatch);
        assert!(n >= 2000);
    }
    assert!(jit.stats().kicks > 100, "{}", jit.stats());
    assert_eq!(jit.kicks.load(Ordering::SeqCst), 0);
}

/// The same with indirect jumps, whose lookup a kick may interrupt anywhere.
#[test]
fn kicks_leave_indirect_loops() {
    let (jit, mut t) = setup(1 << 20);
    let _guard = signals(&jit, &t);
    for (pc, to) in [(A, B), (B, A)] {
        block(&jit, pc, |m| {
            m.count_down(LiftedExit::Dispatch);
            let to = m.b.ins().iconst(I64, to as i64);
            m.indirect(to);
        });
    }
    start(&mut t, A, u64::MAX);
    let (exit, n) = kicked(&mut t, 5000);
    assert_eq!(exit, JitExit::Dispatch);
    assert!(n >= 5000);
    // Afterwards all is as before: full speed, without leaving.
    start(&mut t, A, 1_000_000);
    t.run();
    let before = jit.stats().enters;
    start(&mut t, A, 1_000_000);
    assert_eq!(t.run(), JitExit::Dispatch);
    assert_eq!(jit.stats().enters, before + 1);
}

/// A loop that is in helpers nearly all the time.
#[test]
fn kicks_leave_helpers() {
    let (jit, mut t) = setup(1 << 20);
    let _guard = signals(&jit, &t);
    block(&jit, A, |m| {
        m.call_step(1);
        m.count_down(LiftedExit::Dispatch);
        m.exit(LiftedExit::Direct(GuestAddr::new(A)));
    });
    start(&mut t, A, u64::MAX);
    let (exit, n) = kicked(&mut t, 3000);
    assert_eq!(exit, JitExit::Dispatch);
    assert!(n >= 3000);
}

/// Two threads in the same loops; one is kicked, the other relinks what that unlinked.
#[test]
fn kicks_and_other_threads() {
    let (jit, mut t) = setup(1 << 20);
    let _guard = signals(&jit, &t);
    for (pc, to) in [(A, B), (B, A)] {
        block(&jit, pc, |m| {
            m.count_down(LiftedExit::Dispatch);
            m.exit(LiftedExit::Direct(GuestAddr::new(to)));
        });
    }
    let done = AtomicU64::new(0);
    std::thread::scope(|s| {
        s.spawn(|| {
            // Not a target of signals: its state is not STATE.
            let mut other = Thread::new(&jit, CpuState::new(Mode::Bits64), 0, count_step).unwrap();
            while done.load(Ordering::SeqCst) == 0 {
                start(&mut other, A, 1000);
                assert_eq!(other.run(), JitExit::Dispatch);
                assert_eq!(other.cpu().get(Gpr::Rcx), 0);
            }
        });
        start(&mut t, A, u64::MAX);
        let (exit, _) = kicked(&mut t, 5000);
        done.store(1, Ordering::SeqCst);
        assert_eq!(exit, JitExit::Dispatch);
    });
}

/// Threads run, compile, invalidate and flush at the same time, while one is kicked all the time.
#[test]
fn everything_at_once() {
    const RING: u64 = 40;
    let (jit, mut t) = setup(1 << 16);
    let _guard = signals(&jit, &t);
    let at = |i: u64| A + i % RING * 64;
    let make = |i: u64| {
        block(&jit, at(i), |m| {
            m.spill(if i.is_multiple_of(3) { 18 } else { 0 });
            m.count_down(LiftedExit::Dispatch);
            if i.is_multiple_of(4) {
                let to = m.b.ins().iconst(I64, at(i + 1) as i64);
                m.indirect(to);
            } else {
                m.exit(LiftedExit::Direct(GuestAddr::new(at(i + 1))));
            }
        });
    };
    // Runs to the end of the count, compiling what is missing.
    let finish = |t: &mut Thread| {
        loop {
            match t.run() {
                JitExit::Cold => make((t.cpu().rip - A) / 64),
                JitExit::Interrupted => {}
                exit => break assert_eq!((exit, t.cpu().get(Gpr::Rcx)), (JitExit::Dispatch, 0)),
            }
        }
    };
    let done = AtomicU64::new(0);
    std::thread::scope(|s| {
        for seed in 0..2 {
            let (done, finish, jit) = (&done, &finish, &jit);
            s.spawn(move || {
                let (mut other, mut n) = (Thread::new(jit, CpuState::new(Mode::Bits64), 0, count_step).unwrap(), seed);
                while done.load(Ordering::SeqCst) == 0 {
                    start(&mut other, at(n), 5000 + n);
                    finish(&mut other);
                    n = n.wrapping_mul(0x9e37_79b9) % 997;
                    jit.invalidate(GuestAddr::new(at(n)), GuestAddr::new(at(n) + 1));
                }
            });
        }
        kicker(|| {
            for n in 1..300 {
                start(&mut t, at(n), 20_000);
                finish(&mut t);
                if n % 30 == 0 {
                    jit.flush_all();
                }
            }
        });
        done.store(1, Ordering::SeqCst);
    });
    let stats = jit.stats();
    assert!(stats.flushes >= 9 && stats.killed > 0, "{stats}");
    assert_eq!(jit.kicks.load(Ordering::SeqCst), 0);
}
