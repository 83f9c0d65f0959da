//! The JIT as an oracle: every block is compiled at once; what it leaves to the interpreter is interpreted.
//!
//! Guest memory is real: at its own addresses for 64-bit code, in a window of 4 GiB with guards for 32-bit code. So one run at a time, guarded by a lock.
//! The interpreter's steps work on a copy of it, which is written back.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forklift_interp::{FlatMemory, Interp, Perm};
use forklift_jit::debug::Dump;
use forklift_jit::{CompileError, Config, HostFault, Jit, JitExit, Thread};
use forklift_lift::{JitState, LiftEnv, Needs, WINDOW_SLACK};
use forklift_x86::{CcOp, CpuModel, CpuState, Exit, Fault, Gate, GuestAddr, Mode};
use iced_x86::Instruction;
use libc::{c_int, c_void, siginfo_t};

use super::newest;
use crate::machine::{CODE, CODE_SIZE, DATA, DATA_SIZE, End, Input, NoAnswer, Oracle, Output, RODATA, RODATA_SIZE};

/// How many times emitted code may be left in a run.
const LEAVE_LIMIT: usize = 100_000;

/// How the JIT runs the guest's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// Compiled.
    Lifted,
    /// Compiled for memory that others see, which makes a difference on hosts other than x86-64.
    Ordered,
    /// As it is.
    Direct,
    /// Compiled for who can't see the state at a fault; what does fault is run once more, as `Lifted`.
    Unseen,
}

/// The JIT that compiles.
pub fn jit() -> Option<Box<dyn Oracle + Send>> {
    Some(Box::new(JitOracle(Tier::Lifted)))
}

/// The JIT that compiles for memory that others see.
pub fn ordered() -> Option<Box<dyn Oracle + Send>> {
    Some(Box::new(JitOracle(Tier::Ordered)))
}

/// The JIT that runs code as it is, on hosts that can do that.
pub fn direct() -> Option<Box<dyn Oracle + Send>> {
    cfg!(target_arch = "x86_64").then(|| Box::new(JitOracle(Tier::Direct)) as Box<dyn Oracle + Send>)
}

/// The JIT that compiles for who can't see the state at a fault.
pub fn unseen() -> Option<Box<dyn Oracle + Send>> {
    Some(Box::new(JitOracle(Tier::Unseen)))
}

struct JitOracle(Tier);

impl Oracle for JitOracle {
    fn name(&self) -> &'static str {
        match self.0 {
            Tier::Lifted => "JIT",
            Tier::Ordered => "JIT, ordered",
            Tier::Direct => "direct code",
            Tier::Unseen => "JIT, unseen",
        }
    }

    fn run(&mut self, input: &Input) -> Result<Output, NoAnswer> {
        let failed = |source| NoAnswer::Failed { what: "setting up the JIT", source };
        static HOSTS: [OnceLock<Mutex<Host>>; 8] = [const { OnceLock::new() }; 8];
        let _running = lock(&ONE_AT_A_TIME);
        let slot = &HOSTS[usize::from(input.cpu.mode == Mode::Bits64) + 2 * self.0 as usize];
        if slot.get().is_none() {
            let dump = std::env::var_os("FORKLIFT_DUMP").map(|_| forklift_jit::debug::to_stderr as Dumper);
            let host = Host::new(input.cpu.mode, self.0, dump).map_err(failed)?;
            let _ = slot.set(Mutex::new(host));
        }
        let host = slot.get().ok_or(NoAnswer::Unsupported("no host"))?;
        lock(host).run(input).map_err(failed)
    }
}

/// Receives each block that is compiled.
type Dumper = fn(&Dump<'_>);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The IR and the host's code of all blocks that a run of `input` compiles.
pub fn listing(input: &Input, tier: Tier) -> String {
    static TEXT: Mutex<String> = Mutex::new(String::new());
    let collect: Dumper = |d| {
        let code: String = d.code.iter().map(|b| format!("{b:02x}")).collect();
        *lock(&TEXT) += &format!("block {}\n{}\n{}\n{code}\n", d.pc, d.ir, d.listing);
    };
    let _running = lock(&ONE_AT_A_TIME);
    match Host::new(input.cpu.mode, tier, Some(collect)).and_then(|mut h| h.run(input)) {
        Ok(_) => std::mem::take(&mut lock(&TEXT)),
        Err(e) => e.to_string(),
    }
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory and JIT of one mode.
struct Host {
    tier: Tier,
    dump: Option<Dumper>,
    jit: Arc<Jit>,
    /// That for the other kind of inputs: those that flush denormals, or those that don't. Once a JIT has seen one that does, it compiles for that.
    other: Arc<Jit>,
    /// Of what lost a state.
    kept: Option<Box<Self>>,
    flushing: bool,
    mem_base: u64,
}

/// Whether blocks are compiled for flushing denormals: FTZ or DAZ.
const fn flushes(cpu: &CpuState) -> bool {
    cpu.mxcsr & 0x8040 != 0
}

fn new_jit(mode: Mode, tier: Tier, dump: Option<Dumper>) -> io::Result<Arc<Jit>> {
    let jit = Jit::new(Config { dump, direct: tier == Tier::Direct, loses: tier == Tier::Unseen, ..Config::new(mode) })
        .map_err(|e| io::Error::other(e.to_string()))?;
    if tier == Tier::Ordered {
        jit.need(Needs::ORDERED);
    } else if tier != Tier::Unseen {
        // In the others blocks leave NaNs to the interpreter.
        jit.need(Needs::NANS);
    }
    Ok(jit)
}

/// What the fault handler and the step helper need.
struct Running {
    jit: Arc<Jit>,
    state: *mut JitState,
    mem_base: u64,
    tokens: Vec<Instruction>,
    /// Why the step helper stopped.
    stop: Option<Exit>,
    /// There was a fault whose state was lost.
    lost: bool,
}

static RUNNING: AtomicPtr<Running> = AtomicPtr::new(null_mut());

const AREAS: [(u64, usize, c_int); 3] =
    [(CODE, CODE_SIZE, libc::PROT_READ), (DATA, DATA_SIZE, libc::PROT_READ | libc::PROT_WRITE), (RODATA, RODATA_SIZE, libc::PROT_READ)];

impl Host {
    fn new(mode: Mode, tier: Tier, dump: Option<Dumper>) -> io::Result<Self> {
        // Direct code has the guest's addresses.
        let mem_base = if mode == Mode::Bits64 || tier == Tier::Direct { 0 } else { window()? };
        for (at, len, _) in AREAS {
            map(mem_base + at, len)?;
        }
        install_handlers()?;
        let (jit, other) = (new_jit(mode, tier, dump)?, new_jit(mode, tier, dump)?);
        Ok(Self { tier, dump, jit, other, kept: None, flushing: false, mem_base })
    }

    fn run(&mut self, input: &Input) -> io::Result<Output> {
        if let Some(output) = self.try_run(input)? {
            return Ok(output);
        }
        let kept = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let make = || new_jit(input.cpu.mode, Tier::Lifted, self.dump);
                Box::new(Self { tier: Tier::Lifted, kept: None, jit: make()?, other: make()?, ..*self })
            }
        };
        let output = self.kept.insert(kept).try_run(input)?;
        output.ok_or_else(|| io::Error::other("a state that is kept was lost"))
    }

    /// Runs it; `None` if there was a fault whose state was lost.
    fn try_run(&mut self, input: &Input) -> io::Result<Option<Output>> {
        if self.flushing != flushes(&input.cpu) {
            core::mem::swap(&mut self.jit, &mut self.other);
            self.flushing = !self.flushing;
        }
        if !self.flushing && self.jit.needs().has(Needs::FLUSHING) {
            self.jit = new_jit(input.cpu.mode, self.tier, self.dump)?;
        }
        self.jit.invalidate(GuestAddr::new(CODE), GuestAddr::new(CODE + CODE_SIZE as u64));
        self.fill(input)?;
        let mut thread = Thread::new(&self.jit, input.cpu.clone(), self.mem_base, step)?;
        let mut running =
            Running { jit: Arc::clone(&self.jit), state: thread.state_ptr(), mem_base: self.mem_base, tokens: Vec::new(), stop: None, lost: false };
        RUNNING.store(&raw mut running, Ordering::SeqCst);
        let end = self.drive(&mut thread, &raw mut running);
        RUNNING.store(null_mut(), Ordering::SeqCst);
        let end = end?;
        // Flags that only a fault of an access would show are lost, too.
        let unseen = matches!(end, End::Exit(Exit::Fault(Fault::Page | Fault::GeneralProtection | Fault::Stack | Fault::Alignment)));
        Ok((!(running.lost || self.jit.loses() && unseen)).then(|| Output { end, cpu: thread.cpu().clone(), data: copy_out(self.mem_base + DATA, DATA_SIZE) }))
    }

    fn fill(&self, input: &Input) -> io::Result<()> {
        let contents = [input.code_area(), input.data.clone(), input.rodata().to_vec()];
        for ((at, len, prot), bytes) in AREAS.into_iter().zip(contents) {
            protect(self.mem_base + at, len, libc::PROT_READ | libc::PROT_WRITE)?;
            copy_in(self.mem_base + at, &bytes);
            protect(self.mem_base + at, len, prot)?;
        }
        Ok(())
    }

    fn drive(&self, thread: &mut Thread, running: *mut Running) -> io::Result<End> {
        for _ in 0..LEAVE_LIMIT {
            let exit = thread.run();
            // SAFETY: only we and what runs inside `run` use it.
            if unsafe { (*running).lost } {
                return Ok(End::Endless);
            }
            let pc = thread.cpu().pc();
            if matches!(exit, JitExit::Step | JitExit::Barred) && self.is_int3(pc) {
                return Ok(End::Done);
            }
            let exit = match exit {
                // SAFETY: only we and what runs inside `run` use it.
                JitExit::Dispatch => unsafe { (*running).stop.take() },
                JitExit::Interrupted => None,
                JitExit::Syscall => Some(Exit::Gate(if self.jit.mode() == Mode::Bits64 { Gate::Syscall } else { Gate::Int80 })),
                // SAFETY: as above.
                JitExit::Cold if self.compile(pc, unsafe { &mut *running })? => None,
                JitExit::Cold | JitExit::Barred | JitExit::Step | JitExit::Fault => interpret(thread.cpu(), self.mem_base).err(),
            };
            match exit {
                // One with prefixes.
                Some(Exit::Fault(Fault::Breakpoint)) => {
                    thread.cpu().rip -= 1;
                    return Ok(End::Done);
                }
                Some(e) => return Ok(End::Exit(e)),
                None => {}
            }
        }
        Ok(End::Endless)
    }

    fn is_int3(&self, pc: GuestAddr) -> bool {
        pc.get().wrapping_sub(CODE) < CODE_SIZE as u64 && copy_out(self.mem_base + pc.get(), 1) == [0xcc]
    }

    /// Compiles the block at `pc`; false if there is no code, or a block is there but can't be used.
    fn compile(&self, pc: GuestAddr, running: &mut Running) -> io::Result<bool> {
        if self.jit.has(pc) {
            return Ok(false);
        }
        // SAFETY: no emitted code runs.
        let flags_op = unsafe { (*running.state).cpu.flags.op };
        let unseen = self.jit.loses();
        let mut env = Env { mem_base: self.mem_base, tokens: &mut running.tokens, flags_op, unseen };
        match self.jit.compile(pc, false, &mut env) {
            Ok(_) => Ok(self.jit.has(pc)),
            Err(CompileError::Lift(_)) => Ok(false),
            Err(e) => Err(io::Error::other(e.to_string())),
        }
    }
}

struct Env<'a> {
    mem_base: u64,
    tokens: &'a mut Vec<Instruction>,
    flags_op: CcOp,
    unseen: bool,
}

impl LiftEnv for Env<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        let room = (CODE + CODE_SIZE as u64).checked_sub(addr.get()).filter(|r| *r <= CODE_SIZE as u64).unwrap_or(0);
        let n = buf.len().min(room as usize);
        buf[..n].copy_from_slice(&copy_out(self.mem_base + addr.get(), n));
        n
    }

    fn token(&mut self, i: &Instruction) -> u64 {
        self.tokens.push(*i);
        self.tokens.len() as u64 - 1
    }

    fn model(&self) -> CpuModel {
        newest()
    }

    fn flags_op(&self) -> CcOp {
        self.flags_op
    }

    fn may_write_itself(&self) -> bool {
        !self.unseen
    }
}

/// Runs the instruction at `cpu.rip` by interpretation.
fn interpret(cpu: &mut CpuState, mem_base: u64) -> Result<(), Exit> {
    let mut mem = FlatMemory::new();
    mem.map(CODE, copy_out(mem_base + CODE, CODE_SIZE), Perm::RX);
    mem.map(DATA, copy_out(mem_base + DATA, DATA_SIZE), Perm::RW);
    mem.map(RODATA, copy_out(mem_base + RODATA, RODATA_SIZE), Perm::R);
    let result = Interp::new(newest(), u32::MAX).step(cpu, &mut mem);
    if let Some(data) = mem.peek(DATA, DATA_SIZE) {
        copy_in(mem_base + DATA, &data);
    }
    result
}

extern "C" fn step(state: &mut JitState, token: u64) -> u64 {
    // SAFETY: set while emitted code runs, which is what calls us.
    let running = unsafe { &mut *RUNNING.load(Ordering::SeqCst) };
    let i = running.tokens[token as usize];
    state.cpu.rip = i.ip();
    match interpret(&mut state.cpu, running.mem_base) {
        // A repeated string instruction that was interrupted.
        Ok(()) if state.cpu.rip != i.next_ip() => 1,
        Ok(()) => 0,
        Err(e) => {
            running.stop = Some(e);
            1
        }
    }
}

extern "C" fn on_fault(signal: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: as in `step`.
    let left = unsafe {
        RUNNING.load(Ordering::SeqCst).as_mut().map(|r| {
            let left = r.jit.on_fault(r.state, &mut *context.cast::<libc::ucontext_t>(), false, &|| false);
            r.lost |= matches!(left, HostFault::Lost(_));
            left
        })
    };
    if left.is_none_or(|l| l == HostFault::Elsewhere) {
        // A fault of our own: die of it.
        // SAFETY: resets the action.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn install_handlers() -> io::Result<()> {
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL] {
        // SAFETY: a valid action; the handler touches what is documented at `Running`.
        let result = unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER | libc::SA_ONSTACK;
            libc::sigaction(signal, &action, null_mut())
        };
        check(result)?;
    }
    Ok(())
}

/// Reserves a window of 4 GiB, aligned to its size, with guards, and returns its address.
fn window() -> io::Result<u64> {
    const GIB4: u64 = 1 << 32;
    let len = 3 * GIB4;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping.
    let at = unsafe { libc::mmap(null_mut(), len as usize, libc::PROT_NONE, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok((at as u64 + WINDOW_SLACK).next_multiple_of(GIB4))
}

fn map(at: u64, len: usize) -> io::Result<()> {
    // Over the window's reservation, or where nothing of a position-independent program lies.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: see above.
    let got = unsafe { libc::mmap(at as *mut c_void, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn protect(at: u64, len: usize, prot: c_int) -> io::Result<()> {
    // SAFETY: our own mappings, which no reference points into.
    check(unsafe { libc::mprotect(at as *mut c_void, len, prot) })
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn copy_out(at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: within the areas, which are readable.
    unsafe { core::ptr::copy_nonoverlapping(at as *const u8, bytes.as_mut_ptr(), len) };
    bytes
}

fn copy_in(at: u64, bytes: &[u8]) {
    // SAFETY: within the areas, which are writable when this is called.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
}
