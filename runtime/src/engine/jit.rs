//! The JIT in a process: what it needs of us, and what we do for it.
//!
//! It is made when the first block gets hot; programs that end before never pay for it.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forklift_interp::{Exec, Op, run_op};
use forklift_jit::debug::Observer;
use forklift_jit::{Config, HostFault, How, Jit, JitExit, Thread};
use forklift_lift::{JitState, Needs};
use forklift_x86::{CodeFetch, CpuModel, Exit, Gate, GuestAddr, MAX_INSN_LEN, Mode, decode_block};

use super::background::{Background, Request};
use super::code::{DirectEnv, Env, Guest, InstallEnv, Ops, Watched};
use crate::cache::{Cache, Counts};
#[cfg(target_arch = "x86_64")]
use crate::cache::{Images, page_has};
use crate::error::Error;
use crate::mem::{AddressSpace, Attention, CpuMem, GuestMem, access};
use crate::perf::Log;
use crate::process;
use crate::signal::Kick;
use crate::signal::info::Info;
use crate::task::Task;

/// Unit: executions. A block is compiled when it's about to run for the n-th time. Measured, in seconds of processor time with 500, 1500, 4000 and never:
/// `python3 -c pass` 0.33, 0.26, 0.24, 0.19; a loop of 30,000 in bash 0.22, 0.26, 0.37, 3.6; cc1 -O2 on a small file 2.2, 1.8, 1.9, 1.6.
const THRESHOLD: u32 = 1500;
/// The same for code of files that the cache has blocks of: they are run again and again, and what is compiled now serves them all.
const THRESHOLD_OF_KNOWN: u32 = 500;
/// Longest block that the lifter makes. Unit: guest instructions.
const MAX_INSNS: usize = 32;

/// The JIT of a process and the operations that its code steps through.
pub(crate) struct ProcessJit {
    pub jit: Arc<Jit>,
    steps: Mutex<Steps>,
    /// Blocks of earlier runs, and the pages that are known to be watched.
    pub(super) cache: Option<Mutex<Kept>>,
    /// Pages that are known to be watched, for direct code.
    watched: Mutex<Watched>,
    /// Who compiles, if the guest's threads don't.
    background: Option<Arc<Background>>,
    /// What is written for perf(1).
    perf: Option<Arc<Log>>,
    /// The cache of direct code.
    #[cfg(target_arch = "x86_64")]
    images: Option<Mutex<Images>>,
}

/// What the cache's lock guards.
pub(super) struct Kept {
    pub cache: Cache,
    watched: Watched,
    /// How many runs make a block hot, if that was told.
    threshold: Option<u32>,
}

impl Kept {
    fn new(cache: Cache) -> Self {
        Self { cache, watched: Watched::default(), threshold: chosen_threshold() }
    }
}

/// Those of all blocks since the last flush: a dead block may still be running until then. So they are bounded as the arena is.
#[derive(Default)]
struct Steps {
    ops: Ops,
    /// [`Jit::flushes`] when the first of them was added.
    flushes: u64,
}

impl Steps {
    /// Keeps the operations of a block that has been compiled just now. Whoever is the first to do so after a flush drops those from before it: they
    /// were added by compilations that saw a smaller number, so their blocks are gone.
    fn keep(&mut self, ops: Ops, flushes: u64) {
        if flushes > self.flushes {
            *self = Self { ops: Vec::new(), flushes };
        }
        self.ops.extend(ops);
    }
}

// SAFETY: operations are not changed once made, and hold function pointers and numbers.
unsafe impl Send for ProcessJit {}
// SAFETY: as above.
unsafe impl Sync for ProcessJit {}

impl ProcessJit {
    /// A JIT for a process with this memory.
    pub(crate) fn new(mem: &GuestMem, process: &process::Config) -> Result<Self, Error> {
        let mode = mem.space().mode();
        let near = mem.space().beside();
        let perf = process.perf.and_then(|kind| Log::new(kind, process.root.clone(), mem.space()));
        let observer = perf.clone().map(|p| p as Arc<dyn Observer>);
        let config = config(mode, process.dump.callback());
        // Direct code has the guest's addresses.
        let direct = config.direct && mem.space().base() == 0;
        let jit = Jit::new(Config { near, observer, direct, ..config }).map_err(|e| Error::Jit(e.to_string()))?;
        if process.weak_vectors {
            jit.need(Needs::WEAK_VECTORS);
        }
        if access::is_ordered() {
            jit.need(Needs::ORDERED);
        }
        if FAULTS_SEEN.load(Ordering::SeqCst) {
            jit.need(Needs::FAULTS);
        }
        // perf is told of blocks as they are made.
        let dir = process.cache.as_ref().filter(|_| perf.is_none());
        #[cfg(target_arch = "x86_64")]
        let images = dir.filter(|_| jit.is_direct()).and_then(|dir| Images::open(dir, mem, mode, process.model)).map(|mut images| {
            images.load(&jit);
            Mutex::new(images)
        });
        let shows = perf.is_some() || process.dump.is_on();
        let background = if jit.is_direct() || shows { None } else { Background::new() };
        let cache = dir.filter(|_| !jit.is_direct()).and_then(|dir| Cache::open(dir, mode, process.model));
        Ok(Self {
            jit,
            steps: Mutex::default(),
            cache: cache.map(|c| Mutex::new(Kept::new(c))),
            watched: Mutex::default(),
            background,
            perf,
            #[cfg(target_arch = "x86_64")]
            images,
        })
    }

    /// Holds what a forked child must find free.
    pub(crate) fn before_fork(&self) -> impl Sized + '_ {
        #[cfg(target_arch = "x86_64")]
        let images = self.images.as_ref().map(lock);
        #[cfg(not(target_arch = "x86_64"))]
        let images = ();
        (self.background.as_ref().map(|b| b.before_fork()), images, self.cache.as_ref().map(lock), lock(&self.watched), self.jit.before_fork())
    }

    /// Who compiles, if the guest's threads don't.
    pub(crate) fn background(&self) -> Option<&Background> {
        self.background.as_deref()
    }

    /// What the cache has found and kept, if there is one.
    pub(crate) fn cache_counts(&self) -> Option<Counts> {
        #[cfg(target_arch = "x86_64")]
        if let Some(images) = &self.images {
            return Some(lock(images).counts(&self.jit));
        }
        self.cache.as_ref().map(|c| lock(c).cache.counts())
    }

    /// Writes what is new to the cache.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "direct code only"))]
    fn save_cache(&self, mem: &GuestMem) {
        #[cfg(target_arch = "x86_64")]
        if let Some(images) = &self.images {
            lock(images).save(&self.jit, mem);
        }
        if let Some(kept) = &self.cache {
            lock(kept).cache.save();
        }
    }

    /// Whether an earlier run has left direct code of what lies at `pc`.
    #[cfg(target_arch = "x86_64")]
    fn adopt(&self, mem: &GuestMem, pc: GuestAddr, usable_segments: u8) -> bool {
        let Some(_) = &self.images else { return false };
        let mut watched = lock(&self.watched);
        self.jit.adopt(pc, usable_segments, &mut |page, hash| watched.watch(mem, page) && page_has(mem, page, hash))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn adopt(&self, _: &GuestMem, _: GuestAddr, _: u8) -> bool {
        false
    }

    fn keep_steps(&self, ops: Ops) {
        // The number is read after the block was made, see `keep`.
        lock(&self.steps).keep(ops, self.jit.flushes());
    }
}

pub(super) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the environment variable FORKLIFT_JIT has for the option `name`. It is for developers, a list of: `direct=off` (lift everything), `hot=N` (instead of [`THRESHOLD`]), `background=on` and
/// `background=off` (see `background`), `faults=lost` and `faults=kept` (whether [`Faults::Lost`](forklift_lift::Faults::Lost) is made use of), `warm=on` and `warm=wait` (see `warm`).
pub(super) fn option(name: &str) -> Option<String> {
    let options = std::env::var("FORKLIFT_JIT").ok()?;
    options.split(',').find_map(|o| o.strip_prefix(name)).map(str::to_owned)
}

fn config(mode: Mode, dump: Option<fn(&forklift_jit::debug::Dump<'_>)>) -> Config {
    let direct = option("direct=").as_deref() != Some("off");
    let loses = option("faults=").map_or(cfg!(not(target_arch = "x86_64")), |f| f == "lost");
    Config { dump, direct, loses, ..Config::new(mode) }
}

/// How many runs make a block hot.
pub(super) fn threshold() -> u32 {
    chosen_threshold().unwrap_or(THRESHOLD)
}

fn chosen_threshold() -> Option<u32> {
    option("hot=").and_then(|n| n.parse().ok())
}

/// Whether the guest can see the state at a fault.
static FAULTS_SEEN: AtomicBool = AtomicBool::new(false);

/// From now on the guest can see the state at a fault of an access to memory. Not for a thread that is in emitted code.
pub(crate) fn show_faults(space: &AddressSpace) {
    FAULTS_SEEN.store(true, Ordering::SeqCst);
    if let Some(p) = space.existing_jit() {
        p.jit.need(Needs::FAULTS);
    }
}

/// One thread's part.
pub(crate) struct ThreadJit {
    pub thread: Thread,
    kick: Box<KickData>,
}

struct KickData {
    jit: *const Jit,
    state: *mut JitState,
    mem: GuestMem,
    attention: Arc<Attention>,
    /// The fault at which the state was lost.
    lost: Cell<Option<Info>>,
}

impl KickData {
    /// Makes it possible to do an access again that has faulted at this host address: what it writes to holds code, or what lies above it grows.
    fn mend(&self, at: u64) -> bool {
        let at = GuestAddr::new(at.wrapping_sub(self.mem.space().base()));
        let written = self.mem.space().code_written(at, at.wrapping_add(1));
        if written {
            self.attention.raise(Attention::WRITTEN);
        }
        written || self.mem.grow(at)
    }
}

unsafe fn kick_soon(data: *const (), cx: &mut libc::ucontext_t) {
    // SAFETY: the inbox's owner keeps the data as long as the kick is set; we are in a handler of its thread.
    unsafe {
        let d = &*data.cast::<KickData>();
        (*d.jit).kick(d.state, cx);
    }
}

unsafe fn kick_fault(data: *const (), cx: &mut libc::ucontext_t, info: &libc::siginfo_t) -> bool {
    let misaligned = info.si_signo == libc::SIGBUS && info.si_code == libc::BUS_ADRALN;
    // SAFETY: as above; a fault has an address.
    unsafe {
        let d = &*data.cast::<KickData>();
        let at = info.si_addr() as u64;
        let found = (*d.jit).on_fault(d.state, cx, misaligned, &|| d.mend(at));
        if let HostFault::Lost(_) = found {
            d.lost.set(Some(Info::fault(info.si_signo, info.si_code, at.wrapping_sub(d.mem.space().base()))));
        }
        found != HostFault::Elsewhere
    }
}

/// What the step helper works with while emitted code runs.
struct StepContext {
    mem: *mut CpuMem,
    model: CpuModel,
    exit: Option<Exit>,
}

/// The helper behind [`forklift_lift::Helper::Step`].
extern "C" fn step(state: &mut JitState, token: u64) -> u64 {
    // SAFETY: `run_jit` has put a context there, and tokens are addresses of operations that stay.
    let (cx, op) = unsafe { (&mut *(state.owner as *mut StepContext), &*(token as *const Op<CpuMem>)) };
    // SAFETY: the memory of the task that runs, which nothing else uses meanwhile.
    let mem = unsafe { &mut *cx.mem };
    match run_op(&mut Exec { cpu: &mut state.cpu, mem, model: cx.model }, op) {
        // An iteration of a repeated instruction, a branch.
        Ok(()) => u64::from(state.cpu.rip != op.next_ip()),
        Err(exit) => {
            cx.exit = Some(exit);
            1
        }
    }
}

/// Reads code page by page, watching nothing: to find out how long a block is.
struct Peek<'a>(&'a GuestMem);

impl CodeFetch for Peek<'_> {
    fn fetch(&mut self, addr: GuestAddr, buf: &mut [u8]) -> usize {
        self.0.fetch_code(addr, buf)
    }
}

/// What came of looking for a block's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// It can be run now.
    Ready,
    /// It is being compiled.
    Soon,
    /// There is none.
    Never,
}

/// Compiles the block of `request`; whether that is done.
fn compile(p: &ProcessJit, mem: &GuestMem, request: Request, model: CpuModel) -> bool {
    let (pc, mode) = (request.pc, mem.space().mode());
    let Ok(block) = decode_block(&mut Peek(mem), pc, mode, MAX_INSNS) else { return false };
    let checked = mem.space().watch_code(block.start, block.end);
    let guest = Guest { mode, model, flags_op: request.flags_op };
    let mut env = Env::new(mem, pc, guest, checked.then_some((block.start, block.end)));
    let compiled = match &p.cache {
        Some(kept) if !checked => compile_kept(p, kept, pc, &mut env),
        _ => p.jit.compile(pc, checked, &mut env).is_ok(),
    };
    if compiled {
        p.keep_steps(env.steps());
    }
    compiled
}

/// Compiles an unchecked block and keeps a record of it.
fn compile_kept(p: &ProcessJit, kept: &Mutex<Kept>, pc: GuestAddr, env: &mut Env<'_>) -> bool {
    let mut record = Vec::new();
    let needs = p.jit.needs();
    let compiled = p.jit.compile_recorded(pc, env, &mut record).is_ok();
    let cache = &mut lock(kept).cache;
    cache.set_needs(needs);
    cache.add(env.mem(), record);
    compiled
}

impl Task {
    /// Installs the block at `rip` if an earlier run has left it. Whether it can be run now.
    pub(super) fn install(&mut self) -> bool {
        let Some(p) = self.process_jit() else { return false };
        let Some(kept) = &p.cache else {
            self.interp.set_asking(false);
            return false;
        };
        if p.jit.has(self.cpu.pc()) {
            return self.jit.is_some() || self.enter_jit(&p);
        }
        let mut kept = lock(kept);
        let Kept { cache, watched, threshold } = &mut *kept;
        cache.set_needs(p.jit.needs());
        let known = cache.knows(&self.mem, self.cpu.pc());
        let Some(record) = cache.find(&self.mem, self.cpu.pc()) else {
            self.interp.set_hot(threshold.unwrap_or(if known { THRESHOLD_OF_KNOWN } else { THRESHOLD }));
            return false;
        };
        let mut env = InstallEnv { mem: &self.mem, mode: self.cpu.mode, model: self.process.config.model, watched, steps: Ops::new() };
        let done = p.jit.install(record, &mut env);
        let steps = env.steps;
        if !done {
            cache.was_stale();
        }
        if !steps.is_empty() {
            p.keep_steps(steps);
        }
        drop(kept);
        done && (self.jit.is_some() || self.enter_jit(&p))
    }

    /// Before the process ends or runs another program: writes what is new to the cache.
    pub(crate) fn save_cache(&self) {
        if let Some(p) = self.process.space().existing_jit() {
            p.save_cache(&self.mem);
        }
    }

    /// Compiles the block at `rip`, or has it compiled.
    pub(super) fn compile(&mut self) -> Found {
        let Some(p) = self.process_jit() else { return Found::Never };
        let pc = self.cpu.pc();
        // It may be there already: the interpreter came upon it from a block that isn't, or the compiler thread is done with it.
        if !p.jit.has(pc) {
            self.show_source(pc);
            let request = Request { pc, flags_op: self.cpu.flags.op };
            let model = self.process.config.model;
            if let Some(background) = &p.background {
                let (p, mem) = (p.clone(), GuestMem::clone(&self.mem));
                if background
                    .ask(self, request, move |request| {
                        compile(&p, &mem, request, model);
                    })
                    .is_ok()
                {
                    return Found::Soon;
                }
            }
            if !compile(&p, &self.mem, request, model) {
                return Found::Never;
            }
        }
        if self.jit.is_some() || self.enter_jit(&p) { Found::Ready } else { Found::Never }
    }

    /// Whether the guest's code is run as it is, and not interpreted until it is hot.
    pub(super) fn is_direct(&mut self) -> bool {
        self.process_jit().is_some_and(|p| p.jit.is_direct())
    }

    /// Makes direct code of what lies at `rip`. Whether there is any.
    pub(super) fn translate_directly(&mut self) -> bool {
        let Some(p) = self.process_jit() else { return false };
        let pc = self.cpu.pc();
        let usable_segments = self.cpu.usable_segments();
        if p.adopt(&self.mem, pc, usable_segments) {
            return (self.jit.is_some() || self.enter_jit(&p)) && self.land_adopted();
        }
        self.show_source(pc);
        let mut watched = lock(&p.watched);
        let checked = !watched.watch(&self.mem, pc) && self.process.space().watch_code(pc, pc.wrapping_add(1));
        let how = match &self.jit {
            _ if checked => How::Checked,
            Some(j) if j.thread.lands_at(pc) => How::Lands,
            _ => How::Plain,
        };
        let mut make = |how| {
            let checked = how == How::Checked;
            let mut env = DirectEnv { mem: &self.mem, model: self.process.config.model, watched: &mut watched, usable_segments, checked };
            p.jit.compile_directly(pc, &mut env, how).is_ok()
        };
        // An instruction may reach into a page that can't be watched from one that is.
        let crosses = pc.page_offset() > GuestAddr::PAGE_SIZE - MAX_INSN_LEN as u64;
        let done = make(how) || crosses && how != How::Checked && make(How::Checked);
        drop(watched);
        done && (self.jit.is_some() || self.enter_jit(&p))
    }

    /// Lets indirect branches find the blocks that [`ProcessJit::adopt`] has made known.
    #[cfg_attr(not(target_arch = "x86_64"), expect(clippy::unused_self, reason = "direct code only"))]
    fn land_adopted(&mut self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Some(j) = &mut self.jit {
            j.thread.land_adopted();
        }
        true
    }

    /// Prints the block at `pc`, if that is wanted.
    fn show_source(&self, pc: GuestAddr) {
        let dump = &self.process.config.dump;
        if dump.is_on()
            && let Ok(block) = decode_block(&mut Peek(&self.mem), pc, self.cpu.mode, MAX_INSNS)
        {
            dump.block(&block);
        }
    }

    fn process_jit(&mut self) -> Option<Arc<ProcessJit>> {
        self.process.space().jit(|| ProcessJit::new(&self.mem, &self.process.config))
    }

    /// Gives the thread its part of the JIT. From now on its processor lies there.
    fn enter_jit(&mut self, p: &ProcessJit) -> bool {
        let Ok(thread) = Thread::new(&p.jit, (*self.cpu).clone(), self.process.space().base(), step) else { return false };
        let (mem, attention) = (GuestMem::clone(&self.mem), self.attention.clone());
        let kick = Box::new(KickData { jit: Arc::as_ptr(&p.jit), state: thread.state_ptr(), mem, attention, lost: Cell::new(None) });
        self.inbox.kick.set(Some(Kick { soon: kick_soon, fault: kick_fault, data: core::ptr::from_ref(&*kick).cast() }));
        // SAFETY: the state is `repr(C)` with the processor first, does not move, and goes only with the task.
        self.cpu.move_to(unsafe { &raw mut (*thread.state_ptr()).cpu });
        self.jit = Some(ThreadJit { thread, kick });
        true
    }

    /// Runs emitted code as long as there is any. `Some`: it is the interpreter's turn, and whether it must run the next block even if that is translated.
    pub(super) fn run_jit(&mut self) -> Option<bool> {
        let Some(jit) = &mut self.jit else { return Some(false) };
        let mut cx = StepContext { mem: &raw mut self.mem, model: self.process.config.model, exit: None };
        jit.thread.state_mut().owner = (&raw mut cx) as u64;
        let left = jit.thread.run();
        let exit = cx.exit;
        match left {
            JitExit::Cold => return Some(false),
            JitExit::Barred => return Some(true),
            JitExit::Fault if let Some(info) = jit.kick.lost.take() => self.force(info),
            // The interpreter finds the reason again, exactly.
            JitExit::Step | JitExit::Fault => self.step(),
            JitExit::Dispatch => {
                if let Some(exit) = exit {
                    self.handle(exit);
                }
            }
            JitExit::Syscall => self.handle(Exit::Gate(if self.cpu.mode == Mode::Bits64 { Gate::Syscall } else { Gate::Int80 })),
            JitExit::Interrupted => {}
        }
        None
    }

    /// Before the thread's part of the JIT goes away, with the task.
    pub(crate) fn leave_jit(&mut self) {
        self.inbox.kick.set(None);
        if let Some(jit) = self.jit.take() {
            self.cpu.own();
            drop(jit.kick);
        }
    }

    /// In a child process after a fork.
    pub(crate) fn jit_after_fork(&mut self) {
        if let Some(jit) = &mut self.jit {
            jit.thread.after_fork();
        }
        let Some(p) = self.process.space().existing_jit() else { return };
        if let Some(background) = &p.background {
            background.after_fork();
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(images) = &p.images {
            lock(images).after_fork(&p.jit);
        }
        if let Some(kept) = &p.cache {
            lock(kept).cache.after_fork();
        }
        if let Some(perf) = &p.perf {
            perf.after_fork();
        }
    }
}
