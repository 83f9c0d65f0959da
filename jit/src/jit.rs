//! The JIT of one guest process.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use forklift_lift::{BlockKey, HELPERS, JitState, LiftEnv, LiftedExit, Needs};
use forklift_x86::{GuestAddr, Mode};
use libc::ucontext_t;

use crate::arena::{Arena, Cursor};
use crate::blocks::{Block, Blocks, Exit, ExitKind, LOST, NONE, Trap};
use crate::compile::{Compiled, Compiler};
use crate::debug::{Dump, Observer};
use crate::host::{self, Context, Way};
use crate::invalidate::Pages;
use crate::map::{self, Map};
use crate::stats::{Counters, add};
use crate::thread::Shared;
use crate::{CompileError, InstallEnv, Recorder, Stats, isa, stored, strip};

/// How to set up a [`Jit`].
pub struct Config {
    /// Mode of the process.
    pub mode: Mode,
    /// Size of the arena. Unit: bytes of address space.
    pub arena_size: usize,
    /// Called for each block, if given.
    pub dump: Option<fn(&Dump<'_>)>,
    /// Who is told of each block.
    pub observer: Option<Arc<dyn Observer>>,
    /// Whether guest code is to be run as it is, where the host can (see the module `direct`). The guest's address 0 must be the host's, and for 32-bit code there must be
    /// nothing within 2 GiB behind the guest's address space.
    pub direct: bool,
    /// Whether lifted code may lose the state at a fault of an access as long as nobody would see it: until [`Needs::FAULTS`] or [`Needs::ORDERED`].
    pub loses: bool,
    /// Where the arena should lie, if that is free: direct code wants to be within 2 GiB of the guest's code and data.
    pub near: u64,
}

impl Config {
    /// The defaults for a process of this mode.
    pub const fn new(mode: Mode) -> Self {
        Self { mode, arena_size: 64 << 20, dump: None, observer: None, direct: false, loses: false, near: 0 }
    }
}

/// How a block of direct code is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// With nothing else.
    Plain,
    /// With its landing: an indirect branch goes there; see [`Thread::lands_at`](crate::Thread::lands_at).
    Lands,
    /// It compares its bytes; see [`BlockKey::checked`](forklift_lift::BlockKey::checked).
    Checked,
}

/// What the writer's lock guards.
pub(crate) struct Writer {
    /// What has changed since the block was begun that is being compiled.
    pub changes: Option<Changes>,
    /// A block that is being installed, for its allocations.
    installed: Compiled,
    pub cursor: Cursor,
    pub map: map::Writer,
    pub pages: Pages,
    /// What more the blocks at these addresses are to be made for.
    pub particular: HashMap<u64, Needs>,
    #[cfg(target_arch = "x86_64")]
    pub direct: crate::direct::Direct,
}

/// Guest code that was written to while a block was compiled.
#[derive(Default)]
pub(crate) struct Changes {
    ranges: Vec<(GuestAddr, GuestAddr)>,
    /// All blocks were thrown away.
    flushed: bool,
}

impl Changes {
    /// Notes that translations of `start..end` are stale.
    pub(crate) fn add(&mut self, start: GuestAddr, end: GuestAddr) {
        self.ranges.push((start, end));
    }

    /// Notes a flush.
    pub(crate) const fn flush(&mut self) {
        self.flushed = true;
    }

    /// Whether a block that depends on these bytes is stale.
    fn touch(&self, source: &[(GuestAddr, GuestAddr)]) -> bool {
        self.flushed || self.ranges.iter().any(|(start, end)| source.iter().any(|(s, e)| s < end && start < e))
    }
}

/// The JIT of one guest process, shared by its threads.
///
/// Who compiles has the lock of `compiler` for as long as that takes, and that of `writer` only to begin and to place the block, so that nobody else waits. The order of locks: `compiler`, `writer`,
/// `threads`.
pub struct Jit {
    config: Config,
    pub(crate) arena: Arena,
    pub(crate) blocks: Blocks,
    pub(crate) map: Map,
    pub(crate) helpers: Box<[u64; HELPERS]>,
    pub(crate) all_miss: u64,
    /// Made when the first block is compiled: a process may live on installed ones.
    compiler: Mutex<Option<Result<Compiler, CompileError>>>,
    writer: Mutex<Writer>,
    pub(crate) threads: Mutex<Vec<Arc<Shared>>>,
    /// Segments, by number, that some 32-bit direct code goes through.
    #[cfg(target_arch = "x86_64")]
    pub(crate) segments: AtomicU8,
    /// Set while a flush waits for threads to leave.
    pub(crate) flushing: AtomicBool,
    /// What lifted blocks are made for, as a number. It changes under the writer's lock only.
    needs: AtomicU8,
    /// How many threads have been kicked out of a block and are still on the way.
    pub(crate) kicks: AtomicU32,
    pub(crate) counters: Counters,
}

/// A result of `lock`, whatever a panic under it left behind: what the locks guard is consistent between statements.
pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps other threads out of the JIT's data; see [`Jit::before_fork`].
pub struct ForkGuard<'a> {
    _compiler: MutexGuard<'a, Option<Result<Compiler, CompileError>>>,
    _writer: MutexGuard<'a, Writer>,
    _threads: MutexGuard<'a, Vec<Arc<Shared>>>,
}

impl Jit {
    /// A JIT without blocks.
    ///
    /// # Errors
    /// [`CompileError::Host`]: the host lacks something.
    pub fn new(config: Config) -> Result<Arc<Self>, CompileError> {
        #[cfg(target_arch = "x86_64")]
        let direct = config.direct && crate::direct::is_available();
        #[cfg(target_arch = "x86_64")]
        let config = Config { direct, arena_size: if direct { crate::arena::MAX } else { config.arena_size }, ..config };
        let host = |e: io::Error| CompileError::Host(e.to_string());
        let (arena, cursor) = Arena::new(config.arena_size, config.near).map_err(host)?;
        if let Some(observer) = &config.observer {
            arena.show_shared(&**observer);
        }
        let (map, map_writer) = Map::new();
        Ok(Arc::new(Self {
            config,
            arena,
            blocks: Blocks::new().map_err(host)?,
            map,
            helpers: Box::new(host::thunks()),
            all_miss: crate::table::all_miss().map_err(host)?,
            compiler: Mutex::new(None),
            writer: Mutex::new(Writer {
                changes: None,
                installed: Compiled::default(),
                cursor,
                map: map_writer,
                pages: Pages::default(),
                particular: HashMap::new(),
                #[cfg(target_arch = "x86_64")]
                direct: crate::direct::Direct::new(),
            }),
            threads: Mutex::default(),
            #[cfg(target_arch = "x86_64")]
            segments: AtomicU8::new(0),
            flushing: AtomicBool::new(false),
            needs: AtomicU8::new(0),
            kicks: AtomicU32::new(0),
            counters: Counters::default(),
        }))
    }

    pub(crate) fn write(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    pub(crate) fn try_write(&self) -> Option<MutexGuard<'_, Writer>> {
        match self.writer.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(e)) => Some(e.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether there is a block for `pc`.
    pub fn has(&self, pc: GuestAddr) -> bool {
        // Without the lock only a thread in `run` may look, where a flush waits for it.
        let _lock = self.write();
        self.is_known(pc)
    }

    /// What lifted blocks are made for.
    pub fn needs(&self) -> Needs {
        Needs::from_bits(self.needs.load(Ordering::SeqCst))
    }

    /// What a block that begins at `pc` is made for.
    fn needs_at(&self, w: &Writer, pc: GuestAddr) -> Needs {
        let all = self.needs();
        let complete = !self.config.loses || all.has(Needs::FAULTS) || all.has(Needs::ORDERED);
        let all = if complete { all.with(Needs::COMPLETE) } else { all };
        all.with(w.particular.get(&pc.get()).copied().unwrap_or_default())
    }

    /// From now on blocks are made for this, too, where it makes a difference; those that were made before are thrown away. Not for a thread that is in
    /// [`Thread::run`](crate::Thread::run).
    pub fn need(&self, more: Needs) {
        if !(host::NEEDS || self.config.loses) || self.needs().has(more) {
            return;
        }
        let mut w = self.write();
        let needs = self.needs();
        if !needs.has(more) {
            self.flush(&mut w);
            self.needs.store(needs.with(more).bits(), Ordering::SeqCst);
        }
    }

    /// Compiles the block at `pc`, unless there is one. `checked` as in [`BlockKey::checked`].
    ///
    /// `env.fetch` must see to it that a write to the bytes that it returns calls [`Jit::invalidate`] (or that they are checked), from before it reads them.
    ///
    /// # Errors
    /// The caller must interpret the block.
    pub fn compile(&self, pc: GuestAddr, checked: bool, env: &mut dyn LiftEnv) -> Result<(), CompileError> {
        #[cfg(target_arch = "x86_64")]
        if self.is_direct() {
            let mut w = self.write();
            return if self.is_known(pc) { Ok(()) } else { self.translate_directly(&mut w, pc, env, if checked { How::Checked } else { How::Plain }) };
        }
        let needs = needs_of(env);
        self.compile_as(pc, checked, needs, |compiler, key| compiler.compile(key, env))
    }

    /// Has `make` compile the block at `pc`, unless there is one, and places it, unless its source has changed meanwhile.
    fn compile_as(
        &self,
        pc: GuestAddr,
        checked: bool,
        more: Needs,
        make: impl FnOnce(&mut Compiler, BlockKey) -> Result<Compiled, CompileError>,
    ) -> Result<(), CompileError> {
        let mut compiler = lock(&self.compiler);
        let key = {
            let mut w = self.write();
            if self.is_known(pc) {
                return Ok(());
            }
            w.changes = Some(Changes::default());
            self.key(&w, pc, checked, more)
        };
        let made = self.timed(|| make(self.make_compiler(&mut compiler)?, key));
        let mut w = self.write();
        let changes = w.changes.take();
        let mut c = made?;
        if changes.is_none_or(|changes| changes.touch(&c.lifted.ranges)) {
            return Err(CompileError::Changed(pc));
        }
        if self.is_known(pc) {
            return Ok(());
        }
        let base = self.place(&mut w, &mut c)?;
        drop(w);
        self.show(&compiler, &c, pc, base);
        Ok(())
    }

    /// Whether there is a block for `pc`. The caller has the writer's lock.
    fn is_known(&self, pc: GuestAddr) -> bool {
        self.map.get(&self.blocks.blocks, pc.get()).is_some()
    }

    fn key(&self, w: &Writer, pc: GuestAddr, checked: bool, more: Needs) -> BlockKey {
        BlockKey { start: pc, mode: self.config.mode, flat: true, checked, needs: self.needs_at(w, pc).with(more) }
    }

    /// Makes direct code of what lies at `pc`. As [`Jit::compile`] otherwise.
    ///
    /// # Errors
    /// The caller must interpret the block.
    #[cfg(target_arch = "x86_64")]
    pub fn compile_directly(&self, pc: GuestAddr, env: &mut dyn LiftEnv, how: How) -> Result<(), CompileError> {
        self.translate_directly(&mut self.write(), pc, env, how)
    }

    /// As [`Jit::compile`], for there is no direct code on this host.
    ///
    /// # Errors
    /// As there.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn compile_directly(&self, pc: GuestAddr, env: &mut dyn LiftEnv, how: How) -> Result<(), CompileError> {
        self.compile(pc, how == How::Checked, env)
    }

    /// As [`Jit::compile`], for an unchecked block; appends its record to `out`, unless the block can't be kept.
    ///
    /// # Errors
    /// The caller must interpret the block.
    pub fn compile_recorded(&self, pc: GuestAddr, env: &mut dyn Recorder, out: &mut Vec<u8>) -> Result<(), CompileError> {
        let needs = needs_of(env);
        self.compile_as(pc, false, needs, |compiler, key| {
            let c = compiler.compile(key, env)?;
            stored::encode(&c, key.needs, out, |at, buf| env.seen(at, buf));
            Ok(c)
        })
    }

    /// Compiles the block at `pc` only to append its record to `out`.
    ///
    /// # Errors
    /// The block can't be compiled or kept.
    pub fn record(&self, pc: GuestAddr, env: &mut dyn Recorder, out: &mut Vec<u8>) -> Result<(), CompileError> {
        let mut compiler = lock(&self.compiler);
        let key = self.key(&self.write(), pc, false, needs_of(env));
        let c = self.timed(|| self.make_compiler(&mut compiler)?.compile(key, env))?;
        if stored::encode(&c, key.needs, out, |at, buf| env.seen(at, buf)) { Ok(()) } else { Err(CompileError::Shape(pc, "not to be kept")) }
    }

    /// Installs the block that a record holds, unless there is one. Whether there is one now: not if its source is not what `env` has.
    pub fn install(&self, record: &[u8], env: &mut dyn InstallEnv) -> bool {
        let mut w = self.write();
        if stored::record_address(record).is_some_and(|pc| self.is_known(pc)) {
            return true;
        }
        let mut c = core::mem::take(&mut w.installed);
        let fits = stored::record_address(record).zip(stored::needs(record)).is_some_and(|(pc, made_for)| {
            let needs = self.needs_at(&w, pc);
            let kept = made_for.has(Needs::FAULTS) || !self.config.loses || !env.may_write_itself(pc);
            // What is made for these does without them, too.
            let spare = Needs::UNALIGNED.with(Needs::FAULTS).with(Needs::NANS);
            kept && made_for.has(needs) && needs.with(spare) == made_for.with(spare)
        });
        let done = fits && stored::decode(record, &mut c, env).is_some() && self.place(&mut w, &mut c).is_ok();
        add(&self.counters.installed, u64::from(done));
        c.clear();
        w.installed = c;
        done
    }

    fn timed<T>(&self, f: impl FnOnce() -> Result<T, CompileError>) -> Result<T, CompileError> {
        let start = cpu_time();
        let result = f();
        add(&self.counters.compile_ns, (cpu_time() - start).as_nanos() as u64);
        add(&self.counters.failed, u64::from(result.is_err()));
        result
    }

    fn make_compiler<'a>(&self, compiler: &'a mut Option<Result<Compiler, CompileError>>) -> Result<&'a mut Compiler, CompileError> {
        let make = || {
            let mut compiler = Compiler::new(isa::host()?, self.config.loses);
            compiler.dump = self.config.dump.is_some();
            Ok(compiler)
        };
        compiler.get_or_insert_with(make).as_mut().map_err(|e| e.clone())
    }

    #[cfg(test)]
    pub(crate) fn compile_ir(
        &self,
        pc: GuestAddr,
        build: impl FnOnce(&mut cranelift_codegen::ir::Function, cranelift_codegen::isa::TargetFrontendConfig) -> forklift_lift::Lifted,
    ) -> Result<(), CompileError> {
        let mut c = self.make_compiler(&mut lock(&self.compiler))?.compile_ir(pc, build)?;
        self.place(&mut self.write(), &mut c).map(drop)
    }

    /// Puts a block into the arena and makes it known. Returns where it is.
    fn place(&self, w: &mut Writer, c: &mut Compiled) -> Result<u32, CompileError> {
        let (pc, end) = *c.lifted.ranges.first().ok_or(CompileError::Host("a block without source".into()))?;
        let exits = c.lifted.exits.len() + c.direct.len() + c.tails.len();
        let base = self.room(w, c.code.len(), c.traps.len(), exits).ok_or(CompileError::TooLarge(pc))?;
        let sites = self.write_code(c, base);
        let block = Block {
            pc: pc.get(),
            guest_len: end.get().wrapping_sub(pc.get()) as u32,
            code: base,
            len: c.code.len() as u32,
            entry: base + c.entry as u32,
            traps: self.write_traps(c, base),
            trap_count: c.traps.len() as u32,
            first_exit: self.blocks.exits.len() - sites,
            exit_count: sites,
            incoming: AtomicU32::new(NONE),
            dead: AtomicU32::new(0),
        };
        self.count(c, &block);
        let id = self.blocks.blocks.push(block).ok_or(CompileError::TooLarge(pc))?;
        c.lifted.ranges.iter().for_each(|r| w.pages.add(id, *r));
        self.map.insert(&mut w.map, &self.blocks.blocks, id, pc.get());
        if let Some(observer) = &self.config.observer {
            observer.block(pc, self.arena.at(base) as u64, &c.code);
        }
        Ok(base)
    }

    /// Mode of the process.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    /// [`Config::loses`].
    pub const fn loses(&self) -> bool {
        self.config.loses
    }

    /// Whether guest code is run as it is.
    pub fn is_direct(&self) -> bool {
        cfg!(target_arch = "x86_64") && self.config.direct
    }

    /// Room in the arena and the lists, after a flush if need be. Returns an offset in the arena.
    pub(crate) fn room(&self, w: &mut Writer, code: usize, traps: usize, exits: usize) -> Option<u32> {
        let len = code.next_multiple_of(align_of::<Trap>()) + traps * size_of::<Trap>();
        let alloc = |w: &mut Writer| {
            let fits = self.blocks.blocks.has_room(1) && self.blocks.exits.has_room(exits);
            let total = self.blocks.exits.len() as usize + exits;
            fits.then(|| self.arena.alloc(&mut w.cursor, len, total)).flatten()
        };
        alloc(w).or_else(|| {
            self.flush(w);
            alloc(w)
        })
    }

    /// Writes code and stubs, and makes the exits known, linked to the blocks that are there; returns how many exits there are.
    fn write_code(&self, c: &Compiled, base: u32) -> u32 {
        let block = self.blocks.blocks.len();
        let first = self.blocks.exits.len();
        let address = self.arena.at(base);
        // SAFETY: `room` gave us these bytes; nothing refers to them yet.
        let code = unsafe {
            core::ptr::copy_nonoverlapping(c.code.as_ptr(), address, c.code.len());
            core::slice::from_raw_parts_mut(address, c.code.len())
        };
        for &(at, token) in &c.tokens {
            code[at..at + size_of::<u64>()].copy_from_slice(&c.lifted.tokens[token].value.to_le_bytes());
        }
        for (hole, exit) in &c.direct {
            let site = strip::fill_direct(code, hole.clone(), address as usize) as u32;
            let (kind, target) = classify(c.lifted.exits[*exit]);
            if let Some(id) = self.add_exit(Exit::new(block, kind, base + site, target)) {
                // SAFETY: a site that `fill_direct` made.
                unsafe { host::patch_jump(self.arena.at(base + site), self.arena.stub(id)) };
                if kind == ExitKind::Direct {
                    self.link_new(id, target);
                }
            }
        }
        for hole in &c.tails {
            let site = strip::fill_tail(code, hole.clone()) as u32;
            self.add_exit(Exit::new(block, ExitKind::Tail, base + site, 0));
        }
        host::sync_icache(address, c.code.len());
        self.blocks.exits.len() - first
    }

    fn add_exit(&self, exit: Exit) -> Option<u32> {
        let kind = exit.kind;
        let id = self.blocks.exits.push(exit)?;
        let stub = self.arena.stub(id);
        let way = match kind {
            ExitKind::Indirect => Way::Lookup,
            ExitKind::Direct | ExitKind::Tail => Way::Save,
            _ => Way::Leave,
        };
        // SAFETY: `room` made sure of room for the stub, and nothing refers to it yet.
        unsafe { host::write_stub(stub, id, self.arena.trampoline(way)) };
        host::sync_icache(stub, host::STUB);
        Some(id)
    }

    /// Writes the trap table behind the code; returns its offset in the arena.
    fn write_traps(&self, c: &Compiled, base: u32) -> u32 {
        let at = base + c.code.len().next_multiple_of(align_of::<Trap>()) as u32;
        // SAFETY: `room` included them.
        unsafe { core::ptr::copy_nonoverlapping(c.traps.as_ptr(), self.arena.at(at).cast(), c.traps.len()) };
        at
    }

    fn count(&self, c: &Compiled, block: &Block) {
        add(&self.counters.blocks, 1);
        add(&self.counters.insns, c.lifted.insns as u64);
        add(&self.counters.guest_bytes, u64::from(block.guest_len));
        add(&self.counters.code_bytes, c.code.len() as u64);
    }

    fn show(&self, compiler: &Option<Result<Compiler, CompileError>>, c: &Compiled, pc: GuestAddr, base: u32) {
        if let (Some(dump), Some(Ok(compiler))) = (self.config.dump, compiler) {
            let (ir, listing) = compiler.dumps();
            dump(&Dump { pc, ir: &ir, listing: &listing, address: self.arena.at(base) as u64, code: &c.code });
        }
    }

    /// Tells of direct code.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn show_direct(&self, code: &[u8], pc: GuestAddr, address: u64) {
        if let Some(observer) = &self.config.observer {
            observer.block(pc, address, code);
        }
        if let Some(dump) = self.config.dump {
            dump(&Dump { pc, ir: "", listing: &crate::debug::disassembly(code, address), address, code });
        }
    }

    /// Whether there is room in arena and lists without a flush.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_room(&self, w: &Writer, code: usize, exits: usize) -> bool {
        let total = self.blocks.exits.len() as usize + exits;
        self.blocks.blocks.has_room(1) && self.blocks.exits.has_room(exits) && self.arena.has_room(&w.cursor, code, total)
    }

    /// The traps of `b`, sorted by offset.
    fn traps(&self, b: &Block) -> &[Trap] {
        // SAFETY: `write_traps` wrote them; they change no more, and stay as long as the block.
        unsafe { core::slice::from_raw_parts(self.arena.at(b.traps).cast(), b.trap_count as usize) }
    }

    /// The host instruction at `pc`, if that is one of ours that may fault. Safe in a signal handler.
    fn trap_at(&self, pc: u64) -> Option<(u32, &Block, &Trap)> {
        let at = self.arena.offset(pc)?;
        let (id, block) = self.blocks.find(at)?;
        let traps = self.traps(block);
        let i = traps.binary_search_by_key(&(at - block.code), |t| t.code).ok()?;
        traps.get(i).map(|t| (id, block, t))
    }

    /// Handles a host signal for a synchronous fault (SIGSEGV, SIGBUS, SIGFPE). Safe in a signal handler. `misaligned`: the host's processor wants the
    /// access to be aligned. `mend`: makes it possible to do the access again, if it can be; called on the stack of the handler, with nothing held.
    ///
    /// # Safety
    /// Called in the handler, on the thread that owns `state`, with the interrupted context.
    pub unsafe fn on_fault(&self, state: *mut JitState, uc: &mut ucontext_t, misaligned: bool, mend: &dyn Fn() -> bool) -> HostFault {
        #[cfg(target_arch = "x86_64")]
        if self.is_direct() {
            // SAFETY: the caller's promise.
            return unsafe { self.on_direct_fault(state, uc) };
        }
        let mut cx = Context::new(uc);
        if let Some((id, block, trap)) = self.trap_at(cx.pc()) {
            if trap.pad == LOST && mend() {
                // What it writes may be code: nothing else is to run before that is looked at.
                // SAFETY: the caller's promise.
                unsafe { self.kick(state, uc) };
                return HostFault::Resumed;
            }
            if !matches!(trap.pad, 0 | LOST) {
                add(&self.counters.fault, 1);
                cx.set_pc(self.arena.at(block.code + trap.pad) as u64);
                return HostFault::Resumed;
            }
            let pc = block.guest(trap.guest);
            // SAFETY: the caller's promise; the thread is in emitted code, so nobody else has the state.
            unsafe {
                (*state).cpu.rip = pc.get();
                (*state).misaligned = if misaligned { id + 1 } else { 0 };
            }
            cx.leave();
            return if trap.pad == LOST { HostFault::Lost(pc) } else { HostFault::Left(pc) };
        }
        // SAFETY: as above: in a stub, the state is nobody else's.
        if host::in_x87_stub(cx.pc()) || cx.leave_rep_string(unsafe { &mut *state }) {
            // SAFETY: as above. The block has stored `cpu.rip`.
            let rip = unsafe { (*state).cpu.rip };
            cx.leave();
            return HostFault::Left(GuestAddr::new(rip));
        }
        if self.disarmed(&mut cx) { HostFault::Resumed } else { HostFault::Elsewhere }
    }

    /// To be held across a fork, so that the child finds everything consistent and unlocked.
    pub fn before_fork(&self) -> ForkGuard<'_> {
        ForkGuard { _compiler: lock(&self.compiler), _writer: self.write(), _threads: lock(&self.threads) }
    }

    /// How often everything has been thrown away. Once the number is seen to have changed, nothing that was compiled before the change runs any more.
    pub fn flushes(&self) -> u64 {
        self.counters.flushes.load(Ordering::SeqCst)
    }

    /// What has been done so far.
    pub fn stats(&self) -> Stats {
        let (blocks, exits, marks) = (self.blocks.blocks.len(), self.blocks.exits.len(), self.blocks.traps.len());
        let metadata = blocks as usize * size_of::<Block>() + exits as usize * (size_of::<Exit>() + host::STUB) + marks as usize * size_of::<Trap>();
        Stats { listed: blocks.into(), metadata: metadata as u64, ..self.counters.snapshot() }
    }

    /// Bytes of the arena that blocks take.
    pub fn arena_used(&self) -> usize {
        self.arena.used(&self.write().cursor)
    }
}

/// What a host fault was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostFault {
    /// Not a guest instruction in emitted code.
    Elsewhere,
    /// The JIT's own business: return from the handler.
    Resumed,
    /// The guest instruction at this address faulted. `cpu.rip` is set, and [`Thread::run`](crate::Thread::run) returns
    /// [`JitExit::Fault`](crate::JitExit::Fault) as soon as the handler returns.
    Left(GuestAddr),
    /// The same, but `cpu.rip` is all that is right: the process must end.
    Lost(GuestAddr),
}

/// What more the block needs that `env` has.
fn needs_of(env: &(impl LiftEnv + ?Sized)) -> Needs {
    if env.may_write_itself() { Needs::FAULTS } else { Needs::NONE }
}

/// Processor time of this thread.
pub(crate) fn cpu_time() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// Kind and target of an exit.
fn classify(exit: LiftedExit) -> (ExitKind, u64) {
    match exit {
        LiftedExit::Direct(a) => (ExitKind::Direct, a.get()),
        LiftedExit::Indirect => (ExitKind::Indirect, 0),
        LiftedExit::Step(a) => (ExitKind::Step, a.get()),
        LiftedExit::Dispatch => (ExitKind::Dispatch, 0),
        LiftedExit::Again(a) => (ExitKind::Again, a.get()),
        LiftedExit::Stale => (ExitKind::Stale, 0),
    }
}
